/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_XDR_H
#define LEAT_TOOL_BENCH_XDR_H

/* `leat bench xdr`: what encoding and decoding costs, beside rpcgen's code with libtirpc and code that is written by hand. */

#include "tools/leat/options.h"

/* Is this operand these benchmarks, and not a transport? */
bool is_xdr(const char *operand);

/* Whether its options go together: DONE or USAGE, having said what is wrong. */
int check_xdr(const struct options *options);

/* Measure and show. Returns the exit code. */
int bench_xdr(const struct options *options);

#endif
