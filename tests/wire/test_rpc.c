/* SPDX-License-Identifier: MIT */

/*
 * A value of each kind in XDR, and calls and replies with it, recorded (make_rpc_v1.py made them from RFC 4506 and RFC 5531, not this
 * library): each is read, and what is written is the same. tests/rpc/wire.x is the interface.
 */

#include "harness.h"
#include "recorded.h"

#include "wire.h"
#include "wire_borrow.h"
#include "wire_small.h"
#include <errno.h>
#include <leat.h>
#include <leat/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOON harness_deadline_ms(20000)
#define XID_BYTES 4

static struct bytes recorded_rpc(const char *what, const char *name) {
        char path[100];
        snprintf(path, sizeof(path), "rpc-%s%s", what, name);
        return recorded(path);
}

/* ---- the value ---- */

static struct leat_xdr_string text(const char *text) {
        return (struct leat_xdr_string){ text, (uint32_t)strlen(text) };
}

static void fill_numbers(struct wire_numbers *ret_numbers) {
        *ret_numbers = (struct wire_numbers){ .i = INT32_MIN,
                                              .u = UINT32_MAX,
                                              .h = -2,
                                              .uh = UINT64_MAX,
                                              .f = 1.5f,
                                              .d = -0.1,
                                              .q = { { 0x3f, 0xff, 0x80 } },
                                              .yes = true,
                                              .c = -128,
                                              .uc = 255,
                                              .s = INT16_MIN,
                                              .us = UINT16_MAX,
                                              .shade = WIRE_BLUE };
}

static void fill_pointers(struct wire_every *value) {
        static int32_t there = 77;
        static struct wire_link links[] = { { 10, &links[1] }, { 20, &links[2] }, { 30, NULL } };
        static struct wire_tree left = { .key = 25 }, right = { .key = 75 }, top = { 50, &left, &right };
        value->there = &there;
        value->missing = NULL;
        value->chain = links;
        value->top = &top;
}

static void fill_unions(struct wire_every *value) {
        static uint8_t wide[72];
        for (size_t i = 0; i < sizeof(wide); i++)
                wide[i] = (uint8_t)i;
        value->none.shade = WIRE_RED;
        value->chosen = (struct wire_choice){ WIRE_GREEN, { .text = text("chosen") } };
        value->wide = (struct wire_choice){ WIRE_BLUE, { .wide = &wide } };
        value->labelled = (struct wire_number){ 2, { .one = INT64_C(1) << 40 } };
        value->other = (struct wire_number){ 9, { .rest = { (const uint8_t *)"rest!", 5 } } };
}

static struct wire_every every(void) {
        static int64_t list[] = { INT64_MAX, INT64_MIN };
        static wire_name names[3];
        static bool flags[] = { true, false, true };
        static const uint8_t bytes[] = { 0, 1, 2 };
        struct wire_every value = { .fixed = "fixed", .bytes = { bytes, 3 }, .array = { -1, 0, 1 } };
        names[0] = text("");
        names[1] = text("\xc3\xa9");
        names[2] = text("four");
        fill_numbers(&value.ns);
        value.text = text("text");
        value.list.items = list;
        value.list.count = 2;
        value.names.items = names;
        value.names.count = 3;
        value.flags.items = flags;
        value.flags.count = 3;
        fill_pointers(&value);
        fill_unions(&value);
        return value;
}

static void check_is_every(const struct wire_every *value) {
        struct wire_every wanted = every();
        CHECK_EQ(leat_xdr_compare(wire_every_type(), value, &wanted), 0);
        CHECK_EQ(value->wide.u.wide[0][71], 71);
        CHECK_EQ(value->chain->next->next->value, 30);
}

/* Straight code, the table alone, and code that borrows, which lay it out alike. */
TEST(a_recorded_value_is_read_and_written) {
        const struct leat_xdr_type types[] = { wire_every_type(), wire_small_every_type(), wire_borrow_every_type() };
        struct bytes want = recorded_rpc("value", "");
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                struct leat_xdr_arena arena = { 0 };
                struct leat_xdr_buffer again = { 0 };
                struct leat_xdr_fault fault;
                struct wire_every value, made = every();
                if (leat_xdr_decode(types[i], want.at, want.size, &arena, NULL, &value, &fault) < 0)
                        FAIL("way %d: what %d at %s", (int)i, (int)fault.what, fault.path);
                check_is_every(&value);
                CHECK_EQ(leat_xdr_encode(types[i], &value, &again, NULL), 0);
                CHECK_EQ(leat_xdr_encode(types[i], &made, &again, NULL), 0);
                CHECK_EQ(again.size_bytes, 2 * want.size);
                CHECK_MEM(again.bytes, want.at, want.size);
                CHECK_MEM(again.bytes + want.size, want.at, want.size);
                leat_xdr_buffer_free(&again);
                leat_xdr_arena_free(&arena);
        }
        free(want.at);
}

/* ---- a server, and recorded calls ---- */

static int null(struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return 0;
}

static int echo(const struct wire_every *argument, struct wire_every *ret_result, struct leat_rpc_request *request,
                void *userdata) {
        (void)request, (void)userdata;
        check_is_every(argument);
        *ret_result = *argument;
        return 0;
}

static int add(int32_t a, int32_t b, int32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return __builtin_add_overflow(a, b, ret_result) ? -ERANGE : 0;
}

static void serve(void *channel) {
        static const struct wire_2_functions functions = { null, echo, add };
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_new(channel, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, wire_2_server(&functions, NULL)), 0);
        CHECK_EQ(leat_rpc_server_run(server, SOON), -ENODATA);
        leat_rpc_server_free(server);
        leat_close(channel);
}

/* Ours, and a child that has the other end. */
static struct leat_channel *begin(void (*child)(void *channel), pid_t *ret_child) {
        struct leat_channel *theirs, *ours;
        CHECK_EQ(leat_pair("pipe:?pattern=pair", NULL, &theirs, &ours), 0);
        CHECK_EQ(leat_give(theirs), 0);
        *ret_child = harness_fork(child, theirs);
        leat_close(theirs);
        return ours;
}

TEST(recorded_calls_are_answered_as_recorded) {
        static const char *const names[] = { "null", "echo",      "add",     "credential", "program", "version",
                                             "rpc",  "procedure", "garbage", "system",     "auth" };
        pid_t child;
        struct leat_channel *channel = begin(serve, &child);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                uint8_t answer[4096];
                struct bytes call = recorded_rpc("call-", names[i]), reply = recorded_rpc("reply-", names[i]);
                ssize_t n = leat_call(channel, 1, call.at, call.size, answer, sizeof(answer), SOON, NULL);
                if (n != (ssize_t)reply.size || memcmp(answer, reply.at, reply.size) != 0)
                        FAIL("%s: other bytes than recorded, %d of them", names[i], (int)n);
                free(call.at);
                free(reply.at);
        }
        leat_close(channel);
        CHECK_EQ(harness_wait(child), 0);
}

/* ---- a client, and recorded replies ---- */

static const struct refusal {
        const char *name;
        int error;
        enum leat_rpc_ran ran;
        enum leat_rpc_status status;
        uint32_t low, high;
} refusals[] = {
        { "program", -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_PROGRAM_UNAVAILABLE, 0, 0 },
        { "version", -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_VERSION_MISMATCH, 2, 2 },
        { "procedure", -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_PROCEDURE_UNAVAILABLE, 0, 0 },
        { "garbage", -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_GARBAGE_ARGUMENTS, 0, 0 },
        { "system", -EPROTO, LEAT_RPC_RAN, LEAT_RPC_SYSTEM_ERROR, 0, 0 },
        { "rpc", -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_RPC_MISMATCH, 2, 2 },
        { "auth", -EPROTO, LEAT_RPC_NOT_RUN, LEAT_RPC_AUTH_ERROR, 1, 0 },
};
#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

/* The next call is as recorded but for its number, and the recorded reply answers it. */
static void answer_recorded(struct leat_channel *channel, const char *call_name, const char *reply_name) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        uint8_t request[4096];
        struct bytes call = recorded_rpc("call-", call_name), reply = recorded_rpc("reply-", reply_name);
        ssize_t n = leat_receive(channel, LEAT_ANY, request, sizeof(request), SOON, &about);
        CHECK_EQ(n, call.size);
        CHECK_MEM(request + XID_BYTES, call.at + XID_BYTES, call.size - XID_BYTES);
        memcpy(reply.at, request, XID_BYTES);
        CHECK_EQ(leat_reply(channel, &about, 1, reply.at, reply.size, SOON), 0);
        free(call.at);
        free(reply.at);
}

/* The client asks first whether it has met one of Leat: as recorded, but for its own number and that of the message. This one does not know that program. */
static void answer_greeting(struct leat_channel *channel) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        uint8_t request[4096];
        struct bytes call = recorded("rpc-companion-call-greet"), reply = recorded_rpc("reply-", "program");
        ssize_t n = leat_receive(channel, LEAT_ANY, request, sizeof(request), SOON, &about);
        CHECK_EQ(n, call.size);
        CHECK_MEM(request + XID_BYTES, call.at + XID_BYTES, 40 - XID_BYTES);
        CHECK_MEM(request + n - 4, call.at + n - 4, 4);
        memcpy(reply.at, request, XID_BYTES);
        CHECK_EQ(leat_reply(channel, &about, 1, reply.at, reply.size, SOON), 0);
        free(call.at);
        free(reply.at);
}

static void answer(void *channel) {
        answer_greeting(channel);
        answer_recorded(channel, "null", "null");
        answer_recorded(channel, "echo", "echo");
        answer_recorded(channel, "add", "add");
        for (size_t i = 0; i < REFUSALS; i++)
                answer_recorded(channel, "add", refusals[i].name);
        leat_close(channel);
}

static void check_refusal(struct leat_rpc_client *client, struct leat_xdr_arena *arena, const struct refusal *refusal) {
        struct leat_rpc_call call = leat_rpc_call_until(SOON, arena);
        int32_t sum;
        int r = wire_add_2(client, 2, 3, &sum, &call);
        if (r != refusal->error || call.ran != refusal->ran || call.status != refusal->status)
                FAIL("%s: %d, ran %d, status %d", refusal->name, r, (int)call.ran, (int)call.status);
        CHECK_EQ(call.low, refusal->low);
        CHECK_EQ(call.high, refusal->high);
}

TEST(calls_are_made_as_recorded_and_recorded_replies_read) {
        pid_t child;
        struct leat_channel *channel = begin(answer, &child);
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(SOON, &arena);
        struct wire_every value = every(), result;
        int32_t sum = 0;
        CHECK_EQ(leat_rpc_client_new(channel, &client), 0);
        CHECK_EQ(wire_null_2(client, &call), 0);
        CHECK_EQ(wire_echo_2(client, &value, &result, &call), 0);
        check_is_every(&result);
        CHECK_EQ(wire_add_2(client, 2, 3, &sum, &call), 0);
        CHECK_EQ(sum, 5);
        for (size_t i = 0; i < REFUSALS; i++)
                check_refusal(client, &arena, &refusals[i]);
        leat_rpc_client_free(client);
        leat_close(channel);
        leat_xdr_arena_free(&arena);
        CHECK_EQ(harness_wait(child), 0);
}

TEST_MAIN()
