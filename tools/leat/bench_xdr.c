/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_xdr.h"

#include "tools/leat/bench.h"
#include "tools/leat/bench_contest.h"
#include "tools/leat/bench_made.h"
#include "tools/leat/bench_xdr_ways.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

#define TIMES_MOST (INT64_C(1) << 20)

/* Measured once. Of each way: bytes of the message a second. */
static struct contest all_contests[] = {
        { .name = "encode",
          .what = "10,000 structures {int; hyper; string<32>; double; opaque[16]} into a buffer",
          .rates = true,
          .entries = { { .way = &way_encode.way },
                       { .way = &way_hand_encode.way },
                       { .way = &way_rpcgen_encode.way },
                       { .way = &way_small_encode.way } },
          .goals = { { 0, 2, 4 }, { 0, 1, 0.85 }, { 3, 2, 2 } } },
        { .name = "decode",
          .what = "the same from a message, strings copied",
          .rates = true,
          .entries = { { .way = &way_decode.way },
                       { .way = &way_hand_decode.way },
                       { .way = &way_rpcgen_decode.way },
                       { .way = &way_small_decode.way } },
          .goals = { { 0, 2, 5 }, { 0, 1, 0.85 }, { 3, 2, 2 } } },
        { .name = "borrow",
          .what = "the same, strings left in the message; rpcgen's code copies them",
          .rates = true,
          .entries = { { .way = &way_borrow.way }, { .way = &way_hand_borrow.way }, { .way = &way_rpcgen_decode.way } },
          .goals = { { 0, 2, 10 }, { 0, 1, 0.85 } } },
};

#define CONTESTS (sizeof(all_contests) / sizeof(all_contests[0]))

bool is_xdr(const char *operand) {
        return strcmp(operand, "xdr") == 0;
}

/* ---- a round ---- */

static const struct xdr_way *way_of(const struct entry *entry) {
        return (const struct xdr_way *)entry->way; /* its first member */
}

static int run_once(const struct contests *contests, const struct contest *contest, const struct entry *entry,
                    double *ret_rate, double *ret_beside) {
        struct xdr_ground *ground = contests->ground;
        (void)contest;
        (void)ret_beside;
        if (contests_to_stop())
                return -ECANCELED;
        int64_t begun = leat_now();
        int r = way_of(entry)->run(ground, entry->times);
        double took = (double)(leat_now() - begun);
        *ret_rate = (double)ground->size_bytes * (double)entry->times * 1e9 / (took > 0 ? took : 1);
        return r;
}

/* Once to warm it up, once to see how often it goes into a round. */
static int prepare(const struct contests *contests, const struct contest *contest, struct entry *entry) {
        struct xdr_ground *ground = contests->ground;
        double rate = 0, beside;
        int r = way_of(entry)->prepare(ground);
        entry->times = 1;
        for (int i = 0; i < 2 && r == 0; i++)
                r = run_once(contests, contest, entry, &rate, &beside);
        contest_set_times(contests, entry, rate > 0 ? (double)ground->size_bytes * 1e9 / rate : 0, TIMES_MOST);
        return r;
}

static const char *explain(int error) {
        if (error == -ENOPKG)
                return MADE_MISSING;
        return error == -EPROTO ? "it does not encode or decode the same" : leat_strerror(error);
}

/* ---- what is shown ---- */

static void ratio_cells(const struct contest_ratio *ratio, char cells[CONTEST_CELLS][BENCH_CELL]) {
        contest_goal_text(ratio, "at least ", cells[0]);
}

static void median_cells(const struct contest *contest, const struct entry *entry,
                         char cells[CONTEST_CELLS][BENCH_CELL]) {
        (void)contest;
        (void)entry;
        (void)cells;
}

static const struct contest_subject subject = { .name = "xdr",
                                                CONTEST_SUBJECT_USUAL,
                                                .least_round = " or one value",
                                                .ratios = "Ratios of bytes a second (more is better)",
                                                .median_column = ">BYTES/S",
                                                .ratio_columns = { "GOAL" },
                                                .run = contest_run_rounds,
                                                .prepare = prepare,
                                                .turn = run_once,
                                                .explain = explain,
                                                .ratio_cells = ratio_cells,
                                                .median_cells = median_cells };

/* ---- the command ---- */

int check_xdr(const struct options *options) {
        return contests_check_plain(options, "xdr");
}

static void end_ways(void) {
        for (size_t i = 0; i < CONTESTS; i++)
                for (size_t k = 0; k < contest_count_ways(&all_contests[i]); k++)
                        if (way_of(&all_contests[i].entries[k])->end)
                                way_of(&all_contests[i].entries[k])->end();
}

static int measure(const struct bench_options *options) {
        struct contest *all[CONTESTS + 1] = { NULL };
        struct xdr_ground ground;
        struct contests contests = { .subject = &subject, .options = options, .all = all, .ground = &ground };
        for (size_t i = 0; i < CONTESTS; i++)
                all[i] = &all_contests[i];
        int r = xdr_ground_make(&ground);
        if (r == 0)
                r = contests_run(&contests);
        end_ways();
        xdr_ground_clear(&ground);
        return contests_end(&contests, r);
}

int bench_xdr(const struct options *options) {
        return contests_shielded(measure, &options->bench);
}
