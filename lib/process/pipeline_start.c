/* SPDX-License-Identifier: MIT */
#include "process/pipeline.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/options.h"
#include "process/ends.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What the start of one stage leaves to the next. */
struct starting {
        struct leat_pipeline *pipeline;
        int64_t deadline;
        struct leat_reason *reason;
        int input;     /* of the next stage; -1 for the first */
        struct io out; /* what the last stage would write to by itself, if it has a relay */
};

static void starting_close(struct starting *starting) {
        starting->input = close_fd(starting->input);
        starting->out.fd = close_fd(starting->out.fd);
}

/* Between two stages: where the one puts out and the next takes in, and with a relay what lies between. */
struct joint {
        struct pipe_ends out; /* of the stage; with a relay that reads it */
        struct pipe_ends in;  /* with a relay: of the next stage */
        struct io main;       /* ... and where the relay writes */
};

static void joint_close(struct joint *joint) {
        pipe_ends_close(&joint->out);
        pipe_ends_close(&joint->in);
        joint->main.fd = close_fd(joint->main.fd);
}

#define JOINT_NONE                                                                                                     \
        { .out = PIPE_ENDS_NONE, .in = PIPE_ENDS_NONE, .main = IO_NONE }

/* Our own standard output, of which nobody else sees that it does not wait. A program may have none: looked at before the first of our
 * own descriptors gets its number. */
static int look_for_output(struct io *ret_out) {
        int flags = fcntl(1, F_GETFL);
        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
                return 0;
        int copy = fcntl(1, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        int r = io_adopt(copy, ret_out);
        if (r < 0)
                close_fd(copy);
        return r;
}

static struct io take_io(struct io *io) {
        struct io taken = *io;
        io->fd = -1;
        return taken;
}

static int open_relayed(struct starting *starting, bool last, struct joint *joint) {
        int r = pipe_ends_open(&joint->out, PIPE_OURS_READS, starting->reason);
        if (r == 0 && last)
                joint->main = take_io(&starting->out);
        else if (r == 0)
                r = pipe_ends_open(&joint->in, PIPE_OURS_WRITES, starting->reason);
        if (r == 0 && !last)
                joint->main = (struct io){ .fd = take_fd(&joint->in.write), .kind = IO_NONBLOCKING };
        return r;
}

static int open_joint(struct starting *starting, bool relayed, bool last, struct joint *joint) {
        if (relayed)
                return open_relayed(starting, last, joint);
        return last ? 0 : pipe_ends_open(&joint->out, PIPE_OURS_NONE, starting->reason);
}

/* The first that starts leads; and another, where the host reaps whatever ended and nobody is left. */
static void join_group(struct leat_pipeline *pipeline, struct spawn_how *how) {
        bool leads = !pipeline->leader || !pipeline_group_lasts(pipeline);
        if (!(pipeline->flags & LEAT_PIPELINE_SAME_GROUP)) {
                how->group = leads ? 0 : pipeline->group;
                how->may_lead = true;
        }
        if (pipeline->terminal >= 0)
                how->terminal = leads ? pipeline->terminal : SPAWN_NO_TERMINAL;
}

/* It may have left the group by itself, and then leads this one only if nobody else is there. */
static bool leads_now(struct leat_pipeline *pipeline, struct leat_process *process) {
        if (!pipeline->leader)
                return true;
        return getpgid(leat_process_pid(process)) != pipeline->group && !pipeline_group_lasts(pipeline);
}

/* It runs: its end is to be told. */
static int enter_stage(struct leat_pipeline *pipeline, size_t number) {
        struct stage *stage = &pipeline->stages[number];
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = PIPELINE_TAG(number) };
        pipeline->running++;
        if (!(pipeline->flags & LEAT_PIPELINE_SAME_GROUP) && leads_now(pipeline, stage->process))
                pipeline_set_leader(pipeline, stage->process);
        return epoll_ctl(pipeline->epoll, EPOLL_CTL_ADD, leat_process_fd(stage->process), &event) < 0 ? -errno : 0;
}

/* With LEAT_PIPELINE_REST one that cannot be started is no error, and the first of them has its reason told. */
static int spawn_stage(struct starting *starting, size_t number, int output) {
        struct leat_pipeline *pipeline = starting->pipeline;
        struct stage *stage = &pipeline->stages[number];
        struct leat_reason reason = { 0 };
        struct spawn_how how = SPAWN_HOW(starting->deadline);
        how.input = starting->input;
        how.output = output;
        how.ret_killed = &stage->killed;
        join_group(pipeline, &how);
        stage->error = spawn_command(stage->command, &how, &reason, &stage->process);
        stage->redirection = stage->error < 0 ? reason.column : 0;
        if (stage->error == 0)
                return enter_stage(pipeline, number);
        stage->process = NULL;
        if (starting->reason && starting->reason->error == 0)
                *starting->reason = reason;
        return pipeline->flags & LEAT_PIPELINE_REST ? 0 : stage->error;
}

static int start_stage(struct starting *starting, size_t number) {
        CLEANUP(joint_close) struct joint joint = JOINT_NONE;
        struct leat_pipeline *pipeline = starting->pipeline;
        struct relay *relay = pipeline->stages[number].relay;
        int r = open_joint(starting, relay, number + 1 == pipeline->count, &joint);
        if (r == 0)
                r = spawn_stage(starting, number, joint.out.write);
        if (r < 0)
                return r;
        close_fd(starting->input);
        starting->input = relay ? take_fd(&joint.in.read) : take_fd(&joint.out.read);
        if (!relay)
                return 0;
        struct io main = take_io(&joint.main);
        return relay_start(relay, take_fd(&joint.out.read), &main, pipeline->epoll,
                           PIPELINE_TAG(number) | PIPELINE_TAG_RELAY);
}

static int start_all(struct leat_pipeline *pipeline, int64_t deadline, struct leat_reason *reason, size_t *ret_stage) {
        CLEANUP(starting_close)
        struct starting starting = { pipeline, deadline, reason, -1, IO_NONE };
        bool told = false;
        int r = pipeline->stages[pipeline->count - 1].relay ? look_for_output(&starting.out) : 0;
        if (r == 0 && (pipeline->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
                r = -errno;
        for (size_t i = 0; r == 0 && i < pipeline->count; i++) {
                r = start_stage(&starting, i);
                if (ret_stage && (r < 0 || (!told && pipeline->stages[i].error < 0))) {
                        *ret_stage = i;
                        told = true;
                }
        }
        return r;
}

static int check(const struct leat_pipeline *pipeline, const struct leat_pipeline_options *options) {
        const unsigned known = LEAT_PIPELINE_SAME_GROUP | LEAT_PIPELINE_REST | LEAT_PIPELINE_FOREGROUND;
        const unsigned apart = LEAT_PIPELINE_SAME_GROUP | LEAT_PIPELINE_FOREGROUND;
        bool foreground = options->flags & LEAT_PIPELINE_FOREGROUND;
        if (pipeline->phase != PIPELINE_BUILDING || pipeline->count == 0 || (options->flags & ~known) ||
            (options->flags & apart) == apart || options->grace_ns < 0 || (foreground && options->terminal < 0))
                return -EINVAL;
        return 0;
}

static int take_options(struct leat_pipeline *pipeline, const struct leat_pipeline_options *given,
                        struct leat_pipeline_options *ret_options) {
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        int r = given ? options_take(given, &options, sizeof(options)) : 0;
        if (r == 0)
                r = check(pipeline, &options);
        if (r < 0)
                return r;
        pipeline->flags = options.flags;
        pipeline->deadline = options.deadline;
        pipeline->grace_ns = options.grace_ns;
        *ret_options = options;
        return 0;
}

/* Whose the terminal is now, so that it goes back there. */
static int look_at_terminal(struct leat_pipeline *pipeline, int terminal) {
        pid_t foreground = tcgetpgrp(terminal);
        if (foreground < 0)
                return -errno;
        pipeline->foreground = foreground;
        pipeline->terminal = terminal;
        return 0;
}

int leat_pipeline_start(struct leat_pipeline *pipeline, const struct leat_pipeline_options *given,
                        struct leat_reason *ret_reason, size_t *ret_stage) {
        struct leat_pipeline_options options = LEAT_PIPELINE_OPTIONS_INIT;
        if (ret_reason)
                *ret_reason = (struct leat_reason){ 0 };
        int r = pipeline_guard(pipeline);
        if (r == 0)
                r = take_options(pipeline, given, &options);
        if (r < 0)
                return reason_set(ret_reason, r, LEAT_ROW_NONE,
                                  "no stage, started already, or options that do not go together");
        if (options.flags & LEAT_PIPELINE_FOREGROUND)
                r = look_at_terminal(pipeline, options.terminal);
        if (r < 0)
                return reason_set(ret_reason, r, LEAT_ROW_NONE, "not the controlling terminal of this process");
        r = start_all(pipeline, options.deadline, ret_reason, ret_stage);
        pipeline->phase = PIPELINE_RUNNING;
        if (r < 0)
                pipeline_destroy(pipeline);
        return r < 0 && ret_reason && ret_reason->error == 0
                       ? reason_set(ret_reason, r, LEAT_ROW_LIMITS, "no memory or descriptor was left for it")
                       : r;
}
