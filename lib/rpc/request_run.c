/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "base/rare.h"
#include "rpc/rpc_auth.h"
#include "rpc/session.h"
#include "rpc/xdr_wire.h"

#include <errno.h>
#include <string.h>

/* A request that was admitted: its handler is called, its reply written, sent and kept. And what a handler may ask. */

#define RPC_CALL_HEADER_BYTES 40u    /* of a call without a credential */
#define RPC_SUCCESS_HEADER_BYTES 24u /* of a reply, without a verifier */

/* ---- the reply ---- */

/* Its handler is done, and has returned r. */
static enum leat_rpc_status write_reply(struct leat_rpc_request *request, int r) {
        struct companion_answer answer = { .outcome = COMPANION_ANSWERED, .status = LEAT_RPC_SYSTEM_ERROR };
        const struct leat_xdr_type result = { request->service->program->schema, request->procedure->result };
        bool is_null = request->procedure->argument == 0 && request->procedure->result == 0;
        if (r == -ENOSYS)
                answer.status = is_null ? rpc_request_null_status(request) : LEAT_RPC_PROCEDURE_UNAVAILABLE;
        else if (r >= 0)
                answer.status = LEAT_RPC_SUCCESS;
        (void)rpc_request_write(request, &answer);
        if (r < 0 || result.node == 0 || leat_xdr_encode(result, request->result, &request->reply, NULL) == 0)
                return answer.status;
        answer.status = LEAT_RPC_SYSTEM_ERROR;
        (void)rpc_request_write(request, &answer);
        return answer.status;
}

/* What is written is kept for who asks again, and sent. With the lock. */
static int finish(struct leat_rpc_request *request, bool ran) {
        if (!request->called)
                request->server->info.calls--;
        if (request->session)
                rpc_session_finish(request, ran);
        else if (request->entry)
                rpc_replies_finish(request, ran);
        int r = rpc_request_send(request);
        rpc_request_forget(request);
        return r;
}

static int finish_with(struct leat_rpc_request *request, bool ran) {
        struct leat_rpc_server *server = request->server;
        (void)pthread_mutex_lock(&server->lock);
        int r = finish(request, ran);
        (void)pthread_mutex_unlock(&server->lock);
        return r;
}

/* Its handler is done, and has returned r: it is answered, and over. */
static int complete(struct leat_rpc_request *request, int r) {
        enum leat_rpc_status status = write_reply(request, r);
        return finish_with(request, status == LEAT_RPC_SUCCESS || status == LEAT_RPC_SYSTEM_ERROR);
}

/* ---- carrying it out ---- */

/* A value of a type, cleared if nothing else fills it; NULL: no memory. Of void there is one, too: nobody looks at it. */
static void *make_value(struct leat_rpc_request *request, struct leat_xdr_type type, bool clear) {
        size_t size = type.node != 0 ? leat_xdr_value_size(type) : 0;
        void *value = leat_xdr_arena_take(&request->arena, size + 1);
        return value && clear ? memset(value, 0, size + 1) : value;
}

/*
 * LEAT_RPC_SYSTEM_ERROR tells the caller that it ran. Up to here it did not, also if it is memory that is wanting: "the procedure can't decode its
 * parameters" (RFC 5531, section 9) is true of that as well.
 */
static bool read_argument(struct leat_rpc_request *request) {
        const struct leat_xdr_schema *schema = request->service->program->schema;
        const struct leat_xdr_type argument = { schema, request->procedure->argument };
        const struct leat_xdr_type result = { schema, request->procedure->result };
        if (argument.node == 0 && request->arguments_bytes > 0)
                return false;
        request->argument = argument.node ? make_value(request, argument, false) : NULL;
        request->result = result.node ? make_value(request, result, true) : NULL;
        if ((argument.node && !request->argument) || (result.node && !request->result))
                return false;
        return argument.node == 0 || leat_xdr_decode(argument, request->arguments, request->arguments_bytes,
                                                     &request->arena, NULL, request->argument, NULL) == 0;
}

USUAL int call_handler(struct leat_rpc_request *request) {
        const struct leat_rpc_service *service = request->service;
        uint32_t index = (uint32_t)(request->procedure - service->program->procedures);
        request->called = true;
        return service->dispatch(index, service->functions, request->argument, request->result, request,
                                 service->userdata);
}

/* Is it still wanted? Only a wrapped one can be told why not. With the lock. */
static bool is_wanted(struct leat_rpc_request *request, enum companion_outcome *ret_outcome) {
        bool expired = request->deadline != LEAT_NEVER && leat_now() >= request->deadline;
        *ret_outcome = expired ? COMPANION_EXPIRED : COMPANION_CANCELLED;
        return !expired && !atomic_load_explicit(&request->cancelled, memory_order_relaxed);
}

/* Of the pool: it has waited for its turn. Returns false: it was not wanted any more, and is over. */
static bool begin(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        enum companion_outcome outcome;
        if (request->state != RPC_REQUEST_QUEUED)
                return true;
        (void)pthread_mutex_lock(&server->lock);
        bool wanted = is_wanted(request, &outcome);
        server->info.calls++;
        request->state = RPC_REQUEST_RUNNING;
        if (!wanted) {
                request->reply.size_bytes = 0;
                if (request->session)
                        rpc_session_refuse(request, outcome);
                if (request->wrapped)
                        (void)rpc_request_write_outcome(request, outcome);
                (void)finish(request, false);
        }
        (void)pthread_mutex_unlock(&server->lock);
        return wanted;
}

/* What it has in memory is its peer's, from here on. With the lock. */
static void charge(struct leat_rpc_request *request, size_t bytes) {
        rpc_peer_add_bytes(request->server, request->peer, (ssize_t)bytes);
        request->charged_bytes += bytes;
}

/* The message has another place, perhaps. */
static void rebase(struct leat_rpc_request *request, const uint8_t *before) {
        if (request->bytes == before)
                return;
        request->arguments = request->bytes + (request->arguments - before);
        request->call.credential.bytes = request->bytes + (request->call.credential.bytes - before);
        request->call.verifier.bytes = request->bytes + (request->call.verifier.bytes - before);
}

int rpc_request_keep(struct leat_rpc_request *request) {
        const uint8_t *before = request->bytes;
        if (request->kept)
                return 0;
        int r = request->source->keep(request);
        if (r < 0)
                return r;
        (void)pthread_mutex_lock(&request->server->lock); /* another thread may ask who calls */
        rebase(request, before);
        charge(request, request->size_bytes);
        (void)pthread_mutex_unlock(&request->server->lock);
        request->kept = true;
        return 0;
}

/* Without memory for it, which is told only where no argument points there: who calls is not known any more. With the lock. */
static void lose_message(struct leat_rpc_request *request) {
        request->bytes = NULL;
        request->size_bytes = 0;
        request->call.credential = request->call.verifier = (struct rpc_auth){ 0 };
}

/*
 * Its handler has returned LEAT_RPC_LATER. Whoever has the request may answer it before that, in another thread: then it is finished here (true).
 * What it has in memory counts for its peer from here on.
 */
static bool was_answered(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        bool lost = rpc_request_keep(request) < 0;
        (void)pthread_mutex_lock(&server->lock);
        if (lost)
                lose_message(request);
        bool answered = request->state == RPC_REQUEST_ANSWERED;
        if (!answered) {
                request->state = RPC_REQUEST_LATER;
                request->later = true;
                (void)atomic_fetch_add_explicit(&server->later, 1, memory_order_relaxed);
                charge(request, request->arena.taken_bytes);
        }
        (void)pthread_mutex_unlock(&server->lock);
        return answered;
}

void rpc_request_run(struct leat_rpc_request *request) {
        if (!begin(request))
                return;
        if (!read_argument(request)) {
                const struct companion_answer garbage = { .status = LEAT_RPC_GARBAGE_ARGUMENTS };
                (void)rpc_request_write(request, &garbage);
                (void)finish_with(request, false);
                return;
        }
        int r = call_handler(request);
        if (r != LEAT_RPC_LATER)
                (void)complete(request, r);
        else if (was_answered(request))
                (void)complete(request, request->error);
}

/* ---- the short way ---- */

static void count_up(_Atomic uint64_t *counter) {
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Is its header that of the call before, but for the xid? Then what that said is known. */
static bool recognize(struct leat_rpc_request *request) {
        const struct leat_rpc_server *server = request->server;
        const uint8_t *bytes = request->bytes;
        if (!request->header_known || request->size_bytes < RPC_CALL_HEADER_BYTES ||
            request->header_service >= server->services_count ||
            memcmp(bytes + UNIT, request->header, sizeof(request->header)) != 0)
                return false;
        request->service = &server->services[request->header_service];
        request->call.xid = leat_xdr_get_32(bytes);
        request->call.credential.bytes = request->call.verifier.bytes = bytes + RPC_CALL_HEADER_BYTES;
        request->arguments = bytes + RPC_CALL_HEADER_BYTES;
        request->arguments_bytes = request->size_bytes - RPC_CALL_HEADER_BYTES;
        return true;
}

/* Is it a call of a procedure that is there, of somebody who may, without anything around it? */
static bool is_usual(struct leat_rpc_request *request) {
        struct companion_answer answer;
        uint32_t auth;
        ssize_t header = rpc_call_decode(request->bytes, request->size_bytes, &request->call, &auth);
        if (header < 0 || rpc_auth_check(&request->call.credential) != 0 ||
            request->call.program == COMPANION_PROGRAM || rpc_request_resolve(request, &answer) != LEAT_RPC_SUCCESS ||
            !request->procedure)
                return false;
        request->arguments = request->bytes + header;
        request->arguments_bytes = request->size_bytes - (size_t)header;
        request->header_known = header == (ssize_t)RPC_CALL_HEADER_BYTES;
        if (request->header_known)
                memcpy(request->header, request->bytes + UNIT, sizeof(request->header));
        request->header_service = (size_t)(request->service - request->server->services);
        return true;
}

static enum leat_rpc_status write_success(struct leat_rpc_request *request, int r) {
        static const uint8_t success[RPC_SUCCESS_HEADER_BYTES] = { 0, 0, 0, 0, 0, 0, 0, 1 };
        const struct leat_xdr_type result = { request->service->program->schema, request->procedure->result };
        struct leat_xdr_buffer *reply = &request->reply;
        if (r < 0)
                return write_reply(request, r);
        memcpy(reply->bytes, success, sizeof(success)); /* there is room for a header from the first */
        leat_xdr_put_32(reply->bytes, request->call.xid);
        reply->size_bytes = sizeof(success);
        if (result.node == 0 || leat_xdr_encode(result, request->result, reply, NULL) == 0)
                return LEAT_RPC_SUCCESS;
        return write_reply(request, r);
}

/* Its handler has said LEAT_RPC_LATER: from here on it is one like others. */
static void go_the_long_way(struct leat_rpc_request *request) {
        (void)pthread_mutex_lock(&request->server->lock);
        rpc_request_count(request);
        (void)pthread_mutex_unlock(&request->server->lock);
        if (was_answered(request))
                (void)complete(request, request->error);
}

enum rpc_served rpc_request_serve(struct leat_rpc_request *request) {
        struct leat_rpc_server *server = request->server;
        request->deadline = request->about.deadline;
        if (!recognize(request) && !is_usual(request))
                return RPC_UNUSUAL;
        if (!read_argument(request)) {
                leat_xdr_arena_reset(&request->arena);
                request->argument = request->result = NULL;
                return RPC_UNUSUAL;
        }
        request->state = RPC_REQUEST_RUNNING;
        count_up(&server->quick_calls);
        atomic_store_explicit(&server->quick_running, 1, memory_order_relaxed);
        int r = call_handler(request);
        atomic_store_explicit(&server->quick_running, 0, memory_order_relaxed);
        if (r == LEAT_RPC_LATER) {
                go_the_long_way(request);
                return RPC_GONE;
        }
        (void)write_success(request, r);
        count_up(&server->quick_replies); /* before its caller knows */
        return RPC_SERVED;
}

bool rpc_request_again(struct leat_rpc_request *request, bool sent) {
        struct leat_rpc_server *server = request->server;
        if (sent) {
                if (request->arena.blocks) /* of the handler's alone, too */
                        rpc_request_empty(request);
                request->argument = request->result = NULL;
                request->called = false;
                request->state = RPC_REQUEST_NEW;
                return true;
        }
        (void)pthread_mutex_lock(&server->lock);
        atomic_fetch_sub_explicit(&server->quick_replies, 1, memory_order_relaxed); /* it is counted there */
        (void)rpc_request_send(request);
        rpc_request_forget(request);
        (void)pthread_mutex_unlock(&server->lock);
        return false;
}

int leat_rpc_request_answer(struct leat_rpc_request *request, int error) {
        struct leat_rpc_server *server = request ? request->server : NULL;
        if (!server || error > 0)
                return -EINVAL;
        if (!fork_owns(&server->member))
                return -ECHILD;
        (void)pthread_mutex_lock(&server->lock);
        bool early = request->state == RPC_REQUEST_RUNNING, later = request->state == RPC_REQUEST_LATER;
        if (early) {
                request->error = error;
                request->state = RPC_REQUEST_ANSWERED;
        } else if (later) {
                request->state = RPC_REQUEST_OVER;
        }
        (void)pthread_mutex_unlock(&server->lock);
        if (!later)
                return early ? 0 : -EINVAL;
        return complete(request, error) == 0 ? 0 : -EPIPE;
}

/* ---- what a handler may ask ---- */

struct leat_xdr_arena *leat_rpc_request_arena(struct leat_rpc_request *request) {
        return &request->arena;
}

int64_t leat_rpc_request_deadline(const struct leat_rpc_request *request) {
        return request->deadline;
}

const struct leat_message *leat_rpc_request_message(const struct leat_rpc_request *request) {
        return &request->about;
}

bool leat_rpc_request_is_cancelled(const struct leat_rpc_request *request) {
        return atomic_load_explicit(&request->cancelled, memory_order_relaxed) ||
               (request->deadline != LEAT_NEVER && leat_now() >= request->deadline);
}

int leat_rpc_request_caller(const struct leat_rpc_request *request, struct leat_rpc_caller *ret_caller) {
        struct leat_rpc_caller caller = { 0 };
        if (!request || !ret_caller || ret_caller->size < sizeof(size_t))
                return -EINVAL;
        (void)pthread_mutex_lock(&request->server->lock);
        const struct leat_rpc_request *place = request->stand_in ? request->stand_in : request;
        if (place->source)
                place->source->caller(place, &caller);
        caller.flavor = request->call.credential.flavor;
        if (caller.flavor == RPC_AUTH_SYS)
                (void)rpc_auth_sys_decode(request->call.credential.bytes, request->call.credential.size_bytes,
                                          &caller.auth_sys);
        (void)pthread_mutex_unlock(&request->server->lock);
        options_tell(&caller, sizeof(caller), ret_caller);
        return 0;
}
