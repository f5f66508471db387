/* SPDX-License-Identifier: MIT */
/* A source with LEAT_SIGNALS_CHILDREN: the end of each child is told once, whatever SIGCHLD coalesces. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/signal.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY (SANITIZED ? 100 : 500)

static struct leat_signals *open_source(const char *names) {
        struct leat_signals *signals;
        CHECK_EQ(leat_signals_open(names, LEAT_SIGNALS_CHILDREN, NULL, &signals), 0);
        return signals;
}

static struct leat_signal receive(struct leat_signals *signals) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        CHECK_EQ(leat_signals_receive(signals, harness_deadline_ms(20000), &signal), 0);
        return signal;
}

/* A child that ends when nobody has the other end of this pipe any more. */
static pid_t child_at_gate(const int gate[2], int code) {
        char byte;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                close(gate[1]);
                _exit(read(gate[0], &byte, 1) == 0 ? code : 255);
        }
        return pid;
}

static void wait_for_end(pid_t pid) {
        siginfo_t info;
        CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static pid_t ended_child(int code) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                _exit(code);
        wait_for_end(pid);
        return pid;
}

static void check_no_child(void) {
        CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
        CHECK_EQ(errno, ECHILD);
}

TEST(none_of_many_that_end_at_once_is_lost) {
        struct leat_signals *signals = open_source("TERM");
        pid_t pids[MANY];
        bool told[MANY] = { false };
        int gate[2];
        CHECK_EQ(pipe(gate), 0);
        for (int i = 0; i < MANY; i++)
                pids[i] = child_at_gate(gate, i % 200);
        close(gate[0]);
        close(gate[1]);
        for (int n = 0; n < MANY; n++) {
                struct leat_signal got = receive(signals);
                int i = 0;
                while (i < MANY && pids[i] != got.pid)
                        i++;
                CHECK(i < MANY && !told[i]);
                told[i] = true;
                CHECK_EQ(got.number, SIGCHLD);
                CHECK_EQ(got.code, CLD_EXITED);
                CHECK_EQ(got.status, i % 200);
                CHECK_EQ(got.uid, getuid());
        }
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        check_no_child();
        leat_signals_close(signals);
}

TEST(one_sigchld_stands_for_many_and_the_descriptor_stays_readable) {
        struct leat_signals *signals = open_source("");
        struct pollfd look = { .fd = leat_signals_fd(signals), .events = POLLIN };
        CHECK_EQ(poll(&look, 1, 0), 0);
        for (int i = 0; i < 3; i++)
                (void)ended_child(i); /* coalesced: one SIGCHLD is pending */
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(poll(&look, 1, 0), 1);
                CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), 0);
        }
        CHECK_EQ(poll(&look, 1, 0), 0);
        check_no_child();
        leat_signals_close(signals);
}

TEST(signals_of_lower_numbers_come_before_the_children) {
        struct leat_signals *signals = open_source("INT");
        for (int i = 0; i < 10; i++)
                (void)ended_child(0);
        CHECK_EQ(receive(signals).number, SIGCHLD);
        CHECK_EQ(kill(getpid(), SIGINT), 0);
        CHECK_EQ(receive(signals).number, SIGINT);
        for (int i = 0; i < 9; i++)
                CHECK_EQ(receive(signals).number, SIGCHLD);
        check_no_child();
        leat_signals_close(signals);
}

TEST(a_child_that_ended_before_is_told) {
        pid_t pid = ended_child(4);
        struct leat_signals *signals = open_source("");
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.pid, pid);
        CHECK_EQ(got.status, 4);
        leat_signals_close(signals);
}

TEST(how_it_ended_is_told) {
        struct leat_signals *signals = open_source("");
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                for (;;)
                        pause();
        CHECK_EQ(kill(pid, SIGKILL), 0);
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.pid, pid);
        CHECK_STR(leat_signal_code_name(SIGCHLD, got.code), "CLD_KILLED");
        CHECK_EQ(got.status, SIGKILL);
        leat_signals_close(signals);
}

static pid_t stopped_child(void) {
        siginfo_t info;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                for (;;)
                        (void)raise(SIGSTOP);
        CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
        return pid;
}

TEST(stops_are_told_and_reap_nothing) {
        struct leat_signals *signals = open_source("");
        pid_t pid = stopped_child();
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.pid, pid);
        CHECK_STR(leat_signal_code_name(SIGCHLD, got.code), "CLD_STOPPED");
        CHECK_EQ(got.status, SIGSTOP);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        got = receive(signals);
        CHECK_EQ(got.pid, pid);
        CHECK_EQ(got.code, CLD_KILLED);
        leat_signals_close(signals);
}

TEST(a_stop_that_was_told_first_hides_no_end) {
        struct leat_signals *signals = open_source("");
        pid_t stopped = stopped_child();
        pid_t ended = ended_child(1); /* its SIGCHLD is the one that is pending: of the stop */
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.code, CLD_STOPPED);
        CHECK_EQ(got.pid, stopped);
        got = receive(signals);
        CHECK_EQ(got.code, CLD_EXITED);
        CHECK_EQ(got.pid, ended);
        CHECK_EQ(kill(stopped, SIGKILL), 0);
        CHECK_EQ(receive(signals).pid, stopped);
        leat_signals_close(signals);
}

TEST(a_stop_behind_an_end_that_another_reaped_is_told) {
        struct leat_signals *signals = open_source("");
        pid_t ended = ended_child(1);
        pid_t stopped = stopped_child(); /* its SIGCHLD is the one that is pending: of the end */
        CHECK_EQ(waitpid(ended, NULL, 0), ended);
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.code, CLD_STOPPED);
        CHECK_EQ(got.pid, stopped);
        CHECK_EQ(kill(stopped, SIGKILL), 0);
        CHECK_EQ(receive(signals).pid, stopped);
        leat_signals_close(signals);
}

TEST(what_another_reaped_is_not_told) {
        struct leat_signals *signals = open_source("");
        pid_t pid = ended_child(1);
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        /* Nor is there a child to reap when somebody just sends it. */
        CHECK_EQ(kill(getpid(), SIGCHLD), 0);
        CHECK_EQ(leat_signals_receive(signals, leat_in_ms(1), NULL), -ETIMEDOUT);
        leat_signals_close(signals);
}

static void send_without_end(void *argument) {
        for (;;)
                (void)kill(*(pid_t *)argument, SIGCHLD);
}

TEST(sigchld_that_is_sent_without_end_tells_nothing) {
        struct leat_signals *signals = open_source("");
        pid_t self = getpid(), pid = harness_fork(send_without_end, &self);
        int64_t deadline = leat_in_ms(10);
        CHECK_EQ(leat_signals_receive(signals, deadline, NULL), -ETIMEDOUT);
        CHECK(leat_now() >= deadline);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(receive(signals).pid, pid);
        leat_signals_close(signals);
}

TEST(a_program_that_ignores_sigchld_is_told_all_the_same) {
        struct sigaction action;
        CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
        struct leat_signals *signals = open_source("");
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                _exit(3);
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.pid, pid);
        CHECK_EQ(got.status, 3);
        leat_signals_close(signals);
        CHECK_EQ(sigaction(SIGCHLD, NULL, &action), 0);
        CHECK(action.sa_handler == SIG_IGN);
}

TEST(what_was_not_told_leaves_no_zombie_where_sigchld_is_ignored) {
        static const char *const argv[] = { "/bin/sh", "-c", "exit 7", NULL };
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_process *process;
        struct leat_command *command;
        CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
        struct leat_signals *signals = open_source("");
        for (int i = 0; i < 3; i++)
                (void)ended_child(i);
        CHECK_EQ(leat_command_new(argv, &command), 0);
        CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &process), 0);
        leat_command_free(command);
        wait_for_end(leat_process_pid(process));
        leat_signals_close(signals);
        check_no_child();
        CHECK_EQ(leat_process_wait(process, LEAT_NOW, &status), 0);
        CHECK_EQ(status.how, LEAT_HOW_EXITED);
        CHECK_EQ(status.code, 7);
        leat_process_free(process);
}

TEST(closing_leaves_the_children_of_one_that_waits_for_them) {
        struct leat_signals *signals = open_source("");
        pid_t pid = ended_child(1);
        leat_signals_close(signals);
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* ---- beside leat_spawn() ---- */

#define SPAWNED 40

TEST(children_of_leat_spawn_are_told_and_keep_their_status) {
        static const char *const argv[] = { "/bin/sh", "-c", "read x; exit 7", NULL };
        struct leat_signals *signals = open_source("");
        struct leat_process *processes[SPAWNED];
        struct leat_command *command;
        int gate[2];
        CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
        CHECK_EQ(leat_command_new(argv, &command), 0);
        CHECK_EQ(leat_command_descriptor(command, 0, gate[0]), 0);
        for (int i = 0; i < SPAWNED; i++)
                CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &processes[i]), 0);
        leat_command_free(command);
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < SPAWNED; i++) {
                struct leat_signal got = receive(signals);
                CHECK_EQ(got.code, CLD_EXITED);
                CHECK_EQ(got.status, 7);
        }
        check_no_child();
        for (int i = 0; i < SPAWNED; i++) {
                struct leat_status status = LEAT_STATUS_INIT;
                CHECK_EQ(leat_process_wait(processes[i], LEAT_NOW, &status), 0);
                CHECK_EQ(status.how, LEAT_HOW_EXITED);
                CHECK_EQ(status.code, 7);
                leat_process_free(processes[i]);
        }
        leat_signals_close(signals);
}

TEST_MAIN()
