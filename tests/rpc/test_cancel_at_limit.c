/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat/rpc.h>
#include <stdio.h>
#include <string.h>

/*
 * A client whose calls all run, as many of them as its server carries out at once for one peer: it cancels them all the same, also while others of its calls wait in front. Server
 * and client are in one thread, which takes their steps in turn.
 */

enum { HOLD, HOLD_SAFELY, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [HOLD] = { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "HOLD" },
        [HOLD_SAFELY] = { .number = 2,
                          .flags = LEAT_RPC_IDEMPOTENT,
                          .argument = NODE_UNSIGNED,
                          .result = NODE_UNSIGNED,
                          .name = "HOLD_SAFELY" },
};
static const struct leat_rpc_program program = { "HOLDING", 0x20000042, 1, PROCEDURES, procedures, &schemas };

#define MOST 4u
#define CALLS 1000u

static struct scene {
        struct leat_rpc_server *server;
        struct leat_rpc_client *client;
        struct leat_rpc_request *held[CALLS];
        struct leat_rpc_call calls[CALLS];
        uint32_t numbers[CALLS], results[CALLS];
        unsigned ran, running;
} scene;

static int hold(uint32_t index, const void *functions, const void *argument, void *result,
                struct leat_rpc_request *request, void *userdata) {
        uint32_t number = *(const uint32_t *)argument;
        (void)index, (void)functions, (void)result, (void)userdata;
        scene.held[number] = request;
        scene.ran++;
        scene.running++;
        return LEAT_RPC_LATER;
}

static void begin(void) {
        static const struct leat_rpc_service service = { &program, hold, NULL, NULL };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        char address[160];
        memset(&scene, 0, sizeof(scene));
        options.peer_calls_max = MOST;
        CHECK_EQ(leat_rpc_server_create(&options, &scene.server), 0);
        CHECK_EQ(leat_rpc_server_add(scene.server, service), 0);
        snprintf(address, sizeof(address), "unix:%s/holding", harness_tmpdir());
        CHECK_EQ(leat_rpc_server_listen(scene.server, address, LEAT_NOW, NULL), 0);
        CHECK_EQ(leat_rpc_connect(address, NULL, harness_deadline_ms(20000), NULL, &scene.client), 0);
}

static void end(void) {
        scene.client = leat_rpc_client_free(scene.client);
        CHECK(!leat_rpc_server_free(scene.server));
}

static void start(uint32_t procedure, uint32_t number, int64_t deadline) {
        scene.numbers[number] = number;
        scene.calls[number] = leat_rpc_call_until(deadline, NULL);
        CHECK_EQ(leat_rpc_start(scene.client, &program, procedure, &scene.numbers[number], &scene.results[number],
                                &scene.calls[number]),
                 0);
}

static void cancel(uint32_t number) {
        CHECK_EQ(leat_rpc_cancel(scene.client, &scene.calls[number]), 0);
        CHECK_EQ(scene.calls[number].error, -ECANCELED);
}

/* Each does what it can. false: a call of the client's is over. */
static bool go_round(void) {
        struct leat_rpc_call *call;
        int r = leat_rpc_next(scene.client, LEAT_NOW, &call);
        if (r != 0)
                CHECK(r == -EAGAIN || r == -ENOENT);
        while (leat_rpc_server_step(scene.server, LEAT_NOW) >= 0)
                ;
        return r != 0;
}

static void wait_until_held(unsigned ran) {
        WAIT_UNTIL((go_round(), scene.ran >= ran));
        CHECK_EQ(scene.ran, ran);
}

/* The client has said all that it has to say, and the server has looked. */
static void settle(void) {
        for (int i = 0; i < 20; i++)
                go_round();
}

static void wait_until_cancelled(uint32_t number) {
        WAIT_UNTIL((go_round(), leat_rpc_request_is_cancelled(scene.held[number])));
}

static void answer(uint32_t number) {
        scene.running--;
        (void)leat_rpc_request_answer(scene.held[number], 0);
}

static void check_cancelled(uint32_t procedure, int64_t deadline, uint32_t behind) {
        begin();
        for (uint32_t i = 0; i < MOST; i++)
                start(procedure, i, deadline);
        wait_until_held(MOST);
        for (uint32_t i = MOST; i < MOST + behind; i++)
                start(procedure, i, deadline);
        settle();
        for (uint32_t i = 0; i + 1 < MOST; i++) {
                CHECK(!leat_rpc_request_is_cancelled(scene.held[i]));
                cancel(i);
                wait_until_cancelled(i);
        }
        CHECK(!leat_rpc_request_is_cancelled(scene.held[MOST - 1]));
        CHECK_EQ(scene.ran, MOST); /* none of the others has begun */
        for (uint32_t i = 0; i < MOST; i++)
                answer(i);
        /* Those that waited run now, the last one too. */
        for (uint32_t i = MOST; i < MOST + behind; i++) {
                WAIT_UNTIL((go_round(), scene.held[i]));
                answer(i);
        }
        WAIT_UNTIL((go_round(), scene.results[MOST - 1] == 0 && scene.running == 0));
        settle();
        CHECK_EQ(scene.ran, MOST + behind);
        end();
}

TEST(calls_with_numbers_are_cancelled) {
        check_cancelled(HOLD, harness_deadline_ms(50000), 0);
}

TEST(calls_without_numbers_are_cancelled) {
        check_cancelled(HOLD_SAFELY, harness_deadline_ms(50000), 0);
        check_cancelled(HOLD_SAFELY, LEAT_NEVER, 0);
}

/* Behind others, which wait to be read: as many as the server reads ahead. */
TEST(calls_are_cancelled_while_others_wait) {
        check_cancelled(HOLD, harness_deadline_ms(50000), 1);
        check_cancelled(HOLD, harness_deadline_ms(50000), 20);
        check_cancelled(HOLD_SAFELY, harness_deadline_ms(50000), 20);
        check_cancelled(HOLD_SAFELY, LEAT_NEVER, 20);
}

/* One that waits is cancelled before it begins. */
TEST(who_waits_is_cancelled_and_never_runs) {
        begin();
        for (uint32_t i = 0; i < 2 * MOST; i++)
                start(HOLD, i, LEAT_NEVER);
        wait_until_held(MOST);
        cancel(MOST);
        cancel(MOST + 2);
        settle();
        for (uint32_t i = 0; i < MOST; i++)
                answer(i);
        WAIT_UNTIL((go_round(), scene.held[MOST + 1] && scene.held[MOST + 3]));
        settle();
        CHECK(!scene.held[MOST] && !scene.held[MOST + 2]);
        answer(MOST + 1);
        answer(MOST + 3);
        settle();
        end();
}

/* More than is read ahead: nothing is lost, and all run in the end. */
TEST(more_calls_than_are_read_ahead_all_run) {
        begin();
        for (uint32_t i = 0; i < CALLS; i++)
                start(HOLD, i, LEAT_NEVER);
        wait_until_held(MOST);
        cancel(0);
        for (uint32_t i = 0; i < CALLS; i++) {
                WAIT_UNTIL((go_round(), scene.held[i]));
                answer(i);
        }
        settle();
        CHECK_EQ(scene.ran, CALLS);
        end();
}

TEST_MAIN()
