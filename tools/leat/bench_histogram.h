/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_HISTOGRAM_H
#define LEAT_TOOL_BENCH_HISTOGRAM_H

/* How often each duration came, to within 1/256 of it: no room and no sorting for millions of them. */

#include <stdint.h>

#define HISTOGRAM_FINE_BITS 8
#define HISTOGRAM_OCTAVES 36 /* up to 9 minutes, in ns; what is longer counts as that */

struct histogram {
        uint64_t total;
        uint32_t counts[HISTOGRAM_OCTAVES << HISTOGRAM_FINE_BITS];
};

static inline uint32_t histogram_place(uint64_t ns) {
        const uint32_t last = (HISTOGRAM_OCTAVES << HISTOGRAM_FINE_BITS) - 1;
        if (ns < 1u << HISTOGRAM_FINE_BITS)
                return (uint32_t)ns;
        /* The leading bit says the octave; the next ones are the place in it. */
        unsigned octave = 64 - HISTOGRAM_FINE_BITS - (unsigned)__builtin_clzll(ns);
        uint64_t place =
                ((uint64_t)octave << HISTOGRAM_FINE_BITS) | ((ns >> (octave - 1)) & ((1u << HISTOGRAM_FINE_BITS) - 1));
        return place < last ? (uint32_t)place : last;
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns) {
        histogram->counts[histogram_place(ns)]++;
        histogram->total++;
}

void histogram_clear(struct histogram *histogram);

/* Add all of another one. */
void histogram_merge(struct histogram *histogram, const struct histogram *more);

/* The duration that a part of all, from 0 to 1, do not exceed; 0 of none. */
double histogram_part(const struct histogram *histogram, double part);

#endif
