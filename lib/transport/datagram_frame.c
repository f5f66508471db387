/* SPDX-License-Identifier: MIT */

/* From the bytes of a datagram to a message. Pure. */

#include "transport/datagram.h"

#include <errno.h>
#include <leat/deadline.h>

static void describe_raw(const uint8_t *bytes, size_t size, struct datagram_frame *ret_frame) {
        *ret_frame = (struct datagram_frame){ .kind = WIRE_MESSAGE, .bytes = bytes };
        ret_frame->about = (struct leat_message){
                .struct_size = sizeof(ret_frame->about), .size_bytes = size, .type = 1, .deadline = LEAT_NEVER
        };
}

static int64_t deadline_of(const struct wire_header *header) {
        bool told = (header->flags & WIRE_WANTS_REPLY) && header->reference > 0;
        return told ? leat_in_ns(header->reference > INT64_MAX ? INT64_MAX : (int64_t)header->reference) : LEAT_NEVER;
}

static void describe(const struct wire_header *header, const uint8_t *bytes, struct datagram_frame *ret_frame) {
        bool request = header->kind == WIRE_MESSAGE && (header->flags & WIRE_WANTS_REPLY);
        *ret_frame = (struct datagram_frame){ .kind = header->kind,
                                              .answers = header->kind == WIRE_REPLY ? header->reference : 0,
                                              .bytes = bytes + WIRE_HEADER_BYTES };
        /* That it waits until it is taken (WIRE_WANTS_TAKEN) is not told: there is nothing that would answer. */
        ret_frame->about = (struct leat_message){
                .struct_size = sizeof(ret_frame->about),
                .size_bytes = header->size,
                .type = header->type,
                .priority = header->priority,
                .flags = (request ? LEAT_WANTS_REPLY : 0) | (header->flags & WIRE_REDELIVERED ? LEAT_REDELIVERED : 0),
                .sequence = header->sequence,
                .time_ns = header->time_ns,
                .deadline = request ? deadline_of(header) : LEAT_NEVER,
        };
}

/* The reasons that the other end of a pair may give. */
static int refusal_of(int64_t error) {
        return error == EBUSY || error == EPROTONOSUPPORT ? -(int)error : -EBADMSG;
}

int datagram_look(enum framing framing, const uint8_t *bytes, size_t size, uint64_t largest, size_t descriptors,
                  struct datagram_frame *ret_frame) {
        struct wire_header header = { 0 };
        if (framing != FRAMING_LEAT) {
                describe_raw(bytes, size, ret_frame);
                return size <= largest ? 0 : -EBADMSG;
        }
        int r = size < WIRE_HEADER_BYTES ? -EBADMSG : wire_decode(bytes, largest, &header);
        if (r == -EPROTONOSUPPORT)
                ret_frame->their_version = header.version;
        if (r < 0)
                return r;
        if (header.size != size - WIRE_HEADER_BYTES || header.descriptors != descriptors)
                return -EBADMSG;
        if (header.kind == WIRE_CONTINUE || header.kind == WIRE_ABANDON)
                return -EBADMSG; /* frames of a connection */
        describe(&header, bytes, ret_frame);
        ret_frame->refusal = header.kind == WIRE_REFUSE ? refusal_of(header.type) : 0;
        return 0;
}
