/* SPDX-License-Identifier: MIT */
/* The judge of the ledger, judged: each thing that it is there to find is put before it, and what row 8 allows. */
#include "harness.h"
#include "ledger.h"

#define SEED 7
#define COUNT 10

static struct ledger *ledger;
static struct ledger_sum sum;

static void fresh(void) {
        if (ledger)
                ledger_free(ledger);
        ledger = ledger_new(SEED, 1, COUNT);
}

static bool take(uint32_t session, uint32_t number) {
        size_t size;
        const void *bytes = ledger_message(ledger, 0, number, &size);
        return ledger_take(ledger, ledger_type(session, number), bytes, size);
}

static void send_some(uint32_t session, uint32_t count) {
        for (uint32_t i = 0; i < count; i++) {
                ledger_begin(ledger, session);
                ledger_success(ledger, session);
        }
}

static void take_some(uint32_t session, uint32_t first, uint32_t count) {
        for (uint32_t i = 0; i < count; i++)
                CHECK(take(session, first + i));
}

TEST(all_taken) {
        fresh();
        uint32_t session = ledger_session(ledger, 0);
        send_some(session, COUNT);
        take_some(session, 0, COUNT);
        CHECK(ledger_judge(ledger, false, &sum));
        CHECK_EQ(sum.taken, COUNT);
        CHECK_EQ(sum.lost, 0);
        ledger_free(ledger);
}

TEST(one_lost_is_found) {
        fresh();
        uint32_t session = ledger_session(ledger, 0);
        send_some(session, COUNT);
        take_some(session, 0, COUNT - 1);
        CHECK(!ledger_judge(ledger, true, &sum));
        CHECK(strstr(ledger->finding, "9 to 9 are lost") && strstr(ledger->finding, "seed 7"));
        ledger_free(ledger);
}

TEST(twice_out_of_order_and_changed_are_found) {
        size_t size;
        fresh();
        uint32_t session = ledger_session(ledger, 0);
        send_some(session, COUNT);
        CHECK(take(session, 0));
        CHECK(!take(session, 0));
        CHECK(!take(session, 2));
        CHECK(!take(session + 1, 1));
        const void *bytes = ledger_message(ledger, 0, 1, &size);
        CHECK(!ledger_take(ledger, ledger_type(session, 1), bytes, size - 1));
        CHECK(!ledger_take(ledger, ledger_type(session, 1), (const char *)bytes + 1, size));
        ledger_free(ledger);
}

/* What -EPIPE said was not sent is sent again: if it had been taken, that is twice. */
TEST(a_refused_message_that_was_taken_is_found) {
        fresh();
        uint32_t session = ledger_session(ledger, 0);
        ledger_begin(ledger, session);
        CHECK(take(session, 0));
        ledger_refused(ledger, session);
        session = ledger_session(ledger, 0);
        CHECK_EQ(ledger_next(ledger, 0), 0);
        ledger_begin(ledger, session);
        CHECK(!take(session, 0));
        CHECK(strstr(ledger->finding, "before"));
        ledger_free(ledger);
}

/* The one in flight of a killed sender may be missing, or be there; a second one may not. */
TEST(a_killed_sender_loses_one) {
        for (uint32_t taken = 3; taken <= 5; taken++) {
                fresh();
                uint32_t session = ledger_session(ledger, 0);
                send_some(session, 4);
                ledger_begin(ledger, session);
                take_some(session, 0, taken);
                session = ledger_session(ledger, 0);
                CHECK_EQ(ledger_next(ledger, 0), 5);
                send_some(session, COUNT - 5);
                take_some(session, 5, COUNT - 5);
                CHECK_EQ(ledger_judge(ledger, true, &sum), taken >= 4);
                CHECK(!ledger_judge(ledger, false, &sum));
        }
        ledger_free(ledger);
}

/* Of a killed receiver any tail may be missing, but no hole, and nothing of the next receiver's. */
TEST(a_killed_receiver_loses_tails) {
        for (int lost = 0; lost < 2; lost++) {
                fresh();
                uint32_t session = ledger_session(ledger, 0);
                send_some(session, 6);
                take_some(session, 0, 2);
                ledger->killed[0] = true;
                ledger->epoch = 1;
                session = ledger_session(ledger, 0);
                send_some(session, COUNT - 6);
                take_some(session, 6, COUNT - 6 - (uint32_t)lost);
                CHECK_EQ(ledger_judge(ledger, false, &sum), !lost);
        }
        CHECK_EQ(sum.lost, 4);
        ledger->senders[0].taken[3] = 1;
        CHECK(!ledger_judge(ledger, false, &sum));
        ledger_free(ledger);
}

/* Messages that no one began to send. */
TEST(an_early_end_is_found) {
        fresh();
        uint32_t session = ledger_session(ledger, 0);
        send_some(session, COUNT - 1);
        take_some(session, 0, COUNT - 1);
        CHECK(!ledger_judge(ledger, true, &sum));
        ledger_free(ledger);
}

TEST_MAIN()
