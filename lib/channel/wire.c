/* SPDX-License-Identifier: MIT */
#include "channel/wire.h"

#include "base/bytes.h"

#include <errno.h>
#include <leat/message.h>
#include <stdbool.h>

/* Offsets of the fields, as in docs/wire.md. */
enum {
        AT_MAGIC = 0,
        AT_VERSION = 2,
        AT_KIND = 3,
        AT_FLAGS = 4,
        AT_PRIORITY = 6,
        AT_SIZE = 8,
        AT_DESCRIPTORS = 12,
        AT_TYPE = 16,
        AT_SEQUENCE = 24,
        AT_TIME = 32,
        AT_REFERENCE = 40
};

static const uint8_t magic[2] = { 'L', 't' };

void wire_encode(const struct wire_header *header, uint8_t ret_bytes[WIRE_HEADER_BYTES]) {
        memcpy(ret_bytes + AT_MAGIC, magic, sizeof(magic));
        ret_bytes[AT_VERSION] = WIRE_VERSION;
        ret_bytes[AT_KIND] = (uint8_t)header->kind;
        put_le16(ret_bytes + AT_FLAGS, header->flags);
        put_le16(ret_bytes + AT_PRIORITY, header->priority);
        put_le32(ret_bytes + AT_SIZE, header->size);
        put_le32(ret_bytes + AT_DESCRIPTORS, header->descriptors); /* and three bytes of 0 */
        put_le64(ret_bytes + AT_TYPE, (uint64_t)header->type);
        put_le64(ret_bytes + AT_SEQUENCE, header->sequence);
        put_le64(ret_bytes + AT_TIME, (uint64_t)header->time_ns);
        put_le64(ret_bytes + AT_REFERENCE, header->reference);
}

/* Frames of control carry no message. */
static bool carries_nothing(enum wire_kind kind) {
        return kind == WIRE_TAKEN || kind == WIRE_ABANDON || kind == WIRE_REFUSE;
}

int wire_decode(const uint8_t bytes[WIRE_HEADER_BYTES], uint64_t largest, struct wire_header *ret_header) {
        if (memcmp(bytes + AT_MAGIC, magic, sizeof(magic)) != 0)
                return -EBADMSG;
        if (bytes[AT_VERSION] != WIRE_VERSION) {
                *ret_header = (struct wire_header){ .version = bytes[AT_VERSION] };
                return -EPROTONOSUPPORT;
        }
        uint32_t descriptors = get_le32(bytes + AT_DESCRIPTORS); /* with the three bytes of 0 */
        struct wire_header *header = ret_header;
        *header = (struct wire_header){
                .version = bytes[AT_VERSION],
                .kind = (enum wire_kind)bytes[AT_KIND],
                .flags = get_le16(bytes + AT_FLAGS),
                .priority = get_le16(bytes + AT_PRIORITY),
                .size = get_le32(bytes + AT_SIZE),
                .descriptors = (uint8_t)descriptors,
                .type = (int64_t)get_le64(bytes + AT_TYPE),
                .sequence = get_le64(bytes + AT_SEQUENCE),
                .time_ns = (int64_t)get_le64(bytes + AT_TIME),
                .reference = get_le64(bytes + AT_REFERENCE),
        };
        if (bytes[AT_KIND] < WIRE_MESSAGE || bytes[AT_KIND] > WIRE_REFUSE || (header->flags & ~WIRE_FLAGS) ||
            header->priority > LEAT_PRIORITY_MAX || header->type < 1 || descriptors > LEAT_DESCRIPTORS_MAX)
                return -EBADMSG;
        if (header->size > largest || (carries_nothing(header->kind) && (header->size > 0 || descriptors > 0)) ||
            (header->kind == WIRE_CONTINUE && (header->size == 0 || descriptors > 0)))
                return -EBADMSG;
        return 0;
}
