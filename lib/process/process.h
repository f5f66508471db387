/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_PROCESS_H
#define LEAT_PROCESS_PROCESS_H

/*
 * A process that is held, and how its end is seen.
 *
 * A child is *seen* to have ended by waitid(WNOWAIT), which leaves it a zombie: its number, and its group's, stay its own. It is *reaped* after that.
 * leat_process_wait() does both at once. A pipeline sees all stages end before it reaps the first.
 *
 * All children that leat_spawn() started are in one list, under one lock. Who reaps whatever child ended (a signal source with
 * LEAT_SIGNALS_CHILDREN) does it by process_reap_any(), which leaves the status of one of ours where its owner finds it.
 */

#include "base/list.h"
#include "channel/fork.h"
#include "process/command.h"

#include <leat/process.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

struct leat_process {
        struct fork_member member;
        struct list node;  /* of the list of children; under its lock */
        _Atomic pid_t pid; /* stored by the child itself at first, so that one that ends at once is known */
        int pidfd;
        bool is_child; /* ours to reap */
        bool ended;    /* how, code and the times are known */
        bool reaped;   /* nothing is left of it */
        bool expired;
        enum leat_how how;
        int code;
        int64_t started_at, ended_at;
        struct rusage usage;
        bool taken;                   /* somebody else reaped it and said how it ended; under the lock of the list */
        int taken_code, taken_status; /* si_code and si_status */
        struct rusage taken_usage;
};

/* ---- starting (spawn.c) ---- */

/* What a pipeline or a coprocess says beside the command. */
struct spawn_how {
        int input, output; /* what 0 and 1 are before its own redirections, borrowed; -1: the caller's */
        pid_t group;       /* SPAWN_AS_SAID, 0: its own; else the one that it joins */
        bool may_lead;     /* a group of its own, where that one is no more */
        int terminal;      /* -1: as the command says; SPAWN_NO_TERMINAL: none */
        int64_t deadline;
        int *ret_killed; /* on -EINTR: which signal killed it before its program; or NULL */
};
#define SPAWN_AS_SAID ((pid_t)-1)
#define SPAWN_NO_TERMINAL (-2)
#define SPAWN_HOW(until)                                                                                               \
        (struct spawn_how) {                                                                                           \
                .input = -1, .output = -1, .group = SPAWN_AS_SAID, .terminal = -1, .deadline = (until)                 \
        }

/* As leat_spawn(). */
int spawn_command(struct leat_command *command, const struct spawn_how *how, struct leat_reason *reason,
                  struct leat_process **ret_process);

/* Execute it in this process, as the child would be that leat_spawn() starts; for a command of which no more was said than its words. Returns if it
 * fails: see child_execute(). */
int spawn_here(struct leat_command *command, struct leat_reason *reason);

/* ---- its end (process.c) ---- */

/* Hold what spawn.c starts, before it is there: neither number nor pidfd are known. -ENOMEM. */
int process_new(struct leat_process **ret_process);

/* See whether it has ended, and leave it unreaped. Returns 1: it has, or 0. It never waits. */
int process_see(struct leat_process *process);

/* See it, and reap it. Returns 1: nothing is left of it; 0: it runs. It never waits. */
int process_reap(struct leat_process *process);

/* It is ended because a deadline passed: its status will say so. */
void process_expire(struct leat_process *process);

/* Tell, into a structure of the caller's, what is known. -EINVAL: its size is wrong. */
int process_tell(const struct leat_process *process, struct leat_status *ret_status);

/* 0, -EINVAL (NULL), -ECHILD (another process's). */
int process_guard(struct leat_process *process);

/* ---- the list of children (registry.c) ---- */

int registry_enter(struct leat_process *process);  /* -ENOMEM */
void registry_leave(struct leat_process *process); /* also of one that left */

/*
 * Ask how a child of ours ended. reap: nothing is left of it then, and it leaves the list, before another could get its number. Returns 1: it has
 * ended, and ret_end tells; 0: it runs; -ECHILD: it has ended, and nobody said how; another errno: the system does not tell.
 */
struct process_end {
        int code, status; /* si_code and si_status of waitid(2) */
        struct rusage usage;
        bool reaped;
};
int registry_look(struct leat_process *process, bool reap, struct process_end *ret_end);

/*
 * Reap one child that has ended, whichever it is, as waitid(P_ALL, WEXITED | WNOHANG) does, and leave its status where its owner looks, if it is one
 * of ours, before anybody can look. One that has not executed its program yet, or failed to, is none of them. Returns 1: *ret_info tells of it;
 * 0: none has ended; -ECHILD: there is no child.
 */
int process_reap_any(siginfo_t *ret_info);

#endif
