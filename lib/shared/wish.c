/* SPDX-License-Identifier: MIT */
#include "shared/wish.h"

#include <string.h>

#define MODE_DEFAULT 0600
#define GROWS_BY 16 /* times its first size */

#define OPTIONS_RAW (OPTION_BIT(OPTION_OFFSET) | OPTION_BIT(OPTION_LENGTH) | OPTION_BIT(OPTION_PRIVATE))
#define OPTIONS_WHOLE (OPTION_BIT(OPTION_MOST) | OPTION_BIT(OPTION_PARTICIPANTS) | OPTION_BIT(OPTION_LOG))
#define OPTIONS_KNOWN                                                                                                  \
        (OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_CREATE) | OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_MODE) |      \
         OPTION_BIT(OPTION_ACCESS) | OPTION_BIT(OPTION_HUGE) | OPTION_BIT(OPTION_POPULATE) | OPTION_BIT(OPTION_RAW) |  \
         OPTIONS_RAW | OPTIONS_WHOLE)

/* Refuse the first given one of these. */
static int refuse_given(const struct address *address, uint64_t options, const char *text, struct leat_reason *reason) {
        for (unsigned i = 0; i < OPTION_COUNT; i++)
                if (address->given & options & OPTION_BIT(i))
                        return reason_at(reason, -EINVAL, address->columns[i], text);
        return 0;
}

static int check_options(const struct address *address, struct leat_reason *reason) {
        int r = address_check_options(address, OPTIONS_KNOWN, reason);
        if (r < 0)
                return r;
        return address_given(address, OPTION_RAW)
                       ? refuse_given(address, OPTIONS_WHOLE,
                                      "this is said of regions, and not of memory as it is (?raw)", reason)
                       : refuse_given(address, OPTIONS_RAW, "this is said of memory as it is: add raw", reason);
}

static void take_options(const struct address *address, struct region_wish *wish) {
        wish->raw = address_given(address, OPTION_RAW);
        wish->populate = address_given(address, OPTION_POPULATE);
        wish->huge = address_given(address, OPTION_HUGE);
        wish->access = (enum leat_access)address->access;
        wish->writes = wish->access != LEAT_ACCESS_READ;
        wish->may_make = !address_given(address, OPTION_OPEN) && wish->writes;
        wish->must_make = address_given(address, OPTION_NEW);
        wish->mode = address_given(address, OPTION_MODE) ? (mode_t)address->mode : MODE_DEFAULT;
        wish->most_bytes = address_given(address, OPTION_MOST) ? address->most : 0;
        wish->participants = (uint32_t)address->participants;
        wish->log_bytes = address->log;
}

int wish_parse(const char *text, uint64_t size_bytes, const struct leat_layout *layout, int64_t deadline,
               struct leat_reason *reason, struct region_wish *ret_wish) {
        struct address address;
        int r = address_parse(text, reason, &address);
        if (r < 0)
                return r;
        r = check_options(&address, reason);
        if (r == 0)
                r = layout_text(layout, reason, ret_wish->layout);
        if (r < 0) {
                address_clear(&address);
                return r;
        }
        take_options(&address, ret_wish);
        ret_wish->address = address;
        ret_wish->size_bytes = size_bytes;
        if (layout && layout->size_bytes > size_bytes)
                ret_wish->size_bytes = layout->size_bytes;
        ret_wish->deadline = deadline;
        if (ret_wish->must_make && !ret_wish->writes)
                return reason_at(reason, -EINVAL, address.columns[OPTION_NEW],
                                 "who may only read (access=ro) cannot make a region");
        return 0;
}

void wish_clear(struct region_wish *wish) {
        address_clear(&wish->address);
}

static uint64_t default_most(uint64_t size_bytes) {
        return size_bytes > REGION_BYTES_MOST / GROWS_BY ? REGION_BYTES_MOST : size_bytes * GROWS_BY;
}

int wish_shape(const struct region_wish *wish, uint64_t page_bytes, bool grows, struct leat_reason *reason,
               struct region_shape *ret_shape) {
        struct region_shape shape = { .size_bytes = wish->size_bytes,
                                      .most_bytes = wish->most_bytes,
                                      .log_bytes = wish->log_bytes,
                                      .participants = wish->participants,
                                      .page_bytes = (uint32_t)page_bytes,
                                      .fingerprint = layout_fingerprint(wish->layout) };
        if (wish->size_bytes == 0)
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING,
                                  "the region is not there, and no size is given to make it");
        if (!grows || shape.most_bytes == 0)
                shape.most_bytes = grows ? default_most(shape.size_bytes) : shape.size_bytes;
        if (!shape_plan(&shape))
                return reason_set(reason, -EINVAL, LEAT_ROW_LIMITS,
                                  "a region has at most 64 TiB, and at first no more than most= says");
        memcpy(shape.layout, wish->layout, sizeof(shape.layout));
        *ret_shape = shape;
        return 0;
}

int wish_check(const struct region_wish *wish, const struct region_shape *shape, struct leat_reason *reason) {
        if (wish->layout[0] && shape->fingerprint == 0)
                return reason_set(reason, -EINVAL, LEAT_ROW_VERSIONS,
                                  "the region was made by a program that did not say what lies in it (its layout)");
        if (wish->layout[0] &&
            (shape->fingerprint != layout_fingerprint(wish->layout) || strcmp(wish->layout, shape->layout) != 0))
                return reason_set(reason, -EINVAL, LEAT_ROW_VERSIONS,
                                  "the region was made with another layout: another program's, or another build's; "
                                  "leat region show says which");
        if (wish->size_bytes <= shape->size_bytes)
                return 0;
        reason_set(reason, -EINVAL, LEAT_ROW_LIMITS,
                   "the region is smaller than what is wanted: open it with a size of 0, and grow it");
        if (reason) {
                reason->limit = "its bytes";
                reason->limit_value = (int64_t)shape->size_bytes;
        }
        return -EINVAL;
}
