/* SPDX-License-Identifier: MIT */
#include "shared/region.h"

#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Numbers of threads: small ones, since a lock's word has 12 bits for them, and each is given back when its thread ends: in the last
 * round of its destructors, since those of others may unlock what it has. One that is taken in a destructor may come too late for that: when
 * there are no more, the kernel is asked which of the threads are gone. In a forked child the one thread that there is keeps its number, and all
 * others are free.
 */

#define THREADS 4096

/*
 * Relaxed throughout: a number orders nothing. It tells its thread from those that live at the same time, and one word says whose it is.
 */
static struct {
        pthread_once_t once;
        pthread_key_t key;
        bool ready;
        _Atomic pid_t owners[THREADS]; /* 0: nobody's */
} numbers = { .once = PTHREAD_ONCE_INIT };

REGION_THREAD_LOCAL uint32_t region_thread_mine;

static _Thread_local uint32_t rounds; /* of destructors, that this thread was in */
static _Thread_local bool searched;   /* this thread has looked for those that are gone */

static bool change(uint32_t n, pid_t from, pid_t to) {
        return atomic_compare_exchange_strong_explicit(&numbers.owners[n], &from, to, memory_order_relaxed,
                                                       memory_order_relaxed);
}

/* Those of threads that are gone are nobody's. */
static void search(void) {
        pid_t process = getpid();
        searched = true;
        for (uint32_t n = 1; n < THREADS; n++) {
                pid_t owner = atomic_load_explicit(&numbers.owners[n], memory_order_relaxed);
                if (owner != 0 && syscall(SYS_tgkill, process, owner, 0) < 0 && errno == ESRCH)
                        (void)change(n, owner, 0);
        }
}

/* Each round but the last asks for another one. */
static void end_thread(void *number) {
        if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(numbers.key, number) == 0)
                return;
        region_thread_mine = 0;
        (void)change((uint32_t)(uintptr_t)number, gettid(), 0);
}

/* What is nobody's is not written: the pages stay those of the parent. */
static void after_fork(void) {
        searched = false;
        for (uint32_t n = 1; n < THREADS; n++)
                if (atomic_load_explicit(&numbers.owners[n], memory_order_relaxed) != 0)
                        atomic_store_explicit(&numbers.owners[n], n == region_thread_mine ? gettid() : 0,
                                              memory_order_relaxed);
}

static void start(void) {
        numbers.ready =
                pthread_key_create(&numbers.key, end_thread) == 0 && pthread_atfork(NULL, NULL, after_fork) == 0;
}

/* 0 is nobody's number. */
static uint32_t take(void) {
        pid_t mine = gettid();
        for (uint32_t n = 1; n < THREADS; n++)
                if (atomic_load_explicit(&numbers.owners[n], memory_order_relaxed) == 0 && change(n, 0, mine))
                        return n;
        return 0;
}

uint32_t region_thread_take(void) {
        (void)pthread_once(&numbers.once, start);
        uint32_t n = numbers.ready ? take() : 0;
        if (n == 0 && numbers.ready && !searched) {
                search();
                n = take();
        }
        if (n > 0)
                (void)pthread_setspecific(numbers.key, (void *)(uintptr_t)n); /* else it is found by search() */
        return region_thread_mine = n;
}
