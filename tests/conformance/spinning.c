/* SPDX-License-Identifier: MIT */

/* ?wait=: however a thread waits, what it may rely on is the same. */

#include "conformance.h"

#include <pthread.h>
#include <sys/time.h>

static const char *const modes[] = { "wait=spin", "wait=adaptive", "wait=sleep" };
#define MODES (sizeof modes / sizeof modes[0])

#define RECORDS ROUNDS(60, 20)

/* ---- deadlines, handlers, interrupts ---- */

static atomic_int alarms;

static void count_alarm(int number) {
        (void)number;
        atomic_fetch_add(&alarms, 1);
}

static void set_alarms(suseconds_t us) {
        struct sigaction action = { .sa_handler = count_alarm };
        struct itimerval timer = { { 0, us }, { 0, us } };
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

CONFORMS(LEAT_ROW_WAITING, handlers_do_not_end_a_spin) {
        struct leat_channel *receiver, *sender;
        char buffer[RECORD_BYTES];
        place_both_new(subject, "wait=spin", &receiver, &sender);
        set_alarms(500);
        int64_t deadline = leat_in_ms(5);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, deadline, NULL), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        if (promises(subject, LEAT_ROW_FULL)) {
                uint64_t count = fill_up(sender, 0);
                deadline = leat_in_ms(5);
                CHECK_EQ(send_beyond(sender, &count, 0, deadline), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        }
        set_alarms(0);
        CHECK(atomic_load(&alarms) > 0);
        leat_close(sender);
        leat_close(receiver);
}

static void *interrupt(void *argument) {
        leat_interrupt(argument);
        return NULL;
}

CONFORMS(LEAT_ROW_WAITING, a_thread_interrupts_a_spin) {
        struct leat_channel *receiver, *sender;
        char buffer[RECORD_BYTES];
        pthread_t thread;
        place_both_new(subject, "wait=spin", &receiver, &sender);
        for (int i = 0; i < 3; i++) { /* before it, or in it: both end it, once */
                CHECK_EQ(pthread_create(&thread, NULL, interrupt, receiver), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
                CHECK_EQ(pthread_join(thread, NULL), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, leat_in_us(200), NULL), -ETIMEDOUT);
        }
        if (promises(subject, LEAT_ROW_FULL)) {
                uint64_t count = fill_up(sender, 0);
                CHECK_EQ(pthread_create(&thread, NULL, interrupt, sender), 0);
                CHECK_EQ(send_beyond(sender, &count, 0, SOON), -ECANCELED);
                CHECK_EQ(pthread_join(thread, NULL), 0);
        }
        leat_close(sender);
        leat_close(receiver);
}

static struct leat_channel *interrupted;

static void interrupt_it(int number) {
        (void)number;
        leat_interrupt(interrupted);
}

CONFORMS(LEAT_ROW_WAITING, a_handler_interrupts_a_spin) {
        struct leat_channel *receiver, *sender;
        struct sigaction action = { .sa_handler = interrupt_it };
        struct itimerval once = { { 0, 0 }, { 0, 500 } };
        char buffer[RECORD_BYTES];
        place_both_new(subject, "wait=spin", &receiver, &sender);
        interrupted = receiver;
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        CHECK_EQ(setitimer(ITIMER_REAL, &once, NULL), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- what comes meanwhile ---- */

struct turns {
        struct harness_event *taken;
};

/* Each when the one before was taken: so the receiver waits for each. */
static void send_in_turn(struct leat_channel *sender, void *argument) {
        const struct turns *turns = argument;
        for (uint64_t i = 0; i < RECORDS; i++) {
                harness_event_wait(turns->taken);
                send_record(sender, i);
        }
}

CONFORMS(LEAT_ROW_WAITING, however_it_waits) {
        for (size_t mode = 0; mode < MODES; mode++) {
                struct place place;
                struct turns turns = { .taken = harness_event_new() };
                place_new(&place, subject, modes[mode]);
                pid_t pid = place_fork_sender(&place, send_in_turn, &turns);
                struct leat_channel *receiver = place_receiver(&place);
                for (uint64_t i = 0; i < RECORDS; i++) {
                        harness_event_signal(turns.taken);
                        take_record_numbered(receiver, i);
                }
                expect_end(receiver);
                CHECK_EQ(harness_wait(pid), 0);
                leat_close(receiver);
        }
}

static void *take_all(void *argument) {
        for (uint64_t i = 0; i < RECORDS; i++)
                take_record_numbered(argument, i);
        return NULL;
}

/* One thread spins in a channel while another sends by it: neither holds the other up. */
CONFORMS(LEAT_ROW_THREADS, one_spins_and_one_sends, .traits = TWO_WAY, .without = LOSSY) {
        struct leat_channel *receiver, *sender;
        pthread_t there, back;
        place_both_new(subject, "wait=spin", &receiver, &sender);
        send_record(sender, 0); /* of a pair of datagrams the end that binds learns so who is there */
        take_record_numbered(receiver, 0);
        CHECK_EQ(pthread_create(&there, NULL, take_all, receiver), 0);
        CHECK_EQ(pthread_create(&back, NULL, take_all, sender), 0);
        for (uint64_t i = 0; i < RECORDS; i++) {
                send_record(sender, i);
                send_record(receiver, i);
        }
        CHECK_EQ(pthread_join(there, NULL), 0);
        CHECK_EQ(pthread_join(back, NULL), 0);
        leat_close(sender);
        leat_close(receiver);
}

/* Whoever waits looks first where the last message came from. All others are seen too, those that come only then, and an end. */
CONFORMS(LEAT_ROW_WAITING, a_spin_sees_all_senders, .traits = MANY | FRAMED, .without = LOSSY) {
        struct place place;
        struct leat_channel *senders[2];
        place_new(&place, subject, "wait=spin");
        struct leat_channel *receiver = place_receiver(&place);
        senders[0] = place_sender(&place);
        send_record(senders[0], 0);
        take_record_numbered(receiver, 0);
        senders[1] = place_sender(&place);
        for (uint64_t i = 1; i < RECORDS; i++) {
                send_record(senders[i / 3 % 2 == 0], i);
                take_record_numbered(receiver, i);
        }
        leat_close(senders[0]);
        send_record(senders[1], RECORDS);
        take_record_numbered(receiver, RECORDS);
        leat_close(senders[1]);
        if (promises(subject, LEAT_ROW_END))
                expect_end(receiver);
        leat_close(receiver);
}

/* A receive without a deadline looks only where the last message came from, and sleeps on the rest: that ends the sleep. */
CONFORMS(LEAT_ROW_WAITING, a_wait_without_end_sees_all_senders, .traits = MANY | FRAMED, .without = LOSSY) {
        for (size_t mode = 0; mode < MODES; mode++) {
                struct place place;
                struct leat_channel *senders[3] = { NULL };
                char buffer[RECORD_BYTES];
                place_new(&place, subject, modes[mode]);
                struct leat_channel *receiver = place_receiver(&place);
                senders[0] = place_sender(&place);
                for (uint64_t i = 0; i < RECORDS; i++) {
                        size_t who = i % 4 / 2 + (i > RECORDS / 2); /* the third comes late */
                        if (!senders[who])
                                senders[who] = place_sender(&place);
                        send_record(senders[who], i);
                        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL),
                                 RECORD_BYTES);
                }
                leat_close(senders[0]);
                leat_close(senders[1]);
                send_record(senders[2], RECORDS);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL), RECORD_BYTES);
                leat_close(senders[2]);
                if (promises(subject, LEAT_ROW_END))
                        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL), -ENODATA);
                leat_close(receiver);
        }
}

/* A receiver that has heard each of two senders, with this type, the second last. */
struct heard {
        struct place place;
        struct leat_channel *receiver, *senders[2];
};

static void hear_both(const struct subject *subject, int64_t type, struct heard *heard) {
        char buffer[RECORD_BYTES];
        place_new(&heard->place, subject, "");
        heard->receiver = place_receiver(&heard->place);
        for (int i = 0; i < 2; i++) {
                heard->senders[i] = place_sender(&heard->place);
                CHECK_EQ(leat_send(heard->senders[i], type, "a", 1, harness_deadline_ms(5000)), 0);
                CHECK_EQ(leat_receive(heard->receiver, LEAT_ANY, buffer, sizeof buffer, harness_deadline_ms(5000),
                                      NULL),
                         1);
        }
}

static void heard_close(const struct heard *heard) {
        leat_close(heard->senders[0]);
        leat_close(heard->senders[1]);
        leat_close(heard->receiver);
}

/* Of the lowest type, however long the receiver may wait: not only where the last message came from. */
CONFORMS(LEAT_ROW_TYPES, the_lowest_type_is_looked_for_at_all_senders, .traits = MANY | FRAMED,
         .without = LOSSY | NUMBERED) {
        struct heard heard;
        char buffer[RECORD_BYTES];
        struct leat_message about = LEAT_MESSAGE_INIT;
        hear_both(subject, 9, &heard);
        CHECK_EQ(leat_send(heard.senders[0], 2, "b", 1, harness_deadline_ms(5000)), 0);
        CHECK_EQ(leat_send(heard.senders[1], 5, "c", 1, harness_deadline_ms(5000)), 0);
        CHECK_EQ(leat_receive(heard.receiver, LEAT_AT_MOST(9), buffer, sizeof buffer, LEAT_NEVER, &about), 1);
        CHECK_EQ(about.type, 2);
        heard_close(&heard);
}

/* An interrupt ends a wait; where a message is there, none is needed. */
CONFORMS(LEAT_ROW_WAITING, an_interrupt_does_not_hide_a_message, .traits = MANY | FRAMED, .without = LOSSY | NUMBERED) {
        struct heard heard;
        char buffer[RECORD_BYTES];
        hear_both(subject, 1, &heard);
        CHECK_EQ(leat_send(heard.senders[0], 1, "b", 1, harness_deadline_ms(5000)), 0);
        CHECK_EQ(leat_interrupt(heard.receiver), 0);
        CHECK_EQ(leat_receive(heard.receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL), 1);
        CHECK_EQ(leat_receive(heard.receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NEVER, NULL), -ECANCELED);
        heard_close(&heard);
}

/* What is there is found however soon the deadline comes, also behind another than the last sender. */
CONFORMS(LEAT_ROW_WAITING, the_first_look_is_at_all_senders, .traits = MANY | FRAMED, .without = LOSSY | NUMBERED) {
        struct place place;
        struct leat_channel *senders[2];
        char buffer[RECORD_BYTES];
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (int i = 0; i < 2; i++) {
                senders[i] = place_sender(&place);
                send_record(senders[i], (uint64_t)i);
                take_record_numbered(receiver, (uint64_t)i);
        }
        for (int i = 0; i < 4; i++) {
                send_record(senders[i % 2], 2);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, leat_now(), NULL), RECORD_BYTES);
        }
        leat_close(senders[0]);
        leat_close(senders[1]);
        leat_close(receiver);
}

/* ---- fork ---- */

struct spinner {
        struct leat_channel *channel;
        atomic_bool begun;
};

static void *take_one(void *argument) {
        struct spinner *spinner = argument;
        atomic_store(&spinner->begun, true);
        take_record_numbered(spinner->channel, 7);
        return NULL;
}

static void be_a_child(void *argument) {
        char buffer[RECORD_BYTES];
        CHECK_EQ(leat_receive(argument, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECHILD);
}

CONFORMS(LEAT_ROW_THREADS, a_fork_during_a_spin) {
        struct leat_channel *receiver, *sender;
        pthread_t thread;
        place_both_new(subject, "wait=spin", &receiver, &sender);
        struct spinner spinner = { .channel = receiver };
        CHECK_EQ(pthread_create(&thread, NULL, take_one, &spinner), 0);
        while (!atomic_load(&spinner.begun))
                ;
        pid_t pid = harness_fork(be_a_child, receiver);
        CHECK_EQ(harness_wait(pid), 0);
        send_record(sender, 7);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(sender);
        leat_close(receiver);
}
