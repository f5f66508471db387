/* SPDX-License-Identifier: MIT */
#include "wait/wait.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <leat/deadline.h>
#include <sys/eventfd.h>
#include <time.h>

void wait_init(struct wait *wait) {
        wait->count = 0;
        wait->look_again = LEAT_NEVER;
}

void wait_add(struct wait *wait, int fd, short events) {
        if (fd < 0)
                return;
        /* A thread that waits for both directions may find the same in each: a connection that is being made. */
        for (unsigned i = 0; i < wait->count; i++)
                if (wait->fds[i].fd == fd) {
                        wait->fds[i].events |= events;
                        return;
                }
        assert(wait->count < WAIT_MAX);
        wait->fds[wait->count++] = (struct pollfd){ .fd = fd, .events = events };
}

void wait_look_again(struct wait *wait, int64_t time) {
        if (time < wait->look_again)
                wait->look_again = time;
}

int wait_until(struct wait *wait, int64_t deadline) {
        int64_t until = deadline < wait->look_again ? deadline : wait->look_again;
        for (;;) {
                struct timespec left;
                const struct timespec *timeout = NULL;
                if (until != LEAT_NEVER) {
                        int64_t now = leat_now(), ns = until > now ? until - now : 0;
                        left = (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
                        timeout = &left;
                }
                int n = ppoll(wait->fds, wait->count, timeout, NULL);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                /* After EINTR, or a timer that fired a little early: what is left is computed anew. */
                if (n == 0 && leat_now() >= until)
                        return until == deadline ? -ETIMEDOUT : 0;
        }
}

int wake_init(struct wake *wake) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        atomic_init(&wake->signalled, 0);
        wake->fd = fd;
        return 0;
}

void wake_close(struct wake *wake) {
        wake->fd = close_fd(wake->fd);
}

void wake_signal(struct wake *wake) {
        /* Sequentially consistent, both here and in wake_clear: the thing filed before this swap
         * must be seen by the look after a swap to 0 that comes later. Were it weaker, that look
         * could miss the thing, and with the flag still 1 nobody would write. */
        if (wake->fd < 0 || atomic_exchange_explicit(&wake->signalled, 1, memory_order_seq_cst) != 0)
                return;
        int saved = errno;
        const uint64_t one = 1;
        /* EAGAIN: the counter is full, so it is readable, which is all we want. */
        ssize_t n = write(wake->fd, &one, sizeof(one));
        (void)n;
        errno = saved;
}

void wake_clear(struct wake *wake) {
        uint64_t count;
        /* Relaxed is enough to skip: one that is signalled from now on makes the descriptor readable. */
        if (wake->fd < 0 || atomic_load_explicit(&wake->signalled, memory_order_relaxed) == 0)
                return;
        /* Nothing to read: the signaller stands between its swap and its write, which is still to
         * come. The flag stays, so that flag 0 always means an empty eventfd. */
        if (read(wake->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
                (void)atomic_exchange_explicit(&wake->signalled, 0, memory_order_seq_cst);
}
