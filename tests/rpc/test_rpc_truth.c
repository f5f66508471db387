/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "schemas.h"

#include <errno.h>
#include <leat/rpc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/*
 * A client and a server on the two channels of a pair: what is said of a call is compared with what the handlers did. And a server that has
 * neither descriptors nor memory enough.
 */

enum { TAKE, HUGE_RESULT, SHUT, PROCEDURES };
enum { NODE_TEXT = 1, NODE_HUGE };

#define HUGE_BYTES (1u << 30) /* more than the memory of a request may be */

static const struct leat_xdr_node nodes[] = {
        { .kind = LEAT_XDR_KIND_VOID },
        { .kind = LEAT_XDR_KIND_LIST,
          .first = 3,
          .bound = LEAT_XDR_UNBOUNDED,
          .size = sizeof(struct leat_xdr_list),
          .wire_min = 4 },
        { .kind = LEAT_XDR_KIND_FIXED, .bound = HUGE_BYTES, .size = HUGE_BYTES, .wire_min = HUGE_BYTES },
        { .kind = LEAT_XDR_KIND_STRING, .bound = 32, .size = sizeof(struct leat_xdr_string), .wire_min = 4 },
};
static const struct leat_xdr_schema schema = { .nodes = nodes + 1,
                                               .names = "",
                                               .node_count = 4,
                                               .version = LEAT_XDR_SCHEMA };
static const struct leat_rpc_procedure procedures[] = {
        [TAKE] = { .number = 1, .argument = NODE_TEXT, .name = "TAKE" },
        [HUGE_RESULT] = { .number = 2, .argument = NODE_TEXT, .result = NODE_HUGE, .name = "HUGE_RESULT" },
        [SHUT] = { .number = 3, .name = "SHUT" },
};
static const struct leat_rpc_program program = { "TRUTH", 0x20000009, 1, PROCEDURES, procedures, &schema };

/* What the handlers saw. */
static struct {
        unsigned ran;
        size_t arena_bytes; /* of the last request's arena, also what is spare */
} seen;

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)argument, (void)result, (void)userdata;
        const struct leat_xdr_arena *arena = leat_rpc_request_arena(request);
        seen.ran++;
        if (index == SHUT)
                CHECK(harness_refuse_call(SYS_accept4, EMFILE));
        seen.arena_bytes = arena->taken_bytes + arena->spare_bytes;
        return 0;
}

static struct leat_rpc_server *make_server(struct leat_channel *channel) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server *server = NULL;
        CHECK_EQ(leat_rpc_server_new(channel, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        return server;
}

struct both {
        struct leat_channel *ours, *theirs;
        struct leat_rpc_client *client;
        struct leat_rpc_server *server;
};

static struct both meet(const char *address) {
        struct both both = { 0 };
        CHECK_EQ(leat_pair(address, NULL, &both.theirs, &both.ours), 0);
        CHECK_EQ(leat_rpc_client_new(both.ours, &both.client), 0);
        both.server = make_server(both.theirs);
        return both;
}

static void part(struct both *both) {
        CHECK(!leat_rpc_client_free(both->client) && !leat_rpc_server_free(both->server));
        leat_close(both->ours);
        leat_close(both->theirs);
}

/* One thread calls, the other serves. */
struct one_call {
        struct both *both;
        uint32_t procedure;
        struct leat_xdr_list texts;
        struct leat_rpc_call call;
        int result;
        int turn;
};

static void *call_or_serve(void *argument) {
        struct one_call *one = argument;
        if (__atomic_fetch_add(&one->turn, 1, __ATOMIC_RELAXED) == 0)
                CHECK_EQ(leat_rpc_server_run(one->both->server, harness_deadline_ms(40000)), -ECANCELED);
        else {
                one->result = leat_rpc_call(one->both->client, &program, one->procedure, &one->texts, NULL, &one->call);
                CHECK_EQ(leat_rpc_server_interrupt(one->both->server), 0);
        }
        return NULL;
}

static struct one_call call_once(struct both *both, uint32_t procedure, struct leat_xdr_list texts) {
        struct one_call one = { .both = both,
                                .procedure = procedure,
                                .texts = texts,
                                .call = leat_rpc_call_until(harness_deadline_ms(20000), NULL) };
        harness_threads(2, call_or_serve, &one);
        return one;
}

/* Its result does not fit into the memory that a request may take: that is seen before anything runs, and said. */
TEST(what_there_is_no_memory_for_did_not_run) {
        struct both both = meet("unix-stream:?pattern=pair");
        struct one_call one = call_once(&both, HUGE_RESULT, (struct leat_xdr_list){ 0 });
        CHECK_EQ(one.result, -EPROTO);
        CHECK_EQ(seen.ran, 0);
        CHECK_EQ(one.call.ran, LEAT_RPC_NOT_RUN);
        part(&both);
}

/* A large request takes many times its bytes of memory; a server that lives long does not keep that. */
TEST(a_server_gives_memory_back) {
        struct both both = meet("unix-stream:?pattern=pair");
        static struct leat_xdr_string texts[1000000];
        struct one_call one = call_once(&both, TAKE, (struct leat_xdr_list){ texts, 1000000 });
        CHECK_EQ(one.result, 0);
        CHECK(seen.arena_bytes >= sizeof(texts));
        one = call_once(&both, TAKE, (struct leat_xdr_list){ 0 });
        CHECK_EQ(one.result, 0);
        CHECK(seen.arena_bytes < (size_t)5 << 20);
        part(&both);
}

/* ---- no descriptors ---- */

static struct harness_event *listens;

static void serve_at(void *address) {
        struct leat_channel *channel = open_or_fail(address, LEAT_REPLY, harness_deadline_ms(20000));
        struct leat_rpc_server *server = make_server(channel);
        harness_event_signal(listens);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

struct caller {
        struct leat_channel *channel;
        struct leat_rpc_client *client;
};

static struct caller come(const char *address) {
        struct caller caller = { .channel = open_or_fail(address, LEAT_CALL, harness_deadline_ms(20000)) };
        CHECK_EQ(leat_rpc_client_new(caller.channel, &caller.client), 0);
        return caller;
}

static void go(struct caller *caller) {
        leat_rpc_client_free(caller->client);
        leat_close(caller->channel);
}

static int ask_for(struct caller *caller, uint32_t procedure) {
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(20000), NULL);
        return leat_rpc_call(caller->client, &program, procedure, &(struct leat_xdr_list){ 0 }, NULL, &call);
}

static int ask(struct caller *caller) {
        return ask_for(caller, TAKE);
}

/* Each time that a caller goes there might be room for one of those that wait, and there is none: the server is told of that over and over, and goes on
 * for those that are there. */
TEST(a_server_without_descriptors_goes_on) {
        char address[] = "unix:rpc";
        struct caller callers[8];
        listens = harness_event_new();
        pid_t server = harness_fork(serve_at, address);
        harness_event_wait(listens);
        for (size_t i = 0; i < 5; i++) {
                callers[i] = come(address);
                CHECK_EQ(ask(&callers[i]), 0);
        }
        CHECK_EQ(ask_for(&callers[0], SHUT), 0);
        for (size_t i = 5; i < 8; i++) {
                callers[i] = come(address);
                harness_wait_state(server, "S");
        }
        for (size_t i = 0; i < 4; i++) {
                go(&callers[i]);
                harness_wait_state(server, "S");
        }
        CHECK_EQ(ask(&callers[4]), 0);
        for (size_t i = 4; i < 8; i++)
                go(&callers[i]);
        harness_kill(server);
}

/* ---- no room for rings ---- */

static void serve_without_room(void *address) {
        struct leat_channel *channel = open_or_fail(address, LEAT_REPLY, harness_deadline_ms(20000));
        struct leat_rpc_server *server = make_server(channel);
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = 4096;
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        harness_event_signal(listens);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

/* Callers by shared memory for which no memory may be made are refused, one after another; the next one for whom there is some is served. */
TEST(a_server_without_memory_for_a_ring_goes_on) {
        char address[] = "shm:rpc";
        struct rlimit limit;
        listens = harness_event_new();
        pid_t server = harness_fork(serve_without_room, address);
        harness_event_wait(listens);
        for (int i = 0; i < 3; i++) {
                struct leat_channel *channel = NULL;
                int r = leat_open(address, LEAT_CALL, harness_deadline_ms(20000), &channel);
                if (r == 0) {
                        char byte;
                        r = (int)leat_call(channel, 1, "a", 1, &byte, 1, harness_deadline_ms(20000), NULL);
                        CHECK(r < 0);
                        leat_close(channel);
                }
                harness_wait_state(server, "S");
        }
        CHECK_EQ(prlimit(server, RLIMIT_FSIZE, NULL, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        CHECK_EQ(prlimit(server, RLIMIT_FSIZE, &limit, NULL), 0);
        struct caller caller = come(address);
        CHECK_EQ(ask(&caller), 0);
        go(&caller);
        harness_kill(server);
}

TEST_MAIN()
