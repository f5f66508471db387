/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_options.h"

#include "tools/leat/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool append(const char **list, const char *text) {
        size_t count = 0;
        while (list[count])
                count++;
        if (count < RPC_LIST_MOST)
                list[count] = text;
        return count < RPC_LIST_MOST;
}

const char *rpc_set_include(struct options *options, const char *value) {
        if (!*value)
                return "is no folder";
        return append(options->rpc.search, value) ? NULL : "is one too many; 64 folders at most";
}

static bool is_definition(const char *text) {
        if (!isalpha((unsigned char)*text) && *text != '_')
                return false;
        while (isalnum((unsigned char)*text) || *text == '_')
                text++;
        return !*text || *text == '=';
}

const char *rpc_set_define(struct options *options, const char *value) {
        if (!is_definition(value))
                return "is no definition; write NAME or NAME=VALUE";
        return append(options->rpc.defines, value) ? NULL : "is one too many; 64 names at most";
}

const char *rpc_set_auth(struct options *options, const char *value) {
        options->rpc.auth_sys = strcmp(value, "sys") == 0;
        return options->rpc.auth_sys || strcmp(value, "none") == 0 ? NULL : "is not known; write sys or none";
}

const char *rpc_set_count(struct options *options, const char *value) {
        return options_count(value, 1, UINT64_MAX, &options->rpc.count) ? NULL
                                                                        : "is not a count; write a number from 1";
}

/* Digits alone are seconds, as ping(8) has them. */
const char *rpc_set_interval(struct options *options, const char *value) {
        char seconds[64];
        size_t size = strlen(value);
        if (size > 0 && size + 1 < sizeof(seconds) && strspn(value, "0123456789.") == size) {
                snprintf(seconds, sizeof(seconds), "%ss", value);
                value = seconds;
        }
        return options_duration(value, &options->rpc.every_ns) ? "is not a duration; write 0.5, 250ms or 3s" : NULL;
}

#define FLAG_SETTER(option)                                                                                            \
        const char *rpc_set_##option(struct options *options, const char *value) {                                     \
                (void)value;                                                                                           \
                options->rpc.option = true;                                                                            \
                return NULL;                                                                                           \
        }
FLAG_SETTER(extended)
FLAG_SETTER(plain)
FLAG_SETTER(again)
FLAG_SETTER(trace)
FLAG_SETTER(pretty)
