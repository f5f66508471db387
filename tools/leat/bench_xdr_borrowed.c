/* SPDX-License-Identifier: MIT */

/* leatgen --borrow: strings stay where they are. */

#include "tools/leat/bench_borrowed.h"
#include "tools/leat/bench_xdr_ways.h"

BENCH_XDR_CODE(bench_borrowed)

/* Encoding is the same code as without --borrow: here it shows that what was decoded is the message's value. */
static int prepare_borrow(struct xdr_ground *ground) {
        int r = prepare(ground);
        return r < 0 ? r : encode(ground, 1);
}

const struct xdr_way way_borrow = { .way = { .name = "leat",
                                             .what = "leatgen's code, --borrow: strings stay in the message" },
                                    .prepare = prepare_borrow,
                                    .run = decode,
                                    .end = end };
