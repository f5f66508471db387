/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_PARTS_H
#define LEAT_TOOL_RPC_PARTS_H

/* The subcommands of `leat rpc`, one file each, for the table of rpc.c. */

#include "tools/leat/options.h"

extern const struct command command_rpc_call, command_rpc_list, command_rpc_ping;

#endif
