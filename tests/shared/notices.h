/* SPDX-License-Identifier: MIT */
#ifndef SHARED_NOTICES_H
#define SHARED_NOTICES_H

/* What the tests of notices share, however one waits for them. */

#include "regions.h"

#include <leat.h>
#include <leat/notice.h>

struct leat_region *notice_region(enum region_kind kind);

/* The number of a part, which is made if need be; or the test fails. */
uint32_t notice_part(struct leat_region *region, const char *name);

/*
 * One publisher and several observers, in turn: a wake that is lost hangs, and the harness tells it. Each round is one change, and the next one comes when all have
 * seen it. An observer calls `wait` for the next change of a part; with `options` it opens the region for itself by that address, else it has it from the publisher.
 */
void notice_turns(enum region_kind kind, int number, const char *options, uint64_t rounds,
                  void (*wait)(struct leat_region *region, uint32_t part, uint64_t *seen));

#endif
