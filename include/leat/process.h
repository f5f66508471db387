/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_H
#define LEAT_PROCESS_H

/*
 * Processes: to start them, to redirect and to join them, to see how they ended.
 *
 * LIFE. A *command* says what is to be started: a program, its environment, directory, redirections, group, limits. leat_spawn()
 * starts it and gives a *process*, which is waited for and freed. A *pipeline* is several commands, the output of each the input of the
 * next; a *coprocess* is one whose input and output are the caller's.
 *
 *     const char *const argv[] = { "sort", "-r", NULL };
 *     struct leat_command *command = NULL;
 *     struct leat_process *process = NULL;
 *     struct leat_status status = LEAT_STATUS_INIT;
 *
 *     int r = leat_command_new(argv, &command);
 *     if (r == 0)
 *             r = leat_command_file(command, 0, "names", O_RDONLY, 0);        // sort -r < names
 *     if (r == 0)
 *             r = leat_spawn(command, LEAT_NEVER, NULL, &process);
 *     command = leat_command_free(command);
 *     if (r == 0)
 *             r = leat_process_wait(process, leat_in_s(10), &status);
 *     process = leat_process_free(process);
 *
 * A CLEAN START. A child has every signal at its default action and none blocked, whatever its parent does with them. It has
 * the descriptors 0, 1 and 2 of its parent unless they are close-on-exec, those that its command gives it, and no other. Its environment and directory are the parent's,
 * changed as the command says. It is in its parent's process group unless the command says otherwise.
 *
 * NO EXIT CODE 127. A program that cannot be found, or not be executed, is an error of leat_spawn(), with its errno; so is a file
 * that cannot be opened. There is no child then, and nothing to wait for.
 *
 * COST. The child begins in the memory of its parent, as by vfork(2), so that the cost does not grow with that. The thread that starts it waits until it
 * has executed its program; a signal that stops it before that stops the program instead, and does not hold the thread up. Files are opened by the parent before that; a FIFO is waited for until the deadline.
 *
 * EVIDENCE. A process is held by a pidfd (pidfd_open(2)): a signal never reaches another that got its number. A program that reaps all
 * children by itself (wait(2), or SIGCHLD ignored) takes the status away: then it is told as unknown, and not made up.
 *
 * THREADS. One thread at a time for each object; different objects are independent. FORK. In a forked child they answer
 * -ECHILD, and their descriptors there are closed; free them, which touches no process. SIGNALS. Nothing here may be called from a signal handler.
 * The library starts no thread for this, sets no handler, and reaps only what it started.
 */

#include <leat/channel.h>
#include <leat/deadline.h>
#include <leat/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_command;
struct leat_process;
struct leat_pipeline;
struct leat_coprocess;

/* What became of a process. */
enum leat_how {
        LEAT_HOW_RUNNING = 0,
        LEAT_HOW_EXITED = 1,      /* code: its exit code, 0 to 255 */
        LEAT_HOW_KILLED = 2,      /* code: the signal */
        LEAT_HOW_DUMPED = 3,      /* killed, and it left a core file; code: the signal */
        LEAT_HOW_STOPPED = 4,     /* code: the signal; it can go on */
        LEAT_HOW_UNKNOWN = 5,     /* it has ended, and somebody else took its status */
        LEAT_HOW_NOT_STARTED = 6, /* a stage of a pipeline; code: the errno, positive */
};

struct leat_status {
        size_t struct_size; /* set by LEAT_STATUS_INIT */
        enum leat_how how;
        int code;
        bool expired;    /* it was ended because its deadline, or the pipeline's, had passed */
        int64_t wall_ns; /* from its start to when its end was seen; so far, if it runs */
        int64_t user_ns; /* CPU time, with the children that it waited for (getrusage(2)); 0 until it has ended */
        int64_t system_ns;
        uint64_t memory_bytes; /* the largest resident set, likewise */
        unsigned redirection;  /* LEAT_HOW_NOT_STARTED: which redirection failed, counted from 1; 0: the program */
};
#define LEAT_STATUS_INIT                                                                                               \
        { sizeof(struct leat_status), LEAT_HOW_RUNNING, 0, false, 0, 0, 0, 0, 0 }

/*
 * The exit code by which a shell tells of this status: the code of one that exited, 128 and the signal of one that was killed or stopped, 127
 * or 126 of one that was not found or could not be executed, 1 of one whose redirection failed, 255 of what is unknown or runs. Does not block. Since 0.1.
 */
int leat_status_code(const struct leat_status *status);

/* ---- commands ---- */

/*
 * Say what is to be started.
 *
 * argv: the program and its arguments, ended by NULL; copied. A name without '/' is looked up in PATH as execvp(3) does, in the
 * environment that the child is to have.
 * Returns 0, -EINVAL (no program) or -ENOMEM. Does not block. Since 0.1.
 */
int leat_command_new(const char *const argv[], struct leat_command **ret_command);

/* Free a command; NULL is taken. What was started by it goes on. Returns NULL. Since 0.1. */
struct leat_command *leat_command_free(struct leat_command *command);

/*
 * What follows says more of a command. Each returns 0, -EINVAL or -ENOMEM; the first that fails is also kept, and leat_spawn() returns
 * it, so that a program may look there alone. Texts are copied. Nothing is opened yet. Since 0.1.
 *
 * leat_command_environment: set a variable, or with NULL remove it.
 * leat_command_clear_environment: begin with none; what was set before goes too.
 * leat_command_directory: where it is to run; the paths of its files are relative to the caller's directory all the same.
 * leat_command_group: 0: a process group of its own; else the one that it joins, of the same session.
 * leat_command_foreground: with its group it takes the foreground of this terminal before it begins (tcsetpgrp(3)).
 * leat_command_limit: a resource limit (setrlimit(2)).
 */
int leat_command_environment(struct leat_command *command, const char *name, const char *value);
int leat_command_clear_environment(struct leat_command *command);
int leat_command_directory(struct leat_command *command, const char *path);
int leat_command_group(struct leat_command *command, pid_t group);
int leat_command_foreground(struct leat_command *command, int terminal);
int leat_command_limit(struct leat_command *command, int resource, rlim_t soft, rlim_t hard);

/*
 * Redirections, carried out in the order in which they were said, as in a shell. `fd` is the number in the child, 0 to 1023. Returns as above.
 *
 * leat_command_file: open a file with these flags (O_CREAT and O_CLOEXEC as open(2); O_CLOEXEC is understood) and mode.
 *      < is O_RDONLY, > is O_WRONLY | O_CREAT | O_TRUNC, >> is O_WRONLY | O_CREAT | O_APPEND, each with 0666.
 * leat_command_descriptor: the child's `fd` is what the caller's `source` is, which is borrowed until leat_spawn() has returned. Its flags
 *      are not changed. (command, 0, 0) gives the child a 0 that is close-on-exec here.
 * leat_command_duplicate: the child's `fd` is what its `other` is by then: 2>&1 is (command, 2, 1).
 * leat_command_text: the child reads these bytes (a here-string), which are copied to a sealed memory file.
 * leat_command_close: the child's `fd` is closed.
 */
int leat_command_file(struct leat_command *command, int fd, const char *path, int flags, mode_t mode);
int leat_command_descriptor(struct leat_command *command, int fd, int source);
int leat_command_duplicate(struct leat_command *command, int fd, int other);
int leat_command_text(struct leat_command *command, int fd, const void *bytes, size_t size_bytes);
int leat_command_close(struct leat_command *command, int fd);

/*
 * Hand a channel down, by name: the child opens it with leat_inherit(). It lies at descriptors 3 and above, as sd_listen_fds(3) has
 * it: LISTEN_FDS says how many there are, LISTEN_FDNAMES what they are called (a channel of two pipes has its name twice), LISTEN_PID for
 * whom. A program that knows nothing of Leat finds them there too.
 *
 * name: 1 to 255 printable ASCII characters without ':' and '?'; copied.
 * channel: consumed on success (leat_detach()). It goes to the first child that this command starts; another start is -EINVAL.
 * Returns 0, -EINVAL (also: the numbers from 3 on are redirected), -ENOMEM, -ENOTSUP (a channel that leat_detach() refuses), -ECHILD. Since 0.1.
 */
int leat_command_channel(struct leat_command *command, const char *name, struct leat_channel *channel);

/*
 * Open a channel that this process was started with.
 *
 * name: as it was handed down; options of the address may follow: "jobs?framing=lines".
 * flags: what this end does: LEAT_SEND, LEAT_RECEIVE, LEAT_CALL, LEAT_REPLY.
 * ret_reason: on failure, why; or NULL.
 * Each can be opened once; its descriptors are close-on-exec from then on. The environment is not changed. One that cannot be opened is still there, unless
 * memory ran out (-ENOMEM): then it may be closed.
 * Returns 0, -ENOENT (none of that name was handed down to this process), -EALREADY (it was opened before, or closed as said), and the errors of leat_open().
 * Does not block. Safe with threads. Since 0.1.
 */
int leat_inherit(const char *name, unsigned flags, struct leat_reason *ret_reason, struct leat_channel **ret_channel);

/* ---- processes ---- */

/*
 * Start a command.
 *
 * command: borrowed; it may be started again, unless it has channels.
 * deadline: until when to wait for the other end of FIFOs that are opened.
 * ret_reason: on failure, why, and in `column` which redirection it was, counted from 1; or NULL.
 * ret_process: the caller's, until leat_process_free() or leat_process_detach().
 * Returns 0, or: -ENOENT (no such program, or its interpreter), -EACCES, -ENOEXEC, -E2BIG and what else execve(2) says; what open(2), chdir(2),
 * setrlimit(2), setpgid(2) say; -EAGAIN and -ETIMEDOUT (a FIFO without its other end; RLIMIT_NPROC, with its name), -EMFILE, -ENFILE, -ENOMEM,
 * -EINTR (a signal killed it before it had executed its program), and what leat_command_...() had returned. There is no child then.
 * Blocks until the program is executed, or the deadline. Safe with threads. Since 0.1.
 */
int leat_spawn(struct leat_command *command, int64_t deadline, struct leat_reason *ret_reason,
               struct leat_process **ret_process);

/*
 * Hold a process that somebody else started, to signal it and to wait for its end; its status is LEAT_HOW_UNKNOWN.
 * Returns 0, -ESRCH, -EINVAL (no process id), -EMFILE, -ENOMEM. Does not block. Since 0.1.
 */
int leat_process_open(pid_t pid, struct leat_process **ret_process);

/* Which processes: those of this name (/proc/PID/comm, cut to 15 bytes by the kernel, or the last part of argv[0]), and of this user. */
struct leat_process_query {
        size_t struct_size; /* set by LEAT_PROCESS_QUERY_INIT */
        const char *name;   /* NULL: any */
        bool of_user;
        uid_t user; /* the effective one, with of_user */
};
#define LEAT_PROCESS_QUERY_INIT                                                                                        \
        { sizeof(struct leat_process_query), NULL, false, 0 }

/*
 * Hold all processes that fit, without this one. Each is looked at again once it is held, so that none is another that got its number.
 *
 * ret_processes: an array, to be freed with free(), each of it with leat_process_free().
 * Returns how many, 0 if none; or -EINVAL, -EMFILE, -ENOMEM. Does not block. Since 0.1.
 */
ssize_t leat_process_find(const struct leat_process_query *query, struct leat_process ***ret_processes);

/* Its number. It may be another's once the process was waited for. Since 0.1. */
pid_t leat_process_pid(const struct leat_process *process);

/* A descriptor that is readable when the process has ended. Poll it, do nothing else with it. -ECHILD. Since 0.1. */
int leat_process_fd(const struct leat_process *process);

/*
 * Send it a signal: a number of <signal.h>; 0 only looks. A real-time one goes with the value 0, as leat_signal_queue() sends it: without, the kernel
 * would lose it in silence where the queue is full.
 * Returns 0, -ESRCH (it has ended), -EPERM, -EINVAL (no signal), -EAGAIN (a real-time one, and the queue is full; leat_signal_queue() tells the
 * limit). Does not block. Since 0.1.
 */
int leat_process_signal(struct leat_process *process, int number);

/*
 * Wait until it has ended, and tell how.
 *
 * ret_status: begin with LEAT_STATUS_INIT; or NULL. It can be asked again.
 * Returns 0, -EAGAIN, -ETIMEDOUT, -EINVAL, -ECHILD. Blocks until the deadline; a signal handler that runs meanwhile neither ends nor lengthens it. Since 0.1.
 */
int leat_process_wait(struct leat_process *process, int64_t deadline, struct leat_status *ret_status);

/*
 * Tell how it is now: running, stopped or ended. Returns 0, -EINVAL or -ECHILD. Does not block. Since 0.1.
 */
int leat_process_status(struct leat_process *process, struct leat_status *ret_status);

/*
 * End it: send `number` (0: SIGTERM), and SIGKILL when it has not ended `grace_ns` later.
 * Returns 0 when it has ended, -EPERM, -ETIMEDOUT (at the deadline it still lives: what waits in the kernel cannot be killed). Blocks. Since 0.1.
 */
int leat_process_end(struct leat_process *process, int number, int64_t grace_ns, int64_t deadline,
                     struct leat_status *ret_status);

/*
 * Free a process; NULL is taken. A child that was not waited for is killed and reaped first, so that nothing is left behind; one that may not be
 * killed (a set-uid program) is let go as by leat_process_detach(); one that was only opened (leat_process_open()) is left alone. Returns NULL. Since 0.1.
 */
struct leat_process *leat_process_free(struct leat_process *process);

/* Free a process and let it go on. Whoever reaps this program's children reaps it; else it stays a zombie until this program ends. Since 0.1. */
void leat_process_detach(struct leat_process *process);

/* ---- pipelines ---- */

/* leat_pipeline_start, flags */
#define LEAT_PIPELINE_SAME_GROUP 1u /* the stages stay in the caller's process group; else they have one of their own */
#define LEAT_PIPELINE_REST                                                                                             \
        2u /* a stage that cannot be started is LEAT_HOW_NOT_STARTED, and the others run; else none does */
#define LEAT_PIPELINE_FOREGROUND                                                                                       \
        4u /* their group takes the foreground of `terminal`, which goes back when all have ended */

struct leat_pipeline_options {
        size_t struct_size; /* set by LEAT_PIPELINE_OPTIONS_INIT */
        unsigned flags;
        int terminal;     /* with LEAT_PIPELINE_FOREGROUND */
        int64_t deadline; /* of the whole: then SIGTERM goes to all of the group, and to each stage that has left it */
        int64_t grace_ns; /* and SIGKILL so much later */
};
#define LEAT_PIPELINE_OPTIONS_INIT                                                                                     \
        { sizeof(struct leat_pipeline_options), 0, -1, LEAT_NEVER, INT64_C(2000000000) }

/* Begin a pipeline. Returns 0 or -ENOMEM. Since 0.1. */
int leat_pipeline_new(struct leat_pipeline **ret_pipeline);

/*
 * Add a stage: its input is the output of the stage before it, unless it is redirected otherwise; any number of them.
 *
 * argv: as for leat_command_new(). ret_command: the stage's command, to say more of it before the start; the pipeline's; or NULL.
 * Returns 0, -EINVAL (it has started), -ENOMEM. Since 0.1.
 */
int leat_pipeline_stage(struct leat_pipeline *pipeline, const char *const argv[], struct leat_command **ret_command);

/*
 * What the stage that was added last puts out goes to this descriptor as well, as by tee(1); more than one may be said. One that breaks (its
 * reader is gone) is left out from then on; when the next stage takes no more, the stage gets EPIPE, as without. Of the last stage it goes to the
 * caller's standard output, too, if that is open. The slowest holds the others up. The data passes through this process while it is in
 * leat_pipeline_wait().
 *
 * fd: copied. Returns 0, -EBADF, -EINVAL (no stage, or it has started), -EMFILE, -ENOMEM. Since 0.1.
 */
int leat_pipeline_tee(struct leat_pipeline *pipeline, int fd);

/*
 * Start all stages. options: borrowed, or NULL. ret_reason: on failure, why, or NULL; ret_stage: which stage it was, counted from 0, or NULL.
 * Returns 0, or what leat_spawn() says, -EINVAL (no stage, started before, options that do not go together), -ENOTTY (the terminal): then
 * what had been started is killed and reaped, and the pipeline can only be freed. With LEAT_PIPELINE_REST a stage that cannot be started is no failure:
 * its status is LEAT_HOW_NOT_STARTED, or LEAT_HOW_KILLED where a signal was first (-EINTR); 0, and ret_reason (its error is not 0 then) and ret_stage tell of the first. Blocks as leat_spawn(), until options->deadline. Since 0.1.
 */
int leat_pipeline_start(struct leat_pipeline *pipeline, const struct leat_pipeline_options *options,
                        struct leat_reason *ret_reason, size_t *ret_stage);

/*
 * Wait until all stages have ended, pass on what goes through leat_pipeline_tee(), and keep the pipeline's own deadline: SIGTERM, and SIGKILL
 * after the grace; those stages have `expired` in their status.
 * Returns 0 (all have ended), -EAGAIN, -ETIMEDOUT (this call's deadline; they go on), -EINVAL, -ECHILD. Blocks until the deadline. Since 0.1.
 */
int leat_pipeline_wait(struct leat_pipeline *pipeline, int64_t deadline);

/* Readable when leat_pipeline_wait() has something to do; it may be readable when there is nothing. -EMFILE, -EINVAL, -ECHILD. Since 0.1. */
int leat_pipeline_fd(struct leat_pipeline *pipeline);

/* How many stages it has; the process of one (the pipeline's; NULL if it was not started); how one is. Since 0.1. */
size_t leat_pipeline_count(const struct leat_pipeline *pipeline);
struct leat_process *leat_pipeline_process(struct leat_pipeline *pipeline, size_t stage);
int leat_pipeline_status(struct leat_pipeline *pipeline, size_t stage, struct leat_status *ret_status);

/* The process group of its stages, or 0 if they have none of their own. Since 0.1. */
pid_t leat_pipeline_group(const struct leat_pipeline *pipeline);

/* Send a signal to all of its group, and to each stage that has left it; with LEAT_PIPELINE_SAME_GROUP to each stage. Returns 0, -ESRCH (all have ended), -EPERM, -EINVAL. Since 0.1. */
int leat_pipeline_signal(struct leat_pipeline *pipeline, int number);

/*
 * The exit code of the whole, as of a shell with `pipefail`: of the last stage that did not succeed, or 0. Since 0.1.
 */
int leat_pipeline_code(struct leat_pipeline *pipeline);

/* Free a pipeline; NULL is taken. Its group is killed if a stage still runs, and all stages are reaped. What stages that have ended
 * left running in the group goes on, as with a shell. Returns NULL. Since 0.1. */
struct leat_pipeline *leat_pipeline_free(struct leat_pipeline *pipeline);

/* ---- coprocesses: both directions at once ---- */

/*
 * Start a command whose input the caller writes and whose output it reads. However much either side writes before it reads, neither waits
 * for the other for ever: what comes while leat_coprocess_write() waits for room is kept, up to `keep_bytes`.
 *
 * command: borrowed; its 0 and 1 are set. keep_bytes: the most to keep (0: 64 MiB). Returns as leat_spawn(). Since 0.1.
 */
int leat_coprocess_start(struct leat_command *command, size_t keep_bytes, int64_t deadline,
                         struct leat_reason *ret_reason, struct leat_coprocess **ret_coprocess);

/*
 * Write all of these bytes to its input, and keep what it puts out meanwhile.
 * Returns 0, or: -EPIPE (it takes no more), -ENOBUFS (it put out more than is kept; read, and go on from *ret_done), -ENOMEM, -EAGAIN, -ETIMEDOUT, -ECHILD.
 * ret_done: how many bytes went out, also on failure; or NULL. Blocks until the deadline. Since 0.1.
 */
int leat_coprocess_write(struct leat_coprocess *coprocess, const void *bytes, size_t size_bytes, int64_t deadline,
                         size_t *ret_done);

/*
 * Read what it has put out: at least one byte, at most `size_bytes`. Returns how many, -ENODATA (the end: nobody writes any more), -EAGAIN, -ETIMEDOUT, -ECHILD.
 * Blocks until the deadline. Since 0.1.
 */
ssize_t leat_coprocess_read(struct leat_coprocess *coprocess, void *buffer, size_t size_bytes, int64_t deadline);

/* Its input ends here. Returns 0 or -ECHILD. Since 0.1. */
int leat_coprocess_finish(struct leat_coprocess *coprocess);

/* Its process, the coprocess's. Since 0.1. */
struct leat_process *leat_coprocess_process(struct leat_coprocess *coprocess);

/* Free it; NULL is taken. As leat_process_free(): one that was not waited for is killed. Returns NULL. Since 0.1. */
struct leat_coprocess *leat_coprocess_free(struct leat_coprocess *coprocess);

/*
 * All at once: start a command, write `input`, read all that it puts out, wait for its end.
 *
 * output_most: the most that it may put out. ret_output: what it put out, to be freed with free(), with a NUL behind it; ret_output_bytes.
 * ret_status: begin with LEAT_STATUS_INIT; or NULL. How it ended is no error of this call.
 * Returns 0, or as leat_spawn(); -EMSGSIZE (it put out more), -EAGAIN, -ETIMEDOUT: it is killed then. Blocks until the deadline. Since 0.1.
 */
int leat_exchange(struct leat_command *command, const void *input, size_t input_bytes, size_t output_most,
                  int64_t deadline, void **ret_output, size_t *ret_output_bytes, struct leat_status *ret_status);

#ifdef __cplusplus
}
#endif

#endif
