/* SPDX-License-Identifier: MIT */
#ifndef LEAT_WAIT_WAIT_H
#define LEAT_WAIT_WAIT_H

/*
 * How the library sleeps: one place for all transports.
 *
 * A transport adds what it waits for, and the channel sleeps on it until the deadline. Wakes are how one
 * thread of this process, or a signal handler, wakes another that sleeps here.
 */

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WAIT_MAX 8 /* a wake or three, a listener or an epoll, both directions of a link, a transport's own */

struct wait {
        struct pollfd fds[WAIT_MAX];
        unsigned count;
        int64_t look_again; /* wake at this time all the same, to look: LEAT_NEVER if not */
};

void wait_init(struct wait *wait);

/* events: POLLIN, POLLOUT. A descriptor of -1 is ignored. */
void wait_add(struct wait *wait, int fd, short events);

/* Look again no later than at this time, whatever the descriptors say. */
void wait_look_again(struct wait *wait, int64_t time);

/* Sleep. Returns 0 (look again) or -ETIMEDOUT: the deadline passed and nothing is ready. Signals
 * that are handled meanwhile neither end nor lengthen it. */
int wait_until(struct wait *wait, int64_t deadline);

/*
 * Wakes. Signal: file the thing, wake_signal(). Wait: poll fd; wake_clear(); look for the thing.
 * One waiter, any number of signallers. See contract.md, section 3, for why nothing is lost.
 */
struct wake {
        atomic_int signalled;
        int fd; /* eventfd, or -1: a wake that nobody can wait for */
};

#define WAKE_NONE ((struct wake){ .fd = -1 })

int wake_init(struct wake *wake);
void wake_close(struct wake *wake);
void wake_signal(struct wake *wake); /* async-signal-safe; keeps errno */
void wake_clear(struct wake *wake);
/* Without asking the kernel: who signals from now on makes the descriptor readable. */
static inline bool wake_is_signalled(const struct wake *wake) {
        return atomic_load_explicit(&wake->signalled, memory_order_relaxed) != 0;
}

#endif
