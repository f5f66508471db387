/* SPDX-License-Identifier: MIT */
/* A source of signals: what it delivers, how it waits, what it leaves behind. */
#include "harness.h"

#include <errno.h>
#include <leat/signal.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct leat_signals *open_source(const char *names) {
        struct leat_signals *signals;
        struct leat_reason reason = { 0 };
        int r = leat_signals_open(names, 0, &reason, &signals);
        if (r < 0)
                FAIL("open %s: %s (%s)", names, leat_strerror(r), reason.text ? reason.text : "");
        return signals;
}

static struct leat_signal receive(struct leat_signals *signals) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        CHECK_EQ(leat_signals_receive(signals, harness_deadline_ms(20000), &signal), 0);
        return signal;
}

static void queue_to_self(int number, int value) {
        CHECK_EQ(sigqueue(getpid(), number, (union sigval){ .sival_int = value }), 0);
}

static bool is_blocked(int number) {
        sigset_t now;
        CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
        return sigismember(&now, number) == 1;
}

/* ---- what it delivers ---- */

TEST(delivers_who_sent_it_how_and_with_what) {
        struct leat_signals *signals = open_source("TERM USR1 RTMIN+2 ALRM");
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.number, SIGTERM);
        CHECK_STR(leat_signal_code_name(got.number, got.code), "SI_USER");
        CHECK_EQ(got.pid, getpid());
        CHECK_EQ(got.uid, getuid());
        CHECK(!got.has_value);
        queue_to_self(SIGRTMIN + 2, -42);
        got = receive(signals);
        CHECK_EQ(got.number, SIGRTMIN + 2);
        CHECK_EQ(got.code, SI_QUEUE);
        CHECK(got.has_value);
        CHECK_EQ(got.value.sival_int, -42);
        CHECK_EQ(leat_signal_thread(getpid(), (pid_t)syscall(SYS_gettid), SIGUSR1, NULL, NULL), 0);
        got = receive(signals);
        CHECK_STR(leat_signal_code_name(got.number, got.code), "SI_TKILL");
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, &got), -EAGAIN);
        CHECK_EQ(leat_signals_receive(signals, leat_in_ms(1), &got), -ETIMEDOUT);
        leat_signals_close(signals);
}

TEST(sigalrm_and_timers_of_posix_are_signals_like_others) {
        struct leat_signals *signals = open_source("ALRM RTMIN");
        struct itimerval alarm = { .it_value = { .tv_usec = 1000 } };
        struct itimerspec soon = { .it_value = { .tv_nsec = 1000000 } };
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
        timer_t timer;
        CHECK_EQ(setitimer(ITIMER_REAL, &alarm, NULL), 0);
        struct leat_signal got = receive(signals);
        CHECK_EQ(got.number, SIGALRM);
        CHECK_STR(leat_signal_code_name(got.number, got.code), "SI_KERNEL");
        event.sigev_value.sival_int = 99;
        CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
        CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
        got = receive(signals);
        CHECK_STR(leat_signal_code_name(got.number, got.code), "SI_TIMER");
        CHECK(got.has_value);
        CHECK_EQ(got.value.sival_int, 99);
        CHECK_EQ(timer_delete(timer), 0);
        leat_signals_close(signals);
}

TEST(ordinary_ones_coalesce_and_real_time_ones_are_queued) {
        struct leat_signals *signals = open_source("TERM RTMIN");
        for (int i = 0; i < 5; i++) {
                CHECK_EQ(kill(getpid(), SIGTERM), 0);
                CHECK_EQ(kill(getpid(), SIGRTMIN), 0);
        }
        CHECK_EQ(receive(signals).number, SIGTERM);
        for (int i = 0; i < 5; i++)
                CHECK_EQ(receive(signals).number, SIGRTMIN);
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -EAGAIN);
        leat_signals_close(signals);
}

TEST(the_lowest_number_comes_first_and_one_number_in_its_order) {
        static const int sent[] = { 5, 1, 3, 1, 5, 0, 3, 1 }, order[] = { 0, 1, 1, 1, 3, 3, 5, 5 };
        struct leat_signals *signals = open_source("RTMIN RTMIN+1 RTMIN+3 RTMIN+5 USR2 INT");
        for (int i = 0; i < 8; i++)
                queue_to_self(SIGRTMIN + sent[i], i);
        CHECK_EQ(kill(getpid(), SIGUSR2), 0);
        CHECK_EQ(kill(getpid(), SIGINT), 0);
        CHECK_EQ(receive(signals).number, SIGINT);
        CHECK_EQ(receive(signals).number, SIGUSR2);
        for (int i = 0, before = -1, last = -1; i < 8; i++) {
                struct leat_signal got = receive(signals);
                CHECK_EQ(got.number, SIGRTMIN + order[i]);
                CHECK_EQ(sent[got.value.sival_int], order[i]);
                CHECK(got.number != before || got.value.sival_int > last);
                before = got.number;
                last = got.value.sival_int;
        }
        leat_signals_close(signals);
}

TEST(its_descriptor_is_readable_as_long_as_one_is_pending) {
        struct leat_signals *signals = open_source("RTMIN TERM");
        struct pollfd look = { .fd = leat_signals_fd(signals), .events = POLLIN };
        CHECK_EQ(poll(&look, 1, 0), 0);
        queue_to_self(SIGRTMIN, 1);
        queue_to_self(SIGRTMIN, 2);
        CHECK_EQ(poll(&look, 1, 0), 1);
        CHECK_EQ(poll(&look, 1, 0), 1);
        (void)receive(signals);
        CHECK_EQ(poll(&look, 1, 0), 1);
        (void)receive(signals);
        CHECK_EQ(poll(&look, 1, 0), 0);
        leat_signals_close(signals);
}

/* ---- waiting ---- */

static volatile sig_atomic_t caught;

static void catch_it(int number) {
        (void)number;
        caught++;
}

/* Look, and then sleep; the signal comes in between. */
static void look_then_pause(void *argument) {
        CHECK(signal(SIGUSR1, catch_it) != SIG_ERR);
        if (caught == 0) {
                CHECK_EQ(raise(SIGUSR1), 0);
                CHECK_EQ(caught, 1);
                harness_event_signal(argument);
                pause();
        }
}

static void look_then_receive(void *argument) {
        bool *looked = argument;
        struct leat_signals *signals = open_source("USR1");
        if (leat_signals_receive(signals, LEAT_NOW, NULL) == -EAGAIN) {
                CHECK_EQ(raise(SIGUSR1), 0);
                *looked = true;
                CHECK_EQ(leat_signals_receive(signals, LEAT_NEVER, NULL), 0);
        }
        leat_signals_close(signals);
}

TEST(a_signal_between_the_look_and_the_sleep_is_lost_by_pause) {
        struct harness_event *came = harness_event_new();
        pid_t pid = harness_fork(look_then_pause, came);
        harness_event_wait(came);
        harness_wait_state(pid, "S");
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL); /* it had not gone on */
}

TEST(a_signal_between_the_look_and_the_sleep_ends_the_wait) {
        bool *looked = harness_shared(sizeof(*looked));
        CHECK_EQ(harness_wait(harness_fork(look_then_receive, looked)), 0);
        CHECK(*looked);
}

#define ROUNDS 2000

struct table_tennis {
        pid_t other;
        struct leat_signals *signals;
};

static void return_it(void *argument) {
        struct table_tennis *game = argument;
        struct leat_signals *signals = open_source("USR1");
        CHECK_EQ(kill(game->other, SIGUSR2), 0);
        for (int i = 0; i < ROUNDS; i++) {
                (void)receive(signals);
                CHECK_EQ(kill(game->other, SIGUSR2), 0);
        }
        leat_signals_close(signals);
}

TEST(none_of_many_that_come_at_any_moment_of_the_wait_is_lost) {
        struct table_tennis game = { .other = getpid() };
        struct leat_signals *signals = open_source("USR2");
        pid_t pid = harness_fork(return_it, &game);
        for (int i = 0; i < ROUNDS; i++) {
                (void)receive(signals);
                CHECK_EQ(kill(pid, SIGUSR1), 0);
        }
        (void)receive(signals);
        CHECK_EQ(harness_wait(pid), 0);
        leat_signals_close(signals);
}

/* A handler that runs all the time: each of its runs ends a system call with EINTR. */
static timer_t fire_all_the_time(void) {
        struct sigaction action = { .sa_handler = catch_it }; /* without SA_RESTART */
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
        struct itimerspec often = { .it_value = { .tv_nsec = 300000 }, .it_interval = { .tv_nsec = 300000 } };
        timer_t timer;
        CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
        CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
        CHECK_EQ(timer_settime(timer, 0, &often, NULL), 0);
        return timer;
}

/* Were a wait begun anew with its whole time after each, it would never end: the handler runs much more often. */
TEST(a_handler_neither_ends_nor_lengthens_a_wait) {
        struct leat_signals *signals = open_source("TERM");
        struct leat_timer *never;
        timer_t timer = fire_all_the_time();
        CHECK_EQ(leat_timer_open(LEAT_NEVER, 0, &never), 0);
        for (int i = 0; i < 4; i++) {
                int64_t deadline = leat_in_ms(20);
                int before = caught;
                CHECK_EQ(leat_signals_receive(signals, deadline, NULL), -ETIMEDOUT);
                CHECK(leat_now() >= deadline && caught > before);
                deadline = leat_in_ms(20);
                CHECK_EQ(leat_timer_receive(never, deadline), -ETIMEDOUT);
                CHECK(leat_now() >= deadline);
        }
        CHECK_EQ(timer_delete(timer), 0);
        leat_timer_close(never);
        leat_signals_close(signals);
}

/* ---- threads, fork, what is left ---- */

struct other {
        struct harness_event *ready, *done;
        const char *blocks;
        pid_t id;
};

static void *other_thread(void *argument) {
        struct other *other = argument;
        sigset_t before;
        CHECK_EQ(leat_signals_block(other->blocks, &before), 0);
        other->id = (pid_t)syscall(SYS_gettid);
        harness_event_signal(other->ready);
        harness_event_wait(other->done);
        return NULL;
}

static int open_beside(const char *blocks, struct leat_reason *ret_reason, pid_t *ret_id) {
        struct other other = { harness_event_new(), harness_event_new(), blocks, 0 };
        struct leat_signals *signals = NULL;
        pthread_t thread;
        CHECK_EQ(pthread_create(&thread, NULL, other_thread, &other), 0);
        harness_event_wait(other.ready);
        int r = leat_signals_open("USR1 TERM", 0, ret_reason, &signals);
        CHECK((r == 0) == (signals != NULL));
        leat_signals_close(signals);
        harness_event_signal(other.done);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        *ret_id = other.id;
        return r;
}

TEST(a_thread_that_would_take_them_is_told) {
        struct leat_reason reason = { 0 };
        pid_t id;
        CHECK_EQ(open_beside("USR1", &reason, &id), -EBUSY);
        CHECK_EQ(reason.error, -EBUSY);
        CHECK_EQ(reason.limit_value, id);
        CHECK(reason.text != NULL && reason.limit != NULL);
        CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGTERM));
        CHECK_EQ(open_beside("USR1 TERM HUP", &reason, &id), 0);
        CHECK_EQ(open_beside("", NULL, &id), -EBUSY);
}

static void use_inherited(void *argument) {
        struct leat_signals *signals = argument;
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, NULL), -ECHILD);
        CHECK_EQ(leat_signals_fd(signals), -ECHILD);
        CHECK_EQ(leat_signals_handle(signals, SIGTERM, NULL, NULL), -ECHILD);
        CHECK_EQ(leat_signals_dispatch(signals, LEAT_NOW), -ECHILD);
        CHECK(leat_signals_close(signals) == NULL);
        CHECK(is_blocked(SIGTERM));
}

TEST(it_is_not_for_a_forked_child) {
        struct leat_signals *signals = open_source("TERM");
        CHECK_EQ(harness_wait(harness_fork(use_inherited, signals)), 0);
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        CHECK_EQ(receive(signals).number, SIGTERM);
        leat_signals_close(signals);
}

static void open_in_child(void *argument) {
        struct leat_signals *inherited = argument, *signals = open_source("TERM");
        leat_signals_close(inherited); /* is none of ours */
        CHECK_EQ(leat_signals_open("TERM", 0, NULL, &inherited), -EBUSY);
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        CHECK_EQ(receive(signals).number, SIGTERM);
        leat_signals_close(signals);
        leat_signals_close(open_source("TERM"));
}

TEST(a_signal_has_one_source) {
        struct leat_reason reason = { 0 };
        struct leat_signals *first = open_source("INT TERM"), *second = NULL;
        CHECK_EQ(leat_signals_open("HUP TERM", 0, &reason, &second), -EBUSY);
        CHECK(second == NULL && reason.text != NULL);
        CHECK_STR(reason.limit, "signal");
        CHECK_EQ(reason.limit_value, SIGTERM);
        CHECK(!is_blocked(SIGHUP) && is_blocked(SIGTERM));
        second = open_source("HUP"); /* what was refused took nothing */
        CHECK_EQ(harness_wait(harness_fork(open_in_child, first)), 0);
        leat_signals_close(first);
        CHECK(is_blocked(SIGHUP) && !is_blocked(SIGTERM));
        first = open_source("TERM");
        leat_signals_close(second);
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        CHECK_EQ(receive(first).number, SIGTERM);
        leat_signals_close(first);
}

TEST(closing_restores_what_was_not_blocked_and_discards_what_is_pending) {
        sigset_t before;
        CHECK_EQ(leat_signals_block("HUP", &before), 0);
        struct leat_signals *signals = open_source("HUP TERM RTMIN");
        CHECK(is_blocked(SIGHUP) && is_blocked(SIGTERM) && is_blocked(SIGRTMIN));
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(kill(getpid(), SIGRTMIN), 0);
        CHECK(leat_signals_close(signals) == NULL); /* and this process goes on */
        CHECK(is_blocked(SIGHUP) && !is_blocked(SIGTERM) && !is_blocked(SIGRTMIN));
        leat_signals_restore(&before);
        CHECK(!is_blocked(SIGHUP));
}

TEST(blocking_for_a_while_is_undone_exactly) {
        sigset_t outer, inner;
        CHECK_EQ(leat_signals_block("USR1", &outer), 0);
        CHECK_EQ(leat_signals_block("USR1 USR2", &inner), 0);
        CHECK(is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
        leat_signals_restore(&inner);
        CHECK(is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
        leat_signals_restore(&outer);
        CHECK(!is_blocked(SIGUSR1));
        CHECK_EQ(leat_signals_block("KILL", &outer), -EINVAL);
        CHECK_EQ(leat_signals_block("INT STOP", &outer), -EINVAL);
        CHECK_EQ(leat_signals_block("INT", NULL), -EINVAL);
        CHECK(!is_blocked(SIGINT));
        leat_signals_restore(NULL);
}

/* ---- handlers ---- */

struct log {
        struct leat_signals *signals;
        char *text;
        int order[4];
        unsigned count;
};

/* What no handler in signal context may call. */
static void note(const struct leat_signal *signal, void *context) {
        struct log *log = context;
        char *text = NULL;
        CHECK(asprintf(&text, "%s%s ", log->text ? log->text : "", leat_signal_entry(signal->number)->name) > 0);
        free(log->text);
        log->text = text;
        printf("%s\n", text);
        CHECK_EQ(leat_signals_receive(log->signals, LEAT_NOW, NULL), log->count++ == 0 ? 0 : -EAGAIN);
}

static void close_it(const struct leat_signal *signal, void *context) {
        struct log *log = context;
        CHECK_EQ(signal->number, SIGTERM);
        log->signals = leat_signals_close(log->signals);
}

TEST(handlers_run_outside_of_signal_context) {
        struct log log = { .signals = open_source("INT USR1 USR2 TERM") };
        CHECK_EQ(leat_signals_handle(log.signals, SIGINT, note, &log), 0);
        CHECK_EQ(leat_signals_handle(log.signals, SIGUSR2, note, &log), 0);
        CHECK_EQ(leat_signals_handle(log.signals, SIGTERM, close_it, &log), 0);
        CHECK_EQ(leat_signals_handle(log.signals, SIGHUP, note, &log), -EINVAL);
        CHECK_EQ(leat_signals_handle(log.signals, -1, note, &log), -EINVAL);
        CHECK_EQ(leat_signals_handle(log.signals, 65, note, &log), -EINVAL);
        CHECK_EQ(leat_signals_dispatch(log.signals, LEAT_NOW), -EAGAIN);
        CHECK_EQ(kill(getpid(), SIGINT), 0);
        CHECK_EQ(kill(getpid(), SIGUSR1), 0); /* taken by the handler of SIGINT */
        CHECK_EQ(leat_signals_dispatch(log.signals, LEAT_NEVER), 0);
        CHECK_EQ(kill(getpid(), SIGUSR1), 0); /* no handler */
        CHECK_EQ(leat_signals_dispatch(log.signals, LEAT_NEVER), 0);
        CHECK_EQ(kill(getpid(), SIGUSR2), 0);
        CHECK_EQ(leat_signals_dispatch(log.signals, LEAT_NEVER), 0);
        CHECK_STR(log.text, "SIGINT SIGUSR2 ");
        CHECK_EQ(leat_signals_handle(log.signals, SIGUSR2, NULL, NULL), 0);
        CHECK_EQ(kill(getpid(), SIGUSR2), 0);
        CHECK_EQ(leat_signals_dispatch(log.signals, LEAT_NEVER), 0);
        CHECK_STR(log.text, "SIGINT SIGUSR2 ");
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        CHECK_EQ(leat_signals_dispatch(log.signals, LEAT_NEVER), 0);
        CHECK(log.signals == NULL);
        free(log.text);
}

TEST(refuses_what_is_wrong) {
        struct leat_signals *signals = NULL;
        struct leat_reason reason = { 0 };
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        CHECK_EQ(leat_signals_open("KILL", 0, &reason, &signals), -EINVAL);
        CHECK(reason.text != NULL);
        CHECK_EQ(leat_signals_open("TERM STOP", 0, NULL, &signals), -EINVAL);
        CHECK_EQ(leat_signals_open("", 0, NULL, &signals), -EINVAL);
        CHECK_EQ(leat_signals_open("FOO", 0, NULL, &signals), -EINVAL);
        CHECK_EQ(leat_signals_open(NULL, 0, NULL, &signals), -EINVAL);
        CHECK_EQ(leat_signals_open("TERM", 2, NULL, &signals), -EINVAL);
        CHECK_EQ(leat_signals_open("TERM", 0, NULL, NULL), -EINVAL);
        CHECK(signals == NULL && !is_blocked(SIGTERM));
        CHECK_EQ(leat_signals_receive(NULL, LEAT_NOW, NULL), -EINVAL);
        CHECK_EQ(leat_signals_fd(NULL), -EINVAL);
        CHECK_EQ(leat_signals_dispatch(NULL, LEAT_NOW), -EINVAL);
        CHECK(leat_signals_close(NULL) == NULL);
        /* A structure of no size takes no signal away. */
        signals = open_source("all");
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        signal.struct_size = 1;
        CHECK_EQ(leat_signals_receive(signals, LEAT_NOW, &signal), -EINVAL);
        CHECK_EQ(receive(signals).number, SIGTERM);
        leat_signals_close(signals);
}

TEST_MAIN()
