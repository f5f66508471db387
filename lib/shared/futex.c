/* SPDX-License-Identifier: MIT */
#include "shared/region.h"

#include <leat/deadline.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Without FUTEX_PRIVATE_FLAG: the kernel finds the sleepers by the page, whatever its address is in each process. */
void region_sleep_as(const _Atomic uint32_t *word, uint32_t value, int64_t until, uint32_t who) {
        struct timespec at = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
        if (until <= 0)
                return;
        /* FUTEX_WAIT_BITSET counts by CLOCK_MONOTONIC to a point in time: a signal does not lengthen it. */
        (void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, until == LEAT_NEVER ? NULL : &at, NULL, who);
}

void region_sleep(const _Atomic uint32_t *word, uint32_t value, int64_t until) {
        region_sleep_as(word, value, until, FUTEX_BITSET_MATCH_ANY);
}

void region_wake_of(const _Atomic uint32_t *word, int how_many, uint32_t who) {
        (void)syscall(SYS_futex, word, FUTEX_WAKE_BITSET, how_many, NULL, NULL, who);
}

void region_wake(const _Atomic uint32_t *word, int how_many) {
        (void)syscall(SYS_futex, word, FUTEX_WAKE, how_many, NULL, NULL, 0);
}
