/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "store.h"

#include <errno.h>
#include <leat/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A server stops while a request larger than its transport holds is on the way: some of it went out, and the rest never does. The
 * client says that it did not run, and the server, when it goes on, does not carry it out.
 */

/* More than the buffers of any transport here, so that the deadline finds the request half sent. */
#define TEXT_BYTES (24u << 20)

struct meeting {
        struct harness_event *listens;
        uint32_t stored;
};
static struct meeting *meeting;

static int count(uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        *ret_result = meeting->stored;
        return 0;
}

static int store(const store_text *text, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        CHECK(text->size_bytes == 0 || text->text[text->size_bytes - 1] == 'x');
        *ret_result = ++meeting->stored;
        return 0;
}

static void serve(struct leat_channel *channel) {
        static const struct store_1_functions functions = { .count = count, .store = store };
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_new(channel, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, store_1_server(&functions, NULL)), 0);
        harness_event_signal(meeting->listens);
        (void)leat_rpc_server_run(server, LEAT_NEVER);
        leat_rpc_server_free(server);
        leat_close(channel);
}

static void serve_at(void *address) {
        serve(open_or_fail(address, LEAT_REPLY, harness_deadline_ms(20000)));
}

struct ends {
        pid_t server;
        struct leat_channel *channel;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena;
        char *text;
};

static void meet(struct ends *ends) {
        *ends = (struct ends){ .text = malloc(TEXT_BYTES) };
        CHECK(ends->text);
        memset(ends->text, 'x', TEXT_BYTES);
        meeting = harness_shared(sizeof(*meeting));
        meeting->listens = harness_event_new();
}

static void begin(struct ends *ends, const char *server_address, const char *address) {
        char copy[LEAT_ADDRESS_BYTES];
        meet(ends);
        snprintf(copy, sizeof(copy), "%s", server_address);
        ends->server = harness_fork(serve_at, copy);
        harness_event_wait(meeting->listens);
        ends->channel = open_or_fail(address, LEAT_CALL, harness_deadline_ms(20000));
        CHECK_EQ(leat_rpc_client_new(ends->channel, &ends->client), 0);
}

static void end(struct ends *ends) {
        leat_rpc_client_free(ends->client);
        leat_close(ends->channel);
        leat_xdr_arena_free(&ends->arena);
        free(ends->text);
        if (ends->server > 0)
                harness_kill(ends->server);
}

static int call_store(struct ends *ends, uint32_t size_bytes, int64_t deadline, enum leat_rpc_ran *ret_ran) {
        const store_text text = { ends->text, size_bytes };
        struct leat_rpc_call call = leat_rpc_call_until(deadline, &ends->arena);
        uint32_t stored;
        int r = store_store_1(ends->client, &text, &stored, &call);
        if (r < 0)
                CHECK_EQ(call.status, LEAT_RPC_NO_REPLY);
        *ret_ran = call.ran;
        return r;
}

static uint32_t call_count(struct ends *ends) {
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(50000), &ends->arena);
        uint32_t stored = 0;
        int r = store_count_1(ends->client, &stored, &call);
        if (r < 0)
                FAIL("%s, ran %d", leat_strerror(r), (int)call.ran);
        return stored;
}

static void check_not_run(struct ends *ends, int64_t deadline) {
        enum leat_rpc_ran ran = LEAT_RPC_RAN;
        int r = call_store(ends, TEXT_BYTES, deadline, &ran);
        if (r != -ETIMEDOUT || ran != LEAT_RPC_NOT_RUN)
                FAIL("%s, ran %d", leat_strerror(r), (int)ran);
}

/* By the interface's deadline and by the call's own; what came before and what comes after runs once each. */
static void check_stopped(struct ends *ends) {
        enum leat_rpc_ran ran;
        CHECK_EQ(call_store(ends, 1000, harness_deadline_ms(50000), &ran), 0);
        CHECK_EQ(call_count(ends), 1);
        for (int i = 0; i < 2; i++) {
                harness_stop(ends->server);
                check_not_run(ends, i == 0 ? LEAT_RPC_TIMEOUT : leat_in_ms(50));
                harness_continue(ends->server);
                CHECK_EQ(call_count(ends), 1 + i);
                CHECK_EQ(call_store(ends, TEXT_BYTES, harness_deadline_ms(50000), &ran), 0);
                CHECK_EQ(call_count(ends), 2 + i);
        }
}

/* It dies without having gone on: what is tried afterwards did not run either. */
static void check_killed(struct ends *ends) {
        enum leat_rpc_ran ran;
        harness_stop(ends->server);
        check_not_run(ends, LEAT_RPC_TIMEOUT);
        harness_kill(ends->server);
        ends->server = 0;
        CHECK(call_store(ends, 1000, leat_in_ms(50), &ran) < 0);
        CHECK_EQ(ran, LEAT_RPC_NOT_RUN);
        CHECK_EQ(meeting->stored, 3);
}

static void check_address(const char *server_address, const char *address) {
        struct ends ends;
        begin(&ends, server_address, address);
        check_stopped(&ends);
        check_killed(&ends);
        end(&ends);
}

TEST(half_a_request_does_not_run_over_unix_stream) {
        check_address("unix-stream:rpc?size=32M", "unix-stream:rpc?size=32M");
}

TEST(half_a_request_does_not_run_over_tcp) {
        char free_port[100], address[120];
        struct leat_channel *listener = open_or_fail("tcp:127.0.0.1:0", LEAT_REPLY, LEAT_NEVER);
        CHECK(leat_channel_address(listener, free_port, sizeof(free_port)) > 0);
        leat_close(listener);
        snprintf(address, sizeof(address), "%s?size=32M", free_port);
        check_address(address, address);
}

TEST(half_a_request_does_not_run_over_shared_memory) {
        check_address("shm:rpc?size=32M", "shm:rpc?size=32M");
}

TEST(half_a_request_does_not_run_over_fifos) {
        check_address("fifo:rpc?exclusive&size=32M", "fifo:rpc?exclusive&reply=fifo:rpc.me&size=32M");
}

TEST_MAIN()
