/* SPDX-License-Identifier: MIT */
#include "channel/entry.h"

#include <errno.h>
#include <leat/deadline.h>
#include <string.h>

/* A frame says its magic and version first; those of a text that begins alike are letters. */
#define VERSIONS_MAX 31

void entry_header(const struct outgoing *message, uint8_t ret_bytes[WIRE_HEADER_BYTES]) {
        const struct wire_header header = outgoing_header(message, 0);
        wire_encode(&header, ret_bytes);
}

static void describe_foreign(const uint8_t *bytes, size_t size, struct entry *ret_entry) {
        *ret_entry = (struct entry){ .bytes = bytes, .foreign = true };
        ret_entry->about = (struct leat_message){
                .struct_size = sizeof(ret_entry->about),
                .size_bytes = size,
                .type = 1,
                .deadline = LEAT_NEVER,
        };
}

static void describe(const struct wire_header *header, const uint8_t *bytes, struct entry *ret_entry) {
        *ret_entry = (struct entry){ .bytes = bytes + WIRE_HEADER_BYTES };
        ret_entry->about = (struct leat_message){
                .struct_size = sizeof(ret_entry->about),
                .size_bytes = header->size,
                .type = header->type,
                .priority = header->priority,
                .flags = header->flags & WIRE_REDELIVERED ? LEAT_REDELIVERED : 0, /* there is nobody to answer */
                .sequence = header->sequence,
                .time_ns = header->time_ns,
                .deadline = LEAT_NEVER,
        };
}

int entry_look(enum framing framing, const uint8_t *bytes, size_t size, struct entry *ret_entry) {
        struct wire_header header = { 0 };
        int r = -EBADMSG;
        if (framing == FRAMING_LEAT && size >= WIRE_HEADER_BYTES)
                r = wire_decode(bytes, WIRE_LARGEST_BYTES, &header);
        if (r == 0 && header.kind == WIRE_MESSAGE && header.descriptors == 0 &&
            header.size == size - WIRE_HEADER_BYTES) {
                describe(&header, bytes, ret_entry);
                return 0;
        }
        describe_foreign(bytes, size, ret_entry);
        if (r != -EPROTONOSUPPORT || header.version > VERSIONS_MAX)
                return 0;
        ret_entry->their_version = header.version;
        return r;
}

int entry_deliver(const struct entry *entry, struct incoming *message) {
        size_t size = entry->about.size_bytes;
        message->kind = WIRE_MESSAGE;
        message->about = entry->about;
        message->answers = message->link = 0;
        message->kept = NULL;
        message->descriptors_count = 0;
        if (incoming_is_wanted(message)) {
                if (size > 0)
                        memcpy(message->buffer, entry->bytes, size);
                return 0;
        }
        message->kept = kept_copy(&entry->about, entry->bytes, size, NULL, 0);
        return message->kept ? 0 : -ENOMEM;
}
