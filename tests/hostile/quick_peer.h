/* SPDX-License-Identifier: MIT */
#ifndef QUICK_PEER_H
#define QUICK_PEER_H

/*
 * A party of calls over shm: that is made by hand (shm_peer.h): it writes requests and replies in the short form, as packets, or as what is neither, and reads
 * what the other party writes.
 */

#include "shm_peer.h"

#include <stdbool.h>

struct quick_peer {
        struct shm_peer shm;
        uint64_t head, tail;     /* of its own ring, and of the other party's */
        uint64_t sequence, last; /* of the last message that it sent, and that came */
        uint64_t woken;          /* out of which sleep it woke the other party last */
};

/* What came: a request, or a reply. */
struct quick_record {
        bool is_short, is_reply;
        uint64_t number;  /* of a request: its own; of a reply: of which request */
        uint64_t left_ns; /* of a request in the short form */
        size_t size_bytes;
        uint8_t bytes[16384];
};

/* Its memory and wakes, without a connection. */
void quick_peer_make(struct quick_peer *peer);
void quick_peer_end(struct quick_peer *peer);

/* A record with this word and what stands behind it; the next one goes `length` bytes behind. */
void peer_record(struct quick_peer *peer, uint64_t word, uint64_t value, const void *bytes, size_t size_bytes,
                 uint64_t length);

/* A record as it should be. value: of a request how long it waits, of a reply the number of the request. */
void peer_short(struct quick_peer *peer, uint32_t kind, uint64_t value, const void *bytes, size_t size_bytes);
/* The same as a packet. reference: of a reply. */
void peer_packet(struct quick_peer *peer, bool is_reply, uint64_t reference, const void *bytes, size_t size_bytes);

/* Wake the other party, if it sleeps, once out of each sleep. */
void peer_wake(struct quick_peer *peer);

/* The next that came. false: there is none. */
bool peer_take(struct quick_peer *peer, struct quick_record *ret_record);

#endif
