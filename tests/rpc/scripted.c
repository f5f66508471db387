/* SPDX-License-Identifier: MIT */
#include "scripted.h"

#include "harness.h"
#include "rpc/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat/xdr_code.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_tcp(char *ret_address, size_t size) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t bytes = sizeof(at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0);
        CHECK(getsockname(fd, (struct sockaddr *)&at, &bytes) == 0);
        snprintf(ret_address, size, "tcp:127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
        return fd;
}

static int listen_unix(char *ret_address, size_t size) {
        static unsigned number;
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(at.sun_path, sizeof(at.sun_path), "%s/s%u", harness_tmpdir(), number++);
        CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0);
        snprintf(ret_address, size, "unix:%s", at.sun_path);
        return fd;
}

static void *run(void *argument) {
        struct scripted *peer = argument;
        peer->script(peer);
        return NULL;
}

void scripted_begin(struct scripted *peer, bool tcp, void (*script)(struct scripted *peer)) {
        peer->fd = -1;
        peer->listener = tcp ? listen_tcp(peer->address, sizeof(peer->address))
                             : listen_unix(peer->address, sizeof(peer->address));
        peer->script = script;
        if (peer->window == 0)
                peer->window = 64;
        CHECK_EQ(pthread_create(&peer->thread, NULL, run, peer), 0);
}

void scripted_end(struct scripted *peer) {
        CHECK_EQ(pthread_join(peer->thread, NULL), 0);
        scripted_close(peer);
        close(peer->listener);
        free(peer->bytes);
        peer->bytes = NULL;
        peer->size_bytes = peer->room_bytes = 0;
}

void scripted_close(struct scripted *peer) {
        if (peer->fd >= 0)
                close(peer->fd);
        peer->fd = -1;
}

void scripted_accept(struct scripted *peer) {
        scripted_close(peer);
        peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(peer->fd >= 0);
}

/* ---- its parts ---- */

static void append(struct leat_xdr_buffer *buffer, const void *bytes, size_t size_bytes) {
        CHECK_EQ(leat_xdr_buffer_reserve(buffer, size_bytes), 0);
        if (size_bytes > 0)
                memcpy(buffer->bytes + buffer->size_bytes, bytes, size_bytes);
        buffer->size_bytes += size_bytes;
}

static void write_record(struct scripted *peer, struct leat_xdr_buffer *record) {
        scripted_write(peer, record->bytes, record->size_bytes);
        leat_xdr_buffer_free(record);
}

static void append_notice(const struct scripted *peer, struct leat_xdr_buffer *record) {
        uint8_t notice[RECORD_MARK_BYTES + COMPANION_NOTICE_BYTES];
        record_put_mark(notice, COMPANION_NOTICE_BYTES);
        companion_write_notice(peer->greeting_xid, notice + RECORD_MARK_BYTES);
        append(record, notice, sizeof(notice));
}

void scripted_notify(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 };
        append_notice(peer, &record);
        write_record(peer, &record);
}

/* ---- reading ---- */

static bool read_all(int fd, uint8_t *bytes, size_t size) {
        for (size_t at = 0; at < size;) {
                ssize_t n = recv(fd, bytes + at, size - at, 0);
                if (n <= 0)
                        return false;
                at += (size_t)n;
        }
        return true;
}

static bool read_record(struct scripted *peer) {
        uint8_t mark[4];
        if (!read_all(peer->fd, mark, sizeof(mark)))
                return false;
        uint32_t size = leat_xdr_get_32(mark);
        CHECK(size & RECORD_LAST); /* we send one fragment a record */
        peer->size_bytes = size & RECORD_LARGEST;
        if (peer->size_bytes > peer->room_bytes) {
                peer->bytes = realloc(peer->bytes, peer->size_bytes);
                peer->room_bytes = peer->size_bytes;
        }
        return read_all(peer->fd, peer->bytes, peer->size_bytes);
}

static void look_at_call(struct scripted *peer) {
        uint32_t auth;
        ssize_t n = rpc_call_decode(peer->bytes, peer->size_bytes, &peer->call, &auth);
        CHECK(n > 0);
        peer->arguments = peer->bytes + n;
        peer->arguments_bytes = peer->size_bytes - (size_t)n;
        peer->wrapped = peer->call.program == COMPANION_PROGRAM && peer->call.procedure == COMPANION_CALL;
        if (!peer->wrapped)
                return;
        CHECK_EQ(companion_take_context(peer->arguments, peer->arguments_bytes, &peer->context),
                 COMPANION_CONTEXT_BYTES);
        peer->arguments += COMPANION_CONTEXT_BYTES;
        peer->arguments_bytes -= COMPANION_CONTEXT_BYTES;
        peer->call.program = peer->context.program;
        peer->call.version = peer->context.version;
        peer->call.procedure = peer->context.procedure;
}

static bool is_own(const struct scripted *peer, enum companion_procedure procedure) {
        return peer->call.program == COMPANION_PROGRAM && peer->call.procedure == procedure && !peer->wrapped;
}

static void greet(struct scripted *peer) {
        const struct companion_greeted greeted = { .session = peer->session,
                                                   .server = { peer->instance },
                                                   .window = peer->window,
                                                   .largest_bytes = COMPANION_UNLIMITED,
                                                   .known = true };
        struct leat_xdr_buffer body = { 0 };
        struct companion_greeting greeting;
        CHECK(companion_take_greeting(peer->arguments, peer->arguments_bytes, &greeting) > 0);
        peer->greeted++;
        peer->greeting_xid = peer->call.xid;
        if (peer->session == 0) {
                scripted_reply(peer, LEAT_RPC_PROGRAM_UNAVAILABLE, NULL, 0);
                return;
        }
        CHECK_EQ(companion_put_greeted(&greeted, &body), 0);
        struct leat_xdr_buffer record = { 0 };
        scripted_make_reply(peer, peer->call.xid, LEAT_RPC_SUCCESS, body.bytes, body.size_bytes, &record);
        if (peer->notifies)
                append_notice(peer, &record);
        write_record(peer, &record);
        leat_xdr_buffer_free(&body);
}

bool scripted_read(struct scripted *peer) {
        for (;;) {
                if (!read_record(peer))
                        return false;
                look_at_call(peer);
                if (is_own(peer, COMPANION_GREET))
                        greet(peer);
                else if (is_own(peer, COMPANION_LEAVE))
                        peer->left++;
                else
                        return true;
        }
}

void scripted_expect(struct scripted *peer) {
        CHECK(scripted_read(peer));
}

void scripted_swallow(struct scripted *peer, size_t size_bytes) {
        uint8_t *bytes = malloc(size_bytes + 1);
        CHECK(bytes && read_all(peer->fd, bytes, size_bytes));
        free(bytes);
}

/* ---- answering ---- */

void scripted_write(struct scripted *peer, const void *bytes, size_t size_bytes) {
        const uint8_t *at = bytes;
        while (size_bytes > 0) {
                ssize_t n = send(peer->fd, at, size_bytes, MSG_NOSIGNAL);
                if (n <= 0)
                        return; /* the client is gone: it has what it wanted */
                at += n;
                size_bytes -= (size_t)n;
        }
}

static void make(struct scripted *peer, uint32_t xid, const struct companion_answer *answer, const void *body,
                 size_t body_bytes, struct leat_xdr_buffer *ret_record) {
        struct rpc_reply reply = { .xid = xid, .status = answer->status, .low = answer->low, .high = answer->high };
        ret_record->size_bytes = 0;
        append(ret_record, "\0\0\0", RECORD_MARK_BYTES);
        if (peer->wrapped)
                reply = (struct rpc_reply){ .xid = xid };
        CHECK_EQ(rpc_reply_encode(&reply, ret_record), 0);
        if (peer->wrapped)
                CHECK_EQ(companion_put_answer(answer, ret_record), 0);
        append(ret_record, body, body_bytes);
        record_put_mark(ret_record->bytes, ret_record->size_bytes - RECORD_MARK_BYTES);
}

void scripted_make_reply(struct scripted *peer, uint32_t xid, enum leat_rpc_status status, const void *body,
                         size_t body_bytes, struct leat_xdr_buffer *ret_record) {
        make(peer, xid, &(struct companion_answer){ .status = status, .low = 2, .high = 4 }, body, body_bytes,
             ret_record);
}

void scripted_reply(struct scripted *peer, enum leat_rpc_status status, const void *body, size_t body_bytes) {
        struct leat_xdr_buffer record = { 0 };
        scripted_make_reply(peer, peer->call.xid, status, body, body_bytes, &record);
        write_record(peer, &record);
}

void scripted_reply_next(struct scripted *peer) {
        uint8_t body[4];
        CHECK_EQ(peer->arguments_bytes, 4);
        leat_xdr_put_32(body, leat_xdr_get_32(peer->arguments) + 1);
        scripted_reply(peer, LEAT_RPC_SUCCESS, body, sizeof(body));
}

void scripted_outcome(struct scripted *peer, enum companion_outcome outcome) {
        struct leat_xdr_buffer record = { 0 };
        make(peer, peer->call.xid, &(struct companion_answer){ .outcome = outcome }, NULL, 0, &record);
        write_record(peer, &record);
}
