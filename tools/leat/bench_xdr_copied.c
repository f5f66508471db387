/* SPDX-License-Identifier: MIT */

/* leatgen's straight code, and what decodes into an arena. */

#include "tools/leat/bench_copied.h"
#include "tools/leat/bench_xdr_ways.h"

BENCH_XDR_CODE(bench_copied)

const struct xdr_way way_encode = { .way = { .name = "leat", .what = "leatgen's code" },
                                    .prepare = prepare,
                                    .run = encode,
                                    .end = end };
const struct xdr_way way_decode = { .way = { .name = "leat",
                                             .what = "leatgen's code, into an arena that is used again" },
                                    .prepare = prepare,
                                    .run = decode,
                                    .end = end };
