/* SPDX-License-Identifier: MIT */
#include "adding.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat/xdr_code.h>
#include <poll.h>

/* What a client refuses, what it does without, and that whoever sends it more than it asked for does not keep it. */

static struct leat_xdr_arena arena;

static void end(struct leat_rpc_client *client, struct scripted *peer) {
        leat_rpc_client_free(client);
        scripted_end(peer);
        leat_xdr_arena_free(&arena);
}

/* ---- a call that is under way ---- */

static void answer_the_second(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        uint32_t first = peer->call.xid;
        scripted_expect(peer);
        CHECK_EQ(leat_xdr_get_32(peer->arguments), 7);
        scripted_reply_next(peer);
        peer->call.xid = first;
        scripted_reply_next(peer);
        CHECK(!scripted_read(peer));
}

/* Until leat_rpc_next() has told of it it is the library's, also when it is over. */
TEST(a_call_that_is_under_way_is_not_begun_again) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, answer_the_second);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        struct leat_rpc_call call = adding_soon(&arena), other = adding_soon(&arena), *told;
        int32_t number = 7, result = 0, results[2];
        CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_ONE, &number, &result, &call), 0);
        CHECK_EQ(leat_rpc_call(client, &adding_program, ADDING_ONE, &number, &results[0], &call), -EINVAL);
        CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_ONE, &number, &results[0], &call), -EINVAL);
        CHECK_EQ(adding_info(client).in_flight, 1);
        CHECK_EQ(leat_rpc_call(client, &adding_program, ADDING_ONE, &number, &results[1], &other), 0);
        CHECK_EQ(results[1], 8);
        CHECK_EQ(leat_rpc_call(client, &adding_program, ADDING_ONE, &number, &results[0], &call), -EINVAL);
        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &told), 0);
        CHECK(told == &call && call.error == 0);
        CHECK_EQ(result, 8);
        end(client, &peer);
}

/* ---- without an arena ---- */

enum { GIVE_PAIR, GIVE_TEXT };
static const struct leat_rpc_procedure giving[] = {
        [GIVE_PAIR] = { .number = 1, .result = NODE_FLAT, .name = "GIVE_PAIR" },
        [GIVE_TEXT] = { .number = 2, .result = NODE_STRING, .name = "GIVE_TEXT" },
};
static const struct leat_rpc_program giving_program = { "GIVES", 0x20000023, 1, 2, giving, &schemas };

static void give(struct scripted *peer) {
        struct leat_xdr_buffer body = { 0 };
        const struct flat flat = { 0 };
        CHECK_EQ(leat_xdr_encode(schemas_type(NODE_FLAT), &flat, &body, NULL), 0);
        scripted_accept(peer);
        while (scripted_read(peer))
                scripted_reply(peer, LEAT_RPC_SUCCESS, body.bytes, body.size_bytes);
        leat_xdr_buffer_free(&body);
}

TEST(a_result_that_takes_no_memory_needs_no_arena) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, give);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        struct leat_rpc_call call = adding_soon(NULL), *told;
        struct leat_xdr_string text;
        struct flat flat;
        memset(&flat, 0xff, sizeof(flat));
        CHECK_EQ(leat_rpc_call(client, &giving_program, GIVE_TEXT, NULL, &text, &call), -EINVAL);
        CHECK_EQ(leat_rpc_start(client, &giving_program, GIVE_TEXT, NULL, &text, &call), -EINVAL);
        CHECK_EQ(adding_info(client).sent, 0);
        CHECK_EQ(leat_rpc_call(client, &giving_program, GIVE_PAIR, NULL, &flat, &call), 0);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_FLAT), &flat, &(struct flat){ 0 }), 0);
        memset(&flat, 0xff, sizeof(flat));
        CHECK_EQ(leat_rpc_start(client, &giving_program, GIVE_PAIR, NULL, &flat, &call), 0);
        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &told), 0);
        CHECK_EQ(call.error, 0);
        CHECK_EQ(leat_xdr_compare(schemas_type(NODE_FLAT), &flat, &(struct flat){ 0 }), 0);
        end(client, &peer);
}

/* ---- more than was asked for ---- */

#define STRAYS 1000u

/* Answers that nobody asked for, and behind them the one that somebody did. */
static void flood(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 }, all = { 0 };
        scripted_accept(peer);
        scripted_expect(peer);
        for (uint32_t i = 1; i <= STRAYS; i++) {
                scripted_make_reply(peer, peer->call.xid + 100000 + i, LEAT_RPC_SUCCESS, "\0\0\0", 4, &record);
                CHECK_EQ(leat_xdr_buffer_reserve(&all, record.size_bytes), 0);
                memcpy(all.bytes + all.size_bytes, record.bytes, record.size_bytes);
                all.size_bytes += record.size_bytes;
        }
        scripted_write(peer, all.bytes, all.size_bytes);
        scripted_reply_next(peer);
        leat_xdr_buffer_free(&all);
        leat_xdr_buffer_free(&record);
        harness_event_signal(peer->go_on);
        CHECK(!scripted_read(peer));
}

/* Who does not wait is told so before all of them were looked at, and that there is more. */
TEST(who_does_not_wait_is_not_kept_by_strays) {
        struct scripted peer = { .go_on = harness_event_new() };
        scripted_begin(&peer, false, flood);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        struct leat_rpc_call call = adding_soon(&arena), *told = NULL;
        struct pollfd polled = { .fd = leat_rpc_client_fd(client), .events = POLLIN };
        int32_t number = 7, result = 0;
        CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_ONE, &number, &result, &call), 0);
        harness_event_wait(peer.go_on);
        int r = leat_rpc_next(client, LEAT_NOW, &told);
        CHECK_EQ(r, -EAGAIN);
        for (unsigned looks = 0; r == -EAGAIN && looks < STRAYS; looks++) {
                CHECK_EQ(poll(&polled, 1, 0), 1);
                r = leat_rpc_next(client, LEAT_NOW, &told);
        }
        CHECK_EQ(r, 0);
        CHECK(told == &call && call.error == 0 && result == 8);
        end(client, &peer);
}

TEST(an_interrupt_is_heard_among_strays) {
        struct scripted peer = { .go_on = harness_event_new() };
        scripted_begin(&peer, false, flood);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        struct leat_rpc_call call = leat_rpc_call_until(LEAT_NEVER, &arena), *told = NULL;
        int32_t number = 7, result = 0;
        CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_ONE, &number, &result, &call), 0);
        harness_event_wait(peer.go_on);
        CHECK_EQ(leat_rpc_client_interrupt(client), 0);
        CHECK_EQ(leat_rpc_next(client, LEAT_NEVER, &told), -ECANCELED);
        CHECK_EQ(leat_rpc_next(client, LEAT_NEVER, &told), 0);
        CHECK_EQ(result, 8);
        end(client, &peer);
}

TEST_MAIN()
