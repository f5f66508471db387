/* SPDX-License-Identifier: MIT */
/*
 * What a channel costs while nothing comes: no call to the system and no CPU time, under 16 KiB beside its buffers; and ten thousand
 * of them are in one process.
 */
#include "both_ends.h"
#include "torture.h"

#include <errno.h>
#include <leat.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KINDS_MOST 32

static bool is_long(void) {
        const char *size = getenv("LEAT_TEST_SIZE");
        return size && strcmp(size, "long") == 0;
}

static bool is_small(void) {
        const char *size = getenv("LEAT_TEST_SIZE");
        return size && strcmp(size, "small") == 0;
}

/* ---- memory ---- */

#define OF_EACH 10
#define CHANNEL_MOST 16384
#define BUFFERS_MOST 3 /* of a channel */

static void is_small_beside_its_buffers(void *argument) {
        static struct ends ends[OF_EACH];
        long before, buffers_before, bytes, buffers;
        const struct kind *kind = argument;
        int many = kind->address ? 1 : OF_EACH; /* what has a name is there once */
        torture_held(&before, &buffers_before);
        for (int i = 0; i < many; i++) {
                ends_open(&ends[i], kind, "wait=adaptive");
                for (int k = 0; k < 3; k++)
                        ends_use(&ends[i]);
                ends_settle(&ends[i]);
        }
        torture_held(&bytes, &buffers);
        bytes = (bytes - before) / (2 * many);
        buffers = (buffers - buffers_before) / (2 * many);
        if (bytes <= 0 || bytes >= CHANNEL_MOST || buffers > BUFFERS_MOST)
                FAIL("an idle channel holds %ld bytes beside its %ld buffers", bytes, buffers);
        for (int i = 0; i < many; i++)
                ends_close(&ends[i]);
        torture_held(&bytes, &buffers);
        CHECK_EQ(buffers, buffers_before);
}

/* ---- time ---- */

struct sleeper {
        struct ends ends;
        pthread_t thread;
        _Atomic pid_t id;
};

static void *sleep_in_receive(void *argument) {
        struct sleeper *sleeper = argument;
        char byte;
        atomic_store(&sleeper->id, (pid_t)syscall(SYS_gettid));
        CHECK_EQ(leat_receive(sleeper->ends.receiver, LEAT_ANY, &byte, 1, LEAT_NEVER, NULL), -ECANCELED);
        return NULL;
}

/* Each has made its call to wait, and is in it. */
static void wait_until_asleep(struct sleeper *sleepers, size_t count) {
        while (torture_counted() < (long)count)
                (void)sched_yield();
        for (size_t i = 0; i < count; i++)
                harness_wait_state(atomic_load(&sleepers[i].id), "S");
}

static int64_t used_ns(void) {
        struct timespec used;
        CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
        return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Nothing comes on `quiet`: time passes. */
static void pass(struct ends *quiet, int milliseconds) {
        char byte;
        CHECK_EQ(leat_receive(quiet->receiver, LEAT_ANY, &byte, 1, leat_in_ms(milliseconds), NULL), -ETIMEDOUT);
}

/* One thread waits on a channel of each transport. Nothing comes, and so none of them wakes up: no call to wait begins but this thread's own.
 * 60 seconds of it in the long version; and then the time of the CPU that all of them used is looked at, too. */
static void sleeps(void *none) {
        (void)none;
        static struct sleeper sleepers[KINDS_MOST];
        struct ends quiet;
        int milliseconds = is_long() ? 60000 : 200;
        CHECK(kinds_count <= KINDS_MOST);
        CHECK_EQ(leat_pair("pipe:?wait=sleep", NULL, &quiet.receiver, &quiet.sender), 0);
        for (size_t i = 0; i < kinds_count; i++) {
                ends_open(&sleepers[i].ends, &kinds[i], "wait=adaptive");
                ends_use(&sleepers[i].ends);
                ends_settle(&sleepers[i].ends);
        }
        torture_count("ppoll");
        for (size_t i = 0; i < kinds_count; i++)
                CHECK_EQ(pthread_create(&sleepers[i].thread, NULL, sleep_in_receive, &sleepers[i]), 0);
        wait_until_asleep(sleepers, kinds_count);
        torture_count("ppoll");
        int64_t used = used_ns();
        pass(&quiet, milliseconds);
        used = used_ns() - used;
        CHECK(torture_counted() <= 3); /* a timer may fire a little early, and this thread waits again */
        if (is_long())
                CHECK(used < 20 * INT64_C(1000000)); /* of 60 s */
        for (size_t i = 0; i < kinds_count; i++) {
                CHECK_EQ(leat_interrupt(sleepers[i].ends.receiver), 0);
                CHECK_EQ(pthread_join(sleepers[i].thread, NULL), 0);
                ends_close(&sleepers[i].ends);
        }
        ends_close(&quiet);
}

/* ---- many ---- */

/* Most are both ends of pipes and sockets, with a descriptor and a wake each; and a queue of the system has many senders, with a wake
 * each: so a limit of 20,000 descriptors is enough. */
#define PAIRS 4950
#define SENDERS 100

static void allow_descriptors(rlim_t wanted) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        struct rlimit higher = { .rlim_cur = wanted, .rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted };
        if (limit.rlim_cur < wanted && setrlimit(RLIMIT_NOFILE, &higher) < 0)
                SKIP("it takes %lu descriptors, and the limit is %lu: ulimit -n", (unsigned long)wanted,
                     (unsigned long)limit.rlim_max);
}

static void open_senders(struct leat_channel **senders, size_t count) {
        char address[256];
        snprintf(address, sizeof address, "sysv-mq:%s#1", harness_tmpdir());
        for (size_t i = 0; i < count; i++)
                CHECK_EQ(leat_open(address, LEAT_SEND, SOON, &senders[i]), 0);
}

static const struct kind *kind_named(const char *name) {
        for (size_t i = 0; i < kinds_count; i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return &kinds[i];
        FAIL("there is no %s", name);
}

/* Opened, used, left alone, still there, and closed. */
static void ten_thousand(void *none) {
        (void)none;
        static struct ends ends[PAIRS], queue;
        static struct leat_channel *senders[SENDERS];
        static const char *const names[] = { "pipe", "unix", "unix-stream" };
        size_t pairs = is_small() ? PAIRS / 10 : PAIRS;
        int descriptors = harness_count_descriptors();
        allow_descriptors(4 * pairs + SENDERS + 40);
        for (size_t i = 0; i < pairs; i++)
                ends_open(&ends[i], kind_named(names[i % 3]), "wait=adaptive");
        ends_open(&queue, kind_named("sysv-mq"), "wait=adaptive");
        open_senders(senders, SENDERS);
        for (size_t i = 0; i < pairs; i++)
                ends_use(&ends[i]);
        for (size_t i = 0; i < SENDERS; i++) {
                char byte;
                CHECK_EQ(leat_send(senders[i], 1, "x", 1, SOON), 0);
                CHECK_EQ(leat_receive(queue.receiver, LEAT_ANY, &byte, 1, SOON, NULL), 1);
        }
        for (size_t i = 0; i < pairs; i++)
                ends_settle(&ends[i]);
        ends_use(&ends[0]);
        ends_use(&ends[pairs - 1]);
        for (size_t i = 0; i < pairs; i++)
                ends_close(&ends[i]);
        for (size_t i = 0; i < SENDERS; i++)
                leat_close(senders[i]);
        ends_close(&queue);
        CHECK_EQ(harness_count_descriptors(), descriptors);
}

static void add_tests(void) {
        for (size_t i = 0; i < kinds_count; i++) {
                char full[96];
                snprintf(full, sizeof full, "%s/is-small-beside-its-buffers", kinds[i].name);
                harness_add(full, is_small_beside_its_buffers, (void *)&kinds[i]);
        }
        harness_add_with("sleeps", sleeps, NULL, (struct harness_options){ .timeout_s = is_long() ? 150 : 0 });
        harness_add("ten-thousand", ten_thousand, NULL);
}

TEST_MAIN_WITH(add_tests)
