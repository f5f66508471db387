/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_CHILD_H
#define LEAT_PROCESS_CHILD_H

/*
 * The child between its birth and its program.
 *
 * It runs in its parent's memory, on a stack of its own, while the thread that made it waits. What is written here the parent sees; a lock that another thread
 * holds will not be released; what the C library does at a fork was not done. So child.c calls nothing: it makes system calls by itself, and it is
 * compiled without sanitizers, whose own memory is the parent's too.
 */

#include "process/command.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum child_step {
        CHILD_UNBORN, /* it did not begin, or not in this memory */
        CHILD_GROUP,
        CHILD_FOREGROUND,
        CHILD_DIRECTORY,
        CHILD_DESCRIPTORS,
        CHILD_LIMITS,
        CHILD_EXECUTE,
};

/* The child's `target` is to be what `source` is now. The same: it stays. No target is the source of another move. */
struct child_move {
        int target, source;
};

/* What it tells: where it is, how far it came there, and what stopped it, a positive errno. */
struct child_result {
        enum child_step step;
        size_t at;
        int error;
};

struct child_plan {
        _Atomic pid_t *pid; /* it stores its number here before all else */
        bool has_group;
        pid_t group;
        bool may_lead; /* one of its own, where that group is no more */
        int terminal;  /* -1: none */
        const char *directory;
        const struct child_move *moves;
        size_t moves_count;
        bool closed[3]; /* of 0 to 2 */
        const struct command_limit *limits;
        size_t limits_count;
        char *pid_text; /* room for its number in decimal, in its environment; or NULL */
        char *const *candidates, *const *argv, *const *environment;
        int report;                         /* where memory is not shared: a pipe for its result; else -1 */
        void (*begin)(struct child_plan *); /* where clone(3) makes it */
        atomic_int busy;                    /* until it has executed its program or ended: the kernel clears it */
        struct child_result result;
};

/* All signals of this thread, also those that the C library keeps for itself: no handler runs in the child. */
void child_block_signals(uint64_t *ret_before);
void child_restore_signals(const uint64_t *before);

/*
 * Does a child store what its parent sees? Emulators (valgrind, qemu-user) make a fork of it. A child is made to find out, and is reaped. Returns 1 or 0;
 * a negative errno: none could be made. All signals are blocked in this thread.
 */
int child_shares_memory(void);

/*
 * Make the child. All signals are blocked in this thread. Returns its number once it has executed its program or ended; then plan->result tells.
 * A negative errno: there is none. *ret_pidfd is close-on-exec.
 *
 * Where memory is not shared (`report` is a pipe) the result is CHILD_UNBORN, the child may still be running, and the pipe tells: a result, or its end.
 */
pid_t child_make(struct child_plan *plan, int *ret_pidfd);

/* The end of that, descriptors, signals and program, in this process. It returns if it fails, a negative errno: then all from 3 on are close-on-exec, and
 * signals at their default action. */
int child_execute(struct child_plan *plan);

#endif
