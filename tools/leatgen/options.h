/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_OPTIONS_H
#define LEATGEN_OPTIONS_H

/* The command line. */

#include "tools/leatgen/job.h"

#define EXIT_INPUT 1 /* errors in the input, or an output that could not be written */
#define EXIT_USAGE 2

enum task {
        TASK_COMPILE,
        TASK_OUTPUTS,
        TASK_FORMAT,
        TASK_LINT,
        TASK_COMPATIBLE,
        TASK_PRINT,
        TASK_SKELETON,
        TASK_HELP,
        TASK_VERSION,
        TASK_MAX = TASK_VERSION
};

struct command {
        struct options options;
        enum task task;
        const char **files; /* NULL-terminated */
        size_t file_count;
        const char *depfile;
        const char *old; /* of --check-compatible */
        bool in_place, check;
};

/* 0, or EXIT_USAGE after a message on standard error. The lists are freed by command_free(). */
int command_parse(int argc, char **argv, struct command *ret_command);
void command_free(struct command *command);
const char *command_help(void);

#endif
