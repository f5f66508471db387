/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_truth.h"

#include "tools/leat/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_BYTES 512

static const char *const words[] = {
        [LEAT_RPC_NOT_RUN] = "did not run",
        [LEAT_RPC_RAN] = "ran",
        [LEAT_RPC_UNKNOWN] = "may have run",
};

static const int codes[] = {
        [LEAT_RPC_NOT_RUN] = CALL_NOT_RUN,
        [LEAT_RPC_RAN] = CALL_RAN,
        [LEAT_RPC_UNKNOWN] = CALL_UNKNOWN,
};

const char *rpc_truth_word(enum leat_rpc_ran ran) {
        return words[ran];
}

/* ---- what the server said ---- */

/* What it means, and what to do; NULL: what leat_rpc_status_text() says. `%s` is the address. */
static const struct {
        const char *why, *next;
} statuses[] = {
        [LEAT_RPC_SUCCESS] = { "the server answered, and its answer cannot be used", "look at it with --trace" },
        [LEAT_RPC_PROGRAM_UNAVAILABLE] = { NULL, "'leat rpc list' shows what it serves, if it tells" },
        [LEAT_RPC_VERSION_MISMATCH] = { NULL, "call one of those, by the interface file that has it" },
        [LEAT_RPC_PROCEDURE_UNAVAILABLE] = { NULL, "its interface file is another one, or it has not filled it in" },
        [LEAT_RPC_GARBAGE_ARGUMENTS] = { NULL, "its interface file is another one: compare them with leatgen "
                                               "--check-compatible" },
        [LEAT_RPC_SYSTEM_ERROR] = { NULL, "the server's own log may say why" },
        [LEAT_RPC_RPC_MISMATCH] = { NULL, "it does not speak version 2 of ONC RPC" },
        [LEAT_RPC_AUTH_ERROR] = { NULL, "it wants to know who calls: try --auth sys, or another user" },
        [LEAT_RPC_NO_REPLY] = { "no answer came", "try again" },
        [LEAT_RPC_BAD_REPLY] = { NULL, "it is no server of ONC RPC, or its interface file is another one, or it is "
                                       "broken: look at it with "
                                       "'leat rpc call --trace'" },
};
_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == LEAT_RPC_BAD_REPLY + 1, "one for each status");

/* The numbers that go with a status. */
static void put_numbers(FILE *stream, const struct rpc_asked *asked, const struct leat_rpc_call *call) {
        if (call->status == LEAT_RPC_PROGRAM_UNAVAILABLE)
                fprintf(stream, " (%" PRIu32 ", version %" PRIu32 ")", asked->program->number, asked->program->version);
        else if (call->status == LEAT_RPC_VERSION_MISMATCH || call->status == LEAT_RPC_RPC_MISMATCH)
                fprintf(stream, " (it has %" PRIu32 " to %" PRIu32 ")", call->low, call->high);
        else if (call->status == LEAT_RPC_AUTH_ERROR)
                fprintf(stream, " (%" PRIu32 " of RFC 5531)", call->low);
}

static void put_refusal(FILE *stream, const struct rpc_asked *asked, const struct leat_rpc_call *call) {
        const char *why = statuses[call->status].why;
        fputs(why ? why : leat_rpc_status_text(call->status), stream);
        put_numbers(stream, asked, call);
        fprintf(stream, "; %s", statuses[call->status].next);
}

/* ---- what happened on the way ---- */

#define ASK "ask the server what it did, or say --again if it may run twice"
#define START "start the server, or mend the address"
#define START_AND_ASK "start the server, and ask it what it did before you call again"

static const struct {
        int error;     /* 0: any */
        unsigned rans; /* 1 << enum leat_rpc_ran */
        const char *why, *next;
} ways[] = {
        { ETIMEDOUT, 1u << LEAT_RPC_NOT_RUN,
          "the deadline passed before it was sent, or before the server began with it", "wait longer with --timeout" },
        { ETIMEDOUT, 1u << LEAT_RPC_UNKNOWN, "no answer came before the deadline", ASK },
        { EAGAIN, 1u << LEAT_RPC_UNKNOWN, "no answer came before the deadline", ASK },
        { EPIPE, 1u << LEAT_RPC_UNKNOWN, "the connection was lost before the answer", ASK },
        { ECONNREFUSED, 1u << LEAT_RPC_UNKNOWN, "nobody listens there now", START_AND_ASK },
        { 0, 1u << LEAT_RPC_UNKNOWN, NULL, ASK },
        { ECONNREFUSED, 1u << LEAT_RPC_NOT_RUN, "nobody listens there", "start the server" },
        { ENOENT, 1u << LEAT_RPC_NOT_RUN, "nobody listens there", "start the server" },
        { EPIPE, 1u << LEAT_RPC_NOT_RUN, "the connection was lost before it was sent", "try again" },
        { EBUSY, 1u << LEAT_RPC_NOT_RUN, "the server has too much to do", "try again later" },
        { EMSGSIZE, 1u << LEAT_RPC_NOT_RUN, "it is larger than one message may be there",
          "a datagram has at most 65,507 bytes: use tcp:" },
        { EMSGSIZE, 1u << LEAT_RPC_RAN, "its result is larger than what is taken", "ask for less at once" },
        { 0, 1u << LEAT_RPC_NOT_RUN, NULL, "try again" },
        { 0, 1u << LEAT_RPC_RAN, "its result could not be had", "ask the server for it in another way" },
};

/* What the client knows beside: nobody was to be reached, or who was has hung up. Returns what to do about it; NULL: nothing is known. */
static const char *put_unreached(FILE *stream, const struct rpc_asked *asked, int error, enum leat_rpc_ran ran) {
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        if (leat_rpc_client_info(asked->client, &info) < 0 || ran == LEAT_RPC_RAN ||
            (error != -ETIMEDOUT && error != -EPIPE))
                return NULL;
        if (info.unreached == 0 && (info.connected < 2 || error == -EPIPE))
                return NULL;
        bool harmless = ran == LEAT_RPC_NOT_RUN || asked->may_repeat;
        if (info.unreached == 0) {
                fprintf(stream, ", by none of %" PRIu64 " connections", info.connected);
                return harmless ? "see whether a server of ONC RPC listens there" : NULL;
        }
        if (info.unreached == -ECONNREFUSED || info.unreached == -ENOENT)
                fputs(", and nobody listens there now: the last try was refused", stream);
        else
                fprintf(stream, ", and the last try did not reach it: %s", leat_strerror(info.unreached));
        return harmless ? START : START_AND_ASK;
}

static void put_way(FILE *stream, const struct rpc_asked *asked, int error, enum leat_rpc_ran ran) {
        size_t i = 0;
        while ((ways[i].error && ways[i].error != -error) || !(ways[i].rans & 1u << ran))
                i++;
        fputs(ways[i].why ? ways[i].why : leat_strerror(error), stream);
        const char *next = put_unreached(stream, asked, error, ran);
        if (!next && ran == LEAT_RPC_UNKNOWN && asked->may_repeat)
                next = error == -ECONNREFUSED ? START : "try again, or wait longer with --timeout";
        fprintf(stream, "; %s", next ? next : ways[i].next);
}

/* ---- the line ---- */

static void put_why(FILE *stream, const struct rpc_asked *asked, int error, const struct leat_rpc_call *call) {
        char text[WHY_BYTES];
        if (error == -EBADMSG && call->fault.what != LEAT_XDR_OK)
                fprintf(stream, "its result breaks its type: %s; its interface file is another one, or it is broken",
                        leat_xdr_fault_text(&call->fault, text, sizeof(text)));
        else if (error == -EINVAL && call->fault.what != LEAT_XDR_OK)
                fprintf(stream, "its argument breaks its type: %s",
                        leat_xdr_fault_text(&call->fault, text, sizeof(text)));
        else if (error == -EPROTO || error == -EBADMSG)
                put_refusal(stream, asked, call);
        else
                put_way(stream, asked, error, call->ran);
}

int rpc_truth_tell(const struct rpc_asked *asked, int error, const struct leat_rpc_call *call) {
        char *why = NULL;
        size_t size;
        FILE *stream = open_memstream(&why, &size);
        if (stream) {
                put_why(stream, asked, error, call);
                fclose(stream);
        }
        complain(asked->address, "%s %s: %s", asked->procedure, words[call->ran], why ? why : leat_strerror(error));
        free(why);
        return codes[call->ran];
}

const char *rpc_truth_why(int error, const struct leat_reason *reason) {
        if (error == -ETIMEDOUT)
                return "no server was there before the deadline";
        return reason->error == error && reason->text ? reason->text : leat_strerror(error);
}

static const char *after_unreached(const char *address, int error) {
        switch (error) {
        case -EHOSTUNREACH:
                return "mend the address";
        case -ENOENT: /* of a host, or of a path */
                return strncmp(address, "tcp:", 4) == 0 || strncmp(address, "udp:", 4) == 0 ? "mend the address"
                                                                                            : "start the server";
        case -EACCES:
        case -EPERM:
                return "its owner may let you in";
        case -EPROTOTYPE:
                return "of a server that serves a channel there the address ends with ?framing=leat";
        case -ENOTSOCK:
                return "write the path of the server's socket";
        default:
                return "start the server";
        }
}

/* What is at a path instead of a server. Returns 0 if there is nothing to be said of it. */
static int look_at_path(const char *address, struct leat_reason *ret_reason) {
        struct leat_info info = LEAT_INFO_INIT;
        const char *name = strchr(address, ':');
        bool is_path = strncmp(address, "unix", 4) == 0 && name && name[1] != '@';
        int r = is_path ? leat_inspect(address, ret_reason, &info) : 0;
        return (r == -ENOTSOCK || r == -ECONNREFUSED) && ret_reason->error == r && ret_reason->text ? r : 0;
}

/* What says that the question was wrong is said as everywhere. */
int rpc_truth_unreached(const char *address, int error, const struct leat_reason *reason) {
        struct leat_reason there = { 0 };
        if (exit_code(error, OPENING_TO_CALL) != CALL_NOT_RUN)
                return report(address, error, OPENING_TO_CALL, reason);
        int found = error == -ETIMEDOUT || error == -ECONNREFUSED ? look_at_path(address, &there) : 0;
        const char *why = error == -EPROTOTYPE ? "the socket there is of another type, not of a stream"
                                               : rpc_truth_why(error, reason);
        complain(address, "nothing ran: %s%s%s; %s", why, found ? ": " : "", found ? there.text : "",
                 after_unreached(address, found ? found : error));
        return CALL_NOT_RUN;
}
