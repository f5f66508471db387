/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_SIGNALS_H
#define LEAT_PROCESS_SIGNALS_H

/* What the files of a signal source share. */

#include <leat/error.h>
#include <leat/signal.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>

/* ---- signal_claims.c ---- */

/* Bit N - 1 is signal N. */
uint64_t signal_bits(const sigset_t *set);

/* Take these for a source, which has entered the list of fork.h before. Returns 0, or one of them that another source has: then none is taken. */
int signal_claim(const sigset_t *set);
void signal_unclaim(const sigset_t *set);

/* In a forked child, to which no source of its parent belongs. Async-signal-safe. */
void signal_unclaim_all(void);

/* ---- signal_threads.c ---- */

/* Has another thread of this process one of these unblocked? 0; -EBUSY, with its id; or why it could not be looked at. */
int signal_threads_check(const sigset_t *set, struct leat_reason *reason);

/* ---- signal_children.c ---- */

/* Before the source is made: a program that ignores SIGCHLD is told of no child. *ret_before: what it did, for signal_children_end(). */
void signal_children_begin(struct sigaction *ret_before);
void signal_children_end(const struct sigaction *before);

/* If a child has ended and is not reaped, let SIGCHLD come. */
void signal_children_look(void);

/*
 * SIGCHLD came, as `info` says: it may stand for many. Take one child that has ended, and let SIGCHLD come again if there are more.
 * Returns 1: *ret_signal tells of it, or of a child that stopped or went on; 0: there is nothing to tell.
 */
int signal_children_take(const struct signalfd_siginfo *info, struct leat_signal *ret_signal);

#endif
