/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_DUPLEX_H
#define LEAT_PROCESS_DUPLEX_H

/*
 * Both directions at once, through two pipes whose near ends are ours and non-blocking.
 *
 * Why it cannot deadlock: a write that finds no room reads what comes into a buffer that grows. As long as there is room in it the
 * child's writes always end, so it comes back to read.
 */

#include "base/io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct duplex {
        struct io to, from; /* fd -1: closed */
        uint8_t *bytes;     /* what came and was not read yet: from `start` to `fill` */
        size_t start, fill, size;
        size_t most; /* that may be kept */
};

/* `to` and `from` are consumed. */
void duplex_init(struct duplex *duplex, const struct io *to, const struct io *from, size_t most);
void duplex_close(struct duplex *duplex); /* descriptors only; async-signal-safe */
void duplex_free(struct duplex *duplex);  /* all of it */

/* As the functions of <leat/process.h> with these names. */
int duplex_write(struct duplex *duplex, const void *bytes, size_t size, int64_t deadline, size_t *ret_done);
ssize_t duplex_read(struct duplex *duplex, void *buffer, size_t size, int64_t deadline);

/* Keep all that still comes, to its end. Returns 0, -ENOBUFS (more than may be kept), -ENOMEM, -EAGAIN, -ETIMEDOUT. */
int duplex_collect(struct duplex *duplex, int64_t deadline);

/* What is kept, as the caller's memory, with a NUL behind it. Returns 0 or -ENOMEM. */
int duplex_take(struct duplex *duplex, void **ret_bytes, size_t *ret_size);

#endif
