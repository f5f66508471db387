/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <leat/signal.h>
#include <poll.h>
#include <unistd.h>

TEST(fires_once_and_not_before_its_time) {
        struct leat_timer *timer;
        int64_t first = leat_in_ms(20);
        CHECK_EQ(leat_timer_open(first, 0, &timer), 0);
        CHECK_EQ(leat_timer_receive(timer, harness_deadline_ms(20000)), 1);
        CHECK(leat_now() >= first);
        CHECK_EQ(leat_timer_receive(timer, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_timer_receive(timer, leat_in_ms(1)), -ETIMEDOUT);
        CHECK(leat_timer_close(timer) == NULL);
}

TEST(fires_every_period_and_counts_what_was_missed) {
        struct leat_timer *timer;
        const int64_t period_ns = 2000000;
        int64_t begin = leat_now(), sum = 0;
        CHECK_EQ(leat_timer_open(begin + period_ns, period_ns, &timer), 0);
        while (sum < 10) {
                int64_t n = leat_timer_receive(timer, harness_deadline_ms(20000));
                CHECK(n >= 1);
                sum += n;
                /* Never more than had their time. */
                CHECK(sum <= (leat_now() - begin) / period_ns);
        }
        CHECK(leat_timer_close(timer) == NULL);
}

TEST(what_is_past_fires_at_once_and_once) {
        const int64_t past[] = { LEAT_NOW, 1, -5, leat_now() };
        for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
                struct leat_timer *timer;
                /* Not once for each hour since the machine was started. */
                CHECK_EQ(leat_timer_open(past[i], INT64_C(3600000000000), &timer), 0);
                CHECK_EQ(leat_timer_receive(timer, harness_deadline_ms(20000)), 1);
                CHECK_EQ(leat_timer_receive(timer, LEAT_NOW), -EAGAIN);
                leat_timer_close(timer);
        }
}

TEST(is_set_anew_and_stopped) {
        struct leat_timer *timer;
        CHECK_EQ(leat_timer_open(LEAT_NEVER, 5, &timer), 0);
        CHECK_EQ(leat_timer_receive(timer, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(leat_timer_set(timer, LEAT_NOW, 0), 0);
        CHECK_EQ(leat_timer_receive(timer, harness_deadline_ms(20000)), 1);
        CHECK_EQ(leat_timer_set(timer, LEAT_NOW, 1000), 0);
        CHECK(leat_timer_receive(timer, harness_deadline_ms(20000)) >= 1);
        CHECK_EQ(leat_timer_set(timer, LEAT_NEVER, 1000), 0);
        CHECK_EQ(leat_timer_receive(timer, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_timer_set(timer, LEAT_NOW, -1), -EINVAL);
        leat_timer_close(timer);
}

TEST(its_descriptor_is_readable_when_it_has_fired) {
        struct leat_timer *timer;
        CHECK_EQ(leat_timer_open(LEAT_NEVER, 0, &timer), 0);
        struct pollfd look = { .fd = leat_timer_fd(timer), .events = POLLIN };
        CHECK(look.fd >= 0);
        CHECK_EQ(poll(&look, 1, 0), 0);
        CHECK_EQ(leat_timer_set(timer, LEAT_NOW, 0), 0);
        CHECK_EQ(poll(&look, 1, -1), 1);
        CHECK_EQ(poll(&look, 1, 0), 1);
        CHECK_EQ(leat_timer_receive(timer, LEAT_NOW), 1);
        CHECK_EQ(poll(&look, 1, 0), 0);
        leat_timer_close(timer);
}

static void use_inherited(void *argument) {
        struct leat_timer *timer = argument;
        CHECK_EQ(leat_timer_receive(timer, LEAT_NOW), -ECHILD);
        CHECK_EQ(leat_timer_set(timer, LEAT_NOW, 0), -ECHILD);
        CHECK_EQ(leat_timer_fd(timer), -ECHILD);
        CHECK(leat_timer_close(timer) == NULL);
}

TEST(is_not_for_a_forked_child) {
        struct leat_timer *timer;
        CHECK_EQ(leat_timer_open(LEAT_NEVER, 0, &timer), 0);
        CHECK_EQ(harness_wait(harness_fork(use_inherited, timer)), 0);
        CHECK_EQ(leat_timer_set(timer, LEAT_NOW, 0), 0);
        CHECK_EQ(leat_timer_receive(timer, harness_deadline_ms(20000)), 1);
        leat_timer_close(timer);
}

TEST(refuses_what_is_wrong) {
        struct leat_timer *timer = NULL;
        CHECK_EQ(leat_timer_open(LEAT_NOW, -1, &timer), -EINVAL);
        CHECK_EQ(leat_timer_open(LEAT_NOW, 0, NULL), -EINVAL);
        CHECK(timer == NULL);
        CHECK_EQ(leat_timer_receive(NULL, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_timer_set(NULL, LEAT_NOW, 0), -EINVAL);
        CHECK_EQ(leat_timer_fd(NULL), -EINVAL);
        CHECK(leat_timer_close(NULL) == NULL);
}

TEST_MAIN()
