/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_message_text.h"

#include "rpc/companion.h"

#include <inttypes.h>
#include <stdbool.h>

#define MARK_BYTES 4u
#define LINE_BYTES 16u

/* ---- a message ---- */

static void put_auth(FILE *stream, const struct rpc_auth *auth) {
        static const char *const flavors[] = { "AUTH_NONE", "AUTH_SYS", "AUTH_SHORT" };
        if (auth->flavor < sizeof(flavors) / sizeof(flavors[0]))
                fprintf(stream, ", %s", flavors[auth->flavor]);
        else
                fprintf(stream, ", credential %" PRIu32, auth->flavor);
}

static void put_companion_call(FILE *stream, const struct rpc_call *call, const uint8_t *bytes, size_t size_bytes) {
        static const char *const names[] = { "NULL", "GREET", "CALL", "CANCEL", "LIST", "LEAVE", "DRAIN" };
        struct companion_context context;
        fprintf(stream, "xid %08" PRIx32 ", companion of Leat: %s", call->xid,
                call->procedure <= COMPANION_DRAIN ? names[call->procedure] : "?");
        if (call->procedure != COMPANION_CALL || companion_take_context(bytes, size_bytes, &context) < 0)
                return;
        fprintf(stream, " of program %" PRIu32 ", version %" PRIu32 ", procedure %" PRIu32, context.program,
                context.version, context.procedure);
        if (context.session)
                fprintf(stream, "; session %016" PRIx64 ", sequence %" PRIu64 "%s", context.session, context.sequence,
                        context.flags & COMPANION_AGAIN ? ", sent before" : "");
        if (context.left_ns != COMPANION_FOREVER)
                fprintf(stream, "; %.3f s left", (double)context.left_ns / 1e9);
}

static bool put_call(FILE *stream, const uint8_t *bytes, size_t size_bytes) {
        struct rpc_call call;
        uint32_t auth;
        ssize_t n = rpc_call_decode(bytes, size_bytes, &call, &auth);
        if (n < 0)
                return false;
        if (call.program == COMPANION_PROGRAM)
                put_companion_call(stream, &call, bytes + n, size_bytes - (size_t)n);
        else
                fprintf(stream,
                        "xid %08" PRIx32 ", call of program %" PRIu32 ", version %" PRIu32 ", procedure %" PRIu32,
                        call.xid, call.program, call.version, call.procedure);
        put_auth(stream, &call.credential);
        return true;
}

static bool put_reply(FILE *stream, const uint8_t *bytes, size_t size_bytes) {
        struct rpc_reply reply;
        ssize_t n = rpc_reply_decode(bytes, size_bytes, &reply);
        if (n < 0)
                return false;
        fprintf(stream, "xid %08" PRIx32 ", reply: %s", reply.xid,
                reply.status == LEAT_RPC_SUCCESS ? "success" : leat_rpc_status_text(reply.status));
        return true;
}

void rpc_message_text(FILE *stream, const uint8_t *bytes, size_t size_bytes) {
        for (size_t skip = 0; skip <= MARK_BYTES && skip <= size_bytes; skip += MARK_BYTES)
                if (put_call(stream, bytes + skip, size_bytes - skip) ||
                    put_reply(stream, bytes + skip, size_bytes - skip))
                        return;
}

/* ---- bytes ---- */

static void put_line(FILE *stream, const uint8_t *bytes, size_t size_bytes, size_t at, int indent) {
        fprintf(stream, "%*s%04zx ", indent, "", at);
        for (size_t i = 0; i < LINE_BYTES; i++) {
                fputs(i % 4 == 0 ? " " : "", stream);
                if (i < size_bytes)
                        fprintf(stream, "%02x ", bytes[i]);
                else
                        fputs("   ", stream);
        }
        putc(' ', stream);
        for (size_t i = 0; i < size_bytes; i++)
                putc(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.', stream);
        putc('\n', stream);
}

void rpc_message_dump(FILE *stream, const uint8_t *bytes, size_t size_bytes, int indent) {
        for (size_t at = 0; at < size_bytes; at += LINE_BYTES)
                put_line(stream, bytes + at, size_bytes - at < LINE_BYTES ? size_bytes - at : LINE_BYTES, at, indent);
}
