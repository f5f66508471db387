/* SPDX-License-Identifier: MIT */
/* ?reconnect, ?at-least-once and ?acknowledge, step by step; and who may be answered where. */
#include "again.h"
#include "channel/over.h"

#include <errno.h>
#include <leat.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

/* What a call with a short deadline could do on a machine that stood still is known by its other end alone. */
static bool has_something(struct leat_channel *receiver) {
        struct pollfd poller = { .fd = leat_fd(receiver), .events = POLLIN };
        return poll(&poller, 1, 0) == 1;
}

TEST(what_is_in_doubt_is_told_once) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?reconnect", LEAT_SEND);
        send_text(sender, "one");
        take(receiver, "one");
        CHECK_EQ(leat_flush(sender, SOON), 0);
        send_text(sender, "two");
        send_text(sender, "three");
        leat_close(receiver);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 1, "four", 4, SOON), -ENOTCONN);
        CHECK_EQ(info_of(sender).in_doubt, 2);
        CHECK_EQ(info_of(sender).in_doubt_first, 2);
        CHECK_EQ(info_of(sender).in_doubt_last, 3);
        send_text(sender, "four");
        CHECK_EQ(take(receiver, "four").flags & LEAT_REDELIVERED, 0);
        CHECK_EQ(leat_flush(sender, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(nothing_in_doubt_is_no_error) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?reconnect", LEAT_SEND);
        send_text(sender, "one");
        take(receiver, "one");
        leat_close(receiver);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        send_text(sender, "two");
        take(receiver, "two");
        leat_close(sender);
        leat_close(receiver);
}

TEST(without_a_receiver_the_deadline_ends_it) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE),
                            *sender = open_at("unix:a?at-least-once", LEAT_SEND);
        send_text(sender, "one");
        leat_close(receiver);
        CHECK_EQ(leat_send(sender, 1, "two", 3, leat_in_ms(30)), -ETIMEDOUT);
        CHECK_EQ(leat_send(sender, 1, "two", 3, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_flush(sender, leat_in_ms(30)), -ETIMEDOUT);
        CHECK_EQ(info_of(sender).in_doubt, 1);
        receiver = open_at("unix:a", LEAT_RECEIVE);
        send_text(sender, "two");
        CHECK_EQ(take(receiver, "one").flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        CHECK_EQ(take(receiver, "two").flags & LEAT_REDELIVERED, 0);
        CHECK_EQ(leat_flush(sender, SOON), 0);
        CHECK_EQ(info_of(sender).in_doubt, 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(only_what_was_acknowledged_is_not_sent_again) {
        struct leat_channel *receiver = open_at("unix-stream:a?acknowledge", LEAT_RECEIVE);
        struct leat_channel *sender = open_at("unix-stream:a?at-least-once", LEAT_SEND);
        struct leat_message first, second;
        send_text(sender, "one");
        send_text(sender, "two");
        send_text(sender, "three");
        first = take(receiver, "one");
        second = take(receiver, "two");
        CHECK_EQ(leat_acknowledge(receiver, &second), 0);
        leat_close(receiver);
        receiver = open_at("unix-stream:a?acknowledge", LEAT_RECEIVE);
        do
                CHECK_EQ(leat_flush(sender, leat_in_ms(50)), -ETIMEDOUT);
        while (!has_something(receiver));
        CHECK_EQ(leat_acknowledge(receiver, &first), -ENOTCONN);
        first = take(receiver, "one");
        CHECK_EQ(first.flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        CHECK_EQ(leat_acknowledge(receiver, &first), 0);
        first = take(receiver, "three");
        CHECK_EQ(leat_acknowledge(receiver, &first), 0);
        CHECK_EQ(leat_flush(sender, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(copies_have_a_limit) {
        struct leat_channel *receiver = open_at("unix:a", LEAT_RECEIVE);
        struct leat_channel *sender = open_at("unix:a?at-least-once&aside=4k", LEAT_SEND);
        static char bytes[8192];
        int sent = 0, r;
        CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, LEAT_NOW), -EMSGSIZE);
        while ((r = leat_send(sender, 1, bytes, 1000, LEAT_NOW)) == 0)
                sent++;
        CHECK_EQ(r, -EAGAIN);
        CHECK(sent >= 1 && sent <= 4);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, SOON, NULL), 1000);
        CHECK_EQ(leat_send(sender, 1, bytes, 1000, SOON), 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(an_end_that_receives_is_told_the_end_once) {
        struct leat_channel *here = open_at("unix:a?listen&pattern=pair", LEAT_SEND | LEAT_RECEIVE);
        struct leat_channel *there = open_at("unix:a?reconnect", LEAT_SEND | LEAT_RECEIVE);
        char buffer[8];
        send_text(there, "one");
        take(here, "one");
        leat_close(here);
        CHECK_EQ(leat_receive(there, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
        CHECK_EQ(leat_receive(there, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        here = open_at("unix:a?listen&pattern=pair", LEAT_SEND | LEAT_RECEIVE);
        /* Who polls is told when it is time to call again. */
        struct pollfd poller = { .fd = leat_fd(there), .events = POLLIN };
        ssize_t n = -EAGAIN;
        CHECK_EQ(leat_send(here, 1, "two", 3, LEAT_NOW), -EAGAIN);
        for (bool sent = false; n == -EAGAIN;) {
                CHECK_EQ(poll(&poller, 1, 40000), 1);
                n = leat_receive(there, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL);
                sent = sent || leat_send(here, 1, "two", 3, LEAT_NOW) == 0;
        }
        CHECK_EQ(n, 3);
        leat_close(there);
        leat_close(here);
}

TEST(a_call_tells_its_own_fate) {
        struct leat_channel *replier = open_at("unix:a", LEAT_REPLY), *caller = open_at("unix:a?reconnect", LEAT_CALL);
        char buffer[8];
        leat_close(replier);
        CHECK_EQ(leat_call(caller, 1, "x", 1, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
        replier = open_at("unix:a", LEAT_REPLY);
        do
                CHECK_EQ(leat_call(caller, 1, "y", 1, buffer, sizeof buffer, leat_in_ms(100), NULL), -ETIMEDOUT);
        while (!has_something(replier));
        struct leat_message about = take(replier, "y");
        about.deadline = LEAT_NEVER; /* else the library sends none */
        CHECK_EQ(leat_reply(replier, &about, 1, "late", 4, SOON), 0);
        leat_close(replier);
        leat_close(caller);
}

static void refuses(const char *address, unsigned flags, const char *word) {
        struct leat_channel *channel;
        struct leat_reason reason = { 0 };
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        options.flags = flags;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_open_with(address, &options, &reason, &channel), -ENOTSUP);
        if (!reason.text || !strstr(reason.text, word))
                FAIL("%s: '%s' does not say '%s'", address, reason.text ? reason.text : "", word);
}

TEST(refused_with_what_to_use_instead) {
        refuses("unix:a?reconnect", LEAT_RECEIVE, "connects");
        refuses("unix-stream:a?at-least-once&framing=lines", LEAT_SEND, "framing of Leat");
        refuses("unix:a?at-least-once", LEAT_CALL, "?reconnect");
        refuses("mq:/a?acknowledge", LEAT_RECEIVE, "log:");
        refuses("sysv-mq:1?acknowledge", LEAT_RECEIVE, "log:");
        refuses("fifo:a?acknowledge", LEAT_RECEIVE, "log:");
        refuses("mq:/a?at-least-once", LEAT_SEND, "log:");
        refuses("fifo:a?reconnect", LEAT_SEND, "connection");
        refuses("log:a?acknowledge", LEAT_RECEIVE, "?pattern=queue");
        refuses("unix:a?reply=unix:b", LEAT_CALL, "connection itself");
        refuses("mq:/a?reply=mq:/b", LEAT_SEND, "calls or replies");
        refuses("mq:/a", LEAT_CALL, "?reply=");
        struct leat_channel *one, *other;
        CHECK_EQ(leat_pair("unix:?reconnect", NULL, &one, &other), -ENOTSUP);
}

/* ---- the stores ---- */

TEST(a_log_gives_again_what_was_not_acknowledged) {
        struct leat_channel *sender = open_at("log:a", LEAT_SEND);
        struct leat_channel *receiver = open_at("log:a?pattern=queue&acknowledge", LEAT_RECEIVE);
        char buffer[8];
        send_text(sender, "one");
        send_text(sender, "two");
        struct leat_message about = take(receiver, "one");
        CHECK_EQ(about.flags & LEAT_REDELIVERED, 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EBUSY);
        leat_close(receiver);
        receiver = open_at("log:a?pattern=queue&acknowledge", LEAT_RECEIVE);
        about = take(receiver, "one");
        CHECK_EQ(about.flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        CHECK_EQ(leat_acknowledge(receiver, &about), 0);
        CHECK_EQ(leat_acknowledge(receiver, &about), -EINVAL);
        about = take(receiver, "two");
        CHECK_EQ(about.flags & LEAT_REDELIVERED, 0);
        leat_close(receiver);
        receiver = open_at("log:a?pattern=queue", LEAT_RECEIVE);
        CHECK_EQ(take(receiver, "two").flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(receiver);
        leat_close(sender);
}

static void take_and_die(void *argument) {
        struct leat_channel *receiver = open_at(argument, LEAT_RECEIVE);
        take(receiver, "one");
        raise(SIGKILL);
}

TEST(a_killed_one_leaves_it_to_its_successor) {
        struct leat_channel *sender = open_at("log:a", LEAT_SEND);
        send_text(sender, "one");
        CHECK_EQ(harness_wait(harness_fork(take_and_die, "log:a?pattern=queue&acknowledge")), -SIGKILL);
        struct leat_channel *receiver = open_at("log:a?pattern=queue&acknowledge", LEAT_RECEIVE);
        struct leat_message about = take(receiver, "one");
        CHECK_EQ(about.flags & LEAT_REDELIVERED, LEAT_REDELIVERED);
        CHECK_EQ(leat_acknowledge(receiver, &about), 0);
        leat_close(receiver);
        leat_close(sender);
}

/* ---- calls over two channels ---- */

static void reply_twice(void *argument) {
        struct leat_channel *replier = open_at(argument, LEAT_REPLY);
        char buffer[64];
        for (int i = 0; i < 2; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive(replier, LEAT_ANY, buffer, 1, SOON, &about);
                CHECK_EQ(n, -EMSGSIZE);
                CHECK_EQ(about.size_bytes, 5);
                n = leat_receive(replier, LEAT_ANY, buffer, sizeof buffer, SOON, &about);
                CHECK_EQ(n, 5);
                CHECK_EQ(about.type, 7);
                CHECK(about.flags & LEAT_WANTS_REPLY);
                CHECK(about.deadline > leat_now() && about.deadline <= SOON);
                buffer[0] = 'j';
                CHECK_EQ(leat_reply(replier, &about, 8, buffer, 5, SOON), 0);
                CHECK_EQ(leat_reply(replier, &about, 8, buffer, 5, SOON), -EINVAL);
        }
        leat_close(replier);
}

TEST(a_call_over_two_logs) {
        struct leat_channel *caller = open_at("log:a?reply=log:a.me", LEAT_CALL);
        pid_t pid = harness_fork(reply_twice, "log:a?pattern=queue");
        for (int i = 0; i < 2; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[8];
                CHECK_EQ(leat_call(caller, 7, "hello", 5, buffer, sizeof buffer, SOON, &about), 5);
                CHECK_MEM(buffer, "jello", 5);
                CHECK_EQ(about.type, 8);
                CHECK_EQ(about.size_bytes, 5);
        }
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(caller);
}

/* A late answer to the first call, and another caller's, are in the way of the second's. */
TEST(nobody_takes_another_answer) {
        struct leat_channel *one = open_at("log:a?reply=log:a.me", LEAT_CALL),
                            *other = open_at("log:a?reply=log:a.me", LEAT_CALL);
        struct leat_channel *replier = open_at("log:a?pattern=queue", LEAT_REPLY);
        char buffer[8];
        CHECK_EQ(leat_call(one, 1, "first", 5, buffer, sizeof buffer, leat_in_ms(300), NULL), -ETIMEDOUT);
        CHECK_EQ(leat_call(other, 1, "other", 5, buffer, sizeof buffer, leat_in_ms(300), NULL), -ETIMEDOUT);
        struct leat_message late = take(replier, "first");
        CHECK(late.deadline <= leat_now());
        CHECK_EQ(leat_reply(replier, &late, 1, "late", 4, SOON), -ETIMEDOUT);
        struct envelope stray = { .kind = ENVELOPE_REPLY, .caller = 4711, .number = 2 };
        uint8_t bytes[ENVELOPE_BYTES];
        struct leat_channel *answers = open_at("log:a.me", LEAT_SEND);
        envelope_encode(&stray, bytes);
        CHECK_EQ(leat_send(answers, 1, bytes, sizeof bytes, SOON), 0);
        send_text(answers, "no envelope");
        CHECK_EQ(leat_call(one, 1, "second", 6, buffer, sizeof buffer, leat_in_ms(100), NULL), -ETIMEDOUT);
        leat_close(answers);
        leat_close(replier);
        leat_close(one);
        leat_close(other);
}

TEST(a_stranger_does_not_say_where_answers_go) {
        CHECK(over_allows("mq:/jobs", NULL, "mq:/jobs.me", 11));
        CHECK(over_allows("mq:/jobs?end", NULL, "mq:/jobs.me", 11));
        CHECK(!over_allows("mq:/jobs", NULL, "mq:/jobs", 8));
        CHECK(!over_allows("mq:/jobs", NULL, "mq:/jobs.", 9));
        CHECK(!over_allows("mq:/jobs", NULL, "mq:/other", 9));
        CHECK(!over_allows("fifo:/t/a", NULL, "fifo:/t/a./../b", 15));
        CHECK(!over_allows("fifo:/t/a", NULL, "fifo:/t/a.b?new", 15));
        CHECK(!over_allows("fifo:/t/a", NULL, "fifo:/t/a.%2f", 13));
        CHECK(!over_allows("fifo:/t/a", NULL, "fifo:/t/a.b\0c", 13));
        CHECK(over_allows("mq:/jobs", "mq:/answers", "mq:/answers", 11));
        CHECK(over_allows("mq:/jobs", "mq:/answers", "mq:/answers.b", 13));
        CHECK(!over_allows("mq:/jobs", "mq:/answers", "mq:/jobs.b", 10));
}

TEST(envelopes_are_believed_when_they_are_whole) {
        struct envelope envelope = { .kind = ENVELOPE_REQUEST, .caller = 1, .number = 2, .address_bytes = 3 }, back;
        uint8_t bytes[ENVELOPE_BYTES + 3] = { 0 };
        envelope_encode(&envelope, bytes);
        CHECK_EQ(envelope_decode(bytes, sizeof bytes, &back), 0);
        CHECK_EQ(back.number, 2);
        CHECK_EQ(envelope_decode(bytes, sizeof bytes - 1, &back), -EBADMSG);
        CHECK_EQ(envelope_decode(bytes, 7, &back), -EBADMSG);
        for (size_t i = 0; i < 8; i++) {
                bytes[i] ^= 0x80;
                CHECK_EQ(envelope_decode(bytes, sizeof bytes, &back), -EBADMSG);
                bytes[i] ^= 0x80;
        }
        bytes[3] = ENVELOPE_REPLY; /* which names no address */
        CHECK_EQ(envelope_decode(bytes, sizeof bytes, &back), -EBADMSG);
}

TEST_MAIN()
