/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_PARTICIPANTS_H
#define LEAT_SHARED_PARTICIPANTS_H

/* Slots, and who is in them. What the rest of lib/shared/ asks is in region.h. */

#include "shared/region.h"

/* Take a slot, or a share of the readers' lock. 0; -ENOSPC: all are taken; -EAGAIN, -ETIMEDOUT. */
int participant_join(struct leat_region *region, int64_t deadline, struct leat_reason *reason);

/* Say that it ends in good order; the lock goes with lock_fd. */
void participant_leave(struct leat_region *region);

bool participant_lives(const struct leat_region *region, uint32_t slot);
uint32_t participant_pid(const struct leat_region *region, uint32_t slot);
bool participant_has_readers(const struct leat_region *region);

#endif
