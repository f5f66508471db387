/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_EXCHANGE_H
#define LEAT_TOOL_EXCHANGE_H

/*
 * One run of a program: bytes into its standard input, bytes out of its standard output, both at once, so that
 * neither waits for the other however much there is.
 *
 * It is over when its output has ended (also in programs that it started) and it has itself.
 */

#include "tools/leat/ends.h"

struct exchange {
        /* set by the caller */
        const char *input; /* borrowed until it is over */
        size_t input_bytes;
        struct space *output;
        size_t largest_bytes; /* of output; what is more is counted and dropped */
        int64_t deadline;     /* then it is killed */
        /* told */
        size_t output_bytes;
        int status; /* as waitpid(2) */
        /* its own */
        pid_t pid;
        int to, from, pidfd; /* -1: closed */
};

/* Start it. Returns 0 or a negative errno of process_spawn(), and then nothing is to be finished. */
int exchange_start(struct exchange *exchange, char *const argv[]);

/* Carry the bytes until it is over. Returns 0, -ETIMEDOUT, -ENOMEM; the program is gone and waited for in any case. */
int exchange_finish(struct exchange *exchange);

#endif
