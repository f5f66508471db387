/* SPDX-License-Identifier: MIT */
#include "fake_source.h"
#include "harness.h"

#include <errno.h>

/* The cache of replies for clients of other implementations, with requests from no socket. */

static struct fake_work work;
static struct leat_rpc_server *server;
static struct fake one, other;

static void begin(const struct rpc_source_kind *kind, const struct leat_rpc_server_options *options) {
        work = (struct fake_work){ 0 };
        server = fake_server(options, &work);
        fake_init(&one, server, kind, 0x7f000001, 1001);
        fake_init(&other, server, kind, 0x7f000001, 1002);
}

static void end(void) {
        CHECK_EQ(fake_info(server).running, 0);
        fake_end(&one);
        fake_end(&other);
        server = leat_rpc_server_free(server);
}

static void expect(struct fake *fake, uint32_t xid, uint32_t result) {
        CHECK_EQ(fake_status(fake, xid), LEAT_RPC_SUCCESS);
        CHECK_EQ(fake_result(fake), result);
}

static void call(struct fake *fake, uint32_t xid, uint32_t procedure, uint32_t number) {
        uint8_t argument[4];
        leat_xdr_put_32(argument, number);
        fake_call(fake, xid, FAKE_PROGRAM, 1, procedure, argument, sizeof(argument));
}

TEST(same_datagram_runs_once) {
        begin(&fake_udp, NULL);
        for (int i = 0; i < 5; i++) {
                fake_add(&one, 7, 3);
                expect(&one, 7, 3);
        }
        CHECK_EQ(work.ran, 1);
        CHECK_EQ(fake_info(server).replayed, 4);
        CHECK_EQ(fake_info(server).replies, 5);
        end();
}

TEST(another_call_is_another_one) {
        begin(&fake_udp, NULL);
        fake_add(&one, 7, 3);
        expect(&one, 7, 3);
        fake_add(&one, 8, 3); /* another xid */
        expect(&one, 8, 6);
        fake_add(&one, 7, 4); /* another argument */
        expect(&one, 7, 10);
        fake_add(&other, 7, 3); /* another port */
        expect(&other, 7, 13);
        call(&one, 7, 4, 3); /* another procedure */
        expect(&one, 7, 6);
        CHECK_EQ(work.ran, 5);
        fake_add(&one, 7, 3);
        expect(&one, 7, 3);
        CHECK_EQ(work.ran, 5);
        end();
}

/* A call that takes longer than its client waits for it. */
TEST(sent_again_while_it_runs) {
        begin(&fake_udp, NULL);
        call(&one, 7, 2, 0);
        for (int i = 0; i < 20; i++)
                call(&one, 7, 2, 0);
        CHECK_EQ(work.ran, 1);
        CHECK_EQ(fake_status(&one, 7), LEAT_RPC_NO_REPLY);
        CHECK_EQ(fake_info(server).running, 1);
        *work.result = 17;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect(&one, 7, 17);
        CHECK_EQ(one.replies, 1);
        call(&one, 7, 2, 0);
        expect(&one, 7, 17);
        CHECK_EQ(work.ran, 1);
        end();
}

/* From the same port, over another connection: that is where its answer is waited for. */
TEST(sent_again_over_another_connection) {
        begin(&fake_tcp, NULL);
        other.port = one.port;
        call(&one, 7, 2, 0);
        one.gone = true;
        call(&other, 7, 2, 0);
        CHECK_EQ(one.released, 1);
        *work.result = 17;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect(&other, 7, 17);
        CHECK_EQ(work.ran, 1);
        end();
}

TEST(idempotent_calls_of_a_connection_run_again) {
        begin(&fake_tcp, NULL);
        for (uint32_t i = 1; i <= 3; i++) {
                call(&one, 7, 4, 5);
                expect(&one, 7, 10);
                CHECK_EQ(work.ran, i);
        }
        fake_add(&one, 7, 1);
        expect(&one, 7, 1);
        fake_add(&one, 7, 1);
        expect(&one, 7, 1);
        CHECK_EQ(work.ran, 4);
        end();
}

TEST(what_did_not_run_is_not_kept) {
        begin(&fake_udp, NULL);
        size_t kept = fake_info(server).kept_bytes;
        for (int i = 0; i < 2; i++) {
                fake_call(&one, 1, FAKE_PROGRAM, 1, 1, NULL, 0);
                CHECK_EQ(fake_status(&one, 1), LEAT_RPC_GARBAGE_ARGUMENTS);
                call(&one, 2, 5, 0); /* -ENOSYS */
                CHECK_EQ(fake_status(&one, 2), LEAT_RPC_PROCEDURE_UNAVAILABLE);
                call(&one, 3, 99, 0);
                CHECK_EQ(fake_status(&one, 3), LEAT_RPC_PROCEDURE_UNAVAILABLE);
                fake_call(&one, 4, FAKE_PROGRAM, 1, 0, NULL, 0);
                CHECK_EQ(fake_status(&one, 4), LEAT_RPC_SUCCESS);
        }
        CHECK_EQ(work.ran, 2);
        CHECK_EQ(fake_info(server).kept_bytes, kept);
        call(&one, 5, 5, 1); /* -EIO: it ran */
        CHECK_EQ(fake_status(&one, 5), LEAT_RPC_SYSTEM_ERROR);
        call(&one, 5, 5, 1);
        CHECK_EQ(fake_status(&one, 5), LEAT_RPC_SYSTEM_ERROR);
        CHECK_EQ(work.ran, 3);
        end();
}

TEST(entries_go_with_time) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.retransmit_ns = 1;
        begin(&fake_udp, &options);
        int64_t begun = leat_now();
        fake_add(&one, 7, 3);
        expect(&one, 7, 3);
        WAIT_UNTIL(leat_now() > begun + 1);
        fake_add(&one, 7, 3);
        expect(&one, 7, 6);
        for (uint32_t i = 0; i < 1000; i++)
                fake_add(&one, i, 3);
        CHECK(fake_info(server).kept_bytes < 1024);
        end();
}

TEST(large_reply_is_not_kept_and_does_not_run_again) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 64 << 10;
        begin(&fake_udp, &options);
        call(&one, 7, 3, 8000);
        CHECK_EQ(fake_status(&one, 7), LEAT_RPC_SUCCESS);
        call(&one, 7, 3, 8000);
        CHECK_EQ(fake_status(&one, 7), LEAT_RPC_SYSTEM_ERROR);
        CHECK_EQ(work.ran, 1);
        end();
}

TEST(reply_too_large_for_a_datagram) {
        begin(&fake_udp, NULL);
        one.largest_bytes = 1000;
        for (int i = 0; i < 3; i++) {
                call(&one, 7, 3, 2000);
                CHECK_EQ(fake_status(&one, 7), LEAT_RPC_SYSTEM_ERROR);
        }
        CHECK_EQ(work.ran, 1);
        end();
}

/* A flood of calls from one peer: memory is bounded, and the answers of others are still there. */
TEST(flood_does_not_push_out_others) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 256 << 10;
        struct fake flood;
        begin(&fake_udp, &options);
        fake_init_apart(&flood, &one, 2000);
        fake_add(&one, 7, 3);
        expect(&one, 7, 3);
        for (uint32_t i = 0; i < 20000; i++) {
                fake_add(&flood, i, 0);
                expect(&flood, i, 3);
        }
        CHECK(fake_info(server).kept_bytes <= options.kept_bytes_max);
        fake_add(&one, 7, 3);
        expect(&one, 7, 3);
        fake_add(&flood, 19999, 0);
        CHECK_EQ(work.ran, 20001);
        fake_end(&flood);
        end();
}

/* With no room at all every call runs, and what is running is still known. */
TEST(no_room) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 1;
        begin(&fake_udp, &options);
        call(&one, 7, 2, 0);
        call(&one, 7, 2, 0);
        CHECK_EQ(work.ran, 1);
        *work.result = 17;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect(&one, 7, 17);
        for (uint32_t i = 0; i < 100; i++)
                fake_add(&one, i, 0);
        CHECK(fake_info(server).kept_bytes <= 256);
        end();
}

/* And the server is freed with a full cache. */
TEST(random_calls_run_once_each) {
        enum { XIDS = 64 };
        uint32_t answers[2][XIDS] = { 0 };
        begin(&fake_udp, NULL);
        for (uint64_t i = harness_how_many(1000, 10000, 100000); i > 0; i--) {
                uint32_t which = (uint32_t)harness_random_below(2), xid = (uint32_t)harness_random_below(XIDS);
                struct fake *fake = which ? &other : &one;
                fake_add(fake, xid, 1);
                CHECK_EQ(fake_status(fake, xid), LEAT_RPC_SUCCESS);
                if (answers[which][xid] == 0)
                        answers[which][xid] = fake_result(fake);
                CHECK_EQ(answers[which][xid], fake_result(fake));
        }
        CHECK(work.ran <= 2 * XIDS);
        end();
}

/* ---- what is no call ---- */

TEST(what_is_no_call_is_dropped) {
        begin(&fake_udp, NULL);
        uint8_t bytes[64];
        for (uint32_t size = 0; size < 24; size++) {
                memset(bytes, 0, sizeof(bytes));
                bytes[11] = 2; /* RPC version 2 */
                fake_give(&one, bytes, size);
                CHECK_EQ(fake_status(&one, 0), LEAT_RPC_NO_REPLY);
        }
        bytes[7] = 1; /* a reply */
        fake_give(&one, bytes, sizeof(bytes));
        CHECK_EQ(fake_status(&one, 0), LEAT_RPC_NO_REPLY);
        bytes[7] = 0;
        bytes[11] = 3; /* RPC version 3 */
        fake_give(&one, bytes, sizeof(bytes));
        CHECK_EQ(fake_status(&one, 0), LEAT_RPC_RPC_MISMATCH);
        CHECK_EQ(fake_info(server).unanswered, 25);
        CHECK_EQ(leat_rpc_server_unanswered(server), 25);
        end();
}

/* A message that cannot be kept, with a procedure that answers later: only what is borrowed of it is lost. */
TEST(message_that_cannot_be_kept) {
        begin(&fake_unkept, NULL);
        call(&one, 7, 2, 0);
        *work.result = 3;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect(&one, 7, 3);
        CHECK_EQ(leat_rpc_request_answer(NULL, 0), -EINVAL);
        end();
}

TEST_MAIN()
