/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_RPC_SCHEMA_H
#define FUZZ_RPC_SCHEMA_H

/* The types of the programs that rpc_client.c and rpc_server.c make by hand: opaque<4096> and unsigned. */

#include <leat/rpc.h>
#include <leat/xdr_code.h>

enum { NODE_OPAQUE = 1, NODE_UNSIGNED };

static const struct leat_xdr_node nodes[] = {
        { .kind = LEAT_XDR_KIND_VOID },
        { .kind = LEAT_XDR_KIND_BYTES, .bound = 4096, .size = sizeof(struct leat_xdr_bytes), .wire_min = 4 },
        { .kind = LEAT_XDR_KIND_UNSIGNED, .size = 4, .wire_min = 4 },
};
static const struct leat_xdr_schema schema = { .nodes = nodes + 1,
                                               .names = "",
                                               .node_count = 3,
                                               .version = LEAT_XDR_SCHEMA };

#endif
