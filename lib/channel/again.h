/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_AGAIN_H
#define LEAT_CHANNEL_AGAIN_H

/*
 * What a sender remembers of its messages, so that it can go on when the connection is lost
 * (docs/design/network.md, section 5).
 *
 * With ?reconnect: which numbers went over the connection and were not acknowledged. When it is lost they are in doubt,
 * which is told once; nothing is sent again. With ?at-least-once: the messages themselves, which go out again over the
 * next connection, before anything new.
 *
 * All is called with the channel's lock held.
 */

#include "channel/kept.h"
#include "channel/link.h"
#include "channel/numbers.h"

#include <leat/channel.h>

/* Of how many messages it is not known whether they came, and from where to where their numbers go. */
struct doubt {
        uint64_t count, first, last;
};

struct again {
        bool on;       /* the connection is made again: ?reconnect or ?at-least-once, on an end that sends */
        bool asks;     /* each message asks for TAKEN: the framing can */
        bool keeps;    /* ?at-least-once */
        uint64_t link; /* the connection that all this is about; 0: none yet */
        /* ?reconnect */
        struct numbers sent; /* over this connection, and not acknowledged */
        struct doubt plain;  /* the same of bare bytes, which nobody acknowledges */
        struct doubt told;   /* over lost ones */
        bool tell;           /* the sender does not know it yet */
        int refusal; /* the other end's last word, after which there is no use in asking again; 0: there was none */
        /* ?at-least-once */
        struct kept_list copies; /* not acknowledged, in order */
        struct list *next;       /* of those, the first that did not go out over this connection; the head: all did */
        struct outgoing redelivery; /* the one of `next`, of which a part may have gone out */
        unsigned turn;              /* sends until what came back is looked at */
};

/* What the address asks for. */
void again_init(struct leat_channel *channel);
void again_clear(struct leat_channel *channel);

/* Before a send: connect if the connection is lost, redeliver what is to be redelivered. 0: go on; -EAGAIN: not yet; others:
 * why there is no connection. */
int again_prepare(struct leat_channel *channel);

/* A send found the connection lost, or a read its end. All that came over it is read; what is in doubt is known then. 0;
 * -EAGAIN: there is more to read; -ENOBUFS: messages came that have no place, and must be received first. */
int again_lost(struct leat_channel *channel);

/* A part of this message of bare bytes went over a connection that is lost: it may have been seen. */
void again_part_lost(struct leat_channel *channel, const struct outgoing *message);

/* Something went wrong with the connection: is it the other end's last word to a sender? */
void again_heard(struct leat_channel *channel, int error);

/* That word, once: -EBADMSG or -EPROTONOSUPPORT. Else 0. */
int again_refusal(struct leat_channel *channel);

/* A wait has ended with -EAGAIN or -ETIMEDOUT: remember what was waited for. Returns the error. */
int again_explain(struct leat_channel *channel, int error);

/* -ENOTCONN, once: messages are in doubt. Else 0. */
int again_tell(struct leat_channel *channel);

/* Is there room to remember this message? 0; -EAGAIN: when something is acknowledged; -EMSGSIZE: never; -ENOMEM. */
int again_room(struct leat_channel *channel, const struct outgoing *message);

/* Make the copy before the message goes out, so that there is one when it has. -ENOMEM, -EMFILE: nothing was done. */
int again_copy(const struct leat_channel *channel, const struct outgoing *message, struct kept **ret_copy);

/* It went out. Takes over the copy, if there is one. */
void again_sent(struct leat_channel *channel, const struct outgoing *message, struct kept *copy);

/* TAKEN came over this connection. Of one that was not sent over it: nothing. */
void again_taken(struct leat_channel *channel, uint64_t link, uint64_t sequence);

/* Read the TAKENs that are there. 0: all were read; an error of the connection. */
int again_listen(struct leat_channel *channel);

/* The same now and then, after a send. */
void again_look(struct leat_channel *channel);

void again_info(const struct leat_channel *channel, struct leat_info *info);

/* Is something kept that goes out, or is acknowledged, without a further send? */
static inline bool again_owes(const struct again *again) {
        return again->keeps && again->copies.messages > 0;
}

static inline bool again_resends(const struct again *again) {
        return again->keeps && again->next != &again->copies.head;
}

#endif
