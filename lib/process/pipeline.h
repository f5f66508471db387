/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_PIPELINE_H
#define LEAT_PROCESS_PIPELINE_H

/*
 * A pipeline: pipeline.c builds and frees it, pipeline_start.c starts it, pipeline_wait.c keeps it going, pipeline_group.c signals it.
 *
 * The group is that of the first stage that was started, its *leader*. A number of a group can become another's only when its leader is reaped and nobody
 * is in it: the leader stays a zombie until all stages have ended, and the group is signalled only as long. A host that ignores SIGCHLD, or reaps whatever
 * ended, gives it away before: then each stage is signalled, and one that is started when nobody is left in the group leads a new one.
 */

#include "channel/fork.h"
#include "process/process.h"
#include "process/relay.h"

#include <leat/process.h>

struct stage {
        struct leat_command *command;
        struct relay *relay; /* of what it puts out; or NULL */
        struct leat_process *process;
        int error;            /* why it was not started, negative */
        unsigned redirection; /* ... and which of its redirections it was, from 1; or 0 */
        int killed;           /* ... or the signal that killed it before its program; or 0 */
        bool ended;           /* it was counted as such */
        bool traced;          /* its pidfd tells that it has ended, and its tracer does not let us see it yet */
};

enum pipeline_phase {
        PIPELINE_BUILDING,
        PIPELINE_RUNNING,
        PIPELINE_TERMINATED, /* its deadline has passed, and all were told */
        PIPELINE_KILLED,     /* ... and the grace */
        PIPELINE_OVER,       /* its start failed: nothing is left but what freeing frees */
};

struct leat_pipeline {
        struct fork_member member;
        struct stage *stages;
        size_t count;
        enum pipeline_phase phase;
        unsigned flags;
        int terminal;     /* with LEAT_PIPELINE_FOREGROUND; else -1 */
        pid_t foreground; /* whose it was */
        int64_t deadline; /* the next: for SIGTERM, then for SIGKILL, then never */
        int64_t grace_ns;
        int epoll, timer; /* -1; the timer is for leat_pipeline_fd() alone */
        struct leat_process *leader;
        pid_t group;    /* 0: the caller's */
        size_t running; /* stages that were started and have not been seen to end */
        size_t traced;  /* ... of which a tracer holds the end back: they are looked at again after a while */
};

/* What epoll says: the stage, and above RELAY_SLOT which of the two it is about. */
#define PIPELINE_TAG(stage) ((uint64_t)(stage) << 20)
#define PIPELINE_TAG_RELAY (UINT64_C(1) << 16)
#define PIPELINE_TAG_TIMER UINT64_MAX

/* Send to all of the group and to each stage that has left it (setsid), or to each stage that lives. Returns 0, -ESRCH, -EPERM. */
int pipeline_send(struct leat_pipeline *pipeline, int number);

/* Is the number of the group its own, also without a stage that lives in it: is the leader there, if only as a zombie? The kernel is asked. */
bool pipeline_holds_group(struct leat_pipeline *pipeline);

/* May a new stage join the group: is somebody of it there? */
bool pipeline_group_lasts(struct leat_pipeline *pipeline);

/* This stage leads the group from now on. The terminal, if the pipeline has it, goes there. */
void pipeline_set_leader(struct leat_pipeline *pipeline, struct leat_process *process);

/* The foreground of its terminal goes back to whom it was taken from, if the pipeline has it. */
void pipeline_leave_terminal(struct leat_pipeline *pipeline);

/* Kill what runs, reap all, close all. */
void pipeline_destroy(struct leat_pipeline *pipeline);

/* 0, -EINVAL (NULL; or it has not started), -ECHILD. */
int pipeline_guard(struct leat_pipeline *pipeline);
int pipeline_guard_started(struct leat_pipeline *pipeline);

#endif
