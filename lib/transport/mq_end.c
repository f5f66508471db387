/* SPDX-License-Identifier: MIT */
#include "transport/mq_end.h"

#include "base/cleanup.h"
#include "transport/presence.h"

#include <leat/deadline.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

struct mq_end {
        int queue;     /* borrowed */
        int events;    /* inotify: a writer closed the queue */
        int timer;     /* look again: the kernel tells of a close before it frees the lock */
        int64_t delay; /* until then, doubling; 0: nothing was heard */
        int epoll;     /* for leat_fd; -1: not asked for */
        bool came;     /* a sender, since the end was told last */
};

#define DELAY_FIRST_NS 1000000
#define DELAY_MOST_NS (INT64_C(1) << 60)

static int watch(const struct mq_end *end, struct leat_reason *reason) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", end->queue);
        if (inotify_add_watch(end->events, path, IN_CLOSE_WRITE) >= 0)
                return 0;
        if (errno == ENOSPC)
                return reason_limit(reason, -ENOSPC, "fs.inotify.max_user_watches",
                                    "?end watches the queue, and this user has as many watches as it may");
        return reason_set(reason, -errno, LEAT_ROW_END, "?end watches the queue, which needs /proc");
}

/* EMFILE is said of two limits. */
static int explain(int error, struct leat_reason *reason) {
        CLOSE_AT_EXIT int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        if (error == -EMFILE && fd >= 0)
                return reason_limit(reason, error, "fs.inotify.max_user_instances",
                                    "?end watches the queue, and this user has as many watchers as it may");
        return error; /* of RLIMIT_NOFILE the channel tells */
}

int mq_end_new(int queue, struct leat_reason *reason, struct mq_end **ret_end) {
        struct mq_end *end = malloc(sizeof(*end));
        if (!end)
                return -ENOMEM;
        *end = (struct mq_end){ .queue = queue, .events = -1, .timer = -1, .epoll = -1 };
        end->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        int r = end->events < 0 ? explain(-errno, reason) : 0;
        end->timer = r < 0 ? -1 : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (r == 0 && end->timer < 0)
                r = -errno;
        if (r == 0)
                r = watch(end, reason);
        if (r < 0)
                mq_end_free(end);
        else
                *ret_end = end;
        return r;
}

void mq_end_after_fork(struct mq_end *end) {
        end->events = close_fd(end->events);
        end->timer = close_fd(end->timer);
        end->epoll = close_fd(end->epoll);
}

struct mq_end *mq_end_free(struct mq_end *end) {
        if (end)
                mq_end_after_fork(end);
        free(end);
        return NULL;
}

void mq_end_came(struct mq_end *end) {
        end->came = true;
}

/* Did a writer close since the last look? All events are alike, so they are read away. */
static bool heard(const struct mq_end *end) {
        char events[4096] __attribute__((aligned(8)));
        bool some = false;
        while (read(end->events, events, sizeof(events)) > 0)
                some = true;
        return some;
}

static void set_timer(const struct mq_end *end) {
        const struct itimerspec when = { .it_value = { .tv_sec = end->delay / 1000000000,
                                                       .tv_nsec = end->delay % 1000000000 } };
        (void)timerfd_settime(end->timer, 0, &when, NULL); /* cannot fail; 0 disarms */
}

bool mq_end_all_gone(struct mq_end *end) {
        uint64_t fired;
        bool closed = heard(end), late = read(end->timer, &fired, sizeof(fired)) == (ssize_t)sizeof(fired);
        bool there = presence_has_sender(end->queue);
        end->came |= there || closed;
        if (!there)
                end->delay = 0;
        else if (closed)
                end->delay = DELAY_FIRST_NS;
        else if (late && end->delay < DELAY_MOST_NS)
                end->delay *= 2;
        if (closed || late || !there)
                set_timer(end);
        return end->came && !there;
}

void mq_end_tell(struct mq_end *end) {
        end->came = false;
}

void mq_end_arm(struct mq_end *end, struct wait *wait) {
        wait_add(wait, end->events, POLLIN);
        wait_add(wait, end->timer, POLLIN);
}

int mq_end_poll_fd(struct mq_end *end, int queue) {
        const int watched[] = { queue, end->events, end->timer };
        if (end->epoll >= 0)
                return end->epoll;
        CLOSE_AT_EXIT int epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
                return -errno;
        for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
                struct epoll_event event = { .events = EPOLLIN };
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, watched[i], &event) < 0)
                        return -errno;
        }
        end->epoll = take_fd(&epoll);
        return end->epoll;
}
