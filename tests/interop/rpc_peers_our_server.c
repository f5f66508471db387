/* SPDX-License-Identifier: MIT */
/*
 * A server of Leat for rpc_peers.x: rpc_peers_our_server [register|replace] ADDRESS... It prints the address of each on a line. With the first word it registers with the rpcbind of
 * this host; SIGTERM has it unregister, and end.
 */
#include "rpc_peers.h"

#include <errno.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int nothing(struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return 0;
}

static int negate(const struct peers_everything *argument, struct peers_everything *ret_result,
                  struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        *ret_result = *argument;
        ret_result->number = (int32_t) - (uint32_t)argument->number;
        return 0;
}

static int add(const struct peers_pair *argument, int32_t *ret_result, struct leat_rpc_request *request,
               void *userdata) {
        (void)request, (void)userdata;
        *ret_result = (int32_t)((uint32_t)argument->one + (uint32_t)argument->other);
        return 0;
}

static int make(uint32_t size, peers_blob *ret_result, struct leat_rpc_request *request, void *userdata) {
        uint8_t *bytes = leat_xdr_arena_take(leat_rpc_request_arena(request), (size_t)size + 1);
        (void)userdata;
        if (size > PEERS_LARGEST || !bytes)
                return -EINVAL;
        for (uint32_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)i;
        ret_result->bytes = bytes;
        ret_result->size_bytes = size;
        return 0;
}

static int count(const peers_blob *argument, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        const uint8_t *bytes = argument->bytes;
        (void)request, (void)userdata;
        for (uint32_t i = 0; i < argument->size_bytes; i++)
                *ret_result += bytes[i];
        return 0;
}

static int fail(int32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)ret_result, (void)request, (void)userdata;
        return -EIO;
}

static int who(uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        struct leat_rpc_caller caller = { .size = sizeof(caller) };
        (void)userdata;
        int r = leat_rpc_request_caller(request, &caller);
        *ret_result = caller.flavor == 1 ? caller.auth_sys.uid : UINT32_MAX;
        return r;
}

static struct leat_rpc_server *server;

static void stop(int number) {
        (void)number;
        leat_rpc_server_interrupt(server);
}

static int run(int argc, char **argv, struct leat_reason *reason) {
        static const struct peers_1_functions functions = { nothing, negate, add, make, count, fail, who };
        bool replaces = argc > 1 && strcmp(argv[1], "replace") == 0;
        bool registers = replaces || (argc > 1 && strcmp(argv[1], "register") == 0);
        char address[256];
        int r = leat_rpc_server_create(NULL, &server);

        if (r == 0)
                r = leat_rpc_server_add(server, peers_1_server(&functions, NULL));
        for (int i = registers ? 2 : 1; r == 0 && i < argc; i++)
                r = leat_rpc_server_listen(server, argv[i], leat_in_s(40), reason);
        if (r == 0 && registers)
                r = leat_rpcbind_register(NULL, server, replaces ? LEAT_RPCBIND_REPLACE : 0, leat_in_s(40), reason);
        if (r < 0)
                return r;
        signal(SIGTERM, stop);
        for (size_t n = 0; leat_rpc_server_address(server, n, address, sizeof(address)) >= 0; n++)
                printf("%s\n", address);
        fflush(stdout);
        r = leat_rpc_server_run(server, LEAT_NEVER);
        if (r == -ECANCELED && registers) {
                r = leat_rpcbind_unregister(NULL, server, leat_in_s(40), reason);
                printf("%d removed\n", r);
        }
        return r == -ECANCELED || r > 0 ? 0 : r;
}

int main(int argc, char **argv) {
        struct leat_reason reason = { .text = NULL };
        int r = run(argc, argv, &reason);
        if (r < 0)
                fprintf(stderr, "our server: %s: %s\n", leat_strerror(r), reason.text ? reason.text : "");
        leat_rpc_server_free(server);
        return r < 0;
}
