/* SPDX-License-Identifier: MIT */

/* Receiving on sequenced packets: each is one frame, or with raw framing one message. */

#include "base/cleanup.h"
#include "base/rare.h"
#include "channel/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* The buffer takes what does not fit into the caller's. */
static ASIDE int grow(struct link *link, size_t size) {
        uint8_t *buffer = realloc(link->buffer, size);
        if (!buffer)
                return -ENOMEM;
        link->buffer = buffer;
        link->capacity = size;
        return 0;
}

USUAL int overflow(struct link *link, size_t size) {
        return link->capacity >= size ? 0 : grow(link, size);
}

/* How long is the next packet? The end and an empty packet look alike (0). */
static ssize_t peek(const struct link *link) {
        ssize_t n;
        do
                n = recv(link->in.fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
        while (n < 0 && (errno == EINTR || errno == ECONNRESET));
        return n < 0 ? -errno : n;
}

static ASIDE int receive_raw(struct link *link, struct incoming *message) {
        bool packet, cut;
        ssize_t size = peek(link);
        if (size < 0)
                return (int)size;
        if ((uint64_t)size > link->options.largest_bytes)
                return -EBADMSG;
        int r = overflow(link, (size_t)size + 1);
        if (r < 0)
                return r;
        struct iovec part = { .iov_base = link->buffer, .iov_len = link->capacity };
        ssize_t n = link_read_message(link, &part, 1, &packet, &cut);
        if (n < 0)
                return (int)n;
        link->ended = !packet;
        return packet ? link_take_plain(link, link->buffer, (size_t)n, message) : -ENODATA;
}

/* The frame at `at`, which must lie whole in the packet. */
USUAL int find(const struct link *link, size_t at, struct found *ret_found) {
        size_t left = link->end - at;
        ret_found->header.version = 0;
        int r = left < WIRE_HEADER_BYTES
                        ? -EBADMSG
                        : wire_decode(link->buffer + at, link->options.largest_bytes, &ret_found->header);
        if (r < 0)
                return r;
        ret_found->at = WIRE_HEADER_BYTES;
        ret_found->size_bytes = wire_frame_bytes(&ret_found->header);
        ret_found->consumed = WIRE_HEADER_BYTES + ret_found->size_bytes;
        ret_found->abandoned = false;
        return left < ret_found->consumed ? -EBADMSG : 0;
}

/* Several frames in one packet are whole messages without descriptors. */
static ASIDE int check_several(const struct link *link, uint8_t *ret_version) {
        struct frame_order order = link->order; /* the frames' own places in it come when they are taken */
        struct found found = { 0 };
        int r = 0;
        for (size_t at = 0; r == 0 && at < link->end; at += found.consumed) {
                const struct wire_header *header = &found.header;
                r = find(link, at, &found);
                *ret_version = header->version;
                if (r == 0 &&
                    (header->kind != WIRE_MESSAGE || header->size > WIRE_FRAME_BYTES || header->descriptors > 0))
                        r = -EBADMSG;
                if (r == 0)
                        r = frame_order_check(&order, header);
        }
        return r;
}

/* One frame of any kind, or several messages: *ret_found is the first. Nothing is taken of a packet that is neither (rule 7). */
USUAL int check_packet(const struct link *link, struct found *ret_found, uint8_t *ret_version) {
        const struct wire_header *header = &ret_found->header;
        int r = find(link, 0, ret_found);
        *ret_version = header->version;
        /* Rule 6. Of those that were lost at least some were announced. */
        if (r == 0 && (link->descriptors_lost ? header->descriptors == 0 : header->descriptors != link->queue_count))
                return -EBADMSG;
        return r < 0 || ret_found->consumed == link->end ? r : check_several(link, ret_version);
}

/* ---- frames that land (docs/design/speed.md, "Large messages") ---- */

/* What stands before the next packet's bytes. Another process that shares the socket may take it before it is read. */
static bool peek_head(const struct link *link, struct found *ret_found, uint8_t ret_head[WIRE_HEADER_BYTES]) {
        ssize_t n;
        do
                n = recv(link->in.fd, ret_head, WIRE_HEADER_BYTES, MSG_DONTWAIT | MSG_PEEK);
        while (n < 0 && errno == EINTR);
        *ret_found = (struct found){ .at = WIRE_HEADER_BYTES };
        if (n != WIRE_HEADER_BYTES || wire_decode(ret_head, link->options.largest_bytes, &ret_found->header) < 0)
                return false;
        ret_found->size_bytes = wire_frame_bytes(&ret_found->header);
        return true;
}

/* How many bytes the next packet should bring for the message that lands, or that begins to; 0: it is to be read as any other. The
 * first packet of a message is asked only where large ones come: this takes a call of the system. */
static size_t expect(struct link *link, struct incoming *message, uint8_t ret_head[WIRE_HEADER_BYTES]) {
        struct found found;
        if (link->landing)
                return link->order.under_way.size < WIRE_FRAME_BYTES ? link->order.under_way.size : WIRE_FRAME_BYTES;
        if (!link->large || !message->landing || message->landing->link || !peek_head(link, &found, ret_head) ||
            !link_in_order(link, &found.header) || !link_land(link, &found, message))
                return 0;
        return found.size_bytes;
}

/* Is this packet the frame that was expected? head: NULL, one that goes on. */
static bool is_expected(const struct link *link, size_t size, const uint8_t *head, struct found *ret_found) {
        *ret_found = (struct found){ .at = WIRE_HEADER_BYTES };
        if (size <= WIRE_HEADER_BYTES || wire_decode(link->buffer, link->options.largest_bytes, &ret_found->header) < 0)
                return false;
        ret_found->size_bytes = ret_found->consumed = size - WIRE_HEADER_BYTES;
        if (ret_found->size_bytes != wire_frame_bytes(&ret_found->header) || link->queue_count > 0 ||
            link->descriptors_lost)
                return false;
        return head ? memcmp(head, link->buffer, WIRE_HEADER_BYTES) == 0
                    : ret_found->header.kind == WIRE_CONTINUE && link_in_order(link, &ret_found->header);
}

/* It is another: as if it had been read into the buffer. */
static void put_back(const struct link *link, size_t size, size_t room) {
        const struct landing *landing = link->landing;
        size_t body = size > WIRE_HEADER_BYTES ? size - WIRE_HEADER_BYTES : 0, landed = body < room ? body : room;
        uint8_t *bytes = link->buffer + WIRE_HEADER_BYTES;
        memmove(bytes + landed, bytes, body - landed);
        memcpy(bytes, landing->buffer + landing->filled, landed);
}

/* Read the next packet, whose bytes may land. As recvmsg(). */
static ASIDE ssize_t read_large(struct link *link, struct incoming *message, bool *ret_cut) {
        bool packet;
        uint8_t head[WIRE_HEADER_BYTES];
        bool begins = !link->landing;
        size_t room = expect(link, message, head);
        struct landing *landing = link->landing;
        struct iovec parts[3] = { { .iov_base = link->buffer, .iov_len = link->capacity } };
        if (room == 0)
                return link_read_message(link, parts, 1, &packet, ret_cut);
        parts[0].iov_len = WIRE_HEADER_BYTES;
        parts[1] = (struct iovec){ .iov_base = landing->buffer + landing->filled, .iov_len = room };
        parts[2] = (struct iovec){ .iov_base = link->buffer + WIRE_HEADER_BYTES,
                                   .iov_len = link->capacity - WIRE_HEADER_BYTES - room };
        ssize_t n = link_read_message(link, parts, 3, &packet, ret_cut);
        landing->in_frame = n > 0 && is_expected(link, (size_t)n, begins ? head : NULL, &landing->frame);
        if (landing->in_frame)
                return n;
        if (n > 0)
                put_back(link, (size_t)n, room);
        if (begins)
                link_settle(landing); /* nothing of it came */
        return n;
}

USUAL ssize_t read_packet(struct link *link, struct incoming *message, bool *ret_cut) {
        struct iovec part = { .iov_base = link->buffer, .iov_len = link->capacity };
        bool packet;
        return link->landing || link->large ? read_large(link, message, ret_cut)
                                            : link_read_message(link, &part, 1, &packet, ret_cut);
}

static bool frame_landed(const struct link *link) {
        return link->landing && link->landing->in_frame;
}

/* Read the next packet, and find its first frame. */
USUAL int fill(struct link *link, struct incoming *message, struct found *ret_found) {
        bool cut;
        if (link->ended)
                return -ENODATA;
        if (*message->reads == 0)
                return -EAGAIN;
        --*message->reads;
        int r = overflow(link, WIRE_HEADER_BYTES + WIRE_FRAME_BYTES);
        if (r < 0)
                return r;
        ssize_t n = read_packet(link, message, &cut);
        if (n == 0)
                link->ended = true;
        if (n <= 0)
                return n == 0 ? -ENODATA : (int)n;
        if (frame_landed(link)) {
                *ret_found = link->landing->frame;
                return 0;
        }
        if (cut)
                return -EBADMSG;
        link->begin = 0;
        link->end = (size_t)n;
        r = check_packet(link, ret_found, &message->their_version);
        if (r < 0)
                link->end = 0;
        return r;
}

/* The next frame of a packet that was read and checked. */
static int take(struct link *link, const struct found *found, struct incoming *message) {
        const uint8_t *bytes = link->buffer + link->begin + found->at;
        if (found->header.kind == WIRE_MESSAGE || found->header.kind == WIRE_REPLY)
                link->large = found->header.size >= LINK_LARGE;
        link->begin += found->consumed;
        return link_take_frame(link, found, bytes, message);
}

int link_receive_packet(struct link *link, struct incoming *message) {
        struct found found;
        int r = 0;
        if (link->options.framing == FRAMING_RAW)
                return link->ended ? -ENODATA : receive_raw(link, message);
        if (link->begin == link->end)
                r = fill(link, message, &found);
        else
                r = find(link, link->begin, &found); /* checked with its packet */
        if (r < 0)
                return r;
        return frame_landed(link) ? link_landed(link, &found, message) : take(link, &found, message);
}
