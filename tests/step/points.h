/* SPDX-License-Identifier: MIT */
#ifndef STEP_POINTS_H
#define STEP_POINTS_H

/*
 * Points: where a child is killed or stopped in later runs, as one run of it that was traced tells.
 *
 * Each event between the marks is a point. So is, of a child that shares memory, each instruction of the library that was executed, at its
 * first time and at its last: what a stopped party has looked at, and not acted upon yet, no event tells of. Calls are counted, and
 * instructions by their address and how often it came, so that a run without a single step finds them again.
 */

#include "tracer.h"

struct point {
        enum tracer_event event; /* BROKEN: an instruction, at `address` for the `hit`-th time */
        unsigned calls, hit;
        long call;
        uintptr_t address;
        unsigned class_number;
        bool begins; /* a class: the child is stopped there, and killed */
};

struct points {
        struct point *list;
        size_t count, events;          /* the first `events` are events, the rest instructions */
        unsigned instructions, chosen; /* addresses of the library */
        unsigned states;               /* contents of the shared memory */
};

/* Of one trace at a time; static memory. */
void points_begin(void);
/* After each event of tracer_next(): TRACER_EACH for one that shares memory. */
void points_add(struct tracer *tracer, enum tracer_event event);
/* Of the instructions each `every`-th, and of those next to an event each `near`-th. */
struct points points_end(unsigned every, unsigned near);

/* The offset of an address in this program, for addr2line. */
unsigned long points_offset(uintptr_t address);

#endif
