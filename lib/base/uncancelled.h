/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_UNCANCELLED_H
#define LEAT_BASE_UNCANCELLED_H

/*
 * UNCANCELLED, at the beginning of a scope: no call of the system in it is a cancellation point (pthread_cancel(3)). A thread that ended in one would leave what it has locked, in a process that
 * lives: nobody would ever take it over. Both calls read and write a word of the thread: they cost nanoseconds, and may be made in a signal handler.
 */

#include "base/cleanup.h"

#include <pthread.h>

static inline int uncancelled_begin(void) {
        int before = PTHREAD_CANCEL_ENABLE;
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* cannot fail */
        return before;
}

static inline void uncancelled_end(const int *before) {
        (void)pthread_setcancelstate(*before, NULL);
}

#define UNCANCELLED CLEANUP(uncancelled_end) __attribute__((unused)) const int uncancelled_before = uncancelled_begin()

#endif
