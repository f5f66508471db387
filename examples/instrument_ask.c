/* SPDX-License-Identifier: MIT */
/*
 * Ask an instrument in the network (instrument.x, VXI-11) something, and print what it answers. It is found by the rpcbind of its host.
 * Run it: instrument_ask 192.0.2.7 '*IDN?'
 *         instrument_ask tcp::4880 '*IDN?'    at this address; the other end: instrument_serve tcp::4880
 */
#include "instrument.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MOST 4096

static int ask(struct leat_rpc_client *client, int32_t link, const char *command, struct leat_rpc_call *call) {
        struct instrument_message message = { .link = link, .timeout = 5000, .flags = INSTRUMENT_FLAG_END };
        struct instrument_read_wish wish = { .link = link, .size = ANSWER_MOST, .timeout = 5000 };
        struct instrument_written written;
        struct instrument_answer answer = { .error = INSTRUMENT_NO_ERROR };
        int r;

        message.data = (struct leat_xdr_bytes){ command, (uint32_t)strlen(command) };
        r = instrument_write_1(client, &message, &written, call);
        if (r < 0 || written.error != INSTRUMENT_NO_ERROR)
                return r < 0 ? r : -EIO;
        while (r == 0 && command[strlen(command) - 1] == '?' && !(answer.reason & INSTRUMENT_REASON_END)) {
                r = instrument_read_1(client, &wish, &answer, call);
                if (r == 0 && answer.error != INSTRUMENT_NO_ERROR)
                        return answer.error == INSTRUMENT_TIME_OUT ? -ETIMEDOUT : -EIO;
                if (r == 0)
                        fwrite(answer.data.bytes, 1, answer.data.size_bytes, stdout);
        }
        return r;
}

static int with_link(struct leat_rpc_client *client, const char *command) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(leat_in_s(10), &arena);
        struct instrument_link_wish wish = { .device = { "inst0", 5 } };
        struct instrument_link link;
        struct instrument_done done;
        int r = instrument_create_link_1(client, &wish, &link, &call);

        if (r == 0 && link.error != INSTRUMENT_NO_ERROR)
                r = -EBUSY;
        if (r == 0) {
                r = ask(client, link.id, command, &call);
                instrument_destroy_link_1(client, link.id, &done, &call);
        }
        leat_xdr_arena_free(&arena);
        return r;
}

/* A host alone: its rpcbind knows the port. */
static ssize_t find(const char *where, char *ret_address, size_t size, struct leat_reason *reason) {
        char rpcbind[256];

        if (strchr(where, ':'))
                return snprintf(ret_address, size, "%s", where);
        snprintf(rpcbind, sizeof(rpcbind), "tcp:%s:111?open", where);
        return leat_rpcbind_find(rpcbind, INSTRUMENT_PROGRAM, INSTRUMENT_1_VERSION, "tcp", leat_in_s(10), ret_address,
                                 size, reason);
}

int main(int argc, char **argv) {
        /* No instrument is one of Leat: do not even ask. */
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client = NULL;
        struct leat_reason reason = { .text = NULL };
        char address[256];
        ssize_t r;

        if (argc != 3 || !argv[2][0])
                return fprintf(stderr, "usage: %s HOST|ADDRESS COMMAND\n", argv[0]), 2;
        options.flags = LEAT_RPC_PLAIN;
        r = find(argv[1], address, sizeof(address), &reason);
        if (r >= 0)
                r = leat_rpc_connect(address, &options, leat_in_s(10), &reason, &client);
        if (r == 0)
                r = with_link(client, argv[2]);
        if (r < 0)
                fprintf(stderr, "%s: %s%s%s\n", argv[1], leat_strerror((int)r), reason.text ? ": " : "",
                        reason.text ? reason.text : "");
        leat_rpc_client_free(client);
        return r < 0;
}
