/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_starts.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGES_MOST 8
#define STACK_SIZE 65536
#define SHELL "/bin/dash"

/* ---- by the library ---- */

static int run_spawn(const struct run *run) {
        const char *const argv[] = { run->program, NULL };
        struct leat_status status = LEAT_STATUS_INIT;
        struct leat_process *process = NULL;
        struct leat_command *command;
        int r = leat_command_new(argv, &command);
        if (r < 0)
                return r;
        r = leat_spawn(command, LEAT_NEVER, NULL, &process);
        leat_command_free(command);
        if (r == 0)
                r = leat_process_wait(process, LEAT_NEVER, &status);
        leat_process_free(process);
        return r < 0 ? r : leat_status_code(&status) == 0 ? 0 : -EPROTO;
}

static int build(struct leat_pipeline *pipeline, const struct run *run) {
        const char *const argv[] = { run->program, NULL };
        struct leat_command *command = NULL;
        int r = 0;
        for (size_t i = 0; i < run->stages && r == 0; i++) {
                r = leat_pipeline_stage(pipeline, argv, &command);
                if (r == 0 && i == 0 && run->input)
                        r = leat_command_file(command, STDIN_FILENO, run->input, O_RDONLY, 0);
        }
        return r < 0 || !run->input ? r : leat_command_file(command, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
}

static int run_pipeline(const struct run *run) {
        struct leat_pipeline *pipeline;
        int r = leat_pipeline_new(&pipeline);
        if (r < 0)
                return r;
        r = build(pipeline, run);
        if (r == 0)
                r = leat_pipeline_start(pipeline, NULL, NULL, NULL);
        if (r == 0)
                r = leat_pipeline_wait(pipeline, LEAT_NEVER);
        if (r == 0 && leat_pipeline_code(pipeline) != 0)
                r = -EPROTO;
        leat_pipeline_free(pipeline);
        return r;
}

/* ---- by bare calls ---- */

static int wait_for(pid_t pid) {
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return status == 0 ? 0 : -EPROTO;
}

static int run_argv(const char *const argv[]) {
        pid_t pid;
        int r = -posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
        return r < 0 ? r : wait_for(pid);
}

static int run_posix_spawn(const struct run *run) {
        const char *const argv[] = { run->program, NULL };
        return run_argv(argv);
}

static int run_fork(const struct run *run) {
        const char *const argv[] = { run->program, NULL };
        pid_t pid = fork();
        if (pid == 0) {
                execve(run->program, (char *const *)argv, environ);
                _exit(127);
        }
        return pid < 0 ? -errno : wait_for(pid);
}

/* What runs in our memory on another stack is nothing for a sanitizer. */
#define BARE __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

/* One stage, as the child of a vfork() sees it. */
struct stage {
        const struct run *run;
        int in, out; /* -1: the pipeline's own */
};

BARE static void redirect(int fd, const char *path, int flags, int target) {
        if (fd < 0 && path)
                fd = open(path, flags | O_CLOEXEC);
        if (fd >= 0 && dup2(fd, target) < 0)
                _exit(127);
}

/* It runs in our memory, on a stack of its own, while we wait: as after vfork(2), without what a compiler has to know about that. */
BARE static int stage_child(void *argument) {
        const struct stage *stage = argument;
        const char *const argv[] = { stage->run->program, NULL };
        redirect(stage->in, stage->run->input, O_RDONLY, STDIN_FILENO);
        redirect(stage->out, stage->run->input ? "/dev/null" : NULL, O_WRONLY, STDOUT_FILENO);
        execve(argv[0], (char *const *)argv, environ);
        _exit(127);
}

static pid_t start_stage(struct stage *stage, bool last, int *ret_next) {
        static _Alignas(64) char stack[STACK_SIZE];
        int fds[2] = { -1, -1 };
        if (!last && pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        stage->out = fds[1];
        pid_t pid = clone(stage_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, stage);
        int error = errno;
        if (fds[1] >= 0)
                close(fds[1]);
        *ret_next = fds[0];
        return pid < 0 ? -error : pid;
}

static int run_vfork(const struct run *run) {
        pid_t pids[STAGES_MOST];
        struct stage stage = { .run = run, .in = -1 };
        size_t count = 0;
        int r = 0;
        for (; count < run->stages && count < STAGES_MOST && r == 0; count++) {
                int next = -1;
                pids[count] = start_stage(&stage, count + 1 == run->stages, &next);
                if (stage.in >= 0)
                        close(stage.in);
                stage.in = next;
                if (pids[count] < 0)
                        r = (int)pids[count--];
        }
        if (stage.in >= 0)
                close(stage.in);
        for (size_t i = 0; i < count; i++) {
                int ended = wait_for(pids[i]);
                r = r < 0 ? r : ended;
        }
        return r;
}

/* ---- by commands ---- */

static int run_shell(const struct run *run) {
        const char *const argv[] = { SHELL, "-c", run->line, NULL };
        return run_argv(argv);
}

static int run_leat(const struct run *run) {
        const char *const argv[] = { run->leat, "run", run->line, NULL };
        return run_argv(argv);
}

const struct start_way way_spawn = { { "leat", "leat_spawn and leat_process_wait" }, NULL, run_spawn };
const struct start_way way_posix_spawn = { { "posix_spawn", "posix_spawn and waitpid" }, NULL, run_posix_spawn };
const struct start_way way_fork = { { "fork", "fork, execve and waitpid" }, NULL, run_fork };
const struct start_way way_pipeline = { { "leat", "leat_pipeline_start and leat_pipeline_wait" }, NULL, run_pipeline };
const struct start_way way_vfork = { { "vfork", "pipe2, vfork, dup2, execve and waitpid" }, NULL, run_vfork };
const struct start_way way_shell = { { "dash -c", "the command, started by posix_spawn" }, SHELL, run_shell };
const struct start_way way_leat_run = { { "leat run", "the command, started by posix_spawn" }, NULL, run_leat };
