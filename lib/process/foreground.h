/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_FOREGROUND_H
#define LEAT_PROCESS_FOREGROUND_H

/* Who has a terminal's foreground, of those that may ask: it is their controlling terminal. */

#include <stdbool.h>
#include <sys/types.h>

/* Has the group of this process? */
bool foreground_is_ours(int terminal);

/* Give it to a group, also from the background. Returns 0 or a negative errno. Safe with threads. */
int foreground_give(int terminal, pid_t group);

#endif
