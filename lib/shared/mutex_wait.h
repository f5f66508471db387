/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_MUTEX_WAIT_H
#define LEAT_SHARED_MUTEX_WAIT_H

/* mutex_lock(), where it is not simply free. me: this thread's name. */

#include "shared/region.h"

int mutex_wait(struct leat_region *region, struct leat_mutex *mutex, uint64_t me, int64_t deadline);

/* An offer that this thread has seen before is none any more: the next one is another, whomever it names. */
void mutex_forget_offer(const struct leat_mutex *mutex);

#endif
