/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_NOTICE_H
#define LEAT_SHARED_NOTICE_H

/* What the files of the notices share. */

#include "shared/region.h"

/* Is there such a part? (notice_part.c) */
bool notice_is_part(const struct leat_region *region, uint32_t part);

/* Tell those who poll that a part was counted up. Async-signal-safe. (notice_poll.c) */
void notice_ring(struct leat_region *region);

/* The caller is about to be told that this part still has that value: from now on the descriptor is readable when it has another one. Returns whether there
 * is a descriptor: then it is to be looked at once more. */
bool notice_settle(struct leat_region *region, uint32_t part, uint64_t value);

#endif
