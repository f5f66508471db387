/* SPDX-License-Identifier: MIT */
#ifndef LEAT_PROCESS_COMMAND_H
#define LEAT_PROCESS_COMMAND_H

/*
 * A command: what leat_spawn() is told before it starts anything. Texts are its own; descriptors that the caller lends are numbers here.
 */

#include <leat/process.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_FD_MOST 1023
#define CHANNEL_FD_FIRST 3 /* sd_listen_fds(3) */

/* How many descriptors, from that on, whoever started this process has opened for it (inherit.c). 0: none, more than `most`, or what the environment says makes no sense. */
int inherited_count(int most);

enum redirection_kind {
        REDIRECTION_FILE,
        REDIRECTION_DESCRIPTOR,
        REDIRECTION_DUPLICATE,
        REDIRECTION_TEXT,
        REDIRECTION_CLOSE,
};

struct redirection {
        enum redirection_kind kind;
        int fd;
        int source; /* DESCRIPTOR: the caller's; DUPLICATE: the child's */
        char *text; /* FILE: its path; TEXT: the bytes */
        size_t size_bytes;
        int flags;
        mode_t mode;
};

/* A variable of the environment that is set, or removed: then there is no '='. */
struct command_variable {
        char *text; /* NAME=VALUE or NAME */
        size_t name_bytes;
};

struct command_limit {
        int resource;
        struct rlimit limit;
};

struct command_channel {
        char *name;
        int fds[2]; /* the second is -1 where one is all */
};

struct leat_command {
        int error; /* of the first call that failed */
        char **argv;
        bool clears_environment;
        struct command_variable *variables;
        size_t variables_count;
        char *directory;
        bool has_group;
        pid_t group;
        int terminal; /* -1: none */
        struct command_limit *limits;
        size_t limits_count;
        struct redirection *redirections;
        size_t redirections_count;
        struct command_channel *channels;
        size_t channels_count;
        bool channels_given; /* a child has them */
};

/* How many descriptors its channels have in the child. */
size_t command_channel_fds(const struct leat_command *command);

/* They were given to a child, or never will be: close them here. */
void command_close_channels(struct leat_command *command);

/* The environment that its child is to have, ended by NULL, to be freed with free(); its texts are borrowed from `environ` and the command. Room for
 * `more` texts is left before the NULL, at *ret_more. Names of `without` (ended by NULL) are left out. NULL: -ENOMEM. */
char **command_environment(const struct leat_command *command, const char *const without[], size_t more,
                           char ***ret_more);

/* Where its program may lie, in the order in which it is tried: texts ended by NULL, all freed with one free(). Returns 0, -ENOENT (no name), -ENOMEM. */
int command_candidates(const struct leat_command *command, char *const environment[], char ***ret_candidates);

/* Could its program be started now? It is not. Returns 0, -ENOENT or -EACCES (it is there and may not be run), -ENOMEM. Of one that has a directory it
 * looks from here. */
int command_find(const struct leat_command *command);

#endif
