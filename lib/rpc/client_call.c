/* SPDX-License-Identifier: MIT */
#include "rpc/client_core.h"
#include "rpc/xdr_fault.h"
#include "rpc/xdr_schema.h"

#include <string.h>

/* Calls, from their beginning until their caller is told: one that is waited for, and those that are started. */

#define LOOKS_AT_ONCE 64 /* messages that are read between two looks at the time */

/* ---- the beginning ---- */

static int check_call(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                      const void *argument, const void *ret_result, const struct leat_rpc_call *call) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        if (!program || !call || call->size < sizeof(*call) || procedure >= program->count)
                return -EINVAL;
        if (call->state)
                return -EINVAL; /* it is under way */
        const struct leat_rpc_procedure *called = &program->procedures[procedure];
        bool takes_memory = ret_result && !(xdr_node(program->schema, called->result)->flags & LEAT_XDR_FLAG_FLAT);
        return (called->argument != 0 && !argument) || (takes_memory && !call->arena) ? -EINVAL : 0;
}

void client_begin_telling(struct leat_rpc_call *call) {
        call->ran = LEAT_RPC_NOT_RUN;
        call->status = LEAT_RPC_NO_REPLY;
        call->low = call->high = 0;
        call->error = 0;
        call->attempts = 0;
        call->state = NULL;
        (void)xdr_fault_tell(&call->fault, LEAT_XDR_OK, 0);
}

static int marshal(struct leat_rpc_client *client, struct rpc_pending *pending, const void *argument) {
        struct leat_xdr_buffer *message = &pending->message;
        if (pending->procedure->argument != 0) {
                struct leat_xdr_type type = { pending->program->schema, pending->procedure->argument };
                bool in_parts = pending->is_sync && client->carrier->takes_parts && !client->watcher;
                int r = in_parts ? xdr_encode_parts(type, argument, message, &pending->parts, &pending->call->fault)
                                 : leat_xdr_encode(type, argument, message, &pending->call->fault);
                if (r < 0)
                        return r;
        }
        size_t size = rpc_pending_bytes(pending), header = client_header_bytes(client);
        if (size > client->carrier->largest_bytes - header)
                return -EMSGSIZE;
        rpc_client_tell(client, LEAT_RPC_STEP_MARSHAL, message->bytes + RPC_HEADROOM, size);
        return 0;
}

/* Encode it and put it where calls wait to be sent. */
static int begin(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t index,
                 const void *argument, void *ret_result, struct leat_rpc_call *call, bool is_sync,
                 struct rpc_pending **ret_pending) {
        const struct leat_rpc_procedure *procedure = &program->procedures[index];
        struct rpc_pending *pending;
        client_begin_telling(call);
        if (client->in_flight >= client->options.in_flight_max)
                return -ENOBUFS;
        int r = client_pending_take(client, true, &pending);
        if (r < 0)
                return r;
        pending->call = call;
        pending->program = program;
        pending->procedure = procedure;
        pending->ret_result = ret_result;
        pending->is_sync = is_sync;
        pending->may_repeat = client_may_repeat(procedure, call);
        r = marshal(client, pending, argument);
        if (r < 0) {
                client_pending_release(client, pending);
                return r;
        }
        pending->deadline = client_deadline_of(procedure, call);
        list_insert(&client->waiting, &pending->node);
        client->in_flight++;
        client->info.calls++;
        *ret_pending = pending;
        return 0;
}

/* ---- the end ---- */

void client_over(struct leat_rpc_client *client, struct rpc_pending *pending, int error) {
        struct leat_rpc_call *call = pending->call;
        call->error = error;
        call->attempts = pending->attempts;
        client_pending_unlist(client, pending);
        list_remove(&pending->node);
        pending->state = RPC_PENDING_OVER;
        client->in_flight--;
        client->some_over = true;
        if (!pending->is_sync)
                list_insert(&client->over, &pending->node);
        if (pending->session != client->session && pending->session != 0)
                client_leave_session(client, pending->session);
}

/* ---- going on ---- */

/* One round of what can be done without waiting. 0: something came, or is over; -EAGAIN: it is time to wait. */
static int step(struct leat_rpc_client *client) {
        const uint8_t *message;
        client->some_over = false;
        if (!list_empty(&client->waiting))
                client_send_waiting(client);
        if (!client->connected || client->some_over)
                return client->some_over ? 0 : -EAGAIN;
        ssize_t n = client->carrier->receive(client, &message);
        if (n >= 0) {
                client_answer(client, message, (size_t)n);
                spin_done(&client->spin);
                return 0;
        }
        if (n != -EAGAIN) {
                client_lost(client, (int)n);
                return 0;
        }
        client_flush(client);
        return -EAGAIN;
}

/* Nothing came for a while: is the connection still there? What is sent by one that has ended is in doubt without need. With calls under way only a stream is looked at: its server may have said that it drains. */
static void look_before(struct leat_rpc_client *client) {
        if (client->in_flight > 0 && !client->carrier->is_stream)
                return;
        int64_t now = leat_now();
        bool idle = client->connected && now - client->began_at > RPC_CLIENT_IDLE_NS;
        size_t most = LOOKS_AT_ONCE + client->in_flight; /* a peer that keeps sending is there */
        client->began_at = now;
        /* The first one in vain may not have asked the kernel. */
        for (size_t vain = 0, looks = 0; idle && vain < 2 && looks < most && client->connected; looks++)
                vain += step(client) == -EAGAIN;
}

/* Does it pay to look again and again? Only for what the other end is about to do. */
static bool is_awake(struct leat_rpc_client *client) {
        bool given = client->in_flight > 0 && list_empty(&client->waiting); /* the carrier has the rest of one */
        return client->connected && (given || !list_empty(&client->sent)) && spin_again(&client->spin);
}

static int sleep_until(struct leat_rpc_client *client, int64_t deadline) {
        struct wait wait;
        int r = client_arm(client, &wait) ? 0 : wait_until(&wait, deadline);
        wake_clear(&client->wake);
        return client_take_interrupt(client) ? -ECANCELED : r;
}

/* Wait until it is worth to look again. 0; -EAGAIN (LEAT_NOW), -ETIMEDOUT, -ECANCELED. */
static int rest(struct leat_rpc_client *client, int64_t deadline) {
        if (client_take_interrupt(client))
                return -ECANCELED;
        if (client_expire(client))
                return 0;
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        if (deadline != LEAT_NEVER && leat_now() >= deadline)
                return -ETIMEDOUT;
        int r = is_awake(client) ? 0 : sleep_until(client, deadline);
        if (r < 0 && client->spin.since != 0)
                spin_done(&client->spin);
        return r;
}

/* As step() and rest(): a peer that keeps sending gets no more of a thread's time than the deadline. */
static int go_on(struct leat_rpc_client *client, int64_t deadline, unsigned *looks) {
        int r = step(client);
        if (r == 0 && ++*looks % LOOKS_AT_ONCE != 0)
                return 0;
        if (r == -EAGAIN)
                return rest(client, deadline);
        (void)client_expire(client);
        if (client_take_interrupt(client))
                return -ECANCELED;
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        return deadline != LEAT_NEVER && leat_now() >= deadline ? -ETIMEDOUT : 0;
}

/* ---- a call that is waited for ---- */

/* Its caller waits no more. */
static void give_up(struct leat_rpc_client *client, struct rpc_pending *pending, int error) {
        bool told = pending->wrapped && error == -ETIMEDOUT; /* the server knows its deadline */
        bool sent = pending->state == RPC_PENDING_SENT && !told;
        uint64_t session = pending->session, sequence = pending->sequence;
        uint32_t xid = pending->xid;
        client_fail(client, pending, error);
        if (sent)
                client_tell_cancel(client, session, sequence, xid);
        client_end_leaving(client);
}

/* *ret_pending: NULL: it is over. */
static int send_call(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t index,
                     const void *argument, void *ret_result, struct leat_rpc_call *call,
                     struct rpc_pending **ret_pending) {
        if (client->carrier == &rpc_channel_carrier &&
            client_quick(client, program, index, argument, ret_result, call, ret_pending))
                return *ret_pending ? 0 : call->error;
        look_before(client);
        int r = begin(client, program, index, argument, ret_result, call, true, ret_pending);
        if (r < 0)
                return r;
        client_send_waiting(client);
        client_flush(client);
        return 0;
}

int leat_rpc_call(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                  const void *argument, void *ret_result, struct leat_rpc_call *call) {
        struct rpc_pending *pending;
        unsigned looks = 0;
        int r = check_call(client, program, procedure, argument, ret_result, call);
        if (r < 0)
                return r;
        r = send_call(client, program, procedure, argument, ret_result, call, &pending);
        if (r < 0 || !pending)
                return call->error = r;
        while (pending->state != RPC_PENDING_OVER) {
                r = go_on(client, pending->deadline, &looks);
                if (r < 0 && pending->state != RPC_PENDING_OVER)
                        give_up(client, pending, r);
        }
        client_pending_release(client, pending);
        client_poll_mend(client);
        return call->error;
}

/* ---- calls that are started ---- */

int leat_rpc_start(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                   const void *argument, void *ret_result, struct leat_rpc_call *call) {
        struct rpc_pending *pending;
        int r = check_call(client, program, procedure, argument, ret_result, call);
        if (r < 0)
                return r;
        look_before(client);
        bool alone = client->in_flight == 0;
        r = begin(client, program, procedure, argument, ret_result, call, false, &pending);
        if (r < 0)
                return r;
        call->state = pending;
        client_pending_expires(client, pending);
        client_send_waiting(client);
        if (alone)
                client_flush(client);
        client_poll_mend(client);
        return 0;
}

static struct leat_rpc_call *hand_out(struct leat_rpc_client *client) {
        struct rpc_pending *pending = CONTAINER_OF(client->over.next, struct rpc_pending, node);
        struct leat_rpc_call *call = pending->call;
        list_remove(&pending->node);
        if (pending->reply_bytes > 0)
                call->error = client_read_kept(client, pending);
        call->state = NULL;
        client->told = pending;
        return call;
}

static int wait_for_one(struct leat_rpc_client *client, int64_t deadline) {
        unsigned looks = 0;
        int vain = 0;
        while (list_empty(&client->over)) {
                int r = go_on(client, deadline, &looks);
                /* Who does not wait is told -EAGAIN only after the kernel was asked. */
                if (r < 0 && !(r == -EAGAIN && vain++ == 0) && list_empty(&client->over))
                        return client->in_flight == 0 && r != -ECANCELED ? -ENOENT : r;
                if (client->in_flight == 0 && list_empty(&client->over))
                        deadline = LEAT_NOW; /* there is nothing to wait for; what came is looked at all the same */
        }
        return 0;
}

int leat_rpc_next(struct leat_rpc_client *client, int64_t deadline, struct leat_rpc_call **ret_call) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        if (!ret_call)
                return -EINVAL;
        if (client->told)
                client_pending_release(client, client->told);
        client->told = NULL;
        if (client->in_flight == 0 && list_empty(&client->over))
                deadline = LEAT_NOW;
        client->hands_out = true;
        r = wait_for_one(client, deadline);
        client->hands_out = false;
        if (r == 0)
                *ret_call = hand_out(client);
        client_poll_mend(client);
        return r;
}

int leat_rpc_cancel(struct leat_rpc_client *client, struct leat_rpc_call *call) {
        int r = client_guard(client);
        if (r < 0)
                return r;
        if (!call || call->size < sizeof(*call))
                return -EINVAL;
        struct rpc_pending *pending = call->state;
        if (!pending || pending->state == RPC_PENDING_OVER)
                return -ENOENT;
        give_up(client, pending, -ECANCELED);
        client_pending_release(client, pending);
        call->state = NULL;
        client_poll_mend(client);
        return 0;
}
