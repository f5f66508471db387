/* SPDX-License-Identifier: MIT */

/* The children that leat_spawn() started and that are not freed yet (process.h). */

#include "process/process.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
        pthread_once_t once;
        pthread_mutex_t lock; /* held across fork(), so that the child finds a whole list */
        bool ready;
        struct list children;
} registry = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static void lock(void) {
        (void)pthread_mutex_lock(&registry.lock);
}

static void unlock(void) {
        (void)pthread_mutex_unlock(&registry.lock);
}

static void start(void) {
        list_init(&registry.children);
        registry.ready = pthread_atfork(lock, unlock, unlock) == 0;
}

int registry_enter(struct leat_process *process) {
        if (pthread_once(&registry.once, start) != 0 || !registry.ready)
                return -ENOMEM;
        lock();
        list_insert(&registry.children, &process->node);
        unlock();
        return 0;
}

void registry_leave(struct leat_process *process) {
        lock();
        list_remove(&process->node);
        unlock();
}

static int wait_for(const struct leat_process *process, int flags, struct process_end *ret_end) {
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        while (syscall(SYS_waitid, P_PIDFD, process->pidfd, &info, WEXITED | WNOHANG | __WALL | flags,
                       &ret_end->usage) < 0)
                if (errno != EINTR)
                        return -errno;
        ret_end->code = info.si_code;
        ret_end->status = info.si_status;
        return info.si_pid > 0;
}

int registry_look(struct leat_process *process, bool reap, struct process_end *ret_end) {
        memset(ret_end, 0, sizeof(*ret_end));
        lock();
        int r = wait_for(process, reap ? 0 : WNOWAIT, ret_end);
        if (r == -ECHILD && process->taken) {
                *ret_end =
                        (struct process_end){ process->taken_code, process->taken_status, process->taken_usage, true };
                r = 1;
        }
        ret_end->reaped |= reap || r == -ECHILD;
        if (r == -ECHILD || (r == 1 && ret_end->reaped))
                list_remove(&process->node);
        unlock();
        return r;
}

/* What was reaped is left where its owner looks, if it is one of ours. Of those that a forked child inherited none is its own. */
static void hand_over(const siginfo_t *info, const struct rusage *usage) {
        for (struct list *node = registry.children.next; node != &registry.children; node = node->next) {
                struct leat_process *process = CONTAINER_OF(node, struct leat_process, node);
                /* Relaxed: pairs with the child's own store and with that of its maker, before it could end. */
                if (atomic_load_explicit(&process->pid, memory_order_relaxed) != info->si_pid || process->taken ||
                    !fork_owns(&process->member))
                        continue;
                process->taken = true;
                process->taken_code = info->si_code;
                process->taken_status = info->si_status;
                process->taken_usage = *usage;
                return;
        }
}

int process_reap_any(siginfo_t *ret_info) {
        siginfo_t info;
        struct rusage usage;
        memset(&info, 0, sizeof(info));
        memset(&usage, 0, sizeof(usage));
        if (pthread_once(&registry.once, start) != 0)
                return -ENOMEM;
        lock();
        long r = syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG, &usage);
        int error = r < 0 ? -errno : 0;
        if (r == 0 && info.si_pid > 0)
                hand_over(&info, &usage);
        unlock();
        if (error < 0)
                return error;
        if (info.si_pid > 0)
                *ret_info = info;
        return info.si_pid > 0;
}
