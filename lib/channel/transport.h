/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_TRANSPORT_H
#define LEAT_CHANNEL_TRANSPORT_H

/*
 * The interface between a channel and the mechanism that carries its messages.
 *
 * A transport is one constant table: what it is called, what it declares, which options it knows, how it is
 * opened. Opening gives the channel its operations and the state that they work on. Operations never wait: they try and
 * say -EAGAIN, and `arm` says what to sleep on. All are called with the channel's lock held, where it has one.
 */

#include "channel/address.h"
#include "channel/link.h"
#include "wait/wait.h"

#include <leat/channel.h>

/* Which of the two threads that may be in a channel, and so what it is about to sleep for. */
enum direction { DIRECTION_SEND, DIRECTION_RECEIVE, DIRECTION_COUNT };

/* What opening was asked for, or what an open channel does. */
#define DOES_SEND(flags) ((flags) & (LEAT_SEND | LEAT_CALL | LEAT_REPLY))
#define DOES_RECEIVE(flags) ((flags) & (LEAT_RECEIVE | LEAT_CALL | LEAT_REPLY))

/* Those that may be NULL say what the channel does then. */
struct operations {
        bool selects;  /* receive obeys the selection; else the channel sets aside what does not match */
        bool competes; /* others receive from it too: what is set aside is lost to them, so types only with ?exclusive */
        bool looks;    /* a look of who asks again soon is not at all there may be */
        bool native_types, native_priorities; /* it carries them itself: in the framing raw too */

        /* Send the messages in order. Returns how many went out whole, at least 1; or a negative errno, then
         * messages[0].sent tells how far it came. */
        int (*send)(struct leat_channel *channel, struct outgoing *messages, int count);
        /* It is full: take the oldest that waits (LEAT_DROP_OLDEST). 0, or -EAGAIN: nothing waits any more. NULL: a sender
         * cannot take. */
        int (*drop_oldest)(struct leat_channel *channel);
        /* A message of which a part went out is given up: none of it may be seen. NULL: nothing goes out in part. */
        void (*park)(struct leat_channel *channel, struct outgoing *message);
        /* Write what is left of messages that were given up in part. 0; -EAGAIN: there is no room for all of it; -EPIPE. NULL: nothing is ever
         * left. */
        int (*push)(struct leat_channel *channel);
        /* Receive up to `count`. Returns how many came (of any kind), at least 1; -EAGAIN; -ENODATA; -EBADMSG and
         * -EPROTONOSUPPORT (messages[0].about.sender was cut off); -ECONNREFUSED (messages[0].refusal); -EMFILE. */
        int (*receive)(struct leat_channel *channel, struct incoming *messages, int count);
        /* Tell the sender of a message that it was taken. Never fails: a peer that is gone needs no answer. NULL: it
         * cannot. */
        void (*taken)(struct leat_channel *channel, uint64_t link, uint64_t sequence);
        /* Add what to sleep on. Returns 0, or 1: look again first. disarm (or NULL) takes back what arm published. */
        int (*arm)(struct leat_channel *channel, enum direction direction, struct wait *wait);
        void (*disarm)(struct leat_channel *channel, enum direction direction);
        /* Is there a way back, on which answers to what it sends come? NULL: no; then nor are these two asked. */
        bool (*hears)(struct leat_channel *channel);
        /* Is this connection, of which outgoing.began told, still there? */
        bool (*lives)(struct leat_channel *channel, uint64_t link);
        /* ?reconnect and ?at-least-once: is there a connection to send on? 0: this one; -EAGAIN: not yet; else why there will be
         * none. NULL: it knows neither option. */
        int (*connected)(struct leat_channel *channel, uint64_t *ret_link);
        /* ?acknowledge in a store: the message that was received last is done with. NULL: taken() does that. */
        int (*acknowledge)(struct leat_channel *channel, uint64_t sequence);
        /* Did it read more than it has given yet? No poll tells of that. */
        bool (*unread)(struct leat_channel *channel);
        /* One descriptor that is readable whenever receive would not say -EAGAIN; a negative errno. */
        int (*poll_fd)(struct leat_channel *channel);
        void (*info)(struct leat_channel *channel, struct leat_info *info);
        int (*peer)(struct leat_channel *channel, struct leat_peer *ret_peer); /* NULL: nobody in particular is there */
        /* What the other end opens, after "scheme:", or NULL: what this end opened, if it has a name. And the same of who
         * sent a message, by its reply_to, or NULL: it is not known. 0, -ERANGE (it does not fit), -ENOTSUP, -ENOTCONN. */
        int (*address)(struct leat_channel *channel, char *ret_text, size_t size);
        int (*sender_address)(struct leat_channel *channel, uint64_t link, char *ret_text, size_t size);
        /* Turn it into plain descriptors (leat_detach). On success it holds none any more. NULL: it has none. */
        int (*detach)(struct leat_channel *channel, int ret_descriptors[2]);
        /* A child that is forked from now on goes on with it. 0; a negative errno. NULL: it can. */
        int (*give)(struct leat_channel *channel);
        /* In a forked child that the channel was not given to: close descriptors, nothing else. Async-signal-safe. */
        void (*after_fork)(struct leat_channel *channel);
        /* Free the state. ours: remove the name too, if this end made it and it lives with its processes. */
        void (*close)(struct leat_channel *channel, bool ours);
};

struct transport {
        const char *scheme;
        const char *summary;
        uint64_t options; /* those beside OPTIONS_COMMON */
        const struct leat_declaration *declarations;
        size_t declarations_count;

        /* Is the rest of the address well-formed? Or NULL. */
        int (*check)(const struct address *address, struct leat_reason *reason);
        /* Open: set channel->operations and channel->state. */
        int (*open)(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason);
        /* Make both ends of one without a name; or NULL. */
        int (*pair)(struct leat_channel *receiver, struct leat_channel *sender, struct leat_reason *reason);
        /* On addresses; or NULL: there is nothing of the kind. */
        int (*inspect)(const struct address *address, struct leat_reason *reason, struct leat_info *info);
        int (*create)(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason);
        int (*set)(const struct address *address, const char *property, const char *value, struct leat_reason *reason);
        int (*remove)(const struct address *address, struct leat_reason *reason);
        /* Copy the n-th message that waits, as far as there is room. As leat_peek. */
        ssize_t (*peek)(const struct address *address, size_t n, void *buffer, size_t size_bytes,
                        struct leat_reason *reason, struct leat_message *ret_about);
};

/* The declaration of this address when opened so, after checking options and needs against it. */
int declaration_find(const struct transport *transport, const struct address *address, unsigned flags,
                     struct leat_reason *reason, const struct leat_declaration **ret_declaration);

#endif
