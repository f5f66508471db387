/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_HUB_H
#define LEAT_CHANNEL_HUB_H

/*
 * The hub: a listening socket and its links, or one link alone. It is the state, and hub_operations are the
 * operations, of every channel that is made of connections (docs/design/contract.md, section 4).
 */

#include "channel/channel.h"

struct hub;

/* What a transport adds to a hub. */
struct hub_kind {
        /* A connection was accepted: who is it? Set what the socket needs. */
        int (*accepted)(struct leat_channel *channel, int fd, struct leat_peer *ret_peer);
        /* Fill in what is known of the name and the kernel's buffers; or NULL. */
        void (*info)(struct leat_channel *channel, struct leat_info *info);
        /* In a forked child that it was not given to: close the descriptors of `context`. Async-signal-safe. Or NULL. */
        void (*after_fork)(void *context);
        /* Free `context`; ours: remove the name too. Or NULL. */
        void (*close)(void *context, bool ours);
        bool peers_known; /* leat_channel_peer can tell */
};

struct hub {
        const struct hub_kind *kind;
        void *context; /* the transport's: its name */
        struct link_options options;
        int listener, epoll; /* -1: it does not listen */
        bool one_only;       /* of a pair: a second connection is refused */
        bool had_link;       /* since the end was told last: there is an end to come */
        bool lost_partner;   /* of a pair: it went, and the next send is to be told */
        bool accept_blocked; /* no descriptor was left; the listener is out of the epoll */
        bool accept_told;    /* and the receiver knows */
        bool accept_more;    /* there may be more to accept than was accepted at once */
        uint64_t next_id;
        size_t links_max;
        struct link **links; /* by slot; NULL: free */
        size_t slots, links_count;
        struct list ready; /* links that may have something to read */
        unsigned turn;     /* messages until the epoll is asked again */
        uint64_t refused;
        uint8_t *buffer; /* for a packet of any link */
        size_t capacity;
        size_t held_bytes, held_descriptors; /* by all links, for messages that are not complete */
};

extern const struct operations hub_operations;

/* A hub of one connection. The descriptors are the hub's from here on, also on failure; `context` only on success. */
int hub_new_connected(struct leat_channel *channel, const struct hub_kind *kind, void *context,
                      const struct link_options *options, struct io in, struct io out, const struct leat_peer *peer);

/* A hub that listens on this socket, which is its own from here on, also on failure. */
int hub_new_listening(struct leat_channel *channel, const struct hub_kind *kind, void *context,
                      const struct link_options *options, int listener);

/* What an address says about links. */
struct link_options hub_link_options(const struct leat_channel *channel);

/* ---- between the files of the hub ---- */

/* Accept what waits. 0, or -EMFILE and the like once, when there is no descriptor left. */
int hub_accept(struct leat_channel *channel, struct hub *hub);
/* Ask the epoll which links are ready, and accept. */
int hub_look(struct leat_channel *channel, struct hub *hub);
int hub_add_link(struct hub *hub, struct io in, struct io out, const struct leat_peer *peer, struct link **ret_link);
void hub_cut(struct hub *hub, struct link *link, int refusal);
struct link *hub_find(const struct hub *hub, uint64_t id);
/* The epoll reports room for writing on this link, or no longer. */
void hub_watch(const struct hub *hub, const struct link *link);
/* If partial messages of all links, or the descriptors that came for them, pass the limit: cut off the link that holds most. */
void hub_bound(struct hub *hub);

#endif
