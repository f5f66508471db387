/* SPDX-License-Identifier: MIT */

/* leat rpc: what its next word chooses. */

#include "tools/leat/rpc_parts.h"

static const struct command *const parts[] = { &command_rpc_call, &command_rpc_list, &command_rpc_ping, NULL };

const struct command command_rpc = {
        .name = "rpc",
        .operands = "call|list|ping [OPTION]... ADDRESS...",
        .summary = "Call procedures of a server by hand, see what it serves, and whether it answers",
        .details =
                "'leat rpc call --help' and so on say more of each. An ADDRESS is tcp:HOST:PORT, unix:PATH, "
                "unix:@NAME,\n"
                "udp:HOST:PORT, for servers of ONC RPC of every make, or any other of Leat; tcp:HOST and udp:HOST are\n"
                "looked up with rpcbind.\n\n"
                "Exit: 0 done; 1 the answer is no, or the input cannot be read; 2 usage; 3 it did not run; 4 unknown,\n"
                "it may have run; 5 it ran, and failed; 71 the system refused.\n\n"
                "Example: leat rpc call directory.x unix:directory FIND '\"a\"'\n",
        .parts = parts,
};
