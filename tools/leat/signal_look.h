/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_SIGNAL_LOOK_H
#define LEAT_TOOL_SIGNAL_LOOK_H

/* What the threads of a process do with signals at one time, for show and watch. */

#include <leat/signal.h>
#include <stddef.h>
#include <sys/types.h>

struct signal_picture {
        struct leat_signal_state *threads; /* in rising order of their numbers; at least one */
        size_t count;
};

/* Of all threads, or of one (0: all). Returns 0 or a negative errno, as leat_signal_look(). */
int signal_picture_take(pid_t pid, pid_t thread, struct signal_picture *ret_picture);

void signal_picture_free(struct signal_picture *picture);

/* Say why it was not taken. Returns the exit code. */
int signal_refuse_look(const char *about, int error);

#endif
