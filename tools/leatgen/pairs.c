/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/pairs.h"

/* The finisher of a splittable generator: every bit of both words reaches the low ones, which alone are used. */
static size_t hash_of(struct pair_key key) {
        uint64_t hash = key.owner * 0x9E3779B97F4A7C15u + key.what;
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBu;
        return (size_t)(hash ^ (hash >> 31));
}

static struct pair *find(const struct pairs *pairs, struct pair_key key) {
        size_t mask = pairs->room - 1;
        for (size_t i = hash_of(key) & mask;; i = (i + 1) & mask) {
                struct pair *entry = &pairs->entries[i];
                if (!entry->value || (entry->key.owner == key.owner && entry->key.what == key.what))
                        return entry;
        }
}

void *pairs_get(const struct pairs *pairs, struct pair_key key) {
        return pairs->room ? find(pairs, key)->value : NULL;
}

static void grow(struct job *job, struct pairs *pairs) {
        struct pairs old = *pairs;
        pairs->room = old.room ? 2 * old.room : 64;
        pairs->entries = job_take(job, pairs->room * sizeof(*pairs->entries));
        for (size_t i = 0; i < old.room; i++)
                if (old.entries[i].value)
                        *find(pairs, old.entries[i].key) = old.entries[i];
}

static struct pair *find_with_room(struct job *job, struct pairs *pairs, struct pair_key key) {
        if (2 * pairs->count >= pairs->room)
                grow(job, pairs);
        return find(pairs, key);
}

void pairs_set(struct job *job, struct pairs *pairs, struct pair_key key, const void *value) {
        struct pair *entry = find_with_room(job, pairs, key);
        pairs->count += !entry->value;
        *entry = (struct pair){ key, (void *)(uintptr_t)value };
}

void *pairs_add(struct job *job, struct pairs *pairs, struct pair_key key, const void *value) {
        struct pair *entry = find_with_room(job, pairs, key);
        if (entry->value)
                return entry->value;
        *entry = (struct pair){ key, (void *)(uintptr_t)value };
        pairs->count++;
        return NULL;
}
