/* SPDX-License-Identifier: MIT */
#include "process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* The descriptor, or a copy of it above 2: the child's dup2 of one must not overwrite the source of the other, and
 * dup2 of a descriptor onto itself would leave it close-on-exec. */
static int above_standard(int fd) {
        int copy = fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);

        return copy < 0 ? -errno : copy;
}

static void close_copy(int copy, int fd) {
        if (copy >= 0 && copy != fd)
                close(copy);
}

static int set_signals(posix_spawnattr_t *attributes) {
        sigset_t all, none;
        int r;

        sigfillset(&all);
        sigemptyset(&none);
        r = posix_spawnattr_setsigdefault(attributes, &all);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        return -r;
}

static int spawn_with(char *const argv[], posix_spawn_file_actions_t *actions, int input, int output, pid_t *ret_pid) {
        posix_spawnattr_t attributes;
        int r;

        r = -posix_spawn_file_actions_adddup2(actions, input, 0);
        if (r == 0)
                r = -posix_spawn_file_actions_adddup2(actions, output, 1);
        if (r == 0)
                r = -posix_spawnattr_init(&attributes);
        if (r < 0)
                return r;
        r = set_signals(&attributes);
        if (r == 0)
                r = -posix_spawnp(ret_pid, argv[0], actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        return r;
}

int process_spawn(char *const argv[], int input, int output, pid_t *ret_pid) {
        posix_spawn_file_actions_t actions;
        int from = above_standard(input);
        int to = from < 0 ? from : above_standard(output);
        pid_t pid = -1;
        int r = to < 0 ? to : -posix_spawn_file_actions_init(&actions);

        if (r == 0) {
                r = spawn_with(argv, &actions, from, to, &pid);
                posix_spawn_file_actions_destroy(&actions);
        }
        close_copy(from, input);
        close_copy(to, output);
        if (r == 0)
                *ret_pid = pid;
        return r;
}

/* A directory has execute permission too, and cannot be run. */
static int can_run(const char *path) {
        struct stat status;

        if (stat(path, &status) < 0)
                return errno == EACCES ? -EACCES : -ENOENT;
        return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

int process_find(const char *name) {
        const char *path = getenv("PATH");
        char candidate[PATH_MAX];
        int found = -ENOENT;

        if (strchr(name, '/'))
                return can_run(name);
        if (*name == '\0')
                return -ENOENT;
        for (const char *at = path ? path : "/bin:/usr/bin"; at;) {
                size_t length = strcspn(at, ":");
                int n = snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, length ? at : ".", name);
                int r = n > 0 && (size_t)n < sizeof candidate ? can_run(candidate) : -ENOENT;

                if (r == 0)
                        return 0;
                if (r == -EACCES)
                        found = r; /* as execvp: go on looking, but remember that one was there */
                at = at[length] ? at + length + 1 : NULL;
        }
        return found;
}
