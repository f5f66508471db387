/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_CLOCK_H
#define LEAT_BASE_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_REALTIME in ns: for what is told or kept; deadlines count by leat_now(). */
static inline int64_t time_of_day_ns(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Until leat_now() would say so, whatever signals are handled meanwhile. */
static inline void sleep_until(int64_t until) {
        struct timespec time = { until / 1000000000, until % 1000000000 };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
                ;
}

#endif
