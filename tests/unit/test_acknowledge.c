/* SPDX-License-Identifier: MIT */
/* What a sender remembers, with honest receivers: whose acknowledgement it was, what is in doubt, what a child does not keep. */
#include "again.h"

#include <errno.h>
#include <leat.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int send_sync(struct leat_channel *channel, const char *text, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_SYNC;
        options.deadline = deadline;
        return leat_send_with(channel, text, strlen(text), &options);
}

/* The acknowledgement of a synchronous send that gave up is none of another message. */
TEST(one_that_gave_up_answers_for_no_other) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?reconnect", LEAT_SEND);
        send_text(sender, "one");
        CHECK_EQ(send_sync(sender, "two", leat_in_ms(10)), -ETIMEDOUT);
        send_text(sender, "three");
        take(receiver, "one");
        take(receiver, "two");
        leat_close(receiver);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 1, "four", 4, SOON), -ENOTCONN);
        CHECK_EQ(info_of(sender).in_doubt, 1);
        CHECK_EQ(info_of(sender).in_doubt_first, 3);
        CHECK_EQ(info_of(sender).in_doubt_last, 3);
        leat_close(sender);
        leat_close(receiver);
}

/* More of them than a window, picked by type, from the end. */
TEST(acknowledged_in_any_order) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?reconnect", LEAT_SEND);
        char buffer[8];
        for (int64_t type = 1; type <= 200; type++)
                CHECK_EQ(leat_send(sender, type, "x", 1, SOON), 0);
        for (int64_t type = 200; type > 1; type -= type == 150 ? 2 : 1)
                CHECK_EQ(leat_receive(receiver, LEAT_TYPE(type), buffer, sizeof buffer, SOON, NULL), 1);
        leat_close(receiver);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        CHECK_EQ(leat_flush(sender, SOON), -ENOTCONN);
        CHECK_EQ(info_of(sender).in_doubt, 2);
        CHECK_EQ(info_of(sender).in_doubt_first, 1);
        CHECK_EQ(info_of(sender).in_doubt_last, 149);
        leat_close(sender);
        leat_close(receiver);
}

/* One thread, which never receives: it notices that its partner went, and takes the next. */
TEST(a_listener_finds_its_next_partner_by_sending) {
        struct leat_channel *here = open_at("unix:a?listen&at-least-once", LEAT_SEND | LEAT_RECEIVE);
        struct leat_channel *there = open_at("unix:a", LEAT_SEND | LEAT_RECEIVE);
        send_text(here, "one");
        leat_close(there);
        CHECK_EQ(leat_send(here, 1, "two", 3, LEAT_NOW), -EAGAIN);
        there = open_at("unix:a", LEAT_SEND | LEAT_RECEIVE);
        send_text(here, "two");
        CHECK_EQ(take(there, "one").flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        take(there, "two");
        CHECK_EQ(leat_flush(here, SOON), 0);
        leat_close(here);
        leat_close(there);
}

/* A partner that opens again at once is not turned away for the sake of the one that is gone. */
TEST(a_partner_that_comes_back_is_taken) {
        struct leat_channel *here = open_at("unix:a?listen&at-least-once", LEAT_SEND);
        for (int i = 0; i < 3; i++) {
                struct leat_channel *there = open_at("unix:a?connect", LEAT_RECEIVE);
                send_text(here, "x");
                take(there, "x");
                leat_close(there);
        }
        leat_close(here);
}

/* A selecting receive takes what was set aside: the end behind it is told all the same. */
TEST(the_end_stands_behind_what_was_set_aside) {
        struct leat_channel *here = open_at("unix:a?listen&pattern=pair", LEAT_SEND | LEAT_RECEIVE);
        struct leat_channel *there = open_at("unix:a?reconnect", LEAT_SEND | LEAT_RECEIVE);
        char buffer[8];
        send_text(there, "x");
        take(here, "x");
        CHECK_EQ(leat_send(here, 5, "five", 4, SOON), 0);
        CHECK_EQ(leat_send(here, 3, "three", 5, SOON), 0);
        leat_close(here);
        CHECK_EQ(leat_receive(there, LEAT_AT_MOST(9), buffer, sizeof buffer, SOON, NULL), 5);
        CHECK_EQ(leat_receive(there, LEAT_AT_MOST(9), buffer, sizeof buffer, SOON, NULL), 4);
        CHECK_EQ(leat_receive(there, LEAT_AT_MOST(9), buffer, sizeof buffer, SOON, NULL), -ENODATA);
        CHECK_EQ(leat_receive(there, LEAT_AT_MOST(9), buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(there);
}

/* ---- what else goes with a message ---- */

TEST(descriptors_priority_and_type_come_again) {
        struct leat_channel *receiver = open_at("unix:a?acknowledge", LEAT_RECEIVE),
                            *sender = open_at("unix:a?at-least-once", LEAT_SEND);
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        int ends[2], got[1] = { -1 };
        char buffer[8];
        CHECK_EQ(pipe(ends), 0);
        options.type = 7;
        options.priority = 9;
        options.descriptors = &ends[1];
        options.descriptors_count = 1;
        CHECK_EQ(leat_send_with(sender, "abc", 3, &options), 0);
        close(ends[1]); /* ours: the copy has its own */
        for (int i = 0; i < 2; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                about.descriptors = got;
                about.descriptors_max = 1;
                if (i > 0)
                        CHECK_EQ(leat_send(sender, 1, "more", 4, SOON), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 3);
                CHECK_EQ(about.type, 7);
                CHECK_EQ(about.priority, 9);
                CHECK_EQ(about.sequence, 1);
                CHECK_EQ(about.descriptors_count, 1);
                CHECK_EQ(about.flags & LEAT_REDELIVERED, i > 0 ? LEAT_REDELIVERED : 0);
                CHECK_EQ(write(got[0], "y", 1), 1);
                close(got[0]);
                if (i > 0)
                        CHECK_EQ(leat_acknowledge(receiver, &about), 0);
                leat_close(receiver);
                receiver = open_at("unix:a?acknowledge", LEAT_RECEIVE);
        }
        leat_close(sender); /* and the copy's goes with it, or before */
        leat_close(receiver);
        CHECK_EQ(read(ends[0], buffer, sizeof buffer), 2);
        CHECK_EQ(read(ends[0], buffer, sizeof buffer), 0);
        close(ends[0]);
}

/* A child keeps no descriptor alive that the sender only holds to send it again. */
static void outlive(void *argument) {
        harness_event_wait(argument);
}

TEST(a_forked_child_holds_no_copies) {
        struct leat_channel *receiver = open_at("unix:a?acknowledge", LEAT_RECEIVE),
                            *sender = open_at("unix:a?at-least-once", LEAT_SEND);
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        struct harness_event *over = harness_event_new();
        int ends[2];
        char buffer[8];
        CHECK_EQ(pipe(ends), 0);
        options.descriptors = &ends[1];
        options.descriptors_count = 1;
        CHECK_EQ(leat_send_with(sender, "abc", 3, &options), 0);
        close(ends[1]);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 3);
        pid_t pid = harness_fork(outlive, over);
        leat_close(sender);
        leat_close(receiver);
        CHECK_EQ(read(ends[0], buffer, sizeof buffer), 0); /* the end: nobody has it any more */
        harness_event_signal(over);
        CHECK_EQ(harness_wait(pid), 0);
        close(ends[0]);
}

/* ---- both threads ---- */

enum { NUMBERS = 3000, EACH = 300 };

static void *send_numbers(void *argument) {
        for (uint32_t n = 1; n <= NUMBERS; n++)
                CHECK_EQ(leat_send(argument, 1, &n, sizeof n, harness_deadline_ms(40000)), 0);
        CHECK_EQ(leat_flush(argument, harness_deadline_ms(40000)), 0);
        return NULL;
}

static void *receive_until_last(void *argument) {
        char buffer[8];
        ssize_t n;
        while ((n = leat_receive(argument, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(40000), NULL)) != 4)
                CHECK(n == -ENODATA || n == 3);
        return NULL;
}

/* Take some, say something, and go. Returns the highest that came. */
static uint32_t be_partner(struct leat_channel *channel, uint32_t last) {
        uint32_t number = 0;
        for (int i = 0; i < EACH && number < NUMBERS; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(channel, LEAT_ANY, &number, sizeof number, harness_deadline_ms(40000), &about);
                CHECK_EQ(n, sizeof number);
                CHECK(number <= last + 1);
                CHECK(number > last || (about.flags & LEAT_REDELIVERED));
                last = number > last ? number : last;
        }
        CHECK_EQ(leat_send(channel, 1, "go on", number == NUMBERS ? 4 : 3, SOON), 0);
        return last;
}

/* The partner goes and comes while one thread of ours sends and the other receives: all come, in order, the second marked. */
TEST(two_threads_and_a_partner_that_goes) {
        struct leat_channel *there = open_at("unix-stream:a?listen&pattern=pair", LEAT_SEND | LEAT_RECEIVE);
        struct leat_channel *here = open_at("unix-stream:a?at-least-once&aside=16k", LEAT_SEND | LEAT_RECEIVE);
        pthread_t sender, receiver;
        CHECK_EQ(pthread_create(&sender, NULL, send_numbers, here), 0);
        CHECK_EQ(pthread_create(&receiver, NULL, receive_until_last, here), 0);
        for (uint32_t last = 0; last < NUMBERS;) {
                last = be_partner(there, last);
                if (last == NUMBERS)
                        break;
                leat_close(there);
                there = open_at("unix-stream:a?listen&pattern=pair", LEAT_SEND | LEAT_RECEIVE);
        }
        CHECK_EQ(pthread_join(sender, NULL), 0);
        CHECK_EQ(pthread_join(receiver, NULL), 0);
        leat_close(there);
        leat_close(here);
}

/* ---- in a log ---- */

/* An acknowledgement that comes late, or twice, is none of the message that is being worked on. */
TEST(of_a_log_only_the_one_that_was_given) {
        struct leat_channel *sender = open_at("log:a", LEAT_SEND);
        struct leat_channel *receiver = open_at("log:a?pattern=queue&acknowledge", LEAT_RECEIVE);
        send_text(sender, "one");
        send_text(sender, "two");
        struct leat_message first = take(receiver, "one");
        CHECK_EQ(leat_acknowledge(receiver, &first), 0);
        struct leat_message second = take(receiver, "two");
        CHECK_EQ(leat_acknowledge(receiver, &first), -EINVAL);
        leat_close(receiver);
        receiver = open_at("log:a?pattern=queue&acknowledge", LEAT_RECEIVE);
        CHECK_EQ(take(receiver, "two").flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        CHECK_EQ(leat_acknowledge(receiver, &second), 0);
        leat_close(receiver);
        leat_close(sender);
}

/* ---- what is told ---- */

TEST(why_says_what_was_waited_for) {
        struct leat_channel *receiver = open_at("unix:a?acknowledge", LEAT_RECEIVE),
                            *sender = open_at("unix:a?at-least-once", LEAT_SEND);
        struct leat_reason reason;
        send_text(sender, "one");
        CHECK_EQ(leat_flush(sender, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_why(sender, &reason), 0);
        CHECK_EQ(reason.error, -EAGAIN);
        CHECK(reason.text && strstr(reason.text, "not acknowledged"));
        leat_close(receiver);
        CHECK_EQ(leat_send(sender, 1, "two", 3, leat_in_ms(5)), -ETIMEDOUT);
        CHECK_EQ(leat_why(sender, &reason), 0);
        CHECK_EQ(reason.error, -ETIMEDOUT);
        CHECK(reason.text && strstr(reason.text, "no receiver"));
        leat_close(sender);
}

TEST_MAIN()
