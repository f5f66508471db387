/* SPDX-License-Identifier: MIT */

/* Streams of bytes: pipe(2), mkfifo(3), a unix socket, TCP on the loopback. */

#include "tools/leat/bench_bare.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int stream_send(struct end *end, const void *bytes, size_t size) {
        for (size_t at = 0; at < size;) {
                ssize_t n = write(end->out, (const char *)bytes + at, size - at);
                if (n < 0 && !bare_again())
                        return -errno;
                at += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static ssize_t stream_receive(struct end *end, void *buffer, size_t size) {
        for (size_t at = 0; at < size;) {
                ssize_t n = read(end->in, (char *)buffer + at, size - at);
                if (n == 0)
                        return -ENODATA;
                if (n < 0 && !bare_again())
                        return -errno;
                at += n > 0 ? (size_t)n : 0;
        }
        return (ssize_t)size;
}

BENCH_LOOPS(stream, stream_send, stream_receive)

static int prepare_pipe(struct end ends[2]) {
        int there[2], back[2];
        if (pipe2(there, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(back, O_CLOEXEC) < 0) {
                close_fd(there[0]);
                close_fd(there[1]);
                return -errno;
        }
        bare_join(ends, there, back);
        return bare_unblock(ends);
}

/* Both ends of one with a name: the reader first, without waiting for a writer, and then as it is to be. */
static int open_fifo(const struct setting *setting, unsigned number, int ret_fds[2]) {
        char path[BENCH_ADDRESS_SIZE];
        (void)snprintf(path, sizeof(path), "%s/bare-%u", setting->folder, number);
        if (mkfifo(path, 0600) < 0)
                return -errno;
        ret_fds[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        ret_fds[1] = ret_fds[0] < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
        int r = ret_fds[1] < 0 || fcntl(ret_fds[0], F_SETFL, 0) < 0 ? -errno : 0;
        (void)unlink(path);
        return r;
}

static int prepare_fifo(struct end ends[2]) {
        int there[2] = { -1, -1 }, back[2] = { -1, -1 };
        const struct setting *setting = ends[0].setting;
        int r = open_fifo(setting, 2 * setting->number, there);
        if (r == 0)
                r = open_fifo(setting, 2 * setting->number + 1, back);
        bare_join(ends, there, back);
        return r == 0 ? bare_unblock(ends) : r;
}

static int prepare_unix_stream(struct end ends[2]) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        ends[0].in = ends[0].out = fds[0];
        ends[1].in = ends[1].out = fds[1];
        return bare_unblock(ends);
}

/* Both are connected when this returns: the kernel does it without the listener's accept. */
static int connect_tcp(int listener, struct end ends[2]) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t size = sizeof(name);
        const int yes = 1;
        if (bind(listener, (struct sockaddr *)&name, size) < 0 || listen(listener, 1) < 0 ||
            getsockname(listener, (struct sockaddr *)&name, &size) < 0)
                return -errno;
        ends[0].in = ends[0].out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (ends[0].in < 0 || connect(ends[0].in, (struct sockaddr *)&name, size) < 0)
                return -errno;
        ends[1].in = ends[1].out = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (ends[1].in < 0)
                return -errno;
        for (int i = 0; i < 2; i++)
                if (setsockopt(ends[i].in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0)
                        return -errno;
        return bare_unblock(ends);
}

static int prepare_tcp(struct end ends[2]) {
        CLOSE_AT_EXIT int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return listener < 0 ? -errno : connect_tcp(listener, ends);
}

#define STREAM(variable, text, how)                                                                                    \
        const struct contender variable = {                                                                            \
                .name = "bare",                                                                                        \
                .what = (text),                                                                                        \
                .loops = { BENCH_LOOPS_OF(stream) },                                                                   \
                .prepare = (how),                                                                                      \
                .drop = bare_drop,                                                                                     \
        }

STREAM(bare_pipe, "write and read on a pipe, a message's bytes each", prepare_pipe);
STREAM(bare_fifo, "write and read on a named pipe, a message's bytes each", prepare_fifo);
STREAM(bare_unix_stream, "write and read on SOCK_STREAM, a message's bytes each", prepare_unix_stream);
STREAM(bare_tcp, "write and read on TCP with TCP_NODELAY, a message's bytes each", prepare_tcp);
