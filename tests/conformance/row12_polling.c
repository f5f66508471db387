/* SPDX-License-Identifier: MIT */

/* Row 12: leat_fd() in the program's own poll loop. */

#include "conformance.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

#define WAIT_MS 40000

/* Is it readable within so many milliseconds? Asked by poll, twice, since it is level-triggered; and by epoll. */
static bool readable(struct leat_channel *receiver, int wait_ms) {
        int fd = leat_fd(receiver);
        CHECK(fd >= 0);
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        int first = poll(&poll_fd, 1, wait_ms);
        CHECK_EQ(poll(&poll_fd, 1, 0), first);
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = { .events = EPOLLIN };
        CHECK(epoll >= 0);
        CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
        CHECK_EQ(epoll_wait(epoll, &event, 1, 0), first);
        CHECK_EQ(close(epoll), 0);
        return first == 1;
}

/* A receive with this selection has just said -EAGAIN, and nothing comes: it is not readable. Something else that happened (a
 * sender that closed, say) may make it so once more, until it was looked at. */
static void expect_quiet(struct leat_channel *receiver, int64_t select) {
        struct pollfd poll_fd = { .fd = leat_fd(receiver), .events = POLLIN };
        char buffer[64];
        int looks = 0;
        while (poll(&poll_fd, 1, 0) == 1) {
                CHECK_EQ(leat_receive(receiver, select, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                CHECK(++looks < 10);
        }
}

CONFORMS(LEAT_ROW_POLLING, when_a_message_comes) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        for (uint64_t i = 0; i < 5; i++) {
                settle(receiver);
                expect_quiet(receiver, LEAT_ANY);
                CHECK_EQ(leat_fd(receiver), leat_fd(receiver));
                send_record(sender, i);
                CHECK(readable(receiver, WAIT_MS));
                take_record_numbered(receiver, i);
        }
        leat_close(sender);
        leat_close(receiver);
}

static void send_one(struct leat_channel *sender, void *argument) {
        (void)argument;
        send_record(sender, 3);
}

CONFORMS(LEAT_ROW_POLLING, when_another_process_sends_and_ends, .also = ROW(LEAT_ROW_END)) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        settle(receiver);
        pid_t pid = place_fork_sender(&place, send_one, NULL);
        ssize_t n;
        while ((n = receive_now(receiver)) == -EAGAIN)
                CHECK(readable(receiver, WAIT_MS));
        CHECK_EQ(n, RECORD_BYTES);
        while ((n = receive_now(receiver)) == -EAGAIN)
                CHECK(readable(receiver, WAIT_MS));
        CHECK_EQ(n, -ENODATA);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* Several in one read: a loop that asks until -EAGAIN misses none, and only -EAGAIN arms it. */
CONFORMS(LEAT_ROW_POLLING, when_several_come_at_once) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        settle(receiver);
        for (int round = 0; round < 3; round++) {
                uint64_t next = 0;
                for (uint64_t i = 0; i < 10; i++)
                        send_record(sender, i);
                CHECK(readable(receiver, WAIT_MS));
                while (next < 10)
                        take_record_numbered(receiver, next++);
                settle(receiver);
                expect_quiet(receiver, LEAT_ANY);
        }
        leat_close(sender);
        leat_close(receiver);
}

/* A part of a message makes it readable at most until it was looked at. */
static void *send_large(void *argument) {
        static uint8_t bytes[1 << 20];
        fill(bytes, sizeof bytes, 1);
        CHECK_EQ(leat_send(argument, 1, bytes, sizeof bytes, SOON), 0);
        return NULL;
}

CONFORMS(LEAT_ROW_POLLING, while_a_large_one_comes, .traits = LEAT | LARGE) {
        static uint8_t bytes[1 << 20];
        struct leat_channel *receiver, *sender;
        pthread_t thread;
        ssize_t n;
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(pthread_create(&thread, NULL, send_large, sender), 0);
        while ((n = leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, NULL)) == -EAGAIN)
                CHECK(readable(receiver, WAIT_MS));
        CHECK_EQ(n, sizeof bytes);
        check_filled(bytes, sizeof bytes, 1);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        settle(receiver);
        expect_quiet(receiver, LEAT_ANY);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_POLLING, of_a_selective_receive, .also = ROW(LEAT_ROW_TYPES)) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        send_text(sender, 1, "one");
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        expect_quiet(receiver, LEAT_TYPE(2)); /* the same receive would block, though another would not */
        send_text(sender, 2, "two");
        CHECK(readable(receiver, WAIT_MS));
        take_text(receiver, LEAT_TYPE(2), "two");
        take_text(receiver, LEAT_ANY, "one");
        leat_close(sender);
        leat_close(receiver);
}

/* ---- what another call of ours set aside ---- */

static void reply_after_a_message(struct leat_channel *other, void *argument) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        char buffer[16];
        (void)argument;
        CHECK_EQ(leat_receive(other, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 7);
        CHECK(about.flags & LEAT_WANTS_REPLY);
        send_text(other, 1, "between");
        CHECK_EQ(leat_reply(other, &about, 1, "reply", 5, SOON), 0);
        take_text(other, LEAT_ANY, "done");
}

CONFORMS(LEAT_ROW_POLLING, when_a_call_set_one_aside, .traits = TWO_WAY | CALLS) {
        struct place place;
        char reply[16];
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, reply_after_a_message, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        settle(receiver);
        CHECK(leat_fd(receiver) >= 0);
        CHECK_EQ(leat_call(receiver, 1, "request", 7, reply, sizeof reply, SOON, NULL), 5);
        CHECK_MEM(reply, "reply", 5);
        CHECK(readable(receiver, 0));
        take_text(receiver, LEAT_ANY, "between");
        settle(receiver);
        expect_quiet(receiver, LEAT_ANY);
        send_text(receiver, 1, "done");
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* One that came with the reply, behind it: nobody has looked at it yet. */
#define CALLS_MADE 200

static void reply_before_a_message(struct leat_channel *other, void *argument) {
        (void)argument;
        for (int i = 0; i < CALLS_MADE; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                char buffer[16];
                CHECK_EQ(leat_receive(other, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 7);
                CHECK_EQ(leat_reply(other, &about, 1, "reply", 5, SOON), 0);
                send_text(other, 1, "behind");
        }
}

CONFORMS(LEAT_ROW_POLLING, when_a_call_read_beyond_its_reply, .traits = TWO_WAY | CALLS) {
        struct place place;
        char reply[16];
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, reply_before_a_message, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < CALLS_MADE; i++) {
                settle(receiver);
                CHECK_EQ(leat_call(receiver, 1, "request", 7, reply, sizeof reply, SOON, NULL), 5);
                CHECK(readable(receiver, WAIT_MS));
                take_text(receiver, LEAT_ANY, "behind");
        }
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_POLLING, of_an_end_that_does_not_receive, .traits = ONE_WAY) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_fd(sender), -ENOTSUP);
        leat_close(sender);
        leat_close(receiver);
}
