/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_NUMBERS_H
#define LEAT_CHANNEL_NUMBERS_H

/*
 * A set of rising numbers, as runs of those that follow each other: which messages went out and were not acknowledged. A peer says which
 * are taken out, in any order, twice, or of none that is there: the set stays exact, and at most NUMBERS_RUNS_MOST runs
 * of memory. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBERS_RUNS_MOST 65536 /* 1 MiB */

struct numbers {
        struct run {
                uint64_t first, last;
        } * runs; /* [begin, end), rising, with gaps between them */
        size_t begin, end, capacity;
        uint64_t count;
};

void numbers_clear(struct numbers *numbers);

/* Make room for one more run, ahead of numbers_add(); it stays until then. -ENOMEM; -ENOBUFS: there are as many as there may be. */
int numbers_reserve(struct numbers *numbers);

/* Add one that is higher than all. */
void numbers_add(struct numbers *numbers, uint64_t number);

/* Take one out. False: it is not there; or it stands amid a run, for which there is no more memory: then it stays. */
bool numbers_take(struct numbers *numbers, uint64_t number);

/* Of a set that is not empty. */
static inline uint64_t numbers_first(const struct numbers *numbers) {
        return numbers->runs[numbers->begin].first;
}

static inline uint64_t numbers_last(const struct numbers *numbers) {
        return numbers->runs[numbers->end - 1].last;
}

#endif
