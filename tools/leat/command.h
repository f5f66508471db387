/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_COMMAND_H
#define LEAT_TOOL_COMMAND_H

/*
 * A subcommand is data: one file that ends in one `const struct command`, and one line in the table of
 * leat.c. Help, usage messages and the checks of options and operands are made from it.
 */

struct options;

struct command {
        const char *name;
        const char *operands; /* as the usage line has them */
        const char *summary;  /* one line */
        unsigned takes;       /* which options: TAKES_... of options.h */
        int operands_min;
        int operands_max;                          /* -1: any number */
        const char *details;                       /* what --help says beyond the options; ends with a newline */
        int (*run)(const struct options *options); /* returns the exit code, having said what failed */
        const struct command *const *parts; /* or NULL; up to a NULL: its subcommands, whose names begin with its own */
};

extern const struct command command_send, command_recv, command_call, command_reply, command_create, command_set,
        command_rm, command_info, command_log, command_transports, command_demo, command_bench, command_signal,
        command_run, command_region, command_rpc;

#endif
