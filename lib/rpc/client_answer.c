/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "rpc/client_core.h"

#include <string.h>

/*
 * What becomes of a call: an answer, a loss, a deadline, and which of the three truths each of them is (docs/design/rpc.md, section 2).
 *
 * `in_doubt` is of earlier attempts: one went out whole, and nobody knows what became of it. While that is so, no answer that this attempt did not run says
 * anything about the call.
 */

/* ---- results ---- */

int client_unmarshal(struct leat_rpc_client *client, struct leat_rpc_call *call, struct leat_xdr_type type,
                     void *ret_result, const uint8_t *bytes, size_t size) {
        struct leat_xdr_arena none = { 0 }; /* of what takes no memory */
        if (type.node == 0 ? size == 0 : !ret_result)
                return 0; /* nothing, or nobody asks */
        int r = leat_xdr_decode(type, bytes, size, type.node != 0 && call->arena ? call->arena : &none, NULL,
                                ret_result, &call->fault);
        if (r < 0)
                call->status = LEAT_RPC_BAD_REPLY;
        else
                rpc_client_tell(client, LEAT_RPC_STEP_UNMARSHAL, bytes, size);
        return r;
}

static int unmarshal(struct leat_rpc_client *client, struct rpc_pending *pending, const uint8_t *bytes, size_t size) {
        const struct leat_xdr_type type = { pending->program->schema, pending->procedure->result };
        return client_unmarshal(client, pending->call, type, pending->ret_result, bytes, size);
}

int client_read_kept(struct leat_rpc_client *client, struct rpc_pending *pending) {
        return unmarshal(client, pending, pending->message.bytes, pending->reply_bytes);
}

/*
 * Its result, now or when leat_rpc_next() tells of it: what is borrowed lies in the message until then, and more messages come before. The arguments are of no use
 * any more: their place is the result's.
 */
static void take_result(struct leat_rpc_client *client, struct rpc_pending *pending, const uint8_t *bytes,
                        size_t size) {
        struct leat_xdr_buffer *message = &pending->message;
        pending->call->ran = LEAT_RPC_RAN;
        if (pending->is_sync || client->hands_out || size == 0 || !pending->ret_result) {
                client_over(client, pending, unmarshal(client, pending, bytes, size));
                return;
        }
        message->size_bytes = 0;
        int r = leat_xdr_buffer_reserve(message, size);
        if (r == 0) {
                memcpy(message->bytes, bytes, size);
                message->size_bytes = pending->reply_bytes = size;
        } else
                pending->call->status = LEAT_RPC_BAD_REPLY;
        client_over(client, pending, r);
}

/* ---- answers ---- */

/* This attempt did not run, says its server. */
static enum leat_rpc_ran not_this_time(const struct rpc_pending *pending) {
        return pending->in_doubt ? LEAT_RPC_UNKNOWN : LEAT_RPC_NOT_RUN;
}

static void end(struct leat_rpc_client *client, struct rpc_pending *pending, enum leat_rpc_ran ran, int error) {
        pending->call->ran = ran;
        client_over(client, pending, error);
}

static void break_off(struct leat_rpc_client *client, struct rpc_pending *pending, enum leat_rpc_ran ran) {
        pending->call->status = LEAT_RPC_BAD_REPLY;
        end(client, pending, ran, -EBADMSG);
}

static void refuse(struct leat_rpc_client *client, struct rpc_pending *pending, enum leat_rpc_status status,
                   uint32_t low, uint32_t high) {
        pending->call->status = status;
        pending->call->low = low;
        pending->call->high = high;
        end(client, pending, status == LEAT_RPC_SYSTEM_ERROR ? LEAT_RPC_RAN : not_this_time(pending), -EPROTO);
}

/* The server does not know the session of a call. If no attempt but this one can have run, nor another copy of it, it is a new call for whom is there now. */
static void is_stale(struct leat_rpc_client *client, struct rpc_pending *pending) {
        bool current = pending->session == client->session;
        if (pending->in_doubt || client->carrier->may_double) {
                end(client, pending, LEAT_RPC_UNKNOWN, -EPIPE);
        } else {
                client_unnumber(pending);
                client_again(client, pending, false);
        }
        if (current)
                client_greet_again(client);
}

static void is_drained(struct leat_rpc_client *client, struct rpc_pending *pending) {
        client_leave_server(client);
        if (client->options.flags & LEAT_RPC_STAY) {
                end(client, pending, not_this_time(pending), -EPIPE);
                return;
        }
        /* Another server will not know the number; this one has said that it did not run. */
        if (!pending->in_doubt)
                client_unnumber(pending);
        client_again(client, pending, false);
}

/* What a server of Leat says of a call instead of its answer. */
static void act_on(struct leat_rpc_client *client, struct rpc_pending *pending, enum companion_outcome outcome) {
        switch (outcome) {
        case COMPANION_STALE:
                is_stale(client, pending);
                return;
        case COMPANION_RAN:
                end(client, pending, LEAT_RPC_RAN, -EPIPE);
                return;
        case COMPANION_BUSY:
                client_again(client, pending, true);
                return;
        case COMPANION_DRAINING:
                is_drained(client, pending);
                return;
        case COMPANION_EXPIRED:
                end(client, pending, not_this_time(pending), -ETIMEDOUT);
                return;
        case COMPANION_CANCELLED:
                end(client, pending, not_this_time(pending), -ECANCELED);
                return;
        case COMPANION_FORGOTTEN:
        default:
                end(client, pending, LEAT_RPC_UNKNOWN, -EPIPE);
        }
}

static void take_answer(struct leat_rpc_client *client, struct rpc_pending *pending, const uint8_t *bytes,
                        size_t size) {
        struct companion_answer answer;
        ssize_t n = companion_take_answer(bytes, size, &answer);
        if (n < 0) {
                break_off(client, pending, LEAT_RPC_UNKNOWN);
                return;
        }
        if (answer.outcome != COMPANION_DRAINING && answer.outcome != COMPANION_STALE)
                client_heard(client);
        if (answer.outcome != COMPANION_ANSWERED)
                act_on(client, pending, answer.outcome);
        else if (answer.status != LEAT_RPC_SUCCESS)
                refuse(client, pending, answer.status, answer.low, answer.high);
        else {
                pending->call->status = LEAT_RPC_SUCCESS;
                take_result(client, pending, bytes + n, size - (size_t)n);
        }
}

/* A server that greets as one of Leat does not serve the companion: it is none, and the call is sent as one to others. */
static void is_not_wrapped(struct leat_rpc_client *client, struct rpc_pending *pending, const struct rpc_reply *reply) {
        bool of_companion =
                reply->status >= LEAT_RPC_PROGRAM_UNAVAILABLE && reply->status <= LEAT_RPC_PROCEDURE_UNAVAILABLE;
        if (!of_companion) {
                refuse(client, pending, reply->status, reply->low, reply->high);
                return;
        }
        if (pending->in_doubt && !pending->may_repeat)
                end(client, pending, LEAT_RPC_UNKNOWN, -EPIPE);
        else {
                client_unnumber(pending);
                client_again(client, pending, false);
        }
        client_is_foreign(client);
}

static void take_reply(struct leat_rpc_client *client, struct rpc_pending *pending, const struct rpc_reply *reply,
                       const uint8_t *body, size_t size) {
        if (pending->wrapped && reply->status == LEAT_RPC_SUCCESS)
                take_answer(client, pending, body, size);
        else if (pending->wrapped)
                is_not_wrapped(client, pending, reply);
        else if (reply->status != LEAT_RPC_SUCCESS)
                refuse(client, pending, reply->status, reply->low, reply->high);
        else {
                pending->call->status = LEAT_RPC_SUCCESS;
                take_result(client, pending, body, size);
        }
}

/* Which call a message answers; NULL: none that was sent, or it is over. By a stream an answer comes by the connection of its call. */
static struct rpc_pending *find_asker(const struct leat_rpc_client *client, const uint8_t *message, size_t size) {
        struct rpc_pending *pending = size >= 4 ? client_pending_find(client, get_be32(message)) : NULL;
        if (!pending)
                return NULL;
        bool late = pending->state == RPC_PENDING_WAITS && pending->attempts > 0 && !client->carrier->is_stream;
        return pending->state == RPC_PENDING_SENT || late ? pending : NULL;
}

/* The server says that it drains. No answer looks like that. */
static bool is_notice(const struct leat_rpc_client *client, const uint8_t *message, size_t size) {
        return client->greeted && client->carrier->is_stream && companion_is_notice(client->greeted_xid, message, size);
}

static void take_message(struct leat_rpc_client *client, const uint8_t *message, size_t size_bytes) {
        struct rpc_reply reply;
        struct rpc_pending *pending = find_asker(client, message, size_bytes);
        if (!pending)
                return;
        ssize_t header = rpc_reply_decode(message, size_bytes, &reply);
        if (pending == client->greeting_call) {
                rpc_client_tell(client, LEAT_RPC_STEP_GREET, message, size_bytes);
                bool success = header >= 0 && reply.status == LEAT_RPC_SUCCESS;
                client_greeted(client, success, success ? message + header : NULL,
                               success ? size_bytes - (size_t)header : 0);
                return;
        }
        rpc_client_tell(client, LEAT_RPC_STEP_RECEIVE, message, size_bytes);
        if (header < 0) {
                break_off(client, pending, LEAT_RPC_UNKNOWN);
                return;
        }
        if (!pending->wrapped)
                client_heard(client);
        if (client->shuns)
                client->never_greet = true;
        take_reply(client, pending, &reply, message + header, size_bytes - (size_t)header);
}

void client_answer(struct leat_rpc_client *client, const uint8_t *message, size_t size_bytes) {
        if (is_notice(client, message, size_bytes))
                client_leave_server(client);
        else
                take_message(client, message, size_bytes);
        client_end_leaving(client);
}

/* ---- no answer ---- */

/* Would others be in doubt for good if the connection were cut? */
static bool would_harm(const struct leat_rpc_client *client) {
        for (const struct list *node = client->sent.next; node != &client->sent; node = node->next) {
                const struct rpc_pending *pending = CONTAINER_OF(node, const struct rpc_pending, node);
                if (pending->call &&
                    ((!pending->may_repeat && pending->sequence == 0) || (client->options.flags & LEAT_RPC_STAY)))
                        return true;
        }
        return false;
}

void client_fail(struct leat_rpc_client *client, struct rpc_pending *pending, int error) {
        bool unknown = pending->in_doubt || pending->state == RPC_PENDING_SENT, cut = false;
        if (pending->state == RPC_PENDING_GIVEN) {
                int part_went = client->carrier->forget ? client->carrier->forget(client, pending) : 0;
                /* A part of a call is none: without the rest it does not run. */
                cut = part_went && !would_harm(client);
                unknown = unknown || (part_went && !cut);
        }
        pending->call->status = LEAT_RPC_NO_REPLY;
        end(client, pending, unknown ? LEAT_RPC_UNKNOWN : LEAT_RPC_NOT_RUN, error);
        if (cut)
                client_lost(client, -EPIPE);
}

bool client_expire(struct leat_rpc_client *client) {
        if (client_next_time(client) == LEAT_NEVER)
                return false;
        int64_t now = leat_now();
        bool any = client_session_due(client, now);
        while (!list_empty(&client->deadlines)) {
                struct rpc_pending *first = CONTAINER_OF(client->deadlines.next, struct rpc_pending, by_deadline);
                if (first->deadline > now)
                        break;
                client_fail(client, first, first->deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT);
                any = true;
        }
        return any;
}

/* ---- a loss ---- */

/* It was sent, and the connection is gone. It waits to be sent again, or it is over. */
static void lose_sent(struct leat_rpc_client *client, struct rpc_pending *pending) {
        if (!pending->call) {
                client_pending_release(client, pending);
                return;
        }
        bool is_numbered = pending->wrapped && pending->sequence != 0;
        if ((!pending->may_repeat && !is_numbered) || (client->options.flags & LEAT_RPC_STAY)) {
                client_fail(client, pending, -EPIPE);
                return;
        }
        pending->in_doubt = true;
        pending->state = RPC_PENDING_WAITS;
        pending->not_before = 0;
        list_remove(&pending->node);
        list_insert(client->waiting.next, &pending->node);
}

/* Also those that were not sent, if there will be no other connection; the client's own were for this one. */
static void lose_waiting(struct leat_rpc_client *client) {
        bool stay = client->options.flags & LEAT_RPC_STAY;
        for (struct list *node = client->waiting.next, *next = node->next; node != &client->waiting;
             node = next, next = node->next) {
                struct rpc_pending *pending = CONTAINER_OF(node, struct rpc_pending, node);
                pending->state = RPC_PENDING_WAITS;
                if (!pending->call)
                        client_pending_release(client, pending);
                else if (stay)
                        client_fail(client, pending, -EPIPE);
        }
}

/* The call whose reply is too large to be taken ran. */
static void end_too_large(struct leat_rpc_client *client) {
        struct rpc_pending *pending = client->large ? client_pending_find(client, client->large_xid) : NULL;
        client->large = false;
        if (pending && pending->call && pending->state == RPC_PENDING_SENT)
                end(client, pending, LEAT_RPC_RAN, -EMSGSIZE);
}

void client_lost(struct leat_rpc_client *client, int why) {
        if (why == -EMSGSIZE)
                end_too_large(client);
        client_poll_forget(client);
        client->carrier->lose(client);
        client_disconnected(client);
        while (!list_empty(&client->sent))
                lose_sent(client, CONTAINER_OF(client->sent.previous, struct rpc_pending, node));
        lose_waiting(client);
}
