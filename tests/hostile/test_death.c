/* SPDX-License-Identifier: MIT */
/* Parties that are killed or stopped within a message; and SIGPIPE, which nobody is to notice, on kernels of any age. */
#include "base/io.h"
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 1 << 20 };

static uint8_t message[LARGE], buffer[LARGE];

static void fill(uint32_t number) {
        for (size_t i = 0; i < LARGE; i += sizeof number)
                memcpy(message + i, &number, sizeof number);
        memcpy(message + LARGE / 2, "middle", 6);
}

static void check_message(uint32_t number) {
        fill(number);
        CHECK_MEM(buffer, message, LARGE);
}

/* ---- senders ---- */

static void send_for_ever(void *argument) {
        struct leat_channel *channel = argument;
        for (uint32_t number = 1;; number++) {
                fill(number);
                CHECK_EQ(leat_send(channel, 5, message, LARGE, LEAT_NEVER), 0);
        }
}

static void open_and_send(void *argument) {
        const struct victim *victim = argument;
        struct leat_channel *sender;
        char address[160];
        snprintf(address, sizeof address, "%.*s?connect", (int)strcspn(victim->address, "?"), victim->address);
        CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &sender), 0);
        send_for_ever(sender);
}

/* Receive some whole messages and perhaps a part of the next, kill, and receive what is left. */
static void kill_within(struct victim *victim, pid_t pid) {
        uint32_t number = 0, whole = (uint32_t)harness_random_below(3);
        unsigned further = (unsigned)harness_random_below(200);
        while (number < whole) {
                CHECK_EQ(victim_receive(victim, buffer, LARGE, harness_deadline_ms(40000), NULL), LARGE);
                check_message(++number);
        }
        for (unsigned i = 0; i < further; i++) {
                ssize_t n = victim_receive(victim, buffer, LARGE, LEAT_NOW, NULL);
                if (n == LARGE)
                        check_message(++number);
                else
                        CHECK_EQ(n, -EAGAIN);
        }
        kill(pid, SIGKILL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        ssize_t n;
        while ((n = victim_receive(victim, buffer, LARGE, LEAT_NOW, NULL)) == LARGE)
                check_message(++number);
        CHECK_EQ(n, victim->honest ? -EAGAIN : -ENODATA);
}

static void sender_killed(void *argument) {
        struct victim victim;
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        for (int round = 0; round < 50; round++) {
                honest_send(&victim);
                kill_within(&victim, harness_fork(open_and_send, &victim));
                check_honest(&victim);
        }
        victim_close(&victim);
}

static void pair_sender_killed(void *argument) {
        for (int round = 0; round < 50; round++) {
                struct leat_channel *sender;
                struct victim victim = { .place = PIPE, .peer = -1, .peer_in = -1 };
                CHECK_EQ(leat_pair(argument, NULL, &victim.channel, &sender), 0);
                CHECK_EQ(leat_give(sender), 0);
                pid_t pid = harness_fork(send_for_ever, sender);
                leat_close(sender);
                kill_within(&victim, pid);
                victim_close(&victim);
        }
}

/* ---- receivers ---- */

struct receiver {
        struct leat_channel *channel;
        struct harness_event *ready;
        uint32_t count;
};

static void receive_numbers(void *argument) {
        const struct receiver *receiver = argument;
        uint32_t number = 0;
        harness_event_signal(receiver->ready);
        for (uint32_t expected = 1; expected <= receiver->count; expected++) {
                CHECK_EQ(leat_receive(receiver->channel, LEAT_ANY, buffer, LARGE, harness_deadline_ms(40000), NULL),
                         5000);
                memcpy(&number, buffer, sizeof number);
                CHECK_EQ(number, expected);
        }
        CHECK_EQ(leat_receive(receiver->channel, LEAT_ANY, buffer, LARGE, harness_deadline_ms(40000), NULL), -ENODATA);
}

static int send_number(struct leat_channel *channel, uint32_t number, int64_t deadline) {
        memcpy(message, &number, sizeof number);
        return leat_send(channel, 5, message, 5000, deadline);
}

/* Stopped with full buffers: it is not death; every message that was said to be sent arrives when it goes on. */
static void receiver_stopped(void *argument) {
        struct receiver receiver = { .ready = harness_event_new(), .count = 3000 };
        struct leat_channel *sender;
        CHECK_EQ(leat_pair(argument, NULL, &receiver.channel, &sender), 0);
        CHECK_EQ(leat_give(receiver.channel), 0);
        pid_t pid = harness_fork(receive_numbers, &receiver);
        leat_close(receiver.channel);
        harness_event_wait(receiver.ready);
        uint32_t number = 1;
        for (int stop = 0; stop < 5; stop++) {
                kill(pid, SIGSTOP);
                harness_wait_state(pid, "T");
                int r;
                while ((r = send_number(sender, number, LEAT_NOW)) == 0)
                        number++;
                CHECK_EQ(r, -EAGAIN);
                CHECK_EQ(send_number(sender, number, leat_in_ms(10)), -ETIMEDOUT);
                CHECK_EQ(send_number(sender, number, LEAT_NOW), -EAGAIN);
                CHECK(number < receiver.count);
                kill(pid, SIGCONT);
                CHECK_EQ(send_number(sender, number++, harness_deadline_ms(40000)), 0);
        }
        for (; number <= receiver.count; number++)
                CHECK_EQ(send_number(sender, number, harness_deadline_ms(40000)), 0);
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
}

static void receive_some_and_sleep(void *argument) {
        struct receiver *receiver = argument;
        for (uint32_t i = 0; i < receiver->count; i++)
                CHECK_EQ(leat_receive(receiver->channel, LEAT_ANY, buffer, LARGE, harness_deadline_ms(40000), NULL),
                         LARGE);
        harness_event_signal(receiver->ready);
        for (;;)
                pause();
}

/* Killed while the sender stands within a message. */
static void receiver_killed(void *argument) {
        signal(SIGPIPE, SIG_DFL);
        for (int round = 0; round < 20; round++) {
                struct receiver receiver = { .ready = harness_event_new(), .count = (uint32_t)round % 3 };
                struct leat_channel *sender;
                CHECK_EQ(leat_pair(argument, NULL, &receiver.channel, &sender), 0);
                CHECK_EQ(leat_give(receiver.channel), 0);
                pid_t pid = harness_fork(receive_some_and_sleep, &receiver);
                leat_close(receiver.channel);
                for (uint32_t i = 0; i < receiver.count; i++)
                        CHECK_EQ(leat_send(sender, 5, message, LARGE, harness_deadline_ms(40000)), 0);
                harness_event_wait(receiver.ready);
                CHECK_EQ(leat_send(sender, 5, message, LARGE, round % 2 ? LEAT_NOW : leat_in_ms(5)),
                         round % 2 ? -EAGAIN : -ETIMEDOUT);
                kill(pid, SIGKILL);
                harness_wait(pid);
                for (int i = 0; i < 3; i++)
                        CHECK_EQ(leat_send(sender, 5, message, LARGE, LEAT_NEVER), -EPIPE);
                leat_close(sender);
        }
}

/* ---- kernels of any age ---- */

static void set_features(unsigned bits) {
        io_features = (struct io_features){ .nowait = !(bits & 1), .nosignal = !(bits & 2), .reopen = !(bits & 4) };
}

static struct leat_channel *open_given(int fd, unsigned flags) {
        char address[32];
        struct leat_channel *channel;
        snprintf(address, sizeof address, "pipe:fd=%d", fd);
        CHECK_EQ(leat_open(address, flags, LEAT_NOW, &channel), 0);
        return channel;
}

static void receive_all(void *argument) {
        struct receiver *receiver = argument;
        for (uint32_t number = 1; number <= receiver->count; number++) {
                CHECK_EQ(leat_receive(receiver->channel, LEAT_ANY, buffer, LARGE, harness_deadline_ms(40000), NULL),
                         LARGE);
                check_message(number);
        }
        CHECK_EQ(leat_receive(receiver->channel, LEAT_ANY, buffer, LARGE, harness_deadline_ms(40000), NULL), -ENODATA);
}

/* A pipe that was given: it never waits longer than it is told to, and its flags stay as they are. */
static void given_pipe(void *argument) {
        for (unsigned bits = 0; bits < 8; bits++) {
                int fds[2];
                printf("features %u\n", bits);
                set_features(bits);
                CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
                int twins[2] = { fcntl(fds[0], F_DUPFD_CLOEXEC, 3), fcntl(fds[1], F_DUPFD_CLOEXEC, 3) };
                struct receiver receiver = { .channel = open_given(fds[0], LEAT_RECEIVE), .count = 3 };
                struct leat_channel *sender = open_given(fds[1], LEAT_SEND);
                CHECK_EQ(fcntl(twins[0], F_GETFL) & O_NONBLOCK, 0);
                CHECK_EQ(fcntl(twins[1], F_GETFL) & O_NONBLOCK, 0);
                CHECK_EQ(leat_receive(receiver.channel, LEAT_ANY, buffer, LARGE, LEAT_NOW, NULL), -EAGAIN);
                CHECK_EQ(leat_receive(receiver.channel, LEAT_ANY, buffer, LARGE, leat_in_ms(5), NULL), -ETIMEDOUT);
                CHECK_EQ(leat_send(sender, 5, message, LARGE, LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_send(sender, 5, message, LARGE, leat_in_ms(5)), -ETIMEDOUT);
                close(twins[0]);
                close(twins[1]);
                CHECK_EQ(leat_give(receiver.channel), 0);
                pid_t pid = harness_fork(receive_all, &receiver);
                leat_close(receiver.channel);
                for (uint32_t number = 1; number <= receiver.count; number++) {
                        fill(number);
                        CHECK_EQ(leat_send(sender, 5, message, LARGE, harness_deadline_ms(40000)), 0);
                }
                leat_close(sender);
                CHECK_EQ(harness_wait(pid), 0);
        }
        (void)argument;
}

static void on_signal(int number) {
        (void)number;
        FAIL("SIGPIPE was delivered");
}

enum state { DEFAULT, IGNORED, HANDLED, BLOCKED, PENDING, PENDING_THREAD, STATES };

static void set_state(enum state state) {
        sigset_t pipe_set;
        sigemptyset(&pipe_set);
        sigaddset(&pipe_set, SIGPIPE);
        signal(SIGPIPE, SIG_IGN); /* what is pending goes */
        sigprocmask(SIG_UNBLOCK, &pipe_set, NULL);
        signal(SIGPIPE, state == IGNORED ? SIG_IGN : state == DEFAULT ? SIG_DFL : on_signal);
        if (state >= BLOCKED)
                sigprocmask(SIG_BLOCK, &pipe_set, NULL);
        if (state == PENDING)
                kill(getpid(), SIGPIPE);
        if (state == PENDING_THREAD)
                raise(SIGPIPE);
}

static void check_state(enum state state) {
        sigset_t set;
        struct sigaction action;
        sigprocmask(SIG_SETMASK, NULL, &set);
        CHECK_EQ(sigismember(&set, SIGPIPE), state >= BLOCKED);
        sigpending(&set);
        CHECK_EQ(sigismember(&set, SIGPIPE), state >= PENDING);
        sigaction(SIGPIPE, NULL, &action);
        CHECK(action.sa_handler == (state == IGNORED ? SIG_IGN : state == DEFAULT ? SIG_DFL : on_signal));
}

static void sigpipe_given(void *argument) {
        for (unsigned bits = 0; bits < 8; bits++)
                for (enum state state = 0; state < STATES; state++) {
                        int fds[2];
                        printf("features %u, state %d\n", bits, state);
                        set_features(bits);
                        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
                        struct leat_channel *sender = open_given(fds[1], LEAT_SEND);
                        set_state(state);
                        CHECK_EQ(leat_send(sender, 5, message, LARGE, LEAT_NOW), -EAGAIN);
                        check_state(state);
                        close(fds[0]);
                        for (int i = 0; i < 3; i++) {
                                CHECK_EQ(leat_send(sender, 5, message, i ? 3 : LARGE, harness_deadline_ms(40000)),
                                         -EPIPE);
                                check_state(state);
                        }
                        leat_close(sender);
                        check_state(state);
                }
        (void)argument;
}

static void sigpipe_pair(void *argument) {
        for (unsigned bits = 0; bits < 8; bits++)
                for (enum state state = 0; state < STATES; state++) {
                        struct leat_channel *sender, *receiver;
                        set_features(bits);
                        CHECK_EQ(leat_pair(argument, NULL, &receiver, &sender), 0);
                        set_state(state);
                        leat_close(receiver);
                        for (int i = 0; i < 3; i++) {
                                CHECK_EQ(leat_send(sender, 5, message, i ? 3 : LARGE, harness_deadline_ms(40000)),
                                         -EPIPE);
                                check_state(state);
                        }
                        leat_close(sender);
                }
}

/* A reader of a TAKEN or a reply that is gone is not noticed by who sends it, and its signal by nobody. */
static void sigpipe_taken(void *argument) {
        for (unsigned bits = 0; bits < 8; bits++)
                for (enum state state = 0; state < STATES; state++) {
                        int there[2], back[2];
                        char address[64], bytes[8];
                        struct leat_channel *receiver;
                        struct wire_header header = {
                                .kind = WIRE_MESSAGE, .flags = WIRE_WANTS_TAKEN, .type = 5, .size = 3, .sequence = 1
                        };
                        uint8_t frame[FRAME_MOST];
                        set_features(bits);
                        CHECK_EQ(pipe2(there, O_CLOEXEC), 0);
                        CHECK_EQ(pipe2(back, O_CLOEXEC), 0);
                        snprintf(address, sizeof address, "pipe:fd=%d,%d", there[0], back[1]);
                        CHECK_EQ(leat_open(address, LEAT_RECEIVE, LEAT_NOW, &receiver), 0);
                        close(back[0]);
                        set_state(state);
                        size_t size = make_frame(PIPE, &header, "abc", frame);
                        CHECK_EQ(write(there[1], frame, size), size);
                        CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, harness_deadline_ms(40000),
                                              NULL),
                                 3);
                        check_state(state);
                        close(there[1]);
                        CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, sizeof bytes, harness_deadline_ms(40000),
                                              NULL),
                                 -ENODATA);
                        leat_close(receiver);
                        check_state(state);
                }
        (void)argument;
}

/* ---- forked children ---- */

static void try_inherited(void *argument) {
        struct leat_channel **ends = argument;
        CHECK_EQ(leat_send(ends[1], 1, "abc", 3, LEAT_NOW), -ECHILD);
        CHECK_EQ(leat_receive(ends[0], LEAT_ANY, buffer, LARGE, LEAT_NOW, NULL), -ECHILD);
        leat_close(ends[0]);
        leat_close(ends[1]);
        for (;;)
                pause();
}

/* A child that lives on keeps nothing of its dead parent's alive. */
static void fork_and_die(void *argument) {
        struct leat_channel *ends[2], *sender;
        const struct victim *victim = argument;
        char address[160];
        CHECK_EQ(leat_pair("pipe:", NULL, &ends[0], &ends[1]), 0);
        snprintf(address, sizeof address, "%.*s?connect", (int)strcspn(victim->address, "?"), victim->address);
        CHECK_EQ(leat_open(address, LEAT_SEND, harness_deadline_ms(40000), &sender), 0);
        CHECK_EQ(leat_send(sender, 1, message, 1, LEAT_NOW), 0);
        *(pid_t *)victim->honest = harness_fork(try_inherited, ends);
        harness_wait_state(*(pid_t *)victim->honest, "S");
        kill(getpid(), SIGKILL);
}

static void orphan(void *argument) {
        struct victim victim;
        pid_t *child = harness_shared(sizeof *child);
        victim_open(&victim, *(enum place *)argument, LEAT_RECEIVE, "");
        leat_close(victim.honest);
        victim.honest = (void *)child; /* where the child's number goes */
        close(victim.peer);
        victim.peer = -1;
        CHECK_EQ(harness_wait(harness_fork(fork_and_die, &victim)), -SIGKILL);
        victim.honest = NULL;
        CHECK_EQ(victim_receive(&victim, buffer, LARGE, harness_deadline_ms(40000), NULL), 1);
        CHECK_EQ(victim_receive(&victim, buffer, LARGE, harness_deadline_ms(40000), NULL), -ENODATA);
        kill(*child, SIGKILL);
        victim_close(&victim);
}

static void add_tests(void) {
        static const struct {
                const char *name, *address;
        } pairs[] = { { "pipe", "pipe:" }, { "unix", "unix:" }, { "stream", "unix-stream:" } };
        static const struct {
                const char *name;
                void (*function)(void *address);
        } tests[] = {
                { "sender_killed_pair", pair_sender_killed },
                { "receiver_stopped", receiver_stopped },
                { "receiver_killed", receiver_killed },
                { "sigpipe_pair", sigpipe_pair },
        };
        char name[80];
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
                for (size_t k = 0; k < 3; k++) {
                        snprintf(name, sizeof name, "%s_%s", tests[i].name, pairs[k].name);
                        harness_add(name, tests[i].function, (void *)pairs[k].address);
                }
        add_at(LISTENERS, "sender_killed", sender_killed);
        harness_add("given_pipe", given_pipe, NULL);
        harness_add("sigpipe_given", sigpipe_given, NULL);
        harness_add("sigpipe_taken", sigpipe_taken, NULL);
        add_at(LISTENERS, "orphan", orphan);
}

TEST_MAIN_WITH(add_tests)
