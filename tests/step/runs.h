/* SPDX-License-Identifier: MIT */
#ifndef STEP_RUNS_H
#define STEP_RUNS_H

/*
 * All runs of one operation of a child. It is traced once, which is the control too: nothing is killed, and all must be right. Then, each time in a new world, it is killed at each
 * event; and stopped at each event that begins a class, looked at and let go. One that is traced by TRACER_EACH is also stopped at instructions (points.h). What the world is, and what
 * is right in it, the caller knows: `run`, one at a time.
 */

#include "points.h"
#include "tracer.h"

struct step_runs {
        const char *name;                                   /* is told before each run */
        void *run;                                          /* what the functions get */
        struct tracer *tracer;                              /* of the child of that run */
        enum tracer_pace pace;                              /* of the trace */
        unsigned every, near;                               /* for TRACER_EACH: as of points_end(); 0 is 1 */
        bool steps;                                         /* later runs go by steps too: `passed` sees each store */
        void (*start)(void *run);                           /* a new world; and the child, by tracer_start() */
        void (*begun)(void *run);                           /* it is at the first mark; or NULL */
        void (*mapped)(void *run);                          /* in the trace: it may have mapped memory; or NULL */
        void (*passed)(void *run, enum tracer_event event); /* it came there, and goes on; or NULL */
        void (*killed)(void *run);                          /* it is dead. Look, and end the world */
        void (*stopped)(void *run);                         /* it stands. Look; or NULL */
        void (*let_go)(void *run);                          /* it stands, and is to end well. End the world */
};

struct step_counts {
        uint64_t instructions;
        unsigned classes, kills, stops;
};

/* The test is skipped where children cannot be traced. Returns the points of the trace, in static memory. */
struct points step_run_all(const struct step_runs *runs, struct step_counts *ret_counts);

/* For a program of such tests; it makes step_say() speak (scenario.h). */
#define STEP_MAIN_WITH(add_tests)                                                                                      \
        int main(int argc, char **argv) {                                                                              \
                tracer_without_rep_movsb(argv);                                                                        \
                step_say_here();                                                                                       \
                return harness_main(argc, argv, add_tests);                                                            \
        }

#endif
