/* SPDX-License-Identifier: MIT */
#ifndef LEAT_DEADLINE_H
#define LEAT_DEADLINE_H

/*
 * Deadlines.
 *
 * A deadline is a point in time: nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)). A duration
 * would start anew with every retry; a point in time is passed on from call to call and stays what
 * it was. LEAT_NOW never waits, LEAT_NEVER never gives up. A deadline in the past tries once.
 *
 *     int64_t deadline = leat_in_ms(5000);                     // five seconds for all of it
 *     r = leat_send(jobs, 1, "a", 1, deadline);
 *     if (r == 0)
 *             r = leat_send(jobs, 1, "b", 1, deadline);
 *
 * The clock stands still while the machine is suspended. Setting the time of day does not move it.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_NOW INT64_C(0)
#define LEAT_NEVER INT64_MAX

/*
 * The time now, in nanoseconds of CLOCK_MONOTONIC.
 * Does not block. Safe with threads, fork and signals. Since 0.1.
 */
int64_t leat_now(void);

/*
 * The deadline that lies so far ahead: in nanoseconds, microseconds, milliseconds, seconds.
 * Any value is taken: what would overflow is LEAT_NEVER, what is negative is a deadline in the past.
 * Does not block. Safe with threads, fork and signals. Since 0.1.
 */
int64_t leat_in_ns(int64_t nanoseconds);
int64_t leat_in_us(int64_t microseconds);
int64_t leat_in_ms(int64_t milliseconds);
int64_t leat_in_s(int64_t seconds);

#ifdef __cplusplus
}
#endif

#endif
