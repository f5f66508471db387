/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_SIGNAL_TARGET_H
#define LEAT_TOOL_SIGNAL_TARGET_H

/*
 * Whom a signal goes to, and the processes that are held for it: by pidfd, so that none is another that got its number.
 *
 *     4711            a process
 *     -4711           a process group
 *     4711/4713       a thread of a process
 *     @NAME           every process of that name
 *     user:NAME       every process of that user, or user:UID
 */

#include <leat/process.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum target_kind { TARGET_PROCESS, TARGET_GROUP, TARGET_THREAD, TARGET_NAME, TARGET_USER };

struct target {
        const char *text; /* as it was written; borrowed */
        enum target_kind kind;
        pid_t pid; /* or the group */
        pid_t thread;
        uid_t user;
        struct leat_process **held; /* those that were found */
        size_t held_count;
};

/* Read one. Nothing is opened yet. Returns DONE, or USAGE after saying what is wrong. */
int target_read(const char *text, struct target *ret_target);

/* A process's number, of one that is written plainly; and PID/TID, if ret_thread is not NULL: 0 without. Returns as above. */
int target_read_pid(const char *text, pid_t *ret_pid, pid_t *ret_thread);

/*
 * Hold its processes. Of a group those that it has now, and the call may be repeated to add those that came since.
 * ret_added: how many came to it. Returns 0 or a negative errno: -ESRCH, if there is none and it is no group.
 */
int target_hold(struct target *target, size_t *ret_added);

/* Let go of one of them; the last one takes its place. */
void target_drop(struct target *target, size_t index);

/* Let go of all; it may be used again. */
void target_free(struct target *target);

#endif
