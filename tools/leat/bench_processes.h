/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_PROCESSES_H
#define LEAT_TOOL_BENCH_PROCESSES_H

/* `leat bench processes`: contests of several ways to do the same with processes. */

#include "tools/leat/options.h"

/* Is this operand these benchmarks, and not a transport? */
bool is_processes(const char *operand);

/* Whether its options go together: DONE or USAGE, having said what is wrong. */
int check_processes(const struct options *options);

/* Measure and show. Returns the exit code. */
int bench_processes(const struct options *options);

#endif
