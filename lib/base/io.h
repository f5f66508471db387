/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_IO_H
#define LEAT_BASE_IO_H

/*
 * Reads and writes that never wait, never raise SIGPIPE and never change the flags of a descriptor
 * that we were given (docs/design/contract.md, section 8).
 */

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What the descriptor is decides how it is read and written without waiting. */
enum io_kind {
        IO_SOCKET,      /* MSG_DONTWAIT, MSG_NOSIGNAL */
        IO_NONBLOCKING, /* a pipe or file whose O_NONBLOCK is ours */
        IO_NOWAIT,      /* preadv2 and pwritev2 with RWF_NOWAIT */
        IO_POLLED       /* poll first; then at most PIPE_BUF bytes */
};

struct io {
        int fd; /* -1: there is none */
        enum io_kind kind;
};

#define IO_NONE ((struct io){ .fd = -1 })

/* What the tests may forbid, to walk the paths of older kernels. All true at first. */
struct io_features {
        bool nowait;   /* RWF_NOWAIT on pipes */
        bool nosignal; /* RWF_NOSIGNAL */
        bool reopen;   /* /proc/self/fd */
};
extern struct io_features io_features;

/*
 * Take a descriptor that is not ours alone, and find a way to use it without waiting. On success *ret_io owns
 * `fd`, or a reopened twin in its place (then `fd` is closed). On failure `fd` stays the caller's.
 */
int io_adopt(int fd, struct io *ret_io);

/* A negative errno, or how many bytes. -EAGAIN: it would wait. 0 from a read: the end. */
ssize_t io_read(const struct io *io, void *buffer, size_t size);
ssize_t io_read_parts(const struct io *io, const struct iovec *parts, int count);
ssize_t io_write(const struct io *io, const struct iovec *parts, int count);

/* recvmsg and sendmsg on a socket, with MSG_DONTWAIT, MSG_NOSIGNAL and MSG_CMSG_CLOEXEC. What is sent has its padding
 * cleared, also that of its control data. */
ssize_t io_receive_message(int fd, struct msghdr *message);
ssize_t io_send_message(int fd, const struct msghdr *message);

/* Control data behind what there is of it; msg_control has room for CMSG_SPACE(size) more. */
void io_add_control(struct msghdr *header, int level, int type, const void *bytes, size_t size);

/* The same with descriptors: 1 to LEAT_DESCRIPTORS_MAX. */
ssize_t io_send_descriptors(int fd, const struct iovec *parts, int count, const int *descriptors,
                            size_t descriptors_count);

/* A TCP socket: on: closing it resets the connection, whatever it holds. */
void io_reset_at_close(int fd, bool on);

#endif
