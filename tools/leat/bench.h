/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_H
#define LEAT_TOOL_BENCH_H

/*
 * The benchmark: cells of a plan (a transport, what is measured, a size, a placement), in each of them entrants that take
 * turns, round by round, and comparisons of two entrants by the ratios of their neighbouring rounds.
 */

#include "tools/leat/bench_pair.h"
#include "tools/leat/bench_stats.h"
#include "tools/leat/options.h"

#define ENTRANTS_MAX 12
#define ROUND_TRIP_MOST 16384 /* larger messages are measured in bytes/s alone */
#define BATCH_MOST 4096       /* and these are not handed over many at once */
#define PLACEMENTS 3
#define SUBJECTS 12

enum measure { MEASURE_ROUND_TRIP, MEASURE_FLOW, MEASURE_OPENING };
#define MEASURES 3

/* One of a cell's contenders, as it is used there. */
struct entrant {
        const struct contender *contender;
        const char *name; /* of its own in the cell: "leat", "leat, many", "bare, spinning", ... */
        enum work work;
        bool spin;
        const char *wait;
        struct pair pair;
        uint64_t count;           /* messages of a round */
        double *values;           /* of each round: ns of the middle round trip, or messages/s */
        double *cpu, *sleeps;     /* of each round: ns and sleeps of both processes, for each message or round trip */
        struct histogram *all_ns; /* round trips of all rounds */
        char why[BENCH_TEXT_SIZE + 64];
        bool out; /* it failed: `why` */
};

struct cell {
        const char *scheme;
        enum measure measure;
        size_t size;
        const struct placement *placement;
        struct entrant entrants[ENTRANTS_MAX];
        size_t entrants_count;
        size_t rounds; /* complete ones */
        char why[BENCH_TEXT_SIZE + 64];
};

/* of's ratio to `to`. */
struct comparison {
        const struct entrant *of, *to;
        struct spread ratio, cpu_ratio;
};

struct bench {
        const struct bench_options *options;
        struct placement placements[PLACEMENTS];
        size_t placements_count;
        struct cell **cells; /* those that were begun */
        size_t cells_count, cells_planned;
        const char *folder;
        unsigned numbers; /* that were used for names */
        int stop;         /* readable when to give up */
        bool stopped, failed;
};

/* What is measured: each of these once in the order of the plan. */
extern const char *const bench_subjects[SUBJECTS];

/* Run all of the plan, as far as it gets. Returns 0, -ECANCELED, or -ENOMEM; what failed in a cell is said and told in it. */
int bench_run(struct bench *bench, const struct options *options);

/* Measure a cell whose entrants are set. Returns 0 (also if an entrant fell out), -ECANCELED, -ENOMEM. */
int cell_run(struct bench *bench, struct cell *cell);

void cell_free(struct cell *cell);

/* How many comparisons of a cell there are, and the n-th; false past the last. */
bool cell_compare(const struct cell *cell, size_t n, struct comparison *ret_comparison);

/* Whether less is better of what the cell measures. */
static inline bool cell_less_is_better(const struct cell *cell) {
        return cell->measure != MEASURE_FLOW;
}

/* The peers that are to take part in a cell: other libraries. Fills contenders, at most ENTRANTS_MAX - 5; how many. */
size_t peers_list(const char *scheme, const struct contender *ret_peers[ENTRANTS_MAX]);

/* Are there cells of this transport in which they would? */
bool peers_stand_beside(const char *scheme);

/* Say which peers are not there, and how to get them: one line each, by this function. */
void peers_absent(void (*tell)(void *to, const char *name, const char *text), void *to);

/* What people see, and the files. Return DONE or the exit code, having said what is wrong. */
int bench_print(const struct bench *bench);
int bench_write_json(const struct bench *bench, const char *path);
int bench_write_plot(const struct bench *bench, const char *path);

/* Two CPUs that we may use, on different cores if that can be; the second is -1 if there is one alone. */
void bench_find_cpus(int cpus[2]);

/* Be on this CPU alone; -1: where we were. */
void bench_pin(int cpu);

/* The lectures' claim for one placement. */
enum truth { CLAIM_UNDECIDED, CLAIM_TRUE, CLAIM_FALSE };
#define CLAIM_TEXT "pipes fastest, queues slower, sockets slowest, at most half as fast"
enum truth claim_of(const struct bench *bench, const struct placement *placement, enum measure measure, char *text,
                    size_t size);

/* --once: carry messages in this process, and measure nothing. Returns the exit code. */
int bench_once(const struct bench_options *options, const char *scheme, const char *folder);

#endif
