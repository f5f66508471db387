/* SPDX-License-Identifier: MIT */
/* How pipelines end: at their deadline, by signals, freed while they run; what becomes of their group and of the terminal. */
#include "base/cleanup.h"
#include "pipelines.h"
#include "process/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void start_until(struct leat_pipeline *pipeline, unsigned flags, int64_t deadline, int64_t grace_ns) {
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        options.flags = flags;
        options.deadline = deadline;
        options.grace_ns = grace_ns;
        CHECK_EQ(leat_pipeline_start(pipeline, &options, NULL, NULL), 0);
}

/* The deadline comes now: the test does not have to guess how long the stages need to get where it wants them. */
static void expire(struct leat_pipeline *pipeline) {
        pipeline->deadline = leat_now();
}

static void check_expired(struct leat_pipeline *pipeline, size_t stage, int number) {
        CHECK_STAGE(pipeline, stage, LEAT_HOW_KILLED, number);
        CHECK(status_of(pipeline, stage).expired);
}

/* --- the deadline --- */

TEST(at_the_deadline_all_are_terminated) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "true", NULL);
        add(pipeline, "sleep", "1000");
        add(pipeline, "cat", NULL);
        start_until(pipeline, 0, leat_in_ms(1), INT64_C(50000000000));
        pid_t group = leat_pipeline_group(pipeline);
        wait_for(pipeline);
        check_expired(pipeline, 1, SIGTERM);
        check_no_group(group);
        CHECK_EQ(leat_pipeline_code(pipeline), 128 + SIGTERM);
        leat_pipeline_free(pipeline);
}

TEST(what_ended_before_the_deadline_has_not_expired) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "exit 4");
        add(pipeline, "sleep", "1000");
        start(pipeline, 0);
        struct pollfd polled = { .fd = leat_process_fd(leat_pipeline_process(pipeline, 0)), .events = POLLIN };
        CHECK_EQ(poll(&polled, 1, 50000), 1);
        expire(pipeline);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 4);
        CHECK(!status_of(pipeline, 0).expired);
        check_expired(pipeline, 1, SIGTERM);
        leat_pipeline_free(pipeline);
}

TEST(one_that_ignores_it_is_killed_after_the_grace) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct said said = says(add_shell(pipeline, "trap '' TERM; printf x >&9; exec sleep 1000"));
        add(pipeline, "cat", NULL);
        start_until(pipeline, 0, leat_in_s(1000), 1000000);
        wait_said(&said, 1);
        expire(pipeline);
        wait_for(pipeline);
        check_expired(pipeline, 0, SIGKILL);
        check_expired(pipeline, 1, SIGTERM);
        said_close(&said);
        leat_pipeline_free(pipeline);
}

/* In a session of its own, where what is sent to the group does not come. */
static void start_apart(struct leat_pipeline *pipeline, const char *text) {
        add(pipeline, "cat", "/dev/null");
        struct said said = says(add_shell(pipeline, text));
        start_until(pipeline, 0, leat_in_s(1000), 1000000);
        wait_said(&said, 1);
        said_close(&said);
}

TEST(one_that_left_the_group_is_terminated) {
        struct leat_pipeline *pipeline = pipeline_new();
        start_apart(pipeline, "exec setsid sh -c 'printf x >&9; exec sleep 1000'");
        CHECK(getpgid(leat_process_pid(leat_pipeline_process(pipeline, 1))) != leat_pipeline_group(pipeline));
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGSTOP), 0);
        harness_wait_state(leat_process_pid(leat_pipeline_process(pipeline, 1)), "T");
        pipeline->grace_ns = INT64_C(50000000000);
        expire(pipeline);
        wait_for(pipeline);
        check_expired(pipeline, 1, SIGTERM);
        leat_pipeline_free(pipeline);
}

TEST(one_that_left_the_group_and_ignores_it_is_killed) {
        struct leat_pipeline *pipeline = pipeline_new();
        start_apart(pipeline, "exec setsid sh -c 'trap \"\" TERM; printf x >&9; exec sleep 1000'");
        expire(pipeline);
        wait_for(pipeline);
        check_expired(pipeline, 1, SIGKILL);
        leat_pipeline_free(pipeline);
}

/* --- an end that is held back --- */

/* Another process traces it, until a byte comes from us. Returns where that byte goes. */
static int trace(pid_t pid) {
        int go[2], ready[2];
        long r = -1;
        CHECK_EQ(pipe2(go, O_CLOEXEC), 0);
        CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
        if (fork() == 0) {
                close(go[1]);
                r = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
                if (write(ready[1], &r, sizeof(r)) == sizeof(r))
                        (void)!read(go[0], &r, 1);
                _exit(0);
        }
        close(go[0]);
        close(ready[1]);
        CHECK_EQ(read(ready[0], &r, sizeof(r)), sizeof(r));
        close(ready[0]);
        if (r < 0)
                SKIP("this process may not trace another");
        return go[1];
}

TEST(a_zombie_that_is_traced_keeps_nobody_past_a_deadline) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "sleep", "1000");
        start(pipeline, 0);
        pid_t pid = leat_process_pid(leat_pipeline_process(pipeline, 0));
        int go = trace(pid);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        harness_wait_state(pid, "Z");
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(epoll_wait(pipeline->epoll, &(struct epoll_event){ 0 }, 1, 0), 0); /* and nobody spins */
        struct pollfd polled = { .fd = leat_pipeline_fd(pipeline), .events = POLLIN };
        close(go);
        while (leat_pipeline_wait(pipeline, LEAT_NOW) == -EAGAIN)
                CHECK_EQ(poll(&polled, 1, 50000), 1);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_KILLED, SIGKILL);
        leat_pipeline_free(pipeline);
        CHECK(wait(NULL) > 0);
}

TEST(what_flows_without_end_keeps_nobody_past_a_deadline) {
        struct leat_pipeline *pipeline = pipeline_new();
        CLOSE_AT_EXIT int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        for (unsigned i = 0; i < 4; i++) {
                add(pipeline, i ? "cat" : "yes", NULL);
                CHECK_EQ(leat_pipeline_tee(pipeline, null), 0);
        }
        CHECK_EQ(leat_command_file(add(pipeline, "cat", NULL), 1, "/dev/null", O_WRONLY, 0), 0);
        start(pipeline, 0);
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(20)), -ETIMEDOUT);
        leat_pipeline_free(pipeline);
}

TEST(one_that_is_stopped_goes_on_to_end) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "sleep", "1000");
        add(pipeline, "cat", NULL);
        start_until(pipeline, 0, leat_in_s(1000), INT64_C(50000000000));
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGSTOP), 0);
        harness_wait_state(leat_process_pid(leat_pipeline_process(pipeline, 0)), "T");
        CHECK_STAGE(pipeline, 0, LEAT_HOW_STOPPED, SIGSTOP);
        expire(pipeline);
        wait_for(pipeline);
        check_expired(pipeline, 0, SIGTERM);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_KILLED, SIGTERM);
        leat_pipeline_free(pipeline);
}

TEST(in_the_callers_group_each_is_terminated) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "sleep", "1000");
        add(pipeline, "cat", NULL);
        start_until(pipeline, LEAT_PIPELINE_SAME_GROUP, leat_in_ms(1), INT64_C(50000000000));
        CHECK_EQ(leat_pipeline_group(pipeline), 0);
        for (size_t i = 0; i < 2; i++)
                CHECK_EQ(getpgid(leat_process_pid(leat_pipeline_process(pipeline, i))), getpgid(0));
        wait_for(pipeline);
        check_expired(pipeline, 0, SIGTERM);
        leat_pipeline_free(pipeline);
}

/* Data that nobody takes hold up a pipeline whose stages have ended, but not past its deadline. */
TEST(a_tee_that_nobody_reads_is_given_up_at_the_deadline) {
        struct leat_pipeline *pipeline = pipeline_new();
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        add_shell(pipeline, "head -c 100000 /dev/zero");
        CHECK_EQ(leat_pipeline_tee(pipeline, fds[1]), 0);
        to_file(add(pipeline, "cat", NULL), 1, "out");
        start_until(pipeline, 0, leat_in_s(1000), 1000000);
        struct pollfd polled = { .fd = leat_process_fd(leat_pipeline_process(pipeline, 0)), .events = POLLIN };
        while (poll(&polled, 1, 0) == 0)
                CHECK(leat_pipeline_wait(pipeline, leat_in_ms(1)) == -ETIMEDOUT);
        expire(pipeline);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 0);
        close(fds[0]);
        close(fds[1]);
        leat_pipeline_free(pipeline);
}

/* --- in a loop of the caller's own --- */

TEST(its_descriptor_tells_when_to_look) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "head -c 300000 /dev/zero");
        CLOSE_AT_EXIT int copy = open(path_of("copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(leat_pipeline_tee(pipeline, copy), 0);
        to_file(add_shell(pipeline, "cat; sleep 1000"), 1, "out");
        start_until(pipeline, 0, leat_in_s(1000), INT64_C(50000000000));
        struct pollfd polled = { .fd = leat_pipeline_fd(pipeline), .events = POLLIN };
        CHECK_EQ(leat_pipeline_fd(pipeline), polled.fd);
        for (bool expired = false; leat_pipeline_wait(pipeline, LEAT_NOW) == -EAGAIN;) {
                if (!expired && status_of(pipeline, 0).how == LEAT_HOW_EXITED && lseek(copy, 0, SEEK_CUR) == 300000) {
                        expire(pipeline);
                        expired = true;
                        CHECK_EQ(leat_pipeline_wait(pipeline, LEAT_NOW), -EAGAIN);
                }
                CHECK_EQ(poll(&polled, 1, 50000), 1);
        }
        CHECK_STAGE(pipeline, 1, LEAT_HOW_KILLED, SIGTERM);
        leat_pipeline_free(pipeline);
}

TEST(its_descriptor_tells_of_the_deadline) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct said said = says(add_shell(pipeline, "trap '' TERM; printf x >&9; exec sleep 1000"));
        start_until(pipeline, 0, leat_in_ms(3), 1000000);
        struct pollfd polled = { .fd = leat_pipeline_fd(pipeline), .events = POLLIN };
        while (leat_pipeline_wait(pipeline, LEAT_NOW) == -EAGAIN)
                CHECK_EQ(poll(&polled, 1, 50000), 1);
        CHECK_EQ(status_of(pipeline, 0).how, LEAT_HOW_KILLED); /* by the one or the other */
        CHECK(status_of(pipeline, 0).expired);
        said_close(&said);
        leat_pipeline_free(pipeline);
}

/* --- groups --- */

/* It has ended, and stays a zombie: its number, which is the group's, is nobody else's. */
TEST(the_leader_is_kept_until_all_have_ended) {
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "exit 4");
        add(pipeline, "sleep", "1000");
        start(pipeline, 0);
        pid_t leader = leat_pipeline_group(pipeline);
        harness_wait_state(leader, "Z");
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 4);
        harness_wait_state(leader, "Z");
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), 0);
        wait_for(pipeline);
        CHECK_EQ(kill(leader, 0), -1);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), -ESRCH);
        leat_pipeline_free(pipeline);
}

/* A leader that ends, with 4, and one in a session of its own: the leader's number is nobody's group any more. */
static void start_left_alone(struct leat_pipeline *pipeline) {
        add_shell(pipeline, "exit 4");
        struct said said = says(add_shell(pipeline, "exec setsid sh -c 'printf x >&9; exec sleep 1000'"));
        start(pipeline, 0);
        wait_said(&said, 1);
        said_close(&said);
}

static void check_left_alone_is_signalled(struct leat_pipeline *pipeline) {
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), 0);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 4);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_KILLED, SIGTERM);
        leat_pipeline_free(pipeline);
}

/* The caller waits for the leader by itself: then the group has no number that is sure, and each is signalled. */
TEST(a_leader_that_was_reaped_is_not_signalled) {
        struct leat_pipeline *pipeline = pipeline_new();
        start_left_alone(pipeline);
        CHECK_EQ(leat_process_wait(leat_pipeline_process(pipeline, 0), harness_deadline_ms(50000), NULL), 0);
        CHECK_EQ(kill(-leat_pipeline_group(pipeline), 0), -1);
        check_left_alone_is_signalled(pipeline);
}

/* The kernel is asked again: that it was seen to end says nothing of who reaped it since. */
TEST(a_leader_that_the_host_reaped_after_it_was_seen_is_not_signalled) {
        struct leat_pipeline *pipeline = pipeline_new();
        start_left_alone(pipeline);
        pid_t leader = leat_pipeline_group(pipeline);
        harness_wait_state(leader, "Z");
        CHECK_EQ(leat_pipeline_wait(pipeline, leat_in_ms(1)), -ETIMEDOUT);
        CHECK(pipeline_holds_group(pipeline));
        CHECK_EQ(waitpid(leader, NULL, 0), leader);
        CHECK(!pipeline_holds_group(pipeline));
        check_left_alone_is_signalled(pipeline);
}

/* The kernel reaps what ended, and the number of the group is gone before the next stage joins it. */
TEST(a_host_that_ignores_the_ends_of_children_starts_pipelines) {
        (void)signal(SIGCHLD, SIG_IGN);
        for (unsigned round = 0; round < 10; round++) {
                struct leat_pipeline *pipeline = pipeline_new();
                for (unsigned i = 0; i < 4; i++)
                        add(pipeline, "true", NULL);
                add(pipeline, "sleep", "1000");
                start(pipeline, 0);
                CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), 0);
                wait_for(pipeline);
                CHECK_STAGE(pipeline, 4, LEAT_HOW_UNKNOWN, 0);
                leat_pipeline_free(pipeline);
        }
}

/* A stage that joins a group which is no more leads one of its own, that the next can join. */
TEST(where_nobody_is_left_in_the_group_a_stage_leads_another) {
        struct leat_pipeline *pipeline = pipeline_new();
        struct spawn_how how = SPAWN_HOW(LEAT_NEVER);
        struct leat_process *process;
        struct leat_command *command = add(pipeline, "sleep", "1000");
        pid_t gone = fork();
        if (gone == 0)
                _exit(0);
        CHECK_EQ(waitpid(gone, NULL, 0), gone);
        how.group = gone;
        CHECK_EQ(spawn_command(command, &how, NULL, &process), -EPERM);
        how.may_lead = true;
        CHECK_EQ(spawn_command(command, &how, NULL, &process), 0);
        CHECK_EQ(getpgid(leat_process_pid(process)), leat_process_pid(process));
        leat_process_free(process);
        leat_pipeline_free(pipeline);
}

/* A program that reaps whatever ended takes the statuses away; they are not made up. */
TEST(statuses_that_were_taken_are_unknown) {
        struct leat_pipeline *pipeline = pipeline_new();
        int fds[2];
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        CHECK_EQ(leat_command_descriptor(add(pipeline, "cat", NULL), 0, fds[0]),
                 0); /* the start is not to see its end */
        add(pipeline, "cat", NULL);
        start(pipeline, 0);
        close(fds[0]);
        close(fds[1]);
        while (waitpid(-1, NULL, 0) > 0)
                ;
        CHECK_EQ(errno, ECHILD);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_UNKNOWN, 0);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_UNKNOWN, 0);
        CHECK_EQ(leat_pipeline_code(pipeline), 255);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), -ESRCH);
        leat_pipeline_free(pipeline);
}

static int reap(pid_t pid) {
        int status;
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t pid_in(struct said *said) {
        char text[32] = "";
        for (size_t n = 0; n < sizeof(text) - 1 && !strchr(text, '\n');) {
                CHECK_EQ(poll(&(struct pollfd){ .fd = said->read, .events = POLLIN }, 1, 50000), 1);
                ssize_t r = read(said->read, text + n, sizeof(text) - 1 - n);
                CHECK(r > 0);
                n += (size_t)r;
        }
        return (pid_t)strtol(text, NULL, 10);
}

/* What a stage leaves in the group goes on, as with a shell; and the wait is over. */
TEST(a_grandchild_outlives_the_stages) {
        struct leat_pipeline *pipeline = pipeline_new();
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        struct said said = says(add_shell(pipeline, "sleep 1000 <&- >&- 2>&- & echo $! >&9"));
        add(pipeline, "cat", NULL);
        start(pipeline, 0);
        pid_t grandchild = pid_in(&said);
        wait_for(pipeline);
        CHECK_EQ(leat_pipeline_code(pipeline), 0);
        CHECK_EQ(leat_pipeline_signal(pipeline, SIGKILL), -ESRCH);
        pid_t group = leat_pipeline_group(pipeline);
        leat_pipeline_free(pipeline);
        CHECK_EQ(kill(grandchild, 0), 0);
        CHECK_EQ(getpgid(grandchild), group);
        CHECK_EQ(kill(grandchild, SIGKILL), 0);
        CHECK_EQ(reap(grandchild), -SIGKILL);
        said_close(&said);
}

/* ... and when the pipeline is ended from outside, so is all of its group. */
TEST(a_grandchild_ends_with_the_stages) {
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        for (unsigned freed = 0; freed < 2; freed++) {
                struct leat_pipeline *pipeline = pipeline_new();
                struct said said = says(add_shell(pipeline, "sleep 1000 & echo $! >&9; exec sleep 1000"));
                add(pipeline, "cat", NULL);
                start(pipeline, 0);
                pid_t grandchild = pid_in(&said), group = leat_pipeline_group(pipeline);
                if (!freed) {
                        expire(pipeline);
                        wait_for(pipeline);
                }
                leat_pipeline_free(pipeline);
                CHECK_EQ(reap(grandchild), freed ? -SIGKILL : -SIGTERM);
                check_no_group(group);
                said_close(&said);
        }
}

/* A grandchild that holds the pipe open does not hold up the wait for the stages. */
TEST(a_grandchild_does_not_keep_a_tee) {
        struct leat_pipeline *pipeline = pipeline_new();
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        struct said said = says(add_shell(pipeline, "sleep 1000 <&- 2>&- & echo $! >&9; echo text"));
        CLOSE_AT_EXIT int copy = open(path_of("copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(leat_pipeline_tee(pipeline, copy), 0);
        start(pipeline, 0);
        pid_t grandchild = pid_in(&said);
        wait_for(pipeline);
        CHECK_STR(text_of("copy"), "text\n");
        leat_pipeline_free(pipeline);
        CHECK_EQ(kill(grandchild, SIGKILL), 0);
        CHECK_EQ(reap(grandchild), -SIGKILL);
        said_close(&said);
}

TEST(freed_it_leaves_nothing) {
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "yes", NULL);
        add_shell(pipeline, "trap '' TERM HUP INT; cat");
        add(pipeline, "sleep", "1000");
        start(pipeline, 0);
        pid_t group = leat_pipeline_group(pipeline);
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        leat_pipeline_free(pipeline);
        while (waitpid(-1, NULL, 0) > 0) /* the shell's cat, if there was one: killed, too */
                ;
        CHECK_EQ(errno, ECHILD);
        check_no_group(group);
}

/* --- the terminal --- */

/* One side of a pseudo-terminal is the controlling terminal of a session of its own. */
static void in_a_session(void *argument) {
        const char *name = argument;
        CHECK(setsid() > 0);
        CLOSE_AT_EXIT int terminal = open(name, O_RDWR | O_CLOEXEC);
        CHECK_EQ(ioctl(terminal, TIOCSCTTY, 0), 0);
        CHECK_EQ(tcgetpgrp(terminal), getpgid(0));
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        options.flags = LEAT_PIPELINE_FOREGROUND;
        options.terminal = terminal;
        for (unsigned how = 0; how < 3; how++) {
                struct leat_pipeline *pipeline = pipeline_new();
                add(pipeline, "sleep", "1000");
                add(pipeline, how == 2 ? "/nonexistent/program" : "cat", NULL);
                int r = leat_pipeline_start(pipeline, &options, NULL, NULL);
                CHECK_EQ(r, how == 2 ? -ENOENT : 0);
                if (how < 2)
                        CHECK_EQ(tcgetpgrp(terminal), leat_pipeline_group(pipeline));
                if (how == 0) {
                        CHECK_EQ(leat_pipeline_signal(pipeline, SIGTERM), 0);
                        wait_for(pipeline);
                        CHECK_EQ(tcgetpgrp(terminal), getpgid(0));
                }
                leat_pipeline_free(pipeline); /* how 1: while it runs */
                CHECK_EQ(tcgetpgrp(terminal), getpgid(0));
        }
}

TEST(the_terminal_comes_back) {
        CLOSE_AT_EXIT int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        CHECK(master >= 0);
        CHECK_EQ(grantpt(master), 0);
        CHECK_EQ(unlockpt(master), 0);
        CHECK_EQ(harness_wait(harness_fork(in_a_session, ptsname(master))), 0);
}

TEST_MAIN()
