/* SPDX-License-Identifier: MIT */

/*
 * The table: an array of heads, an array of slots, chains of slots by number (docs/design/shared.md, "Structures", which says why it is right when a writer is killed). Writers have
 * the mutex, readers look at the version. Everything that stands here may be written by others: a number of a slot is loaded once and checked, and no chain is followed for more
 * steps than there are slots.
 */

#include "shared/table.h"
#include "shared/mutex.h"
#include "shared/version.h"

#include <string.h>
#include <sys/random.h>

static uint64_t whole_words(uint64_t bytes) {
        return (bytes + 7) & ~UINT64_C(7);
}

static uint64_t slot_bytes(uint64_t key_bytes, uint64_t record_bytes) {
        return sizeof(struct slot) + whole_words(key_bytes) + whole_words(record_bytes);
}

static uint64_t head_bytes(uint32_t records) {
        return whole_words((uint64_t)records * sizeof(uint32_t));
}

size_t leat_table_bytes(size_t key_bytes, size_t record_bytes, uint32_t records) {
        if (key_bytes == 0 || key_bytes > STRUCTURE_SIZE_MOST || record_bytes > STRUCTURE_SIZE_MOST || records == 0 ||
            records == UINT32_MAX)
                return 0;
        uint64_t rest = sizeof(struct leat_table) + head_bytes(records) + whole_words(record_bytes);
        uint64_t slot = slot_bytes(key_bytes, record_bytes);
        return slot > (SIZE_MAX / 2 - rest) / records ? 0 : rest + slot * records;
}

static struct structure_shape shape_of(size_t key_bytes, size_t record_bytes, uint32_t records) {
        return (struct structure_shape){ STRUCTURE_TABLE << 32 | records, (uint64_t)key_bytes << 32 | record_bytes,
                                         leat_table_bytes(key_bytes, record_bytes, records) };
}

static void begin(struct structure *structure) {
        struct leat_table *table = (struct leat_table *)(void *)structure;
        if (getrandom(table->seed, sizeof(table->seed), GRND_NONBLOCK) != (ssize_t)sizeof(table->seed))
                table->seed[0] = (uint64_t)leat_now(); /* better than none */
}

int leat_table_set(struct leat_region *region, struct leat_table *table, size_t key_bytes, size_t record_bytes,
                   uint32_t records, int64_t deadline) {
        struct structure_shape shape = shape_of(key_bytes, record_bytes, records);
        return structure_set(region, table, &shape, begin, deadline);
}

/* What it says it is: all of that lies in the region, or it is none. */
static int view_as_told(struct leat_region *region, struct leat_table *table, bool write, struct view *ret_view) {
        uint64_t kind =
                atomic_load_explicit(&table->structure.kind, memory_order_acquire); /* pairs with structure_set() */
        uint64_t told = atomic_load_explicit(&table->structure.shape, memory_order_relaxed);
        uint64_t key_bytes = told >> 32, record_bytes = (uint32_t)told;
        uint32_t records = (uint32_t)kind;
        struct structure_shape shape = shape_of(key_bytes, record_bytes, records);
        if (kind >> 32 != STRUCTURE_TABLE)
                return -EINVAL;
        uint8_t *spare = (uint8_t *)table->heads + head_bytes(records);
        *ret_view = (struct view){ .region = region,
                                   .table = table,
                                   .key_bytes = key_bytes,
                                   .record_bytes = record_bytes,
                                   .records = records,
                                   .spare = spare,
                                   .slots = spare + whole_words(record_bytes),
                                   .record_at = sizeof(struct slot) + whole_words(key_bytes),
                                   .slot_bytes = slot_bytes(key_bytes, record_bytes) };
        return structure_check(region, table, &shape, write);
}

int table_view(struct leat_region *region, struct leat_table *table, bool write, struct view *ret_view) {
        struct structure_shape least = { .bytes = sizeof(struct leat_table) };
        int r = structure_check(region, table, &least, write);
        if (r < 0)
                return r;
        return view_as_told(region, table, write, ret_view);
}

static void store(_Atomic uint32_t *word, uint32_t value) {
        atomic_store_explicit(word, value, memory_order_relaxed);
}

/* What was stored before this, relaxed too, is there when this is: also when the process was killed. */
static void store_after(_Atomic uint32_t *word, uint32_t value) {
        atomic_store_explicit(word, value, memory_order_release);
}

static bool key_is(const struct slot *slot, const uint8_t *key, size_t size) {
        size_t i = 0;
        uint64_t word = 0;
        for (; i + 8 <= size; i += 8) {
                memcpy(&word, key + i, 8);
                if (__atomic_load_n((const uint64_t *)(const void *)(slot->key + i), __ATOMIC_RELAXED) != word)
                        return false;
        }
        for (; i < size; i++)
                if (__atomic_load_n(slot->key + i, __ATOMIC_RELAXED) != key[i])
                        return false;
        return true;
}

int table_find(const struct view *view, const void *key, uint64_t hash, uint32_t *ret_index,
               _Atomic uint32_t **ret_link) {
        _Atomic uint32_t *link = head_of(view, hash);
        for (uint32_t steps = 0; steps <= view->records; steps++) {
                uint32_t index = load(link);
                if (index == 0)
                        return -ENOENT;
                if (index > view->records)
                        return -EBADMSG;
                struct slot *slot = slot_at(view, index);
                if (load(&slot->tag) == tag_of(hash) && key_is(slot, key, view->key_bytes)) {
                        *ret_index = index;
                        *ret_link = link;
                        return 0;
                }
                link = &slot->next;
        }
        return -EBADMSG;
}

/* ---- what a dead one left ---- */

/* Follow one chain: what is in it is used. A link that cannot be is cut: those behind it are nowhere else either. */
static uint32_t mark_chain(const struct view *view, _Atomic uint32_t *link, uint32_t used) {
        uint32_t count = 0;
        for (uint32_t index; (index = load(link)) != 0; count++) {
                /* So many and no more, whatever somebody writes there meanwhile. */
                struct slot *slot = index <= used && count < used ? slot_at(view, index) : NULL;
                if (!slot || load(&slot->tag) != 0) {
                        store(link, 0);
                        break;
                }
                store(&slot->tag, tag_of(table_hash(view, slot->key)));
                link = &slot->next;
        }
        return count;
}

/* Which slots are used, which are free, how many: from heads and links, which alone are true. */
static void make_anew(const struct view *view) {
        struct leat_table *table = view->table;
        uint32_t used = load(&table->used), count = 0, free = 0;
        if (used > view->records)
                used = view->records;
        for (uint32_t index = 1; index <= used; index++)
                store(&slot_at(view, index)->tag, 0);
        for (uint32_t i = 0; i < view->records; i++)
                count += mark_chain(view, &table->heads[i], used);
        for (uint32_t index = used; index > 0; index--)
                if (load(&slot_at(view, index)->tag) == 0) {
                        store(&slot_at(view, index)->next, free);
                        free = index;
                }
        store(&table->used, used);
        store(&table->free, free);
        store(&table->count, count);
}

/* By who got the mutex: was a change under way? */
static bool is_whole(const struct leat_table *table) {
        return load(&table->spare) == 0 && (version_look(&table->version) & 1) == 0;
}

static RARE void recover(const struct view *view) {
        struct leat_table *table = view->table;
        uint32_t index = load(&table->spare);
        version_open(&table->version);
        if (index != 0 && index <= view->records)
                region_copy_in(record_of(view, slot_at(view, index)), view->spare, view->record_bytes);
        store_after(&table->spare, 0);
        fence_release(); /* were it killed in the rest of this, the next one has no record to copy */
        make_anew(view);
        version_shut(&table->version);
}

int table_lock(const struct view *view, int64_t deadline) {
        struct leat_mutex *mutex = &view->table->structure.mutex;
        int r = mutex_lock(view->region, mutex, deadline);
        if (r < 0 && r != -EOWNERDEAD)
                return r;
        if (!is_whole(view->table)) /* of a dead one; or somebody lies */
                recover(view);
        return r < 0 ? mutex_mend(view->region, mutex) : 0;
}

void table_unlock(const struct view *view) {
        (void)mutex_unlock(view->region, &view->table->structure.mutex);
}

/* ---- changes, by who has the mutex ---- */

static void replace(const struct view *view, uint32_t index, const void *record) {
        struct leat_table *table = view->table;
        version_open(&table->version);
        region_copy_in(view->spare, record, view->record_bytes);
        store_after(&table->spare, index); /* from here on it is replaced */
        fence_release();                   /* before a word of the old one is overwritten */
        region_copy_in(record_of(view, slot_at(view, index)), record, view->record_bytes);
        store_after(&table->spare, 0);
        version_shut(&table->version);
}

/* A free slot, which still is free to everybody else. 0: there is none. */
static uint32_t free_slot(const struct view *view) {
        uint32_t index = load(&view->table->free), used = load(&view->table->used);
        if (index != 0)
                return index <= view->records ? index : 0;
        return used < view->records ? used + 1 : 0;
}

static int insert(const struct view *view, const void *key, const void *record, uint64_t hash) {
        struct leat_table *table = view->table;
        uint32_t index = free_slot(view);
        if (index == 0)
                return -ENOSPC;
        struct slot *slot = slot_at(view, index);
        _Atomic uint32_t *head = head_of(view, hash);
        version_open(&table->version);
        if (load(&table->free) != 0)
                store(&table->free, load(&slot->next));
        else
                store(&table->used, index);
        region_copy_in(slot->key, key, view->key_bytes);
        region_copy_in(record_of(view, slot), record, view->record_bytes);
        store(&slot->tag, tag_of(hash));
        store(&slot->next, load(head));
        store_after(head, index); /* from here on it is there */
        store(&table->count, load(&table->count) + 1);
        version_shut(&table->version);
        return 0;
}

static void take_out(const struct view *view, uint32_t index, _Atomic uint32_t *link) {
        struct leat_table *table = view->table;
        struct slot *slot = slot_at(view, index);
        version_open(&table->version);
        store_after(link, load(&slot->next));         /* from here on it is gone */
        store_after(&slot->next, load(&table->free)); /* not before: the rest of the chain hung on it */
        store(&slot->tag, 0);
        store_after(&table->free, index);
        store(&table->count, load(&table->count) - 1);
        version_shut(&table->version);
}

int leat_table_put(struct leat_region *region, struct leat_table *table, const void *key, size_t key_bytes,
                   const void *record, size_t record_bytes, int64_t deadline) {
        struct view it;
        int r = table_view_of(region, table, key_bytes, true, &it);
        if (r == 0 && record_bytes != it.record_bytes)
                r = -EINVAL;
        if (r == 0)
                r = table_lock(&it, deadline);
        if (r < 0)
                return r;
        uint64_t hash = table_hash(&it, key);
        uint32_t index;
        _Atomic uint32_t *link;
        r = table_find(&it, key, hash, &index, &link);
        if (r == 0)
                replace(&it, index, record);
        else if (r == -ENOENT)
                r = insert(&it, key, record, hash);
        table_unlock(&it);
        return r;
}

int leat_table_remove(struct leat_region *region, struct leat_table *table, const void *key, size_t key_bytes,
                      int64_t deadline) {
        struct view it;
        int r = table_view_of(region, table, key_bytes, true, &it);
        if (r == 0)
                r = table_lock(&it, deadline);
        if (r < 0)
                return r;
        uint32_t index;
        _Atomic uint32_t *link;
        r = table_find(&it, key, table_hash(&it, key), &index, &link);
        if (r == 0)
                take_out(&it, index, link);
        table_unlock(&it);
        return r;
}
