/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_HOLD_H
#define LEAT_TOOL_REGION_HOLD_H

/* Having a lock, or one of a semaphore, for `leat region lock` and `leat region run`. */

#include "tools/leat/options.h"
#include "tools/leat/region_locks.h"

#include <leat/semaphore.h>
#include <leat/signal.h>

struct hold {
        const struct options *options;
        const char *address;
        struct leat_region *region; /* NULL: of a semaphore */
        struct leat_sem *sem;
        struct lock lock;
        bool died; /* its last owner, with it */
        bool held;
        struct leat_signals *signals; /* blocked while it is held, and to be received here; NULL: all are ignored */
};

/*
 * Take it, as the options say; name: NULL for a semaphore. HUP, INT, QUIT, USR1, USR2, ALRM and TERM, those of them that are not ignored, end the process while it waits, as ever;
 * once it is held they are received from hold->signals, so that none of them leaves a lock whose owner died. Returns DONE, or the exit code after saying why not.
 */
int hold_take(const struct options *options, const char *address, const char *name, struct hold *ret_hold);

/* Has one of them come? 128 and its number, as an exit code; or DONE. */
int hold_signalled(const struct hold *hold);

/* What it protects is right again, if its last owner died and --mend was said. Returns DONE or the exit code. */
int hold_mend(struct hold *hold);

/* Give it back and close. For CLEANUP(). */
void hold_end(struct hold *hold);

#endif
