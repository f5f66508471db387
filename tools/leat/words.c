/* SPDX-License-Identifier: MIT */
#include "tools/leat/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool words_has(unsigned char byte) {
        return (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z') || byte > 127;
}

void words_free(struct words *words) {
        for (size_t i = 0; i < words->places_count; i++)
                free(words->places[i].text);
        free(words->places);
        *words = (struct words)WORDS_NONE;
}

/* FNV-1a */
static size_t hash(const char *text, size_t length) {
        uint64_t value = 0xcbf29ce484222325;
        for (size_t i = 0; i < length; i++)
                value = (value ^ (unsigned char)text[i]) * 0x100000001b3;
        return (size_t)(value ^ value >> 32);
}

/* The place of the word, or the free one where it belongs. There is always a free one. */
static struct word *find(const struct words *words, const char *text, size_t length) {
        for (size_t i = hash(text, length);; i++) {
                struct word *place = &words->places[i & (words->places_count - 1)];
                if (!place->text || (place->length == length && memcmp(place->text, text, length) == 0))
                        return place;
        }
}

static int grow(struct words *words) {
        struct words larger = { .places_count = words->places_count ? 2 * words->places_count : 1024,
                                .used = words->used };
        larger.places = calloc(larger.places_count, sizeof(*larger.places));
        if (!larger.places)
                return -ENOMEM;
        for (size_t i = 0; i < words->places_count; i++)
                if (words->places[i].text)
                        *find(&larger, words->places[i].text, words->places[i].length) = words->places[i];
        free(words->places);
        *words = larger;
        return 0;
}

int words_add(struct words *words, const char *text, size_t length, uint64_t count) {
        if (2 * words->used >= words->places_count && grow(words) < 0)
                return -ENOMEM;
        struct word *place = find(words, text, length);
        if (!place->text) {
                char *copy = malloc(length ? length : 1);
                if (!copy)
                        return -ENOMEM;
                memcpy(copy, text, length);
                *place = (struct word){ .text = copy, .length = length };
                words->used++;
        }
        place->count += count;
        return 0;
}

int words_add_text(struct words *words, const char *text, size_t size) {
        int r = 0;
        for (size_t i = 0; i < size && r == 0;) {
                size_t start = i;
                while (i < size && i - start < WORD_MAX && words_has((unsigned char)text[i]))
                        i++;
                if (i > start)
                        r = words_add(words, text + start, i - start, 1);
                else
                        i++;
        }
        return r;
}

uint64_t words_total(const struct words *words) {
        uint64_t total = 0;
        for (size_t i = 0; i < words->places_count; i++)
                total += words->places[i].count;
        return total;
}

bool words_within(const struct words *a, const struct words *b) {
        for (size_t i = 0; i < a->places_count; i++) {
                const struct word *word = &a->places[i];
                if (word->text && (b->used == 0 || find(b, word->text, word->length)->count < word->count))
                        return false;
        }
        return true;
}

bool words_equal(const struct words *a, const struct words *b) {
        return a->used == b->used && words_within(a, b) && words_within(b, a);
}
