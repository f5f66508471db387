/* SPDX-License-Identifier: MIT */
#include "tools/leat/table.h"

#include "tools/leat/report.h"

#include <dlfcn.h>
#include <errno.h>
#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>

static bool short_of_memory;

/* The library is loaded by the first table: at each start it would take as long as the rest of `leat run` (docs/dependencies.md). */
#define LIBRARY "libsmartcols.so.1"
#define CALLS(call)                                                                                                    \
        call(scols_new_table) call(scols_unref_table) call(scols_table_new_column) call(scols_table_enable_noheadings) \
                call(scols_table_set_termforce) call(scols_table_new_line) call(scols_line_set_data)                   \
                        call(scols_table_set_stream) call(scols_print_table)

#define DECLARE(name) __typeof__(name) *name; // NOLINT(bugprone-macro-parentheses): a declaration
static struct { CALLS(DECLARE) } library;

/* A pointer to data that is one to a function: POSIX.1-2017, dlsym(). */
#define LOOK_UP(name) good &= (*(void **)&library.name = dlsym(handle, #name)) != NULL;

static bool load(void) {
        static bool loaded;
        void *handle = loaded ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        bool good = handle;
        if (handle) {
                CALLS(LOOK_UP)
        }
        return loaded |= good;
}

struct libscols_table *table_new(const char *const names[], size_t count, int headings) {
        struct libscols_table *table = load() ? library.scols_new_table() : NULL;
        if (!table)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                bool right = *names[i] == '>';
                if (!library.scols_table_new_column(table, names[i] + right, 0, right ? SCOLS_FL_RIGHT : 0))
                        short_of_memory = true;
        }
        library.scols_table_enable_noheadings(table, !headings);
        library.scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* nothing is cut off to fit a terminal */
        return table;
}

void table_add(struct libscols_table *table, const char *const cells[], size_t count) {
        struct libscols_line *line = table ? library.scols_table_new_line(table, NULL) : NULL;
        if (!line) {
                short_of_memory = true;
                return;
        }
        for (size_t i = 0; i < count; i++)
                if (library.scols_line_set_data(line, i, cells[i]) < 0)
                        short_of_memory = true;
}

int table_print_to(struct libscols_table *table, FILE *stream) {
        if (!load()) {
                complain(LIBRARY, "it cannot be loaded; install libsmartcols1 of util-linux, or ask for --json");
                return SYSTEM_REFUSED;
        }
        if (!table || short_of_memory) {
                library.scols_unref_table(table);
                return report(NULL, -ENOMEM, WRITING_OUTPUT, NULL);
        }
        library.scols_table_set_stream(table, stream);
        int r = library.scols_print_table(table);
        library.scols_unref_table(table);
        return r < 0 ? report(stream == stdout ? "standard output" : NULL, r, WRITING_OUTPUT, NULL) : DONE;
}

int table_print(struct libscols_table *table) {
        return table_print_to(table, stdout);
}
