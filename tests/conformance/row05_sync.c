/* SPDX-License-Identifier: MIT */

/* Row 5: a synchronous send returns when the receiver has taken the message. */

#include "conformance.h"

#include <poll.h>

#define NEED "need=sync"

static int send_sync(struct leat_channel *sender, int64_t type, const char *text, int64_t deadline) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        options.flags = LEAT_SYNC;
        options.type = type;
        options.deadline = deadline;
        return leat_send_with(sender, text, strlen(text), &options);
}

/* What the two processes share: the receiver says that it begins to take before it does. */
struct shared {
        atomic_int taking;
        pid_t sender_pid;
};

/* Take each when the sender is asleep, and say so before. */
static void take_late(struct leat_channel *receiver, void *argument) {
        struct shared *shared = argument;
        for (int i = 0; i < 10; i++) {
                harness_wait_state(shared->sender_pid, "S");
                atomic_store(&shared->taking, i + 1);
                take_text(receiver, LEAT_ANY, "sync");
        }
}

CONFORMS(LEAT_ROW_SYNC, returns_when_it_was_taken) {
        struct shared *shared = harness_shared(sizeof *shared);
        struct place place;
        shared->sender_pid = getpid();
        place_new(&place, subject, NEED);
        pid_t pid = place_fork_receiver(&place, take_late, shared);
        struct leat_channel *sender = place_sender(&place);
        for (int i = 0; i < 10; i++) {
                CHECK_EQ(send_sync(sender, 1, "sync", SOON), 0);
                CHECK(atomic_load(&shared->taking) > i);
        }
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
}

/* Set aside is not taken. */
static void take_out_of_aside(struct leat_channel *receiver, void *argument) {
        struct shared *shared = argument;
        char buffer[8];
        struct pollfd poll_fd = { .fd = leat_fd(receiver), .events = POLLIN };
        while (info_of(receiver).aside_messages == 0) {
                CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
                if (info_of(receiver).aside_messages == 0)
                        CHECK_EQ(poll(&poll_fd, 1, 40000), 1);
        }
        harness_wait_state(shared->sender_pid, "S");
        atomic_store(&shared->taking, 1);
        take_text(receiver, LEAT_TYPE(1), "set aside");
}

CONFORMS(LEAT_ROW_SYNC, set_aside_is_not_taken, .also = ROW(LEAT_ROW_TYPES)) {
        struct shared *shared = harness_shared(sizeof *shared);
        struct place place;
        shared->sender_pid = getpid();
        place_new(&place, subject, NEED);
        pid_t pid = place_fork_receiver(&place, take_out_of_aside, shared);
        struct leat_channel *sender = place_sender(&place);
        CHECK_EQ(send_sync(sender, 1, "set aside", SOON), 0);
        CHECK_EQ(atomic_load(&shared->taking), 1);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
}

CONFORMS(LEAT_ROW_SYNC, a_deadline_leaves_it_unknown) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, NEED, &receiver, &sender);
        int64_t deadline = leat_in_ms(20);
        CHECK_EQ(send_sync(sender, 1, "one", deadline), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        CHECK_EQ(send_sync(sender, 1, "two", LEAT_NOW), -EAGAIN);
        take_text(receiver, LEAT_ANY, "one");
        take_text(receiver, LEAT_ANY, "two");
        /* That these were taken now does not answer for the next. */
        CHECK_EQ(send_sync(sender, 1, "three", leat_in_ms(20)), -ETIMEDOUT);
        CHECK_EQ(leat_interrupt(sender), 0);
        CHECK_EQ(send_sync(sender, 1, "four", SOON), -ECANCELED);
        take_text(receiver, LEAT_ANY, "three");
        take_text(receiver, LEAT_ANY, "four");
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

static void take_nothing(struct leat_channel *receiver, void *argument) {
        (void)receiver;
        (void)argument;
        for (;;)
                pause();
}

static void kill_when_asleep(void *argument) {
        const pid_t *pids = argument;
        harness_wait_state(pids[0], "S");
        kill(pids[1], SIGKILL);
}

CONFORMS(LEAT_ROW_SYNC, the_receiver_dies) {
        struct place place;
        pid_t pids[2] = { getpid(), 0 };
        place_new(&place, subject, NEED);
        pids[1] = place_fork_receiver(&place, take_nothing, NULL);
        struct leat_channel *sender = place_sender(&place);
        pid_t killer = harness_fork(kill_when_asleep, pids);
        CHECK_EQ(send_sync(sender, 1, "lost", SOON), -EPIPE);
        CHECK_EQ(harness_wait(pids[1]), -SIGKILL);
        CHECK_EQ(harness_wait(killer), 0);
        leat_close(sender);
}

/* A receiver that takes with others in between answers each for itself. */
CONFORMS(LEAT_ROW_SYNC, among_others) {
        struct shared *shared = harness_shared(sizeof *shared);
        struct place place;
        shared->sender_pid = getpid();
        place_new(&place, subject, NEED);
        pid_t pid = place_fork_receiver(&place, take_late, shared);
        struct leat_channel *sender = place_sender(&place);
        for (int i = 0; i < 5; i++) {
                send_text(sender, 1, "sync");
                CHECK_EQ(send_sync(sender, 1, "sync", SOON), 0);
                CHECK(atomic_load(&shared->taking) > 2 * i + 1);
        }
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
}

/* Where the place was made without a way back it is refused, never forgotten. */
CONFORMS(LEAT_ROW_SYNC, without_the_need_it_is_refused_or_done) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        int r = send_sync(sender, 1, "sync", leat_in_ms(20));
        if (r == -ENOTSUP)
                check_why(sender, LEAT_ROW_SYNC, -ENOTSUP);
        else {
                CHECK_EQ(r, -ETIMEDOUT);
                take_text(receiver, LEAT_ANY, "sync");
        }
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

DENIES(LEAT_ROW_SYNC, is_refused) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(send_sync(sender, 1, "sync", SOON), -ENOTSUP);
        check_why(sender, LEAT_ROW_SYNC, -ENOTSUP);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}
