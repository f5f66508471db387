/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "process/process.h"

#include <errno.h>
#include <leat/signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static siginfo_t with_value(int number, union sigval value) {
        siginfo_t info = { 0 };
        info.si_signo = number;
        info.si_code = SI_QUEUE;
        info.si_pid = getpid();
        info.si_uid = getuid();
        info.si_value = value;
        return info;
}

static int result(long r) {
        return r < 0 ? -errno : 0;
}

/* The limit that was met is the receiver's, counted over all processes of its user. */
static int queue_is_full(pid_t pid, struct leat_reason *reason) {
        struct rlimit limit;
        reason_set(reason, -EAGAIN, LEAT_ROW_NONE,
                   "the queue of signals of the receiver's user is full: let it take some, or raise the limit");
        if (!reason)
                return -EAGAIN;
        reason->limit = "RLIMIT_SIGPENDING";
        if (prlimit(pid, RLIMIT_SIGPENDING, NULL, &limit) < 0 && getrlimit(RLIMIT_SIGPENDING, &limit) < 0)
                limit.rlim_cur = RLIM_INFINITY;
        reason->limit_value = limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
        return -EAGAIN;
}

static int explain(int r, pid_t pid, struct leat_reason *reason) {
        switch (r) {
        case 0:
                return 0;
        case -EAGAIN:
                return queue_is_full(pid, reason);
        case -ESRCH:
                return reason_set(reason, r, LEAT_ROW_NONE, "it has ended");
        case -EPERM:
                return reason_set(reason, r, LEAT_ROW_NONE, "it is another user's: only that user and root may");
        default:
                return reason_set(reason, r, LEAT_ROW_NONE, "there is no such signal, process or thread");
        }
}

/*
 * Where pidfd_send_signal(2) is refused (seccomp says EPERM or ENOSYS): a child of ours that is not reaped keeps its number, so that it can be
 * named by it. Any other could be taken for the one that got its number since. A true EPERM comes out again.
 */
static int queue_by_number(struct leat_process *process, siginfo_t *info, int refused) {
        if (!process->is_child || process_see(process) != 0)
                return refused;
        return result(syscall(SYS_rt_sigqueueinfo, process->pid, info->si_signo, info));
}

int leat_signal_queue(struct leat_process *process, int number, union sigval value, struct leat_reason *ret_reason) {
        int r = process_guard(process);
        if (r < 0)
                return r;
        if (process->reaped || process_see(process) != 0)
                return explain(-ESRCH, 0, ret_reason);
        siginfo_t info = with_value(number, value);
        r = result(syscall(SYS_pidfd_send_signal, process->pidfd, number, &info, 0));
        if (r == -EPERM || r == -ENOSYS)
                r = queue_by_number(process, &info, r);
        return explain(r, process->pid, ret_reason);
}

int leat_signal_group(pid_t group, int number) {
        /* kill(-1) would not be group 1, but everybody; kill(0) our own. */
        if (group <= 1)
                return -EINVAL;
        return result(kill(-group, number));
}

int leat_signal_thread(pid_t pid, pid_t thread, int number, const union sigval *value, struct leat_reason *ret_reason) {
        if (pid <= 0 || thread <= 0)
                return explain(-EINVAL, 0, ret_reason);
        if (!value)
                return explain(result(syscall(SYS_tgkill, pid, thread, number)), pid, ret_reason);
        siginfo_t info = with_value(number, *value);
        return explain(result(syscall(SYS_rt_tgsigqueueinfo, pid, thread, number, &info)), pid, ret_reason);
}
