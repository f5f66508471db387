/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "schemas.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat/rpc.h>
#include <leat/xdr_code.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Limits that contain each other, the end of a server whose callers have all gone, and that one with nothing to do rests. */

enum { ADD, LATER, END_LATER, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [ADD] = { .number = 1, .argument = NODE_INT, .result = NODE_INT, .name = "ADD" },
        [LATER] = { .number = 2, .name = "LATER" },
        [END_LATER] = { .number = 3, .name = "END_LATER" },
};
static const struct leat_rpc_program program = { "EDGES", 0x20000024, 1, PROCEDURES, procedures, &schemas };

static struct leat_rpc_request *held;

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)userdata;
        if (index == LATER) {
                held = request;
                return LEAT_RPC_LATER;
        }
        if (index == END_LATER)
                return leat_rpc_request_answer(held, 0);
        *(int32_t *)result = *(const int32_t *)argument + 1;
        return 0;
}

static struct leat_rpc_server *make(void) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        return server;
}

/* ---- limits ---- */

#define MIB ((size_t)1 << 20)

static int try_limits(size_t request, size_t peer, size_t all) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server *server = NULL;
        options.request_bytes_max = request;
        options.peer_bytes_max = peer;
        options.bytes_max = all;
        int r = leat_rpc_server_create(&options, &server);
        CHECK((r == 0) == (server != NULL));
        leat_rpc_server_free(server);
        return r;
}

TEST(limits_contain_each_other) {
        CHECK_EQ(try_limits(8 * MIB, 4 * MIB, 0), -EINVAL);
        CHECK_EQ(try_limits(8 * MIB, 0, 4 * MIB), -EINVAL);
        CHECK_EQ(try_limits(0, 8 * MIB, 4 * MIB), -EINVAL);
        CHECK_EQ(try_limits(4 * MIB, 4 * MIB, 4 * MIB), 0);
        CHECK_EQ(try_limits(64 * MIB, 0, 0), 0);
        CHECK_EQ(try_limits(0, 1, 0), 0);
        CHECK_EQ(try_limits(0, 0, 1), 0);
        CHECK_EQ(try_limits(0, 1024 * MIB, 0), 0);
        CHECK_EQ(try_limits(INT32_MAX, 0, 0), 0);
}

/* ---- the end of several channels ---- */

static void step_until_idle(struct leat_rpc_server *server) {
        int r;
        while ((r = leat_rpc_server_step(server, leat_in_ms(20))) >= 0)
                ;
        CHECK_EQ(r, -ETIMEDOUT);
}

/* A call is under way until its handler has it: first the two get to know each other. */
static void start_later(struct leat_rpc_server *server, struct leat_rpc_client *client, struct leat_rpc_call *call) {
        struct leat_rpc_call *told;
        CHECK_EQ(leat_rpc_start(client, &program, LATER, NULL, NULL, call), 0);
        WAIT_UNTIL(leat_rpc_next(client, LEAT_NOW, &told) == -EAGAIN &&
                   leat_rpc_server_step(server, leat_in_ms(5)) != -ENODATA && held);
}

/* Each by one end of a pair; the other one's client is freed, and its channel closed, when it has called. */
TEST(a_server_of_several_channels_ends_with_the_last_caller) {
        struct leat_channel *here[2], *there[2];
        struct leat_rpc_client *clients[2];
        struct leat_rpc_server *server = make();
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(50000), NULL), *told;
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_pair("unix:?pattern=pair", NULL, &here[i], &there[i]), 0);
                CHECK_EQ(leat_rpc_server_add_channel(server, here[i]), 0);
                CHECK_EQ(leat_rpc_client_new(there[i], &clients[i]), 0);
        }
        step_until_idle(server);
        start_later(server, clients[1], &call);
        leat_rpc_client_free(clients[0]);
        leat_close(there[0]);
        step_until_idle(server); /* the other one is there */
        CHECK_EQ(leat_rpc_request_answer(held, 0), 0);
        CHECK_EQ(leat_rpc_next(clients[1], harness_deadline_ms(50000), &told), 0);
        CHECK_EQ(call.error, 0);
        leat_rpc_client_free(clients[1]);
        leat_close(there[1]);
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(50000)), -ENODATA);
        leat_rpc_server_free(server);
        leat_close(here[0]);
        leat_close(here[1]);
}

/* Also if both ends are this process's. */
TEST(a_server_of_one_end_of_a_pair_ends_with_its_caller) {
        struct leat_channel *here, *there;
        struct leat_rpc_server *server;
        CHECK_EQ(leat_pair("unix:?pattern=pair", NULL, &here, &there), 0);
        CHECK_EQ(leat_rpc_server_new(here, &server), 0);
        step_until_idle(server);
        leat_close(there);
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(50000)), -ENODATA);
        leat_rpc_server_free(server);
        leat_close(here);
}

/* A call that is answered later is waited for. */
static void *answer_held(void *unused) {
        (void)unused;
        (void)leat_rpc_request_answer(held, 0); /* nobody may be there any more */
        return NULL;
}

TEST(calls_that_run_are_waited_for_before_that) {
        struct leat_channel *here[2], *there[2];
        struct leat_rpc_client *client;
        struct leat_rpc_server *server = make();
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_NEVER, NULL);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(leat_pair("unix:?pattern=pair", NULL, &here[i], &there[i]), 0);
                CHECK_EQ(leat_rpc_server_add_channel(server, here[i]), 0);
        }
        CHECK_EQ(leat_rpc_client_new(there[0], &client), 0);
        step_until_idle(server);
        start_later(server, client, &call);
        leat_rpc_client_free(client);
        leat_close(there[0]);
        leat_close(there[1]);
        step_until_idle(server);
        harness_threads(1, answer_held, NULL);
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(50000)), -ENODATA);
        leat_rpc_server_free(server);
        leat_close(here[0]);
        leat_close(here[1]);
}

/* ---- a connection that has ended ---- */

static int connect_to_port(const char *address) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        unsigned port;
        CHECK_EQ(sscanf(address, "tcp:127.0.0.1:%u", &port), 1);
        to.sin_port = htons((uint16_t)port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
        return fd;
}

/* Its last answer is still to come; there is nothing to read of it, which needs not be found out over and over. */
TEST(a_connection_that_says_no_more_is_not_looked_at_again) {
        static const uint32_t words[] = { 0x80000028, 9, 0, 2, 0x20000024, 1, 2, 0, 0, 0, 0 };
        uint8_t message[sizeof(words)], reply[28];
        struct leat_rpc_server *server = make();
        char address[160];
        CHECK_EQ(leat_rpc_server_listen(server, "tcp:127.0.0.1:0?wait=spin", LEAT_NOW, NULL), 0);
        CHECK(leat_rpc_server_address(server, 0, address, sizeof(address)) > 0);
        int fd = connect_to_port(address), r = 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                leat_xdr_put_32(message + 4 * i, words[i]);
        CHECK_EQ(send(fd, message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
        WAIT_UNTIL(leat_rpc_server_step(server, leat_in_ms(20)) >= 0 && held);
        CHECK_EQ(shutdown(fd, SHUT_WR), 0);
        for (int steps = 0; r >= 0 && steps < 100; steps++)
                r = leat_rpc_server_step(server, leat_in_ms(10));
        CHECK_EQ(r, -ETIMEDOUT);
        harness_threads(1, answer_held, NULL);
        CHECK_EQ(recv(fd, reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
        CHECK_EQ(leat_xdr_get_32(reply + 4), 9);
        struct leat_rpc_server_info info = { .size = sizeof(info), .connections = 1 };
        WAIT_UNTIL((leat_rpc_server_step(server, leat_in_ms(20)), leat_rpc_server_info(server, &info)) == 0 &&
                   info.connections == 0);
        leat_rpc_server_free(server);
        close(fd);
}

/* ---- a call that takes long ---- */

static void serve_at(void *address) {
        struct leat_rpc_server *server = make();
        CHECK_EQ(leat_rpc_server_listen(server, address, LEAT_NOW, NULL), 0);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

/* More calls with a number than a session has room for, while the first of them runs. */
TEST(one_that_takes_long_does_not_hold_up_the_numbers_behind_it) {
        char address[64];
        struct leat_rpc_client *client;
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_NEVER, NULL), *told;
        snprintf(address, sizeof(address), "unix:%s/long", harness_tmpdir());
        pid_t server = harness_fork(serve_at, address);
        CHECK_EQ(leat_rpc_connect(address, NULL, harness_deadline_ms(40000), NULL, &client), 0);
        CHECK_EQ(leat_rpc_start(client, &program, LATER, NULL, NULL, &call), 0);
        for (int32_t number = 0, sum = 0; number < 16384 + 100; number++) {
                struct leat_rpc_call short_one = leat_rpc_call_until(harness_deadline_ms(40000), NULL);
                CHECK_EQ(leat_rpc_call(client, &program, ADD, &number, &sum, &short_one), 0);
                CHECK_EQ(sum, number + 1);
        }
        struct leat_rpc_call last = leat_rpc_call_until(harness_deadline_ms(40000), NULL);
        CHECK_EQ(leat_rpc_call(client, &program, END_LATER, NULL, NULL, &last), 0);
        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(40000), &told), 0);
        CHECK(told == &call && call.error == 0);
        leat_rpc_client_free(client);
        harness_kill(server);
}

TEST_MAIN()
