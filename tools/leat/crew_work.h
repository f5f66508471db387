/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_CREW_WORK_H
#define LEAT_TOOL_CREW_WORK_H

/* What the crew of the demo shares: the plan, and what each of its processes does. */

#include "tools/leat/crew.h"

#include <assert.h>
#include <limits.h>

enum { READER, FIRST_WORKER, COLLECTOR = FIRST_WORKER + WORKERS, PARTIES };

/* What a sender opens. */
enum naming {
        NAMED,         /* what the receiver opened */
        NAMED_BY_PID,  /* the same, and the pid of the receiver */
        NAMED_BY_OTHER /* what the receiver says that it got: the kernel chose a port for it */
};

/* One channel of the crew: by name, or both ends made beforehand. */
struct duct {
        char address[PATH_MAX]; /* to receive; empty: made beforehand */
        enum naming naming;
        struct leat_channel *receiver, *sender;
};
#define ADDRESS_SIZE (LEAT_ADDRESS_BYTES + 64)
static_assert(PATH_MAX <= LEAT_ADDRESS_BYTES, "any address of a duct fits");

/* Written by one process each, and read when all are gone. */
struct tally {
        uint64_t messages, bytes; /* sent */
        uint64_t taken;           /* messages received */
        int64_t time;             /* when it began (reader), ended (collector) */
        bool match;               /* collector: the counts are those without IPC */
        bool within;              /* collector: none is above that */
        /* Written before the gate opens. */
        pid_t pid;
        char address[LEAT_ADDRESS_BYTES]; /* of what it receives from, where that is NAMED_BY_OTHER */
};

struct plan {
        const struct leat_declaration *declaration;
        const struct texts *texts;
        const struct words *expected;
        struct duct jobs[WORKERS], results[WORKERS];
        size_t jobs_count, results_count; /* 1: one for all */
        bool paced;                       /* nothing holds a sender back but itself: what it sends may be lost */
        size_t names;                     /* that were tried */
        int gate[2];                      /* a pipe: its end comes when each party has closed its writing end */
        int64_t deadline;
        struct tally *tallies; /* [PARTIES], shared memory */
};

/*
 * The address of a duct, in the buffer. receiver: to send, the party that receives; to receive, -1. needs: further
 * options of the address, as "&need=types", or "".
 */
const char *duct_address(const struct plan *plan, const struct duct *duct, int receiver, const char *needs,
                         char address[ADDRESS_SIZE]);

/* Do a party's part. Returns 0 or a negative errno, with the reason where one is known. */
int crew_work(struct plan *plan, int party, struct leat_reason *reason);

#endif
