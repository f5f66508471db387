/* SPDX-License-Identifier: MIT */
/* The tracer itself: what it counts, where it kills and stops, and that it sees a store to shared memory. */
#include "harness.h"
#include "tracer.h"
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 64

static struct tracer tracer;
static int ends[2];

static void need_ptrace(void) {
        const char *why = tracer_refused();
        if (why)
                SKIP("%s", why);
}

static void start(void (*function)(void *argument), void *argument) {
        CHECK_EQ(tracer_start(&tracer, function, argument), 0);
}

/* Go on until the n-th event of that kind, from the start of the child. */
static void run_to(enum tracer_event wanted, int n, enum tracer_pace pace) {
        enum tracer_event event;
        do {
                event = tracer_next(&tracer, pace);
                CHECK(event != TRACER_EXITED);
                n -= event == wanted;
        } while (n > 0);
}

/* From BEGIN to END: which events. Returns how many. */
static int trace(enum tracer_pace pace, enum tracer_event *ret_events) {
        int count = 0;
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        do {
                CHECK(count < EVENTS_MAX);
                ret_events[count] = tracer_next(&tracer, pace);
                CHECK(ret_events[count] != TRACER_EXITED);
        } while (ret_events[count++] != TRACER_END);
        return count;
}

static void finish(int exit_code) {
        tracer_release(&tracer);
        CHECK_EQ(tracer_wait(&tracer, harness_deadline_ms(40000)), exit_code);
        tracer_end(&tracer);
}

/* --- system calls only --- */

static void two_sends(void *argument) {
        (void)argument;
        step_begin();
        if (send(ends[1], "a", 1, 0) != 1 || send(ends[1], "b", 1, 0) != 1)
                _exit(3);
        step_end();
}

static ssize_t queued(void) {
        char buffer[8];
        ssize_t n = recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT);
        return n < 0 ? -errno : n;
}

static void open_ends(void) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_ends(void) {
        close(ends[0]);
        close(ends[1]);
}

static void same_events(enum tracer_pace pace) {
        static const enum tracer_event expected[] = { TRACER_ENTER, TRACER_LEAVE, TRACER_ENTER, TRACER_LEAVE,
                                                      TRACER_END };
        enum tracer_event events[EVENTS_MAX];
        start(two_sends, NULL);
        CHECK_EQ(trace(pace, events), sizeof expected / sizeof expected[0]);
        CHECK_MEM(events, expected, sizeof expected);
        CHECK_EQ(tracer.class_number, 2);
        if (pace == TRACER_INSTRUCTIONS)
                CHECK(tracer.instructions > 10 && tracer.instructions < 10000);
        finish(0);
}

TEST(counts_calls_at_either_pace) {
        need_ptrace();
        open_ends();
        same_events(TRACER_CALLS);
        same_events(TRACER_INSTRUCTIONS);
        CHECK_EQ(queued(), 4);
        close_ends();
}

static void kill_at(enum tracer_event event, int n, enum tracer_pace pace, ssize_t expected) {
        start(two_sends, NULL);
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        run_to(event, n, pace);
        tracer_kill(&tracer);
        CHECK_EQ(tracer_wait(&tracer, harness_deadline_ms(40000)), -SIGKILL);
        tracer_end(&tracer);
        CHECK_EQ(queued(), expected);
}

/* A call at whose entry the child was killed has not been executed, one that it left has. */
TEST(kills_before_and_after_a_call) {
        need_ptrace();
        open_ends();
        for (int pace = TRACER_CALLS; pace <= TRACER_INSTRUCTIONS; pace++) {
                kill_at(TRACER_ENTER, 1, pace, -EAGAIN);
                kill_at(TRACER_LEAVE, 1, pace, 1);
                kill_at(TRACER_ENTER, 2, pace, 1);
                kill_at(TRACER_LEAVE, 2, pace, 2);
                kill_at(TRACER_END, 1, pace, 2);
        }
        close_ends();
}

TEST(stops_and_continues) {
        need_ptrace();
        open_ends();
        start(two_sends, NULL);
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        run_to(TRACER_ENTER, 2, TRACER_CALLS);
        tracer_stop(&tracer);
        CHECK_EQ(queued(), 1);
        CHECK_EQ(tracer_wait(&tracer, 0), -ETIMEDOUT);
        CHECK_EQ(queued(), -EAGAIN);
        finish(0);
        CHECK_EQ(queued(), 1);
        close_ends();
}

static void receive_one(void *argument) {
        char byte;
        (void)argument;
        step_begin();
        if (recv(ends[1], &byte, 1, 0) != 1 || byte != 'x')
                _exit(3);
        step_end();
}

/* ASLEEP is told again for as long as nobody does anything; a sleeper can be stopped and goes on. */
TEST(sees_that_a_child_sleeps) {
        need_ptrace();
        open_ends();
        for (int pace = TRACER_CALLS; pace <= TRACER_INSTRUCTIONS; pace++) {
                start(receive_one, NULL);
                run_to(TRACER_BEGIN, 1, TRACER_CALLS);
                run_to(TRACER_ASLEEP, 2, pace);
                CHECK_EQ(tracer.call, SYS_recvfrom);
                CHECK_EQ(send(ends[0], "x", 1, 0), 1);
                run_to(TRACER_LEAVE, 1, pace);
                run_to(TRACER_END, 1, pace);
                finish(0);
                start(receive_one, NULL);
                run_to(TRACER_ASLEEP, 1, pace);
                tracer_stop(&tracer);
                CHECK_EQ(send(ends[0], "x", 1, 0), 1);
                CHECK_EQ(tracer_wait(&tracer, 0), -ETIMEDOUT);
                finish(0);
        }
        close_ends();
}

/* --- shared memory: a ring of one slot, with the length first --- */

struct slot {
        volatile uint32_t size;
        volatile uint32_t ready;
        volatile uint8_t bytes[8];
};

static struct slot *slot;

static void two_stores(void *argument) {
        (void)argument;
        step_begin();
        slot->size = 1;
        slot->size = 2;
        step_end();
}

static void publish(void *argument) {
        uint64_t sum = 0;
        (void)argument;
        step_shared(slot, sizeof *slot);
        step_begin();
        for (volatile int i = 0; i < 100; i++) /* of one class: nobody sees it */
                sum += (uint64_t)i;
        slot->bytes[0] = 'a';
        slot->bytes[1] = (uint8_t)(sum ? 'b' : 'c');
        slot->bytes[1] = 'b'; /* the same byte again changes nothing */
        slot->size = 2;
        slot->ready = 1;
        (void)syscall(SYS_getpid);
        slot->ready = 2;
        step_end();
}

TEST(a_store_to_shared_memory_begins_a_class) {
        static const enum tracer_event expected[] = { TRACER_CHANGED, TRACER_CHANGED, TRACER_CHANGED, TRACER_CHANGED,
                                                      TRACER_ENTER,   TRACER_LEAVE,   TRACER_CHANGED, TRACER_END };
        enum tracer_event events[EVENTS_MAX];
        need_ptrace();
        slot = harness_shared(sizeof *slot);
        start(publish, NULL);
        CHECK_EQ(trace(TRACER_INSTRUCTIONS, events), sizeof expected / sizeof expected[0]);
        CHECK_MEM(events, expected, sizeof expected);
        CHECK_EQ(tracer.class_number, 6);
        CHECK(tracer.instructions > 100);
        finish(0);
        CHECK_EQ(slot->ready, 2);
}

/* Killed in each class in turn, it leaves exactly what it had stored until then. */
TEST(kills_between_two_stores) {
        static const struct {
                uint8_t bytes[2];
                uint32_t size, ready;
        } expected[] = { { "a", 0, 0 }, { "ab", 0, 0 }, { "ab", 2, 0 }, { "ab", 2, 1 }, { "ab", 2, 2 } };
        need_ptrace();
        for (int i = 0; i < 5; i++) {
                slot = harness_shared(sizeof *slot);
                start(publish, NULL);
                run_to(TRACER_BEGIN, 1, TRACER_CALLS);
                run_to(TRACER_CHANGED, i + 1, TRACER_INSTRUCTIONS);
                tracer_kill(&tracer);
                tracer_end(&tracer);
                CHECK_MEM((const void *)slot->bytes, expected[i].bytes, 2);
                CHECK_EQ(slot->size, expected[i].size);
                CHECK_EQ(slot->ready, expected[i].ready);
        }
}

/* The tracer may register it too, and tells one content from another. */
TEST(shares_from_outside) {
        need_ptrace();
        slot = harness_shared(sizeof *slot);
        start(two_stores, NULL);
        CHECK(tracer_share(&tracer, (const void *)slot, sizeof *slot));
        CHECK(!tracer_share(&tracer, (const void *)slot, sizeof *slot));
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        run_to(TRACER_CHANGED, 1, TRACER_INSTRUCTIONS);
        uint64_t before = tracer_fingerprint(&tracer);
        CHECK_EQ(slot->size, 1);
        run_to(TRACER_CHANGED, 1, TRACER_INSTRUCTIONS);
        CHECK(tracer_fingerprint(&tracer) != before);
        run_to(TRACER_END, 1, TRACER_INSTRUCTIONS);
        finish(0);
}

/* --- breakpoints --- */

__attribute__((noinline)) static void come_by(void) {
        slot->size = slot->size + 1;
}

static void come_three_times(void *argument) {
        (void)argument;
        step_begin();
        for (int i = 0; i < 3; i++)
                come_by();
        step_end();
        come_by();
}

static void begin_with_break(unsigned n) {
        slot = harness_shared(sizeof *slot);
        start(come_three_times, NULL);
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        tracer_break(&tracer, (uintptr_t)come_by, n);
}

/* The child stands before it has executed it, and goes on as if nothing had been. */
TEST(breaks_before_an_instruction) {
        need_ptrace();
        for (unsigned n = 1; n <= 3; n++) {
                begin_with_break(n);
                CHECK_EQ(tracer_next(&tracer, TRACER_CALLS), TRACER_BROKEN);
                CHECK_EQ(tracer_address(&tracer), (uintptr_t)come_by);
                CHECK_EQ(slot->size, n - 1);
                run_to(TRACER_END, 1, TRACER_CALLS);
                finish(0);
                CHECK_EQ(slot->size, 4);
        }
        begin_with_break(4); /* it is not reached before the end, and let go with it */
        run_to(TRACER_END, 1, TRACER_CALLS);
        finish(0);
        CHECK_EQ(slot->size, 4);
}

TEST(kills_at_a_breakpoint) {
        need_ptrace();
        begin_with_break(2);
        CHECK_EQ(tracer_next(&tracer, TRACER_CALLS), TRACER_BROKEN);
        tracer_kill(&tracer);
        tracer_end(&tracer);
        CHECK_EQ(slot->size, 1);
}

/* The trace counts as the breakpoint does. */
TEST(tells_each_instruction) {
        unsigned times = 0, told = 0;
        enum tracer_event event;
        need_ptrace();
        slot = harness_shared(sizeof *slot);
        start(come_three_times, NULL);
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        while ((event = tracer_next(&tracer, TRACER_EACH)) != TRACER_END) {
                CHECK_EQ(event, TRACER_STEP);
                times += tracer_address(&tracer) == (uintptr_t)come_by;
                told++;
        }
        CHECK_EQ(times, 3);
        CHECK_EQ(told, tracer.instructions);
        finish(0);
}

static void raise_and_exit(void *argument) {
        (void)argument;
        step_begin();
        _exit(7);
}

TEST(tells_that_a_child_ended) {
        need_ptrace();
        start(raise_and_exit, NULL);
        run_to(TRACER_BEGIN, 1, TRACER_CALLS);
        CHECK_EQ(tracer_next(&tracer, TRACER_CALLS), TRACER_ENTER);
        CHECK_EQ(tracer_next(&tracer, TRACER_CALLS), TRACER_EXITED);
        CHECK_EQ(tracer_wait(&tracer, 0), 7);
        tracer_end(&tracer);
}

int main(int argc, char **argv) {
        tracer_without_rep_movsb(argv);
        return harness_main(argc, argv, NULL);
}
