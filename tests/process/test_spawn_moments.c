/* SPDX-License-Identifier: MIT */

/* What comes to a child between its birth and its program; and a caller that is refused calls, or lacks its standard descriptors. */

#include "moments.h"
#include "pipelines.h"
#include "spawns.h"

#include "base/cleanup.h"
#include "process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/signal.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- signals before its program ---- */

static void send_it(pid_t pid, void *argument) {
        /* Blocked there: it comes at the last moment before the program. */
        CHECK_EQ(kill(pid, *(const atomic_int *)argument), 0);
}

/* A group of its own, whose parent is in another: no orphan, which would not be stopped. */
static struct leat_command *own_group(const char *program) {
        struct leat_command *command = spawns_command(program, NULL);
        CHECK_EQ(leat_command_group(command, 0), 0);
        return command;
}

/* Alive until it reads the end. */
static struct leat_process *start_cat(int *ret_input) {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        struct leat_command *command = own_group("cat");
        CHECK_EQ(leat_command_descriptor(command, 0, ends[0]), 0);
        struct leat_process *process = spawns_start(command);
        close(ends[0]);
        *ret_input = ends[1];
        return process;
}

static void wait_stopped(struct leat_process *process, int number) {
        struct leat_status status = LEAT_STATUS_INIT;
        harness_wait_state(leat_process_pid(process), "T");
        CHECK_EQ(leat_process_status(process, &status), 0);
        CHECK_EQ(status.how, LEAT_HOW_STOPPED);
        CHECK_EQ(status.code, number);
}

/* Ctrl-Z during the start: the start ends all the same, and it is the program that is stopped. */
static void check_stopped(int number) {
        int input;
        struct leat_process *process = start_cat(&input);
        wait_stopped(process, number);
        CHECK_EQ(leat_process_signal(process, SIGCONT), 0);
        close(input);
        CHECK_EQ(spawns_end(process), 0);
}

TEST(one_that_is_stopped_before_its_program_has_started) {
        static const int numbers[] = { SIGTSTP, SIGTTIN, SIGTTOU };
        atomic_int number;
        struct moment *moment = moment_begin(SYS_close_range, send_it, &number);
        for (size_t i = 0; i < 3; i++) {
                number = numbers[i];
                check_stopped(number);
        }
        CHECK_EQ(moment_end(moment), 3);
}

static volatile sig_atomic_t children_told;

static void count_child(int number) {
        (void)number;
        children_told = children_told + 1;
}

/* It is no child that started: no SIGCHLD and no waitpid(-1) would have told of its end. */
TEST(one_that_is_killed_before_its_program_has_not_started) {
        static const int numbers[] = { SIGTERM, SIGINT, SIGKILL };
        struct leat_reason reason;
        atomic_int number;
        signal(SIGCHLD, count_child);
        struct moment *moment = moment_begin(SYS_close_range, send_it, &number);
        for (size_t i = 0; i < 3; i++) {
                number = numbers[i];
                CHECK_EQ(spawns_error(own_group("true"), &reason), -EINTR);
                CHECK(strstr(reason.text, "signal") != NULL);
        }
        CHECK_EQ(moment_end(moment), 3);
        CHECK_EQ(children_told, 0);
}

static void kill_the_second(pid_t pid, void *argument) {
        if (atomic_fetch_add((atomic_int *)argument, 1) == 1)
                CHECK_EQ(kill(pid, SIGINT), 0);
}

/* Ctrl-C during the start of a pipeline: of each stage it is told alike, whether it came before its program or after it. */
TEST(a_stage_that_is_killed_before_its_program_is_told_as_killed) {
        atomic_int count = 0;
        struct moment *moment = moment_begin(SYS_close_range, kill_the_second, &count);
        struct leat_pipeline *pipeline = pipeline_new();
        add(pipeline, "true", NULL);
        add(pipeline, "cat", NULL);
        start(pipeline, LEAT_PIPELINE_REST);
        wait_for(pipeline);
        CHECK_STAGE(pipeline, 0, LEAT_HOW_EXITED, 0);
        CHECK_STAGE(pipeline, 1, LEAT_HOW_KILLED, SIGINT);
        CHECK_EQ(leat_pipeline_code(pipeline), 128 + SIGINT);
        leat_pipeline_free(pipeline);
        pipeline = pipeline_new();
        add(pipeline, "cat", NULL);
        count = 1;
        struct leat_reason reason;
        CHECK_EQ(leat_pipeline_start(pipeline, NULL, &reason, NULL), -EINTR);
        CHECK_EQ(reason.error, -EINTR);
        leat_pipeline_free(pipeline);
        moment_end(moment);
}

/* ---- what is refused ---- */

/* As a set-uid program, which may go on for ever. */
TEST(one_that_may_not_be_killed_is_let_go) {
        static const int calls[] = { SYS_pidfd_send_signal, SYS_kill, 0 };
        int input;
        struct leat_process *process = start_cat(&input);
        pid_t pid = leat_process_pid(process);
        refuse_calls(calls);
        CHECK_EQ(leat_process_signal(process, SIGTERM), -EPERM);
        CHECK(leat_process_free(process) == NULL);
        close(input);
        CHECK_EQ(harness_wait(pid), 0);
}

/* Our own children are named by their number then, which is theirs until they are reaped. */
TEST(a_filter_that_refuses_pidfds_does_not_keep_signals_from_our_children) {
        static const int calls[] = { SYS_pidfd_send_signal, 0 };
        refuse_calls(calls);
        struct leat_process *process = spawns_start(spawns_command("sleep", "1000", NULL));
        CHECK_EQ(leat_process_signal(process, 0), 0);
        CHECK_EQ(leat_process_end(process, SIGTERM, INT64_C(60000000000), harness_deadline_ms(20000), NULL), 0);
        CHECK_EQ(leat_process_signal(process, SIGTERM), -ESRCH);
        CHECK_EQ(spawns_end(process), -SIGTERM);
        leat_process_free(spawns_start(spawns_command("sleep", "1000", NULL)));
}

/* ---- no standard descriptors ---- */

#define ZERO_IS_CLOSED "test ! -e /proc/$$/fd/0"

static int run(struct leat_command *command) {
        return spawns_end(spawns_start(command));
}

static void check_inherited(struct leat_command *command, int expected) {
        CHECK_EQ(run(command), expected);
}

static void start_with_zero_taken(void *argument) {
        (void)argument;
        struct leat_reason reason;
        close(0);
        CHECK_EQ(open("/dev/null", O_RDONLY | O_CLOEXEC), 0); /* as all that this library opens */
        check_inherited(spawns_shell(ZERO_IS_CLOSED), 0);
        struct leat_command *command = spawns_shell(ZERO_IS_CLOSED);
        CHECK_EQ(leat_command_descriptor(command, 0, 0), 0); /* but what is said is done */
        check_inherited(command, 1);
        CHECK_EQ(fcntl(0, F_GETFD), FD_CLOEXEC);
        command = spawns_command("true", NULL);
        CHECK_EQ(leat_command_duplicate(command, 1, 0), 0);
        CHECK_EQ(spawns_error(command, &reason), -EBADF);
        CHECK_EQ(reason.column, 1);
        CHECK_EQ(fcntl(0, F_SETFD, 0), 0);
        check_inherited(spawns_shell(ZERO_IS_CLOSED), 1);
        close(0);
}

TEST(what_is_close_on_exec_is_no_standard_descriptor) {
        CHECK_EQ(harness_wait(harness_fork(start_with_zero_taken, NULL)), 0);
}

/* The numbers of the pipe between the two are those of the descriptors that are missing. */
static void join_without_standard(void *argument) {
        (void)argument;
        struct leat_pipeline *pipeline = pipeline_new();
        add_shell(pipeline, "test ! -e /proc/$$/fd/0 && echo through");
        add_shell(pipeline, "read x && test \"$x\" = through && test ! -e /proc/$$/fd/1");
        close(0);
        close(1);
        start(pipeline, 0);
        wait_for(pipeline);
        int code = leat_pipeline_code(pipeline);
        leat_pipeline_free(pipeline);
        _exit(code);
}

TEST(nor_are_the_ends_of_a_pipeline) {
        CHECK_EQ(harness_wait(harness_fork(join_without_standard, NULL)), 0);
}

/* ---- where the program lies ---- */

TEST(folders_of_path_that_are_too_long_are_left_out) {
        static char path[8192];
        struct leat_reason reason;
        memset(path, 'x', 5000);
        path[0] = '/';
        struct leat_command *command = spawns_command("true", NULL);
        CHECK_EQ(leat_command_environment(command, "PATH", path), 0);
        CHECK_EQ(leat_command_directory(command, "/bin"), 0); /* and nothing is looked for there instead */
        CHECK_EQ(spawns_error(command, &reason), -ENOENT);
        CHECK(strstr(reason.text, "PATH") != NULL);
        strcpy(path + 5000, ":/bin:/usr/bin");
        command = spawns_command("true", NULL);
        CHECK_EQ(leat_command_environment(command, "PATH", path), 0);
        CHECK_EQ(run(command), 0);
}

/* ---- who is nobody's child yet ---- */

/* As leat_spawn() makes them: without a signal that tells of their end. */
static pid_t fork_untold(void) {
        siginfo_t info;
        pid_t pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
        if (pid == 0)
                syscall(SYS_exit_group, 127);
        CHECK(pid > 0);
        CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
        return pid;
}

TEST(one_that_has_not_executed_its_program_is_not_reaped_for_all) {
        pid_t pid = fork_untold();
        siginfo_t info;
        CHECK_EQ(process_reap_any(&info), -ECHILD);
        CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
}

TEST(nor_is_it_told_by_a_source_of_children) {
        struct leat_signals *signals;
        CHECK_EQ(leat_signals_open("", LEAT_SIGNALS_CHILDREN, NULL, &signals), 0);
        pid_t pid = fork_untold();
        struct pollfd look = { .fd = leat_signals_fd(signals), .events = POLLIN };
        CHECK_EQ(kill(getpid(), SIGCHLD), 0); /* as another child's end */
        CHECK_EQ(poll(&look, 1, 0), 1);
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(poll(&look, 1, 0), 0);
        CHECK_EQ(waitpid(pid, NULL, __WALL), pid);
        leat_signals_close(signals);
}

TEST_MAIN()
