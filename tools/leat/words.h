/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_WORDS_H
#define LEAT_TOOL_WORDS_H

/*
 * How often each word occurs, for the demo. A word is a run of letters, digits and bytes above 127; a longer one than
 * WORD_MAX counts as several, so that a text may be cut after each WORD_MAX bytes of one and gives the same counts.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WORD_MAX 256

struct word {
        char *text; /* not ended by NUL */
        size_t length;
        uint64_t count;
};

struct words {
        struct word *places; /* open addressing; a place without text is free */
        size_t places_count; /* a power of 2, or 0 */
        size_t used;
};
#define WORDS_NONE                                                                                                     \
        { NULL, 0, 0 }

void words_free(struct words *words);

/* Count a word `count` times more. Returns 0 or -ENOMEM. */
int words_add(struct words *words, const char *text, size_t length, uint64_t count);

/* Count each word of a text. */
int words_add_text(struct words *words, const char *text, size_t size);

/* The number of all, each as often as it occurs. */
uint64_t words_total(const struct words *words);

bool words_equal(const struct words *a, const struct words *b);

/* Whether none of a's occurs more often than in b. */
bool words_within(const struct words *a, const struct words *b);

/* Whether the byte is part of a word. */
bool words_has(unsigned char byte);

#endif
