/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <leat/transaction.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Several processes change the same words in transactions, are killed and stopped at random, and whoever looks sees a sum that never changes.
 */

#define ACCOUNTS 24
#define START 1000
#define PARTIES 8

struct bank {
        _Atomic int64_t accounts[ACCOUNTS]; /* atomic for the program's own stores, which a snapshot may meet */
};

struct progress {
        _Atomic uint64_t done, sequence;
        _Atomic bool stop;
};

struct crowd {
        struct leat_region *region;
        struct progress *progress;
        pid_t pids[PARTIES];
        int parties;
};

static int64_t sum_of(const int64_t *accounts) {
        int64_t sum = 0;
        for (int i = 0; i < ACCOUNTS; i++) {
                sum += accounts[i];
                CHECK(accounts[i] >= 0);
        }
        return sum;
}

/* One look at all of it: consistent, or not to be had now. */
static int look(struct leat_region *region, int64_t deadline) {
        int64_t seen[ACCOUNTS];
        struct leat_range range = { leat_region_data(region), seen, sizeof seen };
        int r = leat_snapshot(region, &range, 1, deadline);
        if (r == 0)
                CHECK_EQ(sum_of(seen), (int64_t)ACCOUNTS * START);
        return r;
}

static void add(struct leat_txn *txn, _Atomic int64_t *account, int64_t amount, bool in_place) {
        int64_t value;
        CHECK_EQ(leat_txn_get(txn, account, &value, 8), 0);
        value += amount;
        if (in_place) {
                CHECK_EQ(leat_txn_touch(txn, account, 8), 0);
                atomic_store_explicit(account, value, memory_order_relaxed);
        } else {
                CHECK_EQ(leat_txn_set(txn, account, &value, 8), 0);
        }
}

/* Move an amount from one account to some others. */
static void transfer(struct leat_region *region) {
        struct bank *bank = leat_region_data(region);
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), 0);
        uint64_t from = harness_random_below(ACCOUNTS), to = harness_random_below(ACCOUNTS);
        int64_t has, amount = 0;
        CHECK_EQ(leat_txn_get(txn, &bank->accounts[from], &has, 8), 0);
        if (has > 1)
                amount = (int64_t)harness_random_below((uint64_t)has / 2) * 2;
        add(txn, &bank->accounts[from], -amount, harness_random_below(4) == 0);
        add(txn, &bank->accounts[to], amount / 2, harness_random_below(4) == 0);
        add(txn, &bank->accounts[(to + 1) % ACCOUNTS], amount / 2, harness_random_below(4) == 0);
        if (harness_random_below(8) == 0)
                CHECK_EQ(leat_txn_abort(txn, 0), 0);
        else
                CHECK_EQ(leat_txn_commit(txn), 0);
}

static void party(void *argument) {
        struct crowd *crowd = argument;
        struct progress *progress = crowd->progress;
        for (uint64_t i = atomic_fetch_add(&progress->sequence, 1); i > 0; i--)
                (void)harness_random(); /* each has another series */
        CHECK_EQ(leat_region_reattach(crowd->region, SOON), 0);
        while (!atomic_load(&progress->stop)) {
                transfer(crowd->region);
                if (harness_random_below(16) == 0)
                        CHECK_EQ(look(crowd->region, SOON), 0);
                atomic_fetch_add(&progress->done, 1);
        }
        leat_region_close(crowd->region);
}

static struct crowd crowd_of(struct leat_region *region, int parties) {
        struct crowd crowd = { .region = region,
                               .progress = harness_shared(sizeof *crowd.progress),
                               .parties = parties };
        struct bank *bank = leat_region_data(region);
        for (int i = 0; i < ACCOUNTS; i++)
                atomic_store(&bank->accounts[i], START);
        for (int i = 0; i < parties; i++)
                crowd.pids[i] = harness_fork(party, &crowd);
        return crowd;
}

/* Look until others did some more. */
static void look_for_a_while(struct crowd *crowd, struct leat_region *reader) {
        uint64_t until = atomic_load(&crowd->progress->done) + 20 + harness_random_below(200);
        int64_t deadline = SOON;
        while (atomic_load(&crowd->progress->done) < until) {
                CHECK_EQ(look(crowd->region, SOON), 0);
                int r = look(reader, SOON);
                CHECK(r == 0 ||
                      r == -EROFS); /* who may only read is told that one died, until another one has mended it */
                CHECK(leat_now() < deadline);
        }
}

static void kill_one(struct crowd *crowd) {
        pid_t *pid = &crowd->pids[harness_random_below((uint64_t)crowd->parties)];
        harness_kill(*pid);
        CHECK_EQ(look(crowd->region, SOON), 0);
        *pid = harness_fork(party, crowd);
}

static void stop_one(struct crowd *crowd) {
        pid_t pid = crowd->pids[harness_random_below((uint64_t)crowd->parties)];
        harness_stop(pid);
        for (int i = 0; i < 50; i++) {
                int r = look(crowd->region, LEAT_NOW);
                CHECK(r == 0 || r == -EAGAIN);
        }
        harness_continue(pid);
}

static int rounds(void) {
        return (int)harness_how_many(8, 20, 400);
}

TEST(a_crowd_that_is_killed_and_stopped) {
        struct leat_region *region =
                region_open_or_fail(region_address(KIND_REGION, 1, "?participants=40"), sizeof(struct bank));
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        struct crowd crowd = crowd_of(region, (int)(2 + harness_random_below(PARTIES - 1)));
        for (int round = 0; round < rounds(); round++) {
                look_for_a_while(&crowd, reader);
                if (harness_random_below(3) == 0)
                        stop_one(&crowd);
                else
                        kill_one(&crowd);
        }
        atomic_store(&crowd.progress->stop, true);
        for (int i = 0; i < crowd.parties; i++)
                CHECK_EQ(harness_wait(crowd.pids[i]), 0);
        CHECK_EQ(look(region, SOON), 0);
        CHECK_EQ(look(reader, SOON), 0);
        leat_region_close(reader);
        leat_region_close(region);
}

/* Threads of one process: for the thread sanitizer, too. */
struct threads {
        struct leat_region *region;
        _Atomic int writers;
};

static void *write_some(void *argument) {
        struct threads *threads = argument;
        struct bank *bank = leat_region_data(threads->region);
        for (int i = 0; i < (SANITIZED ? 300 : 3000); i++) {
                struct leat_txn *txn = NULL;
                int64_t value;
                CHECK_EQ(leat_txn_begin(threads->region, SOON, &txn), 0);
                for (int k = 0; k < 3; k++) {
                        CHECK_EQ(leat_txn_get(txn, &bank->accounts[k], &value, 8), 0);
                        value += k == 2 ? -2 : 1;
                        CHECK_EQ(leat_txn_set(txn, &bank->accounts[k], &value, 8), 0);
                }
                if (i % 5 == 0)
                        CHECK_EQ(leat_txn_touch(txn, &bank->accounts[5], 8), 0);
                if (i % 10 == 0)
                        CHECK_EQ(leat_txn_abort(txn, 0), 0);
                else
                        CHECK_EQ(leat_txn_commit(txn), 0);
        }
        atomic_fetch_sub(&threads->writers, 1);
        return NULL;
}

static void *look_on(void *argument) {
        struct threads *threads = argument;
        while (atomic_load(&threads->writers) > 0) {
                int64_t seen[ACCOUNTS], sum = 0;
                struct leat_range ranges[] = { { threads->region->data, seen, 20 },
                                               { threads->region->data + 20, (char *)seen + 20, sizeof seen - 20 } };
                CHECK_EQ(leat_snapshot(threads->region, ranges, 2, SOON), 0);
                for (int i = 0; i < ACCOUNTS; i++)
                        sum += seen[i];
                CHECK_EQ(sum, 0);
        }
        return NULL;
}

TEST(threads_of_one_process) {
        struct threads threads = { .region = region_open_or_fail("anon:", sizeof(struct bank)), .writers = 3 };
        pthread_t ids[5];
        for (int i = 0; i < 5; i++)
                CHECK_EQ(pthread_create(&ids[i], NULL, i < 3 ? write_some : look_on, &threads), 0);
        for (int i = 0; i < 5; i++)
                CHECK_EQ(pthread_join(ids[i], NULL), 0);
        leat_region_close(threads.region);
}

TEST_MAIN()
