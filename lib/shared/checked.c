/* SPDX-License-Identifier: MIT */
#include "base/uncancelled.h"
#include "shared/region.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/shm.h>

/* Reads and runs that survive a file which was cut off under them; and references, of which nothing is believed. */

/* ---- read ---- */

/* It is not cut off. Here it may be protected by now, so that it is attached once more. */
static int copy_segment(int segment, uint64_t at, void *buffer, size_t size_bytes) {
        uint8_t *from = shmat(segment, NULL, SHM_RDONLY);
        if (from == (void *)-1)
                return -errno;
        region_copy_out(buffer, from + at, size_bytes);
        (void)shmdt(from);
        return 0;
}

int leat_region_read_checked(const struct leat_region *region, uint64_t offset, void *buffer, size_t size_bytes) {
        UNCANCELLED;
        int r = region_check(region);
        if (r < 0)
                return r;
        uint64_t end = atomic_load_explicit(&region->data_bytes, memory_order_acquire);
        if (offset > end || size_bytes > end - offset)
                return -EINVAL;
        uint64_t before = region->header ? region->data_at : region->raw_offset;
        ssize_t n = region->place.kind->read(&region->place, before + offset, buffer, size_bytes);
        if (n == -ENOTSUP)
                return copy_segment(region->place.segment, before + offset, buffer, size_bytes);
        return n < 0 ? (int)n : (size_t)n == size_bytes ? 0 : -EIO;
}

/* ---- guard ---- */

/* One that runs in this thread. */
struct guard {
        const uint8_t *from, *to;
        sigjmp_buf out;
};
static _Thread_local struct guard *_Atomic running;
static _Thread_local const siginfo_t *volatile passed_on; /* to the handler that runs in this thread; else anything */

static struct {
        pthread_mutex_t lock;
        struct sigaction before; /* what was there when ours was set */
        struct sigaction first;  /* the first time */
        bool was_set;
} handler = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What is not a region's is the business of whoever was there before: a handler of its own, or the end of the process. */
static void pass_on(int number, siginfo_t *info, void *context) {
        siginfo_t mine = *info;
        /* A program's handler that was set behind ours, and calls what it found there, calls this one again, with what it was given. */
        bool again = info == passed_on;
        struct sigaction before = again ? handler.first : handler.before;
        if (before.sa_flags & SA_SIGINFO) {
                passed_on = again ? info : &mine;
                before.sa_sigaction(number, &mine, context);
                passed_on = NULL;
        } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
                before.sa_handler(number);
        } else if (before.sa_handler == SIG_DFL || info->si_code > 0) { /* a fault cannot be ignored */
                (void)sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
                (void)raise(number);
        }
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
        struct guard *guard = atomic_load_explicit(&running, memory_order_relaxed);
        const uint8_t *at = info->si_addr;
        if (guard && info->si_code > 0 && at >= guard->from && at < guard->to)
                siglongjmp(guard->out, 1);
        /* A handler that jumps out of it, instead of returning, has ended the guard. */
        atomic_store_explicit(&running, NULL, memory_order_relaxed);
        pass_on(number, info, context);
        atomic_store_explicit(&running, guard, memory_order_relaxed);
}

/* Also again, where the program has set its own meanwhile. Not blocked while it runs: it may be left by a jump. */
static int install(void) {
        struct sigaction ours = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK }, now;
        (void)sigemptyset(&ours.sa_mask);
        (void)pthread_mutex_lock(&handler.lock);
        int r = sigaction(SIGBUS, NULL, &now) < 0 ? -errno : 0;
        if (r == 0 && !((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error)) {
                handler.before = now;
                if (!handler.was_set)
                        handler.first = now;
                handler.was_set = true;
                r = sigaction(SIGBUS, &ours, NULL) < 0 ? -errno : 0;
        }
        (void)pthread_mutex_unlock(&handler.lock);
        return r;
}

static int run(struct guard *guard, void (*body)(void *argument), void *argument) {
        if (sigsetjmp(guard->out, 0) != 0)
                return -EIO;
        atomic_store_explicit(&running, guard, memory_order_relaxed);
        body(argument);
        return 0;
}

int leat_region_guard(struct leat_region *region, void (*body)(void *argument), void *argument) {
        struct guard guard;
        sigset_t bus, before;
        int r = region_check(region);
        if (r == 0 && atomic_load_explicit(&running, memory_order_relaxed))
                r = -EBUSY;
        if (r == 0)
                r = install();
        if (r < 0)
                return r;
        guard.from = region->header ? region->base : region->raw.at;
        guard.to = guard.from + (region->header ? region->reserved_bytes : region->raw.mapped_bytes);
        (void)sigemptyset(&bus);
        (void)sigaddset(&bus, SIGBUS);
        (void)pthread_sigmask(SIG_UNBLOCK, &bus, &before); /* blocked, it would end the process */
        r = run(&guard, body, argument);
        atomic_store_explicit(&running, NULL, memory_order_relaxed);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

/* ---- references ---- */

void *leat_region_resolve(struct leat_region *region, const struct leat_ref *ref, size_t size_bytes, size_t align) {
        if (region_check(region) < 0 || align == 0 || (align & (align - 1)) != 0 ||
            !region_has(region, ref, sizeof(*ref), _Alignof(struct leat_ref)))
                return NULL;
        int64_t distance = __atomic_load_n(&ref->distance, __ATOMIC_RELAXED);
        /* By numbers, and not by pointers: it may lead anywhere. */
        uint64_t at = region_offset(region, ref) + (uint64_t)distance;
        if (distance == 0 || at > region->most_bytes)
                return NULL;
        if (!region_has(region, region->data + at, size_bytes, align))
                (void)leat_region_size(region); /* it may lie in what others grew */
        return region_has(region, region->data + at, size_bytes, align) ? region->data + at : NULL;
}
