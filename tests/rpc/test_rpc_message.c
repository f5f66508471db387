/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "harness.h"
#include "rpc/rpc_message.h"

#include <errno.h>
#include <stdlib.h>

/* The headers of calls and replies, against bytes written down by hand from RFC 5531, section 9. */

#define WORD(n)                                                                                                        \
        (uint8_t)((uint32_t)(n) >> 24), (uint8_t)((uint32_t)(n) >> 16), (uint8_t)((uint32_t)(n) >> 8), (uint8_t)(n)

static const uint8_t plain_call[] = { WORD(0x12345678), WORD(0), WORD(2), WORD(100003), WORD(4),
                                      WORD(1),          WORD(0), WORD(0), WORD(0),      WORD(0) };

static const uint8_t call_with_credential[] = {
        WORD(7), WORD(0), WORD(2), WORD(0x20000001), WORD(1), WORD(0), WORD(1), WORD(5), 'h', 'e', 'l', 'l', 'o',
        0,       0,       0,       WORD(6),          WORD(4), 1,       2,       3,       4
};

static const struct {
        struct rpc_reply reply;
        size_t size;
        uint8_t bytes[32];
} replies[] = {
        { { .xid = 9, .status = LEAT_RPC_SUCCESS }, 24, { WORD(9), WORD(1), WORD(0), WORD(0), WORD(0), WORD(0) } },
        { { .xid = 9, .status = LEAT_RPC_PROGRAM_UNAVAILABLE },
          24,
          { WORD(9), WORD(1), WORD(0), WORD(0), WORD(0), WORD(1) } },
        { { .xid = 9, .status = LEAT_RPC_VERSION_MISMATCH, .low = 2, .high = 4 },
          32,
          { WORD(9), WORD(1), WORD(0), WORD(0), WORD(0), WORD(2), WORD(2), WORD(4) } },
        { { .xid = 9, .status = LEAT_RPC_PROCEDURE_UNAVAILABLE },
          24,
          { WORD(9), WORD(1), WORD(0), WORD(0), WORD(0), WORD(3) } },
        { { .xid = 9, .status = LEAT_RPC_GARBAGE_ARGUMENTS },
          24,
          { WORD(9), WORD(1), WORD(0), WORD(0), WORD(0), WORD(4) } },
        { { .xid = 9, .status = LEAT_RPC_SYSTEM_ERROR }, 24, { WORD(9), WORD(1), WORD(0), WORD(0), WORD(0), WORD(5) } },
        { { .xid = 9, .status = LEAT_RPC_RPC_MISMATCH, .low = 2, .high = 2 },
          24,
          { WORD(9), WORD(1), WORD(1), WORD(0), WORD(2), WORD(2) } },
        { { .xid = 9, .status = LEAT_RPC_AUTH_ERROR, .low = 5 }, 20, { WORD(9), WORD(1), WORD(1), WORD(1), WORD(5) } },
};
#define REPLIES (sizeof(replies) / sizeof(replies[0]))

TEST(calls_are_written_and_read) {
        struct leat_xdr_buffer buffer = { 0 };
        struct rpc_call call = { .xid = 0x12345678, .program = 100003, .version = 4, .procedure = 1 }, back;
        uint32_t auth;
        CHECK_EQ(rpc_call_encode(&call, &buffer), 0);
        CHECK_EQ(buffer.size_bytes, sizeof(plain_call));
        CHECK_MEM(buffer.bytes, plain_call, sizeof(plain_call));
        CHECK_EQ(rpc_call_decode(plain_call, sizeof(plain_call), &back, &auth), sizeof(plain_call));
        CHECK(back.xid == call.xid && back.program == 100003 && back.version == 4 && back.procedure == 1);
        CHECK(back.credential.flavor == RPC_AUTH_NONE && back.credential.size_bytes == 0);
        leat_xdr_buffer_free(&buffer);
}

TEST(credentials_are_written_and_read) {
        struct leat_xdr_buffer buffer = { 0 };
        struct rpc_call call;
        uint32_t auth;
        size_t size = sizeof(call_with_credential);
        CHECK_EQ(rpc_call_decode(call_with_credential, size, &call, &auth), size);
        CHECK(call.credential.flavor == 1 && call.credential.size_bytes == 5);
        CHECK_MEM(call.credential.bytes, "hello", 5);
        CHECK(call.verifier.flavor == 6 && call.verifier.size_bytes == 4);
        CHECK_EQ(rpc_call_encode(&call, &buffer), 0);
        CHECK_EQ(buffer.size_bytes, size);
        CHECK_MEM(buffer.bytes, call_with_credential, size);
        leat_xdr_buffer_free(&buffer);
}

TEST(replies_are_written_and_read) {
        for (size_t i = 0; i < REPLIES; i++) {
                struct leat_xdr_buffer buffer = { 0 };
                struct rpc_reply back;
                CHECK_EQ(rpc_reply_encode(&replies[i].reply, &buffer), 0);
                CHECK_EQ(buffer.size_bytes, replies[i].size);
                CHECK_MEM(buffer.bytes, replies[i].bytes, replies[i].size);
                CHECK_EQ(rpc_reply_decode(replies[i].bytes, replies[i].size, &back), replies[i].size);
                CHECK(back.xid == 9 && back.status == replies[i].reply.status);
                CHECK(back.low == replies[i].reply.low && back.high == replies[i].reply.high);
                leat_xdr_buffer_free(&buffer);
        }
}

TEST(a_buffer_without_room_is_told) {
        uint8_t room[39];
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(room, sizeof(room));
        CHECK_EQ(rpc_call_encode(&(struct rpc_call){ .xid = 1 }, &buffer), -EMSGSIZE);
        CHECK_EQ(buffer.size_bytes, 0);
}

static ssize_t decode_call(const uint8_t *bytes, size_t size, struct rpc_call *call, uint32_t *auth) {
        uint8_t *copy = exact(bytes, size);
        ssize_t r = rpc_call_decode(copy, size, call, auth);
        free(copy);
        return r;
}

TEST(what_is_no_call_is_refused) {
        struct rpc_call call;
        uint32_t auth = 0;
        uint8_t bytes[sizeof(call_with_credential)];
        memcpy(bytes, call_with_credential, sizeof(bytes));
        for (size_t size = 0; size < 24; size++)
                CHECK_EQ(decode_call(bytes, size, &call, &auth), -EBADMSG);
        for (size_t size = 24; size < sizeof(bytes); size++) {
                CHECK_EQ(decode_call(bytes, size, &call, &auth), -EACCES);
                CHECK_EQ(auth, size < 40 ? RPC_AUTH_BADCRED : RPC_AUTH_BADVERF);
                CHECK_EQ(call.xid, 7);
        }
        bytes[39] = 1; /* padding */
        CHECK_EQ(decode_call(bytes, sizeof(bytes), &call, &auth), -EACCES);
        bytes[39] = 0;
        bytes[7] = 1; /* a reply */
        CHECK_EQ(decode_call(bytes, sizeof(bytes), &call, &auth), -EBADMSG);
        bytes[7] = 0;
        bytes[11] = 3; /* of version 3 */
        CHECK_EQ(decode_call(bytes, sizeof(bytes), &call, &auth), -EPROTONOSUPPORT);
        CHECK_EQ(call.xid, 7);
}

TEST(a_credential_has_at_most_400_bytes) {
        uint8_t bytes[24 + 8 + 404 + 8] = { WORD(7), WORD(0), WORD(2), WORD(1), WORD(1), WORD(0), WORD(1), WORD(400) };
        struct rpc_call call;
        uint32_t auth = 0;
        CHECK_EQ(decode_call(bytes, sizeof(bytes), &call, &auth), sizeof(bytes) - 4);
        bytes[31] = 401 - 256;
        CHECK_EQ(decode_call(bytes, sizeof(bytes), &call, &auth), -EACCES);
        memset(bytes + 28, 0xff, 4);
        CHECK_EQ(decode_call(bytes, sizeof(bytes), &call, &auth), -EACCES);
}

TEST(what_is_no_reply_is_refused) {
        struct rpc_reply back;
        for (size_t i = 0; i < REPLIES; i++) {
                for (size_t size = 0; size < replies[i].size; size++) {
                        uint8_t *copy = exact(replies[i].bytes, size);
                        CHECK_EQ(rpc_reply_decode(copy, size, &back), -EBADMSG);
                        free(copy);
                }
        }
        uint8_t bytes[36] = { 0 };
        memcpy(bytes, replies[1].bytes, 24);
        CHECK_EQ(rpc_reply_decode(bytes, 28, &back), -EBADMSG); /* something follows a refusal */
        bytes[23] = 6;
        CHECK_EQ(rpc_reply_decode(bytes, 24, &back), -EBADMSG); /* no such status */
        bytes[11] = 2;
        CHECK_EQ(rpc_reply_decode(bytes, 24, &back), -EBADMSG); /* neither accepted nor denied */
}

/* Each single bit that is flipped: refused, or something that is written as the same bytes again. */
TEST(flipped_bits_do_no_harm) {
        uint8_t bytes[sizeof(call_with_credential)];
        memcpy(bytes, call_with_credential, sizeof(bytes));
        for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
                struct leat_xdr_buffer buffer = { 0 };
                struct rpc_call call;
                uint32_t auth;
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                ssize_t n = rpc_call_decode(bytes, sizeof(bytes), &call, &auth);
                if (n >= 0) {
                        CHECK_EQ(rpc_call_encode(&call, &buffer), 0);
                        CHECK_EQ(buffer.size_bytes, n);
                        CHECK_MEM(buffer.bytes, bytes, (size_t)n);
                }
                leat_xdr_buffer_free(&buffer);
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
}

TEST_MAIN()
