/* SPDX-License-Identifier: MIT */
#include "process/pipeline.h"

#include "base/cleanup.h"
#include "wait/wait.h"

#include <errno.h>
#include <leat/deadline.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define EVENTS 32
#define LOOK_AGAIN_NS INT64_C(5000000)

static bool is_flowing(const struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < pipeline->count; i++)
                if (pipeline->stages[i].relay && !relay_ended(pipeline->stages[i].relay))
                        return true;
        return false;
}

static bool is_done(const struct leat_pipeline *pipeline) {
        return pipeline->running == 0 && !is_flowing(pipeline);
}

/* --- the ends of stages --- */

/* All have ended: the leader may go, and what is in the pipes now is the last. */
static int all_ended(struct leat_pipeline *pipeline) {
        int result = 0;
        pipeline_leave_terminal(pipeline);
        if (pipeline->leader)
                (void)process_reap(pipeline->leader);
        for (size_t i = 0; i < pipeline->count; i++)
                if (pipeline->stages[i].relay) {
                        relay_finish(pipeline->stages[i].relay);
                        int r = relay_run(pipeline->stages[i].relay);
                        result = r < 0 ? r : result;
                }
        return result;
}

/* A zombie that another process traces is told to that one first, though its pidfd is readable, which would be told for ever. */
static void set_traced(struct leat_pipeline *pipeline, struct stage *stage, bool traced) {
        pipeline->traced += (size_t)traced - (size_t)stage->traced;
        stage->traced = traced;
}

/* Its pidfd is readable, or was before. */
static void look_at_stage(struct leat_pipeline *pipeline, struct stage *stage) {
        if (!stage->process || stage->ended)
                return;
        bool seen = process_see(stage->process);
        if (!stage->traced)
                (void)epoll_ctl(pipeline->epoll, EPOLL_CTL_DEL, leat_process_fd(stage->process), NULL);
        set_traced(pipeline, stage, !seen);
        if (!seen)
                return;
        stage->ended = true;
        pipeline->running--;
        if (stage->process != pipeline->leader)
                (void)process_reap(stage->process);
}

static void look_at_traced(struct leat_pipeline *pipeline) {
        for (size_t i = 0; pipeline->traced > 0 && i < pipeline->count; i++)
                if (pipeline->stages[i].traced)
                        look_at_stage(pipeline, &pipeline->stages[i]);
}

/* --- the deadline --- */

/* When there is something to do, if the epoll tells of nothing before. */
static int64_t next_look(const struct leat_pipeline *pipeline) {
        int64_t again = pipeline->traced > 0 ? leat_in_ns(LOOK_AGAIN_NS) : LEAT_NEVER;
        return again < pipeline->deadline ? again : pipeline->deadline;
}

static void arm_timer(const struct leat_pipeline *pipeline) {
        int64_t at = is_done(pipeline) ? 1 : next_look(pipeline); /* done: it is to be readable */
        struct itimerspec when = { 0 };
        if (pipeline->timer < 0)
                return;
        if (at != LEAT_NEVER)
                when.it_value = (struct timespec){ .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };
        if (at <= 0)
                when.it_value.tv_nsec = 1; /* 0 would stop it */
        (void)timerfd_settime(pipeline->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void stop_relays(struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < pipeline->count; i++)
                if (pipeline->stages[i].relay)
                        relay_stop(pipeline->stages[i].relay);
}

static void terminate(struct leat_pipeline *pipeline) {
        for (size_t i = 0; i < pipeline->count; i++)
                if (pipeline->stages[i].process && !process_see(pipeline->stages[i].process))
                        process_expire(pipeline->stages[i].process);
        (void)pipeline_send(pipeline, SIGTERM);
        (void)pipeline_send(pipeline, SIGCONT); /* one that is stopped has to go on to end */
        pipeline->phase = PIPELINE_TERMINATED;
        pipeline->deadline = leat_in_ns(pipeline->grace_ns);
}

static void put_to_death(struct leat_pipeline *pipeline) {
        (void)pipeline_send(pipeline, SIGKILL);
        stop_relays(pipeline);
        pipeline->phase = PIPELINE_KILLED;
        pipeline->deadline = LEAT_NEVER;
}

static void keep_deadline(struct leat_pipeline *pipeline) {
        if (pipeline->deadline == LEAT_NEVER || leat_now() < pipeline->deadline)
                return;
        if (pipeline->phase == PIPELINE_RUNNING && pipeline->running > 0)
                terminate(pipeline);
        else
                put_to_death(pipeline); /* also when nothing lives but data that nobody takes */
}

/* --- one round --- */

static int take_event(struct leat_pipeline *pipeline, const struct epoll_event *event) {
        if (event->data.u64 == PIPELINE_TAG_TIMER)
                return 0; /* the clock is looked at in any case */
        struct stage *stage = &pipeline->stages[event->data.u64 / PIPELINE_TAG(1)];
        if (event->data.u64 & PIPELINE_TAG_RELAY)
                return relay_told(stage->relay, event->data.u64 & RELAY_SLOT, event->events);
        look_at_stage(pipeline, stage);
        return 0;
}

/* Do what can be done now. */
static int look(struct leat_pipeline *pipeline) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(pipeline->epoll, events, EVENTS, 0), r = 0;
        size_t before = pipeline->running, traced = pipeline->traced;
        int64_t deadline = pipeline->deadline;
        look_at_traced(pipeline);
        for (int i = 0; i < n; i++) {
                int told = take_event(pipeline, &events[i]);
                r = told < 0 ? told : r;
        }
        if (pipeline->running == 0 && before > 0)
                r = all_ended(pipeline);
        keep_deadline(pipeline);
        if (pipeline->deadline != deadline || pipeline->traced > 0 || traced > 0)
                arm_timer(pipeline);
        return r;
}

/* What flows without end keeps nobody past a deadline. */
static int look_at_clock(int64_t deadline) {
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        return deadline != LEAT_NEVER && leat_now() >= deadline ? -ETIMEDOUT : 0;
}

int leat_pipeline_wait(struct leat_pipeline *pipeline, int64_t deadline) {
        struct wait wait;
        int r = pipeline_guard_started(pipeline);
        while (r == 0) {
                r = look(pipeline);
                if (r < 0 || is_done(pipeline))
                        return r;
                r = look_at_clock(deadline);
                if (r < 0)
                        return r;
                wait_init(&wait);
                wait_add(&wait, pipeline->epoll, POLLIN);
                wait_look_again(&wait, next_look(pipeline));
                r = wait_until(&wait, deadline);
        }
        return r;
}

int leat_pipeline_fd(struct leat_pipeline *pipeline) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = PIPELINE_TAG_TIMER };
        int r = pipeline_guard_started(pipeline);
        if (r < 0)
                return r;
        if (pipeline->timer >= 0)
                return pipeline->epoll;
        CLOSE_AT_EXIT int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (timer < 0 || epoll_ctl(pipeline->epoll, EPOLL_CTL_ADD, timer, &event) < 0)
                return -errno;
        pipeline->timer = take_fd(&timer);
        arm_timer(pipeline);
        return pipeline->epoll;
}
