/* SPDX-License-Identifier: MIT */
#include "process/process.h"

#include "base/cleanup.h"
#include "base/options.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/signal.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LOOK_AGAIN_NS INT64_C(5000000)

/* ---- holding ---- */

static void close_in_child(struct fork_member *member) {
        struct leat_process *process = CONTAINER_OF(member, struct leat_process, member);
        process->pidfd = close_fd(process->pidfd);
}

/* Not in any list of children yet. */
static int hold(bool is_child, struct leat_process **ret_process) {
        struct leat_process *process = calloc(1, sizeof(*process));
        if (!process)
                return -ENOMEM;
        process->pidfd = -1;
        process->is_child = is_child;
        process->started_at = leat_now();
        process->member.after_fork = close_in_child;
        list_init(&process->node);
        int r = fork_enter(&process->member);
        if (r < 0) {
                free(process);
                return r;
        }
        *ret_process = process;
        return 0;
}

static void release(struct leat_process *process) {
        if (process->is_child)
                registry_leave(process);
        fork_leave(&process->member);
        close_fd(process->pidfd);
        free(process);
}

int process_new(struct leat_process **ret_process) {
        struct leat_process *process;
        int r = hold(true, &process);
        if (r < 0)
                return r;
        r = registry_enter(process);
        if (r < 0) {
                process->is_child = false;
                release(process);
                return r;
        }
        *ret_process = process;
        return 0;
}

int leat_process_open(pid_t pid, struct leat_process **ret_process) {
        struct leat_process *process;
        if (pid <= 0 || !ret_process)
                return -EINVAL;
        int r = hold(false, &process);
        if (r < 0)
                return r;
        process->pid = pid;
        process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (process->pidfd < 0) {
                r = errno == ENOENT ? -EINVAL : -errno; /* a thread's number is EINVAL, or from Linux 6.13 on ENOENT */
                release(process);
                return r;
        }
        *ret_process = process;
        return 0;
}

int process_guard(struct leat_process *process) {
        if (!process)
                return -EINVAL;
        return fork_owns(&process->member) ? 0 : -ECHILD;
}

/* A number of <signal.h>, or 0. Where the call is refused (valgrind says ENOSYS, a filter EPERM) a child that runs, and is not reaped before this
 * ends, keeps its number. A true EPERM comes out again. -ESRCH: it has ended. */
static int send_signal(struct leat_process *process, int number) {
        if (process_see(process)) /* the kernel would still take one for a zombie */
                return -ESRCH;
        int error = syscall(SYS_pidfd_send_signal, process->pidfd, number, NULL, 0) < 0 ? -errno : 0;
        if ((error == -ENOSYS || error == -EPERM) && process->is_child)
                error = kill(leat_process_pid(process), number) < 0 ? -errno : 0;
        return error;
}

/* A child that nobody is to know of any more. Blocks while it lives: what waits in the kernel cannot be killed. One that may not be killed
 * (set-uid) may go on for ever: it is let go. */
static void kill_and_reap(struct leat_process *process) {
        pid_t pid = leat_process_pid(process);
        if (send_signal(process, SIGKILL) == -EPERM)
                return;
        if (leat_process_wait(process, LEAT_NEVER, NULL) < 0 && !process->reaped)
                while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
                        ;
}

struct leat_process *leat_process_free(struct leat_process *process) {
        if (!process)
                return NULL;
        if (process->is_child && fork_owns(&process->member) && !process->reaped)
                kill_and_reap(process);
        release(process);
        return NULL;
}

void leat_process_detach(struct leat_process *process) {
        if (process)
                release(process);
}

pid_t leat_process_pid(const struct leat_process *process) {
        return process ? atomic_load_explicit(&process->pid, memory_order_relaxed) : -EINVAL;
}

int leat_process_fd(const struct leat_process *process) {
        int r = process_guard((struct leat_process *)(uintptr_t)process);
        return r < 0 ? r : process->pidfd;
}

/* ---- how it ends ---- */

static void note_end(struct leat_process *process, const struct process_end *end) {
        process->ended = true;
        process->reaped = end->reaped;
        process->ended_at = leat_now();
        process->usage = end->usage;
        process->code = end->status;
        process->how = end->code == CLD_EXITED   ? LEAT_HOW_EXITED
                       : end->code == CLD_KILLED ? LEAT_HOW_KILLED
                       : end->code == CLD_DUMPED ? LEAT_HOW_DUMPED
                                                 : LEAT_HOW_UNKNOWN;
}

static void note_unknown(struct leat_process *process) {
        const struct process_end unknown = { .reaped = true };
        note_end(process, &unknown);
}

/* Of one that is no child the kernel says that it has ended, and no more. */
static int look_from_outside(struct leat_process *process) {
        struct pollfd polled = { .fd = process->pidfd, .events = POLLIN };
        int n = poll(&polled, 1, 0);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (n > 0)
                note_unknown(process);
        return n > 0;
}

/* 1: it has ended; 0: it runs; or a negative errno. */
static int look(struct leat_process *process, bool reap) {
        struct process_end end;
        if (process->ended && (process->reaped || !reap))
                return 1;
        if (!process->is_child)
                return look_from_outside(process);
        int r = registry_look(process, reap, &end);
        if (r == -ECHILD && process->ended) /* it was seen, and somebody else reaped it then */
                process->reaped = true;
        else if (r == -ECHILD)
                note_unknown(process);
        else if (r == 1 && process->ended)
                process->reaped = end.reaped;
        else if (r == 1)
                note_end(process, &end);
        return r == -ECHILD ? 1 : r;
}

int process_see(struct leat_process *process) {
        return look(process, false) > 0;
}

int process_reap(struct leat_process *process) {
        return look(process, true) > 0;
}

void process_expire(struct leat_process *process) {
        process->expired = true;
}

/* A zombie that another process traces is told to that one first, though its pidfd is readable: then look again after a while. */
static int sleep_until_it_ends(struct leat_process *process, bool *readable, int64_t deadline) {
        struct wait wait;
        wait_init(&wait);
        if (*readable)
                wait_look_again(&wait, leat_in_ns(LOOK_AGAIN_NS));
        else
                wait_add(&wait, process->pidfd, POLLIN);
        *readable = !*readable;
        return wait_until(&wait, deadline);
}

static int wait_for_end(struct leat_process *process, int64_t deadline) {
        bool readable = false;
        for (;;) {
                int r = look(process, true);
                if (r != 0)
                        return r < 0 ? r : 0;
                if (deadline == LEAT_NOW)
                        return -EAGAIN;
                r = sleep_until_it_ends(process, &readable, deadline);
                if (r == -ETIMEDOUT && (r = look(process, true)) == 0)
                        return -ETIMEDOUT;
                if (r != 0)
                        return r < 0 ? r : 0;
        }
}

int leat_process_wait(struct leat_process *process, int64_t deadline, struct leat_status *ret_status) {
        int r = process_guard(process);
        if (r == 0 && ret_status && ret_status->struct_size < sizeof(ret_status->struct_size))
                return -EINVAL;
        if (r == 0)
                r = wait_for_end(process, deadline);
        return r == 0 && ret_status ? process_tell(process, ret_status) : r;
}

/* ---- telling ---- */

static int64_t nanoseconds(const struct timeval *time) {
        return (int64_t)time->tv_sec * 1000000000 + (int64_t)time->tv_usec * 1000;
}

int process_tell(const struct leat_process *process, struct leat_status *ret_status) {
        if (!ret_status || ret_status->struct_size < sizeof(ret_status->struct_size))
                return -EINVAL;
        const struct leat_status status = {
                .struct_size = sizeof(status),
                .how = process->how,
                .code = process->code,
                .expired = process->expired,
                .wall_ns = (process->ended ? process->ended_at : leat_now()) - process->started_at,
                .user_ns = nanoseconds(&process->usage.ru_utime),
                .system_ns = nanoseconds(&process->usage.ru_stime),
                .memory_bytes = (uint64_t)process->usage.ru_maxrss * 1024,
        };
        options_tell(&status, sizeof(status), ret_status);
        return 0;
}

/* Left where it is (WNOWAIT): others may wait for stops too. Returns the signal, 0: it is not stopped. */
static int stopped_by(const struct leat_process *process) {
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        if (!process->is_child ||
            syscall(SYS_waitid, P_PIDFD, process->pidfd, &info, WSTOPPED | WNOHANG | WNOWAIT | __WALL, NULL) < 0)
                return 0;
        return info.si_pid > 0 && info.si_code == CLD_STOPPED ? info.si_status : 0;
}

int leat_process_status(struct leat_process *process, struct leat_status *ret_status) {
        int r = process_guard(process);
        if (r == 0 && (!ret_status || ret_status->struct_size < sizeof(ret_status->struct_size)))
                r = -EINVAL;
        if (r == 0)
                r = look(process, false);
        if (r < 0)
                return r;
        int number = r == 0 ? stopped_by(process) : 0;
        if (!process->ended) {
                process->how = number ? LEAT_HOW_STOPPED : LEAT_HOW_RUNNING;
                process->code = number;
        }
        return process_tell(process, ret_status);
}

int leat_status_code(const struct leat_status *status) {
        switch (status ? status->how : LEAT_HOW_UNKNOWN) {
        case LEAT_HOW_EXITED:
                return status->code;
        case LEAT_HOW_KILLED:
        case LEAT_HOW_DUMPED:
        case LEAT_HOW_STOPPED:
                return 128 + status->code;
        case LEAT_HOW_NOT_STARTED:
                return status->redirection ? 1 : status->code == ENOENT ? 127 : 126;
        case LEAT_HOW_RUNNING:
        case LEAT_HOW_UNKNOWN:
                break;
        }
        return 255;
}

/* ---- signals ---- */

int leat_process_signal(struct leat_process *process, int number) {
        int r = process_guard(process);
        if (r < 0)
                return r;
        if (number < 0)
                return -EINVAL;
        /* The kernel would lose a real-time one without a value where the queue is full, and say nothing. */
        if (number >= SIGRTMIN && number <= SIGRTMAX)
                return leat_signal_queue(process, number, (union sigval){ .sival_ptr = NULL }, NULL);
        return send_signal(process, number);
}

/* A stopped one has to go on to end. */
static int ask_to_end(struct leat_process *process, int number) {
        int r = leat_process_signal(process, number);
        if (r == 0 && number != SIGKILL)
                (void)leat_process_signal(process, SIGCONT);
        return r == -ESRCH ? 0 : r;
}

int leat_process_end(struct leat_process *process, int number, int64_t grace_ns, int64_t deadline,
                     struct leat_status *ret_status) {
        int64_t killed_at = leat_in_ns(grace_ns);
        int r = process_guard(process);
        if (r == 0)
                r = ask_to_end(process, number ? number : SIGTERM);
        if (r < 0)
                return r;
        r = leat_process_wait(process, killed_at < deadline ? killed_at : deadline, ret_status);
        if (r == -ETIMEDOUT && killed_at <= deadline) {
                r = ask_to_end(process, SIGKILL);
                if (r == 0)
                        r = leat_process_wait(process, deadline, ret_status);
        }
        return r == -EAGAIN ? -ETIMEDOUT : r;
}
