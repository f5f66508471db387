/* SPDX-License-Identifier: MIT */
/* Once: one does it, the others wait for that; of a dead one it is done anew. */
#include "counts.h"
#include "regions.h"

#include <errno.h>
#include <sched.h>

#define BEGIN(counts, deadline) leat_once_begin((counts).region, &(counts).hall->once, deadline)
#define DONE(counts) leat_once_done((counts).region, &(counts).hall->once)

TEST(is_done_once) {
        struct counts counts = counts_open();
        CHECK_EQ(DONE(counts), -EPERM);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), 1);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), -EDEADLK);
        CHECK_EQ(BEGIN(counts, SOON), -EDEADLK);
        CHECK_EQ(DONE(counts), 0);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), 0);
        CHECK_EQ(BEGIN(counts, SOON), 0);
        CHECK_EQ(DONE(counts), -EPERM);
        counts_close(&counts);
}

static void child_of_another(void *argument) {
        struct counts *counts = argument;
        CHECK_EQ(BEGIN(*counts, LEAT_NOW), -ECHILD);
        CHECK_EQ(DONE(*counts), -ECHILD);
}

TEST(refuses_what_is_wrong) {
        struct counts counts = counts_open();
        struct leat_once outside = { { 0 } };
        struct leat_once *odd = (void *)((char *)&counts.hall->once + 4);
        struct leat_once *const wrong[] = { &outside, odd, NULL };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_once_begin(counts.region, wrong[i], LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_once_done(counts.region, wrong[i]), -EINVAL);
        }
        CHECK_EQ(harness_wait(harness_fork(child_of_another, &counts)), 0);
        counts_close(&counts);
}

TEST(who_may_only_read_sees_whether_it_is_done) {
        struct leat_region *writer, *reader = counts_read_only(0, sizeof(struct leat_once), &writer);
        struct leat_once *written = leat_region_data(writer), *read = leat_region_data(reader);
        CHECK_EQ(leat_once_begin(reader, read, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_once_begin(writer, written, LEAT_NOW), 1);
        CHECK_EQ(leat_once_begin(reader, read, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_once_done(reader, read), -EACCES);
        CHECK_EQ(leat_once_done(writer, written), 0);
        CHECK_EQ(leat_once_begin(reader, read, LEAT_NOW), 0);
        leat_region_close(reader);
        leat_region_close(writer);
}

static void begin(struct counts *counts) {
        atomic_store(&counts->told->result[counts->me], BEGIN(*counts, SOON));
        counts_ready(counts);
}

static void begin_and_do(struct counts *counts) {
        counts_ready(counts);
        int r = BEGIN(*counts, SOON);
        CHECK(r == 0 || r == 1);
        atomic_store(&counts->told->result[counts->me], r);
        if (r == 1) {
                counts->hall->value++;
                CHECK_EQ(DONE(*counts), 0);
        }
        CHECK_EQ(counts->hall->value, 1);
}

TEST(others_wait_until_it_is_done) {
        struct counts counts = counts_open();
        pid_t pids[3];
        CHECK_EQ(BEGIN(counts, SOON), 1);
        for (int i = 0; i < 3; i++)
                pids[i] = counts_sleeper(&counts, i, begin_and_do);
        counts.hall->value = 1;
        CHECK_EQ(DONE(counts), 0);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(harness_wait(pids[i]), 0);
                CHECK_EQ(atomic_load(&counts.told->result[i]), 0);
        }
        counts_close(&counts);
}

TEST(a_dead_one_is_replaced) {
        struct counts counts = counts_open();
        pid_t waiters[3], doer = counts_holder(&counts, 0, begin);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), -EAGAIN);
        CHECK_EQ(DONE(counts), -EPERM);
        for (int i = 0; i < 3; i++)
                waiters[i] = counts_sleeper(&counts, i + 1, begin_and_do);
        harness_kill(doer);
        int64_t did = 0;
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(harness_wait(waiters[i]), 0);
                did += atomic_load(&counts.told->result[i + 1]);
        }
        CHECK_EQ(did, 1);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), 0);
        counts_close(&counts);
}

TEST(now_finds_that_one_died) {
        struct counts counts = counts_open();
        pid_t doer = counts_holder(&counts, 0, begin);
        harness_kill(doer);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), 1);
        CHECK_EQ(DONE(counts), 0);
        counts_close(&counts);
}

TEST(a_stopped_one_is_waited_for) {
        struct counts counts = counts_open();
        pid_t doer = counts_holder(&counts, 0, begin);
        harness_stop(doer);
        CHECK_EQ(BEGIN(counts, leat_in_ms(25)), -ETIMEDOUT);
        CHECK_EQ(BEGIN(counts, 1), -ETIMEDOUT);
        harness_continue(doer);
        CHECK_EQ(BEGIN(counts, LEAT_NOW), -EAGAIN);
        harness_kill(doer);
        counts_close(&counts);
}

static struct counts of_threads;
static _Atomic int did;

static void *thread(void *argument) {
        (void)argument;
        int r = BEGIN(of_threads, SOON);
        CHECK(r == 0 || r == 1);
        if (r == 1) {
                of_threads.hall->value = 7;
                did++;
                CHECK_EQ(DONE(of_threads), 0);
        }
        CHECK_EQ(of_threads.hall->value, 7);
        return NULL;
}

static void *not_ours(void *argument) {
        (void)argument;
        CHECK_EQ(BEGIN(of_threads, LEAT_NOW), -EAGAIN);
        CHECK_EQ(DONE(of_threads), -EPERM);
        return NULL;
}

TEST(threads_do_it_once) {
        of_threads = counts_open();
        did = 0;
        harness_threads(PARTIES, thread, NULL);
        CHECK_EQ(did, 1);
        counts_close(&of_threads);
}

TEST(another_thread_does_not_end_it) {
        of_threads = counts_open();
        CHECK_EQ(BEGIN(of_threads, LEAT_NOW), 1);
        harness_threads(1, not_ours, NULL);
        CHECK_EQ(DONE(of_threads), 0);
        counts_close(&of_threads);
}

#define ONCES (BUFFER_BYTES / sizeof(struct leat_once))

/* All of them, each for as long as a few turns of the scheduler, so that kills come in the midst. */
static void do_all(struct counts *counts) {
        struct leat_once *onces = (struct leat_once *)(void *)counts->hall->buffer;
        _Atomic uint32_t *ended = counts->told->items;
        for (size_t i = 0; !atomic_load(&counts->told->stop); i++) {
                int r = leat_once_begin(counts->region, &onces[i % ONCES], SOON);
                CHECK(r == 0 || r == 1);
                for (int turns = 0; turns < 20; turns++)
                        (void)sched_yield();
                if (r == 1) {
                        atomic_store(&ended[i % ONCES], 1);
                        CHECK_EQ(leat_once_done(counts->region, &onces[i % ONCES]), 0);
                }
                CHECK_EQ(atomic_load(&ended[i % ONCES]), 1); /* done is told behind it alone */
        }
}

TEST(no_kill_leaves_one_undone) {
        struct counts counts = counts_open();
        struct leat_once *onces = (struct leat_once *)(void *)counts.hall->buffer;
        counts_kill_at_random(&counts, do_all, 15);
        for (size_t i = 0; i < ONCES; i++) {
                int r = leat_once_begin(counts.region, &onces[i], SOON);
                CHECK(r == 0 ? atomic_load(&counts.told->items[i]) == 1 : r == 1);
        }
        counts_close(&counts);
}

TEST(any_word_is_survived) {
        struct counts counts = counts_open();
        for (int i = 0; i < 300; i++) {
                counts_scribble(&counts.hall->once, sizeof counts.hall->once);
                int r = BEGIN(counts, i % 10 ? LEAT_NOW : leat_in_ms(1));
                CHECK(r == 0 || r == 1 || r == -EAGAIN || r == -ETIMEDOUT || r == -EDEADLK);
                CHECK(r != 1 || DONE(counts) == 0);
        }
        counts_close(&counts);
}

TEST_MAIN()
