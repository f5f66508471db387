/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_SPAWN_PLAN_H
#define LEAT_PROCESS_SPAWN_PLAN_H

/*
 * The descriptors of a child: redirections, carried out one after the other on a table of numbers, become moves that do not
 * overwrite each other.
 */

#include "process/child.h"
#include "process/process.h"

struct spawn_plan {
        int *table; /* by number in the child: the number here, or -1 */
        size_t size;
        int *opened; /* for this start: to be closed here */
        size_t opened_count;
        struct child_move *moves;
        size_t moves_count;
        bool said[3];   /* what 0 to 2 are: the mark close-on-exec does not count then */
        bool closed[3]; /* in the child */
};

/* Returns 0, or a negative errno and in reason->column which redirection it was. */
int spawn_plan_make(const struct leat_command *command, const struct spawn_how *how, struct leat_reason *reason,
                    struct spawn_plan *ret_plan);

/* A copy of a descriptor, close-on-exec, at a number that nothing is moved to; or a negative errno. */
int spawn_plan_aside(const struct spawn_plan *plan, int fd);

/* Also of a plan that failed, or that is zeroed. */
void spawn_plan_free(struct spawn_plan *plan);

#endif
