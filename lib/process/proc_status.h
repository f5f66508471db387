/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_PROC_STATUS_H
#define LEAT_PROCESS_PROC_STATUS_H

/*
 * /proc/PID/status and /proc/PID/task/TID/status: what the kernel says of a process or one of its threads (proc_pid_status(5)).
 *
 * The name of a process is its own choice and comes first; the kernel escapes line ends in it, so that a name cannot pass
 * for another line. The parser is strict all the same: a line that it reads must be exactly as the kernel writes it, and stand there once.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sets of signals: bit N - 1 is signal N. */
struct proc_status {
        char name[64];         /* as in comm, without the kernel's escapes */
        char state;            /* 'R', 'S', 'D', 'T', 't', 'Z', 'X', 'I' */
        pid_t process, thread; /* Tgid, Pid */
        pid_t parent;
        uid_t user; /* the effective one */
        uint64_t queued, queued_limit;
        uint64_t pending, shared_pending, blocked, ignored, caught;
};

/* Parse such a file. Returns 0 or -EBADMSG: a line is missing, stands there twice, or is not as it should be. */
int proc_status_parse(const char *bytes, size_t size, struct proc_status *ret_status);

/*
 * Read it. thread: one of the process; 0: its first. It is checked that they belong together.
 * Returns 0, -ESRCH (there is none, or the number is that of a thread and no process), -ENOENT (/proc is not there), -EACCES, -EBADMSG, -EMFILE, -ENOMEM.
 */
int proc_status_read(pid_t process, pid_t thread, struct proc_status *ret_status);

/* The threads of a process in rising order, to be freed with free(). Returns how many, or a negative errno as above. */
ssize_t proc_threads(pid_t process, pid_t **ret_threads);

#endif
