/* SPDX-License-Identifier: MIT */

/* Transactions, the cell, the table: whoever comes next sees all of a change or nothing of it, and so does who looks without a lock. */

#include "region_step.h"
#include "shared/mutex.h"
#include "shared/table.h"
#include "shared/version.h"

#include <leat/notice.h>
#include <leat/structures.h>
#include <leat/transaction.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define BRIEF leat_in_us(300)
#define CELL_AT 1024
#define TABLE_AT 2048
#define CELL_BYTES 40
#define KEY 5
#define RECORD 24
#define RECORDS 6

struct state {
        int64_t words[3];
        char bytes[21]; /* not at a word's beginning */
};
static_assert(sizeof(struct state) < CELL_AT, "the cell has its place");

static const struct state old = { { 1, 2, 3 }, "what it was at first" };
static const struct state new = { { 10, 20, 30 }, "then it was changed." };

static struct state *state(const struct region_run *run) {
        return run->data;
}

static void make(struct region_run *run) {
        *state(run) = old;
}

/* ---- the child ---- */

static struct leat_txn *txn; /* of the child */

static void share_log(struct region_run *run) {
        step_shared(run->region->log, run->region->log_bytes);
}

static int begin(struct region_run *run) {
        return leat_txn_begin(run->region, STEP_SOON, &txn);
}

static void abort_it(struct region_run *run) {
        (void)run;
        CHECK_EQ(leat_txn_abort(txn, 0), 0);
}

static int commit(struct region_run *run) {
        (void)run;
        return leat_txn_commit(txn);
}

static void commit_it(struct region_run *run) {
        CHECK_EQ(commit(run), 0);
}

static void prepare_begun(struct region_run *run) {
        share_log(run);
        CHECK_EQ(begin(run), 0);
}

static int set(struct region_run *run) {
        int r = 0;
        for (int i = 0; i < 3 && r == 0; i++)
                r = leat_txn_set(txn, &state(run)->words[i], &new.words[i], 8);
        return r < 0 ? r : leat_txn_set(txn, &state(run)->bytes, new.bytes, sizeof new.bytes);
}

static void prepare_set(struct region_run *run) {
        prepare_begun(run);
        CHECK_EQ(set(run), 0);
}

/* In place, twice, and a set between them. */
static int touch(struct region_run *run) {
        int r = leat_txn_touch(txn, state(run), sizeof(struct state));
        if (r < 0)
                return r;
        *(volatile int64_t *)&state(run)->words[0] = 5;
        r = leat_txn_set(txn, state(run), &new, sizeof new.words);
        if (r < 0)
                return r;
        *(volatile char *)&state(run)->bytes[3] = '!';
        r = leat_txn_touch(txn, state(run)->bytes, sizeof new.bytes);
        memcpy(state(run)->bytes, new.bytes, sizeof new.bytes);
        return r;
}

static void prepare_touched(struct region_run *run) {
        prepare_begun(run);
        CHECK_EQ(touch(run), 0);
}

static int abort_touched(struct region_run *run) {
        (void)run;
        return leat_txn_abort(txn, 0);
}

static int look(struct region_run *run) {
        struct state seen;
        return leat_snapshot(run->region, &(struct leat_range){ state(run), &seen, sizeof seen }, 1, STEP_SOON);
}

/* ---- the survivors ---- */

static bool is(const struct state *seen, const struct state *expected) {
        return memcmp(seen->words, expected->words, sizeof seen->words) == 0 &&
               memcmp(seen->bytes, expected->bytes, sizeof seen->bytes) == 0;
}

/* What a snapshot has: all or nothing. */
static bool is_new(struct region_run *run) {
        struct state seen;
        CHECK_EQ(leat_snapshot(run->region, &(struct leat_range){ state(run), &seen, sizeof seen }, 1, STEP_SOON), 0);
        CHECK(is(&seen, &old) || is(&seen, &new));
        return is(&seen, &new);
}

/* The next transaction finds that as well, and goes well. */
static void go_on(struct region_run *run, bool expect_new) {
        struct leat_txn *next = NULL;
        struct state seen;
        CHECK_EQ(leat_txn_begin(run->region, STEP_SOON, &next), 0);
        CHECK(is(state(run), expect_new ? &new : &old));
        CHECK_EQ(leat_txn_get(next, state(run), &seen, sizeof seen), 0);
        CHECK(is(&seen, expect_new ? &new : &old));
        CHECK_EQ(leat_txn_set(next, &state(run)->words[1], &(int64_t){ 77 }, 8), 0);
        CHECK_EQ(leat_txn_commit(next), 0);
        CHECK_EQ(state(run)->words[1], 77);
        CHECK_EQ(leat_txn_begin(run->region, LEAT_NOW, &next), 0);
        CHECK_EQ(leat_txn_abort(next, 0), 0);
        CHECK_EQ(run->region->header->live, 0);
        CHECK_EQ(run->region->header->changes & 1, 0);
}

/* Half of the runs look first without a lock, half go on at once. */
static bool looks_first(void) {
        return harness_random_below(2) == 0;
}

static void killed_and_nothing(struct region_run *run) {
        if (looks_first())
                CHECK(!is_new(run));
        go_on(run, false);
}

/* Committed or not, both find the same; and there was a notice, if it was. */
static void killed_and_all_or_nothing(struct region_run *run) {
        bool committed = false;
        if (looks_first()) {
                uint64_t seen = 0;
                committed = is_new(run);
                if (committed) /* an observer is told, though nobody else comes */
                        CHECK_EQ(leat_part_wait(run->region, 0, &seen, LEAT_NOW), 0);
        } else {
                struct leat_txn *next = NULL;
                CHECK_EQ(leat_txn_begin(run->region, STEP_SOON, &next), 0);
                CHECK(is(state(run), &new) || is(state(run), &old));
                committed = is(state(run), &new);
                CHECK_EQ(leat_txn_abort(next, 0), 0);
        }
        if (run->page->done)
                CHECK(committed);
        struct leat_txn *next = NULL;
        CHECK_EQ(leat_txn_begin(run->region, STEP_SOON, &next), 0);
        CHECK_EQ(leat_txn_abort(next, 0), 0);
        uint64_t seen = 0;
        int r = leat_part_wait(run->region, 0, &seen, LEAT_NOW);
        CHECK(r == 0 || (r == -EAGAIN && !committed));
        go_on(run, committed);
}

static void stopped(struct region_run *run) {
        struct state seen;
        struct leat_txn *next = NULL;
        int r = leat_snapshot(run->region, &(struct leat_range){ state(run), &seen, sizeof seen }, 1,
                              looks_first() ? LEAT_NOW : BRIEF);
        CHECK(r == -EAGAIN || r == -ETIMEDOUT || (r == 0 && (is(&seen, &old) || is(&seen, &new))));
        r = leat_txn_begin(run->region, LEAT_NOW, &next);
        CHECK(r == 0 || r == -EAGAIN);
        if (r == 0) {
                CHECK(is(state(run), &old) || is(state(run), &new));
                CHECK_EQ(leat_txn_abort(next, 0), 0);
        }
}

static void ended_new(struct region_run *run) {
        CHECK(is_new(run));
        go_on(run, true);
}

static void ended_old(struct region_run *run) {
        CHECK(!is_new(run));
        go_on(run, false);
}

/* ---- who rolls back is killed itself, and the next one too ---- */

static void die_half_done(void *argument) {
        struct region_run *run = argument;
        CHECK_EQ(leat_region_reattach(run->region, STEP_SOON), 0);
        CHECK_EQ(begin(run), 0);
        CHECK_EQ(touch(run), 0);
        (void)kill(getpid(), SIGKILL);
}

static void make_half_done(struct region_run *run) {
        make(run);
        CHECK_EQ(harness_wait(harness_fork(die_half_done, run)), -SIGKILL);
        CHECK_EQ(run->region->header->changes & 1, 1);
}

static void recover_again(void *argument) {
        struct region_run *run = argument;
        CHECK_EQ(leat_region_reattach(run->region, STEP_SOON), 0);
        step_begin();
        CHECK_EQ(begin(run), 0);
        step_end();
        abort_it(run);
        run->region = leat_region_close(run->region);
}

/* Before some of it was put back, or all; behind that; and before the mutex is mended. It may not come there: then it is killed where it has done all. */
static void killed_twice(struct region_run *run) {
        const uintptr_t places[] = { (uintptr_t)region_copy_in, (uintptr_t)notice_changed, (uintptr_t)mutex_mend };
        tracer_end(&run->tracer);
        CHECK_EQ(tracer_start(&run->tracer, recover_again, run), 0);
        enum tracer_event event;
        do {
                event = tracer_next(&run->tracer, TRACER_CALLS);
                CHECK(event != TRACER_EXITED);
        } while (event != TRACER_BEGIN);
        tracer_break(&run->tracer, places[harness_random_below(3)], 1 + (unsigned)harness_random_below(3));
        while (event != TRACER_BROKEN && event != TRACER_END) {
                event = tracer_next(&run->tracer, TRACER_CALLS);
                CHECK(event != TRACER_EXITED);
        }
        tracer_kill(&run->tracer);
        killed_and_nothing(run);
}

/* ---- the cell ---- */

static struct leat_cell *cell(const struct region_run *run) {
        return (struct leat_cell *)((char *)run->data + CELL_AT);
}

static int put_value(struct region_run *run, uint64_t number) {
        char value[CELL_BYTES];
        memset(value, (int)number, sizeof value);
        return leat_cell_put(run->region, cell(run), value, sizeof value, STEP_SOON);
}

static uint64_t check_value(struct region_run *run) {
        char value[CELL_BYTES];
        uint64_t number = 0;
        CHECK_EQ(leat_cell_get(run->region, cell(run), value, sizeof value, &number), 0);
        for (size_t i = 0; i < sizeof value; i++)
                CHECK_EQ(value[i], (char)number);
        return number;
}

static void make_cell(struct region_run *run) {
        CHECK_EQ(leat_cell_set(run->region, cell(run), CELL_BYTES, STEP_SOON), 0);
        CHECK_EQ(put_value(run, 1), 0);
}

static int set_cell(struct region_run *run) {
        return leat_cell_set(run->region, cell(run), CELL_BYTES, STEP_SOON);
}

static void cell_is_set(struct region_run *run) {
        make_cell(run);
        CHECK_EQ(check_value(run), 1);
}

static int put_second(struct region_run *run) {
        return put_value(run, 2);
}

static void cell_killed(struct region_run *run) {
        uint64_t number = check_value(run);
        CHECK(number == 2 || (number == 1 && !run->page->done));
        CHECK_EQ(put_value(run, number + 1), 0);
        CHECK_EQ(check_value(run), number + 1);
}

static void cell_stopped(struct region_run *run) {
        CHECK(check_value(run) <= 2); /* it does not wait */
}

static void cell_ended(struct region_run *run) {
        CHECK_EQ(check_value(run), 2);
}

/* ---- the table ---- */

static struct leat_table *table(const struct region_run *run) {
        return (struct leat_table *)((char *)run->data + TABLE_AT);
}

static const char *key(char letter) {
        static char bytes[KEY] = "key ";
        bytes[KEY - 1] = letter;
        return bytes;
}

static int put(struct region_run *run, char letter, char fill) {
        char record[RECORD];
        memset(record, fill, sizeof record);
        return leat_table_put(run->region, table(run), key(letter), KEY, record, RECORD, STEP_SOON);
}

/* What its record is full of; 0: it is not there. */
static char get(struct region_run *run, char letter) {
        char record[RECORD];
        int r = leat_table_get(run->region, table(run), key(letter), KEY, record, RECORD, STEP_SOON);
        CHECK(r == 0 || r == -ENOENT);
        for (size_t i = 0; r == 0 && i < sizeof record; i++)
                CHECK_EQ(record[i], record[0]);
        return r == 0 ? record[0] : 0;
}

/* a, b, c; and one that was removed, so that there is a free slot among those used. */
static void make_table(struct region_run *run) {
        CHECK_EQ(leat_table_set(run->region, table(run), KEY, RECORD, RECORDS, STEP_SOON), 0);
        for (char letter = 'a'; letter < 'e'; letter++)
                CHECK_EQ(put(run, letter, letter), 0);
        CHECK_EQ(leat_table_remove(run->region, table(run), key('d'), KEY, STEP_SOON), 0);
}

static int set_table(struct region_run *run) {
        return leat_table_set(run->region, table(run), KEY, RECORD, RECORDS, STEP_SOON);
}

static int put_new(struct region_run *run) {
        return put(run, 'x', 'x');
}

static int put_over(struct region_run *run) {
        return put(run, 'b', 'B');
}

static int take_out(struct region_run *run) {
        return leat_table_remove(run->region, table(run), key('b'), KEY, STEP_SOON);
}

/* All that are there are told once, and counted. */
static int walk(struct region_run *run) {
        char seen[KEY], record[RECORD];
        uint32_t position = 0, letters = 0;
        int r, count = 0;
        while ((r = leat_table_next(run->region, table(run), &position, seen, KEY, record, RECORD, STEP_SOON)) == 0) {
                uint32_t bit = 1u << (seen[KEY - 1] - 'a');
                CHECK(!(letters & bit));
                letters |= bit;
                CHECK_EQ(get(run, seen[KEY - 1]), record[0]);
                count++;
        }
        CHECK_EQ(r, -ENOENT);
        CHECK_EQ(leat_table_count(run->region, table(run), STEP_SOON), count);
        return count;
}

/* Those that nobody changed are there; no slot is lost; and all of it works. */
static void use_table(struct region_run *run) {
        CHECK_EQ(get(run, 'a'), 'a');
        CHECK_EQ(get(run, 'c'), 'c');
        int count = walk(run);
        for (char letter = 'm'; count < RECORDS; letter++, count++)
                CHECK_EQ(put(run, letter, letter), 0);
        CHECK_EQ(put(run, 'z', 'z'), -ENOSPC);
        CHECK_EQ(walk(run), RECORDS);
        for (char letter = 'a'; letter <= 'z'; letter++)
                if (get(run, letter))
                        CHECK_EQ(leat_table_remove(run->region, table(run), key(letter), KEY, STEP_SOON), 0);
        CHECK_EQ(walk(run), 0);
}

static void table_killed(struct region_run *run, char letter, char before, char after) {
        if (looks_first())
                CHECK_EQ(get(run, 'a'), 'a'); /* else a writer is the first */
        else
                CHECK_EQ(put(run, 'a', 'a'), 0);
        char now = get(run, letter);
        CHECK(now == after || (now == before && !run->page->done));
        use_table(run);
}

static void table_stopped(struct region_run *run, char letter, char before, char after) {
        char record[RECORD];
        int r = leat_table_get(run->region, table(run), key(letter), KEY, record, RECORD, BRIEF);
        CHECK(r == -ETIMEDOUT || r == -ENOENT || r == 0);
        if (r == 0)
                CHECK(record[0] == record[RECORD - 1] && (record[0] == before || record[0] == after));
        if (r == -ENOENT)
                CHECK(before == 0 || after == 0);
}

static void new_killed(struct region_run *run) {
        table_killed(run, 'x', 0, 'x');
}
static void new_stopped(struct region_run *run) {
        table_stopped(run, 'x', 0, 'x');
}
static void new_ended(struct region_run *run) {
        CHECK_EQ(get(run, 'x'), 'x');
        use_table(run);
}
static void over_killed(struct region_run *run) {
        table_killed(run, 'b', 'b', 'B');
}
static void over_stopped(struct region_run *run) {
        table_stopped(run, 'b', 'b', 'B');
}
static void over_ended(struct region_run *run) {
        CHECK_EQ(get(run, 'b'), 'B');
        use_table(run);
}
static void out_killed(struct region_run *run) {
        table_killed(run, 'b', 'b', 0);
}
static void out_stopped(struct region_run *run) {
        table_stopped(run, 'b', 'b', 0);
}
static void out_ended(struct region_run *run) {
        CHECK_EQ(get(run, 'b'), 0);
        use_table(run);
}

static void table_is_set(struct region_run *run) {
        make_table(run);
        use_table(run);
}

/* One that died has begun to replace b, and the mutex is its; the spare record stands. */
static void die_in_table(void *argument) {
        struct region_run *run = argument;
        struct view view;
        uint32_t index;
        _Atomic uint32_t *link;
        CHECK_EQ(leat_region_reattach(run->region, STEP_SOON), 0);
        CHECK_EQ(table_view(run->region, table(run), true, &view), 0);
        CHECK_EQ(table_lock(&view, STEP_SOON), 0);
        CHECK_EQ(table_find(&view, key('b'), table_hash(&view, key('b')), &index, &link), 0);
        version_open(&view.table->version);
        memset(view.spare, 'B', RECORD);
        atomic_store(&view.table->spare, index);
        memset(record_of(&view, slot_at(&view, index)), '?', RECORD / 2);
        (void)kill(getpid(), SIGKILL);
}

static void make_half_table(struct region_run *run) {
        make_table(run);
        CHECK_EQ(harness_wait(harness_fork(die_in_table, run)), -SIGKILL);
}

static int get_replaced(struct region_run *run) {
        return get(run, 'b') == 'B' ? 0 : -EIO;
}

static const struct region_row rows[] = {
        { .name = "begin",
          .before = make,
          .prepare = share_log,
          .operation = begin,
          .after = abort_it,
          .after_kill = killed_and_nothing,
          .while_stopped = stopped,
          .after_continue = ended_old },
        { .name = "set",
          .before = make,
          .prepare = prepare_begun,
          .operation = set,
          .after = commit_it,
          .after_kill = killed_and_nothing,
          .while_stopped = stopped,
          .after_continue = ended_new },
        { .name = "touch",
          .before = make,
          .prepare = prepare_begun,
          .operation = touch,
          .after = commit_it,
          .after_kill = killed_and_nothing,
          .while_stopped = stopped,
          .after_continue = ended_new },
        { .name = "commit",
          .before = make,
          .prepare = prepare_set,
          .operation = commit,
          .after_kill = killed_and_all_or_nothing,
          .while_stopped = stopped,
          .after_continue = ended_new },
        { .name = "commit-touched",
          .before = make,
          .prepare = prepare_touched,
          .operation = commit,
          .after_kill = killed_and_all_or_nothing,
          .while_stopped = stopped,
          .after_continue = ended_new },
        { .name = "abort",
          .before = make,
          .prepare = prepare_touched,
          .operation = abort_touched,
          .after_kill = killed_and_nothing,
          .while_stopped = stopped,
          .after_continue = ended_old },
        { .name = "recover",
          .before = make_half_done,
          .prepare = share_log,
          .operation = begin,
          .after = abort_it,
          .after_kill = killed_twice,
          .while_stopped = stopped,
          .after_continue = ended_old },
        { .name = "recover-by-snapshot",
          .before = make_half_done,
          .prepare = share_log,
          .operation = look,
          .after_kill = killed_and_nothing,
          .while_stopped = stopped,
          .after_continue = ended_old },
        { .name = "cell-set", .operation = set_cell, .after_kill = cell_is_set, .after_continue = cell_is_set },
        { .name = "cell-put",
          .before = make_cell,
          .operation = put_second,
          .after_kill = cell_killed,
          .while_stopped = cell_stopped,
          .after_continue = cell_ended },
        { .name = "table-set", .operation = set_table, .after_kill = table_is_set, .after_continue = table_is_set },
        { .name = "table-put",
          .before = make_table,
          .operation = put_new,
          .after_kill = new_killed,
          .while_stopped = new_stopped,
          .after_continue = new_ended },
        { .name = "table-replace",
          .before = make_table,
          .operation = put_over,
          .after_kill = over_killed,
          .while_stopped = over_stopped,
          .after_continue = over_ended },
        { .name = "table-remove",
          .before = make_table,
          .operation = take_out,
          .after_kill = out_killed,
          .while_stopped = out_stopped,
          .after_continue = out_ended },
        { .name = "table-recover",
          .before = make_half_table,
          .operation = get_replaced,
          .after_kill = over_ended,
          .while_stopped = over_stopped,
          .after_continue = over_ended },
        { .name = NULL },
};

REGION_STEP_MAIN(rows)
