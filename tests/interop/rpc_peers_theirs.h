/* SPDX-License-Identifier: MIT */
#ifndef RPC_PEERS_THEIRS_H
#define RPC_PEERS_THEIRS_H

/* What rpcgen makes of rpc_peers.x, without the names that C has for other things. */
#include "rpc_peers.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A procedure of none of the interface's: the server refuses whoever calls it. */
#define WEAK 99

#endif
