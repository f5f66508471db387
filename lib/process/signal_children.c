/* SPDX-License-Identifier: MIT */
/*
 * SIGCHLD as a source of children. It is an ordinary signal: one that is pending stands for any number of children. So it says no more than
 * "look", and the look is at the children themselves, which stay what they are until they are reaped.
 *
 * Nothing is kept here. One child is taken for each SIGCHLD, and if another is there SIGCHLD is sent to this process itself: so the descriptor of
 * the source stays readable, and signals of lower numbers (SIGINT, SIGTERM) come first however many children end. A child that ends after the
 * SIGCHLD was taken sends its own.
 */
#include "process/process.h"
#include "process/signals.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

void signal_children_begin(struct sigaction *ret_before) {
        struct sigaction by_default = { .sa_handler = SIG_DFL };
        (void)sigaction(SIGCHLD, NULL, ret_before);
        /* The kernel reaps the children of one that ignores it, and says nothing. A handler stays: it is blocked. */
        if (ret_before->sa_handler == SIG_IGN || ret_before->sa_flags & SA_NOCLDWAIT)
                (void)sigaction(SIGCHLD, &by_default, NULL);
}

void signal_children_end(const struct sigaction *before) {
        siginfo_t info;
        if (before->sa_handler != SIG_IGN && !(before->sa_flags & SA_NOCLDWAIT))
                return;
        (void)sigaction(SIGCHLD, before, NULL);
        /* Those that ended before that and were not told: the program, which ignores SIGCHLD, does not wait for them. */
        while (process_reap_any(&info) > 0)
                ;
}

/* Is there a child like that? It stays as it is. Without __WALL: one that leat_spawn() only begins to start is none. */
static bool peek(int flags, siginfo_t *ret_info) {
        ret_info->si_pid = 0;
        int r;
        do
                r = waitid(P_ALL, 0, ret_info, flags | WNOHANG | WNOWAIT);
        while (r < 0 && errno == EINTR);
        return r == 0 && ret_info->si_pid != 0;
}

void signal_children_look(void) {
        siginfo_t info;
        if (peek(WEXITED, &info))
                (void)kill(getpid(), SIGCHLD);
}

static struct leat_signal to_signal(const siginfo_t *info) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        signal.number = SIGCHLD;
        signal.code = info->si_code;
        signal.pid = info->si_pid;
        signal.uid = info->si_uid;
        signal.status = info->si_status;
        return signal;
}

static bool is_told_as_it_is(int code) {
        return code == CLD_STOPPED || code == CLD_CONTINUED || code == CLD_TRAPPED;
}

int signal_children_take(const struct signalfd_siginfo *info, struct leat_signal *ret_signal) {
        siginfo_t child = { 0 };
        int ended = 0;
        if (is_told_as_it_is(info->ssi_code)) {
                child.si_code = info->ssi_code;
                child.si_pid = (pid_t)info->ssi_pid;
                child.si_uid = info->ssi_uid;
                child.si_status = info->ssi_status;
        } else {
                ended = process_reap_any(&child);
                /* It was reaped by its owner, or told before. A stop that fell together with it would not be told any more. */
                if (ended <= 0 && !peek(WSTOPPED, &child))
                        return 0;
        }
        signal_children_look();
        *ret_signal = to_signal(&child);
        return 1;
}
