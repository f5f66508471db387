/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <pthread.h>
#include <unistd.h>

/* What all of lib/shared/ uses: numbers of threads, sleep and wake, copies. */

/* ---- threads ---- */

enum { THREADS = 16 };

static struct {
        pthread_barrier_t barrier;
        uint32_t numbers[THREADS];
} threads;

static void *be_numbered(void *argument) {
        uint32_t *number = argument;
        *number = region_thread();
        pthread_barrier_wait(&threads.barrier); /* all live at once */
        return *number == region_thread() ? NULL : argument;
}

static void number_all(int count) {
        pthread_t ids[THREADS];
        CHECK_EQ(pthread_barrier_init(&threads.barrier, NULL, (unsigned)count), 0);
        for (int i = 0; i < count; i++)
                CHECK_EQ(pthread_create(&ids[i], NULL, be_numbered, &threads.numbers[i]), 0);
        for (int i = 0; i < count; i++) {
                void *changed;
                CHECK_EQ(pthread_join(ids[i], &changed), 0);
                CHECK(!changed);
        }
        pthread_barrier_destroy(&threads.barrier);
        for (int i = 0; i < count; i++) {
                CHECK(threads.numbers[i] >= 1 && threads.numbers[i] <= 4095);
                for (int k = 0; k < i; k++)
                        CHECK(threads.numbers[i] != threads.numbers[k]);
        }
}

TEST(threads_have_numbers) {
        uint32_t mine = region_thread();
        CHECK(mine >= 1 && mine <= 4095);
        for (int round = 0; round < 300; round++) { /* more than there are numbers: they are given back */
                number_all(THREADS);
                for (int i = 0; i < THREADS; i++)
                        CHECK(threads.numbers[i] != mine);
        }
        CHECK_EQ(region_thread(), mine);
}

static void be_alone(void *argument) {
        uint32_t mine = *(uint32_t *)argument;
        CHECK_EQ(region_thread(), mine);
        for (int round = 0; round < 20; round++) {
                number_all(1);
                CHECK(threads.numbers[0] != mine);
        }
}

TEST(children_keep_the_number_of_their_thread) {
        uint32_t mine = region_thread();
        number_all(3);
        CHECK_EQ(harness_wait(harness_fork(be_alone, &mine)), 0);
}

/* ---- sleep ---- */

struct sleeper {
        struct leat_region *region;
        struct harness_event *done;
};

static void sleep_there(void *argument) {
        const struct sleeper *sleeper = argument;
        CHECK_EQ(leat_region_reattach(sleeper->region, SOON), 0);
        _Atomic uint32_t *word = leat_region_data(sleeper->region);
        while (atomic_load(word) == 0)
                region_sleep(word, 0, LEAT_NEVER);
        harness_event_signal(sleeper->done);
        leat_region_close(sleeper->region);
}

/* By another process, at whatever address it has the page. */
TEST(one_is_woken_by_another) {
        struct sleeper sleeper = { region_open_or_fail("anon:", 64), harness_event_new() };
        _Atomic uint32_t *word = leat_region_data(sleeper.region);
        pid_t pid = harness_fork(sleep_there, &sleeper);
        harness_wait_state(pid, "S");
        atomic_store(word, 1);
        region_wake(word, 1);
        harness_event_wait(sleeper.done);
        CHECK_EQ(harness_wait(pid), 0);
        leat_region_close(sleeper.region);
}

TEST(sleep_ends_at_its_deadline) {
        struct leat_region *region = region_open_or_fail("anon:", 64);
        _Atomic uint32_t *word = leat_region_data(region);
        int64_t until = leat_in_ms(5);
        while (leat_now() < until)
                region_sleep(word, 0, until);
        CHECK(leat_now() >= until);
        region_sleep(word, 0, LEAT_NOW);
        region_sleep(word, 0, 1);
        region_sleep(word, 1, LEAT_NEVER); /* it is not so by now */
        leat_region_close(region);
}

/* ---- copies ---- */

TEST(copies_are_exact) {
        uint8_t from[96], to[96], expected[96];
        for (size_t i = 0; i < sizeof from; i++)
                from[i] = (uint8_t)harness_random();
        for (size_t source = 0; source < 17; source++)
                for (size_t target = 0; target < 17; target++)
                        for (size_t size = 0; size < 60; size++) {
                                memset(to, 0xaa, sizeof to);
                                memset(expected, 0xaa, sizeof expected);
                                memcpy(expected + target, from + source, size);
                                region_copy_out(to + target, from + source, size);
                                CHECK_MEM(to, expected, sizeof to);
                                memset(to, 0xaa, sizeof to);
                                region_copy_in(to + target, from + source, size);
                                CHECK_MEM(to, expected, sizeof to);
                        }
}

TEST_MAIN()
