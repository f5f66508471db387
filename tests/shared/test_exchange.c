/* SPDX-License-Identifier: MIT */

/*
 * The currency exchange: eight processes trade with what lies in one region. Every 20 ms one of them is killed, at random, and started anew, and another one
 * stands until the next time. Whenever somebody looks, no money was lost or made and no stock is negative; and of who is killed each trade that it knows of
 * is there, and at most one more. Then the same without locks, and with locks but without repair: that must lose money, or the test could not see it.
 *
 * 2,000,000 trades with LEAT_TEST_SIZE=long. The longest waits are printed; no time is checked but a deadline of 40 s, which is reached only by who waits for
 * a lock that is free, or whose owner is dead.
 */
#include "harness.h"
#include "regions.h"

#include <errno.h>
#include <leat.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
        TRADERS = 8,
        CURRENCIES = 4,
        CROWNS = 0,
        TOUCHED = 5,
        EACH = CURRENCIES + 1,
        WORDS = CURRENCIES + TRADERS * EACH
};
#define CONTROL_ROUNDS 100000
#define HALVES 1 /* killed in the midst of a change, at least: what is not repaired then is seen for certain */

/* Of a change, before it is made: whoever repairs puts the old numbers back. */
struct intent {
        int64_t live, at[TOUCHED], old[TOUCHED];
};
struct shop {
        struct leat_mutex lock;
        struct intent intent;
        int64_t words[WORDS]; /* the stock; then of each trader what it has, and how often it traded */
};
#define STOCK(currency) (currency)
#define HAS(trader, currency) (CURRENCIES + (trader)*EACH + (currency))
#define TRADES(trader) HAS(trader, CURRENCIES)

struct deal {
        int64_t at[TOUCHED], to[TOUCHED];
};

/* How the words of a deal are changed. */
enum way { BY_TRANSACTION, BY_MUTEX, WITHOUT_REPAIR, WITHOUT_LOCK };

/* What outlives a trader. */
struct ledger {
        int64_t left;                /* deals to be made */
        int64_t stood, stands_since; /* how long somebody stood until now, and one since then; 0: nobody does */
        int64_t over;
        struct trader_account {
                int64_t returned;                            /* deals that it knows of */
                int64_t changed;                             /* words of the deal that it is making in place */
                int64_t longest, longest_net, deaths, looks; /* net: without the time while somebody stood */
        } of[TRADERS];
};

struct exchange {
        enum way way;
        const char *address;
        struct ledger *ledger;
        struct harness_event *enough;
        struct leat_region *region;
        pid_t pids[TRADERS];
        unsigned self;     /* in a trader */
        uint64_t series;   /* its random numbers */
        unsigned standing; /* whom we stopped; TRADERS: nobody */
        uint64_t kills, halves, looks;
};

static int64_t number(const int64_t *word) {
        return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* In this order in memory as it stands here: who dies in between leaves the first ones. */
static void put(int64_t *word, int64_t value) {
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static int64_t add(int64_t *word, int64_t value) {
        return __atomic_fetch_add(word, value, __ATOMIC_RELAXED);
}

/* Of a trader's own series: its parent's would go on in each of them alike. */
static uint64_t random_below(struct exchange *exchange, uint64_t limit) {
        uint64_t number = exchange->series += UINT64_C(0x9e3779b97f4a7c15);
        number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
        return (number ^ (number >> 31)) % limit;
}

static int64_t first_of(int64_t word) {
        if (word < CURRENCIES)
                return word == STOCK(CROWNS) ? 5000 : 60;
        return (word - CURRENCIES) % EACH == CROWNS ? 1000 : 0;
}

/* ---- looking ---- */

/* Is there as much of each currency as at first, and nothing negative? */
static bool adds_up(const int64_t words[WORDS]) {
        for (int currency = 0; currency < CURRENCIES; currency++) {
                int64_t sum = words[STOCK(currency)], first = first_of(STOCK(currency));
                bool negative = sum < 0;
                for (int trader = 0; trader < TRADERS; trader++) {
                        sum += words[HAS(trader, currency)];
                        first += first_of(HAS(trader, currency));
                        negative = negative || words[HAS(trader, currency)] < 0;
                }
                if (sum != first || negative)
                        return false;
        }
        return true;
}

static void repair(struct exchange *exchange, struct shop *shop) {
        if (number(&shop->intent.live) && exchange->way == BY_MUTEX)
                for (int i = 0; i < TOUCHED; i++)
                        put(&shop->words[shop->intent.at[i]], shop->intent.old[i]);
        put(&shop->intent.live, 0);
}

/* Returns how many died with the lock: 0 or 1. */
static int lock(struct exchange *exchange, struct shop *shop) {
        int r = leat_mutex_lock(exchange->region, &shop->lock, harness_deadline_ms(40000));
        if (r == 0)
                return 0;
        CHECK_EQ(r, -EOWNERDEAD);
        repair(exchange, shop);
        CHECK_EQ(leat_mutex_mend(exchange->region, &shop->lock), 0);
        return 1;
}

static void look(struct exchange *exchange, int64_t ret_words[WORDS]) {
        struct shop *shop = leat_region_data(exchange->region);
        if (exchange->way == BY_TRANSACTION) {
                struct leat_range range = { shop->words, ret_words, sizeof(shop->words) };
                CHECK_EQ(leat_snapshot(exchange->region, &range, 1, harness_deadline_ms(40000)), 0);
                return;
        }
        if (exchange->way != WITHOUT_LOCK)
                lock(exchange, shop);
        for (int i = 0; i < WORDS; i++)
                ret_words[i] = number(&shop->words[i]);
        if (exchange->way != WITHOUT_LOCK)
                CHECK_EQ(leat_mutex_unlock(exchange->region, &shop->lock), 0);
}

/* ---- trading ---- */

/* Somebody else may have the core: in the midst of a change, too. */
static void breathe(struct exchange *exchange) {
        if (random_below(exchange, 16) == 0)
                sched_yield();
}

/* What a random deal makes of five words; false: there is not so much. */
static bool plan(struct exchange *exchange, const struct shop *shop, struct deal *ret_deal) {
        const unsigned trader = exchange->self;
        int64_t currency = 1 + (int64_t)random_below(exchange, CURRENCIES - 1);
        int64_t amount = 1 + (int64_t)random_below(exchange, 20), price = 20 + currency;
        int64_t sign = random_below(exchange, 2) ? 1 : -1; /* it buys, or sells */
        /* In this order: after one, two or three of the words something does not add up. */
        *ret_deal =
                (struct deal){ { STOCK(currency), STOCK(CROWNS), HAS(trader, currency), HAS(trader, CROWNS),
                                 TRADES(trader) },
                               { -sign * amount, sign * amount * price, sign * amount, -sign * amount * price, 1 } };
        for (int i = 0; i < TOUCHED; i++) {
                ret_deal->to[i] += number(&shop->words[ret_deal->at[i]]);
                if (ret_deal->to[i] < 0)
                        return false;
        }
        return true;
}

static void make(struct exchange *exchange, struct shop *shop, const struct deal *deal) {
        for (int i = 0; i < TOUCHED; i++) {
                put(&shop->words[deal->at[i]], deal->to[i]);
                put(&exchange->ledger->of[exchange->self].changed, i + 1);
                breathe(exchange);
        }
}

/* By new values, of which nobody sees anything before the commit, or in place. */
static void change_in(struct exchange *exchange, struct leat_txn *txn, struct shop *shop, const struct deal *deal) {
        bool in_place = random_below(exchange, 2);
        for (int i = 0; i < TOUCHED; i++) {
                int64_t *word = &shop->words[deal->at[i]];
                CHECK_EQ(in_place ? leat_txn_touch(txn, word, sizeof(*word))
                                  : leat_txn_set(txn, word, &deal->to[i], sizeof(*word)),
                         0);
        }
        if (in_place)
                make(exchange, shop, deal);
        CHECK_EQ(leat_txn_commit(txn), 0);
}

struct wait {
        int64_t began, stood;
};

/* How long did somebody stand, until now? */
static int64_t stood(const struct ledger *ledger, int64_t now) {
        int64_t since = number(&ledger->stands_since);
        return number(&ledger->stood) + (since ? now - since : 0);
}

static struct wait begin_wait(const struct exchange *exchange) {
        int64_t now = leat_now();
        return (struct wait){ now, stood(exchange->ledger, now) };
}

static void raise_to(int64_t *most, int64_t value) {
        if (value > number(most))
                put(most, value);
}

static void end_wait(struct exchange *exchange, const struct wait *wait) {
        struct trader_account *account = &exchange->ledger->of[exchange->self];
        int64_t now = leat_now(), took = now - wait->began;
        raise_to(&account->longest, took);
        raise_to(&account->longest_net, took - (stood(exchange->ledger, now) - wait->stood));
}

static bool deal_in_transaction(struct exchange *exchange, struct shop *shop) {
        struct wait wait = begin_wait(exchange);
        struct leat_txn *txn;
        struct deal deal;
        CHECK_EQ(leat_txn_begin(exchange->region, harness_deadline_ms(40000), &txn), 0);
        end_wait(exchange, &wait);
        bool enough = plan(exchange, shop, &deal);
        if (enough)
                change_in(exchange, txn, shop, &deal);
        else
                CHECK_EQ(leat_txn_abort(txn, 0), 0);
        return enough;
}

static void change_with_intent(struct exchange *exchange, struct shop *shop, const struct deal *deal) {
        for (int i = 0; i < TOUCHED; i++) {
                shop->intent.at[i] = deal->at[i];
                shop->intent.old[i] = number(&shop->words[deal->at[i]]);
        }
        put(&shop->intent.live, 1);
        make(exchange, shop, deal);
        put(&shop->intent.live, 0);
}

static bool deal_with_mutex(struct exchange *exchange, struct shop *shop) {
        struct wait wait = begin_wait(exchange);
        struct deal deal;
        add(&exchange->ledger->of[exchange->self].deaths, lock(exchange, shop));
        end_wait(exchange, &wait);
        bool enough = plan(exchange, shop, &deal);
        if (enough)
                change_with_intent(exchange, shop, &deal);
        CHECK_EQ(leat_mutex_unlock(exchange->region, &shop->lock), 0);
        return enough;
}

static bool deal_without_lock(struct exchange *exchange, struct shop *shop) {
        struct deal deal;
        bool enough = plan(exchange, shop, &deal);
        if (enough)
                make(exchange, shop, &deal);
        return enough;
}

static bool (*const deal_by[])(struct exchange *exchange, struct shop *shop) = {
        [BY_TRANSACTION] = deal_in_transaction,
        [BY_MUTEX] = deal_with_mutex,
        [WITHOUT_REPAIR] = deal_with_mutex,
        [WITHOUT_LOCK] = deal_without_lock,
};

/* What every trader does beside trading. */
static void look_now_and_then(struct exchange *exchange) {
        int64_t words[WORDS];
        if (exchange->way > BY_MUTEX || random_below(exchange, 64) > 0)
                return;
        look(exchange, words);
        CHECK(adds_up(words));
        add(&exchange->ledger->of[exchange->self].looks, 1);
}

static void trade(void *argument) {
        struct exchange *exchange = argument;
        struct ledger *ledger = exchange->ledger;
        struct leat_region *parents = exchange->region;
        CHECK_EQ(leat_region_open(exchange->address, 0, NULL, harness_deadline_ms(40000), NULL, &exchange->region), 0);
        struct shop *shop = leat_region_data(exchange->region);
        while (!number(&ledger->over)) {
                if (deal_by[exchange->way](exchange, shop)) {
                        add(&ledger->of[exchange->self].returned, 1);
                        if (add(&ledger->left, -1) == 1)
                                harness_event_signal(exchange->enough);
                }
                look_now_and_then(exchange);
        }
        leat_region_close(exchange->region);
        leat_region_close(parents);
}

/* ---- the controller ---- */

static void open_exchange(struct exchange *exchange, enum way way, enum region_kind kind, int64_t trades) {
        *exchange = (struct exchange){ .way = way, .standing = TRADERS, .address = region_address(kind, 0, "") };
        exchange->ledger = harness_shared(sizeof(*exchange->ledger));
        exchange->enough = harness_event_new();
        put(&exchange->ledger->left, trades);
        exchange->region = region_open_or_fail(exchange->address, sizeof(struct shop));
        struct shop *shop = leat_region_data(exchange->region);
        for (int i = 0; i < WORDS; i++)
                put(&shop->words[i], first_of(i));
}

static void close_exchange(struct exchange *exchange) {
        leat_region_close(exchange->region);
        CHECK_EQ(leat_region_remove(exchange->address, false, harness_deadline_ms(40000), NULL), 0);
}

static void start_trader(struct exchange *exchange, unsigned index) {
        exchange->self = index;
        exchange->series = harness_random();
        exchange->pids[index] = harness_fork(trade, exchange);
}

static void start_traders(struct exchange *exchange) {
        put(&exchange->ledger->over, 0);
        for (unsigned i = 0; i < TRADERS; i++)
                start_trader(exchange, i);
}

static void let_go(struct exchange *exchange) {
        if (exchange->standing == TRADERS)
                return;
        struct ledger *ledger = exchange->ledger;
        kill(exchange->pids[exchange->standing], SIGCONT);
        add(&ledger->stood, leat_now() - number(&ledger->stands_since));
        put(&ledger->stands_since, 0);
        exchange->standing = TRADERS;
}

static void stop_another(struct exchange *exchange, unsigned than) {
        exchange->standing = (than + 1 + (unsigned)harness_random_below(TRADERS - 1)) % TRADERS;
        put(&exchange->ledger->stands_since, leat_now());
        kill(exchange->pids[exchange->standing], SIGSTOP);
}

/* Each deal that it knew of is there, and at most one more, of which it could not know any more. */
static void compare(struct exchange *exchange, unsigned index, const int64_t words[WORDS]) {
        int64_t more = words[TRADES(index)] - number(&exchange->ledger->of[index].returned);
        if (more != 0 && more != 1)
                FAIL("trader %u was killed; %lld of its deals too many", index, (long long)more);
        put(&exchange->ledger->of[index].returned, words[TRADES(index)]);
}

/* Were some of the four words of money changed in place, and others not yet? */
static bool is_half(int64_t changed) {
        return changed > 0 && changed < TOUCHED - 1;
}

/* Kill one, look, and start it anew. Returns whether all money is there. */
static bool kill_one(struct exchange *exchange, unsigned index) {
        struct trader_account *account = &exchange->ledger->of[index];
        int64_t words[WORDS];
        harness_kill(exchange->pids[index]);
        exchange->kills++;
        exchange->halves += is_half(number(&account->changed));
        put(&account->changed, 0);
        look(exchange, words);
        exchange->looks++;
        bool good = adds_up(words);
        if (good && exchange->way != WITHOUT_REPAIR)
                compare(exchange, index, words);
        start_trader(exchange, index);
        return good;
}

static void end_traders(struct exchange *exchange) {
        let_go(exchange);
        put(&exchange->ledger->over, 1);
        for (unsigned i = 0; i < TRADERS; i++)
                CHECK_EQ(harness_wait(exchange->pids[i]), 0);
}

/* Disturb them until all deals were made, and some traders killed in the midst of one; or, if it is to be lost, until money is. */
static bool disturb(struct exchange *exchange) {
        bool made = false;
        while (!made || exchange->halves < HALVES) {
                made = harness_event_try(exchange->enough, leat_in_ms(20)) || made;
                let_go(exchange);
                unsigned index = (unsigned)harness_random_below(TRADERS);
                if (!kill_one(exchange, index))
                        return false;
                stop_another(exchange, index);
        }
        return true;
}

static void tell(const struct exchange *exchange, int64_t began) {
        int64_t longest = 0, net = 0, deaths = 0, looks = 0, trades = 0;
        for (int i = 0; i < TRADERS; i++) {
                const struct trader_account *account = &exchange->ledger->of[i];
                longest = account->longest > longest ? account->longest : longest;
                net = account->longest_net > net ? account->longest_net : net;
                deaths += account->deaths, looks += account->looks, trades += account->returned;
        }
        fprintf(stderr,
                "# %lld deals in %.2f s, %llu killed, of them %llu in the midst of a change in place; %lld told that "
                "the owner "
                "died; "
                "%lld looks; longest wait %.1f ms, %.1f ms without those in which somebody stood\n",
                (long long)trades, (double)(leat_now() - began) / 1e9, (unsigned long long)exchange->kills,
                (unsigned long long)exchange->halves, (long long)deaths, (long long)looks + (long long)exchange->looks,
                (double)longest / 1e6, (double)net / 1e6);
}

static int64_t trades_of_size(void) {
        return (int64_t)harness_how_many(5000, 100000, 2000000);
}

static void trade_and_die(enum way way, enum region_kind kind) {
        struct exchange exchange;
        int64_t words[WORDS], began = leat_now();
        open_exchange(&exchange, way, kind, trades_of_size());
        start_traders(&exchange);
        CHECK(disturb(&exchange));
        end_traders(&exchange);
        look(&exchange, words);
        CHECK(adds_up(words));
        for (unsigned i = 0; i < TRADERS; i++)
                CHECK_EQ(words[TRADES(i)], exchange.ledger->of[i].returned);
        tell(&exchange, began);
        close_exchange(&exchange);
}

TEST(money_stays_by_transactions, .timeout_s = 300) {
        trade_and_die(BY_TRANSACTION, KIND_REGION);
}

TEST(money_stays_by_transactions_on_a_segment, .timeout_s = 300) {
        trade_and_die(BY_TRANSACTION, KIND_SYSV);
}

TEST(money_stays_by_a_mutex_and_repair, .timeout_s = 300) {
        trade_and_die(BY_MUTEX, KIND_REGION);
}

TEST(money_stays_by_a_mutex_and_repair_in_a_file, .timeout_s = 300) {
        trade_and_die(BY_MUTEX, KIND_MAP);
}

/* The controls. Each goes on until money is lost, as it must be. */

TEST(without_repair_money_is_lost) {
        struct exchange exchange;
        open_exchange(&exchange, WITHOUT_REPAIR, KIND_REGION, INT64_MAX);
        start_traders(&exchange);
        CHECK(!disturb(&exchange));
        end_traders(&exchange);
        close_exchange(&exchange);
}

TEST(without_locks_money_is_lost) {
        struct exchange exchange;
        int64_t words[WORDS];
        bool lost = false;
        open_exchange(&exchange, WITHOUT_LOCK, KIND_REGION, 0);
        for (int round = 0; round < CONTROL_ROUNDS && !lost; round++) {
                put(&exchange.ledger->left, 2000);
                start_traders(&exchange);
                harness_event_wait(exchange.enough);
                end_traders(&exchange); /* nobody trades any more: what is missing is not on its way */
                look(&exchange, words);
                lost = !adds_up(words);
        }
        CHECK(lost);
        close_exchange(&exchange);
}

TEST_MAIN()
