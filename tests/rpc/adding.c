/* SPDX-License-Identifier: MIT */
#include "adding.h"
#include "harness.h"
#include "schemas.h"

static const struct leat_rpc_procedure procedures[] = {
        [ADDING_ONE] = { .number = 1, .argument = NODE_INT, .result = NODE_INT, .name = "ADD" },
        [ADDING_SAFELY] = { .number = 2,
                            .flags = LEAT_RPC_IDEMPOTENT,
                            .argument = NODE_INT,
                            .result = NODE_INT,
                            .name = "SAFE_ADD" },
        [ADDING_NULL] = { .number = 0, .name = "NULL" },
        [ADDING_TAKE] = { .number = 3, .argument = NODE_STRING, .name = "TAKE" },
        [ADDING_BORROW] = { .number = 4, .result = NODE_BORROWED_BYTES, .name = "BORROW" },
};
const struct leat_rpc_program adding_program = { "TEST", 0x20000021, 1, ADDING_PROCEDURES, procedures, &schemas };

struct leat_rpc_client *adding_connect(const struct scripted *peer, unsigned flags, size_t reply_bytes_max) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client = NULL;
        struct leat_reason reason;
        options.flags = flags;
        if (reply_bytes_max > 0)
                options.reply_bytes_max = reply_bytes_max;
        int r = leat_rpc_connect(peer->address, &options, harness_deadline_ms(20000), &reason, &client);
        if (r < 0)
                FAIL("%s: %s", peer->address, leat_strerror(r));
        return client;
}

struct leat_rpc_call adding_soon(struct leat_xdr_arena *arena) {
        return leat_rpc_call_until(harness_deadline_ms(50000), arena);
}

struct adding_outcome adding_call_until(struct leat_rpc_client *client, uint32_t procedure, int64_t deadline) {
        struct leat_xdr_arena arena = { 0 };
        struct adding_outcome outcome = { .call = leat_rpc_call_until(deadline, &arena) };
        int32_t number = 41;
        outcome.error = leat_rpc_call(client, &adding_program, procedure, &number, &outcome.result, &outcome.call);
        CHECK_EQ(outcome.error, outcome.call.error);
        if (outcome.error == 0)
                CHECK_EQ(outcome.result, 42);
        leat_xdr_arena_free(&arena);
        return outcome;
}

struct adding_outcome adding_call(struct leat_rpc_client *client, uint32_t procedure) {
        return adding_call_until(client, procedure, harness_deadline_ms(50000));
}

void adding_check(struct adding_outcome outcome, int error, enum leat_rpc_ran ran, enum leat_rpc_status status) {
        if (outcome.error != error || outcome.call.ran != ran || outcome.call.status != status)
                FAIL("%s, ran %d, status %d", leat_strerror(outcome.error), (int)outcome.call.ran,
                     (int)outcome.call.status);
}

void adding_check_ran(struct adding_outcome outcome) {
        adding_check(outcome, 0, LEAT_RPC_RAN, LEAT_RPC_SUCCESS);
}

struct leat_rpc_client_info adding_info(struct leat_rpc_client *client) {
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_client_info(client, &info), 0);
        return info;
}

struct adding adding;

void adding_answer_all(struct scripted *peer) {
        scripted_accept(peer);
        while (scripted_read(peer))
                scripted_reply_next(peer);
}
