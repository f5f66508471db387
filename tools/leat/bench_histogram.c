/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_histogram.h"

#include <stddef.h>
#include <string.h>

#define PLACES (HISTOGRAM_OCTAVES << HISTOGRAM_FINE_BITS)

/* The least duration that is counted at this place. */
static double least_of(uint32_t place) {
        uint32_t octave = place >> HISTOGRAM_FINE_BITS, fine = place & ((1u << HISTOGRAM_FINE_BITS) - 1);
        return octave ? (double)((uint64_t)((1u << HISTOGRAM_FINE_BITS) + fine) << (octave - 1)) : (double)fine;
}

void histogram_clear(struct histogram *histogram) {
        memset(histogram, 0, sizeof(*histogram));
}

void histogram_merge(struct histogram *histogram, const struct histogram *more) {
        for (size_t i = 0; i < PLACES; i++)
                histogram->counts[i] += more->counts[i];
        histogram->total += more->total;
}

double histogram_part(const struct histogram *histogram, double part) {
        uint64_t before = 0, wanted = (uint64_t)((double)histogram->total * part);
        for (uint32_t i = 0; i < PLACES; i++) {
                before += histogram->counts[i];
                if (before > wanted || (before && before == histogram->total))
                        return (least_of(i) + least_of(i + 1)) / 2;
        }
        return 0;
}
