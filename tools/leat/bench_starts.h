/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_STARTS_H
#define LEAT_TOOL_BENCH_STARTS_H

/* Ways to run programs and to wait for their end: the library's, the bare calls, and commands that do it. */

#include "tools/leat/bench_contest.h"

/* What is run: so many times this program, each joined to the next by a pipe. */
struct run {
        const char *program; /* a path; it is started without arguments */
        size_t stages;
        const char *input; /* of the first, or NULL: ours; what the last puts out goes to /dev/null then */
        const char *line;  /* the same for a shell */
        const char *leat;  /* this program's path */
};

/* A way returns 0 when all have ended well, -EPROTO if one has not, or a negative errno. Blocks. */
struct start_way {
        struct way way;
        const char *needs; /* a program's path, or NULL */
        int (*run)(const struct run *run);
};

extern const struct start_way way_spawn, way_posix_spawn, way_fork, way_pipeline, way_vfork, way_shell, way_leat_run;

#endif
