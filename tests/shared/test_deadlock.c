/* SPDX-License-Identifier: MIT */

/* Circles: found, told to one, and none where there is none. */

#include "locks.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Each party has the lock of its number, and then wants the next one's. */
struct seat {
        struct locks *locks;
        int number, parties;
};

static _Atomic int64_t *told_of(const struct locks *locks) {
        return &locks->desk->told;
}

/* Told of the circle, whoever it is: itself first, each has what the one before it wants, and all are there. */
static void check_circle(const struct seat *seat) {
        struct leat_deadlock_party parties[LOCKS] = { { 0 } };
        const struct locks *locks = seat->locks;
        CHECK_EQ(leat_deadlock(locks->region, parties, LOCKS), seat->parties);
        for (int i = 0; i < seat->parties; i++) {
                int number = (seat->number + i) % seat->parties;
                CHECK_EQ(parties[i].has, offsetof(struct desk, locks) + (size_t)number * sizeof(struct leat_mutex));
                CHECK_EQ(parties[i].wants, parties[(i + 1) % seat->parties].has);
        }
        CHECK_EQ(parties[0].pid, getpid());
        CHECK_EQ(parties[0].slot, locks->region->slot);
        CHECK_EQ(parties[0].thread, region_thread());
}

static void sit(const struct seat *seat) {
        struct leat_region *region = seat->locks->region;
        struct leat_mutex *has = &seat->locks->desk->locks[seat->number];
        struct leat_mutex *wants = &seat->locks->desk->locks[(seat->number + 1) % seat->parties];
        CHECK_EQ(leat_mutex_lock(region, has, SOON), 0);
        harness_event_signal(seat->locks->ready);
        harness_event_wait(seat->locks->go);
        int r = leat_mutex_lock(region, wants, LEAT_NEVER);
        if (r == -EDEADLK) {
                atomic_fetch_add(told_of(seat->locks), 1);
                check_circle(seat);
        } else {
                CHECK_EQ(r, 0);
                CHECK_EQ(leat_mutex_unlock(region, wants), 0);
        }
        CHECK_EQ(leat_mutex_unlock(region, has), 0);
}

static void *sit_as_thread(void *seat) {
        sit(seat);
        return NULL;
}

static void sit_as_process(void *argument) {
        const struct seat *seat = argument;
        CHECK_EQ(leat_region_reattach(seat->locks->region, SOON), 0);
        sit(seat);
        locks_close(seat->locks);
}

static void circle(int processes, int threads) {
        struct locks locks = locks_open();
        struct seat seats[LOCKS];
        pid_t pids[LOCKS];
        pthread_t ids[LOCKS];
        int parties = processes + threads;
        for (int i = 0; i < parties; i++)
                seats[i] = (struct seat){ &locks, i, parties };
        for (int i = 0; i < processes; i++)
                pids[i] = harness_fork(sit_as_process, &seats[i]);
        for (int i = processes; i < parties; i++)
                CHECK_EQ(pthread_create(&ids[i], NULL, sit_as_thread, &seats[i]), 0);
        for (int i = 0; i < parties; i++)
                harness_event_wait(locks.ready);
        for (int i = 0; i < parties; i++)
                harness_event_signal(locks.go);
        for (int i = 0; i < processes; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        for (int i = processes; i < parties; i++)
                CHECK_EQ(pthread_join(ids[i], NULL), 0);
        CHECK_EQ(locks.desk->told, 1);
        locks_close(&locks);
}

TEST(of_two_processes) {
        circle(2, 0);
}

TEST(of_two_threads) {
        circle(0, 2);
}

TEST(of_three_processes) {
        circle(3, 0);
}

TEST(of_a_process_and_two_threads) {
        circle(1, 2);
}

TEST(of_five) {
        circle(3, 2);
}

/* Both of a circle look: the one whose name is the least is told, and else the one that could not say that it waits. */
TEST(one_of_a_circle_is_told) {
        struct locks locks = locks_open();
        struct desk *desk = locks.desk;
        uint64_t names[2];
        struct region_wait *said[2];
        for (int i = 0; i < 2; i++) {
                names[i] = locks.region->mark | (UINT64_C(100) + (uint64_t)i) << 16;
                atomic_store(word_of(&desk->locks[i]), names[i]);
                said[i] = wait_say(locks.region, &desk->locks[1 - i], names[i]);
                CHECK(said[i] != NULL);
        }
        CHECK_EQ(deadlock_look(locks.region, &desk->locks[1], names[0], true), -EDEADLK);
        CHECK_EQ(deadlock_look(locks.region, &desk->locks[0], names[1], true), 0);
        CHECK_EQ(deadlock_look(locks.region, &desk->locks[0], names[1], false), -EDEADLK);
        wait_unsay(said[0]);
        CHECK_EQ(deadlock_look(locks.region, &desk->locks[0], names[1], false), 0);
        wait_unsay(said[1]);
        locks_close(&locks);
}

/* ---- where there is none ---- */

static void take_second_want_third(struct locks *locks) {
        CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[1], SOON), 0);
        harness_event_signal(locks->ready);
        harness_event_wait(locks->go);
        (void)leat_mutex_lock(locks->region, &locks->desk->locks[2], LEAT_NEVER);
}

static void take_third_want_first(struct locks *locks) {
        CHECK_EQ(leat_mutex_lock(locks->region, &locks->desk->locks[2], SOON), 0);
        harness_event_signal(locks->ready);
        harness_event_wait(locks->go);
        (void)leat_mutex_lock(locks->region, &locks->desk->locks[0], LEAT_NEVER);
}

/* A stopped party still waits, so it is a circle; a dead one does not, and what it has is taken over. The other two would be a circle with it. */
TEST(with_a_dead_one_is_none) {
        struct locks locks = locks_open();
        struct desk *desk = locks.desk;
        CHECK_EQ(leat_mutex_lock(locks.region, &desk->locks[0], LEAT_NOW), 0);
        pid_t second = locks_party(&locks, take_second_want_third, false);
        pid_t third = locks_party(&locks, take_third_want_first, false);
        for (int i = 0; i < 2; i++)
                harness_event_wait(locks.ready);
        for (int i = 0; i < 2; i++)
                harness_event_signal(locks.go);
        locks_wait_said(&locks, &desk->locks[2], 1);
        locks_wait_said(&locks, &desk->locks[0], 1);
        harness_stop(second); /* so that it does not take over what the dead one leaves */
        harness_kill(third);
        CHECK_EQ(leat_mutex_lock(locks.region, &desk->locks[1], leat_in_ms(40)), -ETIMEDOUT);
        harness_kill(second);
        CHECK_EQ(leat_mutex_lock(locks.region, &desk->locks[1], SOON), -EOWNERDEAD);
        CHECK_EQ(leat_mutex_lock(locks.region, &desk->locks[2], SOON), -EOWNERDEAD);
        locks_close(&locks);
}

#define BUSY_PARTIES 3
#define BUSY_ROUNDS 300

/* In rising order, over each other, with waits of all lengths: never a circle. */
static void be_busy(struct locks *locks) {
        struct desk *desk = locks->desk;
        for (int i = 0; i < BUSY_ROUNDS; i++) {
                int first = i % 3, second = first + 1 + i % 2;
                CHECK_EQ(leat_mutex_lock(locks->region, &desk->locks[first], SOON), 0);
                int r = leat_mutex_lock(locks->region, &desk->locks[second], i % 7 ? SOON : leat_in_us(500));
                CHECK(r == 0 || (i % 7 == 0 && r == -ETIMEDOUT));
                if (r == 0)
                        CHECK_EQ(leat_mutex_unlock(locks->region, &desk->locks[second]), 0);
                CHECK_EQ(leat_mutex_unlock(locks->region, &desk->locks[first]), 0);
        }
}

static void *be_busy_as_thread(void *locks) {
        be_busy(locks);
        return NULL;
}

static void be_busy_with_threads(struct locks *locks) {
        harness_threads(2, be_busy_as_thread, locks);
}

TEST(busy_parties_make_none) {
        struct locks locks = locks_open();
        locks_parties(&locks, BUSY_PARTIES, be_busy_with_threads);
        locks_close(&locks);
}

/* The lock of transactions is one like others: it has no place in the program's bytes. */
static void begin_and_want_first(struct locks *locks) {
        CHECK_EQ(mutex_lock(locks->region, &locks->region->header->transaction, SOON), 0);
        harness_event_signal(locks->ready);
        int r = leat_mutex_lock(locks->region, &locks->desk->locks[0], LEAT_NEVER);
        CHECK(r == 0 || r == -EDEADLK);
        atomic_fetch_add(told_of(locks), r == -EDEADLK);
        if (r == 0)
                CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[0]), 0);
        CHECK_EQ(mutex_unlock(locks->region, &locks->region->header->transaction), 0);
}

TEST(with_the_lock_of_transactions) {
        struct locks locks = locks_open();
        struct leat_deadlock_party parties[2];
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NOW), 0);
        pid_t other = locks_party(&locks, begin_and_want_first, false);
        harness_event_wait(locks.ready);
        int r = mutex_lock(locks.region, &locks.region->header->transaction, LEAT_NEVER);
        if (r == -EDEADLK) {
                CHECK_EQ(leat_deadlock(locks.region, parties, 2), 2);
                CHECK(parties[0].wants == UINT64_MAX && parties[1].has == UINT64_MAX);
                CHECK_EQ(parties[1].pid, other);
        } else {
                CHECK_EQ(r, 0);
                CHECK_EQ(mutex_unlock(locks.region, &locks.region->header->transaction), 0);
        }
        CHECK_EQ(leat_mutex_unlock(locks.region, &locks.desk->locks[0]), 0);
        CHECK_EQ(harness_wait(other), 0);
        CHECK_EQ((r == -EDEADLK) + locks.desk->told, 1);
        locks_close(&locks);
}

/* Another region may come to lie where that one was: it has no circle. */
TEST(what_was_told_ends_with_the_region) {
        struct locks locks = locks_open();
        struct leat_deadlock_party party;
        uint8_t identity[16];
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NOW), 0);
        CHECK_EQ(leat_mutex_lock(locks.region, &locks.desk->locks[0], LEAT_NEVER), -EDEADLK);
        CHECK_EQ(leat_deadlock(locks.region, &party, 1), 1);
        memcpy(identity, locks.region->identity, sizeof identity);
        locks.region->identity[0] ^= 1; /* as of another one */
        CHECK_EQ(leat_deadlock(locks.region, &party, 1), 0);
        memcpy(locks.region->identity, identity, sizeof identity);
        uint64_t mark = locks.region->mark;
        locks.region->mark += UINT64_C(1) << 32; /* as of another opening */
        CHECK_EQ(leat_deadlock(locks.region, &party, 1), 0);
        locks.region->mark = mark;
        CHECK_EQ(leat_deadlock(locks.region, &party, 1), 1);
        CHECK_EQ(leat_mutex_unlock(locks.region, &locks.desk->locks[0]), 0);
        locks_close(&locks);
}

TEST_MAIN()
