/* SPDX-License-Identifier: MIT */
#include "rpc/rpcbind.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <string.h>

/* ---- set and unset ---- */

/* At both families' places, or none; version 2 has but one of them. */
static int set_all(struct rpcbind *rpcbind, uint32_t program, uint32_t version, const struct rpcbind_place *places,
                   int count) {
        const struct rpcbind_place *done = NULL;
        int r = 0;
        for (int i = 0; i < count && (r == 0 || r == -ENOTSUP); i++) {
                r = rpcbind_change(rpcbind, RPCBIND_SET, program, version, places[i].netid, places[i].universal);
                if (r == 0)
                        done = &places[i];
                else if (r != -ENOTSUP && done)
                        (void)rpcbind_change(rpcbind, RPCBIND_UNSET, program, version, done->netid, "");
        }
        if (r == 1)
                return reason_set(rpcbind->reason, -EEXIST, LEAT_ROW_OPENING,
                                  "this version of the program is registered there already, at another address");
        return r == -ENOTSUP && done ? 0 : r;
}

int leat_rpcbind_set(const char *where, uint32_t program, uint32_t version, const char *address, int64_t deadline,
                     struct leat_reason *ret_reason) {
        CLEANUP(rpcbind_close) struct rpcbind rpcbind = { 0 };
        struct rpcbind_place places[RPCBIND_PLACES_MAX];
        if (!address)
                return -EINVAL;
        int count = rpcbind_places(address, 0, places, ret_reason);
        if (count < 0)
                return count;
        int r = rpcbind_open(where, deadline, ret_reason, &rpcbind);
        return r < 0 ? r : set_all(&rpcbind, program, version, places, count);
}

int leat_rpcbind_unset(const char *where, uint32_t program, uint32_t version, const char *netid, int64_t deadline,
                       struct leat_reason *ret_reason) {
        CLEANUP(rpcbind_close) struct rpcbind rpcbind = { 0 };
        int r = rpcbind_open(where, deadline, ret_reason, &rpcbind);
        if (r == 0)
                r = rpcbind_change(&rpcbind, RPCBIND_UNSET, program, version, netid ? netid : "", "");
        if (r == 1)
                return reason_set(ret_reason, -ENOENT, LEAT_ROW_OPENING,
                                  "nothing is registered for it, or it is another user's");
        return r;
}

/* ---- find ---- */

/* What is asked for, and the best that was found: the netid that stands earliest here. */
struct search {
        const struct rpcbind_host *host;
        uint32_t program, version;
        const char *netid; /* or NULL: any of these */
        size_t best;
        ssize_t size; /* of the address; -ENOENT: none yet */
        char *ret_address;
        size_t room_bytes;
};
static const char *const preferred[] = { "local", "tcp", "tcp6", "udp", "udp6" };
#define PREFERRED (sizeof(preferred) / sizeof(preferred[0]))

static size_t rank_of(const char *netid) {
        size_t i = 0;
        while (i < PREFERRED && strcmp(preferred[i], netid) != 0)
                i++;
        return i;
}

static void look_at(struct search *search, const struct rpcbind_mapping *mapping) {
        size_t rank = rank_of(mapping->netid.text);
        char address[RPCBIND_ADDRESS_BYTES];
        if (mapping->program != search->program || mapping->version != search->version || rank >= search->best ||
            (search->netid && strcmp(search->netid, mapping->netid.text) != 0))
                return;
        ssize_t n = rpcbind_address_of(search->host, mapping->netid.text, mapping->universal.text, address,
                                       sizeof(address));
        if (n < 0)
                return;
        search->best = rank;
        search->size = (size_t)n < search->room_bytes ? n : -ERANGE;
        if (search->size >= 0)
                memcpy(search->ret_address, address, (size_t)n + 1);
}

/* Of a rpcbind that does not list what it has, as many instruments: by the question that each answers. */
static int look_by_ports(struct rpcbind *rpcbind, struct search *search) {
        static const char *const netids[] = { "tcp", "udp" };
        char universal[RPCBIND_EVERY_BYTES];
        for (size_t i = 0; i < 2; i++) {
                if (search->netid && strcmp(search->netid, netids[i]) != 0)
                        continue;
                int port = rpcbind_port_of(rpcbind, search->program, search->version, netids[i]);
                if (port < 0 && port != -ENOENT)
                        return port;
                if (port < 0)
                        continue;
                rpcbind_every(port, universal);
                struct rpcbind_mapping mapping = { .program = search->program, .version = search->version };
                mapping.netid.text = netids[i];
                mapping.universal.text = universal;
                look_at(search, &mapping);
        }
        return 0;
}

static int look(struct rpcbind *rpcbind, struct search *search) {
        struct rpcbind_link *first = NULL;
        int r = rpcbind_dump(rpcbind, &first);
        if (r == -EOPNOTSUPP || r == -EACCES)
                return look_by_ports(rpcbind, search);
        for (const struct rpcbind_link *link = first; r == 0 && link; link = link->next)
                look_at(search, &link->mapping);
        return r;
}

ssize_t leat_rpcbind_find(const char *where, uint32_t program, uint32_t version, const char *netid, int64_t deadline,
                          char *ret_address, size_t size_bytes, struct leat_reason *ret_reason) {
        CLEANUP(rpcbind_close) struct rpcbind rpcbind = { 0 };
        struct search search = { &rpcbind.host, program, version, netid, PREFERRED, -ENOENT, ret_address, size_bytes };
        if (!ret_address)
                return -EINVAL;
        int r = rpcbind_open(where, deadline, ret_reason, &rpcbind);
        if (r == 0)
                r = look(&rpcbind, &search);
        if (r < 0)
                return r;
        if (search.size == -ENOENT)
                return reason_set(
                        ret_reason, -ENOENT, LEAT_ROW_OPENING,
                        "that version of the program is not registered there, or by nothing that Leat calls by");
        return search.size;
}

/* ---- list ---- */

static const char *keep(struct leat_xdr_arena *arena, const char *text) {
        size_t size = strlen(text) + 1;
        char *copy = leat_xdr_arena_take(arena, size);
        return copy ? memcpy(copy, text, size) : NULL;
}

static int keep_entry(const struct rpcbind_host *host, const struct rpcbind_mapping *mapping,
                      struct leat_xdr_arena *arena, struct leat_rpcbind_entry *entry) {
        char address[RPCBIND_ADDRESS_BYTES];
        *entry = (struct leat_rpcbind_entry){
                .program = mapping->program,
                .version = mapping->version,
                .netid = keep(arena, mapping->netid.text),
                .universal = keep(arena, mapping->universal.text),
                .owner = keep(arena, mapping->owner.text),
        };
        ssize_t n = rpcbind_address_of(host, mapping->netid.text, mapping->universal.text, address, sizeof(address));
        if (n >= 0)
                entry->address = keep(arena, address);
        return entry->netid && entry->universal && entry->owner && (n < 0 || entry->address) ? 0 : -ENOMEM;
}

static int keep_all(const struct rpcbind_host *host, const struct rpcbind_link *first, struct leat_xdr_arena *arena,
                    struct leat_rpcbind_entry **ret_entries, size_t *ret_count) {
        size_t count = 0, i = 0;
        for (const struct rpcbind_link *link = first; link; link = link->next)
                count++;
        struct leat_rpcbind_entry *entries = leat_xdr_arena_take(arena, (count + 1) * sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (const struct rpcbind_link *link = first; link; link = link->next)
                if (keep_entry(host, &link->mapping, arena, &entries[i++]) < 0)
                        return -ENOMEM;
        *ret_entries = entries;
        *ret_count = count;
        return 0;
}

int leat_rpcbind_list(const char *where, int64_t deadline, struct leat_xdr_arena *arena,
                      struct leat_rpcbind_entry **ret_entries, size_t *ret_count, struct leat_reason *ret_reason) {
        CLEANUP(rpcbind_close) struct rpcbind rpcbind = { 0 };
        struct rpcbind_link *first = NULL;
        if (!arena || !ret_entries || !ret_count)
                return -EINVAL;
        int r = rpcbind_open(where, deadline, ret_reason, &rpcbind);
        if (r == 0)
                r = rpcbind_dump(&rpcbind, &first);
        if (r == 0)
                r = keep_all(&rpcbind.host, first, arena, ret_entries, ret_count);
        return r;
}
