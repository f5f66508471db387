/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_WAITING_H
#define LEAT_SHARED_WAITING_H

/*
 * How semaphores and buffers wait: a waiting place in the region, and internal mutexes (docs/design/shared.md, "Locks"). Any words in a place harm nobody but by
 * waits of 10 ms and wakes in vain.
 */

#include "shared/mutex.h"

#include <leat/deadline.h>

#define LOOK_EACH_NS INT64_C(10000000) /* a wake that was lost with whoever was killed costs that */

struct waiting {
        _Atomic uint32_t rung;     /* futex: counted up by each that wakes one */
        _Atomic uint32_t sleepers; /* and those who are about to sleep; dead ones too, until they were woken in vain */
};

/* On a line with what they take: CLOCK_MONOTONIC in ms, odd: until then who has waited for long goes first; 0: nobody has. */
typedef _Atomic uint32_t waiting_first;

/*
 * By whoever changed what they wait for, behind that change. That is seq_cst, and so is the load: either this one sees the sleeper, or that one the change. Or both made it, and looked, with the
 * same mutex.
 */
void waiting_wake(struct waiting *waiting);
static inline void waiting_ring(struct waiting *waiting) {
        if (atomic_load_explicit(&waiting->sleepers, memory_order_seq_cst) != 0)
                waiting_wake(waiting);
}

/* Is somebody to go before those that come now? */
bool waiting_is_kept(waiting_first *first);
static inline bool waiting_goes_first(waiting_first *first) {
        return atomic_load_explicit(first, memory_order_relaxed) != 0 && waiting_is_kept(first);
}

/* How many looks, with spin_pause() between them, are less than a sleep and a wake: none where nobody else can run meanwhile. */
unsigned waiting_spins(void);

/* Call look(what) until it says something else than -EAGAIN. Returns that, or -ETIMEDOUT. Not with LEAT_NOW. */
int waiting_wait(struct waiting *waiting, waiting_first *first, int (*look)(void *what), void *what, int64_t deadline);

/*
 * Lock what no killed one leaves half done. 0; -ETIMEDOUT, -EAGAIN; -EBADMSG: somebody wrote this thread's name there. Its owner does a few stores: with LEAT_NOW one gives way to it some times, so that -EAGAIN seldom means
 * that alone.
 */
int inner_lock_slowly(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline, int r);
static inline int inner_lock(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline) {
        int r = mutex_lock(region, mutex, deadline);
        return r == 0 ? 0 : inner_lock_slowly(region, mutex, deadline, r);
}

#endif
