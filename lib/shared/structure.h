/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_STRUCTURE_H
#define LEAT_SHARED_STRUCTURE_H

/* What the structures with a mutex of their own begin with (cell.c, table.c): what they are, and for what numbers. */

#include "shared/region.h"

#define STRUCTURE_CELL UINT64_C(0x4c454143) /* in the upper half of `kind` */
#define STRUCTURE_TABLE UINT64_C(0x4c544142)
#define STRUCTURE_SIZE_MOST UINT32_MAX /* of a value, a key, a record */

struct structure {
        _Atomic uint64_t kind; /* 0: not set up; release, when the rest stands */
        _Atomic uint64_t shape;
        struct leat_mutex mutex;
};

/* For what it was set up. */
struct structure_shape {
        uint64_t kind, shape;
        uint64_t bytes; /* that it takes; 0: too many */
};

/*
 * `structure`, `where`: what a program gave, which is a struct structure only if it is at a multiple of 64 in the region.
 */

/* Does it lie in the region, and may this process look at it (and write)? 0; -ECHILD, -ENOTSUP, -EACCES, -EINVAL. */
int structure_check(const struct leat_region *region, const void *structure, const struct structure_shape *shape,
                    bool write);

/* The same, and it is set up so. -EINVAL: it is not, or for other numbers. */
int structure_is(const struct leat_region *region, const void *structure, const struct structure_shape *shape,
                 bool write);

/* Set it up, if it is not: begin() writes what else is needed, and may be called again if this process dies. -EINVAL: it is set up for other numbers. */
int structure_set(struct leat_region *region, void *where, const struct structure_shape *shape,
                  void (*begin)(struct structure *structure), int64_t deadline);

#endif
