/* SPDX-License-Identifier: MIT */
/* Barriers: all or none go on, the dead break the round that they were in and no other, and who leaves in time is not counted. */
#include "counts.h"
#include "regions.h"

#include <errno.h>

#define SET(counts, parties) leat_barrier_set((counts).region, &(counts).hall->barrier, parties)
#define WAIT(counts, deadline) leat_barrier_wait((counts).region, &(counts).hall->barrier, deadline)

static struct counts open_for(uint32_t parties) {
        struct counts counts = counts_open();
        CHECK_EQ(SET(counts, parties), 0);
        return counts;
}

static pid_t pids[PARTIES]; /* of those that have come */

TEST(alone_nobody_waits) {
        struct counts counts = counts_open();
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EINVAL);
        CHECK_EQ(SET(counts, 1), 0);
        for (int i = 0; i < 100; i++)
                CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        counts_close(&counts);
}

TEST(is_set_once) {
        struct counts counts = counts_open();
        CHECK_EQ(SET(counts, 0), -EINVAL);
        CHECK_EQ(SET(counts, LEAT_BARRIER_PARTIES + 1), -EINVAL);
        CHECK_EQ(SET(counts, LEAT_BARRIER_PARTIES), 0);
        CHECK_EQ(SET(counts, LEAT_BARRIER_PARTIES), 0);
        CHECK_EQ(SET(counts, 2), -EINVAL);
        counts_close(&counts);
}

static void child_of_another(void *argument) {
        struct counts *counts = argument;
        CHECK_EQ(WAIT(*counts, LEAT_NOW), -ECHILD);
        CHECK_EQ(SET(*counts, 1), -ECHILD);
}

TEST(refuses_what_is_wrong) {
        struct counts counts = counts_open();
        struct leat_barrier outside = { { 0 } };
        struct leat_barrier *odd = (void *)((char *)&counts.hall->barrier + 4);
        struct leat_barrier *const wrong[] = { &outside, odd, NULL };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                CHECK_EQ(leat_barrier_set(counts.region, wrong[i], 1), -EINVAL);
                CHECK_EQ(leat_barrier_wait(counts.region, wrong[i], LEAT_NOW), -EINVAL);
        }
        CHECK_EQ(harness_wait(harness_fork(child_of_another, &counts)), 0);
        counts_close(&counts);
}

TEST(who_may_only_read_does_not) {
        struct leat_region *writer, *reader = counts_read_only(0, sizeof(struct leat_barrier), &writer);
        CHECK_EQ(leat_barrier_set(reader, leat_region_data(reader), 1), -EACCES);
        CHECK_EQ(leat_barrier_wait(reader, leat_region_data(reader), LEAT_NOW), -EACCES);
        leat_region_close(reader);
        leat_region_close(writer);
}

static void be_there(struct counts *counts) {
        counts_ready(counts);
        atomic_store(&counts->told->result[counts->me], WAIT(*counts, SOON));
}

/* So many parties come and sleep. */
static void come(struct counts *counts, int first, int many) {
        for (int i = first; i < first + many; i++) {
                atomic_store(&counts->told->result[i], 99);
                pids[i] = counts_sleeper(counts, i, be_there);
        }
}

/* A barrier for so many, of whom the first ones have come. */
static struct counts open_with(uint32_t parties, int come_first) {
        struct counts counts = open_for(parties);
        come(&counts, 0, come_first);
        return counts;
}

static void expect(struct counts *counts, int first, int many, int result) {
        for (int i = first; i < first + many; i++) {
                CHECK_EQ(harness_wait(pids[i]), 0);
                CHECK_EQ(atomic_load(&counts->told->result[i]), result);
        }
}

/* Of three. The only other one is stopped, so that nobody has looked before the last one comes. */
static void have_a_broken_round(struct counts *counts, int first) {
        come(counts, first, 2);
        harness_stop(pids[first]);
        harness_kill(pids[first + 1]);
        CHECK_EQ(WAIT(*counts, LEAT_NOW), -EOWNERDEAD);
}

TEST(the_last_one_lets_all_go) {
        struct counts counts = open_with(4, 3);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        expect(&counts, 0, 3, 0);
        counts_close(&counts);
}

TEST(who_leaves_in_time_is_not_counted) {
        struct counts counts = open_for(2);
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EAGAIN);
        CHECK_EQ(WAIT(counts, 1), -ETIMEDOUT);
        CHECK_EQ(WAIT(counts, leat_in_ms(1)), -ETIMEDOUT);
        come(&counts, 0, 1);
        CHECK_EQ(atomic_load(&counts.told->result[0]), 99);
        CHECK_EQ(WAIT(counts, SOON), 1);
        expect(&counts, 0, 1, 0);
        counts_close(&counts);
}

TEST(a_dead_one_breaks_its_round) {
        struct counts counts = open_with(4, 3);
        harness_kill(pids[1]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        expect(&counts, 2, 1, -EOWNERDEAD);
        come(&counts, 0, 3); /* the next one is whole */
        CHECK_EQ(WAIT(counts, SOON), 1);
        expect(&counts, 0, 3, 0);
        counts_close(&counts);
}

/* Each that waits looks at all others in turn. The one between them does not look. */
TEST(a_stopped_one_keeps_no_death_from_being_told) {
        struct counts counts = open_with(4, 3);
        harness_stop(pids[1]);
        harness_kill(pids[2]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        harness_continue(pids[1]);
        expect(&counts, 1, 1, -EOWNERDEAD);
        counts_close(&counts);
}

/* The only other one is looked at again and again. */
TEST(a_late_death_is_told) {
        struct counts counts = open_with(3, 2);
        for (int64_t until = leat_in_ms(35); leat_now() < until;) /* some looks, which are each 10 ms */
                ;
        harness_kill(pids[1]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        counts_close(&counts);
}

TEST(the_last_one_sees_that_one_died) {
        struct counts counts = open_for(3);
        have_a_broken_round(&counts, 0);
        harness_continue(pids[0]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EAGAIN);
        counts_close(&counts);
}

TEST(a_stopped_one_is_there) {
        struct counts counts = open_with(2, 1);
        harness_stop(pids[0]);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        harness_continue(pids[0]);
        expect(&counts, 0, 1, 0);
        counts_close(&counts);
}

static void *pass_rounds(void *argument) {
        struct counts *counts = argument;
        for (int i = 0; i < counts->me; i++) {
                int r = WAIT(*counts, SOON);
                CHECK(r == 0 || r == 1);
                (void)atomic_fetch_add(&counts->told->passes[r], 1);
        }
        return NULL;
}

/* Threads of this process. */
static void have_rounds(struct counts *counts, size_t parties, int rounds) {
        struct counts threads = *counts;
        threads.me = rounds;
        harness_threads(parties, pass_rounds, &threads);
}

TEST(threads_have_rounds) {
        struct counts counts = open_for(3);
        have_rounds(&counts, 3, 300);
        CHECK_EQ(atomic_load(&counts.told->passes[1]), 300);
        CHECK_EQ(atomic_load(&counts.told->passes[0]), 600);
        counts_close(&counts);
}

TEST(who_is_late_is_told_that_its_round_was_good) {
        struct counts counts = open_with(3, 2);
        harness_stop(pids[0]);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        have_a_broken_round(&counts, 2);
        have_rounds(&counts, 3, 30);
        harness_continue(pids[0]);
        harness_continue(pids[2]);
        expect(&counts, 0, 2, 0);
        expect(&counts, 2, 1, -EOWNERDEAD);
        counts_close(&counts);
}

TEST(who_is_late_is_told_that_its_round_was_broken) {
        struct counts counts = open_for(3);
        have_a_broken_round(&counts, 0);
        have_rounds(&counts, 3, 31);
        harness_continue(pids[0]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        counts_close(&counts);
}

TEST(who_is_too_late_cannot_know) {
        struct counts counts = open_with(3, 2);
        harness_stop(pids[0]);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        have_rounds(&counts, 3, 33);
        harness_continue(pids[0]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        expect(&counts, 1, 1, 0);
        counts_close(&counts);
}

/* A dead one's place comes to be looked at again when the rounds of places, of 16 bits, are round: it was freed long before. */
TEST(places_of_the_dead_are_free) {
        struct counts counts = open_for(1);
        struct leat_barrier *barrier = &counts.hall->barrier;
        barrier->words[4] = UINT64_C(77) << 32 | UINT64_C(0xffff) << 16 |
                            20; /* of the round before the first, and of nobody that lives */
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        CHECK_EQ(barrier->words[4], 0);
        barrier->words[4] = UINT64_C(77) << 32 | 1 << 16 | 20; /* of this one */
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EOWNERDEAD);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        CHECK_EQ(barrier->words[4], 0);
        counts_close(&counts);
}

/* From `first` on. Of dead ones, which claimed them for that round and came no further. */
static void take_places(struct leat_barrier *barrier, int first, uint64_t round) {
        for (int i = first; i < LEAT_BARRIER_PARTIES; i++)
                barrier->words[4 + i] = UINT64_C(77) << 32 | round << 16 | 20;
}

TEST(dead_ones_do_not_keep_all_places) {
        struct counts counts = open_for(1);
        take_places(&counts.hall->barrier, 0, 0);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        take_places(&counts.hall->barrier, 0, 2);
        CHECK_EQ(WAIT(counts, LEAT_NEVER), 1); /* after a look at the evidence */
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        counts_close(&counts);
}

/* Who ends the round was not here in it; who was is told. */
TEST(who_finds_no_place_ends_the_round_of_dead_ones) {
        struct counts counts = open_with(2, 1);
        harness_stop(pids[0]);
        take_places(&counts.hall->barrier, 1, 0);
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EAGAIN);
        CHECK_EQ(counts.hall->barrier.words[0] >> 9 & 0x7fffff, 1); /* the round */
        harness_continue(pids[0]);
        expect(&counts, 0, 1, -EOWNERDEAD);
        come(&counts, 0, 1);
        CHECK_EQ(WAIT(counts, LEAT_NOW), 1);
        expect(&counts, 0, 1, 0);
        counts_close(&counts);
}

/* More than there are places: they come in rounds. */
TEST(more_come_than_there_are_places) {
        struct counts counts = open_for(LEAT_BARRIER_PARTIES / 2);
        have_rounds(&counts, 2 * LEAT_BARRIER_PARTIES, 1);
        CHECK_EQ(atomic_load(&counts.told->passes[1]), 4);
        CHECK_EQ(atomic_load(&counts.told->passes[0]), 2 * LEAT_BARRIER_PARTIES - 4);
        counts_close(&counts);
}

static void come_again(struct counts *counts) {
        while (!atomic_load(&counts->told->stop)) {
                int r = WAIT(*counts, leat_in_ms(50));
                CHECK(r == 0 || r == 1 || r == -ETIMEDOUT || r == -EOWNERDEAD);
                if (r >= 0)
                        (void)atomic_fetch_add(&counts->told->passes[r], 1);
        }
}

#define KILLS 20

TEST(no_kill_lets_some_go_and_others_not) {
        struct counts counts = open_for(SEATS);
        counts_kill_at_random(&counts, come_again, KILLS);
        int64_t last = atomic_load(&counts.told->passes[1]), others = atomic_load(&counts.told->passes[0]);
        int64_t lost =
                last * (SEATS - 1) - others; /* a kill may cost what one had not written down yet: 1, or 0 of a round */
        CHECK(lost <= KILLS && lost >= -KILLS * (SEATS - 1));
        int r = WAIT(counts, LEAT_NOW); /* the last one that was killed may have come alone */
        CHECK(r == -EAGAIN || r == -EOWNERDEAD);
        CHECK_EQ(WAIT(counts, LEAT_NOW), -EAGAIN);
        counts_close(&counts);
}

TEST(any_words_are_survived) {
        struct counts counts = counts_open();
        for (int i = 0; i < 300; i++) {
                counts_scribble(&counts.hall->barrier, sizeof counts.hall->barrier);
                if (i % 3)
                        counts.hall->barrier.words[1] = 1 + i % LEAT_BARRIER_PARTIES;
                int r = WAIT(counts, i % 10 ? LEAT_NOW : leat_in_ms(1));
                CHECK(r == 0 || r == 1 || r == -EAGAIN || r == -ETIMEDOUT || r == -EOWNERDEAD || r == -EINVAL);
        }
        counts_close(&counts);
}

TEST_MAIN()
