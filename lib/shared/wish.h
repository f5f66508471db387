/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_WISH_H
#define LEAT_SHARED_WISH_H

/* What who opens a region asks for: its address, and the arguments of leat_region_open(), checked. */

#include "channel/address.h"
#include "shared/header.h"

struct region_wish {
        struct address address;
        uint64_t size_bytes; /* 0: as it is found */
        uint64_t most_bytes; /* 0: the default */
        uint64_t log_bytes;
        uint32_t participants;
        mode_t mode;
        bool may_make, must_make; /* it need not be there; it must not */
        bool raw, populate, huge;
        bool writes;             /* takes part, with a slot; else it may only read */
        enum leat_access access; /* to the program's bytes, at first */
        char layout[REGION_LAYOUT_BYTES + 1];
        int64_t deadline;
};
#define REGION_WISH_NONE                                                                                               \
        { .writes = false }

int wish_parse(const char *address, uint64_t size_bytes, const struct leat_layout *layout, int64_t deadline,
               struct leat_reason *reason, struct region_wish *ret_wish);
void wish_clear(struct region_wish *wish);

/* What it would be if it were made. -EINVAL: no size; too large. */
int wish_shape(const struct region_wish *wish, uint64_t page_bytes, bool grows, struct leat_reason *reason,
               struct region_shape *ret_shape);

/* Is what is there as it was wished? -EINVAL: another layout, or too small. */
int wish_check(const struct region_wish *wish, const struct region_shape *shape, struct leat_reason *reason);

#endif
