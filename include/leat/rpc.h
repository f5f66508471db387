/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_H
#define LEAT_RPC_H

/*
 * Remote calls: what the stubs of leatgen(1) call.
 *
 * An interface file names programs, their versions and procedures. leatgen writes for each procedure a client's stub, a C
 * function that looks like a call of the procedure, and for each version a structure of functions that a server fills in.
 * Calls and replies are the messages of ONC RPC version 2 (RFC 5531): over tcp: and unix: with record marking, over udp: one a datagram, so that
 * programs of every other implementation are peers; and over the channels of Leat, shm: among them, one a message.
 *
 * THE TRUTH. A call that fails says which of three is true (enum leat_rpc_ran): the procedure did not run and will not, it ran, or that is
 * unknown. Idempotent procedures (leatgen's attribute, LEAT_RPC_AGAIN of one call, and procedure 0) are tried again until the deadline; all
 * others run at most once. Between Leat ends a call whose connection is lost, or whose datagram is, is asked for again by its number: it
 * gets the first answer, and has run once (docs/design/rpc.md). A server that was started anew cannot know: then it is unknown.
 *
 * Ownership: what is given is borrowed unless it says otherwise. Results of a call lie in the arena that the call names; of an interface compiled
 * with --borrow, opaque and strings lie in the client, until its next call. A handler's arguments and result live until it has answered; what its
 * result points to must live as long, best in leat_rpc_request_arena().
 *
 * Threads: one thread at a time for each client. A server is run by one thread, and starts as many more as its options say, for handlers
 * alone; a request may be answered from any thread. Fork: clients and servers stay the parent's, who notices nothing; in the child their descriptors are
 * closed, every function on them that may fail returns -ECHILD, and freeing them frees the child's copy. The child makes its own. Signals: none of it is
 * for handlers, save leat_rpc_client_interrupt(), leat_rpc_server_interrupt() and leat_rpc_server_drain().
 *
 * What ends in _ns is nanoseconds, in _bytes bytes; deadlines are those of <leat/deadline.h>.
 */

#include <leat/channel.h>
#include <leat/deadline.h>
#include <leat/xdr.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what leatgen writes ---- */

/* leat_rpc_procedure, flags */
#define LEAT_RPC_IDEMPOTENT 1u /* may be run twice, so it is tried again: idempotent before the procedure */
#define LEAT_RPC_STREAM                                                                                                \
        2u /* its result is a stream of results: stream before the result. Told, and not carried yet: a call gets one result */

struct leat_rpc_procedure {
        uint32_t number;   /* on the wire; 0: whether somebody is there */
        uint32_t flags;    /* LEAT_RPC_IDEMPOTENT, LEAT_RPC_STREAM */
        uint32_t argument; /* a node of the schema: one argument's type, a structure of several, or 0: none */
        uint32_t result;   /* likewise, 0: none */
        int64_t timeout_ns; /* how long a call with LEAT_RPC_TIMEOUT waits: deadline= before the procedure; 0: without end */
        const char *name; /* as in the interface file */
};

struct leat_rpc_program {
        const char *name; /* as in the interface file */
        uint32_t number, version;
        uint32_t count; /* of procedures */
        const struct leat_rpc_procedure *procedures;
        const struct leat_xdr_schema *schema; /* of arguments and results: <leat/xdr_code.h> */
};

/* ---- a call ---- */

/* What is known of a procedure whose call failed. */
enum leat_rpc_ran {
        LEAT_RPC_NOT_RUN, /* it has not run and will not: try again, elsewhere if you like */
        LEAT_RPC_RAN,     /* it ran; its result could not be had */
        LEAT_RPC_UNKNOWN, /* the request went out and no answer came back */
};

/* What a server's reply said: RFC 5531, section 9. */
enum leat_rpc_status {
        LEAT_RPC_SUCCESS,
        LEAT_RPC_PROGRAM_UNAVAILABLE,
        LEAT_RPC_VERSION_MISMATCH, /* low, high: the versions that are served */
        LEAT_RPC_PROCEDURE_UNAVAILABLE,
        LEAT_RPC_GARBAGE_ARGUMENTS,
        LEAT_RPC_SYSTEM_ERROR,
        LEAT_RPC_RPC_MISMATCH, /* of the protocol; low, high */
        LEAT_RPC_AUTH_ERROR,   /* low: enum auth_stat of RFC 5531 */
        LEAT_RPC_NO_REPLY,     /* none came, or none was asked for */
        LEAT_RPC_BAD_REPLY     /* it is no reply of RFC 5531, or its result breaks its type: `fault` */
};

/*
 * What a status means, for a person: "the server could not read the arguments". Returns a text that is never freed. Does not block.
 * Safe with threads, fork and signals. Since 0.1.
 */
const char *leat_rpc_status_text(enum leat_rpc_status status);

/* leat_rpc_call, flags */
#define LEAT_RPC_AGAIN 1u /* it may run more than once: try it again as one that is marked idempotent */

/* One call: what it is given, and what is known afterwards. Made by leat_rpc_call_until(); good for one call after another. */
struct leat_rpc_call {
        size_t size;      /* sizeof(struct leat_rpc_call) */
        int64_t deadline; /* until when to wait; there is no other limit. LEAT_RPC_TIMEOUT: as long as the interface says (deadline=), else LEAT_NEVER */
        /* Where results are put. NULL will do for one that has always as many bytes: numbers, and structures and fixed arrays of them. */
        struct leat_xdr_arena *arena;
        /* told by the call */
        enum leat_rpc_ran ran;
        enum leat_rpc_status status;
        uint32_t low, high;          /* as the status says */
        struct leat_xdr_fault fault; /* with -EINVAL: of the argument; with -EBADMSG: of the result */
        /* of calls that are started, and of how */
        unsigned flags;    /* LEAT_RPC_AGAIN */
        int error;         /* of one that was started: what leat_rpc_call() would have returned */
        uint32_t attempts; /* how often it was sent */
        void *userdata;    /* the caller's */
        void *state;       /* the library's, while it is under way */
};

#define LEAT_RPC_TIMEOUT                                                                                               \
        INT64_MIN /* a deadline: from the call on as long as the interface says, and without end if it says nothing */

/*
 * A call until a deadline, its results into an arena, which is borrowed until the call is over. Does not block. Safe with threads, fork and signals. Since 0.1.
 */
static inline struct leat_rpc_call leat_rpc_call_until(int64_t deadline, struct leat_xdr_arena *arena) {
        struct leat_rpc_call call;
        call.size = sizeof(call);
        call.deadline = deadline;
        call.arena = arena;
        call.ran = LEAT_RPC_NOT_RUN;
        call.status = LEAT_RPC_NO_REPLY;
        call.low = call.high = 0;
        call.fault.what = LEAT_XDR_OK;
        call.fault.error = 0;
        call.fault.path[0] = '\0';
        call.flags = 0;
        call.error = 0;
        call.attempts = 0;
        call.userdata = NULL;
        call.state = NULL;
        return call;
}

/* ---- who calls ---- */

#define LEAT_RPC_GROUPS_MAX 16
#define LEAT_RPC_MACHINE_MAX 255

/* The credential AUTH_SYS (RFC 5531, appendix A): what the caller says of itself. Nothing proves it. */
struct leat_rpc_auth_sys {
        uint32_t stamp; /* any number */
        uint32_t uid, gid;
        uint32_t groups_count; /* of those that follow; no more than LEAT_RPC_GROUPS_MAX are said */
        uint32_t groups[LEAT_RPC_GROUPS_MAX];
        char machine[LEAT_RPC_MACHINE_MAX + 1]; /* the host's name, with a NUL */
};

/* Fill it in with this process's effective uid and gid, its groups (the first 16) and the host's name. Never fails, does not block. Threads: any. Since 0.1. */
void leat_rpc_auth_sys_own(struct leat_rpc_auth_sys *ret_auth);

/* ---- the client ---- */

struct leat_rpc_client;

/* leat_rpc_client_options, flags */
#define LEAT_RPC_PLAIN                                                                                                 \
        1u /* do not ask whether the server is one of Leat: no deadlines, cancellations and numbers are sent to it. A channel carries the deadline all the same */
#define LEAT_RPC_STAY 2u /* do not connect again: a call that finds the connection lost fails with -EPIPE */

struct leat_rpc_client_options {
        size_t size;                              /* sizeof: set by LEAT_RPC_CLIENT_OPTIONS_INIT */
        unsigned flags;                           /* LEAT_RPC_PLAIN, LEAT_RPC_STAY */
        uint32_t in_flight_max;                   /* calls under way at once */
        size_t reply_bytes_max;                   /* of one reply: a larger one ends the connection, with -EMSGSIZE */
        const struct leat_rpc_auth_sys *auth_sys; /* who calls; copied. NULL: AUTH_NONE */
        int64_t back_off_first_ns; /* the first pause before connecting again; each further one twice as long, with jitter */
        int64_t back_off_most_ns;
        int64_t retransmit_first_ns; /* udp: until the first retransmission, as long as no round trip was measured (RFC 6298) */
};
#define LEAT_RPC_CLIENT_OPTIONS_INIT                                                                                   \
        {                                                                                                              \
                sizeof(struct leat_rpc_client_options), 0, 1024, (size_t)64 << 20, NULL, INT64_C(10000000),            \
                        INT64_C(1000000000), INT64_C(1000000000)                                                       \
        }

/*
 * A client of the server at an address.
 *
 * address:  tcp:HOST:PORT, unix:PATH or unix:@NAME (also unix-stream:; a stream with record marking, RFC 5531, section 11), udp:HOST:PORT;
 *           any other address, or one with ?framing=leat, is opened as a channel with LEAT_CALL. ?open: somebody must listen.
 * options:  NULL: LEAT_RPC_CLIENT_OPTIONS_INIT.
 * deadline: until when to wait for the connection. ret_reason: on failure, why; or NULL.
 * Returns 0 or the errors of leat_open(). Blocks until the deadline. Since 0.1.
 */
int leat_rpc_connect(const char *address, const struct leat_rpc_client_options *options, int64_t deadline,
                     struct leat_reason *ret_reason, struct leat_rpc_client **ret_client);

/*
 * A client on a channel that was opened with LEAT_CALL.
 * channel: borrowed until leat_rpc_client_free(). Returns 0, -EINVAL, -ENOMEM. Does not block. Since 0.1.
 */
int leat_rpc_client_new(struct leat_channel *channel, struct leat_rpc_client **ret_client);

/*
 * Free a client and close its connection (a channel that was given stays open). Calls under way end with -ECANCELED: their structures
 * are the caller's again. NULL is accepted. Returns NULL. Since 0.1.
 */
struct leat_rpc_client *leat_rpc_client_free(struct leat_rpc_client *client);

/*
 * Call a procedure: what the generated stubs do.
 *
 * program, procedure: which; procedure is an index into program->procedures.
 * argument:           a value of its argument's type; NULL if it has none.
 * ret_result:         of its result's type, undefined on failure; NULL if it has none, or nobody asks: then it is not even looked at.
 * call:               deadline and arena; told what became of it.
 * Returns 0: it ran, and this is its result. Else call->ran says what is known, and: -EINVAL (the argument breaks its type, nothing was sent),
 * -EBADMSG (the reply does), -EPROTO (the server refused: call->status), -ETIMEDOUT, -EAGAIN, -ECANCELED, -EPIPE (the connection was lost, and it may not be
 * tried again), -ECONNREFUSED and others of a connect, -EMSGSIZE (too large for the channel, the datagram, the server, or the arena), -ENOBUFS (in_flight_max), -ENOMEM.
 * Tried again, where that is allowed, for as long as there is a deadline; with LEAT_NEVER until nobody listens there.
 * Blocks until the deadline. Since 0.1.
 */
int leat_rpc_call(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                  const void *argument, void *ret_result, struct leat_rpc_call *call);

/*
 * Begin a call and do not wait for it: many may be under way.
 *
 * As leat_rpc_call(); the argument is done with when it returns, call and ret_result (and the arena) are the library's until leat_rpc_next()
 * has told that the call is over, or leat_rpc_cancel().
 * It is sent at once if no other is under way. Else it may wait for more, to go out with them: over tcp: and unix: until 16 of them or 64 KiB have come together, or until the
 * next leat_rpc_next() that finds nothing to tell of, or leat_rpc_call(). As long as something is to be sent leat_rpc_client_fd() is readable, when there is room for it.
 * What its result borrows (--borrow) stays until the next leat_rpc_next() or leat_rpc_call(), or until another is started while none is under way.
 * Returns 0: leat_rpc_next() will tell of it, also of a failure. Or -EINVAL, -ENOBUFS (in_flight_max), -EMSGSIZE, -ENOMEM: it has not begun.
 * Does not block. Since 0.1.
 */
int leat_rpc_start(struct leat_rpc_client *client, const struct leat_rpc_program *program, uint32_t procedure,
                   const void *argument, void *ret_result, struct leat_rpc_call *call);

/*
 * Wait for a call that was started to be over: call->error is what leat_rpc_call() would have returned.
 * Returns 0, -EAGAIN, -ETIMEDOUT (none is over), -ECANCELED (leat_rpc_client_interrupt()), -ENOENT (none is under way). Since 0.1.
 */
int leat_rpc_next(struct leat_rpc_client *client, int64_t deadline, struct leat_rpc_call **ret_call);

/*
 * Give up a call that was started: it is over, with -ECANCELED in call->error, and leat_rpc_next() does not tell of it any more. A server of Leat is
 * told. call->ran: LEAT_RPC_NOT_RUN if it was not sent, else LEAT_RPC_UNKNOWN. Returns 0; -ENOENT: it was over already, and
 * leat_rpc_next() tells of it, if it has not yet. Does not
 * block. Since 0.1.
 */
int leat_rpc_cancel(struct leat_rpc_client *client, struct leat_rpc_call *call);

/*
 * A descriptor for the program's own poll loop: readable whenever leat_rpc_next() with LEAT_NOW has something to do. It stays the client's. Returns
 * it, -EMFILE, -ENOTSUP. Since 0.1.
 */
int leat_rpc_client_fd(struct leat_rpc_client *client);

/* End the wait that a call of this client is in, or the next one, with -ECANCELED. From any thread and signal handler. Returns 0, -EINVAL, -ECHILD. Since 0.1. */
int leat_rpc_client_interrupt(struct leat_rpc_client *client);

/* What is known of a client. Counts are since it was made. */
struct leat_rpc_client_info {
        size_t size;  /* sizeof: set by the caller, and so much is filled in */
        bool is_leat; /* its server is one of Leat, and knows numbers and deadlines */
        uint32_t in_flight;
        uint64_t calls;         /* that were begun */
        uint64_t sent;          /* messages */
        uint64_t retransmitted; /* of them */
        uint64_t connected;     /* how often a connection was made */
        int64_t round_trip_ns;  /* udp: the smoothed one; 0: none was measured */
        /* Why it could not be reached last, a negative errno; 0: it could, since. Of udp: what another host says (-ECONNREFUSED: nobody has the port), which
         * proves nothing of a call that went out. */
        int unreached;
};
/* Returns 0, -EINVAL, -ECHILD. Does not block. Since 0.1. */
int leat_rpc_client_info(struct leat_rpc_client *client, struct leat_rpc_client_info *ret_info);

/*
 * What happens to a call, for somebody who watches (leat rpc call --trace): each step as it is done, with the bytes that it is about (borrowed) and
 * when (leat_now()).
 */
enum leat_rpc_step {
        LEAT_RPC_STEP_MARSHAL,   /* the argument was encoded */
        LEAT_RPC_STEP_SEND,      /* the message was sent */
        LEAT_RPC_STEP_RECEIVE,   /* a reply was received, with its header */
        LEAT_RPC_STEP_UNMARSHAL, /* the result was decoded */
        LEAT_RPC_STEP_CONNECT,   /* a connection was made */
        LEAT_RPC_STEP_GREET      /* the server was asked whether it is one of Leat, and has answered */
};
typedef void leat_rpc_watcher(enum leat_rpc_step step, int64_t when, const void *bytes, size_t size_bytes,
                              void *userdata);
/*
 * watcher: called by the thread that uses the client, and may not use it itself; NULL: nobody watches any more. userdata: for it.
 * Returns 0, -EINVAL, -ECHILD. Does not block. Since 0.1.
 */
int leat_rpc_client_watch(struct leat_rpc_client *client, leat_rpc_watcher *watcher, void *userdata);

/* ---- the server ---- */

struct leat_rpc_server;
struct leat_rpc_request;

/* What a function of a server may return beside 0 and a negative errno: the request is answered later, by leat_rpc_request_answer(). */
#define LEAT_RPC_LATER 1

/*
 * What the generated code of a version does with a call: calls the function of `functions` (the generated structure of
 * functions, filled in by the user) for procedure `index`. Returns what that returned; -ENOSYS: it is not filled in. The caller of a
 * function that returns -ENOSYS is told that it did not run, so one that has done something returns another error: LEAT_RPC_SYSTEM_ERROR, it ran.
 */
typedef int leat_rpc_dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                              struct leat_rpc_request *request, void *userdata);

/* A version of a program with the functions that carry it out: made by the generated NAME_server(). */
struct leat_rpc_service {
        const struct leat_rpc_program *program;
        leat_rpc_dispatch *dispatch;
        const void *functions; /* kept: lives as long as the server */
        void *userdata;        /* passed to each function */
};

/*
 * What a server allows, in all and to one peer: an address of tcp and udp, a user of unix, a sender of a channel. 0 in a field: the default,
 * which LEAT_RPC_SERVER_OPTIONS_INIT stands for. What goes beyond is refused or waits; the others do not notice.
 */
struct leat_rpc_server_options {
        size_t size;      /* sizeof: set by LEAT_RPC_SERVER_OPTIONS_INIT */
        unsigned threads; /* for handlers; 0: they run in the thread that runs the server */
        size_t request_bytes_max; /* of one request; 1 MiB, or peer_bytes_max if that is less. A larger record ends its connection */
        uint32_t connections_max;      /* 10,000, and no more than RLIMIT_NOFILE leaves */
        uint32_t peer_connections_max; /* 10,000 */
        uint32_t calls_max;            /* that run or wait to; 1,024. Beyond, requests are left unread */
        uint32_t peer_calls_max;       /* 256 */
        size_t bytes_max; /* of requests and replies in memory; 256 MiB, or peer_bytes_max if that is more */
        size_t peer_bytes_max; /* 32 MiB, or four of the largest requests if that is more. Less than one, or more than bytes_max: -EINVAL */
        size_t kept_bytes_max; /* of replies that are kept for callers who ask again; 64 MiB */
        uint32_t sessions_max; /* clients of Leat whose calls are known by number; 4,096 */
        int64_t retransmit_ns; /* for how long a reply is kept for a client of another implementation; 60 s */
};
#define LEAT_RPC_SERVER_OPTIONS_INIT                                                                                   \
        { sizeof(struct leat_rpc_server_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* A server that listens nowhere yet. options: NULL: the defaults. Returns 0, -EINVAL, -EMFILE, -ENOMEM. Does not block. Since 0.1. */
int leat_rpc_server_create(const struct leat_rpc_server_options *options, struct leat_rpc_server **ret_server);

/*
 * A server on a channel that was opened with LEAT_REPLY: leat_rpc_server_create() and leat_rpc_server_add_channel().
 * channel: borrowed until leat_rpc_server_free(). Returns 0, -EINVAL, -ENOMEM. Does not block. Since 0.1.
 */
int leat_rpc_server_new(struct leat_channel *channel, struct leat_rpc_server **ret_server);

/*
 * Listen at an address too: tcp:, unix:, unix-stream:, udp: as leat_rpc_connect() has them; any other is opened as a channel with LEAT_REPLY.
 * Port 0 takes a free one: leat_rpc_server_address(). Returns 0 or the errors of leat_open(). Since 0.1.
 */
int leat_rpc_server_listen(struct leat_rpc_server *server, const char *address, int64_t deadline,
                           struct leat_reason *ret_reason);

/*
 * Serve a channel that was opened with LEAT_REPLY too. channel: borrowed until leat_rpc_server_free().
 * Returns 0, -EINVAL, -ENOMEM, -EBUSY (another thread runs the server). Does not block. Since 0.1.
 */
int leat_rpc_server_add_channel(struct leat_rpc_server *server, struct leat_channel *channel);

/*
 * Serve a socket that somebody else made: a listening or connected stream, or a bound datagram socket, of tcp, udp or unix. fd: the server's from here on, on success.
 * Returns 0, -ENOTSOCK, -EOPNOTSUPP, -EINVAL. Does not block. Since 0.1.
 */
int leat_rpc_server_adopt(struct leat_rpc_server *server, int fd);

/*
 * Serve the sockets that this process was started with: LISTEN_PID and LISTEN_FDS, as systemd gives them (sd_listen_fds(3)).
 * Returns how many, 0 if there are none, or a negative errno: that of the first which leat_rpc_server_adopt() would refuse, and none is taken. Since 0.1.
 */
int leat_rpc_server_adopt_inherited(struct leat_rpc_server *server);

/*
 * The n-th address that it listens at, in the form that leat_rpc_connect() takes. Returns its length without the NUL; -ENOENT: there are not so many; -ERANGE: it has no room in
 * size_bytes with its NUL; -EINVAL, -ECHILD. n: from 0 on. Not while another thread runs the server. Does not block. Since 0.1.
 */
ssize_t leat_rpc_server_address(struct leat_rpc_server *server, size_t n, char *ret_address, size_t size_bytes);

/*
 * Serve a version of a program too. Returns 0; -EEXIST: it is served already; -EPROTONOSUPPORT: it was compiled for another release of the library; -EINVAL;
 * -ENOMEM; -EBUSY: it runs. Does not block. Since 0.1.
 */
int leat_rpc_server_add(struct leat_rpc_server *server, struct leat_rpc_service service);

/*
 * Do what there is to do, and wait for it until the deadline: receive, carry out, reply, accept.
 *
 * deadline: until when to wait for a call; a handler takes the time that it takes.
 * Returns 1 if a call was answered (or is carried out elsewhere), 0 if something else was done, or a negative errno: -EAGAIN, -ETIMEDOUT,
 * -ECANCELED, -ENODATA (it is drained, or has channels alone, and all have ended: an only one that listens says so whenever its last caller has gone, and can go on), -ENOENT (it listens
 * nowhere), -EBUSY (from a handler, or while another thread runs it). Since 0.1.
 */
int leat_rpc_server_step(struct leat_rpc_server *server, int64_t deadline);

/*
 * Step until a deadline, leat_rpc_server_interrupt() (of a channel's server leat_interrupt() too), or the end: a channel that listens has none, it waits for
 * the next caller, also while there are no descriptors or no memory for more of them. Returns the negative errno that ended it; -ENODATA: it is
 * drained. Since 0.1.
 */
int leat_rpc_server_run(struct leat_rpc_server *server, int64_t deadline);

/* End leat_rpc_server_step() or _run(), or the next one, with -ECANCELED. From any thread and signal handler. Returns 0, -EINVAL, -ECHILD. Since 0.1. */
int leat_rpc_server_interrupt(struct leat_rpc_server *server);

/*
 * Begin to end, and drop nothing: it listens no more (a unix name that is its own is removed), what was received is carried out and answered, what comes
 * after that is told by a server of Leat that it did not run. Then leat_rpc_server_run() returns -ENODATA. From any thread and signal handler. Returns 0, -EINVAL, -ECHILD. Since 0.1.
 */
int leat_rpc_server_drain(struct leat_rpc_server *server);

/* How many messages the server has dropped: what was no call, what nobody waited for any more, and replies that were not taken. From any thread. Since 0.1. */
uint64_t leat_rpc_server_unanswered(const struct leat_rpc_server *server);

/* What is known of a server. Counts are since it was made, unless they are of now. */
struct leat_rpc_server_info {
        size_t size;          /* sizeof: set by the caller, and so much is filled in */
        uint64_t calls;       /* that a handler was called for */
        uint64_t replies;     /* that were sent */
        uint64_t replayed;    /* of them kept ones, to who asked again */
        uint64_t unanswered;  /* as leat_rpc_server_unanswered() */
        uint64_t refused;     /* peers that were cut off: a breach, or a limit */
        uint64_t evicted;     /* idle connections that made room for new ones */
        uint32_t connections; /* now */
        uint32_t running;     /* calls that run or wait to, now */
        uint32_t sessions;    /* now */
        size_t bytes;         /* of requests and replies in memory, now */
        size_t kept_bytes;    /* of replies that are kept */
};
/* From any thread. Returns 0, -EINVAL, -ECHILD. Does not block. Since 0.1. */
int leat_rpc_server_info(struct leat_rpc_server *server, struct leat_rpc_server_info *ret_info);

/* Free a server that is not running: close what it opened; a channel that was given stays open. Requests that were not answered must be, before. NULL is accepted.
 * Returns NULL. Since 0.1. */
struct leat_rpc_server *leat_rpc_server_free(struct leat_rpc_server *server);

/* ---- a request, in its handler and until it is answered ---- */

/* Memory for its result, set back when the reply is written: the request's, which one thread uses at a time. Since 0.1. */
struct leat_xdr_arena *leat_rpc_request_arena(struct leat_rpc_request *request);

/* Until when its caller waits, by the clock of this machine; LEAT_NEVER: it did not say. From any thread, until it is answered. Since 0.1. */
int64_t leat_rpc_request_deadline(const struct leat_rpc_request *request);

/* The message that a request came in by a channel: who sent it, as the channel knows it. Of a socket: what the kernel knows of the peer. Borrowed,
 * until it is answered. Since 0.1. */
const struct leat_message *leat_rpc_request_message(const struct leat_rpc_request *request);

/* Has its caller given it up, or gone for good, or has its deadline passed? That it was killed is seen over tcp: and unix:; over a channel (shm: and others) the deadline alone
 * tells. From any thread, until it is answered. Since 0.1. */
bool leat_rpc_request_is_cancelled(const struct leat_rpc_request *request);

/* Who calls. */
struct leat_rpc_caller {
        size_t size;                       /* sizeof: set by the caller of the function, and so much is filled in */
        struct leat_peer peer;             /* as the kernel says: known on unix and local channels */
        uint32_t flavor;                   /* of its credential: 0 AUTH_NONE, 1 AUTH_SYS */
        struct leat_rpc_auth_sys auth_sys; /* of flavor 1: what it says of itself */
        char address[128];                 /* of tcp and udp: "tcp:192.0.2.7:51324"; else empty */
};
/* From any thread, until it is answered. Returns 0, -EINVAL. Does not block. Since 0.1. */
int leat_rpc_request_caller(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller);

/*
 * Answer a request whose handler returns LEAT_RPC_LATER, once; before or after it has returned. error: 0: the result that the handler was given a place for is filled in; else as a handler returns
 * it. The request is over with this. From any thread. Returns 0; -EPIPE: nobody waits for it any more; -EINVAL: it is not to be answered so; -ECHILD. Since 0.1.
 */
int leat_rpc_request_answer(struct leat_rpc_request *request, int error);

#ifdef __cplusplus
}
#endif

#endif
