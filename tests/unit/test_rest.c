/* SPDX-License-Identifier: MIT */
/* A message that went out in part, in a framing that cannot take it back, counts as sent: so its rest has to follow. */
#include "harness.h"

#include <errno.h>
#include <leat.h>
#include <string.h>

#define SOON harness_deadline_ms(40000)
#define BODY 300 /* no divisor of what a pipe holds */

static struct leat_info info_of(struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        return info;
}

/* Until no more goes. How many are said to be on their way. */
static uint64_t send_until_full(struct leat_channel *sender) {
        static char body[BODY];
        struct leat_outgoing messages[64];
        uint64_t told = 0;
        ssize_t n;
        memset(body, 'x', sizeof body);
        for (size_t i = 0; i < 64; i++)
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = body, .size_bytes = sizeof body };
        do {
                n = leat_send_many(sender, messages, 64, LEAT_NOW);
                told += n > 0 ? (uint64_t)n : 0;
        } while (n == 64);
        CHECK_EQ(info_of(sender).sent, told);
        return told;
}

static uint64_t take_all(struct leat_channel *receiver, int expected) {
        char buffer[2 * BODY];
        uint64_t taken = 0;
        ssize_t n;
        for (; (n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL)) >= 0; taken++)
                CHECK_EQ(n, BODY);
        CHECK_EQ(n, expected);
        return taken;
}

static const char *const addresses[] = { "pipe:?framing=lines", "pipe:?framing=nul", "pipe:?framing=length",
                                         "unix-stream:?framing=lines", "unix-stream:?framing=length" };
#define ADDRESSES (sizeof addresses / sizeof addresses[0])

static void pair(const char *address, struct leat_channel **ret_receiver, struct leat_channel **ret_sender) {
        CHECK_EQ(leat_pair(address, NULL, ret_receiver, ret_sender), 0);
}

TEST(a_flush_brings_the_rest) {
        for (size_t i = 0; i < ADDRESSES; i++) {
                struct leat_channel *receiver, *sender;
                pair(addresses[i], &receiver, &sender);
                uint64_t told = send_until_full(sender);
                uint64_t taken = take_all(receiver, -EAGAIN);
                CHECK_EQ(leat_flush(sender, SOON), 0);
                taken += take_all(receiver, -EAGAIN);
                CHECK_EQ(taken, told);
                leat_close(sender);
                leat_close(receiver);
        }
}

TEST(a_flush_waits_for_room) {
        struct leat_channel *receiver, *sender;
        pair(addresses[0], &receiver, &sender);
        (void)send_until_full(sender);
        int r = leat_flush(sender, LEAT_NOW);
        CHECK(r == -EAGAIN || r == 0); /* 0: all were whole */
        r = leat_flush(sender, harness_deadline_ms(1));
        CHECK(r == -ETIMEDOUT || r == 0);
        leat_close(sender);
        leat_close(receiver);
}

TEST(a_close_brings_the_rest) {
        for (size_t i = 0; i < ADDRESSES; i++) {
                struct leat_channel *receiver, *sender;
                pair(addresses[i], &receiver, &sender);
                uint64_t told = send_until_full(sender);
                uint64_t taken = take_all(receiver, -EAGAIN);
                leat_close(sender);
                CHECK_EQ(taken + take_all(receiver, -ENODATA), told);
                leat_close(receiver);
        }
}

TEST_MAIN()
