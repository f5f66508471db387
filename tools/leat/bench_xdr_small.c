/* SPDX-License-Identifier: MIT */

/* leatgen --small: by the table. */

#include "tools/leat/bench_small.h"
#include "tools/leat/bench_xdr_ways.h"

BENCH_XDR_CODE(bench_small)

const struct xdr_way way_small_encode = { .way = { .name = "small", .what = "leatgen --small: by a table" },
                                          .prepare = prepare,
                                          .run = encode,
                                          .end = end };
const struct xdr_way way_small_decode = {
        .way = { .name = "small", .what = "leatgen --small: by a table, into an arena that is used again" },
        .prepare = prepare,
        .run = decode,
        .end = end
};
