/* SPDX-License-Identifier: MIT */

/* A named pipe, and what others do between two steps of one party. */

#include "hostile.h"
#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

static char address[160];

static void send_and_go(void *argument) {
        struct leat_channel *sender;
        (void)argument;
        CHECK_EQ(leat_open(address, LEAT_SEND, SOON, &sender), 0);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), 0);
        leat_close(sender);
}

/* The receiver has opened the pipe, and no lock yet. */
static void let_a_sender_by(void) {
        torture_sees_flock = NULL;
        CHECK_EQ(harness_wait(harness_fork(send_and_go, NULL)), 0);
}

/* The sender is the last that has a lock, and removes the name: what it sent is not lost with it. */
TEST(a_sender_that_goes_before_the_receiver_has_its_lock) {
        struct leat_channel *receiver;
        char buffer[8];
        snprintf(address, sizeof address, "fifo:%s/fifo?temporary", harness_tmpdir());
        torture_sees_flock = let_a_sender_by;
        CHECK_EQ(leat_open(address, LEAT_RECEIVE, SOON, &receiver), 0);
        CHECK(!torture_sees_flock);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 1);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
        leat_close(receiver);
        CHECK(access(address + 5, F_OK) < 0);
}

TEST_MAIN()
