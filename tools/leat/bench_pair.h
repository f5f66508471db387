/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_PAIR_H
#define LEAT_TOOL_BENCH_PAIR_H

/*
 * The two processes of a contender. They live for one comparison, sleep between their rounds, and are told what to do
 * by a socket of their own each, so that nothing but the work goes over what is measured.
 */

#include "tools/leat/bench_end.h"

/* Where they run. */
struct placement {
        const char *name; /* one-core, two-cores, free */
        int cpus[2];      /* -1: anywhere */
};

struct pair {
        const struct contender *contender;
        struct setting setting;
        pid_t pids[2];  /* 0: not there */
        int control[2]; /* -1: not there */
        struct end ends[2];
        struct shared *shared;
};
#define PAIR_NONE                                                                                                      \
        {                                                                                                              \
                .control = { -1, -1 }                                                                                  \
        }

/* Of one job, both processes together. */
struct outcome {
        int64_t ns;     /* from the first send to the last receive */
        int64_t cpu_ns; /* user and system time of both */
        int64_t sleeps; /* how often one gave up its core because it had to wait */
};

/*
 * Start them, and let them open what they need. contender and setting of *pair are set by the caller.
 *
 * stop: a descriptor that is readable when it is to be given up. Returns 0, -ECANCELED after stop, -ECHILD (one died),
 * -ETIMEDOUT, or what failed; then pair_text() says more. pair_stop() in any case.
 */
int pair_start(struct pair *pair, const struct placement *placement, int stop);

/* Do a job. Returns as pair_start(). */
int pair_run(struct pair *pair, const struct job *job, int stop, struct outcome *ret_outcome);

/* What was said of the failure, or "". */
const char *pair_text(const struct pair *pair);

/* No process of it remains, and no name. */
void pair_stop(struct pair *pair);

/* What a process does once it is started: until the control socket ends. Never returns. */
_Noreturn void pair_be(struct end *end, int control, const struct placement *placement, pid_t parent);

/* Between the processes and the one that leads them. */
struct reply {
        int error;
        bool ready; /* the receiver is about to begin */
        int64_t begun, ended, cpu_ns, sleeps;
};

/* Room for messages of an end, and what they are filled from. 0 or -ENOMEM. */
int end_make_room(struct end *end, size_t size, uint32_t batch);

void end_free_room(struct end *end);

#endif
