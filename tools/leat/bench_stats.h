/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_STATS_H
#define LEAT_TOOL_BENCH_STATS_H

#include <stddef.h>

/* The middle of some numbers and where the middle half of them lies. All 0 of none. */
struct spread {
        double median, low, high; /* low, high: the quartiles */
};

struct spread spread_of(const double *values, size_t count);

/* The same of a[i] / b[i]: neighbours in time, so that what slows the machine for a while slows both. */
struct spread spread_of_ratios(const double *a, const double *b, size_t count);

#endif
