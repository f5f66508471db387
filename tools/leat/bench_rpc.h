/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_RPC_H
#define LEAT_TOOL_BENCH_RPC_H

/* `leat bench rpc`: what a call costs, beside the bare round trip of what carries it, and beside libtirpc. */

#include "tools/leat/options.h"

/* Is this operand these benchmarks, and not a transport? */
bool is_rpc(const char *operand);

/* Whether its options go together: DONE or USAGE, having said what is wrong. */
int check_rpc(const struct options *options);

/* Measure and show. Returns the exit code. */
int bench_rpc(const struct options *options);

#endif
