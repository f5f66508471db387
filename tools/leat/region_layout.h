/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_LAYOUT_H
#define LEAT_TOOL_REGION_LAYOUT_H

/* The text of a layout, as struct leat_region_info has it: its name, and a line for each field, "cash 16 8" or, of an array, "stock 24 8 10". */

#include <stdbool.h>
#include <stdint.h>

struct layout_field {
        char name[64];
        uint64_t offset, size, count;
};

/* The layout's name; false: it has none. */
bool layout_name(const char *text, char ret_name[64]);

/* Of its whole struct, as its first line after the name says ("* 0 48"); 0: it is not said. */
uint64_t layout_size(const char *text);

/* The next field; *at is the text at first. What is no line of a field (a stranger wrote it) is left out. false: no more. */
bool layout_next(const char **at, struct layout_field *ret_field);

#endif
