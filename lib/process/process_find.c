/* SPDX-License-Identifier: MIT */

/* Which processes there are, by name and user: from /proc, and looked at again once they are held. */

#include "base/cleanup.h"
#include "base/options.h"
#include "process/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found {
        struct leat_process **processes;
        size_t count;
};

/* The beginning of /proc/PID/NAME, ended by NUL. How many bytes; -1: there is none. */
static ssize_t read_some(pid_t pid, const char *name, char *ret_text, size_t size) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret_text, size - 1);
        ret_text[n > 0 ? n : 0] = '\0';
        return n;
}

static bool is_named(pid_t pid, const char *name) {
        char text[4096];
        ssize_t n = read_some(pid, "comm", text, sizeof(text));
        if (n > 0)
                text[strcspn(text, "\n")] = '\0';
        if (n > 0 && strcmp(text, name) == 0)
                return true;
        if (read_some(pid, "cmdline", text, sizeof(text)) <= 0)
                return false;
        const char *last = strrchr(text, '/');
        return strcmp(last ? last + 1 : text, name) == 0;
}

/* The owner of /proc/PID is root's where a process is not dumpable: so the line "Uid:" (real, effective, ...). */
static bool is_of_user(pid_t pid, uid_t user) {
        char text[4096];
        char *line = read_some(pid, "status", text, sizeof(text)) > 0 ? strstr(text, "\nUid:") : NULL, *end;
        if (!line)
                return false;
        (void)strtoul(line + strlen("\nUid:"), &line, 10);
        unsigned long effective = strtoul(line, &end, 10);
        return end > line && effective == user;
}

static bool fits(pid_t pid, const struct leat_process_query *query) {
        return (!query->name || is_named(pid, query->name)) && (!query->of_user || is_of_user(pid, query->user));
}

static int keep(struct found *found, struct leat_process *process) {
        struct leat_process **grown = realloc(found->processes, (found->count + 1) * sizeof(struct leat_process *));
        if (!grown)
                return -ENOMEM;
        found->processes = grown;
        found->processes[found->count++] = process;
        return 0;
}

/* Held, and then looked at once more: whoever has the number now, while its holder has not ended, is the one that is held. */
static int take(struct found *found, pid_t pid, const struct leat_process_query *query) {
        struct leat_process *process;
        if (!fits(pid, query))
                return 0;
        int r = leat_process_open(pid, &process);
        if (r < 0)
                return r == -ESRCH || r == -EINVAL ? 0 : r;
        if (!fits(pid, query) || process_see(process))
                leat_process_free(process);
        else if ((r = keep(found, process)) < 0)
                leat_process_free(process);
        return r;
}

static int take_all(struct found *found, const struct leat_process_query *query) {
        DIR *folder = opendir("/proc");
        int r = 0;
        if (!folder)
                return -errno;
        for (const struct dirent *entry; r == 0 && (entry = readdir(folder));) {
                char *end;
                long pid = strtol(entry->d_name, &end, 10);
                if (pid > 0 && *end == '\0' && pid != getpid())
                        r = take(found, (pid_t)pid, query);
        }
        (void)closedir(folder);
        return r;
}

ssize_t leat_process_find(const struct leat_process_query *query, struct leat_process ***ret_processes) {
        struct leat_process_query wanted = LEAT_PROCESS_QUERY_INIT;
        struct found found = { NULL, 0 };
        if (!ret_processes || options_take(query, &wanted, sizeof(wanted)) < 0)
                return -EINVAL;
        int r = take_all(&found, &wanted);
        if (r == 0 && !found.processes && !(found.processes = calloc(1, sizeof(struct leat_process *))))
                r = -ENOMEM;
        if (r < 0) {
                while (found.processes && found.count > 0)
                        leat_process_free(found.processes[--found.count]);
                free(found.processes);
                return r;
        }
        *ret_processes = found.processes;
        return (ssize_t)found.count;
}
