/* SPDX-License-Identifier: MIT */
#include "tools/leat/region_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST (UINT64_C(1) << 40)       /* of what a field may say ... */
#define COUNT_MOST (UINT64_C(1) << 20) /* ... and how many of it: the product does not overflow */

bool layout_name(const char *text, char ret_name[64]) {
        size_t length = strcspn(text, "\n");
        if (length == 0)
                return false;
        snprintf(ret_name, 64, "%.*s", (int)(length < 63 ? length : 63), text);
        return true;
}

/* The number behind *at, which is moved behind it. false: there is none from `least` to MOST. */
static bool next_number(const char **at, uint64_t least, uint64_t *ret_number) {
        char *end;
        if (**at != ' ' || (*at)[1] < '0' || (*at)[1] > '9')
                return false;
        *ret_number = strtoull(*at + 1, &end, 10); /* what is too large for it is too large for us */
        *at = end;
        return *ret_number >= least && *ret_number < MOST;
}

/* One line: name, offset, size, and of an array the count. false: it is none of a field. */
static bool parse(const char *line, struct layout_field *field) {
        size_t length = strcspn(line, " ");
        const char *at = line + length;
        if (length == 0 || length >= sizeof(field->name))
                return false;
        snprintf(field->name, sizeof(field->name), "%.*s", (int)length, line);
        field->count = 1;
        if (!next_number(&at, 0, &field->offset) || !next_number(&at, 1, &field->size))
                return false;
        return (!*at || (next_number(&at, 1, &field->count) && field->count < COUNT_MOST)) && !*at;
}

/* The line behind *at, which is moved there. */
static bool next_line(const char **at, char line[160]) {
        const char *end = strchr(*at, '\n');
        if (!end)
                return false;
        *at = end + 1;
        snprintf(line, 160, "%.*s", (int)strcspn(*at, "\n"), *at);
        return true;
}

bool layout_next(const char **at, struct layout_field *ret_field) {
        char line[160];
        while (next_line(at, line))
                if (line[0] != '*' && parse(line, ret_field))
                        return true;
        return false;
}

uint64_t layout_size(const char *text) {
        struct layout_field whole;
        char line[160];
        return next_line(&text, line) && line[0] == '*' && parse(line, &whole) ? whole.size : 0;
}
