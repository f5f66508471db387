/* Made by leatgen from calls.x. Do not edit it: what is changed here is lost when it is made again. */
#include "calls.h"
#include <stddef.h>
#include <string.h>

static const struct leat_rpc_procedure store_1_procedures[] = {
        { 0u, 0, 0, 0, 0, "NULL" },
        { 1u, 0, 3, 5, 0, "LOOKUP" },
        { 2u, LEAT_RPC_IDEMPOTENT, 0, 7, 5000000000, "COUNT" },
        { 3u, 0, 3, 0, 1500000000, "FORGET" },
        { 4u, LEAT_RPC_IDEMPOTENT, 3, 3, 0, "NEXT" },
        { 5u, LEAT_RPC_STREAM, 0, 3, 0, "ALL" },
        { 6u, LEAT_RPC_IDEMPOTENT | LEAT_RPC_STREAM, 0, 3, 120000000000, "WATCH" },
};

__attribute__((weak)) const struct leat_rpc_program store_1_program = {
        "STORE_PROGRAM", 536871168u, 1u, 7, store_1_procedures, &store_calls_schema,
};

static const struct leat_rpc_procedure store_2_procedures[] = {
        { 0u, 0, 0, 0, 0, "NULL" },
        { 1u, 0, 2, 5, 0, "LOOKUP" },
        { 2u, 0, 6, 6, 0, "SPLIT" },
        { 3u, 0, 1, 0, 0, "DELETE" },
};

__attribute__((weak)) const struct leat_rpc_program store_2_program = {
        "STORE_PROGRAM", 536871168u, 2u, 4, store_2_procedures, &store_calls_schema,
};

int store_null_1(struct leat_rpc_client *client, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 0, NULL, NULL, call);
}

int store_lookup_1(struct leat_rpc_client *client, const store_key *argument, struct store_entry **ret_result,
        struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 1, argument, ret_result, call);
}

int store_count_1(struct leat_rpc_client *client, int32_t *ret_result, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 2, NULL, ret_result, call);
}

int store_forget_1(struct leat_rpc_client *client, const store_key *argument, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 3, argument, NULL, call);
}

int store_next_1(struct leat_rpc_client *client, const store_key *argument, store_key *ret_result,
        struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 4, argument, ret_result, call);
}

int store_all_1(struct leat_rpc_client *client, store_key *ret_result, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 5, NULL, ret_result, call);
}

int store_watch_1(struct leat_rpc_client *client, store_key *ret_result, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_1_program, 6, NULL, ret_result, call);
}

int store_null_2(struct leat_rpc_client *client, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_2_program, 0, NULL, NULL, call);
}

int store_lookup_2(struct leat_rpc_client *client, const store_key *name, const store_token access, bool follow,
        const struct store_entry *near, struct store_entry **ret_result, struct leat_rpc_call *call) {
        struct store_lookup_2_arguments arguments;
        arguments.name = *name;
        memcpy(arguments.access, access, sizeof(arguments.access));
        arguments.follow = follow;
        memcpy(&arguments.near, &near, sizeof(arguments.near));
        return leat_rpc_call(client, &store_2_program, 1, &arguments, ret_result, call);
}

int store_split_2(struct leat_rpc_client *client, const store_triple argument, store_triple ret_result,
        struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_2_program, 2, argument, ret_result, call);
}

int store_delete_2(struct leat_rpc_client *client, const struct store_entry *argument, struct leat_rpc_call *call) {
        return leat_rpc_call(client, &store_2_program, 3, argument, NULL, call);
}
