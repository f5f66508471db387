/* SPDX-License-Identifier: MIT */
#include "rpc/client_core.h"

#include <string.h>
#include <sys/random.h>

/* Connections, greetings and numbers: when a call may be sent, and as what (docs/design/rpc.md, sections 2 and 3). */

#define SILENT_NS INT64_C(2000000000) /* no answer to the greeting: taken for another implementation */
/* So many connections in a row that ended upon the greeting, and none that did not: the greeting drives them away. Fewer may be chance. */
#define DRIVEN_AWAY 4u
#define LARGE_BYTES ((size_t)64 << 10) /* of arguments: what every server takes */
#define BUSY_FIRST_NS INT64_C(1000000)
#define BUSY_MOST_NS INT64_C(1000000000)

/* A random part of it, between a half and the whole: clients that lost the same server do not come back at the same moment. */
static int64_t with_jitter(int64_t pause_ns) {
        uint32_t random;
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
                random = (uint32_t)leat_now() * UINT32_C(2654435761);
        return pause_ns / 2 + (int64_t)((double)pause_ns / 2 * random / UINT32_MAX);
}

static int64_t doubled(int64_t pause_ns, int64_t first_ns, int64_t most_ns) {
        if (pause_ns == 0)
                return first_ns;
        return pause_ns < most_ns / 2 ? 2 * pause_ns : most_ns;
}

/* ---- the client's own messages ---- */

/* One of the companion's procedures, to be sent before all that waits. Its arguments go behind what is in the message. */
static int make_own(struct leat_rpc_client *client, enum companion_procedure procedure,
                    struct rpc_pending **ret_pending) {
        struct rpc_pending *pending;
        int r = client_pending_take(client, procedure == COMPANION_GREET, &pending);
        if (r < 0)
                return r;
        pending->companion = procedure;
        pending->may_repeat = true;
        list_insert(client->waiting.next, &pending->node);
        *ret_pending = pending;
        return 0;
}

static bool may_tell(const struct leat_rpc_client *client) {
        return client->connected && client->greeting == RPC_GREETING_LEAT && !client->leaving;
}

/* Nobody waits for the answers of these, and if they do not go out, nothing is lost but time at the server. */
static void tell(struct leat_rpc_client *client, struct rpc_pending *pending, int r) {
        if (r < 0) {
                client_pending_release(client, pending);
                return;
        }
        client_send_waiting(client);
        client_flush(client);
}

void client_tell_cancel(struct leat_rpc_client *client, uint64_t session, uint64_t sequence, uint32_t xid) {
        struct companion_cancel cancel = { .session = session, .sequence = sequence, .xid = xid };
        struct rpc_pending *pending;
        if (may_tell(client) && make_own(client, COMPANION_CANCEL, &pending) == 0)
                tell(client, pending, companion_put_cancel(&cancel, &pending->message));
}

void client_tell_leave(struct leat_rpc_client *client) {
        struct rpc_pending *pending;
        if (may_tell(client) && make_own(client, COMPANION_LEAVE, &pending) == 0)
                tell(client, pending, companion_put_leave(client->session, &pending->message));
}

/* ---- greeting ---- */

static void greet(struct leat_rpc_client *client) {
        struct companion_greeting greeting = { 0 };
        struct rpc_pending *pending;
        memcpy(greeting.client, client->id, sizeof(greeting.client));
        client->greeting = RPC_GREETING_FOREIGN; /* without memory for it */
        if (client->greeting_call || make_own(client, COMPANION_GREET, &pending) < 0)
                return;
        if (companion_put_greeting(&greeting, &pending->message) < 0) {
                client_pending_release(client, pending);
                return;
        }
        client->greeting_call = pending;
        client->greeting = RPC_GREETING_ASKED;
        client->greeting_until = leat_in_ns(SILENT_NS);
}

void client_unnumber(struct rpc_pending *pending) {
        pending->session = pending->sequence = 0;
        list_remove(&pending->by_number);
}

/* Those that wait with a number of another session than this one (0: of any): in doubt they can be asked for by nobody, the others get another number. */
static void end_session(struct leat_rpc_client *client, uint64_t session) {
        for (struct list *node = client->waiting.next, *next = node->next; node != &client->waiting;
             node = next, next = node->next) {
                struct rpc_pending *pending = CONTAINER_OF(node, struct rpc_pending, node);
                if (pending->sequence == 0 || (session != 0 && pending->session == session))
                        continue;
                if (pending->in_doubt)
                        client_fail(client, pending, -EPIPE);
                else
                        client_unnumber(pending);
        }
}

void client_is_foreign(struct leat_rpc_client *client) {
        client->greeting = RPC_GREETING_FOREIGN;
        client->greeted = false;
        client->was_leat = false;
        client->session = 0;
        client->largest_bytes = COMPANION_UNLIMITED;
        end_session(client, 0);
}

void client_greet_again(struct leat_rpc_client *client) {
        if (client->greeting == RPC_GREETING_LEAT)
                client->greeting = RPC_GREETING_NONE;
}

/* Of a session that is not the present one: nothing is under way by it any more. */
void client_leave_session(struct leat_rpc_client *client, uint64_t session) {
        struct rpc_pending *pending;
        for (const struct list *node = client->numbered.next; node != &client->numbered; node = node->next)
                if (CONTAINER_OF(node, const struct rpc_pending, by_number)->session == session)
                        return;
        if (may_tell(client) && make_own(client, COMPANION_LEAVE, &pending) == 0 &&
            companion_put_leave(session, &pending->message) < 0)
                client_pending_release(client, pending);
}

/*
 * One that is under way for long keeps the window from going on, though it has room for the others: as another client of the same server they have a window of their own. What has a number keeps it,
 * and is asked for by it, in its own session.
 */
static bool begin_another_session(struct leat_rpc_client *client) {
        uint8_t id[COMPANION_ID_BYTES];
        if (client->in_flight > client->window / 2 || client->greeting_call ||
            getrandom(id, sizeof(id), GRND_NONBLOCK) != (ssize_t)sizeof(id))
                return false;
        memcpy(client->id, id, sizeof(client->id));
        client->greeting = RPC_GREETING_NONE;
        return true;
}

void client_greeted(struct leat_rpc_client *client, bool success, const uint8_t *bytes, size_t size_bytes) {
        struct companion_greeted greeted;
        client->greeted_xid = client->greeting_call->xid;
        client_pending_release(client, client->greeting_call);
        client->greeting_call = NULL;
        if (!success || companion_take_greeted(bytes, size_bytes, &greeted) < 0) {
                client_is_foreign(client);
                return;
        }
        /* Numbers do not begin anew with a session: it may be one that this client had before. */
        bool is_same = memcmp(client->server, greeted.server, sizeof(client->server)) == 0;
        client->greeting = RPC_GREETING_LEAT;
        client->greeted = client->was_leat = true;
        memcpy(client->server, greeted.server, sizeof(client->server));
        client->session = greeted.session;
        client->window = greeted.window;
        client->largest_bytes = greeted.largest_bytes;
        if (!is_same) /* the same one knows its sessions, or says that it does not */
                end_session(client, client->session);
}

/* ---- numbers ---- */

/* Of a session answers up to this one need not be kept: the oldest call under way is the next one. */
static uint64_t acknowledged(const struct leat_rpc_client *client, uint64_t session) {
        for (const struct list *node = client->numbered.next; node != &client->numbered; node = node->next) {
                const struct rpc_pending *pending = CONTAINER_OF(node, const struct rpc_pending, by_number);
                if (pending->session == session)
                        return pending->sequence - 1;
        }
        return client->sequence;
}

static void number(struct leat_rpc_client *client, struct rpc_pending *pending) {
        pending->session = client->session;
        pending->sequence = ++client->sequence;
        list_insert(&client->numbered, &pending->by_number);
}

/* ---- headers ---- */

static uint64_t left_ns(const struct leat_rpc_client *client, const struct rpc_pending *pending) {
        /* LEAT_NOW: nobody waits, but it is to run. */
        if (client->carrier->carries_deadline || pending->deadline == LEAT_NEVER || pending->deadline == LEAT_NOW)
                return COMPANION_FOREVER;
        int64_t left = pending->deadline - leat_now();
        return left > 0 ? (uint64_t)left : 0;
}

static void write_context(struct leat_rpc_client *client, struct rpc_pending *pending, uint64_t left, uint8_t *at) {
        const struct companion_context context = {
                .session = pending->session,
                .sequence = pending->sequence,
                .acknowledged = pending->sequence > 0 ? acknowledged(client, pending->session) : 0,
                .left_ns = left,
                .flags = pending->in_doubt || pending->attempts > 0 ? COMPANION_AGAIN : 0,
                .program = pending->program->number,
                .version = pending->program->version,
                .procedure = pending->procedure->number,
        };
        companion_write_context(&context, at);
}

static void write_header(const struct leat_rpc_client *client, struct rpc_pending *pending, struct rpc_call header) {
        size_t size = client_header_bytes(client);
        pending->begin -= size;
        struct leat_xdr_buffer place = leat_xdr_buffer_over(pending->message.bytes + pending->begin, size);
        header.xid = pending->xid;
        header.credential = (struct rpc_auth){ client->auth_flavor, client->credential_bytes, client->credential };
        (void)rpc_call_encode(&header, &place); /* RPC_HEADROOM has room for it */
}

static struct rpc_call header_of_companion(enum companion_procedure procedure) {
        return (struct rpc_call){ .program = COMPANION_PROGRAM, .version = COMPANION_VERSION, .procedure = procedure };
}

/* With a number, if it needs one, and a context, if there is something to say in it. */
static struct rpc_call wrap(struct leat_rpc_client *client, struct rpc_pending *pending) {
        bool is_leat = client->greeting == RPC_GREETING_LEAT, first = pending->attempts == 0;
        uint64_t left = is_leat ? left_ns(client, pending) : COMPANION_FOREVER;
        /* By its carrier once more: nobody knows what became of it before. */
        pending->in_doubt = pending->in_doubt || pending->state == RPC_PENDING_SENT;
        if (is_leat && !pending->may_repeat && pending->sequence == 0 && (first || !pending->in_doubt))
                number(client, pending);
        if (!is_leat && pending->sequence > 0 && !pending->in_doubt)
                client_unnumber(pending); /* sent without it, it is not to be asked for by it */
        pending->wrapped = is_leat && (pending->sequence > 0 || left != COMPANION_FOREVER);
        if (!pending->wrapped)
                return (struct rpc_call){ .program = pending->program->number,
                                          .version = pending->program->version,
                                          .procedure = pending->procedure->number };
        pending->begin -= COMPANION_CONTEXT_BYTES;
        write_context(client, pending, left, pending->message.bytes + pending->begin);
        return header_of_companion(COMPANION_CALL);
}

void rpc_client_dress(struct leat_rpc_client *client, struct rpc_pending *pending) {
        bool was_wrapped = pending->wrapped;
        pending->begin = RPC_HEADROOM;
        struct rpc_call header = pending->call ? wrap(client, pending) : header_of_companion(pending->companion);
        bool is_other = pending->wrapped != was_wrapped || pending->sequence != pending->sent_sequence ||
                        pending->session != pending->sent_session;
        if (client->carrier->may_double && pending->attempts > 0 && is_other)
                client_pending_renew(client, pending);
        pending->sent_session = pending->session;
        pending->sent_sequence = pending->sequence;
        write_header(client, pending, header);
}

/* ---- sending ---- */

enum readiness { READY, NOT_YET, NONE_IS };

/* May it go by this connection, as what it is? NONE_IS: nor may those behind it. */
static enum readiness may_send(const struct leat_rpc_client *client, const struct rpc_pending *pending) {
        if (pending->not_before > 0 && pending->not_before > leat_now())
                return NOT_YET;
        /* A large one waits to learn whether the server takes it at all: else that would end the connection. */
        bool large = rpc_pending_bytes(pending) > LARGE_BYTES && client->greeting == RPC_GREETING_ASKED;
        if (pending->may_repeat)
                return large ? NOT_YET : READY;
        if (client->greeting == RPC_GREETING_FOREIGN)
                return pending->in_doubt ? NOT_YET : READY; /* its server may only be slow */
        if (client->greeting != RPC_GREETING_LEAT)
                return NOT_YET;
        if (pending->sequence > 0)
                return READY;
        return client->sequence - acknowledged(client, client->session) < client->window ? READY : NONE_IS;
}

/* 0; -EAGAIN: there is no room; -EPIPE: the connection is lost. */
static int send_one(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct list *place = pending->node.next;
        rpc_client_dress(client, pending);
        if (pending->call && rpc_pending_bytes(pending) > client->largest_bytes) {
                client_fail(client, pending, -EMSGSIZE);
                return 0;
        }
        list_remove(&pending->node);
        pending->state = RPC_PENDING_GIVEN;
        pending->not_before = 0;
        int r = client->carrier->send(client, pending);
        if (r == 0)
                return 0;
        pending->state = RPC_PENDING_WAITS;
        list_insert(place, &pending->node);
        if (r == -EAGAIN)
                return r;
        if (r == -EPIPE) {
                client_lost(client, r);
                return r;
        }
        if (pending->call)
                client_fail(client, pending, r);
        else if (pending == client->greeting_call)
                client_greeted(client, false, NULL, 0); /* it does not go by this carrier */
        else
                client_pending_release(client, pending);
        return 0;
}

static void fail_waiting(struct leat_rpc_client *client, int error, bool all) {
        for (struct list *node = client->waiting.next, *next = node->next; node != &client->waiting;
             node = next, next = node->next) {
                struct rpc_pending *pending = CONTAINER_OF(node, struct rpc_pending, node);
                if (all || pending->deadline == LEAT_NEVER)
                        client_fail(client, pending, error);
        }
}

static void is_connected(struct leat_rpc_client *client) {
        bool asks = !(client->options.flags & LEAT_RPC_PLAIN) && !client->never_greet && !client->shuns;
        client->connected = client->was_connected = true;
        client->heard = client->leaving = false;
        client->connected_at = leat_now();
        client->greeting = asks ? RPC_GREETING_NONE : RPC_GREETING_FOREIGN;
        client->info.connected++;
        client->connect_error = 0;
        rpc_client_tell(client, LEAT_RPC_STEP_CONNECT, NULL, 0);
        if (!asks)
                end_session(client, 0);
}

/* 0, or not now. */
static int connect_it(struct leat_rpc_client *client) {
        if (client->connected)
                return 0;
        if (client->was_connected && (client->options.flags & LEAT_RPC_STAY)) {
                fail_waiting(client, -EPIPE, true);
                return -EPIPE;
        }
        if (client->paused_until > 0 && client->paused_until > leat_now())
                return -EAGAIN;
        int r = client->carrier->connect(client);
        client->connecting = r == -EAGAIN;
        client->polled_stale = true;
        if (r == 0)
                is_connected(client);
        else if (r == -EPIPE)
                fail_waiting(client, r, true);
        else if (r != -EAGAIN) {
                client->connect_error = r;
                client_disconnected(client);
                fail_waiting(client, r, false);
        }
        return r;
}

void client_disconnected(struct leat_rpc_client *client) {
        if (client->connected) {
                bool unanswered = client->greeting_call && !client->heard;
                /* A server that was known to be of Leat is only gone. */
                client->driven_away = unanswered && client->session == 0 ? client->driven_away + 1 : 0;
                client->shuns = client->driven_away >= DRIVEN_AWAY;
                if (client->heard)
                        client->pause_ns = 0;
        }
        client->connected = client->connecting = client->leaving = client->greeted = false;
        client->greeting = RPC_GREETING_NONE;
        client->greeting_call = NULL;
        client->paused_until = client->pause_ns > 0 ? leat_in_ns(with_jitter(client->pause_ns)) : 0;
        client->pause_ns =
                doubled(client->pause_ns, client->options.back_off_first_ns, client->options.back_off_most_ns);
}

static bool all_answered(const struct leat_rpc_client *client) {
        for (const struct list *node = client->sent.next; node != &client->sent; node = node->next)
                if (CONTAINER_OF(node, const struct rpc_pending, node)->call)
                        return false;
        return true;
}

void client_send_waiting(struct leat_rpc_client *client) {
        if (list_empty(&client->waiting))
                return;
        if (client->leaving) {
                if (!all_answered(client))
                        return;
                client_lost(client, -EPIPE);
        }
        if (connect_it(client) < 0)
                return;
        if (client->greeting == RPC_GREETING_NONE && !list_empty(&client->waiting))
                greet(client);
        struct list *node = client->waiting.next;
        while (node != &client->waiting) {
                struct rpc_pending *pending = CONTAINER_OF(node, struct rpc_pending, node);
                node = node->next;
                enum readiness readiness = may_send(client, pending);
                if (readiness == NONE_IS && begin_another_session(client)) {
                        greet(client);
                        node = client->waiting.next;
                        continue;
                }
                if (readiness == NONE_IS || (readiness == READY && send_one(client, pending) < 0))
                        return;
        }
}

void rpc_client_sent(struct leat_rpc_client *client, struct rpc_pending *pending) {
        rpc_client_tell(client, LEAT_RPC_STEP_SEND, pending->message.bytes + pending->begin,
                        pending->message.size_bytes - pending->begin);
        client->info.sent++;
        if (pending->attempts++ > 0)
                client->info.retransmitted++;
        pending->state = RPC_PENDING_SENT;
        list_remove(&pending->node);
        if (pending->call || pending == client->greeting_call)
                list_insert(&client->sent, &pending->node);
        else
                client_pending_release(client, pending);
}

/* ---- again, and later ---- */

void client_again(struct leat_rpc_client *client, struct rpc_pending *pending, bool later) {
        pending->state = RPC_PENDING_WAITS;
        list_remove(&pending->node);
        list_insert(client->waiting.next, &pending->node);
        pending->not_before = 0;
        if (!later && pending->attempts <= 1)
                return;
        pending->pause_ns = doubled(pending->pause_ns, BUSY_FIRST_NS, BUSY_MOST_NS);
        pending->not_before = leat_in_ns(with_jitter(pending->pause_ns));
}

/* The pauses do not begin anew, unless it has served for longer than the longest of them: who only sends away is not asked all the time. */
void client_leave_server(struct leat_rpc_client *client) {
        if (client->leaving)
                return;
        client->leaving = true;
        if (leat_now() - client->connected_at < client->options.back_off_most_ns)
                client->heard = false;
}

void client_end_leaving(struct leat_rpc_client *client) {
        if (client->leaving && client->carrier->leave && all_answered(client))
                client->carrier->leave(client);
}

int64_t client_next_time(const struct leat_rpc_client *client) {
        int64_t time = LEAT_NEVER;
        if (!list_empty(&client->deadlines))
                time = CONTAINER_OF(client->deadlines.next, const struct rpc_pending, by_deadline)->deadline;
        if (list_empty(&client->waiting))
                return time;
        if (client->greeting == RPC_GREETING_ASKED && client->greeting_until < time)
                time = client->greeting_until;
        /* Its carrier tells when one that is being made is there; the next one is begun when the pause is over, or at once. */
        if (!client->connected && !client->connecting && client->paused_until < time)
                time = client->paused_until;
        for (const struct list *node = client->waiting.next; node != &client->waiting; node = node->next) {
                const struct rpc_pending *pending = CONTAINER_OF(node, const struct rpc_pending, node);
                if (pending->not_before > 0 && pending->not_before < time)
                        time = pending->not_before;
        }
        return time;
}

bool client_session_due(struct leat_rpc_client *client, int64_t now) {
        if (client->greeting != RPC_GREETING_ASKED || now < client->greeting_until)
                return false;
        /* Of datagrams nothing says that the greeting came; but a server that answers others, and was never one of Leat, does not answer this one. */
        if (client->carrier->may_double && (client->was_leat || !client->heard)) {
                client->greeting_until = leat_in_ns(SILENT_NS);
                return false;
        }
        /* Its answer may still come: then the server is one of Leat from there on. */
        client->greeting = RPC_GREETING_FOREIGN;
        return true;
}
