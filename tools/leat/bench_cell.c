/* SPDX-License-Identifier: MIT */

/* One cell: its entrants take turns. */

#include "tools/leat/bench.h"

#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <leat.h>
#include <stdio.h>
#include <string.h>

#define COUNT_MOST (UINT64_C(1) << 24)
#define LOG_MOST (UINT64_C(16) << 20) /* bytes of a round: a log keeps them */
#define CALIBRATIONS 12

static int leave(struct bench *bench, struct cell *cell, struct entrant *entrant, int error) {
        const char *text = pair_text(&entrant->pair);
        if (error == -ECANCELED)
                return error;
        (void)snprintf(entrant->why, sizeof(entrant->why), "%s", *text ? text : leat_strerror(error));
        entrant->out = true;
        bench->failed = true;
        pair_stop(&entrant->pair);
        char about[96];
        (void)snprintf(about, sizeof(about), "%s, %s", cell->scheme, entrant->name);
        complain(about, "%s", entrant->why);
        return 0;
}

static uint32_t chunk_of(const struct cell *cell) {
        if (strcmp(cell->scheme, "udp") != 0)
                return 0;
        return cell->size <= 256 ? 64 : (uint32_t)(65536 / (2 * cell->size + 1024)) + 1;
}

static struct job job_of(const struct bench *bench, const struct cell *cell, const struct entrant *entrant) {
        uint32_t chunk = chunk_of(cell), batch = entrant->work == WORK_BATCH ? (uint32_t)bench->options->batch : 1;
        if (chunk && batch > chunk)
                batch = chunk;
        return (struct job){ .work = entrant->work,
                             .size = cell->size,
                             .count = entrant->count,
                             .batch = batch,
                             .chunk = entrant->work == WORK_PING ? 0 : chunk / batch * batch };
}

static int run_once(struct bench *bench, struct cell *cell, struct entrant *entrant, struct outcome *ret_outcome) {
        const struct job job = job_of(bench, cell, entrant);
        return pair_run(&entrant->pair, &job, bench->stop, ret_outcome);
}

static uint64_t most_of(const struct cell *cell) {
        uint64_t most = strcmp(cell->scheme, "log") == 0 ? LOG_MOST / (cell->size + 64) : COUNT_MOST;
        return most ? most : 1;
}

/* Find how many messages take the time of a round; that warms it up too. */
static int calibrate(struct bench *bench, struct cell *cell, struct entrant *entrant) {
        const double wanted = (double)bench->options->round_ns;
        struct outcome outcome = { 0 };
        entrant->count = 1;
        for (int i = 0; i < CALIBRATIONS && (double)outcome.ns < wanted * 0.8; i++) {
                double factor = i == 0 ? 1 : wanted / (double)(outcome.ns > 0 ? outcome.ns : 1);
                double count = (double)entrant->count * (factor > 16 ? 16 : factor < 1.1 ? 1.1 : factor) + 0.5;
                entrant->count = count < (double)most_of(cell) ? (uint64_t)count : most_of(cell);
                int r = run_once(bench, cell, entrant, &outcome);
                if (r < 0)
                        return r;
                if (entrant->count == most_of(cell))
                        break;
        }
        return 0;
}

static int start(struct bench *bench, struct cell *cell, struct entrant *entrant) {
        bool back = cell->measure == MEASURE_ROUND_TRIP || chunk_of(cell) != 0;
        size_t rounds = (size_t)bench->options->rounds;
        entrant->values = calloc(rounds, sizeof(double));
        entrant->cpu = calloc(rounds, sizeof(double));
        entrant->sleeps = calloc(rounds, sizeof(double));
        entrant->all_ns = calloc(1, sizeof(*entrant->all_ns));
        if (!entrant->values || !entrant->cpu || !entrant->sleeps || !entrant->all_ns)
                return -ENOMEM;
        entrant->pair = (struct pair)PAIR_NONE;
        entrant->pair.contender = entrant->contender;
        entrant->pair.setting = (struct setting){ .scheme = cell->scheme,
                                                  .folder = bench->folder,
                                                  .number = bench->numbers++,
                                                  .largest = cell->size,
                                                  .two_way = back,
                                                  .apart = cell->placement->cpus[0] < 0 ||
                                                           cell->placement->cpus[0] != cell->placement->cpus[1],
                                                  .opens = cell->measure == MEASURE_OPENING,
                                                  .spin = entrant->spin,
                                                  .wait = entrant->wait };
        int r = pair_start(&entrant->pair, cell->placement, bench->stop);
        if (r == 0)
                r = calibrate(bench, cell, entrant);
        return r < 0 ? leave(bench, cell, entrant, r) : 0;
}

static void record(struct cell *cell, struct entrant *entrant, const struct outcome *outcome) {
        double count = (double)entrant->count, ns = (double)(outcome->ns > 0 ? outcome->ns : 1);
        const struct histogram *histogram = &entrant->pair.shared->histogram;
        bool trips = cell->measure != MEASURE_FLOW;
        entrant->values[cell->rounds] = trips ? histogram_part(histogram, 0.5) : count * 1e9 / ns;
        entrant->cpu[cell->rounds] = (double)outcome->cpu_ns / count;
        entrant->sleeps[cell->rounds] = (double)outcome->sleeps / count;
        if (trips)
                histogram_merge(entrant->all_ns, histogram);
}

/* Each in turn. The round counts when the last one has had it. */
static int run_round(struct bench *bench, struct cell *cell) {
        for (size_t i = 0; i < cell->entrants_count; i++) {
                struct entrant *entrant = &cell->entrants[i];
                struct outcome outcome;
                if (entrant->out)
                        continue;
                int r = run_once(bench, cell, entrant, &outcome);
                if (r == 0)
                        record(cell, entrant, &outcome);
                else if ((r = leave(bench, cell, entrant, r)) < 0)
                        return r;
        }
        cell->rounds++;
        return 0;
}

int cell_run(struct bench *bench, struct cell *cell) {
        int r = 0;
        for (size_t i = 0; i < cell->entrants_count && r == 0; i++)
                r = start(bench, cell, &cell->entrants[i]);
        for (int64_t i = 0; i < bench->options->rounds && r == 0 && !cell->entrants[0].out; i++)
                r = run_round(bench, cell);
        for (size_t i = 0; i < cell->entrants_count; i++)
                pair_stop(&cell->entrants[i].pair);
        return r;
}

void cell_free(struct cell *cell) {
        for (size_t i = 0; cell && i < cell->entrants_count; i++) {
                free(cell->entrants[i].values);
                free(cell->entrants[i].cpu);
                free(cell->entrants[i].sleeps);
                free(cell->entrants[i].all_ns);
        }
        free(cell);
}

/* Who is compared: whatever is the library's with whatever is not. A spinning loop is only beside what is not told to sleep,
 * what sleeps only beside the bare mechanism that does, and what is told to spin only beside what does. */
static bool compared(const struct entrant *of, const struct entrant *to) {
        bool ours = of->contender == &contender_leat, theirs = to->contender != &contender_leat;
        bool sleeps = of->wait && strcmp(of->wait, "sleep") == 0;
        bool spins = of->wait && strcmp(of->wait, "spin") == 0;
        bool is_bare = strcmp(to->contender->name, "bare") == 0;
        if (!ours || !theirs || of->out || to->out || (spins && !to->spin))
                return false;
        return is_bare ? !(sleeps && to->spin) : !sleeps;
}

bool cell_compare(const struct cell *cell, size_t n, struct comparison *ret_comparison) {
        for (size_t i = 0; i < cell->entrants_count && cell->rounds; i++)
                for (size_t k = 0; k < cell->entrants_count; k++) {
                        const struct entrant *of = &cell->entrants[i], *to = &cell->entrants[k];
                        if (!compared(of, to) || n-- > 0)
                                continue;
                        *ret_comparison =
                                (struct comparison){ .of = of,
                                                     .to = to,
                                                     .ratio = spread_of_ratios(of->values, to->values, cell->rounds),
                                                     .cpu_ratio = spread_of_ratios(of->cpu, to->cpu, cell->rounds) };
                        return true;
                }
        return false;
}
