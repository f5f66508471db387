/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_PAIRS_H
#define LEATGEN_PAIRS_H

/*
 * A hash table from two words to a pointer. Open addressing, at most half full; nothing is taken out. {0} is an empty one. It lies in the
 * job's pool.
 */

#include "tools/leatgen/job.h"

struct pair_key {
        uint64_t owner, what;
};

struct pair {
        struct pair_key key;
        void *value; /* NULL: free */
};

struct pairs {
        struct pair *entries;
        size_t count, room;
};

void *pairs_get(const struct pairs *pairs, struct pair_key key); /* NULL: it is not there */
/* Put a value in where none is. Returns the one that is there already, which stays, or NULL. */
void *pairs_add(struct job *job, struct pairs *pairs, struct pair_key key, const void *value);
void pairs_set(struct job *job, struct pairs *pairs, struct pair_key key, const void *value); /* instead of it */

#endif
