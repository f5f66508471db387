/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_DATAGRAM_PEERS_H
#define LEAT_TRANSPORT_DATAGRAM_PEERS_H

/*
 * Who sent to a datagram socket: the last PEERS_MAX addresses, each with a number by which a reply finds it, and the
 * window of its sequence. Whoever may send may come under any address: so there are only so many, and the one that was
 * silent longest makes room.
 */

#include "transport/window.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define PEERS_MAX 256

struct datagram_name {
        struct sockaddr_storage address;
        socklen_t bytes; /* 0: it has none, and cannot be answered */
        unsigned socket; /* of ours, at which it came */
        /* the address of ours that it was sent to, where the socket has several: a reply comes from there */
        sa_family_t to_family; /* AF_UNSPEC: the kernel is to choose */
        struct in_addr to_v4;
        struct in6_addr to_v6;
};

struct datagram_peer {
        uint64_t id; /* 0: the place is free */
        uint64_t used;
        struct datagram_name name;
        struct window window;
};

struct datagram_peers {
        struct datagram_peer *peers; /* `room` of them, made as they are needed */
        unsigned count, room;
        unsigned last; /* the one that was asked for last */
        uint64_t last_id, clock;
};

/* Are they of the same sender? */
bool datagram_name_same(const struct datagram_name *one, const struct datagram_name *other);

/* The peer of this name, who sent to this address of ours: a new one if there is none. NULL: no memory. */
struct datagram_peer *datagram_peers_enter(struct datagram_peers *peers, const struct datagram_name *name);

/* The peer of this number; NULL: it had to make room, or never was. */
struct datagram_peer *datagram_peers_find(struct datagram_peers *peers, uint64_t id);

void datagram_peers_clear(struct datagram_peers *peers);

#endif
