/* SPDX-License-Identifier: MIT */
#include "base/processor.h"

#include <stdatomic.h>
#include <unistd.h>

bool processors_are_many(void) {
        static _Atomic long known; /* relaxed: each that asks finds the same */
        long count = atomic_load_explicit(&known, memory_order_relaxed);
        if (count == 0) {
                count = sysconf(_SC_NPROCESSORS_ONLN);
                atomic_store_explicit(&known, count, memory_order_relaxed);
        }
        return count > 1;
}

#if defined(__x86_64__)

#include <cpuid.h>

#define ASKED (UINT32_C(1) << 31)
#define SAVED_AVX 0x06u /* XCR0: what the system keeps for each thread */
#define SAVED_AVX512 0xe6u

static uint32_t saved_registers(void) {
        uint32_t low, high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        return low;
}

static uint32_t ask(void) {
        unsigned a, b, c, d;
        uint32_t found = 0;
        if (!__get_cpuid(1, &a, &b, &c, &d))
                return 0;
        found |= (c & bit_SSE4_2 ? PROCESSOR_SSE42 : 0) | (c & bit_PCLMUL ? PROCESSOR_PCLMUL : 0);
        uint32_t saved = c & bit_OSXSAVE ? saved_registers() : 0;
        if ((saved & SAVED_AVX) != SAVED_AVX || !(c & bit_AVX) || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
                return found;
        found |= b & bit_AVX2 ? PROCESSOR_AVX2 : 0;
        if ((saved & SAVED_AVX512) == SAVED_AVX512 && (b & bit_AVX512F) && (c & bit_VPCLMULQDQ))
                found |= PROCESSOR_WIDE;
        return found;
}

bool processor_has(uint32_t features) {
        static _Atomic uint32_t known;
        /* Relaxed: whoever asks gets the same answer. */
        uint32_t now = atomic_load_explicit(&known, memory_order_relaxed);
        if (now == 0) {
                now = ask() | ASKED;
                atomic_store_explicit(&known, now, memory_order_relaxed);
        }
        return (now & features) == features;
}

#else

bool processor_has(uint32_t features) {
        return features == 0;
}

#endif
