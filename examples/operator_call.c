/* SPDX-License-Identifier: MIT */
/*
 * A first remote call (operator.x; the picture of it is in operator_serve.c). operator_add_1() is a function of this program to whoever reads
 * it; what it does is done in another one. That it may fail shows: a call has a deadline, and when it fails it tells
 * whether the procedure ran.
 * Run it: operator_call add 2 3           operator_call subtract 2 3 tcp:localhost:4000
 */
#include "operator.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calculate(struct leat_rpc_client *client, char **words) {
        static const char *const ran[] = { "it did not run", "it ran", "whether it ran is not known" };
        struct leat_xdr_arena arena = { 0 }; /* memory for what results point to; a number points to nothing */
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_RPC_TIMEOUT, &arena); /* as long as operator.x says */
        int32_t left = (int32_t)strtol(words[1], NULL, 10), right = (int32_t)strtol(words[2], NULL, 10);
        int64_t result;
        int r;

        if (strcmp(words[0], "add") == 0)
                r = operator_add_1(client, left, right, &result, &call);
        else
                r = operator_subtract_1(client, left, right, &result, &call);
        if (r == 0)
                printf("%lld\n", (long long)result);
        else
                fprintf(stderr, "%s: %s; %s\n", words[0],
                        r == -EPROTO ? leat_rpc_status_text(call.status) : leat_strerror(r), ran[call.ran]);
        leat_xdr_arena_free(&arena);
        return r;
}

int main(int argc, char **argv) {
        const char *address = argc > 4 ? argv[4] : "unix:@operator";
        struct leat_reason reason = { 0 };
        struct leat_rpc_client *client;
        int r;

        if (argc < 4 || (strcmp(argv[1], "add") != 0 && strcmp(argv[1], "subtract") != 0))
                return fprintf(stderr, "usage: %s add|subtract NUMBER NUMBER [ADDRESS]\n", argv[0]), 2;
        r = leat_rpc_connect(address, NULL, leat_in_s(5), &reason, &client);
        if (r < 0)
                return fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r)), 1;
        r = calculate(client, argv + 1);
        leat_rpc_client_free(client);
        return r < 0;
}
