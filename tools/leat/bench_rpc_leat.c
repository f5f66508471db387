/* SPDX-License-Identifier: MIT */

/* Leat's calls, by the code that leatgen makes; with a deadline each, and the end of either process noticed. */

#include "tools/leat/bench_rpc_ways.h"

#include "tools/leat/bench_rpc_stubs.h"

#include <leat/rpc.h>
#include <stdio.h>

#define IN_FLIGHT_MOST 64

static int ping(struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return 0;
}

static int take(const bench_rpc_block *block, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return block->size_bytes == RPC_LARGE_BYTES ? 0 : -EPROTO;
}

static const char *wait_of(const struct rpc_way *way) {
        static const char *const waits[] = { [SLEEPING] = "?wait=sleep", [SPINNING] = "?wait=spin", [ADAPTIVE] = "" };
        return waits[way->waiting];
}

static void address_of(const struct rpc_way *way, const struct rpc_ground *ground, char *text, size_t size) {
        char path[108];
        rpc_path(way, ground, path);
        if (way->carrier == BY_TCP)
                (void)snprintf(text, size, "tcp:127.0.0.1:0%s", wait_of(way));
        else
                (void)snprintf(text, size, "%s:%s%s", way->carrier == BY_SHM ? "shm" : "unix", path, wait_of(way));
}

static int serve(const struct rpc_way *way, const struct rpc_ground *ground, int tell) {
        static const struct bench_rpc_1_functions functions = { .ping = ping, .take = take };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server *server;
        char address[LEAT_ADDRESS_BYTES];
        options.request_bytes_max = 2 * RPC_LARGE_BYTES;
        address_of(way, ground, address, sizeof(address));
        int r = leat_rpc_server_create(&options, &server);
        if (r == 0)
                r = leat_rpc_server_add(server, bench_rpc_1_server(&functions, NULL));
        if (r == 0)
                r = leat_rpc_server_listen(server, address, LEAT_NEVER, NULL);
        if (r == 0)
                r = leat_rpc_server_address(server, 0, address, sizeof(address)) < 0 ? -EIO : 0;
        if (r == 0)
                r = rpc_tell(tell, address);
        return r < 0 ? r : leat_rpc_server_run(server, LEAT_NEVER);
}

static int open_client(const struct rpc_way *way, const struct rpc_ground *ground) {
        char address[LEAT_ADDRESS_BYTES + 16];
        struct leat_rpc_client *client;
        (void)ground;
        (void)snprintf(address, sizeof(address), "%s%s", way->state->address, wait_of(way));
        int r = leat_rpc_connect(address, NULL, leat_in_s(RPC_DEADLINE_S), NULL, &client);
        if (r == 0)
                way->state->client = client;
        return r;
}

static int run_one_by_one(const struct rpc_way *way, const struct rpc_ground *ground, int64_t times) {
        const bench_rpc_block block = { ground->block, RPC_LARGE_BYTES };
        struct leat_rpc_call call = leat_rpc_call_until(leat_in_s(RPC_DEADLINE_S), NULL);
        int r = 0;
        for (int64_t i = 0; i < times && r == 0; i++)
                r = way->large ? bench_rpc_take_1(way->state->client, &block, &call)
                               : bench_rpc_ping_1(way->state->client, &call);
        return r;
}

static int run_many(const struct rpc_way *way, int64_t times) {
        struct leat_rpc_call calls[IN_FLIGHT_MOST], *over;
        struct leat_rpc_client *client = way->state->client;
        int64_t started = 0, ended = 0;
        int r = 0;
        for (; r == 0 && started < way->in_flight && started < times; started++) {
                calls[started] = leat_rpc_call_until(leat_in_s(RPC_DEADLINE_S), NULL);
                r = leat_rpc_start(client, &bench_rpc_1_program, 0, NULL, NULL, &calls[started]);
        }
        while (r == 0 && ended < times) {
                r = leat_rpc_next(client, LEAT_NEVER, &over);
                if (r == 0)
                        r = over->error;
                ended++;
                if (r == 0 && started++ < times)
                        r = leat_rpc_start(client, &bench_rpc_1_program, 0, NULL, NULL, over);
        }
        return r;
}

static int run(const struct rpc_way *way, const struct rpc_ground *ground, int64_t times) {
        return way->in_flight > 1 ? run_many(way, times) : run_one_by_one(way, ground, times);
}

static void close_client(const struct rpc_way *way) {
        way->state->client = leat_rpc_client_free(way->state->client);
}

const struct rpc_kind rpc_kind_leat = { .serve = serve, .open = open_client, .run = run, .close = close_client };
