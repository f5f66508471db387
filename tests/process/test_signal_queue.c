/* SPDX-License-Identifier: MIT */
/* Sending: to processes, groups and threads, with values, many of them, up to the limit of the queue. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/signal.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct leat_signals *open_source(const char *names) {
        struct leat_signals *signals;
        CHECK_EQ(leat_signals_open(names, 0, NULL, &signals), 0);
        return signals;
}

static struct leat_signal receive(struct leat_signals *signals) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        CHECK_EQ(leat_signals_receive(signals, harness_deadline_ms(20000), &signal), 0);
        return signal;
}

static struct leat_process *hold(pid_t pid) {
        struct leat_process *process;
        CHECK_EQ(leat_process_open(pid, &process), 0);
        return process;
}

static union sigval value_of(int number) {
        return (union sigval){ .sival_int = number };
}

/* The queue is that of the user: other tests have a part in it. Root may be another user, whom nobody else is. */
static void have_own_queue(void) {
        uid_t nobody_else = (uid_t)(1000000 + getpid());
        if (getuid() == 0)
                CHECK_EQ(setresuid(nobody_else, nobody_else, nobody_else), 0);
}

static void limit_queue(rlim_t most) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
        limit.rlim_cur = most;
        CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
}

/* ---- many, with values ---- */

#define SENDERS 4
#define NUMBERS 3
#define EACH (SANITIZED ? 2500 : 25000)

struct sender {
        int which;
        pid_t to;
};

/* Values: which sender, and its sequence of this signal. */
static void send_many(void *argument) {
        struct sender *sender = argument;
        struct leat_process *receiver = hold(sender->to);
        for (int i = 0; i < EACH; i++) {
                union sigval value = value_of(sender->which << 24 | i / NUMBERS);
                struct leat_reason reason = { 0 };
                int r;
                while ((r = leat_signal_queue(receiver, SIGRTMIN + i % NUMBERS, value, &reason)) == -EAGAIN) {
                        CHECK_STR(reason.limit, "RLIMIT_SIGPENDING");
                        (void)sched_yield();
                }
                CHECK_EQ(r, 0);
        }
        leat_process_free(receiver);
}

TEST(many_with_values_from_four_senders_all_arrive_in_their_order) {
        struct leat_signals *signals = open_source("RTMIN RTMIN+1 RTMIN+2");
        struct sender senders[SENDERS];
        pid_t pids[SENDERS];
        int next[SENDERS][NUMBERS] = { 0 };
        have_own_queue();
        limit_queue(1024);
        for (int i = 0; i < SENDERS; i++) {
                senders[i] = (struct sender){ i, getpid() };
                pids[i] = harness_fork(send_many, &senders[i]);
        }
        for (int i = 0; i < SENDERS * EACH; i++) {
                struct leat_signal got = receive(signals);
                int which = got.value.sival_int >> 24, number = got.number - SIGRTMIN;
                CHECK(got.has_value && which >= 0 && which < SENDERS && number >= 0 && number < NUMBERS);
                CHECK_EQ(got.code, SI_QUEUE);
                CHECK_EQ(got.pid, pids[which]);
                CHECK_EQ(got.value.sival_int & 0xffffff, next[which][number]++);
        }
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        for (int i = 0; i < SENDERS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_signals_close(signals);
}

struct filled {
        struct harness_event *full;
        pid_t to;
        int counts[2];
};

static void fill(void *argument) {
        struct filled *filled = argument;
        struct leat_process *receiver = hold(filled->to);
        struct leat_reason reason = { 0 };
        int r = 0;
        limit_queue(1024);
        for (int i = 0; r == 0; i++) {
                r = leat_signal_queue(receiver, SIGRTMIN + 1 - i % 2, value_of(i / 2), &reason);
                filled->counts[1 - i % 2] += r == 0;
        }
        CHECK_EQ(r, -EAGAIN);
        CHECK_EQ(reason.error, -EAGAIN);
        CHECK_STR(reason.limit, "RLIMIT_SIGPENDING");
        CHECK_EQ(reason.limit_value, 8192); /* the receiver's, not ours */
        CHECK(reason.text != NULL);
        CHECK_EQ(leat_signal_thread(filled->to, filled->to, SIGRTMIN, &(union sigval){ .sival_int = 1 }, &reason),
                 -EAGAIN);
        CHECK_STR(reason.limit, "RLIMIT_SIGPENDING");
        /* An ordinary one needs no place. */
        CHECK_EQ(leat_process_signal(receiver, SIGTERM), 0);
        leat_process_free(receiver);
}

TEST(the_limit_of_the_queue_is_told_and_what_was_taken_is_there) {
        struct leat_signals *signals = open_source("TERM RTMIN RTMIN+1");
        struct filled *filled = harness_shared(sizeof(*filled));
        filled->to = getpid();
        have_own_queue();
        limit_queue(8192);
        pid_t pid = harness_fork(fill, filled);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK(filled->counts[0] > 0 && filled->counts[1] > 0 && filled->counts[0] + filled->counts[1] <= 8192);
        CHECK_EQ(receive(signals).number, SIGTERM);
        /* All of the lower number first, each in the order sent. */
        for (int number = 0; number < 2; number++)
                for (int i = 0; i < filled->counts[number]; i++) {
                        struct leat_signal got = receive(signals);
                        CHECK_EQ(got.number, SIGRTMIN + number);
                        CHECK_EQ(got.value.sival_int, i);
                }
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        leat_signals_close(signals);
}

static void send_without_value(void *argument) {
        struct leat_process *receiver = hold(*(pid_t *)argument);
        limit_queue(0);
        CHECK_EQ(leat_process_signal(receiver, SIGRTMIN), 0);
        CHECK_EQ(leat_process_signal(receiver, SIGRTMIN), -EAGAIN); /* the receiver's limit is 1 */
        CHECK_EQ(leat_signal_thread(*(pid_t *)argument, *(pid_t *)argument, SIGRTMIN, NULL, NULL), -EAGAIN);
        CHECK_EQ(leat_process_signal(receiver, SIGTERM), 0);
        leat_process_free(receiver);
}

TEST(a_real_time_one_without_a_value_is_not_lost_in_silence) {
        struct leat_signals *signals = open_source("TERM RTMIN");
        pid_t self = getpid();
        if (getuid() != 0)
                SKIP("needs root, to become a user whom nobody else is");
        have_own_queue();
        limit_queue(1);
        CHECK_EQ(harness_wait(harness_fork(send_without_value, &self)), 0);
        CHECK_EQ(receive(signals).number, SIGTERM);
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.number, SIGRTMIN);
        CHECK(got.has_value && got.value.sival_int == 0);
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        leat_signals_close(signals);
}

/* ---- groups and threads ---- */

static void wait_for_signal(void *argument) {
        struct harness_event *ready = argument;
        struct leat_signals *signals = open_source("USR1");
        harness_event_signal(ready);
        CHECK_EQ(receive(signals).pid, getppid());
        leat_signals_close(signals);
}

TEST(a_group_gets_it_and_nobody_else) {
        struct harness_event *ready = harness_event_new();
        pid_t pids[3];
        struct leat_signals *signals = open_source("USR1");
        for (int i = 0; i < 3; i++) {
                pids[i] = harness_fork(wait_for_signal, ready);
                CHECK_EQ(setpgid(pids[i], pids[0]), 0);
        }
        for (int i = 0; i < 3; i++)
                harness_event_wait(ready);
        CHECK_EQ(leat_signal_group(pids[0], 0), 0);
        CHECK_EQ(leat_signal_group(pids[0], 65), -EINVAL);
        CHECK_EQ(leat_signal_group(pids[0], SIGUSR1), 0);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_signal_group(pids[0], SIGUSR1), -ESRCH);
        /* kill(2) would take these for everybody, and for ourselves. */
        CHECK_EQ(leat_signal_group(1, 0), -EINVAL);
        CHECK_EQ(leat_signal_group(0, 0), -EINVAL);
        CHECK_EQ(leat_signal_group(-1, 0), -EINVAL);
        leat_signals_close(signals);
}

struct other {
        struct harness_event *ready, *done;
        pid_t id;
};

static void *take_in_thread(void *argument) {
        struct other *other = argument;
        siginfo_t info;
        sigset_t set;
        CHECK_EQ(leat_signal_set("RTMIN+4 USR1", &set), 0);
        other->id = (pid_t)syscall(SYS_gettid);
        harness_event_signal(other->ready);
        harness_event_wait(other->done);
        CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
        CHECK_EQ(info.si_pid, getpid());
        CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 4);
        CHECK_EQ(info.si_code, SI_QUEUE);
        CHECK_EQ(info.si_value.sival_int, 5);
        return NULL;
}

TEST(a_thread_gets_it_and_no_other) {
        struct leat_signals *signals = open_source("USR1 RTMIN+4");
        struct other other = { harness_event_new(), harness_event_new(), 0 };
        struct leat_reason reason = { 0 };
        union sigval value = value_of(5);
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, take_in_thread, &other), 0);
        harness_event_wait(other.ready);
        CHECK_EQ(leat_signal_thread(getpid(), other.id, SIGRTMIN + 4, &value, &reason), 0);
        CHECK_EQ(leat_signal_thread(getpid(), other.id, SIGUSR1, NULL, &reason), 0);
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_signal_thread(getppid(), other.id, SIGUSR1, NULL, &reason), -ESRCH);
        CHECK_EQ(reason.error, -ESRCH);
        CHECK_EQ(leat_signal_thread(getpid(), 0, SIGUSR1, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_signal_thread(0, other.id, SIGUSR1, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_signal_thread(getpid(), other.id, 65, &value, NULL), -EINVAL);
        harness_event_signal(other.done);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_signals_close(signals);
}

/* ---- errors ---- */

static void wait_to_be_killed(void *argument) {
        harness_event_signal(argument);
        for (;;)
                pause();
}

TEST(each_refusal_has_its_own_error) {
        struct harness_event *ready = harness_event_new();
        struct leat_reason reason = { 0 };
        siginfo_t info;
        pid_t pid = harness_fork(wait_to_be_killed, ready);
        struct leat_process *process = hold(pid);
        harness_event_wait(ready);
        CHECK_EQ(leat_signal_queue(process, 0, value_of(1), NULL), 0); /* only looks */
        CHECK_EQ(leat_signal_queue(process, 65, value_of(1), &reason), -EINVAL);
        CHECK_EQ(leat_signal_queue(process, -1, value_of(1), NULL), -EINVAL);
        CHECK_EQ(leat_signal_queue(process, SIGKILL, value_of(1), NULL), 0);
        CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        CHECK_EQ(leat_signal_queue(process, SIGTERM, value_of(1), &reason), -ESRCH); /* a zombie takes none */
        CHECK_EQ(reason.error, -ESRCH);
        CHECK(reason.text != NULL);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
        CHECK_EQ(leat_signal_queue(process, SIGTERM, value_of(1), NULL), -ESRCH);
        leat_process_free(process);
        CHECK_EQ(leat_signal_queue(NULL, SIGTERM, value_of(1), NULL), -EINVAL);
}

static void ask_as_nobody(void *argument) {
        struct leat_reason reason = { 0 };
        struct leat_process *root = hold(*(pid_t *)argument);
        CHECK_EQ(setresgid(65534, 65534, 65534), 0);
        CHECK_EQ(setresuid(65534, 65534, 65534), 0);
        CHECK_EQ(leat_signal_queue(root, SIGRTMIN, value_of(1), &reason), -EPERM);
        CHECK_EQ(reason.error, -EPERM);
        CHECK_EQ(leat_signal_thread(*(pid_t *)argument, *(pid_t *)argument, SIGTERM, NULL, NULL), -EPERM);
        leat_process_free(root);
}

TEST(another_user_has_no_permission) {
        pid_t self = getpid();
        if (getuid() != 0)
                SKIP("needs root, to become another user");
        CHECK_EQ(harness_wait(harness_fork(ask_as_nobody, &self)), 0);
}

/* ---- where pidfd_send_signal(2) is refused ---- */

static void queue_when_refused(void *argument) {
        static const char *const argv[] = { "/bin/sh", "-c", "read x", NULL };
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_command *command;
        struct leat_process *child, *parent = hold(getppid());
        int gate[2];
        CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
        CHECK_EQ(leat_command_new(argv, &command), 0);
        CHECK_EQ(leat_command_descriptor(command, 0, gate[0]), 0);
        CHECK_EQ(leat_spawn(command, LEAT_NEVER, NULL, &child), 0);
        leat_command_free(command);
        CHECK(harness_refuse_call(SYS_pidfd_send_signal, *(int *)argument));
        /* A child of ours keeps its number until we reap it; another's number could be anybody's by now. */
        CHECK_EQ(leat_process_signal(child, 0), 0);
        CHECK_EQ(leat_process_signal(parent, 0), -*(int *)argument);
        CHECK_EQ(leat_signal_queue(child, SIGRTMIN, value_of(1), NULL), 0);
        CHECK_EQ(leat_signal_queue(parent, 0, value_of(1), NULL), -*(int *)argument);
        CHECK_EQ(leat_process_wait(child, harness_deadline_ms(20000), &status), 0);
        CHECK_EQ(status.how, LEAT_HOW_KILLED);
        CHECK_EQ(status.code, SIGRTMIN);
        leat_process_free(child);
        leat_process_free(parent);
        close(gate[0]);
        close(gate[1]);
}

TEST(a_refused_system_call_is_done_without_for_children) {
        int refusals[] = { EPERM, ENOSYS };
        for (int i = 0; i < 2; i++)
                CHECK_EQ(harness_wait(harness_fork(queue_when_refused, &refusals[i])), 0);
}

TEST_MAIN()
