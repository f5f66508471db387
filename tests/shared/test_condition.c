/* SPDX-License-Identifier: MIT */
/* Conditions: no signal is lost, the dead leave nothing behind, and who waits for one that died is told. */
#include "counts.h"
#include "regions.h"

#include <errno.h>
#include <pthread.h>

#define LOCK(counts) leat_mutex_lock((counts).region, &(counts).hall->mutex, SOON)
#define UNLOCK(counts) leat_mutex_unlock((counts).region, &(counts).hall->mutex)
#define WAIT(counts, deadline)                                                                                         \
        leat_condition_wait((counts).region, &(counts).hall->condition, &(counts).hall->mutex, deadline)
#define SIGNAL(counts) leat_condition_signal((counts).region, &(counts).hall->condition)

TEST(has_it_locked_again) {
        struct counts counts = counts_open();
        CHECK_EQ(WAIT(counts, SOON), -EPERM);
        CHECK_EQ(LOCK(counts), 0);
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EAGAIN);
        CHECK_EQ(WAIT(counts, 1), -ETIMEDOUT);
        CHECK_EQ(WAIT(counts, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(LOCK(counts), -EDEADLK);
        CHECK_EQ(UNLOCK(counts), 0);
        CHECK_EQ(SIGNAL(counts), 0);
        counts_close(&counts);
}

static void child_of_another(void *argument) {
        struct counts *counts = argument;
        CHECK_EQ(WAIT(*counts, LEAT_NOW), -ECHILD);
        CHECK_EQ(SIGNAL(*counts), -ECHILD);
}

TEST(refuses_what_is_wrong) {
        struct counts counts = counts_open();
        struct leat_condition outside = { { 0 } };
        struct leat_condition *odd = (void *)((char *)&counts.hall->condition + 4);
        struct leat_condition *const wrong[] = { &outside, odd, NULL };
        CHECK_EQ(LOCK(counts), 0);
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_condition_wait(counts.region, wrong[i], &counts.hall->mutex, LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_condition_signal(counts.region, wrong[i]), -EINVAL);
        }
        CHECK_EQ(leat_condition_wait(counts.region, &counts.hall->condition, NULL, LEAT_NOW), -EINVAL);
        CHECK_EQ(UNLOCK(counts), 0); /* it was not unlocked */
        CHECK_EQ(harness_wait(harness_fork(child_of_another, &counts)), 0);
        counts_close(&counts);
}

TEST(who_may_only_read_does_not) {
        struct leat_region *writer, *reader = counts_read_only(0, sizeof(struct hall), &writer);
        struct hall *hall = leat_region_data(reader);
        CHECK_EQ(leat_condition_signal(reader, &hall->condition), -EACCES);
        CHECK_EQ(leat_condition_wait(reader, &hall->condition, &hall->mutex, LEAT_NOW), -EACCES);
        leat_region_close(reader);
        leat_region_close(writer);
}

/* ---- signals ---- */

static void wait_for_value(struct counts *counts) {
        CHECK_EQ(LOCK(*counts), 0);
        counts_ready(counts);
        while (counts->hall->value == 0)
                CHECK_EQ(WAIT(*counts, SOON), 0);
        CHECK_EQ(UNLOCK(*counts), 0);
}

/* With the mutex, which the waiter had when it said that it is ready: so it waits by now. */
static void set_value(struct counts *counts) {
        CHECK_EQ(LOCK(*counts), 0);
        counts->hall->value = 1;
        CHECK_EQ(SIGNAL(*counts), 0);
        CHECK_EQ(UNLOCK(*counts), 0);
}

TEST(a_signal_wakes_all) {
        struct counts counts = counts_open();
        pid_t pids[PARTIES];
        for (int i = 0; i < PARTIES; i++) {
                pids[i] = counts_party(&counts, i, wait_for_value, false);
                harness_event_wait(counts.ready);
        }
        set_value(&counts);
        for (int i = 0; i < PARTIES; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        counts_close(&counts);
}

TEST(a_killed_waiter_takes_no_signal) {
        struct counts counts = counts_open();
        pid_t pids[2];
        for (int i = 0; i < 2; i++)
                pids[i] = counts_sleeper(&counts, i, wait_for_value);
        harness_kill(pids[0]);
        set_value(&counts);
        CHECK_EQ(harness_wait(pids[1]), 0);
        set_value(&counts);
        counts_close(&counts);
}

TEST(a_stopped_waiter_has_the_signal_when_it_goes_on) {
        struct counts counts = counts_open();
        pid_t pid = counts_sleeper(&counts, 0, wait_for_value);
        harness_stop(pid);
        set_value(&counts);
        set_value(&counts); /* it does not have the mutex */
        harness_continue(pid);
        CHECK_EQ(harness_wait(pid), 0);
        counts_close(&counts);
}

static void wait_for_an_owner(struct counts *counts) {
        CHECK_EQ(LOCK(*counts), 0);
        counts_ready(counts);
        int r;
        do
                r = WAIT(*counts, SOON);
        while (r == 0);
        CHECK_EQ(r, -EOWNERDEAD);
        CHECK_EQ(leat_mutex_mend(counts->region, &counts->hall->mutex), 0);
        CHECK_EQ(UNLOCK(*counts), 0);
}

static void lock_it(struct counts *counts) {
        CHECK_EQ(LOCK(*counts), 0);
        counts_ready(counts);
}

TEST(who_waits_is_told_that_the_owner_died) {
        struct counts counts = counts_open();
        pid_t waiter = counts_sleeper(&counts, 0, wait_for_an_owner);
        pid_t owner = counts_holder(&counts, 1, lock_it);
        harness_kill(owner); /* before it could signal */
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(LOCK(counts), 0);
        counts_close(&counts);
}

/* ---- where it cannot be got back ---- */

static void *wait_without_right(void *argument) {
        struct counts *counts = argument;
        CHECK_EQ(LOCK(*counts), 0);
        counts_ready(counts);
        CHECK_EQ(WAIT(*counts, LEAT_NEVER), -EACCES);
        return NULL;
}

/* Another thread takes the right to write away meanwhile: then the mutex is not locked. */
TEST(what_cannot_be_got_back_is_not_locked) {
        struct counts counts = counts_open();
        struct leat_region *other = region_open_again(KIND_ANON, 0, counts.region);
        struct hall *hall = leat_region_data(other);
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, wait_without_right, &counts), 0);
        harness_event_wait(counts.ready);
        CHECK_EQ(leat_mutex_lock(other, &hall->mutex, SOON), 0); /* so it waits for the signal */
        CHECK_EQ(leat_region_protect(counts.region, LEAT_ACCESS_READ), 0);
        CHECK_EQ(leat_condition_signal(other, &hall->condition), 0);
        CHECK_EQ(leat_mutex_unlock(other, &hall->mutex), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(leat_mutex_lock(other, &hall->mutex, LEAT_NOW), 0);
        CHECK_EQ(leat_mutex_unlock(other, &hall->mutex), 0);
        CHECK_EQ(leat_region_protect(counts.region, LEAT_ACCESS_WRITE), 0);
        leat_region_close(other);
        counts_close(&counts);
}

/* ---- many ---- */

#define TURNS 500

/* Each waits for its turn: a lost signal would cost 10 ms, and none at all would never end. */
static void take_turns(struct counts *counts) {
        for (int i = 0; i < TURNS; i++) {
                CHECK_EQ(LOCK(*counts), 0);
                while (counts->hall->value % 2 != counts->me)
                        CHECK_EQ(WAIT(*counts, SOON), 0);
                counts->hall->value++;
                CHECK_EQ(SIGNAL(*counts), 0);
                CHECK_EQ(UNLOCK(*counts), 0);
        }
}

TEST(processes_take_turns) {
        struct counts counts = counts_open();
        pid_t pids[2] = { counts_party(&counts, 0, take_turns, false), counts_party(&counts, 1, take_turns, false) };
        CHECK_EQ(harness_wait(pids[0]), 0);
        CHECK_EQ(harness_wait(pids[1]), 0);
        CHECK_EQ(counts.hall->value, 2 * TURNS);
        counts_close(&counts);
}

static void *thread_turns(void *argument) {
        take_turns(argument);
        return NULL;
}

TEST(threads_take_turns) {
        struct counts even = counts_open(), odd = even;
        pthread_t threads[2];
        odd.me = 1;
        CHECK_EQ(pthread_create(&threads[0], NULL, thread_turns, &even), 0);
        CHECK_EQ(pthread_create(&threads[1], NULL, thread_turns, &odd), 0);
        CHECK_EQ(pthread_join(threads[0], NULL), 0);
        CHECK_EQ(pthread_join(threads[1], NULL), 0);
        CHECK_EQ(even.hall->value, 2 * TURNS);
        counts_close(&even);
}

/* Whoever gets the turn adds one and passes it on; the turn of a killed one is taken by whoever is told. */
static void pass_on(struct counts *counts) {
        while (!atomic_load(&counts->told->stop)) {
                int r = LOCK(*counts);
                for (int64_t before = counts->hall->value;
                     (r == 0 || r == -ETIMEDOUT) && before == counts->hall->value;) {
                        if (atomic_load(&counts->told->stop) || r == -ETIMEDOUT)
                                break;
                        counts->hall->value++;
                        CHECK_EQ(SIGNAL(*counts), 0);
                        r = WAIT(*counts, leat_in_ms(1));
                }
                CHECK(r == 0 || r == -ETIMEDOUT || r == -EOWNERDEAD);
                if (r == -EOWNERDEAD)
                        CHECK_EQ(leat_mutex_mend(counts->region, &counts->hall->mutex), 0);
                CHECK_EQ(UNLOCK(*counts), 0);
        }
}

TEST(no_kill_leaves_it_locked) {
        struct counts counts = counts_open();
        counts_kill_at_random(&counts, pass_on, 25);
        int r = LOCK(counts);
        CHECK(r == 0 || r == -EOWNERDEAD);
        counts_close(&counts);
}

TEST(any_word_is_survived) {
        struct counts counts = counts_open();
        CHECK_EQ(LOCK(counts), 0);
        for (int i = 0; i < 200; i++) {
                counts_scribble(&counts.hall->condition, sizeof counts.hall->condition);
                int r = WAIT(counts, i % 10 ? LEAT_NOW : leat_in_ms(1));
                CHECK(r == -EAGAIN || r == -ETIMEDOUT);
                CHECK_EQ(SIGNAL(counts), 0);
        }
        CHECK_EQ(UNLOCK(counts), 0);
        counts_close(&counts);
}

TEST_MAIN()
