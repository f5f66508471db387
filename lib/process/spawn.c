/* SPDX-License-Identifier: MIT */

/* Starting a command: all is prepared here, the child (child.c) only carries it out. */

#include "base/cleanup.h"
#include "base/error.h"
#include "process/child.h"
#include "process/command_open.h"
#include "process/process.h"
#include "process/spawn_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PID_DIGITS 11

struct start {
        struct leat_command *command;
        const struct spawn_how *how;
        struct leat_reason *reason;
        struct spawn_plan plan;
        char **environment, **candidates;
        char *listen; /* LISTEN_PID=, LISTEN_FDS= and LISTEN_FDNAMES=, one behind the other */
        struct child_plan child;
        struct leat_process *process;
        int killed; /* by this signal before its program; or 0 */
};

static const char *const listen_names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", NULL };

/* ---- preparing ---- */

/* Three texts: the first is completed by the child, who alone knows its number (in a name space of its own it is another). */
static char *listen_texts(const struct leat_command *command, char **ret_texts, char **ret_pid) {
        size_t names_bytes = 0;
        for (size_t i = 0; i < command->channels_count; i++)
                names_bytes += 2 * (strlen(command->channels[i].name) + 1);
        char *block = calloc(1, sizeof("LISTEN_PID=") + PID_DIGITS + 64 + names_bytes);
        if (!block)
                return NULL;
        ret_texts[0] = block;
        *ret_pid = stpcpy(block, "LISTEN_PID=");
        ret_texts[1] = *ret_pid + PID_DIGITS;
        ret_texts[2] = ret_texts[1] + sprintf(ret_texts[1], "LISTEN_FDS=%zu", command_channel_fds(command)) + 1;
        char *end = stpcpy(ret_texts[2], "LISTEN_FDNAMES=");
        for (size_t i = 0; i < command->channels_count; i++)
                for (int k = 0; k < 2; k++)
                        if (command->channels[i].fds[k] >= 0)
                                end = stpcpy(stpcpy(end, command->channels[i].name), ":");
        end[-1] = '\0';
        return block;
}

static int prepare_environment(struct start *start) {
        bool channels = start->command->channels_count > 0;
        char **more = NULL;
        start->environment = command_environment(start->command, channels ? listen_names : NULL, 3, &more);
        if (!start->environment)
                return -ENOMEM;
        if (channels && !(start->listen = listen_texts(start->command, more, &start->child.pid_text)))
                return -ENOMEM;
        int r = command_candidates(start->command, start->environment, &start->candidates);
        return r == -ENOENT ? reason_set(start->reason, r, LEAT_ROW_NONE, "the program has no name") : r;
}

static void fill_child(struct start *start) {
        const struct leat_command *command = start->command;
        const struct spawn_how *how = start->how;
        struct child_plan *child = &start->child;
        child->pid = &start->process->pid;
        child->has_group = how->group != SPAWN_AS_SAID || command->has_group;
        child->group = how->group != SPAWN_AS_SAID ? how->group : command->group;
        child->may_lead = how->may_lead;
        child->terminal = how->terminal == SPAWN_NO_TERMINAL ? -1
                          : how->terminal >= 0               ? how->terminal
                                                             : command->terminal;
        child->directory = command->directory;
        child->moves = start->plan.moves;
        child->moves_count = start->plan.moves_count;
        memcpy(child->closed, start->plan.closed, sizeof(child->closed));
        child->limits = command->limits;
        child->limits_count = command->limits_count;
        child->candidates = start->candidates;
        child->argv = command->argv;
        child->environment = start->environment;
}

static int prepare(struct start *start) {
        int r = prepare_environment(start);
        if (r == 0)
                r = spawn_plan_make(start->command, start->how, start->reason, &start->plan);
        if (r == 0)
                r = process_new(&start->process);
        if (r == 0)
                fill_child(start);
        return r;
}

static void finish(struct start *start) {
        spawn_plan_free(&start->plan);
        free(start->environment);
        free(start->candidates);
        free(start->listen);
}

/* ---- what stopped it ---- */

static int refuse(struct start *start, int error, const char *text) {
        return reason_set(start->reason, error, LEAT_ROW_NONE, text);
}

/* A candidate that is there, and was not found all the same: what its first line names is not. */
static bool lacks_interpreter(const struct start *start) {
        struct stat status;
        const char *directory = start->command->directory;
        CLOSE_AT_EXIT int base = directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        for (size_t i = 0; start->candidates[i]; i++)
                if (fstatat(directory ? base : AT_FDCWD, start->candidates[i], &status, 0) == 0)
                        return true;
        return false;
}

static int refuse_program(struct start *start, int error) {
        switch (error) {
        case -ENOENT:
                return refuse(start, error,
                              lacks_interpreter(start)
                                      ? "the program is there, and its interpreter (the first line of a "
                                        "script, or the loader of a program) is not"
                              : strchr(start->command->argv[0], '/') ? "there is no such program"
                                                                     : "there is no such program in PATH");
        case -EACCES:
                return refuse(
                        start, error,
                        "the program may not be executed: it or its folder lacks the permission, or it is no file");
        case -ENOEXEC:
                return refuse(start, error,
                              "the file is no program: of a script the first line says its interpreter, #!");
        case -E2BIG:
                return reason_limit(start->reason, error, "RLIMIT_STACK",
                                    "arguments and environment are too large: a quarter of the limit, 128 KiB each");
        case -EAGAIN:
                return reason_limit(start->reason, error, "RLIMIT_NPROC", "this user has as many processes as it may");
        default:
                return refuse(start, error, "the program cannot be executed");
        }
}

static int refuse_step(struct start *start) {
        int error = -start->child.result.error;
        if (start->killed)
                return refuse(start, error, "a signal killed it before it executed its program");
        switch (start->child.result.step) {
        case CHILD_GROUP:
                return refuse(start, error, "it cannot join that process group: of the same session, and not ended?");
        case CHILD_FOREGROUND:
                return refuse(start, error, "it cannot take the foreground: is that the controlling terminal?");
        case CHILD_DIRECTORY:
                return refuse(start, error, "its directory cannot be entered");
        case CHILD_DESCRIPTORS: /* dup2(2): EBADF of a number above the limit */
                return reason_limit(start->reason, error == -EBADF ? -EMFILE : error, "RLIMIT_NOFILE",
                                    "a number that was asked for is above the limit");
        case CHILD_LIMITS:
                return refuse(start, error, "a limit cannot be set: raising a hard one needs CAP_SYS_RESOURCE");
        case CHILD_UNBORN:
        case CHILD_EXECUTE:
                break;
        }
        return refuse_program(start, error);
}

static int refuse_clone(struct start *start, int error) {
        if (error == -EAGAIN)
                return reason_limit(start->reason, error, "RLIMIT_NPROC",
                                    "this user, or its group of processes, has as many processes as it may");
        if (error == -EMFILE)
                return reason_limit(start->reason, error, "RLIMIT_NOFILE", "no descriptor is left to hold the process");
        return refuse(start, error, "no process can be made");
}

/* ---- starting ---- */

/* By its pidfd: another that reaps all, also such as this (__WALL), may be first, and the number another's then. */
static void reap(const struct start *start, pid_t pid, siginfo_t *ret_info) {
        long r;
        while ((r = syscall(SYS_waitid, P_PIDFD, start->process->pidfd, ret_info, WEXITED | __WALL, NULL)) < 0 &&
               errno == EINTR)
                ;
        if (r < 0 && errno != ECHILD) /* a filter refuses it */
                while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
                        ;
}

/* It ended without its program: nobody else is to know of it, and the terminal is who had it before. Signals are still blocked. */
static void undo(struct start *start, pid_t pid, pid_t foreground) {
        siginfo_t info = { 0 };
        bool killed = start->child.result.error == 0;
        /* Relaxed: under the lock of the list nobody finds it by a number that is soon another's. */
        atomic_store_explicit(&start->process->pid, 0, memory_order_relaxed);
        reap(start, pid, &info);
        if (foreground > 0 && (killed || start->child.result.step > CHILD_FOREGROUND))
                (void)tcsetpgrp(start->child.terminal, foreground);
        if (!killed)
                return;
        start->killed = info.si_pid > 0 ? info.si_status : SIGKILL;
        start->child.result.error = EINTR;
        if (start->how->ret_killed)
                *start->how->ret_killed = start->killed;
}

/* One that has executed its program is an ordinary child, which SIGCHLD tells of: not found here (ECHILD). One that is found
 * has ended without it, or ends now. */
static bool has_program(const struct start *start) {
        siginfo_t info;
        return start->child.result.error == 0 && syscall(SYS_waitid, P_PIDFD, start->process->pidfd, &info,
                                                         WEXITED | WNOHANG | WNOWAIT | __WCLONE, NULL) < 0;
}

/* Whether a child shares memory with its parent; it is so, or not, for good. */
static int look_at_memory(bool *ret_shared) {
        static atomic_int known = -1;
        /* Relaxed: whoever sees the old value finds out too. */
        int shares = atomic_load_explicit(&known, memory_order_relaxed);
        if (shares < 0 && (shares = child_shares_memory()) < 0)
                return shares;
        atomic_store_explicit(&known, shares, memory_order_relaxed);
        *ret_shared = shares;
        return 0;
}

/* Where memory is not shared the child's result comes by a pipe. The child's end is at a number that the child keeps; ours not at one that it would
 * inherit. */
static int make_report(struct start *start, int *ret_report) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        start->child.report = spawn_plan_aside(&start->plan, ends[1]);
        close_fd(ends[1]);
        *ret_report = command_above_standard(ends[0]);
        if (start->child.report >= 0 && *ret_report >= 0)
                return 0;
        int r = start->child.report < 0 ? start->child.report : *ret_report;
        start->child.report = close_fd(start->child.report);
        *ret_report = close_fd(*ret_report);
        return r;
}

/* Its end without a word: the program is executed, or it was killed. */
static void read_report(struct start *start, pid_t pid, int report) {
        struct child_result result;
        start->child.report = close_fd(start->child.report);
        if (pid > 0 && report >= 0 && read(report, &result, sizeof(result)) == sizeof(result))
                start->child.result = result;
        close_fd(report);
}

/* All signals are blocked. Returns its number, or a negative errno: there is none. */
static pid_t make_child(struct start *start) {
        struct child_plan *child = &start->child;
        pid_t foreground = child->terminal >= 0 ? tcgetpgrp(child->terminal) : -1;
        bool shares = false;
        int report = -1, r = look_at_memory(&shares);
        child->report = -1;
        if (r == 0 && !shares)
                r = make_report(start, &report);
        if (r < 0)
                return r;
        pid_t pid = child_make(child, &start->process->pidfd);
        read_report(start, pid, report);
        if (pid > 0 && !has_program(start))
                undo(start, pid, foreground);
        return pid;
}

static int make(struct start *start) {
        uint64_t before;
        child_block_signals(&before);
        pid_t pid = make_child(start);
        child_restore_signals(&before);
        if (pid < 0) {
                start->process->pidfd = -1;
                return refuse_clone(start, pid);
        }
        if (start->child.result.error)
                return refuse_step(start);
        /* Relaxed: the child has stored the same, unless its name space has other numbers. */
        atomic_store_explicit(&start->process->pid, pid, memory_order_relaxed);
        return 0;
}

/* Of a program that began without its standard descriptors: what it opens next is to be one of them, as without this library. */
static void raise_pidfd(struct leat_process *process) {
        int copy = process->pidfd < 3 ? fcntl(process->pidfd, F_DUPFD_CLOEXEC, 3) : -1;
        if (copy < 0)
                return;
        close_fd(process->pidfd);
        process->pidfd = copy;
}

static int check(const struct leat_command *command, struct leat_reason *reason) {
        if (command->error < 0)
                return reason_set(reason, command->error, LEAT_ROW_NONE, "what was said of the command is wrong");
        if (command->channels_given)
                return reason_set(reason, -EINVAL, LEAT_ROW_INHERITANCE,
                                  "its channels went to the child that it started first");
        return 0;
}

static void drop(struct leat_process *process) {
        if (!process)
                return;
        process->reaped = true;
        leat_process_free(process);
}

int spawn_command(struct leat_command *command, const struct spawn_how *how, struct leat_reason *reason,
                  struct leat_process **ret_process) {
        struct start start = { .command = command, .how = how, .reason = reason };
        int r = check(command, reason);
        if (r < 0)
                return r;
        r = prepare(&start);
        if (r == 0)
                r = make(&start);
        finish(&start);
        if (r < 0) {
                drop(start.process);
                return r;
        }
        raise_pidfd(start.process);
        command->channels_given = command->channels_count > 0;
        command_close_channels(command);
        *ret_process = start.process;
        return 0;
}

int spawn_here(struct leat_command *command, struct leat_reason *reason) {
        struct start start = { .command = command, .reason = reason };
        int r = check(command, reason);
        if (r == 0)
                r = prepare_environment(&start);
        if (r == 0) {
                start.child.candidates = start.candidates;
                start.child.argv = command->argv;
                start.child.environment = start.environment;
                start.child.result.error = -child_execute(&start.child);
                r = refuse_step(&start);
        }
        finish(&start);
        return r;
}

int leat_spawn(struct leat_command *command, int64_t deadline, struct leat_reason *ret_reason,
               struct leat_process **ret_process) {
        const struct spawn_how how = SPAWN_HOW(deadline);
        reason_set(ret_reason, 0, LEAT_ROW_NONE, NULL);
        if (!command || !ret_process)
                return reason_set(ret_reason, -EINVAL, LEAT_ROW_NONE,
                                  "a command and a place for its process are wanted");
        int r = spawn_command(command, &how, ret_reason, ret_process);
        if (r < 0 && ret_reason && !ret_reason->text)
                reason_set(ret_reason, r, LEAT_ROW_NONE, leat_strerror(r));
        return r;
}
