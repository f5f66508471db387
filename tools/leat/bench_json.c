/* SPDX-License-Identifier: MIT */

/* All that was measured, round by round. */

#include "tools/leat/bench_json.h"

#include "tools/leat/bench.h"

#include "tools/leat/output.h"
#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

json_t *bench_numbers_json(const double *values, size_t count) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_real(values[i]));
        return list;
}

static json_t *entrant_json(const struct cell *cell, const struct entrant *entrant) {
        struct spread spread = spread_of(entrant->values, cell->rounds);
        bool trips = cell->measure != MEASURE_FLOW;
        size_t rounds = entrant->out ? 0 : cell->rounds;
        json_t *object =
                json_pack("{s:s, s:s, s:s, s:b, s:I, s:f, s:f, s:f, s:o, s:o, s:o}", "name", entrant->name, "what",
                          entrant->work == WORK_BATCH ? "leat_send_many and leat_receive_many"
                                                      : entrant->contender->what,
                          "unit", trips ? "ns" : "messages/s", "measured", rounds > 0, "messages_per_round",
                          (json_int_t)entrant->count, "median", spread.median, "quartile_low", spread.low,
                          "quartile_high", spread.high, "rounds", bench_numbers_json(entrant->values, rounds), "cpu_ns",
                          bench_numbers_json(entrant->cpu, rounds), "sleeps",
                          bench_numbers_json(entrant->sleeps, rounds));
        if (object && trips) {
                json_object_set_new(object, "p50_ns", json_real(histogram_part(entrant->all_ns, 0.5)));
                json_object_set_new(object, "p99_ns", json_real(histogram_part(entrant->all_ns, 0.99)));
                json_object_set_new(object, "p999_ns", json_real(histogram_part(entrant->all_ns, 0.999)));
        } else if (object) {
                json_object_set_new(object, "bytes_per_second", json_real(spread.median * (double)cell->size));
        }
        if (object && entrant->out)
                json_object_set_new(object, "why_not", json_string(entrant->why));
        return object;
}

static json_t *comparison_json(const struct cell *cell, const struct comparison *comparison) {
        return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:s}", "of", comparison->of->name, "to", comparison->to->name,
                         "ratio", comparison->ratio.median, "quartile_low", comparison->ratio.low, "quartile_high",
                         comparison->ratio.high, "cpu_ratio", comparison->cpu_ratio.median, "better",
                         cell_less_is_better(cell) ? "less" : "more");
}

static json_t *cell_json(const struct cell *cell) {
        static const char *const measures[MEASURES] = { "round-trip", "messages", "opening" };
        json_t *entrants = json_array(), *comparisons = json_array();
        struct comparison comparison;
        for (size_t i = 0; i < cell->entrants_count; i++)
                json_array_append_new(entrants, entrant_json(cell, &cell->entrants[i]));
        for (size_t n = 0; cell_compare(cell, n, &comparison); n++)
                json_array_append_new(comparisons, comparison_json(cell, &comparison));
        return json_pack("{s:s, s:s, s:I, s:s, s:[i, i], s:I, s:s?, s:o, s:o}", "transport", cell->scheme, "measure",
                         measures[cell->measure], "size", (json_int_t)cell->size, "placement", cell->placement->name,
                         "cpus", cell->placement->cpus[0], cell->placement->cpus[1], "rounds", (json_int_t)cell->rounds,
                         "why_not", cell->why[0] ? cell->why : NULL, "entrants", entrants, "comparisons", comparisons);
}

static json_t *claims_json(const struct bench *bench) {
        json_t *list = json_array();
        for (size_t p = 0; p < bench->placements_count; p++)
                for (int measure = MEASURE_ROUND_TRIP; measure <= MEASURE_FLOW; measure++) {
                        char text[300];
                        enum truth truth =
                                claim_of(bench, &bench->placements[p], (enum measure)measure, text, sizeof(text));
                        json_t *holds = truth == CLAIM_UNDECIDED ? json_null() : json_boolean(truth == CLAIM_TRUE);
                        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:s}", "claim", CLAIM_TEXT,
                                                              "placement", bench->placements[p].name, "measure",
                                                              measure == MEASURE_FLOW ? "messages" : "round-trip",
                                                              "holds", holds, "measured", text));
                }
        return list;
}

static void absent_json(void *list, const char *name, const char *text) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "why_not", text));
}

static void read_processor(char *name, size_t size) {
        char line[256];
        FILE *file = fopen("/proc/cpuinfo", "re");
        (void)snprintf(name, size, "unknown");
        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
                        (void)snprintf(name, size, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"),
                                       strchr(line, ':') + 2);
                        break;
                }
        if (file)
                fclose(file);
}

json_t *bench_begin_json(const struct bench_options *options, bool stopped) {
        struct utsname system = { 0 };
        char processor[128];
        (void)uname(&system);
        read_processor(processor, sizeof(processor));
        return json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:b}", "leat", LEAT_VERSION, "kernel", system.release,
                         "machine", system.machine, "processor", processor, "rounds", (json_int_t)options->rounds,
                         "round_ms", (double)options->round_ns / 1e6, "stopped", (int)stopped);
}

static json_t *bench_json(const struct bench *bench) {
        json_t *value = bench_begin_json(bench->options, bench->stopped), *cells = json_array(), *absent = json_array();
        for (size_t i = 0; i < bench->cells_count; i++)
                json_array_append_new(cells, cell_json(bench->cells[i]));
        if (bench->options->peers)
                peers_absent(absent_json, absent);
        json_object_set_new(value, "batch", json_integer((json_int_t)bench->options->batch));
        json_object_set_new(value, "cells", cells);
        json_object_set_new(value, "claims", claims_json(bench));
        json_object_set_new(value, "absent", absent);
        return value;
}

int bench_write_value(json_t *value, const char *path) {
        if (!value)
                return report(path, -ENOMEM, WRITING_OUTPUT, NULL);
        FILE *file = fopen(path, "we");
        int r = !file || json_dumpf(value, file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) < 0 || fputc('\n', file) < 0
                        ? -errno
                        : 0;
        if (file && fclose(file) < 0)
                r = r < 0 ? r : -errno;
        json_decref(value);
        return r < 0 ? report(path, r, WRITING_OUTPUT, NULL) : DONE;
}

int bench_write_json(const struct bench *bench, const char *path) {
        return bench_write_value(bench_json(bench), path);
}
