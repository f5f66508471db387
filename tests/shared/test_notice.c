/* SPDX-License-Identifier: MIT */
/* Notices of change: parts and their names; each change is seen, whoever waits, and whoever else is killed. */
#include "counts.h"
#include "notices.h"

#include "shared/name.h"

#include <errno.h>
#include <leat/transaction.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* How often it has changed. */
static uint64_t changes_of(struct leat_region *region, uint32_t part) {
        uint64_t seen = 0;
        (void)leat_part_wait(region, part, &seen, LEAT_NOW);
        return seen;
}

/* ---- names ---- */

static void parts_have_names(void *kind) {
        struct leat_region *region = notice_region(KIND_OF(kind));
        char name[32];
        CHECK_EQ(notice_part(region, ""), 0);
        uint32_t a = notice_part(region, "prices"), b = notice_part(region, "prices and stock, all of it 123");
        CHECK(a != 0 && b != 0 && a != b);
        CHECK_EQ(notice_part(region, "prices"), a);
        CHECK_EQ(leat_part_name(region, a, name), 0);
        CHECK_STR(name, "prices");
        CHECK_EQ(leat_part_name(region, b, name), 0);
        CHECK_STR(name, "prices and stock, all of it 123");
        CHECK_EQ(leat_part_name(region, 0, name), 0);
        CHECK_STR(name, "");
        CHECK_EQ(leat_part_name(region, b + 1, name), -ENOENT);
        CHECK_EQ(leat_part_name(region, UINT32_MAX, name), -ENOENT);
        leat_region_close(region);
}

TEST(there_are_64) {
        struct leat_region *region = notice_region(KIND_ANON);
        char name[32];
        uint32_t part;
        for (uint32_t i = 1; i < 64; i++) {
                snprintf(name, sizeof name, "part %u", i);
                CHECK_EQ(notice_part(region, name), i);
        }
        CHECK_EQ(leat_part(region, "one more", &part), -ENOSPC);
        CHECK_EQ(notice_part(region, "part 63"), 63);
        for (uint32_t i = 1; i < 64; i++)
                CHECK_EQ(leat_part_changed(region, i), 0);
        CHECK_EQ(changes_of(region, 0), 63);
        leat_region_close(region);
}

TEST(names_that_are_none_are_refused) {
        struct leat_region *region = notice_region(KIND_ANON);
        uint32_t part = 77;
        uint64_t seen = 0;
        const char *const wrong[] = { "12345678901234567890123456789012", "two\nlines", "\x7f", NULL };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
                CHECK_EQ(leat_part(region, wrong[i], &part), -EINVAL);
        CHECK_EQ(part, 77);
        CHECK_EQ(leat_part(region, "a", NULL), -EINVAL);
        CHECK_EQ(leat_part_name(region, 0, NULL), -EINVAL);
        CHECK_EQ(leat_part_changed(region, 1), -EINVAL); /* nobody has named it */
        CHECK_EQ(leat_part_changed(region, 64), -EINVAL);
        CHECK_EQ(leat_part_wait(region, 1, &seen, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_part_wait(region, UINT32_MAX, &seen, LEAT_NOW), -EINVAL);
        CHECK_EQ(leat_part_wait(region, 0, NULL, LEAT_NOW), -EINVAL);
        leat_region_close(region);
}

/* A maker that died in the midst of a name: it is none, and the next one that begins so goes on with it. */
TEST(half_a_name_is_none) {
        struct leat_region *region = notice_region(KIND_ANON);
        uint64_t words[NAME_WORDS];
        char name[32];
        CHECK_EQ(name_encode("prices of yesterday", words), 0);
        atomic_store(&region->header->parts[1].name[0], words[0]);
        CHECK_EQ(leat_part_name(region, 1, name), -ENOENT);
        CHECK_EQ(notice_part(region, "stock"), 2);
        CHECK_EQ(notice_part(region, "prices o"), 1);
        CHECK_EQ(notice_part(region, "prices of yesterday"), 3);
        leat_region_close(region);
}

#define NAMES 40
#define MAKERS 6

struct makers {
        _Atomic uint32_t parts[MAKERS][NAMES];
        _Atomic int next;
        struct harness_event *go;
        struct leat_region *region;
};

static void make_names(void *argument) {
        struct makers *makers = argument;
        int me = atomic_fetch_add(&makers->next, 1);
        CHECK_EQ(leat_region_reattach(makers->region, SOON), 0);
        harness_event_wait(makers->go);
        for (int i = 0; i < NAMES; i++) {
                int number = (i * 7 + me * 13) % NAMES; /* each in another order; 7 and 40 have no common divisor */
                char name[32];
                snprintf(name, sizeof name, "a name that begins alike: %d", number);
                atomic_store(&makers->parts[me][number], notice_part(makers->region, name));
        }
        leat_region_close(makers->region);
}

TEST(all_find_the_same_part) {
        struct makers *makers = harness_shared(sizeof *makers);
        pid_t pids[MAKERS];
        makers->go = harness_event_new();
        makers->region = notice_region(KIND_ANON);
        for (int i = 0; i < MAKERS; i++)
                pids[i] = harness_fork(make_names, makers);
        for (int i = 0; i < MAKERS; i++)
                harness_event_signal(makers->go);
        for (int i = 0; i < MAKERS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        uint64_t taken = 0;
        for (int n = 0; n < NAMES; n++) {
                uint32_t part = makers->parts[0][n];
                CHECK(part > 0 && part < 64 && !(taken >> part & 1));
                taken |= UINT64_C(1) << part;
                for (int i = 1; i < MAKERS; i++)
                        CHECK_EQ(makers->parts[i][n], part);
        }
        leat_region_close(makers->region);
}

/* ---- changes ---- */

static void changes_are_counted(void *kind) {
        struct leat_region *region = notice_region(KIND_OF(kind));
        uint32_t a = notice_part(region, "a"), b = notice_part(region, "b");
        uint64_t seen = 0;
        CHECK_EQ(leat_part_wait(region, a, &seen, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_part_wait(region, a, &seen, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(leat_part_wait(region, a, &seen, 1), -ETIMEDOUT);
        CHECK_EQ(seen, 0);
        for (int i = 0; i < 3; i++)
                CHECK_EQ(leat_part_changed(region, a), 0);
        CHECK_EQ(leat_part_changed(region, b), 0);
        CHECK_EQ(leat_part_wait(region, a, &seen, LEAT_NEVER), 0);
        CHECK_EQ(seen, 3);
        CHECK_EQ(leat_part_wait(region, a, &seen, LEAT_NOW), -EAGAIN);
        CHECK_EQ(changes_of(region, b), 1);
        CHECK_EQ(changes_of(region, 0), 4);
        leat_region_close(region);
}

TEST(a_commit_is_a_change) {
        struct leat_region *region = notice_region(KIND_ANON);
        struct leat_txn *txn;
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_set(txn, leat_region_data(region), "abc", 3), 0);
        CHECK_EQ(changes_of(region, 0), 0);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(changes_of(region, 0), 1);
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
        CHECK_EQ(changes_of(region, 0), 1);
        leat_region_close(region);
}

static void expect_refused(struct leat_region *region, int error) {
        uint64_t seen = 0;
        uint32_t part;
        char name[32];
        CHECK_EQ(leat_part(region, "a", &part), error);
        CHECK_EQ(leat_part_name(region, 0, name), error);
        CHECK_EQ(leat_part_changed(region, 0), error);
        CHECK_EQ(leat_part_wait(region, 0, &seen, LEAT_NOW), error);
        CHECK_EQ(leat_region_notice_fd(region), error);
}

static void child_of_another(void *argument) {
        expect_refused(argument, -ECHILD);
}

TEST(a_forked_child_is_refused) {
        struct leat_region *region = notice_region(KIND_ANON);
        CHECK_EQ(harness_wait(harness_fork(child_of_another, region)), 0);
        leat_region_close(region);
}

TEST(raw_memory_has_none) {
        leat_region_close(notice_region(KIND_REGION));
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 0, "?raw"), 0);
        expect_refused(region, -ENOTSUP);
        leat_region_close(region);
}

static struct leat_region *published;

static void publish_here(int number) {
        (void)number;
        errno = ERANGE;
        (void)leat_part_changed(published, 0);
        if (errno != ERANGE)
                _exit(9);
}

TEST(a_handler_may_say_it) {
        struct sigaction action = { .sa_handler = publish_here };
        published = notice_region(KIND_ANON);
        CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
        CHECK(leat_region_notice_fd(published) >= 0); /* so that it makes system calls */
        for (int i = 0; i < 100; i++)
                CHECK_EQ(raise(SIGUSR1), 0);
        CHECK_EQ(changes_of(published, 0), 100);
        leat_region_close(published);
}

/* ---- waiting ---- */

static void sleep_until_changed(struct leat_region *region, uint32_t part, uint64_t *seen) {
        CHECK_EQ(leat_part_wait(region, part, seen, SOON), 0);
}

TEST(each_change_is_seen_by_each) {
        notice_turns(KIND_ANON, 0, NULL, SANITIZED ? 200 : 1000, sleep_until_changed);
}

TEST(each_change_is_seen_by_who_may_only_read) {
        notice_turns(KIND_REGION, 0, "?access=ro", 10, sleep_until_changed);
}

TEST(each_change_of_a_segment_is_seen) {
        notice_turns(KIND_SYSV, 0, "?access=ro", 3, sleep_until_changed);
        notice_turns(KIND_SYSV, 1, "", 100, sleep_until_changed);
}

TEST(who_may_only_read_makes_none) {
        struct leat_region *writer, *reader = counts_read_only(0, 64, &writer);
        uint32_t part;
        CHECK_EQ(leat_part(reader, "a", &part), -ENOENT);
        CHECK_EQ(notice_part(reader, ""), 0);
        CHECK_EQ(notice_part(writer, "a"), 1);
        CHECK_EQ(notice_part(reader, "a"), 1);
        CHECK_EQ(leat_part_changed(reader, 1), -EACCES);
        CHECK_EQ(changes_of(reader, 1), 0);
        CHECK_EQ(leat_part_changed(writer, 1), 0);
        CHECK_EQ(changes_of(reader, 1), 1);
        leat_region_close(reader);
        leat_region_close(writer);
}

/* ---- death ---- */

static void wait_once(struct counts *counts) {
        uint64_t seen = 0;
        counts_ready(counts);
        CHECK_EQ(leat_part_wait(counts->region, 0, &seen, LEAT_NEVER), 0);
        atomic_store(&counts->told->result[counts->me], (int64_t)seen);
}

/* It sleeps in the wait, and not before it. */
static pid_t sleeper(struct counts *counts) {
        pid_t pid = counts_sleeper(counts, 0, wait_once);
        WAIT_UNTIL(atomic_load(&counts->region->header->parts[0].sleeps) >= 1);
        return pid;
}

static bool owes_a_wake(const struct leat_region *region) {
        const struct region_part *part = &region->header->parts[0];
        return atomic_load(&part->sleeps) != atomic_load(&part->served);
}

TEST(a_killed_observer_costs_one_wake) {
        struct counts counts = counts_open();
        pid_t pid = sleeper(&counts);
        CHECK(owes_a_wake(counts.region));
        harness_kill(pid);
        CHECK(owes_a_wake(counts.region));
        CHECK_EQ(leat_part_changed(counts.region, 0), 0);
        CHECK(!owes_a_wake(counts.region));
        counts_close(&counts);
}

/* It counted the change, and died before it woke anybody: who sleeps looks by itself, and else the next change wakes it. */
TEST(a_killed_publisher_leaves_the_wake_to_others) {
        struct counts counts = counts_open();
        pid_t pid = sleeper(&counts);
        harness_wait_state(pid, "S");
        atomic_fetch_add(&counts.region->header->parts[0].changes, 1);
        CHECK(owes_a_wake(counts.region));
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(counts.told->result[0], 1);
        CHECK_EQ(leat_part_changed(counts.region, 0), 0);
        CHECK(!owes_a_wake(counts.region));
        pid = counts_party(&counts, 1, wait_once, false); /* it looks at once */
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(counts.told->result[1], 2);
        counts_close(&counts);
}

/* Stopped while it sleeps: it is told when it goes on. */
TEST(a_stopped_observer_is_told) {
        struct counts counts = counts_open();
        pid_t pid = sleeper(&counts);
        harness_stop(pid);
        CHECK_EQ(leat_part_changed(counts.region, 0), 0);
        harness_continue(pid);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(counts.told->result[0], 1);
        counts_close(&counts);
}

/* Says, waits, and names, all the time. */
static void be_busy(struct counts *counts) {
        uint64_t seen = 0;
        char name[32];
        for (uint32_t i = 0; !atomic_load(&counts->told->stop); i++) {
                snprintf(name, sizeof name, "busy %u", i % 20);
                uint32_t part = notice_part(counts->region, name);
                CHECK_EQ(leat_part_changed(counts->region, part), 0);
                seen = changes_of(counts->region, part);
                (void)leat_part_wait(counts->region, part, &seen, leat_in_us(200));
        }
}

TEST(kills_at_any_moment_lose_nothing) {
        struct counts counts = counts_open();
        counts_kill_at_random(&counts, be_busy, SANITIZED ? 20 : 60);
        uint64_t seen = changes_of(counts.region, 0);
        struct leat_region *region = counts.region;
        char name[32], other[32];
        for (uint32_t part = 1; part < 64 && leat_part_name(region, part, name) == 0; part++)
                for (uint32_t i = 1; i < part; i++)
                        CHECK(leat_part_name(region, i, other) < 0 || strcmp(name, other) != 0);
        pid_t pid = counts_party(&counts, 0, wait_once, false); /* it has changed since the beginning */
        CHECK_EQ(harness_wait(pid), 0);
        CHECK(counts.told->result[0] >= (int64_t)seen);
        counts_close(&counts);
}

/* As who is killed between its commit and the notice of that (docs/design/shared.md, "Transactions": behind step 6). */
static void die_committed(void *argument) {
        struct leat_region *region = argument;
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_region_reattach(region, SOON), 0);
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), 0);
        atomic_fetch_add(&region->header->changes, 1);
        *(_Atomic int64_t *)leat_region_data(region) += 1;
        atomic_fetch_add(&region->header->changes, 1);
        (void)raise(SIGKILL);
}

/* Nobody else begins a transaction: who waits, or looks, finds it. */
TEST(a_commit_whose_notice_is_missing_is_told) {
        const int64_t deadlines[] = { LEAT_NEVER, SOON, LEAT_NOW };
        struct leat_region *region = notice_region(KIND_ANON);
        uint64_t seen = 0;
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(harness_wait(harness_fork(die_committed, region)), -SIGKILL);
                CHECK_EQ(leat_part_wait(region, 0, &seen, deadlines[i]), 0);
                CHECK_EQ(leat_part_wait(region, 0, &seen, LEAT_NOW), -EAGAIN); /* once */
        }
        leat_region_close(region);
}

/* The death comes while the other one sleeps: it looks by itself. */
TEST(who_sleeps_is_told_of_a_commit_whose_notice_is_missing) {
        struct counts counts = counts_open();
        pid_t pid = sleeper(&counts);
        CHECK_EQ(harness_wait(harness_fork(die_committed, counts.region)), -SIGKILL);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(counts.told->result[0], 1);
        counts_close(&counts);
}

/* In a transaction of one's own, or of another living one, there is nothing to find. */
TEST(a_look_leaves_transactions_alone) {
        struct leat_region *region = notice_region(KIND_ANON);
        struct leat_txn *txn = NULL;
        uint64_t seen = 0;
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), 0);
        CHECK_EQ(leat_txn_touch(txn, leat_region_data(region), 8), 0);
        *(int64_t *)leat_region_data(region) = 7;
        CHECK_EQ(leat_part_wait(region, 0, &seen, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_part_wait(region, 0, &seen, leat_in_ms(1)), -ETIMEDOUT);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(leat_part_wait(region, 0, &seen, LEAT_NOW), 0);
        CHECK_EQ(*(int64_t *)leat_region_data(region), 7);
        leat_region_close(region);
}

/* ---- liars ---- */

TEST(hostile_words_do_no_harm) {
        struct leat_region *region = notice_region(KIND_ANON);
        uint32_t part;
        char name[32];
        CHECK(leat_region_notice_fd(region) >= 0);
        for (int i = 0; i < 200; i++) {
                counts_scribble(region->header->parts, sizeof region->header->parts);
                uint64_t seen = harness_random();
                for (uint32_t p = 0; p < 66; p++) {
                        memset(name, 'x', sizeof name);
                        if (leat_part_name(region, p, name) == 0)
                                CHECK(strnlen(name, sizeof name) < sizeof name);
                        (void)leat_part_wait(region, p, &seen, LEAT_NOW);
                        (void)leat_part_changed(region, p);
                }
                if (leat_part(region, "a", &part) == 0)
                        CHECK(part < 64);
        }
        leat_region_close(region);
}

static void add_tests(void) {
        region_add("parts have names", parts_have_names);
        region_add("changes are counted", changes_are_counted);
}

TEST_MAIN_WITH(add_tests)
