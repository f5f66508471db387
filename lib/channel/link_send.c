/* SPDX-License-Identifier: MIT */

/* Sending: messages to frames, and what to do with a frame that was written in part. */

#include "base/cleanup.h"
#include "base/rare.h"
#include "channel/link.h"
#include "channel/link_ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FRAMES_AT_ONCE 16 /* of a long message, in one write */
#define PARTS_MAX (3 * FRAMES_AT_ONCE + LINK_MESSAGE_PARTS)

/* The last byte of a frame on a stream: it stands. */
static const uint8_t stands = 0;

/* Bytes gathered for one write; the headers live here. */
struct gathering {
        struct iovec parts[PARTS_MAX];
        int count;
        uint8_t headers[FRAMES_AT_ONCE][WIRE_HEADER_BYTES];
};

/* Add what of these bytes lies beyond the first `*skip`. */
static void gather(struct gathering *gathering, const void *bytes, size_t size, size_t *skip) {
        if (size <= *skip) {
                *skip -= size;
                return;
        }
        gathering->parts[gathering->count++] =
                (struct iovec){ .iov_base = (uint8_t *)bytes + *skip, .iov_len = size - *skip };
        *skip = 0;
}

/* So many bytes of a message from there on. */
static ASIDE void gather_of_parts(struct gathering *gathering, const struct outgoing *message, size_t at, size_t size,
                                  size_t *skip) {
        for (int i = 0; i < message->parts_count && size > 0; i++) {
                const struct iovec *part = &message->parts[i];
                size_t left = at < part->iov_len ? part->iov_len - at : 0, piece = left < size ? left : size;
                if (piece > 0)
                        gather(gathering, (const uint8_t *)part->iov_base + at, piece, skip);
                at = left > 0 ? 0 : at - part->iov_len;
                size -= piece;
        }
}

USUAL void gather_message(struct gathering *gathering, const struct outgoing *message, size_t at, size_t size,
                          size_t *skip) {
        if (message->parts)
                gather_of_parts(gathering, message, at, size, skip);
        else
                gather(gathering, message->bytes + at, size, skip);
}

static size_t frame_around(const struct link *link) {
        return WIRE_HEADER_BYTES + (link->options.packets ? 0 : sizeof(stands));
}

USUAL void encode_frame(const struct outgoing *message, size_t at, uint8_t *ret_header) {
        const struct wire_header header = outgoing_header(message, at);
        wire_encode(&header, ret_header);
}

/* Gather up to `frames` frames from where the message stands. Returns whether these are the last. */
static bool gather_frames(const struct link *link, const struct outgoing *message, size_t frames,
                          struct gathering *gathering) {
        size_t whole = WIRE_FRAME_BYTES + frame_around(link);
        size_t frame = message->sent / whole, skip = message->sent % whole;
        for (size_t i = 0; i < frames; i++, frame++) {
                size_t at = frame * WIRE_FRAME_BYTES, left = message->size_bytes - at;
                size_t size = left < WIRE_FRAME_BYTES ? left : WIRE_FRAME_BYTES;
                encode_frame(message, at, gathering->headers[i]);
                gather(gathering, gathering->headers[i], WIRE_HEADER_BYTES, &skip);
                if (size > 0)
                        gather_message(gathering, message, at, size, &skip);
                if (!link->options.packets)
                        gather(gathering, &stands, sizeof(stands), &skip);
                if (left <= WIRE_FRAME_BYTES)
                        return true;
        }
        return false;
}

static bool gather_plain(const struct link *link, const struct outgoing *message, struct gathering *gathering) {
        int suffix;
        size_t skip = message->sent;
        size_t prefix = framing_around(link->options.framing, message->size_bytes, gathering->headers[0], &suffix);
        gather(gathering, gathering->headers[0], prefix, &skip);
        gather_message(gathering, message, 0, message->size_bytes, &skip);
        gathering->headers[1][0] = (uint8_t)suffix;
        gather(gathering, gathering->headers[1], suffix >= 0, &skip);
        return true;
}

static size_t gathered_bytes(const struct gathering *gathering) {
        size_t size = 0;
        for (int i = 0; i < gathering->count; i++)
                size += gathering->parts[i].iov_len;
        return size;
}

/* The words of the contract for a connection whose other end is gone. */
static RARE ssize_t translate(struct link *link, ssize_t n) {
        if (link->options.network && link_is_loss((int)n)) {
                link->lost = (int)n;
                return -EPIPE;
        }
        return n == -ECONNRESET || n == -ECONNREFUSED || n == -ENOTCONN ? -EPIPE : n;
}

/*
 * Before the first byte of a message on TCP. -EPIPE: Leat never ends one direction alone, so the end of what the other end sends is the end
 * of it, and nothing is sent to nobody (TCP would tell only with the next message). -EAGAIN: TCP takes a part of what does not
 * fit, and bare bytes cannot be taken back; where it calls itself writable there is room for any but long messages.
 *
 * The look costs half of what a small message does. So among frames that follow each other at once only some are preceded by one: the
 * close of the other end takes longer than the time between two such, so that nobody can know of it who is not told here; and what
 * was sent to a socket that is closed is answered, for the next message, by TCP itself.
 */
#define BURST_NS 2000
#define BURST_MOST 16

static bool is_in_burst(struct link *link, const struct outgoing *message) {
        int64_t since_ns = message->time_ns - link->sent_ns;
        bool follows = link->options.framing == FRAMING_LEAT && since_ns > 0 && since_ns < BURST_NS;
        link->sent_ns = 0; /* until it went: behind a failure each one is preceded by a look */
        link->unlooked = follows && link->unlooked < BURST_MOST ? link->unlooked + 1 : 0;
        return link->unlooked > 0;
}

static ASIDE int look_ahead(struct link *link, const struct outgoing *message) {
        struct pollfd state = { .fd = link->out.fd, .events = POLLOUT | POLLRDHUP };
        if (is_in_burst(link, message))
                return 0;
        (void)poll(&state, 1, 0); /* 0: neither */
        if (link->options.framing == FRAMING_LEAT && (state.revents & (POLLRDHUP | POLLHUP)))
                return -EPIPE;
        return state.revents == 0 ? -EAGAIN : 0;
}

static ssize_t write_plain(struct link *link, const struct iovec *parts, int count) {
        ssize_t n = io_write(&link->out, parts, count);
        return n < 0 ? translate(link, n) : n;
}

static ASIDE ssize_t write_descriptors(struct link *link, const struct gathering *gathering, const int *descriptors,
                                       size_t count) {
        ssize_t n = io_send_descriptors(link->out.fd, gathering->parts, gathering->count, descriptors, count);
        return n < 0 ? translate(link, n) : n;
}

/* message: the one that the parts are of, if they are. Of its descriptors the first `count` go too. */
static ssize_t write_parts(struct link *link, const struct gathering *gathering, const struct outgoing *message,
                           size_t count) {
        const int *descriptors = count > 0 ? message->descriptors : NULL;
        if (link->ring)
                return link_ring_send(link->out.fd, link->ring, gathering->parts, gathering->count, descriptors, count,
                                      !message || message->now); /* nobody asks anew for it */
        return count == 0 ? write_plain(link, gathering->parts, gathering->count)
                          : write_descriptors(link, gathering, descriptors, count);
}

static bool within_frame(const struct link *link, const struct outgoing *message) {
        return link->options.framing != FRAMING_LEAT || message->sent % (WIRE_FRAME_BYTES + frame_around(link)) != 0;
}

/* The message is out; what waited for its last frame goes too, or stays for the next time. */
USUAL int finish(struct link *link, const struct outgoing *message) {
        link->sent_ns = message->time_ns;
        if (link_has_rest(link))
                (void)link_flush(link);
        return 0;
}

/* A pipe holds 64 KiB, and each time that it is full both sides take turns. More is not much better, and a user may have so much in
 * pipes that new ones are cut short (fs.pipe-user-pages-soft). Where it is refused all goes on as it was. */
#define ROOMY_BYTES (256 << 10)

static void make_roomy(struct link *link, const struct outgoing *message) {
        if (!link->options.roomy || message->size_bytes < LINK_LARGE)
                return;
        link->options.roomy = false;
        (void)fcntl(link->out.fd, F_SETPIPE_SZ, ROOMY_BYTES);
}

/* May this message go, or go on? What waits goes first. */
USUAL int prepare(struct link *link, const struct outgoing *message) {
        if (link->out.fd < 0)
                return -EPIPE;
        int r = link->options.network && message->sent == 0 ? look_ahead(link, message) : 0;
        return r == 0 && link_wants_out(link) ? link_flush(link) : r;
}

int link_send(struct link *link, struct outgoing *message) {
        int r = prepare(link, message);
        if (r == 0)
                make_roomy(link, message);
        while (r == 0) {
                struct gathering gathering;
                gathering.count = 0;
                bool last =
                        link->options.framing == FRAMING_LEAT
                                ? gather_frames(link, message, link->options.packets ? 1 : FRAMES_AT_ONCE, &gathering)
                                : gather_plain(link, message, &gathering);
                size_t size = gathered_bytes(&gathering);
                if (size == 0 && !link->options.packets)
                        return 0; /* raw, and empty: nothing to write */
                bool first = message->sent == 0;
                ssize_t n = write_parts(link, &gathering, message, first ? message->descriptors_count : 0);
                if (n < 0)
                        return (int)n;
                if (link->ring)
                        link->ring->sequence = message->sequence;
                message->sent += (size_t)n;
                bool done = last && (size_t)n == size;
                link->in_frame = !done && within_frame(link, message);
                if (done)
                        return finish(link, message);
        }
        return r;
}

/* ---- several at once ---- */

static bool is_small(const struct link *link, const struct outgoing *message) {
        return message->sent == 0 && message->size_bytes <= TOGETHER_SMALL && message->descriptors_count == 0 &&
               link->options.framing != FRAMING_RAW;
}

/* May it share a packet? */
static bool shares(const struct link *link, const struct outgoing *message) {
        return !link->options.packets || (message->kind == WIRE_MESSAGE && !(message->flags & WIRE_WANTS_TAKEN));
}

/* Write a message with what stands around it. Returns how many bytes. */
USUAL size_t write_frame(const struct link *link, const struct outgoing *message, uint8_t *ret_bytes) {
        encode_frame(message, 0, ret_bytes);
        if (message->size_bytes > 0)
                memcpy(ret_bytes + WIRE_HEADER_BYTES, message->bytes, message->size_bytes);
        size_t size = WIRE_HEADER_BYTES + message->size_bytes;
        if (!link->options.packets)
                ret_bytes[size++] = stands;
        return size;
}

static ASIDE size_t write_framed(const struct link *link, const struct outgoing *message, uint8_t *ret_bytes) {
        int suffix;
        size_t size = framing_around(link->options.framing, message->size_bytes, ret_bytes, &suffix);
        if (message->size_bytes > 0)
                memcpy(ret_bytes + size, message->bytes, message->size_bytes);
        size += message->size_bytes;
        if (suffix >= 0)
                ret_bytes[size++] = (uint8_t)suffix;
        return size;
}

/* `written` bytes of a batch went out: how many messages are whole? A next one may have begun. */
USUAL int account(struct link *link, struct outgoing *messages, const size_t *sizes, int count, size_t written) {
        int whole = 0;
        for (; whole < count && sizes[whole] <= written; whole++) {
                messages[whole].sent = sizes[whole];
                written -= sizes[whole];
        }
        if (whole < count)
                messages[whole].sent = written;
        link->in_frame = written > 0 && whole < count;
        if (whole == count)
                (void)finish(link, &messages[whole - 1]);
        return whole > 0 ? whole : -EAGAIN;
}

/* Copy small messages one behind the other, for one write. Returns how many. */
USUAL int gather_batch(const struct link *link, const struct outgoing *messages, int count, uint8_t *ret_bytes,
                       size_t *ret_sizes, size_t *ret_used) {
        bool leat = link->options.framing == FRAMING_LEAT;
        size_t used = 0;
        int n = 0;
        for (; n < count && n < TOGETHER_MAX && is_small(link, &messages[n]); n++) {
                if (n > 0 && !(shares(link, &messages[n]) && shares(link, &messages[0])))
                        break;
                if (TOGETHER_BYTES - used < messages[n].size_bytes + FRAMING_AROUND_BYTES)
                        break;
                ret_sizes[n] = leat ? write_frame(link, &messages[n], ret_bytes + used)
                                    : write_framed(link, &messages[n], ret_bytes + used);
                used += ret_sizes[n];
        }
        *ret_used = used;
        return n;
}

static ASIDE int send_first(struct link *link, struct outgoing *messages) {
        int r = link_send(link, messages);
        return r == 0 ? 1 : r;
}

/* May it go as a plain message, which the other party takes for the one after the one before? */
static bool is_plain(const struct link_ring *ring, const struct outgoing *message) {
        return message->kind == WIRE_MESSAGE && message->flags == 0 && message->descriptors_count == 0 &&
               message->sent == 0 && message->size_bytes <= ring->plain_most && message->sequence == ring->sequence + 1;
}

static int put_plain(struct link_ring *ring, const struct outgoing *message) {
        int r = link_ring_put_plain(ring, message->type, message->priority, message->bytes, message->size_bytes,
                                    message->now);
        ring->sequence += r == 0;
        return r;
}

static int send_plain(struct link *link, struct outgoing *messages, int count) {
        struct link_ring *ring = link->ring;
        int n = 0, r = prepare(link, messages);
        if (r == 0)
                r = link_ring_prepare(link->out.fd, ring);
        for (; n < count && r == 0 && is_plain(ring, &messages[n]); n += r == 0)
                r = put_plain(ring, &messages[n]);
        if (n == 0)
                return link_ring_explain(link->out.fd, ring, r);
        link_ring_publish(link->out.fd, ring);
        for (int i = 0; i < n; i++)
                messages[i].sent = messages[i].size_bytes + 1; /* it began, also where it is empty */
        (void)finish(link, &messages[n - 1]);
        return n;
}

int link_send_many(struct link *link, struct outgoing *messages, int count) {
        if (link->ring)
                return is_plain(link->ring, messages) ? send_plain(link, messages, count) : send_first(link, messages);
        uint8_t bytes[TOGETHER_BYTES];
        size_t sizes[TOGETHER_MAX], used;
        int n = gather_batch(link, messages, count, bytes, sizes, &used);
        if (n == 0)
                return send_first(link, messages);
        int r = prepare(link, messages);
        if (r < 0)
                return r;
        ssize_t written = write_plain(link, &(struct iovec){ .iov_base = bytes, .iov_len = used }, 1);
        if (written == -EMSGSIZE) /* so many make a packet that is too large for the socket's buffer */
                return send_first(link, messages);
        return written < 0 ? (int)written : account(link, messages, sizes, n, (size_t)written);
}

/* ---- what could not be written at once ---- */

static int keep_rest(struct link *link, const struct gathering *gathering, bool take_back) {
        size_t size = gathered_bytes(gathering), at = 0;
        assert(link->rest_begin == link->rest_end); /* a new message begins after the rest of the old */
        if (size == 0)
                return 0;
        uint8_t *rest = realloc(link->rest, size);
        if (!rest)
                return -ENOMEM;
        for (int i = 0; i < gathering->count; i++) {
                memcpy(rest + at, gathering->parts[i].iov_base, gathering->parts[i].iov_len);
                at += gathering->parts[i].iov_len;
        }
        if (take_back)
                rest[size - 1] = 1; /* the trailer, which is never among the bytes already written */
        link->rest = rest;
        link->rest_begin = 0;
        link->rest_end = size;
        return 0;
}

int link_park(struct link *link, struct outgoing *message) {
        struct gathering gathering;
        gathering.count = 0;
        link->in_frame = false;
        if (message->sent == 0)
                return 0;
        if (link->options.framing != FRAMING_LEAT) {
                (void)gather_plain(link, message, &gathering);
                return keep_rest(link, &gathering, false);
        }
        if (!within_frame(link, message)) {
                link->abandon = message->sequence;
                (void)link_flush(link); /* if it cannot go now, it goes before the next */
                return 0;
        }
        (void)gather_frames(link, message, 1, &gathering);
        return keep_rest(link, &gathering, true);
}

static int write_rest(struct link *link) {
        while (link->rest_begin < link->rest_end) {
                const struct iovec part = { .iov_base = link->rest + link->rest_begin,
                                            .iov_len = link->rest_end - link->rest_begin };
                ssize_t n = write_plain(link, &part, 1);
                if (n < 0)
                        return (int)n;
                link->rest_begin += (size_t)n;
        }
        free(link->rest);
        link->rest = NULL;
        link->rest_begin = link->rest_end = 0;
        return 0;
}

/* Write a frame without a message; what of it does not go now becomes the rest. */
static int write_control(struct link *link, const struct wire_header *header) {
        struct gathering gathering;
        size_t skip = 0;
        gathering.count = 0;
        wire_encode(header, gathering.headers[0]);
        gather(&gathering, gathering.headers[0], WIRE_HEADER_BYTES, &skip);
        ssize_t n = write_parts(link, &gathering, NULL, 0);
        if (n < 0)
                return (int)n;
        if (n == WIRE_HEADER_BYTES)
                return 0;
        skip = (size_t)n;
        gathering.count = 0;
        gather(&gathering, gathering.headers[0], WIRE_HEADER_BYTES, &skip);
        return keep_rest(link, &gathering, false);
}

static int flush(struct link *link) {
        int r = write_rest(link);
        if (r == 0 && link->abandon != 0) {
                r = write_control(link,
                                  &(struct wire_header){ .kind = WIRE_ABANDON, .type = 1, .sequence = link->abandon });
                if (r < 0)
                        return r;
                link->abandon = 0;
        }
        while (r == 0 && link->taken_count > 0) {
                struct taken_run *run = &link->taken[link->taken_first];
                r = write_rest(link); /* of the one before */
                if (r == 0)
                        r = write_control(link, &(struct wire_header){
                                                        .kind = WIRE_TAKEN, .type = 1, .reference = run->first });
                if (r < 0)
                        return r;
                if (run->first++ < run->last)
                        continue;
                link->taken_first = (link->taken_first + 1) % LINK_TAKEN_MAX;
                link->taken_count--;
        }
        return r < 0 ? r : write_rest(link);
}

int link_flush(struct link *link) {
        if (link->in_frame)
                return -EAGAIN;
        int r = flush(link);
        if (r == -EPIPE) {
                /* It will never be read; kept, it would be tried again whenever the link is writable, which is always. */
                link->rest_begin = link->rest_end = 0;
                link->abandon = 0;
                link->taken_count = 0;
        }
        return r;
}

int link_taken(struct link *link, uint64_t sequence) {
        if (link->out.fd < 0)
                return -EPIPE; /* there is no way back: nothing may gather for it */
        struct taken_run *last =
                &link->taken[(link->taken_first + link->taken_count + LINK_TAKEN_MAX - 1) % LINK_TAKEN_MAX];
        if (link->taken_count > 0 && sequence == last->last + 1)
                last->last = sequence;
        else if (link->taken_count == LINK_TAKEN_MAX)
                return -ENOBUFS;
        else
                link->taken[(link->taken_first + link->taken_count++) % LINK_TAKEN_MAX] =
                        (struct taken_run){ sequence, sequence };
        int r = link_flush(link);
        return r == -EAGAIN ? 0 : r;
}

/* It is for want of something here, and no fault of the other party. */
static bool is_shortage(int error) {
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOSPC || error == -EFBIG;
}

void link_refuse(struct link *link, int error) {
        if (link->options.framing != FRAMING_LEAT || link->out.fd < 0)
                return;
        if (link->ring && !link_ring_is_open(link->ring)) /* there is the socket alone */
                link->ring = link_ring_free(link->ring, false);
        if (link_flush(link) == 0)
                (void)write_control(link, &(struct wire_header){ .kind = WIRE_REFUSE,
                                                                 .type = is_shortage(error) ? ENOBUFS : -error });
}
