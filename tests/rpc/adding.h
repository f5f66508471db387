/* SPDX-License-Identifier: MIT */
#ifndef ADDING_H
#define ADDING_H

/*
 * A client of a scripted server that adds one: what the tests of the client share.
 */

#include "scripted.h"

#include <leat/rpc.h>

enum { ADDING_ONE, ADDING_SAFELY, ADDING_NULL, ADDING_TAKE, ADDING_BORROW, ADDING_PROCEDURES };

extern const struct leat_rpc_program adding_program;

/* flags: LEAT_RPC_PLAIN, ...; reply_bytes_max: 0: the usual. */
struct leat_rpc_client *adding_connect(const struct scripted *peer, unsigned flags, size_t reply_bytes_max);

/* A call with time enough. */
struct leat_rpc_call adding_soon(struct leat_xdr_arena *arena);

/* Call ADDING_ONE or ADDING_SAFELY with 41, to be 42. */
struct adding_outcome {
        int error;
        struct leat_rpc_call call;
        int32_t result;
};
struct adding_outcome adding_call_until(struct leat_rpc_client *client, uint32_t procedure, int64_t deadline);
struct adding_outcome adding_call(struct leat_rpc_client *client, uint32_t procedure);

/* Fails the test if it did not become of it what is said here. */
void adding_check(struct adding_outcome outcome, int error, enum leat_rpc_ran ran, enum leat_rpc_status status);
void adding_check_ran(struct adding_outcome outcome);

struct leat_rpc_client_info adding_info(struct leat_rpc_client *client);

/* What the scripts and the tests share. */
struct adding {
        unsigned variant;
        uint64_t session, sequence;
        uint32_t xid;
        struct harness_event *ready;
};
extern struct adding adding;

/* A script: answer one connection until it ends. */
void adding_answer_all(struct scripted *peer);

#endif
