/* SPDX-License-Identifier: MIT */
#include "shared/evidence.h"

#include "base/uncancelled.h"
#include "memory/memfile.h"
#include "shared/header.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE_NS 50000
#define LONGEST_PAUSE_NS 2000000

static struct flock range(short type, uint64_t at, uint64_t count) {
        return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = (off_t)count };
}

int evidence_try(int fd, short type, uint64_t at, uint64_t count) {
        struct flock lock = range(type, at, count);
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
                return 0;
        return errno == EACCES ? -EAGAIN : -errno;
}

/* Who asks for this lock is told of those that are in its way. */
static bool is_refused(int fd, short type, uint64_t at, uint64_t count) {
        struct flock lock = range(type, at, count);
        return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

bool evidence_is_held(int fd, uint64_t at, uint64_t count) {
        return is_refused(fd, F_RDLCK, at, count);
}

bool evidence_is_shared(int fd, uint64_t at, uint64_t count) {
        return is_refused(fd, F_WRLCK, at, count);
}

int evidence_pause(int64_t *pause_ns, int64_t deadline) {
        int64_t now = leat_now(), pause = *pause_ns ? *pause_ns : FIRST_PAUSE_NS;
        if (deadline <= now)
                return deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
        if (pause > deadline - now)
                pause = deadline - now;
        *pause_ns = *pause_ns * 2 > LONGEST_PAUSE_NS ? LONGEST_PAUSE_NS : pause * 2;
        UNCANCELLED;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = pause }, NULL);
        return 0;
}

int evidence_take(int fd, short type, uint64_t at, int64_t deadline) {
        int64_t pause_ns = 0;
        int r;
        while ((r = evidence_try(fd, type, at, 1)) == -EAGAIN)
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        return r;
        return r;
}

int lock_file_open(const char *path, bool write, bool make, mode_t mode) {
        int fd;
        do {
                /* O_CREAT only for a new one: in a directory of all users it is refused for another's (fs.protected_regular). */
                fd = memory_open_file(path, write ? O_RDWR : O_RDONLY, 0);
                if (fd == -ENOENT && make)
                        fd = memory_open_file(path, O_RDWR | O_CREAT | O_EXCL, mode);
        } while (fd == -EEXIST);
        return fd;
}

bool lock_file_is_inhabited(int fd) {
        return evidence_is_shared(fd, REGION_LOCK_READERS, REGION_LOCK_SLOTS - REGION_LOCK_READERS) ||
               evidence_is_held(fd, REGION_LOCK_SLOTS, REGION_PARTICIPANTS_MOST);
}

bool lock_file_is_named(int fd, const char *path) {
        struct stat file, name;
        return fstat(fd, &file) == 0 && lstat(path, &name) == 0 && file.st_dev == name.st_dev &&
               file.st_ino == name.st_ino;
}

int lock_file_read(int fd, struct region_lock_head *ret_head) {
        struct region_lock_head head = { 0 };
        ssize_t n = pread(fd, &head, sizeof(head), 0);
        if (n < 0)
                return -errno;
        if (n != 0 && ((size_t)n < sizeof(head) || memcmp(head.magic, REGION_LOCK_MAGIC, sizeof(head.magic)) != 0 ||
                       head.version != REGION_VERSION || head.state > REGION_LOCK_REMOVING))
                return -EINVAL;
        *ret_head = head;
        return 0;
}

int lock_file_write(int fd, uint16_t state, const uint8_t identity[16]) {
        struct region_lock_head head = { .magic = REGION_LOCK_MAGIC, .version = REGION_VERSION, .state = state };
        memcpy(head.identity, identity, sizeof(head.identity));
        int r = memfile_fits(sizeof(head)); /* the kernel says it with a signal */
        if (r < 0)
                return r;
        ssize_t n = pwrite(fd, &head, sizeof(head), 0);
        return n < 0 ? -errno : n == (ssize_t)sizeof(head) ? 0 : -ENOSPC;
}

void lock_file_follow(int fd, const uint32_t mode_uid_gid[3]) {
        struct stat status;
        if (fstat(fd, &status) < 0)
                return;
        if (status.st_uid != mode_uid_gid[1] || status.st_gid != mode_uid_gid[2])
                (void)!fchown(fd, mode_uid_gid[1], mode_uid_gid[2]);
        if ((status.st_mode & 0777) != (mode_uid_gid[0] & 0666))
                (void)fchmod(fd, mode_uid_gid[0] & 0666);
}
