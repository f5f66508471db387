/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"

#include <string.h>

#define LENGTH_MOST 64u  /* of names that are compared */
#define GUESSES_MOST 16u /* per file: each looks at every name */

static unsigned least(unsigned one, unsigned other) {
        return one < other ? one : other;
}

/* How many letters must be changed, put in or left out (Levenshtein's distance), or `most` + 1. */
static unsigned distance(const char *one, size_t one_size, const char *other, size_t other_size, unsigned most) {
        unsigned row[LENGTH_MOST + 1];
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

static bool fits(const struct meaning *meaning, bool of_type) {
        if (of_type)
                return meaning->kind == MEANING_TYPE;
        return meaning->kind == MEANING_CONSTANT || meaning->kind == MEANING_ENUMERATOR;
}

struct guess {
        const char *name;
        unsigned distance; /* only nearer ones are taken */
};

static void guess_at(struct guess *guess, const char *name, const char *candidate) {
        size_t size = strlen(name), other = strnlen(candidate, LENGTH_MOST + 1);
        size_t apart = size > other ? size - other : other - size;
        if (other > LENGTH_MOST || apart >= guess->distance)
                return;
        unsigned found = distance(name, size, candidate, other, guess->distance);
        /* Of equally near ones the first in the alphabet: the order of the table is none. */
        if (found < guess->distance || (found == guess->distance && guess->name && strcmp(candidate, guess->name) < 0))
                *guess = (struct guess){ candidate, found };
}

/* Of the language. */
static const char *const usual_types[] = { "bool",   "double",    "float",  "hyper",   "int",
                                           "opaque", "quadruple", "string", "unsigned" };

const char *check_near(struct checker *checker, const char *name, bool of_type) {
        size_t size = strnlen(name, LENGTH_MOST + 1);
        if (size > LENGTH_MOST || size < 3 || checker->guesses++ >= GUESSES_MOST)
                return NULL;
        struct guess guess = { NULL, size < 6 ? 2 : 3 };
        for (size_t i = 0; of_type && i < sizeof(usual_types) / sizeof(usual_types[0]); i++)
                guess_at(&guess, name, usual_types[i]);
        for (size_t i = 0; i < checker->pairs.room; i++) {
                const struct pair *entry = &checker->pairs.entries[i];
                if (entry->value && entry->key.owner == SPACE_NAMES && fits(entry->value, of_type))
                        guess_at(&guess, name, (const char *)(uintptr_t)entry->key.what);
        }
        return guess.name;
}
