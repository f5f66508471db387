/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_SERVER_H
#define LEAT_RPC_SERVER_H

/*
 * The server, for its files (docs/design/rpc.md, section 4):
 *
 *   server.c             life, options, services, limits, information
 *   server_run.c         the loop: epoll, step, run, interrupt, drain
 *   server_listen.c      addresses, sockets that were given, LISTEN_FDS
 *   server_stream*.c     connections with record marking: read, cut into records, output, turns, idle ones that make room
 *   server_datagram.c    udp
 *   server_channel.c     channels
 *   server_pool.c        threads for handlers
 *   request.c            a request: its memory, what answers it, how it is admitted
 *   request_run.c        one that was admitted: run, finished; what a handler may ask
 *   server_companion.c   the companion program
 *   session.c, replies.c numbers of Leat's clients, and the reply cache for others
 *
 * Locking: `lock` is around everything below that says so; never held while a handler runs or a thread sleeps.
 */

#include "base/list.h"
#include "channel/fork.h"
#include "rpc/companion.h"
#include "rpc/rpc_message.h"
#include "wait/spin.h"
#include "wait/wait.h"

#include <leat/xdr_code.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct rpc_session;
struct rpc_sessions;
struct rpc_replies;
struct rpc_pool;
struct rpc_stream; /* a connection: server_stream.c */

/* One peer, as far as limits go: an address without its port, a user, or a channel. In a table of the server; goes with the last thing that it has. */
struct rpc_peer {
        struct list node;
        uint8_t key
                [24]; /* of an address: the family and it; of a user: AF_UNIX and the uid; of a channel: AF_UNSPEC and a number */
        uint64_t hash; /* of the key */
        uint32_t connections, calls;
        size_t bytes;
        uint32_t references; /* by connections and requests */
        uint64_t moved;      /* the look (server->bearer_looks) at which something of it was on its way */
};

/* What is kept of requests is bounded for so many groups of peers: those of a group give way to each other. */
#define RPC_PEER_GROUPS 64u
static inline uint8_t rpc_peer_group(const struct rpc_peer *peer) {
        return peer->hash % RPC_PEER_GROUPS;
}

/* Where requests come from, and their replies go. */
struct rpc_source_kind {
        /*
         * Send request->reply, a whole message; what cannot go at once is kept and goes later. With the lock, never waits. Returns 0; -EPIPE: nobody is there;
         * -EMSGSIZE: it can never go there.
         */
        int (*reply)(struct leat_rpc_request *request);
        /* The request is over: forget it. With the lock. */
        void (*release)(struct leat_rpc_request *request);
        /* It is not finished when its handler returns (LEAT_RPC_LATER, or it goes to a thread of the pool), and its message must not go away: make request->bytes its own. They stay where they are once there is an argument (request->argument), which may point there. Without the lock, in the loop's thread.
         * Returns 0 or -ENOMEM. */
        int (*keep)(struct leat_rpc_request *request);
        /* Who sent it. With the lock. */
        void (*caller)(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller);
        bool caches; /* replies are kept for callers who ask again: udp of all calls, tcp of those that are not idempotent */
        bool caches_all;
        bool carries_deadline; /* about.deadline is the caller's */
        /* A client of Leat greets, and is about to be answered: from then on it may be told that the server drains. With the lock. NULL: nobody is told there. */
        void (*greeted)(struct leat_rpc_request *request);
};

#define RPC_QUICK_HEADER_BYTES 36u /* of a call without a credential, behind its xid */

enum rpc_request_state {
        RPC_REQUEST_NEW,      /* being admitted */
        RPC_REQUEST_QUEUED,   /* it may run */
        RPC_REQUEST_RUNNING,  /* its handler is called */
        RPC_REQUEST_ANSWERED, /* by leat_rpc_request_answer(), and its handler has not returned yet */
        RPC_REQUEST_LATER,    /* it has, and somebody else is to answer */
        RPC_REQUEST_OVER      /* its reply is being written */
};

struct leat_rpc_request {
        struct list node;   /* in server->running, or in the list of those that are free */
        struct list queued; /* in the pool's list, while it waits for a thread */
        uint64_t rank;      /* its place there */
        const void *line;   /* and with whom it takes turns: its origin, when it came */
        struct leat_rpc_server *server;
        const struct rpc_source_kind *source;
        void *origin; /* the connection, the socket or the channel */
        struct rpc_peer *peer;
        struct sockaddr_storage from; /* of udp and tcp: who sent it; else empty */
        socklen_t from_bytes;
        sa_family_t to_family; /* of udp: the address of ours that it came to, of which it is answered; or AF_UNSPEC */
        uint8_t to[16];
        struct leat_message about;
        const uint8_t *bytes; /* the message */
        size_t size_bytes;
        void *owned; /* what free() frees of it; or NULL: it is the source's */
        struct rpc_call
                call; /* its header; with a companion's CALL program, version and procedure are those that are meant */
        const uint8_t *arguments;
        size_t arguments_bytes;
        /* the companion */
        bool wrapped;
        struct companion_context context;
        struct rpc_session *session; /* with its entry in it, until it is finished; or NULL */
        void *entry;                 /* likewise of the reply cache; or NULL */
        int64_t deadline;
        atomic_bool cancelled;
        /* carrying it out */
        const struct leat_rpc_service *service;
        const struct leat_rpc_procedure *procedure;
        void *argument, *result;
        struct leat_xdr_arena arena;
        struct leat_xdr_buffer reply;
        bool called;       /* its handler was */
        bool counted;      /* in server->running */
        bool later;        /* and in server->later */
        bool header_known; /* it was that of the call before, of this service: */
        uint8_t header[RPC_QUICK_HEADER_BYTES];
        size_t header_service;
        bool kept;                    /* its source's keep() was called */
        size_t charged_bytes;         /* of its peer, for the time that it is kept */
        enum rpc_request_state state; /* with the lock */
        int error;                    /* what leat_rpc_request_answer() was told before the handler had returned */
        /* With the lock: the same call came again, from elsewhere, and is answered there: a request that is not run. source is NULL then, and the place that this
         * one came from was released. */
        struct leat_rpc_request *stand_in;
};

/* What the loop watches: embedded first in listeners, connections, datagram sockets, channels. Its events come with a pointer to it. */
struct rpc_watch {
        int fd; /* -1: there is none */
        void (*ready)(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events);
        uint32_t events;  /* that epoll is asked for */
        bool queued;      /* it stands in `turns` */
        struct list turn; /* in server->turns: it has more to do though epoll may not say so */
        struct list all;  /* in server->watches, while it is watched */
        bool is_watched;  /* rpc_watch_set() has been called, and rpc_watch_remove() has not */
        bool borrowed;    /* fd is somebody else's (a channel's): a forked child leaves it alone */
};

#define RPC_PEER_BUCKETS 1024u

struct leat_rpc_server {
        struct fork_member member;
        struct leat_rpc_server_options limits; /* with the defaults filled in */
        pthread_mutex_t lock;
        struct leat_rpc_service *services;
        size_t services_count;

        int epoll;
        struct wake wake; /* interrupts, and workers that have something for the loop */
        struct rpc_watch wake_watch;
        atomic_int interrupted, draining; /* asked for */
        _Atomic pthread_t runner;         /* the loop's thread, while there is a step */
        struct list watches;              /* all that are watched */
        int arriving_fd; /* a connection that was accepted and is not watched yet: a forked child closes it; or -1 */
        struct list turns;
        struct list listeners;   /* server_listen.c */
        struct list connections; /* server_stream.c: all, the one that was idle longest first */
        struct list starved;     /* of them those that are not read for want of room */
        uint64_t bearer_looks;   /* how often one of them was looked for that goes on all the same */
        struct list finished;    /* with the lock: of them those that may be over */
        uint8_t *spare_input;    /* what the next connection reads into */
        size_t spare_input_bytes;
        struct leat_xdr_buffer spare_output; /* with the lock: what the next connection collects replies in */
        uint8_t quick[256];                  /* how often in a row procedures were quick, by a hash of their numbers */
        int64_t drain_until;                 /* so long connections are read after it began */
        struct list datagrams;               /* server_datagram.c */
        struct list channels;                /* server_channel.c */
        int reserve_fd;
        bool is_draining; /* and was begun */
        bool is_listening_paused;
        struct spin spin;
        struct rpc_pool *pool;     /* or NULL */
        uint32_t answered;         /* in this step */
        int64_t due;               /* look again then, whatever epoll says: rpc_server_due() */
        struct epoll_event *batch; /* what epoll said, and is being done */
        int batch_count;
        struct rpc_stream *favourite; /* the connection that was busy last: what comes next comes there */
        unsigned favoured;            /* so often in a row it was looked at without the others */
        atomic_bool looks;            /* rpc_server_wake() was called: rpc_stream_look() and the others are to be */

        /* How many requests other threads may answer: while there are none the loop's thread is alone in the channels. Written with the lock. */
        atomic_uint later;
        /* Calls that came the short way (rpc_request_serve()): of the loop's thread, for leat_rpc_server_info(). */
        _Atomic uint64_t quick_calls, quick_replies;
        atomic_uint quick_running;

        /* with the lock */
        struct list running; /* requests, counted in info.running */
        struct list free_requests;
        uint32_t free_requests_count;
        struct leat_rpc_request *free_large; /* the one of them that has kept large memory */
        struct list *peers;                  /* by their keys: RPC_PEER_BUCKETS lists */
        uint64_t peers_key[2];
        struct rpc_sessions *sessions;
        struct rpc_replies *replies;
        uint8_t id[COMPANION_ID_BYTES];
        struct leat_rpc_server_info info;
};

/* What becomes of a request before its handler is called. */
enum rpc_admission {
        RPC_RUN,    /* carry it out */
        RPC_ANSWER, /* request->reply has the answer already: send it */
        RPC_WAIT,   /* another request is at it, which will answer this one's caller too: drop it */
        RPC_DROP    /* nothing answers it */
};

/* ---- request.c, request_run.c ---- */

/* A request, empty but for these, with a reference of its own to the peer. NULL: no memory. The loop's thread, without the lock. */
struct leat_rpc_request *rpc_request_new(struct leat_rpc_server *server, const struct rpc_source_kind *source,
                                         void *origin, struct rpc_peer *peer);

/*
 * A whole message came: request->bytes and size_bytes (about, from) are set. It is admitted, and carried out here or by the pool, or answered at once, or dropped; whatever
 * becomes of it, it is the request's own affair from here on: its source's keep() was called if it outlives this. The loop's thread, without the lock.
 */
void rpc_request_take(struct leat_rpc_request *request);

/*
 * The same of one that is usual in every way, by the only thread there is (server->pool is NULL, server->later 0), without the lock. Its caller still waits. RPC_SERVED: its reply is
 * written, and it is to be sent, and rpc_request_again() called for the next one. RPC_GONE: it is its own affair. RPC_UNUSUAL: nothing was done: rpc_request_take().
 */
enum rpc_served { RPC_SERVED, RPC_GONE, RPC_UNUSUAL };
enum rpc_served rpc_request_serve(struct leat_rpc_request *request);
/* sent: the reply went, by the short way; else it is sent here, and the request is gone, and false returned. */
bool rpc_request_again(struct leat_rpc_request *request, bool sent);

/* Carry out one that was admitted: by a thread of the pool, or the loop. Without the lock. */
void rpc_request_run(struct leat_rpc_request *request);

/*
 * The service and the procedure that request->call names. LEAT_RPC_SUCCESS: there are both, or it is procedure 0, which needs no function (then
 * request->procedure is NULL); else why not, in *ret_answer with the versions that are served.
 */
enum leat_rpc_status rpc_request_resolve(struct leat_rpc_request *request, struct companion_answer *ret_answer);
/* Write what answers a request, in the place of whatever was written: a status, or of a wrapped one an outcome. Of success the result is to follow. Returns 0 or a negative errno: then nothing is written. */
int rpc_request_write(struct leat_rpc_request *request, const struct companion_answer *answer);
/* Likewise the answer that it was given before, as it was kept. */
int rpc_request_write_again(struct leat_rpc_request *request, const void *bytes, size_t size_bytes);
int rpc_request_write_outcome(struct leat_rpc_request *request, enum companion_outcome outcome);
/* Write it, to be sent: RPC_ANSWER; or RPC_DROP. */
enum rpc_admission rpc_request_tell(struct leat_rpc_request *request, const struct companion_answer *answer);
/* The status of procedure 0 where no function carries it out, and of others that no function has. */
enum leat_rpc_status rpc_request_null_status(const struct leat_rpc_request *request);
/* Another request asks for the same, and is the one to be answered from now on: it belongs to the first. With the lock. */
void rpc_request_stand_in(struct leat_rpc_request *first, struct leat_rpc_request *again);

/* Its message outlives this turn: as rpc_source_kind.keep(), once. */
int rpc_request_keep(struct leat_rpc_request *request);
/* What such a function does where nothing points into the message: make it a copy. */
int rpc_request_copy(struct leat_rpc_request *request);

/* For the next call: nothing is left of this one, and not more memory than one that waits for use may keep. */
void rpc_request_empty(struct leat_rpc_request *request);
/* The reply is written: send it to whom it is to go to, with its xid. With the lock. Returns what the source's reply() does. */
int rpc_request_send(struct leat_rpc_request *request);
/* It is over: release its place, and use it for another. With the lock. */
void rpc_request_forget(struct leat_rpc_request *request);
/* Those that wait for use, when the server is freed. */
void rpc_requests_free(struct leat_rpc_server *server);

/* It runs, or waits to. With the lock. */
void rpc_request_count(struct leat_rpc_request *request);

/* Is there room for one more of this peer? With limits of calls and bytes. With the lock. Sources do not read while there is none. */
bool rpc_request_has_room(const struct leat_rpc_server *server, const struct rpc_peer *peer);
/* Of bytes alone: for a message that is none of the calls which are counted. */
bool rpc_request_has_memory(const struct leat_rpc_server *server, const struct rpc_peer *peer);

/* ---- server.c ---- */

/* The peer of this key, entered if it is new, with one more reference; NULL: no memory. With the lock. And one fewer. */
struct rpc_peer *rpc_peer_enter(struct leat_rpc_server *server, const uint8_t key[24]);
void rpc_peer_leave(struct rpc_peer *peer);
void rpc_peer_key_of(const struct sockaddr_storage *address, const struct leat_peer *peer, uint8_t ret_key[24]);
/* Memory that a peer costs, more or less of it. With the lock. */
void rpc_peer_add_bytes(struct leat_rpc_server *server, struct rpc_peer *peer, ssize_t bytes);

/* ---- server_run.c ---- */

/* Watch it for these events (EPOLLIN, EPOLLOUT; 0: for its end alone). Returns 0 or a negative errno. */
int rpc_watch_set(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events);
void rpc_watch_remove(struct leat_rpc_server *server, struct rpc_watch *watch);
/* And close its descriptor: fd is -1 then. */
void rpc_watch_close(struct leat_rpc_server *server, struct rpc_watch *watch);
/* One that was accepted, and is not to be watched: close it. */
void rpc_watch_refuse(struct leat_rpc_server *server, int fd);
/* It has more to do: it has its turn behind the others. The loop's thread. */
void rpc_watch_queue(struct leat_rpc_server *server, struct rpc_watch *watch);
/*
 * Something for the loop to look at: room that there was not (a request is over, and before there had been none: rpc_request_has_room()), a request that is over
 * while it drains. Then rpc_stream_look() and the others are called. From any thread, with or without the lock.
 */
void rpc_server_wake(struct leat_rpc_server *server);

/* Look again at this time at the latest: rpc_stream_look() and the others are called then. The loop's thread. */
static inline void rpc_server_due(struct leat_rpc_server *server, int64_t time) {
        if (time < server->due)
                server->due = time;
}
/* Is a step under way? And are we the thread that takes it? */
static inline bool rpc_server_is_running(const struct leat_rpc_server *server) {
        return atomic_load_explicit(&server->runner, memory_order_relaxed) != (pthread_t)0;
}
static inline bool rpc_server_is_runner(const struct leat_rpc_server *server) {
        return atomic_load_explicit(&server->runner, memory_order_relaxed) == pthread_self();
}
/* Was it interrupted? Each interrupt is told once. */
static inline bool rpc_server_take_interrupt(struct leat_rpc_server *server) {
        return atomic_load_explicit(&server->interrupted, memory_order_relaxed) &&
               atomic_exchange(&server->interrupted, 0);
}

/* ---- server_listen.c ---- */

void rpc_listeners_close_all(struct leat_rpc_server *server);
/* In a forked child, beside the descriptors that are watched. Async-signal-safe. */
void rpc_listeners_after_fork(struct leat_rpc_server *server);
/* There may be room for connections, or descriptors, again. */
void rpc_listeners_resume(struct leat_rpc_server *server);
/* Take what waits at the door, then close it, or only look no more. */
void rpc_listeners_drain(struct leat_rpc_server *server);
/* May somebody come to one of them? */
bool rpc_listeners_are_open(const struct leat_rpc_server *server);

/* ---- server_stream.c, server_datagram.c, server_channel.c: what the loop asks ---- */

/* A connected stream: the server's from here on, also on failure. */
int rpc_stream_accept(struct leat_rpc_server *server, int fd);
/* Look whether something came there, without asking the epoll. Returns 1 if so. */
int rpc_stream_try(struct leat_rpc_server *server, struct rpc_stream *stream);
/* Close the connection that was idle longest, of the peer that has most, to make room. false: none is idle. */
bool rpc_stream_evict(struct leat_rpc_server *server);
/* Begin to drain; and is all done? */
void rpc_stream_drain(struct leat_rpc_server *server);
bool rpc_stream_is_drained(const struct leat_rpc_server *server);
void rpc_stream_close_all(struct leat_rpc_server *server);
/* After a wake, or when calls ended: go on with those that were not read because there was no room. */
void rpc_stream_look(struct leat_rpc_server *server);

/* A bound datagram socket: the server's from here on, also on failure. */
int rpc_datagram_add(struct leat_rpc_server *server, int fd);
void rpc_datagram_drain(struct leat_rpc_server *server);
bool rpc_datagram_is_drained(struct leat_rpc_server *server);
void rpc_datagram_close_all(struct leat_rpc_server *server);
void rpc_datagram_look(struct leat_rpc_server *server);

/* owned: it is closed with the server. */
int rpc_channel_add(struct leat_rpc_server *server, struct leat_channel *channel, bool owned);
/* It is the only thing that the server has: step by waiting in the channel itself. As leat_rpc_server_step(). */
int rpc_channel_step(struct leat_rpc_server *server, int64_t deadline);
/* It said `error`, and the time before it `previous`: does leat_rpc_server_run() go on all the same? A channel that listens waits for its next caller, also while there
 * are no descriptors, or no memory, for more of them. */
bool rpc_channel_goes_on(struct leat_rpc_server *server, int error, int previous);
/* Is a channel all that there is? If not, they are watched like the others from now on. */
bool rpc_channel_is_alone(struct leat_rpc_server *server);
void rpc_channel_drain(struct leat_rpc_server *server);
bool rpc_channel_is_drained(const struct leat_rpc_server *server);
/* Is there one, and will none of them bring a request any more, nor is an answer on its way? */
bool rpc_channel_all_ended(const struct leat_rpc_server *server);
void rpc_channel_close_all(struct leat_rpc_server *server);
void rpc_channel_look(struct leat_rpc_server *server);
ssize_t rpc_channel_address(const struct leat_rpc_server *server, size_t n, char *ret_address, size_t size_bytes);

/* ---- server_pool.c ---- */

/* As many threads, with all signals blocked; the first step makes them. Returns 0 or a negative errno. */
int rpc_pool_new(unsigned threads, struct rpc_pool **ret_pool);
/* Let a thread carry it out (rpc_request_run()). Never fails. */
void rpc_pool_give(struct rpc_pool *pool, struct leat_rpc_request *request);
/* Ends when each has done what it is at. */
struct rpc_pool *rpc_pool_free(struct rpc_pool *pool);

/* ---- server_companion.c, session.c, replies.c: with the lock, all of them ---- */

/* A call of the companion program that is not CALL: write its answer. Of CALL: take its context apart, and ask the session. */
enum rpc_admission rpc_companion_admit(struct leat_rpc_request *request);
/* Is this message answered at once, so that it needs no room among the calls? What is no CALL of the companion; and what is, while the server drains. */
bool rpc_companion_is_brief(const struct leat_rpc_server *server, const uint8_t *message, size_t size_bytes);
/* One from this origin that waits to be read, behind others: if it cancels a call, that is done now. It is read, and answered, all the same. */
void rpc_companion_look_ahead(struct leat_rpc_server *server, const void *origin, const uint8_t *message,
                              size_t size_bytes);
/* Ask the reply cache, of a source that caches. */
enum rpc_admission rpc_replies_admit(struct leat_rpc_request *request);
/* The reply is written and about to be sent: keep it for who asks again. The entry goes with the request if it did not run (ran false). */
void rpc_session_finish(struct leat_rpc_request *request, bool ran);
void rpc_replies_finish(struct leat_rpc_request *request, bool ran);
int rpc_sessions_new(struct leat_rpc_server *server, struct rpc_sessions **ret_sessions);
int rpc_replies_new(struct leat_rpc_server *server, struct rpc_replies **ret_replies);
struct rpc_sessions *rpc_sessions_free(struct rpc_sessions *sessions);
struct rpc_replies *rpc_replies_free(struct rpc_replies *replies);

#endif
