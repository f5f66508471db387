/* SPDX-License-Identifier: MIT */

/* Readers and a writer: who is in with whom, who waits, and what is left by those that are killed and stopped. */

#include "locks.h"

#include <signal.h>

static int rd(struct locks *locks, int64_t deadline) {
        return leat_rwlock_read(locks->region, &locks->desk->both, deadline);
}

static int wr(struct locks *locks, int64_t deadline) {
        return leat_rwlock_write(locks->region, &locks->desk->both, deadline);
}

static int un(struct locks *locks) {
        return leat_rwlock_unlock(locks->region, &locks->desk->both);
}

static struct leat_mutex *writers(struct locks *locks) {
        return (struct leat_mutex *)locks->desk->both.words;
}

/* It is nobody's, and whole. */
static void read_and_write_now(struct locks *locks) {
        CHECK_EQ(rd(locks, LEAT_NOW), 0);
        CHECK_EQ(un(locks), 0);
        CHECK_EQ(wr(locks, LEAT_NOW), 0);
        CHECK_EQ(un(locks), 0);
}

/* ---- parties ---- */

static void take_to_read(struct locks *locks) {
        CHECK_EQ(rd(locks, SOON), 0);
        harness_event_signal(locks->ready);
}

static void take_to_write(struct locks *locks) {
        int r = wr(locks, SOON);
        CHECK(r == 0 || r == -EOWNERDEAD);
        atomic_store(&locks->desk->told, r);
        harness_event_signal(locks->ready);
}

static void write_once(struct locks *locks) {
        take_to_write(locks);
        atomic_fetch_add(&locks->desk->passes, 1);
        CHECK_EQ(un(locks), 0);
}

static void read_once(struct locks *locks) {
        int r = rd(locks, SOON);
        CHECK(r == 0 || r == -EOWNERDEAD);
        atomic_store(&locks->desk->told, r);
        atomic_fetch_add(&locks->desk->passes, 1);
        CHECK_EQ(un(locks), 0);
}

/* A writer that has the mutex, and waits for readers. */
static pid_t waiting_writer(struct locks *locks) {
        pid_t pid = locks_party(locks, write_once, false);
        WAIT_UNTIL(locks_word(writers(locks)) & WORD_SLOT);
        return pid;
}

/* ---- those that live ---- */

TEST(readers_are_in_together) {
        struct locks locks = locks_open();
        pid_t other = locks_holder(&locks, take_to_read);
        CHECK_EQ(rd(&locks, LEAT_NOW), 0);
        CHECK_EQ(un(&locks), 0);
        CHECK_EQ(un(&locks), -EPERM);
        CHECK_EQ(wr(&locks, LEAT_NOW), -EAGAIN);
        CHECK_EQ(wr(&locks, leat_in_ms(15)), -ETIMEDOUT);
        CHECK_EQ(rd(&locks, LEAT_NOW), 0); /* the writer that gave up left nothing */
        CHECK_EQ(un(&locks), 0);
        harness_kill(other);
        locks_close(&locks);
}

TEST(a_writer_is_alone) {
        struct locks locks = locks_open();
        pid_t writer = locks_holder(&locks, take_to_write);
        CHECK_EQ(rd(&locks, LEAT_NOW), -EAGAIN);
        CHECK_EQ(rd(&locks, leat_in_ms(15)), -ETIMEDOUT);
        CHECK_EQ(wr(&locks, LEAT_NOW), -EAGAIN);
        CHECK_EQ(un(&locks), -EPERM);
        CHECK_EQ(leat_rwlock_mend(locks.region, &locks.desk->both), -EPERM);
        for (int i = 0; i < REGION_READS; i++)
                CHECK_EQ(locks.region->me->reads[i], 0);
        harness_kill(writer);
        locks_close(&locks);
}

TEST(a_waiting_writer_holds_new_readers_off) {
        struct locks locks = locks_open();
        CHECK_EQ(rd(&locks, LEAT_NOW), 0);
        pid_t writer = waiting_writer(&locks);
        pid_t reader = locks_party(&locks, read_once, false);
        locks_wait_said(&locks, writers(&locks), 1);
        CHECK_EQ(locks.desk->passes, 0);
        CHECK_EQ(un(&locks), 0);
        CHECK_EQ(harness_wait(writer), 0);
        CHECK_EQ(harness_wait(reader), 0);
        CHECK_EQ(locks.desk->passes, 2);
        locks_close(&locks);
}

TEST(a_reader_may_read_again_while_a_writer_waits) {
        struct locks locks = locks_open();
        CHECK_EQ(rd(&locks, LEAT_NOW), 0);
        pid_t writer = waiting_writer(&locks);
        CHECK_EQ(rd(&locks, LEAT_NEVER), 0);
        CHECK_EQ(un(&locks), 0);
        CHECK_EQ(locks.desk->passes, 0);
        CHECK_EQ(un(&locks), 0);
        CHECK_EQ(harness_wait(writer), 0);
        CHECK_EQ(un(&locks), -EPERM);
        locks_close(&locks);
}

TEST(neither_becomes_the_other) {
        struct locks locks = locks_open();
        struct leat_deadlock_party party;
        CHECK_EQ(rd(&locks, LEAT_NOW), 0);
        CHECK_EQ(wr(&locks, LEAT_NEVER), -EDEADLK);
        CHECK_EQ(leat_deadlock(locks.region, &party, 1), 1);
        CHECK_EQ(party.wants, offsetof(struct desk, both));
        CHECK_EQ(un(&locks), 0);
        CHECK_EQ(wr(&locks, LEAT_NOW), 0);
        CHECK_EQ(rd(&locks, LEAT_NEVER), -EDEADLK);
        CHECK_EQ(wr(&locks, LEAT_NEVER), -EDEADLK);
        CHECK_EQ(un(&locks), 0);
        CHECK_EQ(un(&locks), -EPERM);
        locks_close(&locks);
}

TEST(a_participant_reads_sixteen_at_once) {
        struct locks locks = locks_open();
        struct leat_rwlock *other = (struct leat_rwlock *)locks.desk->locks; /* two mutexes are as long */
        for (int i = 0; i < REGION_READS; i++)
                CHECK_EQ(rd(&locks, LEAT_NOW), 0);
        CHECK_EQ(rd(&locks, LEAT_NOW), -ENOLCK);
        CHECK_EQ(leat_rwlock_read(locks.region, other, LEAT_NOW), -ENOLCK);
        for (int i = 0; i < REGION_READS; i++)
                CHECK_EQ(un(&locks), 0);
        CHECK_EQ(un(&locks), -EPERM);
        CHECK_EQ(wr(&locks, LEAT_NOW), 0);
        CHECK_EQ(un(&locks), 0);
        locks_close(&locks);
}

/* ---- those that do not ---- */

TEST(what_a_dead_reader_had_is_free) {
        struct locks locks = locks_open();
        harness_kill(locks_holder(&locks, take_to_read));
        CHECK_EQ(wr(&locks, LEAT_NOW), 0);
        CHECK_EQ(un(&locks), 0);
        pid_t reader = locks_holder(&locks, take_to_read), writer = waiting_writer(&locks);
        harness_kill(reader); /* under the writer's eyes */
        CHECK_EQ(harness_wait(writer), 0);
        CHECK_EQ(locks.desk->told, 0);
        locks_close(&locks);
}

TEST(a_stopped_reader_still_reads) {
        struct locks locks = locks_open();
        pid_t reader = locks_holder(&locks, take_to_read);
        harness_stop(reader);
        CHECK_EQ(wr(&locks, leat_in_ms(25)), -ETIMEDOUT);
        harness_continue(reader);
        CHECK_EQ(wr(&locks, LEAT_NOW), -EAGAIN);
        harness_kill(reader);
        CHECK_EQ(wr(&locks, SOON), 0);
        CHECK_EQ(un(&locks), 0);
        locks_close(&locks);
}

TEST(a_dead_writer_is_told_to_all_until_one_mends) {
        struct locks locks = locks_open();
        harness_kill(locks_holder(&locks, take_to_write));
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(rd(&locks, i ? LEAT_NOW : SOON), -EOWNERDEAD);
                CHECK_EQ(rd(&locks, LEAT_NOW), -EOWNERDEAD);
                CHECK_EQ(leat_rwlock_mend(locks.region, &locks.desk->both), -EPERM); /* by a writer alone */
                CHECK_EQ(un(&locks), 0);
                CHECK_EQ(un(&locks), 0);
        }
        CHECK_EQ(wr(&locks, LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(un(&locks), 0);
        harness_kill(locks_holder(&locks, take_to_write));
        CHECK_EQ(locks.desk->told, -EOWNERDEAD);
        CHECK_EQ(wr(&locks, LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(leat_rwlock_mend(locks.region, &locks.desk->both), 0);
        CHECK_EQ(un(&locks), 0);
        read_and_write_now(&locks);
        locks_close(&locks);
}

TEST(a_writer_that_was_not_in_yet_is_not_told) {
        struct locks locks = locks_open();
        CHECK_EQ(rd(&locks, LEAT_NOW), 0);
        harness_kill(waiting_writer(&locks));
        CHECK_EQ(un(&locks), 0);
        read_and_write_now(&locks);
        locks_close(&locks);
}

TEST(a_stopped_writer_still_writes) {
        struct locks locks = locks_open();
        pid_t writer = locks_holder(&locks, take_to_write);
        harness_stop(writer);
        CHECK_EQ(rd(&locks, leat_in_ms(25)), -ETIMEDOUT);
        CHECK_EQ(wr(&locks, leat_in_ms(25)), -ETIMEDOUT);
        harness_kill(writer);
        CHECK_EQ(rd(&locks, SOON), -EOWNERDEAD);
        CHECK_EQ(un(&locks), 0);
        locks_close(&locks);
}

/* ---- all at once ---- */

static int64_t rounds(void) {
        return (int64_t)harness_how_many(500, 3000, 150000);
}

static void *read_and_write(void *argument) {
        struct locks *locks = argument;
        struct desk *desk = locks->desk;
        for (int64_t i = 0; i < rounds(); i++) {
                bool writes = i % 5 == 0;
                CHECK_EQ(writes ? wr(locks, SOON) : rd(locks, SOON), 0);
                CHECK_EQ(desk->value, desk->copy);
                desk->value += writes;
                desk->copy += writes;
                CHECK_EQ(un(locks), 0);
        }
        return NULL;
}

static void read_and_write_in_process(struct locks *locks) {
        harness_threads(2, read_and_write, locks);
}

TEST(processes_and_threads_read_and_write) {
        struct locks locks = locks_open();
        locks_parties(&locks, 3, read_and_write_in_process);
        CHECK_EQ(locks.desk->value, 6 * rounds() / 5);
        CHECK_EQ(locks.desk->copy, locks.desk->value);
        CHECK_EQ(locks.desk->both.words[0], 0);
        locks_close(&locks);
}

TEST_MAIN()
