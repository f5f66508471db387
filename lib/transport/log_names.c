/* SPDX-License-Identifier: MIT */

/*
 * Which files are those of a log: PATH, and each PATH.N whose header says number N of this log. Others with such a name, a
 * copy with a date, what is left of an earlier log, are not looked at.
 */

#include "base/cleanup.h"
#include "transport/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

bool log_file_name(const struct place *place, uint64_t number, char *ret_name, size_t size) {
        int n = number == 1 ? snprintf(ret_name, size, "%s", place->base)
                            : snprintf(ret_name, size, "%s.%llu", place->base, (unsigned long long)number);
        return n > 0 && (size_t)n < size;
}

/* The number that a name of the directory says, or 0: it is none of ours. */
static uint64_t number_of(const struct place *place, const char *name) {
        size_t length = strlen(place->base);
        uint64_t number;
        if (strncmp(name, place->base, length) != 0 || name[length] != '.' || name[length + 1] < '1' ||
            name[length + 1] > '9' || strlen(name + length + 1) > 19 || !address_parse_size(name + length + 1, &number))
                return 0;
        char again[NAME_MAX + 1];
        return log_file_name(place, number, again, sizeof(again)) && strcmp(again, name) == 0 ? number : 0;
}

/* ---- whose a file is ---- */

/* Of a log whose own header was lost we know no identity. */
static bool same_log(const struct log *log, const struct log_header *header) {
        static const uint8_t unknown[LOG_IDENTITY_BYTES];
        return memcmp(log->header.identity, unknown, sizeof(unknown)) == 0 ||
               memcmp(log->header.identity, header->identity, LOG_IDENTITY_BYTES) == 0;
}

/* May the one who made it write to PATH? Only asked where everybody may make files, and PATH is one user's: a stranger that
 * lays one there in time would read, or write, what PATH's mode keeps from him. Who is in PATH's group is not asked. */
static bool is_trusted(const struct log *log, const struct stat *file) {
        struct stat directory, path;
        if (fstat(log->place.directory, &directory) < 0 || fstat(log->anchor, &path) < 0)
                return false;
        return !(directory.st_mode & S_IWOTH) || (path.st_mode & (S_IWGRP | S_IWOTH)) || file->st_uid == path.st_uid ||
               file->st_uid == 0 || file->st_uid == geteuid();
}

enum log_owner log_file_owner(const struct log *log, int fd, uint64_t number) {
        struct log_header header;
        struct stat status;
        if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || !is_trusted(log, &status))
                return LOG_FOREIGN;
        if (status.st_size == 0)
                return LOG_EMPTY;
        if (log_file_header(fd, &header) < 0)
                return LOG_UNKNOWN;
        return header.number == number && same_log(log, &header) ? LOG_OURS : LOG_FOREIGN;
}

/* Open PATH.N, with number N, if it is of this log. */
static int open_ours(const struct log *log, const char *name, uint64_t number) {
        CLOSE_AT_EXIT int fd = openat(log->place.directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        return log_file_owner(log, fd, number) == LOG_OURS ? take_fd(&fd) : -ENOENT;
}

/* ---- all of them ---- */

int log_each_file(const struct log *log, void (*visit)(const struct log_found *found, void *argument), void *argument) {
        int fd = openat(log->place.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
        const struct dirent *entry;
        if (!directory) {
                int error = -errno;
                close_fd(fd);
                return error;
        }
        int r = 0;
        while (r == 0 && (entry = readdir(directory))) {
                struct log_found found = { .name = entry->d_name, .number = number_of(&log->place, entry->d_name) };
                CLOSE_AT_EXIT int file = found.number > 1 ? open_ours(log, found.name, found.number) : -1;
                found.fd = file;
                if (file == -EMFILE || file == -ENFILE ||
                    file == -ENOMEM) /* it may be ours: that it is not seen would mislead */
                        r = file;
                else if (file >= 0 && fstat(file, &found.status) == 0)
                        visit(&found, argument);
        }
        (void)closedir(directory);
        return r;
}

struct range {
        uint64_t from, lowest, highest;
};

static void widen(const struct log_found *found, void *argument) {
        struct range *range = argument;
        if (found->number > range->highest)
                range->highest = found->number;
        if (found->number >= range->from && found->number < range->lowest)
                range->lowest = found->number;
}

int log_newest(const struct log *log, uint64_t *ret_number) {
        struct range range = { .highest = 1 };
        int r = log_each_file(log, widen, &range);
        if (r == 0)
                *ret_number = range.highest;
        return r;
}

int log_oldest(const struct log *log, uint64_t from, uint64_t *ret_number) {
        struct range range = { .from = from, .lowest = UINT64_MAX };
        int r = log_each_file(log, widen, &range);
        if (r < 0)
                return r;
        if (from <= 1 && !(range.highest > 1 && log_file_is_emptied(log->anchor)))
                range.lowest = 1;
        if (range.lowest == UINT64_MAX)
                return -ENOENT;
        *ret_number = range.lowest;
        return 0;
}

int log_file_exists(const struct log *log, uint64_t number) {
        char name[NAME_MAX + 1];
        if (!log_file_name(&log->place, number, name, sizeof(name)))
                return 0;
        /* Most often there is none, and one call says so. */
        CLOSE_AT_EXIT int fd = open_ours(log, name, number);
        return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : fd >= 0; /* not known is not: it is not there */
}

/* ---- one of them ---- */

/* What is made gets PATH's mode, whatever the umask of who makes it: who may use the log may use all of it. */
static void take_mode(int fd, mode_t mode) {
        struct stat status;
        if (fstat(fd, &status) == 0 && (status.st_mode & 0777) != mode && status.st_size == 0)
                (void)fchmod(fd, mode); /* of another's, which he is about to set */
}

/* What has this name is a stranger's; it may be that we may not even open it. */
static bool is_strangers(const struct log *log, const char *name) {
        struct stat status;
        return fstatat(log->place.directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !is_trusted(log, &status);
}

int log_open_beside(const struct log *log, const char *name, int flags) {
        struct stat status;
        if (fstat(log->anchor, &status) < 0)
                return -errno;
        mode_t mode = status.st_mode & 0777;
        CLOSE_AT_EXIT int fd = openat(log->place.directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
        if (fd < 0 && errno != EACCES)
                return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -EXDEV : -errno;
        if (fd < 0)
                return is_strangers(log, name) ? -EXDEV : -EACCES;
        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode) || !is_trusted(log, &status))
                return -EXDEV;
        if (flags & O_CREAT)
                take_mode(fd, mode);
        return take_fd(&fd);
}

/* PATH may be a link, and what it names now another file than we have. */
static int open_again(const struct log *log, int flags) {
        struct stat ours, now;
        CLOSE_AT_EXIT int fd = openat(log->place.directory, log->place.base, flags | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? -EIDRM : -errno;
        if (fstat(fd, &now) < 0 || fstat(log->anchor, &ours) < 0)
                return -errno;
        return now.st_dev == ours.st_dev && now.st_ino == ours.st_ino ? take_fd(&fd) : -EIDRM;
}

int log_file_open(const struct log *log, uint64_t number, int flags) {
        char name[NAME_MAX + 1];
        if (number == 1)
                return open_again(log, flags & ~O_CREAT);
        if (!log_file_name(&log->place, number, name, sizeof(name)))
                return -ENAMETOOLONG;
        return log_open_beside(log, name, flags);
}

int log_sync_names(const struct log *log) {
        CLOSE_AT_EXIT int fd = openat(log->place.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* EINVAL: this file system has nothing to sync there */
}

/* ---- gone ---- */

bool log_is_removed(const struct log *log) {
        struct stat here, there;
        if (fstat(log->anchor, &here) < 0)
                return false;
        if (here.st_nlink == 0)
                return true;
        if (fstatat(log->place.directory, log->place.base, &there, 0) < 0)
                return errno == ENOENT; /* else we may not look, or cannot now */
        return here.st_dev != there.st_dev || here.st_ino != there.st_ino;
}

static void unlink_found(const struct log_found *found, void *argument) {
        const struct log *log = argument;
        (void)unlinkat(log->place.directory, found->name, 0);
}

/* An empty one that a killed sender had just made is of no log yet. */
static void unlink_begun(const struct log *log, uint64_t number) {
        CLOSE_AT_EXIT int fd = log_file_open(log, number, O_RDONLY);
        char name[NAME_MAX + 1];
        if (fd >= 0 && log_file_owner(log, fd, number) == LOG_EMPTY &&
            log_file_name(&log->place, number, name, sizeof(name)))
                (void)unlinkat(log->place.directory, name, 0);
}

/* All but PATH. */
static int unlink_numbered(const struct log *log) {
        uint64_t newest = 0;
        int r = log_newest(log, &newest);
        if (r < 0)
                return r;
        unlink_begun(log, newest + 1);
        return log_each_file(log, unlink_found, (void *)log);
}

static void unlink_position(const struct log *log) {
        char name[NAME_MAX + 1];
        if (snprintf(name, sizeof(name), "%s.position", log->place.base) < (int)sizeof(name))
                (void)unlinkat(log->place.directory, name, 0);
}

/* PATH goes after the others: who is killed in between leaves what can be removed again. What a sender made meanwhile, who
 * still saw PATH, goes last. */
int log_remove(const struct log *log) {
        int r = unlink_numbered(log);
        if (r < 0)
                return r;
        if (log->header.temporary) /* nobody is there who would take its messages anew */
                unlink_position(log);
        if (unlinkat(log->place.directory, log->place.base, 0) < 0)
                return -errno;
        unlink_position(log);
        (void)unlink_numbered(log); /* those that came meanwhile; the log is gone whatever becomes of them */
        return 0;
}

void log_remove_if_alone(const struct log *log) {
        if (log->writable && log_lock(log->anchor, LOG_LOCK_PARTY, F_WRLCK) == 0 && !log_is_removed(log))
                (void)log_remove(log);
}
