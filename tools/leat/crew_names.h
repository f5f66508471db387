/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_CREW_NAMES_H
#define LEAT_TOOL_CREW_NAMES_H

/*
 * What the channels of the crew are called, and that nothing of it remains.
 *
 * What outlives its processes is made here, new, so that it is nobody else's: two demos at once do not meet, a queue
 * that happens to have our key is left alone, and what is removed afterwards is what was made.
 */

#include "tools/leat/crew_work.h"

/*
 * Name each duct of the plan, and make what can be made beforehand.
 *
 * folder: private and empty, for files. Returns 0 or a negative errno, with the reason; then crew_unname() too.
 */
int crew_name(struct plan *plan, const char *folder, struct leat_reason *reason);

/* Remove what is left of them, when all parties are gone. */
void crew_unname(const struct plan *plan);

#endif
