/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_CREW_WORK_H
#define LEAT_TOOL_CREW_WORK_H

/* What the crew of the demo shares: the plan, and what each of its processes does. */

#include "tools/leat/crew.h"

#include <limits.h>

enum { READER, FIRST_WORKER, COLLECTOR = FIRST_WORKER + WORKERS, PARTIES };

/* One channel of the crew: by name, or both ends made beforehand. */
struct duct {
        char address[PATH_MAX]; /* empty: made beforehand */
        bool of_process;        /* it is named after the process that receives: a sender adds the pid */
        struct leat_channel *receiver, *sender;
};
#define ADDRESS_SIZE (PATH_MAX + 64)

/* Written by one process each, and read when all are gone. */
struct tally {
        uint64_t messages, bytes; /* sent */
        int64_t time;             /* when it began (reader), ended (collector) */
        bool match;
        pid_t pid; /* written before the gate opens */
};

struct plan {
        const struct leat_declaration *declaration;
        const struct texts *texts;
        const struct words *expected;
        struct duct jobs[WORKERS], results[WORKERS];
        size_t jobs_count, results_count; /* 1: one for all */
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
