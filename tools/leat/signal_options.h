/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_SIGNAL_OPTIONS_H
#define LEAT_TOOL_SIGNAL_OPTIONS_H

/* What `leat signal` is told, beside its operands. The setters are for the table of options.c. */

#include <stdbool.h>
#include <stdint.h>

struct signal_options {
        bool wait, value_said, after_said;
        int value;
        const char *then; /* the name of a signal, or NULL */
        int64_t after_ns;
        int64_t interval_ns;
};
#define SIGNAL_OPTIONS_INIT                                                                                            \
        { .after_ns = INT64_C(5000000000), .interval_ns = INT64_C(100000000) }

struct options;

const char *signal_set_value(struct options *options, const char *value);
const char *signal_set_wait(struct options *options, const char *value);
const char *signal_set_then(struct options *options, const char *value);
const char *signal_set_after(struct options *options, const char *value);
const char *signal_set_interval(struct options *options, const char *value);

#endif
