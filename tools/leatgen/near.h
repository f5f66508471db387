/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_NEAR_H
#define LEATGEN_NEAR_H

/* Which name somebody meant who wrote another one. */

#include <stddef.h>

#define NEAR_LENGTH_MOST 64u /* of names that are compared; longer ones are near nothing */

struct guess {
        const char *name;
        unsigned distance; /* only nearer ones are taken */
};

/* For a name of this length: nothing is guessed yet. */
static inline struct guess guess_for(size_t size) {
        struct guess guess = { NULL, size < 6 ? 2 : 3 };
        return guess;
}

/* Take the candidate if it is nearer to the name, of at most NEAR_LENGTH_MOST bytes, than what was taken before. */
void guess_at(struct guess *guess, const char *name, const char *candidate);

#endif
