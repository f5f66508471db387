/* SPDX-License-Identifier: MIT */

/* Receiving on sequenced packets: each is one frame, or with raw framing one message. */

#include "base/cleanup.h"
#include "channel/link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* The buffer takes what does not fit into the caller's. */
static int overflow(struct link *link, size_t size) {
        if (link->capacity >= size)
                return 0;
        uint8_t *buffer = realloc(link->buffer, size);
        if (!buffer)
                return -ENOMEM;
        link->buffer = buffer;
        link->capacity = size;
        return 0;
}

/* How long is the next packet? The end and an empty packet look alike (0). */
static ssize_t peek(const struct link *link) {
        ssize_t n;
        do
                n = recv(link->in.fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
        while (n < 0 && (errno == EINTR || errno == ECONNRESET));
        return n < 0 ? -errno : n;
}

static int receive_raw(struct link *link, struct incoming *message) {
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

/*
 * The caller's buffer is not scattered into: a frame may belong to a long message, or be one that is not
 * selected, and what stands in the buffer must then be copied out again.
 */
int link_receive_packet(struct link *link, struct incoming *message) {
        bool packet, cut;
        if (link->ended)
                return -ENODATA;
        if (link->options.framing == FRAMING_RAW)
                return receive_raw(link, message);
        if (*message->reads == 0)
                return -EAGAIN;
        --*message->reads;
        int r = overflow(link, WIRE_HEADER_BYTES + WIRE_FRAME_BYTES);
        if (r < 0)
                return r;
        struct iovec part = { .iov_base = link->buffer, .iov_len = link->capacity };
        ssize_t n = link_read_message(link, &part, 1, &packet, &cut);
        if (n == 0)
                link->ended = true;
        if (n <= 0)
                return n == 0 ? -ENODATA : (int)n;
        if (cut || n < WIRE_HEADER_BYTES)
                return -EBADMSG;
        struct found found = { .at = WIRE_HEADER_BYTES };
        r = wire_decode(link->buffer, link->options.largest_bytes, &found.header);
        message->their_version = found.header.version;
        if (r < 0)
                return r;
        found.size_bytes = wire_frame_bytes(&found.header);
        if ((size_t)n != WIRE_HEADER_BYTES + found.size_bytes)
                return -EBADMSG;
        /* Rule 6. Of those that were lost at least some were announced. */
        if (link->descriptors_lost ? found.header.descriptors == 0 : found.header.descriptors != link->queue_count)
                return -EBADMSG;
        return link_take_frame(link, &found, link->buffer + WIRE_HEADER_BYTES, message);
}
