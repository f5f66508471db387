/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: the headers of calls and replies (lib/rpc/rpc_message.h), which a stranger's bytes begin with. Whatever is accepted encodes
 * to the same bytes; what is told lies in the message; nothing is told of what is no call and no reply; and where a header ends does not
 * depend on what is behind it.
 */

#include "rpc/rpc_message.h"
#include "exact.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_inside(const struct rpc_auth *auth, const uint8_t *bytes, size_t size) {
        REQUIRE(auth->size_bytes <= RPC_AUTH_BYTES);
        if (auth->size_bytes > 0)
                REQUIRE(auth->bytes >= bytes && auth->bytes + auth->size_bytes <= bytes + size);
}

static void require_same(struct leat_xdr_buffer *buffer, const uint8_t *bytes, size_t size) {
        REQUIRE(buffer->size_bytes == size && memcmp(buffer->bytes, bytes, size) == 0);
        leat_xdr_buffer_free(buffer);
}

/* A refused call whose caller can be told so has a header that goes as far as its version. */
static void require_refused_call(ssize_t error, const struct rpc_call *call, const struct rpc_call *before,
                                 uint32_t broken) {
        REQUIRE(error == -EBADMSG || error == -EPROTONOSUPPORT || error == -EACCES);
        REQUIRE(error != -EACCES || broken == RPC_AUTH_BADCRED || broken == RPC_AUTH_BADVERF);
        REQUIRE(call->program == before->program && call->credential.bytes == before->credential.bytes);
        REQUIRE(call->verifier.size_bytes == before->verifier.size_bytes);
}

static void check_call(const uint8_t *bytes, size_t size) {
        const struct rpc_call before = { .program = 0xa5a5a5a5, .verifier.size_bytes = 7 };
        struct rpc_call call = before, again;
        struct leat_xdr_buffer buffer = { 0 };
        uint32_t broken = 0;
        ssize_t header = rpc_call_decode(bytes, size, &call, &broken);
        if (header < 0) {
                require_refused_call(header, &call, &before, broken);
                return;
        }
        REQUIRE((size_t)header <= size && header >= 40 && header % 4 == 0);
        require_inside(&call.credential, bytes, (size_t)header);
        require_inside(&call.verifier, bytes, (size_t)header);
        REQUIRE(rpc_call_encode(&call, &buffer) == 0);
        require_same(&buffer, bytes, (size_t)header);
        REQUIRE(rpc_call_decode(bytes, (size_t)header, &again, &broken) == header);
        REQUIRE(rpc_call_decode(bytes, (size_t)header - 1, &again, &broken) < 0);
}

static void check_reply(const uint8_t *bytes, size_t size) {
        struct rpc_reply reply, again;
        struct leat_xdr_buffer buffer = { 0 };
        ssize_t header = rpc_reply_decode(bytes, size, &reply);
        if (header < 0) {
                REQUIRE(header == -EBADMSG);
                return;
        }
        REQUIRE((size_t)header <= size && header >= 16 && header % 4 == 0);
        REQUIRE(reply.status <= LEAT_RPC_AUTH_ERROR && (reply.status == LEAT_RPC_SUCCESS || (size_t)header == size));
        require_inside(&reply.verifier, bytes, (size_t)header);
        REQUIRE(rpc_reply_encode(&reply, &buffer) == 0);
        require_same(&buffer, bytes, (size_t)header);
        REQUIRE(rpc_reply_decode(bytes, (size_t)header, &again) == header);
        REQUIRE(rpc_reply_decode(bytes, (size_t)header - 1, &again) == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *bytes = exact_copy(data, size);
        check_call(bytes, size);
        check_reply(bytes, size);
        free(bytes);
        return 0;
}
