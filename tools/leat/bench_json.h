/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_JSON_H
#define LEAT_TOOL_BENCH_JSON_H

/* What the files of all benchmarks have in common. */

#include "tools/leat/bench_options.h"

#include <jansson.h>

/* An object with the machine, and how it was measured: the rest goes into it. NULL without memory. */
json_t *bench_begin_json(const struct bench_options *options, bool stopped);

json_t *bench_numbers_json(const double *values, size_t count);

/* Write and free a value; NULL is taken for a lack of memory. Returns DONE or the exit code, having said what is wrong. */
int bench_write_value(json_t *value, const char *path);

#endif
