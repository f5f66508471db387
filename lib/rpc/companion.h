/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_COMPANION_H
#define LEAT_RPC_COMPANION_H

/*
 * The companion program: what two ends of Leat say to each other about calls (docs/design/rpc.md, section 2). Arguments and results stand, as XDR, behind the
 * ordinary headers of calls and replies (rpc_message.h).
 */

#include "rpc/rpc_message.h"

#define COMPANION_PROGRAM UINT32_C(0x204c4541)
#define COMPANION_VERSION 1u
#define COMPANION_ID_BYTES 16

enum companion_procedure {
        COMPANION_NULL,
        COMPANION_GREET,
        COMPANION_CALL,
        COMPANION_CANCEL,
        COMPANION_LIST,
        COMPANION_LEAVE,
        COMPANION_DRAIN /* said by servers alone */
};

/* GREET */
struct companion_greeting {
        uint8_t client[COMPANION_ID_BYTES];
        uint32_t features; /* 0 */
};

#define COMPANION_UNLIMITED UINT32_MAX

struct companion_greeted {
        uint64_t session; /* never 0 */
        uint8_t server[COMPANION_ID_BYTES];
        uint32_t window;        /* calls with a number that may be under way or unacknowledged at once */
        uint32_t largest_bytes; /* of a message that it takes; COMPANION_UNLIMITED: the carrier alone says */
        bool known;             /* it knew this client id: `session` is the one that it gave before */
};

/* CALL. Behind it stand the arguments of the procedure that is meant. */
#define COMPANION_CONTEXT_BYTES 48u
#define COMPANION_FOREVER UINT64_MAX
#define COMPANION_AGAIN 1u /* flags: this number was sent before */

struct companion_context {
        uint64_t session;      /* 0: the call has no number */
        uint64_t sequence;     /* from 1 */
        uint64_t acknowledged; /* all up to here are over for the client */
        uint64_t left_ns;      /* until its deadline; COMPANION_FOREVER */
        uint32_t flags;
        uint32_t program, version, procedure;
};

enum companion_outcome {
        COMPANION_ANSWERED, /* a status up to LEAT_RPC_SYSTEM_ERROR, and its body as in a reply's header, or the result */
        COMPANION_STALE,    /* this server did not give that session: not run here */
        COMPANION_FORGOTTEN, /* it cannot be shown to be new: not run now, perhaps before */
        COMPANION_RAN,       /* it ran, and the reply is not kept */
        COMPANION_BUSY,      /* not run: too much at once */
        COMPANION_DRAINING,  /* not run: the server is about to end */
        COMPANION_EXPIRED,   /* not run: the deadline had passed */
        COMPANION_CANCELLED, /* not run: it was cancelled before it began */
        COMPANION_OUTCOMES
};

/* What stands behind a successful reply to CALL, before a result. */
struct companion_answer {
        enum companion_outcome outcome;
        enum leat_rpc_status status; /* of COMPANION_ANSWERED */
        uint32_t low, high;          /* of LEAT_RPC_VERSION_MISMATCH */
};

/* CANCEL: of a numbered call session and sequence, of another session 0 and the xid that it has on this connection. LEAVE: session alone. */
struct companion_cancel {
        uint64_t session, sequence;
        uint32_t xid;
};

/*
 * DRAIN: what a server that is about to end says, by a stream, to a client that greeted it: no call that comes from now on is run by this connection that can be told so. It is a
 * call without an argument, a credential or an answer; its xid is that of the greeting which was answered last on this connection.
 */
#define COMPANION_NOTICE_BYTES 40u

/*
 * LIST: what is served, as an interface file would have its result. At most COMPANION_LIST_BYTES, and by udp COMPANION_LIST_DATAGRAM_BYTES, as whoever forges an
 * address has the list sent there; what does not fit is left out, and `cut` says so.
 *
 *     struct procedure { unsigned number; unsigned flags; string name<255>; };       // flags: LEAT_RPC_IDEMPOTENT, LEAT_RPC_STREAM
 *     struct program { unsigned number; unsigned version; string name<255>; procedure procedures<>; };
 *     struct list { program programs<>; bool cut; };
 */
#define COMPANION_LIST_BYTES 60000u
#define COMPANION_LIST_DATAGRAM_BYTES 1200u
#define COMPANION_NAME_MAX 255u

/*
 * Append one. Returns 0 or an error of leat_xdr_buffer_reserve().
 */
int companion_put_greeting(const struct companion_greeting *greeting, struct leat_xdr_buffer *buffer);
int companion_put_greeted(const struct companion_greeted *greeted, struct leat_xdr_buffer *buffer);
int companion_put_cancel(const struct companion_cancel *cancel, struct leat_xdr_buffer *buffer);
int companion_put_answer(const struct companion_answer *answer, struct leat_xdr_buffer *buffer);
int companion_put_leave(uint64_t session, struct leat_xdr_buffer *buffer);
int companion_put_list(const struct leat_rpc_service *services, size_t services_count, size_t most_bytes,
                       struct leat_xdr_buffer *buffer);
/* COMPANION_CONTEXT_BYTES at `at`. */
void companion_write_context(const struct companion_context *context, uint8_t *at);
/* The whole message of DRAIN: COMPANION_NOTICE_BYTES. And is it this one? */
void companion_write_notice(uint32_t xid, uint8_t *at);
bool companion_is_notice(uint32_t xid, const void *bytes, size_t size_bytes);

/* Read one from exactly so many bytes; of a context and an answer from their beginning: what is left belongs to the procedure that is meant. Returns how many were read, or
 * -EBADMSG. */
ssize_t companion_take_greeting(const void *bytes, size_t size_bytes, struct companion_greeting *ret_greeting);
ssize_t companion_take_greeted(const void *bytes, size_t size_bytes, struct companion_greeted *ret_greeted);
ssize_t companion_take_cancel(const void *bytes, size_t size_bytes, struct companion_cancel *ret_cancel);
ssize_t companion_take_leave(const void *bytes, size_t size_bytes, uint64_t *ret_session);
ssize_t companion_take_context(const void *bytes, size_t size_bytes, struct companion_context *ret_context);
ssize_t companion_take_answer(const void *bytes, size_t size_bytes, struct companion_answer *ret_answer);

#endif
