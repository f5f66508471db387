/* SPDX-License-Identifier: MIT */

/* POSIX objects and files: what has a name in a file system. */

#include "base/cleanup.h"
#include "base/error.h"
#include "memory/memfile.h"
#include "memory/place_kinds.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---- opening ---- */

int memory_open_file(const char *path, int flags, mode_t mode) {
        struct stat status;
        /* To open a device may be to do something with it: so it is looked at first, and once more behind the open, when it cannot change. */
        if (!(flags & O_CREAT) && lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
                return S_ISLNK(status.st_mode) ? -ELOOP : -EINVAL;
        CLOSE_AT_EXIT int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode & 0666);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        return S_ISREG(status.st_mode) ? take_fd(&fd) : -EINVAL;
}

int memory_reopen(int fd, int flags) {
        char path[40];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        int again = open(path, flags | O_CLOEXEC);
        return again < 0 ? -errno : again;
}

static int explain(int error, struct leat_reason *reason) {
        switch (error) {
        case -ENOENT:
                return reason_set(reason, error, LEAT_ROW_OPENING, "nothing is there");
        case -EEXIST:
                return reason_set(reason, error, LEAT_ROW_OPENING, "something is there already");
        case -ENOTDIR:
                return reason_set(reason, error, LEAT_ROW_OPENING, "its directory does not exist; make it first");
        case -ENOSPC:
                return reason_set(reason, error, LEAT_ROW_LIMITS,
                                  "the file system has no room for one more file; `df -i` shows it");
        case -EROFS:
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "the file system is mounted to be read; access=ro opens what is there");
        case -ELOOP:
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "a symbolic link is there, and is not followed; name what it points to");
        case -EISDIR:
        case -EINVAL:
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "what is there is no regular file (a directory, a FIFO, a socket or a device)");
        case -EACCES:
        case -EPERM:
                return reason_set(reason, error, LEAT_ROW_WHO,
                                  "it is another user's, and modes do not let you; `ls -l` shows them");
        case -EMFILE:
                return reason_limit(reason, error, "RLIMIT_NOFILE", "this process has as many descriptors as it may");
        default:
                return error;
        }
}

int place_file_find(struct memory_place *place, bool write, struct leat_reason *reason) {
        int fd = memory_open_file(place->path, write ? O_RDWR : O_RDONLY, 0);
        if (fd < 0)
                return explain(fd, reason);
        memory_place_close(place);
        place->fd = fd;
        return 0;
}

static int make(struct memory_place *place, uint64_t size_bytes, struct leat_reason *reason) {
        if (place->huge && memfile_page_bytes(place->fd) == (size_t)sysconf(_SC_PAGESIZE))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS,
                                  "huge pages are for anon: and sysv-shm:, and for map: on a hugetlbfs");
        return place_fd_allocate(place, size_bytes, reason);
}

int place_file_make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason) {
        int fd = memory_open_file(place->path, O_RDWR | O_CREAT | O_EXCL, mode);
        if (fd == -ENOENT)
                return reason_set(reason, fd, LEAT_ROW_OPENING, "its directory does not exist; make it first");
        if (fd < 0)
                return explain(fd, reason);
        memory_place_close(place);
        place->fd = fd;
        int r = make(place, size_bytes, reason);
        if (r < 0) {
                (void)unlink(place->path);
                memory_place_close(place);
        }
        return r;
}

int place_file_remove(struct memory_place *place, struct leat_reason *reason) {
        return unlink(place->path) < 0 ? explain(-errno, reason) : 0;
}

/* ---- using ---- */

int place_fd_look(const struct memory_place *place, uint64_t *ret_bytes, uint32_t ret_mode_uid_gid[3]) {
        struct stat status;
        if (fstat(place->fd, &status) < 0)
                return -errno;
        *ret_bytes = (uint64_t)status.st_size;
        ret_mode_uid_gid[0] = status.st_mode & 07777;
        ret_mode_uid_gid[1] = status.st_uid;
        ret_mode_uid_gid[2] = status.st_gid;
        return 0;
}

int place_fd_map(const struct memory_place *place, void *at, uint64_t offset, uint64_t size_bytes, int prot,
                 bool alone) {
        int flags = MAP_FIXED | (alone ? MAP_PRIVATE : MAP_SHARED);
        if (mmap(at, size_bytes, prot, flags, place->fd, (off_t)offset) != MAP_FAILED)
                return 0;
        /* mlockall(2) and RLIMIT_MEMLOCK. To try again, as with what is leased, would not help. */
        return errno == EAGAIN ? -ENOMEM : -errno;
}

ssize_t place_fd_read(const struct memory_place *place, uint64_t offset, void *buffer, size_t size_bytes) {
        size_t at = 0;
        while (at < size_bytes) {
                ssize_t n = pread(place->fd, (uint8_t *)buffer + at, size_bytes - at, (off_t)(offset + at));
                if (n == 0)
                        break;
                if (n > 0)
                        at += (size_t)n;
                else if (errno != EINTR)
                        return -errno;
        }
        return (ssize_t)at;
}
