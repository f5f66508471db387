/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: a whole receiver, with a stranger's bytes in its pipe or socket.
 *
 * The first byte chooses the transport and framing, the second how the bytes are cut into writes and how the
 * receiver selects. What must hold: each receive says a word that its header names, the end comes after
 * finitely many, a message that did not fit is there again with the size that was told, and nothing is leaked.
 */

#include "require.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITES_MAX 64   /* what a socket holds of small packets */
#define BYTES_MAX 60000 /* what a pipe holds */

static const char *const framings[] = { "leat", "raw", "lines", "nul", "length" };

/* A receiver and the plain descriptor at the other end of its pipe. */
static struct leat_channel *open_pipe(const char *framing, int *ret_fd) {
        struct leat_channel *channel;
        char address[128];
        int fds[2];
        REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
        snprintf(address, sizeof(address), "pipe:fd=%d?framing=%s&size=64k&aside=16k", fds[0], framing);
        REQUIRE(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &channel) == 0);
        *ret_fd = fds[1];
        return channel;
}

/* The same of a socket: a channel's other end, made a plain descriptor. NULL: not in this framing. */
static struct leat_channel *open_socket(const char *scheme, const char *framing, int *ret_fd) {
        struct leat_channel *channel, *other;
        char address[128];
        int fds[2];
        snprintf(address, sizeof(address), "%s:?pattern=pair&framing=%s&size=64k&aside=16k", scheme, framing);
        int r = leat_pair(address, NULL, &channel, &other);
        if (r == -ENOTSUP)
                return NULL;
        REQUIRE(r == 0 && leat_detach(other, fds) == 0);
        *ret_fd = fds[1];
        return channel;
}

static void write_cut(int fd, const uint8_t *data, size_t size, size_t step) {
        if (size / step >= WRITES_MAX)
                step = size / WRITES_MAX + 1;
        for (size_t at = 0; at < size; at += step) {
                size_t n = size - at < step ? size - at : step;
                if (write(fd, data + at, n) < 0)
                        break; /* a socket that is full: what is in it will do */
        }
        close(fd);
}

static bool is_known(ssize_t r) {
        return r >= 0 || r == -EAGAIN || r == -ENODATA || r == -EMSGSIZE || r == -ENOBUFS || r == -EBADMSG ||
               r == -EPROTONOSUPPORT || r == -ECONNREFUSED || r == -EMFILE || r == -ENOTSUP || r == -EBUSY ||
               r == -ENOMEM;
}

/* Receive it again with the size that was told. */
static void receive_larger(struct leat_channel *channel, int64_t select, const struct leat_message *told) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        REQUIRE(told->size_bytes > 0 && told->size_bytes <= 65536);
        char *buffer = malloc(told->size_bytes);
        REQUIRE(buffer);
        ssize_t n = leat_receive(channel, select, buffer, told->size_bytes, LEAT_NOW, &about);
        REQUIRE(n == (ssize_t)told->size_bytes && about.size_bytes == told->size_bytes && about.type == told->type);
        free(buffer);
}

/* Several with one call: as if they had come one by one. The size of the last, or the error of the first. */
static ssize_t receive_many(struct leat_channel *channel, int64_t select, void *buffer, size_t size,
                            struct leat_message *ret_about) {
        struct leat_incoming messages[3];
        for (size_t i = 0; i < 3; i++)
                messages[i] =
                        (struct leat_incoming){ .buffer = buffer, .size_bytes = size, .about = LEAT_MESSAGE_INIT };
        ssize_t n = leat_receive_many(channel, select, messages, 3, LEAT_NOW);
        REQUIRE(n != 0 && n <= 3);
        for (ssize_t i = 0; i < n; i++)
                REQUIRE(messages[i].about.type >= 1 && messages[i].about.size_bytes <= size);
        *ret_about = messages[n > 0 ? n - 1 : 0].about;
        return n > 0 ? (ssize_t)ret_about->size_bytes : n;
}

static void receive_all(struct leat_channel *channel, int64_t select, size_t limit) {
        for (size_t i = 0;; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                static char buffer[BYTES_MAX];
                size_t place = i % 4 == 3 ? sizeof(buffer) : 100; /* large ones land in the first */
                REQUIRE(i < limit);
                ssize_t n = i % 4 == 1 ? receive_many(channel, select, buffer, place, &about)
                                       : leat_receive(channel, select, buffer, place, LEAT_NOW, &about);
                REQUIRE(is_known(n) && n <= (ssize_t)place);
                if (n >= 0)
                        REQUIRE(about.type >= 1 && (select == LEAT_ANY || about.type <= llabs(select)));
                if (n == -EMSGSIZE)
                        receive_larger(channel, select, &about);
                if (select != LEAT_ANY && (n == -ENOBUFS || n == -ENODATA || n == -ENOTSUP))
                        select = LEAT_ANY; /* now take what was set aside; a framing without types has no selection */
                else if (n == -ENODATA)
                        return;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const int64_t selections[] = { LEAT_ANY, LEAT_TYPE(1), LEAT_TYPE(7), LEAT_AT_MOST(50) };
        if (size < 2)
                return 0;
        int fd = -1;
        size_t bytes = size - 2 < BYTES_MAX ? size - 2 : BYTES_MAX;
        const char *framing = framings[data[0] % 5];
        struct leat_channel *channel = data[0] / 5 % 3 == 0   ? open_pipe(framing, &fd)
                                       : data[0] / 5 % 3 == 1 ? open_socket("unix-stream", framing, &fd)
                                                              : open_socket("unix", framing, &fd);
        if (!channel)
                return 0;
        size_t step = data[1] / 4 + 1u;
        write_cut(fd, data + 2, bytes, data[0] / 5 % 3 == 2 ? 8 * step : step); /* a packet may hold several frames */
        receive_all(channel, selections[data[1] % 4], 2 * size + 16);
        leat_close(channel);
        return 0;
}
