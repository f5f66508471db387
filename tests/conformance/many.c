/* SPDX-License-Identifier: MIT */

/* Several messages with one call, held to the rows that a single one is held to. */

#include "conformance.h"

#include <poll.h>
#include <pthread.h>

#define PLACES 64
#define ROOM 70000 /* of a place */
#define FULL_BYTES 8000
#define PRIORITY 3

/* Places for what comes, which forget what was in them. */
struct places {
        struct leat_incoming messages[PLACES];
        uint8_t *bytes;
};

static struct places *places_new(void) {
        struct places *places = calloc(1, sizeof *places);
        places->bytes = malloc((size_t)PLACES * ROOM);
        return places;
}

static struct places *places_free(struct places *places) {
        free(places->bytes);
        free(places);
        return NULL;
}

static void places_clear(struct places *places, size_t room) {
        for (size_t i = 0; i < PLACES; i++)
                places->messages[i] = (struct leat_incoming){ .buffer = places->bytes + i * ROOM,
                                                              .size_bytes = room,
                                                              .about = LEAT_MESSAGE_INIT };
}

/* Tiny ones, more than one write takes, and between them each size that goes another way: alone, in several frames. */
static const size_t sizes[] = { 16,   0,    1,    100, 2000,  2047, 2048,  2049, 64,    64,   4047,
                                4048, 4049, 8000, 16,  16384, 3,    65536, 0,    65537, 70000 };
#define SIZES (sizeof sizes / sizeof sizes[0])
#define TINY 300
#define MIXED 200
#define COUNT (TINY + MIXED)

static size_t size_of(uint64_t number, uint64_t largest) {
        size_t size = number < TINY ? 24 : sizes[number % SIZES];
        return size <= largest ? size : (size_t)largest;
}

static int64_t type_of(const struct subject *subject, uint64_t number) {
        return promises(subject, LEAT_ROW_TYPES) ? 1 + (int64_t)(number % 3) : 1;
}

static uint32_t priority_of(const struct subject *subject) {
        return subject_traits(subject) & LEAT ? PRIORITY : 0;
}

static uint8_t *describe(const struct subject *subject, uint64_t number, uint64_t largest,
                         struct leat_outgoing *ret_message) {
        size_t size = size_of(number, largest);
        uint8_t *bytes = malloc(size + 1);
        fill(bytes, size, number);
        *ret_message = (struct leat_outgoing){
                .type = type_of(subject, number), .bytes = bytes, .size_bytes = size, .priority = priority_of(subject)
        };
        return bytes;
}

static void send_all(struct leat_channel *sender, void *argument) {
        const struct subject *subject = argument;
        static struct leat_outgoing messages[COUNT];
        static uint8_t *bytes[COUNT];
        uint64_t largest = info_of(sender).largest_bytes;
        for (uint64_t i = 0; i < COUNT; i++)
                bytes[i] = describe(subject, i, largest, &messages[i]);
        CHECK_EQ(leat_send_many(sender, messages, TINY, SOON), TINY);
        for (size_t i = TINY; i < COUNT;) {
                size_t some = 1 + (size_t)harness_random_below(40);
                some = some < COUNT - i ? some : COUNT - i;
                if (some == 1)
                        CHECK_EQ(leat_send_many(sender, &messages[i], 1, SOON), 1);
                else
                        CHECK_EQ(leat_send_many(sender, &messages[i], some, SOON), some);
                i += some;
        }
        for (uint64_t i = 0; i < COUNT; i++)
                free(bytes[i]);
}

static void check_one(const struct subject *subject, const struct leat_incoming *message, uint64_t number,
                      uint64_t largest) {
        bool leat = subject_traits(subject) & LEAT;
        CHECK_EQ(message->about.size_bytes, size_of(number, largest));
        check_filled(message->buffer, message->about.size_bytes, number);
        CHECK_EQ(message->about.type, type_of(subject, number));
        if (!leat)
                return;
        CHECK_EQ(message->about.priority, PRIORITY);
        CHECK_EQ(message->about.sequence, number + 1);
        CHECK(message->about.time_ns > 0 || (subject_traits(subject) & UNSEEN));
}

/* Some with one call, or one with leat_receive: how many of `left` came. */
static size_t receive_some(struct leat_channel *receiver, struct places *places, size_t left) {
        size_t some = 1 + (size_t)harness_random_below(PLACES);
        places_clear(places, ROOM);
        if (some % 8 == 0) {
                struct leat_incoming *first = &places->messages[0];
                CHECK(leat_receive(receiver, LEAT_ANY, first->buffer, ROOM, SOON, &first->about) >= 0);
                return 1;
        }
        ssize_t n = leat_receive_many(receiver, LEAT_ANY, places->messages, some < left ? some : left, SOON);
        if (n < 1)
                FAIL("with %zu to come: %s", left, leat_strerror((int)n));
        CHECK(n <= (ssize_t)some);
        return (size_t)n;
}

CONFORMS(LEAT_ROW_ORDER, of_many_with_one_call, .traits = FRAMED, .without = LOSSY, .timeout_s = 60) {
        struct places *places = places_new();
        struct place place;
        place_new(&place, subject, "");
        pid_t pid = place_fork_sender(&place, send_all, (void *)subject);
        struct leat_channel *receiver = place_receiver(&place);
        uint64_t largest = info_of(receiver).largest_bytes;
        for (uint64_t next = 0; next < COUNT;) {
                size_t n = receive_some(receiver, places, COUNT - next);
                for (size_t i = 0; i < n; i++)
                        check_one(subject, &places->messages[i], next++, largest);
        }
        expect_end(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(info_of(receiver).received, COUNT);
        leat_close(receiver);
        places_free(places);
}

/* ---- records ---- */

#define RECORDS 10

static void make_records(struct leat_outgoing *messages, char (*texts)[RECORD_BYTES + 1], size_t count,
                         uint64_t number) {
        for (size_t i = 0; i < count; i++) {
                snprintf(texts[i], sizeof texts[i], "%016llx", (unsigned long long)(number + i));
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = texts[i], .size_bytes = RECORD_BYTES };
        }
}

static void send_records(struct leat_channel *sender, uint64_t number, size_t count) {
        struct leat_outgoing messages[RECORDS];
        char texts[RECORDS][RECORD_BYTES + 1];
        CHECK(count <= RECORDS);
        make_records(messages, texts, count, number);
        CHECK_EQ(leat_send_many(sender, messages, count, SOON), count);
}

static uint64_t record_in(const struct leat_incoming *message) {
        char text[RECORD_BYTES + 1] = "";
        CHECK_EQ(message->about.size_bytes, RECORD_BYTES);
        memcpy(text, message->buffer, RECORD_BYTES);
        return strtoull(text, NULL, 16);
}

/* So many of them with as many calls as it takes, and no more than there are places. */
static void take_records(struct leat_channel *receiver, uint64_t number, size_t count, size_t at_once) {
        struct leat_incoming messages[RECORDS];
        char texts[RECORDS][RECORD_BYTES];
        for (size_t done = 0; done < count;) {
                for (size_t i = 0; i < RECORDS; i++)
                        messages[i] = (struct leat_incoming){ .buffer = texts[i],
                                                              .size_bytes = RECORD_BYTES,
                                                              .about = LEAT_MESSAGE_INIT };
                ssize_t n = leat_receive_many(receiver, LEAT_ANY, messages, at_once, SOON);
                if (n < 1 || (size_t)n > at_once || (size_t)n > count - done)
                        FAIL("%zu records were to come, at most %zu at once, not %zd", count - done, at_once, n);
                for (ssize_t i = 0; i < n; i++)
                        CHECK_EQ(record_in(&messages[i]), number + done++);
        }
}

CONFORMS(LEAT_ROW_BOUNDARIES, fewer_places_than_messages) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        for (size_t places = 1; places <= 4; places++) {
                send_records(sender, places, RECORDS);
                take_records(receiver, places, RECORDS, places);
                settle(receiver);
        }
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_BOUNDARIES, too_small_a_buffer_among_many) {
        struct leat_channel *receiver, *sender;
        struct leat_incoming messages[RECORDS];
        char texts[RECORDS][RECORD_BYTES];
        place_both_new(subject, "", &receiver, &sender);
        for (size_t small = 0; small < 4; small++) {
                size_t done = 0;
                ssize_t n;
                send_records(sender, 0, 6);
                for (size_t i = 0; i < RECORDS; i++)
                        messages[i] =
                                (struct leat_incoming){ .buffer = texts[i],
                                                        .size_bytes = i == small ? RECORD_BYTES - 1 : RECORD_BYTES,
                                                        .about = LEAT_MESSAGE_INIT };
                /* Those before it may come with several calls. */
                while ((n = leat_receive_many(receiver, LEAT_ANY, messages + done, RECORDS - done, SOON)) > 0)
                        for (ssize_t i = 0; i < n; i++, done++)
                                CHECK_EQ(record_in(&messages[done]), done);
                CHECK_EQ(n, -EMSGSIZE);
                CHECK_EQ(done, small);
                CHECK_EQ(messages[small].about.size_bytes, RECORD_BYTES);
                CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, messages + small, 2, LEAT_NOW), -EMSGSIZE);
                take_records(receiver, small, 6 - small, RECORDS);
                settle(receiver);
        }
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_BOUNDARIES, many_are_checked_one_by_one) {
        struct leat_channel *receiver, *sender;
        struct leat_outgoing messages[4];
        char texts[4][RECORD_BYTES + 1];
        place_both_new(subject, "", &receiver, &sender);
        make_records(messages, texts, 4, 0);
        messages[2].type = 0;
        CHECK_EQ(leat_send_many(sender, messages, 4, SOON), 2);
        CHECK_EQ(leat_send_many(sender, messages + 2, 2, SOON), -EINVAL);
        check_why(sender, LEAT_ROW_TYPES, -EINVAL);
        messages[2].type = 1;
        messages[2].flags = 1;
        CHECK_EQ(leat_send_many(sender, messages + 2, 2, SOON), -EINVAL);
        messages[2].flags = 0;
        messages[2].size_bytes = info_of(sender).largest_bytes + 1;
        CHECK_EQ(leat_send_many(sender, messages + 2, 2, SOON), -EMSGSIZE);
        messages[2].size_bytes = RECORD_BYTES;
        messages[3].bytes = NULL;
        CHECK_EQ(leat_send_many(sender, messages + 2, 2, SOON), 1);
        take_records(receiver, 0, 3, 4);
        settle(receiver);
        if (subject_traits(subject) & LOOSE)
                CHECK_EQ(info_of(receiver).lost, 0); /* no number was used up by what did not go out */
        leat_close(sender);
        leat_close(receiver);
}

/* Those before it are out, those behind it are not; and it is told why. */
CONFORMS(LEAT_ROW_BOUNDARIES, too_large_a_one_among_many) {
        struct leat_channel *receiver, *sender;
        struct leat_outgoing messages[4];
        char texts[4][RECORD_BYTES + 1];
        place_both_new(subject, "", &receiver, &sender);
        for (size_t large = 0; large < 4; large++) {
                make_records(messages, texts, 4, 0);
                messages[large].size_bytes = info_of(sender).largest_bytes + 1;
                if (large > 0)
                        CHECK_EQ(leat_send_many(sender, messages, 4, SOON), large);
                CHECK_EQ(leat_send_many(sender, messages + large, 4 - large, SOON), -EMSGSIZE);
                check_why(sender, LEAT_ROW_LIMITS, -EMSGSIZE);
                take_records(receiver, 0, large, RECORDS);
                settle(receiver);
        }
        leat_close(sender);
        leat_close(receiver);
}

CONFORMS(LEAT_ROW_BOUNDARIES, how_many_is_checked) {
        struct leat_channel *receiver, *sender;
        static struct leat_outgoing out[LEAT_MANY_MAX + 1];
        static struct leat_incoming in[LEAT_MANY_MAX + 1];
        char byte;
        for (size_t i = 0; i <= LEAT_MANY_MAX; i++) {
                out[i] = (struct leat_outgoing){ .type = 1, .bytes = "x", .size_bytes = 1 };
                in[i] = (struct leat_incoming){ .buffer = &byte, .size_bytes = 1, .about = LEAT_MESSAGE_INIT };
        }
        place_both_new(subject, "", &receiver, &sender);
        CHECK_EQ(leat_send_many(sender, out, 0, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_send_many(sender, out, LEAT_MANY_MAX + 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_send_many(sender, NULL, 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, in, 0, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, in, LEAT_MANY_MAX + 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, NULL, 1, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, in, LEAT_MANY_MAX, LEAT_NOW), -EAGAIN);
        in[1].about.struct_size = 0;
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, in, 2, LEAT_NOW), -EINVAL);
        in[1] = (struct leat_incoming){ .size_bytes = 1, .about = LEAT_MESSAGE_INIT };
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, in, 2, LEAT_NOW), -EINVAL);
        if (subject_traits(subject) & ONE_WAY)
                CHECK_EQ(leat_send_many(receiver, out, 1, LEAT_NOW), -ENOTSUP);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- the end ---- */

CONFORMS(LEAT_ROW_END, behind_many) {
        struct leat_channel *receiver, *sender;
        struct place place;
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        bool again = subject_traits(subject) & NAMED;
        for (int round = 0; round < (again ? 3 : 1); round++) {
                if (round > 0)
                        sender = place_sender(&place);
                send_records(sender, 0, 3);
                leat_close(sender);
                take_records(receiver, 0, 3, RECORDS);
                expect_end(receiver);
                if (again)
                        settle(receiver); /* it was told once */
        }
        leat_close(receiver);
}

/* One that came to an end between two messages: both are there, and the end between them. */
CONFORMS(LEAT_ROW_END, between_many, .traits = NAMED) {
        struct leat_channel *receiver, *sender;
        struct place place;
        place_new(&place, subject, "");
        place_both(&place, &receiver, &sender);
        send_records(sender, 0, 3);
        leat_close(sender);
        take_records(receiver, 0, 3, RECORDS); /* and it may have read the end */
        sender = place_sender(&place);
        send_records(sender, 3, 3);
        ssize_t n = 0;
        for (uint64_t next = 3; next < 6;) {
                char text[RECORD_BYTES + 1] = "";
                n = leat_receive(receiver, LEAT_ANY, text, RECORD_BYTES, SOON, NULL);
                if (n == -ENODATA && next == 3)
                        continue;
                CHECK_EQ(n, RECORD_BYTES);
                CHECK_EQ(strtoull(text, NULL, 16), next++);
        }
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- full ---- */

/* As many as there are, or as go before the deadline. */
static ssize_t send_big(struct leat_channel *sender, uint64_t number, size_t count, size_t size, int64_t deadline) {
        static struct leat_outgoing messages[LEAT_MANY_MAX];
        uint8_t *bytes = malloc(count * size);
        for (size_t i = 0; i < count; i++) {
                fill_numbered(bytes + i * size, size, number + i);
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = bytes + i * size, .size_bytes = size };
        }
        ssize_t n = leat_send_many(sender, messages, count, deadline);
        free(bytes);
        return n;
}

static size_t big_size(struct leat_channel *channel, size_t wanted) {
        uint64_t largest = info_of(channel).largest_bytes;
        return largest < wanted ? (size_t)largest : wanted;
}

/* What was counted comes, once and in order, and nothing else. */
static void take_big(struct leat_channel *receiver, uint64_t number, uint64_t count, size_t size, uint64_t *sequence,
                     bool numbered) {
        uint8_t *bytes = malloc(size);
        for (uint64_t i = 0; i < count; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, bytes, size, SOON, &about), size);
                CHECK_EQ(check_numbered(bytes, size), number + i);
                /* A number is used up by what went out in part alone. */
                CHECK(!numbered || about.sequence == *sequence + 1 ||
                      (i == 0 && *sequence > 0 && about.sequence == *sequence + 2));
                *sequence = about.sequence;
        }
        free(bytes);
}

#define AT_ONCE 256

/* Until it is full: how many were counted. */
static uint64_t fill_with_many(struct leat_channel *sender, uint64_t number, size_t size, bool first_waits) {
        for (uint64_t done = 0;;) {
                ssize_t n = send_big(sender, number + done, AT_ONCE, size,
                                     done == 0 && first_waits ? leat_in_ms(20) : LEAT_NOW);
                if (n < 0) {
                        CHECK(n == -EAGAIN || n == -ETIMEDOUT);
                        return done;
                }
                done += (uint64_t)n;
        }
}

CONFORMS(LEAT_ROW_FULL, in_the_middle_of_many, .traits = FRAMED) {
        struct leat_channel *receiver, *sender;
        uint64_t sequence = 0, number = 0;
        bool leat = subject_traits(subject) & LEAT;
        place_both_new(subject, "", &receiver, &sender);
        for (int round = 0; round < 4; round++) {
                static const size_t wanted[] = { 300, FULL_BYTES, 2000, 24 };
                size_t size = big_size(sender, wanted[round]);
                uint64_t count = fill_with_many(sender, number, size, round % 2), rest = 0;
                CHECK(count > 1);
                if (subject_traits(subject) &
                    STREAM) { /* what went of the last may be a part: the rest goes before the next */
                        rest = 2;
                        count--;
                }
                take_big(receiver, number, count, size, &sequence, leat);
                if (rest > 0)
                        CHECK_EQ(send_big(sender, number + count + 1, 1, size, SOON), 1);
                take_big(receiver, number + count, rest, size, &sequence, leat);
                settle(receiver);
                count += rest;
                number += count;
                CHECK_EQ(info_of(receiver).received, number);
        }
        leat_close(sender);
        leat_close(receiver);
}

static void *interrupt_when_asleep(void *argument) {
        harness_wait_state(getpid(), "S"); /* the main thread */
        leat_interrupt(argument);
        return NULL;
}

/* The count says how far it came, and the next call why it went no further. */
CONFORMS(LEAT_ROW_WAITING, an_interrupt_in_the_middle_of_many, .traits = FRAMED, .also = ROW(LEAT_ROW_FULL)) {
        struct leat_channel *receiver, *sender;
        uint64_t sequence = 0;
        pthread_t thread;
        place_both_new(subject, "", &receiver, &sender);
        size_t size = big_size(sender, FULL_BYTES * 2);
        CHECK_EQ(pthread_create(&thread, NULL, interrupt_when_asleep, sender), 0);
        ssize_t n = send_big(sender, 0, LEAT_MANY_MAX, size, SOON);
        CHECK(n > 0 && n < LEAT_MANY_MAX);
        CHECK_EQ(send_big(sender, (uint64_t)n, 10, size, SOON), -ECANCELED);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        bool leat = subject_traits(subject) & LEAT;
        take_big(receiver, 0, (uint64_t)n - 1, size, &sequence, leat);
        CHECK_EQ(send_big(sender, (uint64_t)n, 1, size, SOON), 1); /* and it goes on */
        take_big(receiver, (uint64_t)n - 1, 2, size, &sequence, leat);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

static void *close_when_asleep(void *argument) {
        harness_wait_state(getpid(), "S");
        leat_close(argument);
        return NULL;
}

/* The last receiver goes in the middle: the count, and then -EPIPE. */
CONFORMS(LEAT_ROW_END, of_the_receiver_in_the_middle_of_many, .traits = FRAMED, .without = KEEPS,
         .also = ROW(LEAT_ROW_FULL)) {
        struct leat_channel *receiver, *sender;
        pthread_t thread;
        place_both_new(subject, "", &receiver, &sender);
        size_t size = big_size(sender, FULL_BYTES * 2);
        CHECK_EQ(pthread_create(&thread, NULL, close_when_asleep, receiver), 0);
        ssize_t n = send_big(sender, 0, LEAT_MANY_MAX, size, SOON);
        CHECK(n > 0 && n < LEAT_MANY_MAX);
        CHECK_EQ(send_big(sender, (uint64_t)n, 10, size, SOON), -EPIPE);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(sender);
}

CONFORMS(LEAT_ROW_WAITING, many_wait_for_the_first_alone, .traits = FRAMED) {
        struct leat_channel *receiver, *sender;
        struct leat_incoming message = { .about = LEAT_MESSAGE_INIT };
        place_both_new(subject, "", &receiver, &sender);
        int64_t deadline = leat_in_ms(5);
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, &message, 1, deadline), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        CHECK_EQ(leat_interrupt(receiver), 0);
        CHECK_EQ(leat_receive_many(receiver, LEAT_ANY, &message, 1, SOON), -ECANCELED);
        send_records(sender, 0, 3);
        take_records(receiver, 0, 3, RECORDS); /* although there are more places */
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- types ---- */

CONFORMS(LEAT_ROW_TYPES, chosen_from_many) {
        struct leat_channel *receiver, *sender;
        struct leat_outgoing out[9];
        struct leat_incoming in[9];
        char texts[9][RECORD_BYTES + 1], got[9][RECORD_BYTES];
        place_both_new(subject, "", &receiver, &sender);
        make_records(out, texts, 9, 0);
        for (size_t i = 0; i < 9; i++) {
                out[i].type = (int64_t)(i % 3) + 1;
                in[i] = (struct leat_incoming){ .buffer = got[i],
                                                .size_bytes = RECORD_BYTES,
                                                .about = LEAT_MESSAGE_INIT };
        }
        CHECK_EQ(leat_send_many(sender, out, 9, SOON), 9);
        for (size_t done = 0; done < 3;) {
                ssize_t n = leat_receive_many(receiver, LEAT_TYPE(2), in + done, 9 - done, SOON);
                CHECK(n > 0);
                done += (size_t)n;
                CHECK(done <= 3);
        }
        for (size_t i = 0; i < 3; i++) {
                CHECK_EQ(in[i].about.type, 2);
                CHECK_EQ(record_in(&in[i]), 3 * i + 1);
        }
        CHECK_EQ(leat_receive_many(receiver, LEAT_TYPE(2), in, 9, LEAT_NOW), -EAGAIN);
        ssize_t n = leat_receive_many(receiver, LEAT_AT_MOST(3), in, 9, SOON);
        CHECK_EQ(n, 6); /* all is there: the lowest first */
        for (size_t i = 0; i < 6; i++) {
                CHECK_EQ(in[i].about.type, i < 3 ? 1 : 3);
                CHECK_EQ(record_in(&in[i]), i < 3 ? 3 * i : 3 * (i - 3) + 2);
        }
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- several senders ---- */

#define SENDERS 3
#define OF_EACH ROUNDS(500, 100)

struct start {
        uint64_t who;
        struct harness_event *came, *go;
};

static void send_batches(struct leat_channel *sender, void *argument) {
        const struct start *start = argument;
        struct leat_outgoing messages[100];
        char texts[100][RECORD_BYTES + 1];
        harness_event_signal(start->came);
        harness_event_wait(start->go);
        for (uint64_t i = 0; i < OF_EACH;) {
                size_t some = 1 + (size_t)harness_random_below(100);
                some = some < OF_EACH - i ? some : OF_EACH - i;
                make_records(messages, texts, some, start->who << 32 | i);
                CHECK_EQ(leat_send_many(sender, messages, some, SOON), some);
                i += some;
        }
}

CONFORMS(LEAT_ROW_ORDER, of_many_from_several, .traits = MANY | FRAMED, .without = LOSSY) {
        struct places *places = places_new();
        struct place place;
        struct start starts[SENDERS];
        pid_t pids[SENDERS];
        uint64_t next[SENDERS] = { 0 };
        struct harness_event *came = harness_event_new(), *go = harness_event_new();
        place_new(&place, subject, "");
        struct leat_channel *receiver = place_receiver(&place);
        for (uint64_t i = 0; i < SENDERS; i++) {
                starts[i] = (struct start){ i, came, go };
                pids[i] = place_fork_sender(&place, send_batches, &starts[i]);
        }
        for (int i = 0; i < SENDERS; i++)
                harness_event_wait(came);
        for (int i = 0; i < SENDERS; i++)
                harness_event_signal(go);
        for (uint64_t left = SENDERS * OF_EACH; left > 0;) {
                size_t n = receive_some(receiver, places, left);
                for (size_t i = 0; i < n; i++, left--) {
                        uint64_t record = record_in(&places->messages[i]), who = record >> 32;
                        CHECK(who < SENDERS);
                        CHECK_EQ(record & UINT32_MAX, next[who]++);
                }
        }
        expect_end(receiver);
        for (int i = 0; i < SENDERS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_close(receiver);
        places_free(places);
}

/* ---- polling ---- */

static bool is_readable(struct leat_channel *receiver, int wait_ms) {
        struct pollfd poll_fd = { .fd = leat_fd(receiver), .events = POLLIN };
        return poll(&poll_fd, 1, wait_ms) == 1;
}

/* A loop that polls after each -EAGAIN misses none, however many came in one piece and how few it takes at once. */
CONFORMS(LEAT_ROW_POLLING, when_many_come_at_once) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        settle(receiver);
        for (size_t places = 1; places <= 3; places++) {
                send_records(sender, 0, RECORDS);
                CHECK(is_readable(receiver, 10000));
                take_records(receiver, 0, RECORDS, places);
                settle(receiver);
                send_records(sender, 0, 2); /* again, after -EAGAIN */
                CHECK(is_readable(receiver, 10000));
                take_records(receiver, 0, 2, places);
                settle(receiver);
        }
        leat_close(sender);
        leat_close(receiver);
}

/* -EAGAIN for one type leaves the others where they are, and what it read beyond them is not forgotten. */
CONFORMS(LEAT_ROW_POLLING, when_some_of_many_are_chosen, .also = ROW(LEAT_ROW_TYPES)) {
        struct leat_channel *receiver, *sender;
        struct leat_outgoing out[4];
        char texts[4][RECORD_BYTES + 1];
        char got[RECORD_BYTES];
        place_both_new(subject, "", &receiver, &sender);
        make_records(out, texts, 4, 0);
        CHECK_EQ(leat_send_many(sender, out, 4, SOON), 4);
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), got, sizeof got, LEAT_NOW, NULL), -EAGAIN);
        out[3].type = 2;
        CHECK_EQ(leat_send_many(sender, out + 2, 2, SOON), 2);
        CHECK(is_readable(receiver, 10000));
        CHECK_EQ(leat_receive(receiver, LEAT_TYPE(2), got, sizeof got, SOON, NULL), RECORD_BYTES);
        take_records(receiver, 0, 4, 1);
        take_records(receiver, 2, 1, RECORDS);
        settle(receiver);
        leat_close(sender);
        leat_close(receiver);
}

/* ---- what was read is not lost to who goes on ---- */

CONFORMS(LEAT_ROW_INHERITANCE, not_detached_with_several_that_were_read, .traits = DETACHES | LEAT) {
        struct leat_channel *receiver, *sender;
        int fds[2];
        place_both_new(subject, "", &receiver, &sender);
        send_records(sender, 0, 3);
        take_records(receiver, 0, 1, 1); /* with it the others may have come */
        if (leat_detach(receiver, fds) == 0)
                FAIL("it was detached, and 2 messages are lost");
        take_records(receiver, 1, 2, RECORDS);
        leat_close(sender);
        leat_close(receiver);
}

static void take_the_others(void *argument) {
        take_records(argument, 1, 2, RECORDS);
        leat_close(argument);
}

/* The child goes on where its parent stood. */
CONFORMS(LEAT_ROW_INHERITANCE, given_with_several_that_were_read, .traits = UNNAMED) {
        struct leat_channel *receiver, *sender;
        place_both_new(subject, "", &receiver, &sender);
        send_records(sender, 0, 3);
        take_records(receiver, 0, 1, 1);
        CHECK_EQ(leat_give(receiver), 0);
        pid_t pid = harness_fork(take_the_others, receiver);
        leat_close(receiver);
        CHECK_EQ(harness_wait(pid), 0);
        leat_close(sender);
}
