/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_CHANNEL_H
#define LEAT_CHANNEL_CHANNEL_H

/* The channel itself, for the files of lib/channel/ and the transports. */

#include "base/rare.h"
#include "channel/again.h"
#include "channel/burst.h"
#include "channel/counters.h"
#include "channel/fork.h"
#include "channel/over.h"
#include "channel/quick_clock.h"
#include "channel/transport.h"
#include "memory/memfile.h"
#include "wait/spin.h"

#include <pthread.h>

#define CHANNEL_MAGIC UINT32_C(0x5441454c) /* "LEAT" */

struct leat_channel {
        uint32_t magic;
        unsigned flags;            /* LEAT_SEND ... */
        struct fork_member member; /* whose it is */
        const struct transport *transport;
        const struct leat_declaration *declaration;
        const struct operations *operations;
        void *state; /* the transport's; NULL once it is detached */
        struct address address;
        uint64_t largest_bytes;

        bool both_ways;       /* two threads may be in it: `lock` is used */
        pthread_mutex_t lock; /* around operations and what stands below; never held while sleeping */
        struct wake wakes[DIRECTION_COUNT];
        struct spin spins[DIRECTION_COUNT]; /* each its thread's */
        struct landing landings[DIRECTION_COUNT];
        atomic_int interrupted;
        struct wake *
                beside; /* it ends a wait of the receiving thread too, with -EINTR: of a loop that has more than this channel; or NULL */
        int poll_epoll; /* leat_fd of a channel that goes both ways; -1: not asked for yet */

        struct link *quick;      /* by which the usual message goes or comes the short way; NULL: none does (quick.h) */
        struct link *quick_call; /* likewise of requests and replies, in a channel for these alone (quick_call.h) */
        struct quick_clock quick_clock;
        unsigned quick_left; /* so many come that way until all links are looked at */
        bool quick_alone;    /* and there is no other link, and nobody polls: what that one has not, nobody has */
        uint64_t send_link;  /* where the sending thread sends: of a reply the caller's, else 0 */
        uint64_t engaged;    /* the connection that the sending thread is busy with, or was last; 0: none */
        uint64_t sequence;   /* the last one given to a message of ours */
        int unsaid;          /* why a send of several ended behind those that went: the next one tells it; or 0 */
        struct burst *burst; /* what waits to go out together; or NULL */
        bool many;           /* several were sent with one call */
        struct over *over;   /* calls go one way here and answers come another; or NULL */
        struct leat_channel
                *owner;         /* it is the other one of that: waits on it end with an interrupt of this; or NULL */
        struct again again;     /* what is to survive the connection */
        bool acknowledges;      /* the program says when a message is done with */
        struct kept_list aside; /* messages that came and were not wanted yet */
        uint64_t awaited_taken; /* a synchronous send waits for this one; 0: none */
        bool was_taken;
        bool calls_numbered;      /* its calls have numbers that no earlier program's had */
        uint64_t awaited_reply;   /* a call waits for the reply to this one; 0: none */
        struct kept *reply;       /* it came while another thread read */
        bool calls_many;          /* replies to all calls are kept for call_take() (call.h) ... */
        struct kept_list replies; /* ... here, if they came while something else was waited for */
        bool end_stays;           /* the last end was one of a selection, and is told again */
        int filed_error;          /* what the sending thread learned and the receiver is still to be told; 0: nothing */
        struct leat_peer filed_sender; /* of whom */
        struct counters *counters;     /* own_counters, or those in the file, which others can read */
        struct counters own_counters;
        struct memfile counters_file;
        bool counters_given;      /* a child may have them */
        pthread_mutex_t why_lock; /* both threads may fail at once */
        struct leat_reason why;
};

/* May this process use it for this? 0, -EINVAL, -ECHILD, -ENOTSUP. The first: why not. */
RARE int channel_forbid(struct leat_channel *channel);
static inline int channel_guard(struct leat_channel *channel, unsigned does) {
        bool ours = channel && channel->magic == CHANNEL_MAGIC && fork_owns(&channel->member);
        return ours && (!does || (channel->flags & does)) ? 0 : channel_forbid(channel);
}

/* Will an interrupt end its next wait? */
static inline bool channel_is_interrupted(const struct leat_channel *channel) {
        const struct leat_channel *whose = channel->owner ? channel->owner : channel;
        /* Relaxed: one that comes later ends the wait. */
        return atomic_load_explicit(&whose->interrupted, memory_order_relaxed) != 0;
}

static inline void channel_lock(struct leat_channel *channel) {
        if (channel->both_ways)
                (void)pthread_mutex_lock(&channel->lock);
}

static inline void channel_unlock(struct leat_channel *channel) {
        if (channel->both_ways)
                (void)pthread_mutex_unlock(&channel->lock);
}

/* The thread that does `who` sleeps until it is worth to try again: until it can send, or something came in.
 * 0, -EAGAIN (LEAT_NOW), -ETIMEDOUT, -ECANCELED. Not with the lock held. */
#define UNTIL_OUT 1u
#define UNTIL_IN 2u
int channel_wait(struct leat_channel *channel, enum direction who, unsigned until, int64_t deadline);

/* What was waited for is there. */
static inline void channel_waited(struct leat_channel *channel, enum direction who) {
        spin_done(&channel->spins[who]);
}

/* A call of the thread that does `who` ends without what it waited for. Not with the lock held. */
void channel_settle(struct leat_channel *channel, enum direction who);

/* Read what comes while a thread waits for something else, and file it: messages aside, TAKENs and replies
 * with who waits for them. 0: something was filed; -EAGAIN; -ENODATA; -ENOBUFS; a breach. With the lock held. */
int channel_pump(struct leat_channel *channel, struct incoming *message);

/* How many reads one try may make. A peer that sends faster than we read, frames that nobody waits for, gets no
 * more of a thread's time between two looks at its deadline; what is left is still there for the next try. */
#define READS_AT_ONCE 256

/* File one thing that the thread that does `who` read, and wake the other if it is for that one. With the lock held. */
void channel_file(struct leat_channel *channel, enum direction who, struct incoming *message);

/* The thread that does `who` has what it wanted: what it read beyond that is the other's to look at. With the lock held. */
ASIDE void channel_wake_other(struct leat_channel *channel, enum direction who);
static inline void channel_pass_on(struct leat_channel *channel, enum direction who) {
        if (channel->both_ways)
                channel_wake_other(channel, who);
}

/* Remember why a call failed, for leat_why(); the second returns the error. */
void channel_remember(struct leat_channel *channel, const struct leat_reason *why);
RARE int channel_refuse(struct leat_channel *channel, int error, enum leat_row row, const char *text);

/* The other end's last word to a sender, as it came: a reason is remembered for what it may be. Returns the error. */
RARE int channel_explain_refusal(struct leat_channel *channel, int error);

/* Hand a kept message to the caller, out of the list (or NULL), and free it. The size; or -EMSGSIZE, then it is where it was. */
ssize_t channel_hand_out(struct kept_list *list, struct kept *kept, void *buffer, size_t size_bytes,
                         struct leat_message *ret_about);

/* Tell the caller about a message: *about as far as its structure reaches, and its descriptors. */
void channel_tell(const struct leat_message *about, const int *descriptors, struct leat_message *ret_about);

/* Can the caller take so many descriptors? */
static inline bool channel_has_place(const struct leat_message *ret_about, size_t descriptors) {
        bool unwanted = !ret_about || (!ret_about->descriptors && ret_about->descriptors_max == 0);
        return unwanted || descriptors <= ret_about->descriptors_max;
}

/* Open, and the rest of the public face that works on addresses, given the table of transports (NULL-terminated).
 * lib/transport/ passes it down. */
int channel_open(const struct transport *const *table, const char *address, const struct leat_open_options *options,
                 struct leat_reason *reason, struct leat_channel **ret_channel);
/* The same with an address that was parsed, and is the channel's from here on, on success. */
int channel_open_parsed(const struct transport *transport, struct address *address,
                        const struct leat_open_options *options, struct leat_reason *reason,
                        struct leat_channel **ret_channel);
int channel_pair(const struct transport *const *table, const char *address, struct leat_reason *reason,
                 struct leat_channel **ret_receiver, struct leat_channel **ret_sender);

/* Parse an address and find its transport. */
int channel_address(const struct transport *const *table, const char *text, struct leat_reason *reason,
                    struct address *ret_address, const struct transport **ret_transport);

#endif
