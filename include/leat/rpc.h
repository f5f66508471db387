/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_H
#define LEAT_RPC_H

/*
 * Remote calls: what the stubs of leatgen(1) call.
 *
 * An interface file names programs, their versions and procedures. leatgen writes for each procedure a client's stub, a C
 * function that looks like a call of the procedure, and for each version a structure of functions that a server fills in.
 * Calls and replies are the messages of ONC RPC version 2 (RFC 5531), each carried as one message of a channel by leat_call() and
 * leat_reply().
 *
 * A client is a channel opened with LEAT_CALL. A call that fails says which of three is true (enum leat_rpc_ran): the procedure did
 * not run, it ran, or that is unknown. A server is a channel opened with LEAT_REPLY, and the programs that it serves.
 *
 * Ownership: the channel stays the caller's, and outlives the client or server. Results of a call lie in the arena that
 * the call names; of an interface compiled with --borrow, opaque and strings lie in the client, until its next call. A
 * handler's arguments live until it returns; what its result points to must live until it returns to the server, best in
 * leat_rpc_request_arena().
 *
 * Threads: one thread at a time for each client and each server. Fork: as their channels, -ECHILD in a child. Signals: none of it is
 * for handlers, save leat_interrupt() of the channel. The library starts no thread.
 */

#include <leat/channel.h>
#include <leat/deadline.h>
#include <leat/xdr.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what leatgen writes ---- */

#define LEAT_RPC_IDEMPOTENT 1u /* may be tried again: idempotent before the procedure */
#define LEAT_RPC_STREAM                                                                                                \
        2u /* its result is a stream of results: stream before the result. Carried since a later release */

struct leat_rpc_procedure {
        uint32_t number;
        uint32_t flags;     /* LEAT_RPC_... */
        uint32_t argument;  /* a node of the schema: one argument's type, a structure of several, or 0: none */
        uint32_t result;    /* likewise, 0: none */
        int64_t timeout_ns; /* deadline= before the procedure; 0: it has none */
        const char *name;   /* as in the interface file */
};

struct leat_rpc_program {
        const char *name; /* as in the interface file */
        uint32_t number, version;
        uint32_t count; /* of procedures */
        const struct leat_rpc_procedure *procedures;
        const struct leat_xdr_schema *schema;
};

/* ---- a call ---- */

/* What is known of a procedure whose call failed. */
enum leat_rpc_ran {
        LEAT_RPC_NOT_RUN, /* it has not run and will not: try again, elsewhere if you like */
        LEAT_RPC_RAN,     /* it ran; its result could not be had */
        LEAT_RPC_UNKNOWN, /* the request went out and no answer came back */
};

/* What a server's reply said: RFC 5531, section 9. */
enum leat_rpc_status {
        LEAT_RPC_SUCCESS,
        LEAT_RPC_PROGRAM_UNAVAILABLE,
        LEAT_RPC_VERSION_MISMATCH, /* low, high: the versions that are served */
        LEAT_RPC_PROCEDURE_UNAVAILABLE,
        LEAT_RPC_GARBAGE_ARGUMENTS,
        LEAT_RPC_SYSTEM_ERROR,
        LEAT_RPC_RPC_MISMATCH, /* of the protocol; low, high */
        LEAT_RPC_AUTH_ERROR,   /* low: enum auth_stat of RFC 5531 */
        LEAT_RPC_NO_REPLY,     /* none came, or none was asked for */
        LEAT_RPC_BAD_REPLY     /* it is no reply of RFC 5531, or its result breaks its type: `fault` */
};

/*
 * What a status means, for a person: "the server could not read the arguments". Returns a text that is never freed. Does not block.
 * Safe with threads, fork and signals. Since 0.1.
 */
const char *leat_rpc_status_text(enum leat_rpc_status status);

/* One call: what it is given, and what is known afterwards. Made by leat_rpc_call_until(); good for one call after another. */
struct leat_rpc_call {
        size_t size;                  /* sizeof(struct leat_rpc_call) */
        int64_t deadline;             /* until when to wait; LEAT_RPC_TIMEOUT: as the interface says, else LEAT_NEVER */
        struct leat_xdr_arena *arena; /* where results are put */
        /* told by the call */
        enum leat_rpc_ran ran;
        enum leat_rpc_status status;
        uint32_t low, high;
        struct leat_xdr_fault fault; /* with -EINVAL: of the argument; with -EBADMSG: of the result */
};

#define LEAT_RPC_TIMEOUT INT64_MIN

/* A call until a deadline, its results into an arena. Since 0.1. */
static inline struct leat_rpc_call leat_rpc_call_until(int64_t deadline, struct leat_xdr_arena *arena) {
        struct leat_rpc_call call;
        call.size = sizeof(call);
        call.deadline = deadline;
        call.arena = arena;
        call.ran = LEAT_RPC_NOT_RUN;
        call.status = LEAT_RPC_NO_REPLY;
        call.low = call.high = 0;
        call.fault.what = LEAT_XDR_OK;
        call.fault.error = 0;
        call.fault.path[0] = '\0';
        return call;
}

/* ---- the client ---- */

struct leat_rpc_client;

/*
 * A client on a channel that was opened with LEAT_CALL.
 * channel: borrowed until leat_rpc_client_free(). Returns 0, -EINVAL, -ENOMEM. Does not block. Since 0.1.
 */
int leat_rpc_client_new(struct leat_channel *channel, struct leat_rpc_client **ret_client);

/* Free a client; its channel stays open. NULL is accepted. Returns NULL. Since 0.1. */
struct leat_rpc_client *leat_rpc_client_free(struct leat_rpc_client *client);

/*
 * Call a procedure: what the generated stubs do.
 *
 * program, procedure: which; procedure is an index into program->procedures.
 * argument:           a value of its argument's type; NULL if it has none.
 * ret_result:         of its result's type, undefined on failure; NULL if it has none, or nobody asks: then it is not even looked at.
 * call:               deadline and arena; told what became of it.
 * Returns 0: it ran, and this is its result. Else call->ran says what is known, and: -EINVAL (the argument breaks its type, nothing was sent),
 * -EBADMSG (the reply does), -EPROTO (the server refused: call->status), -ETIMEDOUT, -EAGAIN, -ECANCELED, -EPIPE and others of
 * leat_call(), -EMSGSIZE (too large for the channel or for the arena), -ENOMEM.
 * Blocks until the deadline. Since 0.1.
 */
int leat_rpc_call(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                  const void *argument, void *ret_result, struct leat_rpc_call *call);

/* ---- the server ---- */

struct leat_rpc_server;
struct leat_rpc_request;

/*
 * What the generated code of a version does with a call: calls the function of `functions` (the generated structure of
 * functions, filled in by the user) for procedure `index`. Returns what that returned; -ENOSYS: it is not filled in. The caller of a
 * function that returns -ENOSYS is told that it did not run, so one that has done something returns another error: LEAT_RPC_SYSTEM_ERROR, it ran.
 */
typedef int leat_rpc_dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                              struct leat_rpc_request *request, void *userdata);

/* A version of a program with the functions that carry it out: made by the generated NAME_server(). */
struct leat_rpc_service {
        const struct leat_rpc_program *program;
        leat_rpc_dispatch *dispatch;
        const void *functions; /* kept: lives as long as the server */
        void *userdata;        /* passed to each function */
};

/*
 * A server on a channel that was opened with LEAT_REPLY.
 * channel: borrowed until leat_rpc_server_free(). Returns 0, -EINVAL, -ENOMEM. Does not block. Since 0.1.
 */
int leat_rpc_server_new(struct leat_channel *channel, struct leat_rpc_server **ret_server);

/*
 * Serve a version of a program too. Returns 0; -EEXIST: it is served already; -EPROTONOSUPPORT: it was compiled for another release of the library; -EINVAL;
 * -ENOMEM. Does not block. Since 0.1.
 */
int leat_rpc_server_add(struct leat_rpc_server *server, struct leat_rpc_service service);

/*
 * Receive one call, carry it out and reply.
 *
 * deadline: until when to wait for a call; a handler takes the time that it takes.
 * Returns 1 if a call was answered, 0 if a message was none, or could not be answered (its caller waits no more, or did not take the
 * reply within 5 s), or a negative errno of leat_receive(): -EAGAIN, -ETIMEDOUT, -ECANCELED, -ENODATA. Since 0.1.
 */
int leat_rpc_server_step(struct leat_rpc_server *server, int64_t deadline);

/*
 * Step until a deadline, leat_interrupt() of the channel, or the end: a channel that listens has none, it waits for the next caller, also while there
 * are no descriptors or no memory for more of them. Returns the negative errno that ended it. Since 0.1.
 */
int leat_rpc_server_run(struct leat_rpc_server *server, int64_t deadline);

/* How many messages the server has dropped: what was no call, what nobody waited for any more, and replies that were not taken. Since 0.1. */
uint64_t leat_rpc_server_unanswered(const struct leat_rpc_server *server);

/* Free a server; its channel stays open. NULL is accepted. Returns NULL. Since 0.1. */
struct leat_rpc_server *leat_rpc_server_free(struct leat_rpc_server *server);

/* Of a request in a handler: memory for its result, set back when the reply is written. Since 0.1. */
struct leat_xdr_arena *leat_rpc_request_arena(struct leat_rpc_request *request);

/* Until when the caller of a request waits; LEAT_NEVER: it did not say. Since 0.1. */
int64_t leat_rpc_request_deadline(const struct leat_rpc_request *request);

/* The message that a request came in: who sent it, as the channel knows it. Borrowed, until the handler returns. Since 0.1. */
const struct leat_message *leat_rpc_request_message(const struct leat_rpc_request *request);

#ifdef __cplusplus
}
#endif

#endif
