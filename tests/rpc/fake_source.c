/* SPDX-License-Identifier: MIT */
#include "fake_source.h"

#include "bytes.h"
#include "schemas.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define XID 0x77000000u

/* ---- the program ---- */

static const struct leat_rpc_procedure procedures[] = {
        [FAKE_ADD] = { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "ADD" },
        [FAKE_LATER] = { .number = 2, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "LATER" },
        [FAKE_TEXT] = { .number = 3, .argument = NODE_UNSIGNED, .result = NODE_STRING, .name = "TEXT" },
        [FAKE_TWICE] = { .number = 4,
                         .flags = LEAT_RPC_IDEMPOTENT,
                         .argument = NODE_UNSIGNED,
                         .result = NODE_UNSIGNED,
                         .name = "TWICE" },
        [FAKE_NOTHING] = { .number = 5, .argument = NODE_UNSIGNED, .name = "NOTHING" },
};
static const struct leat_rpc_program program = { "FAKE", FAKE_PROGRAM, 1, FAKE_PROCEDURES, procedures, &schemas };

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        struct fake_work *work = userdata;
        const uint32_t *number = argument;
        (void)functions;
        work->ran++;
        work->cancelled = leat_rpc_request_is_cancelled(request);
        work->deadline = leat_rpc_request_deadline(request);
        work->caller = (struct leat_rpc_caller){ .size = sizeof(work->caller) };
        CHECK_EQ(leat_rpc_request_caller(request, &work->caller), 0);
        switch (index) {
        case FAKE_ADD:
                work->sum += *number;
                *(uint32_t *)result = work->sum;
                return 0;
        case FAKE_LATER:
                work->request = request;
                work->result = result;
                return LEAT_RPC_LATER;
        case FAKE_TEXT:
                return schemas_answer_text(*number, result, request);
        case FAKE_TWICE:
                *(uint32_t *)result = 2 * *number;
                return 0;
        default:
                CHECK_EQ(index, FAKE_NOTHING);
                return *number == 0 ? -ENOSYS : -EIO;
        }
}

struct leat_rpc_server *fake_server(const struct leat_rpc_server_options *options, struct fake_work *work) {
        struct leat_rpc_server *server = NULL;
        CHECK_EQ(leat_rpc_server_create(options, &server), 0);
        const struct leat_rpc_service service = { .program = &program, .dispatch = dispatch, .userdata = work };
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        return server;
}

/* ---- the source ---- */

static int reply(struct leat_rpc_request *request) {
        struct fake *fake = request->origin;
        if (fake->gone)
                return -EPIPE;
        if (fake->largest_bytes > 0 && request->reply.size_bytes > fake->largest_bytes)
                return -EMSGSIZE;
        fake->replies++;
        fake->reply_bytes = request->reply.size_bytes;
        size_t told = fake->reply_bytes < sizeof(fake->reply) ? fake->reply_bytes : sizeof(fake->reply);
        memcpy(fake->reply, request->reply.bytes, told);
        return 0;
}

static void release(struct leat_rpc_request *request) {
        struct fake *fake = request->origin;
        fake->released++;
        CHECK(fake->released <= fake->taken);
}

static int keep(struct leat_rpc_request *request) {
        CHECK_EQ(rpc_request_copy(request), 0);
        return 0;
}

static int keep_nothing(struct leat_rpc_request *request) {
        (void)request;
        return -ENOMEM;
}

static void caller(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller) {
        const struct fake *fake = request->origin;
        (void)snprintf(ret_caller->address, sizeof(ret_caller->address), "fake:%u", fake->port);
}

const struct rpc_source_kind fake_plain = { reply, release, keep, caller, false, false, false };
const struct rpc_source_kind fake_udp = { reply, release, keep, caller, true, true, false };
const struct rpc_source_kind fake_tcp = { reply, release, keep, caller, true, false, false };
const struct rpc_source_kind fake_unkept = { reply, release, keep_nothing, caller, false, false, false };

static struct sockaddr_in address_of(uint32_t address, uint16_t port) {
        return (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(address) };
}

void fake_init(struct fake *fake, struct leat_rpc_server *server, const struct rpc_source_kind *kind, uint32_t address,
               uint16_t port) {
        struct sockaddr_storage name = { 0 };
        const struct sockaddr_in at = address_of(address, port);
        uint8_t key[24];
        memcpy(&name, &at, sizeof(at));
        rpc_peer_key_of(&name, NULL, key);
        *fake = (struct fake){ .server = server, .kind = kind, .port = port };
        (void)pthread_mutex_lock(&server->lock);
        fake->peer = rpc_peer_enter(server, key);
        (void)pthread_mutex_unlock(&server->lock);
        CHECK(fake->peer);
}

void fake_init_apart(struct fake *fake, const struct fake *from, uint16_t port) {
        uint32_t address = 0xc0000201;
        fake_init(fake, from->server, from->kind, address, port);
        while (rpc_peer_group(fake->peer) == rpc_peer_group(from->peer)) {
                fake_end(fake);
                fake_init(fake, from->server, from->kind, ++address, port);
        }
}

void fake_end(struct fake *fake) {
        CHECK_EQ(fake->released, fake->taken);
        (void)pthread_mutex_lock(&fake->server->lock);
        rpc_peer_leave(fake->peer);
        (void)pthread_mutex_unlock(&fake->server->lock);
}

void fake_give(struct fake *fake, const void *bytes, size_t size_bytes) {
        struct leat_rpc_request *request = rpc_request_new(fake->server, fake->kind, fake, fake->peer);
        uint8_t *given = exact(bytes, size_bytes);
        CHECK(request);
        const struct sockaddr_in from = address_of(0x7f000001, fake->port);
        if (fake->port != 0) {
                memcpy(&request->from, &from, sizeof(from));
                request->from_bytes = sizeof(from);
        }
        (void)pthread_mutex_lock(&fake->server->lock);
        fake->taken++;
        (void)pthread_mutex_unlock(&fake->server->lock);
        request->bytes = given;
        request->size_bytes = size_bytes;
        rpc_request_take(request);
        free(given);
}

void fake_call(struct fake *fake, uint32_t xid, uint32_t program_number, uint32_t version, uint32_t procedure,
               const void *arguments, size_t arguments_bytes) {
        struct leat_xdr_buffer buffer = { 0 };
        const struct rpc_call call = {
                .xid = xid, .program = program_number, .version = version, .procedure = procedure
        };
        CHECK_EQ(rpc_call_encode(&call, &buffer), 0);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, arguments_bytes), 0);
        if (arguments_bytes > 0)
                memcpy(buffer.bytes + buffer.size_bytes, arguments, arguments_bytes);
        fake_give(fake, buffer.bytes, buffer.size_bytes + arguments_bytes);
        leat_xdr_buffer_free(&buffer);
}

void fake_add(struct fake *fake, uint32_t xid, uint32_t number) {
        uint8_t argument[4];
        leat_xdr_put_32(argument, number);
        fake_call(fake, xid, FAKE_PROGRAM, 1, procedures[FAKE_ADD].number, argument, sizeof(argument));
}

#define REPLY_HEADER 24u

enum leat_rpc_status fake_status(struct fake *fake, uint32_t xid) {
        struct rpc_reply header;
        if (fake->reply_bytes == 0)
                return LEAT_RPC_NO_REPLY;
        CHECK(rpc_reply_decode(fake->reply, fake->reply_bytes, &header) > 0);
        CHECK_EQ(header.xid, xid);
        fake->reply_bytes = 0;
        return header.status;
}

uint32_t fake_result(const struct fake *fake) {
        return leat_xdr_get_32(fake->reply + REPLY_HEADER);
}

/* ---- as a client of Leat ---- */

struct companion_greeted fake_greet(struct fake *fake, uint64_t id) {
        struct leat_xdr_buffer buffer = { 0 };
        struct companion_greeting greeting = { 0 };
        struct companion_greeted greeted = { 0 };
        memcpy(greeting.client, &id, sizeof(id));
        CHECK_EQ(companion_put_greeting(&greeting, &buffer), 0);
        fake->reply_bytes = 0;
        fake_call(fake, XID, COMPANION_PROGRAM, COMPANION_VERSION, COMPANION_GREET, buffer.bytes, buffer.size_bytes);
        leat_xdr_buffer_free(&buffer);
        size_t size = fake->reply_bytes;
        if (fake_status(fake, XID) == LEAT_RPC_SUCCESS)
                CHECK(companion_take_greeted(fake->reply + REPLY_HEADER, size - REPLY_HEADER, &greeted) > 0);
        return greeted;
}

struct fake_answer fake_answer(struct fake *fake) {
        struct fake_answer told = { .none = fake->reply_bytes == 0 };
        struct rpc_reply header;
        if (told.none)
                return told;
        ssize_t at = rpc_reply_decode(fake->reply, fake->reply_bytes, &header);
        CHECK(at > 0);
        CHECK_EQ(header.xid & 0xff000000, XID);
        size_t size = fake->reply_bytes;
        fake->reply_bytes = 0;
        if (header.status != LEAT_RPC_SUCCESS) { /* of the companion itself */
                told.answer.outcome = COMPANION_OUTCOMES;
                told.answer.status = header.status;
                return told;
        }
        ssize_t more = companion_take_answer(fake->reply + at, size - (size_t)at, &told.answer);
        CHECK(more > 0);
        told.result_bytes = size - (size_t)(at + more);
        if (told.result_bytes >= 4)
                told.result = leat_xdr_get_32(fake->reply + at + more);
        return told;
}

struct fake_answer fake_ask_with(struct fake *fake, const struct companion_context *context, uint32_t number) {
        uint8_t arguments[COMPANION_CONTEXT_BYTES + 4];
        static uint32_t xid; /* another one each time: the reply has that of who asked last */
        companion_write_context(context, arguments);
        leat_xdr_put_32(arguments + COMPANION_CONTEXT_BYTES, number);
        fake->reply_bytes = 0;
        fake_call(fake, XID + (++xid & 0xffffff), COMPANION_PROGRAM, COMPANION_VERSION, COMPANION_CALL, arguments,
                  sizeof(arguments));
        if (fake->reply_bytes > 0)
                CHECK_EQ(leat_xdr_get_32(fake->reply), XID + (xid & 0xffffff));
        return fake_answer(fake);
}

struct fake_answer fake_ask(struct fake *fake, uint64_t session, uint64_t sequence, uint64_t acknowledged,
                            uint32_t procedure, uint32_t number) {
        const struct companion_context context = { .session = session,
                                                   .sequence = sequence,
                                                   .acknowledged = acknowledged,
                                                   .left_ns = COMPANION_FOREVER,
                                                   .program = FAKE_PROGRAM,
                                                   .version = 1,
                                                   .procedure = procedures[procedure].number };
        return fake_ask_with(fake, &context, number);
}

void fake_cancel(struct fake *fake, uint64_t session, uint64_t sequence, uint32_t xid) {
        struct leat_xdr_buffer buffer = { 0 };
        const struct companion_cancel cancel = { session, sequence, xid };
        CHECK_EQ(companion_put_cancel(&cancel, &buffer), 0);
        fake_call(fake, XID, COMPANION_PROGRAM, COMPANION_VERSION, COMPANION_CANCEL, buffer.bytes, buffer.size_bytes);
        leat_xdr_buffer_free(&buffer);
        CHECK_EQ(fake_status(fake, XID), LEAT_RPC_SUCCESS);
}

void fake_leave(struct fake *fake, uint64_t session) {
        struct leat_xdr_buffer buffer = { 0 };
        CHECK_EQ(companion_put_leave(session, &buffer), 0);
        fake_call(fake, XID, COMPANION_PROGRAM, COMPANION_VERSION, COMPANION_LEAVE, buffer.bytes, buffer.size_bytes);
        leat_xdr_buffer_free(&buffer);
        CHECK_EQ(fake_status(fake, XID), LEAT_RPC_SUCCESS);
}

struct leat_rpc_server_info fake_info(struct leat_rpc_server *server) {
        struct leat_rpc_server_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_server_info(server, &info), 0);
        return info;
}
