/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "rpc/rpc_auth.h"
#include "rpc/session.h"

#include <errno.h>

/* The companion program as the server carries it out: docs/design/rpc.md, section 2. With the lock. */

/* In a call: RFC 5531, section 9. */
#define PROGRAM_AT 12
#define PROCEDURE_AT 20
#define CALL_HEADER_LEAST 40u

static enum rpc_admission answer(struct leat_rpc_request *request, enum leat_rpc_status status) {
        const struct companion_answer answer = { .status = status,
                                                 .low = COMPANION_VERSION,
                                                 .high = COMPANION_VERSION };
        return rpc_request_tell(request, &answer);
}

/* An answer that could not be completed is none. */
static enum rpc_admission check(struct leat_rpc_request *request, int r) {
        return r < 0 ? answer(request, LEAT_RPC_SYSTEM_ERROR) : RPC_ANSWER;
}

static enum rpc_admission admit_null(struct leat_rpc_request *request) {
        return answer(request, request->arguments_bytes > 0 ? LEAT_RPC_GARBAGE_ARGUMENTS : LEAT_RPC_SUCCESS);
}

static enum rpc_admission admit_greeting(struct leat_rpc_request *request) {
        struct companion_greeting greeting;
        struct companion_greeted greeted;
        if (companion_take_greeting(request->arguments, request->arguments_bytes, &greeting) < 0)
                return answer(request, LEAT_RPC_GARBAGE_ARGUMENTS);
        int r = rpc_session_greet(request->server, greeting.client, request->peer, &greeted);
        if (r < 0)
                return check(request, r);
        if (!request->source->carries_deadline) /* a channel has limits of its own, which both ends know */
                greeted.largest_bytes = (uint32_t)request->server->limits.request_bytes_max;
        if (answer(request, LEAT_RPC_SUCCESS) == RPC_DROP)
                return RPC_DROP;
        r = companion_put_greeted(&greeted, &request->reply);
        if (r == 0 && request->source->greeted)
                request->source->greeted(request);
        return check(request, r);
}

/* One without a number: by the xid that it had, on the same connection or from the same port (request: NULL: of a connection). */
static void cancel_unnumbered(struct leat_rpc_server *server, const void *origin,
                              const struct leat_rpc_request *request, uint32_t xid) {
        struct list *running = &server->running;
        for (struct list *node = running->next; node != running; node = node->next) {
                struct leat_rpc_request *other = CONTAINER_OF(node, struct leat_rpc_request, node);
                bool same_place = !request || (other->from_bytes == request->from_bytes &&
                                               memcmp(&other->from, &request->from, request->from_bytes) == 0);
                if (other->call.xid == xid && other->origin == origin && !other->session && same_place)
                        atomic_store_explicit(&other->cancelled, true, memory_order_relaxed);
        }
}

static void carry_out_cancel(struct leat_rpc_server *server, const void *origin, const struct leat_rpc_request *request,
                             const struct companion_cancel *cancel) {
        if (cancel->session != 0)
                rpc_session_cancel(server, cancel);
        else
                cancel_unnumbered(server, origin, request, cancel->xid);
}

static enum rpc_admission admit_cancel(struct leat_rpc_request *request) {
        struct companion_cancel cancel;
        if (companion_take_cancel(request->arguments, request->arguments_bytes, &cancel) < 0)
                return answer(request, LEAT_RPC_GARBAGE_ARGUMENTS);
        carry_out_cancel(request->server, request->origin, request, &cancel);
        return answer(request, LEAT_RPC_SUCCESS);
}

static enum rpc_admission admit_list(struct leat_rpc_request *request) {
        const struct leat_rpc_server *server = request->server;
        if (request->arguments_bytes > 0)
                return answer(request, LEAT_RPC_GARBAGE_ARGUMENTS);
        if (answer(request, LEAT_RPC_SUCCESS) == RPC_DROP)
                return RPC_DROP;
        size_t most = request->source->caches_all ? COMPANION_LIST_DATAGRAM_BYTES : COMPANION_LIST_BYTES;
        return check(request, companion_put_list(server->services, server->services_count, most, &request->reply));
}

static enum rpc_admission admit_leave(struct leat_rpc_request *request) {
        uint64_t session;
        if (companion_take_leave(request->arguments, request->arguments_bytes, &session) < 0)
                return answer(request, LEAT_RPC_GARBAGE_ARGUMENTS);
        rpc_session_leave(request->server, session);
        return answer(request, LEAT_RPC_SUCCESS);
}

/* ---- CALL ---- */

static enum rpc_admission tell(struct leat_rpc_request *request, enum companion_outcome outcome) {
        return rpc_request_tell(request, &(struct companion_answer){ .outcome = outcome });
}

/* It has not begun. Whoever is told that its deadline has passed, or that it was cancelled, is told so of each sending of it that is still under way. */
static enum rpc_admission refuse(struct leat_rpc_request *request, enum companion_outcome outcome) {
        if (request->context.session != 0)
                rpc_session_refuse(request, outcome);
        return tell(request, outcome);
}

/* It is no session's, or new to its own. */
static enum rpc_admission admit_new(struct leat_rpc_request *request) {
        const struct leat_rpc_server *server = request->server;
        struct companion_answer why;
        if (server->is_draining)
                return tell(request, COMPANION_DRAINING);
        if (request->context.left_ns == 0)
                return refuse(request, COMPANION_EXPIRED);
        if (rpc_request_resolve(request, &why) != LEAT_RPC_SUCCESS || !request->procedure)
                return rpc_request_tell(request, &why);
        if (!rpc_request_has_room(server, request->peer) ||
            (request->context.session != 0 && rpc_session_enter(request) < 0))
                return tell(request, COMPANION_BUSY);
        return RPC_RUN;
}

static enum rpc_admission admit_numbered(struct leat_rpc_request *request) {
        enum companion_outcome outcome;
        switch (rpc_session_ask(request, &outcome)) {
        case RPC_ASKED_NEW:
                return admit_new(request);
        case RPC_ASKED_RUNNING:
                return RPC_WAIT;
        case RPC_ASKED_KEPT:
                return RPC_ANSWER;
        case RPC_ASKED_TOLD:
                return tell(request, outcome);
        default:
                request->wrapped = false;
                return answer(request, LEAT_RPC_GARBAGE_ARGUMENTS);
        }
}

/* Until when its caller waits: as it says, or as the channel does if that is earlier. */
static void take_deadline(struct leat_rpc_request *request) {
        uint64_t left = request->context.left_ns;
        if (left == COMPANION_FOREVER)
                return;
        int64_t deadline = leat_in_ns(left < INT64_MAX ? (int64_t)left : INT64_MAX);
        if (deadline < request->deadline)
                request->deadline = deadline;
}

static enum rpc_admission admit_call(struct leat_rpc_request *request) {
        ssize_t context = companion_take_context(request->arguments, request->arguments_bytes, &request->context);
        if (context < 0)
                return answer(request, LEAT_RPC_GARBAGE_ARGUMENTS);
        request->wrapped = true;
        request->call.program = request->context.program;
        request->call.version = request->context.version;
        request->call.procedure = request->context.procedure;
        request->arguments += context;
        request->arguments_bytes -= (size_t)context;
        take_deadline(request);
        return request->context.session != 0 ? admit_numbered(request) : admit_new(request);
}

enum rpc_admission rpc_companion_admit(struct leat_rpc_request *request) {
        static enum rpc_admission (*const procedures[])(struct leat_rpc_request *) = {
                [COMPANION_NULL] = admit_null,     [COMPANION_GREET] = admit_greeting, [COMPANION_CALL] = admit_call,
                [COMPANION_CANCEL] = admit_cancel, [COMPANION_LIST] = admit_list,      [COMPANION_LEAVE] = admit_leave,
        };
        uint32_t procedure = request->call.procedure;
        if (request->call.version != COMPANION_VERSION)
                return answer(request, LEAT_RPC_VERSION_MISMATCH);
        if (procedure >= sizeof(procedures) / sizeof(procedures[0]))
                return answer(request, LEAT_RPC_PROCEDURE_UNAVAILABLE);
        return procedures[procedure](request);
}

/* ---- before its turn ---- */

bool rpc_companion_is_brief(const struct leat_rpc_server *server, const uint8_t *message, size_t size_bytes) {
        if (size_bytes < CALL_HEADER_LEAST || get_be32(message + PROGRAM_AT) != COMPANION_PROGRAM)
                return false;
        return get_be32(message + PROCEDURE_AT) != COMPANION_CALL || server->is_draining;
}

void rpc_companion_look_ahead(struct leat_rpc_server *server, const void *origin, const uint8_t *message,
                              size_t size_bytes) {
        struct companion_cancel cancel;
        struct rpc_call call;
        uint32_t auth;
        ssize_t header = rpc_call_decode(message, size_bytes, &call, &auth);
        if (header < 0 || call.program != COMPANION_PROGRAM || call.version != COMPANION_VERSION ||
            call.procedure != COMPANION_CANCEL || rpc_auth_check(&call.credential) != 0)
                return;
        if (companion_take_cancel(message + header, size_bytes - (size_t)header, &cancel) >= 0)
                carry_out_cancel(server, origin, NULL, &cancel);
}
