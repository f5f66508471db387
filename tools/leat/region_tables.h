/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_TABLES_H
#define LEAT_TOOL_REGION_TABLES_H

/* Parts of what `leat region show` tells of a region: for JSON arrays, for people tables on stdout, which are left out where they would be empty. */

#include <jansson.h>
#include <leat/region.h>
#include <stdint.h>

/* Who takes part: slot, process, user, program, what it waits for. */
json_t *region_users_json(struct leat_region *region);
int region_users_print(struct leat_region *region);

/* Its parts (<leat/notice.h>), and how often each has changed. */
json_t *region_counts_json(struct leat_region *region);
int region_counts_print(struct leat_region *region);

/* Its layout's fields. */
json_t *region_fields_json(const char *layout);

/* "0640". Returns `text`. */
const char *region_mode_text(uint32_t mode, char text[8]);

#endif
