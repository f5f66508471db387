/* SPDX-License-Identifier: MIT */
/*
 * The harness must see what it is there to see. Each control below is run by a second copy of this
 * program with LEAT_HARNESS_CONTROL set, and its TAP is read here.
 */
#include "harness.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- controls: what goes wrong --- */

static void control_passes(void *argument) {
        (void)argument;
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(close(fd), 0);
}

static void control_fails(void *argument) {
        (void)argument;
        CHECK_EQ(1 + 1, 3);
}

static void control_crashes(void *argument) {
        (void)argument;
        raise(SIGSEGV);
}

static void control_hangs(void *argument) {
        (void)argument;
        for (;;)
                pause();
}

static void control_leaks_descriptor(void *argument) {
        (void)argument;
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static void control_closes_descriptor(void *argument) {
        (void)argument;
        CHECK_EQ(close(STDIN_FILENO), 0);
}

static void pause_for_ever(void *argument) {
        (void)argument;
        for (;;)
                pause();
}

static void control_leaks_child(void *argument) {
        (void)argument;
        harness_fork(pause_for_ever, NULL);
}

static void nothing(void *argument) {
        (void)argument;
}

static pid_t fork_that_ends(void) {
        siginfo_t info; /* not /proc's "Z": a leader is one while another thread of its process still ends */
        pid_t pid = harness_fork(nothing, NULL);
        CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        return pid;
}

static void control_leaves_zombie(void *argument) {
        (void)argument;
        (void)fork_that_ends();
}

static void control_kills_one_that_ended(void *argument) {
        (void)argument;
        harness_kill(fork_that_ends());
}

static void fork_grandchild(void *argument) {
        (void)argument;
        harness_fork(pause_for_ever, NULL);
}

static void control_leaks_grandchild(void *argument) {
        (void)argument;
        CHECK_EQ(harness_wait(harness_fork(fork_grandchild, NULL)), 0);
}

static void control_skips(void *argument) {
        (void)argument;
        SKIP("no such thing here");
}

static void control_exits(void *argument) {
        (void)argument;
        exit(0);
}

static void fail_in_child(void *argument) {
        (void)argument;
        CHECK(false);
}

static void control_fails_in_child(void *argument) {
        (void)argument;
        harness_wait(harness_fork(fail_in_child, NULL)); /* its exit code is not looked at */
}

static void control_leaves_files(void *argument) {
        char path[128];
        (void)argument;
        snprintf(path, sizeof path, "%s/file", harness_tmpdir());
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
        printf("directory %s\n", harness_tmpdir());
        FAIL("so that the output is shown");
}

static void say_removed(const char *what) {
        printf("# removed %s\n", what);
}

static void control_leaves_later(void *argument) {
        (void)argument;
        harness_remove_later(say_removed, "one");
        harness_remove_later(say_removed, "two");
        harness_remove_later(say_removed, "one");
        raise(SIGKILL);
}

static const struct {
        const char *name;
        void (*function)(void *argument);
        int timeout_s;
} controls[] = {
        { "passes", control_passes, 0 },
        { "fails", control_fails, 0 },
        { "crashes", control_crashes, 0 },
        { "hangs", control_hangs, 1 },
        { "leaks_descriptor", control_leaks_descriptor, 0 },
        { "closes_descriptor", control_closes_descriptor, 0 },
        { "leaks_child", control_leaks_child, 0 },
        { "leaves_zombie", control_leaves_zombie, 0 },
        { "kills_one_that_ended", control_kills_one_that_ended, 0 },
        { "leaks_grandchild", control_leaks_grandchild, 0 },
        { "skips", control_skips, 0 },
        { "exits", control_exits, 0 },
        { "fails_in_child", control_fails_in_child, 0 },
        { "leaves_files", control_leaves_files, 0 },
        { "leaves_later", control_leaves_later, 0 },
};

/* --- what the harness says about them --- */

static char said[65536];

/* Run one control in a harness of its own. Returns what that exited with. */
static int run_control(const char *name) {
        char command[256], self[128];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        CHECK(n > 0);
        self[n] = '\0';
        snprintf(command, sizeof command, "LEAT_HARNESS_CONTROL=1 LEAT_TEST_GRACE_S=1 '%s' --seed 7 %s 2>&1 </dev/null",
                 self, name);
        FILE *pipe = popen(command, "re");
        CHECK(pipe != NULL);
        said[fread(said, 1, sizeof said - 1, pipe)] = '\0';
        int status = pclose(pipe);
        printf("%s", said);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void expect_failure(const char *name, const char *why) {
        char line[80];
        CHECK_EQ(run_control(name), 1);
        snprintf(line, sizeof line, "\nnot ok 1 - %s\n", name);
        CHECK(strstr(said, line) != NULL);
        CHECK(strstr(said, why) != NULL);
}

TEST(sees_success) {
        CHECK_EQ(run_control("passes"), 0);
        CHECK_STR(said, "TAP version 13\n1..1\n# seed 7\nok 1 - passes\n");
}

TEST(sees_failure) {
        expect_failure("fails", "1 + 1 is 2 (0x2), not 3");
}

TEST(sees_crash) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        expect_failure("crashes", "SEGV"); /* the sanitizer catches the signal and reports it */
#else
        expect_failure("crashes", "killed by SIGSEGV");
#endif
}

TEST(sees_hang) {
        expect_failure("hangs", "hung: not done after");
        CHECK(strstr(said, "at the deadline: pid") != NULL);
}

TEST(sees_leaked_descriptor) {
        expect_failure("leaks_descriptor", "leaked descriptor");
        CHECK(strstr(said, "(/dev/null)") != NULL);
}

TEST(sees_descriptor_closed_that_was_not_its_own) {
        expect_failure("closes_descriptor", "closed descriptor 0");
}

TEST(sees_leaked_child) {
        expect_failure("leaks_child", "leaked child: one still runs");
}

TEST(sees_unreaped_child) {
        expect_failure("leaves_zombie", "was not reaped");
}

TEST(sees_that_it_had_ended_before_it_was_killed) {
        expect_failure("kills_one_that_ended", "-SIGKILL");
}

TEST(sees_leaked_grandchild) {
        expect_failure("leaks_grandchild", "leaked grandchild");
}

TEST(sees_skip) {
        CHECK_EQ(run_control("skips"), 0);
        CHECK(strstr(said, "\nok 1 - skips # SKIP no such thing here\n") != NULL);
}

TEST(sees_early_exit) {
        expect_failure("exits", "ended early with exit code 0");
}

TEST(sees_failure_in_a_child) {
        expect_failure("fails_in_child", "(in a child)");
}

TEST(removes_the_directory) {
        expect_failure("leaves_files", "directory ");
        char path[64] = "";
        CHECK_EQ(sscanf(strstr(said, "directory "), "directory %63s", path), 1);
        CHECK(access(path, F_OK) < 0);
}

TEST(removes_what_it_is_told_however_the_test_ends) {
        expect_failure("leaves_later", "killed by SIGKILL");
        const char *one = strstr(said, "# removed one\n");
        CHECK(one && strstr(said, "# removed two\n"));
        CHECK(!strstr(one + 1, "# removed one\n"));
}

TEST(runs_what_was_asked_for) {
        CHECK_EQ(run_control("'leaks_*' passes"), 1);
        CHECK(strstr(said, "\n1..4\n") != NULL);
        CHECK_EQ(run_control("no_such_test"), 1);
        CHECK(strstr(said, "no such test") != NULL);
        CHECK_EQ(run_control("--no-such-option"), 2);
}

/* --- the helpers --- */

struct two {
        struct harness_event *ping, *pong;
        int *count;
};

static void answer(void *argument) {
        struct two *two = argument;
        for (int i = 0; i < 100; i++) {
                harness_event_wait(two->ping);
                ++*two->count;
                harness_event_signal(two->pong);
        }
}

TEST(events_go_between_processes) {
        struct two two = { harness_event_new(), harness_event_new(), harness_shared(sizeof(int)) };
        pid_t pid = harness_fork(answer, &two);
        for (int i = 0; i < 100; i++) {
                harness_event_signal(two.ping);
                harness_event_wait(two.pong);
                CHECK_EQ(*two.count, i + 1);
        }
        CHECK_EQ(harness_wait(pid), 0);
        CHECK(!harness_event_try(two.pong, 0));
}

TEST(waits_for_signals_and_states) {
        int status;
        pid_t pid = harness_fork(pause_for_ever, NULL);
        harness_wait_state(pid, "S");
        harness_stop(pid);
        CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
        CHECK(WIFSTOPPED(status));
        harness_continue(pid);
        harness_wait_state(pid, "S");
        harness_kill(pid);
        CHECK_EQ(kill(pid, 0), -1);
}

static void *meet(void *barrier) {
        (void)pthread_barrier_wait(barrier);
        return NULL;
}

TEST(threads_run_at_once) {
        pthread_barrier_t barrier;
        CHECK_EQ(pthread_barrier_init(&barrier, NULL, 5), 0);
        harness_threads(5, meet, &barrier);
        CHECK_EQ(pthread_barrier_destroy(&barrier), 0);
}

static void write_when_told(void *argument) {
        int *ends = argument;
        CHECK_EQ(raise(SIGSTOP), 0);
        CHECK_EQ(write(ends[1], "a", 1), 1);
}

TEST(waits_for_what_is_readable) {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = harness_fork(write_when_told, ends);
        harness_wait_state(pid, "T");
        CHECK(!harness_is_readable(ends[0]));
        harness_continue(pid);
        harness_wait_readable(ends[0]);
        CHECK(harness_is_readable(ends[0]));
        CHECK_EQ(harness_wait(pid), 0);
        close(ends[0]);
        close(ends[1]);
}

static void count_up(void *argument) {
        _Atomic int *count = argument;
        while (atomic_load(count) < 100)
                atomic_fetch_add(count, 1);
}

TEST(waits_until_it_is_so) {
        _Atomic int *count = harness_shared(sizeof *count);
        pid_t pid = harness_fork(count_up, (void *)count);
        WAIT_UNTIL(atomic_load(count) == 100);
        CHECK_EQ(harness_wait(pid), 0);
}

TEST(as_many_as_the_size_says) {
        CHECK_EQ(setenv("LEAT_TEST_SIZE", "small", 1), 0);
        CHECK_EQ(harness_how_many(1, 2, 3), 1);
        CHECK_EQ(setenv("LEAT_TEST_SIZE", "long", 1), 0);
        CHECK_EQ(harness_how_many(1, 2, 3), SANITIZED ? 1 : 3);
        CHECK_EQ(unsetenv("LEAT_TEST_SIZE"), 0);
        CHECK_EQ(harness_how_many(1, 2, 3), SANITIZED ? 1 : 2);
}

static void look_who_it_is(void *argument) {
        (void)argument;
        harness_be_nobody();
        CHECK(geteuid() != 0 && getgroups(0, NULL) == 0 && open("/proc/1/environ", O_RDONLY | O_CLOEXEC) < 0);
}

TEST(is_nobody) {
        harness_need_root();
        CHECK_EQ(harness_wait(harness_fork(look_who_it_is, NULL)), 0);
}

TEST(random_numbers_repeat) {
        char first[sizeof said];
        if (getenv("LEAT_HARNESS_RANDOM"))
                printf("random %llu\n", (unsigned long long)harness_random());
        else {
                setenv("LEAT_HARNESS_RANDOM", "1", 1);
                CHECK_EQ(run_control("--verbose random_numbers_repeat"), 0);
                strcpy(first, said);
                CHECK(strstr(said, "random ") != NULL);
                CHECK_EQ(run_control("--verbose random_numbers_repeat"), 0);
                CHECK_STR(said, first);
        }
}

static void add_controls(void) {
        if (!getenv("LEAT_HARNESS_CONTROL"))
                return;
        for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++)
                harness_add_with(controls[i].name, controls[i].function, NULL,
                                 (struct harness_options){ .timeout_s = controls[i].timeout_s });
}

TEST_MAIN_WITH(add_controls)
