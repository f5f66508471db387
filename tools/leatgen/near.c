/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/near.h"

#include <string.h>

static unsigned least(unsigned one, unsigned other) {
        return one < other ? one : other;
}

/* How many letters must be changed, put in or left out (Levenshtein's distance), or `most` + 1. */
static unsigned distance(const char *one, size_t one_size, const char *other, size_t other_size, unsigned most) {
        unsigned row[NEAR_LENGTH_MOST + 1];
        for (unsigned j = 0; j <= other_size; j++)
                row[j] = j;
        for (unsigned i = 0; i < one_size; i++) {
                unsigned before = row[0], best = row[0] = i + 1;
                for (unsigned j = 0; j < other_size; j++) {
                        unsigned changed = before + (one[i] != other[j]);
                        before = row[j + 1];
                        row[j + 1] = least(changed, least(before, row[j]) + 1);
                        best = least(best, row[j + 1]);
                }
                if (best > most)
                        return most + 1;
        }
        return row[other_size];
}

void guess_at(struct guess *guess, const char *name, const char *candidate) {
        size_t size = strlen(name), other = strnlen(candidate, NEAR_LENGTH_MOST + 1);
        size_t apart = size > other ? size - other : other - size;
        if (other > NEAR_LENGTH_MOST || apart >= guess->distance)
                return;
        unsigned found = distance(name, size, candidate, other, guess->distance);
        /* Of equally near ones the first in the alphabet: the order of the table is none. */
        if (found < guess->distance || (found == guess->distance && guess->name && strcmp(candidate, guess->name) < 0))
                *guess = (struct guess){ candidate, found };
}
