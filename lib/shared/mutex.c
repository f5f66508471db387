/* SPDX-License-Identifier: MIT */
#include "shared/mutex.h"

#include "base/rare.h"
#include "shared/evidence.h"
#include "shared/mutex_wait.h"
#include "shared/mutex_word.h"
#include "shared/transaction.h"

#include <limits.h>

#define UNLOCK_TRIES 1000 /* others add two bits to an owner's word, once each: more changes are a liar's */

int mutex_lock(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline) {
        uint64_t me = word_here(region), word = 0;
        /* Acquire pairs with the release of mutex_unlock(): what the last owner wrote is seen. Release pairs with the acquire in look(): who reads the name
         * reads the incarnation of its slot after it. */
        if (atomic_compare_exchange_strong_explicit(word_of(mutex), &word, me, memory_order_acq_rel,
                                                    memory_order_relaxed))
                return 0;
        return mutex_wait(region, mutex, me, deadline);
}

/* What an owner leaves: free; or, with somebody who starves, offered to that one. */
static uint64_t left_by(const struct leat_mutex *mutex, uint64_t word) {
        uint64_t next = 0;
        if (word & WORD_STARVES) /* acquire, with become_next(): the name goes on with what it stands for */
                next = atomic_load_explicit(next_of(mutex), memory_order_acquire) & WORD_NAME;
        if ((next & WORD_SLOT) == 0)
                return word & WORD_DAMAGED;
        return next | WORD_OFFERED | (word & (WORD_DAMAGED | WORD_STARVES | WORD_WAITED));
}

/* Who starves is woken if it is offered; and also if it is not, since it may have named itself only now. */
static void wake_after(struct leat_mutex *mutex, uint64_t word, uint64_t left) {
        if (word & WORD_STARVES)
                mutex_wake(mutex, INT_MAX, MUTEX_SLEEPS_NEXT);
        if ((word & WORD_WAITED) && !(left & WORD_OFFERED))
                mutex_wake(mutex, 1, MUTEX_SLEEPS_ANY);
}

/* Somebody waits, or it is damaged. */
static RARE int unlock_slowly(struct leat_mutex *mutex, uint64_t me, uint64_t word) {
        for (unsigned tries = 0; tries < UNLOCK_TRIES; tries++) {
                if ((word & (WORD_NAME | WORD_OFFERED)) != me)
                        return -EPERM;
                uint64_t was = word, left = left_by(mutex, word);
                /* Release pairs with the acquire of whoever gets it. */
                if (atomic_compare_exchange_strong_explicit(word_of(mutex), &word, left, memory_order_release,
                                                            memory_order_relaxed)) {
                        if (left & WORD_OFFERED) /* a new one */
                                mutex_forget_offer(mutex);
                        wake_after(mutex, was, left);
                        return 0;
                }
        }
        atomic_store_explicit(word_of(mutex), 0, memory_order_release);
        return 0;
}

int mutex_unlock(struct leat_region *region, struct leat_mutex *mutex) {
        uint64_t me = word_here(region), word = me;
        if (atomic_compare_exchange_strong_explicit(word_of(mutex), &word, 0, memory_order_release,
                                                    memory_order_relaxed))
                return 0;
        return unlock_slowly(mutex, me, word);
}

bool mutex_is_mine(const struct leat_region *region, const struct leat_mutex *mutex) {
        /* Relaxed: only this thread makes it its own, and takes that back. */
        uint64_t word = atomic_load_explicit(word_of(mutex), memory_order_relaxed);
        return (word & (WORD_NAME | WORD_OFFERED)) == word_here(region);
}

int mutex_mend(struct leat_region *region, struct leat_mutex *mutex) {
        if (!mutex_is_mine(region, mutex))
                return -EPERM;
        /* Relaxed: the unlock behind it releases. */
        (void)atomic_fetch_and_explicit(word_of(mutex), ~WORD_DAMAGED, memory_order_relaxed);
        return 0;
}

/* Did one die in the midst of a transaction, and is that not yet rolled back? */
static bool is_half_done(const struct leat_region *region) {
        /* Acquire pairs with the release of whoever wrote the name: the incarnation is read after it. */
        uint64_t word = atomic_load_explicit(word_of(&region->header->transaction), memory_order_acquire);
        if (word & WORD_DAMAGED)
                return true;
        return (word & WORD_SLOT) && !(word & WORD_OFFERED) && region_is_dead(region, word);
}

/* Have it rolled back, by this thread or by whoever is at it. That one is not waited for any longer than that: its transaction may wait for a mutex that we have. */
int mutex_roll_back(struct leat_region *region, int64_t deadline) {
        struct leat_mutex *transaction = &region->header->transaction;
        int64_t pause_ns = 0;
        int r = 0;
        if (mutex_is_mine(region, transaction)) /* it was rolled back when that began */
                return 0;
        while (r == 0 && is_half_done(region)) {
                r = mutex_lock(region, transaction, LEAT_NOW);
                if (r == 0 || r == -EOWNERDEAD) {
                        r = transaction_settle(region, r);
                        (void)mutex_unlock(region, transaction);
                } else if (r == -EAGAIN) {
                        r = evidence_pause(&pause_ns, deadline);
                }
        }
        return r;
}

int mutex_settle(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline) {
        int r = mutex_roll_back(region, deadline);
        if (r < 0)
                (void)mutex_unlock(region, mutex);
        return r == 0 ? -EOWNERDEAD : r;
}

/* ---- the public ones ---- */

/* May it be used, and does it lie in the region? */
static inline int check(const struct leat_region *region, const struct leat_mutex *mutex) {
        int r = region_check_write(region);
        if (r < 0)
                return r;
        return region_has(region, mutex, sizeof *mutex, sizeof mutex->words[0]) ? 0 : -EINVAL;
}

int leat_mutex_lock(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline) {
        int r = check(region, mutex);
        if (r == 0)
                r = mutex_lock(region, mutex, deadline);
        return r == -EOWNERDEAD ? mutex_settle(region, mutex, deadline) : r;
}

int leat_mutex_unlock(struct leat_region *region, struct leat_mutex *mutex) {
        int r = check(region, mutex);
        return r < 0 ? r : mutex_unlock(region, mutex);
}

int leat_mutex_mend(struct leat_region *region, struct leat_mutex *mutex) {
        int r = check(region, mutex);
        return r < 0 ? r : mutex_mend(region, mutex);
}
