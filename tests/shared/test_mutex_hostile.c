/* SPDX-License-Identifier: MIT */

/* Words that no participant of ours would have written: each call returns by its deadline, and reads and writes nothing outside of the region. */

#include "locks.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define RANDOM_WORDS 300
#define RANDOM_WAITS 20

static uint64_t here(const struct locks *locks, uint64_t thread) {
        return locks->region->mark | thread << 16;
}

static void put(struct leat_mutex *mutex, uint64_t word, uint64_t next) {
        atomic_store(word_of(mutex), word);
        atomic_store(next_of(mutex), next);
}

static void check_lock(int r) {
        CHECK(r == 0 || r == -EOWNERDEAD || r == -EAGAIN || r == -ETIMEDOUT || r == -EDEADLK);
}

/* All calls, whatever they say. */
static void use(struct locks *locks, struct leat_mutex *mutex, int64_t deadline) {
        struct leat_rwlock *both = (struct leat_rwlock *)mutex; /* with the two words behind it */
        check_lock(leat_mutex_lock(locks->region, mutex, deadline));
        (void)leat_mutex_mend(locks->region, mutex);
        (void)leat_mutex_unlock(locks->region, mutex);
        check_lock(leat_rwlock_read(locks->region, both, deadline));
        (void)leat_rwlock_unlock(locks->region, both);
        check_lock(leat_rwlock_write(locks->region, both, deadline));
        (void)leat_rwlock_mend(locks->region, both);
        (void)leat_rwlock_unlock(locks->region, both);
        for (int i = 0; i < REGION_READS; i++)
                CHECK_EQ(locks->region->me->reads[i], 0);
}

/* Each class of each field, in all combinations. */
TEST(each_class_of_words) {
        struct locks locks = locks_open();
        const uint64_t slots[] = { 0, 1, 2, 32, 33, 0xffff }, threads[] = { 0, region_thread(), 2000, 4095 },
                       incarnations[] = { 0, 1, 2, 0xffffffff };
        const size_t count = 6 * 4 * 4 * 16;
        for (size_t n = 0; n < count; n++) {
                uint64_t name = incarnations[n % 4] << 32 | threads[n / 4 % 4] << 16 | slots[n / 16 % 6];
                uint64_t bits = (uint64_t)(n / 96 % 16) << 28;
                for (int next = 0; next < 3; next++) {
                        put(&locks.desk->locks[0], name | bits, next == 0 ? 0 : next == 1 ? name : ~name);
                        use(&locks, &locks.desk->locks[0], LEAT_NOW);
                }
        }
        locks_close(&locks);
}

static uint64_t some_word(const struct locks *locks) {
        uint64_t word = harness_random();
        if (harness_random_below(2))
                word = (word & ~REGION_MARK_BITS) | locks->region->mark; /* one who lives */
        if (harness_random_below(4) == 0)
                word = (word & ~WORD_THREAD) | (uint64_t)region_thread() << 16;
        return harness_random_below(8) ? word : 0;
}

TEST(random_words) {
        struct locks locks = locks_open();
        for (int i = 0; i < RANDOM_WORDS; i++) {
                put(&locks.desk->locks[0], some_word(&locks), some_word(&locks));
                put(&locks.desk->locks[1], some_word(&locks), some_word(&locks));
                use(&locks, &locks.desk->locks[0], i % (RANDOM_WORDS / RANDOM_WAITS) ? LEAT_NOW : leat_in_ms(12));
        }
        locks_close(&locks);
}

/* Whoever scribbles lives, and waits for anything: what is followed is checked. */
static void scribble_waits(struct locks *locks, struct participant *party) {
        for (int i = 0; i < REGION_WAITS; i++) {
                uint64_t lock = harness_random();
                if (harness_random_below(2))
                        lock = harness_random_below(sizeof(struct desk) + 64) + (harness_random_below(2) ? 1 : 0);
                atomic_store(&party->waits[i].lock, lock);
                atomic_store(&party->waits[i].count, (UINT64_C(1) << 32) * harness_random_below(4) + 7);
        }
        for (int i = 0; i < LOCKS; i++)
                put(&locks->desk->locks[i], here(locks, harness_random_below(4) + 100), harness_random());
}

TEST(random_waits_are_followed_within_the_region) {
        struct locks locks = locks_open();
        struct participant kept = *locks.region->me;
        for (int i = 0; i < RANDOM_WORDS; i++) {
                scribble_waits(&locks, locks.region->me);
                /* The look itself, not once each 10 ms. */
                for (int lock = 0; lock < LOCKS; lock++) {
                        uint64_t me = here(&locks, 100 + harness_random_below(4));
                        int r = deadlock_look(locks.region, &locks.desk->locks[lock], me, harness_random_below(2));
                        CHECK(r == 0 || r == -EDEADLK);
                }
        }
        *locks.region->me = kept;
        locks_close(&locks);
}

/* A ring of owners that this thread is not in: the look ends. */
TEST(a_circle_of_others_ends) {
        struct locks locks = locks_open();
        struct participant *me = locks.region->me;
        for (int i = 0; i < 2; i++) {
                put(&locks.desk->locks[i], here(&locks, 100 + (uint64_t)i), 0);
                atomic_store(&me->waits[i].lock, region_offset(locks.region, &locks.desk->locks[1 - i]) + 1);
                atomic_store(&me->waits[i].count, (UINT64_C(100) + (uint64_t)i) << 32);
        }
        CHECK_EQ(deadlock_look(locks.region, &locks.desk->locks[0], word_here(locks.region), true), 0);
        CHECK_EQ(deadlock_look(locks.region, &locks.desk->locks[0], here(&locks, 100), false), -EDEADLK);
        locks_close(&locks);
}

/* One that writes all the time: every call comes back. */
static void scribble(struct locks *locks) {
        harness_event_signal(locks->ready);
        while (!atomic_load(&locks->desk->stop))
                for (int i = 0; i < 100; i++) {
                        uint64_t word = some_word(locks);
                        atomic_store(word_of(&locks->desk->locks[0]), word);
                        atomic_store(next_of(&locks->desk->locks[0]), ~word);
                        atomic_store(word_of(&locks->desk->locks[1]), word * 3);
                        atomic_store(next_of(&locks->desk->locks[1]), word);
                }
}

TEST(beside_one_that_scribbles) {
        struct locks locks = locks_open();
        pid_t liar = locks_party(&locks, scribble, false);
        harness_event_wait(locks.ready);
        for (int i = 0; i < RANDOM_WORDS; i++)
                use(&locks, &locks.desk->locks[0], i % (RANDOM_WORDS / RANDOM_WAITS) ? LEAT_NOW : leat_in_ms(2));
        atomic_store(&locks.desk->stop, 1);
        CHECK_EQ(harness_wait(liar), 0);
        locks_close(&locks);
}

/* It writes nothing but the lock, whatever stands in it. */
TEST(nothing_beside_the_lock_is_written) {
        struct locks locks = locks_open();
        uint8_t before[sizeof(struct desk)], after[sizeof(struct desk)];
        for (int i = 0; i < RANDOM_WORDS; i++) {
                put(&locks.desk->locks[2], some_word(&locks), some_word(&locks));
                memcpy(before, locks.desk, sizeof before);
                use(&locks, &locks.desk->locks[2], LEAT_NOW);
                memcpy(after, locks.desk, sizeof after);
                size_t from = offsetof(struct desk, locks[2]), to = offsetof(struct desk, locks[4]);
                CHECK_MEM(after, before, from);
                CHECK_MEM(after + to, before + to, sizeof after - to);
        }
        locks_close(&locks);
}

TEST_MAIN()
