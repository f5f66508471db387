/* SPDX-License-Identifier: MIT */
#ifndef RINGS_H
#define RINGS_H

/* Links of shm: in the hands of tests. */

#include "ends.h"

#include "channel/link_ring.h"

/* The way by which a channel that has one link sends and receives. It is there as soon as a connecting end is open. */
struct link_ring *ring_of(const struct leat_channel *channel);

/* Positions of both ways begin there, and no longer at 0; a multiple of RING_ALIGN. It connects, and nobody has read its HELLO yet. */
void ring_begin_at(struct link_ring *connector, uint64_t start);

/*
 * The two ends of one link in one process: each sees what the other one writes at the addresses at which that writes it, and no longer through a
 * mapping of its own. So the thread sanitizer, to which two mappings are two memories, sees both sides of each access.
 */
struct one_mapping {
        struct link_ring *ends[2];
        const uint8_t *bytes[2];
        const struct ring_state *peers[2];
};
void see_as_one(struct one_mapping *one, struct link_ring *first, struct link_ring *second);

/* Before the first of them is closed. */
void see_apart(const struct one_mapping *one);

#endif
