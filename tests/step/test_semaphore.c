/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores made, taken and given, killed and stopped before and behind each system call: there is no memory that they share. Whoever comes next finds one
 * with its count, or makes it; what a killed one had taken is there again.
 */
#include "harness.h"
#include "runs.h"
#include "scenario.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sem.h>
#include <unistd.h>

#define COUNT 3
#define BRIEF leat_in_ms(2) /* a deadline that passes because a stopped process does nothing */
#define SOON harness_deadline_ms(40000)

struct run {
        const struct row *row;
        struct tracer tracer;
        char address[64], lock_path[64];
        struct leat_sem *sem; /* of the child */
};

struct row {
        const char *name;
        bool there; /* it is made before the child exists */
        int (*operation)(struct run *run);
        void (*while_stopped)(struct run *run);
};

static int try_open(const struct run *run, int64_t deadline, struct leat_sem **ret_sem) {
        return leat_sem_open(run->address, COUNT, deadline, NULL, ret_sem);
}

/* All of them are there, and may be taken. */
static void check_whole(const struct run *run) {
        struct leat_sem *sem = NULL;
        CHECK_EQ(try_open(run, SOON, &sem), 0);
        for (int i = 0; i < COUNT; i++)
                CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, SOON), 0);
        CHECK_EQ(leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW), -EAGAIN);
        for (int i = 0; i < COUNT; i++)
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        CHECK_EQ(leat_sem_count(sem), COUNT);
        leat_sem_close(sem);
}

/* ---- rows ---- */

static int make_it(struct run *run) {
        return try_open(run, SOON, &run->sem);
}

/* Who makes it stands still: it is waited for, or has not begun, or has done it. */
static void open_beside(struct run *run) {
        struct leat_sem *sem = NULL;
        int r = try_open(run, BRIEF, &sem);
        CHECK(r == 0 || r == -ETIMEDOUT);
        CHECK(r < 0 || leat_sem_count(sem) == COUNT);
        leat_sem_close(sem);
}

static int use_it(struct run *run) {
        int r = try_open(run, SOON, &run->sem);
        if (r == 0)
                r = leat_sem_take(run->sem, LEAT_SEM_USUAL, SOON);
        return r < 0 ? r : leat_sem_give(run->sem, LEAT_SEM_USUAL);
}

static void take_beside(struct run *run) {
        struct leat_sem *sem = NULL;
        int taken = 0;
        CHECK_EQ(try_open(run, SOON, &sem), 0);
        while (leat_sem_take(sem, LEAT_SEM_USUAL, LEAT_NOW) == 0)
                taken++;
        CHECK(taken == COUNT || taken == COUNT - 1); /* a stopped one keeps what it has */
        for (; taken > 0; taken--)
                CHECK_EQ(leat_sem_give(sem, LEAT_SEM_USUAL), 0);
        leat_sem_close(sem);
}

static const struct row rows[] = {
        { .name = "make", .operation = make_it, .while_stopped = open_beside },
        { .name = "use", .there = true, .operation = use_it, .while_stopped = take_beside },
};

/* ---- one run ---- */

static void child(void *argument) {
        struct run *run = argument;
        step_begin();
        int r = run->row->operation(run);
        step_end();
        CHECK_EQ(r, 0);
        leat_sem_close(run->sem);
}

static void remove_later(const char *address) {
        (void)leat_sem_remove(address, NULL);
}

static void remove_file(const char *path) {
        (void)unlink(path);
}

static void start(void *argument) {
        struct run *run = argument;
        const struct row *row = run->row;
        *run = (struct run){ .row = row };
        unsigned key = 0x20000000U + (unsigned)getpid();
        snprintf(run->address, sizeof run->address, "sysv-sem:0x%x", key);
        snprintf(run->lock_path, sizeof run->lock_path, "/dev/shm/leat.sysv-sem-0x%x.lock", key);
        harness_remove_later(remove_later, run->address);
        harness_remove_later(remove_file, run->lock_path);
        if (row->there)
                check_whole(run);
        CHECK_EQ(tracer_start(&run->tracer, child, run), 0);
}

/* It is whole, and beside it nothing is left. */
static void end(void *argument) {
        struct run *run = argument;
        tracer_end(&run->tracer);
        check_whole(run);
        CHECK_EQ(leat_sem_remove(run->address, NULL), 0);
        CHECK(access(run->lock_path, F_OK) < 0);
}

static void stopped(void *argument) {
        struct run *run = argument;
        run->row->while_stopped(run);
}

static void let_go(void *argument) {
        struct run *run = argument;
        tracer_release(&run->tracer);
        CHECK_EQ(tracer_wait(&run->tracer, SOON), 0);
        end(run);
}

static void run_row(void *argument) {
        const struct row *row = argument;
        struct run run = { .row = row };
        struct step_counts counts;
        const struct step_runs runs = { .name = row->name,
                                        .run = &run,
                                        .tracer = &run.tracer,
                                        .pace = TRACER_CALLS,
                                        .start = start,
                                        .killed = end,
                                        .stopped = stopped,
                                        .let_go = let_go };
        (void)step_run_all(&runs, &counts);
        step_say("# %s: %u kills, %u stops\n", row->name, counts.kills, counts.stops);
}

static void add_tests(void) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                harness_add(rows[i].name, run_row, (void *)(uintptr_t)&rows[i]);
}

STEP_MAIN_WITH(add_tests)
