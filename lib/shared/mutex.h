/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_MUTEX_H
#define LEAT_SHARED_MUTEX_H

/*
 * The mutual exclusion of <leat/lock.h>, for the rest of lib/shared/: on a mutex anywhere in the region's memory, in its header too. What the public calls check
 * was checked: the region is this process's, it may write it (region_check_write()), and the mutex lies in it.
 */

#include "shared/region.h"

/*
 * Lock it. 0; -EOWNERDEAD: it is locked, and what it protects may be half done, until mutex_mend(); -EDEADLK, -EAGAIN, -ETIMEDOUT: it is not locked.
 * A dead one's transaction is NOT rolled back: mutex_settle().
 */
int mutex_lock(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline);

/* By the thread that locked it; else -EPERM. What was not mended stays so: the next one is told. */
int mutex_unlock(struct leat_region *region, struct leat_mutex *mutex);
int mutex_mend(struct leat_region *region, struct leat_mutex *mutex);

/* Has this thread locked it? */
bool mutex_is_mine(const struct leat_region *region, const struct leat_mutex *mutex);

/*
 * A dead one is passed over, and what it held for the program goes to another: see first that its transaction is rolled back, if it was in one. 0; or why that could not be waited for:
 * then nothing is to be passed on. Without a transaction under way it is one load; with another's, one look at the evidence.
 */
int mutex_roll_back(struct leat_region *region, int64_t deadline);

/*
 * After -EOWNERDEAD of a mutex of the program's: see that the dead one's transaction is rolled back before anybody looks at the data. Returns
 * -EOWNERDEAD; or why it could not be waited for: then the mutex is unlocked again, and not mended.
 */
int mutex_settle(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline);

#endif
