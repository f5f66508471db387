/* SPDX-License-Identifier: MIT */

/*
 * Who has a fifo open: found in /proc, without opening it. As a reader we would let a waiting writer go ahead, as a
 * writer we would make an end.
 */

#include "base/cleanup.h"
#include "transport/fifo.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static void close_directory(DIR **directory) {
        if (*directory)
                (void)closedir(*directory);
}
#define CLOSEDIR_AT_EXIT CLEANUP(close_directory)

static bool is_number(const char *name) {
        return *name != '\0' && strspn(name, "0123456789") == strlen(name);
}

static DIR *open_directory(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        if (!directory)
                close_fd(fd);
        return directory;
}

/* How a process opened it: O_RDONLY, O_WRONLY or O_RDWR; -1: it is gone, or we may not know. */
static int access_mode(const char *pid, const char *number) {
        char path[64], text[256];
        (void)snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", pid, number);
        CLOSE_AT_EXIT int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -1;
        text[n] = '\0';
        const char *line = strstr(text, "flags:");
        if (!line)
                return -1;
        unsigned long flags = strtoul(line + strlen("flags:"), NULL, 8);
        if (flags & O_PATH)
                return -1;
        return (int)(flags & O_ACCMODE);
}

/* A copy of another process's descriptor: the same description, so that no one comes or goes. */
static int borrow(const char *pid, const char *number) {
        CLOSE_AT_EXIT int process = (int)syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0);
        return process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)strtol(number, NULL, 10), 0);
}

static bool is_same(int fd, const struct stat *status) {
        struct stat other;
        return fd >= 0 && fstat(fd, &other) == 0 && other.st_dev == status->st_dev && other.st_ino == status->st_ino;
}

static void count(const char *pid, const char *number, const struct stat *status, struct fifo_parties *parties) {
        int mode = access_mode(pid, number);
        if (mode < 0)
                return;
        parties->readers += mode != O_WRONLY;
        parties->writers += mode != O_RDONLY;
        if (parties->fd >= 0)
                return;
        parties->fd = borrow(pid, number);
        if (!is_same(parties->fd, status)) /* it was closed meanwhile, and the number used again */
                parties->fd = close_fd(parties->fd);
}

static void look_at(const char *pid, const struct stat *status, struct fifo_parties *parties) {
        char path[64];
        struct stat other;
        (void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
        CLOSEDIR_AT_EXIT DIR *directory = open_directory(path);
        for (struct dirent *entry; directory && (entry = readdir(directory));)
                if (is_number(entry->d_name) && fstatat(dirfd(directory), entry->d_name, &other, 0) == 0 &&
                    other.st_dev == status->st_dev && other.st_ino == status->st_ino)
                        count(pid, entry->d_name, status, parties);
}

void fifo_look_for_parties(const struct place *place, const struct stat *status, struct fifo_parties *ret_parties) {
        *ret_parties = (struct fifo_parties){ .fd = -1 };
        CLOSEDIR_AT_EXIT DIR *proc = open_directory("/proc");
        for (struct dirent *entry; proc && (entry = readdir(proc));)
                if (is_number(entry->d_name))
                        look_at(entry->d_name, status, ret_parties);
        if (ret_parties->fd >= 0 || ret_parties->readers == 0)
                return;
        /* Borrowing is forbidden (ptrace(2)). One reader more where there is one changes nothing. */
        ret_parties->fd = openat(place->directory, place->base, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (!is_same(ret_parties->fd, status))
                ret_parties->fd = close_fd(ret_parties->fd);
}
