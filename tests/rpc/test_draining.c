/* SPDX-License-Identifier: MIT */
#include "adding.h"
#include "harness.h"
#include "rpc/record.h"

#include <errno.h>
#include <leat/rpc.h>
#include <leat/xdr_code.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A server that says that it drains (DRAIN of the companion program), and what a client makes of it; also of what only looks like that. */

static void end(struct leat_rpc_client *client, struct scripted *peer) {
        leat_rpc_client_free(client);
        scripted_end(peer);
}

/* ---- it is heeded ---- */

/* The client ends the connection, as nothing is under way. */
static void say_when_idle(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        scripted_reply_next(peer);
        for (int i = 0; i < 3; i++) /* it may say so more than once */
                scripted_notify(peer);
        CHECK(!scripted_read(peer));
        CHECK_EQ(peer->left, 0); /* of a server that drains nobody takes leave */
        harness_event_signal(peer->go_on);
}

static void say_and_be_succeeded(struct scripted *peer) {
        say_when_idle(peer);
        peer->session++;
        adding_answer_all(peer);
}

static struct leat_rpc_client *be_told_when_idle(struct scripted *peer, void (*script)(struct scripted *peer),
                                                 unsigned flags) {
        struct leat_rpc_call *call;
        scripted_begin(peer, false, script);
        struct leat_rpc_client *client = adding_connect(peer, flags, 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        while (!harness_event_try(peer->go_on, leat_in_ms(1)))
                CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &call), -ENOENT);
        return client;
}

TEST(a_client_that_is_told_when_idle_calls_by_another_connection) {
        for (uint32_t procedure = ADDING_ONE; procedure <= ADDING_SAFELY; procedure++) {
                struct scripted peer = { .session = 5, .go_on = harness_event_new() };
                struct leat_rpc_client *client = be_told_when_idle(&peer, say_and_be_succeeded, 0);
                adding_check_ran(adding_call(client, procedure));
                CHECK_EQ(adding_info(client).connected, 2);
                end(client, &peer);
        }
}

TEST(a_client_that_stays_has_not_called) {
        struct scripted peer = { .session = 5, .go_on = harness_event_new() };
        struct leat_rpc_client *client = be_told_when_idle(&peer, say_when_idle, LEAT_RPC_STAY);
        adding_check(adding_call(client, ADDING_ONE), -EPIPE, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        adding_check(adding_call(client, ADDING_SAFELY), -EPIPE, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        end(client, &peer);
}

/* With calls under way: those are answered where they were sent, what is started then goes by another connection, and not before. */
#define UNDER_WAY 4

static void say_in_the_middle(struct scripted *peer) {
        uint32_t xids[UNDER_WAY], numbers[UNDER_WAY];
        struct leat_xdr_buffer reply = { 0 };
        scripted_accept(peer);
        for (int i = 0; i < UNDER_WAY; i++) {
                scripted_expect(peer);
                xids[i] = peer->call.xid;
                numbers[i] = leat_xdr_get_32(peer->arguments);
        }
        for (int i = 0; i < UNDER_WAY; i++) {
                uint8_t body[4];
                if (i == 1)
                        scripted_notify(peer);
                if (i == 2)
                        harness_event_wait(peer->go_on);
                leat_xdr_put_32(body, numbers[i] + 1);
                scripted_make_reply(peer, xids[i], LEAT_RPC_SUCCESS, body, sizeof(body), &reply);
                scripted_write(peer, reply.bytes, reply.size_bytes);
        }
        leat_xdr_buffer_free(&reply);
        CHECK(!scripted_read(peer)); /* nothing more came */
        peer->session++;
        adding_answer_all(peer);
}

struct one {
        struct leat_rpc_call call;
        int32_t number, result;
};

static void start(struct leat_rpc_client *client, struct one *one, int32_t number) {
        *one = (struct one){ .call = adding_soon(NULL), .number = number };
        CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_ONE, &one->number, &one->result, &one->call), 0);
}

static void take_next(struct leat_rpc_client *client, const struct one *one) {
        struct leat_rpc_call *call = NULL;
        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &call), 0);
        CHECK(call == &one->call);
        CHECK_EQ(call->error, 0);
        CHECK_EQ(one->result, one->number + 1);
}

TEST(calls_under_way_are_answered_and_no_more_are_sent) {
        struct scripted peer = { .session = 5, .go_on = harness_event_new() };
        struct one ones[UNDER_WAY + 1];
        struct leat_rpc_call *call;
        scripted_begin(&peer, false, say_in_the_middle);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (int i = 0; i < UNDER_WAY; i++)
                start(client, &ones[i], i);
        take_next(client, &ones[0]);
        take_next(client, &ones[1]);
        start(client, &ones[UNDER_WAY], UNDER_WAY);
        CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &call), -EAGAIN);
        CHECK_EQ(adding_info(client).sent, UNDER_WAY + 1); /* and the greeting */
        harness_event_signal(peer.go_on);
        for (int i = 2; i <= UNDER_WAY; i++)
                take_next(client, &ones[i]);
        CHECK_EQ(adding_info(client).connected, 2);
        end(client, &peer);
}

/* It was told while its calls were under way, and did not look: it does before it starts the next one. */
static void say_and_end(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        uint32_t xid = peer->call.xid;
        scripted_expect(peer);
        harness_event_wait(peer->go_on);
        scripted_reply_next(peer);
        scripted_notify(peer);
        peer->call.xid = xid; /* of the first one, which has the same argument */
        scripted_reply_next(peer);
        CHECK_EQ(shutdown(peer->fd, SHUT_WR), 0);
        harness_event_signal(adding.ready);
        CHECK(!scripted_read(peer));
        peer->session++;
        adding_answer_all(peer);
}

TEST(a_client_that_has_not_looked_looks_before_it_calls) {
        struct scripted peer = { .session = 5, .go_on = harness_event_new() };
        struct one ones[3];
        struct leat_rpc_call *call;
        adding.ready = harness_event_new();
        scripted_begin(&peer, false, say_and_end);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        start(client, &ones[0], 0);
        start(client, &ones[1], 0);
        while (adding_info(client).sent < 3) /* with the greeting */
                CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &call), -EAGAIN);
        harness_event_signal(peer.go_on);
        harness_event_wait(adding.ready);
        int64_t until = leat_in_ms(6);
        WAIT_UNTIL(leat_now() > until);
        start(client, &ones[2], 2);
        take_next(client, &ones[1]);
        take_next(client, &ones[0]);
        take_next(client, &ones[2]);
        CHECK_EQ(adding_info(client).connected, 2);
        end(client, &peer);
}

/* ---- it does no harm ---- */

/* One that sends away whoever greets it is not asked all the time. */
static void send_away(struct scripted *peer) {
        do {
                scripted_accept(peer);
                CHECK(!scripted_read(peer));
        } while (peer->left == 0 && !harness_event_try(peer->go_on, LEAT_NOW));
}

TEST(who_sends_all_clients_away_is_asked_with_pauses) {
        struct scripted peer = { .session = 5, .notifies = true, .go_on = harness_event_new() };
        scripted_begin(&peer, false, send_away);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check(adding_call_until(client, ADDING_ONE, leat_in_ms(300)), -ETIMEDOUT, LEAT_RPC_NOT_RUN,
                     LEAT_RPC_NO_REPLY);
        CHECK(adding_info(client).connected <=
              8); /* pauses of 5, 10, 20, 40, 80, 160 ms and more; the first one without */
        harness_event_signal(peer.go_on);
        leat_rpc_client_free(client);
        client = adding_connect(&peer, LEAT_RPC_PLAIN, 0); /* so that it does not wait for another one */
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* What is not quite the notice. */
static const struct {
        const char *what;
        uint32_t at, bit; /* of the message */
        uint32_t size_bytes;
} others[] = {
        { "another xid", 0, 128, COMPANION_NOTICE_BYTES },
        { "a reply", 7, 1, COMPANION_NOTICE_BYTES },
        { "another version of RPC", 11, 1, COMPANION_NOTICE_BYTES },
        { "another program", 12, 1, COMPANION_NOTICE_BYTES },
        { "another version", 19, 2, COMPANION_NOTICE_BYTES },
        { "another procedure", 23, 1, COMPANION_NOTICE_BYTES },
        { "a credential", 27, 1, COMPANION_NOTICE_BYTES },
        { "a verifier", 35, 1, COMPANION_NOTICE_BYTES },
        { "an argument", 0, 0, COMPANION_NOTICE_BYTES + 4 },
        { "cut short", 0, 0, COMPANION_NOTICE_BYTES - 4 },
        { "nothing", 0, 0, 0 },
};
#define OTHERS (sizeof(others) / sizeof(others[0]))

static void say_something_else(struct scripted *peer, size_t i, uint32_t xid) {
        uint8_t record[RECORD_MARK_BYTES + COMPANION_NOTICE_BYTES + 4] = { 0 };
        record_put_mark(record, others[i].size_bytes);
        companion_write_notice(xid, record + RECORD_MARK_BYTES);
        record[RECORD_MARK_BYTES + others[i].at] ^= (uint8_t)others[i].bit;
        scripted_write(peer, record, RECORD_MARK_BYTES + others[i].size_bytes);
}

static void say_what_is_not_heeded(struct scripted *peer) {
        scripted_accept(peer);
        for (size_t i = 0; i < 2 * OTHERS; i++) {
                scripted_expect(peer);
                say_something_else(peer, i / 2, peer->greeting_xid);
                scripted_reply_next(peer);
                say_something_else(peer, i / 2, peer->greeting_xid);
        }
        CHECK(!scripted_read(peer));
}

TEST(what_is_not_quite_the_notice_is_not_heeded) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, true, say_what_is_not_heeded);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (size_t i = 0; i < 2 * OTHERS; i++)
                adding_check_ran(adding_call(client, i % 2 ? ADDING_ONE : ADDING_SAFELY));
        CHECK_EQ(adding_info(client).connected, 1);
        end(client, &peer);
}

/* Nor is it from whom this client has no answer to a greeting: another implementation's, or one that was not greeted. */
static void say_it_unasked(struct scripted *peer) {
        scripted_accept(peer);
        for (int i = 0; i < 4; i++) {
                scripted_expect(peer);
                scripted_notify(peer);
                scripted_reply_next(peer);
        }
        CHECK(!scripted_read(peer));
}

TEST(who_was_not_greeted_is_not_heeded) {
        for (unsigned flags = 0; flags <= LEAT_RPC_PLAIN; flags += LEAT_RPC_PLAIN) {
                struct scripted peer = { 0 };
                scripted_begin(&peer, false, say_it_unasked);
                struct leat_rpc_client *client = adding_connect(&peer, flags, 0);
                for (int i = 0; i < 4; i++)
                        adding_check_ran(adding_call(client, ADDING_SAFELY));
                CHECK_EQ(adding_info(client).connected, 1);
                end(client, &peer);
        }
}

/* With the xid of a call it is an answer to that, which is none. */
static void say_it_for_an_answer(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        peer->greeting_xid = peer->call.xid;
        scripted_notify(peer);
        scripted_expect(peer);
        scripted_reply_next(peer);
        while (scripted_read(peer))
                ;
}

TEST(with_the_xid_of_a_call_it_is_no_answer) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, false, say_it_for_an_answer);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check(adding_call(client, ADDING_ONE), -EBADMSG, LEAT_RPC_UNKNOWN, LEAT_RPC_BAD_REPLY);
        adding_check_ran(adding_call(client, ADDING_ONE));
        CHECK_EQ(adding_info(client).connected, 1);
        end(client, &peer);
}

TEST_MAIN()
