/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/map.h"

/* Where the key is, or would be; at most half of the room is in use. */
static size_t place_of(const struct map *map, const char *key) {
        size_t mask = map->room - 1;
        size_t at = (size_t)(((uint64_t)(uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 32) & mask;
        while (map->keys[at] && map->keys[at] != key)
                at = (at + 1) & mask;
        return at;
}

bool map_has(const struct map *map, const char *key) {
        return map->room && map->keys[place_of(map, key)];
}

void *map_get(const struct map *map, const char *key) {
        return map->room ? map->values[place_of(map, key)] : NULL;
}

static void grow(struct job *job, struct map *map) {
        struct map larger = { .room = map->room ? 2 * map->room : 64 };
        larger.keys = job_take(job, larger.room * sizeof(*larger.keys));
        larger.values = job_take(job, larger.room * sizeof(*larger.values));
        for (size_t i = 0; i < map->room; i++)
                if (map->keys[i])
                        map_set(job, &larger, map->keys[i], map->values[i]);
        *map = larger;
}

void map_set(struct job *job, struct map *map, const char *key, void *value) {
        if (2 * map->count >= map->room)
                grow(job, map);
        size_t at = place_of(map, key);
        if (!map->keys[at])
                map->count++;
        map->keys[at] = key;
        map->values[at] = value;
}
