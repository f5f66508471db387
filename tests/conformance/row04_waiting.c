/* SPDX-License-Identifier: MIT */

/* Row 4: deadlines, signal handlers, interrupts. */

#include "conformance.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/time.h>

#define SHORT_MS 20

/* ---- never, until, now ---- */

CONFORMS(LEAT_ROW_WAITING, now_never_waits) {
        struct leat_channel *receiver, *sender;
        char buffer[64];
        place_both_new(subject, "", &receiver, &sender);
        settle(receiver);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, 1, NULL), -ETIMEDOUT);
        CHECK(fill_up(sender, 0) > 0);
        CHECK_EQ(leat_send(sender, 1, "full", 4, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_send(sender, 1, "full", 4, 1), -ETIMEDOUT);
        take_record_numbered(receiver, 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, RECORD_BYTES, 1, NULL),
                 RECORD_BYTES); /* the past: tries once */
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, a_deadline_is_not_early) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        for (int i = 0; i < 5; i++) {
                int64_t deadline = leat_in_us(1 + (int64_t)harness_random_below(3000));
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, deadline, NULL), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        }
        fill_up(sender, 0);
        for (int i = 0; i < 5; i++) {
                int64_t deadline = leat_in_us(1 + (int64_t)harness_random_below(3000));
                CHECK_EQ(leat_send(sender, 1, "full", 4, deadline), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        }
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, opening_waits_too, .traits = NAMED) {
        struct place place;
        struct leat_reason reason = { 0 };
        place_new(&place, subject, "");
        CHECK_EQ(try_open(place.sender_address, sender_flags(subject), LEAT_NOW, &reason), -EAGAIN);
        CHECK(reason.text != NULL);
        int64_t deadline = leat_in_ms(SHORT_MS);
        CHECK_EQ(try_open(place.sender_address, sender_flags(subject), deadline, &reason), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        CHECK(reason.text != NULL);
}

/* ---- signal handlers neither end nor lengthen a wait ---- */

static atomic_int storms;

static void count_storm(int number) {
        (void)number;
        atomic_fetch_add(&storms, 1);
}

static void start_storm(int flags) {
        struct sigaction action = { .sa_handler = count_storm, .sa_flags = flags };
        struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
        atomic_store(&storms, 0);
}

static void end_storm(void) {
        struct itimerval timer = { { 0, 0 }, { 0, 0 } };
        CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
        CHECK(atomic_load(&storms) > 0);
}

static void wait_in_storm(const struct subject *subject, int flags) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        start_storm(flags);
        int64_t deadline = leat_in_ms(SHORT_MS);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, deadline, NULL), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        end_storm();
        fill_up(sender, 0);
        start_storm(flags);
        deadline = leat_in_ms(SHORT_MS);
        CHECK_EQ(leat_send(sender, 1, "full", 4, deadline), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        end_storm();
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, handlers_do_not_end_it) {
        wait_in_storm(subject, 0);
}

CONFORMS(LEAT_ROW_WAITING, restarting_handlers_do_not_end_it) {
        wait_in_storm(subject, SA_RESTART);
}

CONFORMS(LEAT_ROW_WAITING, handlers_do_not_end_opening, .traits = NAMED) {
        struct place place;
        place_new(&place, subject, "");
        start_storm(0);
        int64_t deadline = leat_in_ms(SHORT_MS);
        CHECK_EQ(try_open(place.sender_address, sender_flags(subject), deadline, NULL), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        end_storm();
}

/* Both sides in a storm, and every byte arrives all the same. */
#define STORM_BYTES 60000
#define STORM_COUNT ROUNDS(50, 10)

static void send_in_storm(struct leat_channel *sender, void *argument) {
        static uint8_t bytes[STORM_BYTES];
        (void)argument;
        start_storm(0);
        for (uint64_t i = 0; i < STORM_COUNT; i++) {
                fill(bytes, sizeof bytes, i);
                CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, SOON), 0);
        }
}

CONFORMS(LEAT_ROW_WAITING, handlers_lose_nothing) {
        static uint8_t bytes[STORM_BYTES];
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_in_storm, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        start_storm(SA_RESTART);
        for (uint64_t i = 0; i < STORM_COUNT; i++) {
                take_exactly(receiver, bytes, sizeof bytes);
                check_filled(bytes, sizeof bytes, i);
        }
        expect_end(receiver);
        struct itimerval timer = { { 0, 0 }, { 0, 0 } };
        setitimer(ITIMER_REAL, &timer, NULL);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(receiver);
}

/* ---- leat_interrupt ---- */

CONFORMS(LEAT_ROW_WAITING, an_early_interrupt_ends_the_next_wait_once) {
        struct leat_channel *receiver, *sender;
        char buffer[64];
        place_both_new(subject, "", &receiver, &sender);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_interrupt(receiver), 0);
        settle(receiver); /* which does not wait */
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, leat_in_ms(SHORT_MS), NULL), -ETIMEDOUT);
        uint64_t count = fill_up(sender, 0);
        CHECK_EQ(leat_interrupt(sender), 0);
        CHECK_EQ(leat_send(sender, 1, "full", 4, SOON), -ECANCELED);
        CHECK_EQ(leat_send(sender, 1, "full", 4, leat_in_ms(SHORT_MS)), -ETIMEDOUT);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(receiver, i);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

static void *interrupt_when_asleep(void *argument) {
        harness_wait_state(getpid(), "S"); /* the main thread */
        leat_interrupt(argument);
        return NULL;
}

CONFORMS(LEAT_ROW_WAITING, a_thread_interrupts) {
        struct leat_channel *receiver, *sender;
        pthread_t thread;
        char buffer[64];
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(pthread_create(&thread, NULL, interrupt_when_asleep, receiver), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        uint64_t count = fill_up(sender, 0);
        CHECK_EQ(pthread_create(&thread, NULL, interrupt_when_asleep, sender), 0);
        CHECK_EQ(leat_send(sender, 1, "full", 4, SOON), -ECANCELED);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        for (uint64_t i = 0; i < count; i++)
                take_record_numbered(receiver, i);
        send_record(sender, count); /* and it goes on */
        take_record_numbered(receiver, count);
        leat_close(sender);
        leat_close(receiver);
}

static struct leat_channel *interrupted;

static void interrupt_it(int number) {
        (void)number;
        errno = 77;
        if (leat_interrupt(interrupted) < 0 || errno != 77)
                abort();
}

CONFORMS(LEAT_ROW_WAITING, a_handler_interrupts) {
        struct leat_channel *receiver, *sender;
        struct sigaction action = { .sa_handler = interrupt_it };
        char buffer[64];
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        fill_up(sender, 0);
        for (int i = 0; i < 10; i++) {
                struct itimerval once = { { 0, 0 }, { 0, 1 + (suseconds_t)harness_random_below(2000) } };
                interrupted = sender;
                CHECK_EQ(setitimer(ITIMER_REAL, &once, NULL), 0);
                CHECK_EQ(leat_send(sender, 1, "full", 4, SOON), -ECANCELED);
        }
        while (receive_now(receiver) > 0)
                ;
        for (int i = 0; i < 10; i++) {
                struct itimerval once = { { 0, 0 }, { 0, 1 + (suseconds_t)harness_random_below(2000) } };
                interrupted = receiver;
                CHECK_EQ(setitimer(ITIMER_REAL, &once, NULL), 0);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ECANCELED);
        }
        leat_close(sender);
        leat_close(receiver);
}

/* ---- a deadline within a long message ---- */

#define HALF_ROUNDS ROUNDS(12, 4)

static void take_the_rest(struct leat_channel *receiver, void *argument) {
        bool stream = argument != NULL;
        size_t largest = (size_t)info_of(receiver).largest_bytes;
        uint8_t *bytes = malloc(largest);
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, bytes, largest, SOON, NULL)) > 4) {
                CHECK(stream); /* nothing takes it back there: it must be whole */
                check_filled(bytes, (size_t)n, (uint64_t)n);
        }
        CHECK_EQ(n, 4);
        CHECK_MEM(bytes, "next", 4);
        free(bytes);
}

/* So much that it cannot go at once, in frames that end here and there. */
static size_t too_much(uint64_t largest) {
        size_t size = (size_t)(1 << 20) + (size_t)harness_random_below(4) * 65536 + (size_t)harness_random_below(3);
        return size <= largest ? size : (size_t)largest;
}

/* What was promised and not finished is not seen; framings that cannot take it back finish it first. */
CONFORMS(LEAT_ROW_WAITING, a_deadline_within_a_message, .traits = FRAMED, .timeout_s = 60) {
        for (int round = 0; round < HALF_ROUNDS; round++) {
                struct place place;
                bool stream = subject_traits(subject) & STREAM;
                place_new(&place, subject, "");
                struct leat_channel *sender, *receiver = place_receiver(&place);
                /* The receiver is handed to a child once the sender has given up. */
                sender = place_sender(&place);
                settle(receiver);
                size_t size = too_much(info_of(sender).largest_bytes);
                uint8_t *bytes = malloc(size);
                fill(bytes, size, size);
                int r = 0;
                for (int i = 0; i < 4 && r == 0; i++)
                        r = leat_send(sender, 1, bytes, size, leat_in_ms(1));
                CHECK_EQ(r, -ETIMEDOUT);
                if (round % 2)
                        CHECK_EQ(leat_send(sender, 1, bytes, size, LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_give(receiver), 0);
                struct leat_channel *given = receiver;
                pid_t pid = fork();
                if (pid == 0) {
                        take_the_rest(given, stream || size == info_of(sender).largest_bytes ? sender : NULL);
                        _exit(0);
                }
                leat_close(receiver);
                CHECK_EQ(leat_send(sender, 1, "next", 4, SOON), 0);
                CHECK_EQ(harness_wait(pid), 0);
                free(bytes);
                leat_close(sender);
        }
}
