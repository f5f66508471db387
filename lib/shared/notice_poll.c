/* SPDX-License-Identifier: MIT */

/*
 * Notices by poll(2). The descriptor is an epoll of an inotify on the lock file, to which each change writes one byte while somebody polls (or, where RLIMIT_FSIZE forbids that, changes its times), and of a timer, which makes it readable by this process's own decision.
 *
 * WHO POLLS has a shared lock on one byte of the lock file, so that also who may only read can say so, and who dies says so no more. A publisher asks the kernel for it when `pollers`, which each that may write counts up after it has its lock, has
 * changed; and else when ASK_MS have passed since it asked last. So one that may only read is told of changes at the latest from ASK_MS after its lock on, as the coarse clock counts them; its timer makes its descriptor
 * readable once after FIRST_MS, so that it looks at what changed before.
 *
 * FLOODS. Equal events in a row are one in an inotify queue: it never holds more than two.
 *
 * SEVERAL PARTS have one descriptor. An event is taken when a part is told not to have changed (notice_settle); another one that was told so before, and has changed since, makes it readable again, once.
 */

#include "base/cleanup.h"
#include "base/uncancelled.h"
#include "memory/memfile.h"
#include "shared/notice.h"

#include <fcntl.h>
#include <leat/notice.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#define ASK_MS 10
#define FIRST_MS 60 /* more than ASK_MS and two ticks of the slowest kernel's clock */

/* ---- the publisher ---- */

static uint64_t coarse_ms(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* cannot fail */
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_anonymous(const struct leat_region *region) {
        return !region->place.lock_path;
}

static struct flock pollers_lock(const struct leat_region *region, short type) {
        uint64_t at = region_lock_at(region, REGION_LOCK_POLLERS);
        return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1 };
}

/* Does another open file description have it? Where it cannot be asked, it may. */
static bool ask(const struct leat_region *region) {
        struct flock theirs = pollers_lock(region, F_WRLCK);
        return fcntl(region->lock_fd, F_OFD_GETLK, &theirs) < 0 || theirs.l_type != F_UNLCK;
}

/*
 * One word, so that answer and time are of the same question: bit 0 the answer, 39 bits of milliseconds, 24 bits of `pollers`. The time is read after the
 * change was counted: who asked before and was told no has made it soon enough for the poller's first look.
 */
#define ASKED(pollers, ms, answer) ((uint64_t)(pollers) << 40 | ((ms) & ((UINT64_C(1) << 39) - 1)) << 1 | (answer))

static bool others_poll(struct leat_region *region) {
        uint32_t pollers = atomic_load_explicit(&region->header->pollers, memory_order_seq_cst); /* after the change */
        uint64_t ms = coarse_ms(), asked = atomic_load_explicit(&region->notices.asked, memory_order_relaxed);
        uint64_t age = (ASKED(0, ms, 0) - (asked & ASKED(0, UINT64_MAX, 0))) >> 1 & (UINT64_MAX >> 25);
        if (asked != 0 && asked >> 40 == (pollers & 0xffffff) && age < ASK_MS)
                return asked & 1;
        bool answer = ask(region);
        atomic_store_explicit(&region->notices.asked, ASKED(pollers, ms, answer), memory_order_relaxed);
        return answer;
}

/* RLIMIT_FSIZE is said with a signal. Then the file's times are changed, which owner and mode may forbid by now. */
static void ring(int fd, off_t at) {
        UNCANCELLED;
        if (memfile_fits((size_t)at + 1) == 0)
                (void)!pwrite(fd, "", 1, at);
        else
                (void)futimens(fd, NULL);
}

void notice_ring(struct leat_region *region) {
        off_t at = is_anonymous(region) ? (off_t)offsetof(struct region_header, bell) : REGION_LOCK_BELL;
        int saved = errno;
        /* Pairs with begin(), which says that this process polls before it looks. The byte's page is there: that of the identity. */
        if (others_poll(region) || atomic_load_explicit(&region->notices.polls, memory_order_seq_cst))
                ring(region->lock_fd, at);
        errno = saved;
}

/* ---- the observer ---- */

/* Make the descriptor readable then (leat_now()); in the past: now. */
static void fire_at(const struct region_notices *notices, int64_t time) {
        struct itimerspec when = { .it_value = { .tv_sec = time / 1000000000, .tv_nsec = time % 1000000000 } };
        (void)timerfd_settime(notices->timer, TFD_TIMER_ABSTIME, &when, NULL); /* cannot fail */
}

static int add(int epoll, int fd) {
        struct epoll_event event = { .events = EPOLLIN };
        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int watch(const struct leat_region *region, int inotify) {
        char path[40]; /* of the file that is open, whatever has its name by now */
        snprintf(path, sizeof(path), "/proc/self/fd/%d", region->lock_fd);
        if (inotify_add_watch(inotify, path, IN_MODIFY | IN_ATTRIB) >= 0)
                return 0;
        return errno == ENOENT ? -ENOTSUP : -errno; /* no /proc */
}

/* From here on changes ring. */
static int begin(struct leat_region *region) {
        struct flock ours = pollers_lock(region, F_RDLCK);
        if (fcntl(region->lock_fd, F_OFD_SETLK, &ours) < 0)
                return -errno;
        atomic_store_explicit(&region->notices.polls, true, memory_order_seq_cst); /* before the next look */
        if (region->mark != 0)
                atomic_fetch_add_explicit(&region->header->pollers, 1, memory_order_seq_cst); /* before the next look */
        else
                fire_at(&region->notices, region->notices.first = leat_in_ms(FIRST_MS));
        return 0;
}

static int notices_open(struct leat_region *region) {
        CLOSE_AT_EXIT int epoll = epoll_create1(EPOLL_CLOEXEC);
        CLOSE_AT_EXIT int inotify = epoll < 0 ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        CLOSE_AT_EXIT int timer = inotify < 0 ? -1 : timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        int r = timer < 0 ? -errno : watch(region, inotify);
        if (r == 0)
                r = add(epoll, inotify);
        if (r == 0)
                r = add(epoll, timer);
        region->notices.timer = timer;
        if (r == 0)
                r = begin(region);
        if (r < 0)
                return r;
        region->notices.inotify = take_fd(&inotify);
        (void)take_fd(&timer);
        return take_fd(&epoll);
}

int leat_region_notice_fd(struct leat_region *region) {
        UNCANCELLED;
        int r = region_check(region);
        if (r < 0 || !region->header)
                return r < 0 ? r : -ENOTSUP;
        pthread_mutex_lock(&region->lock);
        if (region->notice_fd < 0) {
                fork_hold(); /* a child finds all of them in the struct, and closes them */
                r = notices_open(region);
                if (r >= 0)
                        region->notice_fd = r;
                fork_release();
        }
        r = region->notice_fd < 0 ? r : region->notice_fd;
        pthread_mutex_unlock(&region->lock);
        return r;
}

static void drain(const struct region_notices *notices) {
        UNCANCELLED;
        char events[512];
        while (read(notices->inotify, events, sizeof(events)) > 0)
                ;
        (void)!read(notices->timer, events, sizeof(uint64_t));
}

/* Has one of the parts changed that were told not to have? Each counts once. */
static bool has_changed(struct leat_region *region) {
        struct region_notices *notices = &region->notices;
        bool changed = false;
        for (uint32_t i = 0; i < REGION_PARTS; i++) {
                const struct region_part *part = &region->header->parts[i];
                if ((notices->armed >> i & 1) &&
                    atomic_load_explicit(&part->changes, memory_order_seq_cst) != notices->told[i]) {
                        notices->armed &= ~(UINT64_C(1) << i);
                        changed = true;
                }
        }
        return changed;
}

static void settle(struct leat_region *region) {
        struct region_notices *notices = &region->notices;
        drain(notices);
        if (notices->first != 0 && leat_now() >= notices->first)
                notices->first = 0; /* what changed until then is seen below, and by the caller */
        if (has_changed(region))    /* after the event was taken: it may have been that one's */
                fire_at(notices, 1);
        else if (notices->first != 0)
                fire_at(notices, notices->first);
}

bool notice_settle(struct leat_region *region, uint32_t part, uint64_t value) {
        struct region_notices *notices = &region->notices;
        if (!atomic_load_explicit(&notices->polls, memory_order_relaxed))
                return false;
        pthread_mutex_lock(&region->lock);
        notices->armed |= UINT64_C(1) << part;
        notices->told[part] = value;
        settle(region);
        pthread_mutex_unlock(&region->lock);
        return true;
}

void notice_close(struct leat_region *region) {
        if (region->notice_fd < 0)
                return;
        /* The lock on the byte of those who poll ends with lock_fd. Not here: in a child it is the parent's. */
        (void)close_fd(region->notice_fd);
        (void)close_fd(region->notices.inotify);
        (void)close_fd(region->notices.timer);
        region->notice_fd = -1;
        region->notices = (struct region_notices){ .inotify = -1, .timer = -1 };
}
