/* SPDX-License-Identifier: MIT */
#include "rpc/rpcbind.h"

#include <leat/xdr_code.h>

/*
 * The parts of RFC 1833 that are called, as the tables of a schema: a mapping, a list of them, and the same of version 2. The answers' bounds are those of
 * the reply, which rpcbind_ask.c sets.
 */

enum { MAPPING = 1, LINK, PORT, PORT_LINK, LINKS, PORT_LINKS, NUMBER, TEXT, YES, NODES };

#define STRUCT(type, flags, count, first, wire_min)                                                                    \
        { LEAT_XDR_KIND_STRUCT, flags, count, first, 0, sizeof(struct type), wire_min }
#define CHAIN(first)                                                                                                   \
        { LEAT_XDR_KIND_CHAIN, 0, 0, first, 0, sizeof(void *), 4 }

static const struct leat_xdr_node nodes[] = {
        [MAPPING - 1] = STRUCT(rpcbind_mapping, 0, 5, 0, 20),
        [LINK - 1] = STRUCT(rpcbind_link, 0, 2, 5, 24),
        [PORT - 1] = STRUCT(rpcbind_port, LEAT_XDR_FLAG_FLAT, 4, 7, 16),
        [PORT_LINK - 1] = STRUCT(rpcbind_port_link, 0, 2, 11, 20),
        [LINKS - 1] = CHAIN(LINK),
        [PORT_LINKS - 1] = CHAIN(PORT_LINK),
        [NUMBER - 1] = { LEAT_XDR_KIND_UNSIGNED, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(uint32_t), 4 },
        [TEXT - 1] = { LEAT_XDR_KIND_STRING, 0, 0, 0, LEAT_XDR_UNBOUNDED, sizeof(struct leat_xdr_string), 4 },
        [YES - 1] = { LEAT_XDR_KIND_BOOL, LEAT_XDR_FLAG_FLAT, 0, 0, 0, sizeof(bool), 4 },
};

/* Places in `names`. */
enum {
        NAME_PROGRAM = 1,
        NAME_VERSION = 9,
        NAME_NETID = 17,
        NAME_ADDRESS = 23,
        NAME_OWNER = 31,
        NAME_PORT = 37,
        NAME_NEXT = 42
};
static const char names[] = "\0program\0version\0netid\0address\0owner\0port\0next";
_Static_assert(sizeof(names) == NAME_NEXT + sizeof("next"), "each name is where it is said to be");

static const struct leat_xdr_field fields[] = {
        { offsetof(struct rpcbind_mapping, program), NUMBER, NAME_PROGRAM }, /* 0 */
        { offsetof(struct rpcbind_mapping, version), NUMBER, NAME_VERSION },
        { offsetof(struct rpcbind_mapping, netid), TEXT, NAME_NETID },
        { offsetof(struct rpcbind_mapping, universal), TEXT, NAME_ADDRESS },
        { offsetof(struct rpcbind_mapping, owner), TEXT, NAME_OWNER },
        { offsetof(struct rpcbind_link, mapping), MAPPING, NAME_PROGRAM }, /* 5 */
        { offsetof(struct rpcbind_link, next), LINKS, NAME_NEXT },
        { offsetof(struct rpcbind_port, program), NUMBER, NAME_PROGRAM }, /* 7 */
        { offsetof(struct rpcbind_port, version), NUMBER, NAME_VERSION },
        { offsetof(struct rpcbind_port, protocol), NUMBER, NAME_NETID },
        { offsetof(struct rpcbind_port, port), NUMBER, NAME_PORT },
        { offsetof(struct rpcbind_port_link, port), PORT, NAME_PROGRAM }, /* 11 */
        { offsetof(struct rpcbind_port_link, next), PORT_LINKS, NAME_NEXT },
};

static const struct leat_xdr_schema schema = { .nodes = nodes,
                                               .fields = fields,
                                               .names = names,
                                               .node_count = NODES,
                                               .version = LEAT_XDR_SCHEMA };

static const struct leat_rpc_procedure newer[] = {
        [RPCBIND_NULL] = { 0, LEAT_RPC_IDEMPOTENT, 0, 0, 0, "NULL" },
        [RPCBIND_SET] = { 1, 0, MAPPING, YES, 0, "SET" },
        [RPCBIND_UNSET] = { 2, 0, MAPPING, YES, 0, "UNSET" },
        [RPCBIND_GET] = { 3, LEAT_RPC_IDEMPOTENT, MAPPING, TEXT, 0, "GETADDR" },
        [RPCBIND_DUMP] = { 4, LEAT_RPC_IDEMPOTENT, 0, LINKS, 0, "DUMP" },
};

static const struct leat_rpc_procedure older[] = {
        [RPCBIND_NULL] = { 0, LEAT_RPC_IDEMPOTENT, 0, 0, 0, "NULL" },
        [RPCBIND_SET] = { 1, 0, PORT, YES, 0, "SET" },
        [RPCBIND_UNSET] = { 2, 0, PORT, YES, 0, "UNSET" },
        [RPCBIND_GET] = { 3, LEAT_RPC_IDEMPOTENT, PORT, NUMBER, 0, "GETPORT" },
        [RPCBIND_DUMP] = { 4, LEAT_RPC_IDEMPOTENT, 0, PORT_LINKS, 0, "DUMP" },
};

static const struct leat_rpc_program programs[] = {
        { "RPCBIND", RPCBIND_PROGRAM, 2, sizeof(older) / sizeof(older[0]), older, &schema },
        { "RPCBIND", RPCBIND_PROGRAM, 3, sizeof(newer) / sizeof(newer[0]), newer, &schema },
        { "RPCBIND", RPCBIND_PROGRAM, 4, sizeof(newer) / sizeof(newer[0]), newer, &schema },
};
_Static_assert(sizeof(programs) / sizeof(programs[0]) == RPCBIND_MOST - RPCBIND_LEAST + 1, "one for each version");

const struct leat_rpc_program *rpcbind_program(uint32_t version) {
        return &programs[version - RPCBIND_LEAST];
}
