/* SPDX-License-Identifier: MIT */

/*
 * Each counter is the sum of some words, on lines of their own: a participant adds to that of its slot (docs/design/shared.md, "Structures").
 */
#include "shared/region.h"

#include <leat/structures.h>

#define ALIGN 64
#define LINES 16 /* of a counter; more participants than that share them */
#define IN_LINE (ALIGN / sizeof(uint64_t))
#define KIND UINT64_C(0x317265746e756f63) /* "counter1" */

struct leat_counters {
        _Atomic uint64_t count; /* 0: not set */
        _Atomic uint64_t kind;
        alignas(ALIGN) _Atomic uint64_t words[]; /* of LINES times so many lines as all counters need */
};
static_assert(sizeof(struct leat_counters) == ALIGN, "the words begin on a line");

static inline uint64_t lines_for(uint64_t count) {
        return (count + IN_LINE - 1) / IN_LINE;
}

/* Of 32 bits times less than 2^11: nothing overflows. */
static inline uint64_t bytes_of(uint64_t count) {
        return sizeof(struct leat_counters) + lines_for(count) * LINES * ALIGN;
}

size_t leat_counters_bytes(uint32_t counters) {
        return counters > 0 && bytes_of(counters) <= SIZE_MAX ? (size_t)bytes_of(counters) : 0;
}

/* How many there are, once loaded and checked; 0: none, or they do not lie in the region. */
static inline uint64_t count_in(const struct leat_region *region, const struct leat_counters *counters) {
        if (!region_has(region, counters, sizeof *counters, ALIGN))
                return 0;
        /* Acquire pairs with leat_counters_set(). */
        uint64_t count = atomic_load_explicit(&counters->count, memory_order_acquire);
        bool right = count <= UINT32_MAX && region_has(region, counters, bytes_of(count), ALIGN) &&
                     atomic_load_explicit(&counters->kind, memory_order_relaxed) == KIND;
        return right ? count : 0;
}

static inline uint64_t at(uint64_t count, uint64_t line, uint32_t index) {
        return line * lines_for(count) * IN_LINE + index;
}

int leat_counters_set(struct leat_region *region, struct leat_counters *counters, uint32_t count) {
        uint64_t before = 0;
        int r = region_check_write(region);
        if (r < 0)
                return r;
        if (count == 0 || !region_has(region, counters, bytes_of(count), ALIGN))
                return -EINVAL;
        if (atomic_load_explicit(&counters->count, memory_order_acquire) == 0)
                atomic_store_explicit(&counters->kind, KIND, memory_order_relaxed); /* all write the same */
        /* Release pairs with count_in(): it is one behind this. */
        if (atomic_compare_exchange_strong_explicit(&counters->count, &before, count, memory_order_acq_rel,
                                                    memory_order_acquire))
                return 0;
        return before == count && atomic_load_explicit(&counters->kind, memory_order_relaxed) == KIND ? 0 : -EINVAL;
}

int leat_counters_add(struct leat_region *region, struct leat_counters *counters, uint32_t index, int64_t value) {
        int r = region_check_write(region);
        if (r < 0)
                return r;
        uint64_t count = count_in(region, counters);
        if (index >= count)
                return -EINVAL;
        /* Relaxed: a count orders nothing. One instruction, so that no other thread's and no dead one's add is half done. */
        (void)atomic_fetch_add_explicit(&counters->words[at(count, region->slot % LINES, index)], (uint64_t)value,
                                        memory_order_relaxed);
        return 0;
}

int leat_counters_get(struct leat_region *region, const struct leat_counters *counters, uint32_t index,
                      int64_t *ret_value) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (!region->header)
                return -ENOTSUP;
        uint64_t count = count_in(region, counters), sum = 0;
        if (index >= count || !ret_value)
                return -EINVAL;
        for (uint64_t line = 0; line < LINES; line++)
                sum += atomic_load_explicit(&counters->words[at(count, line, index)], memory_order_relaxed);
        *ret_value = (int64_t)sum;
        return 0;
}
