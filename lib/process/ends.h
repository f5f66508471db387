/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_ENDS_H
#define LEAT_PROCESS_ENDS_H

/*
 * A pipe between processes: close-on-exec from birth. An end that is ours has O_NONBLOCK; those of programs are as programs
 * expect them: the flag belongs to an end of the pipe, and not to the pipe.
 */

#include <leat/error.h>

struct pipe_ends {
        int read, write; /* -1: closed */
};
#define PIPE_ENDS_NONE                                                                                                 \
        { -1, -1 }

enum pipe_ours { PIPE_OURS_NONE, PIPE_OURS_READS, PIPE_OURS_WRITES };

/* Returns 0, or -EMFILE, -ENFILE with the limit in the reason. */
int pipe_ends_open(struct pipe_ends *ret_ends, enum pipe_ours ours, struct leat_reason *reason);
void pipe_ends_close(struct pipe_ends *ends);

#endif
