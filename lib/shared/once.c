/* SPDX-License-Identifier: MIT */

/* One word: 0; who is doing it; done (docs/design/shared.md, "Locks"). */
#include "shared/waiting.h"

#include <limits.h>

#define SLOT UINT64_C(0xffff)
#define THREAD UINT64_C(0x0fff0000)
#define NAME (REGION_MARK_BITS | THREAD)
#define DONE (UINT64_C(1) << 30)
#define WAITED (UINT64_C(1) << 31)

static inline _Atomic uint64_t *word_of(const struct leat_once *once) {
        return (_Atomic uint64_t *)(uintptr_t)&once->words[0];
}

/* The lower half: little-endian, as all of a region. */
static inline _Atomic uint32_t *futex_of(const struct leat_once *once) {
        return (_Atomic uint32_t *)(uintptr_t)&once->words[0];
}

static inline int check(const struct leat_region *region, const struct leat_once *once) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (!region->header)
                return -ENOTSUP;
        return region_has(region, once, sizeof *once, sizeof once->words[0]) ? 0 : -EINVAL;
}

static inline uint64_t name_here(const struct leat_region *region) {
        return region->mark | (uint64_t)region_thread() << 16;
}

static bool become(const struct leat_once *once, uint64_t word, uint64_t me) {
        /* Acquire: what a dead one did of it is seen. Those who wait for that one wait for this one: the bit stays. */
        return atomic_compare_exchange_strong_explicit(word_of(once), &word, me | (word & WAITED), memory_order_acq_rel,
                                                       memory_order_relaxed);
}

enum { CHANGED = 2, WAIT = 3 };

/* From a dead one; not before its transaction is rolled back. */
static int take_over(struct leat_region *region, const struct leat_once *once, uint64_t me, uint64_t word,
                     int64_t deadline) {
        int r = mutex_roll_back(region, deadline);
        if (r < 0)
                return r;
        return become(once, word, me) ? 1 : CHANGED;
}

struct look {
        bool asks; /* for the evidence of who does it */
        int64_t deadline;
};

/* 1, 0, -EDEADLK, or why a dead one cannot be taken over from; CHANGED, WAIT. */
static int look(struct leat_region *region, const struct leat_once *once, uint64_t me, uint64_t word,
                const struct look *how) {
        if (word & DONE)
                return 0;
        if ((word & SLOT) == 0)
                return become(once, word, me) ? 1 : CHANGED;
        if (how->asks && region_is_dead(region, word))
                return take_over(region, once, me, word, how->deadline);
        /* Threads without a number of their own are not told apart. */
        return (word & NAME) == me && (word & THREAD) != 0 ? -EDEADLK : WAIT;
}

static void sleep_on(const struct leat_once *once, uint64_t word, int64_t until) {
        /* What is compared is the whole word, so it is not done meanwhile. */
        if (!(word & WAITED) && !atomic_compare_exchange_strong_explicit(word_of(once), &word, word | WAITED,
                                                                         memory_order_relaxed, memory_order_relaxed))
                return;
        region_sleep(futex_of(once), (uint32_t)(word | WAITED), until);
}

static int wait_for(struct leat_region *region, struct leat_once *once, int64_t deadline) {
        uint64_t me = name_here(region);
        for (int64_t asked = 0;;) {
                int64_t now = leat_now();
                bool over = now >= deadline, asks = over || now - asked >= LOOK_EACH_NS;
                /* Acquire, also of an owner's name: the incarnation of its slot is seen with it. */
                uint64_t word = atomic_load_explicit(word_of(once), memory_order_acquire);
                int r = look(region, once, me, word, &(struct look){ asks, deadline });
                if (r < CHANGED)
                        return r;
                if (r == CHANGED)
                        continue;
                if (over)
                        return deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
                asked = asks ? now : asked;
                sleep_on(once, word, deadline < asked + LOOK_EACH_NS ? deadline : asked + LOOK_EACH_NS);
        }
}

int leat_once_begin(struct leat_region *region, struct leat_once *once, int64_t deadline) {
        int r = check(region, once);
        if (r < 0)
                return r;
        /* Acquire pairs with leat_once_done(): what was done is seen. */
        if (atomic_load_explicit(word_of(once), memory_order_acquire) & DONE)
                return 0;
        r = region_check_write(region);
        return r < 0 ? r : wait_for(region, once, deadline);
}

int leat_once_done(struct leat_region *region, struct leat_once *once) {
        int r = check(region, once);
        if (r == 0)
                r = region_check_write(region);
        if (r < 0)
                return r;
        uint64_t word = atomic_load_explicit(word_of(once), memory_order_relaxed);
        if ((word & DONE) || (word & NAME) != name_here(region))
                return -EPERM;
        /* Release pairs with leat_once_begin(). */
        word = atomic_exchange_explicit(word_of(once), DONE, memory_order_release);
        if (word & WAITED)
                region_wake(futex_of(once), INT_MAX);
        return 0;
}
