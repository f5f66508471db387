/* SPDX-License-Identifier: MIT */

/*
 * Replies on their way out. Those that are made in the connection's own turn are collected and go out with one system call at its end; those of other threads at
 * once. What the socket does not take waits here, and is the peer's share of memory: above that it is not read any more.
 */

#include "base/cleanup.h"
#include "base/io.h"
#include "rpc/server_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define COLLECTED_MOST ((size_t)256 << 10)
#define DIRECT_LEAST ((size_t)32 << 10) /* a reply of this size is not copied before it is sent */
#define SPARE_MOST ((size_t)1 << 20)    /* of a buffer that is kept for the next one */
#define INPUT (EPOLLIN | EPOLLRDHUP | EPOLLET)

void rpc_stream_charge(struct rpc_stream *stream) {
        size_t bytes = (stream->output.bytes ? stream->output.room_bytes : 0) + stream->input_bytes;
        if (bytes == stream->charged_bytes)
                return;
        bool less = bytes < stream->charged_bytes;
        rpc_peer_add_bytes(stream->server, stream->peer, (ssize_t)bytes - (ssize_t)stream->charged_bytes);
        stream->charged_bytes = bytes;
        if (less && !list_empty(&stream->server->starved))
                rpc_server_wake(stream->server);
}

void rpc_stream_finish(struct rpc_stream *stream) {
        if (!stream->finishing)
                list_insert(&stream->server->finished, &stream->finished);
        stream->finishing = true;
        rpc_server_wake(stream->server);
}

/* ---- buffers ---- */

static void drop_output(struct rpc_stream *stream) {
        struct leat_xdr_buffer *spare = &stream->server->spare_output;
        stream->output.size_bytes = stream->output_at = 0;
        if (!stream->output.bytes)
                return;
        if (spare->bytes || stream->output.room_bytes > SPARE_MOST)
                leat_xdr_buffer_free(&stream->output);
        else
                *spare = stream->output;
        stream->output = (struct leat_xdr_buffer){ 0 };
}

/* Room for more, at the place of what is gone where that is much. */
static int make_room(struct rpc_stream *stream, size_t size) {
        struct leat_xdr_buffer *output = &stream->output, *spare = &stream->server->spare_output;
        if (!output->bytes && spare->bytes) {
                *output = *spare;
                *spare = (struct leat_xdr_buffer){ 0 };
        }
        if (output->bytes && stream->output_at > output->size_bytes / 2) {
                size_t waiting = rpc_stream_waiting(stream);
                memmove(output->bytes, output->bytes + stream->output_at, waiting);
                output->size_bytes = waiting;
                stream->output_at = 0;
        }
        return leat_xdr_buffer_reserve(output, size);
}

static void append(struct leat_xdr_buffer *output, const void *bytes, size_t size) {
        memcpy(output->bytes + output->size_bytes, bytes, size);
        output->size_bytes += size;
}

/* ---- sending ---- */

/* Nobody takes it. The loop closes the connection when it hears of that. */
static void lose(struct rpc_stream *stream) {
        stream->is_lost = true;
        drop_output(stream);
        (void)shutdown(stream->watch.fd, SHUT_RDWR);
        rpc_stream_finish(stream);
}

static void watch_for_room(struct rpc_stream *stream, bool wanted) {
        if (rpc_watch_set(stream->server, &stream->watch, INPUT | (wanted ? (uint32_t)EPOLLOUT : 0)) < 0)
                lose(stream);
}

static void went(struct rpc_stream *stream) {
        bool none = rpc_stream_waiting(stream) == 0;
        if (none)
                drop_output(stream);
        watch_for_room(stream, !none);
        if (none && (stream->ended || stream->server->is_draining) && stream->requests == 0)
                rpc_stream_finish(stream);
}

void rpc_stream_flush(struct rpc_stream *stream) {
        while (!stream->is_lost && rpc_stream_waiting(stream) > 0) {
                ssize_t n = send(stream->watch.fd, stream->output.bytes + stream->output_at, rpc_stream_waiting(stream),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM) {
                        lose(stream);
                        return;
                }
                if (n < 0)
                        break;
                stream->output_at += (size_t)n;
        }
        if (!stream->is_lost)
                went(stream);
}

/* One that is large goes from where it was written; what of it does not go now is copied. Returns how much went. */
static size_t send_direct(struct rpc_stream *stream, uint8_t mark[RECORD_MARK_BYTES],
                          const struct leat_xdr_buffer *reply) {
        const struct iovec parts[2] = { { mark, RECORD_MARK_BYTES }, { reply->bytes, reply->size_bytes } };
        const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = 2 };
        if (reply->size_bytes < DIRECT_LEAST || rpc_stream_waiting(stream) > 0)
                return 0;
        ssize_t n = sendmsg(stream->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        return n > 0 ? (size_t)n : 0; /* of an error the next one tells */
}

static int put(struct rpc_stream *stream, const struct leat_xdr_buffer *reply) {
        uint8_t mark[RECORD_MARK_BYTES];
        record_put_mark(mark, reply->size_bytes);
        size_t gone = send_direct(stream, mark, reply), all = RECORD_MARK_BYTES + reply->size_bytes;
        if (gone == all)
                return 0;
        int r = make_room(stream, all - gone);
        if (r < 0) {
                lose(stream); /* an answer that nobody will give is not to be waited for */
                return r;
        }
        if (gone < RECORD_MARK_BYTES)
                append(&stream->output, mark + gone, RECORD_MARK_BYTES - gone);
        size_t at = gone > RECORD_MARK_BYTES ? gone - RECORD_MARK_BYTES : 0;
        append(&stream->output, reply->bytes + at, reply->size_bytes - at);
        return 0;
}

void rpc_stream_notify(struct rpc_stream *stream) {
        struct leat_xdr_buffer *output = &stream->output;
        const size_t size = RECORD_MARK_BYTES + COMPANION_NOTICE_BYTES;
        if (!stream->server->is_draining || !stream->greeted || stream->notified || stream->is_lost ||
            stream->is_shut || make_room(stream, size) < 0) /* it is told when something comes of it again */
                return;
        record_put_mark(output->bytes + output->size_bytes, COMPANION_NOTICE_BYTES);
        companion_write_notice(stream->greeting_xid, output->bytes + output->size_bytes + RECORD_MARK_BYTES);
        output->size_bytes += size;
        stream->notified = true;
}

int rpc_stream_reply(struct leat_rpc_request *request) {
        struct rpc_stream *stream = request->origin;
        if (stream->watch.fd < 0 || stream->is_lost)
                return -EPIPE;
        if (request->reply.size_bytes > RECORD_LARGEST)
                return -EMSGSIZE;
        int r = put(stream, &request->reply);
        if (r < 0)
                return -EPIPE;
        bool waits = rpc_server_is_runner(stream->server) && stream->collects;
        if (!waits || rpc_stream_waiting(stream) > COLLECTED_MOST)
                rpc_stream_flush(stream);
        if (!waits || stream->output.room_bytes > COLLECTED_MOST)
                rpc_stream_charge(stream);
        return 0;
}
