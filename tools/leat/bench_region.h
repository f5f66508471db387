/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_REGION_H
#define LEAT_TOOL_BENCH_REGION_H

/* `leat bench region`: what locks, transactions and structures of a region cost, beside what POSIX has for the same in shared memory. */

#include "tools/leat/options.h"

/* Is this operand these benchmarks, and not a transport? */
bool is_region(const char *operand);

/* Whether its options go together: DONE or USAGE, having said what is wrong. */
int check_region(const struct options *options);

/* Measure and show. Returns the exit code. */
int bench_region(const struct options *options);

#endif
