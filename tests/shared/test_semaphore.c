/* SPDX-License-Identifier: MIT */
/* Semaphores: what is taken is not free, whoever is killed or stopped; and nothing is lost or doubled with the dead. */
#include "counts.h"
#include "regions.h"

#include <errno.h>

#define TAKE(counts, undo, deadline) leat_semaphore_take((counts).region, &(counts).hall->semaphore, undo, deadline)
#define GIVE(counts, undo) leat_semaphore_give((counts).region, &(counts).hall->semaphore, undo)
#define COUNT(counts) leat_semaphore_count((counts).region, &(counts).hall->semaphore)

static struct counts open_with(uint32_t count) {
        struct counts counts = counts_open();
        CHECK_EQ(leat_semaphore_set(counts.region, &counts.hall->semaphore, count), 0);
        return counts;
}

TEST(takes_and_gives) {
        struct counts counts = open_with(2);
        CHECK_EQ(COUNT(counts), 2);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), 0);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        CHECK_EQ(COUNT(counts), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), -EAGAIN);
        CHECK_EQ(TAKE(counts, true, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(TAKE(counts, true, 1), -ETIMEDOUT);
        CHECK_EQ(GIVE(counts, true), 0);
        CHECK_EQ(GIVE(counts, false), 0);
        CHECK_EQ(COUNT(counts), 2);
        CHECK_EQ(GIVE(counts, false), 0);
        CHECK_EQ(COUNT(counts), 3);
        counts_close(&counts);
}

TEST(zeroes_are_none) {
        struct counts counts = counts_open();
        CHECK_EQ(COUNT(counts), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), -EAGAIN);
        CHECK_EQ(GIVE(counts, false), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), 0);
        counts_close(&counts);
}

TEST(what_is_given_back_must_have_been_taken_so) {
        struct counts counts = open_with(3);
        CHECK_EQ(GIVE(counts, true), -EPERM);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        CHECK_EQ(COUNT(counts), 1);
        CHECK_EQ(GIVE(counts, true), 0);
        CHECK_EQ(GIVE(counts, true), 0);
        CHECK_EQ(GIVE(counts, true), -EPERM);
        CHECK_EQ(COUNT(counts), 3);
        counts_close(&counts);
}

TEST(has_limits) {
        struct counts counts = open_with(INT32_MAX);
        CHECK_EQ(GIVE(counts, false), -EOVERFLOW);
        CHECK_EQ(COUNT(counts), INT32_MAX);
        CHECK_EQ(leat_semaphore_set(counts.region, &counts.hall->semaphore, (uint32_t)INT32_MAX + 1), -EINVAL);
        for (int i = 0; i < UINT16_MAX; i++)
                CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), -ENOLCK);
        CHECK_EQ(COUNT(counts), INT32_MAX - UINT16_MAX);
        CHECK_EQ(leat_semaphore_set(counts.region, &counts.hall->semaphore, 5), 0);
        CHECK_EQ(COUNT(counts), 5);
        CHECK_EQ(GIVE(counts, true), -EPERM);
        counts_close(&counts);
}

static void child_of_another(void *argument) {
        struct counts *counts = argument;
        CHECK_EQ(TAKE(*counts, false, LEAT_NOW), -ECHILD);
        CHECK_EQ(GIVE(*counts, false), -ECHILD);
        CHECK_EQ(COUNT(*counts), -ECHILD);
}

TEST(refuses_what_is_wrong) {
        struct counts counts = open_with(1);
        struct leat_semaphore outside = { { 0 } };
        struct leat_semaphore *odd = (void *)((char *)&counts.hall->semaphore + 4);
        struct leat_semaphore *over = (void *)((char *)counts.hall + sizeof *counts.hall - sizeof outside + 8);
        struct leat_semaphore *const wrong[] = { &outside, odd, over, NULL };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_semaphore_set(counts.region, wrong[i], 1), -EINVAL);
                CHECK_EQ(leat_semaphore_take(counts.region, wrong[i], false, LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_semaphore_give(counts.region, wrong[i], false), -EINVAL);
                CHECK_EQ(leat_semaphore_count(counts.region, wrong[i]), -EINVAL);
        }
        CHECK_EQ(harness_wait(harness_fork(child_of_another, &counts)), 0);
        counts_close(&counts);
}

TEST(who_may_only_read_counts) {
        struct leat_region *writer, *reader = counts_read_only(0, sizeof(struct leat_semaphore), &writer);
        struct leat_semaphore *written = leat_region_data(writer), *read = leat_region_data(reader);
        CHECK_EQ(leat_semaphore_set(writer, written, 3), 0);
        CHECK_EQ(leat_semaphore_take(writer, written, true, LEAT_NOW), 0);
        CHECK_EQ(leat_semaphore_count(reader, read), 2);
        CHECK_EQ(leat_semaphore_take(reader, read, false, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_semaphore_give(reader, read, false), -EACCES);
        CHECK_EQ(leat_semaphore_set(reader, read, 1), -EACCES);
        leat_region_close(reader);
        leat_region_close(writer);
}

/* ---- who is stopped in the midst of it ---- */

/* The mutex of those that take is the first thing in it. */
static void stand_in_a_take(struct counts *counts) {
        struct leat_mutex *inside = (struct leat_mutex *)(void *)&counts->hall->semaphore;
        CHECK_EQ(leat_mutex_lock(counts->region, inside, SOON), 0);
        counts_ready(counts);
}

TEST(who_gives_does_not_wait_for_who_stands_in_a_take) {
        struct counts counts = open_with(3);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        pid_t pid = counts_holder(&counts, 0, stand_in_a_take);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), -EAGAIN);
        CHECK_EQ(GIVE(counts, true), 0);
        CHECK_EQ(GIVE(counts, true), -EPERM);
        CHECK_EQ(GIVE(counts, false), 0);
        CHECK_EQ(COUNT(counts), 4);
        harness_kill(pid);
        CHECK_EQ(TAKE(counts, false, SOON), 0);
        counts_close(&counts);
}

/* ---- waiting ---- */

static void take_one(struct counts *counts) {
        counts_ready(counts);
        CHECK_EQ(TAKE(*counts, false, SOON), 0);
}

static void take_two_with_undo(struct counts *counts) {
        CHECK_EQ(TAKE(*counts, true, SOON), 0);
        CHECK_EQ(TAKE(*counts, true, SOON), 0);
        counts_ready(counts);
}

TEST(wakes_one_for_each) {
        struct counts counts = open_with(0);
        pid_t pids[3];
        for (int i = 0; i < 3; i++)
                pids[i] = counts_sleeper(&counts, i, take_one);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(GIVE(counts, false), 0);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        CHECK_EQ(COUNT(counts), 0);
        counts_close(&counts);
}

TEST(what_the_dead_held_comes_back) {
        struct counts counts = open_with(2);
        pid_t pid = counts_holder(&counts, 0, take_two_with_undo);
        CHECK_EQ(COUNT(counts), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), -EAGAIN);
        harness_kill(pid);
        CHECK_EQ(COUNT(counts), 2);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), -EAGAIN);
        CHECK_EQ(COUNT(counts), 0);
        counts_close(&counts);
}

TEST(a_waiter_finds_what_the_dead_held) {
        struct counts counts = open_with(2);
        pid_t holder = counts_holder(&counts, 0, take_two_with_undo);
        pid_t waiter = counts_sleeper(&counts, 1, take_one);
        harness_kill(holder);
        CHECK_EQ(harness_wait(waiter), 0);
        CHECK_EQ(COUNT(counts), 1);
        counts_close(&counts);
}

TEST(closing_gives_back) {
        struct counts counts = open_with(2);
        pid_t pid = counts_party(&counts, 0, take_two_with_undo, false);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(COUNT(counts), 2);
        counts_close(&counts);
}

TEST(what_the_dead_took_for_good_stays_gone) {
        struct counts counts = open_with(1);
        CHECK_EQ(harness_wait(counts_party(&counts, 0, take_one, false)), 0);
        CHECK_EQ(COUNT(counts), 0);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), -EAGAIN);
        counts_close(&counts);
}

TEST(a_stopped_holder_holds) {
        struct counts counts = open_with(2);
        pid_t pid = counts_holder(&counts, 0, take_two_with_undo);
        harness_stop(pid);
        CHECK_EQ(TAKE(counts, true, leat_in_ms(25)), -ETIMEDOUT);
        CHECK_EQ(COUNT(counts), 0);
        harness_continue(pid);
        harness_kill(pid);
        CHECK_EQ(TAKE(counts, true, SOON), 0);
        counts_close(&counts);
}

TEST(a_killed_waiter_takes_nothing) {
        struct counts counts = open_with(0);
        pid_t first = counts_sleeper(&counts, 0, take_one);
        pid_t second = counts_sleeper(&counts, 1, take_one);
        harness_kill(first);
        CHECK_EQ(GIVE(counts, false), 0);
        CHECK_EQ(harness_wait(second), 0);
        CHECK_EQ(COUNT(counts), 0);
        counts_close(&counts);
}

TEST(has_places_for_so_many_holders) {
        struct counts counts = open_with(100);
        pid_t pids[LEAT_SEMAPHORE_HOLDERS];
        for (int i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++) {
                pids[i] = counts_holder(&counts, 0, take_two_with_undo);
        }
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), -ENOLCK);
        CHECK_EQ(TAKE(counts, false, LEAT_NOW), 0);
        harness_kill(pids[5]);
        CHECK_EQ(TAKE(counts, true, LEAT_NOW), 0);
        CHECK_EQ(COUNT(counts), 100 - 2 * (LEAT_SEMAPHORE_HOLDERS - 1) - 2);
        for (int i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++)
                if (i != 5)
                        harness_kill(pids[i]);
        CHECK_EQ(COUNT(counts), 98);
        counts_close(&counts);
}

/* ---- many ---- */

static void hog(struct counts *counts) {
        bool told = false;
        while (!atomic_load(&counts->told->stop)) {
                CHECK_EQ(TAKE(*counts, false, SOON), 0);
                if (!told)
                        counts_ready(counts);
                told = true;
                CHECK_EQ(GIVE(*counts, false), 0);
        }
}

TEST(who_waits_gets_it_from_one_that_takes_it_all_the_time) {
        struct counts counts = open_with(1);
        pid_t hogs[2] = { counts_party(&counts, 0, hog, false), counts_party(&counts, 1, hog, false) };
        harness_event_wait(counts.ready);
        harness_event_wait(counts.ready);
        for (int i = 0; i < 20; i++) {
                CHECK_EQ(TAKE(counts, false, SOON), 0);
                CHECK_EQ(GIVE(counts, false), 0);
        }
        atomic_store(&counts.told->stop, 1);
        CHECK_EQ(harness_wait(hogs[0]), 0);
        CHECK_EQ(harness_wait(hogs[1]), 0);
        CHECK_EQ(COUNT(counts), 1);
        counts_close(&counts);
}

/* There is one: whoever has it finds nobody there, or one that is being killed. */
static void in_and_out(struct counts *counts) {
        struct told *told = counts->told;
        while (!atomic_load(&told->stop)) {
                int64_t me = counts->me + 1;
                CHECK_EQ(TAKE(*counts, true, SOON), 0);
                int64_t before = atomic_exchange(&told->number, me);
                if (before != 0 && !atomic_load(&told->doomed[before - 1]))
                        atomic_store(&told->wrong, 1);
                if (!atomic_compare_exchange_strong(&told->number, &me, 0))
                        atomic_store(&told->wrong, 1);
                CHECK_EQ(GIVE(*counts, true), 0);
        }
}

TEST(no_kill_loses_or_doubles_one) {
        struct counts counts = open_with(1);
        counts_kill_at_random(&counts, in_and_out, 25);
        CHECK_EQ(atomic_load(&counts.told->wrong), 0);
        CHECK_EQ(COUNT(counts), 1);
        CHECK_EQ(TAKE(counts, true, SOON), 0);
        CHECK_EQ(TAKE(counts, true, leat_in_ms(1)), -ETIMEDOUT);
        counts_close(&counts);
}

static struct counts of_threads;
static int64_t inside_threads;

static void *pass(void *argument) {
        (void)argument;
        for (int i = 0; i < 500; i++) {
                CHECK_EQ(TAKE(of_threads, (i & 1) != 0, SOON), 0);
                inside_threads++; /* the thread sanitizer sees whether one follows the other */
                CHECK_EQ(GIVE(of_threads, (i & 1) != 0), 0);
        }
        return NULL;
}

TEST(threads_pass_one_by_one) {
        of_threads = open_with(1);
        inside_threads = 0;
        harness_threads(4, pass, NULL);
        CHECK_EQ(inside_threads, 2000);
        CHECK_EQ(COUNT(of_threads), 1);
        counts_close(&of_threads);
}

TEST(any_words_are_survived) {
        struct counts counts = open_with(1);
        for (int i = 0; i < 300; i++) {
                counts_scribble((char *)&counts.hall->semaphore + 16, sizeof counts.hall->semaphore - 16);
                int r = TAKE(counts, i & 1, i % 10 ? LEAT_NOW : leat_in_ms(1));
                CHECK(r == 0 || r == -EAGAIN || r == -ETIMEDOUT || r == -ENOLCK);
                r = GIVE(counts, i & 1);
                CHECK(r == 0 || r == -EPERM || r == -EOVERFLOW);
                int64_t count = COUNT(counts);
                CHECK(count >= 0 && count <= INT32_MAX);
        }
        CHECK_EQ(leat_semaphore_set(counts.region, &counts.hall->semaphore, 1), 0);
        CHECK_EQ(TAKE(counts, true, SOON), 0);
        counts_close(&counts);
}

TEST_MAIN()
