/* SPDX-License-Identifier: MIT */
#include "shared/region.h"

#include <string.h>

/*
 * Copies of memory that others may change meanwhile. Each aligned word of the shared side is loaded or stored once, relaxed: what orders them is
 * the caller's (the version of a snapshot, the counter of a cell), which also finds out whether what it has is of one moment.
 */

static bool is_aligned(const void *where) {
        return ((uintptr_t)where & (sizeof(uint64_t) - 1)) == 0;
}

void region_copy_out(void *to, const void *from, size_t size_bytes) {
        const uint8_t *shared = from;
        uint8_t *out = to;
        for (; size_bytes > 0 && !is_aligned(shared); size_bytes--)
                *out++ = __atomic_load_n(shared++, __ATOMIC_RELAXED);
        for (; size_bytes >= sizeof(uint64_t); size_bytes -= sizeof(uint64_t)) {
                uint64_t word = __atomic_load_n((const uint64_t *)(const void *)shared, __ATOMIC_RELAXED);
                memcpy(out, &word, sizeof(word));
                shared += sizeof(word);
                out += sizeof(word);
        }
        for (; size_bytes > 0; size_bytes--)
                *out++ = __atomic_load_n(shared++, __ATOMIC_RELAXED);
}

void region_copy_in(void *to, const void *from, size_t size_bytes) {
        const uint8_t *in = from;
        uint8_t *shared = to;
        for (; size_bytes > 0 && !is_aligned(shared); size_bytes--)
                __atomic_store_n(shared++, *in++, __ATOMIC_RELAXED);
        for (; size_bytes >= sizeof(uint64_t); size_bytes -= sizeof(uint64_t)) {
                uint64_t word;
                memcpy(&word, in, sizeof(word));
                __atomic_store_n((uint64_t *)(void *)shared, word, __ATOMIC_RELAXED);
                shared += sizeof(word);
                in += sizeof(word);
        }
        for (; size_bytes > 0; size_bytes--)
                __atomic_store_n(shared++, *in++, __ATOMIC_RELAXED);
}
