/* SPDX-License-Identifier: MIT */
#ifndef STEP_REGION_STEP_H
#define STEP_REGION_STEP_H

/*
 * Rows about regions: a child, a participant of its own, does one operation on the program's bytes; it is killed at each event and behind each store to them, and stopped there and at
 * some of the instructions; and the survivors find everything right. docs: scenario.h, which does the same for channels.
 */

#include "harness.h"
#include "runs.h"
#include "scenario.h"
#include "tracer.h"

#include <leat.h>
#include <leat/region.h>

#define REGION_STEP_BYTES 8192 /* of the program's bytes */

struct region_row;

/* One run. */
struct region_run {
        const struct region_row *row;
        struct leat_region *region;
        void *data;
        struct tracer tracer;
        struct region_page *page; /* shared with the children */
        pid_t helper;             /* another participant; 0: none */
        int given;                /* what the survivors did for the child while it slept */
        int before;               /* what `before` found out */
};

struct region_page {
        _Atomic int done; /* the operation has ended ... */
        _Atomic int result;
        _Atomic uint64_t mark;     /* the child's, as leat_region.mark */
        _Atomic int ready, helped; /* of the helper: it is about to do its call; what that said */
};

struct region_row {
        const char *name;
        void (*before)(struct region_run *run); /* survivors: before the child exists */
        void (*helper)(struct region_run
                               *run); /* another participant, which sleeps in its call when the child comes; or NULL */
        void (*prepare)(struct region_run *run);  /* child: before the first mark; or NULL */
        int (*operation)(struct region_run *run); /* child: between the marks; it is not to fail */
        void (*blocked)(struct region_run *run);  /* survivors: the child sleeps in it; or NULL */
        void (*ready)(struct region_run *run);    /* survivors: the child is at the first mark; or NULL */
        void (*slept)(
                struct region_run *run); /* survivors: it has slept, perhaps too briefly to be seen asleep; or NULL */
        void (*after)(struct region_run *run);          /* child: behind the second mark; or NULL */
        void (*after_kill)(struct region_run *run);     /* survivors: it is dead. The helper is to end, too */
        void (*while_stopped)(struct region_run *run);  /* survivors; or NULL */
        void (*after_continue)(struct region_run *run); /* survivors: it has ended well */
};

/* Add a test for each row; the last one has no name. */
void region_step_add(const struct region_row *rows);

/* For a program of such rows. */
#define REGION_STEP_MAIN(rows)                                                                                         \
        static void add_rows(void) {                                                                                   \
                region_step_add(rows);                                                                                 \
        }                                                                                                              \
        STEP_MAIN_WITH(add_rows)

/* Survivors: the helper ends well. */
void region_step_helped(struct region_run *run);

#define STEP_SOON harness_deadline_ms(40000)

#endif
