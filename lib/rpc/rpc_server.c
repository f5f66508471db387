/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "rpc/rpc_message.h"

#include <leat/xdr_code.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Each request is received, carried out and answered before the next one. Whatever a caller sends is answered by what RFC 5531 has for it, or, if
 * it is no call at all, by nothing. One arena has the arguments and what the handler makes of them, and is set back for the next request.
 */

#define TYPE_REPLY 1
#define REQUEST_FIRST ((size_t)64 << 10) /* of the place for requests; it grows with the first larger one */
#define NULL_PROCEDURE 0u
#define ARENA_KEPT                                                                                                     \
        ((size_t)4 << 20) /* of the memory of a request; a message may want 64 times its bytes, and that is not kept */
/* How long a caller that does not take its reply may hold up the others. */
#define REPLY_WAIT_S 5

struct leat_rpc_server {
        struct leat_channel *channel;
        struct leat_rpc_service *services;
        size_t services_count;
        struct rpc_place request;
        bool starved; /* the request that comes is larger than what there is memory for */
        struct leat_xdr_buffer reply;
        struct leat_xdr_arena arena;
        uint64_t unanswered; /* messages that were no calls, or whose reply could not be sent */
};

struct leat_rpc_request {
        struct leat_rpc_server *server;
        struct leat_message about;
        struct rpc_call call;
        const uint8_t *arguments;
        size_t arguments_bytes;
};

/* ---- life ---- */

struct leat_rpc_server *leat_rpc_server_free(struct leat_rpc_server *server) {
        if (!server)
                return NULL;
        leat_xdr_buffer_free(&server->reply);
        leat_xdr_arena_free(&server->arena);
        free(server->services);
        free(server->request.bytes);
        free(server);
        return NULL;
}

static void free_server_at(struct leat_rpc_server **server) {
        *server = leat_rpc_server_free(*server);
}

int leat_rpc_server_new(struct leat_channel *channel, struct leat_rpc_server **ret_server) {
        if (!channel || !ret_server)
                return -EINVAL;
        CLEANUP(free_server_at) struct leat_rpc_server *server = calloc(1, sizeof(*server));
        if (!server)
                return -ENOMEM;
        server->channel = channel;
        int r = rpc_place_make(&server->request, REQUEST_FIRST);
        if (r < 0)
                return r;
        *ret_server = TAKE(server);
        return 0;
}

int leat_rpc_server_add(struct leat_rpc_server *server, struct leat_rpc_service service) {
        const struct leat_rpc_program *program = service.program;
        if (!server || !program || !service.dispatch || !program->schema)
                return -EINVAL;
        if (program->schema->version != LEAT_XDR_SCHEMA)
                return -EPROTONOSUPPORT;
        for (size_t i = 0; i < server->services_count; i++) {
                const struct leat_rpc_program *other = server->services[i].program;
                if (other->number == program->number && other->version == program->version)
                        return -EEXIST;
        }
        struct leat_rpc_service *services = realloc(server->services, (server->services_count + 1) * sizeof(*services));
        if (!services)
                return -ENOMEM;
        services[server->services_count++] = service;
        server->services = services;
        return 0;
}

/* ---- who carries it out ---- */

/* The service for a call; or NULL, and in the reply why. */
static const struct leat_rpc_service *find_service(const struct leat_rpc_server *server, const struct rpc_call *call,
                                                   struct rpc_reply *reply) {
        reply->status = LEAT_RPC_PROGRAM_UNAVAILABLE;
        reply->low = UINT32_MAX;
        reply->high = 0;
        for (size_t i = 0; i < server->services_count; i++) {
                const struct leat_rpc_program *program = server->services[i].program;
                if (program->number != call->program)
                        continue;
                if (program->version == call->version)
                        return &server->services[i];
                reply->status = LEAT_RPC_VERSION_MISMATCH;
                reply->low = program->version < reply->low ? program->version : reply->low;
                reply->high = program->version > reply->high ? program->version : reply->high;
        }
        return NULL;
}

static const struct leat_rpc_procedure *find_procedure(const struct leat_rpc_program *program, uint32_t number) {
        for (uint32_t i = 0; i < program->count; i++)
                if (program->procedures[i].number == number)
                        return &program->procedures[i];
        return NULL;
}

/* A value of a type, cleared; NULL: no memory. Of void there is one, too: nobody looks at it. */
static void *make_value(struct leat_rpc_server *server, struct leat_xdr_type type) {
        size_t size = type.node != 0 ? leat_xdr_value_size(type) : 0;
        void *value = leat_xdr_arena_take(&server->arena, size + 1);
        return value ? memset(value, 0, size + 1) : NULL;
}

/* ---- carrying it out ---- */

/* Anybody may call procedure 0 to see that somebody is there (RFC 5531, section 12.2), if it takes and gives nothing. */
static enum leat_rpc_status answer_null(const struct leat_rpc_request *request) {
        if (request->call.procedure != NULL_PROCEDURE)
                return LEAT_RPC_PROCEDURE_UNAVAILABLE;
        return request->arguments_bytes > 0 ? LEAT_RPC_GARBAGE_ARGUMENTS : LEAT_RPC_SUCCESS;
}

/* The result behind the header that is written. */
static enum leat_rpc_status write_result(struct leat_rpc_server *server, struct leat_xdr_type type,
                                         const void *result) {
        if (type.node == 0)
                return LEAT_RPC_SUCCESS;
        int r = leat_xdr_encode(type, result, &server->reply, NULL);
        return r < 0 ? LEAT_RPC_SYSTEM_ERROR : LEAT_RPC_SUCCESS;
}

static enum leat_rpc_status carry_out(const struct leat_rpc_service *service, struct leat_rpc_request *request,
                                      const struct leat_rpc_procedure *procedure) {
        struct leat_rpc_server *server = request->server;
        struct leat_xdr_type argument_type = { service->program->schema, procedure->argument };
        struct leat_xdr_type result_type = { service->program->schema, procedure->result };
        void *argument = make_value(server, argument_type), *result = make_value(server, result_type);
        /* LEAT_RPC_SYSTEM_ERROR tells the caller that it ran. Up to here it did not, also if it is memory that is wanting: "the procedure can't
         * decode its parameters" (RFC 5531, section 9) is true of that as well. */
        if (!argument || !result)
                return LEAT_RPC_GARBAGE_ARGUMENTS;
        int r = leat_xdr_decode(argument_type, request->arguments, request->arguments_bytes, &server->arena, NULL,
                                argument, NULL);
        if (r < 0)
                return LEAT_RPC_GARBAGE_ARGUMENTS;
        uint32_t index = (uint32_t)(procedure - service->program->procedures);
        r = service->dispatch(index, service->functions, procedure->argument ? argument : NULL,
                              procedure->result ? result : NULL, request, service->userdata);
        if (r == -ENOSYS)
                return procedure->argument || procedure->result ? LEAT_RPC_PROCEDURE_UNAVAILABLE : answer_null(request);
        return r < 0 ? LEAT_RPC_SYSTEM_ERROR : write_result(server, result_type, result);
}

/* A reply's header, in the place of whatever was written. */
static int write_header(struct leat_rpc_server *server, const struct rpc_reply *reply) {
        server->reply.size_bytes = 0;
        return rpc_reply_encode(reply, &server->reply);
}

/* Write the whole reply: its header stands before the result, so one of success is written first, and, if it turns out to be none,
 * another in its place. Returns 0 or a negative errno. */
static int write_reply(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        struct rpc_reply reply = { .xid = request->call.xid, .status = LEAT_RPC_SUCCESS };
        int r = write_header(server, &reply);
        if (r < 0)
                return r;
        const struct leat_rpc_service *service = find_service(server, &request->call, &reply);
        if (service) {
                const struct leat_rpc_procedure *procedure = find_procedure(service->program, request->call.procedure);
                reply.status = procedure ? carry_out(service, request, procedure) : answer_null(request);
        }
        return reply.status == LEAT_RPC_SUCCESS ? 0 : write_header(server, &reply);
}

/* A call that was not even read. */
static int write_denied(struct leat_rpc_server *server, uint32_t xid, enum leat_rpc_status status, uint32_t low,
                        uint32_t high) {
        const struct rpc_reply reply = { .xid = xid, .status = status, .low = low, .high = high };
        return write_header(server, &reply);
}

/* ---- messages ---- */

static int send_reply(struct leat_rpc_request *request, int64_t deadline) {
        const struct leat_xdr_buffer *reply = &request->server->reply;
        return leat_reply(request->server->channel, &request->about, TYPE_REPLY, reply->bytes, reply->size_bytes,
                          deadline);
}

/* Returns 1; 0: nobody took it; -ECANCELED: an interrupt came while it went out. */
static int reply_to(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        int64_t deadline = leat_in_s(REPLY_WAIT_S);
        int r = send_reply(request, deadline);
        bool interrupted = r == -ECANCELED;
        if (interrupted)
                r = send_reply(request, deadline);
        if (r == -EMSGSIZE && write_denied(server, request->call.xid, LEAT_RPC_SYSTEM_ERROR, 0, 0) == 0)
                r = send_reply(request, deadline);
        if (r < 0)
                server->unanswered++;
        return interrupted ? -ECANCELED : r == 0;
}

/* Write what answers the message. Returns 0; a negative errno: nothing does. */
static int answer(struct leat_rpc_request *request, size_t size) {
        struct leat_rpc_server *server = request->server;
        uint32_t auth = 0;
        ssize_t header = rpc_call_decode(server->request.bytes, size, &request->call, &auth);
        if (header == -EPROTONOSUPPORT)
                return write_denied(server, request->call.xid, LEAT_RPC_RPC_MISMATCH, RPC_VERSION, RPC_VERSION);
        if (header == -EACCES)
                return write_denied(server, request->call.xid, LEAT_RPC_AUTH_ERROR, auth, 0);
        if (header < 0)
                return (int)header;
        request->arguments = server->request.bytes + header;
        request->arguments_bytes = size - (size_t)header;
        return write_reply(request);
}

/* One message, whatever its size: the channel keeps one that does not fit until there is room. */
static ssize_t receive(struct leat_rpc_server *server, int64_t deadline, struct leat_message *ret_about) {
        while (true) {
                ssize_t n = leat_receive(server->channel, LEAT_ANY, server->request.bytes, server->request.room_bytes,
                                         deadline, ret_about);
                if (n != -EMSGSIZE || ret_about->size_bytes <= server->request.room_bytes)
                        return n;
                int r = rpc_place_make(&server->request, ret_about->size_bytes);
                server->starved = r < 0;
                if (r < 0)
                        return r;
        }
}

/* The request is over, and what it had in memory. */
static void forget(struct leat_rpc_server *server) {
        leat_xdr_arena_reset(&server->arena);
        if (server->arena.spare_bytes > ARENA_KEPT)
                leat_xdr_arena_free(&server->arena);
}

int leat_rpc_server_step(struct leat_rpc_server *server, int64_t deadline) {
        if (!server)
                return -EINVAL;
        struct leat_rpc_request request = { .server = server, .about = LEAT_MESSAGE_INIT };
        server->starved = false;
        ssize_t n = receive(server, deadline, &request.about);
        if (n == -EBADMSG || n == -EPROTONOSUPPORT) { /* a peer was cut off; the others are there */
                server->unanswered++;
                return 0;
        }
        if (n < 0)
                return (int)n;
        bool waits = request.about.flags & LEAT_WANTS_REPLY &&
                     (request.about.deadline == LEAT_NEVER || leat_now() < request.about.deadline);
        int r = waits ? answer(&request, (size_t)n) : -ETIMEDOUT;
        forget(server);
        if (r == 0)
                return reply_to(&request);
        server->unanswered++;
        return 0;
}

static bool listens(const struct leat_rpc_server *server) {
        struct leat_info info = LEAT_INFO_INIT;
        return leat_channel_info(server->channel, &info) == 0 && info.owner.known && info.owner.pid == getpid();
}

/* Will there be no more? One that listens is told once that its last caller went, and waits for the next. */
static bool end_is_final(struct leat_rpc_server *server, int *ret_step) {
        if (listens(server))
                return false;
        /* Whoever is told each time is told again at once. */
        *ret_step = leat_rpc_server_step(server, LEAT_NOW);
        return *ret_step == -ENODATA;
}

/*
 * There is no room for another caller, in descriptors or for the memory that it shares: that ends nothing for those that are there. One that listens is
 * told once of each that comes or waits in vain; so that is no circle, however often it comes. Anything else that is said twice running would be, and so
 * is memory for a request that stays where it is.
 */
static bool is_passing(const struct leat_rpc_server *server, int error, int previous) {
        static const int shortages[] = { -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS, -ENOSPC, -EFBIG };
        for (size_t i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++)
                if (error == shortages[i])
                        return error != previous || (!server->starved && listens(server));
        return false;
}

int leat_rpc_server_run(struct leat_rpc_server *server, int64_t deadline) {
        int r = 0, previous = 0;
        while (r >= 0) {
                r = leat_rpc_server_step(server, deadline);
                int told = r, next = 0;
                if (r == -ENODATA) {
                        if (end_is_final(server, &next))
                                return r;
                        r = next == -EAGAIN ? 0 : next;
                } else if (is_passing(server, r, previous)) {
                        r = 0;
                }
                previous = told;
        }
        return r;
}

uint64_t leat_rpc_server_unanswered(const struct leat_rpc_server *server) {
        return server ? server->unanswered : 0;
}

/* ---- what a handler may ask ---- */

struct leat_xdr_arena *leat_rpc_request_arena(struct leat_rpc_request *request) {
        return &request->server->arena;
}

int64_t leat_rpc_request_deadline(const struct leat_rpc_request *request) {
        return request->about.deadline;
}

const struct leat_message *leat_rpc_request_message(const struct leat_rpc_request *request) {
        return &request->about;
}
