/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_SCHEMA_H
#define LEAT_TOOL_RPC_SCHEMA_H

/* The plan of an interface (tools/leatgen/plan.h) as the tables that the library walks. */

#include "tools/leatgen/job.h"
#include "tools/leatgen/plan.h"

/* In the job's pool; the plan's names are used. */
struct leat_xdr_schema *rpc_schema_make(struct job *job, const struct schema *plan);

#endif
