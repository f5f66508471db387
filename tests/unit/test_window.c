/* SPDX-License-Identifier: MIT */

/* The window of a sender's numbers, held against a model that remembers all of them. */

#include "harness.h"
#include "transport/window.h"

#include <stdlib.h>

#define NUMBERS 3000
#define ARRIVALS (2 * NUMBERS)
#define ROUNDS 60

/* One that arrives: `at` says when, by which they are sorted. */
struct arrival {
        uint64_t number, at;
};

static int by_time(const void *one, const void *other) {
        const struct arrival *a = one, *b = other;
        if (a->at != b->at)
                return a->at < b->at ? -1 : 1;
        return a->number < b->number ? -1 : a->number > b->number;
}

/* Numbers from 1, of which some are lost, some come twice, and each is late by less than `spread` others. */
static size_t make_arrivals(struct arrival *arrivals, uint64_t lost_of_100, uint64_t doubled_of_100, uint64_t spread) {
        size_t count = 0;
        for (uint64_t number = 1; number <= NUMBERS; number++) {
                if (harness_random_below(100) < lost_of_100)
                        continue;
                arrivals[count++] = (struct arrival){ number, number + harness_random_below(spread) };
                if (harness_random_below(100) < doubled_of_100)
                        arrivals[count++] = (struct arrival){ number, number + harness_random_below(spread) };
        }
        qsort(arrivals, count, sizeof *arrivals, by_time);
        return count;
}

struct model {
        bool came[NUMBERS + 1];
        uint64_t first, highest, delivered_since_first;
        struct window_counts counts;
};

/* What the window should say of it; a very late one it may drop as well. */
static bool model_take(struct model *model, uint64_t number) {
        bool is_new = !model->came[number], is_far = model->highest >= number + WINDOW_BITS;
        if (model->first == 0)
                model->first = number;
        if (!is_new || is_far) {
                model->counts.doubled++;
                return false;
        }
        model->came[number] = true;
        model->counts.late += number < model->highest;
        model->highest = number > model->highest ? number : model->highest;
        model->delivered_since_first += number >= model->first;
        model->counts.lost = model->highest - model->first + 1 - model->delivered_since_first;
        return true;
}

static void compare(uint64_t spread) {
        static struct arrival arrivals[ARRIVALS];
        struct model model = { .first = 0 };
        struct window window = { 0 };
        struct window_counts counts = { 0 };
        size_t count = make_arrivals(arrivals, harness_random_below(40), harness_random_below(40), spread);
        for (size_t i = 0; i < count; i++) {
                uint64_t number = arrivals[i].number;
                bool expected = model_take(&model, number);
                if (window_take(&window, number, (int64_t)number, &counts) != expected)
                        FAIL("number %d, the %dth to come, is %s", (int)number, (int)i,
                             expected ? "kept back" : "delivered");
                CHECK_EQ(counts.lost, model.counts.lost);
                CHECK_EQ(counts.late, model.counts.late);
                CHECK_EQ(counts.doubled, model.counts.doubled);
        }
}

TEST(in_order_nothing_is_counted) {
        struct window window = { 0 };
        struct window_counts counts = { 0 };
        for (uint64_t number = 7; number < 1000;
             number++) /* it need not begin with 1: what went before was not for us */
                CHECK(window_take(&window, number, 5, &counts));
        CHECK(counts.lost == 0 && counts.late == 0 && counts.doubled == 0);
}

TEST(losses_doubles_and_overtaking_are_seen) {
        for (int round = 0; round < ROUNDS; round++)
                compare(1 + harness_random_below(WINDOW_BITS));
}

/* Beyond the window nothing comes twice, and what is dropped is counted. */
TEST(what_is_later_than_the_window_never_comes_twice) {
        for (int round = 0; round < ROUNDS; round++)
                compare(1 + harness_random_below(4 * WINDOW_BITS));
}

static struct window_counts counts_of(const uint64_t *numbers, const int64_t *times, const bool *delivered, size_t n) {
        struct window window = { 0 };
        struct window_counts counts = { 0 };
        for (size_t i = 0; i < n; i++)
                if (window_take(&window, numbers[i], times[i], &counts) != delivered[i])
                        FAIL("the %dth is %s", (int)i, delivered[i] ? "kept back" : "delivered");
        return counts;
}

#define COUNTS(numbers, times, delivered) counts_of(numbers, times, delivered, sizeof(numbers) / sizeof(numbers)[0])

/* The same address and port, and another program: it numbers from 1 again. */
TEST(a_newer_sender_begins_anew) {
        static const uint64_t numbers[] = { 100, 101, 1, 2, 1, 4 };
        static const int64_t times[] = { 10, 11, 20, 21, 20, 23 };
        static const bool delivered[] = { true, true, true, true, false, true };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK_EQ(counts.doubled, 1);
        CHECK_EQ(counts.lost, 1);
        CHECK_EQ(counts.late, 0);
}

/* Its first message was lost: the second tells by its time. */
TEST(a_newer_sender_whose_first_message_is_lost_begins_anew) {
        static const uint64_t numbers[] = { 100, 2, 3 };
        static const int64_t times[] = { 10, 21, 22 };
        static const bool delivered[] = { true, true, true };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK(counts.lost == 0 && counts.late == 0 && counts.doubled == 0);
}

/* An old one of its own is not a newer sender. */
TEST(an_old_message_is_not_a_new_sender) {
        static const uint64_t numbers[] = { 1, 200, 1, 200 };
        static const int64_t times[] = { 5, 9, 5, 9 };
        static const bool delivered[] = { true, true, false, false };
        CHECK_EQ(COUNTS(numbers, times, delivered).doubled, 2);
}

/* One number that nobody believes shuts nobody out. */
TEST(a_forged_number_shuts_nobody_out) {
        static const uint64_t numbers[] = { 1, 2, UINT64_MAX, 3, 4, UINT64_MAX, UINT64_MAX, 5, 6 };
        static const int64_t times[] = { 1, 2, 3, 3, 4, 5, 5, 5, 6 };
        static const bool delivered[] = { true, true, true, true, true, true, false, true, true };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK_EQ(counts.lost, 0);
        CHECK_EQ(counts.late, 0);
        CHECK_EQ(counts.doubled, 1);
}

/* A receiver that was stopped misses many: the second one after them is believed. */
TEST(a_real_gap_is_believed_when_it_goes_on) {
        static const uint64_t numbers[] = { 1, 1000001, 1000002, 1000003, 1000001 };
        static const int64_t times[] = { 1, 2, 3, 4, 2 };
        static const bool delivered[] = { true, true, true, true, false };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK_EQ(counts.lost, 999999);
        CHECK_EQ(counts.doubled, 1);
}

/* What a stranger says does not make the count of what was lost absurd, nor go round. */
TEST(a_gap_that_nobody_can_have_lost_is_not_counted) {
        static const uint64_t numbers[] = {
                1, 2, UINT64_MAX / 2, UINT64_MAX / 2 + 1, UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX / 2
        };
        static const int64_t times[] = { 1, 2, 3, 4, 5, 6, 3 };
        static const bool delivered[] = { true, true, true, true, true, true, false };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK_EQ(counts.lost, 0);
        CHECK_EQ(counts.late, 0);
        CHECK_EQ(counts.doubled, 1);
}

/* Those that come late, from before the one that was not believed at first, are of the time before: nothing is taken from the losses. */
TEST(after_such_a_gap_losses_are_counted_from_there) {
        static const uint64_t numbers[] = {
                1, UINT64_MAX / 2, UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 4, UINT64_MAX / 2 - 1, UINT64_MAX / 2 + 3
        };
        static const int64_t times[] = { 1, 3, 4, 7, 2, 6 };
        static const bool delivered[] = { true, true, true, true, true, true };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK_EQ(counts.lost, 1);
        CHECK_EQ(counts.late, 2);
        CHECK_EQ(counts.doubled, 0);
}

TEST(the_highest_numbers_are_numbers) {
        static const uint64_t numbers[] = { UINT64_MAX - 2, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX };
        static const int64_t times[] = { 1, 3, 2, 3 };
        static const bool delivered[] = { true, true, true, false };
        struct window_counts counts = COUNTS(numbers, times, delivered);
        CHECK(counts.lost == 0 && counts.late == 1 && counts.doubled == 1);
}

TEST_MAIN()
