/* SPDX-License-Identifier: MIT */
/*
 * Which signals a source of this process has. Of two sources that had the same one, each would get some of them, and the first that closes would
 * unblock it under the other. One word is all there is to it, so no lock is needed.
 */
#include "process/signals.h"

#include <stdatomic.h>

static _Atomic uint64_t claimed;

uint64_t signal_bits(const sigset_t *set) {
        uint64_t bits = 0;
        for (int number = 1; number <= 64; number++)
                if (sigismember(set, number) == 1)
                        bits |= UINT64_C(1) << (number - 1);
        return bits;
}

/* Relaxed throughout: nothing else is read or written that these would guard. */
int signal_claim(const sigset_t *set) {
        uint64_t wanted = signal_bits(set), now = atomic_load_explicit(&claimed, memory_order_relaxed);
        do
                if (now & wanted)
                        return __builtin_ctzll(now & wanted) + 1;
        while (!atomic_compare_exchange_weak_explicit(&claimed, &now, now | wanted, memory_order_relaxed,
                                                      memory_order_relaxed));
        return 0;
}

void signal_unclaim(const sigset_t *set) {
        (void)atomic_fetch_and_explicit(&claimed, ~signal_bits(set), memory_order_relaxed);
}

void signal_unclaim_all(void) {
        atomic_store_explicit(&claimed, 0, memory_order_relaxed);
}
