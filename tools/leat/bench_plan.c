/* SPDX-License-Identifier: MIT */

/* What is measured, and who takes part. */

#include "tools/leat/bench.h"

#include "tools/leat/bench_bare.h"

#include "tools/leat/progress.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_subjects[SUBJECTS] = { "pipe",    "fifo", "unix-stream", "unix", "inbox", "unix-dgram",
                                               "sysv-mq", "mq",   "log",         "tcp",  "udp",   "shm" };

static bool is_memory(const char *scheme) {
        return strcmp(scheme, "shm") == 0;
}

static void enter(struct cell *cell, const struct contender *contender, const char *name, enum work work, bool spin,
                  const char *wait) {
        if (contender && cell->entrants_count < ENTRANTS_MAX)
                cell->entrants[cell->entrants_count++] = (struct entrant){ .contender = contender,
                                                                           .name = name,
                                                                           .work = work,
                                                                           .spin = spin,
                                                                           .wait = wait,
                                                                           .pair = PAIR_NONE };
}

static void enter_peers(const struct bench *bench, struct cell *cell, enum work work) {
        const struct contender *peers[ENTRANTS_MAX];
        size_t count = bench->options->peers ? peers_list(cell->scheme, peers) : 0;
        for (size_t i = 0; i < count; i++)
                enter(cell, peers[i], is_memory(cell->scheme) && peers[i]->spins ? peers[i]->spins : peers[i]->name,
                      work, is_memory(cell->scheme) && peers[i]->spins, NULL);
}

/* In memory there is a way to wait without any call of the system, and on one core a third way to sleep. */
static void enter_trips_of_memory(const struct bench *bench, struct cell *cell) {
        if (!bench->options->wait)
                enter(cell, &contender_leat, "leat, spinning", WORK_PING, false, "spin");
        enter(cell, &bare_memory_futex, "bare, futex", WORK_PING, false, NULL);
}

static void enter_all(const struct bench *bench, struct cell *cell) {
        const struct bench_options *options = bench->options;
        const struct contender *bare = bare_find(cell->scheme);
        bool trips = cell->measure == MEASURE_ROUND_TRIP, small = cell->size <= BATCH_MOST;
        enum work work = trips ? WORK_PING : WORK_FLOW;
        if (cell->measure == MEASURE_OPENING) {
                enter(cell, &contender_leat, "leat", WORK_OPEN, false, options->wait);
                enter(cell, bare_find_opening(cell->scheme), "bare", WORK_OPEN, false, NULL);
                return;
        }
        enter(cell, &contender_leat, "leat", work, false, options->wait);
        enter(cell, bare, "bare", work, false, NULL);
        if (trips) {
                enter(cell, bare, "bare, spinning", work, true, NULL);
                if (!options->wait)
                        enter(cell, &contender_leat, "leat, sleeping", work, false, "sleep");
                if (is_memory(cell->scheme))
                        enter_trips_of_memory(bench, cell);
        } else if (small && options->batch > 1) {
                enter(cell, &contender_leat, "leat, many", WORK_BATCH, false, options->wait);
        }
        if (small)
                enter_peers(bench, cell, work);
}

/* The size, or the largest that it carries; 0, and why not. */
static size_t fit_size(struct bench *bench, struct cell *cell) {
        int error;
        const struct setting setting = { .scheme = cell->scheme,
                                         .folder = bench->folder,
                                         .number = bench->numbers++,
                                         .largest = cell->size,
                                         .ask = true,
                                         .wait = bench->options->wait };
        size_t largest = leat_largest(&setting, cell->why, &error);
        if (largest == 0 && !cell->why[0])
                (void)snprintf(cell->why, sizeof(cell->why), "%s", leat_strerror(error));
        return largest < cell->size ? largest : cell->size;
}

static bool measured_already(const struct bench *bench, const struct cell *cell) {
        for (size_t i = 0; i < bench->cells_count; i++) {
                const struct cell *other = bench->cells[i];
                if (strcmp(other->scheme, cell->scheme) == 0 && other->measure == cell->measure &&
                    other->placement == cell->placement && other->size == cell->size)
                        return true;
        }
        return false;
}

/* Two texts in turn: the line is read by a handler at any time. */
static void tell_progress(const struct bench *bench, const struct cell *cell) {
        static const char *const names[MEASURES] = { "round trips", "messages", "openings" };
        static char texts[2][120];
        static int turn;
        turn = !turn;
        (void)snprintf(texts[turn], sizeof(texts[turn]), "measuring %s, %s, %zu bytes, %s (%zu of at most %zu)",
                       cell->scheme, names[cell->measure], cell->size, cell->placement->name, bench->cells_count + 1,
                       bench->cells_planned);
        progress_begin(texts[turn]);
}

static int run_cell(struct bench *bench, const char *scheme, const struct placement *placement, enum measure measure,
                    size_t size) {
        struct cell *cell = calloc(1, sizeof(*cell));
        if (!cell)
                return -ENOMEM;
        *cell = (struct cell){ .scheme = scheme, .measure = measure, .size = size, .placement = placement };
        cell->size = fit_size(bench, cell);
        if (measured_already(bench, cell)) {
                cell_free(cell);
                bench->cells_planned--;
                return 0;
        }
        tell_progress(bench, cell);
        if (cell->size)
                enter_all(bench, cell);
        else
                cell->size = size;
        int r = cell->entrants_count ? cell_run(bench, cell) : 0;
        bench->cells[bench->cells_count++] = cell;
        return r;
}

static bool takes_part(const struct options *options, const char *scheme) {
        for (size_t i = 0; i < options->operands_count; i++)
                if (strcmp(options->operands[i], scheme) == 0)
                        return true;
        return options->operands_count == 0;
}

static int run_sizes(struct bench *bench, const char *scheme, const struct placement *placement) {
        static const size_t usual[] = { 64, 65536, 1048576 }, of_memory[] = { 48, 64, 1024, 65536, 1048576 };
        const struct bench_options *options = bench->options;
        bool memory = is_memory(scheme);
        const size_t *sizes = options->sizes_count ? options->sizes : memory ? of_memory : usual;
        size_t count = options->sizes_count ? options->sizes_count : memory ? 5 : 3;
        int r = 0;
        for (size_t i = 0; i < count && r == 0; i++) {
                r = run_cell(bench, scheme, placement, MEASURE_FLOW, sizes[i]);
                if (r == 0 && sizes[i] <= ROUND_TRIP_MOST)
                        r = run_cell(bench, scheme, placement, MEASURE_ROUND_TRIP, sizes[i]);
        }
        if (r == 0 && memory && !options->sizes_count)
                r = run_cell(bench, scheme, placement, MEASURE_OPENING, 1);
        return r;
}

int bench_run(struct bench *bench, const struct options *options) {
        size_t most = SUBJECTS * bench->placements_count * (2 * BENCH_SIZES + 1);
        bench->cells = calloc(most, sizeof(struct cell *));
        int r = bench->cells ? 0 : -ENOMEM;
        size_t said = 2 * bench->options->sizes_count;
        for (size_t i = 0; i < SUBJECTS; i++)
                if (takes_part(options, bench_subjects[i]))
                        bench->cells_planned += bench->placements_count * (said                           ? said
                                                                           : is_memory(bench_subjects[i]) ? 9
                                                                                                          : 4);
        for (size_t p = 0; p < bench->placements_count && r == 0; p++)
                for (size_t i = 0; i < SUBJECTS && r == 0; i++)
                        if (takes_part(options, bench_subjects[i]))
                                r = run_sizes(bench, bench_subjects[i], &bench->placements[p]);
        return r;
}
