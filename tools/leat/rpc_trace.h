/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_TRACE_H
#define LEAT_TOOL_RPC_TRACE_H

/*
 * The steps of a call, for a person: call, marshal, send; what the server does; receive, unmarshal, return; with their times and their bytes.
 *
 * Steps are noted while the call goes on and printed when it waits or is over, so that the printing is not in the times.
 */

#include <leat/rpc.h>

struct rpc_trace;

/* From now on. Returns NULL without memory. */
struct rpc_trace *rpc_trace_new(void);
struct rpc_trace *rpc_trace_free(struct rpc_trace *trace);

/* A step that is the caller's: "call", "return". text: what it is about, copied. */
void rpc_trace_note(struct rpc_trace *trace, const char *step, const char *text);

/* For leat_rpc_client_watch(), with the trace as its userdata. */
leat_rpc_watcher rpc_trace_watcher;

/* Print what was noted since the last time, on standard error. */
void rpc_trace_print(struct rpc_trace *trace);

#endif
