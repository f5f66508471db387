/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_CLOCK_H
#define LEAT_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_REALTIME in ns: for what is told or kept; deadlines count by leat_now(). */
static inline int64_t time_of_day_ns(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
