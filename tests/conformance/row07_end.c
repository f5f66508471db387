/* SPDX-License-Identifier: MIT */

/* Row 7: the end, of senders and of receivers. */

#include "conformance.h"

#define LOST "one record more.", RECORD_BYTES /* no smaller one than those that fill a channel */

static void send_three(struct leat_channel *sender, void *argument) {
        for (uint64_t i = 0; i < 3; i++)
                send_record(sender, i);
        if (argument)
                raise(SIGKILL);
}

static void take_three(struct leat_channel *receiver) {
        for (uint64_t i = 0; i < 3; i++)
                take_record_numbered(receiver, i);
}

CONFORMS(LEAT_ROW_END, the_last_sender_closes) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        send_three(sender, NULL);
        leat_close(sender);
        take_three(receiver);
        expect_end(receiver);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_END, the_last_sender_is_killed) {
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_three, "killed");
        struct leat_channel *receiver = place_receiver(&place);
        take_three(receiver);
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        leat_close(receiver);
}

/* All that the last one sent, though it is long gone. */
CONFORMS(LEAT_ROW_END, after_all_that_was_sent) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        uint64_t count = fill_up(sender, 0);
        leat_close(sender);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(receiver, i);
        expect_end(receiver);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_END, not_before_the_last_of_several, .traits = MANY) {
        struct place place;
        struct leat_channel *senders[3];
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (uint64_t i = 0; i < 3; i++)
                senders[i] = place_sender(&place);
        settle(receiver);
        leat_close(senders[0]);
        settle(receiver);
        send_record(senders[2], 2);
        leat_close(senders[2]);
        take_record_numbered(receiver, 2);
        settle(receiver);
        leat_close(senders[1]);
        expect_end(receiver);
        leat_close(receiver);
}

/* Of connections 64 are accepted at once: the door is looked at again behind them, and there is nobody. */
CONFORMS(LEAT_ROW_END, of_exactly_as_many_as_come_in_at_once, .traits = MANY | LISTENS) {
        enum { AT_ONCE = 64 };
        struct place place;
        struct leat_channel *senders[2 * AT_ONCE];
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (int count = AT_ONCE; count <= 2 * AT_ONCE; count += AT_ONCE) {
                for (int i = 0; i < count; i++)
                        senders[i] = place_sender(&place);
                for (int i = 0; i < count; i++)
                        leat_close(senders[i]);
                expect_end(receiver);
        }
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_END, not_before_the_first_sender_came, .traits = NAMED) {
        struct place place;
        char buffer[8];
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        settle(receiver);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
        leat_close(place_sender(&place)); /* it came, said nothing and went */
        expect_end(receiver);
        leat_close(receiver);
}

/* One that listens is told once, and then waits for the next sender. */
CONFORMS(LEAT_ROW_END, a_listener_is_told_once_for_each, .traits = NAMED) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (int round = 0; round < 3; round++) {
                struct leat_channel *sender = place_sender(&place);
                send_three(sender, NULL);
                leat_close(sender);
                take_three(receiver);
                expect_end(receiver);
                settle(receiver);
        }
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_END, one_that_connected_is_told_each_time, .traits = EITHER) {
        struct place place;
        struct leat_channel *receiver, *sender;
        place_new_swapped(&place, subject, "");
        place_both(&place, &receiver, &sender);
        send_three(sender, NULL);
        leat_close(sender);
        take_three(receiver);
        for (int i = 0; i < 3; i++)
                expect_end(receiver);
        CHECK_EQ(receive_now(receiver), -ENODATA);
        leat_close(receiver);
}

/* The sender closes with answers unread: the kernel says ECONNRESET, which is not the end. */
CONFORMS(LEAT_ROW_END, a_reset_is_not_the_end, .also = ROW(LEAT_ROW_SYNC)) {
        struct leat_channel *receiver, *sender;
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        place_both_new(subject, "need=sync", &receiver, &sender);
        options.flags = LEAT_SYNC;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_send_with(sender, "sync", 4, &options), -EAGAIN);
        take_text(receiver, LEAT_ANY, "sync");
        send_three(sender, NULL);
        leat_close(sender);
        take_three(receiver);
        expect_end(receiver);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_END, a_reset_is_not_the_end_of_a_pair, .traits = TWO_WAY) {
        struct leat_channel *one, *other;
        place_both_new(subject, "", &one, &other);
        send_record(other, 7);
        take_record_numbered(one, 7);
        send_record(one, 99); /* never read */
        send_three(other, NULL);
        leat_close(other);
        take_three(one);
        expect_end(one);
        leat_close(one);
}

/* ---- the last receiver ---- */

static void check_sigpipe(void) {
        struct sigaction action;
        sigset_t blocked, pending;
        CHECK_EQ(sigaction(SIGPIPE, NULL, &action), 0);
        CHECK(action.sa_handler == SIG_DFL);
        CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &blocked), 0);
        CHECK(!sigismember(&blocked, SIGPIPE));
        CHECK_EQ(sigpending(&pending), 0);
        CHECK(!sigismember(&pending, SIGPIPE));
}

/* A partner that closed looks like one that only ended what it sends: the first message that it refuses tells. */
static int send_to_nobody(const struct subject *subject, struct leat_channel *sender) {
        unsigned which = HALVES | PLAIN | TWO_WAY;
        int64_t deadline = SOON;
        int r;
        do
                r = leat_send(sender, 1, LOST, deadline);
        while (r == 0 && (subject_traits(subject) & which) == which && leat_now() < deadline);
        return r;
}

static void expect_broken(const struct subject *subject, struct leat_channel *sender) {
        CHECK_EQ(send_to_nobody(subject, sender), -EPIPE);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(leat_send(sender, 1, LOST, SOON), -EPIPE);
        CHECK_EQ(leat_send(sender, 1, LOST, LEAT_NOW), -EPIPE);
        check_sigpipe();
}

CONFORMS(LEAT_ROW_END, the_last_receiver_closes, .without = KEEPS) {
        struct leat_channel *receiver, *sender;
        signal(SIGPIPE, SIG_DFL);
        place_both_new(subject, "", &receiver, &sender);
        send_three(sender, NULL);
        take_three(receiver);
        leat_close(receiver);
        expect_broken(subject, sender);
        leat_close(sender);
}

/* It never took notice of this sender. */
CONFORMS(LEAT_ROW_END, the_last_receiver_closes_before_it_looked, .without = KEEPS) {
        struct leat_channel *receiver, *sender;
        signal(SIGPIPE, SIG_DFL);
        place_both_new(subject, "", &receiver, &sender);
        send_three(sender, NULL);
        leat_close(receiver);
        expect_broken(subject, sender);
        leat_close(sender);
}

static void take_one_and_wait(struct leat_channel *receiver, void *argument) {
        take_record_numbered(receiver, 0);
        harness_event_signal(argument);
        for (;;)
                pause();
}

CONFORMS(LEAT_ROW_END, the_last_receiver_is_killed, .without = KEEPS) {
        struct harness_event *took = harness_event_new();
        struct place place;
        signal(SIGPIPE, SIG_DFL);
        place_new(&place, subject, "");
        pid_t pid = place_fork_receiver(&place, take_one_and_wait, took);
        struct leat_channel *sender = place_sender(&place);
        send_three(sender, NULL);
        harness_event_wait(took);
        kill_child(pid);
        expect_broken(subject, sender);
        leat_close(sender);
}

static void kill_when_asleep(void *argument) {
        const pid_t *pids = argument;
        harness_wait_state(pids[0], "S");
        kill(pids[1], SIGKILL);
}

/* It dies while the sender waits for room. */
CONFORMS(LEAT_ROW_END, a_blocked_sender_is_told, .without = KEEPS) {
        struct harness_event *took = harness_event_new();
        struct place place;
        signal(SIGPIPE, SIG_DFL);
        place_new(&place, subject, "");
        pid_t pids[2] = { getpid(), place_fork_receiver(&place, take_one_and_wait, took) };
        struct leat_channel *sender = place_sender(&place);
        send_record(sender, 0);
        harness_event_wait(took);
        fill_up(sender, 1);
        pid_t killer = harness_fork(kill_when_asleep, pids);
        int r; /* on a busy machine TCP takes some more, a while after it said that it is full */
        while ((r = leat_send(sender, 1, LOST, SOON)) == 0)
                ;
        CHECK_EQ(r, -EPIPE);
        CHECK_EQ(harness_wait(pids[1]), -SIGKILL);
        CHECK_EQ(harness_wait(killer), 0);
        expect_broken(subject, sender);
        leat_close(sender);
}

/* ---- both directions ---- */

CONFORMS(LEAT_ROW_END, of_both_directions, .traits = TWO_WAY) {
        for (int which = 0; which < 2; which++) {
                struct leat_channel *ends[2];
                signal(SIGPIPE, SIG_DFL);
                place_both_new(subject, "", &ends[0], &ends[1]);
                send_record(ends[1], 5); /* so that each knows of the other */
                take_record_numbered(ends[0], 5);
                struct leat_channel *stays = ends[which], *goes = ends[!which];
                send_three(goes, NULL);
                leat_close(goes);
                take_three(stays);
                expect_end(stays);
                CHECK_EQ(send_to_nobody(subject, stays), -EPIPE);
                check_sigpipe();
                leat_close(stays);
        }
}

/* A listening end is told once, like one that receives, and then waits for the next partner. */
CONFORMS(LEAT_ROW_END, a_listening_sender_is_told_once, .traits = TWO_WAY | NAMED) {
        struct place place;
        place_new(&place, subject, "");
        struct leat_channel *listening = place_receiver(&place);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_send(listening, 1, LOST, LEAT_NOW), -EAGAIN); /* nobody is there yet */
                struct leat_channel *partner = place_sender(&place);
                send_record(listening, 1);
                take_record_numbered(partner, 1);
                leat_close(partner);
                for (int k = 0; k < 2; k++)
                        CHECK_EQ(send_to_nobody(subject, listening), -EPIPE);
                expect_end(listening);
                CHECK_EQ(leat_send(listening, 1, LOST, SOON), -EPIPE);
        }
        leat_close(listening);
}

/* ---- where what was sent outlives its receivers ---- */

/* Nobody is there, and that is no error: the next receiver finds it. */
CONFORMS(LEAT_ROW_END, a_store_takes_without_a_receiver, .traits = KEEPS) {
        struct place place;
        struct leat_channel *receiver, *sender;
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        send_record(sender, 0);
        take_record_numbered(receiver, 0);
        leat_close(receiver);
        for (uint64_t i = 1; i < 4; i++)
                send_record(sender, i);
        receiver = place_receiver(&place);
        for (uint64_t i = subject_traits(subject) & SPREAD ? 0 : 1; i < 4; i++)
                take_record_numbered(receiver, i);
        settle(receiver);
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* Bare bytes do not tell that a sender came, so there is no telling that it went. */
DENIES(LEAT_ROW_END, nobody_is_told) {
        struct place place;
        struct leat_reason reason = { 0 };
        char address[300], buffer[64];
        struct leat_channel *receiver, *sender;
        place_new(&place, subject, "");
        snprintf(address, sizeof address, "%s&need=end", place.receiver_address);
        CHECK_EQ(try_open(address, receiver_flags(subject), SOON, &reason), -ENOTSUP);
        check_reason(&reason, LEAT_ROW_END, -ENOTSUP);
        place_both(&place, &receiver, &sender);
        send_record(sender, 0);
        leat_close(sender);
        take_record_numbered(receiver, 0);
        settle(receiver);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(20), NULL), -ETIMEDOUT);
        leat_close(receiver);
}
