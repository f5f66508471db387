/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "channel/channel.h"
#include "rpc/rpc_message.h"
#include "rpc/xdr_fault.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

/*
 * A call is one message, and its reply is one. What is known of a call that failed: the channel counts what it has sent, so a request
 * that is not counted did not go out, and the procedure does not run.
 */

#define TYPE_CALL 1
#define REPLY_LEAST ((size_t)64 << 10) /* of the place for replies; only what is written of it takes memory */
#define REPLY_MOST ((size_t)16 << 20)  /* until a larger one came */
#define REPLY_LIMIT ((size_t)1 << 30)

struct leat_rpc_client {
        struct leat_channel *channel;
        struct leat_xdr_buffer request; /* of the last call, kept for its memory */
        struct rpc_place reply;
        uint32_t xid; /* of the last call */
};

struct leat_rpc_client *leat_rpc_client_free(struct leat_rpc_client *client) {
        if (!client)
                return NULL;
        leat_xdr_buffer_free(&client->request);
        free(client->reply.bytes);
        free(client);
        return NULL;
}

static void free_client_at(struct leat_rpc_client **client) {
        *client = leat_rpc_client_free(*client);
}

int leat_rpc_client_new(struct leat_channel *channel, struct leat_rpc_client **ret_client) {
        if (!channel || !ret_client)
                return -EINVAL;
        CLEANUP(free_client_at) struct leat_rpc_client *client = calloc(1, sizeof(*client));
        struct leat_info info = LEAT_INFO_INIT;
        if (!client)
                return -ENOMEM;
        int r = leat_channel_info(channel, &info);
        if (r < 0)
                return r;
        size_t room = info.largest_bytes < REPLY_MOST ? (size_t)info.largest_bytes : REPLY_MOST;
        r = rpc_place_make(&client->reply, room > REPLY_LEAST ? room : REPLY_LEAST);
        if (r < 0)
                return r;
        client->channel = channel;
        /* Numbers of its own: a reply to somebody who called here before is not taken for one to this client. If there are no random
         * bytes, the clock's will do: the channel has numbers of its own beneath. */
        if (getrandom(&client->xid, sizeof(client->xid), GRND_NONBLOCK) != (ssize_t)sizeof(client->xid))
                client->xid = (uint32_t)leat_now();
        *ret_client = TAKE(client);
        return 0;
}

static int64_t deadline_of(const struct leat_rpc_call *call, const struct leat_rpc_procedure *procedure) {
        if (call->deadline != LEAT_RPC_TIMEOUT)
                return call->deadline;
        return procedure->timeout_ns > 0 ? leat_in_ns(procedure->timeout_ns) : LEAT_NEVER;
}

static int write_request(struct leat_rpc_client *client, const struct leat_rpc_program *program,
                         const struct leat_rpc_procedure *procedure, const void *argument, struct leat_rpc_call *call) {
        const struct rpc_call header = { .xid = ++client->xid,
                                         .program = program->number,
                                         .version = program->version,
                                         .procedure = procedure->number };
        client->request.size_bytes = 0;
        int r = rpc_call_encode(&header, &client->request);
        if (r < 0 || procedure->argument == 0)
                return r;
        struct leat_xdr_type type = { program->schema, procedure->argument };
        return leat_xdr_encode(type, argument, &client->request, &call->fault);
}

/* Send the request and take what comes. What a failure means for the procedure is told. */
static ssize_t exchange(struct leat_rpc_client *client, int64_t deadline, struct leat_rpc_call *call) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        const struct counters *counters = client->channel->counters;
        uint64_t before = counter_get(&counters->sent);
        ssize_t n = leat_call(client->channel, TYPE_CALL, client->request.bytes, client->request.size_bytes,
                              client->reply.bytes, client->reply.room_bytes, deadline, &about);
        if (counter_get(&counters->sent) == before)
                return n;
        call->ran = LEAT_RPC_UNKNOWN;
        if (n != -EMSGSIZE)
                return n;
        /* There is a reply, which the channel has dropped: the next one of that size is to find room. */
        call->ran = LEAT_RPC_RAN;
        if (about.size_bytes > client->reply.room_bytes && about.size_bytes <= REPLY_LIMIT)
                (void)rpc_place_make(&client->reply, about.size_bytes);
        return n;
}

/* What a server says when it did not carry a call out, or could not. */
static int tell_refusal(const struct rpc_reply *reply, struct leat_rpc_call *call) {
        call->ran = reply->status == LEAT_RPC_SYSTEM_ERROR ? LEAT_RPC_RAN : LEAT_RPC_NOT_RUN;
        call->low = reply->low;
        call->high = reply->high;
        return -EPROTO;
}

static int read_reply(struct leat_rpc_client *client, size_t size, struct leat_xdr_type result, void *ret_result,
                      struct leat_rpc_call *call) {
        struct rpc_reply reply;
        call->status = LEAT_RPC_BAD_REPLY;
        ssize_t header = rpc_reply_decode(client->reply.bytes, size, &reply);
        if (header < 0 || reply.xid != client->xid)
                return -EBADMSG;
        call->status = reply.status;
        if (reply.status != LEAT_RPC_SUCCESS)
                return tell_refusal(&reply, call);
        call->ran = LEAT_RPC_RAN;
        if (!ret_result && result.node != 0)
                return 0;
        struct leat_xdr_arena none = { 0 };
        struct leat_xdr_arena *arena = result.node != 0 ? call->arena : &none;
        int r = leat_xdr_decode(result, client->reply.bytes + header, size - (size_t)header, arena, NULL, ret_result,
                                &call->fault);
        if (r < 0)
                call->status = LEAT_RPC_BAD_REPLY;
        return r;
}

int leat_rpc_call(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                  const void *argument, void *ret_result, struct leat_rpc_call *call) {
        if (!client || !program || !call || call->size < sizeof(*call) || procedure >= program->count)
                return -EINVAL;
        const struct leat_rpc_procedure *called = &program->procedures[procedure];
        call->ran = LEAT_RPC_NOT_RUN;
        call->status = LEAT_RPC_NO_REPLY;
        call->low = call->high = 0;
        xdr_fault_tell(&call->fault, LEAT_XDR_OK, 0);
        if ((called->argument != 0 && !argument) || (called->result != 0 && ret_result && !call->arena))
                return -EINVAL;
        int r = write_request(client, program, called, argument, call);
        if (r < 0)
                return r;
        ssize_t n = exchange(client, deadline_of(call, called), call);
        if (n < 0)
                return (int)n;
        struct leat_xdr_type result = { program->schema, called->result };
        return read_reply(client, (size_t)n, result, ret_result, call);
}
