/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_CONTEST_H
#define LEAT_TOOL_BENCH_CONTEST_H

/*
 * Contests of several ways to do the same: those of `leat bench processes`, `region`, `xdr` and `rpc`. In each round every way has its turn,
 * each time another one first; compared are neighbours in time, as with transports. What is peculiar to a subject is said by its struct
 * contest_subject, and by structures that begin with a struct contest or a struct way.
 */

#include "tools/leat/bench_stats.h"
#include "tools/leat/bench_text.h"
#include "tools/leat/options.h"
#include "tools/leat/report.h"

#define CONTEST_WAYS 4
#define CONTEST_CELLS 2 /* of a line of a table, after those that all subjects have */

struct way {
        const char *name;
        const char *what;
};

/* One of a contest's ways, and what it took: in each round. */
struct entry {
        const struct way *way;
        int64_t times;  /* of a round */
        double *values; /* ns of each, or how many a second */
        double *beside; /* what else was measured: CPU time in ns, or the slower process's share of what both did */
        const char *why_not; /* NULL, or why it is not measured */
};

/* of's value to that of `to`, and what is aimed at: 0 where nothing is. */
struct contest_goal {
        int of, to;
        double goal;
};

struct contest {
        const char *name, *what;
        bool rates; /* how many a second: more is better */
        struct entry entries[CONTEST_WAYS];
        struct contest_goal goals[CONTEST_WAYS]; /* up to one that compares a way with itself */
        double share;                            /* to be reached by the first way, at least; 0: there are no shares */
        int64_t bytes;                           /* of memory that it works on; 0: that does not matter */
        size_t rounds;                           /* complete ones */
        const char *why_not;                     /* NULL, or why nothing of it is measured */
};

/* A comparison of two ways; or of a way's slower process with both: `to` is NULL. */
struct contest_ratio {
        const struct entry *of, *to;
        struct spread ratio, cpu; /* cpu: where CPU time is measured */
        bool more;                /* is better */
        double goal;              /* or 0 */
};

struct contests;

/* What contests have of their own. Hooks that return an int: 0, -ECANCELED, or what went wrong. */
struct contest_subject {
        const char *name;        /* the operand */
        enum doing doing;        /* what fails, if that does */
        const char *least_round; /* what a round is that cannot be so short */
        const char *ratios;      /* headings: of the tables, and of the columns that are its own, up to NULL */
        const char *medians;
        const char *median_column;
        const char *ratio_columns[CONTEST_CELLS], *median_columns[CONTEST_CELLS];
        const char *list_key, *times_key, *beside_key, *goal_key; /* of the file */
        bool cpu;                                                 /* time is what is measured beside */
        bool sized;                                               /* --memory matters to it */

        /* All rounds: contest_run_rounds(), with what they need around it. */
        int (*run)(const struct contests *contests, struct contest *contest);
        /* Find how often a way is run in a round: contest_set_times(). */
        int (*prepare)(const struct contests *contests, const struct contest *contest, struct entry *entry);
        int (*turn)(const struct contests *contests, const struct contest *contest, const struct entry *entry,
                    double *ret_value, double *ret_beside);
        const char *(*explain)(int error);
        /* Texts for the columns that are its own; they are empty before. */
        void (*ratio_cells)(const struct contest_ratio *ratio, char cells[CONTEST_CELLS][BENCH_CELL]);
        void (*median_cells)(const struct contest *contest, const struct entry *entry,
                             char cells[CONTEST_CELLS][BENCH_CELL]);
};

/* What all subjects but `processes` say alike. */
#define CONTEST_SUBJECT_USUAL                                                                                          \
        .doing = ASKING, .medians = "Medians", .list_key = "contests", .times_key = "times_per_round",                 \
        .beside_key = "shares", .goal_key = "goal"

struct contests {
        const struct contest_subject *subject;
        const struct bench_options *options;
        struct contest *const *all; /* up to NULL */
        void *ground;               /* what the ways work on, where the subject has such */
        bool stopped;
};

/* Whether the options that no subject takes are left out: DONE or USAGE, having said what is wrong. */
int contests_check(const struct options *options, const char *subject);

/* And those that processes alone take. */
int contests_check_plain(const struct options *options, const char *subject);

/* Measure while signals that would end us are blocked: they take their course when what there was is shown. The exit code. */
int contests_shielded(int (*measure)(const struct bench_options *options), const struct bench_options *options);

/* Did one of them come? */
bool contests_to_stop(void);

/* Run all. Returns 0 or what a hook returned. */
int contests_run(const struct contests *contests);

/* Show what there is, or say what went wrong: r is of contests_run(). Frees what was measured. Returns the exit code. */
int contests_end(struct contests *contests, int r);

int contest_run_rounds(const struct contests *contests, struct contest *contest);

/*
 * For a subject's `prepare`: from so many times on, eight times as many until it takes a part of a round. The values of `turn` are ns of each, or
 * how many a second where the contest has rates.
 */
int contest_find_times(const struct contests *contests, const struct contest *contest, struct entry *entry,
                       int64_t first, int64_t most);

/* As often as goes into a round if one takes so long; at least once. */
void contest_set_times(const struct contests *contests, struct entry *entry, double ns, int64_t most);

size_t contest_count_ways(const struct contest *contest);

/* The n-th comparison of a contest, all 0 where a way is not measured; false past the last. */
bool contest_compare(const struct contest *contest, size_t n, struct contest_ratio *ret_ratio);

/* What is aimed at and whether it is met, after `way`, as "at most "; nothing where nothing is. */
void contest_goal_text(const struct contest_ratio *ratio, const char *way, char text[BENCH_CELL]);

/* For a subject's `ratio_cells`: which is better, more or less; and the goal. */
void contest_better_cells(const struct contest_ratio *ratio, char cells[CONTEST_CELLS][BENCH_CELL]);

/* What people see, and the file. Return DONE or the exit code, having said what is wrong. (bench_contest_show.c) */
int contests_print(const struct contests *contests);
int contests_write_json(const struct contests *contests, const char *path);

#endif
