/* SPDX-License-Identifier: MIT */
#include "tools/leat/signal_target.h"

#include "base/cleanup.h"
#include "tools/leat/report.h"

#include <dirent.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits from 1 on, up to `end`. Returns what follows, or NULL. */
static const char *read_id(const char *text, int64_t most, int64_t least, int64_t *ret_id) {
        int64_t id = 0;
        const char *at = text;
        for (; *at >= '0' && *at <= '9'; at++)
                if ((id = id * 10 + (*at - '0')) > most)
                        return NULL;
        if (at == text || id < least)
                return NULL;
        *ret_id = id;
        return at;
}

int target_read_pid(const char *text, pid_t *ret_pid, pid_t *ret_thread) {
        int64_t pid, thread = 0;
        const char *rest = read_id(text, INT_MAX, 1, &pid);
        if (rest && *rest == '/' && ret_thread)
                rest = read_id(rest + 1, INT_MAX, 1, &thread);
        if (!rest || *rest)
                return complain_usage(text, "is no process; write its number%s", ret_thread ? ", or PID/TID" : "");
        *ret_pid = (pid_t)pid;
        if (ret_thread)
                *ret_thread = (pid_t)thread;
        return DONE;
}

static int read_group(const char *text, struct target *target) {
        int64_t group;
        const char *rest = read_id(text + 1, INT_MAX, 0, &group);
        if (!rest || *rest)
                return complain_usage(text, "is no process group; write '-' and its number, as -4711");
        if (group < 2) /* kill(-1) is everything that one may signal, kill(-0) one's own group */
                return complain_usage(text, "would be %s, and is never sent to; write a group's number, as -4711",
                                      group == 1 ? "every process" : "the group of this command itself");
        target->kind = TARGET_GROUP;
        target->pid = (pid_t)group;
        return DONE;
}

static int read_user(const char *name, struct target *target) {
        int64_t number;
        const struct passwd *entry = getpwnam(name);
        const char *rest = entry ? NULL : read_id(name, UINT32_MAX - 1, 0, &number);
        if (!entry && (!rest || *rest))
                return complain_usage(target->text, "no such user; write a name that 'getent passwd' lists, or a uid");
        target->kind = TARGET_USER;
        target->user = entry ? entry->pw_uid : (uid_t)number;
        return DONE;
}

static int read_name(struct target *target) {
        target->kind = TARGET_NAME;
        return target->text[1] ? DONE : complain_usage("@", "a name is missing; write @sshd, say");
}

int target_read(const char *text, struct target *ret_target) {
        struct target target = { .text = text };
        int code = *text == '-'                     ? read_group(text, &target)
                   : *text == '@'                   ? read_name(&target)
                   : strncmp(text, "user:", 5) == 0 ? read_user(text + 5, &target)
                   : *text >= '0' && *text <= '9'   ? target_read_pid(text, &target.pid, &target.thread)
                                                    : complain_usage(text, "is no target; write PID, -PGID, PID/TID, "
                                                                             "@NAME or user:NAME");
        if (target.thread)
                target.kind = TARGET_THREAD;
        if (!code)
                *ret_target = target;
        return code;
}

static bool has(const struct target *target, pid_t pid) {
        for (size_t i = 0; i < target->held_count; i++)
                if (leat_process_pid(target->held[i]) == pid)
                        return true;
        return false;
}

static bool has_ended(struct leat_process *process) {
        return leat_process_wait(process, LEAT_NOW, NULL) == 0;
}

static int add(struct target *target, struct leat_process *process) {
        struct leat_process **larger = realloc(target->held, (target->held_count + 1) * sizeof(struct leat_process *));
        if (!larger)
                return -ENOMEM;
        target->held = larger;
        target->held[target->held_count++] = process;
        return 0;
}

/* Hold a process if it is of the group, seen after it is held and before it has ended: then the number was its own. Returns 1, 0, or an error. */
static int hold_member(struct target *target, pid_t pid) {
        struct leat_process *process;
        if (pid == getpid() || getpgid(pid) != target->pid || has(target, pid))
                return 0;
        int r = leat_process_open(pid, &process);
        if (r < 0)
                return r == -ESRCH ? 0 : r;
        bool member = getpgid(pid) == target->pid && !has_ended(process);
        r = member ? add(target, process) : 0;
        if (!member || r < 0)
                leat_process_free(process);
        return r < 0 ? r : member;
}

static int hold_group(struct target *target, size_t *ret_added) {
        DIR *directory = opendir("/proc");
        size_t added = 0;
        int r = 0;
        if (!directory)
                return -errno;
        for (const struct dirent *entry; r >= 0 && (entry = readdir(directory));) {
                int64_t pid;
                const char *rest = read_id(entry->d_name, INT_MAX, 1, &pid);
                r = rest && !*rest ? hold_member(target, (pid_t)pid) : 0;
                added += r > 0;
        }
        closedir(directory);
        *ret_added = added;
        return r < 0 ? r : 0;
}

static int hold_found(struct target *target, size_t *ret_added) {
        struct leat_process_query query = LEAT_PROCESS_QUERY_INIT;
        query.name = target->kind == TARGET_NAME ? target->text + 1 : NULL;
        query.of_user = target->kind == TARGET_USER;
        query.user = target->user;
        ssize_t n = leat_process_find(&query, &target->held);
        if (n <= 0)
                return n < 0 ? (int)n : -ESRCH;
        *ret_added = target->held_count = (size_t)n;
        return 0;
}

static int hold_one(struct target *target, size_t *ret_added) {
        struct leat_process *process;
        int r = leat_process_open(target->pid, &process);
        if (r == 0 && (r = add(target, process)) < 0)
                leat_process_free(process);
        *ret_added = r == 0;
        return r;
}

int target_hold(struct target *target, size_t *ret_added) {
        switch (target->kind) {
        case TARGET_GROUP:
                return hold_group(target, ret_added);
        case TARGET_NAME:
        case TARGET_USER:
                return hold_found(target, ret_added);
        default:
                return hold_one(target, ret_added);
        }
}

void target_drop(struct target *target, size_t index) {
        leat_process_free(target->held[index]);
        target->held[index] = target->held[--target->held_count];
}

void target_free(struct target *target) {
        for (size_t i = 0; i < target->held_count; i++)
                leat_process_free(target->held[i]);
        free(TAKE(target->held));
        target->held_count = 0;
}
