/* SPDX-License-Identifier: MIT */
#include "region_step.h"
#include "runs.h"
#include "scenario.h"
#include "shared/region.h"

#include <errno.h>
#include <sys/syscall.h>

#define EVERY 60 /* of the instructions of the library one is stopped at ... */
#define NEAR 6   /* ... and of those next to an event */
#define EVERY_OF_SMALL 400

/* ---- in the children ---- */

static void child(void *argument) {
        struct region_run *run = argument;
        CHECK_EQ(leat_region_reattach(run->region, STEP_SOON), 0);
        run->page->mark = run->region->mark;
        if (run->row->prepare)
                run->row->prepare(run);
        step_shared(run->data, REGION_STEP_BYTES);
        step_shared(run->region->header, sizeof *run->region->header);
        step_shared(run->region->me, sizeof *run->region->me);
        step_begin();
        run->page->result = run->row->operation(run);
        run->page->done = 1;
        step_end();
        CHECK(run->page->result >= 0);
        if (run->row->after)
                run->row->after(run);
        run->region = leat_region_close(run->region);
}

static void helper(void *argument) {
        struct region_run *run = argument;
        CHECK_EQ(leat_region_reattach(run->region, STEP_SOON), 0);
        run->row->helper(run);
        run->region = leat_region_close(run->region);
}

/* ---- one run ---- */

static void start(void *argument) {
        struct region_run *run = argument;
        const struct region_row *row = run->row;
        *run = (struct region_run){ .row = row, .page = harness_shared(sizeof *run->page) };
        CHECK_EQ(leat_region_open("anon:?participants=8&log=4k", REGION_STEP_BYTES, NULL, STEP_SOON, NULL,
                                  &run->region),
                 0);
        run->data = leat_region_data(run->region);
        if (row->before)
                row->before(run);
        if (row->helper) {
                run->helper = harness_fork(helper, run);
                WAIT_UNTIL(run->page->ready);
                harness_wait_state(run->helper, "S");
        }
        CHECK_EQ(tracer_start(&run->tracer, child, run), 0);
}

static void end(struct region_run *run) {
        tracer_end(&run->tracer);
        CHECK_EQ(run->helper, 0);
        run->region = leat_region_close(run->region);
}

void region_step_helped(struct region_run *run) {
        CHECK_EQ(harness_wait(run->helper), 0);
        run->helper = 0;
}

static void begun(void *argument) {
        struct region_run *run = argument;
        if (run->row->ready)
                run->row->ready(run);
}

static void passed(void *argument, enum tracer_event event) {
        struct region_run *run = argument;
        if (!run->tracer.between)
                return;
        if (event == TRACER_LEAVE && run->tracer.call == SYS_futex && run->row->slept)
                run->row->slept(run);
        if (event == TRACER_ASLEEP && run->row->blocked)
                run->row->blocked(run);
}

static void killed(void *argument) {
        struct region_run *run = argument;
        run->row->after_kill(run);
        end(run);
}

static void stopped(void *argument) {
        struct region_run *run = argument;
        if (run->row->while_stopped)
                run->row->while_stopped(run);
}

static void let_go(void *argument) {
        struct region_run *run = argument;
        int64_t deadline = STEP_SOON;
        int r;
        tracer_release(&run->tracer);
        while ((r = tracer_wait(&run->tracer, leat_in_ms(1))) == -ETIMEDOUT) {
                CHECK(leat_now() < deadline);
                if (run->row->blocked && tracer_is_asleep(&run->tracer))
                        run->row->blocked(run);
        }
        CHECK_EQ(r, 0);
        if (run->row->after_continue)
                run->row->after_continue(run);
        end(run);
}

/* ---- all runs of a row ---- */

static void run_row(void *argument) {
        const struct region_row *row = argument;
        struct region_run run = { .row = row };
        struct step_counts counts;
        unsigned every = (unsigned)harness_how_many(EVERY_OF_SMALL, EVERY, 1);
        const struct step_runs runs = { .name = row->name,
                                        .run = &run,
                                        .tracer = &run.tracer,
                                        .pace = TRACER_EACH,
                                        .every = every,
                                        .near = NEAR * every / EVERY,
                                        .start = start,
                                        .begun = begun,
                                        .passed = passed,
                                        .killed = killed,
                                        .stopped = stopped,
                                        .let_go = let_go };
        (void)step_run_all(&runs, &counts);
        step_say("# %s: %llu instructions, %u kills, %u stops\n", row->name, (unsigned long long)counts.instructions,
                 counts.kills, counts.stops);
}

void region_step_add(const struct region_row *rows) {
        for (; rows->name; rows++)
                harness_add_with(rows->name, run_row, (void *)(uintptr_t)rows,
                                 (struct harness_options){ .timeout_s = 180 });
}
