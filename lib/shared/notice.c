/* SPDX-License-Identifier: MIT */

/*
 * Notices of change (docs/design/shared.md, "Notices").
 *
 * The counter of a part is the futex that its observers sleep on, too (its lower half). A publisher makes a call of the system only if somebody may sleep. That is told by two numbers: `sleeps`, which each
 * observer counts up before it looks the last time, and `served`: so many of them need no wake any more.
 *
 *     publisher: a = sleeps; changes++; if (sleeps != served) { wake all; served = a; }
 *     observer:  sleeps++; look at changes; sleep if they are what they were
 *
 * Either the publisher sees sleeps++, or the observer sees changes++ (all four are seq_cst). Who counted itself among `a` did so before changes++: either it slept, and was woken, or it
 * will see the change. So `served = a` is true forever, in whatever order publishers say so. A publisher that dies before that leaves the wake to the next one, or to the observers themselves, who look every 100 ms; an observer that dies leaves a number that the next publisher
 * serves, by one call in vain. Nothing has to be repaired.
 *
 * Who may only read cannot count up: it looks again every 10 ms.
 */

#include "shared/notice.h"
#include "shared/mutex.h"

#include <leat/notice.h>
#include <limits.h>

#define LOOK_NS INT64_C(10000000)     /* who cannot count itself */
#define UNWOKEN_NS INT64_C(100000000) /* who has: its publisher may have been killed before it woke anybody */

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the futex is the lower half of the counter");

static const _Atomic uint32_t *part_futex(const struct region_part *part) {
        return (const _Atomic uint32_t *)(const void *)&part->changes;
}

static void count(struct region_part *part) {
        uint32_t asleep = atomic_load_explicit(&part->sleeps, memory_order_acquire);
        atomic_fetch_add_explicit(&part->changes, 1, memory_order_seq_cst); /* pairs with look() */
        if (atomic_load_explicit(&part->sleeps, memory_order_seq_cst) ==
            atomic_load_explicit(&part->served, memory_order_relaxed))
                return;
        region_wake(part_futex(part), INT_MAX);
        atomic_store_explicit(&part->served, asleep, memory_order_relaxed); /* after the call */
}

void notice_changed(struct leat_region *region, uint32_t part) {
        if (part != 0)
                count(&region->header->parts[part]);
        else /* Relaxed: who sees the count of the whole, below, sees this. */
                atomic_fetch_add_explicit(&region->header->parts[0].own, 1, memory_order_relaxed);
        count(&region->header->parts[0]);
        notice_ring(region);
}

/* What is seen of the data after this is as new as the change that was counted. */
static uint64_t look(const struct region_part *part) {
        return atomic_load_explicit(&part->changes, memory_order_seq_cst); /* pairs with count() */
}

static int check(const struct leat_region *region, uint32_t part) {
        int r = region_check(region);
        if (r == 0 && !region->header)
                r = -ENOTSUP;
        return r == 0 && !notice_is_part(region, part) ? -EINVAL : r;
}

int leat_part_changed(struct leat_region *region, uint32_t part) {
        int r = region_check_change(region);
        if (r == 0)
                r = check(region, part);
        if (r == 0)
                notice_changed(region, part);
        return r;
}

/* Sleep until it is not `value` any more, or somebody has to look. */
static void sleep_on(const struct leat_region *region, struct region_part *part, uint64_t value, int64_t deadline) {
        bool counted = region->mark != 0;
        int64_t look_at = leat_in_ns(counted ? UNWOKEN_NS : LOOK_NS);
        if (counted)
                atomic_fetch_add_explicit(&part->sleeps, 1, memory_order_seq_cst); /* before look() */
        if (look(part) == value)
                region_sleep(part_futex(part), (uint32_t)value, deadline < look_at ? deadline : look_at);
}

/*
 * There is nothing new. One that was killed between a commit and the notice of that has left the mutex of transactions, and perhaps nobody comes for it but who waits here: then it is for this one to
 * give the notice, which is that of the whole region. In a transaction of this thread nobody is rolled back.
 */
static uint64_t look_for_the_dead(struct leat_region *region, uint32_t part) {
        /* Mostly one load. What it cannot do is done at the next look, or by another one. */
        if (part == 0 && region_check_write(region) == 0)
                (void)mutex_roll_back(region, LEAT_NOW);
        return look(&region->header->parts[part]);
}

int leat_part_wait(struct leat_region *region, uint32_t part, uint64_t *seen, int64_t deadline) {
        int r = seen ? check(region, part) : -EINVAL;
        if (r < 0)
                return r;
        struct region_part *it = &region->header->parts[part];
        uint64_t now = look(it);
        while (now == *seen && (now = look_for_the_dead(region, part)) == *seen && deadline != LEAT_NOW &&
               leat_now() < deadline) {
                sleep_on(region, it, now, deadline);
                now = look(it);
        }
        if (now == *seen && notice_settle(region, part, now))
                now = look(it);
        if (now == *seen)
                return deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
        *seen = now;
        return 0;
}
