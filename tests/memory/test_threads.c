/* SPDX-License-Identifier: MIT */

/*
 * Sender and receiver are two threads, and what they share lies at the same addresses for both.
 *
 * The thread sanitizer knows memory by its address. Two mappings of one file are two memories to it: between a sender that writes through its own and a
 * receiver that reads through another it sees no race, whatever is missing. Here there is one: a store that does not release, or a load
 * that does not acquire, is told. Without the sanitizer these are tests of the same things.
 */

#include "rings.h"

#include "memory/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define SOON harness_deadline_ms(40000)

/* ---- the ring alone, in plain memory ---- */

#define RING_BYTES 4096
#define RECORD_MOST 640

struct both {
        _Alignas(64) uint8_t bytes[RING_BYTES];
        struct ring_state state;
        struct ring_writer writer;
        struct ring_reader reader;
        uint64_t records;
        bool several; /* are published at once */
        bool exactly; /* the writer asks how far it was read, and not how far it was told */
};

/* It is mapped once: a record that would go beyond its end is made to end there. */
static uint64_t length_at(uint64_t position, uint64_t number) {
        uint64_t left = RING_BYTES - position % RING_BYTES, length = ring_round(RING_ALIGN + number * 7919 % 500);
        return left < RECORD_MOST && left < length + RING_ALIGN ? left : length;
}

static int put(struct ring_writer *writer, uint64_t number, bool exactly) {
        uint64_t length = length_at(writer->head + writer->pending, number);
        int r = (exactly ? ring_room_exactly : ring_room)(writer, length);
        if (r < 0)
                return r;
        memset(ring_place(writer) + 8, (int)(number % 251), length - 8);
        ring_add(writer, length, length);
        return 0;
}

static bool take(struct ring_reader *reader, uint64_t number) {
        uint8_t copy[RECORD_MOST];
        uint64_t length = ring_look(reader);
        if (length == 0)
                return false;
        CHECK_EQ(length, length_at(reader->tail, number));
        memcpy(copy, ring_record(reader), length);
        for (uint64_t i = 8; i < length; i++)
                CHECK(copy[i] == number % 251);
        ring_advance(reader, length);
        if (ring_owes(reader))
                ring_tell(reader);
        return true;
}

static void *write_all(void *argument) {
        struct both *both = argument;
        for (uint64_t number = 0; number < both->records;) {
                int r = put(&both->writer, number, both->exactly);
                CHECK(r == 0 || r == -EAGAIN);
                number += r == 0;
                if (r < 0 || !both->several || number % 3 == 0 || number == both->records)
                        ring_publish(&both->writer);
                if (r < 0)
                        (void)sched_yield();
        }
        return NULL;
}

static void go_round(uint64_t start, bool several, bool exactly) {
        static struct both both;
        pthread_t thread;
        both = (struct both){ .records = harness_how_many(20000, 200000, 2000000),
                              .several = several,
                              .exactly = exactly };
        atomic_store_explicit(&both.state.taken, start, memory_order_relaxed);
        atomic_store_explicit(&both.state.read, start, memory_order_relaxed);
        both.writer = (struct ring_writer){ .bytes = both.bytes,
                                            .size = RING_BYTES,
                                            .head = start,
                                            .taken = start,
                                            .told = start,
                                            .theirs = &both.state };
        both.reader = (struct ring_reader){
                .bytes = both.bytes, .size = RING_BYTES, .tail = start, .told = start, .mine = &both.state
        };
        CHECK_EQ(pthread_create(&thread, NULL, write_all, &both), 0);
        for (uint64_t number = 0; number < both.records;)
                if (take(&both.reader, number))
                        number++;
                else {
                        ring_tell(&both.reader);
                        (void)sched_yield();
                }
        CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(records_one_by_one) {
        go_round(0, false, false);
}

TEST(records_of_which_several_are_published_at_once) {
        go_round((UINT64_C(1) << 32) - RING_BYTES, true, false);
}

TEST(records_behind_the_last_position_as_far_as_they_are_read) {
        go_round(UINT64_MAX - RING_BYTES + 1, true, true);
}

/* ---- whole channels ---- */

#define LARGEST 70000 /* goes in two parts */

struct way {
        struct leat_channel *from, *to;
        uint64_t count;
};

static size_t size_of(uint64_t number) {
        return number % 500 == 499 ? LARGEST : number % 50 == 49 ? 8000 : (size_t)(number * 7919 % 300);
}

static void *send_all(void *argument) {
        static uint8_t bytes[LARGEST];
        const struct way *way = argument;
        for (uint64_t number = 0; number < way->count; number++) {
                memset(bytes, (int)(number % 251), size_of(number));
                int r = leat_send(way->from, 1 + (int64_t)(number % 7), bytes, size_of(number), SOON);
                CHECK_EQ(r, 0);
        }
        return NULL;
}

static void take_all(const struct way *way) {
        static uint8_t bytes[LARGEST];
        for (uint64_t number = 0; number < way->count; number++) {
                CHECK_EQ(leat_receive(way->to, LEAT_ANY, bytes, sizeof bytes, SOON, NULL), size_of(number));
                for (size_t i = 0; i < size_of(number); i++)
                        CHECK(bytes[i] == number % 251);
        }
}

/* The two have heard of each other. */
static void run(struct leat_channel *to, struct leat_channel *from) {
        struct way way = { from, to, harness_how_many(3000, 30000, 300000) };
        struct one_mapping one;
        pthread_t thread;
        see_as_one(&one, ring_of(from), ring_of(to));
        CHECK_EQ(pthread_create(&thread, NULL, send_all, &way), 0);
        take_all(&way);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        see_apart(&one);
        leat_close(from);
        CHECK_EQ(leat_receive(to, LEAT_ANY, NULL, 0, SOON, NULL), -ENODATA);
        leat_close(to);
}

static void run_pair(const char *address) {
        struct leat_channel *to, *from;
        CHECK_EQ(leat_pair(address, NULL, &to, &from), 0);
        run(to, from);
}

static void run_named(const char *options) {
        char address[200];
        snprintf(address, sizeof address, "shm:%s/threads?%s", harness_tmpdir(), options);
        struct leat_channel *to = open_or_fail(address, LEAT_RECEIVE, SOON);
        struct leat_channel *from = open_or_fail(address, LEAT_SEND, SOON);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_send(from, 1, "x", 1, SOON), 0);
                take_or_fail(to, "x", SOON);
        }
        run(to, from);
}

TEST(a_pair_that_waits_as_it_likes) {
        run_pair("shm:");
}

TEST(a_pair_that_spins) {
        run_pair("shm:?wait=spin");
}

TEST(a_pair_that_sleeps) {
        run_pair("shm:?wait=sleep");
}

TEST(a_named_one_that_waits_as_it_likes) {
        run_named("ring=128k");
}

TEST(a_named_one_that_spins) {
        run_named("ring=128k&wait=spin");
}

TEST(a_named_one_that_sleeps) {
        run_named("ring=128k&wait=sleep");
}

TEST_MAIN()
