/* SPDX-License-Identifier: MIT */
#include "rpc/rpc_message.h"

#include "rpc/xdr_wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { CALL = 0, REPLY = 1 };
enum { ACCEPTED = 0, DENIED = 1 };
enum { RPC_MISMATCH = 0, AUTH_ERROR = 1 };

/* accept_stat is this enumeration's first part. */
_Static_assert(LEAT_RPC_SUCCESS == 0 && LEAT_RPC_SYSTEM_ERROR == 5, "as RFC 5531 numbers them");

/* ---- for people ---- */

const char *leat_rpc_status_text(enum leat_rpc_status status) {
        static const char *const texts[] = {
                [LEAT_RPC_SUCCESS] = "the procedure ran",
                [LEAT_RPC_PROGRAM_UNAVAILABLE] = "the server does not serve this program",
                [LEAT_RPC_VERSION_MISMATCH] = "the server does not serve this version of the program",
                [LEAT_RPC_PROCEDURE_UNAVAILABLE] = "the server does not have this procedure",
                [LEAT_RPC_GARBAGE_ARGUMENTS] = "the server could not read the arguments",
                [LEAT_RPC_SYSTEM_ERROR] = "the procedure failed at the server",
                [LEAT_RPC_RPC_MISMATCH] = "the server speaks another version of ONC RPC",
                [LEAT_RPC_AUTH_ERROR] = "the server did not accept who calls",
                [LEAT_RPC_NO_REPLY] = "no reply came",
                [LEAT_RPC_BAD_REPLY] = "the reply is none, or its result breaks its type",
        };
        _Static_assert(sizeof(texts) / sizeof(texts[0]) == LEAT_RPC_BAD_REPLY + 1, "each has a text");
        return (unsigned)status <= LEAT_RPC_BAD_REPLY ? texts[status] : "an unknown status";
}

/* ---- writing ---- */

static void put(struct leat_xdr_buffer *buffer, uint32_t number) {
        leat_xdr_put_32(buffer->bytes + buffer->size_bytes, number);
        buffer->size_bytes += UNIT;
}

static void put_auth(struct leat_xdr_buffer *buffer, const struct rpc_auth *auth) {
        put(buffer, auth->flavor);
        uint8_t *at = buffer->bytes + buffer->size_bytes;
        buffer->size_bytes += (size_t)(leat_xdr_put_bytes(at, auth->bytes, auth->size_bytes) - at);
}

static size_t auth_size(const struct rpc_auth *auth) {
        return 2 * UNIT + (size_t)leat_xdr_padded(auth->size_bytes);
}

int rpc_call_encode(const struct rpc_call *call, struct leat_xdr_buffer *buffer) {
        size_t size = 24 + auth_size(&call->credential) + auth_size(&call->verifier);
        int r = leat_xdr_buffer_reserve(buffer, size);
        if (r < 0)
                return r;
        put(buffer, call->xid);
        put(buffer, CALL);
        put(buffer, RPC_VERSION);
        put(buffer, call->program);
        put(buffer, call->version);
        put(buffer, call->procedure);
        put_auth(buffer, &call->credential);
        put_auth(buffer, &call->verifier);
        return 0;
}

static void put_denied(struct leat_xdr_buffer *buffer, const struct rpc_reply *reply) {
        put(buffer, DENIED);
        if (reply->status == LEAT_RPC_AUTH_ERROR) {
                put(buffer, AUTH_ERROR);
                put(buffer, reply->low);
                return;
        }
        put(buffer, RPC_MISMATCH);
        put(buffer, reply->low);
        put(buffer, reply->high);
}

static void put_accepted(struct leat_xdr_buffer *buffer, const struct rpc_reply *reply) {
        put(buffer, ACCEPTED);
        put_auth(buffer, &reply->verifier);
        put(buffer, (uint32_t)reply->status);
        if (reply->status != LEAT_RPC_VERSION_MISMATCH)
                return;
        put(buffer, reply->low);
        put(buffer, reply->high);
}

int rpc_reply_encode(const struct rpc_reply *reply, struct leat_xdr_buffer *buffer) {
        int r = leat_xdr_buffer_reserve(buffer, 24 + auth_size(&reply->verifier));
        if (r < 0)
                return r;
        put(buffer, reply->xid);
        put(buffer, REPLY);
        if (reply->status > LEAT_RPC_SYSTEM_ERROR)
                put_denied(buffer, reply);
        else
                put_accepted(buffer, reply);
        return 0;
}

/* ---- reading ---- */

/* What is left of a message. */
struct input {
        const uint8_t *at, *end;
};

static bool take(struct input *input, uint32_t *ret_number) {
        if ((size_t)(input->end - input->at) < UNIT)
                return false;
        *ret_number = leat_xdr_get_32(input->at);
        input->at += UNIT;
        return true;
}

static bool take_auth(struct input *input, struct rpc_auth *ret_auth) {
        if (!take(input, &ret_auth->flavor) || !take(input, &ret_auth->size_bytes) ||
            ret_auth->size_bytes > RPC_AUTH_BYTES)
                return false;
        size_t whole = (size_t)leat_xdr_padded(ret_auth->size_bytes);
        if ((size_t)(input->end - input->at) < whole)
                return false;
        ret_auth->bytes = input->at;
        input->at += whole;
        return leat_xdr_is_padded(ret_auth->bytes, ret_auth->size_bytes);
}

ssize_t rpc_call_decode(const void *bytes, size_t size_bytes, struct rpc_call *ret_call, uint32_t *ret_auth) {
        struct input input = { bytes, (const uint8_t *)bytes + size_bytes };
        struct rpc_call call = { 0 };
        uint32_t direction, version;
        if (!take(&input, &call.xid) || !take(&input, &direction) || direction != CALL || !take(&input, &version))
                return -EBADMSG;
        ret_call->xid = call.xid;
        if (version != RPC_VERSION)
                return -EPROTONOSUPPORT;
        if (!take(&input, &call.program) || !take(&input, &call.version) || !take(&input, &call.procedure))
                return -EBADMSG;
        *ret_auth = RPC_AUTH_BADCRED;
        if (!take_auth(&input, &call.credential))
                return -EACCES;
        *ret_auth = RPC_AUTH_BADVERF;
        if (!take_auth(&input, &call.verifier))
                return -EACCES;
        *ret_call = call;
        return input.at - (const uint8_t *)bytes;
}

static bool take_accepted(struct input *input, struct rpc_reply *reply) {
        uint32_t status;
        if (!take_auth(input, &reply->verifier) || !take(input, &status) || status > LEAT_RPC_SYSTEM_ERROR)
                return false;
        reply->status = (enum leat_rpc_status)status;
        return reply->status != LEAT_RPC_VERSION_MISMATCH || (take(input, &reply->low) && take(input, &reply->high));
}

static bool take_denied(struct input *input, struct rpc_reply *reply) {
        uint32_t why;
        if (!take(input, &why) || !take(input, &reply->low) || why > AUTH_ERROR)
                return false;
        reply->status = why == AUTH_ERROR ? LEAT_RPC_AUTH_ERROR : LEAT_RPC_RPC_MISMATCH;
        return why == AUTH_ERROR || take(input, &reply->high);
}

ssize_t rpc_reply_decode(const void *bytes, size_t size_bytes, struct rpc_reply *ret_reply) {
        struct input input = { bytes, (const uint8_t *)bytes + size_bytes };
        struct rpc_reply reply = { 0 };
        uint32_t direction, accepted;
        if (!take(&input, &reply.xid) || !take(&input, &direction) || direction != REPLY || !take(&input, &accepted) ||
            accepted > DENIED)
                return -EBADMSG;
        if (!(accepted == ACCEPTED ? take_accepted(&input, &reply) : take_denied(&input, &reply)))
                return -EBADMSG;
        if (reply.status != LEAT_RPC_SUCCESS && input.at != input.end)
                return -EBADMSG;
        *ret_reply = reply;
        return input.at - (const uint8_t *)bytes;
}

/* ---- receiving ---- */

int rpc_place_make(struct rpc_place *place, size_t room_bytes) {
        uint8_t *bytes = malloc(room_bytes);
        if (!bytes)
                return -ENOMEM;
        free(place->bytes);
        *place = (struct rpc_place){ bytes, room_bytes, 0 };
        return 0;
}
