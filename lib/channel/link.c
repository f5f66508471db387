/* SPDX-License-Identifier: MIT */
#include "channel/link.h"

#include "base/cleanup.h"
#include "base/rare.h"
#include "channel/describe.h"
#include "channel/link_ring.h"

#include <errno.h>
#include <leat/deadline.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void link_reset_at_close(const struct link *link, bool on) {
        io_reset_at_close(link->in.fd, on);
}

/* Reads before a close, beyond those that what is there needs: the other end may go on sending for ever. */
#define FAREWELL_READS 4

int link_new(struct io in, struct io out, const struct link_options *options, const struct leat_peer *peer,
             struct link **ret_link) {
        struct link *link = calloc(1, sizeof(struct link));
        if (!link) {
                close_fd(in.fd);
                if (out.fd != in.fd)
                        close_fd(out.fd);
                return -ENOMEM;
        }
        list_init(&link->node);
        link->in = in;
        link->out = out;
        link->options = *options;
        link->order.restarts = options->restarts;
        link->peer = link->last_sender = *peer;
        if (options->resets)
                link_reset_at_close(link, true);
        int r = options->ring_bytes > 0 ? link_ring_new(in.fd, options->answers, options->ring_bytes,
                                                        options->ring_huge, peer, &link->ring)
                                        : 0;
        if (r < 0) {
                link_free(link);
                return r;
        }
        *ret_link = link;
        return 0;
}

void link_forget_input(struct link *link) {
        while (link->queue_count > 0)
                close_fd(link->queue[--link->queue_count]);
        link_forget_message(link);
        link->begin = link->end = link->scanned = 0;
}

void link_disown(struct link *link) {
        link->options.network = link->options.resets = false;
        link->shared = true;
        if (link->ring)
                link_ring_after_fork(link->ring);
}

/*
 * Closing a TCP socket with unread input sends a reset, which destroys what the other end has not got yet. So the end of what we send
 * goes out first, and what came is read, as far as it is there. TAKENs and replies nobody waits for any more; MSG_TRUNC forgets them.
 */
static void say_goodbye(const struct link *link) {
        char forgotten[16384]; /* TCP writes nothing there, but tools that check memory expect a place */
        ssize_t n = 1;
        int left = 0, more = FAREWELL_READS;
        if (!link->options.resets)
                (void)shutdown(link->in.fd, SHUT_WR);
        (void)ioctl(link->in.fd, FIONREAD, &left);
        while (n > 0 && (left > 0 || more-- > 0)) {
                n = recv(link->in.fd, forgotten, sizeof(forgotten), MSG_DONTWAIT | MSG_TRUNC);
                left -= (int)n;
        }
        if (link->options.resets &&
            n == 0) /* a program that sent to its end and waits for ours is not answered with a reset */
                link_reset_at_close(link, false);
}

static void count(struct link *link, size_t bytes, size_t descriptors) {
        if (!link->total)
                return;
        link->total->bytes += bytes - link->counted.bytes;
        link->total->descriptors += descriptors - link->counted.descriptors;
        link->counted = (struct link_held){ .bytes = bytes, .descriptors = descriptors };
}

struct link *link_free(struct link *link) {
        if (!link)
                return NULL;
        if (link->options.network && link->in.fd >= 0)
                say_goodbye(link);
        link->ring = link_ring_free(link->ring, !link->shared);
        if (link->out.fd != link->in.fd)
                close_fd(link->out.fd);
        close_fd(link->in.fd);
        link_forget_input(link);
        count(link, 0, 0);
        list_remove(&link->node);
        free(link->queue);
        free(link->buffer);
        free(link->rest);
        free(link);
        return NULL;
}

void link_recount(struct link *link) {
        count(link, link_held_bytes(link), link_held_descriptors(link));
}

/* ---- descriptors and credentials ---- */

static int queue_descriptors(struct link *link, const int *descriptors, size_t count) {
        bool room = count <= LINK_QUEUE_MAX - link->queue_count;
        if (room && !link->queue) {
                link->queue = malloc(LINK_QUEUE_MAX * sizeof(int));
                room = link->queue != NULL;
        }
        if (!room) {
                for (size_t i = 0; i < count; i++)
                        close_fd(descriptors[i]);
                return -EBADMSG;
        }
        memcpy(link->queue + link->queue_count, descriptors, count * sizeof(int));
        link->queue_count += count;
        return 0;
}

static int take_control(struct link *link, struct msghdr *header, bool *ret_packet) {
        int r = 0;
        for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
                if (control->cmsg_level != SOL_SOCKET)
                        continue;
                if (control->cmsg_type == SCM_RIGHTS) {
                        int descriptors[LEAT_DESCRIPTORS_MAX];
                        size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                        memcpy(descriptors, CMSG_DATA(control), count * sizeof(int));
                        r = queue_descriptors(link, descriptors, count);
                } else if (control->cmsg_type == SCM_CREDENTIALS) {
                        struct ucred who;
                        memcpy(&who, CMSG_DATA(control), sizeof(who));
                        link->last_sender =
                                (struct leat_peer){ .known = true, .pid = who.pid, .uid = who.uid, .gid = who.gid };
                        *ret_packet = true;
                }
        }
        return r;
}

ssize_t link_read_message(struct link *link, struct iovec *parts, int count, bool *ret_packet, bool *ret_cut) {
        /* Room for the most that can come: what does not fit would be closed by the kernel. */
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(LEAT_DESCRIPTORS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        } control;
        bool wanted = link->options.descriptors || link->options.credentials;
        struct msghdr header = { .msg_iov = parts, .msg_iovlen = (size_t)count };
        ssize_t n;
        header.msg_control = wanted ? control.bytes : NULL;
        header.msg_controllen = wanted ? sizeof(control.bytes) : 0;
        do /* the peer closed with unread replies: that is told first, and its messages are still there */
                n = io_receive_message(link->in.fd, &header);
        while (n == -ECONNRESET);
        *ret_packet = n > 0;
        *ret_cut = n > 0 && (header.msg_flags & MSG_TRUNC);
        if (n < 0)
                return n;
        int r = header.msg_controllen > 0 ? take_control(link, &header, ret_packet) : 0;
        /* With room for all, the control data is cut only when the process has no descriptor left,
         * or a peer that we take none from sent some: those the kernel has closed. */
        if (wanted && (header.msg_flags & MSG_CTRUNC))
                link->descriptors_lost = true;
        return r < 0 ? r : n;
}

/* The next `count` descriptors of the queue, moved to the caller. -EBADMSG: they did not come. */
static ASIDE int take_queue(struct link *link, size_t count, int *ret_descriptors) {
        if (count > link->queue_count)
                return -EBADMSG;
        if (count == 0) /* nor need there be a queue */
                return 0;
        memcpy(ret_descriptors, link->queue, count * sizeof(int));
        link->queue_count -= count;
        memmove(link->queue, link->queue + count, link->queue_count * sizeof(int));
        return 0;
}

static void drop_queue(struct link *link) {
        while (link->queue_count > 0)
                close_fd(link->queue[--link->queue_count]);
}

/* ---- whole frames ---- */

/* Somebody waits for it to be taken, or for an answer. */
static ASIDE void describe_wish(const struct wire_header *header, struct leat_message *about) {
        if (header->flags & WIRE_WANTS_TAKEN)
                about->flags |= LEAT_WANTS_TAKEN;
        if (!(header->flags & WIRE_WANTS_REPLY))
                return;
        about->flags |= LEAT_WANTS_REPLY;
        if (header->kind == WIRE_MESSAGE)
                about->deadline = describe_deadline(header);
}

USUAL void describe(const struct link *link, const struct wire_header *header, struct leat_message *about) {
        describe_header(header, about);
        if (header->flags & (WIRE_WANTS_TAKEN | WIRE_WANTS_REPLY))
                describe_wish(header, about);
        about->sender = link->options.each_sender ? link->last_sender : link->peer;
        about->reply_to = link->id;
}

USUAL void describe_frame(const struct link *link, const struct wire_header *header, struct incoming *message) {
        message->kind = header->kind;
        message->answers = header->kind == WIRE_REPLY ? header->reference : 0;
        describe(link, header, &message->about);
}

void link_describe(const struct link *link, const struct found *found, struct incoming *message) {
        const struct wire_header plain = { .kind = WIRE_MESSAGE, .size = (uint32_t)found->size_bytes, .type = 1 };
        describe_frame(link, link->options.framing == FRAMING_LEAT ? &found->header : &plain, message);
}

/* Keep a message, or the first frame of one, in memory of our own. */
static ASIDE int keep(struct link *link, const uint8_t *bytes, size_t size, struct incoming *message) {
        struct kept *kept = kept_copy(&message->about, bytes, size, message->descriptors, message->descriptors_count);
        if (!kept)
                return -ENOMEM;
        kept->link = link->id;
        kept->is_reply = message->kind == WIRE_REPLY;
        kept->reference = message->answers;
        message->kept = kept;
        message->descriptors_count = 0;
        return 0;
}

static ASIDE int close_descriptors(struct incoming *message, int error) {
        while (message->descriptors_count > 0)
                close_fd(message->descriptors[--message->descriptors_count]);
        return error;
}

/* A message whose descriptors could not come for want of room: it cannot be delivered as it was sent. */
static RARE int lost_descriptors(struct link *link, struct incoming *message) {
        link->descriptors_lost = false;
        drop_queue(link);
        close_descriptors(message, 0);
        link_forget_message(link);
        return -EMFILE;
}

USUAL int deliver(struct link *link, const uint8_t *bytes, size_t size, struct incoming *message) {
        if (!incoming_is_wanted(message))
                return keep(link, bytes, size, message);
        link_settle(message->landing); /* one of another link's, which comes later than this */
        if (size > 0)
                memcpy(message->buffer, bytes, size);
        return 0;
}

/* The first frame of several. */
static ASIDE int begin(struct link *link, const struct found *found, const uint8_t *bytes, struct incoming *message) {
        if (link_land(link, found, message)) {
                memcpy(link->landing->buffer, bytes, found->size_bytes);
                link->landing->filled = found->size_bytes;
                return -EINPROGRESS;
        }
        int r = keep(link, bytes, found->size_bytes, message);
        if (r < 0)
                return r;
        link->assembly = TAKE(message->kept);
        return -EINPROGRESS;
}

USUAL int first_frame(struct link *link, const struct found *found, const uint8_t *bytes, struct incoming *message) {
        const struct wire_header *header = &found->header;
        int r = 0;
        describe_frame(link, header, message);
        if (header->descriptors > 0 && link->descriptors_lost)
                return lost_descriptors(link, message);
        if (header->descriptors > 0)
                r = take_queue(link, header->descriptors, message->descriptors);
        if (r < 0)
                return r;
        message->descriptors_count = message->about.descriptors_count = header->descriptors;
        if (header->size == found->size_bytes)
                r = deliver(link, bytes, found->size_bytes, message);
        else
                r = begin(link, found, bytes, message);
        return r < 0 && r != -EINPROGRESS ? close_descriptors(message, r) : r;
}

static ASIDE int next_frame(struct link *link, const struct found *found, const uint8_t *bytes,
                            struct incoming *message) {
        if (link->landing) {
                memcpy(link->landing->buffer + link->landing->filled, bytes, found->size_bytes);
                return link_land_frame(link, found->size_bytes, message);
        }
        if (!link->assembly) /* its descriptors were lost: the rest is read and forgotten */
                return -EINPROGRESS;
        int r = kept_append(&link->assembly, bytes, found->size_bytes);
        if (r < 0)
                return r;
        if (frame_order_open(&link->order))
                return -EINPROGRESS;
        struct kept *kept = TAKE(link->assembly);
        message->kind = kept->is_reply ? WIRE_REPLY : WIRE_MESSAGE;
        message->answers = kept->reference;
        message->about = kept->about;
        message->kept = kept;
        return 0;
}

/* The reasons of the protocol: with any other a peer could make a receive say "the end", or "the deadline passed". */
static bool is_refusal(int64_t error) {
        return error == EBUSY || error == EBADMSG || error == EPROTONOSUPPORT || error == ENOBUFS;
}

static RARE int take_back(struct link *link, const struct found *found, struct incoming *message) {
        const struct wire_header *header = &found->header;
        if (found->abandoned)
                frame_order_abandon(&link->order);
        link_forget_message(link);
        /* Its own go with it (some may have been lost for want of room); the next one's stay. */
        if (header->descriptors > 0)
                link->descriptors_lost = false;
        size_t own = header->descriptors < link->queue_count ? header->descriptors : link->queue_count;
        (void)take_queue(link, own, message->descriptors);
        message->descriptors_count = own;
        return close_descriptors(message, -EINPROGRESS);
}

/* TAKEN or REFUSE. */
static ASIDE int take_control_frame(const struct wire_header *header, struct incoming *message) {
        if (header->kind == WIRE_TAKEN) {
                message->kind = WIRE_TAKEN;
                message->answers = header->reference;
                return 0;
        }
        message->refusal = is_refusal(header->type) ? -(int)header->type : -EBADMSG;
        message->their_version = header->version;
        return -ECONNREFUSED;
}

int link_take_frame(struct link *link, const struct found *found, const uint8_t *bytes, struct incoming *message) {
        enum wire_kind kind = found->header.kind;
        int r = frame_order_check(&link->order, &found->header);
        if (r < 0)
                return r;
        if (found->abandoned || kind == WIRE_ABANDON)
                return take_back(link, found, message);
        if (kind == WIRE_MESSAGE || kind == WIRE_REPLY)
                return first_frame(link, found, bytes, message);
        return kind == WIRE_CONTINUE ? next_frame(link, found, bytes, message)
                                     : take_control_frame(&found->header, message);
}

int link_take_plain(struct link *link, const uint8_t *bytes, size_t size, struct incoming *message) {
        const struct found found = { .size_bytes = size };
        link_describe(link, &found, message);
        drop_queue(link); /* this framing cannot say which message they belong to */
        return deliver(link, bytes, size, message);
}
