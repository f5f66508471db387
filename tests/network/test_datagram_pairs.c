/* SPDX-License-Identifier: MIT */

/* unix-dgram: and udp: the partner of a pair that goes, and strangers that say what only a partner may. */

#include "datagrams.h"

#include <poll.h>
#include <pthread.h>

#define BOTH_WAYS (LEAT_SEND | LEAT_RECEIVE)

static struct leat_channel *bind_pair(const char *scheme, char ret_address[256]) {
        return bind_end(scheme, "?listen", BOTH_WAYS, ret_address);
}

static struct leat_channel *open_pair(const char *address) {
        return open_end(address, BOTH_WAYS);
}

/* Send until the system says that the partner is gone: over udp to the second one. */
static void send_until_it_is_gone(struct leat_channel *channel) {
        int r = 0;
        for (int i = 0; i < 3 && r == 0; i++)
                r = leat_send(channel, 1, "gone?", 5, SOON);
        CHECK_EQ(r, -EPIPE);
}

/* A pair whose partner sent "first", was answered, and has gone: its message was read by the send, and waits. */
static struct leat_channel *make_left_alone(const char *scheme, char ret_address[256]) {
        struct leat_channel *binds = bind_pair(scheme, ret_address), *goes = open_pair(ret_address);
        CHECK_EQ(leat_send(goes, 1, "first", 5, SOON), 0);
        CHECK_EQ(leat_send(binds, 1, "answer", 6, SOON), 0);
        take(goes, "answer");
        leat_close(goes);
        send_until_it_is_gone(binds);
        return binds;
}

BOTH(what_a_partner_left_behind_does_not_hold_a_sender) {
        char address[256];
        struct leat_channel *binds = make_left_alone(scheme, address);
        CHECK_EQ(leat_send(binds, 1, "x", 1, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(binds, 1, "x", 1, harness_deadline_ms(5)), -ETIMEDOUT);
        take(binds, "first");
        struct leat_channel *comes = open_pair(address);
        CHECK_EQ(leat_send(binds, 1, "second", 6, SOON), 0);
        take(comes, "second");
        leat_close(comes);
        leat_close(binds);
}

struct sending {
        struct leat_channel *channel;
        _Atomic pid_t thread;
        struct harness_event *begun;
};

static void *send_second(void *argument) {
        struct sending *sending = argument;
        sending->thread = gettid();
        harness_event_signal(sending->begun);
        CHECK_EQ(leat_send(sending->channel, 1, "second", 6, SOON), 0);
        return NULL;
}

/* The next partner has spoken; a sender that waits for it sleeps, until what the last one left was taken. */
BOTH(a_sender_waits_for_the_next_partner_asleep) {
        char address[256];
        pthread_t thread;
        struct sending sending = { .channel = make_left_alone(scheme, address), .begun = harness_event_new() };
        struct leat_channel *comes = open_pair(address);
        CHECK_EQ(pthread_create(&thread, NULL, send_second, &sending), 0);
        harness_event_wait(sending.begun);
        harness_wait_state(sending.thread, "S");
        take(sending.channel, "first");
        CHECK_EQ(pthread_join(thread, NULL), 0);
        take(comes, "second");
        leat_close(comes);
        leat_close(sending.channel);
}

/* ---- what a send reads while it looks for a partner is the receiver's ---- */

BOTH(a_breach_that_a_send_reads_is_told_to_the_receiver) {
        char address[256], buffer[16];
        struct leat_channel *binds = bind_pair(scheme, address);
        int stranger = make_stranger(address);
        CHECK_EQ(send(stranger, "garbage", 7, 0), 7);
        CHECK_EQ(leat_send(binds, 1, "x", 1, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_receive(binds, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EBADMSG);
        nothing_comes(binds);
        close(stranger);
        leat_close(binds);
}

/* And a program's own poll is told of it, as long as it is there. */
BOTH(a_message_that_a_send_reads_is_told_by_poll) {
        char address[256];
        struct leat_channel *binds = bind_pair(scheme, address), *partner = open_pair(address);
        struct pollfd poll_fd = { .fd = leat_fd(binds), .events = POLLIN };
        CHECK(poll_fd.fd >= 0);
        CHECK_EQ(leat_send(partner, 1, "first", 5, SOON), 0);
        CHECK_EQ(leat_send(binds, 1, "answer", 6, SOON), 0);
        CHECK_EQ(poll(&poll_fd, 1, 0), 1);
        take(binds, "first");
        nothing_comes(binds);
        CHECK_EQ(poll(&poll_fd, 1, 0), 0);
        take(partner, "answer");
        leat_close(partner);
        leat_close(binds);
}

/* ---- refusals ---- */

static void no_answer(int stranger) {
        uint8_t frame[256];
        CHECK_EQ(recv(stranger, frame, sizeof frame, MSG_DONTWAIT), -1);
        CHECK_EQ(errno, EAGAIN);
}

/* Two ends that refuse each other's refusals would do so without end: a forged sender's address would be enough. */
BOTH(a_refusal_is_not_refused) {
        char address[256];
        uint8_t frame[256];
        struct leat_channel *binds = bind_pair(scheme, address), *partner = open_pair(address);
        int stranger = make_stranger(address);
        CHECK_EQ(leat_send(partner, 1, "hello", 5, SOON), 0);
        take(binds, "hello");
        put(stranger, REFUSE, 0, 0, "");
        size_t size = make_frame(frame, REFUSE, 0, 0, "");
        frame[2] = 2; /* of another version */
        CHECK_EQ(send(stranger, frame, size, 0), size);
        CHECK_EQ(leat_send(partner, 1, "again", 5, SOON), 0);
        char buffer[64];
        while (leat_receive(binds, LEAT_ANY, buffer, sizeof buffer, SOON, NULL) == -EPROTONOSUPPORT)
                ;
        CHECK_MEM(buffer, "again", 5);
        no_answer(stranger);
        put(stranger, MESSAGE, 1, 0, "me too");
        nothing_comes(binds);
        CHECK_EQ(recv(stranger, frame, sizeof frame, MSG_DONTWAIT), HEADER_BYTES);
        CHECK_EQ(frame[3], REFUSE);
        close(stranger);
        leat_close(partner);
        leat_close(binds);
}

/* The same of a receiver that is told of another version. */
BOTH(a_refusal_of_another_version_is_not_refused) {
        char address[256], buffer[64];
        uint8_t frame[256];
        struct leat_channel *receiver = bind_end(scheme, "", LEAT_RECEIVE, address);
        int stranger = make_stranger(address);
        size_t size = make_frame(frame, REFUSE, 0, 0, "");
        frame[2] = 2;
        CHECK_EQ(send(stranger, frame, size, 0), size);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EPROTONOSUPPORT);
        no_answer(stranger);
        frame[3] = MESSAGE;
        CHECK_EQ(send(stranger, frame, size, 0), size);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -EPROTONOSUPPORT);
        CHECK_EQ(recv(stranger, frame, sizeof frame, MSG_DONTWAIT), HEADER_BYTES);
        close(stranger);
        leat_close(receiver);
}

/* Who says no more than that it refuses, or what makes no sense here, is no partner. */
BOTH(a_refusal_makes_no_partner) {
        char address[256];
        struct leat_channel *binds = bind_pair(scheme, address);
        int stranger = make_stranger(address);
        put(stranger, REFUSE, 0, 0, "");
        nothing_comes(binds);
        struct leat_channel *partner = open_pair(address);
        CHECK_EQ(leat_send(partner, 1, "hello", 5, SOON), 0);
        take(binds, "hello");
        close(stranger);
        leat_close(partner);
        leat_close(binds);
}

/* An end that only sends awaits no reply: one stands in nobody's way, and is no partner's first word. */
BOTH(an_end_that_only_sends_takes_no_reply) {
        char address[256];
        struct leat_channel *binds = bind_end(scheme, "?listen&pattern=pair", LEAT_SEND, address);
        int stranger = make_stranger(address);
        put(stranger, REPLY, 1, 1, "reply");
        CHECK_EQ(leat_send(binds, 1, "x", 1, LEAT_NOW), -EAGAIN);
        struct leat_channel *partner = open_pair(address);
        CHECK_EQ(leat_send(binds, 1, "hello", 5, SOON), 0);
        take(partner, "hello");
        close(stranger);
        leat_close(partner);
        leat_close(binds);
}

TEST_MAIN()
