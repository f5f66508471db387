/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_MAP_H
#define LEATGEN_MAP_H

/* From interned texts to pointers: an open hash table over the texts' addresses. {0} is empty, and what it takes lies in the pool of the job. */

#include "tools/leatgen/job.h"

struct map {
        const char **keys;
        void **values;
        size_t count, room;
};

void *map_get(const struct map *map, const char *key); /* NULL: none */
bool map_has(const struct map *map, const char *key);
void map_set(struct job *job, struct map *map, const char *key, void *value); /* instead of what there was */

#endif
