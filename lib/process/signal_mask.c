/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <leat/signal.h>
#include <pthread.h>

int leat_signals_block(const char *names, sigset_t *ret_before) {
        sigset_t set;
        int r = ret_before ? leat_signal_set(names, &set) : -EINVAL;
        if (r < 0)
                return r;
        /* The kernel would pass over these in silence. */
        if (sigismember(&set, SIGKILL) || sigismember(&set, SIGSTOP))
                return -EINVAL;
        return -pthread_sigmask(SIG_BLOCK, &set, ret_before);
}

void leat_signals_restore(const sigset_t *before) {
        if (before)
                (void)pthread_sigmask(SIG_SETMASK, before, NULL); /* cannot fail */
}
