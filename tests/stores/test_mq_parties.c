/* SPDX-License-Identifier: MIT */
/* mq: who has the queue open: the one receiver, the end, temporary queues; each with parties that are killed or stopped. */
#include "harness.h"
#include "mq.h"

#include <mqueue.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t soon(void) {
        return harness_deadline_ms(40000);
}

/* A party in a process of its own: it opens, does what it is told, and waits to be killed or to close. */
struct party {
        const char *options;
        unsigned flags;
        const char *sends;              /* or NULL */
        struct harness_event *is_ready; /* it has opened, and sent */
        struct harness_event *may_go;
};

static void be_a_party(void *argument) {
        const struct party *party = argument;
        struct leat_channel *channel =
                party->flags == LEAT_SEND ? mq_sender(party->options) : mq_receiver(party->options);
        if (party->sends)
                mq_put(channel, party->sends);
        harness_event_signal(party->is_ready);
        harness_event_wait(party->may_go);
        leat_close(channel);
}

static pid_t start_party(struct party *party) {
        party->is_ready = harness_event_new();
        party->may_go = harness_event_new();
        pid_t pid = harness_fork(be_a_party, party);
        harness_event_wait(party->is_ready);
        return pid;
}

static void let_go(struct party *party, pid_t pid) {
        harness_event_signal(party->may_go);
        CHECK_EQ(harness_wait(pid), 0);
}

/* --- the one receiver --- */

static void check_types_refused(struct leat_channel *receiver) {
        struct leat_reason why;
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(3), NULL, 0, LEAT_NOW, NULL), -ENOTSUP);
        CHECK_EQ(leat_why(receiver, &why), 0);
        CHECK_EQ(why.row, LEAT_ROW_TYPES);
        CHECK(strstr(why.text, "?exclusive"));
}

TEST(types_only_for_the_one_receiver) {
        struct leat_channel *sender = mq_sender("?need=types"), *receiver = mq_receiver("");
        struct leat_reason reason;
        char text[8];
        check_types_refused(receiver);
        leat_close(receiver);
        CHECK_EQ(mq_refused("?need=types", LEAT_RECEIVE, &reason), -ENOTSUP);
        CHECK_EQ(reason.row, LEAT_ROW_TYPES);
        CHECK_EQ(mq_refused("?exclusive", LEAT_SEND, NULL), -ENOTSUP);
        receiver = mq_receiver("?exclusive&need=types");
        for (int64_t type = 5; type >= 3; type--)
                CHECK_EQ(leat_send(sender, type, &type, 1, LEAT_NOW), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(4), text, sizeof text, LEAT_NOW, NULL), 1);
        CHECK_EQ(text[0], 4);
        CHECK_EQ(leat_receive(receiver, LEAT_AT_MOST(5), text, sizeof text, LEAT_NOW, NULL), 1);
        CHECK_EQ(text[0], 3);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, text, sizeof text, LEAT_NOW, NULL), 1);
        CHECK_EQ(text[0], 5);
        leat_close(sender);
        leat_close(receiver);
}

TEST(the_one_receiver_keeps_others_out_and_is_kept_out) {
        struct leat_reason reason;
        struct leat_channel *one = mq_receiver("?exclusive");
        CHECK_EQ(mq_refused("", LEAT_RECEIVE, &reason), -EADDRINUSE);
        CHECK(strstr(reason.text, "one receiver"));
        CHECK_EQ(mq_refused("?exclusive", LEAT_RECEIVE, NULL), -EADDRINUSE);
        leat_close(mq_sender(""));
        leat_close(one);
        struct leat_channel *two = mq_receiver(""), *three = mq_receiver("");
        CHECK_EQ(mq_refused("?exclusive", LEAT_RECEIVE, NULL), -EADDRINUSE);
        leat_close(two);
        leat_close(three);
        leat_close(mq_receiver("?exclusive"));
}

TEST(a_killed_one_receiver_frees_the_queue_and_a_stopped_one_does_not) {
        struct party party = { .options = "?exclusive", .flags = LEAT_RECEIVE };
        pid_t pid = start_party(&party);
        CHECK_EQ(kill(pid, SIGSTOP), 0);
        harness_wait_state(pid, "T");
        CHECK_EQ(mq_refused("", LEAT_RECEIVE, NULL), -EADDRINUSE);
        harness_kill(pid);
        leat_close(mq_receiver("?exclusive"));
}

/* --- the end --- */

static void expect_end_once(struct leat_channel *receiver) {
        CHECK_EQ(mq_receive_text(receiver, soon(), NULL), -ENODATA);
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
}

TEST(the_end_is_after_all_that_was_sent_and_told_once) {
        struct leat_channel *receiver = mq_receiver("?end"), *sender = mq_sender("?end");
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
        mq_put(sender, "a");
        mq_put(sender, "b");
        leat_close(sender);
        mq_take(receiver, "a");
        mq_take(receiver, "b");
        expect_end_once(receiver);
        leat_close(mq_sender("")); /* came, sent nothing, and went: no ?end is needed on it */
        expect_end_once(receiver);
        leat_close(receiver);
}

TEST(the_end_of_a_sender_that_went_before_the_receiver_came) {
        struct leat_channel *sender = mq_sender("");
        mq_put(sender, "a");
        leat_close(sender);
        struct leat_channel *receiver = mq_receiver("?end");
        mq_take(receiver, "a");
        expect_end_once(receiver);
        leat_close(receiver);
}

TEST(without_the_option_there_is_no_end) {
        struct leat_channel *receiver = mq_receiver(""), *sender = mq_sender("?end");
        struct leat_reason reason;
        leat_close(sender);
        CHECK_EQ(mq_receive_text(receiver, harness_deadline_ms(5), NULL), -ETIMEDOUT);
        leat_close(receiver);
        CHECK_EQ(mq_refused("?need=end", LEAT_RECEIVE, &reason), -ENOTSUP);
        CHECK_EQ(reason.row, LEAT_ROW_END);
        CHECK_EQ(mq_refused("?end&framing=raw", LEAT_RECEIVE, &reason), -ENOTSUP);
        CHECK_EQ(reason.row, LEAT_ROW_END);
        leat_close(mq_receiver("?need=end&end"));
}

static void receive_to_the_end(void *argument) {
        struct leat_channel *receiver = mq_receiver("?end");
        harness_event_signal(argument);
        CHECK_EQ(mq_receive_text(receiver, soon(), NULL), -ENODATA);
        leat_close(receiver);
}

/* Each of two receivers gets the end, asleep, and of a sender that was killed. A stopped one is no dead one. */
TEST(every_receiver_that_sleeps_is_told_of_a_killed_sender) {
        struct harness_event *ready = harness_event_new();
        struct party party = { .options = "", .flags = LEAT_SEND };
        struct leat_channel *sender = mq_sender("");
        pid_t receivers[2], pid = start_party(&party);
        for (int i = 0; i < 2; i++) {
                receivers[i] = harness_fork(receive_to_the_end, ready);
                harness_event_wait(ready);
        }
        for (int i = 0; i < 2; i++)
                harness_wait_state(receivers[i], "S"); /* so they have seen that a sender is there */
        leat_close(sender);
        CHECK_EQ(kill(pid, SIGSTOP), 0);
        harness_wait_state(pid, "T");
        for (int i = 0; i < 2; i++)
                harness_wait_state(receivers[i], "S");
        harness_kill(pid);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(harness_wait(receivers[i]), 0);
}

TEST(a_stopped_sender_is_no_end) {
        struct leat_channel *receiver = mq_receiver("?end");
        struct party party = { .options = "", .flags = LEAT_SEND, .sends = "a" };
        pid_t pid = start_party(&party);
        mq_take(receiver, "a");
        CHECK_EQ(kill(pid, SIGSTOP), 0);
        harness_wait_state(pid, "T");
        CHECK_EQ(mq_receive_text(receiver, harness_deadline_ms(20), NULL), -ETIMEDOUT);
        harness_kill(pid);
        expect_end_once(receiver);
        leat_close(receiver);
}

static void expect_end_of_one_that_nobody_saw(const char *options) {
        struct leat_channel *one = mq_receiver(options), *two = mq_receiver(options), *three = mq_receiver(options);
        leat_close(three); /* a receiver that goes is no sender that came */
        CHECK_EQ(mq_receive_text(one, LEAT_NOW, NULL), -EAGAIN);
        for (int round = 0; round < 2; round++) {
                struct leat_channel *sender = mq_sender("");
                mq_put(sender, "a");
                leat_close(sender);
                mq_take(one, "a");
                expect_end_once(one);
                expect_end_once(two); /* another took all, and was told */
        }
        leat_close(one);
        leat_close(two);
}

TEST(each_receiver_is_told_whatever_another_took) {
        expect_end_of_one_that_nobody_saw("?end");
        CHECK_EQ(leat_remove(mq_address(""), NULL), 0);
        expect_end_of_one_that_nobody_saw("?end&temporary");
}

TEST(the_descriptor_tells_of_messages_and_of_the_end) {
        struct leat_channel *receiver = mq_receiver("?end");
        struct party party = { .options = "", .flags = LEAT_SEND, .sends = "a" };
        int fd = leat_fd(receiver), r;
        CHECK(fd >= 0);
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
        pid_t pid = start_party(&party);
        harness_wait_readable(fd);
        mq_take(receiver, "a");
        CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
        harness_kill(pid);
        do /* the first time the kernel may still hold the lock of the killed one */
                harness_wait_readable(fd);
        while ((r = mq_receive_text(receiver, LEAT_NOW, NULL)) == -EAGAIN);
        CHECK_EQ(r, -ENODATA);
        leat_close(receiver);
}

/* --- temporary --- */

static bool is_there(void) {
        struct leat_info info = LEAT_INFO_INIT;
        int r = leat_inspect(mq_address(""), NULL, &info);
        CHECK(r == 0 || r == -ENOENT);
        return r == 0;
}

TEST(a_temporary_queue_goes_with_its_last_party) {
        struct leat_channel *sender = mq_sender("?temporary"), *receiver = mq_receiver("?temporary"), *third;
        mq_put(sender, "a");
        leat_close(sender);
        CHECK(is_there());
        third = mq_sender(""); /* who does not say so takes part all the same */
        leat_close(receiver);
        CHECK(is_there());
        leat_close(third);
        CHECK(!is_there());
}

TEST(a_temporary_queue_of_killed_parties_goes_at_the_next_open) {
        static const char *const next[] = { "?temporary", "" };
        for (int i = 0; i < 2; i++) {
                struct party party = { .options = "?temporary", .flags = LEAT_SEND, .sends = "old" };
                harness_kill(start_party(&party));
                CHECK(is_there());
                struct leat_channel *receiver = mq_receiver(next[i]);
                CHECK_EQ(mq_receive_text(receiver, LEAT_NOW, NULL), -EAGAIN);
                leat_close(receiver);
                CHECK_EQ(is_there(), i == 1); /* the second is a permanent one of the same name */
        }
}

TEST(what_was_stored_is_not_made_temporary) {
        struct leat_channel *sender = mq_sender("");
        struct leat_reason reason;
        mq_put(sender, "a");
        leat_close(sender);
        CHECK_EQ(mq_refused("?temporary", LEAT_RECEIVE, &reason), -EEXIST);
        CHECK(strstr(reason.text, "without ?temporary"));
        CHECK_EQ(leat_create(mq_address("?temporary"), 0600, false, NULL), -ENOTSUP);
        struct leat_channel *receiver = mq_receiver("");
        mq_take(receiver, "a");
        leat_close(receiver);
}

TEST(setting_the_mode_leaves_a_temporary_queue_temporary) {
        struct leat_channel *sender = mq_sender("?temporary");
        CHECK_EQ(leat_set(mq_address(""), "mode", "0600", NULL), 0);
        leat_close(sender);
        CHECK(!is_there());
}

TEST(a_stopped_party_keeps_a_temporary_queue) {
        struct party party = { .options = "?temporary", .flags = LEAT_SEND, .sends = "a" };
        pid_t pid = start_party(&party);
        CHECK_EQ(kill(pid, SIGSTOP), 0);
        harness_wait_state(pid, "T");
        struct leat_channel *receiver = mq_receiver("?temporary");
        mq_take(receiver, "a");
        leat_close(receiver);
        CHECK(is_there());
        CHECK_EQ(kill(pid, SIGCONT), 0);
        let_go(&party, pid);
        CHECK(!is_there());
}

static void open_what_is_not_ours_to_remove(void *argument) {
        struct leat_reason reason;
        (void)argument;
        harness_be_nobody();
        CHECK_EQ(mq_refused("?temporary", LEAT_RECEIVE, &reason), -EPERM);
        CHECK(reason.row == LEAT_ROW_LIFETIME && strstr(reason.text, "leat rm"));
        CHECK_EQ(mq_refused("", LEAT_SEND, &reason), -EPERM);
}

/* Nobody waits without end for what another user's killed process left. */
TEST(what_another_user_left_is_said_to_be_theirs) {
        struct party party = { .options = "?temporary&mode=0666", .flags = LEAT_SEND, .sends = "old" };
        if (geteuid() != 0)
                SKIP("only root can be somebody else");
        umask(0);
        harness_kill(start_party(&party));
        CHECK_EQ(harness_wait(harness_fork(open_what_is_not_ours_to_remove, NULL)), 0);
}

/* --- many at once: openers and closers of a temporary queue meet at every point --- */

#define ROUNDS 200

static void come_and_go(void *argument) {
        (void)argument;
        for (int i = 0; i < ROUNDS; i++) {
                struct leat_channel *receiver = mq_receiver("?temporary"), *sender = mq_sender("?temporary");
                leat_close(receiver);
                leat_close(sender);
        }
}

/* Nobody is left with a queue that lost its name: a second party of the same process always meets the first. */
static void meet_and_go(void *argument) {
        (void)argument;
        for (int i = 0; i < ROUNDS; i++) {
                struct leat_channel *receiver = mq_receiver("?temporary");
                CHECK(is_there());
                leat_close(receiver);
        }
}

TEST(openers_and_closers_of_a_temporary_queue_race) {
        pid_t pids[3] = { harness_fork(come_and_go, NULL), harness_fork(come_and_go, NULL),
                          harness_fork(meet_and_go, NULL) };
        for (int i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        CHECK(!is_there());
}

TEST_MAIN()
