/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_CLEANUP_H
#define LEAT_BASE_CLEANUP_H

/*
 * Cleanup by scope: a constructor fills a guarded local and hands it out with TAKE() in its last
 * lines; every way out before that frees what there is. Descriptors start at -1.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* The value of a guarded pointer, which is then no longer freed at the end of its scope. */
#define TAKE(pointer)                                                                                                  \
        ({                                                                                                             \
                __typeof__(pointer) taken_ = (pointer);                                                                \
                (pointer) = NULL;                                                                                      \
                taken_;                                                                                                \
        })

static inline int take_fd(int *fd) {
        int taken = *fd;
        *fd = -1;
        return taken;
}

/* Closes what is open, keeps errno; for descriptors that start at -1. */
static inline int close_fd(int fd) {
        if (fd >= 0) {
                int saved = errno;
                (void)close(fd); /* Linux: EINTR has closed it too */
                errno = saved;
        }
        return -1;
}

static inline void close_fd_at(int *fd) {
        *fd = close_fd(*fd);
}

static inline void free_at(void *pointer) {
        free(*(void **)pointer);
}

#define CLOSE_AT_EXIT CLEANUP(close_fd_at)
#define FREE_AT_EXIT CLEANUP(free_at)

#endif
