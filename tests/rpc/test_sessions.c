/* SPDX-License-Identifier: MIT */
#include "fake_source.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>

/* The calls of Leat's clients by their numbers (docs/design/rpc.md, section 2: S1 to S3), with requests from no socket. */

static struct fake_work work;
static struct leat_rpc_server *server;
static struct fake here, there;

static void begin_with(const struct leat_rpc_server_options *options) {
        work = (struct fake_work){ 0 };
        server = fake_server(options, &work);
        fake_init(&here, server, &fake_plain, 0x7f000001, 0);
        fake_init(&there, server, &fake_plain, 0x7f000001, 0);
}

static void begin(void) {
        begin_with(NULL);
}

static void end(void) {
        CHECK_EQ(fake_info(server).running, 0);
        CHECK_EQ(fake_info(server).bytes, 0);
        fake_end(&here);
        fake_end(&there);
        server = leat_rpc_server_free(server);
}

static void expect(struct fake_answer told, enum companion_outcome outcome) {
        CHECK(!told.none);
        CHECK_EQ(told.answer.outcome, outcome);
}

static void expect_result(struct fake_answer told, uint32_t result) {
        expect(told, COMPANION_ANSWERED);
        CHECK_EQ(told.answer.status, LEAT_RPC_SUCCESS);
        CHECK_EQ(told.result, result);
}

/* The context is one that no client sends. */
static void expect_broken(struct fake_answer told) {
        expect(told, COMPANION_OUTCOMES);
        CHECK_EQ(told.answer.status, LEAT_RPC_GARBAGE_ARGUMENTS);
}

/* ---- greeting ---- */

TEST(client_has_one_session) {
        begin();
        struct companion_greeted first = fake_greet(&here, 1), again = fake_greet(&there, 1);
        struct companion_greeted other = fake_greet(&here, 2);
        CHECK(first.session != 0 && !first.known && first.window > 0);
        CHECK(again.known && again.session == first.session && again.window == first.window);
        CHECK(!other.known && other.session != first.session);
        CHECK_MEM(first.server, other.server, sizeof(first.server));
        CHECK_EQ(fake_info(server).sessions, 2);
        end();
}

TEST(companion_calls_that_are_broken) {
        begin();
        uint8_t bytes[64] = { 0 };
        for (uint32_t procedure = 0; procedure < 8; procedure++)
                for (uint32_t size = 0; size <= sizeof(bytes); size += 4) {
                        fake_call(&here, 9, COMPANION_PROGRAM, COMPANION_VERSION, procedure, bytes, size);
                        enum leat_rpc_status status = fake_status(&here, 9);
                        bool right = (procedure == COMPANION_NULL && size == 0) ||
                                     (procedure == COMPANION_GREET && size == 20) ||
                                     (procedure == COMPANION_CALL && size >= COMPANION_CONTEXT_BYTES) ||
                                     (procedure == COMPANION_CANCEL && size == 20) ||
                                     (procedure == COMPANION_LIST && size == 0) ||
                                     (procedure == COMPANION_LEAVE && size == 8);
                        CHECK_EQ(status, right                         ? LEAT_RPC_SUCCESS
                                         : procedure > COMPANION_LEAVE ? LEAT_RPC_PROCEDURE_UNAVAILABLE
                                                                       : LEAT_RPC_GARBAGE_ARGUMENTS);
                }
        fake_call(&here, 9, COMPANION_PROGRAM, 2, 0, NULL, 0);
        CHECK_EQ(fake_status(&here, 9), LEAT_RPC_VERSION_MISMATCH);
        CHECK_EQ(work.ran, 0);
        end();
}

/* ---- S1 and S3 ---- */

TEST(who_asks_again_gets_the_first_answer) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 5), 5);
        expect_result(fake_ask(&here, session, 2, 0, FAKE_ADD, 5), 10);
        expect_result(fake_ask(&there, session, 1, 0, FAKE_ADD, 5), 5);
        expect_result(fake_ask(&here, session, 2, 1, FAKE_ADD, 5), 10);
        CHECK_EQ(work.ran, 2);
        CHECK_EQ(fake_info(server).replayed, 2);
        CHECK_EQ(fake_info(server).calls, 2);
        end();
}

TEST(calls_without_a_number_are_not_known) {
        begin();
        expect_result(fake_ask(&here, 0, 0, 0, FAKE_ADD, 5), 5);
        expect_result(fake_ask(&here, 0, 1, 0, FAKE_ADD, 5), 10);
        expect_result(fake_ask(&here, 0, 1, 0, FAKE_ADD, 5), 15);
        CHECK_EQ(work.ran, 3);
        end();
}

TEST(newest_place_is_answered) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        uint32_t before = here.released;
        here.gone = true; /* its connection is lost */
        CHECK(fake_ask(&there, session, 1, 0, FAKE_LATER, 0).none);
        CHECK_EQ(here.released, before + 1);
        CHECK(!leat_rpc_request_is_cancelled(work.request));
        struct leat_rpc_caller caller = { .size = sizeof(caller) };
        CHECK_EQ(leat_rpc_request_caller(work.request, &caller), 0);
        *work.result = 77;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect_result(fake_answer(&there), 77);
        CHECK_EQ(work.ran, 1);
        here.gone = false;
        expect_result(fake_ask(&here, session, 1, 0, FAKE_LATER, 0), 77);
        end();
}

TEST(asked_for_many_times_while_it_runs) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        for (int i = 0; i < 100; i++)
                CHECK(fake_ask(i % 2 ? &here : &there, session, 1, 0, FAKE_LATER, 0).none);
        CHECK_EQ(fake_info(server).running, 1);
        *work.result = 1;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect_result(fake_answer(&here), 1);
        CHECK(fake_answer(&there).none);
        CHECK_EQ(work.ran, 1);
        end();
}

/* The caller is gone for good; the answer is there for who comes with the number. */
TEST(answer_that_nobody_took_is_kept) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        here.gone = true;
        *work.result = 5;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), -EPIPE);
        expect_result(fake_ask(&there, session, 1, 0, FAKE_LATER, 0), 5);
        end();
}

TEST(what_did_not_run_leaves_no_entry) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        struct companion_context context = { .session = session, .sequence = 1, .left_ns = COMPANION_FOREVER };
        context.program = FAKE_PROGRAM + 1;
        struct fake_answer told = fake_ask_with(&here, &context, 1);
        expect(told, COMPANION_ANSWERED);
        CHECK_EQ(told.answer.status, LEAT_RPC_PROGRAM_UNAVAILABLE);
        context.program = FAKE_PROGRAM;
        context.version = 2;
        told = fake_ask_with(&here, &context, 1);
        CHECK(told.answer.status == LEAT_RPC_VERSION_MISMATCH && told.answer.low == 1 && told.answer.high == 1);
        context.version = 1;
        context.procedure = 99;
        CHECK_EQ(fake_ask_with(&here, &context, 1).answer.status, LEAT_RPC_PROCEDURE_UNAVAILABLE);
        context.procedure = 0; /* with an argument, which it does not have */
        CHECK_EQ(fake_ask_with(&here, &context, 1).answer.status, LEAT_RPC_GARBAGE_ARGUMENTS);
        told = fake_ask(&here, session, 1, 0, FAKE_NOTHING, 0); /* -ENOSYS */
        CHECK_EQ(told.answer.status, LEAT_RPC_PROCEDURE_UNAVAILABLE);
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        told = fake_ask(&here, session, 2, 0, FAKE_NOTHING, 1); /* -EIO: it ran */
        CHECK_EQ(told.answer.status, LEAT_RPC_SYSTEM_ERROR);
        CHECK_EQ(fake_ask(&here, session, 2, 0, FAKE_ADD, 1).answer.status, LEAT_RPC_SYSTEM_ERROR);
        CHECK_EQ(work.ran, 3);
        end();
}

/* ---- S2 ---- */

TEST(acknowledged_numbers_are_forgotten) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        for (uint64_t i = 1; i <= 10; i++)
                expect_result(fake_ask(&here, session, i, 0, FAKE_ADD, 1), (uint32_t)i);
        size_t kept = fake_info(server).kept_bytes;
        expect_result(fake_ask(&here, session, 11, 9, FAKE_ADD, 1), 11);
        CHECK(fake_info(server).kept_bytes < kept);
        for (uint64_t i = 1; i <= 9; i++)
                expect(fake_ask(&here, session, i, 0, FAKE_ADD, 1), COMPANION_FORGOTTEN);
        expect_result(fake_ask(&here, session, 10, 9, FAKE_ADD, 1), 10);
        expect_result(fake_ask(&here, session, 11, 0, FAKE_ADD, 1), 11); /* an older acknowledgement changes nothing */
        CHECK_EQ(work.ran, 11);
        fake_leave(&here, session);
        CHECK_EQ(fake_info(server).kept_bytes, 0);
        end();
}

TEST(acknowledged_while_it_runs) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        struct leat_rpc_request *request = work.request;
        uint32_t *result = work.result;
        expect_result(fake_ask(&there, session, 2, 1, FAKE_ADD, 3), 3);
        CHECK(leat_rpc_request_is_cancelled(request));
        *result = 4;
        CHECK_EQ(leat_rpc_request_answer(request, 0), 0);
        expect_result(fake_answer(&here), 4);
        expect(fake_ask(&here, session, 1, 0, FAKE_LATER, 0), COMPANION_FORGOTTEN);
        end();
}

TEST(session_that_nobody_gave) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        expect(fake_ask(&here, session + 1, 1, 0, FAKE_ADD, 1), COMPANION_STALE);
        fake_leave(&here, session + 1);
        fake_cancel(&here, session + 1, 1, 0);
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        fake_leave(&here, session);
        expect(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), COMPANION_STALE);
        struct companion_greeted again = fake_greet(&here, 1);
        CHECK(!again.known && again.session != session);
        CHECK_EQ(work.ran, 1);
        end();
}

TEST(leaving_while_calls_run) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        fake_leave(&there, session);
        CHECK_EQ(fake_info(server).sessions, 0);
        CHECK(leat_rpc_request_is_cancelled(work.request));
        *work.result = 9;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect_result(fake_answer(&here), 9);
        end();
}

/* ---- hostile contexts ---- */

TEST(numbers_that_no_client_sends) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        expect_broken(fake_ask(&here, session, 0, 0, FAKE_ADD, 1));
        expect_broken(fake_ask(&here, session, 5, 5, FAKE_ADD, 1));
        expect_broken(fake_ask(&here, session, 5, UINT64_MAX, FAKE_ADD, 1));
        expect(fake_ask(&here, session, UINT64_MAX, 0, FAKE_ADD, 1), COMPANION_BUSY);
        CHECK_EQ(work.ran, 0);
        expect_result(fake_ask(&here, session, UINT64_MAX, UINT64_MAX - 1, FAKE_ADD, 1), 1);
        expect_result(fake_ask(&here, session, UINT64_MAX, UINT64_MAX - 1, FAKE_ADD, 1), 1);
        expect(fake_ask(&here, session, UINT64_MAX - 1, 0, FAKE_ADD, 1), COMPANION_FORGOTTEN);
        fake_cancel(&here, session, UINT64_MAX, 0);
        CHECK_EQ(work.ran, 1);
        end();
}

TEST(window_is_the_limit) {
        begin();
        struct companion_greeted greeted = fake_greet(&here, 1);
        uint64_t window = greeted.window, session = greeted.session;
        expect(fake_ask(&here, session, window + 1, 0, FAKE_ADD, 1), COMPANION_BUSY);
        expect_result(fake_ask(&here, session, window, 0, FAKE_ADD, 1), 1);
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 2);
        expect(fake_ask(&here, session, window + 1, 0, FAKE_ADD, 1), COMPANION_BUSY);
        expect_result(fake_ask(&here, session, window + 1, 1, FAKE_ADD, 1), 3);
        expect_result(fake_ask(&here, session, window, 1, FAKE_ADD, 1), 1);
        CHECK_EQ(work.ran, 3);
        /* Far ahead, and all that was between is over. */
        expect_result(fake_ask(&here, session, 1000 * window, 1000 * window - 1, FAKE_ADD, 1), 4);
        fake_leave(&here, session);
        CHECK_EQ(fake_info(server).kept_bytes, 0);
        end();
}

/* ---- deadlines and cancelling ---- */

TEST(told_that_it_expired_it_never_runs) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        struct companion_context context = { session, 1, 0, 0, 0, FAKE_PROGRAM, 1, 1 };
        expect(fake_ask_with(&here, &context, 1), COMPANION_EXPIRED);
        expect(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), COMPANION_EXPIRED);
        context.session = 0;
        expect(fake_ask_with(&here, &context, 1), COMPANION_EXPIRED);
        CHECK_EQ(work.ran, 0);
        context = (struct companion_context){ session, 2, 0, 3600000000000, 0, FAKE_PROGRAM, 1, 1 };
        expect_result(fake_ask_with(&here, &context, 1), 1);
        CHECK(work.deadline > leat_now() && work.deadline <= leat_in_s(3600));
        context.sequence = 3;
        context.left_ns = UINT64_MAX - 1; /* as good as never */
        expect_result(fake_ask_with(&here, &context, 1), 2);
        CHECK_EQ(work.deadline, LEAT_NEVER);
        end();
}

TEST(told_that_it_was_cancelled_it_never_runs) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        fake_cancel(&there, session, 3, 0);
        expect(fake_ask(&here, session, 3, 0, FAKE_ADD, 1), COMPANION_CANCELLED);
        expect(fake_ask(&there, session, 3, 0, FAKE_ADD, 1), COMPANION_CANCELLED);
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        fake_cancel(&here, session, 1, 0); /* it is over */
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        fake_cancel(&here, session, 1000000, 0);
        expect(fake_ask(&here, session, 1000000, 999999, FAKE_ADD, 1), COMPANION_ANSWERED);
        CHECK_EQ(work.ran, 2);
        end();
}

TEST(running_call_sees_that_it_is_cancelled) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        CHECK(!leat_rpc_request_is_cancelled(work.request));
        fake_cancel(&there, session, 1, 0);
        CHECK(leat_rpc_request_is_cancelled(work.request));
        CHECK_EQ(leat_rpc_request_answer(work.request, -ECANCELED), 0);
        CHECK_EQ(fake_answer(&here).answer.status, LEAT_RPC_SYSTEM_ERROR);
        end();
}

/* By its xid, which is good for the connection alone. */
TEST(call_without_a_number_is_cancelled) {
        begin();
        uint8_t argument[4] = { 0 };
        fake_call(&here, 1234, FAKE_PROGRAM, 1, 2, argument, sizeof(argument));
        CHECK(work.request);
        fake_cancel(&there, 0, 0, 1234);
        fake_cancel(&here, 0, 0, 1235);
        CHECK(!leat_rpc_request_is_cancelled(work.request));
        fake_cancel(&here, 0, 0, 1234);
        CHECK(leat_rpc_request_is_cancelled(work.request));
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        end();
}

/* ---- bounds ---- */

TEST(large_reply_is_not_kept) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 64 << 10;
        begin_with(&options);
        uint64_t session = fake_greet(&here, 1).session;
        struct fake_answer told = fake_ask(&here, session, 1, 0, FAKE_TEXT, 4096);
        CHECK_EQ(told.result_bytes, 4 + 4096);
        expect(fake_ask(&here, session, 1, 0, FAKE_TEXT, 4096), COMPANION_RAN);
        CHECK_EQ(fake_ask(&here, session, 2, 0, FAKE_TEXT, 1000).result_bytes, 4 + 1000);
        CHECK_EQ(fake_ask(&here, session, 2, 0, FAKE_TEXT, 1000).result_bytes, 4 + 1000);
        CHECK_EQ(work.ran, 2);
        end();
}

/* A client that acknowledges nothing takes the room of its own alone. */
TEST(kept_replies_are_bounded) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 256 << 10;
        begin_with(&options);
        uint64_t polite = fake_greet(&there, 1).session, greedy = fake_greet(&here, 2).session;
        expect_result(fake_ask(&there, polite, 1, 0, FAKE_ADD, 1), 1);
        for (uint64_t i = 1; i <= 1000; i++) {
                CHECK_EQ(fake_ask(&here, greedy, i, 0, FAKE_TEXT, 1000).result_bytes, 4 + 1000);
                CHECK(fake_info(server).kept_bytes <= options.kept_bytes_max / 2);
        }
        expect(fake_ask(&here, greedy, 1, 0, FAKE_TEXT, 1000), COMPANION_RAN);
        CHECK_EQ(fake_ask(&here, greedy, 1000, 0, FAKE_TEXT, 1000).result_bytes, 4 + 1000);
        expect_result(fake_ask(&there, polite, 1, 0, FAKE_ADD, 1), 1);
        CHECK_EQ(work.ran, 1001);
        end();
}

/* Many clients that acknowledge nothing, each with a table of the largest size. */
TEST(tables_are_bounded) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 1 << 20;
        begin_with(&options);
        uint32_t busy = 0;
        for (uint64_t id = 1; id <= 100; id++) {
                struct companion_greeted greeted = fake_greet(&here, id);
                struct fake_answer told = fake_ask(&here, greeted.session, greeted.window, 0, FAKE_ADD, 1);
                CHECK(told.answer.outcome == COMPANION_ANSWERED || told.answer.outcome == COMPANION_BUSY);
                busy += told.answer.outcome == COMPANION_BUSY;
                expect(fake_ask(&here, greeted.session, 1, 0, FAKE_ADD, 1), COMPANION_ANSWERED);
                CHECK(fake_info(server).kept_bytes <= options.kept_bytes_max / 2);
        }
        CHECK(busy > 0);
        end();
}

/* A peer with many sessions that acknowledge nothing takes all the room there is, and none of what others have. */
TEST(flood_of_numbered_calls) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.kept_bytes_max = 2 << 20;
        begin_with(&options);
        struct fake flood;
        fake_init_apart(&flood, &here, 0);
        uint64_t polite = fake_greet(&here, 1).session;
        expect_result(fake_ask(&here, polite, 1, 0, FAKE_ADD, 1), 1);
        for (uint64_t id = 100; id < 150; id++) {
                uint64_t session = fake_greet(&flood, id).session;
                for (uint64_t i = 1; i <= 100; i++)
                        CHECK(!fake_ask(&flood, session, i, 0, FAKE_TEXT, 1000).none);
                CHECK(!fake_ask(&flood, session, 8192, 0, FAKE_ADD, 0).none);
                CHECK(fake_info(server).kept_bytes <= options.kept_bytes_max / 2);
        }
        expect_result(fake_ask(&here, polite, 1, 0, FAKE_ADD, 1), 1);
        expect_result(fake_ask(&here, polite, 4096, 0, FAKE_ADD, 1), 2); /* it needs a table now */
        expect_result(fake_ask(&here, polite, 1, 0, FAKE_ADD, 1), 1);
        fake_end(&flood);
        end();
}

TEST(silent_sessions_make_room) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.sessions_max = 3;
        begin_with(&options);
        uint64_t first = fake_greet(&here, 1).session, second = fake_greet(&here, 2).session;
        uint64_t third = fake_greet(&here, 3).session;
        expect_result(fake_ask(&here, first, 1, 0, FAKE_ADD, 1), 1);
        uint64_t fourth = fake_greet(&here, 4).session;
        CHECK_EQ(fake_info(server).sessions, 3);
        expect(fake_ask(&here, second, 1, 0, FAKE_ADD, 1), COMPANION_STALE);
        expect_result(fake_ask(&here, third, 1, 0, FAKE_ADD, 1), 2);
        expect_result(fake_ask(&here, first, 1, 0, FAKE_ADD, 1), 1);
        expect_result(fake_ask(&here, fourth, 1, 0, FAKE_ADD, 1), 3);
        end();
}

TEST(session_that_runs_a_call_stays) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.sessions_max = 1;
        begin_with(&options);
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        CHECK_EQ(fake_greet(&there, 2).session, 0);
        *work.result = 6;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect_result(fake_answer(&here), 6);
        CHECK(fake_greet(&there, 2).session != 0);
        expect(fake_ask(&here, session, 1, 0, FAKE_LATER, 0), COMPANION_STALE);
        CHECK_EQ(work.ran, 1);
        end();
}

/* One address that greets without end has a quarter, and pushes out its own. */
TEST(flood_of_greetings) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.sessions_max = 64;
        begin_with(&options);
        struct fake flood;
        fake_init_apart(&flood, &here, 0);
        uint64_t session = fake_greet(&here, 1).session;
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        for (uint64_t id = 100; id < 10100; id++)
                CHECK(fake_greet(&flood, id).session != 0);
        CHECK_EQ(fake_info(server).sessions, 64);
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        fake_end(&flood);
        end();
}

TEST(busy_at_the_limit_of_calls) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_calls_max = 1;
        begin_with(&options);
        uint64_t session = fake_greet(&here, 1).session;
        CHECK(fake_ask(&here, session, 1, 0, FAKE_LATER, 0).none);
        expect(fake_ask(&here, session, 2, 0, FAKE_ADD, 1), COMPANION_BUSY);
        expect(fake_ask(&here, 0, 0, 0, FAKE_ADD, 1), COMPANION_BUSY);
        *work.result = 6;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        expect_result(fake_answer(&here), 6);
        expect_result(fake_ask(&here, session, 2, 0, FAKE_ADD, 1), 1);
        end();
}

TEST(draining_answers_what_is_over) {
        begin();
        uint64_t session = fake_greet(&here, 1).session;
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        (void)pthread_mutex_lock(&server->lock);
        server->is_draining = true;
        (void)pthread_mutex_unlock(&server->lock);
        expect_result(fake_ask(&here, session, 1, 0, FAKE_ADD, 1), 1);
        expect(fake_ask(&here, session, 2, 0, FAKE_ADD, 1), COMPANION_DRAINING);
        expect(fake_ask(&here, 0, 0, 0, FAKE_ADD, 1), COMPANION_DRAINING);
        CHECK_EQ(work.ran, 1);
        end();
}

/* A result that cannot go there: it ran. */
TEST(reply_too_large_for_its_place) {
        begin();
        here.largest_bytes = 100;
        uint64_t session = fake_greet(&here, 1).session;
        CHECK_EQ(fake_ask(&here, session, 1, 0, FAKE_TEXT, 500).answer.status, LEAT_RPC_SYSTEM_ERROR);
        CHECK_EQ(fake_ask(&there, session, 1, 0, FAKE_TEXT, 500).result_bytes, 4 + 500);
        uint8_t argument[4] = { 0, 0, 1, 0 };
        fake_call(&here, 5, FAKE_PROGRAM, 1, 3, argument, sizeof(argument));
        CHECK_EQ(fake_status(&here, 5), LEAT_RPC_SYSTEM_ERROR);
        end();
}

/* ---- all of it together ---- */

#define MODEL_SESSIONS 5u
#define MODEL_CALLS 400u

struct model {
        uint64_t session, floor, newest;
        uint32_t answers[MODEL_CALLS]; /* of each number; 0: it has not run */
};

/* One call of any number: what may be answered is known. */
static void step_model(struct model *model) {
        uint64_t sequence = model->floor + 1 + harness_random_below(12);
        if (sequence <= 8 || sequence >= MODEL_CALLS)
                sequence = model->newest < MODEL_CALLS - 1 ? model->newest + 1 : model->newest;
        if (harness_random_below(8) == 0 && model->floor > 0)
                sequence = 1 + harness_random_below(model->floor);
        uint64_t acknowledged = harness_random_below(4) == 0 ? model->floor + harness_random_below(4) : 0;
        if (acknowledged >= sequence)
                acknowledged = 0;
        if (acknowledged > model->floor)
                model->floor = acknowledged;
        if (sequence > model->newest)
                model->newest = sequence;
        uint32_t ran = work.ran;
        struct fake_answer told =
                fake_ask(harness_random_below(2) ? &here : &there, model->session, sequence, acknowledged, FAKE_ADD, 1);
        if (sequence <= model->floor) {
                expect(told, COMPANION_FORGOTTEN);
        } else if (model->answers[sequence] != 0) {
                expect_result(told, model->answers[sequence]);
        } else {
                expect(told, COMPANION_ANSWERED);
                CHECK_EQ(work.ran, ran + 1);
                model->answers[sequence] = told.result;
                return;
        }
        CHECK_EQ(work.ran, ran);
}

TEST(random_numbers_run_once_each) {
        static struct model models[MODEL_SESSIONS];
        memset(models, 0, sizeof(models));
        begin();
        for (uint32_t i = 0; i < MODEL_SESSIONS; i++)
                models[i].session = fake_greet(&here, i + 1).session;
        for (uint64_t i = harness_how_many(2000, 20000, 200000); i > 0; i--)
                step_model(&models[harness_random_below(MODEL_SESSIONS)]);
        for (uint32_t i = 0; i < MODEL_SESSIONS; i++)
                fake_leave(&here, models[i].session);
        CHECK_EQ(fake_info(server).kept_bytes, 0);
        end();
}

/* ---- answered by another thread ---- */

static struct {
        struct harness_event *go, *done;
        uint32_t count;
} race;

static void *answer_all(void *unused) {
        (void)unused;
        for (uint32_t i = 0; i < race.count; i++) {
                harness_event_wait(race.go);
                *work.result = i;
                CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
                harness_event_signal(race.done);
        }
        return NULL;
}

static int hand_over(uint32_t index, const void *functions, const void *argument, void *result,
                     struct leat_rpc_request *request, void *userdata) {
        (void)index, (void)functions, (void)argument, (void)userdata;
        work.request = request;
        work.result = result;
        harness_event_signal(race.go);
        if (harness_random_below(2)) /* it is answered before this returns */
                harness_event_wait(race.done);
        else
                work.ran++; /* the other one is waited for behind it */
        return LEAT_RPC_LATER;
}

TEST(answered_before_its_handler_returns) {
        static const struct leat_rpc_procedure procedures[] = {
                { .number = 1, .result = NODE_UNSIGNED, .name = "HAND_OVER" }
        };
        static const struct leat_rpc_program other = { "OTHER", FAKE_PROGRAM + 1, 1, 1, procedures, &schemas };
        pthread_t thread;
        begin();
        const struct leat_rpc_service service = { .program = &other, .dispatch = hand_over };
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        race.count = (uint32_t)harness_how_many(200, 2000, 20000);
        race.go = harness_event_new();
        race.done = harness_event_new();
        CHECK_EQ(pthread_create(&thread, NULL, answer_all, NULL), 0);
        for (uint32_t i = 0; i < race.count; i++) {
                uint32_t waited = work.ran;
                fake_call(&here, i, FAKE_PROGRAM + 1, 1, 1, NULL, 0);
                if (work.ran != waited)
                        harness_event_wait(race.done);
                CHECK_EQ(fake_status(&here, i), LEAT_RPC_SUCCESS);
                CHECK_EQ(fake_result(&here), i);
        }
        CHECK_EQ(pthread_join(thread, NULL), 0);
        end();
}

/* ---- what is served ---- */

TEST(list_tells_what_is_served) {
        begin();
        fake_call(&here, 3, COMPANION_PROGRAM, COMPANION_VERSION, COMPANION_LIST, NULL, 0);
        size_t size = here.reply_bytes;
        CHECK_EQ(fake_status(&here, 3), LEAT_RPC_SUCCESS);
        const uint8_t *at = here.reply + 24;
        CHECK_EQ(leat_xdr_get_32(at), 1);
        CHECK_EQ(leat_xdr_get_32(at + 4), FAKE_PROGRAM);
        CHECK_EQ(leat_xdr_get_32(at + 8), 1);
        CHECK_MEM(at + 12, "\0\0\0\4FAKE", 8);
        CHECK_EQ(leat_xdr_get_32(at + 20), FAKE_PROCEDURES);
        CHECK_EQ(leat_xdr_get_32(at + 24), 1);
        CHECK_EQ(leat_xdr_get_32(at + 28), 0);
        CHECK_MEM(at + 32, "\0\0\0\3ADD\0", 8);
        CHECK_EQ(leat_xdr_get_32(here.reply + size - 4), 0);
        end();
}

/* More than fits into a datagram: it says that it is not all. */
TEST(list_of_very_many) {
        enum { MANY = 3000 };
        static struct leat_rpc_procedure many[MANY];
        begin();
        char name[300];
        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        for (uint32_t i = 0; i < MANY; i++)
                many[i] = (struct leat_rpc_procedure){ .number = i, .name = name };
        const struct leat_rpc_program large = { name, FAKE_PROGRAM + 5, 1, MANY, many, &schemas };
        const struct leat_rpc_service service = { .program = &large, .dispatch = hand_over };
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        static const size_t most[] = { COMPANION_LIST_BYTES, COMPANION_LIST_DATAGRAM_BYTES };
        for (size_t i = 0; i < 2; i++) {
                struct leat_xdr_buffer list = { 0 };
                CHECK_EQ(companion_put_list(server->services, server->services_count, most[i], &list), 0);
                CHECK(list.size_bytes <= most[i] && list.size_bytes > most[i] - 600);
                CHECK_EQ(leat_xdr_get_32(list.bytes), 2);
                CHECK_EQ(leat_xdr_get_32(list.bytes + list.size_bytes - 4), 1);
                leat_xdr_buffer_free(&list);
        }
        struct fake datagrams;
        fake_init(&datagrams, server, &fake_udp, 0x7f000001, 9);
        fake_call(&datagrams, 3, COMPANION_PROGRAM, COMPANION_VERSION, COMPANION_LIST, NULL, 0);
        CHECK(datagrams.reply_bytes > 0 && datagrams.reply_bytes <= 24 + COMPANION_LIST_DATAGRAM_BYTES);
        fake_end(&datagrams);
        end();
}

TEST_MAIN()
