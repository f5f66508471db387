/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_CREW_WORK_H
#define LEAT_TOOL_CREW_WORK_H

/* What the crew of the demo shares: the plan, and what each of its processes does. */

#include "tools/leat/crew.h"

#include <limits.h>

enum { READER, FIRST_WORKER, COLLECTOR = FIRST_WORKER + WORKERS, PARTIES };

/* One channel of the crew: by name, or both ends made beforehand. */
struct duct {
        char address[PATH_MAX];
        struct leat_channel *receiver, *sender;
};

/* Written by one process each, and read when all are gone. */
struct tally {
        uint64_t messages, bytes; /* sent */
        int64_t time;             /* when it began (reader), ended (collector) */
        bool match;
};

struct plan {
        const struct leat_declaration *declaration;
        const struct texts *texts;
        const struct words *expected;
        struct duct jobs[WORKERS], results[WORKERS];
        size_t jobs_count, results_count; /* 1: one for all */
        bool by_type;                     /* workers take their type out of one channel */
        int64_t deadline;
        struct tally *tallies; /* [PARTIES], shared memory */
};

/* Do a party's part. Returns 0 or a negative errno. */
int crew_work(const struct plan *plan, int party);

#endif
