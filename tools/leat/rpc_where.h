/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_WHERE_H
#define LEAT_TOOL_RPC_WHERE_H

/* Where a server is: an address as leat_rpc_connect() takes it, or one of tcp: or udp: without a port, which rpcbind knows. */

#include "tools/leat/options.h"

#include <leat/rpc.h>

#include "base/cleanup.h"

#define RPC_ADDRESS_MOST 4096

/* Until when to wait for what answers at once, or not at all: 10 s from now, and no longer than the command may take. */
static inline int64_t rpc_where_until(int64_t deadline) {
        int64_t until = leat_in_ns(INT64_C(10000000000));
        return until < deadline ? until : deadline;
}

/* Whether it can be an address, by its length: DONE, or the exit code after saying so. */
int rpc_where_check(const char *address);

/* Whether it is one of tcp: or udp: without a port, or with port 0. */
bool rpc_where_asks(const char *address);

/*
 * The address of that host's rpcbind, for an address without a port: its text, or NULL for this host's own, in *ret_rpcbind, which may be in `text`.
 */
void rpc_where_rpcbind(const char *address, char text[RPC_ADDRESS_MOST], const char **ret_rpcbind);

/* The address to call a program at. Returns DONE, or the exit code after saying what is wrong. */
int rpc_where_find(const char *address, const struct leat_rpc_program *program, int64_t deadline,
                   char ret_address[RPC_ADDRESS_MOST]);

/* A client of it, as the options say. Returns DONE, or the exit code after saying what is wrong. */
int rpc_where_connect(const char *address, const struct rpc_options *options, int64_t deadline,
                      struct leat_rpc_client **ret_client);

static inline void rpc_client_free_at(struct leat_rpc_client **client) {
        leat_rpc_client_free(*client);
}
#define RPC_CLIENT_AT_EXIT CLEANUP(rpc_client_free_at)

static inline void rpc_arena_free_at(struct leat_xdr_arena *arena) {
        leat_xdr_arena_free(arena);
}
#define RPC_ARENA_AT_EXIT CLEANUP(rpc_arena_free_at)

#endif
