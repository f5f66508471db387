/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_SPAWN_H
#define LEAT_PROCESS_SPAWN_H

/*
 * The smallest spawn that is right: a program with a given standard input and output.
 *
 * The child gets this process's environment and standard error, every signal at its default action
 * and none blocked, whatever this process does with them. Of the other descriptors it inherits those that are not
 * close-on-exec; all of the library's are. posix_spawn does not copy the address space and
 * reports a failed exec as an error of the call itself, so there is no child that only says 127.
 */

#include <sys/types.h>

/*
 * Start a program.
 *
 * argv: the program, looked up in PATH if it has no '/', and its arguments; ends with NULL; borrowed.
 * input, output: what its descriptors 0 and 1 are to be; borrowed, any numbers.
 * ret_pid: the child, to be waited for.
 * Returns 0 or a negative errno: -ENOENT (no such program), -EACCES or -ENOEXEC (it cannot be run), -EAGAIN,
 * -ENOMEM, -EMFILE.
 * Blocks until the child has exec'ed. Safe with threads; not for signal handlers.
 */
int process_spawn(char *const argv[], int input, int output, pid_t *ret_pid);

/*
 * Tell whether a program could be started now, without starting it.
 *
 * name: as argv[0] of process_spawn. Returns 0, -ENOENT or -EACCES (it is there and may not be run).
 */
int process_find(const char *name);

#endif
