/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_LINK_H
#define LEAT_CHANNEL_LINK_H

/*
 * Links: messages over one connection, which is a socket or a pair of pipes.
 *
 * A link turns messages into frames and back, on a byte stream or on packets, in any framing. It never waits: it
 * does what can be done and says -EAGAIN. What it cannot write at once it keeps (the rest of one frame, TAKENs) and
 * writes before anything else. It believes nothing that the peer says: lengths are checked before memory is taken,
 * and a breach is -EBADMSG, after which the link is only good for link_free().
 */

#include "base/io.h"
#include "base/list.h"
#include "channel/framing.h"
#include "channel/kept.h"
#include "wait/pace.h"
#include "wait/spin.h"

#include <errno.h>
#include <leat/message.h>

#define LINK_TAKEN_MAX 64                         /* runs of TAKENs that wait for a peer that does not read */
#define LINK_QUEUE_MAX (2 * LEAT_DESCRIPTORS_MAX) /* descriptors that came ahead of their frame */

/* A message on its way out. Its fields are set once; `sent` says how far it is. */
#define LINK_MESSAGE_PARTS 7
struct outgoing {
        enum wire_kind kind; /* MESSAGE or REPLY */
        uint16_t flags;
        uint16_t priority;
        int64_t type;
        uint64_t sequence;
        uint64_t reference;
        int64_t time_ns;
        int64_t deadline; /* of a call: what is left until then goes with it */
        const uint8_t *bytes;
        size_t size_bytes;
        const struct iovec *parts; /* these are its bytes, in place of `bytes`: of a ring's alone; or NULL */
        int parts_count;           /* LINK_MESSAGE_PARTS at most */
        const int *descriptors;
        size_t descriptors_count;
        uint64_t link;    /* to this one; 0: the channel has one */
        size_t sent;      /* bytes of the wire that are written */
        uint64_t began;   /* the hub's: the link that they went to; 0: none yet */
        bool now;         /* who sends it does not wait: that there is no room is to be true */
        bool told;        /* whoever sends it learns by that call what became of it: it is never in doubt later */
        bool drop_oldest; /* where it is full, the oldest that waits makes room */
};

/* The header of the frame that begins with this byte of the message. */
static inline struct wire_header outgoing_header(const struct outgoing *message, size_t at) {
        return (struct wire_header){
                .kind = at == 0 ? message->kind : WIRE_CONTINUE,
                .flags = message->flags,
                .priority = message->priority,
                .size = (uint32_t)(message->size_bytes - at), /* at most WIRE_LARGEST_BYTES */
                .descriptors = at == 0 ? (uint8_t)message->descriptors_count : 0,
                .type = message->type,
                .sequence = message->sequence,
                .time_ns = message->time_ns,
                .reference = message->reference,
        };
}

/* A large message on its way straight into the buffer of the call that waits for it (docs/design/speed.md, "Large messages").
 * Each thread of a channel has one; it is used during a call, and never between two. */
struct landing {
        struct link *link; /* by which it comes; NULL: there is none. Then, and only then: */
        uint8_t *buffer;   /* the caller's, with room for all of it */
        size_t filled;     /* bytes of it that came in whole frames */
        size_t part;       /* that came behind them, of the frame under way */
        bool in_frame;     /* one is: what stands before its bytes is the first thing in link->buffer */
        struct found frame;
        enum wire_kind kind;
        struct leat_message about;
        uint64_t answers;
};

/* A place for a message that comes in, and what came. */
struct incoming {
        /* what is wanted */
        void *buffer; /* where a message goes that `want` and `selection` take; else it is kept */
        size_t size_bytes;
        enum wire_kind want; /* MESSAGE, or REPLY to `reference` */
        uint64_t reference;
        bool any; /* a REPLY to any request */
        struct selection selection;
        struct landing *landing; /* of the thread that reads; or NULL: what is not whole is kept */
        bool light;              /* it is asked again soon, or sleeps: of links with a ring a look at memory will do */
        bool patient; /* after -EAGAIN it looks again, or sleeps on all that may come: a look at what is likely will do */
        struct spin *spin; /* how the thread that reads waits; or NULL: it does not */
        unsigned *
                reads; /* how often the peers may still be read before it says -EAGAIN: a flood holds nobody past a deadline */
        /* what came */
        enum wire_kind kind;                   /* MESSAGE, REPLY or TAKEN */
        struct leat_message about;             /* also with -EBADMSG and -EPROTONOSUPPORT: its sender */
        uint64_t answers;                      /* of a REPLY or TAKEN */
        uint64_t link;                         /* where it came from */
        struct kept *kept;                     /* the message, if it is not in the buffer; the caller's */
        int descriptors[LEAT_DESCRIPTORS_MAX]; /* those of a message in the buffer: the caller's */
        size_t descriptors_count;
        uint8_t their_version; /* with -EPROTONOSUPPORT */
        bool end_stays;        /* with -ENODATA: of what is selected; it is told again */
        int refusal;           /* with -ECONNREFUSED: the negative errno that the peer gave */
};

/* Does what came go into that buffer at once? */
static inline bool incoming_is_wanted(const struct incoming *message) {
        if (message->kind != message->want || message->about.size_bytes > message->size_bytes)
                return false;
        if (message->kind == WIRE_REPLY)
                return message->any || message->answers == message->reference;
        return selection_takes(&message->selection, message->about.type, &message->about.sender);
}

struct link_options {
        enum framing framing;
        bool packets;     /* SOCK_SEQPACKET: one frame, or raw message, a packet */
        bool descriptors; /* take SCM_RIGHTS */
        bool credentials; /* take SCM_CREDENTIALS (SO_PASSCRED is set) */
        bool each_sender; /* and believe them who sent: ?who=message; else who connected did */
        bool restarts;    /* a pipe: another program may go on where one has ended */
        bool network; /* TCP: the other end's FIN is all that tells of its close, and our close may destroy what we sent */
        bool resets;  /* and nothing ever goes back on it: it is closed by a reset, unless the other end was first */
        bool roomy;   /* a pipe that is ours alone: it may be made larger for large messages */
        bool answers; /* of a link with a ring: the other party says HELLO */
        uint64_t ring_bytes; /* of such a one, what this party sends by; 0: there is none */
        bool ring_huge;      /* of huge pages */
        uint64_t largest_bytes;
        size_t read_bytes; /* room for each read of a stream, at least: all that the pipe holds; 0: any */
};

/* What links hold for messages that are not complete. */
struct link_held {
        size_t bytes, descriptors;
};

struct link_ring;

struct link {
        struct list node;         /* the hub's */
        uint64_t id;              /* the hub's */
        bool ready;               /* the hub's: it is in the ring */
        struct link_held *total;  /* the hub's: of all; or NULL */
        struct link_held counted; /* of this one, in there */
        struct io in, out;
        struct link_ring *ring; /* what goes in and out goes by this, and not by the socket; or NULL */
        struct link_options options;
        struct leat_peer peer;        /* of the connection */
        struct leat_peer last_sender; /* of the last packet or bytes, where ?who=message */

        /* reading */
        uint8_t *buffer; /* bytes read and not parsed: [begin, end) */
        size_t begin, end, capacity, scanned;
        struct frame_order order;
        uint64_t taken_bytes;    /* of a link with a ring: of messages that came whole */
        struct kept *assembly;   /* the message under way ... */
        struct landing *landing; /* ... unless it goes here */
        bool large;              /* the last one was: it is worth a read to learn where the next one goes */
        int failed;              /* the negative errno with which a part of it was lost: the link is good for nothing */
        int *queue;              /* descriptors that came, in order */
        size_t queue_count;
        bool descriptors_lost; /* the process had no room for some that came */
        bool ended;
        struct pace pace;
        int64_t read_ns; /* when the last read ended, if the next is to come a moment later; or 0 */
        bool shared;     /* with another process, which goes on with it */
        bool over;       /* the hub's: and its end is counted */
        bool cut;        /* the hub's: the only link of a hub, given up */
        bool broken;     /* the hub's: it refused a message */
        bool half;       /* the hub's: it only ended what it sends, and is kept to be sent to */
        int lost;        /* the negative errno with which the network gave it up; 0: it did not */

        /* writing */
        int64_t sent_ns;   /* when the last message went, as it says; 0: what was sent last did not go at once */
        unsigned unlooked; /* so many went since its other end was looked at */
        uint8_t *rest;     /* of a frame that was written in part: [rest_begin, rest_end) */
        size_t rest_begin, rest_end;
        bool in_frame;    /* a message under way stands within a frame: nothing else may be written */
        uint64_t abandon; /* the sequence of a message to be taken back between frames; 0: none */
        struct taken_run {
                uint64_t first, last;
        } taken[LINK_TAKEN_MAX]; /* numbers that follow each other take one place */
        unsigned taken_first, taken_count;
};

/* The link owns the descriptors from here on, also when it fails (-ENOMEM, and what making a ring may say). `in` and `out` are the same for a
 * socket. peer: who is there, of one with a ring. */
int link_new(struct io in, struct io out, const struct link_options *options, const struct leat_peer *peer,
             struct link **ret_link);
struct link *link_free(struct link *link);

/* It is shared with another process, which goes on with it: link_free() closes descriptors and does nothing else. */
void link_disown(struct link *link);

/* Of one whose options say `resets`: is it closed by a reset? Then whoever sends to it learns at once that nobody reads any more, also
 * when this process is killed. link_new() makes it so. */
void link_reset_at_close(const struct link *link, bool on);

/* Nothing more will be read: what came and is not complete goes. */
void link_forget_input(struct link *link);

/* Send. Returns 0; -EAGAIN with message->sent telling how far it came; -EPIPE; -EMSGSIZE; other errors of the system. */
int link_send(struct link *link, struct outgoing *message);

/* What goes out together, by one write or packet. */
#define TOGETHER_MAX 64      /* messages that operations->send is given at once */
#define TOGETHER_BYTES 16384 /* of all of them */
#define TOGETHER_SMALL 2048  /* of each: a larger one is not worth a copy, and goes by itself */

/*
 * Send several, small ones with one write. Returns how many went out whole, at least 1; or as link_send() about the first. The one behind
 * those may have begun: its `sent` tells.
 */
int link_send_many(struct link *link, struct outgoing *messages, int count);

/* Give up a message of which `sent` bytes are written: none of it will be seen, the link stays good. 0 or -ENOMEM (then it
 * must be cut). */
int link_park(struct link *link, struct outgoing *message);

/* Write what is waiting: the rest of a frame, an ABANDON, TAKENs. 0, -EAGAIN or -EPIPE. */
int link_flush(struct link *link);

static inline bool link_has_rest(const struct link *link) {
        return link->rest_begin < link->rest_end || link->abandon != 0 || link->taken_count > 0;
}

/* Is there something waiting that could be written as soon as there is room? */
static inline bool link_wants_out(const struct link *link) {
        return link_has_rest(link) && !link->in_frame;
}

/* Tell the peer that its message was taken, now or later. -ENOBUFS: it lets too many wait. */
int link_taken(struct link *link, uint64_t sequence);

/* Tell the peer why it is cut off; as far as it can be written at once. error: a negative errno. */
void link_refuse(struct link *link, int error);

/* The call whose message lands ends without it, or its buffer is wanted for another: what came is kept, as if it had been from the
 * beginning. Takes a landing of none. */
void link_settle_landing(struct landing *landing);
static inline void link_settle(struct landing *landing) {
        if (landing && landing->link)
                link_settle_landing(landing);
}

int link_receive_stream(struct link *link, struct incoming *message);
int link_receive_packet(struct link *link, struct incoming *message);
int link_receive_ring(struct link *link, struct incoming *message);

/*
 * Receive. Returns 0: message->kind came. -EAGAIN: nothing more at present. -EINPROGRESS: frames of a long
 * message came, there may be more. -ENODATA: the end. -EBADMSG, -EPROTONOSUPPORT: a breach. -ECONNREFUSED: the peer
 * refused us (message->refusal). -EMFILE: descriptors came that the process has no room for, and their
 * message is lost (message->about says whose). -ENOMEM: no memory for what came; like a breach it ends the link.
 */
static inline int link_receive(struct link *link, struct incoming *message) {
        message->link = link->id;
        message->about.sender = link->peer;
        message->kept = NULL;
        message->descriptors_count = 0;
        if (link->in.fd < 0)
                return -EAGAIN; /* a pipe that only goes out: nothing ever comes */
        if (link->landing && (link->landing != message->landing || link->landing->buffer != message->buffer))
                link_settle(link->landing); /* the other thread waits for it, and this one reads */
        if (link->failed < 0)
                return link->failed;
        if (link->ring)
                return link_receive_ring(link, message);
        return link->options.packets ? link_receive_packet(link, message) : link_receive_stream(link, message);
}

/* Bytes that this link holds for messages that are not complete. */
static inline size_t link_held_bytes(const struct link *link) {
        return link->capacity + (link->assembly ? link->assembly->capacity_bytes : 0);
}

/* Descriptors that it holds for frames and messages that are not complete. */
static inline size_t link_held_descriptors(const struct link *link) {
        return link->queue_count + (link->assembly ? link->assembly->about.descriptors_count : 0);
}

/* Put these into the total. link_free() takes them out. The first: they have changed. */
void link_recount(struct link *link);
static inline void link_count(struct link *link) {
        if (link_held_bytes(link) != link->counted.bytes || link_held_descriptors(link) != link->counted.descriptors)
                link_recount(link);
}

/* ---- between the files of the link ---- */

/* A frame has come whole: `bytes` are what it carries. 0: message->kind is set; -EINPROGRESS: nothing to give yet. */
int link_take_frame(struct link *link, const struct found *found, const uint8_t *bytes, struct incoming *message);

/* A message in a framing without headers has come whole. */
int link_take_plain(struct link *link, const uint8_t *bytes, size_t size, struct incoming *message);

/* recvmsg that queues descriptors and notes credentials. The size; 0 is the end or an empty packet
 * (*ret_packet tells, if credentials are on); a negative errno. *ret_cut: the packet was longer. */
ssize_t link_read_message(struct link *link, struct iovec *parts, int count, bool *ret_packet, bool *ret_cut);

/* Errors with which a network gives up a connection that was made: the other end fell silent, or cannot be reached. */
static inline bool link_is_loss(int error) {
        return error == -ETIMEDOUT || error == -EHOSTUNREACH || error == -ENETUNREACH || error == -ENETDOWN ||
               error == -EHOSTDOWN || error == -ECONNABORTED || error == -ENETRESET;
}

#define LINK_LARGE 16384u /* a smaller message comes whole with one read into the link's buffer */

/* May this message, of which the header came, land? Then it does from here on. That it is in order was looked at. */
bool link_land(struct link *link, const struct found *found, struct incoming *message);
/* The next frame of a message that lands has come whole where it belongs. As link_take_frame(). The second: and its order was checked. */
int link_landed(struct link *link, const struct found *found, struct incoming *message);
int link_land_frame(struct link *link, size_t size, struct incoming *message);
/* The message under way is taken back, or its link is at its end. */
void link_forget_message(struct link *link);
/* Make room for `size` bytes in the buffer from `begin` on. 0 or -ENOMEM. The first: there is none yet. */
int link_find_room(struct link *link, size_t size);
static inline int link_make_room(struct link *link, size_t size) {
        return link->capacity - link->begin >= size ? 0 : link_find_room(link, size);
}
/* Does this frame keep the rules among frames? It is not taken in. */
bool link_in_order(const struct link *link, const struct wire_header *header);
/* A message of a framing without headers, or of its first frame. */
void link_describe(const struct link *link, const struct found *found, struct incoming *message);

#endif
