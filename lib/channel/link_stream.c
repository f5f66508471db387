/* SPDX-License-Identifier: MIT */

/* Receiving on a byte stream: read what is there, find messages in it. */

#include "base/cleanup.h"
#include "base/rare.h"
#include "channel/link.h"

#include <assert.h>
#include <errno.h>
#include <leat/deadline.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define FIRST_BYTES 16384 /* of the buffer; it grows to what one frame, or one message, needs */

static bool has_control(const struct link *link) {
        return link->in.kind == IO_SOCKET && (link->options.descriptors || link->options.credentials);
}

int link_find_room(struct link *link, size_t size) {
        if (link->begin > 0) {
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

static ASIDE void forget_buffer(struct link *link) {
        free(link->buffer);
        link->buffer = NULL;
        link->capacity = 0;
}

/* An idle link holds no more than the first buffer. */
static void shrink(struct link *link) {
        if (link->begin < link->end)
                return;
        link->begin = link->end = 0;
        if (link->capacity > 8 * FIRST_BYTES)
                forget_buffer(link);
}

/*
 * Who reads a stream as fast as it comes finds one message at a time, and each read is in the writer's way: both then do half of what
 * they could (docs/performance.md). A moment later there are ten. Was there a pause?
 */
static bool keep_distance(const struct link *link, struct spin *spin) {
        return spin && link->read_ns != 0 && spin_pace(spin, link->read_ns + PACE_NS);
}

static void note_read(struct link *link, ssize_t n, bool paused) {
        link->read_ns = pace_note(&link->pace, n, paused) ? leat_now() : 0;
}

static ssize_t read_parts(struct link *link, struct iovec *parts, int count) {
        bool packet, cut;
        if (has_control(link))
                return link_read_message(link, parts, count, &packet, &cut);
        return io_read_parts(&link->in, parts, count);
}

/* What a read said: how many bytes came (0 also of an end, noted), or an error. */
static ASIDE ssize_t account_none(struct link *link, ssize_t n) {
        if (n == -ECONNRESET)
                return 0; /* not the end: read on */
        if (link->options.network && link_is_loss((int)n)) {
                link->lost = (int)n; /* the kernel's word that nobody is there any more: taken as a death */
                n = 0;
        }
        if (n >= 0)
                link->ended = n == 0;
        return n;
}

USUAL ssize_t account(struct link *link, ssize_t n) {
        if (n <= 0)
                return account_none(link, n);
        link->ended = false;
        return n;
}

/* Beyond what is there at most twofold: a peer that promises much and sends little takes little. */
static size_t bound(const struct link *link, size_t size) {
        size_t held = link->end - link->begin, least = link->options.read_bytes;
        size_t most = 2 * held + (least > FIRST_BYTES ? least : FIRST_BYTES);
        if (size < held + least)
                size = held + least;
        return size < most ? size : most;
}

/* Read what there is, at least towards `size` bytes in the buffer. */
USUAL int fill(struct link *link, size_t size, struct spin *spin) {
        if (link->ended)
                return -ENODATA;
        /* After a large message no more than what stands before the bytes of the next: these may land. */
        bool head = link->large && size - (link->end - link->begin) <= WIRE_HEADER_BYTES;
        if (!head)
                size = bound(link, size);
        int r = link_make_room(link, size);
        if (r < 0)
                return r;
        struct iovec part = { .iov_base = link->buffer + link->end,
                              .iov_len = (head ? link->begin + size : link->capacity) - link->end };
        bool paused = !head && keep_distance(link, spin);
        ssize_t n = read_parts(link, &part, 1);
        if (!head)
                note_read(link, n, paused);
        n = account(link, n);
        link->end += n > 0 ? (size_t)n : 0;
        return n < 0 ? (int)n : 0;
}

/* One read less is left to this try. */
static bool may_read(struct incoming *message) {
        if (*message->reads == 0)
                return false;
        --*message->reads;
        return true;
}

/* Is there a byte at least? -EMSGSIZE; -EAGAIN; -ENODATA: the end. */
static ASIDE int look_for_bytes(struct link *link, struct incoming *message) {
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
static ASIDE int receive_raw(struct link *link, struct incoming *message) {
        if (message->size_bytes == 0)
                return look_for_bytes(link, message);
        struct iovec part = { .iov_base = message->buffer, .iov_len = message->size_bytes };
        ssize_t n;
        do /* a reset is not the end: what the peer sent is still there */
                n = read_parts(link, &part, 1);
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

USUAL int take(struct link *link, const struct found *found, struct incoming *message) {
        const uint8_t *bytes = link->buffer + link->begin + found->at;
        const struct wire_header *header = &found->header;
        link->begin += found->consumed;
        if (link->options.framing != FRAMING_LEAT)
                link->large = found->at > 0 && found->size_bytes >= LINK_LARGE;
        else if (header->kind == WIRE_MESSAGE || header->kind == WIRE_REPLY)
                link->large = header->size >= LINK_LARGE;
        if (link->options.framing == FRAMING_LEAT && has_strays(link, found))
                return -EBADMSG;
        if (link->options.framing == FRAMING_LEAT)
                return link_take_frame(link, found, bytes, message);
        return link_take_plain(link, bytes, found->size_bytes, message);
}

/* ---- frames that land (docs/design/speed.md, "Large messages") ---- */

static size_t tail_bytes(const struct found *frame) {
        return frame->consumed - frame->at - frame->size_bytes;
}

/* What stands before this frame's bytes is there (found->at), the rest is not. May they go where they belong at once? */
static ASIDE bool may_land(struct link *link, const struct found *found, struct incoming *message) {
        /* Calls that ended without it put so much back: it is not moved to and fro by each one. */
        if (!link->landing && link->end - link->begin - found->at > WIRE_FRAME_BYTES)
                return false;
        if (link->options.framing == FRAMING_LEAT && !link_in_order(link, &found->header))
                return false; /* a breach, when it has come */
        if (link->landing)
                return found->header.kind == WIRE_CONTINUE;
        return link_land(link, found, message);
}

/* What of them came already moves there; only the head of the frame stays in the buffer, until it is whole. */
static ASIDE void begin_part(struct link *link, const struct found *found) {
        struct landing *landing = link->landing;
        size_t came = link->end - link->begin - found->at;
        assert(came <= found->size_bytes); /* else it would be whole */
        memcpy(landing->buffer + landing->filled, link->buffer + link->begin + found->at, came);
        landing->frame = *found;
        landing->part = came;
        landing->in_frame = link->large = true;
        link->end = link->begin + found->at;
}

/* Read the rest of the frame, and behind it its trailer and the next head; more of the next would have to be copied. */
static ASIDE int fill_part(struct link *link, struct spin *spin) {
        struct landing *landing = link->landing;
        const struct found *frame = &landing->frame;
        size_t most = 2 * frame->at + tail_bytes(frame), rest = frame->size_bytes - landing->part;
        if (link->ended)
                return -ENODATA;
        int r = link_make_room(link, most);
        if (r < 0)
                return r;
        struct iovec parts[] = { { .iov_base = landing->buffer + landing->filled + landing->part, .iov_len = rest },
                                 { .iov_base = link->buffer + link->end,
                                   .iov_len = most - (link->end - link->begin) } };
        bool paused = keep_distance(link, spin);
        ssize_t n = rest > 0 ? read_parts(link, parts, 2) : read_parts(link, parts + 1, 1);
        note_read(link, n, paused);
        n = account(link, n);
        if (n < 0)
                return (int)n;
        size_t landed = (size_t)n < rest ? (size_t)n : rest;
        landing->part += landed;
        link->end += (size_t)n - landed;
        return 0;
}

/* The frame that lands is whole: its trailer tells whether it stands. */
static ASIDE int take_part(struct link *link, struct incoming *message) {
        struct found found = link->landing->frame;
        if (tail_bytes(&found) > 0) {
                uint8_t trailer = link->buffer[link->begin + found.at];
                if (trailer > 1)
                        return -EBADMSG;
                found.abandoned = trailer == 1;
        }
        link->begin += found.at + tail_bytes(&found);
        if (link->options.framing == FRAMING_LEAT && has_strays(link, &found))
                return -EBADMSG;
        return link_landed(link, &found, message);
}

static bool part_is_whole(const struct link *link) {
        const struct landing *landing = link->landing;
        const struct found *frame = &landing->frame;
        return landing->part == frame->size_bytes && link->end - link->begin >= frame->at + tail_bytes(frame);
}

static ASIDE int receive_part(struct link *link, struct incoming *message) {
        while (!part_is_whole(link)) {
                int r = may_read(message) ? fill_part(link, message->spin) : -EAGAIN;
                if (r < 0)
                        return r;
        }
        return take_part(link, message);
}

#define LOOK_AGAIN 1

USUAL int find(struct link *link, struct found *ret_found) {
        const uint8_t *bytes = link->buffer + link->begin;
        size_t size = link->end - link->begin;
        uint64_t largest = link->options.largest_bytes;
        return link->options.framing == FRAMING_LEAT ? framing_find_frame(bytes, size, largest, ret_found)
                                                     : framing_find(link->options.framing, bytes, size, &link->scanned,
                                                                    link->ended, largest, ret_found);
}

/* As link_receive(); or LOOK_AGAIN: what came makes no whole one yet. *ret_size bytes do, or 0: what is to come goes where it belongs. */
USUAL int take_what_came(struct link *link, struct incoming *message, size_t *ret_size) {
        struct found found;
        int r = find(link, &found);
        message->their_version = found.header.version;
        if (r > 0)
                return take(link, &found, message);
        if (r < 0)
                return r;
        *ret_size = found.consumed;
        if (found.at > 0 && may_land(link, &found, message)) {
                begin_part(link, &found);
                *ret_size = 0;
        }
        return LOOK_AGAIN;
}

/* As link_receive(), or LOOK_AGAIN. */
USUAL int receive_next(struct link *link, struct incoming *message) {
        size_t size = framing_least(link->options.framing);
        int r = LOOK_AGAIN;
        if (link->landing && link->landing->in_frame)
                return receive_part(link, message);
        if (link->begin < link->end)
                r = take_what_came(link, message, &size);
        if (r != LOOK_AGAIN || size == 0)
                return r;
        if (!may_read(message))
                return -EAGAIN;
        r = fill(link, size, message->spin);
        return r < 0 ? r : LOOK_AGAIN;
}

int link_receive_stream(struct link *link, struct incoming *message) {
        int r;
        if (link->options.framing == FRAMING_RAW)
                return receive_raw(link, message);
        do
                r = receive_next(link, message);
        while (r == LOOK_AGAIN);
        shrink(link);
        return r;
}
