/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_ATTACH_H
#define LEAT_SHARED_ATTACH_H

/* A region in this process's addresses: reserved, mapped, protected, and gone in children. */

#include "base/cleanup.h"
#include "shared/header.h"
#include "shared/region.h"

/*
 * Reserve addresses for all that it may grow to, and map what there is. at: where (-EADDRINUSE), or NULL: anywhere. bytes: of the object.
 * 0, or -ENOMEM, -EACCES, ... Fills base, header, participants, log, data and the copies of the shape.
 */
int region_map(struct leat_region *region, const struct region_shape *shape, uint64_t bytes, void *at);
void region_unmap(struct leat_region *region);

/* Map what others grew, up to so many of the program's bytes, which are allocated. Under region->lock. */
int region_map_more(struct leat_region *region, uint64_t size_bytes);

/* Change what may be done with the program's bytes, those that come later too. 0, -EACCES. */
int region_protect(struct leat_region *region, enum leat_access access);

/* Enter all pages into the page tables now. 0, -ENOMEM. */
int region_populate(const struct leat_region *region);

/* Read the header where it lies, as the system reads it, so that no cut-off file is a SIGBUS. 0 and header_read()'s. ret_bytes: of the object. */
int region_look(const struct memory_place *place, struct leat_reason *reason, uint64_t *ret_bytes,
                struct region_shape *ret_shape);

/* Let a descriptor with evidence go, and set it to -1; no child that is forked meanwhile keeps it. unlock: it is this process's. */
void region_end_evidence(int *fd, bool unlock);

/* Zeroed, nothing open. NULL: no memory. */
struct leat_region *region_new(const char *address);
/* Close all of it; takes a half-built one. */
void region_free(struct leat_region *region);
static inline void region_free_at(struct leat_region **region) {
        if (*region)
                region_free(*region);
}
#define REGION_FREE_AT_EXIT CLEANUP(region_free_at)

#endif
