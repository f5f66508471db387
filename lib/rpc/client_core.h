/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_CLIENT_CORE_H
#define LEAT_RPC_CLIENT_CORE_H

/* What client.c and client_*.c have of each other, beside what carriers see (rpc/client.h). */

#include "rpc/client.h"

#include <errno.h>
#include <leat/xdr_code.h>

/* ---- client.c ---- */

/* May this process use it? 0, -EINVAL, -ECHILD. */
static inline int client_guard(struct leat_rpc_client *client) {
        if (!client)
                return -EINVAL;
        return fork_owns(&client->member) ? 0 : -ECHILD;
}

/* Is there an interrupt? It is taken. */
bool client_take_interrupt(struct leat_rpc_client *client);

/* What to sleep on until something can be done. 1: it can be now. */
int client_arm(struct leat_rpc_client *client, struct wait *wait);

/* A call of the library's is about to return: leat_rpc_client_fd() is to be readable when there is something to do. */
void client_poll_mend(struct leat_rpc_client *client);

/* Before the carrier's descriptors are closed: they are none to poll any more. */
void client_poll_forget(struct leat_rpc_client *client);

/* ---- client_pending.c: the memory of calls ---- */

/* One with RPC_HEADROOM bytes of message, an xid and nothing else, in no list. in_table: a reply to it is looked for. 0, -ENOMEM. */
int client_pending_take(struct leat_rpc_client *client, bool in_table, struct rpc_pending **ret_pending);

/* Out of whatever it stands in, and back to the spare ones. */
void client_pending_release(struct leat_rpc_client *client, struct rpc_pending *pending);

/* Give it another xid. */
void client_pending_renew(struct leat_rpc_client *client, struct rpc_pending *pending);
/* Out of the table and of the lists by deadline and number: no reply finds it any more. */
void client_pending_unlist(struct leat_rpc_client *client, struct rpc_pending *pending);

struct rpc_pending *client_pending_find(const struct leat_rpc_client *client, uint32_t xid);

/* In the list of deadlines, if it has one. */
void client_pending_expires(struct leat_rpc_client *client, struct rpc_pending *pending);

/* Free the spare ones and the table. */
void client_pending_free_all(struct leat_rpc_client *client);

/* ---- client_call.c ---- */

/* It is over: its caller is told what stands in pending->call, and this. */
void client_over(struct leat_rpc_client *client, struct rpc_pending *pending, int error);

/* It begins: nothing is known of it. */
void client_begin_telling(struct leat_rpc_call *call);

/* May it run more than once? */
static inline bool client_may_repeat(const struct leat_rpc_procedure *procedure, const struct leat_rpc_call *call) {
        return procedure->number == 0 || (procedure->flags & LEAT_RPC_IDEMPOTENT) || (call->flags & LEAT_RPC_AGAIN);
}

/* Until when its caller waits. */
static inline int64_t client_deadline_of(const struct leat_rpc_procedure *procedure, const struct leat_rpc_call *call) {
        if (call->deadline != LEAT_RPC_TIMEOUT)
                return call->deadline;
        return procedure->timeout_ns > 0 ? leat_in_ns(procedure->timeout_ns) : LEAT_NEVER;
}

/* Let what was given go out, if it can. What fails then, the next look tells. */
static inline void client_flush(struct leat_rpc_client *client) {
        if (client->connected && client->carrier->flush)
                client->carrier->flush(client);
}

#define RPC_CLIENT_IDLE_NS INT64_C(5000000) /* a connection that was silent for so long may be gone */

/* ---- client_quick.c, of channels ---- */

/*
 * Make a call the short way. false: nothing was done. true: *ret_pending is the call, and it was sent; or NULL: it is
 * over, and call->error is what the call returns.
 */
bool client_quick(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t index,
                  const void *argument, void *ret_result, struct leat_rpc_call *call, struct rpc_pending **ret_pending);

/* client_channel.c: the channel, if a call may go by it past the carrier, and where replies are received; NULL. And one went, with this number. */
struct leat_channel *rpc_channel_quick(const struct leat_rpc_client *client, struct rpc_place **ret_place);
void rpc_channel_asked(const struct leat_rpc_client *client, uint64_t number, uint32_t xid);

/* ---- client_answer.c ---- */

/* A message came. */
void client_answer(struct leat_rpc_client *client, const uint8_t *message, size_t size_bytes);

/* Read the result of a call that ran. Returns what the call returns. */
int client_unmarshal(struct leat_rpc_client *client, struct leat_rpc_call *call, struct leat_xdr_type type,
                     void *ret_result, const uint8_t *bytes, size_t size_bytes);

/* The same of one that was kept until somebody has a use for it. */
int client_read_kept(struct leat_rpc_client *client, struct rpc_pending *pending);

/* It ends without an answer: not run, or unknown. */
void client_fail(struct leat_rpc_client *client, struct rpc_pending *pending, int error);

/* Those whose deadline has passed. Returns whether there were any. */
bool client_expire(struct leat_rpc_client *client);

/* The connection is lost, or is of no use any more: `why`. */
void client_lost(struct leat_rpc_client *client, int why);

/* ---- client_session.c ---- */

/* Of the header of a call, with the credential. */
static inline size_t client_header_bytes(const struct leat_rpc_client *client) {
        return 40 + (size_t)leat_xdr_padded(client->credential_bytes);
}

/* Send what waits, as far as that may be, and connect for it. */
void client_send_waiting(struct leat_rpc_client *client);

/* When something is to be done again without anything that came: LEAT_NEVER. */
int64_t client_next_time(const struct leat_rpc_client *client);

/* What was to be done by then, beside deadlines. Returns whether there may be something to send now. */
bool client_session_due(struct leat_rpc_client *client, int64_t now);

/* The answer to the greeting: SUCCESS with these bytes behind it, or something else. */
void client_greeted(struct leat_rpc_client *client, bool success, const uint8_t *bytes, size_t size_bytes);

/* It is to be sent again: it did not run, and nothing is in doubt that was not before. later: not at once. */
void client_again(struct leat_rpc_client *client, struct rpc_pending *pending, bool later);

/* Its number is worth nothing any more, and no attempt is in doubt: the next one has another. */
void client_unnumber(struct rpc_pending *pending);

/* The server turned out to be another implementation. */
void client_is_foreign(struct leat_rpc_client *client);

/* Ask its server once more who it is: it does not know the session. */
void client_greet_again(struct leat_rpc_client *client);

/* The server is about to end: nothing more goes by this connection. */
void client_leave_server(struct leat_rpc_client *client);

/* If so, and all that was sent is answered, or nobody waits for it: the server is not to wait either. */
void client_end_leaving(struct leat_rpc_client *client);

/* An answer came by this connection, of a server that goes on. */
static inline void client_heard(struct leat_rpc_client *client) {
        client->heard = client->heard || !client->leaving;
}

/* Tell the server, if it is one of Leat, that nobody waits for this one any more. */
void client_tell_cancel(struct leat_rpc_client *client, uint64_t session, uint64_t sequence, uint32_t xid);
void client_tell_leave(struct leat_rpc_client *client);
/* A call of this session is over. If that is not the present one, and it was the last, its server is told with the next message. */
void client_leave_session(struct leat_rpc_client *client, uint64_t session);

/* The connection is closed: whether the next one is greeted, and how long to wait before it. */
void client_disconnected(struct leat_rpc_client *client);

#endif
