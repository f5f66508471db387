/* SPDX-License-Identifier: MIT */
#include "adding.h"
#include "harness.h"

#include <errno.h>
#include <leat/rpc.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a client says of a call to a server of Leat: its number, the outcomes that such a server tells, and who does not take the greeting. */

/* ---- servers of Leat: numbers ---- */

/* Each wrapped call is answered but those that the test is about. */
static void check_number(const struct scripted *peer, uint64_t sequence, uint64_t acknowledged, uint32_t flags) {
        CHECK(peer->wrapped);
        CHECK_EQ(peer->context.session, peer->session);
        CHECK_EQ(peer->context.sequence, sequence);
        CHECK_EQ(peer->context.acknowledged, acknowledged);
        CHECK_EQ(peer->context.flags, flags);
}

static void count_numbers(struct scripted *peer) {
        scripted_accept(peer);
        int64_t now = leat_now(), most = harness_deadline_ms(50000) - now; /* what adding_call() gives a call */
        for (uint64_t sequence = 1; sequence <= 10; sequence++) {
                scripted_expect(peer);
                check_number(peer, sequence, sequence - 1, 0);
                CHECK(peer->context.left_ns <= (uint64_t)most && peer->context.left_ns > 1000000000);
                scripted_reply_next(peer);
        }
        scripted_expect(peer); /* idempotent: no number, but a deadline */
        CHECK(peer->wrapped && peer->context.session == 0 && peer->context.left_ns != COMPANION_FOREVER);
        scripted_reply_next(peer);
        scripted_expect(peer);
        CHECK(!peer->wrapped); /* and without one it is an ordinary call */
        scripted_reply_next(peer);
        scripted_expect(peer);
        check_number(peer, 11, 10, 0);
        CHECK_EQ(peer->context.left_ns, COMPANION_FOREVER);
        scripted_reply_next(peer);
        CHECK(!scripted_read(peer));
        CHECK_EQ(peer->left, 1);
}

TEST(calls_are_numbered_for_a_server_of_leat) {
        struct scripted peer = { .session = 0x123456789abcdef };
        scripted_begin(&peer, false, count_numbers);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        for (int i = 0; i < 10; i++)
                adding_check_ran(adding_call(client, ADDING_ONE));
        adding_check_ran(adding_call(client, ADDING_SAFELY));
        adding_check_ran(adding_call_until(client, ADDING_SAFELY, LEAT_NEVER));
        adding_check_ran(adding_call_until(client, ADDING_ONE, LEAT_NEVER));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* The connection is lost before the answer; the same server gives the first one. */
static void lose_once(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        check_number(peer, 1, 0, 0);
        uint32_t xid = peer->call.xid;
        if (adding.variant == 1) { /* it was started anew */
                peer->session++;
                peer->instance++;
        }
        if (adding.variant == 2)
                peer->session = 0; /* another implementation took its place */
        scripted_accept(peer);
        if (adding.variant == 0) {
                scripted_expect(peer);
                check_number(peer, 1, 0, COMPANION_AGAIN);
                CHECK_EQ(peer->call.xid, xid);
                scripted_reply_next(peer);
        }
        scripted_expect(peer);
        if (adding.variant < 2)
                check_number(peer, 2, 1, 0);
        scripted_reply_next(peer);
        while (scripted_read(peer))
                ;
}

TEST(a_lost_call_is_asked_for_again_from_who_knows_its_number) {
        for (adding.variant = 0; adding.variant < 3; adding.variant++) {
                struct scripted peer = { .session = 5 };
                scripted_begin(&peer, false, lose_once);
                struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
                if (adding.variant == 0)
                        adding_check_ran(adding_call(client, ADDING_ONE));
                else
                        adding_check(adding_call(client, ADDING_ONE), -EPIPE, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
                adding_check_ran(adding_call(client, ADDING_ONE));
                leat_rpc_client_free(client);
                scripted_end(&peer);
                CHECK_EQ(peer.greeted, 2);
        }
}

/* It cannot be asked for again: nobody listens. That is told at once without a deadline, and when it has passed with one. */
static void lose_for_good(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        CHECK_EQ(shutdown(peer->listener, SHUT_RDWR), 0);
        close(peer->listener);
        peer->listener = -1;
        scripted_close(peer);
}

TEST(a_server_that_is_gone_leaves_it_unknown) {
        for (int i = 0; i < 4; i++) {
                struct scripted peer = { .session = 5 };
                scripted_begin(&peer, true, lose_for_good);
                struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
                bool for_ever = i % 2;
                uint32_t procedure = i / 2 ? ADDING_ONE : ADDING_SAFELY;
                struct adding_outcome outcome =
                        adding_call_until(client, procedure, for_ever ? LEAT_NEVER : leat_in_ms(2000));
                adding_check(outcome, for_ever ? -ECONNREFUSED : -ETIMEDOUT, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
                outcome = adding_call_until(client, procedure, for_ever ? LEAT_NEVER : leat_in_ms(100));
                adding_check(outcome, for_ever ? -ECONNREFUSED : -ETIMEDOUT, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
                leat_rpc_client_free(client);
                scripted_end(&peer);
        }
}

/* ---- servers of Leat: outcomes ---- */

static void answer_with_outcomes(struct scripted *peer) {
        static const enum companion_outcome outcomes[] = { COMPANION_FORGOTTEN, COMPANION_RAN, COMPANION_EXPIRED,
                                                           COMPANION_CANCELLED };
        scripted_accept(peer);
        for (size_t i = 0; i < 4; i++) {
                scripted_expect(peer);
                check_number(peer, i + 1, i, 0);
                scripted_outcome(peer, outcomes[i]);
        }
        for (int i = 0; i < 5; i++) { /* busy: again, with the same number */
                scripted_expect(peer);
                check_number(peer, 5, 4, i == 0 ? 0 : COMPANION_AGAIN);
                scripted_outcome(peer, COMPANION_BUSY);
        }
        scripted_expect(peer);
        scripted_reply_next(peer);
        while (scripted_read(peer))
                scripted_outcome(peer, COMPANION_BUSY);
}

TEST(each_outcome_is_told) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, false, answer_with_outcomes);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check(adding_call(client, ADDING_ONE), -EPIPE, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
        adding_check(adding_call(client, ADDING_ONE), -EPIPE, LEAT_RPC_RAN, LEAT_RPC_NO_REPLY);
        adding_check(adding_call(client, ADDING_ONE), -ETIMEDOUT, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        adding_check(adding_call(client, ADDING_ONE), -ECANCELED, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        struct adding_outcome outcome = adding_call(client, ADDING_ONE);
        adding_check_ran(outcome);
        CHECK_EQ(outcome.call.attempts, 6);
        /* The last sending may still be unanswered when the time is over: then it is not known. */
        for (int tries = 0; tries < 100; tries++) {
                outcome = adding_call_until(client, ADDING_ONE, leat_in_ms(20));
                CHECK_EQ(outcome.error, -ETIMEDOUT);
                if (outcome.call.ran == LEAT_RPC_NOT_RUN)
                        break;
        }
        adding_check(outcome, -ETIMEDOUT, LEAT_RPC_NOT_RUN, LEAT_RPC_NO_REPLY);
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* Each outcome that says "not this time" of a call that is in doubt since its first attempt leaves it so. */
static void answer_a_doubtful_one(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        scripted_accept(peer);
        scripted_expect(peer);
        check_number(peer, 1, 0, COMPANION_AGAIN);
        scripted_outcome(peer, (enum companion_outcome)adding.variant);
        while (scripted_read(peer))
                ;
}

TEST(what_is_in_doubt_stays_so) {
        static const struct {
                enum companion_outcome outcome;
                int error;
        } cases[] = { { COMPANION_STALE, -EPIPE },
                      { COMPANION_FORGOTTEN, -EPIPE },
                      { COMPANION_EXPIRED, -ETIMEDOUT },
                      { COMPANION_CANCELLED, -ECANCELED } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct scripted peer = { .session = 5 };
                adding.variant = cases[i].outcome;
                scripted_begin(&peer, false, answer_a_doubtful_one);
                struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
                adding_check(adding_call(client, ADDING_ONE), cases[i].error, LEAT_RPC_UNKNOWN, LEAT_RPC_NO_REPLY);
                leat_rpc_client_free(client);
                scripted_end(&peer);
        }
}

/* A server that has forgotten the session is greeted again, and runs the call as a new one. */
static void forget_session(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        check_number(peer, 1, 0, 0);
        scripted_outcome(peer, COMPANION_STALE);
        peer->session = 6;
        scripted_expect(peer);
        check_number(peer, 2, 1, COMPANION_AGAIN);
        scripted_reply_next(peer);
        while (scripted_read(peer))
                ;
}

TEST(a_session_that_is_gone_is_begun_anew) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, false, forget_session);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
        CHECK_EQ(peer.greeted, 2);
}

/* A server that is about to end sends its callers away; another one takes its place. */
static void drain(struct scripted *peer) {
        scripted_accept(peer);
        scripted_expect(peer);
        scripted_reply_next(peer);
        scripted_expect(peer);
        scripted_outcome(peer, COMPANION_DRAINING);
        peer->session++;
        peer->instance++;
        scripted_accept(peer);
        scripted_expect(peer);
        CHECK_EQ(peer->context.sequence, 3);
        CHECK_EQ(peer->context.session, peer->session);
        scripted_reply_next(peer);
        while (scripted_read(peer))
                ;
}

TEST(a_server_that_drains_is_left_for_another) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, false, drain);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        adding_check_ran(adding_call(client, ADDING_ONE));
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* ---- one that takes long ---- */

#define WINDOW 8u

/* The others get a window of their own, in another session; the long one, asked for again after a loss, keeps its number in its own. */
static void answer_one_last(struct scripted *peer) {
        const uint64_t first = peer->session;
        uint64_t last = 1;
        scripted_accept(peer);
        scripted_expect(peer);
        check_number(peer, 1, 0, 0);
        uint32_t xid = peer->call.xid;
        peer->session++; /* of who greets next */
        for (unsigned i = 0; i < 3 * WINDOW; i++) {
                scripted_expect(peer);
                uint64_t session = peer->context.session;
                CHECK_EQ(peer->context.sequence, ++last);
                CHECK_EQ(session, last <= WINDOW ? first : first + 1);
                CHECK_EQ(peer->context.acknowledged, last <= WINDOW ? 0 : last - 1);
                scripted_reply_next(peer);
        }
        CHECK(peer->greeted == 2 && peer->left == 0);
        if (adding.variant == 1) {
                scripted_accept(peer);
                scripted_expect(peer);
                CHECK(peer->context.session == first && peer->context.sequence == 1);
                CHECK_EQ(peer->context.acknowledged, 0);
                CHECK(peer->context.flags & COMPANION_AGAIN);
                xid = peer->call.xid;
        }
        peer->call.xid = xid;
        scripted_reply_next(peer);
        scripted_expect(peer);
        CHECK_EQ(peer->left, 1); /* of the first session */
        check_number(peer, last + 1, last, 0);
        scripted_reply_next(peer);
        CHECK(!scripted_read(peer));
        CHECK_EQ(peer->left, 2);
}

TEST(calls_go_on_while_one_takes_long) {
        for (adding.variant = 0; adding.variant < 2; adding.variant++) {
                struct scripted peer = { .session = 5, .window = WINDOW };
                struct leat_rpc_call call = leat_rpc_call_until(LEAT_NEVER, NULL), *told;
                int32_t number = 7, result = 0;
                scripted_begin(&peer, false, answer_one_last);
                struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
                CHECK_EQ(leat_rpc_start(client, &adding_program, ADDING_ONE, &number, &result, &call), 0);
                for (unsigned i = 0; i < 3 * WINDOW; i++)
                        adding_check_ran(adding_call_until(client, ADDING_ONE, harness_deadline_ms(20000)));
                CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &told), 0);
                CHECK(told == &call && call.error == 0);
                adding_check_ran(adding_call_until(client, ADDING_ONE, LEAT_NEVER));
                leat_rpc_client_free(client);
                scripted_end(&peer);
                CHECK_EQ(peer.greeted, 2 + adding.variant);
        }
}

/* ---- greetings ---- */

#define HANGS_UP 4 /* times in a row: before that it may be chance */

static void hang_up(struct scripted *peer, unsigned times) {
        uint8_t mark[4];
        for (unsigned i = 0; i < times; i++) {
                scripted_accept(peer);
                CHECK_EQ(recv(peer->fd, mark, sizeof(mark), MSG_WAITALL), 4);
        }
}

/* A server of another implementation that goes away upon what it does not know. */
static void hang_up_on_greeting(struct scripted *peer) {
        hang_up(peer, HANGS_UP);
        adding_answer_all(peer);
        CHECK_EQ(peer->greeted, 0);
        adding_answer_all(peer);
        CHECK_EQ(peer->greeted, 0);
}

TEST(a_server_that_hangs_up_on_the_greeting_is_not_greeted) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, hang_up_on_greeting);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        adding_check_ran(adding_call(client, ADDING_SAFELY));
        CHECK_EQ(shutdown(peer.fd, SHUT_RDWR), 0);
        adding_check_ran(adding_call(client, ADDING_SAFELY));
        CHECK_EQ(adding_info(client).connected, HANGS_UP + 2);
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* A server of Leat whose first connections are cut by somebody on the way is none of another implementation. */
static void be_cut_off(struct scripted *peer) {
        hang_up(peer, HANGS_UP - 1);
        adding_answer_all(peer);
        CHECK_EQ(peer->greeted, 1);
}

TEST(a_server_of_leat_that_is_cut_off_at_first_is_greeted) {
        struct scripted peer = { .session = 5 };
        scripted_begin(&peer, false, be_cut_off);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check_ran(adding_call(client, ADDING_ONE));
        CHECK(adding_info(client).is_leat);
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

/* One that never answers it: calls that need no number are not held up, the others go after a while. */
static void ignore_greeting(struct scripted *peer) {
        uint8_t greeting[4 + 40 + 20];
        scripted_accept(peer);
        CHECK_EQ(recv(peer->fd, greeting, sizeof(greeting), MSG_WAITALL), (ssize_t)sizeof(greeting));
        while (scripted_read(peer)) {
                CHECK(!peer->wrapped);
                scripted_reply_next(peer);
        }
}

TEST(a_server_that_ignores_the_greeting_is_called_without_numbers) {
        struct scripted peer = { 0 };
        scripted_begin(&peer, false, ignore_greeting);
        struct leat_rpc_client *client = adding_connect(&peer, 0, 0);
        adding_check_ran(adding_call(client, ADDING_SAFELY));
        adding_check(adding_call_until(client, ADDING_ONE, leat_in_ms(50)), -ETIMEDOUT, LEAT_RPC_NOT_RUN,
                     LEAT_RPC_NO_REPLY);
        adding_check_ran(adding_call(client, ADDING_ONE));
        adding_check_ran(adding_call(client, ADDING_ONE));
        CHECK(!adding_info(client).is_leat);
        leat_rpc_client_free(client);
        scripted_end(&peer);
}

TEST_MAIN()
