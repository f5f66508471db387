/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_stats.h"

#include "base/cleanup.h"

#include <string.h>

static int compare(const void *a, const void *b) {
        double left = *(const double *)a, right = *(const double *)b;
        return (left > right) - (left < right);
}

/* Between two values in proportion. */
static double part_of(const double *sorted, size_t count, double part) {
        double at = part * (double)(count - 1);
        size_t below = (size_t)at;
        if (below + 1 >= count)
                return sorted[count - 1];
        return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct spread spread_of(const double *values, size_t count) {
        FREE_AT_EXIT double *sorted = count ? malloc(count * sizeof(*sorted)) : NULL;
        if (!sorted)
                return (struct spread){ 0 };
        memcpy(sorted, values, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), compare);
        return (struct spread){ .median = part_of(sorted, count, 0.5),
                                .low = part_of(sorted, count, 0.25),
                                .high = part_of(sorted, count, 0.75) };
}

struct spread spread_of_ratios(const double *a, const double *b, size_t count) {
        FREE_AT_EXIT double *ratios = count ? calloc(count, sizeof(*ratios)) : NULL;
        if (!ratios)
                return (struct spread){ 0 };
        for (size_t i = 0; i < count; i++)
                ratios[i] = b[i] > 0 ? a[i] / b[i] : 0;
        return spread_of(ratios, count);
}
