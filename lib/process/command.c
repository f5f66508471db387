/* SPDX-License-Identifier: MIT */
#include "process/command.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Commands are built by a program and not by a peer: this is to tell a mistake, as an array without its NULL, from a wish. */
#define FLAGS_KNOWN                                                                                                    \
        (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_DIRECT |     \
         O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_TMPFILE)

static void free_texts(char **texts) {
        for (size_t i = 0; texts && texts[i]; i++)
                free(texts[i]);
        free(texts);
}

static char **copy_texts(const char *const texts[]) {
        size_t count = 0;
        while (texts[count])
                count++;
        char **copies = calloc(count + 1, sizeof(*copies));
        for (size_t i = 0; copies && i < count; i++)
                if (!(copies[i] = strdup(texts[i]))) {
                        free_texts(copies);
                        return NULL;
                }
        return copies;
}

/* The first error is kept, for leat_spawn(). */
static int keep(struct leat_command *command, int r) {
        if (r < 0 && command->error == 0)
                command->error = r;
        return r;
}

/* Room for one more. Returns it, zeroed, or NULL; it counts once *count is raised. */
static void *one_more(void *array, size_t count, size_t size_bytes) {
        void **items = array;
        char *grown = realloc(*items, (count + 1) * size_bytes);
        if (!grown)
                return NULL;
        *items = grown;
        return memset(grown + count * size_bytes, 0, size_bytes);
}

int leat_command_new(const char *const argv[], struct leat_command **ret_command) {
        if (!argv || !argv[0] || !ret_command)
                return -EINVAL;
        struct leat_command *command = calloc(1, sizeof(*command));
        if (command)
                command->argv = copy_texts(argv);
        if (!command || !command->argv) {
                free(command);
                return -ENOMEM;
        }
        command->terminal = -1;
        *ret_command = command;
        return 0;
}

static void clear_variables(struct leat_command *command) {
        for (size_t i = 0; i < command->variables_count; i++)
                free(command->variables[i].text);
        command->variables_count = 0;
}

struct leat_command *leat_command_free(struct leat_command *command) {
        if (!command)
                return NULL;
        free_texts(command->argv);
        clear_variables(command);
        free(command->variables);
        free(command->directory);
        free(command->limits);
        for (size_t i = 0; i < command->redirections_count; i++)
                free(command->redirections[i].text);
        free(command->redirections);
        command_close_channels(command);
        for (size_t i = 0; i < command->channels_count; i++)
                free(command->channels[i].name);
        free(command->channels);
        free(command);
        return NULL;
}

/* ---- the environment ---- */

static struct command_variable *find_variable(struct leat_command *command, const char *name, size_t name_bytes) {
        for (size_t i = 0; i < command->variables_count; i++) {
                struct command_variable *variable = &command->variables[i];
                if (variable->name_bytes == name_bytes && memcmp(variable->text, name, name_bytes) == 0)
                        return variable;
        }
        return NULL;
}

static char *variable_text(const char *name, const char *value) {
        size_t name_bytes = strlen(name), value_bytes = value ? strlen(value) + 1 : 0;
        char *text = malloc(name_bytes + value_bytes + 1);
        if (!text)
                return NULL;
        memcpy(text, name, name_bytes + 1);
        if (value) {
                text[name_bytes] = '=';
                memcpy(text + name_bytes + 1, value, value_bytes);
        }
        return text;
}

static int set_variable(struct leat_command *command, const char *name, const char *value) {
        size_t name_bytes = strlen(name);
        FREE_AT_EXIT char *text = variable_text(name, value);
        struct command_variable *variable = find_variable(command, name, name_bytes);
        if (!text)
                return -ENOMEM;
        if (!variable) {
                variable = one_more(&command->variables, command->variables_count, sizeof(*variable));
                if (!variable)
                        return -ENOMEM;
                command->variables_count++;
        }
        free(variable->text);
        *variable = (struct command_variable){ .text = TAKE(text), .name_bytes = name_bytes };
        return 0;
}

int leat_command_environment(struct leat_command *command, const char *name, const char *value) {
        if (!command)
                return -EINVAL;
        if (!name || !*name || strchr(name, '='))
                return keep(command, -EINVAL);
        return keep(command, set_variable(command, name, value));
}

int leat_command_clear_environment(struct leat_command *command) {
        if (!command)
                return -EINVAL;
        clear_variables(command);
        command->clears_environment = true;
        return 0;
}

/* ---- where, in which group, within what limits ---- */

int leat_command_directory(struct leat_command *command, const char *path) {
        if (!command)
                return -EINVAL;
        char *copy = path ? strdup(path) : NULL;
        if (!copy)
                return keep(command, path ? -ENOMEM : -EINVAL);
        free(command->directory);
        command->directory = copy;
        return 0;
}

int leat_command_group(struct leat_command *command, pid_t group) {
        if (!command)
                return -EINVAL;
        if (group < 0)
                return keep(command, -EINVAL);
        command->has_group = true;
        command->group = group;
        return 0;
}

int leat_command_foreground(struct leat_command *command, int terminal) {
        if (!command)
                return -EINVAL;
        if (terminal < 0)
                return keep(command, -EINVAL);
        command->terminal = terminal;
        return 0;
}

int leat_command_limit(struct leat_command *command, int resource, rlim_t soft, rlim_t hard) {
        if (!command)
                return -EINVAL;
        if (resource < 0 || soft > hard)
                return keep(command, -EINVAL);
        struct command_limit *limit = one_more(&command->limits, command->limits_count, sizeof(*limit));
        if (!limit)
                return keep(command, -ENOMEM);
        *limit = (struct command_limit){ .resource = resource, .limit = { .rlim_cur = soft, .rlim_max = hard } };
        command->limits_count++;
        return 0;
}

/* ---- redirections ---- */

static bool is_for_channel(const struct leat_command *command, int fd) {
        return fd >= CHANNEL_FD_FIRST && (size_t)fd < CHANNEL_FD_FIRST + command_channel_fds(command);
}

/* text: the redirection's from here on, also on failure. */
static int redirect(struct leat_command *command, const struct redirection *redirection) {
        bool known = redirection->fd >= 0 && redirection->fd <= COMMAND_FD_MOST;
        struct redirection *place = NULL;
        if (known && !is_for_channel(command, redirection->fd))
                place = one_more(&command->redirections, command->redirections_count, sizeof(*place));
        if (!place) {
                free(redirection->text);
                return known && !is_for_channel(command, redirection->fd) ? -ENOMEM : -EINVAL;
        }
        *place = *redirection;
        command->redirections_count++;
        return 0;
}

int leat_command_file(struct leat_command *command, int fd, const char *path, int flags, mode_t mode) {
        if (!command)
                return -EINVAL;
        if (!path || (flags & ~FLAGS_KNOWN))
                return keep(command, -EINVAL);
        char *copy = strdup(path);
        if (!copy)
                return keep(command, -ENOMEM);
        const struct redirection file = { REDIRECTION_FILE, fd, -1, copy, 0, flags, mode };
        return keep(command, redirect(command, &file));
}

int leat_command_descriptor(struct leat_command *command, int fd, int source) {
        const struct redirection descriptor = { .kind = REDIRECTION_DESCRIPTOR, .fd = fd, .source = source };
        if (!command)
                return -EINVAL;
        return keep(command, source < 0 ? -EINVAL : redirect(command, &descriptor));
}

int leat_command_duplicate(struct leat_command *command, int fd, int other) {
        const struct redirection duplicate = { .kind = REDIRECTION_DUPLICATE, .fd = fd, .source = other };
        if (!command)
                return -EINVAL;
        return keep(command, other < 0 || other > COMMAND_FD_MOST ? -EINVAL : redirect(command, &duplicate));
}

int leat_command_text(struct leat_command *command, int fd, const void *bytes, size_t size_bytes) {
        if (!command)
                return -EINVAL;
        if (size_bytes > SSIZE_MAX || (!bytes && size_bytes > 0))
                return keep(command, -EINVAL);
        char *copy = malloc(size_bytes + 1);
        if (!copy)
                return keep(command, -ENOMEM);
        if (size_bytes > 0)
                memcpy(copy, bytes, size_bytes);
        const struct redirection text = { REDIRECTION_TEXT, fd, -1, copy, size_bytes, 0, 0 };
        return keep(command, redirect(command, &text));
}

int leat_command_close(struct leat_command *command, int fd) {
        const struct redirection closed = { .kind = REDIRECTION_CLOSE, .fd = fd };
        if (!command)
                return -EINVAL;
        return keep(command, redirect(command, &closed));
}

/* ---- channels ---- */

size_t command_channel_fds(const struct leat_command *command) {
        size_t count = 0;
        for (size_t i = 0; i < command->channels_count; i++)
                count += command->channels[i].fds[1] >= 0 ? 2 : 1;
        return count;
}

void command_close_channels(struct leat_command *command) {
        for (size_t i = 0; i < command->channels_count; i++)
                for (int k = 0; k < 2; k++)
                        command->channels[i].fds[k] = close_fd(command->channels[i].fds[k]);
}

static bool is_channel_name(const char *name) {
        size_t length = name ? strlen(name) : 0;
        for (size_t i = 0; i < length; i++)
                if (name[i] <= ' ' || name[i] > '~' || name[i] == ':' || name[i] == '?')
                        return false;
        return length >= 1 && length <= 255;
}

static bool has_room_for_channel(const struct leat_command *command, const char *name) {
        int end = CHANNEL_FD_FIRST + (int)command_channel_fds(command) + 2;
        for (size_t i = 0; i < command->channels_count; i++)
                if (strcmp(command->channels[i].name, name) == 0)
                        return false;
        for (size_t i = 0; i < command->redirections_count; i++)
                if (command->redirections[i].fd >= CHANNEL_FD_FIRST && command->redirections[i].fd < end)
                        return false;
        return end <= COMMAND_FD_MOST && !command->channels_given;
}

static int give_channel(struct leat_command *command, const char *name, struct leat_channel *channel) {
        FREE_AT_EXIT char *copy = strdup(name);
        struct command_channel *place = one_more(&command->channels, command->channels_count, sizeof(*place));
        if (!copy || !place)
                return -ENOMEM;
        int fds[2];
        int r = leat_detach(channel, fds);
        if (r < 0)
                return r;
        /* One socket is both ways; of two pipes the one to read comes first. */
        place->fds[0] = fds[0] >= 0 ? fds[0] : fds[1];
        place->fds[1] = fds[0] >= 0 && fds[1] != fds[0] ? fds[1] : -1;
        place->name = TAKE(copy);
        command->channels_count++;
        return 0;
}

int leat_command_channel(struct leat_command *command, const char *name, struct leat_channel *channel) {
        if (!command)
                return -EINVAL;
        if (!channel || !is_channel_name(name) || !has_room_for_channel(command, name))
                return keep(command, -EINVAL);
        return keep(command, give_channel(command, name, channel));
}
