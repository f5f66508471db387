/* Made by leatgen from calls.x. Do not edit it: what is changed here is lost when it is made again. */
#include "calls.h"
#include <errno.h>

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

static int store_1_dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                struct leat_rpc_request *request, void *userdata) {
        const struct store_1_functions *own = (const struct store_1_functions *)functions;
        switch (index) {
        case 0:
                if (!own->null)
                        return -ENOSYS;
                return own->null(request, userdata);
        case 1:
                if (!own->lookup)
                        return -ENOSYS;
                return own->lookup(argument, result, request, userdata);
        case 2:
                if (!own->count)
                        return -ENOSYS;
                return own->count(result, request, userdata);
        case 3:
                if (!own->forget)
                        return -ENOSYS;
                return own->forget(argument, request, userdata);
        case 4:
                if (!own->next)
                        return -ENOSYS;
                return own->next(argument, result, request, userdata);
        case 5:
                if (!own->all)
                        return -ENOSYS;
                return own->all(result, request, userdata);
        case 6:
                if (!own->watch)
                        return -ENOSYS;
                return own->watch(result, request, userdata);
        default:
                return -ENOSYS;
        }
}

struct leat_rpc_service store_1_server(const struct store_1_functions *functions, void *userdata) {
        struct leat_rpc_service service = { &store_1_program, store_1_dispatch, functions, userdata };
        return service;
}

static int store_2_dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                struct leat_rpc_request *request, void *userdata) {
        const struct store_2_functions *own = (const struct store_2_functions *)functions;
        switch (index) {
        case 0:
                if (!own->null)
                        return -ENOSYS;
                return own->null(request, userdata);
        case 1: {
                if (!own->lookup)
                        return -ENOSYS;
                const struct store_lookup_2_arguments *given = argument;
                return own->lookup(&given->name, given->access, given->follow, given->near, result, request, userdata);
        }
        case 2:
                if (!own->split)
                        return -ENOSYS;
                return own->split(argument, result, request, userdata);
        case 3:
                if (!own->delete_)
                        return -ENOSYS;
                return own->delete_(argument, request, userdata);
        default:
                return -ENOSYS;
        }
}

struct leat_rpc_service store_2_server(const struct store_2_functions *functions, void *userdata) {
        struct leat_rpc_service service = { &store_2_program, store_2_dispatch, functions, userdata };
        return service;
}
