/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "channel/quick_call.h"
#include "rpc/client_core.h"

#include <string.h>

/*
 * The short way of leat_rpc_call(): a small call that may go as it is, by shared memory, while nothing else is under way (docs/design/speed.md, "Calls by shared memory").
 * It is written where its arguments would stand on the long way, in the memory of the next call; if no answer comes within a moment it is made such a
 * call, which was sent, and all goes on as ever. An answer that is anything but a success is left for the long way, too.
 */

#define ARGUMENTS_MOST 512u /* each call's memory has room for them */
#define HEADER_BYTES 40u    /* of a call without a credential */
#define SUCCESS_BYTES 24u   /* before the result */

/* A call that was written. */
struct written {
        struct leat_rpc_call *call;
        const struct leat_rpc_program *program;
        const struct leat_rpc_procedure *procedure;
        void *ret_result;
        int64_t deadline;
        uint32_t xid;
        size_t size_bytes; /* of its arguments */
};

/* Is there nothing to do but this call, and nothing that would be done before or behind it? */
static bool is_free(const struct leat_rpc_client *client) {
        return client->in_flight == 0 && client->connected && !client->leaving && !client->watcher && !client->shuns &&
               client->poll_epoll < 0 && client->credential_bytes == 0 && !client->greeting_call &&
               client->greeting != RPC_GREETING_NONE && list_empty(&client->waiting) && list_empty(&client->sent) &&
               client->table_size >= 4;
}

/* The next call's memory, with room; or NULL. */
static struct rpc_pending *next_spare(const struct leat_rpc_client *client) {
        if (list_empty(&client->spare))
                return NULL;
        struct rpc_pending *spare = CONTAINER_OF(client->spare.next, struct rpc_pending, node);
        return spare->message.room_bytes >= RPC_HEADROOM + ARGUMENTS_MOST ? spare : NULL;
}

/* Returns how many bytes the arguments are, or a negative errno: then the long way finds out. */
static ssize_t write_arguments(struct rpc_pending *spare, const struct leat_rpc_program *program,
                               const struct leat_rpc_procedure *procedure, const void *argument,
                               struct leat_rpc_call *call) {
        if (procedure->argument == 0)
                return 0;
        const struct leat_xdr_type type = { program->schema, procedure->argument };
        struct leat_xdr_buffer place = leat_xdr_buffer_over(spare->message.bytes + RPC_HEADROOM, ARGUMENTS_MOST);
        int r = leat_xdr_encode(type, argument, &place, &call->fault);
        return r < 0 ? r : (ssize_t)place.size_bytes;
}

/* RFC 5531, section 9: xid, CALL, version 2, program, version, procedure; no credential, no verifier. */
static void write_header(uint8_t *at, uint32_t xid, const struct leat_rpc_program *program, uint32_t procedure,
                         uint32_t flavor) {
        const uint32_t units[HEADER_BYTES / 4] = { xid,       0,     RPC_VERSION, program->number, program->version,
                                                   procedure, flavor };
        for (size_t i = 0; i < HEADER_BYTES / 4; i++)
                put_be32(at + 4 * i, units[i]);
}

/* It was sent, and is a call like others from here on. The memory is there. */
static ASIDE struct rpc_pending *adopt(struct leat_rpc_client *client, const struct written *written) {
        struct rpc_pending *pending;
        client->xid--;
        if (client_pending_take(client, true, &pending) < 0) {
                written->call->ran = LEAT_RPC_UNKNOWN;
                written->call->error = -ENOMEM;
                return NULL;
        }
        pending->call = written->call;
        pending->program = written->program;
        pending->procedure = written->procedure;
        pending->ret_result = written->ret_result;
        pending->may_repeat = client_may_repeat(written->procedure, written->call);
        pending->is_sync = true;
        pending->deadline = written->deadline;
        pending->message.size_bytes = RPC_HEADROOM + written->size_bytes;
        pending->begin = RPC_HEADROOM - HEADER_BYTES;
        pending->attempts = 1;
        pending->state = RPC_PENDING_SENT;
        list_insert(&client->sent, &pending->node);
        client->in_flight++;
        return pending;
}

/* Is it a success, and ours? */
static bool is_success(const uint8_t *reply, ssize_t size, uint32_t xid) {
        static const uint8_t success[SUCCESS_BYTES - 4] = { 0, 0, 0, 1 };
        return size >= (ssize_t)SUCCESS_BYTES && get_be32(reply) == xid &&
               memcmp(reply + 4, success, sizeof(success)) == 0;
}

static int read_result(struct leat_rpc_client *client, const struct written *written, const uint8_t *bytes,
                       size_t size) {
        const struct leat_xdr_type type = { written->program->schema, written->procedure->result };
        struct leat_rpc_call *call = written->call;
        call->ran = LEAT_RPC_RAN;
        call->status = LEAT_RPC_SUCCESS;
        call->attempts = 1;
        return client_unmarshal(client, call, type, written->ret_result, bytes, size);
}

/* Send it. Its number in the channel; 0: it did not go. */
static uint64_t ask(struct leat_rpc_client *client, struct leat_channel *channel, struct written *written,
                    const void *argument) {
        const struct leat_rpc_procedure *procedure = written->procedure;
        struct leat_rpc_call *call = written->call;
        struct rpc_pending *spare = next_spare(client);
        uint64_t moment;
        int64_t now = quick_call_now(channel, &moment);
        if (!spare || now - client->began_at > RPC_CLIENT_IDLE_NS)
                return 0;
        written->deadline = client_deadline_of(procedure, call);
        if (written->deadline <= now)
                return 0;
        client_begin_telling(call);
        ssize_t size = write_arguments(spare, written->program, procedure, argument, call);
        if (size < 0)
                return 0;
        written->xid = client->xid + 1;
        written->size_bytes = (size_t)size;
        uint8_t *at = spare->message.bytes + RPC_HEADROOM - HEADER_BYTES;
        write_header(at, written->xid, written->program, procedure->number, client->auth_flavor);
        uint64_t left = written->deadline == LEAT_NEVER ? 0 : (uint64_t)(written->deadline - now);
        uint64_t number = quick_call(channel, moment, at, HEADER_BYTES + (size_t)size, left);
        if (number != 0)
                client->began_at = now;
        return number;
}

bool client_quick(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t index,
                  const void *argument, void *ret_result, struct leat_rpc_call *call,
                  struct rpc_pending **ret_pending) {
        struct written written = {
                .call = call, .program = program, .procedure = &program->procedures[index], .ret_result = ret_result
        };
        struct rpc_place *place;
        struct leat_channel *channel = is_free(client) ? rpc_channel_quick(client, &place) : NULL;
        if (!channel || !quick_call_may(channel) ||
            (client->greeting != RPC_GREETING_FOREIGN && !client_may_repeat(written.procedure, call)))
                return false;
        uint64_t number = ask(client, channel, &written, argument);
        if (number == 0)
                return false;
        client->xid = written.xid;
        client->info.calls++;
        client->info.sent++;
        ssize_t n = quick_call_look(channel, number, &client->spin, place->bytes, place->room_bytes);
        if (is_success(place->bytes, n, written.xid)) {
                quick_call_take(channel, (size_t)n);
                rpc_place_used(place, (size_t)n);
                spin_done(&client->spin);
                client->heard = true;
                *ret_pending = NULL;
                written.call->error =
                        read_result(client, &written, place->bytes + SUCCESS_BYTES, (size_t)n - SUCCESS_BYTES);
                return true;
        }
        *ret_pending = adopt(client, &written);
        rpc_channel_asked(client, number, written.xid);
        return true;
}
