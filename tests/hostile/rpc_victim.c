/* SPDX-License-Identifier: MIT */
#include "rpc_victim.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

struct victim_told *victim_told;
struct harness_event *victim_held, *victim_go_on;

/* ---- its program ---- */

enum { NODE_OPAQUE = 1, NODE_UNSIGNED };

static const struct leat_xdr_node nodes[] = {
        { .kind = LEAT_XDR_KIND_VOID },
        { .kind = LEAT_XDR_KIND_BYTES,
          .bound = LEAT_XDR_UNBOUNDED,
          .size = sizeof(struct leat_xdr_bytes),
          .wire_min = 4 },
        { .kind = LEAT_XDR_KIND_UNSIGNED, .size = 4, .wire_min = 4 },
};
static const struct leat_xdr_schema schema = { .nodes = nodes + 1,
                                               .names = "",
                                               .node_count = 3,
                                               .version = LEAT_XDR_SCHEMA };
static const struct leat_rpc_procedure procedures[] = {
        [VICTIM_NULL] = { .number = VICTIM_NULL, .name = "NULL" },
        [VICTIM_ECHO] = { .number = VICTIM_ECHO, .argument = NODE_OPAQUE, .result = NODE_OPAQUE, .name = "ECHO" },
        [VICTIM_BIG] = { .number = VICTIM_BIG, .argument = NODE_UNSIGNED, .result = NODE_OPAQUE, .name = "BIG" },
        [VICTIM_HOLD] = { .number = VICTIM_HOLD, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "HOLD" },
        [VICTIM_COUNT] = { .number = VICTIM_COUNT,
                           .argument = NODE_UNSIGNED,
                           .result = NODE_UNSIGNED,
                           .name = "COUNT" },
        [VICTIM_COUNT_AGAIN] = { .number = VICTIM_COUNT_AGAIN,
                                 .flags = LEAT_RPC_IDEMPOTENT,
                                 .argument = NODE_UNSIGNED,
                                 .result = NODE_UNSIGNED,
                                 .name = "COUNT_AGAIN" },
};
const struct leat_rpc_program victim_program = { "VICTIM",          VICTIM_PROGRAM, VICTIM_VERSION,
                                                 VICTIM_PROCEDURES, procedures,     &schema };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct leat_rpc_request *held[4096];
static size_t held_first, held_end;

static int hold(const uint32_t *argument, uint32_t *result, struct leat_rpc_request *request) {
        *result = *argument;
        pthread_mutex_lock(&lock);
        CHECK(held_end < sizeof(held) / sizeof(held[0]));
        held[held_end++] = request;
        pthread_mutex_unlock(&lock);
        harness_event_signal(victim_held);
        return LEAT_RPC_LATER;
}

static int big(const uint32_t *argument, struct leat_xdr_bytes *result, struct leat_rpc_request *request) {
        uint8_t *bytes = leat_xdr_arena_take(leat_rpc_request_arena(request), *argument);
        if (!bytes)
                return -ENOMEM;
        memset(bytes, 'b', *argument);
        *result = (struct leat_xdr_bytes){ bytes, *argument };
        return 0;
}

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)userdata;
        victim_told->ran[index]++;
        switch (index) {
        case VICTIM_ECHO:
                *(struct leat_xdr_bytes *)result = *(const struct leat_xdr_bytes *)argument;
                return 0;
        case VICTIM_BIG:
                return big(argument, result, request);
        case VICTIM_HOLD:
                return hold(argument, result, request);
        case VICTIM_COUNT:
        case VICTIM_COUNT_AGAIN:
                *(uint32_t *)result = ++victim_told->count[*(const uint32_t *)argument % VICTIM_NUMBERS];
                return 0;
        default:
                return 0;
        }
}

struct leat_rpc_server *victim_make(const struct leat_rpc_server_options *options) {
        static const struct leat_rpc_service service = { &victim_program, dispatch, NULL, NULL };
        struct leat_rpc_server *server = NULL;
        if (leat_rpc_server_create(options, &server) < 0)
                return NULL;
        if (leat_rpc_server_add(server, service) == 0)
                return server;
        return leat_rpc_server_free(server);
}

size_t victim_holds(void) {
        pthread_mutex_lock(&lock);
        size_t holds = held_end - held_first;
        pthread_mutex_unlock(&lock);
        return holds;
}

void victim_answer_one(void) {
        pthread_mutex_lock(&lock);
        CHECK(held_first < held_end);
        struct leat_rpc_request *request = held[held_first++];
        if (held_first == held_end)
                held_first = held_end = 0;
        pthread_mutex_unlock(&lock);
        (void)leat_rpc_request_answer(request, 0); /* -EPIPE: nobody waits for it any more */
}

void victim_meet(void) {
        victim_told = harness_shared(sizeof(*victim_told));
        victim_held = harness_event_new();
        victim_go_on = harness_event_new();
}

/* ---- in a process of its own ---- */

struct beginning {
        const struct leat_rpc_server_options *options;
        size_t descriptors;
        struct harness_event *ready;
};

static void *answer_when_told(void *argument) {
        for (;;) {
                if (harness_event_try(victim_go_on, LEAT_NEVER))
                        victim_answer_one();
        }
        return argument;
}

static void tell(struct leat_rpc_server *server) {
        struct leat_rpc_server_info info = victim_info(server);
        victim_told->connections = info.connections;
        victim_told->running = info.running;
        victim_told->bytes = info.bytes;
        victim_told->refused = info.refused;
        victim_told->evicted = info.evicted;
        victim_told->replayed = info.replayed;
        victim_told->steps++;
}

static void serve(void *argument) {
        const struct beginning *beginning = argument;
        struct leat_reason reason = { 0 };
        pthread_t thread;
        if (beginning->descriptors > 0)
                CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ beginning->descriptors, beginning->descriptors }),
                         0);
        struct leat_rpc_server *server = victim_make(beginning->options);
        const char *const addresses[] = { "tcp:127.0.0.1:0", "unix:victim", "udp:127.0.0.1:0" };
        char *const places[] = { victim_told->tcp, victim_told->unix_stream, victim_told->udp };
        CHECK(server);
        for (size_t i = 0; i < 3; i++) {
                int r = leat_rpc_server_listen(server, addresses[i], LEAT_NOW, &reason);
                if (r < 0)
                        FAIL("%s: %s (%s)", addresses[i], leat_strerror(r), reason.text ? reason.text : "");
                CHECK(leat_rpc_server_address(server, i, places[i], 128) > 0);
        }
        CHECK_EQ(pthread_create(&thread, NULL, answer_when_told, NULL), 0);
        tell(server);
        harness_event_signal(beginning->ready);
        for (;;) {
                int r = leat_rpc_server_step(server, LEAT_NEVER);
                if (r < 0)
                        FAIL("the server ends: %s", leat_strerror(r));
                tell(server);
        }
}

pid_t victim_begin(const struct leat_rpc_server_options *options, size_t descriptors) {
        struct beginning beginning = { options, descriptors, harness_event_new() };
        victim_meet();
        pid_t pid = harness_fork(serve, &beginning);
        harness_event_wait(beginning.ready);
        return pid;
}

void victim_end(pid_t pid) {
        CHECK(harness_state(pid) != '?' && harness_state(pid) != 'Z');
        harness_kill(pid);
}

/* ---- a client beside the attackers ---- */

struct leat_rpc_client *victim_client(const char *address) {
        struct leat_rpc_client *client = NULL;
        struct leat_reason reason = { 0 };
        int r = leat_rpc_connect(address, NULL, harness_deadline_ms(40000), &reason, &client);
        if (r < 0)
                FAIL("%s: %s (%s)", address, leat_strerror(r), reason.text ? reason.text : "");
        return client;
}

void victim_check_serves(struct leat_rpc_client *client) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
        const struct leat_xdr_bytes argument = { (const uint8_t *)"polite", 6 };
        struct leat_xdr_bytes result;
        int r = leat_rpc_call(client, &victim_program, VICTIM_ECHO, &argument, &result, &call);
        if (r < 0)
                FAIL("a polite client noticed: %s, ran %d, status %d", leat_strerror(r), (int)call.ran,
                     (int)call.status);
        CHECK_EQ(result.size_bytes, 6);
        CHECK_MEM(result.bytes, "polite", 6);
        leat_xdr_arena_free(&arena);
}

void victim_check_serves_all(void) {
        const char *const addresses[] = { victim_told->tcp, victim_told->unix_stream, victim_told->udp };
        for (int i = 0; i < 3; i++) {
                struct leat_rpc_client *client = victim_client(addresses[i]);
                victim_check_serves(client);
                leat_rpc_client_free(client);
        }
}
