/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_PROCESSOR_H
#define LEAT_BASE_PROCESSOR_H

/*
 * Processors. What this one can do beyond what its architecture promises. Asked at the first use and remembered: __builtin_cpu_supports() asks as each
 * program starts, and a virtual machine takes 50 us and more to answer. Safe with threads.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
        PROCESSOR_SSE42 = 1u,
        PROCESSOR_PCLMUL = 2u,
        PROCESSOR_AVX2 = 4u,
        PROCESSOR_WIDE = 8u /* AVX-512F and VPCLMULQDQ, with the registers saved by the system */
};

/* All of these? On other architectures: none. */
bool processor_has(uint32_t features);

/* Are there several? Then it may pay to look again, for what another one does meanwhile. */
bool processors_are_many(void);

#endif
