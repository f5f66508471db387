/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_OPTIONS_H
#define LEAT_TOOL_RPC_OPTIONS_H

/* What `leat rpc` is told, beside its operands. The setters are for the table of options.c. */

#include <stdbool.h>
#include <stdint.h>

#define RPC_LIST_MOST 64u

struct rpc_options {
        const char *search[RPC_LIST_MOST + 1], *defines[RPC_LIST_MOST + 1]; /* up to a NULL */
        bool extended;
        bool plain, auth_sys, again;
        bool trace, pretty;
        uint64_t count; /* of ping; 0: not said */
        int64_t every_ns;
};
#define RPC_OPTIONS_INIT                                                                                               \
        { .every_ns = INT64_C(1000000000) }

struct options;

const char *rpc_set_include(struct options *options, const char *value);
const char *rpc_set_define(struct options *options, const char *value);
const char *rpc_set_extended(struct options *options, const char *value);
const char *rpc_set_plain(struct options *options, const char *value);
const char *rpc_set_auth(struct options *options, const char *value);
const char *rpc_set_again(struct options *options, const char *value);
const char *rpc_set_trace(struct options *options, const char *value);
const char *rpc_set_pretty(struct options *options, const char *value);
const char *rpc_set_count(struct options *options, const char *value);
const char *rpc_set_interval(struct options *options, const char *value);

#endif
