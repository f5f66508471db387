/* SPDX-License-Identifier: MIT */
#include "tools/leat/options.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/table.h"

#include <stdio.h>
#include <string.h>

#define HEAD 4 /* columns before those of the rows */

static const char *verdict_name(enum leat_verdict verdict) {
        static const char *const names[] = { [LEAT_NO] = "no", [LEAT_PEER] = "peer", [LEAT_YES] = "yes" };
        return names[verdict];
}

/* Without operands all are wanted. */
static bool wanted(const struct options *options, const struct leat_declaration *declaration) {
        for (size_t i = 0; i < options->operands_count; i++)
                if (strcmp(options->operands[i], declaration->scheme) == 0)
                        return true;
        return options->operands_count == 0;
}

static json_t *describe_rows(const struct leat_declaration *declaration) {
        json_t *rows = json_object();
        for (int row = 1; row <= LEAT_ROW_MAX; row++) {
                const struct leat_row_declaration *said = &declaration->rows[row];
                json_t *value = json_pack("{s:i, s:s, s:s?}", "number", row, "verdict", verdict_name(said->verdict),
                                          "why", said->why);
                json_object_set_new(rows, leat_row_name((enum leat_row)row), value);
        }
        return rows;
}

static int print_json(const struct options *options) {
        const struct leat_declaration *declaration;
        json_t *list = json_array();
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++) {
                if (!wanted(options, declaration))
                        continue;
                json_t *one = json_pack("{s:s, s:s?, s:s, s:s, s:s, s:I, s:b, s:o}", "scheme", declaration->scheme,
                                        "summary", leat_scheme_summary(declaration->scheme), "pattern",
                                        pattern_name(declaration->pattern), "framing", declaration->framing, "ends",
                                        declaration->parties, "largest_bytes", (json_int_t)declaration->largest_bytes,
                                        "two_way", declaration->two_way, "rows", describe_rows(declaration));
                json_array_append_new(list, one);
        }
        return output_json(list);
}

/* As wide as a terminal is: the rows by number, and a letter for each. */
static const char *mark(enum leat_verdict verdict) {
        static const char *const marks[] = { [LEAT_NO] = "-", [LEAT_PEER] = "p", [LEAT_YES] = "y" };
        return marks[verdict];
}

static void print_legend(void) {
        for (int row = 1; row <= LEAT_ROW_MAX; row++)
                printf("%s%d %s",
                       row == 1       ? "\n"
                       : row % 7 == 1 ? ",\n"
                                      : ", ",
                       row, leat_row_name((enum leat_row)row));
        printf("\ny yes, p with Leat at the other end too, - no. ENDS: senders to receivers.\n"
               "'leat transports --why' says why not, and what to use instead.\n");
}

static int print_table(const struct options *options) {
        const char *names[HEAD + LEAT_ROW_MAX] = { "TRANSPORT", "PATTERN", "FRAMING", "ENDS" };
        char numbers[LEAT_ROW_MAX][12];
        for (int row = 1; row <= LEAT_ROW_MAX; row++) {
                snprintf(numbers[row - 1], sizeof(numbers[0]), "%d", row);
                names[HEAD + row - 1] = numbers[row - 1];
        }
        const struct leat_declaration *declaration;
        struct libscols_table *table = table_new(names, HEAD + LEAT_ROW_MAX, 1);
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++) {
                const char *cells[HEAD + LEAT_ROW_MAX] = { declaration->scheme, pattern_name(declaration->pattern),
                                                           declaration->framing, declaration->parties };
                for (int row = 1; row <= LEAT_ROW_MAX; row++)
                        cells[HEAD + row - 1] = mark(declaration->rows[row].verdict);
                if (wanted(options, declaration))
                        table_add(table, cells, HEAD + LEAT_ROW_MAX);
        }
        int code = table_print(table);
        print_legend();
        return code;
}

static int print_why(const struct options *options) {
        const struct leat_declaration *declaration;
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++) {
                if (!wanted(options, declaration))
                        continue;
                printf("%s, pattern %s, framing %s, ends %s: %s\n", declaration->scheme,
                       pattern_name(declaration->pattern), declaration->framing, declaration->parties,
                       leat_scheme_summary(declaration->scheme));
                for (int row = 1; row <= LEAT_ROW_MAX; row++) {
                        const struct leat_row_declaration *said = &declaration->rows[row];
                        if (said->verdict != LEAT_YES || said->why)
                                printf("  %2d %-11s %-4s  %s\n", row, leat_row_name((enum leat_row)row),
                                       verdict_name(said->verdict), said->why ? said->why : "");
                }
                printf("\n");
        }
        return DONE;
}

static int check(const struct options *options) {
        for (size_t i = 0; i < options->operands_count; i++)
                if (!leat_scheme_summary(options->operands[i]))
                        return complain_usage(options->operands[i], "no such transport; 'leat transports' lists them");
        if (options->why && options->format == FORMAT_JSON)
                return complain_usage(NULL, "--json tells the reasons too; leave --why away");
        return DONE;
}

static int run_transports(const struct options *options) {
        int code = check(options);
        if (code)
                return code;
        if (options->format == FORMAT_JSON)
                return print_json(options);
        return options->why ? print_why(options) : print_table(options);
}

const struct command command_transports = {
        .name = "transports",
        .operands = "[TRANSPORT]...",
        .summary = "Print what each transport promises of the contract's 18 rows",
        .takes = TAKES_WHY | TAKES_JSON,
        .operands_min = 0,
        .operands_max = -1,
        .details = "For each transport, pattern and framing each row is yes (y), peer (p: with Leat at the other end\n"
                   "too) or no (-). The tests of the project hold the transports to it.\n\n"
                   "Exit: 0 printed; 2 usage; 71 the system refused.\n",
        .run = run_transports,
};
