/* SPDX-License-Identifier: MIT */
#include "process/foreground.h"
#include "process/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Asked of the kernel, and not of what the waiting has seen so far. */
static bool any_lives(struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < pipeline->count; i++)
                if (pipeline->stages[i].process && !process_see(pipeline->stages[i].process))
                        return true;
        return false;
}

static bool is_in_group(const struct leat_pipeline *pipeline, const struct leat_process *process) {
        return getpgid(leat_process_pid(process)) == pipeline->group;
}

/* To the stages that live; to those of the group it may have gone already. */
static int send_each(struct leat_pipeline *pipeline, int number, bool group_has_it) {
        int result = -ESRCH;
        for (size_t i = 0; i < pipeline->count; i++) {
                struct leat_process *process = pipeline->stages[i].process;
                if (!process || process_see(process) || (group_has_it && is_in_group(pipeline, process)))
                        continue;
                int r = leat_process_signal(process, number);
                if (r == 0 || (result == -ESRCH && r < 0))
                        result = r;
        }
        return result;
}

/* Seen to have ended, it may have been reaped since by somebody else. */
bool pipeline_holds_group(struct leat_pipeline *pipeline) {
        struct leat_process *leader = pipeline->leader;
        struct process_end end;
        if (!leader || !process_see(leader))
                return leader != NULL;
        if (!leader->reaped && (registry_look(leader, false, &end) == -ECHILD || end.reaped))
                leader->reaped = true;
        return !leader->reaped;
}

bool pipeline_group_lasts(struct leat_pipeline *pipeline) {
        if (pipeline_holds_group(pipeline))
                return true;
        for (size_t i = 0; i < pipeline->count; i++) {
                struct leat_process *process = pipeline->stages[i].process;
                if (process && !process_see(process) && is_in_group(pipeline, process))
                        return true;
        }
        return false;
}

/* One who reaps whatever ended, or waited for the leader itself, has given the number of the group away. The group first: who leaves it
 * meanwhile gets the signal there or here. SIGKILL may come twice. */
int pipeline_send(struct leat_pipeline *pipeline, int number) {
        if (!fork_owns(&pipeline->member))
                return -ECHILD;
        if (!any_lives(pipeline))
                return -ESRCH;
        if (!pipeline_holds_group(pipeline))
                return send_each(pipeline, number, false);
        int r = kill(-pipeline->group, number) < 0 ? -errno : 0;
        int apart = send_each(pipeline, number, number != SIGKILL);
        return apart == -ESRCH || r == 0 ? r : apart;
}

int leat_pipeline_signal(struct leat_pipeline *pipeline, int number) {
        int r = pipeline_guard_started(pipeline);
        return r < 0 ? r : number < 0 || number > SIGRTMAX ? -EINVAL : pipeline_send(pipeline, number);
}

static void pass_foreground(int terminal, pid_t from, pid_t to) {
        if (from != 0 && tcgetpgrp(terminal) == from)
                (void)foreground_give(terminal, to);
}

void pipeline_set_leader(struct leat_pipeline *pipeline, struct leat_process *process) {
        pid_t group = leat_process_pid(process);
        if (pipeline->terminal >= 0 && pipeline->leader)
                pass_foreground(pipeline->terminal, pipeline->group, group);
        pipeline->leader = process;
        pipeline->group = group;
}

void pipeline_leave_terminal(struct leat_pipeline *pipeline) {
        if (pipeline->terminal < 0 || !fork_owns(&pipeline->member))
                return;
        pass_foreground(pipeline->terminal, pipeline->group, pipeline->foreground);
        pipeline->terminal = -1;
}
