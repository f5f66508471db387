/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_INPUT_H
#define LEAT_TOOL_INPUT_H

/*
 * Messages out of a file or standard input, one piece after the other: lines, pieces that end with NUL, or
 * all as one. Only the piece at hand is in memory. The deadline holds also while nothing comes.
 */

#include "tools/leat/options.h"

struct input {
        int fd;
        bool owned; /* fd is to be closed */
        enum cut cut;
        int64_t deadline;
        size_t largest_bytes; /* of a piece; more is -EMSGSIZE before it is read */
        char *buffer;
        size_t start, looked, end, capacity; /* the piece begins at start; no cut is before looked */
        bool ended;
        bool told; /* CUT_ALL: the one piece was given out */
};

#define INPUT_NONE                                                                                                     \
        { .fd = -1 }

/* Begin. path: NULL for standard input. Returns 0 or a negative errno. */
int input_open(struct input *input, const char *path, enum cut cut, int64_t deadline);
void input_close(struct input *input);

/* The next piece, valid until the next call. Returns 1, 0 if there is none, or a negative errno. */
int input_next(struct input *input, const char **ret_bytes, size_t *ret_size);

#endif
