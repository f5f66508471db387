/* SPDX-License-Identifier: MIT */

/* The command: finds the subcommand in a table and runs it. */

#include "tools/leat/options.h"
#include "tools/leat/output.h"
#include "tools/leat/progress.h"
#include "tools/leat/report.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
        &command_send, &command_recv,   &command_call,   &command_reply,      &command_create, &command_set,
        &command_rm,   &command_info,   &command_log,    &command_transports, &command_demo,   &command_bench,
        &command_run,  &command_signal, &command_region, &command_rpc,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int print_help(void) {
        printf("Usage: leat SUBCOMMAND [OPTION]... [OPERAND]...\n"
               "Carries messages between processes.\n\n");
        for (size_t i = 0; i < COMMANDS; i++)
                printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
        printf("\n'leat SUBCOMMAND --help' says more; 'leat --version' prints the version. Durations are written "
               "250ms,\n"
               "3s, 1m. An ADDRESS is scheme:rest?option&option=value, as unix:@jobs or pipe:fd=3; see leat(1).\n\n"
               "Exit: 0 done; 1 the answer is no, or the input cannot be read; 2 usage; of remote calls 3 it did not\n"
               "run, 4 unknown, 5 it ran and failed; 65 a lock's owner died with it; 69 no receiver; 71 the system\n"
               "refused; 75 full; 124 the deadline passed; 125 to 127 a program could not be started, run, found;\n"
               "128+n killed by signal n.\n");
        return DONE;
}

static int print_version(void) {
        printf("leat %s\n", LEAT_VERSION);
        return DONE;
}

static int print_parts(const struct command *command) {
        printf("Usage: leat %s %s\n%s.\n\n", command->name, command->operands, command->summary);
        for (size_t i = 0; command->parts[i]; i++)
                printf("  %-13s  %s\n", command->parts[i]->name, command->parts[i]->summary);
        printf("\n%s", command->details);
        return DONE;
}

/* What of a command its next word chooses. Returns DONE, or the exit code after saying what is wrong. */
static int choose(const struct command **command, int *argc, char ***argv) {
        const struct command *whole = *command;
        if (*argc < 2)
                return complain_usage(NULL, "what to do is missing; 'leat %s --help' lists it", whole->name);
        for (size_t i = 0; whole->parts[i]; i++)
                if (strcmp((*argv)[1], strrchr(whole->parts[i]->name, ' ') + 1) == 0) {
                        *command = whole->parts[i];
                        (*argc)--, (*argv)++;
                        return DONE;
                }
        return complain_usage((*argv)[1], "is nothing that it does; 'leat %s --help' lists what is", whole->name);
}

static int run(const struct command *command, int argc, char **argv) {
        struct options options;
        report_from(command->name);
        if (command->parts && argc > 1 && strcmp(argv[1], "--help") == 0)
                return print_parts(command);
        int chosen = command->parts ? choose(&command, &argc, &argv) : DONE;
        if (chosen)
                return chosen;
        report_from(command->name);
        int code = options_parse(command, argc, argv, &options);
        if (code)
                return code;
        if (options.help)
                options_help(command);
        else
                code = command->run(&options);
        progress_end();
        return code;
}

static int dispatch(int argc, char **argv) {
        if (argc < 2)
                return complain_usage(NULL, "a subcommand is missing; 'leat --help' lists them");
        if (strcmp(argv[1], "--help") == 0)
                return print_help();
        if (strcmp(argv[1], "--version") == 0)
                return print_version();
        for (size_t i = 0; i < COMMANDS; i++)
                if (strcmp(argv[1], commands[i]->name) == 0)
                        return run(commands[i], argc - 1, argv + 1);
        return complain_usage(argv[1], "no such subcommand; 'leat --help' lists them");
}

int main(int argc, char **argv) {
        output_prepare();
        return output_end(dispatch(argc, argv));
}
