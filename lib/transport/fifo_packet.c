/* SPDX-License-Identifier: MIT */

/* Messages in packets of a pipe (O_DIRECT): frames, and what lies between them that is none. */

#include "channel/entry.h"
#include "transport/fifo.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Room for a read, at least: what anybody may make the pipe hold later (fs.pipe-max-size as it is by default). Were there
 * less, a read that begins in plain bytes could end in the packet behind them, and the kernel drops the packet's rest.
 * Pages that no read fills cost nothing. */
#define READ_BYTES (1 << 20)

/* ---- sending ---- */

static int write_frame(const struct fifo *fifo, const struct wire_header *header, const uint8_t *bytes, size_t size) {
        uint8_t head[WIRE_HEADER_BYTES];
        const struct iovec parts[] = { { .iov_base = head, .iov_len = sizeof(head) },
                                       { .iov_base = (void *)bytes, .iov_len = size } };
        wire_encode(header, head);
        ssize_t n = io_write(&fifo->link->out, parts, size > 0 ? 2 : 1);
        assert(n < 0 || (size_t)n == sizeof(head) + size); /* at most PIPE_BUF: all or nothing (pipe(7)) */
        return n < 0 ? (int)n : 0;
}

static int send_raw(const struct fifo *fifo, const struct outgoing *message) {
        const struct iovec part = { .iov_base = (void *)message->bytes, .iov_len = message->size_bytes };
        ssize_t n = io_write(&fifo->link->out, &part, 1);
        return n < 0 ? (int)n : 0;
}

/* Add a message as a frame that is whole. 0: there is no room. */
static size_t add_frame(const struct outgoing *message, uint8_t *packet, size_t room) {
        size_t size = message->size_bytes;
        if (message->sent > 0 || room < WIRE_HEADER_BYTES || room - WIRE_HEADER_BYTES < size)
                return 0;
        const struct wire_header header = outgoing_header(message, 0);
        wire_encode(&header, packet);
        if (size > 0)
                memcpy(packet + WIRE_HEADER_BYTES, message->bytes, size);
        return WIRE_HEADER_BYTES + size;
}

/* Several in one packet, as many as it holds: one receiver takes them all. Of one too the copy is cheaper than two parts are. */
int fifo_send_several(struct fifo *fifo, struct outgoing *messages, int count) {
        uint8_t packet[PIPE_BUF];
        size_t used = 0, size;
        int n = 0;
        if (fifo->link->options.framing == FRAMING_LEAT)
                while (n < count && (size = add_frame(&messages[n], packet + used, sizeof(packet) - used)) > 0) {
                        used += size;
                        n++;
                }
        if (n == 0) {
                int r = fifo_send_packets(fifo, messages);
                return r < 0 ? r : 1;
        }
        const struct iovec part = { .iov_base = packet, .iov_len = used };
        ssize_t written = io_write(&fifo->link->out, &part, 1);
        assert(written < 0 || (size_t)written == used); /* at most PIPE_BUF: all or nothing (pipe(7)) */
        return written < 0 ? (int)written : n;
}

int fifo_send_packets(struct fifo *fifo, struct outgoing *message) {
        if (fifo->link->options.framing == FRAMING_RAW)
                return send_raw(fifo, message);
        size_t left;
        do {
                size_t at = message->sent / PIPE_BUF * FIFO_FRAME_BYTES;
                left = message->size_bytes - at;
                size_t size = left < FIFO_FRAME_BYTES ? left : FIFO_FRAME_BYTES;
                const struct wire_header header = outgoing_header(message, at);
                int r = write_frame(fifo, &header, message->bytes + at, size);
                if (r < 0)
                        return r;
                message->sent += WIRE_HEADER_BYTES + size;
                left -= size;
        } while (left > 0);
        return 0;
}

void fifo_abandon(struct fifo *fifo, const struct outgoing *message) {
        const struct wire_header header = { .kind = WIRE_ABANDON, .type = 1, .sequence = message->sequence };
        (void)write_frame(fifo, &header, NULL, 0);
}

/* ---- receiving ---- */

/* Read one packet; or what plain programs wrote, with a packet behind it: there is room for all that the pipe holds. */
static int fill(struct fifo *fifo, struct incoming *message) {
        struct link *link = fifo->link;
        if (*message->reads == 0)
                return -EAGAIN;
        --*message->reads;
        if (!link->buffer) {
                int capacity = fcntl(link->in.fd, F_GETPIPE_SZ);
                link->capacity = capacity > READ_BYTES ? (size_t)capacity : READ_BYTES;
                link->buffer = malloc(link->capacity);
                if (!link->buffer) {
                        link->capacity = 0;
                        return -ENOMEM;
                }
        }
        ssize_t n = io_read(&link->in, link->buffer, link->capacity);
        if (n <= 0)
                return n == 0 ? -ENODATA : (int)n;
        link->begin = 0;
        link->end = (size_t)n;
        return 0;
}

/* A frame of ours at the beginning of these bytes? 0, -EBADMSG or -EPROTONOSUPPORT. */
static int decode(const struct fifo *fifo, const uint8_t *bytes, size_t size, struct wire_header *ret_header,
                  size_t *ret_carried) {
        int r = size < WIRE_HEADER_BYTES ? -EBADMSG : wire_decode(bytes, fifo->link->options.largest_bytes, ret_header);
        if (r < 0)
                return r;
        *ret_carried = ret_header->size < FIFO_FRAME_BYTES ? ret_header->size : FIFO_FRAME_BYTES;
        bool ours = ret_header->kind == WIRE_MESSAGE || ret_header->kind == WIRE_CONTINUE ||
                    ret_header->kind == WIRE_ABANDON;
        /* Nobody can be answered here, and no descriptors come. */
        if (!ours || ret_header->descriptors > 0 || (ret_header->flags & ~WIRE_REDELIVERED) ||
            ret_header->sequence == 0)
                return -EBADMSG;
        if (ret_header->size > *ret_carried && !fifo->exclusive)
                return -EBADMSG; /* its parts would go to several receivers */
        return size < WIRE_HEADER_BYTES + *ret_carried ? -EBADMSG : 0;
}

/* Foreign bytes: go to the next frame behind them, if there is one. */
static void skip_foreign(struct fifo *fifo) {
        struct link *link = fifo->link;
        struct wire_header header;
        size_t carried;
        do
                link->begin++;
        while (link->begin < link->end &&
               decode(fifo, link->buffer + link->begin, link->end - link->begin, &header, &carried) < 0);
}

static void forget(struct fifo *fifo) {
        fifo->link->assembly = kept_free(fifo->link->assembly);
        fifo->under_way = (struct wire_header){ 0 };
}

static void describe(const struct wire_header *header, struct leat_message *ret_about) {
        *ret_about = (struct leat_message){
                .struct_size = sizeof(*ret_about),
                .size_bytes = header->size,
                .type = header->type,
                .priority = header->priority,
                .flags = header->flags & WIRE_REDELIVERED ? LEAT_REDELIVERED : 0,
                .sequence = header->sequence,
                .time_ns = header->time_ns,
                .deadline = LEAT_NEVER,
        };
}

/* The first frame. One under way that it interrupts was its killed writer's: whoever lives finishes before the next begins. */
static int take_first(struct fifo *fifo, const struct wire_header *header, const uint8_t *bytes, size_t size,
                      struct incoming *message) {
        if (fifo->link->assembly)
                forget(fifo);
        message->kind = WIRE_MESSAGE;
        describe(header, &message->about);
        if (header->size == size && incoming_is_wanted(message)) {
                if (size > 0)
                        memcpy(message->buffer, bytes, size);
                return 0;
        }
        struct kept *kept = kept_copy(&message->about, bytes, size, NULL, 0); /* not wanted, or not whole */
        if (!kept)
                return -ENOMEM;
        if (header->size == size) {
                message->kept = kept;
                return 0;
        }
        fifo->link->assembly = kept;
        fifo->under_way = *header;
        fifo->under_way.size -= (uint32_t)size;
        return -EINPROGRESS;
}

static int take_next(struct fifo *fifo, const struct wire_header *header, const uint8_t *bytes, size_t size,
                     struct incoming *message) {
        struct wire_header *under_way = &fifo->under_way;
        if (!fifo->link->assembly)
                return -EINPROGRESS; /* the receiver before us took its beginning */
        if (under_way->sequence != header->sequence || under_way->type != header->type ||
            under_way->priority != header->priority || under_way->size != header->size) {
                forget(fifo);
                return -EBADMSG;
        }
        int r = kept_append(&fifo->link->assembly, bytes, size);
        if (r < 0)
                return r;
        under_way->size -= (uint32_t)size;
        if (under_way->size > 0)
                return -EINPROGRESS;
        message->kept = fifo->link->assembly;
        fifo->link->assembly = NULL;
        message->kind = WIRE_MESSAGE;
        message->about = message->kept->about;
        return 0;
}

static int take_frame(struct fifo *fifo, struct incoming *message) {
        struct link *link = fifo->link;
        struct wire_header header;
        const uint8_t *bytes = link->buffer + link->begin;
        size_t carried;
        header.version = 0; /* of what is no frame; the rest is not looked at then */
        int r = decode(fifo, bytes, link->end - link->begin, &header, &carried);
        if (r < 0) {
                message->their_version = header.version;
                skip_foreign(fifo);
                return r;
        }
        link->begin += WIRE_HEADER_BYTES + carried;
        bytes += WIRE_HEADER_BYTES;
        switch (header.kind) {
        case WIRE_MESSAGE:
                return take_first(fifo, &header, bytes, carried, message);
        case WIRE_CONTINUE:
                return take_next(fifo, &header, bytes, carried, message);
        default: /* ABANDON, of what is under way or of what nobody knows of */
                if (fifo->under_way.sequence == header.sequence)
                        forget(fifo);
                return -EINPROGRESS;
        }
}

/* What a read gives is the message. */
static int take_raw(struct fifo *fifo, struct incoming *message) {
        struct link *link = fifo->link;
        struct entry entry;
        (void)entry_look(FRAMING_RAW, link->buffer + link->begin, link->end - link->begin,
                         &entry); /* never refuses raw */
        link->begin = link->end;
        return entry_deliver(&entry, message);
}

int fifo_receive_packet(struct fifo *fifo, struct incoming *message) {
        struct link *link = fifo->link;
        message->kept = NULL;
        message->descriptors_count = 0;
        message->link = message->answers = 0;
        if (link->begin == link->end) {
                int r = fill(fifo, message);
                if (r < 0)
                        return r;
        }
        size_t begin = link->begin;
        int r = link->options.framing == FRAMING_RAW ? take_raw(fifo, message) : take_frame(fifo, message);
        if (r == -ENOMEM)
                link->begin = begin; /* it was taken from the others: it stays here until there is memory */
        return r;
}
