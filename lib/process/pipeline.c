/* SPDX-License-Identifier: MIT */
#include "process/pipeline.h"

#include "base/cleanup.h"
#include "base/options.h"

#include <errno.h>
#include <stdlib.h>

static void close_in_child(struct fork_member *member) {
        struct leat_pipeline *pipeline = CONTAINER_OF(member, struct leat_pipeline, member);
        pipeline->epoll = close_fd(pipeline->epoll);
        pipeline->timer = close_fd(pipeline->timer);
        for (size_t i = 0; i < pipeline->count; i++)
                if (pipeline->stages[i].relay)
                        relay_close(pipeline->stages[i].relay);
}

int leat_pipeline_new(struct leat_pipeline **ret_pipeline) {
        if (!ret_pipeline)
                return -EINVAL;
        struct leat_pipeline *pipeline = calloc(1, sizeof(*pipeline));
        if (!pipeline)
                return -ENOMEM;
        pipeline->epoll = pipeline->timer = pipeline->terminal = -1;
        pipeline->member.after_fork = close_in_child;
        int r = fork_enter(&pipeline->member);
        if (r < 0) {
                free(pipeline);
                return r;
        }
        *ret_pipeline = pipeline;
        return 0;
}

int pipeline_guard(struct leat_pipeline *pipeline) {
        if (!pipeline)
                return -EINVAL;
        return fork_owns(&pipeline->member) ? 0 : -ECHILD;
}

int pipeline_guard_started(struct leat_pipeline *pipeline) {
        int r = pipeline_guard(pipeline);
        return r == 0 && (pipeline->phase == PIPELINE_BUILDING || pipeline->phase == PIPELINE_OVER) ? -EINVAL : r;
}

static int guard_building(struct leat_pipeline *pipeline) {
        int r = pipeline_guard(pipeline);
        return r == 0 && pipeline->phase != PIPELINE_BUILDING ? -EINVAL : r;
}

int leat_pipeline_stage(struct leat_pipeline *pipeline, const char *const argv[], struct leat_command **ret_command) {
        struct leat_command *command;
        int r = guard_building(pipeline);
        if (r == 0)
                r = leat_command_new(argv, &command);
        if (r < 0)
                return r;
        struct stage *stages = reallocarray(pipeline->stages, pipeline->count + 1, sizeof(*stages));
        if (!stages) {
                leat_command_free(command);
                return -ENOMEM;
        }
        stages[pipeline->count++] = (struct stage){ .command = command };
        pipeline->stages = stages;
        if (ret_command)
                *ret_command = command;
        return 0;
}

int leat_pipeline_tee(struct leat_pipeline *pipeline, int fd) {
        int r = guard_building(pipeline);
        if (r < 0)
                return r;
        if (pipeline->count == 0)
                return -EINVAL;
        struct stage *stage = &pipeline->stages[pipeline->count - 1];
        if (!stage->relay)
                r = relay_new(&stage->relay);
        return r < 0 ? r : relay_add(stage->relay, fd);
}

size_t leat_pipeline_count(const struct leat_pipeline *pipeline) {
        return pipeline ? pipeline->count : 0;
}

struct leat_process *leat_pipeline_process(struct leat_pipeline *pipeline, size_t stage) {
        return pipeline && stage < pipeline->count ? pipeline->stages[stage].process : NULL;
}

static int tell_not_started(const struct stage *stage, struct leat_status *ret_status) {
        struct leat_status status = LEAT_STATUS_INIT;
        status.how = stage->killed ? LEAT_HOW_KILLED : LEAT_HOW_NOT_STARTED;
        status.code = stage->killed ? stage->killed : -stage->error;
        status.redirection = stage->redirection;
        if (ret_status->struct_size < sizeof(size_t))
                return -EINVAL;
        options_tell(&status, sizeof(status), ret_status);
        return 0;
}

int leat_pipeline_status(struct leat_pipeline *pipeline, size_t stage, struct leat_status *ret_status) {
        int r = pipeline_guard_started(pipeline);
        if (r < 0)
                return r;
        if (stage >= pipeline->count || !ret_status)
                return -EINVAL;
        const struct stage *at = &pipeline->stages[stage];
        return at->process ? leat_process_status(at->process, ret_status) : tell_not_started(at, ret_status);
}

int leat_pipeline_code(struct leat_pipeline *pipeline) {
        int code = 0;
        int r = pipeline_guard_started(pipeline);
        for (size_t i = 0; r == 0 && i < pipeline->count; i++) {
                struct leat_status status = LEAT_STATUS_INIT;
                r = leat_pipeline_status(pipeline, i, &status);
                if (r == 0 && leat_status_code(&status) != 0)
                        code = leat_status_code(&status);
        }
        return r < 0 ? r : code;
}

pid_t leat_pipeline_group(const struct leat_pipeline *pipeline) {
        return pipeline ? pipeline->group : 0;
}

/* The leader last: until then the group is nobody else's. */
void pipeline_destroy(struct leat_pipeline *pipeline) {
        (void)pipeline_send(pipeline, SIGKILL);
        for (size_t i = 0; i < pipeline->count; i++) {
                struct stage *stage = &pipeline->stages[i];
                if (stage->process != pipeline->leader)
                        leat_process_free(stage->process);
                stage->process = NULL;
                if (stage->relay)
                        relay_close(stage->relay);
        }
        pipeline_leave_terminal(pipeline);
        pipeline->leader = leat_process_free(pipeline->leader);
        pipeline->epoll = close_fd(pipeline->epoll);
        pipeline->timer = close_fd(pipeline->timer);
        pipeline->running = 0;
        pipeline->group = 0;
        pipeline->phase = PIPELINE_OVER;
}

struct leat_pipeline *leat_pipeline_free(struct leat_pipeline *pipeline) {
        if (!pipeline)
                return NULL;
        pipeline_destroy(pipeline);
        fork_leave(&pipeline->member);
        for (size_t i = 0; i < pipeline->count; i++) {
                leat_command_free(pipeline->stages[i].command);
                relay_free(pipeline->stages[i].relay);
        }
        free(pipeline->stages);
        free(pipeline);
        return NULL;
}
