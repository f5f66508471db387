/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_SESSION_H
#define LEAT_RPC_SESSION_H

/*
 * The calls of Leat's clients by their numbers: rules S1 to S3 of docs/design/rpc.md, section 2. All of it with the server's lock.
 *
 * A session stands for a client id, and its number is a secret between the two. It has an entry for each call that was begun and that the client has not acknowledged:
 * numbers up to `floor` are over for good, and those above floor + RPC_SESSION_WINDOW are not begun yet. So a table of entries is indexed by the number itself,
 * and grows with the distance between the oldest and the newest.
 */

#include "rpc/server.h"

#define RPC_SESSION_WINDOW 16384u

/* What a session knows of a call. */
enum rpc_asked {
        RPC_ASKED_NEW,     /* it has not begun: rpc_session_enter(), and run it */
        RPC_ASKED_RUNNING, /* it runs, and the one that asks is answered with it: RPC_WAIT */
        RPC_ASKED_KEPT,    /* request->reply is the answer */
        RPC_ASKED_TOLD,    /* the outcome is the answer */
        RPC_ASKED_BROKEN   /* no client asks so */
};

/* The session of a client id; a new one if it has none, for which another may be evicted. Returns 0; -EBUSY: all of them run calls; -ENOMEM, or why there are no random numbers. */
int rpc_session_greet(struct leat_rpc_server *server, const uint8_t client[COMPANION_ID_BYTES],
                      const struct rpc_peer *peer, struct companion_greeted *ret_greeted);

/* What of request->context, which has a session? It is acknowledged what it acknowledges. */
enum rpc_asked rpc_session_ask(struct leat_rpc_request *request, enum companion_outcome *ret_outcome);

/* It begins: there is an entry from here on (S1). Returns 0; -ENOMEM, -ENOBUFS: the entries of all sessions have no more room. */
int rpc_session_enter(struct leat_rpc_request *request);

/* It does not, and never will: whoever asks is told the outcome. Of one that is new, or was entered. */
void rpc_session_refuse(struct leat_rpc_request *request, enum companion_outcome outcome);

/* A number is cancelled: not begun yet, it never will; its request is told if it runs. */
void rpc_session_cancel(struct leat_rpc_server *server, const struct companion_cancel *cancel);

/* The client has no more calls. What runs is answered where it came from. */
void rpc_session_leave(struct leat_rpc_server *server, uint64_t number);

#endif
