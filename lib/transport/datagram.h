/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_DATAGRAM_H
#define LEAT_TRANSPORT_DATAGRAM_H

/*
 * What unix-dgram: and udp: share: datagrams of one message each, or of several small ones, over sockets without
 * connections (docs/design/network.md, section 3).
 *
 * An end that binds receives from everybody; one that connects talks to one address, and the kernel keeps from it
 * what others send. Of a pair the end that binds takes the first who speaks as its partner.
 */

#include "channel/channel.h"
#include "channel/entry.h"
#include "transport/datagram_peers.h"

#define DATAGRAM_SOCKETS 2 /* loopback has an address in each family */
#define DATAGRAM_BUNDLE_BYTES                                                                                          \
        16384 /* several messages take at most so many together: every receiver has room for them */

/* What a datagram turned out to be. Pure: datagram_look() believes nothing of it. */
struct datagram_frame {
        enum wire_kind kind; /* MESSAGE, REPLY or REFUSE; TAKEN: the other end of a pair says that it is there */
        struct leat_message about;
        uint64_t answers; /* of a REPLY */
        int refusal;      /* of a REFUSE: a negative errno */
        const uint8_t *bytes;
        uint8_t their_version;
        size_t whole_bytes; /* with its header: the next one is behind it */
};

/* Look at a datagram of `size` bytes that came with so many descriptors: is it one frame of at most `largest` bytes, or several messages,
 * of which each may be larger? 0 and the first; -EBADMSG, or -EPROTONOSUPPORT. */
int datagram_look(enum framing framing, const uint8_t *bytes, size_t size, uint64_t largest, size_t descriptors,
                  struct datagram_frame *ret_frame);

/* The first ones of these that may go together, in at most so many bytes. How many: 0 or 1, it is to go by itself. */
int datagram_bundle(const struct outgoing *messages, int count, size_t most, uint8_t *bytes, size_t *ret_size);

/* The next one of a datagram that datagram_look() has found good. */
void datagram_look_next(const uint8_t *bytes, struct datagram_frame *ret_frame);

/* One datagram as the kernel gave it. */
struct arrival {
        ssize_t size;          /* in datagram->buffer; -1: none waits there */
        size_t begin;          /* of the frame in there that is looked at, or is next */
        bool cut;              /* it was larger */
        bool descriptors_lost; /* some came that the process has no room for */
        int descriptors_count; /* ours, until they are handed on */
        int descriptors[LEAT_DESCRIPTORS_MAX];
        struct leat_peer sender;
        struct datagram_name from;
};

struct datagram;

struct datagram_kind {
        bool descriptors; /* they travel with the framing of Leat */
        bool credentials;
        bool loses; /* and doubles and reorders: the window looks at each sender's numbers */
        /* A socket that points at it, by which poll tells when its queue has room; a negative errno: -ECONNREFUSED, it is gone.
         * NULL: nobody can tell either. */
        int (*point_at)(const struct datagram_name *name);
        /* Read what the network said of what was sent. false: all of it is about others than the partner. NULL: it
         * only says what is of this end's. */
        bool (*errors_of_partner)(struct datagram *datagram);
        /* How many bytes several messages may take together, to where this end is connected or its partner is. */
        size_t (*bundle_bytes)(const struct datagram *datagram);
        void (*info)(struct leat_channel *channel, struct leat_info *info);
        int (*address)(struct leat_channel *channel, char *ret_text, size_t size);
        int (*sender_address)(struct leat_channel *channel, uint64_t link, char *ret_text, size_t size); /* or NULL */
        void (*after_fork)(void *context);
        void (*close)(void *context, bool ours);
};

struct datagram {
        const struct datagram_kind *kind;
        void *context; /* the kind's */
        int fds[DATAGRAM_SOCKETS];
        unsigned count, next;      /* the socket that is read next */
        bool has_control;          /* there is more to know of a datagram than its bytes and who sent it */
        int epoll;                 /* of several sockets, for leat_fd; -1 */
        int full;                  /* points at who has no room for a reply; -1 */
        bool connected;            /* to the one address that it talks to */
        struct datagram_name peer; /* which, where the kernel's filter is looked after (udp) */
        bool has_partner;          /* of a pair that binds */
        struct datagram_peer partner;
        struct datagram_peers peers;
        struct window_counts counts;
        uint32_t drops_seen[DATAGRAM_SOCKETS]; /* by the kernel, as it counts them */
        int refused; /* what the network said of what was sent: a negative errno, to be told once */
        bool refused_told;
        struct arrival arrival;
        struct datagram_frame frame; /* in it */
        bool found;                  /* and that is the next message of this end */
        size_t buffer_bytes;
        uint8_t buffer[];
};

/* The channel's state, with no socket yet. largest: of a message in bytes. */
int datagram_new(struct leat_channel *channel, const struct datagram_kind *kind, uint64_t largest,
                 struct datagram **ret_datagram);
void datagram_free_at(struct datagram **datagram);

/* Hand them to the channel; the sockets are in place. Takes over `context`. Never fails. */
void datagram_start(struct leat_channel *channel, struct datagram *datagram, void *context);

/* What others put there before it was connected is not of who was asked. */
void datagram_drain(int fd);

/* Say that this end is there, to the one of a pair that binds. As far as it can be sent at once. */
void datagram_say_hello(struct leat_channel *channel);

/* Does this end bind? And may it be opened so? */
bool datagram_binds(const struct leat_channel *channel);
int datagram_check_direction(const struct leat_channel *channel, struct leat_reason *reason);

/* ---- between the files of the datagrams ---- */

/* Is this error, of a read or a send, about what this end sent to who it talks to? */
bool datagram_is_told(struct datagram *datagram, int error);

/* Read one into datagram->arrival. 0; -EAGAIN; what the network said of earlier sends, or another errno. */
int datagram_read(struct datagram *datagram);
void datagram_forget(struct datagram *datagram); /* the one that waits in it */
void datagram_pass(struct datagram *datagram);   /* its frame is done with: is there another behind it? */
void datagram_close_descriptors(struct arrival *arrival);

/* Send one: a header of `size` bytes (0: none), the message. to: NULL of a connected one. 0 or a negative errno. */
int datagram_write(struct datagram *datagram, const struct datagram_name *to, const uint8_t *header_bytes, size_t size,
                   const struct outgoing *message);

/* Make datagram->frame the next message that is for this end. 0; -EAGAIN; -EBADMSG, -EPROTONOSUPPORT, -EMFILE: told of
 * datagram->arrival.sender; -ECONNREFUSED: datagram->frame.refusal. */
int datagram_fetch(struct leat_channel *channel, unsigned *reads);

#endif
