/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static _Atomic enum torture torturing;
static _Atomic long calls_left;
static int error_given;
static const char *_Atomic failed_call;
static const char *spared_call;
static _Atomic long outstanding, held_bytes, held_buffers;
static const char *_Atomic counted_call; /* "": for memory */
static _Atomic long counted;
static unsigned calls_before;
static void (*meeting)(void);

void torture_start(enum torture which, unsigned n, int error) {
        calls_left = n;
        error_given = error;
        failed_call = NULL;
        torturing = which;
}

void torture_spare(const char *name) {
        spared_call = name;
}

bool torture_stop(const char **ret_name) {
        torturing = TORTURE_NOTHING;
        *ret_name = failed_call;
        return failed_call != NULL;
}

const char *torture_failed(void) {
        return failed_call;
}

void torture_count(const char *name) {
        counted_call = name ? name : "";
        counted = 0;
}

long torture_counted(void) {
        return counted;
}

static void count(enum torture which, const char *name) {
        const char *call = counted_call;
        if (call && (call[0] ? strcmp(call, name) == 0 : which == TORTURE_MEMORY))
                counted++;
}

void torture_meet(unsigned n, void (*act)(void)) {
        calls_before = n;
        meeting = act;
}

bool torture_met(void) {
        bool met = !meeting;
        meeting = NULL;
        return met;
}

/* Its own calls are none that it is before. */
static void meet(enum torture which) {
        void (*act)(void) = meeting;
        if (!act || which != TORTURE_SYSTEM || --calls_before > 0)
                return;
        meeting = NULL;
        act();
}

long torture_outstanding(void) {
        return outstanding;
}

void torture_held(long *ret_bytes, long *ret_buffers) {
        *ret_bytes = held_bytes;
        *ret_buffers = held_buffers;
}

/* It is there from now on, or (-1) no more. */
static void *hold(void *memory, int sign) {
        size_t size = malloc_usable_size(memory);
        if (size >= TORTURE_BUFFER)
                held_buffers += sign;
        else
                held_bytes += sign * (long)size;
        outstanding += memory ? sign : 0;
        return memory;
}

/* A thread of the library's (a System V queue's) makes calls too: so the counts are atomic, and what is counted there is no
 * other call's. Relaxed: which of two threads has the n-th call does not matter, and who asks which it was has joined. */
bool torture_is_due(enum torture which, const char *name) {
        count(which, name);
        meet(which);
        if (torturing != which || calls_left == 0 || (spared_call && strcmp(name, spared_call) == 0) ||
            atomic_fetch_sub_explicit(&calls_left, 1, memory_order_relaxed) != 1)
                return false;
        failed_call = name;
        errno = error_given;
        return true;
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
        void *memory = torture_is_due(TORTURE_MEMORY, "malloc") ? NULL : __real_malloc(size);
        return hold(memory, 1);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
        void *memory = torture_is_due(TORTURE_MEMORY, "calloc") ? NULL : __real_calloc(count, size);
        return hold(memory, 1);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size) {
        if (torture_is_due(TORTURE_MEMORY, "realloc"))
                return NULL;
        hold(old, -1);
        void *memory = __real_realloc(old, size);
        (void)hold(memory ? memory : old, 1);
        return memory;
}

char *__real_strndup(const char *text, size_t size);
char *__wrap_strndup(const char *text, size_t size);
char *__wrap_strndup(const char *text, size_t size) {
        char *memory = torture_is_due(TORTURE_MEMORY, "strndup") ? NULL : __real_strndup(text, size);
        return hold(memory, 1);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) {
        char *memory = torture_is_due(TORTURE_MEMORY, "strdup") ? NULL : __real_strdup(text);
        return hold(memory, 1);
}

int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **ret_text, const char *format, ...) {
        va_list list;
        va_start(list, format);
        int n = torture_is_due(TORTURE_MEMORY, "asprintf") ? -1 : vasprintf(ret_text, format, list);
        va_end(list);
        if (n >= 0)
                hold(*ret_text, 1);
        return n;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory) {
        hold(memory, -1);
        __real_free(memory);
}

/* ---- the system ---- */

WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, socketpair, (int domain, int type, int protocol, int *fds), (domain, type, protocol, fds))
WRAP(int, pipe2, (int *fds, int flags), (fds, flags))
WRAP(int, eventfd, (unsigned value, int flags), (value, flags))
WRAP(int, epoll_create1, (int flags), (flags))
WRAP(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event), (epoll, operation, fd, event))
WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int timeout), (epoll, events, most, timeout))
WRAP(int, accept4, (int fd, struct sockaddr *name, socklen_t *size, int flags), (fd, name, size, flags))
WRAP(int, bind, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))
WRAP(int, listen, (int fd, int backlog), (fd, backlog))
WRAP(int, connect, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size))
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size))
WRAP(int, inotify_init1, (int flags), (flags))
WRAP(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))

void (*torture_sees_flock)(void);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation) {
        if (torture_sees_flock)
                torture_sees_flock();
        return torture_is_due(TORTURE_SYSTEM, "flock") ? -1 : __real_flock(fd, operation);
}

WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags))
WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
WRAP(int, ppoll, (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (fds, count, timeout, mask))
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WRAP(ssize_t, recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
WRAP(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size))
WRAP(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))

int real_open(const char *path, int flags, mode_t mode) WIDE("__real_", open);
int wrap_open(const char *path, int flags, mode_t mode) WIDE("__wrap_", open);
int wrap_open(const char *path, int flags, mode_t mode) {
        return torture_is_due(TORTURE_SYSTEM, "open") ? -1 : real_open(path, flags, mode);
}

int real_openat(int directory, const char *path, int flags, mode_t mode) WIDE("__real_", openat);
int wrap_openat(int directory, const char *path, int flags, mode_t mode) WIDE("__wrap_", openat);
int wrap_openat(int directory, const char *path, int flags, mode_t mode) {
        return torture_is_due(TORTURE_SYSTEM, "openat") ? -1 : real_openat(directory, path, flags, mode);
}

int real_fcntl(int fd, int command, long argument) WIDE("__real_", fcntl);
int wrap_fcntl(int fd, int command, long argument) WIDE("__wrap_", fcntl);
void (*torture_sees_fcntl)(int fd, int command);
int wrap_fcntl(int fd, int command, long argument) {
        if (torture_sees_fcntl)
                torture_sees_fcntl(fd, command);
        /* To ask for flags and to set them never fails on a descriptor that is there. */
        bool may_fail = command == F_DUPFD_CLOEXEC || command == F_SETPIPE_SZ || command == F_OFD_SETLK;
        return may_fail && torture_is_due(TORTURE_SYSTEM, "fcntl") ? -1 : real_fcntl(fd, command, argument);
}

int real_fstat(int fd, struct stat *status) WIDE("__real_", fstat);
int wrap_fstat(int fd, struct stat *status) WIDE("__wrap_", fstat);
int wrap_fstat(int fd, struct stat *status) {
        return torture_is_due(TORTURE_SYSTEM, "fstat") ? -1 : real_fstat(fd, status);
}

int real_fstatat(int directory, const char *path, struct stat *status, int flags) WIDE("__real_", fstatat);
int wrap_fstatat(int directory, const char *path, struct stat *status, int flags) WIDE("__wrap_", fstatat);
int wrap_fstatat(int directory, const char *path, struct stat *status, int flags) {
        return torture_is_due(TORTURE_SYSTEM, "fstatat") ? -1 : real_fstatat(directory, path, status, flags);
}
