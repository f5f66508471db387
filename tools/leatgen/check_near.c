/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/check.h"
#include "tools/leatgen/near.h"

#include <string.h>

#define GUESSES_MOST 16u /* per file: each looks at every name */

static bool fits(const struct meaning *meaning, bool of_type) {
        if (of_type)
                return meaning->kind == MEANING_TYPE;
        return meaning->kind == MEANING_CONSTANT || meaning->kind == MEANING_ENUMERATOR;
}

/* Of the language. */
static const char *const usual_types[] = { "bool",   "double",    "float",  "hyper",   "int",
                                           "opaque", "quadruple", "string", "unsigned" };

const char *check_near(struct checker *checker, const char *name, bool of_type) {
        size_t size = strnlen(name, NEAR_LENGTH_MOST + 1);
        if (size > NEAR_LENGTH_MOST || size < 3 || checker->guesses++ >= GUESSES_MOST)
                return NULL;
        struct guess guess = guess_for(size);
        for (size_t i = 0; of_type && i < sizeof(usual_types) / sizeof(usual_types[0]); i++)
                guess_at(&guess, name, usual_types[i]);
        for (size_t i = 0; i < checker->pairs.room; i++) {
                const struct pair *entry = &checker->pairs.entries[i];
                if (entry->value && entry->key.owner == SPACE_NAMES && fits(entry->value, of_type))
                        guess_at(&guess, name, (const char *)(uintptr_t)entry->key.what);
        }
        return guess.name;
}
