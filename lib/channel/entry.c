/* SPDX-License-Identifier: MIT */
#include "channel/entry.h"

#include "base/rare.h"
#include "channel/describe.h"

#include <errno.h>
#include <string.h>

/* A frame says its magic and version first; those of a text that begins alike are letters. */
#define VERSIONS_MAX 31

void entry_header(const struct outgoing *message, uint8_t ret_bytes[WIRE_HEADER_BYTES]) {
        const struct wire_header header = outgoing_header(message, 0);
        wire_encode(&header, ret_bytes);
}

static void describe(const struct wire_header *header, const uint8_t *bytes, bool foreign, struct entry *ret_entry) {
        describe_header(header, &ret_entry->about);
        ret_entry->bytes = bytes;
        ret_entry->foreign = foreign;
        ret_entry->their_version = 0;
}

static ASIDE void describe_foreign(const uint8_t *bytes, size_t size, struct entry *ret_entry) {
        const struct wire_header plain = { .kind = WIRE_MESSAGE, .type = 1 };
        describe(&plain, bytes, true, ret_entry);
        ret_entry->about.size_bytes = size;
}

int entry_look(enum framing framing, const uint8_t *bytes, size_t size, struct entry *ret_entry) {
        struct wire_header header = { 0 };
        int r = -EBADMSG;
        if (framing == FRAMING_LEAT && size >= WIRE_HEADER_BYTES)
                r = wire_decode(bytes, WIRE_LARGEST_BYTES, &header);
        if (r == 0 && header.kind == WIRE_MESSAGE && header.descriptors == 0 &&
            header.size == size - WIRE_HEADER_BYTES) {
                describe(&header, bytes + WIRE_HEADER_BYTES, false, ret_entry); /* there is nobody to answer */
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
