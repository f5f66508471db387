/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_MAP_H
#define LEATGEN_MAP_H

/* From interned texts to pointers, of which none is NULL. {0} is an empty one. */

#include "tools/leatgen/pairs.h"

struct map {
        struct pairs pairs;
};

void *map_get(const struct map *map, const char *key); /* NULL: none */
bool map_has(const struct map *map, const char *key);
void map_set(struct job *job, struct map *map, const char *key, const void *value); /* instead of what there was */
/* Where none is; the one that is there already stays and is returned, or NULL. */
void *map_add(struct job *job, struct map *map, const char *key, const void *value);

#endif
