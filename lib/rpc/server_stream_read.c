/* SPDX-License-Identifier: MIT */

/*
 * A connection's turn: what came is read, cut into records, and each is taken; then the replies go out. A turn ends after so many requests or bytes, whatever is
 * still there: then it has another one, behind the others.
 */

#include "base/bytes.h"
#include "base/cleanup.h"
#include "rpc/server_stream.h"

#include <errno.h>
#include <sys/epoll.h>

#define TURN_REQUESTS 16
#define TURN_BYTES ((size_t)256 << 10)
#define TURN_NS 500000 /* of handlers: then the one that runs is the last of the turn */
#define READ_FIRST ((size_t)64 << 10)
#define READ_LEAST ((size_t)4 << 10)
#define HALF_SMALL ((size_t)4 << 10) /* half a record of no more is kept in a buffer of its size */
#define SPARE_MOST ((size_t)4 << 20) /* of a buffer that the next one borrows */

#define BRIEF_MOST ((size_t)2 << 10)  /* of a record that is no call, for which there is room among them */
#define AHEAD_MOST ((size_t)32 << 10) /* so much of what waits for room is read, to be looked at */

#define STARVED_MS 50 /* memory may be had again, and nobody tells */

#define SLOW_NS 50000 /* a procedure that takes longer holds up the replies that wait before it */
#define QUICK_CALLS 8 /* one whose last so many calls took less does not */

struct turn {
        unsigned requests;
        size_t bytes;
        int64_t took_ns; /* by its handlers */
        bool ended;      /* the other end has, and all that it sent was taken */
        bool breach;
        bool starved;
};

/* ---- its buffer ---- */

static void borrow_buffer(struct leat_rpc_server *server, struct record_reader *reader) {
        size_t memory = record_reader_memory(reader);
        if (!server->spare_input || memory >= READ_FIRST || memory >= server->spare_input_bytes)
                return; /* it is no larger: what is there may not even fit */
        record_reader_move(reader, TAKE(server->spare_input), server->spare_input_bytes);
}

static void give_back(struct leat_rpc_server *server, uint8_t *bytes, size_t size) {
        if (size > SPARE_MOST || (server->spare_input && server->spare_input_bytes >= size)) {
                free(bytes);
                return;
        }
        free(server->spare_input);
        server->spare_input = bytes;
        server->spare_input_bytes = size;
}

/* What is half there, or waits, is kept in no more room than it needs. */
static void return_buffer(struct leat_rpc_server *server, struct record_reader *reader) {
        size_t size = record_reader_memory(reader);
        void *bytes;
        if (reader->end - reader->begin > HALF_SMALL || size == reader->end - reader->begin)
                return;
        if (record_reader_steal(reader, &bytes) == 0)
                give_back(server, bytes, size);
}

/* As much as the record under way wants, as far as more than that has come already: what is not there costs nothing. */
static size_t room_wanted(const struct record_reader *reader) {
        size_t wanted = record_reader_missing(reader), most = reader->end - reader->begin;
        if (reader->room_bytes == 0)
                return READ_FIRST;
        most = most < READ_FIRST ? READ_FIRST : most;
        wanted = wanted < most ? wanted : most;
        return wanted < READ_LEAST ? READ_LEAST : wanted;
}

/* ---- reading ---- */

/* Returns 1: something came. 0: nothing is there at present, or any more; then turn->ended. */
static int read_some(struct rpc_stream *stream, struct turn *turn) {
        uint8_t *bytes;
        size_t size;
        if (!stream->readable || turn->bytes >= TURN_BYTES)
                return 0;
        if (record_reader_room(&stream->reader, room_wanted(&stream->reader), &bytes, &size) < 0) {
                turn->starved = true;
                return 0;
        }
        size = size < TURN_BYTES ? size : TURN_BYTES;
        ssize_t n = recv(stream->watch.fd, bytes, size, MSG_DONTWAIT);
        if (n > 0) {
                record_reader_filled(&stream->reader, (size_t)n);
                stream->unseen += (size_t)n;
                turn->bytes += (size_t)n;
                stream->has_news = true;
                /* Less than was asked for is all that there was; more makes a new edge. */
                stream->readable = (size_t)n == size || stream->hung_up;
                return 1;
        }
        if (n < 0 && errno == EINTR)
                return 1;
        stream->readable = false;
        turn->ended = n == 0 || errno != EAGAIN;
        return 0;
}

/* After we have ended: what comes is thrown away, so that closing does not reset what the other end has not read yet. */
static void throw_away(struct rpc_stream *stream, struct turn *turn) {
        uint8_t bytes[4096];
        while (stream->readable && turn->bytes < TURN_BYTES) {
                ssize_t n = recv(stream->watch.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        stream->readable = false;
                        turn->ended = n == 0 || errno != EAGAIN;
                        return;
                }
                turn->bytes += (size_t)n;
        }
}

/* ---- requests ---- */

/* How often in a row calls of this procedure were quick. Where the numbers stand: RFC 5531, section 9. */
static uint8_t *quickness(struct leat_rpc_server *server, const uint8_t *record, size_t size) {
        uint32_t number = size >= 24 ? get_be32(record + 12) * 31 + get_be32(record + 20) : 0;
        return &server->quick[(number ^ number >> 8) & 0xff];
}

static void take(struct rpc_stream *stream, const uint8_t *record, size_t size) {
        struct leat_rpc_server *server = stream->server;
        struct leat_rpc_request *request = rpc_request_new(server, stream->kind, stream, stream->peer);
        if (!request) {
                (void)pthread_mutex_lock(&server->lock);
                stream->requests--;
                stream->ended = stream->is_lost = true; /* no memory for as much as an answer */
                (void)pthread_mutex_unlock(&server->lock);
                return;
        }
        request->about.sender = stream->who;
        memcpy(&request->from, &stream->address.any, stream->address.bytes); /* the reply cache knows calls by it */
        request->from_bytes = stream->address.bytes;
        request->bytes = record;
        request->size_bytes = size;
        rpc_request_take(request);
}

/*
 * Replies wait for those of the next requests, which is well as long as these take no time. One that may is not begun before the replies are out. What a procedure may take
 * is known from its last calls; of a new one nothing is.
 */
static void take_timed(struct rpc_stream *stream, struct turn *turn, const uint8_t *record, size_t size) {
        struct leat_rpc_server *server = stream->server;
        uint8_t *quick = quickness(server, record, size);
        if (*quick < QUICK_CALLS) {
                (void)pthread_mutex_lock(&server->lock);
                rpc_stream_flush(stream);
                (void)pthread_mutex_unlock(&server->lock);
        }
        int64_t before = leat_now();
        take(stream, record, size);
        int64_t took = leat_now() - before;
        turn->took_ns += took;
        if (took > SLOW_NS)
                *quick = 0;
        else if (*quick < QUICK_CALLS)
                ++*quick;
}

/* With the lock. */
static bool has_room(const struct rpc_stream *stream, bool brief) {
        if (stream->bears)
                return true;
        return brief ? rpc_request_has_memory(stream->server, stream->peer)
                     : rpc_request_has_room(stream->server, stream->peer);
}

/* There is room for this request of the peer, and it is counted. 0; -ENOBUFS; -EPIPE: nobody takes an answer. */
static int enter(struct rpc_stream *stream, const uint8_t *record, size_t size) {
        struct leat_rpc_server *server = stream->server;
        bool brief = rpc_companion_is_brief(server, record, size);
        (void)pthread_mutex_lock(&server->lock);
        int r = stream->is_lost ? -EPIPE : has_room(stream, brief) ? 0 : -ENOBUFS;
        if (r == 0) {
                stream->requests++;
                stream->bears = false;
        }
        (void)pthread_mutex_unlock(&server->lock);
        return r;
}

/* Is the record under way to be read on? What may be a short message of the companion also without room among the calls. */
static bool may_read(struct rpc_stream *stream) {
        const struct record_reader *reader = &stream->reader;
        size_t there = reader->end - reader->begin;
        if (reader->end - reader->scanned < RECORD_MARK_BYTES) /* not even a fragment begins */
                return true;
        bool brief = there + record_reader_missing(reader) <= BRIEF_MOST;
        (void)pthread_mutex_lock(&stream->server->lock);
        bool may = has_room(stream, brief);
        (void)pthread_mutex_unlock(&stream->server->lock);
        return may;
}

static void read_ahead(struct rpc_stream *stream, struct turn *turn) {
        const struct record_reader *reader = &stream->reader;
        (void)pthread_mutex_lock(&stream->server->lock);
        bool may = rpc_request_has_memory(stream->server, stream->peer);
        (void)pthread_mutex_unlock(&stream->server->lock);
        while (may && reader->end - reader->begin < AHEAD_MOST && read_some(stream, turn) > 0)
                ;
        if (turn->ended) /* that is to be seen when all was taken */
                stream->readable = true;
        turn->ended = false;
}

/* A call waits for room among the calls. What stands behind it may cancel those that have it. */
static void look_ahead(struct rpc_stream *stream, struct turn *turn) {
        const struct record_reader *reader = &stream->reader;
        const uint8_t *record;
        size_t size, whole;
        read_ahead(stream, turn);
        if (stream->unseen > reader->end - reader->begin)
                stream->unseen = reader->end - reader->begin;
        (void)pthread_mutex_lock(&stream->server->lock);
        while ((whole = record_reader_look(reader, reader->end - stream->unseen, &record, &size)) > 0) {
                stream->unseen -= whole;
                if (record)
                        rpc_companion_look_ahead(stream->server, stream, record, size);
        }
        (void)pthread_mutex_unlock(&stream->server->lock);
}

static bool is_over(const struct turn *turn) {
        return turn->requests >= TURN_REQUESTS || turn->took_ns > TURN_NS;
}

static void take_record(struct rpc_stream *stream, struct turn *turn, const uint8_t *record, size_t size) {
        turn->requests++;
        if (stream->server->pool)
                take(stream, record, size);
        else
                take_timed(stream, turn, record, size);
}

/* Returns 1: a request was taken, or something was read. 0: the turn is over. */
static int go_on(struct rpc_stream *stream, struct turn *turn) {
        const uint8_t *record;
        if (is_over(turn))
                return 0;
        ssize_t size = record_reader_next(&stream->reader, &record);
        if (size == -EAGAIN) {
                turn->starved = !may_read(stream);
                return turn->starved ? 0 : read_some(stream, turn);
        }
        turn->breach = size < 0;
        if (turn->breach)
                return 0;
        int r = enter(stream, record, (size_t)size);
        if (r == 0) {
                take_record(stream, turn, record, (size_t)size);
                return 1;
        }
        record_reader_put_back(&stream->reader, record, (size_t)size);
        turn->starved = r == -ENOBUFS;
        if (turn->starved)
                look_ahead(stream, turn);
        return 0;
}

/* ---- a turn ---- */

static void starve(struct leat_rpc_server *server, struct rpc_stream *stream) {
        (void)pthread_mutex_lock(&server->lock);
        list_remove(&stream->starving);
        list_insert(&server->starved, &stream->starving);
        (void)pthread_mutex_unlock(&server->lock);
        rpc_server_due(server, leat_in_ms(STARVED_MS));
}

static void end_starving(struct leat_rpc_server *server, struct rpc_stream *stream) {
        if (list_empty(&stream->starving))
                return;
        (void)pthread_mutex_lock(&server->lock);
        list_remove(&stream->starving);
        (void)pthread_mutex_unlock(&server->lock);
}

/* It was active last. */
static void touch(struct leat_rpc_server *server, struct rpc_stream *stream) {
        stream->has_news = false;
        stream->active_at = leat_now();
        if (server->connections.previous != &stream->node) {
                list_remove(&stream->node);
                list_insert(&server->connections, &stream->node);
        }
}

/* What came of the turn. Returns whether it may be the end of the connection. */
static bool settle(struct leat_rpc_server *server, struct rpc_stream *stream, const struct turn *turn) {
        return_buffer(server, &stream->reader);
        (void)pthread_mutex_lock(&server->lock);
        if (turn->breach) {
                server->info.refused++;
                stream->is_lost = true;
        }
        if (turn->ended)
                stream->ended = true;
        stream->input_bytes = record_reader_memory(&stream->reader);
        rpc_stream_notify(stream);
        rpc_stream_flush(stream);
        rpc_stream_charge(stream);
        bool may_end = stream->is_lost || stream->ended || server->is_draining;
        (void)pthread_mutex_unlock(&server->lock);
        return may_end;
}

static void take_turn(struct leat_rpc_server *server, struct rpc_stream *stream, struct turn *turn) {
        stream->collects = true;
        while (go_on(stream, turn) > 0)
                ;
        stream->collects = false;
        if (!turn->starved)
                end_starving(server, stream);
        bool may_end = settle(server, stream, turn);
        if (stream->has_news)
                touch(server, stream);
        if (may_end && rpc_stream_end(server, stream))
                return;
        if (turn->starved)
                starve(server, stream);
        else if (is_over(turn) || (stream->readable && !turn->ended))
                rpc_watch_queue(server, &stream->watch);
        if (turn->requests > 0)
                server->favourite = stream;
}

/* It is read no more: what its end means is still to be seen, and replies may wait. */
static void take_last_turn(struct leat_rpc_server *server, struct rpc_stream *stream, struct turn *turn) {
        if (stream->is_shut)
                throw_away(stream, turn);
        (void)settle(server, stream, turn);
        if (!rpc_stream_end(server, stream) && stream->is_shut && stream->readable)
                rpc_watch_queue(server, &stream->watch);
}

void rpc_stream_ready(struct leat_rpc_server *server, struct rpc_watch *watch, uint32_t events) {
        struct rpc_stream *stream = CONTAINER_OF(watch, struct rpc_stream, watch);
        struct turn turn = { 0 };
        if (events & EPOLLOUT) /* it reads its replies, which is a sign of life */
                touch(server, stream);
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                stream->readable = true;
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                stream->hung_up = true;
        if (events & (EPOLLHUP | EPOLLERR))
                rpc_stream_cancel(server, stream);
        if (stream->is_shut || stream->ended || rpc_stream_is_read(server)) {
                take_last_turn(server, stream, &turn);
                return;
        }
        borrow_buffer(server, &stream->reader);
        take_turn(server, stream, &turn);
}

int rpc_stream_try(struct leat_rpc_server *server, struct rpc_stream *stream) {
        struct turn turn = { 0 };
        if (stream->is_shut || stream->ended || stream->watch.queued || !list_empty(&stream->starving) ||
            rpc_stream_is_read(server))
                return 0;
        borrow_buffer(server, &stream->reader);
        stream->readable = true;
        if (read_some(stream, &turn) == 0 && !turn.ended) {
                return_buffer(server, &stream->reader);
                return 0;
        }
        take_turn(server, stream, &turn);
        return 1;
}
