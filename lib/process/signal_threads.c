/* SPDX-License-Identifier: MIT */
/*
 * Would another thread take a signal that is meant for the source? It would if it has it unblocked: the kernel gives a signal that is for the
 * process to any such thread. Looked at when this thread has blocked it already: what this thread starts from then on inherits that, and what another
 * starts has what its maker has, who is looked at.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "process/proc_status.h"
#include "process/signals.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* glibc and musl keep 32 and 33 for themselves; both are blocked only where the C library itself blocks everything, in a thread that begins or
 * ends (musl leaves them alone even then). Such a one is about to set its mask. */
#define C_LIBRARY (UINT64_C(3) << 31)
#define BEGINNING_NS INT64_C(20000000) /* the kernel's own threads (io_uring's) look like that for ever */

#define BIT(number) (UINT64_C(1) << ((number)-1))
#define IGNORED_BY_DEFAULT (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH))

struct check {
        pid_t process, self; /* as /proc numbers them */
        uint64_t wanted;
        int64_t until; /* when those that only begin are waited for no longer, all together */
};

/*
 * Of what is sent to the process the kernel asks the first thread whether it ignores it, and drops it then; also when that thread has ended and is
 * a zombie as long as there are others. It ignores nothing that it blocks.
 */
static bool is_dropped(const struct proc_status *first, uint64_t wanted) {
        uint64_t ignored = first->ignored | (IGNORED_BY_DEFAULT & ~first->caught);
        return wanted & ignored & ~first->blocked;
}

static bool would_take(const struct check *check, const struct proc_status *status) {
        if (status->state != 'Z' && status->state != 'X')
                return (status->blocked & check->wanted) != check->wanted;
        return status->thread == check->process && is_dropped(status, check->wanted);
}

static bool begins(const struct proc_status *status) {
        return status->state != 'Z' && status->state != 'X' && (status->blocked & C_LIBRARY) == C_LIBRARY;
}

/* 0, -EBUSY, or an error. */
static int check_thread(const struct check *check, pid_t thread) {
        struct proc_status status;
        for (;;) {
                int r = proc_status_read(check->process, thread, &status);
                if (r < 0)
                        return r == -ESRCH ? 0 : r; /* it is gone */
                if (would_take(check, &status))
                        return -EBUSY;
                if (!begins(&status) || leat_now() >= check->until)
                        return 0;
                (void)sched_yield();
        }
}

static const char *why_not_looked_at(int r) {
        switch (r) {
        case -ENOMEM:
                return "there is no memory to look at the threads of this process";
        case -EMFILE:
        case -ENFILE:
                return "no descriptor is free to look at the threads of this process: close some, or raise the limit";
        default:
                return "the threads of this process cannot be looked at: /proc has to be mounted, readable, and of its "
                       "name "
                       "space of processes or one around it";
        }
}

static int refuse(struct leat_reason *reason, int r, pid_t thread) {
        if (r != -EBUSY)
                return reason_set(reason, r, LEAT_ROW_NONE, why_not_looked_at(r));
        reason_set(reason, r, LEAT_ROW_THREADS,
                   "a thread would take the signals: open the source before it is started, or block them in it too");
        if (reason) {
                reason->limit = "thread";
                reason->limit_value = thread;
        }
        return r;
}

/* A folder has a link for each of its folders, and two more. Where /proc does not count like that the folder is read. */
static bool has_one_thread(void) {
        struct stat status;
        return stat("/proc/self/task", &status) == 0 && status.st_nlink == 3;
}

/* The numbers that /proc has for this process and this thread: it may be that of a name space around ours. */
static int own_numbers(struct check *check) {
        char text[64];
        ssize_t n = readlink("/proc/thread-self", text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        char *thread = strstr(text, "/task/"), *end;
        if (!thread)
                return -ENOENT;
        check->process = (pid_t)strtol(text, &end, 10);
        if (end != thread)
                return -ENOENT;
        thread += strlen("/task/");
        check->self = (pid_t)strtol(thread, &end, 10);
        return end > thread && *end == '\0' ? 0 : -ENOENT;
}

int signal_threads_check(const sigset_t *set, struct leat_reason *reason) {
        FREE_AT_EXIT pid_t *threads = NULL;
        struct check check = { .wanted = signal_bits(set), .until = leat_in_ns(BEGINNING_NS) };
        if (has_one_thread())
                return 0;
        int error = own_numbers(&check);
        ssize_t count = error < 0 ? error : proc_threads(check.process, &threads);
        if (count < 0)
                return refuse(reason, (int)count, 0);
        for (ssize_t i = 0; i < count; i++) {
                int r = threads[i] == check.self ? 0 : check_thread(&check, threads[i]);
                if (r < 0)
                        return refuse(reason, r, threads[i]);
        }
        return 0;
}
