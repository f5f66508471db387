/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_ENTRY_H
#define LEAT_CHANNEL_ENTRY_H

/*
 * Entries: one message in one packet, queue entry or record, for the transports that keep boundaries themselves and have
 * no connection. With the framing of Leat an entry is the 48-byte header and the bytes; raw, the bytes alone.
 *
 * Whoever may write to the queue may write anything: what is no frame of Leat of exactly this size is foreign, and comes
 * through as it is, with type 1. Pure, but for the memory of a message that is kept.
 */

#include "channel/framing.h"
#include "channel/link.h"

/* What an entry turned out to be. */
struct entry {
        struct leat_message about; /* its sender unknown; priority is the header's, 0 of a foreign one */
        const uint8_t *bytes;      /* of the message: within the entry */
        bool foreign;              /* no frame of Leat; with raw framing all are */
        uint8_t their_version;     /* with -EPROTONOSUPPORT */
};

/* How many bytes go before the message's own. */
static inline size_t entry_header_bytes(enum framing framing) {
        return framing == FRAMING_LEAT ? WIRE_HEADER_BYTES : 0;
}

/* The header of a message that goes out with the framing of Leat. */
void entry_header(const struct outgoing *message, uint8_t ret_bytes[WIRE_HEADER_BYTES]);

/* Look at an entry of `size` bytes. 0, or -EPROTONOSUPPORT: a frame of another version. */
int entry_look(enum framing framing, const uint8_t *bytes, size_t size, struct entry *ret_entry);

/* Hand it to the receive: into its buffer if it is wanted and fits, else as message->kept. 0, or -ENOMEM: nothing was taken. */
int entry_deliver(const struct entry *entry, struct incoming *message);

#endif
