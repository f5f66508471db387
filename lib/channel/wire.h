/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_WIRE_H
#define LEAT_CHANNEL_WIRE_H

/*
 * The header of a frame (docs/wire.md): to bytes, and from the bytes of a stranger. Pure.
 */

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION 1
#define WIRE_HEADER_BYTES 48
#define WIRE_FRAME_BYTES 65536 /* of a message, at most, in one frame */
#define WIRE_LARGEST_BYTES (UINT64_C(1) << 30)

/* Offsets of the fields, as in docs/wire.md. */
enum {
        WIRE_AT_MAGIC = 0,
        WIRE_AT_VERSION = 2,
        WIRE_AT_KIND = 3,
        WIRE_AT_FLAGS = 4,
        WIRE_AT_PRIORITY = 6,
        WIRE_AT_SIZE = 8,
        WIRE_AT_DESCRIPTORS = 12,
        WIRE_AT_TYPE = 16,
        WIRE_AT_SEQUENCE = 24,
        WIRE_AT_TIME = 32,
        WIRE_AT_REFERENCE = 40
};

#define WIRE_MAGIC ((uint32_t)'t' << 8 | 'L')
#define WIRE_FIRST ((uint32_t)WIRE_VERSION << 16 | WIRE_MAGIC) /* magic and version; the kind is the byte behind them */

enum wire_kind {
        WIRE_MESSAGE = 1,
        WIRE_CONTINUE = 2,
        WIRE_REPLY = 3,
        WIRE_TAKEN = 4,
        WIRE_ABANDON = 5,
        WIRE_REFUSE = 6
};

#define WIRE_WANTS_TAKEN 1u
#define WIRE_WANTS_REPLY 2u
#define WIRE_REDELIVERED 4u
#define WIRE_FLAGS (WIRE_WANTS_TAKEN | WIRE_WANTS_REPLY | WIRE_REDELIVERED)

struct wire_header {
        uint8_t version; /* decoded only: the one that the peer speaks */
        enum wire_kind kind;
        uint16_t flags;
        uint16_t priority;
        uint32_t size; /* of the message from this frame on */
        uint8_t descriptors;
        int64_t type;
        uint64_t sequence;
        int64_t time_ns;
        uint64_t reference;
};

/* How many bytes of the message this frame carries. */
static inline size_t wire_frame_bytes(const struct wire_header *header) {
        return header->size < WIRE_FRAME_BYTES ? header->size : WIRE_FRAME_BYTES;
}

/* Here, so that the header of a message is made of its fields without standing in memory between. */
static inline void wire_encode(const struct wire_header *header, uint8_t ret_bytes[WIRE_HEADER_BYTES]) {
        put_le32(ret_bytes + WIRE_AT_MAGIC, WIRE_FIRST | (uint32_t)(uint8_t)header->kind << 24);
        put_le16(ret_bytes + WIRE_AT_FLAGS, header->flags);
        put_le16(ret_bytes + WIRE_AT_PRIORITY, header->priority);
        put_le32(ret_bytes + WIRE_AT_SIZE, header->size);
        put_le32(ret_bytes + WIRE_AT_DESCRIPTORS, header->descriptors); /* and three bytes of 0 */
        put_le64(ret_bytes + WIRE_AT_TYPE, (uint64_t)header->type);
        put_le64(ret_bytes + WIRE_AT_SEQUENCE, header->sequence);
        put_le64(ret_bytes + WIRE_AT_TIME, (uint64_t)header->time_ns);
        put_le64(ret_bytes + WIRE_AT_REFERENCE, header->reference);
}

/*
 * Decode and check what one header alone can show (rules 1, 2 and 4 of docs/wire.md). largest: the largest message, in bytes.
 * Returns 0, -EBADMSG, or -EPROTONOSUPPORT with *ret_header holding the version alone.
 */
int wire_decode(const uint8_t bytes[WIRE_HEADER_BYTES], uint64_t largest, struct wire_header *ret_header);

#endif
