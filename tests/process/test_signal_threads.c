/* SPDX-License-Identifier: MIT */
/* Which thread would take the signals of a source: also where /proc is another's, the first thread has ended, or many block everything. */
#include "harness.h"

#include <errno.h>
#include <leat/signal.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int try_source(const char *names, unsigned flags, struct leat_reason *reason) {
        struct leat_signals *signals = NULL;
        int r = leat_signals_open(names, flags, reason, &signals);
        CHECK((r == 0) == (signals != NULL));
        leat_signals_close(signals);
        return r;
}

struct other {
        struct harness_event *ready, *done;
        const char *blocks; /* NULL: all there are, those of the C library too, as a thread has that only begins */
};

static void *other_thread(void *argument) {
        struct other *other = argument;
        uint64_t all = UINT64_MAX;
        sigset_t before;
        if (other->blocks)
                CHECK_EQ(leat_signals_block(other->blocks, &before), 0);
        else
                CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all)), 0);
        harness_event_signal(other->ready);
        harness_event_wait(other->done);
        return NULL;
}

#define THREADS_MOST 8

struct others {
        struct other about;
        pthread_t threads[THREADS_MOST];
        int count;
};

static void start_others(struct others *others, int count, const char *blocks) {
        others->about = (struct other){ harness_event_new(), harness_event_new(), blocks };
        others->count = count;
        for (int i = 0; i < count; i++)
                CHECK_EQ(pthread_create(&others->threads[i], NULL, other_thread, &others->about), 0);
        for (int i = 0; i < count; i++)
                harness_event_wait(others->about.ready);
}

static void end_others(struct others *others) {
        for (int i = 0; i < others->count; i++)
                harness_event_signal(others->about.done);
        for (int i = 0; i < others->count; i++)
                CHECK_EQ(pthread_join(others->threads[i], NULL), 0);
}

/* ---- the first thread has ended ---- */

#define CHILDREN 5

/* All have ended before the first is told: SIGCHLD is one for them all, and comes again by kill(2), which asks the first thread. */
static void receive_children(void) {
        struct leat_signals *signals;
        siginfo_t info;
        CHECK_EQ(leat_signals_open("", LEAT_SIGNALS_CHILDREN, NULL, &signals), 0);
        for (int i = 0; i < CHILDREN; i++) {
                pid_t pid = fork();
                CHECK(pid >= 0);
                if (pid == 0)
                        _exit(i);
                CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        }
        for (int i = 0; i < CHILDREN; i++)
                CHECK_EQ(leat_signals_receive(signals, harness_deadline_ms(20000), NULL), 0);
        leat_signals_close(signals);
}

static void *after_the_first(void *argument) {
        struct leat_reason reason = { 0 };
        bool blocked = argument;
        harness_wait_state(getpid(), "Z");
        if (blocked) {
                receive_children();
        } else {
                CHECK_EQ(try_source("", LEAT_SIGNALS_CHILDREN, &reason), -EBUSY);
                CHECK_STR(reason.limit, "thread");
                CHECK_EQ(reason.limit_value, getpid());
                CHECK_EQ(try_source("TERM WINCH", 0, NULL), -EBUSY);
                CHECK_EQ(try_source("TERM USR1", 0, NULL), 0); /* not ignored: another thread may take these */
                CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
                CHECK_EQ(try_source("TERM USR1", 0, NULL), -EBUSY);
        }
        exit(0);
}

static void end_the_first(void *argument) {
        sigset_t before;
        pthread_t thread;
        bool blocks = argument;
        CHECK_EQ(pthread_create(&thread, NULL, after_the_first, argument), 0);
        if (blocks)
                CHECK_EQ(leat_signals_block("CHLD", &before), 0);
        (void)syscall(SYS_exit, 0); /* as pthread_exit(3), which with musl blocks everything before */
}

TEST(what_the_first_thread_ignores_is_lost_when_it_has_ended) {
        CHECK_EQ(harness_wait(harness_fork(end_the_first, NULL)), 0);
}

TEST(a_first_thread_that_blocked_them_and_ended_loses_none) {
        bool blocks;
        CHECK_EQ(harness_wait(harness_fork(end_the_first, &blocks)), 0);
}

/* ---- a /proc of other numbers ---- */

static void look_from_inside(void) {
        struct others others;
        CHECK_EQ(getpid(), 1); /* which is another process there */
        start_others(&others, 1, "USR1");
        CHECK_EQ(try_source("USR1", 0, NULL), 0);
        CHECK_EQ(try_source("USR1 TERM", 0, NULL), -EBUSY);
        end_others(&others);
}

static void enter_name_space(void *argument) {
        bool *refused = argument;
        int status;
        *refused = unshare(CLONE_NEWPID) < 0;
        if (*refused)
                return;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                look_from_inside();
                _exit(0);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
}

TEST(threads_are_our_own_where_proc_is_of_an_outer_name_space) {
        bool *refused = harness_shared(sizeof(*refused));
        CHECK_EQ(harness_wait(harness_fork(enter_name_space, refused)), 0);
        if (*refused)
                SKIP("a name space of processes is refused");
}

/* ---- many that block everything ---- */

static bool long_waits;
static int waits;

/* The library lets others run while a thread seems to begin: here that takes longer than it would wait for it. */
int sched_yield(void) {
        int64_t over = long_waits ? leat_in_ms(25) : 0;
        waits++;
        do
                (void)syscall(SYS_sched_yield);
        while (leat_now() < over);
        return 0;
}

TEST(all_threads_that_seem_to_begin_are_waited_for_together) {
        struct others others;
        start_others(&others, THREADS_MOST, NULL);
        /* None, if this process did not run for so long. */
        long_waits = true;
        for (waits = 0; waits == 0;)
                CHECK_EQ(try_source("USR1", 0, NULL), 0);
        long_waits = false;
        CHECK_EQ(waits, 1);
        end_others(&others);
}

/* ---- reasons ---- */

TEST(a_missing_descriptor_is_told_as_such) {
        struct leat_reason reason = { 0 };
        struct rlimit limit, none;
        struct others others;
        start_others(&others, 1, "USR1");
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = limit;
        none.rlim_cur = 0;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        int r = try_source("USR1", 0, &reason);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_EQ(r, -EMFILE);
        CHECK(strstr(reason.text, "descriptor") && !strstr(reason.text, "/proc has to be mounted"));
        end_others(&others);
}

TEST_MAIN()
