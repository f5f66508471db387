/* SPDX-License-Identifier: MIT */

/* Mutexes whose owners and waiters are killed and stopped. What each instruction of theirs leaves is tests/step's. */

#include "locks.h"

#include <errno.h>
#include <leat/transaction.h>
#include <signal.h>
#include <unistd.h>

static int lock(struct locks *locks, int64_t deadline) {
        return leat_mutex_lock(locks->region, &locks->desk->locks[0], deadline);
}

static int unlock(struct locks *locks) {
        return leat_mutex_unlock(locks->region, &locks->desk->locks[0]);
}

/* An owner that is dead. */
static void leave_dead_owner(struct locks *locks) {
        harness_kill(locks_holder(locks, locks_take));
}

TEST(killed_owner_is_told_to_each_until_it_is_mended) {
        struct locks locks = locks_open();
        leave_dead_owner(&locks);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(lock(&locks, i == 1 ? LEAT_NOW : SOON), -EOWNERDEAD);
                CHECK_EQ(unlock(&locks), 0);
        }
        CHECK_EQ(harness_wait(locks_party(&locks, locks_pass, false)), 0);
        CHECK_EQ(locks.desk->told, -EOWNERDEAD);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(leat_mutex_mend(locks.region, &locks.desk->locks[0]), 0);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(harness_wait(locks_party(&locks, locks_pass, false)), 0);
        CHECK_EQ(locks.desk->told, 0);
        locks_close(&locks);
}

TEST(one_look_takes_over) {
        struct locks locks = locks_open();
        leave_dead_owner(&locks);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        locks_close(&locks);
        locks = locks_open();
        leave_dead_owner(&locks);
        CHECK_EQ(lock(&locks, 1), -EOWNERDEAD);
        locks_close(&locks);
}

TEST(who_took_over_and_died_too_is_told) {
        struct locks locks = locks_open();
        leave_dead_owner(&locks);
        leave_dead_owner(&locks);
        CHECK_EQ(locks.desk->told, -EOWNERDEAD);
        CHECK_EQ(lock(&locks, SOON), -EOWNERDEAD);
        locks_close(&locks);
}

/* Whoever sleeps when the owner is killed gets it. */
TEST(sleeping_waiters_take_over) {
        struct locks locks = locks_open();
        pid_t waiters[3], owner = locks_holder(&locks, locks_take);
        for (int i = 0; i < 3; i++)
                waiters[i] = locks_party(&locks, locks_pass, false);
        locks_wait_said(&locks, &locks.desk->locks[0], 3);
        harness_kill(owner);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(waiters[i]), 0);
        CHECK_EQ(locks.desk->passes, 3);
        CHECK_EQ(locks.desk->told, -EOWNERDEAD);
        locks_close(&locks);
}

TEST(stopped_owner_still_owns) {
        struct locks locks = locks_open();
        pid_t owner = locks_holder(&locks, locks_take);
        harness_stop(owner);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EAGAIN);
        CHECK_EQ(lock(&locks, leat_in_ms(30)), -ETIMEDOUT); /* its evidence was looked at twice */
        harness_continue(owner);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EAGAIN);
        harness_kill(owner);
        CHECK_EQ(lock(&locks, SOON), -EOWNERDEAD);
        locks_close(&locks);
}

static void take_and_wait(struct locks *locks) {
        locks_take(locks);
        harness_event_wait(locks->go);
        CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[0]), 0);
}

TEST(stopped_owner_goes_on_and_unlocks) {
        struct locks locks = locks_open();
        pid_t owner = locks_party(&locks, take_and_wait, false), waiter;
        harness_event_wait(locks.ready);
        harness_stop(owner);
        waiter = locks_party(&locks, locks_pass, false);
        (void)locks_wait_bits(&locks.desk->locks[0], WORD_STARVES);
        harness_event_signal(locks.go);
        CHECK_EQ(locks.desk->passes, 0);
        harness_continue(owner);
        CHECK_EQ(harness_wait(owner), 0);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(locks.desk->told, 0);
        locks_close(&locks);
}

TEST(killed_waiter_does_not_matter) {
        struct locks locks = locks_open();
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        pid_t dead = locks_party(&locks, locks_pass, false), lives = locks_party(&locks, locks_pass, false);
        locks_wait_said(&locks, &locks.desk->locks[0], 2);
        harness_kill(dead);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(harness_wait(lives), 0);
        CHECK_EQ(locks.desk->told, 0);
        locks_close(&locks);
}

/* One that starves is named as the next. */
static pid_t let_starve(struct locks *locks) {
        pid_t waiter = locks_party(locks, locks_pass, false);
        (void)locks_wait_bits(&locks->desk->locks[0], WORD_STARVES | WORD_WAITED);
        return waiter;
}

/* It was unlocked while that one starved, and stood. */
static pid_t offer_to_a_stopped_one(struct locks *locks) {
        CHECK_EQ(lock(locks, LEAT_NOW), 0);
        pid_t waiter = let_starve(locks);
        harness_stop(waiter);
        CHECK_EQ(unlock(locks), 0);
        return waiter;
}

TEST(unlock_offers_it_to_who_starves) {
        struct locks locks = locks_open();
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        pid_t waiter = let_starve(&locks);
        harness_stop(waiter);
        uint64_t name = locks_next(&locks.desk->locks[0]);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(locks_word(&locks.desk->locks[0]) & (WORD_NAME | WORD_OFFERED), name | WORD_OFFERED);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EAGAIN); /* whoever unlocks does not get it before */
        harness_continue(waiter);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(locks.desk->told, 0);
        CHECK_EQ(locks_next(&locks.desk->locks[0]), 0);
        CHECK_EQ(lock(&locks, SOON), 0);
        CHECK_EQ(unlock(&locks), 0);
        locks_close(&locks);
}

TEST(who_starves_is_killed_before_the_unlock) {
        struct locks locks = locks_open();
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        harness_kill(let_starve(&locks));
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(lock(&locks, LEAT_NOW), 0); /* passed over, and not damaged: it has done nothing */
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(locks_next(&locks.desk->locks[0]), 0);
        locks_close(&locks);
}

TEST(who_is_offered_it_is_killed) {
        struct locks locks = locks_open();
        pid_t waiter = offer_to_a_stopped_one(&locks);
        harness_kill(waiter);
        CHECK_EQ(lock(&locks, SOON), 0);
        CHECK_EQ(unlock(&locks), 0);
        locks_close(&locks);
}

/* It is nobody's yet, so a stopped one does not hold up the others. */
TEST(who_is_offered_it_is_stopped) {
        struct locks locks = locks_open();
        pid_t waiter = offer_to_a_stopped_one(&locks);
        CHECK_EQ(lock(&locks, SOON), 0);
        harness_continue(waiter);
        (void)locks_wait_bits(&locks.desk->locks[0], WORD_STARVES);
        CHECK_EQ(locks.desk->passes, 0);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(locks.desk->passes, 1);
        locks_close(&locks);
}

/* Nor those that do not wait: a look of this thread 10 ms or more after an earlier one finds that it has not come. */
TEST(who_is_offered_it_is_stopped_and_others_do_not_wait) {
        struct locks locks = locks_open();
        pid_t waiter = offer_to_a_stopped_one(&locks);
        int r;
        WAIT_UNTIL((r = lock(&locks, LEAT_NOW)) != -EAGAIN);
        CHECK_EQ(r, 0);
        CHECK_EQ(unlock(&locks), 0);
        harness_continue(waiter);
        CHECK_EQ(harness_wait(waiter), 0);
        locks_close(&locks);
}

/* An unlocker that read the name before its owner gave up: what it leaves is written here as it would. */
TEST(an_offer_to_one_that_gave_up_is_passed_over) {
        struct locks locks = locks_open();
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        pid_t waiter = let_starve(&locks);
        uint64_t name = locks_next(&locks.desk->locks[0]);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(harness_wait(waiter), 0);
        pid_t other = locks_holder(&locks, locks_take); /* it takes the slot, and lives */
        harness_kill(other);
        atomic_store(word_of(&locks.desk->locks[0]), name | WORD_OFFERED);
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        CHECK_EQ(unlock(&locks), 0);
        /* And of this very process, which lives for certain. */
        atomic_store(word_of(&locks.desk->locks[0]), locks.region->mark | UINT64_C(77) << 16 | WORD_OFFERED);
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        CHECK_EQ(unlock(&locks), 0);
        /* One that is offered to this thread is had, whenever it asks. */
        atomic_store(word_of(&locks.desk->locks[0]), word_here(locks.region) | WORD_OFFERED);
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(locks_word(&locks.desk->locks[0]), 0);
        locks_close(&locks);
}

/* One that named itself as the next, and was stopped before it said that somebody starves: here a thread of this process, which does not come. */
TEST(a_name_alone_keeps_nobody_out) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[0];
        CHECK_EQ(lock(&locks, LEAT_NOW), 0);
        atomic_store(next_of(mutex), locks.region->mark | UINT64_C(77) << 16);
        pid_t waiter = locks_party(&locks, locks_pass, false);
        (void)locks_wait_bits(mutex, WORD_STARVES);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(locks_next(mutex), 0);
        locks_close(&locks);
}

TEST(damage_is_told_to_who_it_is_handed_to) {
        struct locks locks = locks_open();
        leave_dead_owner(&locks);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        pid_t waiter = let_starve(&locks);
        CHECK_EQ(unlock(&locks), 0);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(locks.desk->told, -EOWNERDEAD);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        locks_close(&locks);
}

static void take_and_touch(struct locks *locks) {
        struct leat_txn *txn = NULL;
        CHECK_EQ(lock(locks, SOON), 0);
        CHECK_EQ(leat_txn_begin(locks->region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_touch(txn, &locks->desk->value, sizeof locks->desk->value), 0);
        locks->desk->value = 77;
        harness_event_signal(locks->ready);
}

/* Whoever gets the mutex of a dead one sees nothing of its transaction. */
TEST(a_dead_owners_transaction_is_rolled_back_first) {
        struct locks locks = locks_open();
        locks.desk->value = 5;
        pid_t owner = locks_holder(&locks, take_and_touch);
        harness_kill(owner);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(locks.desk->value, 5);
        CHECK_EQ(locks_word(&locks.region->header->transaction), 0);
        locks_close(&locks);
}

static void take_transaction(struct locks *locks) {
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_txn_begin(locks->region, SOON, &txn), 0);
        harness_event_signal(locks->ready);
}

/* One that lives and is in the midst of a transaction has nothing to do with the dead one. */
TEST(a_living_ones_transaction_is_not_waited_for) {
        struct locks locks = locks_open();
        leave_dead_owner(&locks);
        pid_t other = locks_holder(&locks, take_transaction);
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        harness_kill(other);
        locks_close(&locks);
}

static void take_and_close(struct locks *locks) {
        locks_take(locks);
}

TEST(who_leaves_with_it_is_as_one_that_died) {
        struct locks locks = locks_open();
        CHECK_EQ(harness_wait(locks_party(&locks, take_and_close, false)), 0);
        CHECK_EQ(lock(&locks, SOON), -EOWNERDEAD);
        locks_close(&locks);
}

/* Its number, its slot and its incarnation: the next participant in the slot is another. */
TEST(a_slot_that_is_taken_anew_is_no_owner) {
        struct locks locks = locks_open();
        leave_dead_owner(&locks);
        uint64_t word = locks_word(&locks.desk->locks[0]);
        struct leat_region *again = NULL;
        CHECK_EQ(leat_region_adopt(leat_region_fd(locks.region), NULL, SOON, NULL, &again), 0);
        CHECK_EQ((again->mark ^ word) & WORD_SLOT, 0);
        CHECK(!region_is_dead(locks.region, again->mark));
        CHECK_EQ(lock(&locks, LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(unlock(&locks), 0);
        leat_region_close(again);
        locks_close(&locks);
}

/* ---- at random times ---- */

#define PARTIES 4
#define KILLS (SANITIZED ? 10 : 25)

/* Two numbers that are alike whenever nobody is in; who is told of a dead owner makes them so. */
static void change_for_ever(struct locks *locks) {
        struct desk *desk = locks->desk;
        while (!atomic_load(&desk->stop)) {
                int r = lock(locks, SOON);
                CHECK(r == 0 || r == -EOWNERDEAD);
                if (r == -EOWNERDEAD) {
                        desk->copy = desk->value;
                        CHECK_EQ(leat_mutex_mend(locks->region, &desk->locks[0]), 0);
                }
                CHECK_EQ(desk->copy, desk->value);
                desk->value++;
                /* Released: not a compiler either counts a pass before its value. */
                atomic_fetch_add_explicit(&desk->passes, 1, memory_order_release);
                desk->copy++;
                CHECK_EQ(unlock(locks), 0);
        }
}

/* They get on: some passes more are made. */
static void wait_for_passes(const struct locks *locks, int64_t more) {
        int64_t until = atomic_load(&locks->desk->passes) + more;
        WAIT_UNTIL(atomic_load(&locks->desk->passes) >= until);
}

TEST(whoever_is_killed_and_stopped_the_others_get_on) {
        struct locks locks = locks_open();
        pid_t pids[PARTIES];
        for (int i = 0; i < PARTIES; i++)
                pids[i] = locks_party(&locks, change_for_ever, false);
        for (int i = 0; i < KILLS; i++) {
                uint64_t killed = harness_random_below(PARTIES), stopped = (killed + 1) % PARTIES;
                wait_for_passes(&locks, (int64_t)harness_random_below(500) + 1);
                harness_stop(pids[stopped]); /* perhaps it has the lock */
                harness_kill(pids[killed]);
                harness_continue(pids[stopped]);
                pids[killed] = locks_party(&locks, change_for_ever, false);
        }
        wait_for_passes(&locks, 100);
        atomic_store(&locks.desk->stop, 1);
        for (int i = 0; i < PARTIES; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        int r = lock(&locks, SOON);
        CHECK(r == 0 || r == -EOWNERDEAD);
        /* What was counted once too often, or not, is a pass that was cut off. */
        int64_t off = locks.desk->value - locks.desk->passes;
        CHECK(off >= 0 && off <= KILLS);
        locks_close(&locks);
}

/* A process of another name space for numbers: what its number is here, or there, does not matter. */
static void take_in_name_space(void *argument) {
        struct locks *locks = argument;
        CHECK_EQ(leat_region_reattach(locks->region, SOON), 0);
        CHECK_EQ(getpid(), 1);
        locks->desk = leat_region_data(locks->region);
        locks_take(locks);
        harness_event_wait(locks->go);
        locks_close(locks);
}

static void be_in_name_space(void *argument) {
        struct locks *locks = argument;
        int r = unshare(CLONE_NEWPID);
        atomic_store(&locks->desk->stop, r == 0 ? 0 : errno);
        if (r < 0) {
                harness_event_signal(locks->ready);
                return;
        }
        pid_t first = harness_fork(take_in_name_space, locks);
        CHECK_EQ(harness_wait(first), 0);
}

TEST(evidence_is_right_across_name_spaces_of_pids) {
        struct locks locks = locks_open();
        struct locks shared = locks;
        shared.desk = harness_shared(sizeof *shared.desk);
        pid_t outer = harness_fork(be_in_name_space, &shared);
        harness_event_wait(locks.ready);
        if (shared.desk->stop != 0) {
                CHECK_EQ(harness_wait(outer), 0);
                SKIP("no name space of pids: %s", strerror((int)shared.desk->stop));
        }
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], leat_in_ms(25)), -ETIMEDOUT);
        harness_event_signal(locks.go);
        CHECK_EQ(harness_wait(outer), 0);
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NOW), -EOWNERDEAD);
        locks_close(&locks);
}

TEST_MAIN()
