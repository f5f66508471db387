/* SPDX-License-Identifier: MIT */

/* What this process was started with, by name: sd_listen_fds(3), from the other side. */

#include "base/error.h"
#include "process/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_MOST (COMMAND_FD_MOST + 1 - CHANNEL_FD_FIRST)

/* Which of them were opened: one that is closed may have its number again, as something else. */
static struct {
        pthread_mutex_t lock;
        unsigned char opened[COMMAND_FD_MOST + 1];
} inherited = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A number in an environment that anybody may have written. -1: it is none, or above `most`. */
static long number_in(const char *variable, long most) {
        const char *text = getenv(variable);
        char *end;
        if (!text || *text < '0' || *text > '9')
                return -1;
        errno = 0;
        long number = strtol(text, &end, 10);
        return errno || *end || number > most ? -1 : number;
}

int inherited_count(int most) {
        if (number_in("LISTEN_PID", INT_MAX) != getpid())
                return 0;
        long count = number_in("LISTEN_FDS", most);
        return count > 0 ? (int)count : 0;
}

/* The numbers of this name: how many, at most two are told. */
static int find(const char *name, size_t name_bytes, int ret_fds[2]) {
        const char *names = getenv("LISTEN_FDNAMES");
        int count = inherited_count(COUNT_MOST), found = 0;
        for (int i = 0; names && i < count; i++) {
                size_t length = strcspn(names, ":");
                if (length == name_bytes && memcmp(names, name, length) == 0) {
                        if (found < 2)
                                ret_fds[found] = CHANNEL_FD_FIRST + i;
                        found++;
                }
                names = names[length] ? names + length + 1 : NULL;
        }
        return found;
}

static bool is_socket(int fd) {
        struct stat status;
        return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int access_of(int fd) {
        int flags = fcntl(fd, F_GETFL);
        return flags < 0 ? -errno : flags & O_ACCMODE;
}

/* Two pipes of one name, as leat_command_channel() hands them down: one to read, one to write. */
static bool are_two_pipes(int fds[2]) {
        int first = access_of(fds[0]), second = access_of(fds[1]);
        if (is_socket(fds[0]) || is_socket(fds[1]) || first < 0 || second < 0)
                return false;
        if (first == O_WRONLY && second == O_RDONLY) {
                int swap = fds[0];
                fds[0] = fds[1];
                fds[1] = swap;
                return true;
        }
        return first == O_RDONLY && second == O_WRONLY;
}

/* An open that fails may have closed what it was given. Whatever has its number since then is another file. */
static void look_after(const int fds[2], int count, const struct stat before[2]) {
        for (int i = 0; i < count; i++) {
                struct stat now;
                if (fstat(fds[i], &now) < 0 || now.st_dev != before[i].st_dev || now.st_ino != before[i].st_ino)
                        inherited.opened[fds[i]] = 1;
        }
}

static int open_inherited(int fds[2], bool both, const char *options, unsigned flags, struct leat_reason *reason,
                          struct leat_channel **ret_channel) {
        char *address;
        struct stat before[2];
        struct leat_open_options how = LEAT_OPEN_OPTIONS_INIT;
        int count = both ? 2 : 1;
        for (int i = 0; i < count; i++)
                if (fstat(fds[i], &before[i]) < 0)
                        before[i] = (struct stat){ 0 };
        int n = both ? asprintf(&address, "pipe:fd=%d,%d%s", fds[0], fds[1], options)
                     : asprintf(&address, "pipe:fd=%d%s", fds[0], options);
        if (n < 0)
                return -ENOMEM;
        how.flags = flags;
        how.deadline = LEAT_NOW;
        int r = leat_open_with(address, &how, reason, ret_channel);
        free(address);
        if (r < 0)
                look_after(fds, count, before);
        for (int i = 0; r == 0 && i < count; i++)
                inherited.opened[fds[i]] = 1;
        return r;
}

static int refuse_name(struct leat_reason *reason) {
        return reason_set(reason, -ENOENT, LEAT_ROW_INHERITANCE,
                          "no channel of that name was handed down to this process (LISTEN_FDNAMES)");
}

/* Of several of one name that are no two pipes, the first that was not opened yet. */
static int open_named(const char *name, size_t name_bytes, unsigned flags, struct leat_reason *reason,
                      struct leat_channel **ret_channel) {
        int fds[2] = { -1, -1 }, found = find(name, name_bytes, fds);
        if (found == 0)
                return refuse_name(reason);
        bool both = found == 2 && !inherited.opened[fds[0]] && are_two_pipes(fds);
        if (found > 1 && !both && inherited.opened[fds[0]])
                fds[0] = fds[1];
        if (inherited.opened[fds[0]])
                return reason_set(reason, -EALREADY, LEAT_ROW_INHERITANCE,
                                  "that channel was opened here before, or an open that failed has closed it");
        return open_inherited(fds, both, name + name_bytes, flags, reason, ret_channel);
}

int leat_inherit(const char *name, unsigned flags, struct leat_reason *ret_reason, struct leat_channel **ret_channel) {
        if (!name || !ret_channel)
                return reason_set(ret_reason, -EINVAL, LEAT_ROW_INHERITANCE,
                                  "a name and a place for the channel are wanted");
        /* Without the lock, which in a forked child another thread of its parent may hold for ever. */
        if (inherited_count(COUNT_MOST) == 0)
                return refuse_name(ret_reason);
        (void)pthread_mutex_lock(&inherited.lock);
        int r = open_named(name, strcspn(name, "?"), flags, ret_reason, ret_channel);
        (void)pthread_mutex_unlock(&inherited.lock);
        return r;
}
