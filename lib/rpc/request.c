/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "rpc/rpc_auth.h"
#include "rpc/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A request: admitted, run, finished. Each step is the same for all that requests come from.
 *
 * Memory: requests are kept and used again, with the memory that they had for arguments and reply, as far as that is little. One of those that wait
 * may keep more: the one that was used last, so that who sends large requests one after the other finds it.
 */

#define REPLY_ROOM 512u /* of a reply from the beginning: a header always has room */
#define FREE_MOST 64u   /* requests that wait for use */
#define FREE_SMALL ((size_t)64 << 10)
#define FREE_LARGE ((size_t)4 << 20)
#define NULL_PROCEDURE 0u

/* ---- memory ---- */

static void destroy(struct leat_rpc_request *request) {
        leat_xdr_arena_free(&request->arena);
        leat_xdr_buffer_free(&request->reply);
        free(request);
}

static struct leat_rpc_request *make(struct leat_rpc_server *server) {
        struct leat_rpc_request *request = calloc(1, sizeof(*request));
        if (!request)
                return NULL;
        leat_xdr_arena_init(&request->arena, server->limits.bytes_max);
        return request;
}

static size_t memory_of(const struct leat_rpc_request *request) {
        return request->arena.spare_bytes + request->reply.room_bytes;
}

/* Large memory is kept by one at most. */
static void trim(struct leat_rpc_request *request, size_t most) {
        if (memory_of(request) <= most)
                return;
        leat_xdr_arena_free(&request->arena);
        if (request->reply.room_bytes > most / 2)
                leat_xdr_buffer_free(&request->reply);
}

void rpc_request_empty(struct leat_rpc_request *request) {
        leat_xdr_arena_reset(&request->arena);
        request->reply.size_bytes = 0;
        trim(request, FREE_LARGE);
}

static void put_to_free(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        if (server->free_requests_count >= FREE_MOST) {
                destroy(request);
                return;
        }
        rpc_request_empty(request);
        if (memory_of(request) > FREE_SMALL) {
                if (server->free_large)
                        trim(server->free_large, FREE_SMALL);
                server->free_large = request;
        }
        server->free_requests_count++;
        list_insert(server->free_requests.next, &request->node); /* the one that is still in the caches comes first */
}

static struct leat_rpc_request *take_free(struct leat_rpc_server *server) {
        if (list_empty(&server->free_requests))
                return make(server);
        struct leat_rpc_request *request = CONTAINER_OF(server->free_requests.next, struct leat_rpc_request, node);
        list_remove(&request->node);
        server->free_requests_count--;
        if (server->free_large == request)
                server->free_large = NULL;
        return request;
}

/* The address that it is sent from is long, and only its beginning says whether there is one. */
static void begin(struct leat_rpc_request *request) {
        request->from.ss_family = request->to_family = AF_UNSPEC;
        request->from_bytes = 0;
        request->about = (struct leat_message)LEAT_MESSAGE_INIT;
        request->about.flags = LEAT_WANTS_REPLY;
        request->about.deadline = request->deadline = LEAT_NEVER;
        request->bytes = request->arguments = NULL;
        request->size_bytes = request->arguments_bytes = 0;
        request->owned = request->entry = NULL;
        request->wrapped = request->counted = request->kept = request->called = request->later = false;
        request->header_known = false;
        request->session = NULL;
        atomic_store_explicit(&request->cancelled, false, memory_order_relaxed);
        request->service = NULL;
        request->procedure = NULL;
        request->argument = request->result = NULL;
        request->charged_bytes = 0;
        request->state = RPC_REQUEST_NEW;
        request->stand_in = NULL;
}

struct leat_rpc_request *rpc_request_new(struct leat_rpc_server *server, const struct rpc_source_kind *source,
                                         void *origin, struct rpc_peer *peer) {
        (void)pthread_mutex_lock(&server->lock);
        struct leat_rpc_request *request = take_free(server);
        if (request && leat_xdr_buffer_reserve(&request->reply, REPLY_ROOM) < 0) {
                destroy(request);
                request = NULL;
        }
        if (request)
                peer->references++;
        (void)pthread_mutex_unlock(&server->lock);
        if (!request)
                return NULL;
        begin(request);
        request->server = server;
        request->source = source;
        request->origin = origin;
        request->peer = peer;
        return request;
}

void rpc_requests_free(struct leat_rpc_server *server) {
        while (!list_empty(&server->free_requests)) {
                struct leat_rpc_request *request =
                        CONTAINER_OF(server->free_requests.next, struct leat_rpc_request, node);
                list_remove(&request->node);
                destroy(request);
        }
        server->free_requests_count = 0;
        server->free_large = NULL;
}

/* ---- limits ---- */

bool rpc_request_has_memory(const struct leat_rpc_server *server, const struct rpc_peer *peer) {
        const struct leat_rpc_server_options *limits = &server->limits;
        return server->info.bytes < limits->bytes_max && (!peer || peer->bytes < limits->peer_bytes_max);
}

bool rpc_request_has_room(const struct leat_rpc_server *server, const struct rpc_peer *peer) {
        const struct leat_rpc_server_options *limits = &server->limits;
        if (server->info.running >= limits->calls_max || (peer && peer->calls >= limits->peer_calls_max))
                return false;
        return rpc_request_has_memory(server, peer);
}

/* It runs, or waits to. */
void rpc_request_count(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        request->counted = true;
        list_insert(&server->running, &request->node);
        server->info.running++;
        request->peer->calls++;
}

/* It does not any more. Who was not read for want of room is looked at. */
static void count_out(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        bool had_room = rpc_request_has_room(server, request->peer);
        if (request->counted) {
                list_remove(&request->node);
                server->info.running--;
                request->peer->calls--;
        }
        if (request->charged_bytes > 0)
                rpc_peer_add_bytes(server, request->peer, -(ssize_t)request->charged_bytes);
        if (!had_room || server->is_draining)
                rpc_server_wake(server);
}

/* ---- the end of a request ---- */

void rpc_request_forget(struct leat_rpc_request *request) {
        if (request->source)
                request->source->release(request);
        if (request->stand_in)
                rpc_request_forget(TAKE(request->stand_in));
        count_out(request);
        free(request->owned);
        rpc_peer_leave(request->peer);
        if (request->later) /* whoever answered it has left the channel */
                (void)atomic_fetch_sub_explicit(&request->server->later, 1, memory_order_release);
        put_to_free(request);
}

void rpc_request_stand_in(struct leat_rpc_request *first, struct leat_rpc_request *again) {
        if (first->stand_in)
                rpc_request_forget(first->stand_in);
        first->stand_in = again;
        if (first->source)
                first->source->release(first);
        first->source = NULL;
        first->origin = NULL;
}

int rpc_request_copy(struct leat_rpc_request *request) {
        uint8_t *copy = malloc(request->size_bytes + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, request->bytes, request->size_bytes);
        request->bytes = request->owned = copy;
        return 0;
}

/* ---- what answers it ---- */

int rpc_request_write(struct leat_rpc_request *request, const struct companion_answer *answer) {
        struct rpc_reply reply = { .xid = request->call.xid, .status = answer->status };
        request->reply.size_bytes = 0;
        if (request->wrapped)
                reply.status = LEAT_RPC_SUCCESS;
        reply.low = answer->low;
        reply.high = answer->high;
        int r = rpc_reply_encode(&reply, &request->reply);
        if (r == 0 && request->wrapped)
                r = companion_put_answer(answer, &request->reply);
        if (r < 0)
                request->reply.size_bytes = 0;
        return r;
}

enum rpc_admission rpc_request_tell(struct leat_rpc_request *request, const struct companion_answer *answer) {
        return rpc_request_write(request, answer) == 0 ? RPC_ANSWER : RPC_DROP;
}

int rpc_request_write_again(struct leat_rpc_request *request, const void *bytes, size_t size_bytes) {
        request->reply.size_bytes = 0;
        int r = leat_xdr_buffer_reserve(&request->reply, size_bytes);
        if (r < 0)
                return r;
        memcpy(request->reply.bytes, bytes, size_bytes);
        request->reply.size_bytes = size_bytes;
        return 0;
}

int rpc_request_write_outcome(struct leat_rpc_request *request, enum companion_outcome outcome) {
        return rpc_request_write(request, &(struct companion_answer){ .outcome = outcome });
}

/* It is too large for where it goes: it ran, and failed for its caller. */
static int write_too_large(struct leat_rpc_request *request) {
        return rpc_request_write(request, &(struct companion_answer){ .status = LEAT_RPC_SYSTEM_ERROR });
}

int rpc_request_send(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        struct leat_rpc_request *place = request->stand_in ? request->stand_in : request;
        int r = -EPIPE;
        if (place != request) {
                struct leat_xdr_buffer written = request->reply;
                request->reply = place->reply;
                place->reply = written;
        }
        if (place->source && place->reply.size_bytes > 0) {
                leat_xdr_put_32(place->reply.bytes, place->call.xid);
                r = place->source->reply(place);
                if (r == -EMSGSIZE && write_too_large(place) == 0)
                        r = place->source->reply(place);
        }
        if (r == 0)
                server->info.replies++;
        else
                server->info.unanswered++;
        return r;
}

/* ---- who carries it out ---- */

/* The service for a call; or NULL, and in the answer why. */
static const struct leat_rpc_service *find_service(const struct leat_rpc_server *server, const struct rpc_call *call,
                                                   struct companion_answer *answer) {
        *answer = (struct companion_answer){ .status = LEAT_RPC_PROGRAM_UNAVAILABLE, .low = UINT32_MAX };
        for (size_t i = 0; i < server->services_count; i++) {
                const struct leat_rpc_program *program = server->services[i].program;
                if (program->number != call->program)
                        continue;
                if (program->version == call->version)
                        return &server->services[i];
                answer->status = LEAT_RPC_VERSION_MISMATCH;
                answer->low = program->version < answer->low ? program->version : answer->low;
                answer->high = program->version > answer->high ? program->version : answer->high;
        }
        return NULL;
}

/* Mostly they are numbered from 0 or 1 on without a gap. */
static const struct leat_rpc_procedure *find_procedure(const struct leat_rpc_program *program, uint32_t number) {
        const struct leat_rpc_procedure *procedures = program->procedures;
        for (uint32_t back = 0; back < 2; back++)
                if (number >= back && number - back < program->count && procedures[number - back].number == number)
                        return &procedures[number - back];
        for (uint32_t i = 0; i < program->count; i++)
                if (procedures[i].number == number)
                        return &procedures[i];
        return NULL;
}

/* Anybody may call procedure 0 to see that somebody is there (RFC 5531, section 12.2), if it takes and gives nothing. */
enum leat_rpc_status rpc_request_null_status(const struct leat_rpc_request *request) {
        if (request->call.procedure != NULL_PROCEDURE)
                return LEAT_RPC_PROCEDURE_UNAVAILABLE;
        return request->arguments_bytes > 0 ? LEAT_RPC_GARBAGE_ARGUMENTS : LEAT_RPC_SUCCESS;
}

enum leat_rpc_status rpc_request_resolve(struct leat_rpc_request *request, struct companion_answer *ret_answer) {
        request->service = find_service(request->server, &request->call, ret_answer);
        if (!request->service)
                return ret_answer->status;
        request->procedure = find_procedure(request->service->program, request->call.procedure);
        *ret_answer = (struct companion_answer){ .outcome = COMPANION_ANSWERED };
        ret_answer->status = request->procedure ? LEAT_RPC_SUCCESS : rpc_request_null_status(request);
        return ret_answer->status;
}

/* ---- admission ---- */

static enum rpc_admission deny(struct leat_rpc_request *request, enum leat_rpc_status status, uint32_t low,
                               uint32_t high) {
        return rpc_request_tell(request, &(struct companion_answer){ .status = status, .low = low, .high = high });
}

/* Its header. RPC_RUN: it is a call, of somebody who may. */
static enum rpc_admission admit_header(struct leat_rpc_request *request) {
        uint32_t auth = 0;
        ssize_t header = rpc_call_decode(request->bytes, request->size_bytes, &request->call, &auth);
        if (header == -EPROTONOSUPPORT)
                return deny(request, LEAT_RPC_RPC_MISMATCH, RPC_VERSION, RPC_VERSION);
        if (header == -EACCES)
                return deny(request, LEAT_RPC_AUTH_ERROR, auth, 0);
        if (header < 0)
                return RPC_DROP;
        request->arguments = request->bytes + header;
        request->arguments_bytes = request->size_bytes - (size_t)header;
        auth = rpc_auth_check(&request->call.credential);
        return auth == 0 ? RPC_RUN : deny(request, LEAT_RPC_AUTH_ERROR, auth, 0);
}

/* A call that came as it is. With the lock. */
static enum rpc_admission admit_plain(struct leat_rpc_request *request) {
        struct companion_answer answer;
        const struct rpc_source_kind *source = request->source;
        if (rpc_request_resolve(request, &answer) != LEAT_RPC_SUCCESS || !request->procedure)
                return rpc_request_tell(request, &answer);
        bool again = request->procedure->flags & LEAT_RPC_IDEMPOTENT || request->call.procedure == NULL_PROCEDURE;
        if (source->caches && (source->caches_all || !again) && request->call.procedure != NULL_PROCEDURE)
                return rpc_replies_admit(request);
        return RPC_RUN;
}

/* Of a channel: does somebody wait for it? */
static bool is_awaited(struct leat_rpc_request *request) {
        if (!request->source->carries_deadline)
                return true;
        request->deadline = request->about.deadline;
        return request->about.flags & LEAT_WANTS_REPLY &&
               (request->deadline == LEAT_NEVER || leat_now() < request->deadline);
}

/* With the lock. */
static enum rpc_admission admit(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        enum rpc_admission admission =
                request->call.program == COMPANION_PROGRAM ? rpc_companion_admit(request) : admit_plain(request);
        if (admission != RPC_RUN)
                return admission;
        rpc_request_count(request);
        request->about.deadline = request->deadline;
        request->state = server->pool ? RPC_REQUEST_QUEUED : RPC_REQUEST_RUNNING;
        if (!server->pool)
                server->info.calls++;
        return RPC_RUN;
}

/* With the lock: all that is not to be run. Was it answered? */
static bool dispose(struct leat_rpc_request *request, enum rpc_admission admission) {
        bool answered = false;
        if (admission == RPC_WAIT) /* it is another one's now */
                return false;
        if (admission == RPC_ANSWER)
                answered = rpc_request_send(request) == 0;
        else
                request->server->info.unanswered++;
        rpc_request_forget(request);
        return answered;
}

/* To the pool, or, if its message cannot be kept for that, here. */
static void start(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        if (server->pool && rpc_request_keep(request) == 0)
                rpc_pool_give(server->pool, request);
        else
                rpc_request_run(request);
}

void rpc_request_take(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        enum rpc_admission admission = is_awaited(request) ? admit_header(request) : RPC_DROP;
        bool answered = true;
        (void)pthread_mutex_lock(&server->lock);
        if (admission == RPC_RUN)
                admission = admit(request);
        if (admission != RPC_RUN)
                answered = dispose(request, admission);
        (void)pthread_mutex_unlock(&server->lock);
        server->answered += answered;
        if (admission == RPC_RUN)
                start(request);
}
