/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_INFO_BUDGET_H
#define LEAT_TOOL_INFO_BUDGET_H

/* leat info --dry-run: what a channel of shm: would take, beside what there is. */

#include "tools/leat/options.h"

/* Returns DONE: it fits; ANSWER_NO: it does not; or another exit code after saying what is wrong. */
int info_dry_run(const struct options *options);

#endif
