/* SPDX-License-Identifier: MIT */
/*
 * Copies a file with cat, by redirection alone: cat is given no argument, it reads its standard input and writes its standard output. It is
 * `cat <FROM >TO` of a shell, and what cannot be opened is told before anything is started.
 *
 *     copy_by_cat FROM TO
 */
#include <fcntl.h>
#include <leat.h>
#include <stdio.h>

int main(int argc, char **argv) {
        const char *const cat[] = { "cat", NULL };
        struct leat_reason reason = { 0 };
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_process *process = NULL;
        struct leat_command *command;

        if (argc != 3)
                return fprintf(stderr, "usage: copy_by_cat FROM TO\n"), 2;
        int r = leat_command_new(cat, &command);
        if (r == 0)
                r = leat_command_file(command, 0, argv[1], O_RDONLY, 0);
        if (r == 0)
                r = leat_command_file(command, 1, argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (r == 0)
                r = leat_spawn(command, leat_in_s(10), &reason, &process);
        leat_command_free(command);
        if (r <
            0) /* which one failed is in `column`: 1 and 2 are the two files, in the order in which they were said */
                return fprintf(stderr, "%s: %s\n", reason.column ? argv[reason.column] : cat[0], leat_strerror(r)), 1;
        r = leat_process_wait(process, LEAT_NEVER, &status);
        leat_process_free(process);
        return r < 0 ? 1 : leat_status_code(&status);
}
