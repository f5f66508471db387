/* SPDX-License-Identifier: MIT */
/* What a wait teaches those after it (docs/design/speed.md, "Waiting"). Times are set, not waited for. */
#include "channel/channel.h"
#include "harness.h"
#include "wait/spin.h"

#include <leat.h>

#define SHORT_NS 10000 /* within any budget, and yet no matter of course */
#define LONG_NS (20 * (int64_t)SPIN_MOST_NS)
#define QUICK_NS 500
#define ALONE_NS 200                           /* a yield that found nobody */
#define SHARED_NS 5000                         /* one that let the other end go on */
#define ROBBED_NS (10 * (int64_t)SPIN_MOST_NS) /* one that a third program took for a slice */
#define WAITS_MOST 5000
#define WAITS_APART 8

/* What a wait was like. It is learned when the next one begins, since only then it is known how much came by it. */
struct past {
        int64_t took_ns, away_ns;
        uint32_t run;
};

static const struct past is_short = { .took_ns = SHORT_NS, .run = 1 };
static const struct past is_long = { .took_ns = LONG_NS, .run = 1 };

/* A wait begins: does it spin? Then it is over, and was like that. */
static bool wait_once(struct spin *spin, const struct past *past) {
        bool spins = spin_again(spin);
        CHECK(spin->since != 0);
        spin_done(spin);
        CHECK_EQ(spin->since, 0);
        CHECK_EQ(spin->run, 1);
        CHECK(spin->took_ns > 0);
        spin->took_ns = past->took_ns;
        spin->away_ns = spins ? past->away_ns : 0; /* who sleeps gives nothing away */
        spin->run = past->run;
        return spins;
}

/* The budget of a wait that begins now and is never learned of. */
static int64_t budget_now(struct spin *spin) {
        bool spins = spin_again(spin);
        int64_t budget = spin->until - spin->since;
        spin_done(spin);
        spin->took_ns = 0;
        CHECK_EQ(spins, budget > 0);
        return budget;
}

static void make_poor(struct spin *spin) {
        for (int waits = 0; waits < 6; waits++)
                CHECK(wait_once(spin, &is_long) || spin->poor);
        CHECK(spin->poor);
        while (spin->passed != 0) /* begin behind a try */
                (void)wait_once(spin, &is_long);
}

/* How many waits go by before one spins again. */
static int waits_until_it_tries(struct spin *spin, const struct past *past) {
        for (int waits = 1; waits < WAITS_MOST; waits++)
                if (wait_once(spin, past))
                        return waits;
        FAIL("it never tries again");
}

static void make_apart(struct spin *spin) {
        const struct past alone = { .took_ns = SHORT_NS, .away_ns = ALONE_NS, .run = 1 };
        for (int waits = 0; waits <= WAITS_APART; waits++) {
                CHECK(!spin->apart);
                CHECK(wait_once(spin, &alone));
        }
        CHECK(spin->apart);
}

TEST(one_that_sleeps_never_looks_again) {
        struct spin spin;
        spin_init(&spin, SPIN_NEVER);
        for (int i = 0; i < 100; i++) {
                CHECK(!spin_again(&spin));
                CHECK_EQ(spin.since, 0); /* nor looks at the clock */
                spin_done(&spin);
        }
}

TEST(one_that_spins_always_looks_again) {
        const struct past robbed = { .took_ns = LONG_NS, .away_ns = ROBBED_NS, .run = 1 };
        struct spin spin;
        spin_init(&spin, SPIN_ALWAYS);
        for (int i = 0; i < 10; i++)
                CHECK(spin_again(&spin));
        for (int i = 0; i < 20; i++) /* however long it took, and whoever had the core */
                CHECK(wait_once(&spin, &robbed));
        CHECK(spin_again(&spin));
        CHECK_EQ(spin.until, INT64_MAX);
}

TEST(an_adaptive_one_begins_with_all_of_its_budget) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS);
}

/* A wait that was over within the first looks. */
static void wait_briefly(struct spin *spin) {
        CHECK(spin_is_brief(spin));
        spin_was_brief(spin);
        spin_done(spin);
        CHECK_EQ(spin->since, 0);
}

TEST(a_dialogue_between_two_cores_is_waited_for_briefly) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        CHECK(!spin_is_brief(&spin)); /* the other end may want this core */
        make_apart(&spin);
        (void)budget_now(&spin);
        spin.quick = 0;
        for (unsigned i = 0; i < SPIN_QUICK_FIRST; i++)
                wait_briefly(&spin);
        CHECK(!spin_is_brief(&spin)); /* one in so many is tried with a delay: more may come by it */
        CHECK(spin_again(&spin));
        CHECK(spin.delay_ns > 0);
}

TEST(a_stream_is_not_waited_for_briefly) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        make_apart(&spin);
        (void)budget_now(&spin);
        spin.quick = 0;
        wait_briefly(&spin);
        spin_done(&spin); /* two by one wait */
        CHECK(!spin_is_brief(&spin));
        spin_init(&spin, SPIN_NEVER);
        spin.apart = true;
        CHECK(!spin_is_brief(&spin));
}

TEST(a_part_that_came_ends_a_wait_that_was_worth_it) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        spin_progress(&spin); /* nobody waited */
        CHECK_EQ(spin.took_ns, 0);
        for (int i = 0; i < 20; i++) {
                CHECK(spin_again(&spin));
                spin.since -= LONG_NS;
                spin_progress(&spin);
                CHECK_EQ(spin.since, 0);
        }
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS);
}

TEST(it_ends_with_its_budget) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        CHECK(spin_again(&spin));
        spin.since -= LONG_NS;
        spin.until -= LONG_NS;
        int64_t since = spin.since;
        for (int i = 0; i < 3; i++)
                CHECK(!spin_again(&spin));
        CHECK_EQ(spin.since, since); /* the wait goes on, asleep */
        spin_done(&spin);
        CHECK_EQ(spin.since, 0);
        CHECK(spin.took_ns >= LONG_NS);
}

TEST(long_waits_use_it_up) {
        struct spin spin;
        int64_t budget = SPIN_MOST_NS;
        spin_init(&spin, SPIN_ADAPTIVE);
        for (; budget >= 3000; budget /= 2) {
                CHECK(!spin.poor);
                CHECK(spin_again(&spin));
                CHECK_EQ(spin.until - spin.since, budget);
                spin_done(&spin);
                spin.took_ns = LONG_NS;
                spin.away_ns = 0;
        }
        CHECK(!spin_again(&spin)); /* and then it sleeps at once */
        CHECK(spin.poor);
        CHECK(spin.since != 0);
}

TEST(a_short_wait_gives_it_back) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        (void)wait_once(&spin, &is_long);
        (void)wait_once(&spin, &is_long);
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS / 4);
        CHECK(wait_once(&spin, &is_short));
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS);
}

/* One that took long and brought as much as a busy sender makes was worth it. */
TEST(a_fruitful_wait_costs_nothing) {
        const struct past fruitful = { .took_ns = LONG_NS, .run = LONG_NS / 4000 };
        const struct past barren = { .took_ns = LONG_NS, .run = LONG_NS / 4000 - 1 };
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        for (int i = 0; i < 20; i++)
                CHECK(wait_once(&spin, &fruitful));
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS);
        CHECK(wait_once(&spin, &barren));
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS / 2);
}

/* One that slept and was woken soon has not learned what a look would have cost: it goes on trying now and then, and it is a
 * try that brings the budget back. */
TEST(a_short_try_makes_it_rich_again) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        make_poor(&spin);
        while (!wait_once(&spin, &is_long))
                ;
        uint32_t gap = spin.gap;
        CHECK(!wait_once(&spin, &is_short));
        CHECK(!wait_once(&spin, &is_short));
        CHECK(spin.poor && spin.gap >= gap); /* short sleeps brought it nothing */
        for (int tries = 0; spin.poor; tries++) {
                (void)waits_until_it_tries(&spin, &is_short);
                (void)spin_again(&spin);
                spin_done(&spin);
                spin.took_ns = 0;
                CHECK(tries < 20);
        }
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS);
}

TEST(a_poor_one_tries_more_and_more_seldom) {
        struct spin spin;
        int before = 0, waits;
        spin_init(&spin, SPIN_ADAPTIVE);
        make_poor(&spin);
        (void)waits_until_it_tries(&spin, &is_long);
        while ((waits = waits_until_it_tries(&spin, &is_long)) > before) {
                CHECK(before == 0 || waits == 2 * before);
                before = waits;
        }
        CHECK_EQ(waits, before); /* up to a limit */
        CHECK(waits >= 256 && waits <= 4096);
        (void)waits_until_it_tries(&spin, &is_short); /* each that succeeds makes the next one come sooner */
        for (; before > 32; before /= 2)
                CHECK_EQ(waits_until_it_tries(&spin, &is_short), before / 2);
        CHECK_EQ(waits_until_it_tries(&spin, &is_short), 1);
        CHECK(!spin.poor);
}

/* Another program had the core for a slice: that takes everything at once. */
TEST(one_that_lost_its_core_sleeps) {
        const struct past robbed = { .took_ns = LONG_NS, .away_ns = ROBBED_NS, .run = 1 };
        struct spin spin;
        int before = 0;
        spin_init(&spin, SPIN_ADAPTIVE);
        CHECK(wait_once(&spin, &robbed));
        for (int times = 0; times < 4; times++) {
                int waits = waits_until_it_tries(&spin, &robbed);
                CHECK(spin.poor);
                CHECK(waits > before); /* and each time for longer */
                before = waits;
        }
}

/* It was away for long, and meanwhile much came: the other end had the core, and no third program. */
TEST(one_whose_core_was_used_well_goes_on) {
        const struct past used = { .took_ns = ROBBED_NS, .away_ns = ROBBED_NS, .run = ROBBED_NS / 4000 };
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        for (int i = 0; i < 20; i++)
                CHECK(wait_once(&spin, &used));
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS);
}

/* ---- where the other end runs ---- */

TEST(one_whose_core_nobody_wants_keeps_it) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        CHECK(spin_again(&spin));
        CHECK(spin.away_ns > 0); /* it was given away */
        spin_done(&spin);
        spin.took_ns = 0;
        make_apart(&spin);
        CHECK(spin_again(&spin));
        CHECK_EQ(spin.away_ns, 0); /* it was not */
}

TEST(one_yield_that_let_another_go_on_shows_that_it_is_here) {
        const struct past alone = { .took_ns = SHORT_NS, .away_ns = ALONE_NS, .run = 1 };
        const struct past shared = { .took_ns = SHORT_NS, .away_ns = SHARED_NS, .run = 1 };
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        for (int rounds = 0; rounds < 5; rounds++) {
                for (int waits = 0; waits < WAITS_APART - 1; waits++)
                        CHECK(wait_once(&spin, &alone));
                CHECK(wait_once(&spin, &shared));
                CHECK(!spin.apart);
        }
        make_apart(&spin);
}

TEST(a_long_wait_with_the_core_kept_gives_it_away_again) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        make_apart(&spin);
        CHECK(wait_once(&spin, &is_short));
        CHECK(spin.apart);
        CHECK(wait_once(&spin, &is_long));
        CHECK(spin.apart); /* which is learned at the next */
        CHECK(spin_again(&spin));
        CHECK(!spin.apart);
        CHECK(spin.away_ns > 0);
}

/* ---- how soon it looks ---- */

TEST(who_finds_several_looks_later) {
        const struct past several = { .took_ns = SHORT_NS, .run = 5 };
        int64_t expected = 500;
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        (void)wait_once(&spin, &several);
        CHECK_EQ(spin.delay_ns, 0);
        for (int i = 0; i < 6; i++) {
                (void)wait_once(&spin, &several);
                CHECK_EQ(spin.delay_ns, expected);
                expected = expected < 4000 ? expected * 2 : 4000;
        }
        (void)wait_once(&spin, &is_short);
        for (expected = 2000; expected >= 500; expected /= 2) { /* and who finds one, sooner */
                (void)wait_once(&spin, &is_short);
                CHECK_EQ(spin.delay_ns, expected);
        }
        (void)wait_once(&spin, &is_short);
        CHECK_EQ(spin.delay_ns, 0);
}

/* How many waits that bring one message and are soon over until one is made longer? By how much. */
static int waits_until_a_try(struct spin *spin, int64_t *ret_delay_ns) {
        const struct past quick = { .took_ns = QUICK_NS, .run = 1 };
        for (int waits = 1; waits < WAITS_MOST; waits++) {
                (void)wait_once(spin, &quick);
                *ret_delay_ns = spin->delay_ns;
                if (spin->delay_ns > 0)
                        return waits;
        }
        FAIL("none is ever tried");
}

TEST(now_and_then_a_delay_is_tried) {
        struct spin spin;
        int64_t delay_ns;
        spin_init(&spin, SPIN_ADAPTIVE);
        CHECK_EQ(waits_until_a_try(&spin, &delay_ns), 33); /* of the first one nothing is known when it begins */
        CHECK_EQ(delay_ns, 1000);
        for (int gap = 32, tries = 1; gap < 1024; tries++) { /* longer ones, and if all were in vain, seldom */
                CHECK_EQ(waits_until_a_try(&spin, &delay_ns), gap);
                CHECK_EQ(delay_ns, 1000 << tries % 3);
                gap *= tries % 3 == 2 ? 2 : 1;
        }
        for (int i = 0; i < 6; i++)
                CHECK_EQ(waits_until_a_try(&spin, &delay_ns), 1024);
}

TEST(a_delay_that_brought_more_stays) {
        const struct past several = { .took_ns = QUICK_NS, .run = 2 };
        struct spin spin;
        int64_t delay_ns;
        spin_init(&spin, SPIN_ADAPTIVE);
        (void)waits_until_a_try(&spin, &delay_ns);
        (void)waits_until_a_try(&spin, &delay_ns);
        CHECK_EQ(delay_ns, 2000);
        spin.run = 2; /* by that one */
        (void)wait_once(&spin, &several);
        CHECK_EQ(spin.delay_ns, 2000);
        (void)wait_once(&spin, &several);
        CHECK_EQ(spin.delay_ns, 4000); /* and grows, as ever */
        CHECK_EQ(spin.tries, 0);
}

TEST(long_waits_are_not_made_longer) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        for (int waits = 0; waits < 200; waits++) {
                (void)wait_once(&spin, &is_short);
                CHECK_EQ(spin.delay_ns, 0);
        }
}

/* ---- streams at a distance ---- */

TEST(who_sleeps_or_is_poor_keeps_no_distance) {
        struct spin spin;
        spin_init(&spin, SPIN_NEVER);
        spin.apart = true;
        spin_pace(&spin, INT64_MAX); /* else it never returned */
        spin_init(&spin, SPIN_ADAPTIVE);
        spin.apart = spin.poor = true;
        spin_pace(&spin, INT64_MAX);
        spin_init(&spin, SPIN_ADAPTIVE); /* here the core is given away, once */
        spin_pace(&spin, INT64_MAX);
        CHECK_EQ(spin.since, 0);
}

TEST(who_keeps_its_core_keeps_the_distance) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        make_apart(&spin);
        int64_t until = leat_now() + 20000;
        spin_pace(&spin, until);
        CHECK(leat_now() >= until);
}

/* ---- looks in vain ---- */

/* A receive whose message comes only when it has waited. Was that foreseen? */
static bool receive_late(struct spin *spin) {
        spin_foresee(spin);
        bool foreseen = spin->since != 0;
        if (!foreseen)
                CHECK(spin_again(spin));
        spin_done(spin);
        spin->took_ns = 0; /* where the other end runs is no matter here */
        return foreseen;
}

TEST(what_was_in_vain_each_time_is_foreseen) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        for (int i = 0; i < 16; i++)
                CHECK(!receive_late(&spin));
        for (int rounds = 0; rounds < 3; rounds++) {
                CHECK(!receive_late(&spin)); /* now and then it looks first all the same */
                for (int i = 1; i < 16; i++)
                        CHECK(receive_late(&spin));
        }
        spin_foresee(&spin);
        CHECK_EQ(spin.since, 0);
        spin_done(&spin); /* something was there */
        for (int i = 0; i < 16; i++)
                CHECK(!receive_late(&spin));
}

/* How long the core was away is asked for only where much time passed since the wait before: a third program may have had it. */
TEST(what_is_foreseen_is_measured_behind_a_long_time) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        spin.vain = 17;
        spin.ended = INT64_MAX / 2; /* no time at all, however slow this machine is */
        CHECK(receive_late(&spin));
        CHECK_EQ(spin.away_ns, 0);
        CHECK(spin.ended <= leat_now());
        spin.ended = 0;
        CHECK(receive_late(&spin));
        CHECK_EQ(spin.away_ns, 0); /* it is learned too late for this one */
        for (int measured = 0; measured < 64; measured++) {
                spin.vain = 17;
                spin.ended = INT64_MAX / 2;
                CHECK(receive_late(&spin));
                CHECK(spin.away_ns > 0);
        }
        spin.vain = 17;
        spin.ended = INT64_MAX / 2;
        CHECK(receive_late(&spin));
        CHECK_EQ(spin.away_ns, 0);
}

TEST(only_who_gives_its_core_away_foresees) {
        for (int what = 0; what < 4; what++) {
                struct spin spin;
                spin_init(&spin, what == 0 ? SPIN_NEVER : what == 1 ? SPIN_ALWAYS : SPIN_ADAPTIVE);
                spin.apart = what == 2;
                spin.poor = what == 3;
                spin.vain = 17;
                spin_foresee(&spin);
                CHECK_EQ(spin.since, 0);
        }
}

TEST(what_was_learned_keeps_two_looks_apart) {
        struct spin spin;
        spin_init(&spin, SPIN_ADAPTIVE);
        make_apart(&spin);
        spin_keep_delay(&spin, INT64_MAX / 2); /* nothing was: else it never returned */
        spin.delay_ns = 4000;
        int64_t looked = leat_now();
        spin_keep_delay(&spin, looked);
        CHECK(leat_now() >= looked + 4000);
        spin_keep_delay(&spin, 0); /* the first look */
        for (int what = 0; what < 3; what++) {
                struct spin other = spin;
                other.apart = what != 0;
                other.poor = what == 1;
                other.mode = what == 2 ? SPIN_NEVER : SPIN_ADAPTIVE;
                CHECK(!spin_has_delay(&other));
                spin_keep_delay(&other, INT64_MAX / 2);
        }
}

/* A batch is worth as many waits as its messages. */
TEST(what_goes_out_at_once_counts_one_by_one) {
        struct leat_outgoing messages[10];
        struct leat_channel *receiver, *sender;
        CHECK_EQ(leat_pair("pipe:", NULL, &receiver, &sender), 0);
        for (size_t i = 0; i < 10; i++)
                messages[i] = (struct leat_outgoing){ .type = 1, .bytes = "many", .size_bytes = 4 };
        CHECK_EQ(leat_send_many(sender, messages, 10, LEAT_NEVER), 10);
        CHECK_EQ(sender->spins[DIRECTION_SEND].run, 10);
        leat_close(sender);
        leat_close(receiver);
}

TEST(one_that_did_not_wait_teaches_nothing) {
        struct spin spin, before;
        spin_init(&spin, SPIN_ADAPTIVE);
        (void)wait_once(&spin, &is_long);
        (void)budget_now(&spin);
        before = spin;
        for (uint32_t i = 0; i < 100; i++)
                spin_done(&spin);
        CHECK_EQ(spin.run, before.run + 100); /* but that it came */
        spin.took_ns = 0;
        CHECK_EQ(budget_now(&spin), SPIN_MOST_NS / 2);
        CHECK_EQ(spin.gap, before.gap);
}

TEST_MAIN()
