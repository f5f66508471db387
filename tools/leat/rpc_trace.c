/* SPDX-License-Identifier: MIT */
#include "tools/leat/rpc_trace.h"

#include "tools/leat/progress.h"
#include "tools/leat/rpc_message_text.h"

#include <leat/deadline.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MOST 256u  /* between two printings; of more only the first are kept */
#define KEPT_BYTES 1024u /* of each */
#define INDENT 26

struct note {
        int64_t when;
        const char *step;
        enum leat_rpc_step kind;
        bool is_own;
        size_t size_bytes, kept_bytes;
        uint8_t bytes[KEPT_BYTES]; /* of an own one its text */
};

struct rpc_trace {
        int64_t begun;
        int64_t sent; /* the last message; 0: none, or it was answered */
        size_t count;
        struct note notes[NOTES_MOST];
};

struct rpc_trace *rpc_trace_new(void) {
        struct rpc_trace *trace = calloc(1, sizeof(*trace));
        if (trace)
                trace->begun = leat_now();
        return trace;
}

struct rpc_trace *rpc_trace_free(struct rpc_trace *trace) {
        free(trace);
        return NULL;
}

/* ---- noting ---- */

static struct note *next_note(struct rpc_trace *trace, const void *bytes, size_t size_bytes) {
        if (trace->count == NOTES_MOST)
                return NULL;
        struct note *note = &trace->notes[trace->count++];
        note->size_bytes = size_bytes;
        note->kept_bytes = size_bytes < KEPT_BYTES ? size_bytes : KEPT_BYTES;
        if (note->kept_bytes > 0)
                memcpy(note->bytes, bytes, note->kept_bytes);
        return note;
}

void rpc_trace_note(struct rpc_trace *trace, const char *step, const char *text) {
        struct note *note = trace ? next_note(trace, text, strlen(text)) : NULL;
        if (!note)
                return;
        note->step = step;
        note->when = leat_now();
        note->is_own = true;
}

void rpc_trace_watcher(enum leat_rpc_step step, int64_t when, const void *bytes, size_t size_bytes, void *userdata) {
        static const char *const names[] = {
                [LEAT_RPC_STEP_MARSHAL] = "marshal", [LEAT_RPC_STEP_SEND] = "send",
                [LEAT_RPC_STEP_RECEIVE] = "receive", [LEAT_RPC_STEP_UNMARSHAL] = "unmarshal",
                [LEAT_RPC_STEP_CONNECT] = "connect", [LEAT_RPC_STEP_GREET] = "greet",
        };
        struct note *note = next_note(userdata, bytes, size_bytes);
        if (!note)
                return;
        note->step = (size_t)step < sizeof(names) / sizeof(names[0]) ? names[step] : "?";
        note->kind = step;
        note->when = when;
        note->is_own = false;
}

/* ---- printing ---- */

static void put_head(const struct rpc_trace *trace, int64_t when, const char *step, bool goes_on) {
        fprintf(stderr, goes_on ? "%10.3f ms  %-10s " : "%10.3f ms  %s", (double)(when - trace->begun) / 1e6, step);
}

/* What the client cannot see of the picture, and how long it took. */
static void put_server(struct rpc_trace *trace, const struct note *note) {
        if (note->kind == LEAT_RPC_STEP_SEND)
                trace->sent = note->when;
        if (note->kind != LEAT_RPC_STEP_RECEIVE || trace->sent == 0)
                return;
        fprintf(stderr, "%*s(%.3f ms: on the way, and the server: receive, unmarshal, call, marshal, send)\n", INDENT,
                "", (double)(note->when - trace->sent) / 1e6);
        trace->sent = 0;
}

static void put_bytes(const struct note *note) {
        bool is_argument = note->kind == LEAT_RPC_STEP_MARSHAL || note->kind == LEAT_RPC_STEP_UNMARSHAL;
        fprintf(stderr, "%zu byte%s", note->size_bytes, note->size_bytes == 1 ? "" : "s");
        if (!is_argument) {
                fputs(": ", stderr);
                rpc_message_text(stderr, note->bytes, note->kept_bytes);
        }
        putc('\n', stderr);
        rpc_message_dump(stderr, note->bytes, note->kept_bytes, INDENT);
        if (note->kept_bytes < note->size_bytes)
                fprintf(stderr, "%*sand %zu bytes more\n", INDENT, "", note->size_bytes - note->kept_bytes);
}

static void put_note(struct rpc_trace *trace, const struct note *note) {
        bool has_bytes = !note->is_own && note->kind != LEAT_RPC_STEP_CONNECT;
        if (!note->is_own)
                put_server(trace, note);
        put_head(trace, note->when, note->step, has_bytes || note->is_own);
        if (has_bytes)
                put_bytes(note);
        else
                fprintf(stderr, "%.*s\n", (int)note->kept_bytes, (const char *)note->bytes);
}

void rpc_trace_print(struct rpc_trace *trace) {
        if (!trace || trace->count == 0)
                return;
        progress_clear();
        for (size_t i = 0; i < trace->count; i++)
                put_note(trace, &trace->notes[i]);
        trace->count = 0;
        fflush(stderr);
}
