/* SPDX-License-Identifier: MIT */
#include "process/spawn_plan.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "process/command_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static size_t table_size(const struct leat_command *command) {
        size_t size = CHANNEL_FD_FIRST + command_channel_fds(command);
        for (size_t i = 0; i < command->redirections_count; i++)
                if ((size_t)command->redirections[i].fd >= size)
                        size = (size_t)command->redirections[i].fd + 1;
        return size;
}

static int make_room(const struct leat_command *command, struct spawn_plan *plan) {
        plan->size = table_size(command);
        plan->table = calloc(plan->size, sizeof(*plan->table));
        plan->opened = calloc(command->redirections_count + plan->size, sizeof(*plan->opened));
        plan->moves = calloc(plan->size, sizeof(*plan->moves));
        return plan->table && plan->opened && plan->moves ? 0 : -ENOMEM;
}

static void say(struct spawn_plan *plan, int fd, int source) {
        plan->table[fd] = source;
        if (fd < 3)
                plan->said[fd] = true;
}

/* Of a program that began without one of them its number is what was opened next: close-on-exec it is nobody's standard descriptor. */
static bool is_inherited(int fd) {
        int flags = fcntl(fd, F_GETFD);
        return flags >= 0 && !(flags & FD_CLOEXEC);
}

static void begin(const struct leat_command *command, const struct spawn_how *how, struct spawn_plan *plan) {
        for (size_t fd = 0; fd < plan->size; fd++)
                plan->table[fd] = fd < 3 && is_inherited((int)fd) ? (int)fd : -1;
        if (how->input >= 0)
                say(plan, 0, how->input);
        if (how->output >= 0)
                say(plan, 1, how->output);
        int *place = plan->table + CHANNEL_FD_FIRST;
        for (size_t i = 0; i < command->channels_count; i++)
                for (int k = 0; k < 2; k++)
                        if (command->channels[i].fds[k] >= 0)
                                *place++ = command->channels[i].fds[k];
}

/* ---- redirections ---- */

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

/* Where it is to come from: a number here, -1 (closed) or below that, in *ret_error. */
static int source_of(const struct redirection *redirection, const struct spawn_plan *plan, int64_t deadline,
                     int *ret_error) {
        int fd = -1;
        switch (redirection->kind) {
        case REDIRECTION_FILE:
                fd = command_open(redirection->text, redirection->flags, redirection->mode, deadline);
                break;
        case REDIRECTION_TEXT:
                fd = command_open_text(redirection->text, redirection->size_bytes);
                break;
        case REDIRECTION_DESCRIPTOR:
                fd = is_open(redirection->source) ? redirection->source : -EBADF;
                break;
        case REDIRECTION_DUPLICATE:
                fd = (size_t)redirection->source < plan->size ? plan->table[redirection->source] : -1;
                fd = fd >= 0 && is_open(fd) ? fd : -EBADF;
                break;
        case REDIRECTION_CLOSE:
                return -1;
        }
        *ret_error = fd < 0 ? fd : 0;
        return fd;
}

static const char *why_not(const struct redirection *redirection, int error) {
        if (redirection->kind == REDIRECTION_DESCRIPTOR)
                return "the descriptor that it is to come from is not open here";
        if (redirection->kind == REDIRECTION_DUPLICATE)
                return "the descriptor that it is to be a copy of is not open in the child; redirections are carried "
                       "out "
                       "from left to right";
        if (error == -EAGAIN || error == -ETIMEDOUT)
                return "nobody opened the other end of this FIFO";
        return redirection->kind == REDIRECTION_FILE ? "the file cannot be opened"
                                                     : "the text cannot be kept in memory";
}

static int refuse(const struct redirection *redirection, size_t index, int error, struct leat_reason *reason) {
        if (error == -EMFILE)
                reason_limit(reason, error, "RLIMIT_NOFILE",
                             "no descriptor is left here; raise the limit or close some");
        else
                reason_set(reason, error, LEAT_ROW_NONE, why_not(redirection, error));
        if (reason)
                reason->column = (uint32_t)index + 1;
        return error;
}

static int redirect_all(const struct leat_command *command, int64_t deadline, struct leat_reason *reason,
                        struct spawn_plan *plan) {
        for (size_t i = 0; i < command->redirections_count; i++) {
                const struct redirection *redirection = &command->redirections[i];
                int error = 0, source = source_of(redirection, plan, deadline, &error);
                if (error < 0)
                        return refuse(redirection, i, error, reason);
                if (redirection->kind == REDIRECTION_FILE || redirection->kind == REDIRECTION_TEXT)
                        plan->opened[plan->opened_count++] = source;
                say(plan, redirection->fd, source);
        }
        return 0;
}

/* ---- moves ---- */

static bool is_target(const struct spawn_plan *plan, int fd) {
        return (size_t)fd < plan->size && plan->table[fd] >= 0;
}

int spawn_plan_aside(const struct spawn_plan *plan, int fd) {
        for (int least = 3;;) {
                int copy = fcntl(fd, F_DUPFD_CLOEXEC, least);
                if (copy < 0)
                        return -errno;
                if (!is_target(plan, copy))
                        return copy;
                close_fd(copy);
                least = copy + 1;
        }
}

/* What another move would overwrite is copied aside, and all that come from there come from the copy. */
static int set_aside(struct spawn_plan *plan, int source) {
        int copy = spawn_plan_aside(plan, source);
        if (copy < 0)
                return copy;
        plan->opened[plan->opened_count++] = copy;
        for (size_t fd = 0; fd < plan->size; fd++)
                if (plan->table[fd] == source)
                        plan->table[fd] = copy;
        return 0;
}

static int separate(struct spawn_plan *plan) {
        for (size_t fd = 0; fd < plan->size; fd++) {
                int source = plan->table[fd];
                if (source < 0 || source == (int)fd || !is_target(plan, source) || plan->table[source] == source)
                        continue;
                int r = set_aside(plan, source);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What is inherited is left as it is: another thread may have closed it since, and what has its number now is close-on-exec. */
static void list_moves(struct spawn_plan *plan) {
        for (size_t fd = 0; fd < plan->size; fd++) {
                bool stays = fd < 3 && !plan->said[fd];
                if (plan->table[fd] >= 0 && !stays)
                        plan->moves[plan->moves_count++] = (struct child_move){ (int)fd, plan->table[fd] };
                else if (fd < 3 && plan->table[fd] < 0)
                        plan->closed[fd] = true;
        }
}

int spawn_plan_make(const struct leat_command *command, const struct spawn_how *how, struct leat_reason *reason,
                    struct spawn_plan *ret_plan) {
        int r = make_room(command, ret_plan);
        if (r == 0)
                begin(command, how, ret_plan);
        if (r == 0)
                r = redirect_all(command, how->deadline, reason, ret_plan);
        if (r == 0 && (r = separate(ret_plan)) < 0)
                reason_limit(reason, r, "RLIMIT_NOFILE", "no descriptor is left here; raise the limit or close some");
        if (r == 0)
                list_moves(ret_plan);
        return r;
}

void spawn_plan_free(struct spawn_plan *plan) {
        for (size_t i = 0; i < plan->opened_count; i++)
                close_fd(plan->opened[i]);
        free(plan->opened);
        free(plan->table);
        free(plan->moves);
        *plan = (struct spawn_plan){ 0 };
}
