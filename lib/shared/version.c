/* SPDX-License-Identifier: MIT */

/*
 * Waiting for a writer that changes something (version.h). Mostly that is over within less than a microsecond, so it is looked for a few times. A writer that
 * takes longer was stopped, preempted, killed, or changes things in place: then short sleeps, and a question about the evidence in between. Nobody wakes who sleeps here, so
 * that a writer makes no call of the system for its readers' sake.
 */

#include "shared/version.h"

#include "shared/evidence.h"
#include "shared/mutex.h"
#include "wait/spin.h"

#include <leat/deadline.h>

#define LOOKS 100
#define MENDS 8 /* more than that in one wait are a liar's: then the deadline counts */

int version_pause(struct version_wait *wait) {
        return evidence_pause(&wait->sleep_ns, wait->deadline); /* a signal ends it early: look again */
}

/* Is the number odd for good? The owner's name is read between two looks at it: if it is the same, that one made it so, or nobody that is left. */
static bool is_abandoned(const struct version_wait *wait, uint64_t seen) {
        const _Atomic uint64_t *word = (const _Atomic uint64_t *)&wait->mutex->words[0];
        uint64_t owner = atomic_load_explicit(word, memory_order_acquire); /* pairs with the unlock */
        if ((owner & 0xffff) != 0 && !region_is_dead(wait->region, owner))
                return false;
        return atomic_load_explicit(word, memory_order_acquire) == owner && version_look(wait->number) == seen;
}

int version_wait(struct version_wait *wait, uint64_t seen) {
        if (wait->looks++ < LOOKS) {
                spin_pause();
                return 0;
        }
        if ((seen & 1) != 0) {
                /* Number 0 is that of several threads: the deadline counts. */
                if (region_thread() != 0 && mutex_is_mine(wait->region, wait->mutex))
                        return -EDEADLK;
                if (wait->mends < MENDS && is_abandoned(wait, seen)) {
                        wait->mends++;
                        return -EOWNERDEAD;
                }
        }
        if ((seen & 1) != 0)
                return version_pause(wait);
        /* Overtaken: the next copy may be quicker. */
        return wait->deadline == LEAT_NOW ? -EAGAIN : leat_now() >= wait->deadline ? -ETIMEDOUT : 0;
}
