/* SPDX-License-Identifier: MIT */

/* libtirpc: rpcgen is run, and what it makes is compiled together with bench_rpc_tirpc.c.in in a private folder, and loaded. */

#include "tools/leat/bench_made.h"
#include "tools/leat/bench_peer.h"
#include "tools/leat/bench_rpc_ways.h"

#include <errno.h>
#include <stdio.h>

static const char interface[] =
#include "tools/leat/bench_rpc.inc"
        ;
static const char source[] =
#include "tools/leat/bench_rpc_tirpc.inc"
        ;

static int (*serve_calls)(const char *path, int (*tell)(void *with, int port), void *with);
static void *(*open_calls)(const char *path, int port);
static int (*make_calls)(void *client, long times);
static void (*close_calls)(void *client);

static void *compile(void) {
        static const struct made_text texts[] = { { "bench_rpc.x", interface }, { "bench_tirpc.c", source }, { NULL } };
        static char *const header[] = { "rpcgen", "-h", "-o", "bench_rpc.h", "bench_rpc.x", NULL };
        static char *const code[] = { "rpcgen", "-c", "-o", "bench_rpc_xdr.c", "bench_rpc.x", NULL };
        static char *const server[] = { "rpcgen", "-m", "-o", "bench_rpc_svc.c", "bench_rpc.x", NULL };
        static char *const compiler[] =
                MADE_COMPILER("bench_tirpc.so", "bench_rpc_xdr.c", "bench_rpc_svc.c", "bench_tirpc.c");
        static char *const *const commands[] = { header, code, server, compiler, NULL };
        return made_library(texts, commands, "bench_tirpc.so");
}

/* Once: there is more than one contest that it is in. */
static int load(const struct rpc_way *way) {
        static bool tried, loaded;
        void *library = tried ? NULL : compile();
        (void)way;
        if (!tried)
                loaded = library && peer_find(library, "bench_tirpc_serve", &serve_calls) &&
                         peer_find(library, "bench_tirpc_open", &open_calls) &&
                         peer_find(library, "bench_tirpc_call", &make_calls) &&
                         peer_find(library, "bench_tirpc_close", &close_calls);
        tried = true;
        return loaded ? 0 : -ENOPKG;
}

static void path_of(const struct rpc_way *way, const struct rpc_ground *ground, char path[108]) {
        if (way->carrier == BY_UNIX)
                rpc_path(way, ground, path);
        else
                path[0] = '\0';
}

static int tell_port(void *with, int port) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", port);
        return rpc_tell(*(int *)with, text);
}

static int serve(const struct rpc_way *way, const struct rpc_ground *ground, int tell) {
        char path[108];
        path_of(way, ground, path);
        return serve_calls(path, tell_port, &tell) < 0 ? -EIO : 0;
}

static int open_client(const struct rpc_way *way, const struct rpc_ground *ground) {
        char path[108];
        path_of(way, ground, path);
        way->state->client = open_calls(path, (int)strtol(way->state->address, NULL, 10));
        return way->state->client ? 0 : -EIO;
}

static int run(const struct rpc_way *way, const struct rpc_ground *ground, int64_t times) {
        (void)ground;
        return make_calls(way->state->client, (long)times) < 0 ? -EIO : 0;
}

static void close_client(const struct rpc_way *way) {
        if (way->state->client)
                close_calls(way->state->client);
        way->state->client = NULL;
}

const struct rpc_kind rpc_kind_tirpc = { .load = load,
                                         .serve = serve,
                                         .open = open_client,
                                         .run = run,
                                         .close = close_client };
