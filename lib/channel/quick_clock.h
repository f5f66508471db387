/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_QUICK_CLOCK_H
#define LEAT_CHANNEL_QUICK_CLOCK_H

/*
 * The time for deadlines of calls that take less than ten readings of the clock. On x86 it is reckoned from the time-stamp counter, from the clock as it was
 * less than a millisecond ago and the rate between two readings: it differs from leat_now() by less than a microsecond, and whatever happens to the
 * counter (another core, a machine that moved), a millisecond later it does not any more. What a caller is told of its deadline is told by leat_now().
 */

#include <leat/deadline.h>
#include <stdint.h>

#define QUICK_CLOCK_TICKS (UINT64_C(1) << 21) /* of x86: half a millisecond to one */
#define QUICK_CLOCK_SHIFT 20
#define QUICK_CLOCK_RATE_TICKS (UINT64_C(1) << 34) /* a rate of a longer time is not reckoned */

struct quick_clock {
        uint64_t moment; /* when it was read; 0: never */
        int64_t time_ns;
        uint64_t rate; /* ns a tick, shifted; 0: not known yet */
};

/* The counter alone: link_ring_moment(). Read the clock, and see how fast the counter is. */
int64_t quick_clock_read(struct quick_clock *clock, uint64_t moment);

/* moment: link_ring_moment(), now. */
static inline int64_t quick_clock_now(struct quick_clock *clock, uint64_t moment) {
#if defined(__x86_64__)
        uint64_t ticks = moment - clock->moment;
        if (clock->rate == 0 || ticks > QUICK_CLOCK_TICKS)
                return quick_clock_read(clock, moment);
        return clock->time_ns + (int64_t)(ticks * clock->rate >> QUICK_CLOCK_SHIFT);
#else
        (void)clock;
        return (int64_t)moment;
#endif
}

#endif
