/* SPDX-License-Identifier: MIT */

/*
 * What a dead one held is passed on when its transaction was rolled back, and not before: whatever it was that it held. Its money is on the way from one account to the other when it is killed.
 */

#include "harness.h"
#include "shared/region.h"

#include <leat.h>
#include <leat/lock.h>
#include <leat/transaction.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

/* The program's bytes of the region. */
struct bank {
        struct leat_mutex mutex;
        struct leat_semaphore semaphore;
        struct leat_once once;
        struct leat_rwlock both;
        struct leat_barrier barrier;
        int64_t from, to;
};

struct visit {
        struct leat_region *region;
        struct bank *bank;
        struct harness_event *ready;
        int (*get)(struct visit *visit, int64_t deadline);
};

/* ---- what it holds, and what the next one asks for ---- */

static int lock(struct visit *visit, int64_t deadline) {
        return leat_mutex_lock(visit->region, &visit->bank->mutex, deadline);
}

static int take(struct visit *visit, int64_t deadline) {
        return leat_semaphore_take(visit->region, &visit->bank->semaphore, true, deadline);
}

static int take_for_good(struct visit *visit, int64_t deadline) {
        return leat_semaphore_take(visit->region, &visit->bank->semaphore, false, deadline);
}

static int begin_once(struct visit *visit, int64_t deadline) {
        return leat_once_begin(visit->region, &visit->bank->once, deadline);
}

static int lock_to_read(struct visit *visit, int64_t deadline) {
        return leat_rwlock_read(visit->region, &visit->bank->both, deadline);
}

static int lock_to_write(struct visit *visit, int64_t deadline) {
        return leat_rwlock_write(visit->region, &visit->bank->both, deadline);
}

/* It is here, says another thread, while this one goes on. */
static int be_here(struct visit *visit, int64_t deadline) {
        _Atomic uint64_t *words = (_Atomic uint64_t *)visit->bank->barrier.words;
        (void)deadline;
        atomic_store(&words[4], visit->region->mark); /* round 0 */
        atomic_fetch_add(&words[0], 1);
        return 0;
}

static int wait_for_both(struct visit *visit, int64_t deadline) {
        return leat_barrier_wait(visit->region, &visit->bank->barrier, deadline);
}

/* ---- the one that is killed ---- */

static void die(void *argument) {
        struct visit *visit = argument;
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_region_reattach(visit->region, SOON), 0);
        int r = visit->get(visit, SOON);
        CHECK(r == 0 || r == 1);
        CHECK_EQ(leat_txn_begin(visit->region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_touch(txn, &visit->bank->from, 16), 0);
        visit->bank->from -= 30;
        harness_event_signal(visit->ready);
        for (;;)
                (void)pause();
}

static struct visit open_bank(int (*held)(struct visit *visit, int64_t deadline)) {
        struct visit visit = { .ready = harness_event_new(), .get = held };
        CHECK_EQ(leat_region_open("anon:?participants=2", sizeof(struct bank), NULL, SOON, NULL, &visit.region), 0);
        visit.bank = leat_region_data(visit.region);
        CHECK_EQ(leat_semaphore_set(visit.region, &visit.bank->semaphore, 1), 0);
        CHECK_EQ(leat_barrier_set(visit.region, &visit.bank->barrier, 2), 0);
        visit.bank->from = visit.bank->to = 100;
        pid_t pid = harness_fork(die, &visit);
        harness_event_wait(visit.ready);
        harness_kill(pid);
        CHECK_EQ(visit.bank->from, 70);
        return visit;
}

/* What it changed was put back, before this; and what is written from now on stays. */
static void check_settled(struct visit *visit) {
        struct leat_txn *txn = NULL;
        CHECK_EQ(visit->bank->from, 100);
        visit->bank->from = 500;
        CHECK_EQ(leat_txn_begin(visit->region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
        CHECK_EQ(visit->bank->from, 500);
        visit->region = leat_region_close(visit->region);
}

struct way {
        int (*held)(struct visit *visit, int64_t deadline);
        int (*asked)(struct visit *visit, int64_t deadline);
        int told;
};

static const struct way ways[] = {
        { lock, lock, -EOWNERDEAD },
        { take, take, 0 },
        { take, take_for_good, 0 },
        { begin_once, begin_once, 1 },
        { lock_to_write, lock_to_write, -EOWNERDEAD },
        { lock_to_write, lock_to_read, -EOWNERDEAD },
        { lock_to_read, lock_to_write, 0 },
        { be_here, wait_for_both, -EOWNERDEAD },
};
#define WAYS (sizeof ways / sizeof ways[0])

TEST(what_a_dead_one_held_is_passed_on_behind_its_transaction) {
        for (size_t i = 0; i < WAYS; i++) {
                struct visit visit = open_bank(ways[i].held);
                CHECK_EQ(ways[i].asked(&visit, SOON), ways[i].told);
                check_settled(&visit);
        }
}

TEST(it_is_so_without_waiting) {
        for (size_t i = 0; i < WAYS; i++) {
                struct visit visit = open_bank(ways[i].held);
                CHECK_EQ(ways[i].asked(&visit, LEAT_NOW), ways[i].told);
                check_settled(&visit);
        }
}

/* The slot of a reader is another's by then, and says nothing of what the dead one read. */
static void come_and_stay(void *argument) {
        struct visit *visit = argument;
        CHECK_EQ(leat_region_reattach(visit->region, SOON), 0);
        harness_event_signal(visit->ready);
        for (;;)
                (void)pause();
}

TEST(a_slot_that_is_taken_again_hides_nothing) {
        for (size_t i = 0; i < WAYS; i++) {
                struct visit visit = open_bank(ways[i].held);
                pid_t pid = harness_fork(come_and_stay, &visit);
                harness_event_wait(visit.ready);
                CHECK_EQ(ways[i].asked(&visit, SOON), ways[i].told);
                harness_kill(pid);
                check_settled(&visit);
        }
}

/* Within a transaction of its own: that began behind the dead one's. */
TEST(who_is_in_a_transaction_gets_it_too) {
        struct visit visit = open_bank(take);
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_txn_begin(visit.region, SOON, &txn), 0);
        CHECK_EQ(take(&visit, SOON), 0);
        CHECK_EQ(visit.bank->from, 100);
        CHECK_EQ(leat_txn_commit(txn), 0);
        check_settled(&visit);
}

TEST_MAIN()
