/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_VALUE_H
#define LEAT_TOOL_RPC_VALUE_H

/* Arguments and results of calls by hand, as JSON. */

#include "tools/leat/options.h"
#include "tools/leat/rpc_interface.h"

/* Which procedure is called, of which version. */
struct rpc_target {
        const struct rpc_version *version;
        uint32_t index;
};

static inline const struct leat_rpc_procedure *rpc_target_procedure(const struct rpc_target *target) {
        return &target->version->program.procedures[target->index];
}

/* The types of its argument and result; node 0: it has none. */
struct leat_xdr_type rpc_target_argument(const struct rpc_target *target);
struct leat_xdr_type rpc_target_result(const struct rpc_target *target);

/*
 * The argument, in the arena; *ret_value is NULL if there is none. text: JSON; "-" or NULL: from standard input. Several arguments
 * are an object, or an array by position.
 * Returns DONE, or the exit code after saying what is wrong.
 */
int rpc_value_read(const struct options *options, const struct rpc_target *target, const char *text,
                   struct leat_xdr_arena *arena, void **ret_value);

/* Memory for the result; *ret_value is NULL if there is none. Returns DONE or the exit code. */
int rpc_value_make(struct leat_xdr_type type, struct leat_xdr_arena *arena, void **ret_value);

/* Print the result on a line of standard output, or a field a line. Returns DONE or the exit code. */
int rpc_value_print(struct leat_xdr_type type, const void *value, bool pretty);

#endif
