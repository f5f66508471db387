/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_TABLE_H
#define LEAT_SHARED_TABLE_H

/* What writers (table.c) and readers (table_read.c) of a table share: what stands in it. */

#include "base/siphash.h"
#include "shared/structure.h"

#include <leat/structures.h>

struct leat_table {
        struct structure structure;
        _Atomic uint64_t version; /* odd: a change is under way */
        uint64_t seed[2];
        _Atomic uint32_t spare; /* slot + 1: the spare record is to be copied there; 0: nowhere */
        _Atomic uint32_t free;  /* slot + 1: the first of those that were freed */
        _Atomic uint32_t used;  /* slots that were ever used: those behind are free, too */
        _Atomic uint32_t count;
        alignas(64) _Atomic uint32_t heads[]; /* slot + 1; behind them the spare record, and the slots */
};

struct slot {
        _Atomic uint32_t next; /* slot + 1; 0: the last */
        _Atomic uint32_t tag;  /* of the hash; 0: it is free */
        uint8_t key[];         /* in whole words; behind it the record, likewise */
};

/* A table with the numbers that stood in it when they were checked, and where its parts are. */
struct view {
        struct leat_region *region;
        struct leat_table *table;
        size_t key_bytes, record_bytes;
        uint32_t records;
        uint8_t *spare, *slots;
        uint64_t record_at, slot_bytes; /* from the beginning of a slot */
};

/* index: counted from 1, and checked. */
static inline struct slot *slot_at(const struct view *view, uint32_t index) {
        return (struct slot *)(void *)(view->slots + view->slot_bytes * (index - 1));
}

static inline uint8_t *record_of(const struct view *view, struct slot *slot) {
        return (uint8_t *)slot + view->record_at;
}

static inline uint64_t table_hash(const struct view *view, const void *key) {
        return siphash(1, 3, view->table->seed, key, view->key_bytes);
}

static inline _Atomic uint32_t *head_of(const struct view *view, uint64_t hash) {
        return &view->table->heads[(hash >> 32) * view->records >> 32];
}

static inline uint32_t tag_of(uint64_t hash) {
        return (uint32_t)hash | 1;
}

static inline uint32_t load(const _Atomic uint32_t *word) {
        return atomic_load_explicit(word, memory_order_relaxed);
}

/* A table that lies in the region, and is set up: for what it says itself, which is checked. 0 and the errors of all structures. */
int table_view(struct leat_region *region, struct leat_table *table, bool write, struct view *ret_view);

/* The same, for such keys; else -EINVAL. */
static inline int table_view_of(struct leat_region *region, struct leat_table *table, size_t key_bytes, bool write,
                                struct view *ret_view) {
        int r = table_view(region, table, write, ret_view);
        return r == 0 && key_bytes != ret_view->key_bytes ? -EINVAL : r;
}

/* The slot of that key, and the link to it. 0; -ENOENT; -EBADMSG: the chain leads nowhere, or in a circle. */
int table_find(const struct view *view, const void *key, uint64_t hash, uint32_t *ret_index,
               _Atomic uint32_t **ret_link);

/* For a change. What a dead one left is mended. 0, -EAGAIN, -ETIMEDOUT, -EDEADLK. */
int table_lock(const struct view *view, int64_t deadline);
void table_unlock(const struct view *view);

#endif
