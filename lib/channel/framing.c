/* SPDX-License-Identifier: MIT */
#include "channel/framing.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

const char *const framing_names[FRAMING_COUNT + 1] = {
        [FRAMING_LEAT] = "leat", [FRAMING_RAW] = "raw",       [FRAMING_LINES] = "lines",
        [FRAMING_NUL] = "nul",   [FRAMING_LENGTH] = "length",
};

static int need(struct found *found, size_t size) {
        found->consumed = size;
        return 0;
}

static int find_delimiter(int delimiter, const uint8_t *bytes, size_t size, size_t *scanned, bool ended,
                          uint64_t largest, struct found *found) {
        const uint8_t *end = size > *scanned ? memchr(bytes + *scanned, delimiter, size - *scanned) : NULL;
        size_t length = end ? (size_t)(end - bytes) : size;
        if (length > largest)
                return -EBADMSG;
        if (!end && !(ended && size > 0)) {
                *scanned = size;
                return need(found, size + 1);
        }
        *scanned = 0;
        *found = (struct found){ .size_bytes = length, .consumed = length + (end != NULL) };
        return 1;
}

static int find_length(const uint8_t *bytes, size_t size, uint64_t largest, struct found *found) {
        if (size < 4)
                return need(found, 4);
        uint32_t length = get_be32(bytes);
        if (length > largest)
                return -EBADMSG;
        *found = (struct found){ .at = 4, .size_bytes = length, .consumed = 4 + (size_t)length };
        return size >= found->consumed;
}

int framing_find(enum framing framing, const uint8_t *bytes, size_t size, size_t *scanned, bool ended, uint64_t largest,
                 struct found *ret_found) {
        if (framing == FRAMING_LEAT)
                return framing_find_frame(bytes, size, largest, ret_found);
        *ret_found = (struct found){ 0 };
        switch (framing) {
        case FRAMING_LINES:
                return find_delimiter('\n', bytes, size, scanned, ended, largest, ret_found);
        case FRAMING_NUL:
                return find_delimiter('\0', bytes, size, scanned, ended, largest, ret_found);
        case FRAMING_LENGTH:
                return find_length(bytes, size, largest, ret_found);
        default: /* raw: whatever there is */
                *ret_found = (struct found){ .size_bytes = size, .consumed = size > 0 ? size : 1 };
                return size > 0;
        }
}

bool framing_allows(enum framing framing, const uint8_t *bytes, size_t size) {
        if (framing != FRAMING_LINES && framing != FRAMING_NUL)
                return true;
        return size == 0 || !memchr(bytes, framing == FRAMING_LINES ? '\n' : '\0', size);
}

size_t framing_around(enum framing framing, size_t size, uint8_t ret_prefix[4], int *ret_suffix) {
        *ret_suffix = framing == FRAMING_LINES ? '\n' : framing == FRAMING_NUL ? '\0' : -1;
        if (framing != FRAMING_LENGTH)
                return 0;
        put_be32(ret_prefix, (uint32_t)size);
        return 4;
}

static bool continues(const struct wire_header *under_way, const struct wire_header *header) {
        return under_way->sequence == header->sequence && under_way->type == header->type &&
               under_way->priority == header->priority && under_way->flags == header->flags &&
               under_way->reference == header->reference && under_way->size == header->size;
}

static bool follows(const struct frame_order *order, uint64_t sequence) {
        return sequence > order->last_sequence || (order->restarts && sequence == 1);
}

int frame_order_check_part(struct frame_order *order, const struct wire_header *header) {
        struct wire_header *under_way = &order->under_way;
        switch (header->kind) {
        case WIRE_MESSAGE:
        case WIRE_REPLY:
                if (under_way->kind != 0 || !follows(order, header->sequence))
                        return -EBADMSG;
                order->last_sequence = header->sequence;
                if (wire_frame_bytes(header) == header->size)
                        return 0; /* it is whole */
                *under_way = *header;
                break;
        case WIRE_CONTINUE:
                if (under_way->kind == 0 || !continues(under_way, header))
                        return -EBADMSG;
                break;
        case WIRE_ABANDON:
                if (under_way->kind == 0 || under_way->sequence != header->sequence)
                        return -EBADMSG;
                frame_order_abandon(order);
                return 0;
        default: /* TAKEN and REFUSE come between any two frames */
                return 0;
        }
        under_way->size -= (uint32_t)wire_frame_bytes(header);
        if (under_way->size == 0)
                frame_order_abandon(order);
        return 0;
}

void frame_order_abandon(struct frame_order *order) {
        order->under_way.kind = (enum wire_kind)0;
}
