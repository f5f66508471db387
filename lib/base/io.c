/* SPDX-License-Identifier: MIT */
#include "base/io.h"

#include "base/cleanup.h"
#include "base/rare.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/message.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100 /* Linux 6.18 */
#endif

/* preadv2 and pwritev2 at the current position; musl has them only since 1.2.5. */
static ssize_t vector_io(long call, int fd, const struct iovec *parts, int count, int flags) {
        return syscall(call, fd, parts, (long)count, -1L, -1L, flags);
}

struct io_features io_features = { .nowait = true, .nosignal = true, .reopen = true };

/* Learned from the first refusal of the kernel; a race only asks it twice. */
static atomic_bool nosignal_refused;

static ssize_t result(ssize_t n) {
        return n < 0 ? -errno : n;
}

static bool ready(int fd, short events) {
        struct pollfd poll_fd = { .fd = fd, .events = events };
        return poll(&poll_fd, 1, 0) == 1;
}

static bool nowait_works(int fd) {
        struct iovec none = { .iov_base = NULL, .iov_len = 0 };
        /* An empty transfer checks the flags and moves nothing; either direction will do. */
        return io_features.nowait && (vector_io(SYS_preadv2, fd, &none, 1, RWF_NOWAIT) == 0 ||
                                      (errno == EBADF && vector_io(SYS_pwritev2, fd, &none, 1, RWF_NOWAIT) == 0));
}

static int reopen(int fd, int flags) {
        char path[32];
        if (!io_features.reopen)
                return -EACCES;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        int twin = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        return twin < 0 ? -errno : twin;
}

int io_adopt(int fd, struct io *ret_io) {
        struct stat status;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (S_ISSOCK(status.st_mode)) {
                *ret_io = (struct io){ .fd = fd, .kind = IO_SOCKET };
                return 0;
        }
        if (S_ISREG(status.st_mode)) { /* always ready for poll(), and RWF_NOWAIT would refuse what is not cached */
                *ret_io = (struct io){ .fd = fd, .kind = IO_NONBLOCKING };
                return 0;
        }
        if (nowait_works(fd)) {
                *ret_io = (struct io){ .fd = fd, .kind = IO_NOWAIT };
                return 0;
        }
        int twin = reopen(fd, flags);
        if (twin >= 0) {
                close_fd(fd);
                *ret_io = (struct io){ .fd = twin, .kind = IO_NONBLOCKING };
                return 0;
        }
        *ret_io = (struct io){ .fd = fd, .kind = IO_POLLED };
        return 0;
}

/* What is no socket, and may wait. */
static ASIDE ssize_t read_carefully(const struct io *io, const struct iovec *parts, int count) {
        if (io->kind == IO_NOWAIT)
                return vector_io(SYS_preadv2, io->fd, parts, count, RWF_NOWAIT);
        if (ready(io->fd, POLLIN))
                return readv(io->fd, parts, count);
        errno = EAGAIN;
        return -1;
}

static ssize_t receive_parts(const struct io *io, const struct iovec *parts, int count) {
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
        return count == 1 ? recv(io->fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT)
                          : recvmsg(io->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
}

USUAL ssize_t read_once(const struct io *io, const struct iovec *parts, int count) {
        if (io->kind == IO_SOCKET)
                return receive_parts(io, parts, count);
        if (io->kind == IO_NONBLOCKING)
                return count == 1 ? read(io->fd, parts->iov_base, parts->iov_len) : readv(io->fd, parts, count);
        return read_carefully(io, parts, count);
}

ssize_t io_read_parts(const struct io *io, const struct iovec *parts, int count) {
        ssize_t n;
        do
                n = read_once(io, parts, count);
        while (n < 0 && errno == EINTR);
        return result(n);
}

ssize_t io_read(const struct io *io, void *buffer, size_t size) {
        return io_read_parts(io, &(struct iovec){ .iov_base = buffer, .iov_len = size }, 1);
}

/* Write with SIGPIPE held back from this thread; one that we caused is taken, one that was
 * pending before stays. */
static ASIDE ssize_t write_masked(int fd, const struct iovec *parts, int count, int flags) {
        sigset_t pipe_set, old, pending;
        (void)sigemptyset(&pipe_set);
        (void)sigaddset(&pipe_set, SIGPIPE);
        (void)sigpending(&pending);
        int r = pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
        if (r != 0) {
                errno = r;
                return -1;
        }
        ssize_t n = flags ? vector_io(SYS_pwritev2, fd, parts, count, flags) : writev(fd, parts, count);
        int saved = errno;
        if (n < 0 && saved == EPIPE && !sigismember(&pending, SIGPIPE)) {
                const struct timespec none = { 0 };
                while (sigtimedwait(&pipe_set, NULL, &none) < 0 && errno == EINTR)
                        ;
        }
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        errno = saved;
        return n;
}

static ssize_t write_quietly(int fd, const struct iovec *parts, int count, int flags) {
        /* Relaxed: only a hint, and wrong it costs one refused call. */
        if (io_features.nosignal && !atomic_load_explicit(&nosignal_refused, memory_order_relaxed)) {
                ssize_t n = vector_io(SYS_pwritev2, fd, parts, count, flags | RWF_NOSIGNAL);
                if (n >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS))
                        return n;
                atomic_store_explicit(&nosignal_refused, true, memory_order_relaxed);
        }
        return write_masked(fd, parts, count, flags);
}

/* At most PIPE_BUF bytes of parts: after POLLOUT so many do not block on a pipe. */
static int limit_parts(const struct iovec *parts, int count, struct iovec *ret_parts) {
        size_t left = PIPE_BUF;
        int n = 0;
        for (; n < count && n < 2 && left > 0; n++) {
                ret_parts[n] = parts[n];
                if (ret_parts[n].iov_len > left)
                        ret_parts[n].iov_len = left;
                left -= ret_parts[n].iov_len;
        }
        return n;
}

/* What is no socket, and may wait. */
static ASIDE ssize_t write_carefully(const struct io *io, const struct iovec *parts, int count) {
        struct iovec few[2];
        if (io->kind == IO_NOWAIT)
                return write_quietly(io->fd, parts, count, RWF_NOWAIT);
        if (ready(io->fd, POLLOUT))
                return write_quietly(io->fd, few, limit_parts(parts, count, few), 0);
        errno = EAGAIN;
        return -1;
}

USUAL ssize_t write_once(const struct io *io, const struct iovec *parts, int count) {
        if (io->kind == IO_SOCKET)
                return send(io->fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (io->kind == IO_NONBLOCKING)
                return write_quietly(io->fd, parts, count, 0);
        return write_carefully(io, parts, count);
}

static ssize_t send_parts(const struct io *io, const struct iovec *parts, int count) {
        const struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
        return io_send_message(io->fd, &message);
}

ssize_t io_write(const struct io *io, const struct iovec *parts, int count) {
        ssize_t n;
        if (io->kind == IO_SOCKET && count != 1) /* none: an empty packet */
                return send_parts(io, parts, count);
        do
                n = write_once(io, parts, count);
        while (n < 0 && errno == EINTR);
        return result(n);
}

ssize_t io_receive_message(int fd, struct msghdr *message) {
        ssize_t n;
        do
                n = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        return result(n);
}

ssize_t io_send_message(int fd, const struct msghdr *message) {
        ssize_t n;
        do
#ifdef __GLIBC__
                n = sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
#else
                /* musl copies the control data to clear their padding, into less than 253 descriptors take. */
                n = syscall(SYS_sendmsg, fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
#endif
        while (n < 0 && errno == EINTR);
        return result(n);
}

void io_add_control(struct msghdr *header, int level, int type, const void *bytes, size_t size) {
        struct cmsghdr *control = (struct cmsghdr *)((char *)header->msg_control + header->msg_controllen);
        memset(control, 0, CMSG_SPACE(size));
        control->cmsg_level = level;
        control->cmsg_type = type;
        control->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(control), bytes, size);
        header->msg_controllen += CMSG_SPACE(size);
}

ssize_t io_send_descriptors(int fd, const struct iovec *parts, int count, const int *descriptors,
                            size_t descriptors_count) {
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(LEAT_DESCRIPTORS_MAX * sizeof(int))];
        } control;
        struct msghdr message = { .msg_iov = (struct iovec *)parts,
                                  .msg_iovlen = (size_t)count,
                                  .msg_control = control.bytes };
        io_add_control(&message, SOL_SOCKET, SCM_RIGHTS, descriptors, descriptors_count * sizeof(int));
        return io_send_message(fd, &message);
}

void io_reset_at_close(int fd, bool on) {
        const struct linger linger = { .l_onoff = on };
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)); /* cannot fail on a socket */
}
