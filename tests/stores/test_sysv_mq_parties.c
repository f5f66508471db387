/* SPDX-License-Identifier: MIT */

/* Who is at a System V queue: the end of all senders, and queues that go with their last party. */

#include "sysv_mq.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sem.h>
#include <unistd.h>

/* ---- the end ---- */

static void send_and(struct leat_channel *sender, void *argument) {
        CHECK_EQ(leat_send(sender, 1, "text", 4, SOON), 0);
        if (argument)
                raise(SIGKILL);
}

static void one_sender(void *argument) {
        struct leat_channel *sender = sysv_open(ADDRESS "?end", LEAT_SEND);
        send_and(sender, argument);
        leat_close(sender);
}

TEST(the_end_is_when_all_senders_have_gone) {
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        struct leat_channel *other = sysv_open(ADDRESS "?need=end", LEAT_RECEIVE);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN); /* not before the first came */
        for (int round = 0; round < 3; round++) {
                struct leat_channel *stays = sysv_open(ADDRESS "?end", LEAT_SEND);
                CHECK_EQ(harness_wait(harness_fork(one_sender, NULL)), 0);
                CHECK_EQ(harness_wait(harness_fork(one_sender, "killed")), -SIGKILL);
                sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 1, "text");
                CHECK_EQ(sysv_receive_now(other, LEAT_TYPE(2)), -EAGAIN);
                sysv_expect(other, LEAT_ANY, LEAT_NOW, 1, "text");
                CHECK_EQ(sysv_receive_now(other, LEAT_ANY), -EAGAIN);
                CHECK_EQ(leat_send(stays, 3, "last", 4, SOON), 0);
                leat_close(stays);
                sysv_expect(receiver, LEAT_TYPE(3), SOON, 3, "last");
                char byte;
                CHECK_EQ(leat_receive(other, LEAT_ANY, &byte, 1, SOON, NULL), -ENODATA);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, &byte, 1, SOON, NULL), -ENODATA);
                CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN); /* told once */
        }
        /* The end of one type is not that of all. */
        CHECK_EQ(harness_wait(harness_fork(one_sender, NULL)), 0);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_TYPE(2)), -ENODATA);
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 1, "text");
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -ENODATA);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        /* Who comes later has nothing to do with those. */
        struct leat_channel *late = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        CHECK_EQ(sysv_receive_now(late, LEAT_ANY), -EAGAIN);
        leat_close(late);
        leat_close(other);
        leat_close(receiver);
        sysv_forget();
        CHECK_EQ(semget(KEY, 0, 0), -1); /* removed with the queue */
}

static void wait_for_end(void *unused) {
        char byte;
        (void)unused;
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, &byte, 1, SOON, NULL), -ENODATA);
        leat_close(receiver);
}

TEST(a_waiting_receiver_is_told_the_end) {
        char byte;
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS "?end", LEAT_SEND);
        struct leat_channel *polling = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        pid_t pid = harness_fork(wait_for_end, NULL);
        harness_wait_state(pid, "S");
        int fd = leat_fd(polling);
        CHECK_EQ(sysv_receive_now(polling, LEAT_ANY), -EAGAIN);
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
        int r;
        do { /* it may also wake for nothing */
                CHECK(sysv_readable(fd, 10000));
                r = (int)leat_receive(polling, LEAT_ANY, &byte, 1, LEAT_NOW, NULL);
        } while (r == -EAGAIN);
        CHECK_EQ(r, -ENODATA);
        leat_close(polling);
        sysv_forget();
}

static void send_as_child(void *argument) {
        CHECK_EQ(leat_send(argument, 1, "given", 5, SOON), 0);
        harness_wait_state(getppid(), "S");
        leat_close(argument);
}

TEST(a_given_sender_counts_until_the_child_closes_it) {
        char byte;
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        struct leat_channel *sender = sysv_open(ADDRESS "?end", LEAT_SEND);
        CHECK_EQ(leat_give(sender), 0);
        pid_t pid = harness_fork(send_as_child, sender);
        leat_close(sender);
        sysv_expect(receiver, LEAT_ANY, SOON, 1, "given");
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, &byte, 1, SOON, NULL), -ENODATA);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
        sysv_forget();
}

TEST(semaphores_of_others_are_not_touched) {
        struct leat_reason reason;
        sysv_alone();
        int set = semget(KEY, 1, IPC_CREAT | 0600);
        CHECK_EQ(sysv_try_open(ADDRESS "?end", LEAT_SEND, &reason), -EEXIST);
        CHECK(reason.text != NULL);
        CHECK_EQ(sysv_try_open(ADDRESS, LEAT_SEND, &reason), 0);
        sysv_forget();
        CHECK_EQ(semget(KEY, 0, 0), set);
        CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}

/* ---- temporary ---- */

static void die_with_it(void *unused) {
        (void)unused;
        struct leat_channel *sender = sysv_open(ADDRESS "?temporary", LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "left behind", 11, SOON), 0);
        raise(SIGKILL);
}

TEST(a_temporary_queue_goes_with_its_last_party) {
        sysv_alone();
        struct leat_channel *sender = sysv_open(ADDRESS "?temporary", LEAT_SEND);
        struct leat_channel *receiver = sysv_open(ADDRESS "?temporary", LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), 0);
        leat_close(sender);
        CHECK(msgget(KEY, 0) >= 0);
        CHECK_EQ(harness_wait(harness_fork(die_with_it, NULL)), -SIGKILL);
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 1, "x"); /* not left behind by all */
        leat_close(receiver);
        CHECK_EQ(msgget(KEY, 0), -1);
        CHECK_EQ(semget(KEY, 0, 0), -1);
        /* All killed: the next one finds nothing of it. */
        CHECK_EQ(harness_wait(harness_fork(die_with_it, NULL)), -SIGKILL);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
        receiver = sysv_open(ADDRESS "?temporary", LEAT_RECEIVE);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        leat_close(receiver);
        CHECK_EQ(msgget(KEY, 0), -1);
}

#define ROUNDS 60

static void come_and_go(void *unused) {
        (void)unused;
        for (int i = 0; i < ROUNDS; i++) {
                struct leat_channel *channel = sysv_open(ADDRESS "?temporary&end", i % 2 ? LEAT_SEND : LEAT_RECEIVE);
                /* While it is open nobody removes it. */
                if (i % 2)
                        CHECK_EQ(leat_send(channel, 1, "x", 1, LEAT_NOW), 0);
                else
                        CHECK(sysv_receive_now(channel, LEAT_ANY) != -EIDRM);
                leat_close(channel);
        }
}

TEST(nobody_removes_a_temporary_queue_that_another_has_opened) {
        pid_t pids[4];
        sysv_alone();
        for (int i = 0; i < 4; i++)
                pids[i] = harness_fork(come_and_go, NULL);
        for (int i = 0; i < 4; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        CHECK_EQ(msgget(KEY, 0), -1);
        CHECK_EQ(semget(KEY, 0, 0), -1);
}

TEST_MAIN()
