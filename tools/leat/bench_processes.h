/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_PROCESSES_H
#define LEAT_TOOL_BENCH_PROCESSES_H

/*
 * `leat bench processes`: races of several ways to do the same with processes. In each round every way has its turn, each time
 * another one first; compared are neighbours in time, as with transports.
 */

#include "tools/leat/bench_starts.h"
#include "tools/leat/bench_stats.h"
#include "tools/leat/options.h"

#define RACE_WAYS 4
#define RACES 4

/* One of a race's ways, and what it took: for each run, in each round. */
struct runner {
        const struct way *way;
        int64_t repeats;     /* runs of a round */
        double *values;      /* ns */
        double *cpu;         /* ns, of this process and of all that it waited for */
        const char *why_not; /* NULL, or why it is not measured */
};

/* of's time to that of `to`, and what is aimed at: 0 where nothing is. */
struct race_goal {
        int of, to;
        double most;
};

struct race {
        const char *name, *what;
        bool touches; /* memory, before it begins */
        bool carries; /* bytes, so many */
        struct run run;
        struct runner runners[RACE_WAYS];
        struct race_goal goals[RACE_WAYS]; /* up to one that compares a way with itself */
        size_t rounds;                     /* complete ones */
        const char *why_not;               /* NULL, or why nothing of it is measured */
};

struct races {
        const struct bench_options *options;
        struct race all[RACES];
        bool stopped;
};

/* The n-th comparison of a race; false past the last. */
bool race_compare(const struct race *race, size_t n, struct spread *ret_ratio, struct spread *ret_cpu_ratio);

/* What people see, and the file. Return DONE or the exit code, having said what is wrong. */
int races_print(const struct races *races);
int races_write_json(const struct races *races, const char *path);

/* Is this operand these benchmarks, and not a transport? */
bool is_processes(const char *operand);

/* Whether its options go together: DONE or USAGE, having said what is wrong. */
int check_processes(const struct options *options);

/* Measure and show. Returns the exit code. */
int bench_processes(const struct options *options);

#endif
