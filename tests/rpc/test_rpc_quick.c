/* SPDX-License-Identifier: MIT */

/*
 * Calls by shared memory that go the short way (docs/design/speed.md), and what is unusual about them: each kind is called until it went that
 * way. The counter of the processor stands (harness_stop_counter()), and nobody sleeps, so that it is taken on a slow build and a busy machine, too.
 */

#include "harness.h"
#include "rpc/client_core.h"
#include "rpc/server.h"
#include "schemas.h"

#include <errno.h>
#include <leat.h>
#include <leat/rpc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { DOUBLE_IT, LATER, LARGE, TOO_LONG, FAILS, CALL_ON, IS_THERE, SHORT_TEXT, PROCEDURES };
static const struct leat_rpc_procedure procedures[] = {
        [DOUBLE_IT] = { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "DOUBLE_IT" },
        [LATER] = { .number = 2, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "LATER" },
        [LARGE] = { .number = 3, .argument = NODE_UNSIGNED, .result = NODE_STRING, .name = "LARGE" },
        [TOO_LONG] = { .number = 4, .argument = NODE_UNSIGNED, .result = NODE_STRING_8, .name = "TOO_LONG" },
        [FAILS] = { .number = 5, .result = NODE_UNSIGNED, .name = "FAILS" },
        [CALL_ON] = { .number = 6, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "CALL_ON" },
        [IS_THERE] = { .number = 0, .name = "IS_THERE" },
        [SHORT_TEXT] = { .number = 7, .argument = NODE_STRING_8, .result = NODE_UNSIGNED, .name = "SHORT_TEXT" },
};
static const struct leat_rpc_program program = { "QUICK", 0x2000000c, 1, PROCEDURES, procedures, &schemas };

/* What somebody takes the procedures for who has another version of the interface. */
static const struct leat_rpc_procedure others[] = {
        [DOUBLE_IT] = { .number = 1, .argument = NODE_HYPER, .result = NODE_UNSIGNED, .name = "DOUBLE_IT" },
        [LATER] = { .number = 99, .result = NODE_UNSIGNED, .name = "NOT_THERE" },
};
static const struct leat_rpc_program other_program = { "QUICK", 0x2000000c, 1, 2, others, &schemas };

/* LATER: who answers, and when. */
enum { AT_ONCE, A_THREAD, WHEN_TOLD, WAYS };

#define HELD_MOST 64
#define BYTES_MOST ((size_t)64 << 20)

static struct meeting {
        struct harness_event *listens, *holds, *answer, *answered;
        atomic_uint ran[PROCEDURES], quick[PROCEDURES];
        atomic_uint calls, replies, running, unanswered; /* as the server tells, in its handler */
        char address[160], next_address[160];            /* CALL_ON: where to */
        atomic_uint takes;                               /* IS_THERE: so much memory */
        atomic_uint spare;                               /* what the request has of it that nobody uses */
        bool stands;
} * meeting;

/* ---- the server ---- */

static struct leat_rpc_server *server;
static struct leat_rpc_client *next_client;

static struct {
        pthread_mutex_t lock;
        struct leat_rpc_request *requests[HELD_MOST];
        unsigned count;
        struct harness_event *some; /* for A_THREAD */
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hold(struct leat_rpc_request *request) {
        pthread_mutex_lock(&held.lock);
        CHECK(held.count < HELD_MOST);
        held.requests[held.count++] = request;
        pthread_mutex_unlock(&held.lock);
}

static void answer_one(void) {
        pthread_mutex_lock(&held.lock);
        CHECK(held.count > 0);
        struct leat_rpc_request *request = held.requests[--held.count];
        pthread_mutex_unlock(&held.lock);
        int r = leat_rpc_request_answer(request, 0);
        CHECK(r == 0 || r == -EPIPE);
}

static void *answer_some(void *argument) {
        for (;;) {
                harness_event_try(held.some, LEAT_NEVER);
                answer_one();
        }
        return argument;
}

static void *answer_when_told(void *argument) {
        for (;;) {
                harness_event_try(meeting->answer, LEAT_NEVER);
                answer_one();
                harness_event_signal(meeting->answered);
        }
        return argument;
}

static int later(uint32_t way, uint32_t *result, struct leat_rpc_request *request) {
        *result = way + 1;
        if (way == AT_ONCE)
                CHECK_EQ(leat_rpc_request_answer(request, 0), 0);
        else
                hold(request);
        if (way == A_THREAD)
                harness_event_signal(held.some);
        if (way == WHEN_TOLD)
                harness_event_signal(meeting->holds);
        return LEAT_RPC_LATER;
}

static int call_on(uint32_t number, uint32_t *result) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
        int r = leat_rpc_call(next_client, &program, DOUBLE_IT, &number, result, &call);
        leat_xdr_arena_free(&arena);
        return r;
}

static void tell(void) {
        struct leat_rpc_server_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_server_info(server, &info), 0);
        meeting->calls = (unsigned)info.calls;
        meeting->replies = (unsigned)info.replies;
        meeting->running = (unsigned)info.running;
        meeting->unanswered = (unsigned)info.unanswered;
}

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)userdata;
        meeting->ran[index]++;
        meeting->quick[index] += atomic_load(&request->server->quick_running);
        meeting->spare = (unsigned)request->arena.spare_bytes;
        tell();
        switch (index) {
        case DOUBLE_IT:
                *(uint32_t *)result = 2 * *(const uint32_t *)argument;
                return 0;
        case LATER:
                return later(*(const uint32_t *)argument, result, request);
        case LARGE:
                return schemas_answer_text(*(const uint32_t *)argument, result, request);
        case TOO_LONG:
                *(struct leat_xdr_string *)result = TEXT("more than eight");
                return 0;
        case CALL_ON:
                return call_on(*(const uint32_t *)argument, result);
        case SHORT_TEXT:
                *(uint32_t *)result = ((const struct leat_xdr_string *)argument)->size_bytes;
                return 0;
        case IS_THERE: /* a procedure without argument and result may want memory, too */
                return leat_xdr_arena_take(leat_rpc_request_arena(request), meeting->takes) ? 0 : -ENOMEM;
        default:
                return -EIO;
        }
}

static struct leat_rpc_client *come_to(const char *address, unsigned flags) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        options.flags = flags;
        CHECK_EQ(leat_rpc_connect(address, &options, harness_deadline_ms(40000), NULL, &client), 0);
        return client;
}

static void serve_at(void *address) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        pthread_t threads[2];
        held.some = harness_event_new();
        options.bytes_max = BYTES_MOST;
        CHECK_EQ(leat_rpc_server_create(&options, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        CHECK_EQ(leat_rpc_server_listen(server, address, LEAT_NOW, NULL), 0);
        CHECK_EQ(pthread_create(&threads[0], NULL, answer_some, NULL), 0);
        CHECK_EQ(pthread_create(&threads[1], NULL, answer_when_told, NULL), 0);
        if (meeting->next_address[0] && strcmp(address, meeting->next_address) != 0)
                next_client = come_to(meeting->next_address, LEAT_RPC_PLAIN);
        harness_event_signal(meeting->listens);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

static pid_t begin_at(char *address) {
        pid_t pid = harness_fork(serve_at, address);
        harness_event_wait(meeting->listens);
        return pid;
}

static void meet(void) {
        bool stands = harness_stop_counter();
        meeting = harness_shared(sizeof(*meeting));
        meeting->stands = stands;
        meeting->listens = harness_event_new();
        meeting->holds = harness_event_new();
        meeting->answer = harness_event_new();
        meeting->answered = harness_event_new();
        snprintf(meeting->address, sizeof(meeting->address), "shm:%s/quick?wait=spin", harness_tmpdir());
}

static pid_t begin(void) {
        meet();
        return begin_at(meeting->address);
}

/* ---- calls ---- */

static struct leat_xdr_arena arena;

static int call_of(struct leat_rpc_client *client, const struct leat_rpc_program *of, uint32_t index,
                   const void *argument, void *result, struct leat_rpc_call *ret_call) {
        leat_xdr_arena_reset(&arena);
        *ret_call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
        return leat_rpc_call(client, of, index, argument, result, ret_call);
}

static void check_double(struct leat_rpc_client *client) {
        uint32_t number = (uint32_t)harness_random(), result;
        struct leat_rpc_call call;
        CHECK_EQ(call_of(client, &program, DOUBLE_IT, &number, &result, &call), 0);
        CHECK_EQ(call.ran, LEAT_RPC_RAN);
        CHECK_EQ(call.status, LEAT_RPC_SUCCESS);
        CHECK_EQ(call.attempts, 1);
        CHECK_EQ(result, 2 * number);
}

/* Do it again until it went the short way some times. */
#define UNTIL_QUICK(index)                                                                                             \
        for (unsigned from_ = meeting->quick[index], tries_ = 0; is_wanted(index, from_, tries_); tries_++)

static bool is_wanted(uint32_t index, unsigned from, unsigned tries) {
        if (!meeting->stands)
                return tries < 100;
        CHECK(tries < 10000);
        return meeting->quick[index] - from < 3;
}

static void make_quick(struct leat_rpc_client *client) {
        UNTIL_QUICK(DOUBLE_IT)
        check_double(client);
}

/* The control; and what both ends count. */
TEST(calls_and_replies_are_counted) {
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        make_quick(client);
        for (int i = 0; i < 100; i++)
                check_double(client);
        unsigned ran = meeting->ran[DOUBLE_IT];
        CHECK_EQ(leat_rpc_client_info(client, &info), 0);
        CHECK_EQ(info.calls, ran);
        CHECK_EQ(info.sent, ran);
        CHECK_EQ(info.in_flight, 0);
        CHECK_EQ(meeting->calls, ran); /* the last one, while it ran */
        CHECK_EQ(meeting->replies, ran - 1);
        CHECK_EQ(meeting->running, 1);
        CHECK_EQ(meeting->unanswered, 0);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* Those that may run again need no number; the others have one, and go the long way. */
TEST(a_client_that_greeted) {
        static const struct leat_rpc_procedure again[] = {
                { .number = 1,
                  .flags = LEAT_RPC_IDEMPOTENT,
                  .argument = NODE_UNSIGNED,
                  .result = NODE_UNSIGNED,
                  .name = "AGAIN" },
        };
        const struct leat_rpc_program same = { "QUICK", 0x2000000c, 1, 1, again, &schemas };
        struct leat_rpc_call call;
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, 0);
        for (uint32_t i = 0; i < 100; i++)
                check_double(client);
        CHECK_EQ(meeting->quick[DOUBLE_IT], 0);
        UNTIL_QUICK(DOUBLE_IT) {
                uint32_t number = 5, result = 0;
                CHECK_EQ(call_of(client, &same, 0, &number, &result, &call), 0);
                CHECK_EQ(result, 10);
        }
        UNTIL_QUICK(IS_THERE)
        CHECK_EQ(call_of(client, &program, IS_THERE, NULL, NULL, &call), 0);
        UNTIL_QUICK(DOUBLE_IT) {
                uint32_t number = 6, result = 0;
                call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
                call.flags = LEAT_RPC_AGAIN;
                CHECK_EQ(leat_rpc_call(client, &program, DOUBLE_IT, &number, &result, &call), 0);
                CHECK_EQ(result, 12);
        }
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* ---- answered later ---- */

TEST(answered_in_the_handler_and_by_another_thread) {
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        for (uint32_t way = AT_ONCE; way <= A_THREAD; way++)
                UNTIL_QUICK(LATER) {
                        struct leat_rpc_call call;
                        uint32_t result = 0;
                        CHECK_EQ(call_of(client, &program, LATER, &way, &result, &call), 0);
                        CHECK_EQ(result, way + 1);
                        for (int i = 0; i < 3; i++)
                                check_double(client);
                }
        make_quick(client); /* and nothing of that stays */
        CHECK_EQ(meeting->running, 1);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* The caller waits no more; what is answered then is nobody's. */
TEST(answered_after_the_deadline) {
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        UNTIL_QUICK(LATER) {
                uint32_t way = WHEN_TOLD, result = 77;
                struct leat_rpc_call call;
                unsigned ran = meeting->ran[LATER];
                for (int i = 0; i < 4; i++)
                        check_double(client);
                call = leat_rpc_call_until(leat_in_ms(10), &arena);
                CHECK_EQ(leat_rpc_call(client, &program, LATER, &way, &result, &call), -ETIMEDOUT);
                bool was_sent = call.ran == LEAT_RPC_UNKNOWN; /* else there was no time for even that */
                CHECK(was_sent || call.ran == LEAT_RPC_NOT_RUN);
                CHECK_EQ(call.status, LEAT_RPC_NO_REPLY);
                CHECK_EQ(result, 77);
                check_double(client);
                CHECK_EQ(meeting->ran[LATER], ran + was_sent);
                if (!was_sent)
                        continue;
                harness_event_wait(meeting->holds);
                harness_event_signal(meeting->answer);
                harness_event_wait(meeting->answered);
                check_double(client);
        }
        make_quick(client);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

static void call_and_wait(void *argument) {
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        uint32_t way = WHEN_TOLD, result;
        struct leat_rpc_call call;
        (void)argument;
        for (int i = 0; i < 20; i++)
                check_double(client);
        (void)call_of(client, &program, LATER, &way, &result, &call);
        FAIL("it was answered");
}

TEST(answered_after_the_death_of_its_caller) {
        pid_t pid = begin();
        UNTIL_QUICK(LATER) {
                pid_t caller = harness_fork(call_and_wait, NULL);
                harness_event_wait(meeting->holds);
                harness_kill(caller);
                harness_event_signal(meeting->answer);
                harness_event_wait(meeting->answered);
        }
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        make_quick(client);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* ---- what the short way does not hold ---- */

TEST(results_and_arguments_of_all_sizes) {
        static const uint32_t sizes[] = { 0, 1, 400, 3000, 4067, 4068, 4069, 4096, 5000, 70000, 2000000 };
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
                UNTIL_QUICK(LARGE) {
                        struct leat_xdr_string text;
                        struct leat_rpc_call call;
                        CHECK_EQ(call_of(client, &program, LARGE, &sizes[i], &text, &call), 0);
                        CHECK_EQ(text.size_bytes, sizes[i]);
                        for (int n = 0; n < 4; n++)
                                check_double(client);
                }
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* Each is told as by the long way, and the next call goes as ever. */
static void check_failure(struct leat_rpc_client *client, const struct leat_rpc_program *of, uint32_t index,
                          const void *argument, enum leat_rpc_status status, enum leat_rpc_ran ran) {
        struct leat_xdr_string text;
        struct leat_rpc_call call;
        int r = call_of(client, of, index, argument, &text, &call);
        if (r >= 0 || call.status != status || call.ran != ran)
                FAIL("%s: %s, status %d, ran %d", of->procedures[index].name, leat_strerror(r), (int)call.status,
                     (int)call.ran);
        for (int i = 0; i < 3; i++)
                check_double(client);
}

TEST(results_and_arguments_that_are_none) {
        const struct leat_xdr_string text = TEXT("nine bytes");
        const uint32_t number = 1;
        const int64_t wide = 1;
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        UNTIL_QUICK(TOO_LONG)
        check_failure(client, &program, TOO_LONG, &number, LEAT_RPC_SYSTEM_ERROR, LEAT_RPC_RAN);
        UNTIL_QUICK(FAILS)
        check_failure(client, &program, FAILS, NULL, LEAT_RPC_SYSTEM_ERROR, LEAT_RPC_RAN);
        unsigned ran = meeting->ran[SHORT_TEXT];
        UNTIL_QUICK(DOUBLE_IT) {
                check_failure(client, &other_program, DOUBLE_IT, &wide, LEAT_RPC_GARBAGE_ARGUMENTS, LEAT_RPC_NOT_RUN);
                check_failure(client, &other_program, LATER, NULL, LEAT_RPC_PROCEDURE_UNAVAILABLE, LEAT_RPC_NOT_RUN);
                check_failure(client, &program, SHORT_TEXT, &text, LEAT_RPC_NO_REPLY, LEAT_RPC_NOT_RUN);
        }
        CHECK_EQ(meeting->ran[SHORT_TEXT], ran);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* ---- among other things ---- */

static void check_call_on(struct leat_rpc_client *client) {
        uint32_t number = (uint32_t)harness_random(), result;
        struct leat_rpc_call call;
        CHECK_EQ(call_of(client, &program, CALL_ON, &number, &result, &call), 0);
        CHECK_EQ(result, 2 * number);
}

/* The handler calls another server, by a short way of its own. */
TEST(a_handler_that_calls) {
        meet();
        snprintf(meeting->next_address, sizeof(meeting->next_address), "shm:%s/next?wait=spin", harness_tmpdir());
        pid_t next = begin_at(meeting->next_address), pid = begin_at(meeting->address);
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        UNTIL_QUICK(CALL_ON)
        check_call_on(client);
        UNTIL_QUICK(DOUBLE_IT)
        check_call_on(client);
        leat_rpc_client_free(client);
        harness_kill(pid);
        harness_kill(next);
}

static void use_of_parent(void *argument) {
        struct leat_rpc_client *client = argument;
        uint32_t number = 1, result;
        struct leat_rpc_call call;
        CHECK_EQ(call_of(client, &program, DOUBLE_IT, &number, &result, &call), -ECHILD);
        CHECK_EQ(call.ran, LEAT_RPC_NOT_RUN);
        leat_rpc_client_free(client);
        client = come_to(meeting->address, LEAT_RPC_PLAIN);
        for (int i = 0; i < 20; i++)
                check_double(client);
        leat_rpc_client_free(client);
}

TEST(a_child_between_two_calls) {
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        for (int i = 0; i < 10; i++) {
                make_quick(client);
                unsigned ran = meeting->ran[DOUBLE_IT];
                CHECK_EQ(harness_wait(harness_fork(use_of_parent, client)), 0);
                CHECK_EQ(meeting->ran[DOUBLE_IT], ran + 20);
        }
        make_quick(client);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* Calls that are started, and cancelled, between those that are waited for. */
TEST(started_calls_between) {
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        UNTIL_QUICK(DOUBLE_IT) {
                uint32_t number = (uint32_t)harness_random(), results[2] = { 0 };
                struct leat_rpc_call calls[2], *over;
                for (int i = 0; i < 2; i++) {
                        calls[i] = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
                        CHECK_EQ(leat_rpc_start(client, &program, DOUBLE_IT, &number, &results[i], &calls[i]), 0);
                }
                for (int i = 0; i < 3; i++)
                        check_double(client);
                int r = leat_rpc_cancel(client, &calls[1]);
                CHECK(r == 0 ? calls[1].error == -ECANCELED : r == -ENOENT);
                for (int i = r == 0; i < 2; i++) {
                        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(40000), &over), 0);
                        CHECK_EQ(over->error, 0);
                        CHECK_EQ(results[over - calls], 2 * number);
                        check_double(client);
                }
                for (int i = 0; i < 4; i++)
                        check_double(client);
        }
        leat_rpc_client_free(client);
        harness_kill(pid);
}

static void call_often(void *argument) {
        const unsigned *count = argument;
        struct leat_rpc_client *client = come_to(meeting->address, *count % 2 ? LEAT_RPC_PLAIN : 0);
        for (unsigned i = 0; i < *count; i++)
                check_double(client);
        leat_rpc_client_free(client);
}

/* Some that come and go, while one calls all the time. */
TEST(several_clients) {
        pid_t pid = begin(), callers[3];
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        for (uint64_t n = harness_how_many(2, 4, 1000); n > 0; n--) {
                for (int i = 0; i < 3; i++) {
                        unsigned count = (unsigned)harness_random_below(60);
                        callers[i] = harness_fork(call_often, &count);
                }
                for (int i = 0; i < 60; i++)
                        check_double(client);
                (void)kill(callers[0], SIGKILL); /* it may have ended */
                (void)harness_wait(callers[0]);
                for (int i = 1; i < 3; i++)
                        CHECK_EQ(harness_wait(callers[i]), 0);
                make_quick(client);
        }
        leat_rpc_client_free(client);
        harness_kill(pid);
}

static size_t client_place_bytes(const struct leat_rpc_client *client) {
        struct rpc_place *place;
        CHECK(rpc_channel_quick(client, &place));
        return place->room_bytes;
}

/* The place of replies is small again when they are. */
TEST(memory_of_a_large_reply_is_given_back) {
        const uint32_t large = 12 << 20;
        struct leat_xdr_string text;
        struct leat_rpc_call call;
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        check_double(client);
        CHECK_EQ(call_of(client, &program, LARGE, &large, &text, &call), 0);
        leat_xdr_arena_free(&arena);
        make_quick(client);
        for (int i = 0; i < 100; i++)
                check_double(client);
        CHECK(client_place_bytes(client) <= 1 << 20);
        CHECK_EQ(call_of(client, &program, LARGE, &large, &text, &call), 0);
        CHECK_EQ(text.size_bytes, large);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

/* What a handler takes is its call's alone; and what was much is given back. */
TEST(memory_that_handlers_take) {
        struct leat_rpc_call call;
        pid_t pid = begin();
        struct leat_rpc_client *client = come_to(meeting->address, LEAT_RPC_PLAIN);
        meeting->takes = BYTES_MOST / 8;
        for (int i = 0; i < 30; i++)
                CHECK_EQ(call_of(client, &program, IS_THERE, NULL, NULL, &call), 0);
        UNTIL_QUICK(IS_THERE)
        CHECK_EQ(call_of(client, &program, IS_THERE, NULL, NULL, &call), 0);
        meeting->takes = 1;
        UNTIL_QUICK(IS_THERE)
        CHECK_EQ(call_of(client, &program, IS_THERE, NULL, NULL, &call), 0);
        CHECK(meeting->spare <= 4 << 20);
        leat_rpc_client_free(client);
        harness_kill(pid);
}

TEST_MAIN()
