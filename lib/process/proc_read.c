/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "process/proc_status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_FIRST 4096
#define SIZE_MOST (4 << 20) /* 65,536 groups and 8,192 processors have room */

/* A number of /proc that is gone looks like a /proc that is not mounted: tell them apart. */
static int gone(int error) {
        if (error == ENOENT)
                return access("/proc/self/status", F_OK) == 0 ? -ESRCH : -ENOENT;
        return error == EPERM ? -EACCES : -error; /* hidepid=1 refuses with that */
}

/* The kernel makes all of the file at the first read; so it is read again from its beginning while it does not fit. */
static ssize_t read_whole(int fd, char *bytes, size_t size) {
        size_t done = 0;
        while (done < size) {
                ssize_t n = pread(fd, bytes + done, size - done, (off_t)done);
                if (n < 0 && errno != EINTR)
                        return -errno; /* ESRCH: it has gone since it was opened */
                if (n == 0)
                        return (ssize_t)done;
                if (n > 0)
                        done += (size_t)n;
        }
        return -EFBIG;
}

static int read_and_parse(int fd, struct proc_status *ret_status) {
        for (size_t size = SIZE_FIRST; size <= SIZE_MOST; size *= 4) {
                FREE_AT_EXIT char *bytes = malloc(size);
                if (!bytes)
                        return -ENOMEM;
                ssize_t n = read_whole(fd, bytes, size);
                if (n >= 0)
                        return proc_status_parse(bytes, (size_t)n, ret_status);
                if (n != -EFBIG)
                        return (int)n;
        }
        return -EBADMSG;
}

int proc_status_read(pid_t process, pid_t thread, struct proc_status *ret_status) {
        struct proc_status status;
        char path[64];
        if (thread == 0)
                thread = process;
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)process, (int)thread);
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return gone(errno);
        int r = read_and_parse(fd, &status);
        if (r < 0)
                return r;
        /* /proc takes the number of any thread for that of a process. */
        if (status.process != process || status.thread != thread)
                return -ESRCH;
        *ret_status = status;
        return 0;
}

static void close_directory(DIR **directory) {
        if (*directory)
                (void)closedir(*directory);
}

/* 0: the name is none. */
static pid_t thread_of(const char *name) {
        pid_t thread = 0;
        for (; *name; name++) {
                if (*name < '0' || *name > '9' || thread > (INT32_MAX - 9) / 10)
                        return 0;
                thread = thread * 10 + (*name - '0');
        }
        return thread;
}

static int add_thread(pid_t **threads, size_t *count, size_t *room, pid_t thread) {
        if (*count == *room) {
                size_t more = *room ? *room * 2 : 16;
                pid_t *larger = realloc(*threads, more * sizeof(pid_t));
                if (!larger)
                        return -ENOMEM;
                *threads = larger;
                *room = more;
        }
        (*threads)[(*count)++] = thread;
        return 0;
}

static int compare(const void *a, const void *b) {
        pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
        return (x > y) - (x < y);
}

static ssize_t list_threads(DIR *directory, pid_t **threads) {
        size_t count = 0, room = 0;
        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(directory);
                if (!entry && errno != 0)
                        return errno == ENOENT ? -ESRCH : -errno;
                if (!entry)
                        break;
                pid_t thread = thread_of(entry->d_name);
                if (thread > 0 && add_thread(threads, &count, &room, thread) < 0)
                        return -ENOMEM;
        }
        if (count == 0)
                return -ESRCH;
        qsort(*threads, count, sizeof(pid_t), compare);
        return (ssize_t)count;
}

ssize_t proc_threads(pid_t process, pid_t **ret_threads) {
        FREE_AT_EXIT pid_t *threads = NULL;
        char path[48];
        (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)process);
        CLEANUP(close_directory) DIR *directory = opendir(path);
        if (!directory)
                return gone(errno);
        ssize_t n = list_threads(directory, &threads);
        if (n > 0)
                *ret_threads = TAKE(threads);
        return n;
}
