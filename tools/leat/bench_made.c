/* SPDX-License-Identifier: MIT */
#include "tools/leat/bench_made.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

static void set_files(posix_spawn_file_actions_t *files, const char *folder) {
        posix_spawn_file_actions_init(files);
        posix_spawn_file_actions_addchdir_np(files, folder);
        posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
}

/* Quietly, and with no signal blocked: an interrupt ends it too. */
static bool run(const char *folder, char *const *command) {
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t none;
        pid_t pid;
        int status = -1;
        sigemptyset(&none);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        set_files(&files, folder);
        int r = posix_spawnp(&pid, command[0], &files, &attributes, command, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
        while (r == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return r == 0 && status == 0;
}

static bool write_text(const char *folder, const struct made_text *text) {
        FREE_AT_EXIT char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, text->name) < 0)
                path = NULL;
        FILE *file = path ? fopen(path, "we") : NULL;
        bool good = file && fputs(text->text, file) >= 0;
        return file && fclose(file) == 0 && good;
}

static void remove_folder(const char *folder) {
        DIR *directory = opendir(folder);
        const struct dirent *entry;
        while (directory && (entry = readdir(directory)))
                (void)unlinkat(dirfd(directory), entry->d_name, 0); /* its own name and its parent's are no files */
        if (directory)
                (void)closedir(directory);
        (void)rmdir(folder);
}

void *made_library(const struct made_text *texts, char *const *const *commands, const char *library) {
        const char *temporary = getenv("TMPDIR");
        FREE_AT_EXIT char *folder = NULL, *path = NULL;
        if (asprintf(&folder, "%s/leat-bench-XXXXXX", temporary && *temporary ? temporary : "/tmp") < 0)
                folder = NULL;
        if (!folder || !mkdtemp(folder))
                return NULL;
        bool good = asprintf(&path, "%s/%s", folder, library) >= 0;
        if (!good)
                path = NULL;
        for (; good && texts->name; texts++)
                good = write_text(folder, texts);
        for (; good && *commands; commands++)
                good = run(folder, *commands);
        void *loaded = good ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        remove_folder(folder);
        return loaded;
}
