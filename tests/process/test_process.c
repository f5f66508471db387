/* SPDX-License-Identifier: MIT */

/* A process that is held: how its end is seen, signals, what somebody else took away. */

#include "spawns.h"

#include "base/cleanup.h"
#include "process/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct leat_process *sleeper(void) {
        return spawns_start(spawns_command("sleep", "1000", NULL));
}

static void check_status(struct leat_process *process, enum leat_how how, int code) {
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_process_status(process, &status), 0);
        CHECK_EQ(status.how, how);
        CHECK_EQ(status.code, code);
}

static void wait_for_end(struct leat_process *process) {
        CHECK_EQ(leat_process_wait(process, harness_deadline_ms(20000), NULL), 0);
}

TEST(each_status_is_what_the_kernel_said) {
        struct leat_process *process = spawns_start(spawns_shell("exit 77"));
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_process_wait(process, harness_deadline_ms(20000), &status), 0);
        CHECK_EQ(status.how, LEAT_HOW_EXITED);
        CHECK_EQ(status.code, 77);
        CHECK_EQ(leat_status_code(&status), 77);
        CHECK(status.wall_ns > 0 && status.memory_bytes > 0 && status.user_ns + status.system_ns > 0);
        status.code = 0;
        CHECK_EQ(leat_process_wait(process, LEAT_NOW, &status), 0); /* it can be asked again */
        CHECK_EQ(status.code, 77);
        leat_process_free(process);
        process = spawns_start(spawns_shell("kill -KILL $$"));
        wait_for_end(process);
        check_status(process, LEAT_HOW_KILLED, SIGKILL);
        leat_process_free(process);
}

TEST(codes_are_a_shells) {
        static const struct {
                enum leat_how how;
                int code, expected;
        } cases[] = {
                { LEAT_HOW_EXITED, 3, 3 },     { LEAT_HOW_KILLED, 9, 137 },      { LEAT_HOW_DUMPED, 11, 139 },
                { LEAT_HOW_STOPPED, 20, 148 }, { LEAT_HOW_NOT_STARTED, 2, 127 }, { LEAT_HOW_NOT_STARTED, 13, 126 },
                { LEAT_HOW_UNKNOWN, 0, 255 },  { LEAT_HOW_RUNNING, 0, 255 },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct leat_status status = LEAT_STATUS_INIT;
                status.how = cases[i].how;
                status.code = cases[i].code;
                CHECK_EQ(leat_status_code(&status), cases[i].expected);
        }
        CHECK_EQ(leat_status_code(NULL), 255);
}

TEST(waiting_ends_at_its_deadline) {
        struct leat_process *process = sleeper();
        CHECK_EQ(leat_process_wait(process, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_process_wait(process, leat_in_ms(2), NULL), -ETIMEDOUT);
        check_status(process, LEAT_HOW_RUNNING, 0);
        struct pollfd polled = { .fd = leat_process_fd(process), .events = POLLIN };
        CHECK_EQ(poll(&polled, 1, 0), 0);
        CHECK_EQ(leat_process_signal(process, SIGTERM), 0);
        CHECK_EQ(poll(&polled, 1, 20000), 1);
        CHECK_EQ(spawns_end(process), -SIGTERM);
        struct leat_status wrong = { .struct_size = 3 };
        CHECK_EQ(leat_process_wait(NULL, LEAT_NOW, &wrong), -EINVAL);
}

TEST(a_stopped_one_is_told_and_goes_on) {
        struct leat_process *process = sleeper();
        CHECK_EQ(leat_process_signal(process, SIGSTOP), 0);
        harness_wait_state(leat_process_pid(process), "T");
        check_status(process, LEAT_HOW_STOPPED, SIGSTOP);
        check_status(process, LEAT_HOW_STOPPED, SIGSTOP); /* looking takes nothing away */
        CHECK_EQ(leat_process_signal(process, SIGCONT), 0);
        harness_wait_state(leat_process_pid(process), "S");
        check_status(process, LEAT_HOW_RUNNING, 0);
        leat_process_free(process);
}

TEST(one_that_has_ended_cannot_be_signalled) {
        struct leat_process *process = spawns_start(spawns_command("true", NULL));
        pid_t pid = leat_process_pid(process);
        harness_wait_state(pid, "Z");
        CHECK_EQ(leat_process_signal(process, 0), -ESRCH); /* though its number is still its own */
        wait_for_end(process);
        CHECK_EQ(leat_process_signal(process, SIGKILL), -ESRCH);
        CHECK_EQ(leat_process_pid(process), pid);
        CHECK_EQ(kill(pid, 0), -1);
        leat_process_free(process);
        process = sleeper();
        CHECK_EQ(leat_process_signal(process, 65), -EINVAL);
        CHECK_EQ(leat_process_signal(process, -1), -EINVAL);
        leat_process_free(process);
}

TEST(to_see_is_not_to_reap) {
        struct leat_process *process = spawns_start(spawns_command("false", NULL));
        harness_wait_state(leat_process_pid(process), "Z");
        CHECK_EQ(process_see(process), 1);
        check_status(process, LEAT_HOW_EXITED, 1);
        CHECK_EQ(kill(leat_process_pid(process), 0), 0); /* its number is its own */
        CHECK_EQ(process_reap(process), 1);
        CHECK_EQ(kill(leat_process_pid(process), 0), -1);
        check_status(process, LEAT_HOW_EXITED, 1);
        leat_process_free(process);
}

TEST(to_end_asks_first_and_kills_then) {
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_process *process = sleeper();
        CHECK_EQ(leat_process_signal(process, SIGSTOP), 0); /* a stopped one has to go on to end */
        CHECK_EQ(leat_process_end(process, 0, INT64_C(60000000000), LEAT_NEVER, &status), 0);
        CHECK_EQ(status.code, SIGTERM);
        leat_process_free(process);
        process = spawns_start(spawns_shell("trap '' TERM; kill -STOP $$; exec sleep 1000"));
        harness_wait_state(leat_process_pid(process), "T");
        CHECK_EQ(leat_process_end(process, SIGTERM, INT64_C(60000000000), leat_in_ms(1), &status), -ETIMEDOUT);
        CHECK_EQ(leat_process_end(process, SIGTERM, INT64_C(1000000), LEAT_NEVER, &status), 0);
        CHECK_EQ(status.code, SIGKILL);
        CHECK_EQ(leat_process_end(process, SIGTERM, 0, LEAT_NOW, NULL), 0); /* it has */
        leat_process_free(process);
}

TEST(to_free_kills_and_to_detach_lets_go) {
        struct leat_process *process = sleeper();
        pid_t pid = leat_process_pid(process);
        CHECK(leat_process_free(process) == NULL);
        CHECK(waitpid(pid, NULL, 0) < 0 && errno == ECHILD);
        process = spawns_start(spawns_shell("exit 4"));
        pid = leat_process_pid(process);
        leat_process_detach(process);
        CHECK_EQ(harness_wait(pid), 4);
        CHECK(leat_process_free(NULL) == NULL);
        leat_process_detach(NULL);
}

/* ---- what others take ---- */

TEST(a_host_that_reaps_all_makes_it_unknown) {
        struct leat_process *process = spawns_start(spawns_shell("exit 5"));
        CHECK_EQ(harness_wait(leat_process_pid(process)), 5);
        wait_for_end(process);
        check_status(process, LEAT_HOW_UNKNOWN, 0);
        leat_process_free(process);
        process = spawns_start(spawns_shell("exit 5"));
        harness_wait_state(leat_process_pid(process), "Z");
        CHECK_EQ(process_see(process), 1); /* seen, and taken by another then: it is known */
        CHECK_EQ(harness_wait(leat_process_pid(process)), 5);
        wait_for_end(process);
        check_status(process, LEAT_HOW_EXITED, 5);
        leat_process_free(process);
}

TEST(a_host_that_ignores_its_children_makes_it_unknown) {
        signal(SIGCHLD, SIG_IGN);
        struct leat_process *process = spawns_start(spawns_shell("exit 5"));
        wait_for_end(process);
        check_status(process, LEAT_HOW_UNKNOWN, 0);
        leat_process_free(process);
        leat_process_free(spawns_start(spawns_command("sleep", "1000", NULL)));
        signal(SIGCHLD, SIG_DFL);
}

TEST(one_that_was_reaped_for_all_keeps_its_status) {
        struct leat_process *process = spawns_start(spawns_shell("exit 6")), *other = sleeper();
        siginfo_t info = { 0 };
        harness_wait_state(leat_process_pid(process), "Z");
        CHECK_EQ(process_reap_any(&info), 1);
        CHECK_EQ(info.si_pid, leat_process_pid(process));
        CHECK_EQ(info.si_status, 6);
        CHECK_EQ(process_reap_any(&info), 0);
        check_status(process, LEAT_HOW_EXITED, 6);
        wait_for_end(process);
        check_status(process, LEAT_HOW_EXITED, 6);
        leat_process_free(process);
        leat_process_free(other);
        CHECK_EQ(process_reap_any(&info), -ECHILD);
}

static atomic_bool spawned_all;

static void *reap_all(void *argument) {
        siginfo_t info;
        (void)argument;
        while (!spawned_all)
                if (process_reap_any(&info) == 1)
                        CHECK(info.si_code == CLD_EXITED);
        return NULL;
}

/* Whoever of the two is first: no status is lost. */
TEST(two_reap_at_once) {
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, reap_all, NULL), 0);
        for (int i = 0; i < (SANITIZED ? 10 : 60); i++)
                CHECK_EQ(spawns_end(spawns_start(spawns_shell("exit 8"))), 8);
        spawned_all = true;
        CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* ---- others' processes ---- */

TEST(others_are_held_and_their_end_is_seen) {
        struct leat_process *process = sleeper(), *held = NULL;
        CHECK_EQ(leat_process_open(leat_process_pid(process), &held), 0);
        CHECK_EQ(leat_process_wait(held, LEAT_NOW, NULL), -EAGAIN);
        check_status(held, LEAT_HOW_RUNNING, 0);
        CHECK_EQ(leat_process_signal(held, SIGINT), 0);
        wait_for_end(held);
        check_status(held, LEAT_HOW_UNKNOWN, 0);
        CHECK_EQ(leat_process_signal(held, SIGINT), -ESRCH);
        leat_process_free(held);
        pid_t pid = leat_process_pid(process);
        CHECK_EQ(spawns_end(process), -SIGINT);
        CHECK_EQ(leat_process_open(pid, &held), -ESRCH);
        CHECK_EQ(leat_process_open(0, &held), -EINVAL);
        CHECK_EQ(leat_process_open(-1, &held), -EINVAL);
}

TEST(they_are_found_by_name_and_user) {
        struct leat_process_query query = LEAT_PROCESS_QUERY_INIT;
        struct leat_process **found = NULL;
        CHECK_EQ(symlink("/bin/sleep", spawns_path("leat-finds-this-one")), 0);
        struct leat_process *one = spawns_start(spawns_command(spawns_path("leat-finds-this-one"), "1000", NULL));
        harness_wait_state(leat_process_pid(one), "S"); /* its name is there a moment after the start */
        query.name = "leat-finds-this-one";
        CHECK_EQ(leat_process_find(&query, &found), 1);
        CHECK_EQ(leat_process_pid(found[0]), leat_process_pid(one));
        leat_process_free(found[0]);
        free(found);
        query.of_user = true;
        query.user = geteuid();
        CHECK_EQ(leat_process_find(&query, &found), 1);
        leat_process_free(found[0]);
        free(found);
        query.user = geteuid() + 12345;
        CHECK_EQ(leat_process_find(&query, &found), 0);
        free(found);
        query.name = "leat-is-not-there";
        query.of_user = false;
        CHECK_EQ(leat_process_find(&query, &found), 0);
        free(found);
        leat_process_free(one);
        CHECK_EQ(leat_process_find(NULL, &found), -EINVAL);
}

/* A process that could not be looked at is not one that does not fit. */
TEST(it_is_told_that_none_could_be_looked_at) {
        struct leat_process_query query = LEAT_PROCESS_QUERY_INIT;
        struct leat_process **found = NULL;
        struct rlimit usual, none;
        int first = dup(0);
        CHECK(first >= 0);
        close(first);
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
        none = usual;
        none.rlim_cur = (rlim_t)first + 1; /* for the folder alone */
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        query.name = "leat-is-not-there";
        CHECK_EQ(leat_process_find(&query, &found), -EMFILE);
        query.name = NULL;
        query.of_user = true;
        query.user = geteuid() + 12345;
        CHECK_EQ(leat_process_find(&query, &found), -EMFILE);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

/* ---- fork ---- */

static void use_in_child(void *argument) {
        struct leat_process *process = argument;
        struct leat_status status = LEAT_STATUS_INIT;
        CHECK_EQ(leat_process_wait(process, LEAT_NOW, NULL), -ECHILD);
        CHECK_EQ(leat_process_status(process, &status), -ECHILD);
        CHECK_EQ(leat_process_signal(process, SIGKILL), -ECHILD);
        CHECK_EQ(leat_process_fd(process), -ECHILD);
        CHECK_EQ(leat_process_end(process, 0, 0, LEAT_NOW, NULL), -ECHILD);
        leat_process_free(process);
        CHECK_EQ(spawns_end(spawns_start(spawns_command("true", NULL))), 0);
}

TEST(a_forked_child_has_no_hold_of_it) {
        struct leat_process *process = sleeper();
        CHECK_EQ(harness_wait(harness_fork(use_in_child, process)), 0);
        CHECK_EQ(leat_process_wait(process, LEAT_NOW, NULL), -EAGAIN); /* it lives */
        leat_process_free(process);
}

TEST_MAIN()
