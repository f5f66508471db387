/* SPDX-License-Identifier: MIT */
#include "channel/numbers.h"
#include "harness.h"

#include <errno.h>

enum { MOST = 400 };

static void add(struct numbers *numbers, uint64_t number) {
        CHECK_EQ(numbers_reserve(numbers), 0);
        numbers_add(numbers, number);
}

/* Runs rise with gaps between them, and hold as many as are counted. */
static void check_whole(const struct numbers *numbers, const bool *there) {
        uint64_t count = 0;
        for (size_t i = numbers->begin; i < numbers->end; i++) {
                const struct run *run = &numbers->runs[i];
                CHECK(run->first <= run->last);
                CHECK(i == numbers->begin || run[-1].last + 1 < run->first);
                for (uint64_t n = run->first; n <= run->last; n++, count++)
                        CHECK(there[n]);
        }
        CHECK_EQ(count, numbers->count);
}

TEST(as_a_plain_set_would) {
        struct numbers numbers = { 0 };
        bool there[MOST + 2] = { false };
        for (uint64_t next = 1, left = 0; next < MOST || left > 0;) {
                if (next < MOST && harness_random_below(2)) {
                        next += 1 + harness_random_below(5) / 4; /* now and then a number is left out */
                        add(&numbers, next);
                        there[next] = true;
                        left++;
                } else {
                        uint64_t number = harness_random_below(MOST + 2);
                        CHECK_EQ(numbers_take(&numbers, number), there[number]);
                        left -= there[number];
                        there[number] = false;
                }
                check_whole(&numbers, there);
        }
        CHECK_EQ(numbers.count, 0);
        numbers_clear(&numbers);
}

TEST(the_first_and_the_last) {
        struct numbers numbers = { 0 };
        for (uint64_t n = 1; n <= 10; n++)
                add(&numbers, n);
        CHECK(numbers_take(&numbers, 1) && numbers_take(&numbers, 10) && numbers_take(&numbers, 5));
        CHECK(!numbers_take(&numbers, 5) && !numbers_take(&numbers, 0) && !numbers_take(&numbers, UINT64_MAX));
        CHECK_EQ(numbers_first(&numbers), 2);
        CHECK_EQ(numbers_last(&numbers), 9);
        CHECK_EQ(numbers.count, 7);
        numbers_clear(&numbers);
}

/* Whoever takes out every second one makes it no larger than it may be; what was reserved stays. */
TEST(memory_has_a_bound) {
        struct numbers numbers = { 0 };
        uint64_t all = 4 * NUMBERS_RUNS_MOST, taken = 0;
        for (uint64_t n = 1; n <= all; n++)
                add(&numbers, n);
        CHECK_EQ(numbers_reserve(&numbers), 0);
        for (uint64_t n = 2; n < all; n += 2)
                taken += numbers_take(&numbers, n);
        CHECK(numbers.end - numbers.begin < NUMBERS_RUNS_MOST);
        CHECK(numbers.capacity <= NUMBERS_RUNS_MOST);
        CHECK_EQ(numbers.count, all - taken);
        numbers_add(&numbers, all + 2);
        CHECK_EQ(numbers_last(&numbers), all + 2);
        CHECK_EQ(numbers_reserve(&numbers), -ENOBUFS);
        CHECK(numbers_take(&numbers, 1));
        CHECK_EQ(numbers_reserve(&numbers), 0);
        numbers_clear(&numbers);
}

TEST_MAIN()
