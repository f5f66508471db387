/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/map.h"

static struct pair_key key_of(const char *key) {
        return (struct pair_key){ .what = (uint64_t)(uintptr_t)key };
}

void *map_get(const struct map *map, const char *key) {
        return pairs_get(&map->pairs, key_of(key));
}

bool map_has(const struct map *map, const char *key) {
        return map_get(map, key) != NULL;
}

void map_set(struct job *job, struct map *map, const char *key, const void *value) {
        pairs_set(job, &map->pairs, key_of(key), value);
}

void *map_add(struct job *job, struct map *map, const char *key, const void *value) {
        return pairs_add(job, &map->pairs, key_of(key), value);
}
