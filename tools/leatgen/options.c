/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/options.h"

#include "tools/leatgen/lex.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *command_help(void) {
        return "usage: leatgen [OPTION]... FILE.x...\n"
               "\n"
               "Compiles interface files (RFC 4506, RFC 5531 and rpcgen's language) to C. Each FILE.x becomes FILE.h "
               "and\n"
               "FILE_xdr.c and, if it has a program, FILE_client.c and FILE_server.c. Nothing is written if a file has "
               "an error.\n"
               "\n"
               "  -o DIR                    write into this folder (the current one)\n"
               "  -I DIR                    look here for included interfaces and headers\n"
               "  -D NAME[=VALUE]           define a name\n"
               "      --prefix P            begin all names in C with P\n"
               "      --extended            accept //, trailing commas, namespace, package and bare attributes\n"
               "      --borrow              decode opaque and string without a copy\n"
               "      --small               write tables alone: small code, slower\n"
               "      --depfile FILE        also write the files that were read, for make and ninja\n"
               "\n"
               "instead of compiling:\n"
               "      --outputs             print the names of the files that would be written\n"
               "      --format              print the file in the usual layout\n"
               "        --in-place          ... write it back\n"
               "        --check             ... only say (exit 1) whether it would change\n"
               "      --lint                warn of what is allowed, but unwise\n"
               "      --check-compatible OLD.x  what breaks for users of OLD.x: exit 1 if anything does\n"
               "      --print json          the interface as data\n"
               "      --skeleton            write a server and a client to start from\n"
               "  -h, --help                    print this\n"
               "      --version                 print the version\n"
               "\n"
               "exit: 0 done; 1 errors in the input, or an output cannot be written; 2 wrong use\n";
}

enum {
        OPTION_PREFIX = 256,
        OPTION_EXTENDED,
        OPTION_BORROW,
        OPTION_SMALL,
        OPTION_DEPFILE,
        OPTION_IN_PLACE,
        OPTION_CHECK,
        OPTION_TASK, /* and the enum task added */
};

static const struct option long_options[] = {
        { "prefix", required_argument, NULL, OPTION_PREFIX },
        { "extended", no_argument, NULL, OPTION_EXTENDED },
        { "borrow", no_argument, NULL, OPTION_BORROW },
        { "small", no_argument, NULL, OPTION_SMALL },
        { "depfile", required_argument, NULL, OPTION_DEPFILE },
        { "in-place", no_argument, NULL, OPTION_IN_PLACE },
        { "check", no_argument, NULL, OPTION_CHECK },
        { "outputs", no_argument, NULL, OPTION_TASK + TASK_OUTPUTS },
        { "format", no_argument, NULL, OPTION_TASK + TASK_FORMAT },
        { "lint", no_argument, NULL, OPTION_TASK + TASK_LINT },
        { "check-compatible", required_argument, NULL, OPTION_TASK + TASK_COMPATIBLE },
        { "print", required_argument, NULL, OPTION_TASK + TASK_PRINT },
        { "skeleton", no_argument, NULL, OPTION_TASK + TASK_SKELETON },
        { "help", no_argument, NULL, OPTION_TASK + TASK_HELP },
        { "version", no_argument, NULL, OPTION_TASK + TASK_VERSION },
        { NULL, 0, NULL, 0 },
};

static int wrong(const char *format, const char *what) {
        fputs("leatgen: ", stderr);
        fprintf(stderr, format, what);
        fputs("; `leatgen --help` shows the use\n", stderr);
        return EXIT_USAGE;
}

static bool is_name(const char *text, char end) {
        if (!lex_is_name_begin(*text))
                return false;
        while (lex_is_name(*text))
                text++;
        return !*text || *text == end;
}

static void append(const char **list, const char *text) {
        while (*list)
                list++;
        *list = text;
}

static int set_task(struct command *command, enum task task, const char *argument) {
        if (command->task == TASK_HELP || command->task == TASK_VERSION)
                return 0;
        if (task == TASK_PRINT && strcmp(argument, "json") != 0)
                return wrong("--print knows json alone, not `%s`", argument);
        if (command->task != TASK_COMPILE && command->task != task && task != TASK_HELP && task != TASK_VERSION)
                return wrong("%s", "one thing at a time: these options exclude each other");
        command->task = task;
        if (task == TASK_COMPATIBLE)
                command->old = argument;
        return 0;
}

static int apply(struct command *command, int option, const char *argument) {
        struct options *options = &command->options;
        switch (option) {
        case 'o':
                options->folder = argument;
                return *argument ? 0 : wrong("%s", "-o needs a folder");
        case 'I':
                append(options->search, argument);
                return 0;
        case 'D':
                append(options->defines, argument);
                return is_name(argument, '=') ? 0 : wrong("-D needs NAME or NAME=VALUE, not `%s`", argument);
        case OPTION_PREFIX:
                options->prefix = argument;
                return is_name(argument, '\0') ? 0 : wrong("--prefix needs a name of C, not `%s`", argument);
        case OPTION_EXTENDED:
                options->extended = true;
                return 0;
        case OPTION_BORROW:
                options->borrow = true;
                return 0;
        case OPTION_SMALL:
                options->small = true;
                return 0;
        case OPTION_DEPFILE:
                command->depfile = argument;
                return *argument ? 0 : wrong("%s", "--depfile needs a file");
        case OPTION_IN_PLACE:
                command->in_place = true;
                return 0;
        case OPTION_CHECK:
                command->check = true;
                return 0;
        default:
                return set_task(command, (enum task)(option - OPTION_TASK), argument);
        }
}

static int check_use(const struct command *command) {
        bool formats = command->task == TASK_FORMAT;
        if (command->task == TASK_HELP || command->task == TASK_VERSION)
                return 0;
        if (!command->file_count)
                return wrong("%s", "no interface file is named");
        if ((command->in_place || command->check) && !formats)
                return wrong("%s", "--in-place and --check belong to --format");
        if (command->in_place && command->check)
                return wrong("%s", "either --in-place or --check");
        if (command->depfile && command->task != TASK_COMPILE && command->task != TASK_OUTPUTS)
                return wrong("%s", "--depfile goes with compiling");
        if (command->file_count > 1 && (command->task == TASK_COMPATIBLE || command->task == TASK_PRINT))
                return wrong("%s", "one file here, please");
        return 0;
}

int command_parse(int argc, char **argv, struct command *ret_command) {
        struct command command = { 0 };
        size_t room = (size_t)argc + 1;
        const char **lists = allocate_cleared(3 * room, sizeof(*lists));
        command.files = command.options.inputs = lists;
        command.options.search = lists + room;
        command.options.defines = lists + 2 * room;
        int option = 0, error = 0, index = -1;
        opterr = 0;
        while (!error && (option = getopt_long(argc, argv, ":o:I:D:h", long_options, &index)) != -1) {
                if (option == '?' && optopt > ' ' && optopt < 127)
                        error = wrong("`-%s` is not an option that is known here", (char[]){ (char)optopt, '\0' });
                else if (option == '?')
                        error = wrong("`%s` is not an option that is known here", argv[optind - 1]);
                else if (option == ':')
                        error = wrong("`%s` needs an argument", argv[optind - 1]);
                else
                        error = apply(&command, option == 'h' ? OPTION_TASK + TASK_HELP : option, optarg);
        }
        for (; optind < argc; optind++)
                command.files[command.file_count++] = argv[optind];
        if (!error)
                error = check_use(&command);
        if (error)
                command_free(&command);
        else
                *ret_command = command;
        return error;
}

void command_free(struct command *command) {
        free(command->files);
        *command = (struct command){ 0 };
}
