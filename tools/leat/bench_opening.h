/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_OPENING_H
#define LEAT_TOOL_BENCH_OPENING_H

/*
 * From before an end is opened until its first message was received at the other one, which is there. What is shared tells when that was: nothing goes
 * back. Both processes look at it in turns with what else wants their core.
 */

#include "tools/leat/bench_end.h"

#include <leat.h>
#include <sched.h>
#include <stdatomic.h>

/* Side 1: the message is here. */
static inline void opening_landed(struct end *end) {
        end->shared->landed_at = leat_now();
        /* Who sees the number sees the time. */
        atomic_fetch_add_explicit(&end->shared->landed, 1, memory_order_release);
}

static inline uint64_t opening_count(const struct end *end) {
        return atomic_load_explicit(&end->shared->landed, memory_order_acquire);
}

/* Side 0, which began `before`: wait for that, and count it. */
static inline void opening_await(struct end *end, uint64_t count, int64_t before) {
        while (opening_count(end) != count)
                (void)sched_yield();
        histogram_add(&end->shared->histogram, (uint64_t)(end->shared->landed_at - before));
}

#endif
