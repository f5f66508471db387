/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_FRAMING_H
#define LEAT_CHANNEL_FRAMING_H

/*
 * Framings: how messages lie in a stream of bytes (docs/wire.md). Pure: from bytes to messages, and
 * the rules that frames keep among each other.
 */

#include "channel/wire.h"

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

/* Check the next frame. Returns 0 and takes it in, or -EBADMSG. */
int frame_order_check(struct frame_order *order, const struct wire_header *header);

/* The message under way was taken back by a trailer. */
void frame_order_abandon(struct frame_order *order);

/* Is a message under way that needs further frames? */
static inline bool frame_order_open(const struct frame_order *order) {
        return order->under_way.kind != 0;
}

#endif
