/* SPDX-License-Identifier: MIT */

/* POSIX named semaphores: the C library's, in a file of 32 bytes. */

#include "base/cleanup.h"
#include "base/text.h"
#include "base/uncancelled.h"
#include "memory/memfile.h"
#include "memory/place.h"
#include "shared/evidence.h"
#include "shared/semaphore_object.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

/* Where the C library keeps it. */
#ifdef __GLIBC__
#define PREFIX "/dev/shm/sem."
#else
#define PREFIX "/dev/shm/"
#endif
#define NAME_MOST (NAME_MAX - 4)

#define SECOND INT64_C(1000000000)

#ifdef __GLIBC__
#define HAS_CLOCKWAIT __GLIBC_PREREQ(2, 30)
#else
#define HAS_CLOCKWAIT 0 /* musl */
#endif

/* ---- opening ---- */

#define AGAIN 1 /* what another did meanwhile is to be looked at */

static void named_close(struct leat_sem *sem) {
        if (sem->posix)
                (void)sem_close(sem->posix);
        sem->posix = NULL;
}

static int set_name(struct leat_sem *sem, const struct address *address, struct leat_reason *reason) {
        int r = memory_posix_check(address->rest, reason);
        if (r < 0)
                return r;
        if (strlen(address->rest + 1) > NAME_MOST)
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "behind the '/' the name of a semaphore has at most 251 bytes");
        sem->name = strdup(address->rest);
        return sem->name ? text_format(&sem->where, PREFIX "%s", address->rest + 1) : -ENOMEM;
}

/* The C library maps whatever is there: of a shorter file the first touch would be SIGBUS. */
static int check_file(struct leat_sem *sem, struct leat_reason *reason) {
        struct stat status;
        CLOSE_AT_EXIT int fd = memory_open_file(sem->where, O_RDWR, 0);
        if (fd == -EACCES)
                return reason_set(reason, fd, LEAT_ROW_WHO,
                                  "the semaphore is another user's, and its mode does not let you; `ls -l /dev/shm` "
                                  "shows both");
        if (fd >= 0 && fstat(fd, &status) < 0)
                return -errno;
        if (fd == -EINVAL || fd == -ELOOP || (fd >= 0 && (size_t)status.st_size < sizeof(sem_t)))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "what has this name is no semaphore of this C library");
        if (fd < 0)
                return fd;
        sem->device = status.st_dev;
        sem->inode = status.st_ino;
        return 0;
}

static int keep(struct leat_sem *sem, sem_t *posix) {
        if (posix == SEM_FAILED)
                return -errno;
        sem->posix = posix;
        return 0;
}

static int explain_making(int error, struct leat_reason *reason) {
        switch (error) {
        case -EFBIG:
                return reason_limit(reason, error, "RLIMIT_FSIZE",
                                    "this process may not make files; raise `ulimit -f`");
        case -ENOSPC:
                return reason_set(reason, error, LEAT_ROW_LIMITS, "/dev/shm has no room; `df /dev/shm` shows it");
        case -EMFILE:
                return reason_limit(reason, error, "RLIMIT_NOFILE", "this process has as many descriptors as it may");
        case -ENOENT:
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "there is no /dev/shm, where POSIX semaphores are kept: mount a tmpfs there");
        case -EACCES:
        case -EROFS:
                return reason_set(reason, error, LEAT_ROW_WHO,
                                  "this user may make no files in /dev/shm; `ls -ld /dev/shm` and `mount` show why");
        default:
                return error;
        }
}

/* 0; AGAIN: another made it meanwhile, or removed ours. */
static int make(struct leat_sem *sem, const struct address *address, uint32_t count, struct leat_reason *reason) {
        int r = memfile_fits(sizeof(sem_t)); /* the kernel says it with a signal */
        if (r == 0)
                r = keep(sem, sem_open(sem->name, O_CREAT | O_EXCL, (mode_t)address->mode & 0666, (unsigned)count));
        if (r == -EEXIST)
                return address_given(address, OPTION_NEW)
                               ? reason_set(reason, r, LEAT_ROW_OPENING, "a semaphore has this name already")
                               : AGAIN;
        if (r < 0)
                return explain_making(r, reason);
        r = check_file(sem, reason);
        return r == -ENOENT ? AGAIN : r;
}

static int find_or_make(struct leat_sem *sem, const struct address *address, uint32_t count,
                        struct leat_reason *reason) {
        int r = address_given(address, OPTION_NEW) ? -ENOENT : check_file(sem, reason);
        if (r == 0)
                r = keep(sem, sem_open(sem->name, 0));
        if (r != -ENOENT)
                return r;
        return address_given(address, OPTION_OPEN)
                       ? reason_set(reason, r, LEAT_ROW_OPENING, "no semaphore has this name")
                       : make(sem, address, count, reason);
}

static int named_open(struct leat_sem *sem, const struct address *address, uint32_t count, int64_t deadline,
                      struct leat_reason *reason) {
        int64_t pause_ns = 0;
        int r = set_name(sem, address, reason);
        if (r < 0)
                return r;
        while ((r = find_or_make(sem, address, count, reason)) == AGAIN) {
                named_close(sem);
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        return reason_set(reason, r, LEAT_ROW_OPENING,
                                          "others make and remove it all the time: each time it was looked for it had "
                                          "just come or gone");
        }
        return r;
}

/* ---- using ---- */

/* Until a time of CLOCK_MONOTONIC, or, where there is no call for that, for a part of it. 0, -EINTR, -ETIMEDOUT. */
static int wait_once(sem_t *sem, int64_t deadline) {
#if HAS_CLOCKWAIT
        const struct timespec time = { .tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND };
        return sem_clockwait(sem, CLOCK_MONOTONIC, &time) < 0 ? -errno : 0;
#else
        /* By the time of day, which may be set: so it is asked for anew each 100 ms. */
        int64_t left = deadline - leat_now(), part = SECOND / 10;
        struct timespec time;
        (void)clock_gettime(CLOCK_REALTIME, &time); /* cannot fail */
        int64_t until = time.tv_nsec + (left > part ? part : left > 0 ? left : 0);
        time.tv_sec += until / SECOND;
        time.tv_nsec = until % SECOND;
        if (sem_timedwait(sem, &time) == 0)
                return 0;
        return errno == ETIMEDOUT && left > part ? -EINTR : -errno;
#endif
}

static int wait_until(sem_t *sem, int64_t deadline) {
        UNCANCELLED;
        int r;
        do
                if (deadline == LEAT_NEVER)
                        r = sem_wait(sem) < 0 ? -errno : 0;
                else
                        r = wait_once(sem, deadline < 0 ? 0 : deadline);
        while (r == -EINTR);
        return r;
}

static int named_take(struct leat_sem *sem, bool undo, int64_t deadline) {
        int r;
        (void)undo; /* there is none */
        do
                r = sem_trywait(sem->posix) < 0 ? -errno : 0;
        while (r == -EINTR);
        return r == -EAGAIN && deadline != LEAT_NOW ? wait_until(sem->posix, deadline) : r;
}

static int named_give(struct leat_sem *sem, bool undo) {
        (void)undo;
        return sem_post(sem->posix) < 0 ? -errno : 0;
}

static int64_t named_count(const struct leat_sem *sem) {
        int value;
        if (sem_getvalue(sem->posix, &value) < 0)
                return -errno;
        return value > 0 ? value : 0;
}

static int named_tell(const struct leat_sem *sem, struct leat_sem_info *info) {
        struct stat status;
        if (lstat(sem->where, &status) < 0)
                return -errno;
        if (status.st_dev != sem->device || status.st_ino != sem->inode)
                return -ENOENT; /* the name is another's by now */
        info->made_s = status.st_ctime;
        info->mode = status.st_mode & 0777;
        info->uid = status.st_uid;
        info->gid = status.st_gid;
        return 0;
}

static void clear(struct leat_sem *sem) {
        free(sem->name);
        free(sem->where);
}

static int named_remove(const struct address *address, struct leat_reason *reason) {
        CLEANUP(clear) struct leat_sem sem = { .set = -1 };
        int r = set_name(&sem, address, reason);
        if (r < 0)
                return r;
        /* Who may not use it may still be the one who may remove it. */
        r = check_file(&sem, reason);
        if (r < 0 && r != -EACCES)
                return r == -ENOENT ? reason_set(reason, r, LEAT_ROW_OPENING, "no semaphore has this name") : r;
        if (sem_unlink(sem.name) == 0)
                return 0;
        return errno == EACCES || errno == EPERM
                       ? reason_set(reason, -errno, LEAT_ROW_WHO, "only the semaphore's owner removes it")
                       : -errno;
}

const struct sem_kind sem_kind_posix = {
        .scheme = "posix-sem",
        .options =
                OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_CREATE) | OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_MODE),
        .most = INT32_MAX,
        .undoes = false,
        .open = named_open,
        .close = named_close,
        .take = named_take,
        .give = named_give,
        .count = named_count,
        .tell = named_tell,
        .remove = named_remove,
};
