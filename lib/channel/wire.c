/* SPDX-License-Identifier: MIT */
#include "channel/wire.h"

#include "base/rare.h"

#include <errno.h>
#include <leat/message.h>
#include <stdbool.h>

/* Frames of control carry no message. */
static bool carries_nothing(enum wire_kind kind) {
        return kind == WIRE_TAKEN || kind == WIRE_ABANDON || kind == WIRE_REFUSE;
}

static RARE int refuse(const uint8_t bytes[WIRE_HEADER_BYTES], struct wire_header *ret_header) {
        if (get_le16(bytes + WIRE_AT_MAGIC) != WIRE_MAGIC)
                return -EBADMSG;
        *ret_header = (struct wire_header){ .version = bytes[WIRE_AT_VERSION] };
        return -EPROTONOSUPPORT;
}

int wire_decode(const uint8_t bytes[WIRE_HEADER_BYTES], uint64_t largest, struct wire_header *ret_header) {
        struct wire_header *header = ret_header;
        uint32_t first = get_le32(bytes + WIRE_AT_MAGIC);
        uint32_t descriptors = get_le32(bytes + WIRE_AT_DESCRIPTORS); /* with the three bytes of 0 */
        if ((first & 0xffffff) != WIRE_FIRST)
                return refuse(bytes, ret_header);
        header->version = WIRE_VERSION;
        header->kind = (enum wire_kind)(first >> 24);
        header->flags = get_le16(bytes + WIRE_AT_FLAGS);
        header->priority = get_le16(bytes + WIRE_AT_PRIORITY);
        header->size = get_le32(bytes + WIRE_AT_SIZE);
        header->descriptors = (uint8_t)descriptors;
        header->type = (int64_t)get_le64(bytes + WIRE_AT_TYPE);
        header->sequence = get_le64(bytes + WIRE_AT_SEQUENCE);
        header->time_ns = (int64_t)get_le64(bytes + WIRE_AT_TIME);
        header->reference = get_le64(bytes + WIRE_AT_REFERENCE);
        if (header->kind < WIRE_MESSAGE || header->kind > WIRE_REFUSE || (header->flags & ~WIRE_FLAGS) ||
            header->priority > LEAT_PRIORITY_MAX || header->type < 1 || descriptors > LEAT_DESCRIPTORS_MAX)
                return -EBADMSG;
        if (header->size > largest || (carries_nothing(header->kind) && (header->size > 0 || descriptors > 0)) ||
            (header->kind == WIRE_CONTINUE && (header->size == 0 || descriptors > 0)))
                return -EBADMSG;
        return 0;
}
