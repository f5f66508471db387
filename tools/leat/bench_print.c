/* SPDX-License-Identifier: MIT */

/* What people see: ratios first, then what they are ratios of. */

#include "tools/leat/bench.h"

#include "tools/leat/bench_text.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/table.h"

#include <stdio.h>
#include <string.h>

static void ratio_row(struct libscols_table *table, const struct cell *cell, const struct comparison *comparison) {
        char size[BENCH_CELL], ratio[BENCH_CELL], spread[BENCH_CELL], cpu[BENCH_CELL], pair[2 * BENCH_CELL];
        (void)snprintf(size, sizeof(size), "%zu", cell->size);
        (void)snprintf(pair, sizeof(pair), "%s / %s", comparison->of->name, comparison->to->name);
        spread_text(comparison->ratio.low, comparison->ratio.high, spread);
        const char *cells[] = { cell->scheme, size,
                                pair,         ratio_text(comparison->ratio.median, ratio),
                                spread,       ratio_text(comparison->cpu_ratio.median, cpu) };
        table_add(table, cells, 6);
}

static bool belongs(const struct cell *cell, const struct placement *placement, enum measure measure) {
        return cell->placement == placement && cell->measure == measure && cell->rounds > 0;
}

static int print_ratios(const struct bench *bench, const struct placement *placement, enum measure measure) {
        static const char *const names[] = { "TRANSPORT", ">SIZE", "OF", ">RATIO", ">QUARTILES", ">CPU RATIO" };
        struct libscols_table *table = NULL;
        struct comparison comparison;
        for (size_t i = 0; i < bench->cells_count; i++)
                for (size_t n = 0;
                     belongs(bench->cells[i], placement, measure) && cell_compare(bench->cells[i], n, &comparison);
                     n++) {
                        table = table ? table : table_new(names, 6, 1);
                        ratio_row(table, bench->cells[i], &comparison);
                }
        static const char *const heads[MEASURES] = { "Time of a round trip (less is better)",
                                                     "Messages a second (more is better)",
                                                     "From before the open to the first message (less is better)" };
        if (table)
                printf("\n%s, %s\n", heads[measure], placement->name);
        return table ? table_print(table) : DONE;
}

static void trip_row(struct libscols_table *table, const struct cell *cell, const struct entrant *entrant) {
        char size[BENCH_CELL], p50[BENCH_CELL], p99[BENCH_CELL], p999[BENCH_CELL], cpu[BENCH_CELL], sleeps[BENCH_CELL];
        double median = spread_of(entrant->values, cell->rounds).median;
        (void)snprintf(size, sizeof(size), "%zu", cell->size);
        (void)snprintf(sleeps, sizeof(sleeps), "%.2f", spread_of(entrant->sleeps, cell->rounds).median);
        const char *cells[] = { cell->scheme,
                                size,
                                entrant->name,
                                short_time(median, p50),
                                short_time(histogram_part(entrant->all_ns, 0.99), p99),
                                short_time(histogram_part(entrant->all_ns, 0.999), p999),
                                short_time(spread_of(entrant->cpu, cell->rounds).median, cpu),
                                sleeps };
        table_add(table, cells, 8);
}

static void flow_row(struct libscols_table *table, const struct cell *cell, const struct entrant *entrant) {
        char size[BENCH_CELL], messages[BENCH_CELL], bytes[BENCH_CELL], cpu[BENCH_CELL], sleeps[BENCH_CELL];
        double median = spread_of(entrant->values, cell->rounds).median;
        (void)snprintf(size, sizeof(size), "%zu", cell->size);
        (void)snprintf(sleeps, sizeof(sleeps), "%.3f", spread_of(entrant->sleeps, cell->rounds).median);
        const char *cells[] = { cell->scheme,
                                size,
                                entrant->name,
                                short_number(median, messages),
                                short_number(median * (double)cell->size, bytes),
                                short_time(spread_of(entrant->cpu, cell->rounds).median, cpu),
                                sleeps };
        table_add(table, cells, 7);
}

static int print_absolute(const struct bench *bench, const struct placement *placement, enum measure measure) {
        static const char *const trips[] = { "TRANSPORT", ">SIZE", "WHO", ">p50", ">p99", ">p99.9", ">CPU", ">SLEEPS" };
        static const char *const flows[] = {
                "TRANSPORT", ">SIZE", "WHO", ">MESSAGES/S", ">BYTES/S", ">CPU", ">SLEEPS"
        };
        static const char *const each[MEASURES] = { "round trip", "message", "opening" };
        bool flow = measure == MEASURE_FLOW;
        struct libscols_table *table = NULL;
        for (size_t i = 0; i < bench->cells_count; i++) {
                const struct cell *cell = bench->cells[i];
                for (size_t k = 0; belongs(cell, placement, measure) && k < cell->entrants_count; k++) {
                        if (cell->entrants[k].out)
                                continue;
                        table = table ? table : table_new(flow ? flows : trips, flow ? 7 : 8, 1);
                        (flow ? flow_row : trip_row)(table, cell, &cell->entrants[k]);
                }
        }
        if (table)
                printf("\nMedians, %s; CPU and SLEEPS of both processes for each %s\n", placement->name, each[measure]);
        return table ? table_print(table) : DONE;
}

static void print_claims(const struct bench *bench) {
        static const char *const truths[] = { "not decided", "TRUE", "FALSE" };
        printf("\nThe lectures' claim: \"%s\". Of the bare mechanisms here:\n", CLAIM_TEXT);
        for (size_t p = 0; p < bench->placements_count; p++)
                for (int measure = MEASURE_ROUND_TRIP; measure <= MEASURE_FLOW; measure++) {
                        char text[300];
                        enum truth truth =
                                claim_of(bench, &bench->placements[p], (enum measure)measure, text, sizeof(text));
                        printf("  %s, %s: %s: %s\n", bench->placements[p].name,
                               measure == MEASURE_FLOW ? "messages/s" : "round trips/s", truths[truth], text);
                }
}

static void print_absent(void *to, const char *name, const char *text) {
        (void)to;
        printf("%s: %s\n", name, text);
}

static void print_left_out(const struct bench *bench) {
        for (size_t i = 0; i < bench->cells_count; i++) {
                const struct cell *cell = bench->cells[i];
                if (cell->why[0])
                        printf("%s, %zu bytes: not measured: %s\n", cell->scheme, cell->size, cell->why);
                for (size_t k = 0; k < cell->entrants_count; k++)
                        if (cell->entrants[k].out)
                                printf("%s, %s: not measured: %s\n", cell->scheme, cell->entrants[k].name,
                                       cell->entrants[k].why);
        }
        if (bench->options->peers)
                peers_absent(print_absent, NULL);
}

int bench_print(const struct bench *bench) {
        int code = DONE;
        printf("%s%zu comparisons, %lld alternating rounds of %.3g ms each; a ratio is the median of the ratios of "
               "neighbouring "
               "rounds.\n",
               bench->stopped ? "Stopped early. " : "", bench->cells_count, (long long)bench->options->rounds,
               (double)bench->options->round_ns / 1e6);
        for (size_t p = 0; p < bench->placements_count && code == DONE; p++)
                for (int measure = 0; measure < MEASURES && code == DONE; measure++)
                        code = print_ratios(bench, &bench->placements[p], (enum measure)measure);
        for (size_t p = 0; p < bench->placements_count && code == DONE; p++)
                for (int measure = 0; measure < MEASURES && code == DONE; measure++)
                        code = print_absolute(bench, &bench->placements[p], (enum measure)measure);
        printf("\n");
        print_left_out(bench);
        print_claims(bench);
        return code ? code : output_flush();
}
