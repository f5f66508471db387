/* SPDX-License-Identifier: MIT */
#ifndef LEAT_STRUCTURES_H
#define LEAT_STRUCTURES_H

/*
 * Structures in a region: a bounded buffer, a latest-value cell, a table, counters.
 *
 * Each lies in bytes that the program sets aside: leat_buffer_bytes() and so on say how many, at a multiple of 64. Zeroes are not enough: the first calls ..._set(), which does
 * nothing where it was done before with the same numbers (and says -EINVAL where it was with others), so every participant may call it.
 *
 * Each one is right when a participant is killed at any instruction in it: docs/design/shared.md, "Structures".
 * Errors of all: -EINVAL (not in the region, not at a multiple of 64, or not set), -EACCES (access=ro, or leat_region_protect()), -ENOTSUP (raw), -ECHILD; -EBADMSG: what stands in it is not
 * possible: a participant wrote it there.
 */

#include <leat/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a bounded buffer: producers and consumers ---- */

struct leat_buffer;

/* How many bytes one for up to `items` of `item_bytes` takes. 0: too many, or none. */
size_t leat_buffer_bytes(size_t item_bytes, uint32_t items);

/* Set it up, if it is not. Does not block. Returns 0; -EINVAL; and the errors of all. Since 0.1. */
int leat_buffer_set(struct leat_region *region, struct leat_buffer *buffer, size_t item_bytes, uint32_t items);

/*
 * Put one in, or take the oldest out; wait while it is full, or empty, without using the CPU. Each item is taken once, in the order in which they were put. Of a participant
 * that dies in the midst of it the item is in or not, and out or not; one that is stopped in the midst of it keeps others from doing the same. Producers do not wait for
 * consumers but when it is full, nor those for them but when it is empty. item_bytes: as it was set up, else -EINVAL.
 * Returns 0; -ETIMEDOUT, -EAGAIN; and the errors of all. Since 0.1.
 */
int leat_buffer_put(struct leat_region *region, struct leat_buffer *buffer, const void *item, size_t item_bytes,
                    int64_t deadline);
int leat_buffer_take(struct leat_region *region, struct leat_buffer *buffer, void *ret_item, size_t item_bytes,
                     int64_t deadline);

/* How many are in it now? It may be called with access=ro. Does not block. Or an error of all. Since 0.1. */
int64_t leat_buffer_count(struct leat_region *region, const struct leat_buffer *buffer);

/* ---- a latest-value cell: one value, many readers, never torn ---- */

struct leat_cell;

/* How many bytes one with a value of so many takes. 0: too many. */
size_t leat_cell_bytes(size_t value_bytes);

/* Set it up, if it is not. Returns 0; -EINVAL; -ETIMEDOUT, -EAGAIN; and the errors of all. Since 0.1. */
int leat_cell_set(struct leat_region *region, struct leat_cell *cell, size_t value_bytes, int64_t deadline);

/*
 * Put a new value, of as many bytes as it was set up for (else -EINVAL). Waits for another writer alone: one that is stopped in the midst of it is
 * waited for, one that is dead has put nothing.
 * Returns 0; -ETIMEDOUT, -EAGAIN; and the errors of all. Since 0.1.
 */
int leat_cell_put(struct leat_region *region, struct leat_cell *cell, const void *value, size_t value_bytes,
                  int64_t deadline);

/*
 * Get the latest one, and its number, counted from 1 (ret_number may be NULL). Never waits for a writer, whether it is stopped or dead; it looks again only when a
 * writer began a second value during one copy of it. Who may write and was overtaken so a thousand times in turn keeps writers out for one copy. It may be called with access=ro: then a writer that puts one value
 * behind the other, each more quickly than this process copies one, is -EBADMSG after 3,000 looks and 100 ms, as one that lies. ret_value may have changed when it fails.
 * Returns 0; -ENODATA: nothing was put yet; -EINVAL also: it was set up for values of another size; and the errors of all. Since 0.1.
 */
int leat_cell_get(struct leat_region *region, const struct leat_cell *cell, void *ret_value, size_t value_bytes,
                  uint64_t *ret_number);

/* ---- a table: records of a fixed size, found by a key of a fixed size ---- */

struct leat_table;

/* How many bytes one for up to `records` takes. 0: too many, or a key or a number of records of 0. */
size_t leat_table_bytes(size_t key_bytes, size_t record_bytes, uint32_t records);

/* Set it up, if it is not. Returns 0; -EINVAL; -ETIMEDOUT, -EAGAIN; and the errors of all. Since 0.1. */
int leat_table_set(struct leat_region *region, struct leat_table *table, size_t key_bytes, size_t record_bytes,
                   uint32_t records, int64_t deadline);

/*
 * All calls: key_bytes and record_bytes are those that it was set up for, else -EINVAL. So what a participant writes into the table never decides about how much is
 * copied into a program's memory.
 */

/* Put, or replace. Returns 0; -ENOSPC: it is full; -ETIMEDOUT, -EAGAIN; and the errors of all. Since 0.1. */
int leat_table_put(struct leat_region *region, struct leat_table *table, const void *key, size_t key_bytes,
                   const void *record, size_t record_bytes, int64_t deadline);

/*
 * Get, without a lock. It may be called with access=ro. ret_record may have changed when it fails.
 * Returns 0; -ENOENT; -ETIMEDOUT, -EAGAIN (a change is under way); -EROFS: a writer died in the midst of a change, and who may only read cannot mend it; and the errors of
 * all. Since 0.1.
 */
int leat_table_get(struct leat_region *region, struct leat_table *table, const void *key, size_t key_bytes,
                   void *ret_record, size_t record_bytes, int64_t deadline);

/* Remove. Returns 0; -ENOENT; -ETIMEDOUT, -EAGAIN; and the errors of all. Since 0.1. */
int leat_table_remove(struct leat_region *region, struct leat_table *table, const void *key, size_t key_bytes,
                      int64_t deadline);

/*
 * Walk: *position is 0 at first. Each record that is there throughout is told once; one that comes or goes meanwhile, once or not at all, or once for each time that it
 * was put anew. Returns 0; -ENOENT: no more; and as leat_table_get(). Since 0.1.
 */
int leat_table_next(struct leat_region *region, struct leat_table *table, uint32_t *position, void *ret_key,
                    size_t key_bytes, void *ret_record, size_t record_bytes, int64_t deadline);

/* How many there are. Returns as leat_table_get(). Since 0.1. */
int64_t leat_table_count(struct leat_region *region, struct leat_table *table, int64_t deadline);

/* ---- counters: many add, without a lock and without waiting for each other ---- */

struct leat_counters;

/* How many bytes so many of them take. 0: too many, or none. */
size_t leat_counters_bytes(uint32_t counters);

/* Set it up, if it is not. Does not block. Returns 0; -EINVAL; and the errors of all. Since 0.1. */
int leat_counters_set(struct leat_region *region, struct leat_counters *counters, uint32_t count);

/* Add to one. Wait-free. What a participant added stays when it ends. Returns 0 and the errors of all. Since 0.1. */
int leat_counters_add(struct leat_region *region, struct leat_counters *counters, uint32_t index, int64_t value);

/* The sum of one now. Wait-free. It may be called with access=ro. Returns 0 and the errors of all. Since 0.1. */
int leat_counters_get(struct leat_region *region, const struct leat_counters *counters, uint32_t index,
                      int64_t *ret_value);

#ifdef __cplusplus
}
#endif

#endif
