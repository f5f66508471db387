/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "rpc/rpc_message.h"
#include "schemas.h"

#include <errno.h>
#include <leat/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Clients and servers over channels, with a program whose tables are written by hand. */

enum { ECHO, FAIL_IT, BREAK_IT, NOT_FILLED_IN, LARGE, HOLD, NULL_0, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [ECHO] = { .number = 1, .argument = NODE_EVERYTHING, .result = NODE_EVERYTHING, .name = "ECHO" },
        [FAIL_IT] = { .number = 2, .argument = NODE_INT, .result = NODE_INT, .name = "FAIL_IT" },
        [BREAK_IT] = { .number = 3, .result = NODE_CHOICE, .name = "BREAK_IT" },
        [NOT_FILLED_IN] = { .number = 4, .argument = NODE_INT, .name = "NOT_FILLED_IN" },
        [LARGE] = { .number = 5, .argument = NODE_UNSIGNED, .result = NODE_STRING, .name = "LARGE" },
        [HOLD] = { .number = 6, .name = "HOLD", .timeout_ns = 1000000 },
        [NULL_0] = { .number = 0, .name = "NULL" },
};

/* The same, but it takes HOLD's number for something else, and the program's for another one. */
static const struct leat_rpc_procedure wrong_procedures[] = {
        { .number = 2, .argument = NODE_STRING, .result = NODE_INT, .name = "FAIL_IT" },
        { .number = 7, .name = "NONE" },
        { .number = 3, .argument = NODE_INT, .name = "BREAK_IT" },
        { .number = 1, .argument = NODE_EVERYTHING, .result = NODE_LINKS, .name = "ECHO" },
};

#define PROGRAM(version_)                                                                                              \
        { "TEST", 0x20000001, version_, PROCEDURES, procedures, &schemas }
static const struct leat_rpc_program program_2 = PROGRAM(2), program_4 = PROGRAM(4), program_3 = PROGRAM(3);
static const struct leat_rpc_program wrong = { "TEST", 0x20000001, 2, 4, wrong_procedures, &schemas };
static const struct leat_rpc_program other = { "OTHER", 0x20000002, 2, PROCEDURES, procedures, &schemas };

/* What the two processes share. */
struct meeting {
        struct harness_event *listens, *holds, *go_on;
        uint32_t ran; /* calls that reached a handler */
};
static struct meeting *meeting;

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        CHECK(functions == &procedures && userdata == &meeting);
        CHECK(leat_rpc_request_message(request)->flags & LEAT_WANTS_REPLY);
        /* HOLD's is so short that it may be over by now. */
        CHECK(index == HOLD || leat_rpc_request_deadline(request) > leat_now());
        meeting->ran++;
        switch (index) {
        case ECHO:
                *(struct everything *)result = *(const struct everything *)argument;
                return 0;
        case FAIL_IT:
                return -EIO;
        case BREAK_IT:
                ((struct choice *)result)->color = (enum color)44;
                return 0;
        case LARGE:
                return schemas_answer_text(*(const uint32_t *)argument, result, request);
        case HOLD:
                harness_event_signal(meeting->holds);
                harness_event_wait(meeting->go_on);
                return 0;
        default:
                CHECK(index == NULL_0 || index == NOT_FILLED_IN);
                return -ENOSYS;
        }
}

static struct leat_rpc_server *make_server(struct leat_channel *channel) {
        struct leat_rpc_server *server = NULL;
        struct leat_rpc_service service = {
                .program = &program_2, .dispatch = dispatch, .functions = &procedures, .userdata = &meeting
        };
        CHECK_EQ(leat_rpc_server_new(channel, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), -EEXIST);
        service.program = &program_4;
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        return server;
}

/* ---- the two ends ---- */

static void serve_at(void *address) {
        struct leat_channel *channel = open_or_fail(address, LEAT_REPLY, harness_deadline_ms(20000));
        struct leat_rpc_server *server = make_server(channel);
        harness_event_signal(meeting->listens);
        (void)leat_rpc_server_run(server, LEAT_NEVER);
        leat_rpc_server_free(server);
        leat_close(channel);
}

struct ends {
        pid_t server;
        struct leat_channel *channel;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena;
};

static void meet(void) {
        meeting = harness_shared(sizeof(*meeting));
        meeting->listens = harness_event_new();
        meeting->holds = harness_event_new();
        meeting->go_on = harness_event_new();
}

static struct ends begin(const char *server_address, const char *address) {
        struct ends ends = { 0 };
        char copy[200];
        meet();
        snprintf(copy, sizeof(copy), "%s", server_address);
        ends.server = harness_fork(serve_at, copy);
        harness_event_wait(meeting->listens);
        ends.channel = open_or_fail(address, LEAT_CALL, harness_deadline_ms(20000));
        CHECK_EQ(leat_rpc_client_new(ends.channel, &ends.client), 0);
        return ends;
}

/* The server first: one that answers by hand would be told that the caller is gone, and fail. */
static void end(struct ends *ends) {
        if (ends->server > 0)
                harness_kill(ends->server);
        CHECK(!leat_rpc_client_free(ends->client));
        leat_close(ends->channel);
        leat_xdr_arena_free(&ends->arena);
}

static struct leat_rpc_call soon(struct ends *ends) {
        return leat_rpc_call_until(harness_deadline_ms(20000), &ends->arena);
}

/* A call that fails, and what is then known. */
static void check_failure(struct ends *ends, const struct leat_rpc_program *program, uint32_t procedure,
                          const void *argument, int error, enum leat_rpc_ran ran, enum leat_rpc_status status) {
        struct leat_rpc_call call = soon(ends);
        struct everything result;
        int r = leat_rpc_call(ends->client, program, procedure, argument, &result, &call);
        if (r != error || call.ran != ran || call.status != status)
                FAIL("procedure %u: %d, ran %d, status %d", procedure, r, (int)call.ran, (int)call.status);
}

static void check_echo(struct ends *ends, const struct leat_rpc_program *program) {
        struct everything value = schemas_everything(), back;
        struct leat_rpc_call call = soon(ends);
        int r = leat_rpc_call(ends->client, program, ECHO, &value, &back, &call);
        if (r < 0)
                FAIL("%s, status %d", leat_strerror(r), (int)call.status);
        CHECK(call.ran == LEAT_RPC_RAN && call.status == LEAT_RPC_SUCCESS);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_EVERYTHING), &value, &back), 0);
        leat_xdr_arena_reset(&ends->arena);
}

/* ---- over each transport ---- */

static void check_all(struct ends *ends) {
        struct leat_rpc_call call = soon(ends);
        for (int i = 0; i < 20; i++)
                check_echo(ends, i % 2 ? &program_2 : &program_4);
        CHECK_EQ(leat_rpc_call(ends->client, &program_2, NULL_0, NULL, NULL, &call), 0);
        int32_t number = 1;
        check_failure(ends, &program_2, FAIL_IT, &number, -EPROTO, LEAT_RPC_RAN, LEAT_RPC_SYSTEM_ERROR);
        check_echo(ends, &program_2);
}

TEST(calls_go_over_unix) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        check_all(&ends);
        end(&ends);
}

TEST(calls_go_over_unix_stream) {
        struct ends ends = begin("unix-stream:rpc", "unix-stream:rpc");
        check_all(&ends);
        end(&ends);
}

TEST(calls_go_over_shared_memory) {
        struct ends ends = begin("shm:rpc", "shm:rpc");
        check_all(&ends);
        end(&ends);
}

TEST(calls_go_over_tcp) {
        struct ends ends = { 0 };
        struct leat_channel *listener = open_or_fail("tcp:127.0.0.1:0", LEAT_REPLY, LEAT_NEVER);
        char address[LEAT_ADDRESS_BYTES];
        CHECK(leat_channel_address(listener, address, sizeof(address)) > 0);
        leat_close(listener);
        ends = begin(address, address);
        check_all(&ends);
        end(&ends);
}

TEST(calls_go_over_fifos) {
        struct ends ends = begin("fifo:rpc", "fifo:rpc?reply=fifo:rpc.me");
        check_all(&ends);
        end(&ends);
}

static void remove_at(const char *address) {
        (void)leat_remove(address, NULL);
}

TEST(calls_go_over_message_queues) {
        char name[64], place[80], caller[160];
        snprintf(name, sizeof(name), "mq:/leat-test-rpc-%d", (int)getpid());
        snprintf(place, sizeof(place), "%s.me", name);
        snprintf(caller, sizeof(caller), "%s?reply=%s", name, place);
        harness_remove_later(remove_at, name);
        harness_remove_later(remove_at, place);
        struct ends ends = begin(name, caller);
        check_all(&ends);
        end(&ends);
}

static void serve_pair(void *channel) {
        struct leat_rpc_server *server = make_server(channel);
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(20000)), -ENODATA);
        leat_rpc_server_free(server);
        leat_close(channel);
}

TEST(a_server_on_a_pipe_ends_with_its_caller) {
        struct ends ends = { 0 };
        struct leat_channel *theirs = NULL;
        meet();
        CHECK_EQ(leat_pair("pipe:?pattern=pair", NULL, &theirs, &ends.channel), 0);
        CHECK_EQ(leat_give(theirs), 0);
        ends.server = harness_fork(serve_pair, theirs);
        leat_close(theirs);
        CHECK_EQ(leat_rpc_client_new(ends.channel, &ends.client), 0);
        check_all(&ends);
        pid_t server = ends.server;
        ends.server = 0;
        end(&ends);
        CHECK_EQ(harness_wait(server), 0);
}

/* ---- what is known of a call ---- */

TEST(what_a_server_refuses_did_not_run) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        struct leat_rpc_call call = soon(&ends);
        struct everything value = schemas_everything();
        int32_t number = 3;
        struct leat_xdr_string text = TEXT("text");
        check_failure(&ends, &other, ECHO, &value, -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_PROGRAM_UNAVAILABLE);
        check_failure(&ends, &program_3, ECHO, &value, -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_VERSION_MISMATCH);
        CHECK_EQ(leat_rpc_call(ends.client, &program_3, ECHO, &value, NULL, &call), -EPROTO);
        CHECK(call.low == 2 && call.high == 4);
        check_failure(&ends, &wrong, 1, NULL, -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_PROCEDURE_UNAVAILABLE);
        check_failure(&ends, &wrong, 0, &text, -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_GARBAGE_ARGUMENTS);
        check_failure(&ends, &wrong, 2, &number, -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_GARBAGE_ARGUMENTS);
        CHECK_EQ(meeting->ran, 0);
        check_failure(&ends, &program_2, NOT_FILLED_IN, &number, -EPROTO, LEAT_RPC_NOT_RUN,
                      LEAT_RPC_PROCEDURE_UNAVAILABLE);
        end(&ends);
}

TEST(what_fails_at_the_server_ran) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        int32_t number = 3;
        check_failure(&ends, &program_2, FAIL_IT, &number, -EPROTO, LEAT_RPC_RAN, LEAT_RPC_SYSTEM_ERROR);
        check_failure(&ends, &program_2, BREAK_IT, NULL, -EPROTO, LEAT_RPC_RAN, LEAT_RPC_SYSTEM_ERROR);
        CHECK_EQ(meeting->ran, 2);
        end(&ends);
}

TEST(a_result_of_another_type_ran) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        struct leat_rpc_call call = soon(&ends);
        struct everything value = schemas_everything();
        struct link *links;
        CHECK_EQ(leat_rpc_call(ends.client, &wrong, 3, &value, &links, &call), -EBADMSG);
        CHECK(call.ran == LEAT_RPC_RAN && call.status == LEAT_RPC_BAD_REPLY);
        CHECK(call.fault.what != LEAT_XDR_OK);
        CHECK_EQ(leat_rpc_call(ends.client, &wrong, 3, &value, NULL, &call), 0); /* nobody asks */
        end(&ends);
}

TEST(an_argument_that_breaks_its_type_is_not_sent) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        struct leat_rpc_call call = soon(&ends);
        struct everything value = schemas_everything();
        value.bytes.size_bytes = 11;
        CHECK_EQ(leat_rpc_call(ends.client, &program_2, ECHO, &value, NULL, &call), -EINVAL);
        CHECK(call.ran == LEAT_RPC_NOT_RUN && call.status == LEAT_RPC_NO_REPLY);
        CHECK_STR(call.fault.path, "bytes");
        CHECK_EQ(leat_rpc_call(ends.client, &program_2, ECHO, NULL, NULL, &call), -EINVAL);
        CHECK_EQ(leat_rpc_call(ends.client, &program_2, PROCEDURES, NULL, NULL, &call), -EINVAL);
        CHECK_EQ(meeting->ran, 0);
        check_echo(&ends, &program_2);
        end(&ends);
}

/* The deadline comes while the handler is at work: nobody knows, and a late reply is not taken for that of the next call. */
TEST(a_call_that_waited_in_vain_is_unknown) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_RPC_TIMEOUT, &ends.arena);
        check_echo(&ends, &program_2);
        CHECK_EQ(leat_rpc_call(ends.client, &program_2, HOLD, NULL, NULL, &call), -ETIMEDOUT);
        /* Within its millisecond it may not even have been sent. */
        CHECK_EQ(call.ran, call.attempts > 0 ? LEAT_RPC_UNKNOWN : LEAT_RPC_NOT_RUN);
        CHECK_EQ(call.status, LEAT_RPC_NO_REPLY);
        harness_event_signal(meeting->go_on);
        check_echo(&ends, &program_2);
        end(&ends);
}

/* A server that dies in the middle of a call. */
static void *kill_when_it_holds(void *argument) {
        struct ends *ends = argument;
        harness_event_wait(meeting->holds);
        harness_kill(ends->server);
        ends->server = 0;
        return NULL;
}

static void *hold_until_it_fails(void *argument) {
        struct ends *ends = argument;
        struct leat_rpc_call call = soon(ends);
        int r = leat_rpc_call(ends->client, &program_2, HOLD, NULL, NULL, &call);
        CHECK_EQ(r, -EPIPE);
        CHECK(call.ran == LEAT_RPC_UNKNOWN && call.status == LEAT_RPC_NO_REPLY);
        return NULL;
}

static void *hold_or_kill(void *argument) {
        static int turn;
        return __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) == 0 ? kill_when_it_holds(argument)
                                                                   : hold_until_it_fails(argument);
}

TEST(a_server_that_dies_leaves_it_unknown) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        harness_threads(2, hold_or_kill, &ends);
        /* And the next one is not sent at all. */
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_NOW, &ends.arena);
        CHECK(leat_rpc_call(ends.client, &program_2, HOLD, NULL, NULL, &call) < 0);
        CHECK(call.ran == LEAT_RPC_NOT_RUN);
        end(&ends);
}

/* ---- sizes ---- */

static int call_large(struct ends *ends, uint32_t size, struct leat_rpc_call *call) {
        struct leat_xdr_string result = { 0 };
        *call = soon(ends);
        int r = leat_rpc_call(ends->client, &program_2, LARGE, &size, &result, call);
        if (r == 0) {
                CHECK_EQ(result.size_bytes, size);
                CHECK(size == 0 || result.text[size - 1] == 'x');
        }
        leat_xdr_arena_reset(&ends->arena);
        return r;
}

TEST(large_results_come) {
        struct ends ends = begin("unix-stream:rpc", "unix-stream:rpc");
        struct leat_rpc_call call;
        for (uint32_t size = 0; size < 8u << 20; size = size * 7 + 1)
                CHECK_EQ(call_large(&ends, size, &call), 0);
        end(&ends);
}

/* A reply that the channel does not carry: the server says that it could not. */
TEST(a_result_that_is_too_large_ran) {
        struct ends ends = begin("unix:rpc?size=8k", "unix:rpc?size=8k");
        struct leat_rpc_call call;
        CHECK_EQ(call_large(&ends, 1000, &call), 0);
        CHECK_EQ(call_large(&ends, 10000, &call), -EPROTO);
        CHECK(call.ran == LEAT_RPC_RAN && call.status == LEAT_RPC_SYSTEM_ERROR);
        end(&ends);
}

TEST(a_result_larger_than_the_arena_ran) {
        struct ends ends = begin("unix-stream:rpc", "unix-stream:rpc");
        struct leat_rpc_call call;
        ends.arena.limit_bytes = 10000;
        CHECK_EQ(call_large(&ends, 50000, &call), -EMSGSIZE);
        CHECK(call.ran == LEAT_RPC_RAN && call.status == LEAT_RPC_BAD_REPLY);
        CHECK_EQ(call.fault.what, LEAT_XDR_ARENA_FULL);
        CHECK_EQ(call_large(&ends, 5000, &call), 0);
        end(&ends);
}

/* It waits in the channel until there is a larger one. */
TEST(a_result_larger_than_its_place_comes) {
        struct ends ends = begin("unix-stream:rpc?size=20M", "unix-stream:rpc?size=20M");
        struct leat_rpc_call call;
        for (int i = 0; i < 2; i++)
                CHECK_EQ(call_large(&ends, 17 << 20, &call), 0);
        end(&ends);
}

/* Nor is anything known to have run of a request that the channel does not carry: it did not. */
TEST(an_argument_that_is_too_large_did_not_run) {
        struct ends ends = begin("unix:rpc?size=8k", "unix:rpc?size=8k");
        char *bytes = calloc(1, 10000);
        struct leat_xdr_string text = { memset(bytes, 'a', 10000), 10000 };
        check_failure(&ends, &wrong, 0, &text, -EMSGSIZE, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        check_echo(&ends, &program_2);
        free(bytes);
        end(&ends);
}

/* Requests that are larger than the server's first place for them. */
TEST(large_arguments_come) {
        struct ends ends = begin("unix-stream:rpc", "unix-stream:rpc");
        char *bytes = calloc(1, 1 << 20);
        struct leat_xdr_string text = { bytes, 1 << 20 };
        memset(bytes, 'a', 1 << 20);
        for (int i = 0; i < 3; i++)
                check_failure(&ends, &wrong, 0, &text, -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_GARBAGE_ARGUMENTS);
        check_echo(&ends, &program_2);
        free(bytes);
        end(&ends);
}

/* ---- hostile messages ---- */

/* What the server answers to these bytes; -ETIMEDOUT: nothing. */
static ssize_t ask(struct ends *ends, const void *bytes, size_t size, void *reply, size_t reply_size,
                   int64_t deadline) {
        return leat_call(ends->channel, 1, bytes, size, reply, reply_size, deadline, NULL);
}

static enum leat_rpc_status status_of(struct ends *ends, const void *bytes, size_t size) {
        uint8_t answer[4096];
        struct rpc_reply reply;
        ssize_t n = ask(ends, bytes, size, answer, sizeof(answer), harness_deadline_ms(20000));
        CHECK(n > 0);
        CHECK(rpc_reply_decode(answer, (size_t)n, &reply) > 0);
        return reply.status;
}

TEST(a_server_answers_what_rfc_5531_says) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        struct leat_xdr_buffer buffer = { 0 };
        const struct rpc_call header = { .xid = 1, .program = 0x20000001, .version = 2, .procedure = 0 };
        CHECK_EQ(rpc_call_encode(&header, &buffer), 0);
        CHECK_EQ(status_of(&ends, buffer.bytes, buffer.size_bytes), LEAT_RPC_SUCCESS);
        buffer.bytes[11] = 3;
        CHECK_EQ(status_of(&ends, buffer.bytes, buffer.size_bytes), LEAT_RPC_RPC_MISMATCH);
        buffer.bytes[11] = 2;
        CHECK_EQ(status_of(&ends, buffer.bytes, buffer.size_bytes - 1), LEAT_RPC_AUTH_ERROR);
        CHECK_EQ(leat_xdr_buffer_reserve(&buffer, 4), 0);
        memset(buffer.bytes + buffer.size_bytes, 0, 4);
        CHECK_EQ(status_of(&ends, buffer.bytes, buffer.size_bytes + 4), LEAT_RPC_GARBAGE_ARGUMENTS);
        leat_xdr_buffer_free(&buffer);
        check_echo(&ends, &program_2);
        end(&ends);
}

TEST(messages_that_are_no_calls_do_no_harm) {
        struct leat_channel *ours, *theirs;
        struct leat_rpc_server *server;
        meet();
        CHECK_EQ(leat_pair("unix:?pattern=pair", NULL, &theirs, &ours), 0);
        server = make_server(theirs);
        for (size_t size = 0; size < 100; size++) {
                uint8_t bytes[100];
                for (size_t i = 0; i < size; i++)
                        bytes[i] = (uint8_t)harness_random();
                CHECK_EQ(leat_send(ours, 1, bytes, size, LEAT_NOW), 0);
                CHECK_EQ(leat_rpc_server_step(server, LEAT_NOW), 0);
        }
        CHECK_EQ(leat_rpc_server_step(server, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_rpc_server_unanswered(server), 100);
        CHECK_EQ(leat_interrupt(theirs), 0);
        CHECK_EQ(leat_rpc_server_run(server, LEAT_NEVER), -ECANCELED);
        CHECK(!leat_rpc_server_free(server));
        CHECK_EQ(meeting->ran, 0);
        leat_close(ours);
        leat_close(theirs);
}

/* Calls of which a bit is another: each is answered, or nothing can be; the server is there afterwards. */
TEST(flipped_bits_do_no_harm) {
        struct ends ends = begin("unix:rpc", "unix:rpc");
        struct leat_xdr_buffer buffer = { 0 };
        struct everything value = schemas_everything();
        const struct rpc_call header = { .xid = 1, .program = 0x20000001, .version = 2, .procedure = 1 };
        uint8_t answer[4096];
        CHECK_EQ(rpc_call_encode(&header, &buffer), 0);
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_EVERYTHING), &value, &buffer, NULL), 0);
        for (size_t bit = 0; bit < 8 * buffer.size_bytes; bit++) {
                struct rpc_reply reply;
                if (bit / 32 == 1) /* it would be no call: nothing is answered */
                        continue;
                buffer.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                /* Of HOLD and LARGE there are no such neighbours but 5, whose argument is 4 bytes: garbage. */
                ssize_t n =
                        ask(&ends, buffer.bytes, buffer.size_bytes, answer, sizeof(answer), harness_deadline_ms(20000));
                CHECK(n > 0);
                CHECK(rpc_reply_decode(answer, (size_t)n, &reply) > 0);
                buffer.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        leat_xdr_buffer_free(&buffer);
        check_echo(&ends, &program_2);
        end(&ends);
}

/* A server that answers with anything: refusals, also such as are none, and any other bytes. The client goes on. */
static void answer_anything(void *address) {
        struct leat_channel *channel = open_or_fail(address, LEAT_REPLY, harness_deadline_ms(20000));
        uint8_t request[4096];
        harness_event_signal(meeting->listens);
        for (size_t i = 0;; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                uint8_t bytes[64] = { [7] = 1 /* a reply */, [23] = (uint8_t)harness_random_below(7) /* its status */ };
                size_t size = i % 2 ? 24 : i / 2 % sizeof(bytes);
                if (harness_random_below(2))
                        bytes[harness_random_below(sizeof(bytes))] = (uint8_t)harness_random();
                CHECK(leat_receive(channel, LEAT_ANY, request, sizeof(request), LEAT_NEVER, &about) > 4);
                memcpy(bytes, request, harness_random_below(8) ? 4 : 3); /* its xid */
                (void)leat_reply(channel, &about, 1, bytes, size, LEAT_NEVER);
        }
}

TEST(hostile_replies_do_no_harm) {
        struct ends ends = { 0 };
        char address[] = "unix:rpc";
        struct everything value = schemas_everything(), result;
        meet();
        ends.server = harness_fork(answer_anything, address);
        harness_event_wait(meeting->listens);
        ends.channel = open_or_fail(address, LEAT_CALL, harness_deadline_ms(20000));
        CHECK_EQ(leat_rpc_client_new(ends.channel, &ends.client), 0);
        int refused = 0, bad = 0;
        for (uint64_t i = 0, count = harness_how_many(300, 3000, 30000); i < count; i++) {
                struct leat_rpc_call call = soon(&ends);
                int r = leat_rpc_call(ends.client, &program_2, ECHO, &value, &result, &call);
                CHECK(r == -EBADMSG || r == -EPROTO);
                CHECK(call.status != LEAT_RPC_SUCCESS && call.status != LEAT_RPC_NO_REPLY);
                refused += r == -EPROTO;
                bad += r == -EBADMSG;
        }
        CHECK(bad > 0 && refused > 0);
        end(&ends);
}

TEST(wrong_use_is_refused) {
        struct leat_rpc_client *client;
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_client_new(NULL, &client), -EINVAL);
        CHECK_EQ(leat_rpc_server_new(NULL, &server), -EINVAL);
        CHECK(!leat_rpc_client_free(NULL) && !leat_rpc_server_free(NULL));
        struct leat_channel *one, *two;
        CHECK_EQ(leat_pair("unix:?pattern=pair", NULL, &one, &two), 0);
        CHECK_EQ(leat_rpc_server_new(one, &server), 0);
        struct leat_xdr_schema future = schemas;
        future.version = LEAT_XDR_SCHEMA + 1;
        struct leat_rpc_program program = program_2;
        program.schema = &future;
        CHECK_EQ(leat_rpc_server_add(server, (struct leat_rpc_service){ &program, dispatch, &procedures, NULL }),
                 -EPROTONOSUPPORT);
        CHECK_EQ(leat_rpc_server_add(server, (struct leat_rpc_service){ &program_2, NULL, NULL, NULL }), -EINVAL);
        leat_rpc_server_free(server);
        leat_close(one);
        leat_close(two);
}

TEST_MAIN()
