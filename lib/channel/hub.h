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
        /* The address that the other end opens, after the colon, and that of who is at the other end of a link. 0, or -ERANGE: it does not
         * fit. NULL: there is none. */
        int (*address)(struct leat_channel *channel, char *ret_text, size_t size);
        int (*sender_address)(const struct link *link, char *ret_text, size_t size);
        /*
         * ?reconnect: connect to where the channel was opened, without waiting. 0: *ret_io is connected, and set as at the open.
         * -EAGAIN: it is under way, and arm_connect says what to sleep on; without arm_connect, and with -ECONNREFUSED and
         * -ENOENT, the hub tries again after a pause. Others are told to the program. NULL: it cannot.
         */
        int (*connect)(struct leat_channel *channel, struct io *ret_io, struct leat_peer *ret_peer);
        void (*arm_connect)(struct leat_channel *channel, struct wait *wait);
        /* ?keepalive=: has the other end left unanswered, for too long, what the kernel sent it? NULL: the kernel tells by itself. */
        bool (*is_silent)(const struct leat_channel *channel, const struct link *link);
        bool peers_known; /* leat_channel_peer can tell */
};

struct hub {
        const struct hub_kind *kind;
        void *context; /* the transport's: its name */
        struct link_options options;
        int listener, epoll; /* -1: it does not listen */
        int twin;            /* a second listening socket, of another family; -1: there is none */
        bool may_leave_out; /* the only link need not be in the epoll: one thread uses the hub, and nobody polls leat_fd() */
        uint64_t left_out;   /* the link that is not; 0: there is none */
        bool one_only;       /* of a pair: a second connection is refused */
        bool had_link;       /* since the end was told last: there is an end to come */
        bool lost_partner;   /* of a pair: it went, and the next send is to be told */
        bool accept_blocked; /* no descriptor was left; the listener is out of the epoll */
        bool accept_told;    /* and the receiver knows */
        int accept_error;    /* of what there is too little: the negative errno */
        bool accept_more;    /* there may be more to accept than was accepted at once */
        uint64_t next_id;
        size_t links_max;
        struct link **links; /* by slot; NULL: free */
        size_t slots, links_count;
        struct list ready;  /* links that may have something to read */
        uint64_t favourite; /* the link that gave the last message: likely the next one too; 0: none did */
        unsigned vain;      /* looks at it alone that found nothing, in a row */
        unsigned turn;      /* messages until the epoll is asked again */
        struct list
                awake; /* of links with a ring, those that are looked at without being asked; they are called ready, too */
        struct link **quick;       /* the channel's, of one that goes one way by rings, or quick_call; or NULL */
        uint64_t armed;            /* with a ring: the link that the sending thread sleeps for; 0: it does not */
        unsigned sleepers;         /* threads that sleep until something comes by a ring */
        bool polled;               /* leat_fd() was asked for: it is to tell of a ring whenever no thread is in here */
        bool given;                /* a child may go on with it */
        struct counters *counters; /* the channel's */
        int lost;                  /* how the network lost the last link; 0: it did not */
        int64_t silence_ns;        /* how often links are looked at for hub_kind.is_silent; 0: never */
        int64_t silence_at;        /* when next */
        bool again;                /* it connects, and does so again when the link is lost */
        bool gone;                 /* the link is lost; it stays until there is another */
        bool heard;                /* something came over it */
        bool connecting;           /* hub_kind.connect is under way */
        int64_t connected_at, again_at, pause_ns; /* when it was made; when to try next; what is waited after that */
        int timer;                                /* for leat_fd: readable at again_at; -1: nobody polls */
        int bell; /* likewise, of links with a ring: readable where a look is due that no event tells of; -1 */
        bool bell_rings;
        uint8_t *buffer; /* for what comes on any link */
        size_t capacity;
        struct link_held held; /* by all links */
};

extern const struct operations hub_operations;

/* A hub of one connection. The descriptors are the hub's from here on, also on failure; `context` only on success. */
int hub_new_connected(struct leat_channel *channel, const struct hub_kind *kind, void *context,
                      const struct link_options *options, struct io in, struct io out, const struct leat_peer *peer);

/* A hub that listens on this socket, which is its own from here on, also on failure. */
int hub_new_listening(struct leat_channel *channel, const struct hub_kind *kind, void *context,
                      const struct link_options *options, int listener);

/* A second socket to listen on, beside the first. It is the hub's from here on, also on failure. */
int hub_add_listener(struct leat_channel *channel, int listener);

/* What an address says about links. */
struct link_options hub_link_options(const struct leat_channel *channel);

/* ---- between the files of the hub ---- */

/* Accept what waits. 0, or -EMFILE and the like once, when there is no descriptor left. */
int hub_accept(struct leat_channel *channel, struct hub *hub);
/* Ask the epoll which links are ready, and accept. */
int hub_look(struct leat_channel *channel, struct hub *hub);
int hub_add_link(struct hub *hub, struct io in, struct io out, const struct leat_peer *peer, struct link **ret_link);
void hub_cut(struct hub *hub, struct link *link, int refusal);
/* A link begins, or is over, as far as is known; error: as hub_cut(). Any time after the first the second does nothing. */
void hub_count_link(struct hub *hub, struct link *link);
void hub_count_end(struct hub *hub, struct link *link, int error);
/* An id is the slot and a number that no other link of this hub had: a late answer finds no stranger. 0: whichever is there. */
#define HUB_SLOT(id) ((size_t)((id)&0xffffff))
static inline struct link *hub_find(const struct hub *hub, uint64_t id) {
        size_t slot = HUB_SLOT(id);
        struct link *link = slot < hub->slots ? hub->links[slot] : NULL;
        return link && (id == 0 || link->id == id) ? link : NULL;
}
/* Give up the links whose other end is silent, if it is time to look. */
void hub_find_silent(const struct leat_channel *channel, struct hub *hub);
static inline void hub_look_for_silence(const struct leat_channel *channel, struct hub *hub) {
        if (hub->silence_ns != 0)
                hub_find_silent(channel, hub);
}
/* The link that was left out goes into the epoll. 0, or a negative errno. */
int hub_take_in(struct hub *hub);
/* The epoll reports room for writing on this link, or no longer. */
void hub_watch(struct leat_channel *channel, struct hub *hub, struct link *link);
/* Nothing more is reported of it. */
void hub_unwatch(const struct hub *hub, const struct link *link);
/* Give up a link, and what that means to whoever receives. */
int hub_lose_link(struct hub *hub, struct link *link, int error);
/* Take the next from the links that are ready, one message each in turn. */
int hub_receive_in_turn(struct hub *hub, struct incoming *message);
/* Of one that listens: nothing came, and the epoll was asked. -ENODATA: nobody is left who could send, and nobody waits at the door; why nobody can
 * be accepted at present, once; else -EAGAIN. */
int hub_tell_nothing(struct leat_channel *channel, struct hub *hub);

/* ---- links with a ring: hub_ring.c ---- */

/* Its end, which a program may poll for, stays to be seen. */
void hub_ring_ended(const struct hub *hub, const struct link *link);
int hub_ring_watch(const struct hub *hub, const struct link *link);
void hub_ring_unwatch(const struct hub *hub, const struct link *link);
/* It is looked at from here on. */
void hub_ring_enter(struct hub *hub, struct link *link);
/* Something was sent by it, or not. */
void hub_ring_sent(struct leat_channel *channel, struct hub *hub, struct link *link);
/* It is looked at, and perhaps was not. */
void hub_ring_stir(struct leat_channel *channel, struct hub *hub, struct link *link);
/* Something happened to it, it is not known what. */
void hub_ring_event(struct leat_channel *channel, struct hub *hub, struct link *link);
/* Are there descriptors for one more? false: errno says why not. */
bool hub_ring_has_room(const struct hub *hub);
/* All is looked at now. */
void hub_ring_end_bell(struct hub *hub);
int hub_ring_receive(struct leat_channel *channel, struct hub *hub, struct incoming *message);
int hub_ring_arm_receiver(struct hub *hub, struct wait *wait);
int hub_ring_arm_sender(struct leat_channel *channel, struct hub *hub, struct link *link, struct wait *wait);
void hub_ring_disarm(struct leat_channel *channel, struct hub *hub, enum direction direction);
/* The usual message may go, or come, by this link the short way from here on (quick.h); NULL: by none. */
static inline void hub_quick(const struct hub *hub, struct link *link) {
        if (hub->quick)
                *hub->quick = link;
}
/* Of hub_operations. */
int hub_detach(struct leat_channel *channel, int ret_descriptors[2]);
int hub_give(struct leat_channel *channel);
void hub_after_fork(struct leat_channel *channel);
int hub_ring_poll_fd(struct hub *hub);
int hub_ring_give(struct hub *hub);
/* ?reconnect. After the link was made: 0, or no descriptor for what it takes. */
int hub_reconnects(struct leat_channel *channel, struct hub *hub);
/* Something came over the link, perhaps after a send found it lost. */
void hub_rests(struct hub *hub);
static inline void hub_heard(struct hub *hub) {
        hub->heard = true;
        if (hub->gone) /* it was good for something */
                hub_rests(hub);
}
/* The one link is lost. */
void hub_gone(struct hub *hub);
/* And all that came over it is read. */
void hub_ended(const struct hub *hub, const struct link *link);
/* If it is, try to connect: 0, or -EAGAIN: hub_arm_connect() says what to sleep on. */
int hub_connect(struct leat_channel *channel, struct hub *hub);
void hub_arm_connect(struct leat_channel *channel, const struct hub *hub, struct wait *wait);
int hub_connected(struct leat_channel *channel, uint64_t *ret_link);
/* Another socket takes the place of the only link. It is the hub's from here on, also on failure. */
int hub_replace_link(struct hub *hub, struct io io, const struct leat_peer *peer);
/* If partial messages of all links, or the descriptors that came for them, pass the limit: cut off the link that holds most. */
void hub_bound(struct hub *hub);

#endif
