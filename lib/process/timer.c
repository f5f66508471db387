/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "channel/fork.h"
#include "wait/wait.h"

#include <errno.h>
#include <leat/signal.h>
#include <stdlib.h>
#include <sys/timerfd.h>

struct leat_timer {
        struct fork_member member;
        int fd;
};

static void after_fork(struct fork_member *member) {
        struct leat_timer *timer = CONTAINER_OF(member, struct leat_timer, member);
        timer->fd = close_fd(timer->fd);
}

static int guard(struct leat_timer *timer) {
        if (!timer)
                return -EINVAL;
        return fork_owns(&timer->member) ? 0 : -ECHILD;
}

static struct timespec to_timespec(int64_t ns) {
        return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

static int set(int fd, int64_t first, int64_t period_ns) {
        struct itimerspec when = { 0 };
        if (period_ns < 0)
                return -EINVAL;
        if (first != LEAT_NEVER) {
                /* Once for what is past, not once for each period since the machine was started. */
                int64_t now = leat_now();
                when.it_value = to_timespec(first > now ? first : now);
                when.it_interval = to_timespec(period_ns);
        }
        return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

int leat_timer_open(int64_t first, int64_t period_ns, struct leat_timer **ret_timer) {
        if (!ret_timer || period_ns < 0)
                return -EINVAL;
        FREE_AT_EXIT struct leat_timer *timer = malloc(sizeof(*timer));
        CLOSE_AT_EXIT int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (!timer)
                return -ENOMEM;
        if (fd < 0)
                return -errno;
        int r = set(fd, first, period_ns);
        if (r < 0)
                return r;
        *timer = (struct leat_timer){ .member.after_fork = after_fork, .fd = fd };
        r = fork_enter(&timer->member);
        if (r < 0)
                return r;
        (void)take_fd(&fd);
        *ret_timer = TAKE(timer);
        return 0;
}

int64_t leat_timer_receive(struct leat_timer *timer, int64_t deadline) {
        int r = guard(timer);
        while (r == 0) {
                uint64_t count;
                struct wait wait;
                if (read(timer->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
                        return count > INT64_MAX ? INT64_MAX : (int64_t)count;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN || deadline == LEAT_NOW)
                        return -errno;
                wait_init(&wait);
                wait_add(&wait, timer->fd, POLLIN);
                r = wait_until(&wait, deadline);
        }
        return r;
}

int leat_timer_set(struct leat_timer *timer, int64_t first, int64_t period_ns) {
        int r = guard(timer);
        return r < 0 ? r : set(timer->fd, first, period_ns);
}

int leat_timer_fd(struct leat_timer *timer) {
        int r = guard(timer);
        return r < 0 ? r : timer->fd;
}

struct leat_timer *leat_timer_close(struct leat_timer *timer) {
        if (!timer)
                return NULL;
        fork_leave(&timer->member);
        (void)close_fd(timer->fd);
        free(timer);
        return NULL;
}
