/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/transaction.h"

#include <leat/notice.h>
#include <leat/transaction.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Transactions, by their calls: what is set, touched, committed, forgotten; every error; what a dead one left; logs that lie. */

#define BRIEF harness_deadline_ms(5)
#define BYTES 4096

static struct leat_region *open_small(const char *options) {
        return region_open_or_fail(region_address(KIND_ANON, 0, options), BYTES);
}

static struct leat_region *threads_region; /* of threads that are given something else */

static struct leat_txn *begin(struct leat_region *region) {
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), 0);
        return txn;
}

TEST(commits_what_was_set) {
        struct leat_region *region = open_small("");
        int64_t *words = leat_region_data(region), seen = 0;
        struct leat_txn *txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, &words[0], &(int64_t){ 7 }, 8), 0);
        CHECK_EQ(leat_txn_set(txn, (char *)&words[2] + 3, "unaligned bytes", 15), 0);
        CHECK_EQ(leat_txn_set(txn, &words[0], "", 0), 0);
        CHECK_EQ(words[0], 0);
        CHECK_EQ(leat_txn_get(txn, &words[0], &seen, 8), 0);
        CHECK_EQ(seen, 7);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(words[0], 7);
        CHECK_MEM((char *)&words[2] + 3, "unaligned bytes", 15);
        CHECK_EQ(words[1], 0);
        CHECK_EQ(((char *)&words[2])[2], 0);
        CHECK_EQ(((char *)&words[2])[18], 0);
        leat_region_close(region);
}

TEST(forgets_what_is_aborted) {
        struct leat_region *region = open_small("");
        int64_t *words = leat_region_data(region);
        words[0] = 1, words[1] = 2;
        struct leat_txn *txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, &words[0], &(int64_t){ 7 }, 8), 0);
        CHECK_EQ(leat_txn_touch(txn, &words[1], 8), 0);
        CHECK_EQ(words[0], 7); /* in place by now */
        words[1] = 9;
        CHECK_EQ(leat_txn_abort(txn, -EDOM), -EDOM);
        CHECK_EQ(words[0], 1);
        CHECK_EQ(words[1], 2);
        txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, &words[0], &(int64_t){ 7 }, 8), 0);
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
        CHECK_EQ(words[0], 1);
        leat_region_close(region);
}

/* The second counts, of sets that overlap; what is set counts over what is there in place when it is set. */
TEST(counts_the_last) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), seen[9] = "";
        memcpy(bytes, "........", 8);
        struct leat_txn *txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, bytes, "aaaa", 4), 0);
        CHECK_EQ(leat_txn_set(txn, bytes + 2, "bbbb", 4), 0);
        CHECK_EQ(leat_txn_get(txn, bytes, seen, 8), 0);
        CHECK_STR(seen, "aabbbb..");
        CHECK_EQ(leat_txn_touch(txn, bytes + 4, 4), 0);
        memcpy(bytes + 5, "ccc", 3);
        CHECK_EQ(leat_txn_set(txn, bytes + 6, "d", 1), 0);
        CHECK_EQ(leat_txn_get(txn, bytes, seen, 8), 0);
        CHECK_STR(seen, "aabbbcdc");
        CHECK_EQ(leat_txn_touch(txn, bytes, 8), 0);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_MEM(bytes, "aabbbcdc", 8);
        txn = begin(region);
        CHECK_EQ(leat_txn_touch(txn, bytes, 3), 0);
        memcpy(bytes, "xxx", 3);
        CHECK_EQ(leat_txn_touch(txn, bytes + 1, 4), 0);
        memcpy(bytes, "yyyyy", 5);
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
        CHECK_MEM(bytes, "aabbbcdc", 8);
        leat_region_close(region);
}

TEST(refuses_what_lies_outside) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), *end = bytes + leat_region_size(region);
        const struct {
                char *where;
                size_t size;
        } outside[] = { { bytes - 1, 1 },       { bytes - 8, 16 },         { end, 1 },
                        { end - 4, 8 },         { bytes, SIZE_MAX },       { bytes + 8, SIZE_MAX - 7 },
                        { (char *)&region, 8 }, { end - 8, SIZE_MAX - 16 } };
        for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
                struct leat_txn *txn = begin(region);
                char buffer[16];
                CHECK_EQ(leat_txn_get(txn, outside[i].where, buffer, outside[i].size), -EINVAL);
                CHECK_EQ(leat_txn_set(txn, bytes, "x", 1), 0);
                if (i % 2)
                        CHECK_EQ(leat_txn_touch(txn, outside[i].where, outside[i].size), -EINVAL);
                else
                        CHECK_EQ(leat_txn_set(txn, outside[i].where, buffer, outside[i].size), -EINVAL);
                CHECK_EQ(leat_txn_commit(txn), -EINVAL); /* all or nothing, for who did not look */
                CHECK_EQ(*bytes, 0);
                struct leat_range range = { outside[i].where, buffer, outside[i].size };
                CHECK_EQ(leat_snapshot(region, &range, 1, SOON), -EINVAL);
                CHECK_EQ(leat_snapshot(region, (struct leat_range[]){ { bytes, buffer, 1 }, range }, 2, SOON), -EINVAL);
        }
        CHECK_EQ(leat_snapshot(region, NULL, 0, SOON), 0);
        leat_region_close(region);
}

/* More than the log holds is told when it is said, and nothing is half done. */
TEST(is_as_large_as_the_log) {
        struct leat_region *region = open_small("?log=4096");
        char *bytes = leat_region_data(region);
        uint64_t log = region_info_of(region).log_bytes;
        CHECK(log <= BYTES);
        char *much = malloc(log);
        memset(much, 'x', log);
        struct leat_txn *txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, bytes, much, log - 16), 0);
        CHECK_EQ(leat_txn_set(txn, bytes, much, 1), -ENOSPC);
        CHECK_EQ(leat_txn_abort(txn, -ENOSPC), -ENOSPC);
        CHECK_EQ(bytes[0], 0);
        txn = begin(region);
        CHECK_EQ(leat_txn_touch(txn, bytes, 8), 0);
        bytes[0] = 'y';
        CHECK_EQ(leat_txn_set(txn, bytes, much, log - 16 - 23), -ENOSPC);
        CHECK_EQ(leat_txn_touch(txn, bytes, log), -ENOSPC);
        CHECK_EQ(leat_txn_commit(txn), -ENOSPC);
        CHECK_EQ(bytes[0], 0);
        txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, bytes, much, log - 16), 0);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_MEM(bytes, much, log - 16);
        txn = begin(region);
        int r = 0;
        for (int i = 0; i < 10000 && r == 0; i++)
                r = leat_txn_set(txn, bytes + i % 8, "z", 1);
        CHECK_EQ(r, -ENOSPC);
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
        CHECK_EQ(bytes[0], 'x');
        free(much);
        leat_region_close(region);
}

static void *commit_by_another(void *txn) {
        CHECK_EQ(leat_txn_commit(txn), -EPERM);
        CHECK_EQ(leat_txn_abort(txn, -EDOM), -EPERM);
        return NULL;
}

TEST(what_was_not_begun_is_over) {
        int64_t word = 0;
        CHECK_EQ(leat_txn_abort(NULL, -ETIMEDOUT), -ETIMEDOUT);
        CHECK_EQ(leat_txn_abort(NULL, 0), 0);
        CHECK_EQ(leat_txn_commit(NULL), -EINVAL);
        CHECK_EQ(leat_txn_set(NULL, &word, &word, 8), -EINVAL);
        CHECK_EQ(leat_txn_touch(NULL, &word, 8), -EINVAL);
        CHECK_EQ(leat_txn_get(NULL, &word, &word, 8), -EINVAL);
}

static void *look_by_another(void *argument) {
        const struct leat_range *range = argument; /* touched by another thread */
        CHECK_EQ(leat_snapshot(threads_region, range, 1, LEAT_NOW), -EAGAIN);
        return NULL;
}

/* Threads have one name in locks when there are more than numbers. */
static void be_without_a_number(void *argument) {
        threads_region = argument;
        CHECK_EQ(leat_region_reattach(threads_region, SOON), 0);
        int64_t *words = leat_region_data(threads_region), seen = 0;
        while (region_thread_take() != 0)
                ;
        struct leat_range range = { words, &seen, 8 };
        struct leat_txn *txn = begin(threads_region);
        CHECK_EQ(leat_txn_touch(txn, words, 8), 0);
        words[0] = 7;
        harness_threads(1, look_by_another, &range);
        harness_threads(1, commit_by_another, txn);
        CHECK_EQ(leat_snapshot(threads_region, &range, 1, BRIEF), -ETIMEDOUT);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(leat_snapshot(threads_region, &range, 1, LEAT_NOW), 0);
        CHECK_EQ(seen, 7);
        leat_region_close(threads_region);
}

TEST(is_of_its_thread_also_without_a_number) {
        struct leat_region *region = open_small("");
        CHECK_EQ(harness_wait(harness_fork(be_without_a_number, region)), 0);
        leat_region_close(region);
}

TEST(is_of_its_thread) {
        struct leat_region *region = open_small("");
        int64_t *words = leat_region_data(region);
        struct leat_txn *txn = begin(region), *second = NULL;
        CHECK_EQ(leat_txn_begin(region, SOON, &second), -EDEADLK);
        CHECK(!second);
        CHECK_EQ(leat_txn_set(txn, words, &(int64_t){ 1 }, 8), 0);
        harness_threads(1, commit_by_another, txn);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(words[0], 1);
        CHECK_EQ(leat_txn_commit(txn), -EINVAL); /* it is over */
        CHECK_EQ(leat_txn_set(txn, words, &(int64_t){ 2 }, 8), -EINVAL);
        CHECK_EQ(leat_txn_touch(txn, words, 8), -EINVAL);
        CHECK_EQ(leat_txn_abort(txn, 0), -EINVAL);
        CHECK_EQ(words[0], 1);
        leat_region_close(region);
}

struct party {
        struct leat_region *region;
        struct leat_txn *txn;
        struct harness_event *ready, *go;
        bool commits;
};

static void in_a_child(void *argument) {
        struct party *party = argument;
        struct leat_txn *txn = NULL;
        int64_t *words = leat_region_data(party->region);
        CHECK(!words);
        CHECK_EQ(leat_txn_begin(party->region, SOON, &txn), -ECHILD);
        CHECK_EQ(leat_txn_set(party->txn, words, words, 8), -ECHILD);
        CHECK_EQ(leat_txn_touch(party->txn, words, 8), -ECHILD);
        CHECK_EQ(leat_txn_get(party->txn, words, &txn, 8), -ECHILD);
        CHECK_EQ(leat_txn_commit(party->txn), -ECHILD);
        CHECK_EQ(leat_txn_abort(party->txn, 0), -ECHILD);
        CHECK_EQ(leat_snapshot(party->region, NULL, 0, SOON), -ECHILD);
        CHECK_EQ(leat_region_reattach(party->region, SOON), 0);
        CHECK_EQ(leat_txn_begin(party->region, LEAT_NOW, &txn), -EAGAIN);
        CHECK_EQ(leat_txn_begin(party->region, BRIEF, &txn), -ETIMEDOUT);
        CHECK(!txn);
        leat_region_close(party->region);
}

TEST(is_not_its_childs) {
        struct party party = { .region = open_small("") };
        int64_t *words = leat_region_data(party.region);
        party.txn = begin(party.region);
        CHECK_EQ(leat_txn_set(party.txn, words, &(int64_t){ 1 }, 8), 0);
        CHECK_EQ(harness_wait(harness_fork(in_a_child, &party)), 0);
        CHECK_EQ(leat_txn_commit(party.txn), 0);
        CHECK_EQ(words[0], 1);
        leat_region_close(party.region);
}

TEST(needs_the_right_to_write) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), BYTES);
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        int64_t *words = leat_region_data(region), seen = 0;
        struct leat_txn *txn = NULL;
        words[0] = 5;
        CHECK_EQ(leat_txn_begin(reader, SOON, &txn), -EACCES);
        struct leat_range range = { leat_region_data(reader), &seen, 8 };
        CHECK_EQ(leat_snapshot(reader, &range, 1, SOON), 0);
        CHECK_EQ(seen, 5);
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_READ), 0);
        CHECK_EQ(leat_txn_begin(region, SOON, &txn), -EACCES);
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_NONE), 0);
        CHECK_EQ(leat_snapshot(region, &(struct leat_range){ words, &seen, 8 }, 1, SOON), -EACCES);
        CHECK(!txn);
        leat_region_close(reader);
        leat_region_close(region);
}

static _Atomic pid_t looker;

static void *look_while_protected(void *argument) {
        int64_t seen;
        atomic_store(&looker, gettid());
        CHECK_EQ(leat_snapshot(threads_region, &(struct leat_range){ argument, &seen, 8 }, 1, SOON), -EACCES);
        return NULL;
}

/* A first snapshot, while another thread is in leat_region_protect(): what it finds there is not to come behind that. */
TEST(a_snapshot_beside_protect) {
        pthread_t thread;
        struct leat_region *region = threads_region = open_small("");
        atomic_store(&looker, 0);
        (void)pthread_mutex_lock(&region->lock); /* as leat_region_protect() has it */
        CHECK_EQ(pthread_create(&thread, NULL, look_while_protected, leat_region_data(region)), 0);
        WAIT_UNTIL(atomic_load(&looker) != 0);
        harness_wait_state(atomic_load(&looker), "S");
        region->access = LEAT_ACCESS_NONE;
        (void)pthread_mutex_unlock(&region->lock);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(atomic_load(&region->readable), 0);
        leat_region_close(region);
}

TEST(needs_a_header) {
        leat_region_close(region_open_or_fail(region_address(KIND_POSIX, 1, ""), BYTES));
        struct leat_region *raw = region_open_or_fail(region_address(KIND_POSIX, 1, "?raw"), 0);
        struct leat_txn *txn = NULL;
        CHECK_EQ(leat_txn_begin(raw, SOON, &txn), -ENOTSUP);
        CHECK_EQ(leat_snapshot(raw, NULL, 0, SOON), -ENOTSUP);
        leat_region_close(raw);
}

/* ---- against a model ---- */

#define MODEL 512

static void change_both(struct leat_txn *txn, char *bytes, char *model) {
        char with[40];
        size_t size = harness_random_below(sizeof with), at = harness_random_below(MODEL - sizeof with);
        for (size_t i = 0; i < size; i++)
                with[i] = (char)harness_random();
        if (harness_random_below(4) == 0) {
                CHECK_EQ(leat_txn_touch(txn, bytes + at, size), 0);
                memcpy(bytes + at, with, size);
        } else {
                CHECK_EQ(leat_txn_set(txn, bytes + at, with, size), 0);
        }
        memcpy(model + at, with, size);
}

TEST(does_what_a_copy_does) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), model[MODEL] = "", next[MODEL], seen[MODEL];
        for (int round = 0; round < 1500; round++) {
                struct leat_txn *txn = begin(region);
                memcpy(next, model, MODEL);
                for (uint64_t i = harness_random_below(12); i > 0; i--) {
                        change_both(txn, bytes, next);
                        CHECK_EQ(leat_txn_get(txn, bytes, seen, MODEL), 0);
                        CHECK_MEM(seen, next, MODEL);
                }
                if (harness_random_below(3) == 0)
                        CHECK_EQ(leat_txn_abort(txn, 0), 0);
                else {
                        CHECK_EQ(leat_txn_commit(txn), 0);
                        memcpy(model, next, MODEL);
                }
                size_t at = harness_random_below(MODEL), size = harness_random_below(MODEL - at + 1);
                memset(seen, 0, MODEL);
                CHECK_EQ(leat_snapshot(region, &(struct leat_range){ bytes + at, seen, size }, 1, SOON), 0);
                CHECK_MEM(seen, model + at, size);
        }
        CHECK_MEM(bytes, model, MODEL);
        leat_region_close(region);
}

/* ---- one that died, or takes its time ---- */

static void leave_half_done(void *argument) {
        struct party *party = argument;
        CHECK_EQ(leat_region_reattach(party->region, SOON), 0);
        char *bytes = leat_region_data(party->region);
        struct leat_txn *txn = begin(party->region);
        CHECK_EQ(leat_txn_set(txn, bytes + 1, "set", 3), 0);
        CHECK_EQ(leat_txn_touch(txn, bytes + 100, 200), 0);
        memset(bytes + 100, 'x', 200);
        CHECK_EQ(leat_txn_touch(txn, bytes + 90, 20), 0);
        memset(bytes + 90, 'y', 20);
        harness_event_signal(party->ready);
        harness_event_wait(party->go);
        if (party->commits)
                CHECK_EQ(leat_txn_commit(txn), 0);
        leat_region_close(party->region);
}

static struct party party_of(struct leat_region *region, bool commits) {
        return (struct party){
                .region = region, .ready = harness_event_new(), .go = harness_event_new(), .commits = commits
        };
}

static pid_t half_done(struct party *party) {
        pid_t pid = harness_fork(leave_half_done, party);
        harness_event_wait(party->ready);
        CHECK_EQ(((char *)leat_region_data(party->region))[1], 's'); /* it is in place */
        return pid;
}

TEST(rolls_back_what_a_dead_one_left) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), before[512];
        for (int i = 0; i < 512; i++)
                bytes[i] = (char)i;
        memcpy(before, bytes, 512);
        struct party party = party_of(region, false);
        harness_kill(half_done(&party));
        uint64_t seen = 0;
        CHECK_EQ(atomic_load(&region->header->parts[0].changes), 0); /* leat_part_wait() would roll back */
        struct leat_txn *txn = begin(region);
        CHECK_MEM(bytes, before, 512);
        CHECK_EQ(leat_part_wait(region, 0, &seen, LEAT_NOW), 0); /* a notice of what it may have changed */
        CHECK_EQ(leat_txn_set(txn, bytes, "next", 4), 0);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(leat_part_wait(region, 0, &seen, LEAT_NOW), 0);
        CHECK_MEM(bytes, "next", 4);
        leat_region_close(region);
}

/* A process that only ends leaves no more. */
TEST(rolls_back_what_one_that_closes_left) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), seen[300], zeroes[300] = "";
        struct party party = party_of(region, false);
        pid_t pid = half_done(&party);
        harness_event_signal(party.go);
        CHECK_EQ(harness_wait(pid), 0);
        CHECK_EQ(leat_snapshot(region, &(struct leat_range){ bytes, seen, 300 }, 1, SOON), 0);
        CHECK_MEM(seen, zeroes, 300);
        CHECK_MEM(bytes, zeroes, 300);
        leat_region_close(region);
}

/* A snapshot does it, if it may; also one that does not wait. */
TEST(snapshots_roll_back_a_dead_one) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), BYTES);
        struct leat_region *reader = region_open_or_fail(region_address(KIND_REGION, 1, "?access=ro"), 0);
        char *bytes = leat_region_data(region), seen[300], zeroes[300] = "";
        struct leat_range range = { bytes, seen, 300 }, same = { leat_region_data(reader), seen, 300 };
        struct party party = party_of(region, false);
        for (int i = 0; i < 2; i++) {
                pid_t pid = half_done(&party);
                CHECK_EQ(leat_snapshot(region, &range, 1, LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_snapshot(region, &range, 1, BRIEF), -ETIMEDOUT);
                CHECK_EQ(leat_snapshot(reader, &same, 1, LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_snapshot(reader, &same, 1, BRIEF), -ETIMEDOUT);
                harness_kill(pid);
                CHECK_EQ(leat_snapshot(reader, &same, 1, SOON), -EROFS);
                CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_READ), 0);
                CHECK_EQ(leat_snapshot(region, &range, 1, SOON), -EROFS);
                CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_WRITE), 0);
                CHECK_EQ(leat_snapshot(region, &range, 1, i == 0 ? LEAT_NOW : LEAT_NEVER), 0);
                CHECK_MEM(seen, zeroes, 300);
                CHECK_EQ(leat_snapshot(reader, &same, 1, SOON), 0);
                CHECK_MEM(seen, zeroes, 300);
        }
        leat_region_close(reader);
        leat_region_close(region);
}

TEST(a_stopped_one_is_waited_for) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), seen[4];
        struct leat_range range = { bytes, seen, 4 };
        struct leat_txn *txn = NULL;
        struct party party = party_of(region, true);
        pid_t pid = half_done(&party);
        harness_stop(pid);
        harness_event_signal(party.go);
        CHECK_EQ(leat_snapshot(region, &range, 1, BRIEF), -ETIMEDOUT);
        CHECK_EQ(leat_txn_begin(region, BRIEF, &txn), -ETIMEDOUT);
        CHECK_EQ(leat_txn_begin(region, LEAT_NOW, &txn), -EAGAIN);
        harness_continue(pid);
        CHECK_EQ(leat_snapshot(region, &range, 1, SOON), 0);
        CHECK_MEM(seen, "\0set", 4);
        CHECK_EQ(harness_wait(pid), 0);
        leat_region_close(region);
}

TEST(a_snapshot_in_its_own_transaction) {
        struct leat_region *region = open_small("");
        int64_t *words = leat_region_data(region), seen = 0;
        struct leat_range range = { words, &seen, 8 };
        struct leat_txn *txn = begin(region);
        CHECK_EQ(leat_txn_set(txn, words, &(int64_t){ 1 }, 8), 0);
        CHECK_EQ(leat_snapshot(region, &range, 1, SOON), 0); /* nothing has changed yet */
        CHECK_EQ(seen, 0);
        CHECK_EQ(leat_txn_touch(txn, words, 8), 0);
        CHECK_EQ(leat_snapshot(region, &range, 1, LEAT_NEVER), -EDEADLK);
        CHECK_EQ(leat_txn_commit(txn), 0);
        CHECK_EQ(leat_snapshot(region, &range, 1, LEAT_NOW), 0);
        CHECK_EQ(seen, 1);
        leat_region_close(region);
}

/* What another one grew, and changed there, is mapped where it has to be put back. */
static void grow_and_touch(void *argument) {
        struct party *party = argument;
        CHECK_EQ(leat_region_reattach(party->region, SOON), 0);
        CHECK_EQ(leat_region_grow(party->region, (size_t)BYTES * 8, SOON), 0);
        char *bytes = leat_region_data(party->region);
        struct leat_txn *txn = begin(party->region);
        CHECK_EQ(leat_txn_set(txn, bytes, "x", 1), 0);
        CHECK_EQ(leat_txn_touch(txn, bytes + (size_t)BYTES * 7, 100), 0);
        memset(bytes + (size_t)BYTES * 7, 'x', 100);
        harness_event_signal(party->ready);
        harness_event_wait(party->go);
}

TEST(rolls_back_what_was_grown) {
        struct leat_region *region = open_small("");
        char *bytes = leat_region_data(region), zeroes[100] = "";
        struct party party = party_of(region, false);
        pid_t pid = harness_fork(grow_and_touch, &party);
        harness_event_wait(party.ready);
        harness_kill(pid);
        CHECK_EQ(atomic_load(&region->data_bytes), BYTES); /* not mapped here yet */
        CHECK_EQ(leat_txn_abort(begin(region), 0), 0);
        CHECK_EQ(leat_region_size(region), BYTES * 8);
        CHECK_EQ(bytes[0], 0);
        CHECK_MEM(bytes + (size_t)BYTES * 7, zeroes, 100);
        leat_region_close(region);
}

/* ---- logs that lie ---- */

/* What lies before the program's bytes is not to change, but what recovery may change there. */
static void check_header(struct leat_region *region, const struct region_header *before) {
        struct region_header now = *region->header;
        now.transaction = before->transaction;
        atomic_store(&now.changes, atomic_load(&before->changes));
        memcpy(now.parts, before->parts, sizeof now.parts);
        CHECK_MEM(&now, before, sizeof now);
        CHECK_EQ(atomic_load(&region->header->live), 0);
        CHECK_EQ(atomic_load(&region->header->changes) % 2, 0);
}

static void lie(struct leat_region *region, uint64_t live) {
        struct region_header before = *region->header;
        atomic_store(&region->header->live, live);
        CHECK_EQ(leat_txn_abort(begin(region), 0), 0);
        check_header(region, &before);
}

TEST(does_nothing_with_an_impossible_log) {
        struct leat_region *region = open_small("?log=4096");
        char *bytes = leat_region_data(region);
        uint64_t words = region->log_bytes / 8, *log = region->log;
        memset(bytes, 'd', BYTES);
        const uint64_t size = leat_region_size(region);
        const uint64_t entries[][2] = { { size, 1 },
                                        { size - 1, 2 },
                                        { 0, size + 1 },
                                        { (uint64_t)-8, 8 },
                                        { (uint64_t)-8, 16 },
                                        { 0, (uint64_t)-1 },
                                        { 0, (uint64_t)-8 },
                                        { 8, (uint64_t)-16 },
                                        { 0, 8 * (words - 2) + 1 },
                                        { UINT64_C(1) << 63, 8 },
                                        { (uint64_t)INT64_MAX, 8 } };
        for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
                memset(log, 0, region->log_bytes);
                log[2] = 0; /* a good one, of one word, stands before the bad one, and is not put back either */
                log[3] = 8;
                log[words - 2] = entries[i][0];
                log[words - 1] = entries[i][1];
                log[4] = entries[i][0];
                log[5] = entries[i][1];
                lie(region, words);
                lie(region, 6);
                lie(region, words + 1);
                lie(region, UINT64_MAX);
                lie(region, UINT64_MAX / 8);
                lie(region, 1);
        }
        for (int i = 0; i < BYTES; i++)
                CHECK_EQ(bytes[i], 'd');
        leat_region_close(region);
}

/* Whatever stands there: no byte outside of the program's is written, and it ends. */
TEST(survives_random_logs) {
        struct leat_region *region = open_small("?log=4096");
        uint64_t words = region->log_bytes / 8;
        for (int round = 0; round < 2000; round++) {
                for (uint64_t i = 0; i < words; i++)
                        region->log[i] = harness_random_below(4) == 0 ? harness_random()
                                                                      : harness_random_below((uint64_t)BYTES + 64);
                lie(region, harness_random_below(words + 2));
                atomic_store(&region->header->changes, harness_random());
                char seen[64];
                struct leat_range range = { region->data, seen, 64 };
                CHECK_EQ(leat_snapshot(region, &range, 1, SOON), 0); /* odd, and nobody is at it */
        }
        leat_region_close(region);
}

/* Somebody takes the mutex away from under a transaction, or says that it is under way. */
TEST(survives_a_stolen_mutex) {
        struct leat_region *region = open_small("");
        int64_t *words = leat_region_data(region);
        for (int round = 0; round < 200; round++) {
                struct leat_txn *txn = begin(region);
                CHECK_EQ(leat_txn_set(txn, words, &(int64_t){ round }, 8), 0);
                region->header->transaction.words[0] = 0;
                CHECK_EQ(leat_txn_commit(txn), -EPERM);
                CHECK_EQ(leat_txn_abort(txn, 0), -EPERM);
                txn = begin(region);
                CHECK_EQ(leat_txn_set(txn, words, &(int64_t){ round }, 8), 0);
                CHECK_EQ(leat_txn_commit(txn), 0);
                region->header->transaction.words[0] = harness_random() & ~UINT64_C(0xffff);
                region->header->transaction.words[1] = harness_random();
                int r = leat_txn_begin(region, SOON, &txn);
                CHECK_EQ(r, 0);
                CHECK_EQ(leat_txn_commit(txn), 0);
        }
        leat_region_close(region);
}

TEST_MAIN()
