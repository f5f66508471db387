/* SPDX-License-Identifier: MIT */

/* Who is at a System V queue: the end of all senders, and queues that go with their last party. */

#include "sysv_mq.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
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
        int queue = sysv_queue(KEY);
        CHECK(sysv_has_companion(queue));
        sysv_forget();
        CHECK(!sysv_has_companion(queue)); /* removed with the queue */
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
                CHECK(sysv_readable(fd, 40000));
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

static void send_raw(void *argument) {
        struct leat_channel *sender = sysv_open(ADDRESS "?end&framing=raw", LEAT_SEND);
        send_and(sender, argument);
        leat_close(sender);
}

/* Also of those that had gone before it opened, whoever took what they sent, and whatever the framing. */
TEST(who_opens_later_is_told_of_those_that_came_before) {
        static void (*const senders[])(void *) = { one_sender, send_raw };
        static const char *const addresses[] = { ADDRESS "?end", ADDRESS "?end&framing=raw" };
        sysv_alone();
        for (int i = 0; i < 4; i++) {
                CHECK_EQ(harness_wait(harness_fork(senders[i / 2], i % 2 ? "killed" : NULL)), i % 2 ? -SIGKILL : 0);
                struct leat_channel *other = sysv_open(addresses[i / 2], LEAT_RECEIVE);
                sysv_expect(other, LEAT_ANY, LEAT_NOW, 1, "text");
                leat_close(other); /* it was not told yet */
                struct leat_channel *late = sysv_open(addresses[i / 2], LEAT_RECEIVE);
                CHECK_EQ(sysv_receive_now(late, LEAT_ANY), -ENODATA);
                CHECK_EQ(sysv_receive_now(late, LEAT_ANY), -EAGAIN);
                leat_close(late);
        }
        sysv_forget();
}

/* It sees nothing of a sender but its going, which another was told of first. */
TEST(each_receiver_is_told_whatever_another_was_told) {
        sysv_alone();
        struct leat_channel *one = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        struct leat_channel *two = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        for (int round = 0; round < 2; round++) {
                leat_close(sysv_open(ADDRESS "?end", LEAT_SEND));
                CHECK_EQ(sysv_receive_now(one, LEAT_ANY), -ENODATA);
                CHECK_EQ(sysv_receive_now(one, LEAT_ANY), -EAGAIN);
                CHECK_EQ(sysv_receive_now(two, LEAT_ANY), -ENODATA);
                CHECK_EQ(sysv_receive_now(two, LEAT_ANY), -EAGAIN);
        }
        leat_close(one);
        leat_close(two);
        sysv_forget();
}

/* Nothing wakes it but what it waits for. (What looks again from time to time was readable each 20 ms.) */
TEST(a_receiver_that_waits_for_the_end_sleeps) {
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        struct leat_channel *sender = sysv_open(ADDRESS "?end", LEAT_SEND);
        int fd = leat_fd(receiver);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        CHECK(!sysv_readable(fd, 150));
        leat_close(sender);
        CHECK(sysv_readable(fd, 40000));
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -ENODATA);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        CHECK(!sysv_readable(fd, 150));
        leat_close(receiver);
        sysv_forget();
}

TEST(a_companion_goes_with_a_queue_that_others_removed) {
        sysv_alone();
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        int fd = leat_fd(receiver), queue = sysv_queue(KEY);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
        CHECK(sysv_readable(fd, 40000));
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EIDRM);
        CHECK(sysv_has_companion(queue));
        leat_close(receiver);
        CHECK(!sysv_has_companion(queue));
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
        int queue = sysv_queue(KEY);
        leat_close(receiver);
        CHECK_EQ(msgget(KEY, 0), -1);
        CHECK(!sysv_has_companion(queue));
        /* All killed: the next one finds nothing of it. */
        CHECK_EQ(harness_wait(harness_fork(die_with_it, NULL)), -SIGKILL);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
        receiver = sysv_open(ADDRESS "?temporary", LEAT_RECEIVE);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        leat_close(receiver);
        CHECK_EQ(msgget(KEY, 0), -1);
}

TEST(what_was_stored_is_not_made_temporary) {
        struct leat_reason reason;
        sysv_alone();
        CHECK_EQ(leat_create(ADDRESS, 0600, true, NULL), 0);
        sysv_send_foreign(1, "stored", 6);
        CHECK_EQ(sysv_try_open(ADDRESS "?temporary", LEAT_RECEIVE, &reason), -EEXIST);
        CHECK(strstr(reason.text, "without ?temporary"));
        leat_close(sysv_open(ADDRESS "?end", LEAT_RECEIVE));
        CHECK_EQ(sysv_try_open(ADDRESS "?temporary", LEAT_SEND, &reason), -EEXIST);
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
        sysv_forget();
        /* One that was made and never used: who made it was killed before it could say what it is. */
        CHECK_EQ(leat_create(ADDRESS, 0600, true, NULL), 0);
        leat_close(sysv_open(ADDRESS "?temporary", LEAT_RECEIVE));
        CHECK_EQ(msgget(KEY, 0), -1);
}

TEST(a_new_temporary_queue_takes_the_place_of_a_stale_one) {
        struct leat_reason reason;
        sysv_alone();
        CHECK_EQ(harness_wait(harness_fork(die_with_it, NULL)), -SIGKILL);
        struct leat_channel *receiver = sysv_open(ADDRESS "?new&temporary", LEAT_RECEIVE);
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -EAGAIN);
        CHECK_EQ(sysv_try_open(ADDRESS "?new&temporary", LEAT_SEND, &reason), -EEXIST);
        leat_close(receiver);
        CHECK_EQ(msgget(KEY, 0), -1);
}

/* ---- another user ---- */

static void mark_it(void *argument) {
        struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = 1 };
        harness_be_nobody();
        umask(0);
        CHECK(mq_open(sysv_companion(*(int *)argument), O_CREAT | O_EXCL | O_RDWR, 01666, &attributes) >= 0);
}

/* Nor can it make an end, by taking the companion away that it made: it is not used. */
TEST(a_stranger_does_not_make_a_queue_temporary) {
        struct leat_reason reason;
        if (geteuid() != 0)
                SKIP("needs root");
        sysv_alone();
        CHECK_EQ(leat_create(ADDRESS, 0600, true, NULL), 0);
        int queue = sysv_queue(KEY);
        CHECK_EQ(harness_wait(harness_fork(mark_it, &queue)), 0);
        sysv_send_foreign(1, "stored", 6);
        CHECK_EQ(sysv_try_open(ADDRESS "?end", LEAT_SEND, &reason), -EPERM);
        CHECK_EQ(sysv_try_open(ADDRESS "?temporary", LEAT_RECEIVE, &reason), -EPERM);
        CHECK(reason.row == LEAT_ROW_LIFETIME && strstr(reason.text, "/dev/mqueue"));
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
        CHECK_EQ(leat_set(ADDRESS, "mode", "0666", NULL), 0); /* now it is as good as anybody */
        leat_close(sysv_open(ADDRESS "?end", LEAT_SEND));
        leat_close(sysv_open(ADDRESS "?end", LEAT_RECEIVE));
        CHECK_EQ(sysv_status(KEY).msg_qnum, 1);
        sysv_forget();
}

/* It may send and take, and is told of the end; what is left behind is its owner's to remove. */
static void take_part_as_nobody(void *unused) {
        struct leat_reason reason;
        (void)unused;
        harness_be_nobody();
        struct leat_channel *sender = sysv_open(ADDRESS "?end", LEAT_SEND);
        struct leat_channel *receiver = sysv_open(ADDRESS "?end", LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 1, "text", 4, SOON), 0);
        leat_close(sender);
        sysv_expect(receiver, LEAT_ANY, LEAT_NOW, 1, "text");
        CHECK_EQ(sysv_receive_now(receiver, LEAT_ANY), -ENODATA);
        leat_close(receiver);
        CHECK_EQ(sysv_try_open("sysv-mq:0x1ea71ea9?temporary", LEAT_RECEIVE, &reason), -EPERM);
        CHECK(reason.row == LEAT_ROW_LIFETIME && strstr(reason.text, "leat rm"));
}

static void leave_one_open_to_all(void *unused) {
        (void)unused;
        umask(0);
        struct leat_channel *sender = sysv_open("sysv-mq:0x1ea71ea9?temporary&mode=0666", LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "left behind", 11, SOON), 0);
        raise(SIGKILL);
}

TEST(another_user_takes_part_as_the_mode_says) {
        if (geteuid() != 0)
                SKIP("needs root");
        sysv_alone();
        leat_close(sysv_open(ADDRESS "?end", LEAT_RECEIVE));
        CHECK_EQ(leat_set(ADDRESS, "mode", "0666", NULL), 0); /* of the companion too */
        CHECK_EQ(harness_wait(harness_fork(leave_one_open_to_all, NULL)), -SIGKILL);
        CHECK_EQ(harness_wait(harness_fork(take_part_as_nobody, NULL)), 0);
        CHECK_EQ(leat_remove("sysv-mq:0x1ea71ea9", NULL), 0);
        sysv_forget();
}

/* ---- many at once ---- */

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
}

TEST_MAIN()
