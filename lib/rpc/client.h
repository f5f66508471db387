/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_CLIENT_H
#define LEAT_RPC_CLIENT_H

/*
 * The client, for its files (docs/design/rpc.md, section 3):
 *
 *   client.c           life, options, information, watching
 *   client_pending.c   the memory of calls, their table, the list of deadlines
 *   client_call.c      leat_rpc_call(), start, next, cancel: calls under way
 *   client_quick.c     the short way of leat_rpc_call(), by shared memory
 *   client_answer.c    what a reply, a loss or the end of the wait mean: the truths
 *   client_session.c   greeting, numbers, what is attempted again after a loss
 *   client_stream.c    carrier: tcp and unix with record marking; connecting again
 *   client_datagram.c  carrier: udp, with retransmission
 *   client_channel.c   carrier: channels
 */

#include "base/list.h"
#include "channel/fork.h"
#include "rpc/companion.h"
#include "rpc/record.h"
#include "rpc/rpc_message.h"
#include "rpc/xdr_parts.h"
#include "wait/spin.h"
#include "wait/wait.h"

#include <leat/rpc.h>
#include <stdatomic.h>

/* Before the arguments of a call there is room for every header that it may go behind: a record's mark, the call's header with the largest credential, a context. */
#define RPC_HEADROOM 1024u

enum rpc_pending_state {
        RPC_PENDING_WAITS, /* to be sent: there is no connection yet, or no answer to the greeting that it needs, or no room */
        RPC_PENDING_GIVEN, /* the carrier has it: rpc_client_sent() tells when all of it went */
        RPC_PENDING_SENT,  /* the whole of it went to the kernel */
        RPC_PENDING_OVER   /* leat_rpc_next() is to tell of it */
};

/* A call under way. From a list of the client's, with the memory that it had. */
struct rpc_pending {
        struct list node; /* in client->waiting, sent or over */
        enum rpc_pending_state state;
        struct leat_rpc_call *call; /* NULL: the client's own: a greeting, a cancellation */
        const struct leat_rpc_program *program;
        const struct leat_rpc_procedure *procedure;
        void *ret_result;
        int64_t deadline;
        uint32_t xid; /* the same for all attempts; over udp as long as it is sent as the same */
        uint64_t sent_session, sent_sequence; /* as it was sent last */
        bool may_repeat;                      /* idempotent */
        bool is_sync;                         /* of leat_rpc_call() */
        bool wrapped;                         /* sent as a CALL of the companion, last */
        bool in_doubt;                        /* an attempt went out whole, and it is not known what became of it */
        uint64_t session;                     /* under which it was attempted first; 0: under none */
        uint64_t sequence;                    /* its number; 0: none yet */
        struct leat_xdr_buffer message;       /* RPC_HEADROOM bytes, then the arguments */
        struct xdr_parts
                parts; /* of the arguments, which are their caller's: of leat_rpc_call() alone, which lasts as long as they do */
        uint32_t companion;      /* of the client's own: enum companion_procedure */
        struct list by_deadline; /* in client->deadlines; of a call that waits for ever, of none */
        struct list by_number;   /* in client->numbered, if it has a sequence */
        size_t reply_bytes;      /* OVER: its reply stands in `message`, and is still to be read; 0: there is none */
        size_t begin; /* in it: where the message as it is sent begins; headers are written backwards from RPC_HEADROOM */
        int64_t not_before, pause_ns; /* WAITS: the server was busy, it is tried again at that time; the last pause */
        /* udp */
        int64_t sent_at, resend_at, resend_ns;
        uint32_t attempts;
};

/* How messages travel. None of these waits. */
struct rpc_carrier {
        bool is_stream;
        bool may_double;       /* what was sent once may come twice, and late */
        bool carries_deadline; /* with each message: a channel */
        size_t largest_bytes;  /* of a message; SIZE_MAX */
        bool takes_parts;      /* pending->parts are sent, too */
        /* Make or mend the connection as far as it goes without waiting. 0: it is there; -EAGAIN; -EPIPE: there will be none any more; else why there is none now: it is tried again
         * after a pause. */
        int (*connect)(struct leat_rpc_client *client);
        /*
         * Send pending->message from begin on. 0: it is the carrier's, which calls rpc_client_sent() once the whole of it went, at once or later; pending->node is the carrier's
         * until then. -EAGAIN: no room, none of it went: arm() is to say when there is some. -EPIPE: the connection is lost. -EMSGSIZE.
         */
        int (*send)(struct leat_rpc_client *client, struct rpc_pending *pending);
        /* Let what was given go out, as far as there is room: arm() says when to go on. What fails is told by receive(), behind what came. NULL: send() has done it. */
        void (*flush)(struct leat_rpc_client *client);
        /*
         * A call that is the carrier's (send() said 0, and rpc_client_sent() was not told) is over for its caller, and its memory is used for another. 0: no more of it goes. 1: a part
         * went, and the rest goes too: the carrier has taken pending->message ({0} is left there) or copied it. NULL: there is never such a call.
         */
        int (*forget)(struct leat_rpc_client *client, struct rpc_pending *pending);
        /* The next message that came; good until the next receive. Its size; -EAGAIN; -EPIPE: the connection is lost, and all that came was told; -EMSGSIZE, -EBADMSG: it is of no use any more. */
        ssize_t (*receive)(struct leat_rpc_client *client, const uint8_t **ret_message);
        /* What to sleep on. Returns 0, or 1: look again first. */
        int (*arm)(struct leat_rpc_client *client, struct wait *wait);
        /* The connection is given up: it is closed, and connect() makes another. Calls that are the carrier's are put before all others in client->waiting, in their order, as
         * RPC_PENDING_WAITS. */
        void (*lose)(struct leat_rpc_client *client);
        /* No more is sent by this connection, and all that was is answered: tell the other end. What came may be looked at, behind it receive() says -EPIPE. NULL: there is no such
         * end. */
        void (*leave)(struct leat_rpc_client *client);
        void (*close)(struct leat_rpc_client *client);
        /* In a forked child: close descriptors. Async-signal-safe. NULL: they close themselves. */
        void (*after_fork)(struct leat_rpc_client *client);
};

enum rpc_greeting {
        RPC_GREETING_NONE, /* not asked on this connection */
        RPC_GREETING_ASKED,
        RPC_GREETING_LEAT,   /* answered: client->session */
        RPC_GREETING_FOREIGN /* it is no server of Leat, or does not answer, or is not to be asked */
};

struct leat_rpc_client {
        struct fork_member member;
        struct leat_rpc_client_options options;
        uint8_t credential[RPC_AUTH_BYTES];
        uint32_t credential_bytes, auth_flavor;
        const struct rpc_carrier *carrier;
        void *state; /* the carrier's */
        struct wake wake;
        atomic_int interrupted;
        int poll_epoll, poll_timer; /* leat_rpc_client_fd(); -1 */
        struct spin spin;

        uint32_t xid;        /* of the last call */
        struct list waiting; /* in the order of their start */
        struct list sent;
        struct list over;
        struct list spare;
        size_t spare_bytes, spare_count;
        unsigned spare_small;     /* calls in a row that needed little of a large buffer */
        struct list deadlines;    /* the next one first */
        struct list numbered;     /* in the order of their numbers */
        struct rpc_pending *told; /* leat_rpc_next() told of it last: its reply may be borrowed from */
        bool some_over;           /* a call is, since this was set to false */
        bool hands_out;           /* who is in the library takes the next reply at once: it need not be kept */
        struct rpc_pending *
                *table; /* by xid modulo its size, a power of two: an xid whose place is taken is passed over */
        size_t table_size, in_flight; /* in the table; calls of the caller's */

        uint8_t id[COMPANION_ID_BYTES];
        enum rpc_greeting greeting;
        int64_t greeting_until; /* then it is taken for a foreign server */
        struct rpc_pending *greeting_call;
        uint64_t session;                   /* of the server that answered last; 0: none */
        uint8_t server[COMPANION_ID_BYTES]; /* and its id */
        uint32_t window;
        uint64_t sequence;      /* the last one given */
        uint32_t largest_bytes; /* of a message that the server takes, as far as it said so */

        bool connected, connecting, was_connected;
        bool leaving; /* the server drains: nothing more is sent by this connection */
        bool greeted; /* by this connection, with this xid: its server may say that it drains */
        uint32_t greeted_xid;
        int64_t connected_at;
        bool heard;                     /* a reply came by this connection */
        bool was_leat;                  /* the server that answered last was one of Leat */
        unsigned driven_away;           /* connections in a row that ended upon the greeting */
        bool shuns;                     /* the last connection ended upon the greeting: this one is not greeted */
        bool never_greet;               /* and that helped */
        int64_t began_at;               /* when the last call began */
        int64_t pause_ns, paused_until; /* before connecting again */
        int connect_error; /* the last one, for who asks; no proof of anything. 0: since then it was reached */
        bool large;        /* with -EMSGSIZE of receive(): it is known whose reply is too large */
        uint32_t large_xid;
        struct wait polled; /* what the epoll has */
        bool polled_stale;
        int64_t polled_at; /* the timer's */
        leat_rpc_watcher *watcher;
        void *watcher_userdata;
        struct leat_rpc_client_info info;
};

/* Carriers: they set client->state, and on failure leave nothing behind. `rest` of the address: tcp: HOST:PORT ... */
struct address;
int rpc_stream_connect(struct leat_rpc_client *client, struct address *address, int64_t deadline,
                       struct leat_reason *reason);
int rpc_datagram_connect(struct leat_rpc_client *client, struct address *address, int64_t deadline,
                         struct leat_reason *reason);
/* address: the channel is the client's, which opens it again when it is lost; NULL: it is borrowed. On failure it stays the caller's. */
int rpc_channel_connect(struct leat_rpc_client *client, struct leat_channel *channel, const char *address);
extern const struct rpc_carrier rpc_stream_carrier, rpc_datagram_carrier, rpc_channel_carrier;

/* All of this message went to the kernel. By a carrier, in send() or, if that had said 0 before it had, later. */
void rpc_client_sent(struct leat_rpc_client *client, struct rpc_pending *pending);

/*
 * Write the headers of the next attempt before the arguments: pending->begin is where they begin. Before each send() it was done; a carrier that sends again by itself does it
 * again: what is left of the deadline is another then, and the number is marked as sent before. Copies no argument.
 */
void rpc_client_dress(struct leat_rpc_client *client, struct rpc_pending *pending);

/* How many bytes are to be sent. */
static inline size_t rpc_pending_bytes(const struct rpc_pending *pending) {
        return pending->message.size_bytes - pending->begin + pending->parts.bytes;
}

/* Tell the watcher. */
static inline void rpc_client_tell(const struct leat_rpc_client *client, enum leat_rpc_step step, const void *bytes,
                                   size_t size_bytes) {
        if (__builtin_expect(client->watcher != NULL, 0))
                client->watcher(step, leat_now(), bytes, size_bytes, client->watcher_userdata);
}

#endif
