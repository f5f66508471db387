/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_SERVER_STREAM_H
#define LEAT_RPC_SERVER_STREAM_H

/*
 * A connection with record marking, for its files:
 *
 *   server_stream.c        life, limits, making room, draining
 *   server_stream_read.c   turns: read, cut into records, carry out
 *   server_stream_write.c  replies
 *
 * The epoll tells of input by edges: `readable` is what is known. So who is not read for a while costs no system call, and who is read to the end costs none to be
 * found empty again. Idle connections have no buffers: they borrow the server's for a turn, and keep what it is about if a record is half there.
 */

#include "rpc/record.h"
#include "rpc/server.h"
#include "transport/inet_address.h"

struct rpc_stream {
        struct rpc_watch watch;
        const struct rpc_source_kind *kind;
        struct leat_rpc_server *server;
        struct list node;     /* in server->connections */
        struct list starving; /* in server->starved, while it waits for room; changed with the lock */
        struct rpc_peer *peer;
        struct leat_peer who;        /* of unix: as the kernel says */
        struct inet_address address; /* of tcp; bytes 0: of unix */
        struct record_reader reader;
        int64_t active_at; /* something came last */
        int64_t close_at;  /* it is shut, and is closed then; 0 */
        bool readable;     /* there may be something to read */
        bool hung_up;      /* the other end has ended, or is gone: read until that is seen */
        bool is_shut;      /* we have ended: what comes is thrown away */
        bool collects;     /* it has its turn: replies of this thread go out together, at its end */
        bool has_news;     /* something came in this turn */
        size_t unseen; /* of what waits to be read so many bytes at the end were not looked at; may be more than there are */

        /* with the lock */
        uint32_t requests; /* that are not over */
        bool ended;        /* no more requests come: it is closed when the last answer is out */
        bool is_lost;      /* nobody takes replies any more */
        bool finishing;    /* in server->finished */
        bool bears;        /* until its next request is taken it is read without room for that: else nobody would be */
        bool greeted;      /* by a client of Leat, with this xid */
        bool notified;     /* which was told that the server drains */
        uint32_t greeting_xid;
        struct list finished;
        struct leat_xdr_buffer output; /* replies that wait, from output_at on */
        size_t output_at;
        size_t input_bytes;   /* of memory that the reader has between turns */
        size_t charged_bytes; /* of the peer */
};

/* ---- server_stream.c ---- */

void rpc_stream_close(struct leat_rpc_server *server, struct rpc_stream *stream);
/* Close it if it is over, or end our side if the server drains. true: it is gone. */
bool rpc_stream_end(struct leat_rpc_server *server, struct rpc_stream *stream);
/* Nobody is there any more: handlers of its calls may ask for that. */
void rpc_stream_cancel(struct leat_rpc_server *server, const struct rpc_stream *stream);
/* It drains, and has been read for long enough. */
bool rpc_stream_is_read(const struct leat_rpc_server *server);

/* ---- server_stream_read.c ---- */

void rpc_stream_ready(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events);

/* ---- server_stream_write.c: with the lock ---- */

static inline size_t rpc_stream_waiting(const struct rpc_stream *stream) {
        return stream->output.size_bytes - stream->output_at;
}
/* Send what waits, as far as there is room. */
void rpc_stream_flush(struct rpc_stream *stream);
/* If it drains, and the client is one of Leat that can be told, and was not: it is, when what waits goes. */
void rpc_stream_notify(struct rpc_stream *stream);
/* It may be over: the loop is to look. */
void rpc_stream_finish(struct rpc_stream *stream);
/* What it holds in memory is its peer's. */
void rpc_stream_charge(struct rpc_stream *stream);
int rpc_stream_reply(struct leat_rpc_request *request);

#endif
