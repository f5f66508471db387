/* SPDX-License-Identifier: MIT */
/* What a process does with signals, from /proc; and the parser of it, which takes nothing that the kernel would not write. */
#include "harness.h"
#include "process/proc_status.h"

#include <errno.h>
#include <grp.h>
#include <leat/signal.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t bit(int number) {
        return UINT64_C(1) << (number - 1);
}

static void nothing(int number) {
        (void)number;
}

struct looked_at {
        struct harness_event *ready, *done;
        pid_t thread;
};

/* A child that blocks, ignores and catches, with pending ones for itself and for a thread. */
static void arrange(void *argument) {
        struct looked_at *about = argument;
        sigset_t blocked;
        CHECK_EQ(leat_signal_set("USR1 RTMIN+1 TERM", &blocked), 0);
        CHECK_EQ(sigprocmask(SIG_SETMASK, &blocked, NULL), 0);
        for (int number = 1; number <= SIGRTMAX; number++)
                (void)signal(number, SIG_DFL);
        CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR && signal(SIGUSR2, nothing) != SIG_ERR);
        CHECK_EQ(prctl(PR_SET_NAME, "a\nSigBlk:\t0\\"), 0);
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        CHECK_EQ(syscall(SYS_tgkill, getpid(), getpid(), SIGRTMIN + 1), 0);
        CHECK_EQ(kill(getpid(), SIGRTMIN + 1), 0);
        harness_event_signal(about->ready);
        harness_event_wait(about->done);
}

TEST(tells_what_a_process_does_with_signals) {
        struct leat_signal_state state = LEAT_SIGNAL_STATE_INIT;
        struct proc_status status;
        struct looked_at *about = harness_shared(sizeof(*about));
        *about = (struct looked_at){ harness_event_new(), harness_event_new(), 0 };
        pid_t pid = harness_fork(arrange, about);
        harness_event_wait(about->ready);
        CHECK_EQ(leat_signal_look(pid, 0, &state), 0);
        CHECK_EQ(state.thread, pid);
        CHECK_EQ(state.blocked, bit(SIGUSR1) | bit(SIGTERM) | bit(SIGRTMIN + 1));
        CHECK_EQ(state.ignored & ~(bit(32) | bit(33)), bit(SIGPIPE));
        CHECK_EQ(state.caught & ~(bit(32) | bit(33)), bit(SIGUSR2));
        CHECK_EQ(state.pending, bit(SIGRTMIN + 1));
        CHECK_EQ(state.shared_pending, bit(SIGUSR1) | bit(SIGRTMIN + 1));
        CHECK(state.queued >= 3 && state.queued_limit >= state.queued);
        CHECK_EQ(proc_status_read(pid, pid, &status), 0);
        CHECK_STR(status.name, "a\nSigBlk:\t0\\");
        CHECK_EQ(status.parent, getpid());
        CHECK_EQ(status.user, geteuid());
        harness_event_signal(about->done);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(leat_signal_look(pid, 0, &state), -ESRCH);
}

static void *other_thread(void *argument) {
        struct looked_at *about = argument;
        sigset_t set;
        CHECK_EQ(leat_signal_set("HUP", &set), 0);
        CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
        about->thread = (pid_t)syscall(SYS_gettid);
        harness_event_signal(about->ready);
        harness_event_wait(about->done);
        return NULL;
}

TEST(tells_of_each_thread) {
        struct leat_signal_state state = LEAT_SIGNAL_STATE_INIT;
        struct looked_at about = { harness_event_new(), harness_event_new(), 0 };
        pthread_t thread;
        pid_t *threads;
        bool found = false;
        CHECK_EQ(pthread_create(&thread, NULL, other_thread, &about), 0);
        harness_event_wait(about.ready);
        ssize_t count = leat_signal_threads(getpid(), &threads);
        CHECK(count >= 2);
        CHECK_EQ(threads[0], getpid());
        for (ssize_t i = 1; i < count; i++) {
                CHECK(threads[i] > threads[i - 1]);
                found |= threads[i] == about.thread;
        }
        CHECK(found);
        free(threads);
        CHECK_EQ(leat_signal_look(getpid(), about.thread, &state), 0);
        CHECK_EQ(state.thread, about.thread);
        CHECK_EQ(state.blocked, bit(SIGHUP));
        /* The number of a thread is not that of a process, though /proc takes it for one. */
        CHECK_EQ(leat_signal_look(about.thread, 0, &state), -ESRCH);
        CHECK_EQ(leat_signal_look(about.thread, getpid(), &state), -ESRCH);
        CHECK_EQ(leat_signal_look(getpid(), getppid(), &state), -ESRCH);
        harness_event_signal(about.done);
        CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(refuses_what_is_no_process) {
        struct leat_signal_state state = LEAT_SIGNAL_STATE_INIT;
        pid_t *threads = NULL;
        CHECK_EQ(leat_signal_look(0, 0, &state), -EINVAL);
        CHECK_EQ(leat_signal_look(-1, 0, &state), -EINVAL);
        CHECK_EQ(leat_signal_look(getpid(), -1, &state), -EINVAL);
        CHECK_EQ(leat_signal_look(getpid(), 0, NULL), -EINVAL);
        state.struct_size = 3;
        CHECK_EQ(leat_signal_look(getpid(), 0, &state), -EINVAL);
        CHECK_EQ(leat_signal_threads(0, &threads), -EINVAL);
        CHECK_EQ(leat_signal_threads(getpid(), NULL), -EINVAL);
        CHECK_EQ(leat_signal_threads(INT32_MAX, &threads), -ESRCH);
        CHECK(threads == NULL);
}

static void look_as_nobody(void *argument) {
        struct leat_signal_state state = LEAT_SIGNAL_STATE_INIT;
        pid_t *threads, root = getppid();
        bool *refused = argument;
        *refused = unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                   mount("proc", "/proc", "proc", 0, "hidepid=1") < 0;
        if (*refused)
                return;
        CHECK_EQ(setgroups(0, NULL), 0);
        CHECK_EQ(setresgid(65534, 65534, 65534), 0);
        CHECK_EQ(setresuid(65534, 65534, 65534), 0);
        CHECK_EQ(leat_signal_look(root, 0, &state), -EACCES);
        CHECK_EQ(leat_signal_threads(root, &threads), -EACCES);
}

TEST(a_proc_that_hides_others_refuses_access) {
        bool *refused = harness_shared(sizeof(*refused));
        if (getuid() != 0)
                SKIP("needs root, to mount /proc");
        CHECK_EQ(harness_wait(harness_fork(look_as_nobody, refused)), 0);
        if (*refused)
                SKIP("a /proc of its own is refused");
}

/* ---- the parser ---- */

static const char good[] = "Name:\tcat\\n\\\\\n"
                           "Umask:\t0022\n"
                           "State:\tS (sleeping)\n"
                           "Tgid:\t12\n"
                           "Ngid:\t0\n"
                           "Pid:\t13\n"
                           "PPid:\t0\n"
                           "Uid:\t1\t4294967295\t3\t4\n"
                           "Groups:\t \n"
                           "SigQ:\t7/96365\n"
                           "SigPnd:\t0000000000000001\n"
                           "ShdPnd:\t8000000000000000\n"
                           "SigBlk:\tffffffffffffffff\n"
                           "SigIgn:\t0000000000abcdef\n"
                           "SigCgt:\t0000000000000000\n"
                           "Seccomp:\t0\n";

TEST(parses_what_the_kernel_writes) {
        struct proc_status status;
        CHECK_EQ(proc_status_parse(good, sizeof(good) - 1, &status), 0);
        CHECK_STR(status.name, "cat\n\\");
        CHECK_EQ(status.state, 'S');
        CHECK_EQ(status.process, 12);
        CHECK_EQ(status.thread, 13);
        CHECK_EQ(status.parent, 0);
        CHECK_EQ(status.user, UINT32_MAX);
        CHECK_EQ(status.queued, 7);
        CHECK_EQ(status.queued_limit, 96365);
        CHECK_EQ(status.pending, 1);
        CHECK_EQ(status.shared_pending, UINT64_C(1) << 63);
        CHECK_EQ(status.blocked, UINT64_MAX);
        CHECK_EQ(status.ignored, 0xabcdef);
        CHECK_EQ(status.caught, 0);
}

/* The good text with one line in place of another; an empty one takes it away. */
static size_t with_line(const char *key, const char *line, char *ret_text, size_t size) {
        const char *at = strstr(good, key);
        CHECK(at != NULL);
        const char *end = strchr(at, '\n') + 1;
        int n = snprintf(ret_text, size, "%.*s%s%s", (int)(at - good), good, line, end);
        CHECK(n > 0 && (size_t)n < size);
        return (size_t)n;
}

TEST(refuses_what_the_kernel_does_not_write) {
        static const struct {
                const char *key, *line;
        } bad[] = {
                { "SigBlk:", "" },
                { "Name:", "" },
                { "SigBlk:", "SigBlk:\t0\n" },
                { "SigBlk:", "SigBlk:\t00000000000000000\n" },
                { "SigBlk:", "SigBlk:\t000000000000000g\n" },
                { "SigBlk:", "SigBlk:\t00000000000000FF\n" },
                { "SigBlk:", "SigBlk:\t0000000000000000 \n" },
                { "SigBlk:", "SigBlk: 0000000000000000\n" },
                { "SigBlk:", "SigBlk:\t0000000000000000\nSigBlk:\t0000000000000000\n" },
                { "Tgid:", "Tgid:\t2147483648\n" },
                { "Tgid:", "Tgid:\t-1\n" },
                { "Tgid:", "Tgid:\t\n" },
                { "Tgid:", "Tgid:\t99999999999999999999999\n" },
                { "Uid:", "Uid:\t1\t2\t3\n" },
                { "Uid:", "Uid:\t1\t2\t3\t4\t5\n" },
                { "Uid:", "Uid:\t1\t4294967296\t3\t4\n" },
                { "State:", "State:\tS\n" },
                { "State:", "State:\t1 (odd)\n" },
                { "SigQ:", "SigQ:\t7\n" },
                { "SigQ:", "SigQ:\t7/\n" },
                { "SigQ:", "SigQ:\t7/18446744073709551616\n" },
                { "Name:", "Name:\ta\\t\n" },
                { "Name:", "Name:\ta\\\n" },
                { "Name:", "Name:\t0123456789012345678901234567890123456789012345678901234567890123\n" },
        };
        struct proc_status status = { .thread = 77 };
        char text[2048];
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                size_t size = with_line(bad[i].key, bad[i].line, text, sizeof(text));
                if (proc_status_parse(text, size, &status) != -EBADMSG)
                        FAIL("taken: %s", bad[i].line);
        }
        for (size_t size = 0; size < sizeof(good) - 1 - strlen("Seccomp:\t0\n"); size++)
                CHECK_EQ(proc_status_parse(good, size, &status), -EBADMSG);
        CHECK_EQ(proc_status_parse(good, sizeof(good), &status), -EBADMSG); /* with its NUL: a line without an end */
        CHECK_EQ(status.thread, 77);
}

TEST_MAIN()
