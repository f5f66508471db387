/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_NAME_H
#define LEAT_SHARED_NAME_H

/*
 * Names in a region, that are given once and stay: of its parts (notice_part.c), and of the locks of `leat region run`.
 *
 * A name is four words, filled up with '\n', which is no byte of a name; each word is set once, by compare-and-swap from 0. All look at the places in the same order, and
 * take the first one whose words are those of the name, or become so. So the same name is never at two places. Who dies in the midst leaves a beginning, which the next
 * name that begins so goes on with. No lock, no waiting.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NAME_BYTES 32
#define NAME_WORDS (NAME_BYTES / 8)

/* 0; -EINVAL: it is longer than 31 bytes, or has control characters. */
int name_encode(const char *name, uint64_t ret_words[NAME_WORDS]);

/* Has this place a name? ret_name: NAME_BYTES, or NULL. */
bool name_read(const _Atomic uint64_t place[NAME_WORDS], char *ret_name);

/* Is this place that name's, or, if it may be taken, is it now? 0; -EAGAIN: it is another's: go on to the next place; -ENOENT: nobody has finished it yet. */
int name_claim(_Atomic uint64_t place[NAME_WORDS], const uint64_t words[NAME_WORDS], bool take);

#endif
