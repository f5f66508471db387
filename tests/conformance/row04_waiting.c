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
        uint64_t count = fill_up(sender, 0);
        CHECK(count > 0);
        if (promises(subject, LEAT_ROW_FULL)) {
                CHECK_EQ(send_beyond(sender, &count, 0, LEAT_NOW), -EAGAIN);
                CHECK_EQ(send_beyond(sender, &count, 0, 1), -ETIMEDOUT);
        }
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
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, a_deadline_of_a_send_is_not_early, .also = ROW(LEAT_ROW_FULL)) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        uint64_t count = fill_up(sender, 0);
        for (int i = 0; i < 5; i++) {
                int64_t deadline = leat_in_us(1 + (int64_t)harness_random_below(3000));
                CHECK_EQ(send_beyond(sender, &count, 0, deadline), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        }
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, opening_waits_too, .traits = NAMED, .without = KEEPS | LOSSY) {
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
        atomic_store(&storms, 0);
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void end_storm(void) {
        struct itimerval timer = { { 0, 0 }, { 0, 0 } };
        CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void wait_in_storm(const struct subject *subject, int flags) {
        struct leat_channel *receiver, *sender;
        char buffer[8];
        place_both_new(subject, "", &receiver, &sender);
        start_storm(flags);
        do { /* one processor may be late with its timers while another is not: until a handler ran */
                int64_t deadline = leat_in_ms(SHORT_MS);
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, deadline, NULL), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        } while (atomic_load(&storms) == 0);
        end_storm();
        if (promises(subject, LEAT_ROW_FULL)) {
                uint64_t count = fill_up(sender, 0);
                start_storm(flags);
                do {
                        int64_t deadline = leat_in_ms(SHORT_MS);
                        CHECK_EQ(send_beyond(sender, &count, 0, deadline), -ETIMEDOUT);
                        CHECK(leat_now() >= deadline);
                } while (atomic_load(&storms) == 0);
                end_storm();
        }
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, handlers_do_not_end_it) {
        wait_in_storm(subject, 0);
}

CONFORMS(LEAT_ROW_WAITING, restarting_handlers_do_not_end_it) {
        wait_in_storm(subject, SA_RESTART);
}

CONFORMS(LEAT_ROW_WAITING, handlers_do_not_end_opening, .traits = NAMED, .without = KEEPS | LOSSY) {
        struct place place;
        place_new(&place, subject, "");
        start_storm(0);
        do {
                int64_t deadline = leat_in_ms(SHORT_MS);
                CHECK_EQ(try_open(place.sender_address, sender_flags(subject), deadline, NULL), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        } while (atomic_load(&storms) == 0);
        end_storm();
}

/* Both sides in a storm, and every byte arrives all the same. */
#define STORM_BYTES 60000
#define STORM_COUNT ROUNDS(50, 10)

static size_t storm_bytes(struct leat_channel *channel) {
        uint64_t largest = info_of(channel).largest_bytes;
        return largest < STORM_BYTES ? (size_t)largest : STORM_BYTES;
}

static void send_in_storm(struct leat_channel *sender, void *argument) {
        static uint8_t bytes[STORM_BYTES];
        size_t size = storm_bytes(sender);
        (void)argument;
        start_storm(0);
        for (uint64_t i = 0; i < STORM_COUNT; i++) {
                fill(bytes, size, i);
                CHECK_EQ(leat_send(sender, 1, bytes, size, SOON), 0);
        }
}

CONFORMS(LEAT_ROW_WAITING, handlers_lose_nothing, .without = LOSSY) {
        static uint8_t bytes[STORM_BYTES];
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_in_storm, NULL);
        struct leat_channel *receiver = place_receiver(&place);
        size_t size = storm_bytes(receiver);
        start_storm(SA_RESTART);
        for (uint64_t i = 0; i < STORM_COUNT; i++) {
                take_exactly(receiver, bytes, size);
                check_filled(bytes, size, i);
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
        if (promises(subject, LEAT_ROW_FULL)) {
                CHECK_EQ(send_beyond(sender, &count, 0, SOON), -ECANCELED);
                CHECK_EQ(send_beyond(sender, &count, 0, leat_in_ms(SHORT_MS)), -ETIMEDOUT);
        }
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
        send_record(sender, 0); /* and it goes on */
        take_record_numbered(receiver, 0);
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_WAITING, a_thread_interrupts_a_send, .also = ROW(LEAT_ROW_FULL)) {
        struct leat_channel *receiver, *sender;
        pthread_t thread;
        place_both_new(subject, "", &receiver, &sender);
        uint64_t count = fill_up(sender, 0);
        CHECK_EQ(pthread_create(&thread, NULL, interrupt_when_asleep, sender), 0);
        CHECK_EQ(send_beyond(sender, &count, 0, SOON), -ECANCELED);
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
        int saved = errno;
        errno = 77; /* it keeps what it finds */
        if (leat_interrupt(interrupted) < 0 || errno != 77)
                abort();
        errno = saved;
}

CONFORMS(LEAT_ROW_WAITING, a_handler_interrupts) {
        struct leat_channel *receiver, *sender;
        struct sigaction action = { .sa_handler = interrupt_it };
        char buffer[64];
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
        uint64_t count = fill_up(sender, 0);
        for (int i = 0; i < 10 && promises(subject, LEAT_ROW_FULL); i++) {
                struct itimerval once = { { 0, 0 }, { 0, 1 + (suseconds_t)harness_random_below(2000) } };
                interrupted = sender;
                CHECK_EQ(setitimer(ITIMER_REAL, &once, NULL), 0);
                CHECK_EQ(send_beyond(sender, &count, 0, SOON), -ECANCELED);
        }
        for (int i = 0; i < 10; i++) {
                struct itimerval once = { { 0, 0 }, { 0, 1 + (suseconds_t)harness_random_below(2000) } };
                ssize_t n;
                interrupted = receiver;
                CHECK_EQ(setitimer(ITIMER_REAL, &once, NULL), 0);
                do /* all that was sent comes first, and some of it may still be on its way */
                        n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL);
                while (n > 0);
                CHECK_EQ(n, -ECANCELED);
        }
        leat_close(sender);
        leat_close(receiver);
}

/* ---- a deadline within a long message ---- */

#define HALF_ROUNDS ROUNDS(12, 4)
#define TRIES 6

struct sent {
        int result[TRIES + 1];
        struct leat_channel *receiver;
        bool may_finish; /* the framing cannot take back what it began: it is finished before the next */
};

/* What was given up is not seen, or where nothing can take it back, whole and in its place. */
static void *take_what_was_sent(void *argument) {
        const struct sent *sent = argument;
        size_t largest = (size_t)info_of(sent->receiver).largest_bytes;
        uint8_t *bytes = malloc(largest);
        uint64_t next = 0, number;
        do {
                ssize_t n = leat_receive(sent->receiver, LEAT_ANY, bytes, largest, SOON, NULL);
                CHECK(n > 0);
                number = check_numbered(bytes, (size_t)n);
                CHECK(number <= TRIES);
                for (; next < number; next++)
                        if (sent->result[next] == 0)
                                FAIL("message %d was sent and did not come", (int)next);
                if (sent->result[number] < 0 && !sent->may_finish)
                        FAIL("message %d was given up (%d) and came", (int)number, sent->result[number]);
                next++;
        } while (number < TRIES);
        free(bytes);
        return NULL;
}

/* So much that it cannot go at once, in frames that end here and there. */
static size_t too_much(uint64_t largest) {
        size_t size = (size_t)(1 << 20) + (size_t)harness_random_below(4) * 65536 + (size_t)harness_random_below(3);
        return size <= largest ? size : (size_t)largest;
}

static void send_and_give_up(struct leat_channel *sender, struct sent *sent) {
        size_t size = too_much(info_of(sender).largest_bytes);
        uint8_t *bytes = malloc(size);
        bool gave_up = false;
        for (uint64_t i = 0; i < TRIES; i++) {
                fill_numbered(bytes, size, i);
                int64_t deadline = harness_random_below(2) ? LEAT_NOW : leat_in_us((int64_t)harness_random_below(2000));
                sent->result[i] = leat_send(sender, 1, bytes, size, deadline);
                CHECK(sent->result[i] == 0 || sent->result[i] == (deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT));
                gave_up |= sent->result[i] < 0;
        }
        CHECK(gave_up);
        free(bytes);
}

CONFORMS(LEAT_ROW_WAITING, a_deadline_within_a_message, .traits = FRAMED | LARGE, .also = ROW(LEAT_ROW_FULL),
         .timeout_s = 60) {
        for (int round = 0; round < HALF_ROUNDS; round++) {
                struct sent sent = { .may_finish = subject_traits(subject) & STREAM };
                struct leat_channel *sender;
                pthread_t thread;
                uint8_t last[64];
                place_both_new(subject, "", &sent.receiver, &sender);
                send_and_give_up(sender, &sent);
                CHECK_EQ(pthread_create(&thread, NULL, take_what_was_sent, &sent), 0);
                fill_numbered(last, sizeof last, TRIES);
                CHECK_EQ(leat_send(sender, 1, last, sizeof last, SOON), 0);
                CHECK_EQ(pthread_join(thread, NULL), 0);
                settle(sent.receiver);
                leat_close(sender);
                leat_close(sent.receiver);
        }
}

/* The same while the receiver reads, so that deadlines pass anywhere in a message. */
#define RACED 200

struct race {
        struct leat_channel *receiver;
        bool may_finish;
        atomic_int result[RACED + 1];
};

static void *take_raced(void *argument) {
        struct race *race = argument;
        static uint8_t bytes[300000];
        uint64_t next = 0, number;
        do {
                ssize_t n = leat_receive(race->receiver, LEAT_ANY, bytes, sizeof bytes, SOON, NULL);
                if (n < 0)
                        FAIL("after message %d: %s", (int)next - 1, leat_strerror((int)n));
                number = check_numbered(bytes, (size_t)n);
                CHECK(number >= next && number <= RACED);
                for (; next < number; next++) /* its result is in before a later one is begun */
                        CHECK(atomic_load(&race->result[next]) < 0);
                next++;
                if (!race->may_finish)
                        atomic_fetch_add(&race->result[number], 1000);
        } while (number < RACED);
        return NULL;
}

CONFORMS(LEAT_ROW_WAITING, deadlines_anywhere_in_messages, .traits = FRAMED, .without = LOSSY, .timeout_s = 60) {
        static uint8_t bytes[300000];
        struct race race = { .may_finish = subject_traits(subject) & STREAM };
        struct leat_channel *sender;
        pthread_t thread;
        place_both_new(subject, "", &race.receiver, &sender);
        size_t largest = (size_t)info_of(sender).largest_bytes;
        CHECK_EQ(pthread_create(&thread, NULL, take_raced, &race), 0);
        for (uint64_t i = 0; i <= RACED; i++) {
                size_t size = 16 + (size_t)harness_random_below(sizeof bytes - 16);
                size = size > largest ? largest : size;
                fill_numbered(bytes, size, i);
                int64_t deadline = i == RACED ? SOON : leat_in_us((int64_t)harness_random_below(300));
                int r = leat_send(sender, 1, bytes, size, deadline);
                CHECK(r == 0 || (r == -ETIMEDOUT && i < RACED));
                atomic_fetch_add(&race.result[i], r);
        }
        CHECK_EQ(pthread_join(thread, NULL), 0);
        for (int i = 0; i <= RACED && !race.may_finish; i++) /* what came was sent; what was given up did not come */
                CHECK(race.result[i] == 1000 || race.result[i] == -ETIMEDOUT);
        leat_close(sender);
        leat_close(race.receiver);
}
