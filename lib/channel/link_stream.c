/* SPDX-License-Identifier: MIT */

/* Receiving on a byte stream: read what is there, find messages in it. */

#include "base/cleanup.h"
#include "channel/link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define FIRST_BYTES 16384 /* of the buffer; it grows to what one frame, or one message, needs */

static bool has_control(const struct link *link) {
        return link->in.kind == IO_SOCKET && (link->options.descriptors || link->options.credentials);
}

/* Make room for `size` bytes from `begin` on. */
static int make_room(struct link *link, size_t size) {
        if (link->begin > 0 && link->capacity - link->begin < size) {
                memmove(link->buffer, link->buffer + link->begin, link->end - link->begin);
                link->end -= link->begin;
                link->begin = 0;
        }
        if (link->capacity - link->begin >= size)
                return 0;
        size_t capacity = link->capacity ? link->capacity : FIRST_BYTES;
        while (capacity < size)
                capacity *= 2;
        uint8_t *buffer = realloc(link->buffer, capacity);
        if (!buffer)
                return -ENOMEM;
        link->buffer = buffer;
        link->capacity = capacity;
        return 0;
}

/* An idle link holds no more than the first buffer. */
static void shrink(struct link *link) {
        if (link->begin < link->end)
                return;
        link->begin = link->end = 0;
        if (link->capacity > 8 * FIRST_BYTES) {
                free(link->buffer);
                link->buffer = NULL;
                link->capacity = 0;
        }
}

/* Read what there is, at least towards `size` bytes in the buffer. */
static int fill(struct link *link, size_t size) {
        bool packet, cut;
        if (link->ended)
                return -ENODATA;
        /* Beyond what is there at most twofold: a peer that promises much and sends little takes little. */
        size_t held = link->end - link->begin;
        if (size < held + link->options.read_bytes)
                size = held + link->options.read_bytes;
        size_t most = 2 * held + (link->options.read_bytes > FIRST_BYTES ? link->options.read_bytes : FIRST_BYTES);
        if (size > most)
                size = most;
        int r = make_room(link, size);
        if (r < 0)
                return r;
        struct iovec part = { .iov_base = link->buffer + link->end, .iov_len = link->capacity - link->end };
        ssize_t n = has_control(link) ? link_read_message(link, &part, 1, &packet, &cut)
                                      : io_read(&link->in, part.iov_base, part.iov_len);
        if (n == -ECONNRESET)
                return 0; /* not the end: read on */
        if (link->options.network && link_is_loss((int)n)) {
                link->lost = (int)n; /* the kernel's word that nobody is there any more: taken as a death */
                n = 0;
        }
        if (n < 0)
                return (int)n;
        link->ended = n == 0;
        link->end += (size_t)n;
        return 0;
}

/* One read less is left to this try. */
static bool may_read(struct incoming *message) {
        if (*message->reads == 0)
                return false;
        --*message->reads;
        return true;
}

/* Is there a byte at least? -EMSGSIZE; -EAGAIN; -ENODATA: the end. */
static int look_for_bytes(struct link *link, struct incoming *message) {
        struct pollfd state = { .fd = link->in.fd, .events = POLLIN };
        int bytes = 0;
        bool readable = poll(&state, 1, 0) > 0;
        if (ioctl(link->in.fd, FIONREAD, &bytes) == 0 &&
            bytes == 0) { /* after the poll: behind the end nothing comes */
                link->ended = readable;
                return readable ? -ENODATA : -EAGAIN;
        }
        message->about = (struct leat_message){ .size_bytes = 1, .type = 1, .sender = link->peer };
        return -EMSGSIZE;
}

/* Raw: what a read gives is the message; it goes straight to the caller. */
static int receive_raw(struct link *link, struct incoming *message) {
        bool packet, cut;
        if (message->size_bytes == 0)
                return look_for_bytes(link, message);
        struct iovec part = { .iov_base = message->buffer, .iov_len = message->size_bytes };
        ssize_t n;
        do /* a reset is not the end: what the peer sent is still there */
                n = has_control(link) ? link_read_message(link, &part, 1, &packet, &cut)
                                      : io_read(&link->in, part.iov_base, part.iov_len);
        while (n == -ECONNRESET);
        if (link->options.network && link_is_loss((int)n)) {
                link->lost = (int)n;
                n = 0;
        }
        if (n == 0)
                link->ended = true;
        if (n <= 0)
                return n == 0 ? -ENODATA : (int)n;
        int r = link_take_plain(link, NULL, 0, message);
        message->about.size_bytes = (size_t)n;
        return r;
}

/* Descriptors beyond those of this frame came with a byte of the next one, or were not announced (rule 6). */
static bool has_strays(const struct link *link, const struct found *found) {
        size_t next = link->begin < link->end ? LEAT_DESCRIPTORS_MAX : 0;
        return link->queue_count > found->header.descriptors + next;
}

static int take(struct link *link, const struct found *found, struct incoming *message) {
        const uint8_t *bytes = link->buffer + link->begin + found->at;
        link->begin += found->consumed;
        if (link->options.framing == FRAMING_LEAT && has_strays(link, found))
                return -EBADMSG;
        if (link->options.framing == FRAMING_LEAT)
                return link_take_frame(link, found, bytes, message);
        return link_take_plain(link, bytes, found->size_bytes, message);
}

int link_receive_stream(struct link *link, struct incoming *message) {
        if (link->options.framing == FRAMING_RAW)
                return receive_raw(link, message);
        for (;;) {
                struct found found;
                const uint8_t *bytes = link->buffer ? link->buffer + link->begin : NULL; /* NULL + 0 is undefined */
                int r = framing_find(link->options.framing, bytes, link->end - link->begin, &link->scanned, link->ended,
                                     link->options.largest_bytes, &found);
                message->their_version = found.header.version;
                if (r > 0)
                        r = take(link, &found, message);
                else if (r == 0) {
                        r = may_read(message) ? fill(link, found.consumed) : -EAGAIN;
                        if (r == 0)
                                continue;
                }
                shrink(link);
                return r;
        }
}
