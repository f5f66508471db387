/* SPDX-License-Identifier: MIT */

/* Mutexes of those that live: what is counted under them is right, and each error is told. */

#include "locks.h"
#include "shared/mutex_wait.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t rounds(void) {
        return (int64_t)harness_how_many(2000, 20000, 1000000);
}

/* Two numbers that are alike whenever nobody is in. */
static void change(struct desk *desk) {
        CHECK_EQ(desk->value, desk->copy);
        desk->value++;
        desk->copy++;
}

static void count(struct locks *locks) {
        for (int64_t i = 0; i < rounds(); i++) {
                CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[0], SOON), 0);
                change(locks->desk);
                CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[0]), 0);
        }
}

static void *count_in_thread(void *locks) {
        count(locks);
        return NULL;
}

static void count_in_threads(struct locks *locks) {
        harness_threads(2, count_in_thread, locks);
}

static void count_with(int parties, void (*body)(struct locks *), int64_t in_each) {
        struct locks locks = locks_open();
        locks_parties(&locks, parties, body);
        CHECK_EQ(locks.desk->value, parties * in_each * rounds());
        CHECK_EQ(locks.desk->copy, locks.desk->value);
        CHECK_EQ(locks_word(&locks.desk->locks[0]) & WORD_SLOT, 0);
        locks_close(&locks);
}

TEST(two_processes_count) {
        count_with(2, count, 1);
}

TEST(eight_processes_count) {
        count_with(8, count, 1);
}

TEST(threads_count) {
        struct locks locks = locks_open();
        harness_threads(4, count_in_thread, &locks);
        CHECK_EQ(locks.desk->value, 4 * rounds());
        locks_close(&locks);
}

TEST(processes_with_threads_count) {
        count_with(3, count_in_threads, 2);
}

TEST(leaves_zeroes_where_nobody_waits) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[1];
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NOW), 0);
        CHECK(locks_word(mutex) != 0);
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
        CHECK_EQ(mutex->words[0], 0);
        CHECK_EQ(mutex->words[1], 0);
        locks_close(&locks);
}

TEST(second_lock_by_a_thread_is_a_circle_of_one) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[3];
        struct leat_deadlock_party parties[2];
        CHECK_EQ(leat_deadlock(locks.region, parties, 2), 0);
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NEVER), 0);
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NEVER), -EDEADLK);
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NOW), -EDEADLK);
        CHECK_EQ(leat_deadlock(locks.region, parties, 2), 1);
        CHECK_EQ(parties[0].pid, getpid());
        CHECK_EQ(parties[0].slot, locks.region->slot);
        CHECK_EQ(parties[0].has, offsetof(struct desk, locks[3]));
        CHECK_EQ(parties[0].wants, offsetof(struct desk, locks[3]));
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), -EPERM);
        locks_close(&locks);
}

/* The 4,096th thread of a process, and all after it: a second lock of one may be another one's first. */
TEST(threads_without_a_number_are_not_told_apart) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[0];
        uint64_t none = locks.region->mark;
        CHECK_EQ(mutex_wait(locks.region, mutex, none, LEAT_NOW), 0);
        CHECK_EQ(mutex_wait(locks.region, mutex, none, LEAT_NOW), -EAGAIN);
        CHECK_EQ(mutex_wait(locks.region, mutex, none, leat_in_ms(25)), -ETIMEDOUT);
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), -EPERM);
        locks_close(&locks);
}

static void *try_in_thread(void *argument) {
        struct locks *locks = argument;
        CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[0]), -EPERM);
        CHECK_EQ(leat_mutex_mend(locks->region, &locks->desk->locks[0]), -EPERM);
        CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[0], LEAT_NOW), -EAGAIN);
        return NULL;
}

static void try_in_process(struct locks *locks) {
        (void)try_in_thread(locks);
}

static pthread_key_t key;

static void unlock_at_the_end(void *argument) {
        struct locks *locks = argument;
        locks->desk->told = leat_mutex_unlock(locks->region, &locks->desk->locks[0]);
}

static void *lock_and_end(void *argument) {
        struct locks *locks = argument;
        CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[0], SOON), 0);
        CHECK_EQ(pthread_setspecific(key, locks), 0);
        return NULL;
}

/* The key is made behind that of the numbers: so its destructor is called behind that one. */
TEST(a_destructor_of_the_thread_unlocks) {
        struct locks locks = locks_open();
        CHECK(region_thread() != 0);
        CHECK_EQ(pthread_key_create(&key, unlock_at_the_end), 0);
        locks.desk->told = 1;
        harness_threads(1, lock_and_end, &locks);
        CHECK_EQ(locks.desk->told, 0);
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NOW), 0);
        CHECK_EQ(leat_mutex_unlock(locks.region, &locks.desk->locks[0]), 0);
        CHECK_EQ(pthread_key_delete(key), 0);
        locks_close(&locks);
}

static void *tell_number(void *argument) {
        *(uint32_t *)argument = region_thread();
        return NULL;
}

/* They do not run out. */
TEST(numbers_of_threads_are_given_back) {
        for (int i = 0; i < 100; i++) {
                uint32_t number = 0;
                harness_threads(1, tell_number, &number);
                CHECK(number == 1 || (number == 2 && region_thread_mine == 1));
        }
}

TEST(others_can_neither_unlock_nor_mend) {
        struct locks locks = locks_open();
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NEVER), 0);
        harness_threads(1, try_in_thread, &locks);
        CHECK_EQ(harness_wait(locks_party(&locks, try_in_process, false)), 0);
        CHECK_EQ(leat_mutex_unlock(locks.region, &locks.desk->locks[0]), 0);
        CHECK_EQ(leat_mutex_mend(locks.region, &locks.desk->locks[0]), -EPERM);
        locks_close(&locks);
}

/* Of each deadline: one that has passed, one that will, and none. */
static void run_out(struct locks *locks) {
        struct leat_mutex *mutex = &locks->desk->locks[0];
        CHECK_EQ(leat_mutex_lock(locks->region, mutex, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_mutex_lock(locks->region, mutex, 1), -ETIMEDOUT);
        CHECK_EQ(leat_mutex_lock(locks->region, mutex, leat_in_us(300)), -ETIMEDOUT);
        CHECK_EQ(leat_mutex_lock(locks->region, mutex, leat_in_ms(3)), -ETIMEDOUT); /* it starves */
        CHECK_EQ(leat_mutex_lock(locks->region, mutex, leat_in_ms(25)), -ETIMEDOUT);
        for (int i = 0; i < REGION_WAITS; i++)
                CHECK_EQ(locks->region->me->waits[i].lock, 0);
}

TEST(deadlines_pass) {
        struct locks locks = locks_open();
        struct leat_mutex *mutex = &locks.desk->locks[0];
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, LEAT_NEVER), 0);
        CHECK_EQ(harness_wait(locks_party(&locks, run_out, false)), 0);
        /* None that gave up is named: it is free, and not offered to one who does not come. */
        CHECK_EQ(locks_next(mutex), 0);
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
        CHECK_EQ(locks_word(mutex), 0);
        CHECK_EQ(leat_mutex_lock(locks.region, mutex, 1), 0); /* a deadline that has passed tries once */
        CHECK_EQ(leat_mutex_unlock(locks.region, mutex), 0);
        locks_close(&locks);
}

TEST(what_is_no_mutex_of_the_region_is_refused) {
        struct locks locks = locks_open();
        uint8_t *data = leat_region_data(locks.region);
        size_t size = leat_region_size(locks.region);
        struct leat_mutex elsewhere = { { 0, 0 } };
        struct leat_mutex *wrong[] = {
                &elsewhere,          (void *)(data + 4), (void *)(data + size - 8), (void *)(data + size),
                (void *)(data - 16), (void *)8
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_mutex_lock(locks.region, wrong[i], LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_mutex_unlock(locks.region, wrong[i]), -EINVAL);
                CHECK_EQ(leat_mutex_mend(locks.region, wrong[i]), -EINVAL);
                CHECK_EQ(leat_rwlock_read(locks.region, (void *)wrong[i], LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_rwlock_write(locks.region, (void *)wrong[i], LEAT_NOW), -EINVAL);
                CHECK_EQ(leat_rwlock_unlock(locks.region, (void *)wrong[i]), -EINVAL);
        }
        locks_close(&locks);
}

static void use_inherited(void *argument) {
        struct locks *locks = argument;
        CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[0], LEAT_NOW), -ECHILD);
        CHECK_EQ(leat_rwlock_read(locks->region, &locks->desk->both, LEAT_NOW), -ECHILD);
        CHECK_EQ(leat_deadlock(locks->region, NULL, 0), -ECHILD);
        locks->region = leat_region_close(locks->region);
}

TEST(in_a_child_it_is_refused) {
        struct locks locks = locks_open();
        CHECK_EQ(harness_wait(harness_fork(use_inherited, &locks)), 0);
        locks_close(&locks);
}

TEST(who_may_only_read_may_not_lock) {
        char address[256], reading[300];
        (void)snprintf(address, sizeof address, "map:%s/desk", harness_tmpdir());
        (void)snprintf(reading, sizeof reading, "%s?access=ro", address);
        struct leat_region *writes = NULL, *reads = NULL;
        CHECK_EQ(leat_region_open(address, sizeof(struct desk), NULL, SOON, NULL, &writes), 0);
        CHECK_EQ(leat_region_open(reading, 0, NULL, SOON, NULL, &reads), 0);
        struct desk *desk = leat_region_data(reads);
        CHECK_EQ(leat_mutex_lock(reads, &desk->locks[0], LEAT_NOW), -EACCES);
        CHECK_EQ(leat_mutex_unlock(reads, &desk->locks[0]), -EACCES);
        CHECK_EQ(leat_rwlock_read(reads, &desk->both, LEAT_NOW), -EACCES);
        CHECK_EQ(leat_rwlock_write(reads, &desk->both, LEAT_NOW), -EACCES);
        leat_region_close(reads);
        leat_region_close(writes);
        CHECK_EQ(leat_region_remove(address, false, SOON, NULL), 0);
}

TEST(who_may_not_write_the_bytes_now_may_not_lock) {
        struct leat_region *region = NULL;
        CHECK_EQ(leat_region_open("anon:", sizeof(struct desk), NULL, SOON, NULL, &region), 0);
        struct desk *desk = leat_region_data(region);
        CHECK_EQ(leat_mutex_lock(region, &desk->locks[0], LEAT_NOW), 0);
        for (int access = LEAT_ACCESS_NONE; access <= LEAT_ACCESS_READ; access++) {
                CHECK_EQ(leat_region_protect(region, (enum leat_access)access), 0);
                CHECK_EQ(leat_mutex_lock(region, &desk->locks[1], LEAT_NOW), -EACCES);
                CHECK_EQ(leat_mutex_unlock(region, &desk->locks[0]), -EACCES);
                CHECK_EQ(leat_rwlock_read(region, &desk->both, LEAT_NOW), -EACCES);
        }
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_WRITE), 0);
        CHECK_EQ(leat_mutex_unlock(region, &desk->locks[0]), 0);
        leat_region_close(region);
}

TEST_MAIN()
