/* SPDX-License-Identifier: MIT */

/* Nobody starves: a party that locks in a loop is passed by each one that has waited, in turn; and so is one that tries in a loop. */

#include "locks.h"

#include <signal.h>
#include <stdlib.h>

#define PASSES 20

/* It has the lock nearly all the time, and asks for it again at once. */
static void hog(struct locks *locks) {
        harness_event_signal(locks->ready);
        while (!atomic_load_explicit(&locks->desk->stop, memory_order_relaxed)) {
                CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[0], SOON), 0);
                for (int64_t until = leat_in_us(50); leat_now() < until;)
                        ;
                CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[0]), 0);
        }
}

static void pass_some(struct locks *locks) {
        for (int i = 0; i < PASSES; i++)
                locks_pass(locks);
}

TEST(who_locks_in_a_loop_starves_nobody) {
        struct locks locks = locks_open();
        pid_t greedy = locks_party(&locks, hog, false), others[2];
        harness_event_wait(locks.ready);
        for (int i = 0; i < 2; i++)
                others[i] = locks_party(&locks, pass_some, false);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(harness_wait(others[i]), 0);
        CHECK_EQ(locks.desk->passes, 2 * PASSES);
        atomic_store(&locks.desk->stop, 1);
        CHECK_EQ(harness_wait(greedy), 0);
        locks_close(&locks);
}

/* The one that unlocks does not get it back before one that starves, though that one sleeps and this one does not. */
TEST(who_starves_is_next) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[0];
        for (int i = 1; i <= PASSES; i++) {
                CHECK_EQ(leat_mutex_lock(locks.region, mutex, SOON), 0);
                pid_t waiter = locks_party(&locks, locks_pass, false);
                (void)locks_wait_bits(mutex, WORD_STARVES | WORD_WAITED);
                CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
                /* Were it passed over, for a moment of another program's, this would take 10 ms more, and no more. */
                CHECK_EQ(leat_mutex_lock(locks.region, mutex, SOON), 0);
                CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
                CHECK_EQ(harness_wait(waiter), 0);
                CHECK_EQ(locks.desk->passes, i);
        }
        locks_close(&locks);
}

/* Of several that starve each is named in turn, and each wakes the next: all get through. */
TEST(all_that_starve_get_it) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[0];
        pid_t waiters[6];
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NOW), 0);
        for (int i = 0; i < 6; i++)
                waiters[i] = locks_party(&locks, pass_some, false);
        locks_wait_said(&locks, mutex, 6);
        (void)locks_wait_bits(mutex, WORD_STARVES);
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
        for (int i = 0; i < 6; i++)
                CHECK_EQ(harness_wait(waiters[i]), 0);
        CHECK_EQ(locks.desk->passes, 6 * PASSES);
        CHECK_EQ(locks_word(mutex) & WORD_SLOT, 0);
        locks_close(&locks);
}

/* ---- offers, as one sees them that tries ---- */

/* Longer than an offer to one that is stopped is left to it. */
static void grow_old(void) {
        for (int64_t until = leat_in_ms(15); leat_now() < until;)
                ;
}

static int try(struct locks *locks, int i) {
        return leat_mutex_lock(locks->region, &locks->desk->locks[i], LEAT_NOW);
}

static void unlock(struct locks *locks, int i) {
        CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[i]), 0);
}

/* It starves, and is stopped: it accepts no offer. */
static void stop_starving(struct locks *locks, pid_t pid) {
        (void)locks_wait_bits(&locks->desk->locks[0], WORD_STARVES | WORD_WAITED);
        harness_stop(pid);
}

static void pass_twice(struct locks *locks) {
        locks_pass(locks);
        harness_event_signal(locks->ready);
        harness_event_wait(locks->go);
        locks_pass(locks);
}

/* It is offered to one that then has it, and has unlocked it. An offer that this thread saw. */
static pid_t see_an_offer(struct locks *locks) {
        CHECK_EQ(try(locks, 0), 0);
        pid_t waiter = locks_party(locks, pass_twice, false);
        stop_starving(locks, waiter);
        unlock(locks, 0);
        CHECK_EQ(try(locks, 0), -EAGAIN);
        harness_continue(waiter);
        harness_event_wait(locks->ready);
        grow_old();
        return waiter;
}

/* The waiter is offered it again, just now: it gets it. */
static void expect_a_new_offer(struct locks *locks, pid_t waiter) {
        CHECK_EQ(try(locks, 0), -EAGAIN);
        harness_continue(waiter);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(locks->desk->passes, 2);
}

TEST(who_offers_it_knows_that_the_offer_is_new) {
        struct locks locks = locks_open();
        pid_t waiter = see_an_offer(&locks);
        CHECK_EQ(try(&locks, 0), 0);
        harness_event_signal(locks.go);
        stop_starving(&locks, waiter);
        unlock(&locks, 0);
        expect_a_new_offer(&locks, waiter);
        locks_close(&locks);
}

static void take_and_offer(struct locks *locks) {
        locks_take(locks);
        harness_event_wait(locks->go);
        unlock(locks, 0);
}

/* A third one offers it: this one saw that it was not offered in between. */
TEST(who_saw_an_offer_end_knows_that_the_next_is_new) {
        struct locks locks = locks_open();
        pid_t waiter = see_an_offer(&locks);
        struct harness_event *waiter_goes = locks.go;
        locks.go = harness_event_new();
        pid_t third = locks_party(&locks, take_and_offer, false);
        harness_event_wait(locks.ready);
        CHECK_EQ(try(&locks, 0), -EAGAIN);
        harness_event_signal(waiter_goes);
        stop_starving(&locks, waiter);
        harness_event_signal(locks.go);
        CHECK_EQ(harness_wait(third), 0);
        expect_a_new_offer(&locks, waiter);
        locks_close(&locks);
}

#define TRIED 3

static _Atomic int next_lock;

static void *pass_one(void *argument) {
        struct locks *locks = argument;
        struct leat_mutex *mutex = &locks->desk->locks[atomic_fetch_add(&next_lock, 1)];
        CHECK_EQ(leat_mutex_lock(locks->region, mutex, SOON), 0);
        CHECK_EQ(leat_mutex_unlock(locks->region, mutex), 0);
        return NULL;
}

/* A thread for each of the locks. */
static void pass_each(struct locks *locks) {
        harness_threads(TRIED, pass_one, locks);
}

/* All of them are offered to a process that is stopped: who tries them in turn gets each. */
TEST(a_stopped_one_keeps_nobody_out_who_tries_several) {
        struct locks locks = locks_open();
        bool have[TRIED] = { false };
        for (int i = 0; i < TRIED; i++)
                CHECK_EQ(try(&locks, i), 0);
        pid_t waiters = locks_party(&locks, pass_each, false);
        for (int i = 0; i < TRIED; i++)
                (void)locks_wait_bits(&locks.desk->locks[i], WORD_STARVES | WORD_WAITED);
        harness_stop(waiters);
        for (int i = 0; i < TRIED; i++)
                unlock(&locks, i);
        for (int i = 0; i < TRIED; i++)
                CHECK_EQ(try(&locks, i), -EAGAIN);
        for (int many = 0, i = 0; many < TRIED; i = (i + 1) % TRIED)
                if (!have[i] && (have[i] = try(&locks, i) == 0))
                        many++;
        for (int i = 0; i < TRIED; i++)
                unlock(&locks, i);
        harness_continue(waiters);
        CHECK_EQ(harness_wait(waiters), 0);
        locks_close(&locks);
}

TEST_MAIN()
