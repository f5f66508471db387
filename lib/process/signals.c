/* SPDX-License-Identifier: MIT */
#include "process/signals.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/options.h"
#include "channel/fork.h"
#include "wait/wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_AT_ONCE 256 /* SIGCHLDs that tell nothing, before it looks at the clock again */

struct handler {
        void (*function)(const struct leat_signal *signal, void *context);
        void *context;
};

struct leat_signals {
        struct fork_member member;
        int fd;
        bool children;
        sigset_t set;
        sigset_t ours;                 /* those of them that were not blocked before */
        struct sigaction child_action; /* what SIGCHLD did before */
        struct handler handlers[_NSIG];
};

static void after_fork(struct fork_member *member) {
        struct leat_signals *signals = CONTAINER_OF(member, struct leat_signals, member);
        signals->fd = close_fd(signals->fd);
        /* All of them, for the parent's other threads too: one that was about to claim had entered this list before. */
        signal_unclaim_all();
}

static int guard(struct leat_signals *signals) {
        if (!signals)
                return -EINVAL;
        return fork_owns(&signals->member) ? 0 : -ECHILD;
}

/* ---- opening and closing ---- */

static int parse(const char *names, unsigned flags, struct leat_reason *reason, sigset_t *ret_set) {
        if (flags & ~LEAT_SIGNALS_CHILDREN)
                return reason_set(reason, -EINVAL, LEAT_ROW_NONE, "a flag is unknown");
        if (leat_signal_set(names, ret_set) < 0)
                return reason_set(reason, -EINVAL, LEAT_ROW_NONE, "a name is no signal's: see leat signal list");
        if (flags & LEAT_SIGNALS_CHILDREN)
                (void)sigaddset(ret_set, SIGCHLD);
        if (sigismember(ret_set, SIGKILL) || sigismember(ret_set, SIGSTOP))
                return reason_set(reason, -EINVAL, LEAT_ROW_NONE,
                                  "SIGKILL and SIGSTOP cannot be received: leave them out");
        for (int number = 1; number < _NSIG; number++)
                if (sigismember(ret_set, number) == 1)
                        return 0;
        return reason_set(reason, -EINVAL, LEAT_ROW_NONE, "no signal is named");
}

/* Block them, and note which of them were not: *signals->ours. */
static void block(struct leat_signals *signals) {
        sigset_t before;
        (void)pthread_sigmask(SIG_BLOCK, &signals->set, &before); /* cannot fail */
        signals->ours = signals->set;
        for (int number = 1; number < _NSIG; number++)
                if (sigismember(&before, number) == 1)
                        (void)sigdelset(&signals->ours, number);
}

static void unblock(const struct leat_signals *signals) {
        (void)pthread_sigmask(SIG_UNBLOCK, &signals->ours, NULL);
}

static int claim(struct leat_signals *signals, struct leat_reason *reason) {
        int number = signal_claim(&signals->set);
        if (number == 0)
                return 0;
        reason_set(reason, -EBUSY, LEAT_ROW_NONE,
                   "another source of this process has a signal of these: receive it from one alone, or close that "
                   "before");
        if (reason) {
                reason->limit = "signal";
                reason->limit_value = number;
        }
        return -EBUSY;
}

/* With the signals blocked. */
static int start(struct leat_signals *signals, struct leat_reason *reason) {
        int r = signal_threads_check(&signals->set, reason);
        if (r < 0)
                return r;
        signals->fd = signalfd(-1, &signals->set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals->fd < 0)
                return reason_set(reason, -errno, LEAT_ROW_NONE, "a descriptor for the signals could not be had");
        r = fork_enter(&signals->member);
        if (r < 0)
                reason_set(reason, r, LEAT_ROW_NONE, "there is no memory for it");
        else if ((r = claim(signals, reason)) < 0)
                fork_leave(&signals->member);
        if (r < 0)
                signals->fd = close_fd(signals->fd);
        return r;
}

int leat_signals_open(const char *names, unsigned flags, struct leat_reason *ret_reason,
                      struct leat_signals **ret_signals) {
        sigset_t set;
        int r = ret_signals ? parse(names, flags, ret_reason, &set) : -EINVAL;
        if (r < 0)
                return r;
        FREE_AT_EXIT struct leat_signals *signals = calloc(1, sizeof(*signals));
        if (!signals)
                return reason_set(ret_reason, -ENOMEM, LEAT_ROW_NONE, "there is no memory for it");
        signals->member.after_fork = after_fork;
        signals->set = set;
        signals->children = flags & LEAT_SIGNALS_CHILDREN;
        block(signals);
        r = start(signals, ret_reason);
        if (r < 0) {
                unblock(signals);
                return r;
        }
        if (signals->children) {
                signal_children_begin(&signals->child_action);
                /* A child may have ended before SIGCHLD was blocked: it is told as well. */
                signal_children_look();
        }
        *ret_signals = TAKE(signals);
        return 0;
}

static int next_info(const struct leat_signals *signals, struct signalfd_siginfo *ret_info) {
        ssize_t n;
        do
                n = read(signals->fd, ret_info, sizeof(*ret_info));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == (ssize_t)sizeof(*ret_info) ? 0 : -EAGAIN;
}

struct leat_signals *leat_signals_close(struct leat_signals *signals) {
        struct signalfd_siginfo info;
        if (!signals)
                return NULL;
        if (fork_owns(&signals->member)) {
                while (next_info(signals, &info) == 0)
                        ;
                if (signals->children)
                        signal_children_end(&signals->child_action);
                unblock(signals);
                signal_unclaim(&signals->set);
        }
        fork_leave(&signals->member);
        (void)close_fd(signals->fd);
        free(signals);
        return NULL;
}

/* ---- receiving ---- */

static bool carries_value(int code) {
        return code == SI_QUEUE || code == SI_TIMER || code == SI_MESGQ || code == SI_ASYNCIO;
}

static struct leat_signal to_signal(const struct signalfd_siginfo *info) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        signal.number = (int)info->ssi_signo;
        signal.code = info->ssi_code;
        signal.pid = (pid_t)info->ssi_pid;
        signal.uid = info->ssi_uid;
        signal.has_value = carries_value(info->ssi_code);
        if (signal.has_value) /* ssi_int is the low half of it, or the high one: whichever the union has */
                signal.value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr;
        signal.status = info->ssi_status;
        signal.overrun = info->ssi_overrun;
        signal.address = info->ssi_addr;
        return signal;
}

/* 0; -EAGAIN: none is pending. */
static int take(const struct leat_signals *signals, struct leat_signal *ret_signal) {
        struct signalfd_siginfo info;
        for (unsigned i = 0; i < TAKEN_AT_ONCE; i++) {
                int r = next_info(signals, &info);
                if (r < 0)
                        return r;
                if (!signals->children || info.ssi_signo != SIGCHLD) {
                        *ret_signal = to_signal(&info);
                        return 0;
                }
                if (signal_children_take(&info, ret_signal) > 0)
                        return 0;
        }
        return -EAGAIN;
}

static int receive(const struct leat_signals *signals, int64_t deadline, struct leat_signal *ret_signal) {
        for (;;) {
                struct wait wait;
                int r = take(signals, ret_signal);
                if (r != -EAGAIN || deadline == LEAT_NOW)
                        return r;
                /* Whoever sends SIGCHLD without end does not hold it past the deadline. */
                if (leat_now() >= deadline)
                        return -ETIMEDOUT;
                wait_init(&wait);
                wait_add(&wait, signals->fd, POLLIN);
                r = wait_until(&wait, deadline);
                if (r < 0)
                        return r;
        }
}

int leat_signals_receive(struct leat_signals *signals, int64_t deadline, struct leat_signal *ret_signal) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        int r = guard(signals);
        if (r == 0 && ret_signal)
                r = options_take(ret_signal, &signal, sizeof(signal));
        if (r == 0)
                r = receive(signals, deadline, &signal);
        if (r == 0 && ret_signal)
                options_tell(&signal, sizeof(signal), ret_signal);
        return r;
}

int leat_signals_fd(struct leat_signals *signals) {
        int r = guard(signals);
        return r < 0 ? r : signals->fd;
}

/* ---- handlers ---- */

int leat_signals_handle(struct leat_signals *signals, int number,
                        void (*function)(const struct leat_signal *signal, void *context), void *context) {
        int r = guard(signals);
        if (r < 0)
                return r;
        if (number <= 0 || number >= _NSIG || sigismember(&signals->set, number) != 1)
                return -EINVAL;
        signals->handlers[number] = (struct handler){ function, context };
        return 0;
}

int leat_signals_dispatch(struct leat_signals *signals, int64_t deadline) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        int r = guard(signals);
        if (r == 0)
                r = receive(signals, deadline, &signal);
        if (r < 0)
                return r;
        /* A copy: the handler may close the source. */
        struct handler handler = signals->handlers[signal.number];
        if (handler.function)
                handler.function(&signal, handler.context);
        return 0;
}
