/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SIGNAL_H
#define LEAT_SIGNAL_H

/*
 * Signals: what there are, to send them, to receive them as any other event, to look at what a process does with them.
 *
 * RECEIVING. A *signal source* takes signals out of the way of handlers: they are blocked, and received one after the other like messages, in
 * the program's own time, so that whatever follows may call anything (signal(7) allows a handler very little). The wait is atomic: a signal that
 * comes between a look and the sleep ends the sleep, as with sigsuspend(2) and unlike pause(2).
 *
 *     struct leat_signals *signals;
 *     struct leat_signal what = LEAT_SIGNAL_INIT;
 *
 *     int r = leat_signals_open("INT TERM", 0, NULL, &signals);
 *     while (r == 0 && (r = leat_signals_receive(signals, LEAT_NEVER, &what)) == 0)
 *             printf("%s from %d\n", leat_signal_name(what.number), (int)what.pid);
 *
 * MAKE IT FIRST. Signals are blocked by thread, and a new thread inherits what its maker blocks. So a source is made before threads are started;
 * where a thread has one of its signals unblocked, leat_signals_open() says -EBUSY, since that thread would take it.
 * And so it does where another source of the process has one of them: of two, each would get some.
 *
 * WHAT IS LOST. An ordinary signal that is pending already is not made pending twice: two SIGTERM may be one. Real-time signals (SIGRTMIN to
 * SIGRTMAX) are queued, each with its value, up to RLIMIT_SIGPENDING of the receiver's user; what exceeds that is refused to the sender (-EAGAIN), save
 * what goes to a group, or comes by kill(2): the kernel drops that, and says that it was sent. Of several
 * that are pending the lowest number comes first, and those of one number in the order in which they were sent. With
 * LEAT_SIGNALS_CHILDREN the end of each child is told, though SIGCHLD is an ordinary signal.
 *
 * THREADS. One thread at a time for each source. FORK. A source belongs to its process: in a forked child it answers -ECHILD. What is
 * blocked stays blocked there; what leat_spawn() starts has nothing blocked.
 */

#include <leat/deadline.h>
#include <leat/error.h>
#include <leat/process.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h> /* sigset_t, also in a program that asks for ISO C alone (-std=c11) ... */
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SIGEV_SIGNAL /* ... where <signal.h> keeps this back too */
union sigval {
        int sival_int;
        void *sival_ptr;
};
#endif

/* ---- the table ---- */

enum leat_action {
        LEAT_ACTION_TERMINATE = 0,
        LEAT_ACTION_CORE = 1, /* terminate, and leave a core file */
        LEAT_ACTION_STOP = 2,
        LEAT_ACTION_CONTINUE = 3,
        LEAT_ACTION_IGNORE = 4,
};

struct leat_signal_entry {
        int number;
        const char *name;        /* "SIGTERM", "SIGRTMIN+3" */
        const char *meaning;     /* one clause, for people */
        enum leat_action action; /* what it does where nothing was said */
        bool catchable;          /* may it be caught, blocked, ignored? */
        bool real_time;          /* queued, with a value */
};

/*
 * What is known of a signal: a number from 1 to SIGRTMAX. NULL if there is none of that number, or if the C library keeps it for itself (32 and 33 with
 * glibc, 32 to 34 with musl). Static. Does not block. Safe with threads. Since 0.1.
 */
const struct leat_signal_entry *leat_signal_entry(int number);

/* Its name, "SIGTERM", or "signal 33" for a number that is none, "no signal" beyond 39; static text, never NULL. Safe with threads and signals. Since 0.1. */
const char *leat_signal_name(int number);

/* "terminate", "core", "stop", "continue", "ignore"; NULL for another number. Since 0.1. */
const char *leat_action_name(enum leat_action action);

/*
 * The number of a signal: "TERM", "SIGTERM", "sigterm", "RTMIN", "RTMIN+3", "RTMAX-1", "15"; and "CLD", "IOT", "POLL". -EINVAL if there is none of that
 * name, 0 among them. Since 0.1.
 */
int leat_signal_number(const char *name);

/*
 * Several at once, with spaces or commas between: "INT TERM RTMIN+3"; "all" is every one that may be blocked; "" is none. -EINVAL. Since 0.1.
 */
int leat_signal_set(const char *names, sigset_t *ret_set);

/*
 * How it was sent, as signal.h has it: "SI_USER", "SI_QUEUE", "CLD_EXITED", "SEGV_MAPERR"; static text, NULL where the code is not known. The
 * meaning of most depends on the signal. Safe with threads and signals. Since 0.1.
 */
const char *leat_signal_code_name(int number, int code);

/* ---- sending ---- */

/*
 * Send to a process that is held, with a value as sigqueue(3) does; real-time signals are queued.
 *
 * ret_reason: on failure, why (-EAGAIN: RLIMIT_SIGPENDING and its value); or NULL.
 * Returns 0, -ESRCH (it has ended), -EPERM, -EINVAL, -EAGAIN (the queue is full), -ECHILD. An ordinary signal is never refused so: where the queue is
 * full it comes without its value. Does not block. leat_process_signal() sends ordinary ones without, real-time ones with 0. Since 0.1.
 */
int leat_signal_queue(struct leat_process *process, int number, union sigval value, struct leat_reason *ret_reason);

/*
 * To all processes of a group, from 2 on; number 0 only looks. -ESRCH, -EPERM, -EINVAL. Without a value: the kernel has no such call for a group. So a
 * real-time one is lost to a process whose user's queue is full, and 0 is returned all the same. Since 0.1.
 */
int leat_signal_group(pid_t group, int number);

/* To one thread of a process; value may be NULL. -ESRCH, -EPERM, -EINVAL, -EAGAIN. Since 0.1. */
int leat_signal_thread(pid_t pid, pid_t thread, int number, const union sigval *value, struct leat_reason *ret_reason);

/* ---- blocking for a while ---- */

/*
 * Block these in this thread, and keep what was blocked before for leat_signals_restore(). Returns 0 or -EINVAL (SIGKILL and SIGSTOP cannot be
 * blocked either). Since 0.1.
 */
int leat_signals_block(const char *names, sigset_t *ret_before);
void leat_signals_restore(const sigset_t *before);

/* ---- receiving ---- */

struct leat_signals;

/* leat_signals_open, flags */
#define LEAT_SIGNALS_CHILDREN 1u /* SIGCHLD is among them: the end of each child is told once, and it is reaped */

/* A signal that came. What does not apply is 0. */
struct leat_signal {
        size_t struct_size; /* set by LEAT_SIGNAL_INIT */
        int number;
        int code;  /* SI_USER, SI_QUEUE, CLD_EXITED, ...: leat_signal_code_name() */
        pid_t pid; /* who sent it, or which child it is about; 0: the kernel, or not nameable here; with SI_QUEUE ... */
        uid_t uid; /* ... both are what the sender says: nobody checks them */
        bool has_value;
        union sigval value; /* with sigqueue(3), a timer, a message queue's notice */
        int status;         /* of SIGCHLD: the exit code, or the signal, by `code` */
        uint32_t overrun;   /* of a POSIX timer: how often it fired beside */
        uint64_t address;   /* of a fault */
};
#define LEAT_SIGNAL_INIT                                                                                               \
        { sizeof(struct leat_signal), 0, 0, 0, 0, false, { 0 }, 0, 0, 0 }

/*
 * Make a source of signals.
 *
 * names: as for leat_signal_set(); without SIGKILL and SIGSTOP.
 * flags: LEAT_SIGNALS_CHILDREN. Children that leat_spawn() started are told too, and leat_process_wait() knows their status all the same; those that
 *      ended before are told, those that somebody else reaped are not. Stops coalesce as SIGCHLD does, and may be told again: look at all children when one
 *      is told. SIGCHLD that somebody just sends is not told. A program that ignores SIGCHLD has it at its default until leat_signals_close().
 * ret_reason: on failure, why; or NULL.
 * Returns 0, -EINVAL, -EBUSY, -EMFILE, -ENOMEM, and -ENOENT or -EACCES where /proc cannot be read, so that the threads cannot be looked at. -EBUSY: a
 * thread of this process has one of them unblocked, or has ended as the first one and ignored it (ret_reason->limit is "thread", limit_value its id as
 * /proc has it); or another source of this process has one of them ("signal", and its number).
 * They are blocked in this thread until leat_signals_close(). Does not block. Since 0.1.
 */
int leat_signals_open(const char *names, unsigned flags, struct leat_reason *ret_reason,
                      struct leat_signals **ret_signals);

/*
 * Wait for the next one. ret_signal: begin with LEAT_SIGNAL_INIT; or NULL.
 * Returns 0, -EAGAIN, -ETIMEDOUT, -EINVAL, -ECHILD. Blocks until the deadline. Since 0.1.
 */
int leat_signals_receive(struct leat_signals *signals, int64_t deadline, struct leat_signal *ret_signal);

/*
 * Readable when leat_signals_receive() would not block; with LEAT_SIGNALS_CHILDREN it may be readable when there is nothing. Level-triggered; poll it, do
 * nothing else with it. -EINVAL, -ECHILD. Since 0.1.
 */
int leat_signals_fd(struct leat_signals *signals);

/*
 * Handlers that run outside of signal context: leat_signals_dispatch() waits for one signal and calls what was said for it, in this thread, as an
 * ordinary function, which may close the source too. function NULL: none; such a signal is taken all the same. Returns 0, -EINVAL (the source has not that
 * signal), -ECHILD; dispatch as leat_signals_receive(). Since 0.1.
 */
int leat_signals_handle(struct leat_signals *signals, int number,
                        void (*function)(const struct leat_signal *signal, void *context), void *context);
int leat_signals_dispatch(struct leat_signals *signals, int64_t deadline);

/*
 * Close a source; NULL is taken. What is pending is discarded, and what was not blocked before is unblocked in this thread. Returns NULL. Since 0.1.
 */
struct leat_signals *leat_signals_close(struct leat_signals *signals);

/* ---- timers ---- */

struct leat_timer;

/*
 * A timer as a source (timerfd_create(2)): first at a deadline, or at once if that is past, then every `period_ns` (0: once).
 * Returns 0, -EINVAL, -EMFILE, -ENOMEM. Since 0.1.
 */
int leat_timer_open(int64_t first, int64_t period_ns, struct leat_timer **ret_timer);

/* Wait until it fires. Returns how often it has since the last call, at least 1; -EAGAIN, -ETIMEDOUT, -ECHILD. Since 0.1. */
int64_t leat_timer_receive(struct leat_timer *timer, int64_t deadline);

/* Set it anew, or with LEAT_NEVER stop it. 0 or -EINVAL, -ECHILD. Since 0.1. */
int leat_timer_set(struct leat_timer *timer, int64_t first, int64_t period_ns);

int leat_timer_fd(struct leat_timer *timer);
struct leat_timer *leat_timer_close(struct leat_timer *timer);

/* ---- looking ---- */

/* What a thread, or the process as a whole, does with signals. Sets of them: bit N - 1 is signal N. */
struct leat_signal_state {
        size_t struct_size; /* set by LEAT_SIGNAL_STATE_INIT */
        pid_t thread;
        uint64_t pending;        /* for this thread */
        uint64_t shared_pending; /* for the process, to be taken by any thread */
        uint64_t blocked;
        uint64_t ignored;
        uint64_t caught;
        uint64_t queued; /* signals that wait for its user, and the most there may be (RLIMIT_SIGPENDING) */
        uint64_t queued_limit;
};
#define LEAT_SIGNAL_STATE_INIT                                                                                         \
        { sizeof(struct leat_signal_state), 0, 0, 0, 0, 0, 0, 0, 0 }

/*
 * Tell what a thread does with signals, from /proc, touching nothing. thread: its id; 0: the first thread.
 * Returns 0, -ESRCH (also: the number is that of a thread and not of a process), -EACCES, -EINVAL, -ENOENT (no /proc). Since 0.1.
 */
int leat_signal_look(pid_t pid, pid_t thread, struct leat_signal_state *ret_state);

/*
 * The threads of a process, in rising order. ret_threads: an array, to be freed with free(). Returns how many, or -ESRCH, -EACCES, -ENOMEM. Since 0.1.
 */
ssize_t leat_signal_threads(pid_t pid, pid_t **ret_threads);

#ifdef __cplusplus
}
#endif

#endif
