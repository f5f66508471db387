/* SPDX-License-Identifier: MIT */

/*
 * System V semaphores.
 *
 * One is made by semget(2), and gets its count by a second call, so that it can be seen, and its maker killed, in between. It has its count once something was done with
 * it: a time of the last operation (ours begin with one), a process that set it (semctl), or a value. What has none of them is waited for, and its count is given it by one at a time, who has the
 * lock file: while that is held its maker lives.
 */

#include "base/cleanup.h"
#include "base/text.h"
#include "base/umask.h"
#include "memory/place.h"
#include "shared/evidence.h"
#include "shared/semaphore_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <time.h>

#define MOST 32767 /* SEMVMX */
#define FROM_MAKING ((int64_t)0)

union argument {
        int value;
        struct semid_ds *status;
};

/* Its number may be of a set that is gone by now, and is never another's. */
static int gone(int error) {
        return error == -EINVAL ? -EIDRM : error;
}

static int look(int set, struct semid_ds *ret_status) {
        return semctl(set, 0, IPC_STAT, (union argument){ .status = ret_status }) < 0 ? gone(-errno) : 0;
}

static int get(const struct leat_sem *sem, int what) {
        int value = semctl(sem->set, sem->index, what);
        return value < 0 ? gone(-errno) : value;
}

/* ---- finding ---- */

static int check_set(const struct leat_sem *sem, const struct semid_ds *status, struct leat_reason *reason) {
        if (sem->index < status->sem_nsems)
                return 0;
        reason_set(reason, -EINVAL, LEAT_ROW_LIMITS, "offset= is behind the end of the set");
        if (reason) {
                reason->limit = "semaphores in the set";
                reason->limit_value = (int64_t)status->sem_nsems;
        }
        return -EINVAL;
}

/* 1: it is there, and has its count; 0: it is there without. */
static int find(struct leat_sem *sem, struct leat_reason *reason) {
        struct semid_ds status = { 0 };
        sem->set = semget(sem->key, 0, sem->looks ? S_IRUSR : S_IRUSR | S_IWUSR);
        if (sem->set < 0)
                return errno == EACCES ? reason_set(reason, -EACCES, LEAT_ROW_WHO,
                                                    "the semaphore is another user's, and its mode does not let you; "
                                                    "`ipcs -s` shows both")
                                       : -errno;
        int r = look(sem->set, &status);
        if (r == 0)
                r = check_set(sem, &status, reason);
        if (r < 0 || status.sem_otime != 0)
                return r < 0 ? r : 1;
        /* Who set it by semctl(2) has no number in another pid name space: what it set it to is there all the same. */
        int pid = get(sem, GETPID), value = get(sem, GETVAL);
        return pid < 0 ? pid : value < 0 ? value : pid != 0 || value != 0;
}

/* ---- making ---- */

/*
 * Only where it is 0, in one step: another program may have given it a count since we looked. With none it is made an operation all the same,
 * which leaves the time by which it is known.
 */
static int give_count(const struct leat_sem *sem, uint32_t count) {
        struct sembuf steps[] = {
                { .sem_num = sem->index, .sem_flg = IPC_NOWAIT },
                { .sem_num = sem->index, .sem_op = (short)count, .sem_flg = IPC_NOWAIT },
        };
        if (semop(sem->set, steps, count > 0 ? 2 : 1) == 0)
                return 0;
        return errno == EAGAIN ? 0 : gone(-errno);
}

static int explain_making(int error, struct leat_reason *reason) {
        if (error == -ENOSPC)
                return reason_limit(reason, error, "kernel.sem",
                                    "the system has as many semaphores as it may; `ipcs -ls` shows the limits, `ipcs "
                                    "-s` the sets");
        return error;
}

/* By who has the lock file. 0; -EEXIST; -ENOENT: it went while we looked. */
static int make_locked(struct leat_sem *sem, const struct address *address, uint32_t count,
                       struct leat_reason *reason) {
        int r = find(sem, reason);
        if (r >= 0 && address_given(address, OPTION_NEW))
                return -EEXIST;
        if (r != 0 && r != -ENOENT)
                return r < 0 ? r : 0;
        if (r == -ENOENT && sem->index > 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_OPENING,
                                  "no semaphore has this key, and a set that is made has one: leave offset= away");
        if (r == -ENOENT) {
                sem->set = semget(sem->key, 1, IPC_CREAT | IPC_EXCL | (int)umask_cut((mode_t)address->mode));
                if (sem->set < 0) /* another program's, just now: look again */
                        return errno == EEXIST ? -ENOENT : explain_making(-errno, reason);
        }
        return give_count(sem, count);
}

struct lock_path {
        char text[64];
};

static struct lock_path lock_path(key_t key) {
        struct lock_path path;
        (void)snprintf(path.text, sizeof(path.text), "/dev/shm/leat.sysv-sem-0x%x.lock", (unsigned)key);
        return path;
}

/* By who has it. */
static void remove_lock_file(const char *path, int fd) {
        if (lock_file_is_named(fd, path))
                (void)unlink(path);
}

/* A descriptor that holds it. */
static int lock_making(const char *path, mode_t mode, int64_t deadline, struct leat_reason *reason) {
        while (true) {
                CLOSE_AT_EXIT int fd = lock_file_open(path, true, true, mode);
                if (fd < 0)
                        return reason_set(
                                reason, fd, LEAT_ROW_OPENING,
                                "the lock file of its making (/dev/shm/leat.sysv-sem-KEY.lock) cannot be had");
                int r = evidence_take(fd, F_WRLCK, FROM_MAKING, deadline);
                if (r < 0)
                        return reason_set(reason, r, LEAT_ROW_OPENING, "another process is making it");
                if (lock_file_is_named(fd, path)) /* else its holder removed it before we had it */
                        return take_fd(&fd);
        }
}

static int make(struct leat_sem *sem, const struct address *address, uint32_t count, int64_t deadline,
                struct leat_reason *reason) {
        struct lock_path path = lock_path(sem->key);
        CLOSE_AT_EXIT int fd = lock_making(path.text, (mode_t)address->mode, deadline, reason);
        if (fd < 0)
                return fd;
        int64_t pause_ns = 0;
        int r;
        /* Each other time round is one that another program made or removed meanwhile. */
        while ((r = make_locked(sem, address, count, reason)) == -ENOENT || r == -EIDRM)
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        break;
        remove_lock_file(path.text, fd);
        return r == -EEXIST ? reason_set(reason, r, LEAT_ROW_OPENING, "a semaphore has this key already") : r;
}

/* ---- opening ---- */

/* Who may not make it waits until somebody else has. Who only looks sees it without a count. */
static int await(struct leat_sem *sem, int64_t deadline, struct leat_reason *reason) {
        int64_t pause_ns = 0;
        int r;
        while ((r = find(sem, reason)) == 0 && !sem->looks)
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        return reason_set(reason, r, LEAT_ROW_OPENING,
                                          "the semaphore was made and never had a count: its maker is about to give it "
                                          "one, or died; who opens it with create does it too");
        if (r == -ENOENT || r == -EIDRM)
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "no semaphore has this key");
        return r < 0 ? r : 0;
}

static int choose(struct leat_sem *sem, const struct address *address, struct leat_reason *reason) {
        if (address_given(address, OPTION_ACCESS) && address->access == 0)
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_ACCESS], "a semaphore is ro or rw");
        if (address->offset >= MOST)
                return reason_at(reason, -EINVAL, address->columns[OPTION_OFFSET], "no set has so many semaphores");
        sem->looks = address->access == 1;
        sem->index = (uint16_t)address->offset;
        return memory_sysv_key(address->rest, reason, &sem->key);
}

static int keyed_open(struct leat_sem *sem, const struct address *address, uint32_t count, int64_t deadline,
                      struct leat_reason *reason) {
        int r = choose(sem, address, reason);
        if (r == 0)
                r = text_format(&sem->where, "System V semaphore 0x%x", (unsigned)sem->key);
        if (r < 0)
                return r;
        if (sem->looks || address_given(address, OPTION_OPEN))
                return await(sem, deadline, reason);
        r = address_given(address, OPTION_NEW) ? -ENOENT : find(sem, reason);
        if (r == 0 || r == -ENOENT || r == -EIDRM)
                return make(sem, address, count, deadline, reason);
        return r < 0 ? r : 0;
}

static void keyed_close(struct leat_sem *sem) {
        (void)sem;
}

/* ---- using ---- */

static int keyed_take(struct leat_sem *sem, bool undo, int64_t deadline) {
        struct sembuf step = { .sem_num = sem->index,
                               .sem_op = -1,
                               .sem_flg = (short)((undo ? SEM_UNDO : 0) | (deadline == LEAT_NOW ? IPC_NOWAIT : 0)) };
        while (true) {
                int64_t now = leat_now(), left = deadline > now ? deadline - now : 0;
                struct timespec time = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
                if (semtimedop(sem->set, &step, 1, deadline == LEAT_NEVER ? NULL : &time) == 0)
                        return 0;
                if (errno == EAGAIN)
                        return deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
                if (errno != EINTR)
                        return gone(-errno);
        }
}

static int keyed_give(struct leat_sem *sem, bool undo) {
        struct sembuf step = { .sem_num = sem->index,
                               .sem_op = 1,
                               .sem_flg = (short)((undo ? SEM_UNDO : 0) | IPC_NOWAIT) };
        if (semop(sem->set, &step, 1) == 0)
                return 0;
        return errno == ERANGE ? -EOVERFLOW : gone(-errno);
}

static int64_t keyed_count(const struct leat_sem *sem) {
        return get(sem, GETVAL);
}

static int keyed_tell(const struct leat_sem *sem, struct leat_sem_info *info) {
        struct semid_ds status = { 0 };
        int r = look(sem->set, &status);
        if (r < 0)
                return r;
        int waiters = get(sem, GETNCNT), zero = get(sem, GETZCNT), pid = get(sem, GETPID);
        if (waiters < 0 || zero < 0 || pid < 0)
                return -EIDRM;
        info->waiters = waiters;
        info->zero_waiters = zero;
        info->last_pid = pid;
        info->set_size = (uint32_t)status.sem_nsems;
        info->last_s = status.sem_otime;
        info->made_s = status.sem_ctime;
        info->mode = status.sem_perm.mode & 0777;
        info->uid = status.sem_perm.uid;
        info->gid = status.sem_perm.gid;
        return 0;
}

/* A maker that was killed in the midst leaves its lock file, of which nobody takes notice. */
static void remove_left_lock_file(key_t key) {
        struct lock_path path = lock_path(key);
        CLOSE_AT_EXIT int fd = lock_file_open(path.text, true, false, 0);
        if (fd >= 0 && evidence_try(fd, F_WRLCK, FROM_MAKING, 1) == 0)
                remove_lock_file(path.text, fd);
}

static int keyed_remove(const struct address *address, struct leat_reason *reason) {
        key_t key;
        int r = memory_sysv_key(address->rest, reason, &key);
        if (r < 0)
                return r;
        int set = semget(key, 0, 0);
        r = set >= 0 && semctl(set, 0, IPC_RMID) == 0 ? 0 : gone(-errno);
        if (r == -EIDRM)
                r = -ENOENT; /* by another, just now */
        if (r == 0 || r == -ENOENT)
                remove_left_lock_file(key); /* it may have been killed before it made the set */
        if (r == -ENOENT)
                return reason_set(reason, r, LEAT_ROW_OPENING, "no semaphore has this key");
        return r == -EPERM ? reason_set(reason, r, LEAT_ROW_WHO,
                                        "only the semaphore's owner removes it; `ipcs -s` shows who that is")
                           : r;
}

const struct sem_kind sem_kind_sysv = {
        .scheme = "sysv-sem",
        .options = OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_CREATE) | OPTION_BIT(OPTION_NEW) |
                   OPTION_BIT(OPTION_MODE) | OPTION_BIT(OPTION_OFFSET) | OPTION_BIT(OPTION_ACCESS),
        .most = MOST,
        .undoes = true,
        .open = keyed_open,
        .close = keyed_close,
        .take = keyed_take,
        .give = keyed_give,
        .count = keyed_count,
        .tell = keyed_tell,
        .remove = keyed_remove,
};
