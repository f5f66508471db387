/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/output_signals.h"

#include <stddef.h>

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU };
#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

/* One that is ignored is not held: it would stay pending, and end nothing. SIGXFSZ is ignored, as write() then says EFBIG. */
void hold_signals(struct held_signals *ret_before) {
        sigset_t held;
        sigemptyset(&held);
        for (size_t i = 0; i < SIGNAL_COUNT; i++) {
                struct sigaction action;
                if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                        sigaddset(&held, signals[i]);
        }
        sigprocmask(SIG_BLOCK, &held, &ret_before->mask);
        struct sigaction ignore = { .sa_handler = SIG_IGN };
        sigaction(SIGXFSZ, &ignore, &ret_before->too_large);
}

bool is_interrupted(void) {
        sigset_t pending;
        sigpending(&pending);
        for (size_t i = 0; i < SIGNAL_COUNT; i++)
                if (sigismember(&pending, signals[i]) == 1)
                        return true;
        return false;
}

void release_signals(const struct held_signals *before) {
        sigaction(SIGXFSZ, &before->too_large, NULL);
        sigprocmask(SIG_SETMASK, &before->mask, NULL);
}
