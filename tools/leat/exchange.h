/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_EXCHANGE_H
#define LEAT_TOOL_EXCHANGE_H

/*
 * One run of a program: bytes into its standard input, bytes out of its standard output (leat_exchange(3)).
 *
 * It is over when its output has ended (also in programs that it started) and it has itself.
 */

#include "tools/leat/ends.h"

#include <leat/process.h>

struct exchange {
        /* set by the caller */
        const char *input; /* borrowed until it is over */
        size_t input_bytes;
        struct space *output;
        size_t largest_bytes; /* of output; a program that writes more is killed */
        int64_t deadline;     /* then it is killed */
        /* told */
        size_t output_bytes;
        bool started; /* an error is that of a program that ran */
        struct leat_status status;
};

/* Returns 0, -EMSGSIZE (it wrote more), -ETIMEDOUT, or a negative errno of leat_spawn(); the program is gone in any case. */
int exchange_run(struct exchange *exchange, char *const argv[]);

#endif
