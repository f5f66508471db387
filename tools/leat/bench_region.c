/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_region.h"

#include "tools/leat/bench.h"
#include "tools/leat/bench_contest.h"
#include "tools/leat/bench_region_ground.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

#define TIMES_MOST (INT64_C(1) << 30)

/* Measured once. */
static struct contest all_contests[] = {
        { .name = "mutex",
          .what = "lock and unlock, nobody else wants it",
          .entries = { { .way = &way_mutex.way }, { .way = &way_plain_mutex.way }, { .way = &way_robust_mutex.way } },
          .goals = { { 0, 1, 1.5 }, { 0, 2, 1 } } },
        { .name = "contended",
          .what = "lock, count, unlock by two processes on two CPUs, as often as they can",
          .rates = true,
          .entries = { { .way = &way_contended.way }, { .way = &way_robust_contended.way } },
          .goals = { { 0, 1, 1 } },
          .share = 0.3 },
        { .name = "read",
          .what = "lock for reading and unlock",
          .entries = { { .way = &way_read.way }, { .way = &way_bare_read.way } },
          .goals = { { 0, 1, 0 } } },
        { .name = "snapshot",
          .what = "64 bytes as they were at one moment",
          .entries = { { .way = &way_snapshot.way }, { .way = &way_copy.way } },
          .goals = { { 0, 1, 2 } } },
        { .name = "commit",
          .what = "4 words change together",
          .entries = { { .way = &way_commit.way },
                       { .way = &way_commit_in_place.way },
                       { .way = &way_robust_write.way } },
          .goals = { { 0, 2, 4 }, { 1, 2, 0 } } },
        { .name = "semaphore",
          .what = "take one and give it back",
          .entries = { { .way = &way_semaphore.way },
                       { .way = &way_undo.way },
                       { .way = &way_bare_semaphore.way },
                       { .way = &way_semop.way } },
          .goals = { { 0, 2, 0 }, { 1, 3, 0 } } },
        { .name = "buffer",
          .what = "64 bytes into a bounded buffer and out again",
          .entries = { { .way = &way_buffer.way }, { .way = &way_ring.way } },
          .goals = { { 0, 1, 0 } } },
        { .name = "flow",
          .what = "64 bytes at a time through a bounded buffer, from one process to another on another CPU",
          .entries = { { .way = &way_flow.way }, { .way = &way_ring_flow.way } },
          .goals = { { 0, 1, 0 } } },
        { .name = "cell",
          .what = "read the latest value of 64 bytes",
          .entries = { { .way = &way_cell.way }, { .way = &way_mutex_copy.way } },
          .goals = { { 0, 1, 0 } } },
        { .name = "counter",
          .what = "add to a counter",
          .entries = { { .way = &way_add.way }, { .way = &way_atomic_add.way } },
          .goals = { { 0, 1, 0 } } },
        { .name = "attach",
          .what = "64k of memory by its name, and away",
          .entries = { { .way = &way_attach.way }, { .way = &way_bare_attach.way } },
          .goals = { { 0, 1, 0 } } },
};

#define CONTESTS (sizeof(all_contests) / sizeof(all_contests[0]))

bool is_region(const char *operand) {
        return strcmp(operand, "region") == 0;
}

/* ---- a round ---- */

static const struct region_way *way_of(const struct entry *entry) {
        return (const struct region_way *)entry->way; /* its first member */
}

/* It is of two processes. */
static bool is_of_two(const struct region_way *way) {
        return way->contend || way->partner;
}

/* As long as a round takes: passes of both a second, and the share of who has fewer. */
static int run_contended(const struct bench_options *options, struct ground *ground, const struct region_way *way,
                         double *ret_rate, double *ret_share) {
        int64_t theirs = 0, begun = leat_now(), ours = way->contend(ground, begun + options->round_ns);
        double took = (double)(leat_now() - begun);
        int r = partner_end(ground, &theirs);
        if (r < 0 || ours < 0 || theirs < 0)
                return r < 0 ? r : ours < 0 ? (int)ours : (int)theirs;
        double all = (double)(ours + theirs);
        *ret_rate = all * 1e9 / took;
        *ret_share = (double)(ours < theirs ? ours : theirs) / all;
        return 0;
}

/* Until the partner has done its part, too. */
static int run_times(struct ground *ground, const struct region_way *way, int64_t times, double *ret_ns) {
        int64_t begun = leat_now(), theirs;
        int r = way->run(ground, times);
        if (way->partner && r == 0)
                r = partner_end(ground, &theirs);
        *ret_ns = (double)(leat_now() - begun) / (double)times;
        return r;
}

static int run_once(const struct contests *contests, const struct contest *contest, const struct entry *entry,
                    double *ret_value, double *ret_share) {
        const struct region_way *way = way_of(entry);
        struct ground *ground = contests->ground;
        bool two = is_of_two(way);
        (void)contest;
        if (contests_to_stop())
                return -ECANCELED;
        int r = !two ? 0 : ground->partner ? partner_begin(ground, way, entry->times) : -ECHILD;
        if (r == 0)
                r = way->contend ? run_contended(contests->options, ground, way, ret_value, ret_share)
                                 : run_times(ground, way, entry->times, ret_value);
        if (r < 0 && two)
                partner_kill(ground);
        return r;
}

/* Two that contend are given a time, not how often. */
static int find_times(const struct contests *contests, const struct contest *contest, struct entry *entry) {
        double rate = 0, share;
        if (!way_of(entry)->contend)
                return contest_find_times(contests, contest, entry, 1, TIMES_MOST);
        entry->times = 1;
        int r = run_once(contests, contest, entry, &rate, &share);
        contest_set_times(contests, entry, rate, TIMES_MOST);
        return r;
}

static const char *explain(int error) {
        return error == -ECHILD ? "the second process is gone" : leat_strerror(error);
}

static int run_contest(const struct contests *contests, struct contest *contest) {
        const struct ground *ground = contests->ground;
        if (is_of_two(way_of(&contest->entries[0])) && ground->cpus[1] < 0) {
                contest->why_not = "there is one CPU here for us";
                return 0;
        }
        return contest_run_rounds(contests, contest);
}

/* ---- what is shown ---- */

static void median_cells(const struct contest *contest, const struct entry *entry,
                         char cells[CONTEST_CELLS][BENCH_CELL]) {
        (void)entry;
        (void)snprintf(cells[0], BENCH_CELL, "%s", contest->rates ? "a second" : "each");
}

static const struct contest_subject subject = { .name = "region",
                                                CONTEST_SUBJECT_USUAL,
                                                .least_round = "",
                                                .ratios = "Ratios of time, or of how many a second",
                                                .median_column = ">MEDIAN",
                                                .ratio_columns = { "BETTER", "GOAL" },
                                                .median_columns = { "OF" },
                                                .run = run_contest,
                                                .prepare = find_times,
                                                .turn = run_once,
                                                .explain = explain,
                                                .ratio_cells = contest_better_cells,
                                                .median_cells = median_cells };

/* ---- the command ---- */

int check_region(const struct options *options) {
        return contests_check_plain(options, "region");
}

static int measure(const struct bench_options *options) {
        struct contest *all[CONTESTS + 1] = { NULL };
        struct ground ground;
        struct contests contests = { .subject = &subject, .options = options, .all = all, .ground = &ground };
        int cpus[2];
        bench_find_cpus(cpus);
        for (size_t i = 0; i < CONTESTS; i++)
                all[i] = &all_contests[i];
        int r = ground_make(&ground, cpus);
        if (r == 0)
                r = contests_run(&contests);
        ground_clear(&ground);
        return contests_end(&contests, r);
}

int bench_region(const struct options *options) {
        return contests_shielded(measure, &options->bench);
}
