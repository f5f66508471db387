/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_TRUTH_H
#define LEAT_TOOL_RPC_TRUTH_H

/*
 * What a call that failed comes to: one line that says whether the procedure ran, why nobody got its result, and what to do next; and the
 * exit code that carries the same.
 */

#include "tools/leat/rpc_value.h"

#include <leat/rpc.h>
#include <stdbool.h>

/* What was called, for the line. */
struct rpc_asked {
        const char *address;
        const char *procedure;
        const struct leat_rpc_program *program;
        bool may_repeat; /* it may run more than once */
        struct leat_rpc_client *client;
};

/* error: as of leat_rpc_call(), negative. Returns the exit code. */
int rpc_truth_tell(const struct rpc_asked *asked, int error, const struct leat_rpc_call *call);

/* There was no call, as nobody could be reached: says why, and what lies at a path of unix: instead. Returns the exit code. */
int rpc_truth_unreached(const char *address, int error, const struct leat_reason *reason);

/* Why nobody could be reached. */
const char *rpc_truth_why(int error, const struct leat_reason *reason);

/* "did not run", "ran", "may have run". */
const char *rpc_truth_word(enum leat_rpc_ran ran);

#endif
