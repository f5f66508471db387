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

static bool take_by(unsigned receiver, uint32_t session, uint32_t number) {
        size_t size;
        const void *bytes = ledger_message(ledger, 0, number, &size);
        return ledger_take(ledger, receiver, ledger_type(session, number), bytes, size);
}

static bool take(uint32_t session, uint32_t number) {
        return take_by(0, session, number);
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
        CHECK(!ledger_take(ledger, 0, ledger_type(session, 1), bytes, size - 1));
        CHECK(!ledger_take(ledger, 0, ledger_type(session, 1), (const char *)bytes + 1, size));
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

/* --- of stores --- */

static uint32_t fresh_store(void) {
        fresh();
        ledger->store = true;
        return ledger_session(ledger, 0);
}

TEST(competing_receivers_see_gaps_and_rising_numbers) {
        uint32_t session = fresh_store();
        send_some(session, COUNT);
        for (uint32_t i = 0; i < COUNT; i++)
                CHECK(take_by(i % 3 == 0, session, i));
        CHECK(ledger_judge(ledger, false, &sum));
        CHECK_EQ(sum.taken, COUNT);
        CHECK_EQ(sum.lost, 0);
        ledger_free(ledger);
}

TEST(what_falls_or_was_taken_by_another_is_found) {
        uint32_t session = fresh_store();
        send_some(session, COUNT);
        CHECK(take_by(0, session, 4));
        CHECK(!take_by(0, session, 3));
        CHECK(!take_by(1, session, 4));
        CHECK(strstr(ledger->finding, "before"));
        CHECK(!ledger_judge(ledger, false, &sum));
        ledger_free(ledger);
}

/* One for each killed receiver, wherever it was; one more is found. */
TEST(a_killed_receiver_of_a_store_loses_one) {
        for (uint32_t lost = 0; lost < 4; lost++) {
                uint32_t session = fresh_store();
                send_some(session, COUNT);
                for (uint32_t i = 0; i < COUNT; i++)
                        if (i == 0 || i > lost)
                                CHECK(take_by(i % 2, session, i));
                ledger->receiver_kills = 2;
                CHECK_EQ(ledger_judge(ledger, false, &sum), lost <= 2);
                CHECK(lost > 2 || sum.lost == lost);
        }
        CHECK(strstr(ledger->finding, "the 3th, and 2 receivers"));
        ledger_free(ledger);
}

/* The one in flight may be there or not, though no receiver was killed; one that returned may not be missing. */
TEST(a_killed_sender_of_a_store_loses_the_one_in_flight) {
        for (uint32_t taken = 3; taken <= 5; taken++) {
                uint32_t session = fresh_store();
                send_some(session, 4);
                ledger_begin(ledger, session);
                take_some(session, 0, taken);
                session = ledger_session(ledger, 0);
                send_some(session, COUNT - 5);
                take_some(session, 5, COUNT - 5);
                CHECK_EQ(ledger_judge(ledger, true, &sum), taken >= 4);
                CHECK(!ledger_judge(ledger, false, &sum));
        }
        ledger_free(ledger);
}

/* A receiver that was killed and started anew goes on where it was: what comes is not below what it took. */
TEST(a_receiver_of_a_store_sees_numbers_rise_through_its_incarnations) {
        uint32_t session = fresh_store();
        send_some(session, COUNT);
        CHECK(take_by(0, session, 0) && take_by(0, session, 3));
        CHECK_EQ(ledger_resume(ledger, 0), 0);
        CHECK(!take_by(0, session, 2));
        CHECK(take_by(0, session, 4));
        CHECK(take_by(1, session, 1));
        ledger_free(ledger);
}

/* --- of broadcasts --- */

static uint32_t fresh_broadcast(void) {
        fresh();
        ledger->broadcast = true;
        ledger->receivers_count = 3;
        return ledger_session(ledger, 0);
}

static void all_take(uint32_t session, uint32_t number) {
        for (unsigned receiver = 0; receiver < 3; receiver++)
                CHECK(take_by(receiver, session, number));
}

TEST(every_receiver_of_a_broadcast_sees_every_message) {
        for (unsigned missing = 0; missing < 3; missing++) {
                uint32_t session = fresh_broadcast();
                send_some(session, COUNT);
                for (uint32_t i = 0; i + 1 < COUNT; i++)
                        all_take(session, i);
                for (unsigned receiver = missing; receiver < 3; receiver++)
                        CHECK(take_by(receiver, session, COUNT - 1));
                ledger->receiver_kills = 3; /* is no excuse */
                CHECK_EQ(ledger_judge(ledger, true, &sum), missing == 0);
        }
        CHECK(strstr(ledger->finding, "number 9 was seen by receivers 0x4 of 0x7"));
        ledger_free(ledger);
}

TEST(a_receiver_of_a_broadcast_skips_nothing_and_sees_nothing_twice) {
        uint32_t session = fresh_broadcast();
        send_some(session, COUNT);
        CHECK(take_by(0, session, 0));
        CHECK(!take_by(0, session, 2));
        CHECK(!take_by(0, session, 0));
        CHECK(take_by(1, session, 0));
        CHECK(take_by(0, session, 1));
        ledger_free(ledger);
}

/* It goes on behind what it has written down, whatever it had begun to look at when it was killed. */
TEST(a_killed_receiver_of_a_broadcast_goes_on) {
        uint32_t session = fresh_broadcast();
        send_some(session, COUNT);
        take_some(session, 0, 4);
        ledger->receivers[0].next[0] = 5;
        CHECK_EQ(ledger_resume(ledger, 0), 4);
        CHECK(!take(session, 5));
        CHECK(take(session, 4));
        ledger_free(ledger);
}

/* All see the one in flight, or none. */
TEST(a_killed_sender_of_a_broadcast_loses_the_one_in_flight_for_all) {
        for (unsigned see = 0; see <= 3; see++) {
                uint32_t session = fresh_broadcast();
                send_some(session, 4);
                ledger_begin(ledger, session);
                for (uint32_t i = 0; i < 4; i++)
                        all_take(session, i);
                for (unsigned receiver = 0; receiver < see; receiver++)
                        CHECK(take_by(receiver, session, 4));
                session = ledger_session(ledger, 0);
                send_some(session, COUNT - 5);
                CHECK(!take_by(0, session, 6)); /* that one returned */
                for (uint32_t i = 5; i < COUNT; i++)
                        all_take(session, i);
                CHECK_EQ(ledger_judge(ledger, true, &sum), see == 0 || see == 3);
        }
        CHECK_EQ(sum.taken, COUNT);
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

/* ---- where any may be lost ---- */

static uint32_t fresh_lossy(uint64_t dropped) {
        fresh();
        ledger->lossy = true;
        atomic_store(&ledger->dropped, dropped);
        uint32_t session = ledger_session(ledger, 0);
        send_some(session, COUNT);
        return session;
}

TEST(any_may_be_missing_where_messages_are_lost) {
        uint32_t session = fresh_lossy(3);
        take_some(session, 0, 4);
        CHECK(take(session, 8)); /* in any order */
        take_some(session, 5, 2);
        CHECK(ledger_judge(ledger, false, &sum));
        CHECK_EQ(sum.taken, 7);
        CHECK_EQ(sum.lost, 3);
        ledger_free(ledger);
}

TEST(one_twice_is_found_where_messages_are_lost) {
        uint32_t session = fresh_lossy(0);
        take_some(session, 0, COUNT);
        CHECK(!take(session, 4));
        CHECK(strstr(ledger->finding, "number 4 was taken before"));
        ledger_free(ledger);
}

TEST(one_that_nobody_sent_is_found_where_messages_are_lost) {
        uint32_t session = fresh_lossy(0);
        CHECK(!take(session, COUNT));
        ledger_free(ledger);
}

/* More or less is missing than the receiver says that it dropped. */
TEST(what_is_lost_without_a_word_is_found) {
        uint32_t session = fresh_lossy(2);
        take_some(session, 0, COUNT - 3);
        CHECK(!ledger_judge(ledger, false, &sum));
        CHECK(strstr(ledger->finding, "3 are missing") && strstr(ledger->finding, "dropped 2"));
        atomic_store(&ledger->dropped, 4);
        CHECK(!ledger_judge(ledger, false, &sum));
        ledger->unlisted = 1;
        CHECK(ledger_judge(ledger, false, &sum));
        ledger->unlisted = 0;
        CHECK(ledger_judge(ledger, true, &sum)); /* a killed sender may have sent one that it did not write down */
        ledger_free(ledger);
}

/* --- kept until it is acknowledged --- */

static bool take_marked(unsigned receiver, uint32_t number, bool redelivered) {
        size_t size;
        const void *bytes = ledger_message(ledger, 0, number, &size);
        return ledger_take_again(ledger, receiver, ledger_type(0, number), bytes, size, redelivered);
}

static void fresh_again(bool store) {
        fresh();
        ledger->again = true;
        ledger->store = store;
        CHECK_EQ(ledger_session(ledger, 0), 0);
        send_some(0, COUNT);
}

TEST(again_what_is_marked_may_come_again) {
        for (int store = 0; store < 2; store++) {
                fresh_again(store);
                CHECK(take_marked(0, 0, false));
                CHECK(take_marked(0, 1, true)); /* the one that was killed had not written it down */
                CHECK(take_marked(0, 0, true));
                for (uint32_t number = 2; number < COUNT; number++)
                        CHECK(take_marked(store, number, false));
                CHECK(ledger_judge(ledger, false, &sum));
                CHECK_EQ(sum.taken, COUNT);
                CHECK_EQ(ledger->marked, 2);
        }
}

TEST(again_finds_an_unmarked_double) {
        fresh_again(false);
        CHECK(take_marked(0, 0, false) && !take_marked(0, 0, false));
        fresh_again(true);
        CHECK(take_marked(0, 0, false) && !take_marked(1, 0, false));
}

TEST(again_finds_a_gap) {
        fresh_again(false);
        CHECK(take_marked(0, 0, false) && !take_marked(0, 2, false));
        fresh_again(false);
        CHECK(take_marked(0, 0, false) && !take_marked(0, 2, true));
        fresh_again(true);
        CHECK(take_marked(0, 0, false) && take_marked(0, 2, false)); /* another may have 1 */
        CHECK(!ledger_judge(ledger, false, &sum));                   /* but nobody had */
}

TEST_MAIN()
