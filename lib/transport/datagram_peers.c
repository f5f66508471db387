/* SPDX-License-Identifier: MIT */
#include "transport/datagram_peers.h"

#include <stdlib.h>
#include <string.h>

#define PEERS_FIRST 4

/* Of an IPv6 address the flow label and, where it is no local one, the scope are the network's and not the sender's
 * name. */
static bool same_v6(const struct sockaddr_in6 *one, const struct sockaddr_in6 *other) {
        return one->sin6_port == other->sin6_port && one->sin6_scope_id == other->sin6_scope_id &&
               memcmp(&one->sin6_addr, &other->sin6_addr, sizeof(one->sin6_addr)) == 0;
}

bool datagram_name_same(const struct datagram_name *one, const struct datagram_name *other) {
        if (one->bytes != other->bytes || one->bytes == 0 || one->address.ss_family != other->address.ss_family)
                return false;
        if (one->address.ss_family == AF_INET6)
                return same_v6((const struct sockaddr_in6 *)&one->address,
                               (const struct sockaddr_in6 *)&other->address);
        if (one->address.ss_family == AF_INET) {
                const struct sockaddr_in *a = (const struct sockaddr_in *)&one->address,
                                         *b = (const struct sockaddr_in *)&other->address;
                return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
        }
        return memcmp(&one->address, &other->address, one->bytes) == 0;
}

/* One sender may ask at several addresses of ours, and each reply comes from where it was asked. */
static bool same_way(const struct datagram_name *one, const struct datagram_name *other) {
        if (!datagram_name_same(one, other) || one->to_family != other->to_family)
                return false;
        if (one->to_family == AF_INET6)
                return memcmp(&one->to_v6, &other->to_v6, sizeof(one->to_v6)) == 0;
        return one->to_family != AF_INET || one->to_v4.s_addr == other->to_v4.s_addr;
}

static struct datagram_peer *touch(struct datagram_peers *peers, unsigned index) {
        peers->last = index;
        peers->peers[index].used = ++peers->clock;
        return &peers->peers[index];
}

static bool grow(struct datagram_peers *peers) {
        unsigned room = peers->room ? peers->room * 2 : PEERS_FIRST;
        struct datagram_peer *more = realloc(peers->peers, room * sizeof(*more));
        if (!more)
                return false;
        peers->peers = more;
        peers->room = room;
        return true;
}

/* A free place, or that of who was silent longest. */
static int find_place(struct datagram_peers *peers) {
        unsigned oldest = 0;
        if (peers->count < peers->room || (peers->room < PEERS_MAX && grow(peers)))
                return (int)peers->count++;
        for (unsigned i = 1; i < peers->count; i++)
                if (peers->peers[i].used < peers->peers[oldest].used)
                        oldest = i;
        return peers->count > 0 ? (int)oldest : -1;
}

struct datagram_peer *datagram_peers_enter(struct datagram_peers *peers, const struct datagram_name *name) {
        if (peers->count > 0 && same_way(&peers->peers[peers->last].name, name))
                return touch(peers, peers->last);
        for (unsigned i = 0; i < peers->count; i++)
                if (same_way(&peers->peers[i].name, name))
                        return touch(peers, i);
        int place = find_place(peers);
        if (place < 0)
                return NULL;
        peers->peers[place] = (struct datagram_peer){ .id = ++peers->last_id, .name = *name };
        return touch(peers, (unsigned)place);
}

struct datagram_peer *datagram_peers_find(struct datagram_peers *peers, uint64_t id) {
        for (unsigned i = 0; i < peers->count; i++)
                if (peers->peers[i].id == id)
                        return &peers->peers[i];
        return NULL;
}

void datagram_peers_clear(struct datagram_peers *peers) {
        free(peers->peers);
        *peers = (struct datagram_peers){ 0 };
}
