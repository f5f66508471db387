/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_SHOW_H
#define LEAT_TOOL_REGION_SHOW_H

/* What `leat region show` tells of one region, and of its locks, which `leat region lock` lists too. */

#include "tools/leat/options.h"

#include <jansson.h>
#include <leat/region.h>

json_t *region_locks_json(struct leat_region *region);
/* A table on stdout, with an empty line before it or not; nothing, if there are none. Returns DONE or the exit code. */
int region_locks_print(struct leat_region *region, bool apart);

/* One object, or one semaphore: printed, or with --json put into *ret_json. Returns DONE or the exit code. */
int region_show_one(const struct options *options, const char *address, json_t **ret_json);

/* All that there are, or those that are stale. */
int region_show_all(const struct options *options);

#endif
