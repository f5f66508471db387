/* SPDX-License-Identifier: MIT */

/* Which processes there are, by name and user: from /proc, and looked at again once they are held. */

#include "base/cleanup.h"
#include "base/options.h"
#include "process/proc_status.h"
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

/* What there is too little of is no answer; of any other error the process has gone, or may not be looked at. */
static int told(int error) {
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM ? error : 0;
}

/* The beginning of /proc/PID/NAME, ended by NUL. How many bytes, or a negative errno. */
static ssize_t read_some(pid_t pid, const char *name, char *ret_text, size_t size) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret_text, size - 1);
        if (n < 0)
                return -errno;
        ret_text[n] = '\0';
        return n;
}

/* 1: yes; 0: no; or a negative errno, as the next two. */
static int is_named(pid_t pid, const char *name) {
        char text[4096];
        ssize_t n = read_some(pid, "comm", text, sizeof(text));
        if (n > 0)
                text[strcspn(text, "\n")] = '\0';
        if (n > 0 && strcmp(text, name) == 0)
                return 1;
        n = read_some(pid, "cmdline", text, sizeof(text));
        if (n <= 0)
                return told((int)n);
        const char *last = strrchr(text, '/');
        return strcmp(last ? last + 1 : text, name) == 0;
}

/* The owner of /proc/PID is root's where a process is not dumpable: so by its status. */
static int is_of_user(pid_t pid, uid_t user) {
        struct proc_status status;
        int r = proc_status_read(pid, 0, &status);
        return r < 0 ? told(r) : status.user == user;
}

static int fits(pid_t pid, const struct leat_process_query *query) {
        int r = query->name ? is_named(pid, query->name) : 1;
        return r == 1 && query->of_user ? is_of_user(pid, query->user) : r;
}

static int keep(struct found *found, struct leat_process *process) {
        struct leat_process **grown = realloc(found->processes, (found->count + 1) * sizeof(struct leat_process *));
        if (!grown)
                return -ENOMEM;
        found->processes = grown;
        found->processes[found->count++] = process;
        return 1;
}

/* Held, and then looked at once more: whoever has the number now, while its holder has not ended, is the one that is held. */
static int take(struct found *found, pid_t pid, const struct leat_process_query *query) {
        struct leat_process *process;
        int r = fits(pid, query);
        if (r <= 0)
                return r;
        r = leat_process_open(pid, &process);
        if (r < 0)
                return r == -ESRCH || r == -EINVAL ? 0 : r;
        r = fits(pid, query);
        if (r == 1 && !process_see(process))
                r = keep(found, process);
        else if (r == 1)
                r = 0;
        if (r <= 0)
                leat_process_free(process);
        return r < 0 ? r : 0;
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
