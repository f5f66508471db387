/* SPDX-License-Identifier: MIT */

/*
 * Very many messages from one process to another, and every byte of each is compared: 10^7 of them in the normal size of the tests, 10^9 in the long one.
 *
 * What number i is follows from i and the seed: its type, size, priority, bytes, and whether a descriptor comes with it. How it is sent is the
 * sender's to choose at random (alone, with options, many at once), and how it is received the receiver's (alone, into a buffer that may be too small,
 * many at once, of one type, of the lowest type). The receiver knows from the sequence which one came: it has that type, none of that type
 * was left out, and of any type it is the first one that was not taken yet. So in the end each came once.
 */

#include "rings.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON harness_deadline_ms(60000)
#define POOL (UINT64_C(1) << 21)
#define LARGEST (UINT64_C(1) << 20)
#define TYPES 8
#define URGENT TYPES /* the type of those with a priority */
#define TOGETHER 48
#define SMALL_BUFFER 2048
#define AHEAD 40 /* it is looked for one that is so far from the first at most */
#define WINDOW (UINT64_C(1) << 16)

struct stream {
        const char *options;
        uint64_t seed, count;
        uint8_t *pool;
        int descriptor; /* that comes with some */
        ino_t inode;
        struct harness_event *bound;
        char address[160];
};

/* ---- what number i is ---- */

static uint64_t mix(uint64_t x) {
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

struct one {
        int64_t type;
        size_t size;
        const uint8_t *bytes;
        uint16_t priority;
        bool descriptor;
};

static struct one message_of(const struct stream *stream, uint64_t number) {
        uint64_t r = mix(stream->seed + number * UINT64_C(0x9e3779b97f4a7c15));
        uint64_t kind = r & 0x3fff, most = kind == 0 ? LARGEST : kind < 64 ? 65536 : kind < 2048 ? 2048 : 128;
        struct one one = { .type = 1 + (int64_t)(r >> 14) % TYPES, .size = (size_t)(r >> 20) % (most + 1) };
        one.bytes = stream->pool + (r >> 40) % (POOL - one.size);
        one.priority = one.type == URGENT ? (uint16_t)(r >> 49) : 0;
        one.descriptor = number % 50000 == 777;
        return one;
}

/* ---- the sender ---- */

static void send_one(const struct stream *stream, struct leat_channel *channel, uint64_t number) {
        struct one one = message_of(stream, number);
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        if (one.priority == 0 && !one.descriptor) {
                CHECK_EQ(leat_send(channel, one.type, one.bytes, one.size, SOON), 0);
                return;
        }
        options.type = one.type;
        options.priority = one.priority;
        options.deadline = SOON;
        options.descriptors = &stream->descriptor;
        options.descriptors_count = one.descriptor;
        CHECK_EQ(leat_send_with(channel, one.bytes, one.size, &options), 0);
}

/* Returns how many; none with a descriptor. */
static uint64_t send_many(const struct stream *stream, struct leat_channel *channel, uint64_t number, uint64_t most) {
        struct leat_outgoing messages[TOGETHER];
        size_t count = 0;
        for (; count < most && count < TOGETHER && number + count < stream->count; count++) {
                struct one one = message_of(stream, number + count);
                if (one.descriptor)
                        break;
                messages[count] = (struct leat_outgoing){
                        .type = one.type, .bytes = one.bytes, .size_bytes = one.size, .priority = one.priority
                };
        }
        if (count == 0)
                return 0;
        CHECK_EQ(leat_send_many(channel, messages, count, SOON), count);
        return count;
}

static void send_all(void *argument) {
        const struct stream *stream = argument;
        uint64_t random = stream->seed, number = 0;
        harness_event_wait(stream->bound);
        struct leat_channel *channel = open_or_fail(stream->address, LEAT_SEND, SOON);
        while (number < stream->count) {
                random = mix(random + 1);
                uint64_t some = 1 + random % 64;
                if (random >> 32 & 1)
                        number += send_many(stream, channel, number, some);
                for (; some > 0 && number < stream->count && !(random >> 32 & 1); some--)
                        send_one(stream, channel, number++);
                if ((random >> 32 & 1) && number < stream->count && message_of(stream, number).descriptor)
                        send_one(stream, channel, number++);
        }
        leat_close(channel);
}

/* ---- the receiver ---- */

struct receiver {
        const struct stream *stream;
        struct leat_channel *channel;
        uint64_t lowest; /* all before it were taken */
        uint64_t taken;
        uint64_t next[TYPES + 1]; /* of each type: none that is lower will come */
        uint8_t is_taken[WINDOW]; /* from the lowest on, by number % WINDOW */
        uint8_t small[TOGETHER][SMALL_BUFFER];
        uint8_t large[LARGEST];
        uint64_t small_ones, descriptors; /* buffers that were too small, and what came */
};

static void take_descriptor(struct receiver *receiver, const struct leat_message *about, bool expected) {
        struct stat status;
        CHECK_EQ(about->descriptors_count, expected);
        if (!expected || !about->descriptors)
                return;
        CHECK(fstat(about->descriptors[0], &status) == 0 && status.st_ino == receiver->stream->inode);
        close(about->descriptors[0]);
        receiver->descriptors++;
}

/* Of its type none was left out: those between are of other types. */
static void check_turn(struct receiver *receiver, int64_t type, uint64_t number) {
        uint64_t *next = &receiver->next[type];
        CHECK(number >= *next);
        for (uint64_t i = *next > receiver->lowest ? *next : receiver->lowest; i < number; i++)
                if (message_of(receiver->stream, i).type == type)
                        FAIL("number %llu came before %llu", (unsigned long long)number, (unsigned long long)i);
        *next = number + 1;
}

static void took(struct receiver *receiver, int64_t select, const struct leat_message *about, const uint8_t *bytes) {
        uint64_t number = about->sequence - 1;
        struct one one = message_of(receiver->stream, number);
        if (number >= receiver->stream->count || number < receiver->lowest || number - receiver->lowest >= WINDOW ||
            receiver->is_taken[number % WINDOW])
                FAIL("number %llu came, and the first that did not is %llu", (unsigned long long)number,
                     (unsigned long long)receiver->lowest);
        if (about->type != one.type || about->size_bytes != one.size || about->priority != one.priority ||
            memcmp(bytes, one.bytes, one.size) != 0)
                FAIL("number %llu is not what was sent", (unsigned long long)number);
        CHECK(select == LEAT_ANY ? number == receiver->lowest : select > 0 ? one.type == select : one.type <= -select);
        take_descriptor(receiver, about, one.descriptor);
        if (select == LEAT_ANY)
                receiver->next[one.type] = number + 1;
        else
                check_turn(receiver, one.type, number);
        receiver->taken++;
        receiver->is_taken[number % WINDOW] = 1;
        while (receiver->is_taken[receiver->lowest % WINDOW])
                receiver->is_taken[receiver->lowest++ % WINDOW] = 0;
}

/* Into a small buffer, and where it is too small for that, into a large one. */
static ssize_t receive_one(struct receiver *receiver, int64_t select) {
        int descriptor;
        uint8_t *buffer = receiver->small[0];
        struct leat_message about = LEAT_MESSAGE_INIT;
        about.descriptors = &descriptor;
        about.descriptors_max = 1;
        ssize_t n = leat_receive(receiver->channel, select, buffer, SMALL_BUFFER, SOON, &about);
        if (n == -EMSGSIZE) {
                receiver->small_ones++;
                CHECK(about.size_bytes > SMALL_BUFFER && about.size_bytes <= LARGEST);
                buffer = receiver->large;
                n = leat_receive(receiver->channel, select, buffer, LARGEST, SOON, &about);
        }
        if (n >= 0)
                took(receiver, select, &about, buffer);
        return n;
}

static ssize_t receive_many(struct receiver *receiver, size_t count) {
        struct leat_incoming messages[TOGETHER];
        int descriptors[TOGETHER];
        for (size_t i = 0; i < count; i++) {
                messages[i] = (struct leat_incoming){ .buffer = receiver->small[i],
                                                      .size_bytes = SMALL_BUFFER,
                                                      .about = LEAT_MESSAGE_INIT };
                messages[i].about.descriptors = &descriptors[i];
                messages[i].about.descriptors_max = 1;
        }
        ssize_t n = leat_receive_many(receiver->channel, LEAT_ANY, messages, count, SOON);
        for (ssize_t i = 0; i < n; i++)
                took(receiver, LEAT_ANY, &messages[i].about, receiver->small[i]);
        return n == -EMSGSIZE ? receive_one(receiver, LEAT_ANY) : n;
}

/* Of a type of which one is still to come. */
static int64_t select_one(const struct receiver *receiver, uint64_t random) {
        uint64_t number = receiver->lowest + random % AHEAD;
        while (number > receiver->lowest && (number >= receiver->stream->count || receiver->is_taken[number % WINDOW]))
                number--;
        int64_t type = message_of(receiver->stream, number).type;
        return random >> 32 & 1 ? LEAT_TYPE(type) : LEAT_AT_MOST(type);
}

static ssize_t receive_some(struct receiver *receiver, uint64_t random) {
        uint64_t some = 1 + random % TOGETHER, how = random >> 40 & 63;
        ssize_t n = 0;
        if (how < 32)
                return receive_many(receiver, (size_t)some);
        /* Now and then: to find the lowest type all that has come is set aside first. */
        if (how == 63)
                return receive_one(receiver, select_one(receiver, mix(random)));
        for (; some > 0 && n >= 0 && receiver->taken < receiver->stream->count; some--)
                n = receive_one(receiver, LEAT_ANY);
        return n;
}

static void receive_all(const struct stream *stream) {
        struct receiver *receiver = calloc(1, sizeof *receiver);
        uint64_t random = ~stream->seed;
        CHECK(receiver);
        receiver->stream = stream;
        receiver->channel = open_or_fail(stream->address, LEAT_RECEIVE, SOON);
        harness_event_signal(stream->bound);
        while (receiver->taken < stream->count) {
                random = mix(random + 1);
                ssize_t n = receive_some(receiver, random);
                if (n < 0)
                        FAIL("after %llu: %s", (unsigned long long)receiver->taken, leat_strerror((int)n));
        }
        CHECK_EQ(leat_receive(receiver->channel, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        CHECK_EQ(receiver->lowest, stream->count);
        CHECK_EQ(receiver->descriptors, (stream->count + 49999 - 777) / 50000);
        CHECK(receiver->small_ones > 0);
        leat_close(receiver->channel);
        free(receiver);
}

/* ---- the tests ---- */

static void fill(struct stream *stream) {
        struct stat status;
        uint64_t word = stream->seed;
        stream->pool = malloc(POOL);
        stream->descriptor = memfd_create("travels", MFD_CLOEXEC);
        CHECK(stream->pool && stream->descriptor >= 0 && fstat(stream->descriptor, &status) == 0);
        stream->inode = status.st_ino;
        for (uint64_t i = 0; i < POOL; i += sizeof word) {
                word = mix(word + 1);
                memcpy(stream->pool + i, &word, sizeof word);
        }
}

/* parts: of ten. */
static void run(const char *options, uint64_t parts) {
        struct stream stream = { .seed = harness_random(), .bound = harness_event_new() };
        stream.count = parts * harness_how_many(10000, 1000000, 100000000);
        snprintf(stream.address, sizeof stream.address, "shm:%s/long?aside=64M%s", harness_tmpdir(), options);
        fill(&stream);
        pid_t pid = harness_fork(send_all, &stream);
        receive_all(&stream);
        CHECK_EQ(harness_wait(pid), 0);
        close(stream.descriptor);
        free(stream.pool);
}

static void adaptive(void *argument) {
        (void)argument;
        run("", 6);
}

static void spinning(void *argument) {
        (void)argument;
        run("&wait=spin&ring=1M", 1);
}

static void sleeping(void *argument) {
        (void)argument;
        run("&wait=sleep", 3);
}

static void add_tests(void) {
        const struct harness_options options = { .timeout_s = (int)harness_how_many(240, 240, 7200) };
        harness_add_with("very_many_that_wait_as_they_like", adaptive, NULL, options);
        harness_add_with("very_many_that_spin", spinning, NULL, options);
        harness_add_with("very_many_that_sleep", sleeping, NULL, options);
}

TEST_MAIN_WITH(add_tests)
