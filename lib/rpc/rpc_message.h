/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_MESSAGE_H
#define LEAT_RPC_MESSAGE_H

/*
 * The headers of calls and replies: RFC 5531, section 9. Behind a call's header stand its arguments, behind that of a successful reply the result.
 */

#include <leat/rpc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RPC_VERSION 2u
#define RPC_AUTH_BYTES 400u /* the most of a credential or verifier */
#define RPC_AUTH_NONE 0u

/* Why a call was refused for who makes it: auth_stat. */
#define RPC_AUTH_BADCRED 1u
#define RPC_AUTH_BADVERF 3u

/* Who calls, or proof of it; the bytes are in the message. */
struct rpc_auth {
        uint32_t flavor;
        uint32_t size_bytes;
        const uint8_t *bytes;
};

struct rpc_call {
        uint32_t xid, program, version, procedure;
        struct rpc_auth credential, verifier;
};

struct rpc_reply {
        uint32_t xid;
        enum leat_rpc_status status; /* up to LEAT_RPC_AUTH_ERROR */
        uint32_t low, high;          /* as struct leat_rpc_call has them */
        struct rpc_auth verifier;    /* of one that was accepted */
};

/* Where messages are received. */
struct rpc_place {
        uint8_t *bytes;
        size_t room_bytes;
        unsigned small; /* messages in a row for which it was too large by far */
};

/* Make it one of as many bytes: what was in it is lost. Returns 0 or -ENOMEM, and it is as it was. */
int rpc_place_make(struct rpc_place *place, size_t room_bytes);

/* A message of this size was received there. */
static inline void rpc_place_used(struct rpc_place *place, size_t size_bytes) {
        place->small = size_bytes < place->room_bytes / 4 ? place->small + 1 : 0;
}

/* None in a long row needed a quarter of it, and it is larger than usual: another is to be made. As long as large ones keep coming the same memory serves for all of them. */
#define RPC_PLACE_ROW 64u
static inline bool rpc_place_is_idle(const struct rpc_place *place, size_t usual_bytes) {
        return place->small >= RPC_PLACE_ROW && place->room_bytes > usual_bytes;
}

/* Append a header. Returns 0 or an error of leat_xdr_buffer_reserve(). */
int rpc_call_encode(const struct rpc_call *call, struct leat_xdr_buffer *buffer);
int rpc_reply_encode(const struct rpc_reply *reply, struct leat_xdr_buffer *buffer);

/*
 * Read a call's header. Returns its size, or:
 * -EBADMSG         it is no call, or ends before its header does: nothing can be answered
 * -EPROTONOSUPPORT it is one of another version of the protocol: LEAT_RPC_RPC_MISMATCH answers it; xid is told
 * -EACCES          its credential or verifier is broken: LEAT_RPC_AUTH_ERROR answers it; xid is told, and in *ret_auth which
 */
ssize_t rpc_call_decode(const void *bytes, size_t size_bytes, struct rpc_call *ret_call, uint32_t *ret_auth);

/* Read a reply's header. Returns its size; -EBADMSG: it is none. Behind one that says no success nothing may follow. */
ssize_t rpc_reply_decode(const void *bytes, size_t size_bytes, struct rpc_reply *ret_reply);

#endif
