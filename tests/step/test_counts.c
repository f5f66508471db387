/* SPDX-License-Identifier: MIT */
/*
 * Semaphores, conditions, barriers, once, buffers and counters: a party killed or stopped at each step of each operation. What it did is done or not; nothing is lost or
 * doubled, and nobody hangs.
 */
#include "region_step.h"

#include <assert.h>
#include <errno.h>
#include <leat/lock.h>
#include <leat/structures.h>

#define ITEMS 3

struct hall {
        struct leat_semaphore semaphore;
        struct leat_mutex mutex;
        struct leat_condition condition;
        struct leat_barrier barrier;
        struct leat_once once;
        uint64_t value;
        _Alignas(64) uint8_t buffer[512], counters[4096];
};
static_assert(sizeof(struct hall) <= REGION_STEP_BYTES, "it is looked at as a whole");

static struct hall *hall_of(const struct region_run *run) {
        return run->data;
}

static void ready(const struct region_run *run) {
        run->page->ready = 1;
}

/* ---- semaphores: `before` says how many there are when nobody holds one ---- */

static void semaphore_with(struct region_run *run, int count) {
        run->before = count;
        CHECK_EQ(leat_semaphore_set(run->region, &hall_of(run)->semaphore, (uint32_t)count), 0);
}

static void semaphore_of_two(struct region_run *run) {
        semaphore_with(run, 2);
}

static void semaphore_of_none(struct region_run *run) {
        semaphore_with(run, 0);
}

static int take(struct region_run *run, bool undo, int64_t deadline) {
        return leat_semaphore_take(run->region, &hall_of(run)->semaphore, undo, deadline);
}

static int give(struct region_run *run, bool undo) {
        return leat_semaphore_give(run->region, &hall_of(run)->semaphore, undo);
}

static int take_undo(struct region_run *run) {
        return take(run, true, STEP_SOON);
}

static int take_for_good(struct region_run *run) {
        return take(run, false, STEP_SOON);
}

static void hold_one(struct region_run *run) {
        CHECK_EQ(take(run, true, STEP_SOON), 0);
}

static int give_undo(struct region_run *run) {
        return give(run, true);
}

static int give_for_good(struct region_run *run) {
        return give(run, false);
}

static void give_it_one(struct region_run *run) {
        if (run->given == 0)
                CHECK_EQ(give(run, false), 0);
        run->given = 1;
}

/* As many as are told are there, and no more. */
static void semaphore_has(struct region_run *run, int64_t least, int64_t most) {
        int64_t count = leat_semaphore_count(run->region, &hall_of(run)->semaphore);
        CHECK(count >= least && count <= most);
        for (int64_t i = 0; i < count; i++)
                CHECK_EQ(take(run, true, STEP_SOON), 0);
        CHECK_EQ(take(run, true, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_semaphore_count(run->region, &hall_of(run)->semaphore), 0);
}

/* What was taken or given with undo is as if the child never came. */
static void semaphore_is_as_before(struct region_run *run) {
        semaphore_has(run, run->before + run->given, run->before + run->given);
}

static void one_was_taken(struct region_run *run) {
        semaphore_has(run, run->before - 1, run->page->done ? run->before - 1 : run->before);
}

static void one_was_given(struct region_run *run) {
        semaphore_has(run, run->page->done ? run->before + 1 : run->before, run->before + 1);
}

static void take_for_a_moment(struct region_run *run) {
        int r = take(run, true, leat_in_ms(2));
        CHECK(r == 0 || r == -ETIMEDOUT);
        if (r == 0)
                CHECK_EQ(give(run, true), 0);
}

static void helper_takes(struct region_run *run) {
        ready(run);
        CHECK_EQ(take(run, false, STEP_SOON), 0);
}

/* The child gave it, or we do. */
static void helper_has_taken(struct region_run *run) {
        CHECK_EQ(give(run, false), 0);
        region_step_helped(run);
        semaphore_has(run, run->page->done ? 1 : 0, 1);
}

/* ---- conditions ---- */

static void lock(struct region_run *run, int *ret_r) {
        *ret_r = leat_mutex_lock(run->region, &hall_of(run)->mutex, STEP_SOON);
        CHECK(*ret_r == 0 || *ret_r == -EOWNERDEAD);
        if (*ret_r == -EOWNERDEAD)
                CHECK_EQ(leat_mutex_mend(run->region, &hall_of(run)->mutex), 0);
}

static void unlock(struct region_run *run) {
        CHECK_EQ(leat_mutex_unlock(run->region, &hall_of(run)->mutex), 0);
}

static int signal_value(struct region_run *run) {
        int r;
        lock(run, &r);
        hall_of(run)->value = 1;
        CHECK_EQ(leat_condition_signal(run->region, &hall_of(run)->condition), 0);
        unlock(run);
        return 0;
}

static int wait_for_value(struct region_run *run) {
        int r;
        lock(run, &r);
        ready(run);
        for (r = 0; r == 0 && hall_of(run)->value == 0;)
                r = leat_condition_wait(run->region, &hall_of(run)->condition, &hall_of(run)->mutex, STEP_SOON);
        if (r == -EOWNERDEAD)
                CHECK_EQ(leat_mutex_mend(run->region, &hall_of(run)->mutex), 0);
        unlock(run);
        return r;
}

static void helper_waits_for_value(struct region_run *run) {
        run->page->helped = wait_for_value(run);
}

/* It may have been told that the child died with the mutex; else it was signalled, or is now. */
static void helper_has_waited(struct region_run *run) {
        (void)signal_value(run);
        region_step_helped(run);
        CHECK(run->page->helped == 0 || (run->page->helped == -EOWNERDEAD && !run->page->done));
}

static void signal_it(struct region_run *run) {
        if (run->given++ == 0)
                (void)signal_value(run);
}

/* If it has the mutex no more, it has seen no value: this signal is for it, and no other one comes. */
static void signal_it_once(struct region_run *run) {
        int r = leat_mutex_lock(run->region, &hall_of(run)->mutex, leat_in_ms(1));
        CHECK(r == 0 || r == -ETIMEDOUT);
        if (r < 0)
                return;
        hall_of(run)->value = 1;
        CHECK_EQ(leat_condition_signal(run->region, &hall_of(run)->condition), 0);
        unlock(run);
        run->given = 1;
}

static void value_can_be_signalled(struct region_run *run) {
        (void)signal_value(run);
        CHECK_EQ(wait_for_value(run), 0);
}

/* ---- barriers ---- */

static void barrier_of_two(struct region_run *run) {
        CHECK_EQ(leat_barrier_set(run->region, &hall_of(run)->barrier, 2), 0);
}

static int come(struct region_run *run, int64_t deadline) {
        return leat_barrier_wait(run->region, &hall_of(run)->barrier, deadline);
}

static int come_soon(struct region_run *run) {
        return come(run, STEP_SOON);
}

static void come_to_it(struct region_run *run) {
        if (run->given == 0)
                run->given = come(run, LEAT_NOW) == 1;
}

/* The round that it was in is broken, if it was; what follows is not. */
static void barrier_is_empty(struct region_run *run) {
        int r = come(run, LEAT_NOW);
        CHECK(r == -EAGAIN || (r == -EOWNERDEAD && !run->page->done));
        CHECK_EQ(come(run, LEAT_NOW), -EAGAIN);
}

static void helper_comes(struct region_run *run) {
        ready(run);
        run->page->helped = come_soon(run);
}

static void helper_has_come(struct region_run *run) {
        int r = run->page->done ? -EAGAIN : come(run, LEAT_NOW);
        region_step_helped(run);
        if (r == 1 || run->page->done)
                CHECK_EQ(run->page->helped, 0);
        else if (r == -EOWNERDEAD)
                CHECK_EQ(run->page->helped, -EOWNERDEAD);
        else /* its round was over before we came */
                CHECK(r == -EAGAIN && (run->page->helped == 0 || run->page->helped == -EOWNERDEAD));
        CHECK_EQ(come(run, LEAT_NOW), -EAGAIN);
}

static void child_has_come(struct region_run *run) {
        region_step_helped(run);
        CHECK(run->page->helped + run->page->result == 1); /* it is told to one of them */
        CHECK_EQ(come(run, LEAT_NOW), -EAGAIN);
}

static int come_and_leave(struct region_run *run) {
        return come(run, 1) == -ETIMEDOUT ? 0 : -EBADMSG;
}

/* ---- once ---- */

static int once(struct region_run *run) {
        int r = leat_once_begin(run->region, &hall_of(run)->once, STEP_SOON);
        if (r == 1) {
                hall_of(run)->value = 1;
                r = leat_once_done(run->region, &hall_of(run)->once);
        }
        CHECK(r < 0 || hall_of(run)->value == 1);
        return r;
}

static void it_is_done_once(struct region_run *run) {
        int r = leat_once_begin(run->region, &hall_of(run)->once, STEP_SOON);
        CHECK(r == 0 || (r == 1 && !run->page->done));
        if (r == 1)
                CHECK_EQ(leat_once_done(run->region, &hall_of(run)->once), 0);
        else
                CHECK_EQ(hall_of(run)->value, 1);
        if (run->helper)
                region_step_helped(run);
        CHECK_EQ(leat_once_begin(run->region, &hall_of(run)->once, LEAT_NOW), 0);
}

static void begin_it(struct region_run *run) {
        CHECK_EQ(leat_once_begin(run->region, &hall_of(run)->once, LEAT_NOW), 1);
}

static void end_it(struct region_run *run) {
        hall_of(run)->value = 1;
        if (run->given++ == 0)
                CHECK_EQ(leat_once_done(run->region, &hall_of(run)->once), 0);
}

static void it_was_ours(struct region_run *run) {
        end_it(run);
        CHECK_EQ(leat_once_begin(run->region, &hall_of(run)->once, LEAT_NOW), 0);
}

/* ---- buffers: numbers are put in rising order ---- */

static struct leat_buffer *buffer_of(const struct region_run *run) {
        return (struct leat_buffer *)(void *)hall_of(run)->buffer;
}

static int put(struct region_run *run, uint64_t number, int64_t deadline) {
        uint64_t item[3] = { number, ~number, number };
        return leat_buffer_put(run->region, buffer_of(run), item, sizeof item, deadline);
}

static int get(struct region_run *run, uint64_t *ret_number, int64_t deadline) {
        uint64_t item[3];
        int r = leat_buffer_take(run->region, buffer_of(run), item, sizeof item, deadline);
        CHECK(r < 0 || (item[1] == ~item[0] && item[2] == item[0]));
        if (r == 0)
                *ret_number = item[0];
        return r;
}

static void buffer_with(struct region_run *run, int items) {
        CHECK(leat_buffer_bytes(3 * sizeof(uint64_t), ITEMS) <= sizeof hall_of(run)->buffer);
        CHECK_EQ(leat_buffer_set(run->region, buffer_of(run), 3 * sizeof(uint64_t), ITEMS), 0);
        for (run->before = 0; run->before < items; run->before++)
                CHECK_EQ(put(run, (uint64_t)run->before, LEAT_NOW), 0);
}

static void buffer_of_none(struct region_run *run) {
        buffer_with(run, 0);
}

static void buffer_of_two(struct region_run *run) {
        buffer_with(run, 2);
}

static void full_buffer(struct region_run *run) {
        buffer_with(run, ITEMS);
}

static int put_ten(struct region_run *run) {
        return put(run, 10, STEP_SOON);
}

static int get_one(struct region_run *run) {
        uint64_t number = 0;
        int r = get(run, &number, STEP_SOON);
        return r < 0 ? r : (int)number;
}

static void make_room(struct region_run *run) {
        uint64_t number = 0;
        if (run->given++ == 0) {
                CHECK_EQ(get(run, &number, STEP_SOON), 0);
                CHECK_EQ(number, 0);
        }
}

static void put_ten_for_it(struct region_run *run) {
        if (run->given++ == 0)
                CHECK_EQ(put(run, 10, STEP_SOON), 0);
}

/* Both ends work, and what is in it is first..last, then 10 if it was put: `ten` 1: it was, 0: it was not, -1: either. */
static void buffer_holds(struct region_run *run, uint64_t first, uint64_t last, int ten) {
        uint64_t number = 0;
        int64_t count = leat_buffer_count(run->region, buffer_of(run));
        bool full = count == ITEMS;
        if (!full)
                CHECK_EQ(put(run, 20, STEP_SOON), 0);
        for (uint64_t i = first; i < last; i++) {
                CHECK_EQ(get(run, &number, STEP_SOON), 0);
                CHECK_EQ(number, i);
        }
        bool has_ten = count == (int64_t)(last - first) + 1;
        CHECK(has_ten ? ten != 0 : ten != 1 && count == (int64_t)(last - first));
        if (has_ten) {
                CHECK_EQ(get(run, &number, STEP_SOON), 0);
                CHECK_EQ(number, 10);
        }
        if (full)
                CHECK_EQ(put(run, 20, STEP_SOON), 0);
        CHECK_EQ(get(run, &number, STEP_SOON), 0);
        CHECK_EQ(number, 20);
        CHECK_EQ(get(run, &number, LEAT_NOW), -EAGAIN);
}

static void ten_is_in_or_not(struct region_run *run) {
        uint64_t first = run->given > 0;
        buffer_holds(run, first, (uint64_t)run->before, run->page->done ? 1 : -1);
}

/* By who is killed with it taken, the first one is gone, or not. */
static void the_first_is_out_or_not(struct region_run *run) {
        int64_t count = leat_buffer_count(run->region, buffer_of(run));
        CHECK(count == run->before - 1 || (count == run->before && !run->page->done));
        CHECK_EQ(run->page->result, 0); /* the number that it took */
        buffer_holds(run, (uint64_t)(run->before - count), (uint64_t)run->before, 0);
}

/* If we gave it ten, that is in, or out. */
static void ten_is_out_or_not(struct region_run *run) {
        buffer_holds(run, 0, 0, run->page->done || run->given == 0 ? 0 : -1);
}

/* Who is stopped in a put keeps no taker (make_room() is one), and the other way round. */
static void others_put(struct region_run *run) {
        CHECK_EQ(put(run, 2, STEP_SOON), 0);
        run->before++;
        if (put(run, 3, LEAT_NOW) == 0) /* in the place of what was taken: it has been copied out */
                run->before++;
}

static void helper_gets(struct region_run *run) {
        ready(run);
        run->page->helped = get_one(run);
}

static void helper_has_got(struct region_run *run) {
        CHECK_EQ(put(run, 11, STEP_SOON), 0);
        region_step_helped(run);
        CHECK(run->page->helped == 10 || (run->page->helped == 11 && !run->page->done));
        uint64_t number = 0;
        int r = get(run, &number, LEAT_NOW);
        CHECK(run->page->helped == 10 ? r == 0 && number == 11 : r == -EAGAIN);
}

/* ---- counters ---- */

static struct leat_counters *counters_of(const struct region_run *run) {
        return (struct leat_counters *)(void *)hall_of(run)->counters;
}

static void two_counters(struct region_run *run) {
        CHECK(leat_counters_bytes(2) <= sizeof hall_of(run)->counters);
        CHECK_EQ(leat_counters_set(run->region, counters_of(run), 2), 0);
        CHECK_EQ(leat_counters_add(run->region, counters_of(run), 1, 5), 0);
}

static int add(struct region_run *run) {
        return leat_counters_add(run->region, counters_of(run), 1, 3);
}

static void it_was_added_or_not(struct region_run *run) {
        int64_t value;
        CHECK_EQ(leat_counters_get(run->region, counters_of(run), 1, &value), 0);
        CHECK(value == 8 || (value == 5 && !run->page->done));
}

static int set_buffer(struct region_run *run) {
        return leat_buffer_set(run->region, buffer_of(run), 3 * sizeof(uint64_t), ITEMS);
}

static void it_is_set(struct region_run *run) {
        buffer_with(run, 2);
        buffer_holds(run, 0, 2, 0);
}

static const struct region_row rows[] = {
        { .name = "semaphore-take-undo",
          .before = semaphore_of_two,
          .operation = take_undo,
          .after_kill = semaphore_is_as_before,
          .while_stopped = take_for_a_moment,
          .after_continue = semaphore_is_as_before },
        { .name = "semaphore-take",
          .before = semaphore_of_two,
          .operation = take_for_good,
          .after_kill = one_was_taken,
          .while_stopped = take_for_a_moment,
          .after_continue = one_was_taken },
        { .name = "semaphore-give-undo",
          .before = semaphore_of_two,
          .prepare = hold_one,
          .operation = give_undo,
          .after_kill = semaphore_is_as_before,
          .while_stopped = take_for_a_moment,
          .after_continue = semaphore_is_as_before },
        { .name = "semaphore-give",
          .before = semaphore_of_two,
          .operation = give_for_good,
          .after_kill = one_was_given,
          .while_stopped = take_for_a_moment,
          .after_continue = one_was_given },
        { .name = "semaphore-take-asleep",
          .before = semaphore_of_none,
          .operation = take_undo,
          .blocked = give_it_one,
          .slept = give_it_one,
          .after_kill = semaphore_is_as_before,
          .after_continue = semaphore_is_as_before },
        { .name = "semaphore-give-wakes",
          .before = semaphore_of_none,
          .helper = helper_takes,
          .operation = give_for_good,
          .after_kill = helper_has_taken,
          .after_continue = helper_has_taken },
        { .name = "condition-wait",
          .operation = wait_for_value,
          .blocked = signal_it,
          .slept = signal_it,
          .after_kill = value_can_be_signalled,
          .while_stopped = signal_it_once,
          .after_continue = value_can_be_signalled },
        { .name = "condition-signal",
          .helper = helper_waits_for_value,
          .operation = signal_value,
          .after_kill = helper_has_waited,
          .after_continue = helper_has_waited },
        { .name = "barrier-first",
          .before = barrier_of_two,
          .operation = come_soon,
          .blocked = come_to_it,
          .slept = come_to_it,
          .after_kill = barrier_is_empty,
          .after_continue = barrier_is_empty },
        { .name = "barrier-last",
          .before = barrier_of_two,
          .helper = helper_comes,
          .operation = come_soon,
          .after_kill = helper_has_come,
          .after_continue = child_has_come },
        { .name = "barrier-leave",
          .before = barrier_of_two,
          .operation = come_and_leave,
          .after_kill = barrier_is_empty,
          .after_continue = barrier_is_empty },
        { .name = "once", .operation = once, .after_kill = it_is_done_once, .after_continue = it_is_done_once },
        { .name = "once-asleep",
          .before = begin_it,
          .operation = once,
          .blocked = end_it,
          .slept = end_it,
          .after_kill = it_was_ours,
          .after_continue = it_was_ours },
        { .name = "buffer-set", .operation = set_buffer, .after_kill = it_is_set, .after_continue = it_is_set },
        { .name = "buffer-put",
          .before = buffer_of_two,
          .operation = put_ten,
          .after_kill = ten_is_in_or_not,
          .while_stopped = make_room,
          .after_continue = ten_is_in_or_not },
        { .name = "buffer-put-asleep",
          .before = full_buffer,
          .operation = put_ten,
          .blocked = make_room,
          .slept = make_room,
          .after_kill = ten_is_in_or_not,
          .after_continue = ten_is_in_or_not },
        { .name = "buffer-put-wakes",
          .before = buffer_of_none,
          .helper = helper_gets,
          .operation = put_ten,
          .after_kill = helper_has_got,
          .after_continue = helper_has_got },
        { .name = "buffer-take",
          .before = buffer_of_two,
          .operation = get_one,
          .after_kill = the_first_is_out_or_not,
          .while_stopped = others_put,
          .after_continue = the_first_is_out_or_not },
        { .name = "buffer-take-asleep",
          .before = buffer_of_none,
          .operation = get_one,
          .blocked = put_ten_for_it,
          .slept = put_ten_for_it,
          .after_kill = ten_is_out_or_not,
          .after_continue = ten_is_out_or_not },
        { .name = "counters-add",
          .before = two_counters,
          .operation = add,
          .after_kill = it_was_added_or_not,
          .after_continue = it_was_added_or_not },
        { .name = NULL },
};

REGION_STEP_MAIN(rows)
