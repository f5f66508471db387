/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_RPC_WAYS_H
#define LEAT_TOOL_BENCH_RPC_WAYS_H

/*
 * The ways of `leat bench rpc`: each has a client, which is this process, and a server, which is a child of it, on a CPU each. A server has its turn with its
 * client and is stopped otherwise: one that looks at memory for as long as it likes would be in the others' way.
 */

#include "tools/leat/bench_contest.h"

#include <errno.h>
#include <leat/channel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RPC_CALL_BYTES 40u  /* of a null call: its header */
#define RPC_REPLY_BYTES 24u /* and its reply */
#define RPC_MARK_BYTES 4u   /* a record's */
#define RPC_LARGE_BYTES ((size_t)1 << 20)
#define RPC_DEADLINE_S 60 /* of each call */

enum rpc_carrier_of_bench { BY_UNIX, BY_TCP, BY_SHM };
enum rpc_waiting { SLEEPING, SPINNING, ADAPTIVE };

struct rpc_ground {
        const char *folder; /* for names of unix sockets */
        int cpus[2];
        uint8_t *block; /* RPC_LARGE_BYTES */
};

struct rpc_way;

/* What a way has while it is measured. */
struct rpc_state {
        pid_t server;                     /* 0: there is none */
        char address[LEAT_ADDRESS_BYTES]; /* where it listens, as it says */
        void *client;
        int fd;
};

/* The functions return 0 or a negative errno. */
struct rpc_kind {
        int (*load)(const struct rpc_way *way); /* before the server begins; or NULL */
        /* In the child: listen; say where; serve until it is killed. Returns only if it cannot. tell: rpc_tell(). */
        int (*serve)(const struct rpc_way *way, const struct rpc_ground *ground, int tell);
        int (*open)(const struct rpc_way *way, const struct rpc_ground *ground);
        int (*run)(const struct rpc_way *way, const struct rpc_ground *ground, int64_t times);
        void (*close)(const struct rpc_way *way);
};

struct rpc_way {
        struct way way;
        const struct rpc_kind *kind;
        enum rpc_carrier_of_bench carrier;
        enum rpc_waiting waiting;
        unsigned in_flight; /* calls at once */
        bool large;         /* with an argument of RPC_LARGE_BYTES */
        struct rpc_state *state;
};

extern const struct rpc_kind rpc_kind_leat, rpc_kind_socket, rpc_kind_memory, rpc_kind_tirpc;

/* In the child: this is where it listens. */
int rpc_tell(int tell, const char *address);

/* A path in the folder, by the way's carrier and name. */
void rpc_path(const struct rpc_way *way, const struct rpc_ground *ground, char path[108]);

#endif
