/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_OPEN_H
#define LEAT_SHARED_OPEN_H

/* Opening, in its parts, and what removing shares with it. */

#include "shared/region.h"
#include "shared/wish.h"

/* What a try under byte 0 may come to, beside 0 and errors. */
enum { OPENING_AGAIN = 1, OPENING_ALONE = 2 };

/* One that is being opened. */
struct opening {
        struct leat_region *region;
        const struct region_wish *wish;
        struct leat_reason *reason;
        struct region_lock_head lock; /* what the lock file says */
        bool alone;                   /* byte 0 is ours alone */
        bool left;                    /* the lock file names a region that could not be made */
};

static inline int opening_refuse(struct opening *opening, int error, enum leat_row row, const char *text) {
        return reason_set(opening->reason, error, row, text);
}

static inline bool opening_has_identity(const struct region_lock_head *lock) {
        return lock->state != REGION_LOCK_NEW;
}

/* Make it, and map it; there is nothing. 0, OPENING_AGAIN: there is by now; or an error, and nothing is left but the lock file. (open_make.c, as the next) */
int opening_make(struct opening *opening);

/* What is there, of so many bytes, is no whole region: fill it, if it is empty; replace it, if a killed maker left it. */
int opening_complete(struct opening *opening, uint64_t bytes);

/* The reason of that error: what was said of it, or the error alone. Returns the error. (open.c) */
int region_explain(int error, struct leat_reason *reason);

/* Map one that is there, if it is what was wished. */
int opening_attach(struct opening *opening, const struct region_shape *shape, uint64_t bytes);

/* It is mapped: be a participant. */
int opening_join(struct opening *opening);

/* All of that, of what has a name. (open_named.c) */
int opening_named(struct opening *opening);

/*
 * Open the lock file of the region's place, and take its byte 0, with others or alone; the name belongs to it then. make: it may be made.
 * 0; -ENOENT, -EACCES, ...; -EAGAIN, -ETIMEDOUT.
 */
int region_lock_name(struct leat_region *region, bool write, bool make, mode_t mode, bool alone, int64_t deadline);

/* The same of memory without a name, whose evidence is in itself: open it once more. (open.c) */
int region_reopen_evidence(struct leat_region *region);

/* Find its memory; where one who mends a region has it alone, wait for that. As kind->find(); -EAGAIN, -ETIMEDOUT. (open_named.c) */
int region_find(struct leat_region *region, bool write, int64_t deadline, struct leat_reason *reason);

/* Somebody began to remove the region of this identity: remove the rest, memory before lock file. By who has byte 0 alone. As region_find(). */
int region_finish_removal(struct leat_region *region, const uint8_t identity[16], int64_t deadline,
                          struct leat_reason *reason);

/* As leat_region_remove(), but -EBUSY if anybody takes part: for `leat region rm --stale`. */
int region_remove_unused(const char *address, int64_t deadline, struct leat_reason *ret_reason);

#endif
