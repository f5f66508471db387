/* SPDX-License-Identifier: MIT */

/* What was measured of processes: ratios first, then what they are ratios of. */

#include "tools/leat/bench_processes.h"

#include "tools/leat/bench_json.h"
#include "tools/leat/bench_text.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/table.h"

#include <stdio.h>

static void goal_text(double most, double ratio, char text[BENCH_CELL]) {
        char number[BENCH_CELL];
        text[0] = '\0';
        if (most > 0)
                (void)snprintf(text, BENCH_CELL, "%.20s %s", ratio_text(most, number),
                               ratio <= most ? "met" : "missed");
}

static void ratio_row(struct libscols_table *table, const struct race *race, const struct race_goal *goal,
                      const struct spread *ratio, const struct spread *cpu) {
        char pair[2 * BENCH_CELL], middle[BENCH_CELL], spread[BENCH_CELL], of_cpu[BENCH_CELL], aim[BENCH_CELL];
        (void)snprintf(pair, sizeof(pair), "%s / %s", race->runners[goal->of].way->name,
                       race->runners[goal->to].way->name);
        goal_text(goal->most, ratio->median, aim);
        const char *cells[] = { race->name,
                                pair,
                                ratio_text(ratio->median, middle),
                                spread_text(ratio->low, ratio->high, spread),
                                ratio_text(cpu->median, of_cpu),
                                aim };
        table_add(table, cells, 6);
}

static int print_ratios(const struct races *races) {
        static const char *const names[] = { "WHAT", "OF", ">RATIO", ">QUARTILES", ">CPU RATIO", "GOAL, AT MOST" };
        struct libscols_table *table = table_new(names, 6, 1);
        struct spread ratio, cpu;
        for (size_t i = 0; i < RACES; i++)
                for (size_t n = 0; race_compare(&races->all[i], n, &ratio, &cpu); n++)
                        if (ratio.median > 0)
                                ratio_row(table, &races->all[i], &races->all[i].goals[n], &ratio, &cpu);
        printf("\nTime (less is better)\n");
        return table_print(table);
}

static void runner_row(struct libscols_table *table, const struct races *races, const struct race *race,
                       const struct runner *runner) {
        char middle[BENCH_CELL], spread[2 * BENCH_CELL], low[BENCH_CELL], high[BENCH_CELL], cpu[BENCH_CELL],
                bytes[BENCH_CELL] = "";
        struct spread values = spread_of(runner->values, race->rounds);
        (void)snprintf(spread, sizeof(spread), "%s .. %s", short_time(values.low, low), short_time(values.high, high));
        if (race->carries)
                short_number((double)races->options->memory_bytes * 1e9 / values.median, bytes);
        const char *cells[] = { race->name,
                                runner->way->name,
                                short_time(values.median, middle),
                                spread,
                                short_time(spread_of(runner->cpu, race->rounds).median, cpu),
                                bytes };
        table_add(table, cells, 6);
}

static int print_medians(const struct races *races) {
        static const char *const names[] = { "WHAT", "WHO", ">TIME", ">QUARTILES", ">CPU", ">BYTES/S" };
        struct libscols_table *table = table_new(names, 6, 1);
        for (size_t i = 0; i < RACES; i++)
                for (size_t k = 0; k < RACE_WAYS && races->all[i].runners[k].way; k++)
                        if (races->all[i].rounds && !races->all[i].runners[k].why_not)
                                runner_row(table, races, &races->all[i], &races->all[i].runners[k]);
        printf("\nMedians; CPU is of all processes together\n");
        return table_print(table);
}

static void print_meanings(const struct races *races) {
        char memory[BENCH_CELL];
        printf("\n");
        for (size_t i = 0; i < RACES; i++) {
                const struct race *race = &races->all[i];
                bool sized = race->touches || race->carries;
                printf("%s: %s%s%s%s\n", race->name, race->what, sized ? ", bytes: " : "",
                       sized ? short_number((double)races->options->memory_bytes, memory) : "",
                       race->why_not ? "; not measured:" : "");
                if (race->why_not)
                        printf("    %s\n", race->why_not);
                for (size_t k = 0; k < RACE_WAYS; k++)
                        if (race->runners[k].why_not)
                                printf("    %s: not measured: %s\n", race->runners[k].way->name,
                                       race->runners[k].why_not);
        }
}

int races_print(const struct races *races) {
        printf("%sEach %lld alternating rounds of %.3g ms or one run; a ratio is the median of the ratios of "
               "neighbouring "
               "rounds.\n",
               races->stopped ? "Stopped early. " : "", (long long)races->options->rounds,
               (double)races->options->round_ns / 1e6);
        int code = print_ratios(races);
        if (code == DONE)
                code = print_medians(races);
        print_meanings(races);
        return code ? code : output_flush();
}

/* ---- JSON ---- */

static json_t *runner_json(const struct race *race, const struct runner *runner) {
        size_t rounds = runner->why_not ? 0 : race->rounds;
        struct spread spread = spread_of(runner->values, rounds);
        return json_pack("{s:s, s:s, s:s, s:b, s:s?, s:I, s:f, s:f, s:f, s:o, s:o}", "name", runner->way->name, "what",
                         runner->way->what, "unit", "ns", "measured", (int)(rounds > 0), "why_not", runner->why_not,
                         "runs_per_round", (json_int_t)runner->repeats, "median", spread.median, "quartile_low",
                         spread.low, "quartile_high", spread.high, "rounds", bench_numbers_json(runner->values, rounds),
                         "cpu_ns", bench_numbers_json(runner->cpu, rounds));
}

static json_t *comparison_json(const struct race *race, const struct race_goal *goal, const struct spread *ratio,
                               const struct spread *cpu) {
        return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:s, s:o}", "of", race->runners[goal->of].way->name, "to",
                         race->runners[goal->to].way->name, "ratio", ratio->median, "quartile_low", ratio->low,
                         "quartile_high", ratio->high, "cpu_ratio", cpu->median, "better", "less", "at_most",
                         goal->most > 0 ? json_real(goal->most) : json_null());
}

static json_t *race_json(const struct race *race) {
        json_t *runners = json_array(), *comparisons = json_array();
        struct spread ratio, cpu;
        for (size_t k = 0; k < RACE_WAYS && race->runners[k].way; k++)
                json_array_append_new(runners, runner_json(race, &race->runners[k]));
        for (size_t n = 0; race_compare(race, n, &ratio, &cpu); n++)
                if (ratio.median > 0)
                        json_array_append_new(comparisons, comparison_json(race, &race->goals[n], &ratio, &cpu));
        return json_pack("{s:s, s:s, s:I, s:s?, s:o, s:o}", "name", race->name, "what", race->what, "rounds",
                         (json_int_t)race->rounds, "why_not", race->why_not, "entrants", runners, "comparisons",
                         comparisons);
}

int races_write_json(const struct races *races, const char *path) {
        json_t *value = bench_begin_json(races->options, races->stopped), *list = json_array();
        for (size_t i = 0; i < RACES; i++)
                json_array_append_new(list, race_json(&races->all[i]));
        json_object_set_new(value, "memory_bytes", json_integer((json_int_t)races->options->memory_bytes));
        json_object_set_new(value, "races", list);
        return bench_write_value(value, path);
}
