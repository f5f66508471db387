/* SPDX-License-Identifier: MIT */
/* Several messages with one call, and bursts, over connections that are lost: ?reconnect and ?at-least-once send them one by one. */
#include "again.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>

static void send_more(struct leat_channel *sender, const char *text, int expected) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_MORE;
        options.deadline = SOON;
        CHECK_EQ(leat_send_with(sender, text, strlen(text), &options), expected);
}

static ssize_t send_three(struct leat_channel *sender, int64_t deadline) {
        static const struct leat_outgoing messages[] = { { .type = 1, .bytes = "a", .size_bytes = 1 },
                                                         { .type = 1, .bytes = "bb", .size_bytes = 2 },
                                                         { .type = 1, .bytes = "ccc", .size_bytes = 3 } };
        return leat_send_many(sender, messages, 3, deadline);
}

/* Nothing waits where what was sent is to be known: each of a burst goes out at once, and is acknowledged. */
TEST(a_burst_is_sent_at_once) {
        static const char *const addresses[] = { "unix:a?reconnect", "unix:a?at-least-once" };
        for (int i = 0; i < 2; i++) {
                struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                                    *sender = open_at(addresses[i], LEAT_SEND);
                send_more(sender, "one", 0);
                send_more(sender, "two", 0);
                send_more(sender, "three", 0);
                take(receiver, "one");
                take(receiver, "two");
                take(receiver, "three");
                CHECK_EQ(leat_flush(sender, SOON), 0);
                CHECK_EQ(info_of(sender).in_doubt, 0);
                leat_close(sender);
                leat_close(receiver);
        }
}

TEST(of_a_burst_what_is_in_doubt_is_told) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?reconnect", LEAT_SEND);
        send_more(sender, "one", 0);
        send_more(sender, "two", 0);
        leat_close(receiver);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        send_more(sender, "three", -ENOTCONN);
        CHECK_EQ(info_of(sender).in_doubt, 2);
        send_more(sender, "three", 0);
        send_text(sender, "four");
        take(receiver, "three");
        take(receiver, "four");
        leat_close(sender);
        leat_close(receiver);
}

/* -ENOTCONN is of those before: none of the new ones went out, and they go with the next call. */
TEST(of_several_what_is_in_doubt_is_told) {
        struct leat_channel *receiver = open_at("unix-stream:a", LEAT_RECEIVE),
                            *sender = open_at("unix-stream:a?reconnect", LEAT_SEND);
        CHECK_EQ(send_three(sender, SOON), 3);
        take(receiver, "a");
        leat_close(receiver);
        receiver = open_at("unix-stream:a", LEAT_RECEIVE);
        CHECK_EQ(send_three(sender, SOON), -ENOTCONN);
        CHECK(info_of(sender).in_doubt >= 2);
        CHECK_EQ(info_of(sender).in_doubt_last, 3);
        CHECK_EQ(send_three(sender, SOON), 3);
        take(receiver, "a");
        take(receiver, "bb");
        take(receiver, "ccc");
        CHECK_EQ(leat_flush(sender, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(several_come_again) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?at-least-once", LEAT_SEND);
        CHECK_EQ(send_three(sender, SOON), 3);
        leat_close(receiver);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        CHECK_EQ(leat_flush(sender, LEAT_NOW), -EAGAIN);
        CHECK_EQ(send_three(sender, SOON), 3);
        for (int i = 0; i < 2; i++) {
                int again = i == 0 ? LEAT_REDELIVERED : 0;
                CHECK_EQ(take(receiver, "a").flags & LEAT_REDELIVERED, again);
                CHECK_EQ(take(receiver, "bb").flags & LEAT_REDELIVERED, again);
                CHECK_EQ(take(receiver, "ccc").flags & LEAT_REDELIVERED, again);
        }
        CHECK_EQ(leat_flush(sender, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

/* Without a receiver: how many are kept is how many it says. */
TEST(several_without_a_receiver) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?reconnect", LEAT_SEND);
        CHECK_EQ(send_three(sender, SOON), 3);
        leat_close(receiver);
        ssize_t n = send_three(sender, leat_in_ms(20));
        CHECK(n == -ETIMEDOUT || n == -ENOTCONN);
        CHECK_EQ(send_three(sender, LEAT_NOW), -EAGAIN);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        while ((n = send_three(sender, SOON)) == -ENOTCONN)
                ;
        CHECK_EQ(n, 3);
        take(receiver, "a");
        take(receiver, "bb");
        take(receiver, "ccc");
        leat_close(sender);
        leat_close(receiver);
}

TEST_MAIN()
