/* SPDX-License-Identifier: MIT */

/* What was measured in contests: ratios first, then what they are ratios of. */

#include "tools/leat/bench_contest.h"

#include "tools/leat/bench_json.h"
#include "tools/leat/output.h"
#include "tools/leat/table.h"

#include <stdio.h>

#define COLUMNS 4 /* of all subjects */

/* ---- tables ---- */

static struct libscols_table *begin(const char *const all[COLUMNS], const char *const own[CONTEST_CELLS],
                                    size_t *ret_count) {
        const char *names[COLUMNS + CONTEST_CELLS];
        size_t count = 0;
        for (; count < COLUMNS; count++)
                names[count] = all[count];
        for (; count < COLUMNS + CONTEST_CELLS && own[count - COLUMNS]; count++)
                names[count] = own[count - COLUMNS];
        *ret_count = count;
        return table_new(names, count, 1);
}

void contest_goal_text(const struct contest_ratio *ratio, const char *way, char text[BENCH_CELL]) {
        char number[BENCH_CELL];
        bool met = ratio->more ? ratio->ratio.median >= ratio->goal : ratio->ratio.median <= ratio->goal;
        text[0] = '\0';
        if (ratio->goal > 0)
                (void)snprintf(text, BENCH_CELL, "%s%.20s %s", way, ratio_text(ratio->goal, number),
                               met ? "met" : "missed");
}

void contest_better_cells(const struct contest_ratio *ratio, char cells[CONTEST_CELLS][BENCH_CELL]) {
        (void)snprintf(cells[0], BENCH_CELL, "%s", ratio->more ? "more" : "less");
        contest_goal_text(ratio, ratio->more ? "at least " : "at most ", cells[1]);
}

static void ratio_row(struct libscols_table *table, size_t columns, const struct contests *contests,
                      const struct contest *contest, const struct contest_ratio *ratio) {
        char pair[2 * BENCH_CELL], middle[BENCH_CELL], spread[BENCH_CELL], own[CONTEST_CELLS][BENCH_CELL] = { "" };
        (void)snprintf(pair, sizeof(pair), ratio->to ? "%s / %s" : "%s: %s", ratio->of->way->name,
                       ratio->to ? ratio->to->way->name : "slower / both");
        contests->subject->ratio_cells(ratio, own);
        const char *cells[COLUMNS + CONTEST_CELLS] = { contest->name,
                                                       pair,
                                                       ratio_text(ratio->ratio.median, middle),
                                                       spread_text(ratio->ratio.low, ratio->ratio.high, spread),
                                                       own[0],
                                                       own[1] };
        table_add(table, cells, columns);
}

static int print_ratios(const struct contests *contests) {
        static const char *const names[COLUMNS] = { "WHAT", "OF", ">RATIO", ">QUARTILES" };
        struct contest_ratio ratio;
        size_t columns;
        struct libscols_table *table = begin(names, contests->subject->ratio_columns, &columns);
        for (struct contest *const *contest = contests->all; *contest; contest++)
                for (size_t n = 0; contest_compare(*contest, n, &ratio); n++)
                        if (ratio.ratio.median > 0)
                                ratio_row(table, columns, contests, *contest, &ratio);
        printf("\n%s\n", contests->subject->ratios);
        return table_print(table);
}

static void median_row(struct libscols_table *table, size_t columns, const struct contests *contests,
                       const struct contest *contest, const struct entry *entry) {
        char middle[BENCH_CELL], low[BENCH_CELL], high[BENCH_CELL], spread[2 * BENCH_CELL + 8],
                own[CONTEST_CELLS][BENCH_CELL] = { "" };
        struct spread values = spread_of(entry->values, contest->rounds);
        const char *(*text)(double number, char *text) = contest->rates ? short_number : short_time;
        (void)snprintf(spread, sizeof(spread), "%s .. %s", text(values.low, low), text(values.high, high));
        contests->subject->median_cells(contest, entry, own);
        const char *cells[COLUMNS + CONTEST_CELLS] = { contest->name, entry->way->name, text(values.median, middle),
                                                       spread,        own[0],           own[1] };
        table_add(table, cells, columns);
}

static int print_medians(const struct contests *contests) {
        const char *const names[COLUMNS] = { "WHAT", "WHO", contests->subject->median_column, ">QUARTILES" };
        size_t columns;
        struct libscols_table *table = begin(names, contests->subject->median_columns, &columns);
        for (struct contest *const *contest = contests->all; *contest; contest++)
                for (size_t k = 0; k < contest_count_ways(*contest); k++)
                        if ((*contest)->rounds && !(*contest)->entries[k].why_not)
                                median_row(table, columns, contests, *contest, &(*contest)->entries[k]);
        printf("\n%s\n", contests->subject->medians);
        return table_print(table);
}

static void print_meaning(const struct contest *contest) {
        char bytes[BENCH_CELL] = "";
        printf("%s: %s%s%s%s\n", contest->name, contest->what, contest->bytes ? ", bytes: " : "",
               contest->bytes ? short_number((double)contest->bytes, bytes) : "",
               contest->why_not ? "; not measured:" : "");
        if (contest->why_not)
                printf("    %s\n", contest->why_not);
        for (size_t k = 0; k < CONTEST_WAYS; k++)
                if (contest->entries[k].why_not)
                        printf("    %s: not measured: %s\n", contest->entries[k].way->name,
                               contest->entries[k].why_not);
}

int contests_print(const struct contests *contests) {
        printf("%sEach %lld alternating rounds of %.3g ms%s; a ratio is the median of the ratios of neighbouring "
               "rounds.\n",
               contests->stopped ? "Stopped early. " : "", (long long)contests->options->rounds,
               (double)contests->options->round_ns / 1e6, contests->subject->least_round);
        int code = print_ratios(contests);
        if (code == DONE)
                code = print_medians(contests);
        printf("\n");
        for (struct contest *const *contest = contests->all; *contest; contest++)
                print_meaning(*contest);
        return code ? code : output_flush();
}

/* ---- JSON ---- */

static json_t *entry_json(const struct contest_subject *subject, const struct contest *contest,
                          const struct entry *entry) {
        size_t rounds = entry->why_not ? 0 : contest->rounds;
        struct spread spread = spread_of(entry->values, rounds);
        return json_pack("{s:s, s:s, s:s, s:b, s:s?, s:I, s:f, s:f, s:f, s:o, s:o}", "name", entry->way->name, "what",
                         entry->way->what, "unit", contest->rates ? "a second" : "ns", "measured", (int)(rounds > 0),
                         "why_not", entry->why_not, subject->times_key, (json_int_t)(contest->rates ? 0 : entry->times),
                         "median", spread.median, "quartile_low", spread.low, "quartile_high", spread.high, "rounds",
                         bench_numbers_json(entry->values, rounds), subject->beside_key,
                         bench_numbers_json(entry->beside, subject->cpu || contest->share > 0 ? rounds : 0));
}

static json_t *ratio_json(const struct contest_subject *subject, const struct contest_ratio *ratio) {
        json_t *value = json_pack("{s:s, s:s, s:f, s:f, s:f}", "of", ratio->of->way->name, "to",
                                  ratio->to ? ratio->to->way->name : "both", "ratio", ratio->ratio.median,
                                  "quartile_low", ratio->ratio.low, "quartile_high", ratio->ratio.high);
        if (subject->cpu)
                json_object_set_new(value, "cpu_ratio", json_real(ratio->cpu.median));
        json_object_set_new(value, "better", json_string(ratio->more ? "more" : "less"));
        json_object_set_new(value, subject->goal_key, ratio->goal > 0 ? json_real(ratio->goal) : json_null());
        return value;
}

static json_t *contest_json(const struct contest_subject *subject, const struct contest *contest) {
        json_t *entries = json_array(), *comparisons = json_array();
        struct contest_ratio ratio;
        for (size_t k = 0; k < contest_count_ways(contest); k++)
                json_array_append_new(entries, entry_json(subject, contest, &contest->entries[k]));
        for (size_t n = 0; contest_compare(contest, n, &ratio); n++)
                if (ratio.ratio.median > 0)
                        json_array_append_new(comparisons, ratio_json(subject, &ratio));
        return json_pack("{s:s, s:s, s:I, s:s?, s:o, s:o}", "name", contest->name, "what", contest->what, "rounds",
                         (json_int_t)contest->rounds, "why_not", contest->why_not, "entrants", entries, "comparisons",
                         comparisons);
}

int contests_write_json(const struct contests *contests, const char *path) {
        json_t *value = bench_begin_json(contests->options, contests->stopped), *list = json_array();
        for (struct contest *const *contest = contests->all; *contest; contest++)
                json_array_append_new(list, contest_json(contests->subject, *contest));
        if (contests->subject->sized)
                json_object_set_new(value, "memory_bytes", json_integer((json_int_t)contests->options->memory_bytes));
        json_object_set_new(value, contests->subject->list_key, list);
        return bench_write_value(value, path);
}
