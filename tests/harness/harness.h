/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_H
#define HARNESS_H

/*
 * The test harness.
 *
 *     #include "harness.h"
 *
 *     TEST(sends_one_message) {
 *             CHECK_EQ(leat_send(channel, 1, "a", 1, harness_deadline_ms(1000)), 0);
 *     }
 *     TEST_MAIN()
 *
 * Each test runs in a forked child that leads its own process group. It fails when a CHECK does, when
 * it crashes, hangs past its deadline, or leaves a descriptor, a child or a grandchild behind; under the
 * sanitizers also by what they find. Whatever it left is killed and removed before the next one.
 * What it wrote is shown only if it failed. Results go to standard output as TAP 13.
 *
 * Arguments of a test program: names or globs of tests to run; --list; --seed N; --shard I/N runs every N-th
 * test beginning with number I, counted from 0, so that N programs can share the work; --verbose shows the
 * output of every test; --debug runs the named test here, without fork, capture and deadline, for gdb.
 * Environment: LEAT_TEST_TIMEOUT_S (default 60; it scales the deadlines that tests set for themselves
 * and those of harness_deadline_ms() too), LEAT_TEST_SEED.
 *
 * A test program is single-threaded when main() begins. A CHECK ends the process that it is in, which
 * may be one made by harness_fork(): the test has failed all the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct harness_options {
        int timeout_s; /* 0: the default */
};

/* A test; it may be followed by fields of struct harness_options: TEST(waits_long, .timeout_s = 60). */
#define TEST(name, ...)                                                                                                \
        static void test_##name(void);                                                                                 \
        __attribute__((constructor)) static void register_##name(void) {                                               \
                harness_register(#name, test_##name, __FILE__, __LINE__, (struct harness_options){ __VA_ARGS__ });     \
        }                                                                                                              \
        static void test_##name(void)

#define TEST_MAIN()                                                                                                    \
        int main(int argc, char **argv) {                                                                              \
                return harness_main(argc, argv, NULL);                                                                 \
        }

/* The same; first calls a function that adds tests with harness_add(). */
#define TEST_MAIN_WITH(add_tests)                                                                                      \
        int main(int argc, char **argv) {                                                                              \
                return harness_main(argc, argv, add_tests);                                                            \
        }

#define CHECK(condition)                                                                                               \
        do {                                                                                                           \
                if (!(condition))                                                                                      \
                        harness_fail(__FILE__, __LINE__, "%s", "not so: " #condition);                                 \
        } while (0)
#define CHECK_EQ(a, b) harness_check_equal(__FILE__, __LINE__, #a, #b, (intmax_t)(a), (intmax_t)(b))
#define CHECK_STR(a, b) harness_check_string(__FILE__, __LINE__, #a, #b, a, b)
#define CHECK_MEM(a, b, size) harness_check_memory(__FILE__, __LINE__, #a, #b, a, b, size)
#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) harness_skip(__VA_ARGS__)

/* Add a test made at run time. The name is copied, the argument borrowed until the end. */
void harness_add(const char *name, void (*function)(void *argument), void *argument);
void harness_add_with(const char *name, void (*function)(void *argument), void *argument,
                      struct harness_options options);

/* A number that --seed repeats; each test has its own series, whatever ran before it. A forked child
 * goes on with a copy of its parent's series. Not for several threads at once. */
uint64_t harness_random(void);
uint64_t harness_random_below(uint64_t limit);
uint64_t harness_seed(void);

/* A point in time for the calls of libleat: so many milliseconds ahead, more on slow builds. */
int64_t harness_deadline_ms(int64_t milliseconds);

/* This test's private empty directory; it and all in it are removed at the end. It is also
 * XDG_RUNTIME_DIR, so bare names are private to the test. */
const char *harness_tmpdir(void);

/* What outlives every process (a queue of the system): remove(what) is called when this test has ended, however it did.
 * `what` is copied: up to 159 bytes, up to 64 of them; one that is told twice counts once. */
void harness_remove_later(void (*remove)(const char *what), const char *what);

/* Run function(argument) in a child; it ends with 0 when the function returns. */
pid_t harness_fork(void (*function)(void *argument), void *argument);

/* Wait until a child ended. Returns its exit code, or minus the signal that killed it. */
int harness_wait(pid_t pid);

/* kill -9, and reap. */
void harness_kill(pid_t pid);

/* SIGSTOP: when this returns it stands; and SIGCONT. */
void harness_stop(pid_t pid);
void harness_continue(pid_t pid);

/* function(argument) in so many threads at once, 64 at most; returns when all have ended. */
void harness_threads(size_t count, void *(*function)(void *argument), void *argument);

/* Zeroed memory that this test and its children share. Freed with the test. */
void *harness_shared(size_t size_bytes);

/*
 * An event counts signals between the processes and threads of a test: a wait takes one, and fails
 * the test when none comes until 50 s (scaled) passed. The memory is shared; no descriptors.
 */
struct harness_event;
struct harness_event *harness_event_new(void);
void harness_event_signal(struct harness_event *event);
bool harness_event_try(struct harness_event *event, int64_t deadline);
#define harness_event_wait(event) harness_event_wait_at(__FILE__, __LINE__, event)
void harness_event_wait_at(const char *file, int line, struct harness_event *event);

/* Wait until something that no event tells of is so, looking again and again. Fails the test after 50 s (scaled). */
#define WAIT_UNTIL(condition)                                                                                          \
        for (int64_t deadline_ = harness_deadline_ms(50000); !(condition);)                                            \
        harness_give_way(__FILE__, __LINE__, #condition, deadline_)

/* Wait until a process is in that state: one of the letters of /proc/PID/stat, "S" asleep, "T"
 * stopped. Fails the test after 50 s (scaled). For an end take waitid(2): a leader is "Z" while
 * another thread of its process still runs. */
void harness_wait_state(pid_t pid, const char *letters);
char harness_state(pid_t pid); /* now; '?' if there is no such process */

/* Is that descriptor readable now? */
bool harness_is_readable(int fd);
/* Wait until it is. Fails the test after 50 s (scaled). */
void harness_wait_readable(int fd);

/* Is this process root, and may be somebody else? Else the test is skipped. */
void harness_need_root(void);
/* From here on this process is a user and a group (65534) to which nothing belongs. */
void harness_be_nobody(void);

/* How many descriptors this process has open. */
int harness_count_descriptors(void);

/* May this process have so many? Else the test is skipped. */
void harness_allow_descriptors(size_t wanted);

/* From here on a system call (SYS_...) fails with this errno, in this process and in those that it starts, as a filter of a sandbox has it. Returns
 * whether it does. */
bool harness_refuse_call(long number, int error);

/*
 * From here on the processor's time-stamp counter tells this thread, and those and the processes that it begins, how often it was read and no time: what is done only
 * where something was so some microseconds ago is done on a slow build and a busy machine, too. Each reading takes some microseconds. false: not to be had here.
 */
bool harness_stop_counter(void);

/* Is this a build with a sanitizer, which makes all of it slow? */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* How many there are to be: as LEAT_TEST_SIZE says, small, normal or long; with sanitizers always few. */
uint64_t harness_how_many(uint64_t few, uint64_t normal, uint64_t many);

/* What the macros call. */
int harness_main(int argc, char **argv, void (*add_tests)(void));
void harness_register(const char *name, void (*function)(void), const char *file, int line,
                      struct harness_options options);
_Noreturn void harness_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void harness_give_way(const char *file, int line, const char *condition, int64_t deadline);
void harness_check_equal(const char *file, int line, const char *a, const char *b, intmax_t x, intmax_t y);
void harness_check_string(const char *file, int line, const char *a, const char *b, const char *x, const char *y);
void harness_check_memory(const char *file, int line, const char *a, const char *b, const void *x, const void *y,
                          size_t size);

#endif
