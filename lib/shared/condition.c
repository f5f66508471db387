/* SPDX-License-Identifier: MIT */

/* One word: bit 0, somebody waits; above, how many signals there were (docs/design/shared.md, "Locks"). */
#include "shared/mutex.h"
#include "shared/waiting.h"

#include <limits.h>

#define WAITED 1u

static inline _Atomic uint32_t *word_of(const struct leat_condition *condition) {
        return (_Atomic uint32_t *)(uintptr_t)&condition->words[0];
}

static inline int check(const struct leat_region *region, const struct leat_condition *condition) {
        int r = region_check_write(region);
        if (r < 0)
                return r;
        return region_has(region, condition, sizeof *condition, sizeof condition->words[0]) ? 0 : -EINVAL;
}

/* Say that somebody waits; with the mutex, so that each signal which is for this one comes behind it. */
static uint32_t listen_to(const struct leat_condition *condition) {
        /* Relaxed: the mutex orders it; and the signal's compare-and-swap is of this same word. */
        return atomic_fetch_or_explicit(word_of(condition), WAITED, memory_order_relaxed) | WAITED;
}

/* Has whoever should signal died with the mutex locked? */
static bool is_left(const struct leat_region *region, const struct leat_mutex *mutex) {
        /* Acquire, as region_is_dead() wants it of a name: the incarnation is seen with it. */
        uint64_t word = atomic_load_explicit((const _Atomic uint64_t *)&mutex->words[0], memory_order_acquire);
        return (word & REGION_MARK_BITS & UINT32_MAX) != 0 && region_is_dead(region, word);
}

/* 0: it was signalled; or its owner died; -ETIMEDOUT. */
static int sleep_until_signal(const struct leat_region *region, const struct leat_condition *condition,
                              const struct leat_mutex *mutex, uint32_t heard, int64_t deadline) {
        int64_t look = leat_now() + LOOK_EACH_NS; /* kept: a signal handler may end each sleep earlier */
        for (;;) {
                int64_t now = leat_now();
                /* Acquire pairs with the signal; what that was for is seen by the mutex all the same. Another one that listens changes nothing: bit 0 is set. */
                if (atomic_load_explicit(word_of(condition), memory_order_acquire) != heard)
                        return 0;
                if (now >= deadline)
                        return -ETIMEDOUT;
                if (now >= look) {
                        if (is_left(region, mutex))
                                return 0;
                        look = now + LOOK_EACH_NS;
                }
                region_sleep(word_of(condition), heard, deadline < look ? deadline : look);
        }
}

int leat_condition_wait(struct leat_region *region, struct leat_condition *condition, struct leat_mutex *mutex,
                        int64_t deadline) {
        int r = check(region, condition);
        if (r < 0)
                return r;
        uint32_t heard = listen_to(condition);
        r = leat_mutex_unlock(region, mutex);
        if (r < 0)
                return r;
        int slept = sleep_until_signal(region, condition, mutex, heard, deadline);
        if (slept < 0 && deadline == LEAT_NOW)
                slept = -EAGAIN;
        r = leat_mutex_lock(region, mutex, LEAT_NEVER);
        return r < 0 ? r : slept;
}

int leat_condition_signal(struct leat_region *region, struct leat_condition *condition) {
        int r = check(region, condition);
        if (r < 0)
                return r;
        uint32_t word = atomic_load_explicit(word_of(condition), memory_order_relaxed);
        /* Release pairs with sleep_until_signal(). One bit set and a carry: the number goes up, and nobody waits any more. */
        while (!atomic_compare_exchange_weak_explicit(word_of(condition), &word, (word | WAITED) + 1,
                                                      memory_order_release, memory_order_relaxed))
                ;
        if (word & WAITED)
                region_wake(word_of(condition), INT_MAX);
        return 0;
}
