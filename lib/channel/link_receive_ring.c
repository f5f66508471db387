/* SPDX-License-Identifier: MIT */

/* Receiving from a ring: plain messages, and packets, each of which is one frame. */

#include "channel/link.h"
#include "channel/link_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* It is the message after the one before it. */
static int take_plain(struct link *link, const struct ring_found *record, struct incoming *message) {
        const struct found found = { .header = { .kind = WIRE_MESSAGE,
                                                 .priority = record->priority,
                                                 .size = (uint32_t)record->size_bytes,
                                                 .type = record->type,
                                                 .sequence = link->order.last_sequence + 1 },
                                     .size_bytes = record->size_bytes };
        if (record->size_bytes > WIRE_FRAME_BYTES || record->size_bytes > link->options.largest_bytes)
                return -EBADMSG;
        return link_take_frame(link, &found, record->bytes, message);
}

/* Likewise, by the short form of a request or a reply. */
static int take_short(struct link *link, const struct ring_found *record, bool is_reply, struct incoming *message) {
        const struct found found = { .header = { .kind = is_reply ? WIRE_REPLY : WIRE_MESSAGE,
                                                 .flags = is_reply ? 0 : WIRE_WANTS_REPLY,
                                                 .size = (uint32_t)record->size_bytes,
                                                 .type = 1,
                                                 .sequence = link->order.last_sequence + 1,
                                                 .reference = (uint64_t)record->type },
                                     .size_bytes = record->size_bytes };
        if (record->size_bytes > link->options.largest_bytes)
                return -EBADMSG;
        return link_take_frame(link, &found, record->bytes, message);
}

/* The descriptors of this frame came by the socket, before it was published. */
static int fetch_descriptors(struct link *link, size_t count) {
        char byte;
        struct iovec part = { .iov_base = &byte, .iov_len = 1 };
        bool packet, cut;
        if (count == 0)
                return 0;
        ssize_t n = link_read_message(link, &part, 1, &packet, &cut);
        if (n <= 0 || cut)
                return -EBADMSG;
        return link->descriptors_lost || link->queue_count == count ? 0 : -EBADMSG;
}

/* What stands in the ring may change while it is read, if its writer wants it so: the header is copied before anything of it is believed. */
static int take_packet(struct link *link, const struct ring_found *record, struct incoming *message) {
        uint8_t header[WIRE_HEADER_BYTES];
        struct found found = { .at = WIRE_HEADER_BYTES, .consumed = record->size_bytes };
        if (record->size_bytes < WIRE_HEADER_BYTES)
                return -EBADMSG;
        memcpy(header, record->bytes, sizeof(header));
        atomic_signal_fence(memory_order_seq_cst);
        int r = wire_decode(header, link->options.largest_bytes, &found.header);
        message->their_version = found.header.version;
        if (r < 0)
                return r;
        found.size_bytes = wire_frame_bytes(&found.header);
        if (record->size_bytes != WIRE_HEADER_BYTES + found.size_bytes)
                return -EBADMSG;
        r = fetch_descriptors(link, found.header.descriptors);
        return r < 0 ? r : link_take_frame(link, &found, record->bytes + WIRE_HEADER_BYTES, message);
}

int link_receive_ring(struct link *link, struct incoming *message) {
        struct link_ring *ring = link->ring;
        struct ring_found record;
        if (link->ended)
                return -ENODATA;
        if (*message->reads == 0)
                return -EAGAIN;
        bool closely = ring->closely;
        int r = link_ring_find(link->in.fd, ring, &record);
        if (r > 0 || closely)
                --*message->reads;
        if (r < 0) {
                if (r == -ECONNREFUSED)
                        message->refusal = ring->refusal;
                if (r == -ENOMEM && ring->failed == r) /* for the greeting, not for a message */
                        message->refusal = r;
                return r;
        }
        r = r == RING_PLAIN    ? take_plain(link, &record, message)
            : r == RING_PACKET ? take_packet(link, &record, message)
                               : take_short(link, &record, r == RING_REPLY, message);
        if (r == 0 && message->kind == WIRE_MESSAGE)
                link->taken_bytes += message->about.size_bytes;
        link_ring_next(ring, &record);
        return r;
}
