/* SPDX-License-Identifier: MIT */
#include "tools/leat/table.h"

#include "tools/leat/report.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>

static bool short_of_memory;

struct libscols_table *table_new(const char *const names[], size_t count, int headings) {
        struct libscols_table *table = scols_new_table();
        if (!table)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                bool right = *names[i] == '>';
                if (!scols_table_new_column(table, names[i] + right, 0, right ? SCOLS_FL_RIGHT : 0))
                        short_of_memory = true;
        }
        scols_table_enable_noheadings(table, !headings);
        scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* nothing is cut off to fit a terminal */
        return table;
}

void table_add(struct libscols_table *table, const char *const cells[], size_t count) {
        struct libscols_line *line = table ? scols_table_new_line(table, NULL) : NULL;
        if (!line) {
                short_of_memory = true;
                return;
        }
        for (size_t i = 0; i < count; i++)
                if (scols_line_set_data(line, i, cells[i]) < 0)
                        short_of_memory = true;
}

int table_print(struct libscols_table *table) {
        if (!table || short_of_memory) {
                scols_unref_table(table);
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        }
        scols_table_set_stream(table, stdout);
        int r = scols_print_table(table);
        scols_unref_table(table);
        return r < 0 ? report("standard output", r, WRITING_OUTPUT, NULL) : DONE;
}
