/* SPDX-License-Identifier: MIT */
#include "shared/waiting.h"

#include "base/processor.h"
#include "base/rare.h"

#include <limits.h>
#include <sched.h>

#define LONG_NS INT64_C(1000000) /* who has waited for so long goes first */
#define KEPT_MS 10               /* ... for so long, or until it says so again */
#define YIELDS 20
#define SPINS 60 /* some tens of nanoseconds each */

/* ---- to wake ---- */

static bool count_down(struct waiting *waiting) {
        uint32_t sleepers = atomic_load_explicit(&waiting->sleepers, memory_order_relaxed);
        while (sleepers != 0)
                if (atomic_compare_exchange_weak_explicit(&waiting->sleepers, &sleepers, sleepers - 1,
                                                          memory_order_relaxed, memory_order_relaxed))
                        return true;
        return false;
}

RARE void waiting_wake(struct waiting *waiting) {
        if (!count_down(waiting))
                return;
        /* Release pairs with the acquire of waiting_wait(): whoever remembered the new number looks behind the change. */
        (void)atomic_fetch_add_explicit(&waiting->rung, 1, memory_order_release);
        region_wake(&waiting->rung, 1);
}

/* ---- who goes first ---- */

static uint32_t in_ms(int64_t now) {
        return (uint32_t)(now / 1000000) | 1;
}

RARE bool waiting_is_kept(waiting_first *first) {
        uint32_t until = atomic_load_explicit(first, memory_order_relaxed);
        int32_t left = (int32_t)(until - in_ms(leat_now()));
        if (until == 0 || (left > 0 && left <= KEPT_MS))
                return until != 0;
        /* Over, or never said so: the next one need not ask the clock. */
        (void)atomic_compare_exchange_strong_explicit(first, &until, 0, memory_order_relaxed, memory_order_relaxed);
        return false;
}

static void keep(waiting_first *first, int64_t now) {
        atomic_store_explicit(first, in_ms(now) + KEPT_MS, memory_order_relaxed);
}

/* It got it, or gave up. Others that have waited for long say so again at their next look. */
static void keep_no_more(waiting_first *first) {
        atomic_store_explicit(first, 0, memory_order_relaxed);
        region_wake(first, INT_MAX);
}

/* ---- to wait ---- */

static int64_t sooner(int64_t a, int64_t b) {
        return a < b ? a : b;
}

/* A look, and if it was in vain a sleep. Returns what the look said. */
static int look_and_sleep(struct waiting *waiting, int (*look)(void *what), void *what, int64_t until) {
        uint32_t rung = atomic_load_explicit(&waiting->rung, memory_order_acquire);
        /* seq_cst: waiting_ring(). Behind `rung`: who counts this one down counts that up after it. */
        (void)atomic_fetch_add_explicit(&waiting->sleepers, 1, memory_order_seq_cst);
        int r = look(what);
        if (r == -EAGAIN)
                region_sleep(&waiting->rung, rung, until);
        if (atomic_load_explicit(&waiting->rung, memory_order_relaxed) == rung)
                (void)count_down(waiting);
        return r;
}

/* Until those that waited for longer are through. */
static void give_way(const waiting_first *first, int64_t until) {
        uint32_t kept = atomic_load_explicit(first, memory_order_relaxed);
        if (kept != 0)
                region_sleep(first, kept, until);
}

ASIDE int waiting_wait(struct waiting *waiting, waiting_first *first, int (*look)(void *what), void *what,
                       int64_t deadline) {
        int64_t began = leat_now(), now = began;
        bool is_first = false;
        for (;; now = leat_now()) {
                /* At the deadline one looks once more, whoever goes first. */
                bool over = now >= deadline;
                int64_t until = over ? 0 : sooner(deadline, now + LOOK_EACH_NS);
                int r = -EAGAIN;
                is_first = now - began >= LONG_NS;
                if (is_first)
                        keep(first, now);
                if (is_first || over || !waiting_goes_first(first))
                        r = look_and_sleep(waiting, look, what, until);
                else
                        give_way(first, until);
                if (r == -EAGAIN && !over)
                        continue;
                if (is_first)
                        keep_no_more(first);
                return r == -EAGAIN ? -ETIMEDOUT : r;
        }
}

unsigned waiting_spins(void) {
        return processors_are_many() ? SPINS : 0;
}

/* ---- internal mutexes ---- */

ASIDE int inner_lock_slowly(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline, int r) {
        for (unsigned left = YIELDS; r == -EAGAIN && left > 0; left--) {
                (void)sched_yield();
                r = mutex_lock(region, mutex, deadline);
        }
        if (r == -EOWNERDEAD) /* each change was one store: it is done or not */
                r = mutex_mend(region, mutex);
        return r == -EDEADLK ? -EBADMSG : r; /* no call of ours leaves it locked */
}
