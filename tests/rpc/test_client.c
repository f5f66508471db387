/* SPDX-License-Identifier: MIT */
#include "adding.h"
#include "harness.h"
#include "rpc/record.h"

#include <errno.h>
#include <leat/rpc.h>
#include <leat/xdr_code.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a client says of a call, whatever its server does: each answer, each loss, each cut, and what follows from them. */

/* ---- answers of every implementation ---- */

static void check_answers(bool tcp, uint64_t session, unsigned flags) {
        struct scripted peer = { .session = session };
        scripted_begin(&peer, tcp, adding_answer_all);
        struct leat_rpc_client *client = adding_connect(&peer, flags, 0);
        for (int i = 0; i < 20; i++)
                adding_check_ran(adding_call(client, i % 3 == 0 ? ADDING_ONE : ADDING_SAFELY));
        struct leat_rpc_client_info info = adding_info(client);
        CHECK_EQ(info.is_leat, session != 0 && !(flags & LEAT_RPC_PLAIN));
        CHECK(info.connected == 1 && info.calls == 20 && info.in_flight == 0 && info.retransmitted == 0);
        leat_rpc_client_free(client);
        scripted_end(&peer);
        CHECK_EQ(peer.greeted, flags & LEAT_RPC_PLAIN ? 0 : 1);
}

TEST(answers_come_by_both_streams) {
        for (int tcp = 0; tcp < 2; tcp++) {
                check_answers(tcp, 0, 0);
                check_answers(tcp, 7, 0);
                check_answers(tcp, 7, LEAT_RPC_PLAIN);
        }
}

static void refuse_all(struct scripted *peer) {
        scripted_accept(peer);
        for (enum leat_rpc_status status = LEAT_RPC_PROGRAM_UNAVAILABLE; status <= LEAT_RPC_AUTH_ERROR; status++) {
                scripted_expect(peer);
                if (peer->wrapped && status > LEAT_RPC_SYSTEM_ERROR)
                        peer->wrapped = false; /* said of the message that it came in */
                scripted_reply(peer, status, NULL, 0);
        }
        CHECK(!scripted_read(peer));
}

static void check_refusals(uint64_t session) {
        struct scripted peer = { .session = session };
        scripted_begin(&peer, false, refuse_all);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (enum leat_rpc_status status = LEAT_RPC_PROGRAM_UNAVAILABLE; status <= LEAT_RPC_AUTH_ERROR; status++) {
                struct adding_outcome outcome = adding_call(client, ADDING_ONE);
                adding_check(outcome, -EPROTO, status == LEAT_RPC_SYSTEM_ERROR ? LEAT_RPC_RAN : LEAT_RPC_NOT_RUN,
                             status);
                CHECK_EQ(outcome.call.attempts, 1);
                if (status == LEAT_RPC_VERSION_MISMATCH)
                        CHECK(outcome.call.low == 2 && outcome.call.high == 4);
        }
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

TEST(each_refusal_is_told) {
        check_refusals(0);
        check_refusals(9);
}

/* A result that breaks its type, is too short, or has something behind it; and a message that is no reply. */
static void answer_badly(struct scripted *peer) {
        static const uint8_t no_reply[] = { 0, 0, 0, 9, 0, 0, 0, 9 };
        scripted_accept(peer);
        for (size_t size = 0; size <= 8; size++) {
                scripted_expect(peer);
                scripted_reply(peer, LEAT_RPC_SUCCESS, "\0\0\0\x2a\0\0\0", size);
        }
        scripted_expect(peer);
        uint8_t message[4 + 4 + sizeof(no_reply)];
        record_put_mark(message, sizeof(message) - 4);
        leat_xdr_put_32(message + 4, peer->call.xid);
        memcpy(message + 8, no_reply, sizeof(no_reply));
        scripted_write(peer, message, sizeof(message));
        while (scripted_read(peer))
                scripted_reply_next(peer);
}

static void check_bad_results(uint64_t session) {
        struct scripted peer = { .session = session };
        scripted_begin(&peer, false, answer_badly);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (size_t size = 0; size <= 8; size++)
                if (size == 4)
                        adding_check_ran(adding_call(client, ADDING_ONE));
                else
                        adding_check(adding_call(client, ADDING_ONE), -EBADMSG, LEAT_RPC_RAN, LEAT_RPC_BAD_REPLY);
        adding_check(adding_call(client, ADDING_ONE), -EBADMSG, LEAT_RPC_UNKNOWN, LEAT_RPC_BAD_REPLY);
        adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

TEST(a_result_that_cannot_be_read_ran) {
        check_bad_results(0);
        check_bad_results(9);
}

/* Replies to calls that never were, that are over, or come twice, and calls instead of replies. */
static void answer_too_much(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 };
        scripted_accept(peer);
        for (int i = 0; i < 20; i++) {
                scripted_expect(peer);
                for (uint32_t more = 1; more < 200; more++) {
                        scripted_make_reply(peer, peer->call.xid + more, LEAT_RPC_SUCCESS, "\0\0\0\x11", 4, &record);
                        scripted_write(peer, record.bytes, record.size_bytes);
                        scripted_make_reply(peer, peer->call.xid - more, LEAT_RPC_SUCCESS, "\0\0\0\x11", 4, &record);
                        scripted_write(peer, record.bytes, record.size_bytes);
                }
                scripted_write(peer, "\x80\0\0\0\x80\0\0\x03xyz", 11); /* records of 0 and 3 bytes */
                scripted_reply_next(peer);
                scripted_reply_next(peer);
        }
        leat_xdr_buffer_free(&record);
        CHECK(!scripted_read(peer));
}

TEST(replies_that_nobody_asked_for_are_dropped) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, answer_too_much);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        for (int i = 0; i < 20; i++)
                adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* They do not hold up the end of the wait either. */
static void flood(struct scripted *peer) {
        static uint8_t records[1 << 16];
        scripted_accept(peer);
        scripted_expect(peer);
        for (size_t i = 0; i + 12 <= sizeof(records); i += 12)
                memcpy(records + i, "\x80\0\0\x08\0\0\0\0\0\0\0\1", 12);
        while (send(peer->fd, records, sizeof(records) / 12 * 12, MSG_NOSIGNAL) > 0)
                ;
}

TEST(a_flood_of_replies_ends_with_the_deadline) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, flood);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        adding_check(adding_call_until(client, ADDING_ONE, leat_in_ms(500)), -ETIMEDOUT, LEAT_RPC_UNKNOWN,
                     LEAT_RPC_NO_REPLY);
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* ---- cuts and losses ---- */

/* The reply in two pieces, cut at each byte, as one fragment and as two. */
static void answer_in_pieces(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 };
        scripted_accept(peer);
        for (size_t cut = 0; scripted_read(peer); cut++) {
                scripted_make_reply(peer, peer->call.xid, LEAT_RPC_SUCCESS, "\0\0\0\x2a", 4, &record);
                if (cut > record.size_bytes)
                        cut = 0;
                scripted_write(peer, record.bytes, cut);
                if (cut > 0)
                        harness_event_signal(adding.ready);
                scripted_write(peer, record.bytes + cut, record.size_bytes - cut);
        }
        leat_xdr_buffer_free(&record);
}

TEST(a_reply_may_be_cut_anywhere) {
        struct scripted peer = { .session = 3 };
        adding.ready = harness_event_new();
        scripted_begin(&peer, true, answer_in_pieces);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (int i = 0; i < 100; i++)
                adding_check_ran(adding_call(client, i % 2 ? ADDING_ONE : ADDING_SAFELY));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

static void answer_in_fragments(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 };
        scripted_accept(peer);
        for (size_t cut = 0; scripted_read(peer); cut++) {
                scripted_make_reply(peer, peer->call.xid, LEAT_RPC_SUCCESS, "\0\0\0\x2a", 4, &record);
                size_t size = record.size_bytes - 4;
                cut %= size + 1;
                uint8_t mark[4] = { 0, 0, 0, (uint8_t)cut };
                scripted_write(peer, mark, 4);
                scripted_write(peer, record.bytes + 4, cut);
                mark[0] = 0x80;
                mark[3] = (uint8_t)(size - cut);
                scripted_write(peer, mark, 4);
                scripted_write(peer, record.bytes + 4 + cut, size - cut);
        }
        leat_xdr_buffer_free(&record);
}

TEST(a_reply_may_come_in_fragments) {
        struct scripted peer = { .session = 3 };
        scripted_begin(&peer, false, answer_in_fragments);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (int i = 0; i < 100; i++)
                adding_check_ran(adding_call(client, ADDING_SAFELY));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* The connection ends when so many bytes of the call were read, or of its reply written. */
#define RECORD_BYTES (4 + 40 + 4)
#define REPLY_BYTES (4 + 24 + 4)

static void end_in_the_middle(struct scripted *peer) {
        struct leat_xdr_buffer record = { 0 };
        scripted_accept(peer);
        if (adding.variant <= RECORD_BYTES) {
                uint8_t byte; /* it was sent: by a connection that ended before, the client would not have */
                CHECK_EQ(recv(peer->fd, &byte, 1, MSG_PEEK), 1);
                scripted_swallow(peer, adding.variant);
        } else {
                scripted_expect(peer);
                scripted_make_reply(peer, peer->call.xid, LEAT_RPC_SUCCESS, "\0\0\0\x2a", 4, &record);
                CHECK_EQ(record.size_bytes, REPLY_BYTES);
                scripted_write(peer, record.bytes, adding.variant - RECORD_BYTES);
        }
        leat_xdr_buffer_free(&record);
        adding_answer_all(peer);
}

static void check_end_at(unsigned at, bool tcp) {
        struct scripted peer = { 0 };
        adding.variant = at;
        scripted_begin(&peer, tcp, end_in_the_middle);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        adding_check(adding_call(client, ADDING_ONE), -EPIPE, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
        adding_check_ran(adding_call(client, ADDING_ONE)); /* by a new connection */
        leat_rpc_client_free(client);
        scripted_end(&peer);
        scripted_begin(&peer, tcp, end_in_the_middle);
        client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        struct adding_outcome outcome = adding_call(client, ADDING_SAFELY);
        adding_check_ran(outcome);
        CHECK_EQ(outcome.call.attempts, 2);
        CHECK_EQ(adding_info(client).connected, 2);
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

TEST(a_loss_at_each_byte_is_unknown_or_tried_again) {
        for (unsigned at = 0; at < RECORD_BYTES + REPLY_BYTES; at++)
                check_end_at(at, at % 2);
}

TEST(who_stays_is_told_of_the_loss) {
        struct scripted peer = { 0 };
        adding.variant = 10;
        scripted_begin(&peer, false, end_in_the_middle);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN | LEAT_RPC_STAY, 0);
        adding_check(adding_call(client, ADDING_SAFELY), -EPIPE, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
        adding_check(adding_call(client, ADDING_SAFELY), -EPIPE, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        leat_rpc_client_free(client);
        struct leat_rpc_client *other = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        adding_check_ran(adding_call(other, ADDING_ONE));
        leat_rpc_client_free(other);
        scripted_end(&peer);
}

/* A call of which a part went out, and whose deadline passes, does not run: the rest never goes. */
#define LARGE_BYTES (32u << 20)

static void read_a_part(struct scripted *peer) {
        scripted_accept(peer);
        harness_event_wait(peer->go_on);
        CHECK(!scripted_read(peer));
        adding_answer_all(peer);
}

static int take(struct leat_rpc_client *client, uint32_t size, int64_t deadline, struct leat_rpc_call *ret_call) {
        char *text = malloc(size);
        const struct leat_xdr_string argument = { text, size };
        memset(text, 'x', size);
        *ret_call = leat_rpc_call_until(deadline, NULL);
        int r = leat_rpc_call(client, &adding_program, ADDING_TAKE, &argument, NULL, ret_call);
        free(text);
        return r;
}

TEST(a_part_of_a_call_does_not_run) {
        struct scripted peer = { 0 };
        struct leat_rpc_call call;
        peer.go_on = harness_event_new();
        scripted_begin(&peer, true, read_a_part);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 0);
        CHECK_EQ(take(client, LARGE_BYTES, leat_in_ms(50), &call), -ETIMEDOUT);
        CHECK(call.ran == LEAT_RPC_NOT_RUN && call.status == LEAT_RPC_NO_REPLY && call.attempts == 0);
        harness_event_signal(peer.go_on);
        adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* ---- ends ---- */

/* A reply larger than allowed ends the connection; the call ran. */
static void answer_large(struct scripted *peer) {
        static uint8_t body[100000];
        scripted_accept(peer);
        scripted_expect(peer);
        leat_xdr_put_32(body, sizeof(body) - 4);
        scripted_reply(peer, LEAT_RPC_SUCCESS, body, sizeof(body));
        adding_answer_all(peer);
}

TEST(a_reply_that_is_too_large_ran) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, answer_large);
        struct leat_rpc_client *client = adding_connect(&peer, LEAT_RPC_PLAIN, 65536);
        adding_check(adding_call(client, ADDING_SAFELY), -EMSGSIZE, LEAT_RPC_RAN, LEAT_RPC_NO_REPLY);
        adding_check_ran(adding_call(client, ADDING_SAFELY));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

static void note(const struct scripted *peer) {
        adding.session = peer->context.session;
        adding.sequence = peer->context.sequence;
        adding.xid = peer->call.xid;
}

/* Who waits is interrupted, and the server is told that nobody waits any more. */
static void expect_cancel(struct scripted *peer) {
        struct companion_cancel cancel;
        scripted_accept(peer);
        scripted_expect(peer);
        note(peer);
        harness_event_signal(adding.ready);
        scripted_expect(peer);
        CHECK(peer->call.program == COMPANION_PROGRAM && peer->call.procedure == COMPANION_CANCEL);
        CHECK(companion_take_cancel(peer->arguments, peer->arguments_bytes, &cancel) > 0);
        CHECK(cancel.session == adding.session && cancel.sequence == adding.sequence && cancel.xid == adding.xid);
        peer->call.xid = adding.xid; /* late */
        scripted_reply(peer, LEAT_RPC_SUCCESS, "\0\0\0\1", 4);
        scripted_expect(peer);
        CHECK_EQ(peer->context.acknowledged, 1);
        scripted_reply_next(peer);
        while (scripted_read(peer))
                ;
}

static void *interrupt_it(void *client) {
        harness_event_wait(adding.ready);
        CHECK_EQ(leat_rpc_client_interrupt(client), 0);
        return NULL;
}

TEST(an_interrupt_ends_the_wait_and_cancels) {
        struct scripted peer = { .session = 5 };
        pthread_t thread;
        adding.ready = harness_event_new();
        scripted_begin(&peer, false, expect_cancel);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        CHECK_EQ(pthread_create(&thread, NULL, interrupt_it, client), 0);
        adding_check(adding_call(client, ADDING_ONE), -ECANCELED, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* What a result borrows lies in the client until its next call. */
static void lend(struct scripted *peer) {
        scripted_accept(peer);
        while (scripted_read(peer))
                scripted_reply(peer, LEAT_RPC_SUCCESS, "\0\0\0\4abcd", 8);
}

TEST(a_result_may_be_borrowed) {
        struct scripted peer = { 0 };
        struct leat_xdr_arena arena = { 0 };
        scripted_begin(&peer, false, lend);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (int i = 0; i < 3; i++) {
                struct leat_rpc_call call = adding_soon(&arena);
                struct leat_xdr_bytes bytes;
                CHECK_EQ(leat_rpc_call(client, &adding_program, ADDING_BORROW, NULL, &bytes, &call), 0);
                CHECK_EQ(bytes.size_bytes, 4);
                CHECK_MEM(bytes.bytes, "abcd", 4);
                CHECK(!arena.blocks);
        }
        leat_rpc_client_free(client);
        scripted_end(&peer);
        leat_xdr_arena_free(&arena);
}

static void use_it(void *client) {
        struct leat_rpc_call call = adding_soon(NULL), *told;
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_call(client, &adding_program, ADDING_NULL, NULL, NULL, &call), -ECHILD);
        CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_NULL, NULL, NULL, &call), -ECHILD);
        CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &told), -ECHILD);
        CHECK_EQ(leat_rpc_cancel(client, &call), -ECHILD);
        CHECK_EQ(leat_rpc_client_fd(client), -ECHILD);
        CHECK_EQ(leat_rpc_client_interrupt(client), -ECHILD);
        CHECK_EQ(leat_rpc_client_info(client, &info), -ECHILD);
        CHECK(!leat_rpc_client_free(client));
}

TEST(a_child_may_not_use_it) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, false, adding_answer_all);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        CHECK_EQ(harness_wait(harness_fork(use_it, client)), 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

TEST_MAIN()
