/* SPDX-License-Identifier: MIT */

/*
 * A ring of items between two numbers that only grow. What was put or taken is so by one store, of a number, behind the bytes (docs/design/shared.md, "Structures").
 */
#include "shared/waiting.h"

#include <leat/structures.h>
#include <string.h>

#define ALIGN 64
#define KIND UINT64_C(0x3120726566667562) /* "buffer 1" */

/* One end. Its number is written by who has its lock. */
struct end {
        alignas(ALIGN) struct leat_mutex lock;
        _Atomic uint64_t done;   /* how many were put, or taken */
        _Atomic uint64_t seen;   /* what the other end's was at the last look: no more than it is */
        struct waiting of_other; /* where the other end waits for this one ... */
        waiting_first first;     /* ... and who of this end that waits goes first */
};

struct leat_buffer {
        _Atomic uint64_t shape; /* bytes of an item; in the upper half how many items. 0: not set */
        _Atomic uint64_t kind;
        struct end put, taken;
        alignas(ALIGN) uint8_t items[];
};
static_assert(sizeof(struct leat_buffer) == 3 * ALIGN, "docs/design/shared.md says so");

/* ---- sizes ---- */

static inline uint64_t stride_of(uint64_t item_bytes) {
        return (item_bytes + 7) & ~UINT64_C(7);
}

/* Numbers of 32 bits: nothing here overflows 64. */
static inline uint64_t bytes_of(uint64_t shape) {
        return sizeof(struct leat_buffer) + stride_of((uint32_t)shape) * (shape >> 32);
}

/* 0: such a buffer is not possible. */
static uint64_t shape_of(size_t item_bytes, uint32_t items) {
        if (item_bytes == 0 || item_bytes > UINT32_MAX || items == 0)
                return 0;
        uint64_t shape = (uint64_t)items << 32 | item_bytes;
        return bytes_of(shape) <= SIZE_MAX - ALIGN ? shape : 0;
}

size_t leat_buffer_bytes(size_t item_bytes, uint32_t items) {
        uint64_t shape = shape_of(item_bytes, items);
        return shape ? (size_t)((bytes_of(shape) + ALIGN - 1) & ~(uint64_t)(ALIGN - 1)) : 0;
}

/* What it was set to, once loaded and checked; 0: it is none, or does not lie in the region. */
static inline uint64_t shape_in(const struct leat_region *region, const struct leat_buffer *buffer) {
        if (!region_has(region, buffer, sizeof *buffer, ALIGN))
                return 0;
        /* Acquire pairs with leat_buffer_set(). */
        uint64_t shape = atomic_load_explicit(&buffer->shape, memory_order_acquire);
        bool right = (uint32_t)shape != 0 && shape >> 32 != 0 && region_has(region, buffer, bytes_of(shape), ALIGN) &&
                     atomic_load_explicit(&buffer->kind, memory_order_relaxed) == KIND;
        return right ? shape : 0;
}

int leat_buffer_set(struct leat_region *region, struct leat_buffer *buffer, size_t item_bytes, uint32_t items) {
        uint64_t shape = shape_of(item_bytes, items), before = 0;
        int r = region_check_write(region);
        if (r < 0)
                return r;
        if (shape == 0 || !region_has(region, buffer, bytes_of(shape), ALIGN))
                return -EINVAL;
        if (atomic_load_explicit(&buffer->shape, memory_order_acquire) == 0)
                atomic_store_explicit(&buffer->kind, KIND, memory_order_relaxed); /* all write the same */
        /* Release pairs with shape_in(): it is one behind this. */
        if (atomic_compare_exchange_strong_explicit(&buffer->shape, &before, shape, memory_order_acq_rel,
                                                    memory_order_acquire))
                return 0;
        return before == shape && atomic_load_explicit(&buffer->kind, memory_order_relaxed) == KIND ? 0 : -EINVAL;
}

/* ---- put and take ---- */

struct pass {
        struct leat_region *region;
        struct leat_buffer *buffer;
        const uint8_t *put; /* the item; NULL: one is taken */
        uint8_t *take;
        uint64_t item_bytes, items, least; /* least: so far the other end is ahead, if there is one for this end */
        int64_t deadline;
};

static inline struct end *end_of(const struct pass *pass) {
        return pass->put ? &pass->buffer->put : &pass->buffer->taken;
}
static inline struct end *other_end(const struct pass *pass) {
        return pass->put ? &pass->buffer->taken : &pass->buffer->put;
}

/* How many this end may pass, if the other is there. Beyond the number of items: not possible. */
static inline uint64_t room(const struct pass *pass, uint64_t done, uint64_t other) {
        return pass->put ? pass->items - (done - other) : other - done;
}

static inline void copy(const struct pass *pass, uint64_t number) {
        uint8_t *item = pass->buffer->items + number % pass->items * stride_of(pass->item_bytes);
        if (pass->put)
                memcpy(item, pass->put, pass->item_bytes);
        else
                memcpy(pass->take, item, pass->item_bytes);
}

/* With the end's mutex. */
static inline int pass_one(const struct pass *pass, struct end *end) {
        uint64_t done = atomic_load_explicit(&end->done, memory_order_relaxed); /* only who has the mutex writes it */
        uint64_t left = room(pass, done, atomic_load_explicit(&end->seen, memory_order_relaxed));
        if (left == 0 || left > pass->items) {
                /* Acquire: the bytes that were put are there; those that were taken have been copied. seq_cst: behind this one's count of sleepers (waiting.c). */
                uint64_t other = atomic_load_explicit(&other_end(pass)->done, memory_order_seq_cst);
                left = room(pass, done, other);
                if (left > pass->items)
                        return -EBADMSG;
                atomic_store_explicit(&end->seen, other, memory_order_relaxed);
                if (left == 0)
                        return -EAGAIN;
        }
        copy(pass, done);
        /* seq_cst: release, for the bytes; and before the look at the sleepers. */
        atomic_store_explicit(&end->done, done + 1, memory_order_seq_cst);
        return 0;
}

static inline int try_pass(const struct pass *pass) {
        struct end *end = end_of(pass);
        int r = inner_lock(pass->region, &end->lock, pass->deadline);
        if (r < 0)
                return r;
        r = pass_one(pass, end);
        (void)mutex_unlock(pass->region, &end->lock);
        if (r == 0)
                waiting_ring(&end->of_other);
        return r;
}

static int look(void *what) {
        return try_pass(what);
}

static inline int pass(struct pass *pass) {
        int r = region_check_write(pass->region);
        if (r < 0)
                return r;
        uint64_t shape = shape_in(pass->region, pass->buffer);
        if (shape == 0 || (uint32_t)shape != pass->item_bytes)
                return -EINVAL;
        pass->items = shape >> 32;
        r = waiting_goes_first(&end_of(pass)->first) ? -EAGAIN : try_pass(pass);
        if (r != -EAGAIN || pass->deadline == LEAT_NOW)
                return r;
        return waiting_wait(&other_end(pass)->of_other, &end_of(pass)->first, look, pass, pass->deadline);
}

int leat_buffer_put(struct leat_region *region, struct leat_buffer *buffer, const void *item, size_t item_bytes,
                    int64_t deadline) {
        struct pass put = {
                .region = region, .buffer = buffer, .put = item, .item_bytes = item_bytes, .deadline = deadline
        };
        return item ? pass(&put) : -EINVAL;
}

int leat_buffer_take(struct leat_region *region, struct leat_buffer *buffer, void *ret_item, size_t item_bytes,
                     int64_t deadline) {
        struct pass take = {
                .region = region, .buffer = buffer, .take = ret_item, .item_bytes = item_bytes, .deadline = deadline
        };
        return ret_item ? pass(&take) : -EINVAL;
}

int64_t leat_buffer_count(struct leat_region *region, const struct leat_buffer *buffer) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (!region->header)
                return -ENOTSUP;
        uint64_t shape = shape_in(region, buffer);
        if (shape == 0)
                return -EINVAL;
        /* Takers first: none of what they took is missing from what was put. Others may have put since. Acquire keeps the order. */
        uint64_t taken = atomic_load_explicit(&buffer->taken.done, memory_order_acquire);
        uint64_t there = atomic_load_explicit(&buffer->put.done, memory_order_acquire) - taken;
        if (there <= shape >> 32)
                return (int64_t)there;
        taken = atomic_load_explicit(&buffer->taken.done, memory_order_acquire) - taken;
        return taken > 0 && taken <= INT64_MAX ? (int64_t)(shape >> 32) : -EBADMSG;
}
