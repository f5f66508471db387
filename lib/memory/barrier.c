/* SPDX-License-Identifier: MIT */
#include "memory/barrier.h"

#include <linux/membarrier.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static long ask(int command) {
        return syscall(SYS_membarrier, command, 0, 0);
}

bool barrier_register(void) {
        return ask(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
}

bool barrier_available(void) {
        long commands = ask(MEMBARRIER_CMD_QUERY);
        return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

/* gcc's thread sanitizer knows no fences, and says so. What this one orders are atomic words alone: it misses no race for that, and sees none. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif
void barrier_here(void) {
        atomic_thread_fence(memory_order_seq_cst);
}

bool barrier_all(void) {
        bool done = ask(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0;
        barrier_here(); /* also where the call is refused */
        return done;
}
