/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_REGION_PARTS_H
#define LEAT_TOOL_REGION_PARTS_H

/* The subcommands of `leat region`, one file each, for the table of region.c. */

#include "tools/leat/options.h"

extern const struct command command_region_create, command_region_show, command_region_dump, command_region_watch,
        command_region_lock, command_region_run, command_region_rm;

#endif
