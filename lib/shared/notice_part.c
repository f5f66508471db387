/* SPDX-License-Identifier: MIT */

/* The names of the parts (name.h). */

#include "shared/name.h"
#include "shared/notice.h"

#include <leat/notice.h>

static_assert(REGION_PART_NAME == NAME_BYTES, "<leat/notice.h> says so");

bool notice_is_part(const struct leat_region *region, uint32_t part) {
        return part == 0 || (part < REGION_PARTS && name_read(region->header->parts[part].name, NULL));
}

static int check(const struct leat_region *region) {
        int r = region_check(region);
        return r == 0 && !region->header ? -ENOTSUP : r;
}

/* Who may only read finds a part alone. What was begun and not finished by one that died is none: the next places may have others. */
static int find(struct leat_region *region, const uint64_t words[NAME_WORDS], uint32_t *ret_part) {
        bool take = region->mark != 0;
        for (uint32_t part = 1; part < REGION_PARTS; part++)
                if (name_claim(region->header->parts[part].name, words, take) == 0) {
                        *ret_part = part;
                        return 0;
                }
        return take ? -ENOSPC : -ENOENT;
}

int leat_part(struct leat_region *region, const char *name, uint32_t *ret_part) {
        uint64_t words[NAME_WORDS];
        int r = check(region);
        if (r == 0)
                r = name && ret_part ? name_encode(name, words) : -EINVAL;
        if (r < 0)
                return r;
        if (name[0])
                return find(region, words, ret_part);
        *ret_part = 0;
        return 0;
}

int leat_part_name(struct leat_region *region, uint32_t part, char *ret_name) {
        int r = check(region);
        if (r < 0 || !ret_name)
                return r < 0 ? r : -EINVAL;
        if (part == 0)
                ret_name[0] = '\0';
        else if (part >= REGION_PARTS || !name_read(region->header->parts[part].name, ret_name))
                r = -ENOENT;
        return r;
}
