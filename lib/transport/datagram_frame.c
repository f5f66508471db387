/* SPDX-License-Identifier: MIT */

/* From the bytes of a datagram to messages, and back. Pure. */

#include "transport/datagram.h"

#include "channel/describe.h"

#include <errno.h>
#include <string.h>

/* ---- out ---- */

static bool shares(const struct outgoing *message) {
        return message->kind == WIRE_MESSAGE && message->size_bytes <= TOGETHER_SMALL &&
               message->descriptors_count == 0;
}

int datagram_bundle(const struct outgoing *messages, int count, size_t most, uint8_t *bytes, size_t *ret_size) {
        size_t used = 0;
        int n = 0;
        for (; n < count && shares(&messages[n]); n++) {
                size_t size = messages[n].size_bytes;
                if (most - used < WIRE_HEADER_BYTES + size)
                        break;
                entry_header(&messages[n], bytes + used);
                if (size > 0)
                        memcpy(bytes + used + WIRE_HEADER_BYTES, messages[n].bytes, size);
                used += WIRE_HEADER_BYTES + size;
        }
        *ret_size = used;
        return n;
}

/* ---- in ---- */

static void describe_raw(const uint8_t *bytes, size_t size, struct datagram_frame *ret_frame) {
        const struct wire_header plain = { .kind = WIRE_MESSAGE, .type = 1 };
        *ret_frame = (struct datagram_frame){ .kind = WIRE_MESSAGE, .bytes = bytes, .whole_bytes = size };
        describe_header(&plain, &ret_frame->about);
        ret_frame->about.size_bytes = size;
}

static void describe(const struct wire_header *header, const uint8_t *bytes, struct datagram_frame *ret_frame) {
        ret_frame->kind = header->kind;
        ret_frame->answers = header->kind == WIRE_REPLY ? header->reference : 0;
        ret_frame->refusal = 0;
        ret_frame->bytes = bytes + WIRE_HEADER_BYTES;
        ret_frame->their_version = 0;
        ret_frame->whole_bytes = WIRE_HEADER_BYTES + header->size;
        /* That it waits until it is taken (WIRE_WANTS_TAKEN) is not told: there is nothing that would answer. */
        describe_header(header, &ret_frame->about);
        if (header->kind == WIRE_MESSAGE && (header->flags & WIRE_WANTS_REPLY)) {
                ret_frame->about.flags |= LEAT_WANTS_REPLY;
                ret_frame->about.deadline = describe_deadline(header);
        }
}

/* The reasons that the other end of a pair may give. */
static int refusal_of(int64_t error) {
        return error == EBUSY || error == EPROTONOSUPPORT ? -(int)error : -EBADMSG;
}

/* The header of a frame that lies within these bytes. */
static int decode(const uint8_t *bytes, size_t size, uint64_t largest, struct wire_header *ret_header) {
        int r = size < WIRE_HEADER_BYTES ? -EBADMSG : wire_decode(bytes, largest, ret_header);
        if (r < 0)
                return r;
        return ret_header->size > size - WIRE_HEADER_BYTES ? -EBADMSG : 0;
}

/* Several: whole messages without descriptors one behind the other, and nothing else. Whether one of them is too large is asked when it
 * is its turn. */
static int check_bundle(const uint8_t *bytes, size_t size, struct wire_header *header) {
        size_t at = 0;
        int r = size <= DATAGRAM_BUNDLE_BYTES ? 0 : -EBADMSG;
        while (r == 0 && at < size) {
                r = decode(bytes + at, size - at, DATAGRAM_BUNDLE_BYTES, header);
                if (r == 0 && (header->kind != WIRE_MESSAGE || header->descriptors > 0))
                        r = -EBADMSG;
                at += WIRE_HEADER_BYTES + header->size;
        }
        return r;
}

int datagram_look(enum framing framing, const uint8_t *bytes, size_t size, uint64_t largest, size_t descriptors,
                  struct datagram_frame *ret_frame) {
        struct wire_header header, other;
        if (framing != FRAMING_LEAT) {
                describe_raw(bytes, size, ret_frame);
                return size <= largest ? 0 : -EBADMSG;
        }
        header.version = other.version = 0;
        int r = decode(bytes, size, WIRE_LARGEST_BYTES, &header);
        bool several = r == 0 && header.size < size - WIRE_HEADER_BYTES;
        if (r == 0 && (header.descriptors != descriptors || (!several && header.size > largest)))
                r = -EBADMSG;
        if (r == 0 && several) {
                r = check_bundle(bytes, size, &other);
                header.version = r < 0 ? other.version : header.version;
        }
        if (r == -EPROTONOSUPPORT)
                ret_frame->their_version = header.version;
        if (r < 0)
                return r;
        if (header.kind == WIRE_CONTINUE || header.kind == WIRE_ABANDON)
                return -EBADMSG; /* frames of a connection */
        describe(&header, bytes, ret_frame);
        ret_frame->refusal = header.kind == WIRE_REFUSE ? refusal_of(header.type) : 0;
        return 0;
}

void datagram_look_next(const uint8_t *bytes, struct datagram_frame *ret_frame) {
        struct wire_header header;
        (void)wire_decode(bytes, WIRE_LARGEST_BYTES, &header); /* checked with its datagram */
        describe(&header, bytes, ret_frame);
}
