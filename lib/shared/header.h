/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_HEADER_H
#define LEAT_SHARED_HEADER_H

/*
 * Headers: what a region's says, checked. Each number of it is copied here once, from memory that others may write, and only the copy is used.
 */

#include "shared/layout.h"

#include <leat/error.h>
#include <leat/region.h>

#define REGION_PARTICIPANTS_MOST 60000
#define REGION_LOG_LEAST 4096
#define REGION_LOG_MOST (UINT64_C(1) << 32)
#define REGION_BYTES_MOST (UINT64_C(1) << 46)

static inline uint64_t round_up(uint64_t number, uint64_t unit) {
        return (number + unit - 1) / unit * unit;
}

struct region_shape {
        uint64_t size_bytes, most_bytes, log_bytes;
        uint32_t participants, page_bytes;
        uint64_t participants_at, log_at, data_at;
        uint8_t identity[16];
        uint64_t fingerprint;
        int64_t made_ns;
        char layout[REGION_LAYOUT_BYTES + 1];
};

/* What a struct looks like, as text: its name, its size, a line for each field. -EINVAL: a name that cannot be one, or too much of it. NULL is "". */
int layout_text(const struct leat_layout *layout, struct leat_reason *reason, char ret_text[REGION_LAYOUT_BYTES + 1]);
uint64_t layout_fingerprint(const char *text);

/* Where everything stands, from the sizes, the page and the layout that are in it. false: too large. */
bool shape_plan(struct region_shape *shape);

/* How many bytes that is for so many of the program's. */
uint64_t shape_total(const struct region_shape *shape, uint64_t size_bytes);

/* Write it into zeroed memory, which is a region from then on. */
void header_write(struct region_header *header, const struct region_shape *shape);

/*
 * What the first bytes of an object of `bytes` say, of which there are REGION_HEADER_BYTES or all. page_bytes: its
 * own, or more: a System V segment does not tell whether it is of huge pages.
 * 0: a whole region; -ENODATA: nothing, or one that is half made; -EINVAL: something else, or of another version, word or page size: the reason says which.
 */
int header_read(const struct region_header *header, uint64_t bytes, uint64_t page_bytes, struct leat_reason *reason,
                struct region_shape *ret_shape);

#endif
