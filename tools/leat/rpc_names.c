/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_names.h"

#include "rpc/companion.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_OF_NAMES "/etc/rpc"
#define LINE_BYTES 512

/* A line of it: "name number alias ... # comment", cut into words in place. */
struct line {
        const char *name;
        uint32_t number;
        char *rest; /* of strtok_r(): the aliases */
};

static bool read_line(char *text, struct line *ret_line) {
        char *end;
        text[strcspn(text, "#\n")] = '\0';
        ret_line->name = strtok_r(text, " \t", &ret_line->rest);
        const char *digits = ret_line->name ? strtok_r(NULL, " \t", &ret_line->rest) : NULL;
        if (!digits)
                return false;
        errno = 0;
        unsigned long long number = strtoull(digits, &end, 10);
        ret_line->number = (uint32_t)number;
        return !*end && errno == 0 && number <= UINT32_MAX;
}

/* The name, or one of the aliases. */
static bool is_named(struct line *line, const char *name) {
        const char *word = line->name;
        while (word && strcmp(word, name) != 0)
                word = strtok_r(NULL, " \t", &line->rest);
        return word;
}

const char *rpc_name_of(uint32_t program, char name[RPC_NAME_MOST]) {
        char text[LINE_BYTES];
        struct line line;
        FILE *file = program == COMPANION_PROGRAM ? NULL : fopen(FILE_OF_NAMES, "re");
        snprintf(name, RPC_NAME_MOST, "%s", program == COMPANION_PROGRAM ? "leat" : "");
        while (file && !*name && fgets(text, sizeof(text), file))
                if (read_line(text, &line) && line.number == program)
                        snprintf(name, RPC_NAME_MOST, "%s", line.name);
        if (file)
                fclose(file);
        return name;
}

bool rpc_number_of(const char *name, uint32_t *ret_program) {
        char text[LINE_BYTES];
        struct line line;
        bool found = false;
        FILE *file = fopen(FILE_OF_NAMES, "re");
        while (file && !found && fgets(text, sizeof(text), file))
                found = read_line(text, &line) && is_named(&line, name);
        if (file)
                fclose(file);
        if (found)
                *ret_program = line.number;
        return found;
}

bool rpc_number_read(const char *text, uint32_t *ret_number) {
        char *end;
        errno = 0;
        unsigned long long number = strtoull(text, &end, 0);
        *ret_number = (uint32_t)number;
        return *text >= '0' && *text <= '9' && !*end && errno == 0 && number <= UINT32_MAX;
}

char *rpc_name_clean(const char *text, size_t size_bytes) {
        char *clean = malloc(size_bytes + 1);
        if (!clean)
                return NULL;
        for (size_t i = 0; i < size_bytes; i++)
                clean[i] = (char)(text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
        clean[size_bytes] = '\0';
        return clean;
}
