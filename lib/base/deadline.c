/* SPDX-License-Identifier: MIT */
#include <leat/deadline.h>

#include <time.h>

int64_t leat_now(void) {
        struct timespec now;
        /* Cannot fail: the clock exists since Linux 2.6 and the pointer is ours. */
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t in(int64_t amount, int64_t unit_ns) {
        int64_t duration_ns, deadline;
        if (__builtin_mul_overflow(amount, unit_ns, &duration_ns) ||
            __builtin_add_overflow(leat_now(), duration_ns, &deadline))
                return amount > 0 ? LEAT_NEVER : 1;
        /* LEAT_NOW is 0: a deadline in the past is not the same, it times out. */
        return deadline > 0 ? deadline : 1;
}

int64_t leat_in_ns(int64_t nanoseconds) {
        return in(nanoseconds, 1);
}

int64_t leat_in_us(int64_t microseconds) {
        return in(microseconds, 1000);
}

int64_t leat_in_ms(int64_t milliseconds) {
        return in(milliseconds, 1000000);
}

int64_t leat_in_s(int64_t seconds) {
        return in(seconds, 1000000000);
}
