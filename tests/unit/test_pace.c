/* SPDX-License-Identifier: MIT */
/* When a stream is read at a distance (docs/design/speed.md, "Waiting"). */
#include "harness.h"
#include "wait/pace.h"

#define ONE 113 /* bytes of a small message with what stands around it */

/* Reads that bring so much each, behind a pause where one is due: how many were? */
static int pauses_in(struct pace *pace, int reads, ssize_t alone, ssize_t paused) {
        int pauses = 0;
        for (int i = 0; i < reads; i++) {
                bool due = pace_is_due(pace);
                pauses += due;
                (void)pace_note(pace, due ? paused : alone, due);
        }
        return pauses;
}

TEST(a_stream_is_read_at_a_distance) {
        struct pace pace = { 0 };
        for (unsigned i = 1; i < PACE_AFTER; i++)
                CHECK(!pace_note(&pace, ONE, false));
        CHECK(pace_note(&pace, ONE, false));
        CHECK_EQ(pauses_in(&pace, 1000, ONE, 10 * ONE), 1000);
}

TEST(a_dialogue_is_not) {
        struct pace pace = { 0 };
        for (int i = 0; i < 1000; i++) {
                CHECK_EQ(pauses_in(&pace, PACE_AFTER - 1, ONE, ONE), 0);
                CHECK(!pace_note(&pace, -1, false)); /* a look in vain */
        }
        for (int i = 0; i < 10; i++)
                CHECK(!pace_note(&pace, 0, false)); /* nor is an end a stream */
}

TEST(where_much_comes_there_is_no_need) {
        struct pace pace = { 0 };
        for (int i = 0; i < 100; i++)
                CHECK(!pace_note(&pace, PACE_BYTES, false));
        CHECK(pace_note(&pace, PACE_BYTES - 1, false));
}

/* One thread that sends to itself, or takes turns with another, gains nothing by it. */
TEST(pauses_in_vain_become_rare) {
        struct pace pace = { 0 };
        CHECK_EQ(pauses_in(&pace, PACE_AFTER, ONE, ONE), 0);
        for (int gap = PACE_GAP_FIRST; gap < PACE_GAP_MOST; gap *= 2)
                CHECK_EQ(pauses_in(&pace, gap + 1, ONE, ONE), 1);
        CHECK_EQ(pauses_in(&pace, 10 * (PACE_GAP_MOST + 1), ONE, 2 * ONE - 1), 10);
        CHECK_EQ(pauses_in(&pace, 100, ONE, 2 * ONE), 100); /* until one is worth it again */
        CHECK_EQ(pauses_in(&pace, PACE_GAP_FIRST + 1, ONE, ONE), 1);
        CHECK_EQ(pauses_in(&pace, 1, ONE, ONE), 1);
}

TEST_MAIN()
