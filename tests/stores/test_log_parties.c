/* SPDX-License-Identifier: MIT */
/* Many parties of a log at once, killed in the middle of what they do. */
#include "ends.h"
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

static int diagnostics = -1; /* the real standard output: numbers are shown whatever the verdict */
static char address[256];

static struct leat_channel *open_end(const char *options, unsigned flags) {
        snprintf(address, sizeof address, "log:%s/log%s", harness_tmpdir(), options);
        return open_or_fail(address, flags, SOON);
}

/* ---- 2,000 writers, killed in mid-append ---- */

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define WRITERS 200u
#else
#define WRITERS 2000u
#endif
#define AT_ONCE 2u
#define LARGEST 400000u
#define LONGEST_US 300     /* from the beginning of a send to the kill: what the largest takes, and some */
#define MESSAGES_MAX 4096u /* of one writer */
#define LEAST 100u         /* are killed, however slow the machine; after LONG_MS no more than these */
#define LONG_MS 60000

struct shared {
        _Atomic unsigned returned[WRITERS]; /* sends that returned success */
        _Atomic unsigned begun_sends[WRITERS];
        struct harness_event *begun, *go;
};

static struct shared *shared;
static unsigned writer;

/* The type says who and which; size and bytes follow. */
static int64_t type_of(unsigned who, unsigned number) {
        return 1 + (int64_t)who * MESSAGES_MAX + number;
}

static size_t size_of(int64_t type) {
        return (size_t)(type * 7919 % LARGEST);
}

static unsigned char pattern[LARGEST + 251];

static const void *bytes_of(int64_t type) {
        return pattern + type % 251;
}

static void write_until_killed(void *options) {
        struct leat_channel *sender = open_end(options, LEAT_SEND);
        harness_event_signal(shared->begun);
        harness_event_wait(shared->go);
        for (unsigned number = 0; number < MESSAGES_MAX; number++) {
                int64_t type = type_of(writer, number);
                shared->begun_sends[writer] = number + 1;
                int r = leat_send(sender, type, bytes_of(type), size_of(type), SOON);
                if (r < 0)
                        FAIL("send: %s", leat_strerror(r));
                shared->returned[writer] = number + 1;
        }
        for (;;) /* whoever is to kill it was held up for that long */
                pause();
}

static unsigned taken[WRITERS]; /* what must come next of each, at most one further than what returned */

static ssize_t take_all(struct leat_channel *receiver) {
        static unsigned char buffer[LARGEST];
        struct leat_message about = LEAT_MESSAGE_INIT;
        ssize_t n;
        while ((n = leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, &about)) >= 0) {
                unsigned who = (unsigned)((about.type - 1) / MESSAGES_MAX);
                CHECK(about.type >= 1 && who < WRITERS);
                CHECK_EQ((about.type - 1) % MESSAGES_MAX, taken[who]);
                taken[who]++;
                CHECK_EQ(n, size_of(about.type));
                CHECK_MEM(buffer, bytes_of(about.type), (size_t)n);
        }
        return n;
}

/* One of its first sends has begun; and a moment within it, chosen at random, has come. */
static void wait_for_the_middle(unsigned who) {
        unsigned send = 1 + (unsigned)harness_random_below(3);
        int64_t give_up = SOON;
        while (shared->begun_sends[who] < send && leat_now() < give_up)
                ;
        int64_t moment = leat_in_us((int64_t)harness_random_below(LONGEST_US));
        while (leat_now() < moment)
                ;
}

static void kill_some(struct leat_channel *receiver, unsigned first, const char *options) {
        pid_t pids[AT_ONCE];
        for (unsigned i = 0; i < AT_ONCE; i++) {
                writer = first + i;
                pids[i] = harness_fork(write_until_killed, (void *)options);
        }
        for (unsigned i = 0; i < AT_ONCE; i++)
                harness_event_wait(shared->begun);
        for (unsigned i = 0; i < AT_ONCE; i++)
                harness_event_signal(shared->go);
        for (unsigned i = 0; i < AT_ONCE; i++) {
                wait_for_the_middle(first + i);
                CHECK_EQ(kill(pids[i], SIGKILL), 0);
        }
        for (unsigned i = 0; i < AT_ONCE; i++)
                CHECK_EQ(harness_wait(pids[i]), -SIGKILL);
        CHECK_EQ(take_all(receiver), -EAGAIN);
        for (unsigned i = first; i < first + AT_ONCE; i++)
                CHECK(taken[i] == shared->returned[i] || taken[i] == shared->returned[i] + 1);
}

static void kill_writers(const char *options, unsigned writers) {
        shared = harness_shared(sizeof *shared);
        shared->begun = harness_event_new();
        shared->go = harness_event_new();
        for (size_t i = 0; i < sizeof pattern; i++)
                pattern[i] = (unsigned char)(i % 251 ^ i / 251 * 7);
        struct leat_channel *receiver = open_end("", LEAT_RECEIVE);
        uint64_t sent = 0, more = 0;
        unsigned killed = 0;
        for (int64_t long_enough = leat_in_ms(LONG_MS); killed < writers; killed += AT_ONCE) {
                if (killed >= LEAST && leat_now() > long_enough)
                        break;
                kill_some(receiver, killed, options);
        }
        for (unsigned i = 0; i < killed; i++) {
                sent += shared->returned[i];
                more += taken[i] - shared->returned[i];
        }
        struct leat_info info = LEAT_INFO_INIT;
        CHECK_EQ(leat_channel_info(receiver, &info), 0);
        dprintf(diagnostics, "# %u writers killed, %llu sends returned, %llu more were whole, %llu torn (seed %llu)\n",
                killed, (unsigned long long)sent, (unsigned long long)more, (unsigned long long)info.refused,
                (unsigned long long)harness_seed());
        leat_close(receiver);
}

/* All 2,000 in the normal size of a build without sanitizers. */
static unsigned writers_to_kill(void) {
        const char *size = getenv("LEAT_TEST_SIZE");
        return size && strcmp(size, "small") == 0 && WRITERS > 200 ? 200 : WRITERS;
}

TEST(writers_killed_in_mid_append, .timeout_s = 240) {
        kill_writers("?rotate=32M&retain=512M", writers_to_kill());
}

/* Files so small that many are killed while they make the next one. */
TEST(writers_killed_while_they_rotate, .timeout_s = 240) {
        kill_writers("?rotate=1M&retain=512M", writers_to_kill() / 4);
}

/* ---- several senders and readers over many files ---- */

#define SENDERS 3
#define EACH 3000

static void send_numbers(void *argument) {
        struct leat_channel *sender = open_end("?rotate=8k", LEAT_SEND);
        (void)argument;
        for (unsigned number = 0; number < EACH; number++)
                CHECK_EQ(leat_send(sender, writer + 1, &number, sizeof number, SOON), 0);
        leat_close(sender);
}

static void read_numbers(void *begun) {
        struct leat_channel *receiver = open_end("?end", LEAT_RECEIVE);
        struct leat_message about = LEAT_MESSAGE_INIT;
        unsigned next[SENDERS] = { 0 }, number, total = 0;
        harness_event_signal(begun);
        while (total < SENDERS * EACH) {
                ssize_t n = leat_receive(receiver, LEAT_ANY, &number, sizeof number, SOON, &about);
                if (n == -ENODATA)
                        continue; /* between two senders */
                CHECK_EQ(n, sizeof number);
                CHECK(about.type >= 1 && about.type <= SENDERS);
                CHECK_EQ(number, next[about.type - 1]);
                next[about.type - 1]++;
                total++;
        }
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, &number, sizeof number, SOON, &about), -ENODATA);
        leat_close(receiver);
}

TEST(readers_follow_over_many_files, .timeout_s = 60) {
        struct harness_event *begun = harness_event_new();
        pid_t pids[2 * SENDERS];
        for (unsigned i = 0; i < SENDERS; i++)
                pids[i] = harness_fork(read_numbers, begun);
        for (unsigned i = 0; i < SENDERS; i++)
                harness_event_wait(begun);
        for (writer = 0; writer < SENDERS; writer++)
                pids[SENDERS + writer] = harness_fork(send_numbers, NULL);
        for (unsigned i = 0; i < 2 * SENDERS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        struct leat_info info = LEAT_INFO_INIT;
        snprintf(address, sizeof address, "log:%s/log", harness_tmpdir());
        CHECK_EQ(leat_inspect(address, NULL, &info), 0);
        CHECK_EQ(info.queued_messages, SENDERS * EACH);
}

static void begin(void) {
        diagnostics = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

TEST_MAIN_WITH(begin)
