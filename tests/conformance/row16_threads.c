/* SPDX-License-Identifier: MIT */

/* Row 16: a sending and a receiving thread on one channel; what a forked child may do with one. */

#include "conformance.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined(__SANITIZE_THREAD__)
#define THREADED_COUNT 2000
#else
#define THREADED_COUNT ROUNDS(20000, 4000)
#endif
#define SYNC_EVERY 50

/* ---- two threads ---- */

static int send_threaded(struct leat_channel *channel, uint64_t number, bool sync) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        char record[RECORD_BYTES + 1];
        snprintf(record, sizeof record, "%016llx", (unsigned long long)number);
        options.flags = sync && number % SYNC_EVERY == 0 ? LEAT_SYNC : 0;
        options.deadline = SOON;
        return leat_send_with(channel, record, RECORD_BYTES, &options);
}

struct threaded {
        struct leat_channel *channel;
        bool sync;
};

static void *send_them(void *argument) {
        const struct threaded *threaded = argument;
        for (uint64_t i = 0; i < THREADED_COUNT; i++)
                CHECK_EQ(send_threaded(threaded->channel, i, threaded->sync), 0);
        return NULL;
}

/* One thread sends while this one receives. */
static void work_both_ways(struct leat_channel *channel, void *argument) {
        struct threaded threaded = { channel, *(const bool *)argument };
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, send_them, &threaded), 0);
        for (uint64_t i = 0; i < THREADED_COUNT; i++)
                take_record_numbered(channel, i);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_send(channel, 1, "done", 4, SOON);
        char buffer[8];
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 4);
}

CONFORMS(LEAT_ROW_THREADS, one_sends_and_one_receives, .traits = TWO_WAY, .without = LOSSY, .timeout_s = 60) {
        struct place place;
        bool sync = promises(subject, LEAT_ROW_SYNC);
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, work_both_ways, &sync);
        struct leat_channel *receiver = place_receiver(&place);
        work_both_ways(receiver, &sync);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* Calls while another thread receives, and replies while another thread sends. */
static void *call_them(void *argument) {
        for (uint64_t i = 0; i < 500; i++) {
                uint64_t reply = 0;
                CHECK_EQ(leat_call(argument, 2, &i, sizeof i, &reply, sizeof reply, SOON, NULL), sizeof reply);
                CHECK_EQ(reply, i + 1);
        }
        return NULL;
}

static void reply_in_between(struct leat_channel *channel, void *argument) {
        (void)argument;
        for (uint64_t i = 0; i < 500; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                uint64_t number;
                CHECK_EQ(leat_receive(channel, LEAT_ANY, &number, sizeof number, SOON, &about), sizeof number);
                CHECK_EQ(number++, i);
                CHECK_EQ(leat_send(channel, 1, &i, sizeof i, SOON), 0);
                CHECK_EQ(leat_reply(channel, &about, 1, &number, sizeof number, SOON), 0);
        }
}

CONFORMS(LEAT_ROW_THREADS, one_calls_and_one_receives, .traits = TWO_WAY | CALLS, .timeout_s = 60) {
        struct place place;
        pthread_t thread;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, reply_in_between, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        CHECK_EQ(pthread_create(&thread, NULL, call_them, receiver), 0);
        for (uint64_t i = 0; i < 500; i++) {
                uint64_t number;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, &number, sizeof number, SOON, NULL), sizeof number);
                CHECK_EQ(number, i);
        }
        CHECK_EQ(pthread_join(thread, NULL), 0);
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* Different channels are independent: each thread has its own. */
static void *send_records(void *argument) {
        for (uint64_t i = 0; i < THREADED_COUNT / 4; i++)
                send_record(argument, i);
        return NULL;
}

CONFORMS(LEAT_ROW_THREADS, each_has_its_own_channel, .without = BY_PID | LOSSY) {
        struct leat_channel *receivers[3], *senders[3];
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
                place_both_new(subject, "", &receivers[i], &senders[i]);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(pthread_create(&threads[i], NULL, send_records, senders[i]), 0);
        for (uint64_t k = 0; k < THREADED_COUNT / 4; k++)
                for (int i = 0; i < 3; i++)
                        take_record_numbered(receivers[i], k);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
                leat_close(senders[i]);
                expect_end(receivers[i]);
                leat_close(receivers[i]);
        }
}

/* ---- a forked child ---- */

static int every_call_says(struct leat_channel *channel, int error) {
        struct leat_send_options send_options = LEAT_SEND_OPTIONS_INIT;
        struct leat_receive_options receive_options = LEAT_RECEIVE_OPTIONS_INIT;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_info info = LEAT_INFO_INIT;
        struct leat_reason reason;
        struct leat_peer peer;
        char buffer[8];
        int fds[2];
        return leat_send(channel, 1, "x", 1, LEAT_NOW) == error &&
               leat_send_with(channel, "x", 1, &send_options) == error &&
               leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL) == error &&
               leat_receive_with(channel, buffer, sizeof buffer, &receive_options, NULL) == error &&
               leat_call(channel, 1, "x", 1, buffer, sizeof buffer, LEAT_NOW, NULL) == error &&
               leat_reply(channel, &about, 1, "x", 1, LEAT_NOW) == error && leat_fd(channel) == error &&
               leat_interrupt(channel) == error && leat_give(channel) == error && leat_detach(channel, fds) == error &&
               leat_channel_info(channel, &info) == error && leat_why(channel, &reason) == error &&
               leat_channel_peer(channel, &peer) == error;
}

struct inherited {
        struct leat_channel *receiver, *sender;
        int descriptors;
};

static void be_a_stranger(void *argument) {
        struct inherited *inherited = argument;
        CHECK(every_call_says(inherited->receiver, -ECHILD));
        CHECK(every_call_says(inherited->sender, -ECHILD));
        CHECK_EQ(harness_count_descriptors(), inherited->descriptors);
        leat_close(inherited->sender);
        leat_close(inherited->receiver);
        CHECK_EQ(harness_count_descriptors(), inherited->descriptors);
}

static void still_works(struct inherited *inherited) {
        send_record(inherited->sender, 1);
        take_record_numbered(inherited->receiver, 1);
        settle(inherited->receiver);
        send_record(inherited->sender, 2);
        leat_close(inherited->sender);
        take_record_numbered(inherited->receiver, 2);
        expect_end(inherited->receiver);
        leat_close(inherited->receiver);
}

CONFORMS(LEAT_ROW_THREADS, a_forked_child_is_told) {
        struct inherited inherited;
        inherited.descriptors = harness_count_descriptors();
        place_both_new(subject, "", &inherited.receiver, &inherited.sender);
        send_record(inherited.sender, 0);
        take_record_numbered(inherited.receiver, 0);
        CHECK_EQ(harness_wait(harness_fork(be_a_stranger, &inherited)), 0);
        still_works(&inherited);
}

#if !defined(__SANITIZE_THREAD__) /* which a bare clone leaves in a state of its parent's */
/* Without the handlers of pthread_atfork: the guard alone must tell. */
CONFORMS(LEAT_ROW_THREADS, a_cloned_child_is_told) {
        struct inherited inherited;
        int status;
        place_both_new(subject, "", &inherited.receiver, &inherited.sender);
        send_record(inherited.sender, 0);
        take_record_numbered(inherited.receiver, 0);
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
                syscall(SYS_exit_group,
                        every_call_says(inherited.receiver, -ECHILD) && every_call_says(inherited.sender, -ECHILD) ? 0
                                                                                                                   : 1);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
        still_works(&inherited);
}
#endif

/* ---- a child does not keep a dead parent's channels alive ---- */

struct family {
        struct place place;
        struct harness_event *born, *end, *ended;
};

static void outlive(void *argument) {
        struct family *family = argument;
        harness_event_signal(family->born);
        harness_event_wait(family->end);
        harness_event_signal(family->ended);
}

static void fork_and_die(struct leat_channel *sender, void *argument) {
        struct family *family = argument;
        send_record(sender, 1);
        harness_fork(outlive, family);
        harness_event_wait(family->born);
        raise(SIGKILL);
}

CONFORMS(LEAT_ROW_THREADS, a_child_keeps_nothing_alive, .also = ROW(LEAT_ROW_END)) {
        struct family family = { .born = harness_event_new(),
                                 .end = harness_event_new(),
                                 .ended = harness_event_new() };
        place_new(&family.place, subject, "");
        pid_t pid = place_fork_sender(&family.place, fork_and_die, &family);
        struct leat_channel *receiver = place_receiver(&family.place);
        take_record_numbered(receiver, 1);
        expect_end(receiver); /* while the child lives */
        CHECK(!harness_event_try(family.ended, 0));
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        harness_event_signal(family.end);
        harness_event_wait(family.ended);
        leat_close(receiver);
}

/* ---- leat_give ---- */

static void send_given(void *argument) {
        struct leat_channel *sender = argument;
        send_record(sender, 1);
        leat_close(sender);
}

CONFORMS(LEAT_ROW_THREADS, a_given_one_is_the_childs) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_give(sender), 0);
        CHECK(every_call_says(sender, -ECHILD));
        pid_t pid = harness_fork(send_given, sender);
        leat_close(sender);
        take_record_numbered(receiver, 1);
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

static void receive_given(void *argument) {
        struct leat_channel *receiver = argument;
        take_record_numbered(receiver, 1);
        expect_end(receiver);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_THREADS, a_given_receiver_goes_on_there) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        settle(receiver);
        CHECK_EQ(leat_give(receiver), 0);
        pid_t pid = harness_fork(receive_given, receiver);
        leat_close(receiver);
        send_record(sender, 1);
        leat_close(sender);
        CHECK_EQ(harness_wait(pid), 0);
}

/* A receiver is opened in one process and given to another one, which goes on when the first is gone. */
struct heirs {
        struct place *place;
        bool looks_first;                                  /* the first has accepted the sender before it gives */
        struct harness_event *there, *given, *ends, *took; /* the first is there, gave, is to end; the heir took one */
};

static void inherit(struct heirs *heirs, struct leat_channel *receiver) {
        for (uint64_t i = 1; i <= 3; i++) {
                take_record_numbered(receiver, i);
                harness_event_signal(heirs->took);
        }
        expect_end(receiver);
        leat_close(receiver);
        harness_event_signal(heirs->took);
}

static void bequeath(void *argument) {
        struct heirs *heirs = argument;
        struct leat_channel *receiver = place_receiver(heirs->place);
        harness_event_signal(heirs->there);
        if (heirs->looks_first)
                take_record_numbered(receiver, 0);
        CHECK_EQ(leat_give(receiver), 0);
        pid_t heir = fork();
        CHECK(heir >= 0);
        if (heir == 0) {
                inherit(heirs, receiver);
                _exit(0);
        }
        leat_close(receiver);
        harness_event_signal(heirs->given);
        harness_event_wait(heirs->ends);
}

static void pass_on(const struct subject *subject, bool looks_first) {
        struct place place;
        place_new(&place, subject, "");
        struct heirs heirs = { .place = &place,
                               .looks_first = looks_first,
                               .there = harness_event_new(),
                               .given = harness_event_new(),
                               .ends = harness_event_new(),
                               .took = harness_event_new() };
        pid_t first = harness_fork(bequeath, &heirs);
        harness_event_wait(heirs.there);
        struct leat_channel *sender = place_sender(&place);
        if (looks_first)
                send_record(sender, 0);
        harness_event_wait(heirs.given);
        send_record(sender, 1);
        harness_event_wait(heirs.took);
        send_record(sender, 2); /* it knows by now who is there */
        harness_event_wait(heirs.took);
        harness_event_signal(heirs.ends);
        CHECK_EQ(harness_wait(first), 0);
        send_record(sender, 3);
        harness_event_wait(heirs.took);
        leat_close(sender);
        harness_event_wait(heirs.took);
        place_remove(&place);
}

CONFORMS(LEAT_ROW_THREADS, a_given_receiver_outlives_its_maker, .traits = NAMED | LISTENS, .without = LOSSY | BY_PID) {
        pass_on(subject, false);
        pass_on(subject, true);
}
