/* SPDX-License-Identifier: MIT */

/* What a command's child is to find: its environment, and its program in PATH. */

#include "process/command.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static size_t name_length(const char *variable) {
        return strcspn(variable, "=");
}

static bool is_said(const struct leat_command *command, const char *variable) {
        size_t length = name_length(variable);
        for (size_t i = 0; i < command->variables_count; i++)
                if (command->variables[i].name_bytes == length &&
                    memcmp(command->variables[i].text, variable, length) == 0)
                        return true;
        return false;
}

static bool is_left_out(const char *const without[], const char *variable) {
        size_t length = name_length(variable);
        for (; without && *without; without++)
                if (strlen(*without) == length && memcmp(*without, variable, length) == 0)
                        return true;
        return false;
}

static size_t count_texts(char *const texts[]) {
        size_t count = 0;
        while (texts && texts[count])
                count++;
        return count;
}

char **command_environment(const struct leat_command *command, const char *const without[], size_t more,
                           char ***ret_more) {
        char **inherited = command->clears_environment ? NULL : environ;
        size_t room = count_texts(inherited), count = 0;
        char **texts = calloc(room + command->variables_count + more + 1, sizeof(*texts));
        if (!texts)
                return NULL;
        /* Counted above: what another thread adds meanwhile is not for us. */
        for (size_t i = 0; i < room && inherited[i]; i++)
                if (!is_said(command, inherited[i]) && !is_left_out(without, inherited[i]))
                        texts[count++] = inherited[i];
        for (size_t i = 0; i < command->variables_count; i++) {
                const struct command_variable *variable = &command->variables[i];
                if (variable->text[variable->name_bytes] == '=' && !is_left_out(without, variable->text))
                        texts[count++] = variable->text;
        }
        if (ret_more)
                *ret_more = texts + count;
        return texts;
}

static const char *find_path(char *const environment[]) {
        for (; *environment; environment++)
                if (strncmp(*environment, "PATH=", 5) == 0)
                        return *environment + 5;
        return "/bin:/usr/bin"; /* execvp(3) of glibc */
}

/* One block: the array, and behind it the texts. A folder of PATH_MAX bytes or more is left out, as by execvp(3). */
static char **candidates_in(const char *path, const char *name) {
        size_t count = 1, kept = 0, name_bytes = strlen(name) + 1;
        for (const char *at = path; *at; at++)
                count += *at == ':';
        size_t texts_bytes = strlen(path) + count * (name_bytes + 2); /* each with a '/' and at least a '.' */
        char **candidates = calloc(1, (count + 1) * sizeof(*candidates) + texts_bytes);
        char *text = candidates ? (char *)(candidates + count + 1) : NULL;
        for (size_t i = 0; candidates && i < count; i++) {
                size_t length = strcspn(path, ":");
                const char *folder = length ? path : ".";
                path += length + 1;
                if (length >= PATH_MAX)
                        continue;
                candidates[kept++] = text;
                text = mempcpy(text, folder, length ? length : 1);
                *text++ = '/';
                text = mempcpy(text, name, name_bytes);
        }
        return candidates;
}

int command_candidates(const struct leat_command *command, char *const environment[], char ***ret_candidates) {
        const char *name = command->argv[0];
        if (!*name)
                return -ENOENT;
        bool is_path = strchr(name, '/');
        char **candidates = is_path ? calloc(2, sizeof(*candidates)) : candidates_in(find_path(environment), name);
        if (!candidates)
                return -ENOMEM;
        if (is_path)
                candidates[0] = command->argv[0];
        *ret_candidates = candidates;
        return 0;
}

/* A directory has execute permission too, and cannot be run. */
static int can_run(const char *path) {
        struct stat status;
        if (stat(path, &status) < 0)
                return errno == EACCES ? -EACCES : -ENOENT;
        return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

int command_find(const struct leat_command *command) {
        char **environment = command_environment(command, NULL, 0, NULL), **candidates = NULL;
        int r = environment ? command_candidates(command, environment, &candidates) : -ENOMEM;
        int found = r < 0 ? r : -ENOENT;
        for (size_t i = 0; r == 0 && candidates[i] && found < 0; i++) {
                int can = can_run(candidates[i]);
                if (can != -ENOENT)
                        found = can; /* as execvp(3): one that may not be run is remembered, and the search goes on */
        }
        free(candidates);
        free(environment);
        return found;
}
