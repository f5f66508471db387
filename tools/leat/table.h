/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_TABLE_H
#define LEAT_TOOL_TABLE_H

/*
 * Tables for people, on libsmartcols. A lack of memory shows when it is printed, and only then.
 */

#include <stddef.h>
#include <stdio.h>

struct libscols_table;

/* A table with these columns. names[i] that begin with '>' are aligned to the right, without it. */
struct libscols_table *table_new(const char *const names[], size_t count, int headings);

/* One line of it: a text for each column, copied. */
void table_add(struct libscols_table *table, const char *const cells[], size_t count);

/* Print and free it. Returns DONE or the exit code, having said what is wrong. */
int table_print(struct libscols_table *table);

/* The same, elsewhere than on stdout. */
int table_print_to(struct libscols_table *table, FILE *stream);

#endif
