/* SPDX-License-Identifier: MIT */
/* A receiver's only connection is not in its epoll (docs/design/speed.md): whatever happens on it, or beside it, is noticed all the same. */
#include "again.h"

#include <errno.h>
#include <leat.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#define RECEIVER "unix:a?wait=sleep"

static void *send_to_sleeper(void *sender) {
        harness_wait_state(getpid(), "S");
        CHECK_EQ(leat_send(sender, 1, "up", 2, SOON), 0);
        return NULL;
}

static void *close_to_sleeper(void *sender) {
        harness_wait_state(getpid(), "S");
        leat_close(sender);
        return NULL;
}

/* While the receiver sleeps another thread does something with this sender. */
static ssize_t receive_meanwhile(struct leat_channel *receiver, void *(*does)(void *), struct leat_channel *sender) {
        char buffer[16];
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, does, sender), 0);
        ssize_t n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        return n;
}

static struct leat_channel *begin(struct leat_channel **ret_receiver) {
        *ret_receiver = open_at(RECEIVER, LEAT_RECEIVE);
        struct leat_channel *sender = open_at("unix:a", LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "first", 5, SOON), 0);
        take(*ret_receiver, "first");
        return sender;
}

TEST(each_sender_wakes_the_receiver) {
        struct leat_channel *receiver, *one = begin(&receiver);
        CHECK_EQ(receive_meanwhile(receiver, send_to_sleeper, one), 2);
        for (int i = 0; i < 3; i++) {
                struct leat_channel *two = open_at("unix:a", LEAT_SEND);
                CHECK_EQ(receive_meanwhile(receiver, send_to_sleeper, two), 2);
                CHECK_EQ(receive_meanwhile(receiver, send_to_sleeper, one), 2);
                CHECK_EQ(receive_meanwhile(receiver, send_to_sleeper, two), 2);
                leat_close(two);
                CHECK_EQ(receive_meanwhile(receiver, send_to_sleeper, one), 2);
        }
        CHECK_EQ(receive_meanwhile(receiver, close_to_sleeper, one), -ENODATA);
        leat_close(receiver);
}

TEST(the_end_of_the_only_sender_wakes_the_receiver) {
        struct leat_channel *receiver, *sender = begin(&receiver);
        CHECK_EQ(receive_meanwhile(receiver, close_to_sleeper, sender), -ENODATA);
        sender = open_at("unix:a", LEAT_SEND);
        CHECK_EQ(receive_meanwhile(receiver, send_to_sleeper, sender), 2);
        leat_close(sender);
        leat_close(receiver);
}

/* Who has received without it, and polls from now on. */
TEST(the_only_sender_is_polled_too) {
        struct leat_channel *receiver, *sender = begin(&receiver);
        struct pollfd poller = { .fd = leat_fd(receiver), .events = POLLIN };
        char buffer[16];
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(poll(&poller, 1, 0), 0);
        CHECK_EQ(leat_send(sender, 1, "up", 2, SOON), 0);
        CHECK_EQ(poll(&poller, 1, 0), 1);
        take(receiver, "up");
        leat_close(sender);
        CHECK_EQ(poll(&poller, 1, 0), 1);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -ENODATA);
        leat_close(receiver);
}

TEST_MAIN()
