/* SPDX-License-Identifier: MIT */
/*
 * What a message costs in calls: none for memory, once both ends are warm; and what a wait costs, which is one call to sleep
 * with, none while it spins, and no time while nothing comes.
 */
#include "both_ends.h"
#include "torture.h"

#include <leat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 8
#define LARGEST 40000 /* several frames, and no pipe is too small for it */

/* ---- no memory ---- */

static void one_by_one(struct ends *ends, const void *bytes, size_t size) {
        static char buffer[LARGEST];
        struct leat_message about = LEAT_MESSAGE_INIT;
        CHECK_EQ(leat_send(ends->sender, 1, bytes, size, SOON), 0);
        CHECK_EQ(leat_receive(ends->receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), size);
}

static void in_a_burst(struct ends *ends, const void *bytes, size_t size) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        char buffer[2048];
        options.deadline = SOON;
        for (int i = 0; i < BATCH; i++) {
                options.flags = i < BATCH - 1 ? LEAT_MORE : 0;
                CHECK_EQ(leat_send_with(ends->sender, bytes, size, &options), 0);
        }
        for (int i = 0; i < BATCH; i++)
                CHECK_EQ(leat_receive(ends->receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), size);
}

static void in_a_batch(struct ends *ends, const void *bytes, size_t size) {
        struct leat_outgoing out[BATCH];
        struct leat_incoming in[BATCH];
        char buffers[BATCH][2048];
        for (size_t i = 0; i < BATCH; i++) {
                out[i] = (struct leat_outgoing){ .type = 1, .bytes = bytes, .size_bytes = size };
                in[i] = (struct leat_incoming){ .buffer = buffers[i],
                                                .size_bytes = sizeof buffers[i],
                                                .about = LEAT_MESSAGE_INIT };
        }
        CHECK_EQ(leat_send_many(ends->sender, out, BATCH, SOON), BATCH);
        for (ssize_t n, done = 0; done < BATCH; done += n) {
                n = leat_receive_many(ends->receiver, LEAT_ANY, in + done, (size_t)(BATCH - done), SOON);
                CHECK(n > 0);
        }
}

static void allocates_nothing(void *argument) {
        static const size_t sizes[] = { 0, 64, 1000 };
        static const uint8_t bytes[LARGEST];
        struct leat_info info = LEAT_INFO_INIT;
        struct ends ends;
        ends_open(&ends, argument, "wait=adaptive");
        CHECK_EQ(leat_channel_info(ends.sender, &info), 0);
        size_t most = info.largest_bytes < LARGEST ? (size_t)info.largest_bytes : LARGEST;
        for (int round = 0; round < 40; round++) {
                if (round == 10)
                        torture_count(NULL); /* both ends are warm */
                for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                        one_by_one(&ends, bytes, sizes[i]);
                        in_a_batch(&ends, bytes, sizes[i]);
                        in_a_burst(&ends, bytes, sizes[i]);
                }
                one_by_one(&ends, bytes, most / 2);
                one_by_one(&ends, bytes, most);
        }
        CHECK_EQ(torture_counted(), 0);
        ends_close(&ends);
}

/* ---- how it waits ---- */

static ssize_t receive(struct ends *ends, int64_t deadline) {
        char buffer[64];
        return leat_receive(ends->receiver, LEAT_ANY, buffer, sizeof buffer, deadline, NULL);
}

/* Nothing comes: one that spins makes no call to sleep, one that sleeps makes one. */
static void waits_in_vain(void *argument) {
        struct ends ends;
        ends_open(&ends, argument, "wait=spin");
        CHECK_EQ(receive(&ends, LEAT_NOW), -EAGAIN);
        torture_count("ppoll");
        int64_t deadline = leat_in_ms(3);
        CHECK_EQ(receive(&ends, deadline), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        CHECK_EQ(torture_counted(), 0);
        ends_close(&ends);
        ends_open(&ends, argument, "wait=sleep");
        CHECK_EQ(receive(&ends, LEAT_NOW), -EAGAIN);
        torture_count("ppoll");
        CHECK_EQ(receive(&ends, leat_in_ms(3)), -ETIMEDOUT);
        CHECK(torture_counted() >= 1);
        ends_close(&ends);
}

/* What is there is taken without a wait, whatever is said. */
static void waits_for_nothing(void *argument) {
        static const char *const modes[] = { "wait=sleep", "wait=spin", "wait=adaptive" };
        for (size_t i = 0; i < 3; i++) {
                struct ends ends;
                ends_open(&ends, argument, modes[i]);
                CHECK_EQ(leat_send(ends.sender, 1, "x", 1, SOON), 0);
                CHECK_EQ(receive(&ends, SOON), 1); /* and whoever sends was accepted */
                CHECK_EQ(leat_send(ends.sender, 1, "x", 1, SOON), 0);
                torture_count("ppoll");
                CHECK_EQ(receive(&ends, SOON), 1);
                CHECK_EQ(torture_counted(), 0);
                ends_close(&ends);
        }
}

static void *send_when_asleep(void *argument) {
        struct ends *ends = argument;
        harness_wait_state(getpid(), "S"); /* the main thread */
        CHECK_EQ(leat_send(ends->sender, 1, "x", 1, SOON), 0);
        return NULL;
}

/* One that sleeps is woken by the message, and by nothing before it. */
static void sleeps_once(void *argument) {
        struct ends ends;
        pthread_t thread;
        ends_open(&ends, argument, "wait=sleep");
        CHECK_EQ(leat_send(ends.sender, 1, "x", 1, SOON), 0);
        CHECK_EQ(receive(&ends, SOON), 1);
        CHECK_EQ(receive(&ends, LEAT_NOW), -EAGAIN);
        torture_count("ppoll");
        CHECK_EQ(pthread_create(&thread, NULL, send_when_asleep, &ends), 0);
        CHECK_EQ(receive(&ends, SOON), 1);
        CHECK_EQ(torture_counted(), 1);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        ends_close(&ends);
}

/* Nor is a listener's epoll asked by who sleeps on it anyway, while one link brings all there is. */
static void sleeps_without_a_question(void *argument) {
        struct ends ends;
        pthread_t thread;
        ends_open(&ends, argument, "wait=sleep");
        CHECK_EQ(leat_send(ends.sender, 1, "x", 1, SOON), 0);
        CHECK_EQ(receive(&ends, SOON), 1);
        torture_count("epoll_wait");
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(pthread_create(&thread, NULL, send_when_asleep, &ends), 0);
                CHECK_EQ(receive(&ends, LEAT_NEVER), 1);
                CHECK_EQ(pthread_join(thread, NULL), 0);
        }
        CHECK_EQ(torture_counted(), 0);
        ends_close(&ends);
}

static int64_t used_ns(void) {
        struct timespec used;
        CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
        return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* It tried in vain a few times and then sleeps: of the time that passes it uses next to nothing. A bound on time that is
 * used, not on time that passes: a busy machine does not move it. */
static void idles(void *argument) {
        struct ends ends;
        ends_open(&ends, argument, "wait=adaptive");
        int64_t begin = leat_now(), used = used_ns();
        for (int i = 0; i < 20; i++)
                CHECK_EQ(receive(&ends, leat_in_ms(4)), -ETIMEDOUT);
        used = used_ns() - used;
        CHECK(used < (leat_now() - begin) / (SANITIZED ? 2 : 5));
        ends_close(&ends);
}

/* The same of one that waits for room. */
static void idles_while_full(void *argument) {
        static const uint8_t bytes[1000];
        struct ends ends;
        int r;
        ends_open(&ends, argument, "wait=adaptive");
        while ((r = leat_send(ends.sender, 1, bytes, sizeof bytes, LEAT_NOW)) == 0)
                ;
        CHECK_EQ(r, -EAGAIN);
        int64_t begin = leat_now(), used = used_ns();
        for (int i = 0; i < 20; i++)
                CHECK_EQ(leat_send(ends.sender, 1, bytes, sizeof bytes, leat_in_ms(4)), -ETIMEDOUT);
        used = used_ns() - used;
        CHECK(used < (leat_now() - begin) / (SANITIZED ? 2 : 5));
        ends_close(&ends);
}

static void add(const char *name, void (*function)(void *kind), const struct kind *kind) {
        char full[96];
        snprintf(full, sizeof full, "%s/%s", kind->name, name);
        harness_add(full, function, (void *)kind);
}

static void add_tests(void) {
        for (size_t i = 0; i < kinds_count; i++) {
                add("allocates-nothing", allocates_nothing, &kinds[i]);
                add("waits-in-vain", waits_in_vain, &kinds[i]);
                add("waits-for-nothing", waits_for_nothing, &kinds[i]);
                add("sleeps-without-a-question", sleeps_without_a_question, &kinds[i]);
                add("idles", idles, &kinds[i]);
                if (!kinds[i].address)
                        add("sleeps-once", sleeps_once, &kinds[i]);
                if (!kinds[i].address || strcmp(kinds[i].name, "mq") == 0)
                        add("idles-while-full", idles_while_full, &kinds[i]);
        }
}

TEST_MAIN_WITH(add_tests)
