/* SPDX-License-Identifier: MIT */
#include "process/foreground.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

bool foreground_is_ours(int terminal) {
        return tcgetpgrp(terminal) == getpgrp();
}

/* Who is in the background and sets the foreground is stopped by SIGTTOU, unless that is blocked: then it may. */
int foreground_give(int terminal, pid_t group) {
        sigset_t ttou, before;
        (void)sigemptyset(&ttou);
        (void)sigaddset(&ttou, SIGTTOU);
        (void)pthread_sigmask(SIG_BLOCK, &ttou, &before);
        int r = tcsetpgrp(terminal, group) < 0 ? -errno : 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}
