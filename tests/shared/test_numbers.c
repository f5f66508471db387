/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "shared/region.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

/* Numbers of threads that are taken late: no destructor of ours is called behind that. */

static pthread_key_t key;
static _Thread_local int rounds;
static _Atomic uint32_t told; /* relaxed where TSan has seen the thread end before its last destructor */

/* In the last round; the key is made behind that of the numbers, so that its destructor is called behind that one. */
static void take_late(void *argument) {
        if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
                CHECK_EQ(pthread_setspecific(key, argument), 0);
        else
                atomic_store_explicit(&told, region_thread(), memory_order_relaxed);
}

static void *end(void *argument) {
        CHECK_EQ(pthread_setspecific(key, argument), 0);
        return NULL;
}

static void *tell(void *argument) {
        told = region_thread();
        return argument;
}

enum { LEFT = 20 };

static void run(void *(*function)(void *argument)) {
        pthread_t thread;
        told = 0;
        CHECK_EQ(pthread_create(&thread, NULL, function, &key), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* All but so many are this thread's. */
static void leave(uint32_t count) {
        while (region_thread_take() < 4095 - count)
                ;
}

static void numbers_come_back(void) {
        for (int i = 0; i < 5 * LEFT; i++) {
                run(end);
                CHECK(told > 4095 - LEFT);
                run(tell);
                CHECK(told > 4095 - LEFT);
        }
}

TEST(numbers_that_are_taken_late_come_back) {
        leave(LEFT);
        CHECK_EQ(pthread_key_create(&key, take_late), 0);
        numbers_come_back();
}

static void be_a_child(void *argument) {
        uint32_t mine = *(uint32_t *)argument;
        CHECK_EQ(region_thread(), mine);
        leave(LEFT); /* all others were free again */
        numbers_come_back();
}

/* Those that a child's parent had are of none of its threads, whatever their numbers in the system. */
TEST(numbers_come_back_in_a_child) {
        uint32_t mine = region_thread();
        CHECK_EQ(pthread_key_create(&key, take_late), 0);
        for (int i = 0; i < LEFT; i++)
                run(end);
        CHECK_EQ(harness_wait(harness_fork(be_a_child, &mine)), 0);
}

static void *wait_there(void *argument) {
        told = region_thread();
        pthread_barrier_wait(argument);
        pthread_barrier_wait(argument);
        return NULL;
}

/* Of a thread that lives nobody else gets it, however many look. */
TEST(numbers_of_those_that_live_stay) {
        pthread_barrier_t barrier;
        pthread_t thread;
        CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
        leave(1);
        CHECK_EQ(pthread_create(&thread, NULL, wait_there, &barrier), 0);
        pthread_barrier_wait(&barrier);
        CHECK_EQ(told, 4095);
        for (int i = 0; i < 3; i++) {
                run(tell);
                CHECK_EQ(told, 0);
        }
        pthread_barrier_wait(&barrier);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        run(tell);
        CHECK_EQ(told, 4095);
        pthread_barrier_destroy(&barrier);
}

static void tell_late(void *argument) {
        *(uint32_t *)argument = region_thread();
}

/* Has a number behind another one's, who is gone when it ends. */
static void *outlive(void *barrier) {
        static uint32_t late;
        uint32_t mine = region_thread();
        CHECK_EQ(pthread_setspecific(key, &late), 0);
        pthread_barrier_wait(barrier);
        pthread_barrier_wait(barrier);
        atomic_store(&told, mine);
        return &late;
}

/* The key is made behind that of the numbers, so that its destructor is called behind that one. */
TEST(a_number_stays_until_the_last_destructor) {
        pthread_barrier_t first, second;
        pthread_t threads[2];
        void *late;
        uint32_t mine = region_thread();
        CHECK(pthread_barrier_init(&first, NULL, 2) == 0 && pthread_barrier_init(&second, NULL, 2) == 0);
        CHECK_EQ(pthread_key_create(&key, tell_late), 0);
        CHECK_EQ(pthread_create(&threads[0], NULL, wait_there, &first), 0);
        pthread_barrier_wait(&first);
        CHECK_EQ(pthread_create(&threads[1], NULL, outlive, &second), 0);
        pthread_barrier_wait(&second);
        pthread_barrier_wait(&first);
        CHECK_EQ(pthread_join(threads[0], NULL), 0);
        CHECK_EQ(told, mine + 1);
        pthread_barrier_wait(&second);
        CHECK_EQ(pthread_join(threads[1], &late), 0);
        CHECK_EQ(told, mine + 2);
        CHECK_EQ(*(uint32_t *)late, mine + 2);
        CHECK(pthread_barrier_destroy(&first) == 0 && pthread_barrier_destroy(&second) == 0);
}

TEST_MAIN()
