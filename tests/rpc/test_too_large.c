/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "store.h"
#include <errno.h>
#include <leat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Requests that are larger than their server takes: that is known before they are sent, and costs the others nothing. And servers that are not there. */

#define SOON harness_deadline_ms(40000)
#define LARGEST 100000u
#define BESIDE 200u /* of the largest: headers */

struct meeting {
        struct harness_event *listens;
        char address[200];
        atomic_uint ran;
};
static struct meeting *meeting;

static int store(const store_text *text, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        meeting->ran++;
        *ret_result = (uint32_t)text->size_bytes;
        return 0;
}

static void serve(void *argument) {
        static const struct store_1_functions functions = { .store = store };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server *server;
        options.request_bytes_max = LARGEST;
        CHECK_EQ(leat_rpc_server_create(&options, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, store_1_server(&functions, NULL)), 0);
        CHECK_EQ(leat_rpc_server_listen(server, argument, SOON, NULL), 0);
        CHECK(leat_rpc_server_address(server, 0, meeting->address, sizeof(meeting->address)) > 0);
        harness_event_signal(meeting->listens);
        (void)leat_rpc_server_run(server, LEAT_NEVER);
}

static void check_call(struct leat_rpc_client *client, size_t size, unsigned flags, int error) {
        char *bytes = calloc(1, size);
        store_text text = { bytes, size };
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(SOON, &arena);
        uint32_t result = 0;
        CHECK(bytes != NULL);
        memset(bytes, 'x', size);
        unsigned ran = meeting->ran;
        call.flags = flags;
        printf("%zu bytes, flags %u\n", size, flags);
        CHECK_EQ(store_store_1(client, &text, &result, &call), error);
        CHECK_EQ(call.ran, error == 0 ? LEAT_RPC_RAN : LEAT_RPC_NOT_RUN);
        CHECK_EQ(meeting->ran, ran + (error == 0));
        CHECK_EQ(result, error == 0 ? size : 0);
        free(bytes);
        leat_xdr_arena_free(&arena);
}

static void check_sizes(const char *address, unsigned flags) {
        meeting = harness_shared(sizeof(*meeting));
        meeting->listens = harness_event_new();
        pid_t server = harness_fork(serve, (void *)(uintptr_t)address);
        harness_event_wait(meeting->listens);
        struct leat_rpc_client *client;
        CHECK_EQ(leat_rpc_connect(meeting->address, NULL, SOON, NULL, &client), 0);
        check_call(client, LARGEST + 1, flags,
                   -EMSGSIZE); /* the first call of all: the greeting was not answered yet */
        check_call(client, LARGEST - BESIDE, flags, 0);
        check_call(client, LARGEST + 1, flags, -EMSGSIZE);
        check_call(client, 20 * LARGEST, flags, -EMSGSIZE);
        check_call(client, 1, flags, 0);
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_client_info(client, &info), 0);
        CHECK_EQ(info.connected, 1);
        leat_rpc_client_free(client);
        harness_kill(server);
}

TEST(what_a_server_does_not_take_is_not_sent) {
        char name[64];
        const char *const addresses[] = { "tcp:127.0.0.1:0", name };
        snprintf(name, sizeof(name), "unix:@leat-test-large-%d", (int)getpid());
        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                check_sizes(addresses[i], 0);
                check_sizes(addresses[i], LEAT_RPC_AGAIN);
        }
}

/* Over udp nobody at the port is told, and is the end for who has no deadline. */
static void call_nobody(unsigned flags) {
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_NEVER, &arena);
        store_text text = { "x", 1 };
        uint32_t result;
        call.flags = flags;
        CHECK_EQ(leat_rpc_connect(meeting->address, NULL, SOON, NULL, &client), 0);
        CHECK_EQ(store_store_1(client, &text, &result, &call), -ECONNREFUSED);
        CHECK_EQ(call.ran, flags & LEAT_RPC_AGAIN ? LEAT_RPC_UNKNOWN : LEAT_RPC_NOT_RUN);
        leat_rpc_client_free(client);
}

TEST(nobody_at_a_port_ends_a_call_without_deadline) {
        struct leat_rpc_server *server;
        meeting = harness_shared(sizeof(*meeting));
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_listen(server, "udp:127.0.0.1:0", SOON, NULL), 0);
        CHECK(leat_rpc_server_address(server, 0, meeting->address, sizeof(meeting->address)) > 0);
        leat_rpc_server_free(server);
        call_nobody(0);
        call_nobody(LEAT_RPC_AGAIN);
}

TEST_MAIN()
