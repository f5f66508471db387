/* SPDX-License-Identifier: MIT */
#include "process/duplex.h"

#include "base/cleanup.h"
#include "wait/wait.h"

#include <errno.h>
#include <leat/deadline.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_LEAST 65536 /* what a pipe holds */

void duplex_init(struct duplex *duplex, const struct io *to, const struct io *from, size_t most) {
        *duplex = (struct duplex){ .to = *to, .from = *from, .most = most };
}

void duplex_close(struct duplex *duplex) {
        duplex->to.fd = close_fd(duplex->to.fd);
        duplex->from.fd = close_fd(duplex->from.fd);
}

static void forget(struct duplex *duplex) {
        free(duplex->bytes);
        duplex->bytes = NULL;
        duplex->start = duplex->fill = duplex->size = 0;
}

void duplex_free(struct duplex *duplex) {
        duplex_close(duplex);
        forget(duplex);
}

static size_t kept(const struct duplex *duplex) {
        return duplex->fill - duplex->start;
}

/* Room for at least one byte more, and for a NUL behind it. Returns 0, -ENOBUFS, -ENOMEM. */
static int make_room(struct duplex *duplex) {
        if (kept(duplex) >= duplex->most)
                return -ENOBUFS;
        if (duplex->size - duplex->fill > 1)
                return 0;
        if (duplex->start > duplex->size / 2) {
                memmove(duplex->bytes, duplex->bytes + duplex->start, kept(duplex));
                duplex->fill -= duplex->start;
                duplex->start = 0;
                return 0;
        }
        size_t size = duplex->size ? duplex->size * 2 : ROOM_LEAST;
        uint8_t *bytes = size > duplex->size ? realloc(duplex->bytes, size) : NULL;
        if (!bytes)
                return -ENOMEM;
        duplex->bytes = bytes;
        duplex->size = size;
        return 0;
}

static size_t room(const struct duplex *duplex) {
        size_t space = duplex->size - duplex->fill - 1, allowed = duplex->most - kept(duplex);
        return space < allowed ? space : allowed;
}

/* Nothing more may be kept: is there more? Returns 0 (no, the end), -ENOBUFS, -EAGAIN (not yet). */
static int look_for_end(struct duplex *duplex) {
        struct pollfd polled = { .fd = duplex->from.fd, .events = POLLIN };
        if (poll(&polled, 1, 0) <= 0)
                return -EAGAIN;
        if (polled.revents & POLLIN)
                return -ENOBUFS;
        duplex->from.fd = close_fd(duplex->from.fd);
        return 0;
}

/* Keep what is there. Returns how many bytes, 0 (the end), -EAGAIN, -ENOBUFS, -ENOMEM. */
static ssize_t absorb(struct duplex *duplex) {
        int r = make_room(duplex);
        if (r == -ENOBUFS)
                return look_for_end(duplex);
        if (r < 0)
                return r;
        ssize_t n = io_read(&duplex->from, duplex->bytes + duplex->fill, room(duplex));
        if (n > 0)
                duplex->fill += (size_t)n;
        else if (n != -EAGAIN)
                duplex->from.fd = close_fd(duplex->from.fd);
        return n;
}

static int sleep_for(int to, int from, int64_t deadline) {
        struct wait wait;
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        wait_init(&wait);
        wait_add(&wait, to, POLLOUT);
        wait_add(&wait, from, POLLIN);
        return wait_until(&wait, deadline);
}

/* A child that puts out without end keeps nobody past a deadline. */
static int look_at_clock(int64_t deadline) {
        if (deadline == LEAT_NEVER || leat_now() < deadline)
                return 0;
        return deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
}

/* There is no room to write: take in what came, or sleep. Returns 0: try again. */
static int make_way(struct duplex *duplex, int64_t deadline) {
        ssize_t n = duplex->from.fd < 0 ? -EAGAIN : absorb(duplex);
        if (n == -EAGAIN)
                return sleep_for(duplex->to.fd, duplex->from.fd, deadline);
        return n < 0 ? (int)n : look_at_clock(deadline);
}

int duplex_write(struct duplex *duplex, const void *bytes, size_t size, int64_t deadline, size_t *ret_done) {
        size_t done = 0;
        int r = duplex->to.fd < 0 ? -EPIPE : 0;
        while (r == 0 && done < size) {
                const struct iovec part = { .iov_base = (char *)bytes + done, .iov_len = size - done };
                ssize_t n = io_write(&duplex->to, &part, 1);
                if (n >= 0)
                        done += (size_t)n;
                else
                        r = n == -EAGAIN ? make_way(duplex, deadline) : (int)n;
        }
        if (ret_done)
                *ret_done = done;
        return r;
}

static size_t take_out(struct duplex *duplex, void *buffer, size_t size) {
        size_t n = size < kept(duplex) ? size : kept(duplex);
        memcpy(buffer, duplex->bytes + duplex->start, n);
        duplex->start += n;
        if (kept(duplex) == 0)
                forget(duplex);
        return n;
}

ssize_t duplex_read(struct duplex *duplex, void *buffer, size_t size, int64_t deadline) {
        if (kept(duplex) > 0)
                return (ssize_t)take_out(duplex, buffer, size);
        for (;;) {
                if (duplex->from.fd < 0)
                        return -ENODATA;
                ssize_t n = io_read(&duplex->from, buffer, size);
                if (n > 0)
                        return n;
                if (n == 0)
                        duplex->from.fd = close_fd(duplex->from.fd);
                else if (n != -EAGAIN)
                        return n;
                int r = n == 0 ? 0 : sleep_for(-1, duplex->from.fd, deadline);
                if (r < 0)
                        return r;
        }
}

int duplex_collect(struct duplex *duplex, int64_t deadline) {
        int r = 0;
        while (r == 0 && duplex->from.fd >= 0) {
                ssize_t n = absorb(duplex);
                if (n == -EAGAIN)
                        r = sleep_for(-1, duplex->from.fd, deadline);
                else
                        r = n < 0 ? (int)n : n == 0 ? 0 : look_at_clock(deadline);
        }
        return r;
}

int duplex_take(struct duplex *duplex, void **ret_bytes, size_t *ret_size) {
        size_t size = kept(duplex);
        if (duplex->start > 0)
                memmove(duplex->bytes, duplex->bytes + duplex->start, size);
        char *bytes = realloc(duplex->bytes, size + 1);
        if (!bytes)
                return -ENOMEM;
        bytes[size] = '\0';
        *ret_bytes = bytes;
        *ret_size = size;
        duplex->bytes = NULL;
        forget(duplex);
        return 0;
}
