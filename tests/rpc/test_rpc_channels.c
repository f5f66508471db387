/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "schemas.h"

#include <errno.h>
#include <leat/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Many calls under way over each channel that can call, and what becomes of them when either end is killed. */

enum { DOUBLE_IT, HOLD, LARGE, PROCEDURES };
static const struct leat_rpc_procedure procedures[] = {
        [DOUBLE_IT] = { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "DOUBLE_IT" },
        [HOLD] = { .number = 2, .name = "HOLD" },
        [LARGE] = { .number = 3, .argument = NODE_UNSIGNED, .result = NODE_STRING, .name = "LARGE" },
};
static const struct leat_rpc_program program = { "CHANNELS", 0x2000000b, 1, PROCEDURES, procedures, &schemas };

#define MANY 64u
#define LARGE_BYTES (400u << 10) /* more than a ring or a socket holds at once */

static struct meeting {
        struct harness_event *listens, *holds, *started;
        uint32_t ran;
} * meeting;

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)userdata;
        if (index == HOLD) {
                harness_event_signal(meeting->holds);
                pause();
        }
        if (index == LARGE)
                return schemas_answer_text(*(const uint32_t *)argument, result, request);
        *(uint32_t *)result = 2 * *(const uint32_t *)argument;
        meeting->ran++;
        return 0;
}

static void serve_at(void *address) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_channel *channel = open_or_fail(address, LEAT_REPLY, harness_deadline_ms(40000));
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_new(channel, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        harness_event_signal(meeting->listens);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

static pid_t begin(const char *address) {
        static char copy[LEAT_ADDRESS_BYTES];
        meeting = harness_shared(sizeof(*meeting));
        meeting->listens = harness_event_new();
        meeting->holds = harness_event_new();
        meeting->started = harness_event_new();
        snprintf(copy, sizeof(copy), "%s", address);
        pid_t server = harness_fork(serve_at, copy);
        harness_event_wait(meeting->listens);
        return server;
}

struct caller {
        struct leat_channel *channel;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena;
        struct leat_rpc_call calls[MANY];
        uint32_t arguments[MANY], results[MANY];
        struct leat_xdr_string texts[MANY];
};

static struct caller *come(const char *address) {
        struct caller *caller = calloc(1, sizeof(*caller));
        CHECK(caller);
        caller->channel = open_or_fail(address, LEAT_CALL, harness_deadline_ms(40000));
        CHECK_EQ(leat_rpc_client_new(caller->channel, &caller->client), 0);
        return caller;
}

static void go(struct caller *caller) {
        leat_rpc_client_free(caller->client);
        leat_close(caller->channel);
        leat_xdr_arena_free(&caller->arena);
        free(caller);
}

static void start(struct caller *caller, size_t i) {
        caller->arguments[i] = (uint32_t)harness_random();
        caller->calls[i] = leat_rpc_call_until(harness_deadline_ms(40000), &caller->arena);
        CHECK_EQ(leat_rpc_start(caller->client, &program, DOUBLE_IT, &caller->arguments[i], &caller->results[i],
                                &caller->calls[i]),
                 0);
}

static size_t next(struct caller *caller) {
        struct leat_rpc_call *over;
        CHECK_EQ(leat_rpc_next(caller->client, harness_deadline_ms(40000), &over), 0);
        size_t i = (size_t)(over - caller->calls);
        CHECK(i < MANY);
        return i;
}

static void check_many(struct caller *caller, unsigned count) {
        for (size_t i = 0; i < MANY; i++)
                start(caller, i);
        for (unsigned done = 0; done < count; done++) {
                size_t i = next(caller);
                if (caller->calls[i].error != 0)
                        FAIL("%s", leat_strerror(caller->calls[i].error));
                CHECK_EQ(caller->results[i], 2 * caller->arguments[i]);
                if (done + MANY < count)
                        start(caller, i);
        }
        struct leat_rpc_call *none;
        CHECK_EQ(leat_rpc_next(caller->client, LEAT_NOW, &none), -ENOENT);
        CHECK_EQ(meeting->ran, count);
}

/* Replies that are larger than what the channel holds: they wait for each other at the server, and none is lost. */
static void check_large(struct caller *caller) {
        for (size_t i = 0; i < 8; i++) {
                caller->arguments[i] = LARGE_BYTES + (uint32_t)i;
                caller->calls[i] = leat_rpc_call_until(harness_deadline_ms(40000), &caller->arena);
                CHECK_EQ(leat_rpc_start(caller->client, &program, LARGE, &caller->arguments[i], &caller->texts[i],
                                        &caller->calls[i]),
                         0);
        }
        for (int n = 0; n < 8; n++) {
                size_t i = next(caller);
                if (caller->calls[i].error != 0)
                        FAIL("%s", leat_strerror(caller->calls[i].error));
                CHECK_EQ(caller->texts[i].size_bytes, caller->arguments[i]);
        }
}

/* All that was sent is unknown, what was not is not run; and each is told once. */
static void check_killed_server(struct caller *caller, pid_t server) {
        caller->calls[0] = leat_rpc_call_until(harness_deadline_ms(40000), NULL);
        CHECK_EQ(leat_rpc_start(caller->client, &program, HOLD, NULL, NULL, &caller->calls[0]), 0);
        harness_event_wait(meeting->holds);
        for (size_t i = 1; i < MANY; i++)
                start(caller, i);
        harness_kill(server);
        for (size_t n = 0; n < MANY; n++) {
                const struct leat_rpc_call *call = &caller->calls[next(caller)];
                CHECK(call->error < 0 && call->error != -ETIMEDOUT);
                CHECK(call->ran != LEAT_RPC_RAN);
        }
        CHECK_EQ(caller->calls[0].ran, LEAT_RPC_UNKNOWN);
}

static void call_and_wait(void *address) {
        struct caller *caller = come(address);
        for (size_t i = 0; i < MANY; i++)
                start(caller, i);
        harness_event_signal(meeting->started);
        for (;;)
                pause();
}

/* A caller that is killed with calls under way, and replies that it never reads, is no other's trouble. */
static void check_killed_client(const char *address) {
        char copy[LEAT_ADDRESS_BYTES];
        snprintf(copy, sizeof(copy), "%s", address);
        for (int i = 0; i < 3; i++) {
                pid_t client = harness_fork(call_and_wait, copy);
                harness_event_wait(meeting->started);
                harness_kill(client);
        }
        struct caller *caller = come(address);
        start(caller, 0);
        CHECK_EQ(caller->calls[next(caller)].error, 0);
        go(caller);
}

static void check_address(const char *address) {
        pid_t server = begin(address);
        struct caller *caller = come(address);
        check_many(caller, (unsigned)harness_how_many(2000, 10000, 100000));
        check_large(caller);
        check_killed_client(address);
        check_killed_server(caller, server);
        go(caller);
}

TEST(many_calls_go_over_unix) {
        check_address("unix:rpc");
}

TEST(many_calls_go_over_unix_stream) {
        check_address("unix-stream:rpc");
}

TEST(many_calls_go_over_shared_memory) {
        check_address("shm:rpc");
}

TEST(many_calls_go_over_tcp) {
        char address[LEAT_ADDRESS_BYTES];
        struct leat_channel *listener = open_or_fail("tcp:127.0.0.1:0", LEAT_REPLY, LEAT_NEVER);
        CHECK(leat_channel_address(listener, address, sizeof(address)) > 0);
        leat_close(listener);
        check_address(address);
}

/* One call is under way there at a time; the others wait for their turn. */
TEST(many_calls_go_over_fifos) {
        pid_t server = begin("fifo:rpc");
        struct caller *caller = come("fifo:rpc?reply=fifo:rpc.me");
        check_many(caller, 200);
        go(caller);
        harness_kill(server);
}

TEST_MAIN()
