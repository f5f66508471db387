/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_FRAMING_H
#define LEAT_CHANNEL_FRAMING_H

/*
 * Framings: how messages lie in a stream of bytes (docs/wire.md). Pure: from bytes to messages, and
 * the rules that frames keep among each other.
 */

#include "channel/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum framing { FRAMING_LEAT, FRAMING_RAW, FRAMING_LINES, FRAMING_NUL, FRAMING_LENGTH, FRAMING_COUNT };

extern const char *const framing_names[FRAMING_COUNT + 1]; /* NULL ends it */

/* The longest that a framing puts around a message of one frame. */
#define FRAMING_AROUND_BYTES (WIRE_HEADER_BYTES + 1)

/* One message, or frame, found at the beginning of the bytes. */
struct found {
        struct wire_header header; /* FRAMING_LEAT only */
        size_t at;                 /* where its bytes begin */
        size_t size_bytes;         /* of what lies here of it */
        size_t consumed;           /* up to here all is dealt with */
        bool abandoned;            /* the trailer takes the message back */
};

/*
 * Look for one frame (FRAMING_LEAT) or message at the beginning of `size` bytes.
 *
 * scanned: bytes already searched for a delimiter in vain, in and out; 0 at first and after a find.
 * ended: no more bytes will come. largest: the largest message, in bytes.
 * Returns 1 and *ret_found; 0 if more bytes are needed, then at least ret_found->consumed in all; -EBADMSG,
 * -EPROTONOSUPPORT (ret_found->header.version).
 */
int framing_find(enum framing framing, const uint8_t *bytes, size_t size, size_t *scanned, bool ended, uint64_t largest,
                 struct found *ret_found);

static inline bool framing_has_trailer(enum wire_kind kind) {
        return kind == WIRE_MESSAGE || kind == WIRE_REPLY || kind == WIRE_CONTINUE;
}

/* The same of FRAMING_LEAT alone. Field by field: this is done for every message, and what is not set here nobody reads. */
static inline int framing_find_frame(const uint8_t *bytes, size_t size, uint64_t largest, struct found *found) {
        found->header.version = 0;
        found->at = found->size_bytes = 0;
        found->consumed = WIRE_HEADER_BYTES;
        if (size < WIRE_HEADER_BYTES)
                return 0;
        int r = wire_decode(bytes, largest, &found->header);
        if (r < 0)
                return r;
        bool trailer = framing_has_trailer(found->header.kind);
        found->at = WIRE_HEADER_BYTES;
        found->size_bytes = wire_frame_bytes(&found->header);
        found->consumed = found->at + found->size_bytes + trailer;
        if (size < found->consumed)
                return 0;
        uint8_t last = trailer ? bytes[found->consumed - 1] : 0;
        if (last > 1)
                return -EBADMSG;
        found->abandoned = last == 1;
        return 1;
}

/* What framing_find() wants at least where there is nothing yet. */
static inline size_t framing_least(enum framing framing) {
        return framing == FRAMING_LEAT ? WIRE_HEADER_BYTES : framing == FRAMING_LENGTH ? 4 : 1;
}

/* May these bytes be a message of this framing? (A line holds no newline.) */
bool framing_allows(enum framing framing, const uint8_t *bytes, size_t size);

/* What goes before and after a message in the framings other than FRAMING_LEAT. Returns the size
 * of the prefix (0 or 4), written to ret_prefix; *ret_suffix is the byte after it, or -1. */
size_t framing_around(enum framing framing, size_t size, uint8_t ret_prefix[4], int *ret_suffix);

/* The rules that frames of one connection keep among each other (rules 3 and 5 of docs/wire.md). */
struct frame_order {
        struct wire_header under_way; /* kind 0: no message is under way; size: what is still to come */
        uint64_t last_sequence;
        bool restarts; /* one sender may follow another on the same connection: numbers may begin at 1 again */
};

/* Check the next frame. Returns 0 and takes it in, or -EBADMSG. The first: one that is not a whole message in the place of one. */
int frame_order_check_part(struct frame_order *order, const struct wire_header *header);
static inline int frame_order_check(struct frame_order *order, const struct wire_header *header) {
        bool begins = header->kind == WIRE_MESSAGE || header->kind == WIRE_REPLY;
        if (!begins || order->under_way.kind != 0 || header->sequence <= order->last_sequence ||
            header->size > WIRE_FRAME_BYTES)
                return frame_order_check_part(order, header);
        order->last_sequence = header->sequence;
        return 0;
}

/* The message under way was taken back by a trailer. */
void frame_order_abandon(struct frame_order *order);

/* Is a message under way that needs further frames? */
static inline bool frame_order_open(const struct frame_order *order) {
        return order->under_way.kind != 0;
}

#endif
