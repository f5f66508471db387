/* SPDX-License-Identifier: MIT */

/* Connections come and go: accepted, limited, closed to make room for others, drained. */

#include "rpc/server_stream.h"
#include "base/cleanup.h"
#include "transport/inet_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define NS_PER_MS INT64_C(1000000)
#define IDLE_LEAST_NS (100 * NS_PER_MS) /* who is silent for less is not idle: its first call may be on its way */
#define LOOK_FOR_IDLE_MS 20
#define STALLED_NS (2000 * NS_PER_MS) /* who is silent for longer does not keep memory that others wait for */
#define LOOK_FOR_STALLED_MS 50

/* Draining: so long a connection is read on, if its client is not the first to end; so long its replies may wait for somebody to read them; so long it is left open for the other end to see its end. */
#define DRAIN_READ_MS 1000
#define DRAIN_WRITE_NS (5000 * NS_PER_MS)
#define DRAIN_SHUT_MS 1000
#define DRAIN_LOOK_MS 100

#define STEAL_LEAST                                                                                                    \
        ((size_t)16 << 10) /* a request of this size takes the buffer with it, and is not copied out of it */

/* ---- of requests ---- */

/* With the lock. */
static void release(struct leat_rpc_request *request) {
        struct rpc_stream *stream = request->origin;
        if (--stream->requests > 0)
                return;
        if (stream->watch.fd < 0)
                free(stream);
        else if (stream->ended || stream->server->is_draining)
                rpc_stream_finish(stream);
}

/* Without memory for what was read behind the message of a handler that goes on with it: the connection is lost, and its client will know that of all. */
static void keep_alone(struct rpc_stream *stream, struct leat_rpc_request *request) {
        request->owned = record_reader_surrender(&stream->reader);
        (void)pthread_mutex_lock(&stream->server->lock);
        stream->ended = stream->is_lost = true;
        rpc_stream_finish(stream);
        (void)pthread_mutex_unlock(&stream->server->lock);
}

/* What was decoded may point into the message: then that is not moved. */
static int keep(struct leat_rpc_request *request) {
        struct rpc_stream *stream = request->origin;
        if (!request->argument && request->size_bytes < STEAL_LEAST)
                return rpc_request_copy(request);
        int r = record_reader_steal(&stream->reader, &request->owned);
        if (r == 0 || !request->argument)
                return r;
        keep_alone(stream, request);
        return 0;
}

static void tell_caller(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller) {
        const struct rpc_stream *stream = request->origin;
        char text[INET_TEXT_BYTES];
        ret_caller->peer = stream->who;
        if (stream->address.bytes == 0)
                return;
        inet_format(&stream->address, text, sizeof(text));
        (void)snprintf(ret_caller->address, sizeof(ret_caller->address), "tcp:%s", text);
}

static void greeted(struct leat_rpc_request *request) {
        struct rpc_stream *stream = request->origin;
        stream->greeted = true;
        stream->greeting_xid = request->call.xid;
}

static const struct rpc_source_kind tcp_kind = { .reply = rpc_stream_reply,
                                                 .release = release,
                                                 .keep = keep,
                                                 .caller = tell_caller,
                                                 .greeted = greeted,
                                                 .caches = true };
/* Who lost its connection has another address, which nothing ties to the one before. */
static const struct rpc_source_kind unix_kind = { .reply = rpc_stream_reply,
                                                  .release = release,
                                                  .keep = keep,
                                                  .caller = tell_caller,
                                                  .greeted = greeted };

void rpc_stream_cancel(struct leat_rpc_server *server, const struct rpc_stream *stream) {
        (void)pthread_mutex_lock(&server->lock);
        for (struct list *node = server->running.next; stream->requests > 0 && node != &server->running;
             node = node->next) {
                struct leat_rpc_request *request = CONTAINER_OF(node, struct leat_rpc_request, node);
                /* Who has a number may ask for it again, elsewhere. */
                if (request->source == stream->kind && request->origin == stream && !request->session)
                        atomic_store(&request->cancelled, true);
        }
        (void)pthread_mutex_unlock(&server->lock);
}

/* ---- it comes ---- */

static int identify(struct rpc_stream *stream, uint8_t key[24]) {
        struct sockaddr_storage address = { 0 };
        socklen_t size = sizeof(address);
        if (getpeername(stream->watch.fd, (struct sockaddr *)&address, &size) < 0)
                return -errno;
        stream->kind = &tcp_kind;
        if (inet_from_kernel(&address, &stream->address)) {
                int r = inet_set(stream->watch.fd, IPPROTO_TCP, TCP_NODELAY, 1);
                rpc_peer_key_of(&address, NULL, key);
                return r;
        }
        struct ucred credentials;
        size = sizeof(credentials);
        if (getsockopt(stream->watch.fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        stream->kind = &unix_kind;
        stream->who = (struct leat_peer){
                .known = true, .pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid
        };
        address.ss_family = AF_UNIX;
        rpc_peer_key_of(&address, &stream->who, key);
        return 0;
}

/* With the lock. */
static int enter(struct leat_rpc_server *server, struct rpc_stream *stream, const uint8_t key[24]) {
        struct rpc_peer *peer = rpc_peer_enter(server, key);
        if (!peer)
                return -ENOMEM;
        if (peer->connections >= server->limits.peer_connections_max) {
                rpc_peer_leave(peer);
                server->info.refused++;
                return -EBUSY;
        }
        stream->peer = peer;
        peer->connections++;
        server->info.connections++;
        return 0;
}

static struct rpc_stream *stream_new(struct leat_rpc_server *server, int fd) {
        struct rpc_stream *stream = calloc(1, sizeof(*stream));
        if (!stream)
                return NULL;
        stream->server = server;
        stream->watch.fd = fd;
        stream->watch.ready = rpc_stream_ready;
        stream->active_at = leat_now();
        list_init(&stream->starving);
        record_reader_init(&stream->reader, server->limits.request_bytes_max);
        return stream;
}

int rpc_stream_accept(struct leat_rpc_server *server, int fd) {
        uint8_t key[24];
        struct rpc_stream *stream = stream_new(server, fd);
        int r = stream ? identify(stream, key) : -ENOMEM;
        if (r == 0) {
                (void)pthread_mutex_lock(&server->lock);
                r = enter(server, stream, key);
                (void)pthread_mutex_unlock(&server->lock);
        }
        if (r < 0) {
                rpc_watch_refuse(server, fd);
                free(stream);
                return r;
        }
        list_insert(&server->connections, &stream->node);
        r = rpc_watch_set(server, &stream->watch, EPOLLIN | EPOLLRDHUP | EPOLLET);
        if (r < 0)
                rpc_stream_close(server, stream);
        return r;
}

/* ---- and goes ---- */

/* With the lock. What runs of it goes on; whoever ends that last frees the connection. */
static void leave(struct leat_rpc_server *server, struct rpc_stream *stream) {
        if (stream->finishing)
                list_remove(&stream->finished);
        stream->finishing = false;
        stream->is_lost = true;
        record_reader_free(&stream->reader);
        stream->input_bytes = 0;
        leat_xdr_buffer_free(&stream->output);
        stream->output_at = 0;
        rpc_stream_charge(stream);
        stream->peer->connections--;
        server->info.connections--;
        rpc_peer_leave(stream->peer);
        stream->peer = NULL;
        rpc_watch_close(server, &stream->watch);
}

void rpc_stream_close(struct leat_rpc_server *server, struct rpc_stream *stream) {
        rpc_stream_cancel(server, stream);
        list_remove(&stream->node);
        if (server->favourite == stream)
                server->favourite = NULL;
        (void)pthread_mutex_lock(&server->lock);
        list_remove(&stream->starving);
        leave(server, stream);
        bool unused = stream->requests == 0;
        (void)pthread_mutex_unlock(&server->lock);
        if (unused)
                free(stream);
        rpc_listeners_resume(server);
}

void rpc_stream_close_all(struct leat_rpc_server *server) {
        while (!list_empty(&server->connections))
                rpc_stream_close(server, CONTAINER_OF(server->connections.next, struct rpc_stream, node));
        free(TAKE(server->spare_input));
        leat_xdr_buffer_free(&server->spare_output);
}

bool rpc_stream_is_read(const struct leat_rpc_server *server) {
        return server->is_draining && leat_now() >= server->drain_until;
}

/* All answers are out, and no request came that is not taken. Whoever was told that it drains ends by himself, and until then may be told that a call did not run. */
static bool is_done(const struct leat_rpc_server *server, const struct rpc_stream *stream) {
        bool unread = stream->readable || stream->watch.queued || !list_empty(&stream->starving);
        return (!unread && !stream->notified) || rpc_stream_is_read(server);
}

/* It was told, and sent nothing since: what it was sent before that is not in danger, and it sends nothing before it has looked. */
static bool is_silent(const struct leat_rpc_server *server, const struct rpc_stream *stream) {
        return stream->notified && !stream->readable &&
               stream->active_at < server->drain_until - DRAIN_READ_MS * NS_PER_MS;
}

/* The other end is to see that nothing more comes, and what it was sent: closing would reset that if it has sent more meanwhile. */
static void shut(struct leat_rpc_server *server, struct rpc_stream *stream) {
        stream->is_shut = true;
        stream->close_at = is_silent(server, stream) ? leat_now() : leat_in_ms(DRAIN_SHUT_MS);
        rpc_server_due(server, stream->close_at);
        (void)shutdown(stream->watch.fd, SHUT_WR);
        stream->readable = true;
        rpc_watch_queue(server, &stream->watch);
}

bool rpc_stream_end(struct leat_rpc_server *server, struct rpc_stream *stream) {
        (void)pthread_mutex_lock(&server->lock);
        bool answered = stream->requests == 0 && rpc_stream_waiting(stream) == 0;
        bool over = stream->is_lost || (stream->ended && answered);
        (void)pthread_mutex_unlock(&server->lock);
        if (over) {
                rpc_stream_close(server, stream);
                return true;
        }
        if (server->is_draining && answered && !stream->is_shut && is_done(server, stream))
                shut(server, stream);
        return false;
}

/* ---- room for others ---- */

static const struct rpc_peer *heaviest(const struct leat_rpc_server *server) {
        const struct rpc_peer *most = NULL;
        for (size_t i = 0; i < RPC_PEER_BUCKETS; i++)
                for (struct list *node = server->peers[i].next; node != &server->peers[i]; node = node->next) {
                        const struct rpc_peer *peer = CONTAINER_OF(node, struct rpc_peer, node);
                        if (!most || peer->connections > most->connections)
                                most = peer;
                }
        return most;
}

/* Nothing of it runs, and nothing has come that is not read. Half a record, or replies that nobody reads, make nobody busy. */
static bool is_idle(const struct rpc_stream *stream) {
        char byte;
        return stream->requests == 0 && !stream->readable && !stream->watch.queued &&
               recv(stream->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* With the lock. The first that is idle, of this peer; or else of another one. */
static struct rpc_stream *find_idle(struct leat_rpc_server *server, const struct rpc_peer *most) {
        struct rpc_stream *other = NULL;
        int64_t since = leat_now() - IDLE_LEAST_NS;
        for (struct list *node = server->connections.next; node != &server->connections; node = node->next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, node);
                if (stream->active_at > since)
                        break; /* and so are all behind it */
                if (stream->peer == most && is_idle(stream))
                        return stream;
                if (!other && stream->peer != most && is_idle(stream))
                        other = stream;
        }
        return other;
}

bool rpc_stream_evict(struct leat_rpc_server *server) {
        (void)pthread_mutex_lock(&server->lock);
        struct rpc_stream *stream = find_idle(server, heaviest(server));
        if (stream)
                server->info.evicted++;
        (void)pthread_mutex_unlock(&server->lock);
        if (stream)
                rpc_stream_close(server, stream);
        else
                rpc_server_due(server, leat_in_ms(LOOK_FOR_IDLE_MS));
        return stream;
}

/* ---- looks ---- */

/* Connections whose last request, or reply, is over. */
static void look_at_finished(struct leat_rpc_server *server) {
        struct rpc_stream *stream;
        do {
                (void)pthread_mutex_lock(&server->lock);
                stream = NULL;
                if (!list_empty(&server->finished)) {
                        stream = CONTAINER_OF(server->finished.next, struct rpc_stream, finished);
                        list_remove(&stream->finished);
                        stream->finishing = false;
                }
                (void)pthread_mutex_unlock(&server->lock);
                if (stream)
                        (void)rpc_stream_end(server, stream);
        } while (stream);
}

/* Those for which there is room now have a turn; no more of them than calls may begin. */
static void feed_starved(struct leat_rpc_server *server) {
        struct list *next;
        (void)pthread_mutex_lock(&server->lock);
        uint32_t running = server->info.running, most = server->limits.calls_max;
        for (struct list *node = server->starved.next; node != &server->starved && running < most; node = next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, starving);
                next = node->next;
                if (!rpc_request_has_room(server, stream->peer))
                        continue;
                list_remove(&stream->starving);
                rpc_watch_queue(server, &stream->watch);
                running++;
        }
        (void)pthread_mutex_unlock(&server->lock);
}

/* With the lock. What will make room when it is over is on its way: a call, an answer that waits to be read, one that bears. Returns whether there is any. */
static bool mark_moving(struct leat_rpc_server *server) {
        bool any = server->info.running > 0;
        for (struct list *node = server->connections.next; node != &server->connections; node = node->next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, node);
                if (!stream->bears && stream->requests == 0 && rpc_stream_waiting(stream) == 0)
                        continue;
                stream->peer->moved = server->bearer_looks;
                any = true;
        }
        return any;
}

/*
 * Requests that are half here may fill all the room that there is, and each waits for the others. So where nothing is on its way one of a peer goes on without room, until it is whole and taken; of
 * all of them one, if it is the server's memory that is wanting.
 */
static void choose_bearers(struct leat_rpc_server *server) {
        const struct leat_rpc_server_options *limits = &server->limits;
        struct list *next;
        if (list_empty(&server->starved))
                return;
        (void)pthread_mutex_lock(&server->lock);
        bool wants = server->info.bytes >= limits->peer_bytes_max; /* else nobody has reached a limit of memory */
        server->bearer_looks++;
        bool any = wants && mark_moving(server), all = server->info.bytes >= limits->bytes_max;
        for (struct list *node = server->starved.next; wants && node != &server->starved; node = next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, starving);
                struct rpc_peer *peer = stream->peer;
                bool stuck = peer->bytes >= limits->peer_bytes_max && peer->calls == 0 &&
                             peer->moved != server->bearer_looks;
                next = node->next;
                if (all ? any : !stuck)
                        continue;
                stream->bears = any = true;
                peer->moved = server->bearer_looks;
                list_remove(&stream->starving);
                rpc_watch_queue(server, &stream->watch);
        }
        (void)pthread_mutex_unlock(&server->lock);
}

/* Nothing of it runs, and it holds memory by what it does not do: read its replies, or send the rest of a record that we would read. */
static bool is_holding(const struct rpc_stream *stream) {
        return stream->charged_bytes > 0 && stream->requests == 0 &&
               (rpc_stream_waiting(stream) > 0 || list_empty(&stream->starving));
}

/* Somebody else waits for room. Who only waits for himself may take his time. */
static bool hinders_others(const struct leat_rpc_server *server, const struct rpc_stream *stream) {
        return server->starved.next != &stream->starving || server->starved.previous != &stream->starving;
}

/*
 * With the lock. Somebody waits for room, and it is memory that is wanting: who holds of it, half a record or replies that he does not read, and gives no sign of life,
 * would hold it for ever.
 */
static struct rpc_stream *find_stalled(struct leat_rpc_server *server) {
        if (list_empty(&server->starved))
                return NULL;
        int64_t since = leat_now() - STALLED_NS;
        bool all = server->info.bytes >= server->limits.bytes_max;
        for (struct list *node = server->connections.next; node != &server->connections; node = node->next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, node);
                if (stream->active_at > since)
                        break;
                if (is_holding(stream) && hinders_others(server, stream) &&
                    (all || stream->peer->bytes >= server->limits.peer_bytes_max))
                        return stream;
        }
        return NULL;
}

static void close_stalled(struct leat_rpc_server *server) {
        struct rpc_stream *stream;
        do {
                (void)pthread_mutex_lock(&server->lock);
                stream = find_stalled(server);
                if (stream)
                        server->info.refused++;
                (void)pthread_mutex_unlock(&server->lock);
                if (stream)
                        rpc_stream_close(server, stream);
        } while (stream);
        if (!list_empty(&server->starved))
                rpc_server_due(server, leat_in_ms(LOOK_FOR_STALLED_MS));
}

/* It drains: those that nobody reads, or ends, do not keep it. */
static bool is_overdue(struct leat_rpc_server *server, const struct rpc_stream *stream, int64_t now) {
        if (stream->is_shut)
                return now >= stream->close_at;
        (void)pthread_mutex_lock(&server->lock);
        bool waits = stream->requests == 0;
        (void)pthread_mutex_unlock(&server->lock);
        return waits && now >= server->drain_until + DRAIN_WRITE_NS;
}

static void look_at_drained(struct leat_rpc_server *server) {
        struct list *next;
        int64_t now = leat_now();
        for (struct list *node = server->connections.next; node != &server->connections; node = next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, node);
                next = node->next;
                if (is_overdue(server, stream, now))
                        rpc_stream_close(server, stream);
                else if (!stream->is_shut)
                        (void)rpc_stream_end(server, stream);
        }
        if (!list_empty(&server->connections))
                rpc_server_due(server, leat_in_ms(DRAIN_LOOK_MS));
}

void rpc_stream_look(struct leat_rpc_server *server) {
        look_at_finished(server);
        close_stalled(server);
        feed_starved(server);
        choose_bearers(server);
        if (server->is_draining)
                look_at_drained(server);
}

/* ---- draining ---- */

void rpc_stream_drain(struct leat_rpc_server *server) {
        server->drain_until = leat_in_ms(DRAIN_READ_MS);
        rpc_server_due(server, leat_in_ms(DRAIN_LOOK_MS));
        for (struct list *node = server->connections.next; node != &server->connections; node = node->next) {
                struct rpc_stream *stream = CONTAINER_OF(node, struct rpc_stream, node);
                (void)pthread_mutex_lock(&server->lock);
                rpc_stream_notify(stream);
                rpc_stream_flush(stream);
                (void)pthread_mutex_unlock(&server->lock);
                stream->readable = true;
                rpc_watch_queue(server,
                                &stream->watch); /* also of who waits for room: that is told now that it does not run */
        }
}

bool rpc_stream_is_drained(const struct leat_rpc_server *server) {
        return list_empty(&server->connections);
}
