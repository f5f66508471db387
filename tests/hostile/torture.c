/* SPDX-License-Identifier: MIT */
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static enum torture torturing;
static unsigned calls_left;
static int error_given;
static const char *failed_call;
static long outstanding;

void torture_start(enum torture which, unsigned n, int error) {
        calls_left = n;
        error_given = error;
        failed_call = NULL;
        torturing = which;
}

bool torture_stop(const char **ret_name) {
        torturing = TORTURE_NOTHING;
        *ret_name = failed_call;
        return failed_call != NULL;
}

const char *torture_failed(void) {
        return failed_call;
}

long torture_outstanding(void) {
        return outstanding;
}

static bool is_the_one(enum torture which, const char *name) {
        if (torturing != which || calls_left == 0 || --calls_left > 0)
                return false;
        failed_call = name;
        errno = error_given;
        return true;
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
        void *memory = is_the_one(TORTURE_MEMORY, "malloc") ? NULL : __real_malloc(size);
        outstanding += memory != NULL;
        return memory;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
        void *memory = is_the_one(TORTURE_MEMORY, "calloc") ? NULL : __real_calloc(count, size);
        outstanding += memory != NULL;
        return memory;
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size) {
        bool fresh = !old;
        void *memory = is_the_one(TORTURE_MEMORY, "realloc") ? NULL : __real_realloc(old, size);
        outstanding += fresh && memory;
        return memory;
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) {
        char *memory = is_the_one(TORTURE_MEMORY, "strdup") ? NULL : __real_strdup(text);
        outstanding += memory != NULL;
        return memory;
}

int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **ret_text, const char *format, ...) {
        va_list list;
        va_start(list, format);
        int n = is_the_one(TORTURE_MEMORY, "asprintf") ? -1 : vasprintf(ret_text, format, list);
        va_end(list);
        outstanding += n >= 0;
        return n;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory) {
        outstanding -= memory != NULL;
        __real_free(memory);
}

/* ---- the system ---- */

#define WRAP(type, name, parameters, arguments)                                                                        \
        type __real_##name parameters;                                                                                 \
        type __wrap_##name parameters;                                                                                 \
        type __wrap_##name parameters {                                                                                \
                return is_the_one(TORTURE_SYSTEM, #name) ? -1 : __real_##name arguments;                               \
        }

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
WRAP(int, flock, (int fd, int operation), (fd, operation))
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

/* These have another name where offsets are made to have 64 bits, which glibc does with the name of the symbol. */
#ifdef __GLIBC__
#define WIDE(prefix, name) __asm__(prefix #name "64")
#else
#define WIDE(prefix, name) __asm__(prefix #name)
#endif

int real_open(const char *path, int flags, mode_t mode) WIDE("__real_", open);
int wrap_open(const char *path, int flags, mode_t mode) WIDE("__wrap_", open);
int wrap_open(const char *path, int flags, mode_t mode) {
        return is_the_one(TORTURE_SYSTEM, "open") ? -1 : real_open(path, flags, mode);
}

int real_openat(int directory, const char *path, int flags, mode_t mode) WIDE("__real_", openat);
int wrap_openat(int directory, const char *path, int flags, mode_t mode) WIDE("__wrap_", openat);
int wrap_openat(int directory, const char *path, int flags, mode_t mode) {
        return is_the_one(TORTURE_SYSTEM, "openat") ? -1 : real_openat(directory, path, flags, mode);
}

int real_fcntl(int fd, int command, long argument) WIDE("__real_", fcntl);
int wrap_fcntl(int fd, int command, long argument) WIDE("__wrap_", fcntl);
int wrap_fcntl(int fd, int command, long argument) {
        /* To ask for flags and to set them never fails on a descriptor that is there. */
        bool may_fail = command == F_DUPFD_CLOEXEC || command == F_SETPIPE_SZ;
        return may_fail && is_the_one(TORTURE_SYSTEM, "fcntl") ? -1 : real_fcntl(fd, command, argument);
}

int real_fstat(int fd, struct stat *status) WIDE("__real_", fstat);
int wrap_fstat(int fd, struct stat *status) WIDE("__wrap_", fstat);
int wrap_fstat(int fd, struct stat *status) {
        return is_the_one(TORTURE_SYSTEM, "fstat") ? -1 : real_fstat(fd, status);
}

int real_fstatat(int directory, const char *path, struct stat *status, int flags) WIDE("__real_", fstatat);
int wrap_fstatat(int directory, const char *path, struct stat *status, int flags) WIDE("__wrap_", fstatat);
int wrap_fstatat(int directory, const char *path, struct stat *status, int flags) {
        return is_the_one(TORTURE_SYSTEM, "fstatat") ? -1 : real_fstatat(directory, path, status, flags);
}
