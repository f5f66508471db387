/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SEMAPHORE_H
#define LEAT_SEMAPHORE_H

/*
 * Semaphores of the system: System V's (semop(2)) and POSIX's named ones (sem_overview(7)), as other programs have them, with deadlines. For new programs
 * that share a region there are better ones in <leat/lock.h>.
 *
 * LIFE. leat_sem_open() makes one with its count, or finds it; leat_sem_take() waits until the count is above 0 and takes 1 away, leat_sem_give() adds 1;
 * leat_sem_close(). The semaphore and its count stay, until leat_sem_remove() or the machine's end.
 *
 *     struct leat_sem *seats = NULL;
 *
 *     int r = leat_sem_open("sysv-sem:/srv/cinema#s", 40, leat_in_s(5), NULL, &seats);
 *     if (r == 0)
 *             r = leat_sem_take(seats, LEAT_SEM_USUAL, leat_in_s(5));
 *     if (r == 0)
 *             r = leat_sem_give(seats, LEAT_SEM_USUAL);
 *     seats = leat_sem_close(seats);
 *
 * ADDRESSES.
 *
 *     sysv-sem:/path#id     a System V semaphore, by the key of a path and a project (ftok(3)); id is 1 to 255, or a character
 *     sysv-sem:0x162e       the same by its key
 *     posix-sem:/name       a POSIX semaphore (sem_open(3))
 *
 * Options, behind '?': open, create (the default), new; mode=0600 (who may use it; cut by the umask); of sysv-sem: offset=N (the N-th of a set that has several, from 0; a
 * new set has one) and access=ro (to look at it alone).
 *
 * DEATH. What a process took of sysv-sem: and has not given back when it ends, however it ends, the kernel gives back (SEM_UNDO), but for what was taken with LEAT_SEM_KEEP.
 * posix-sem: has nothing like it: what a killed process took is gone until somebody gives it, and so LEAT_SEM_UNDO is -ENOTSUP there.
 *
 * GIVING. One that was taken is given back by the same process, with the same struct leat_sem. Who gives what it never took (a producer) adds one
 * for good, which is not undone at its end. Of sysv-sem: the struct knows how many it has to give back, and does one or the other.
 *
 * CREATION. A System V semaphore is made first and gets its count then. One that has none yet is waited for; where its maker was killed in between the next one that
 * may make it gives it its count. A file /dev/shm/leat.sysv-sem-KEY.lock is there meanwhile, and until leat_sem_remove() if the maker was killed just then. What other programs make is believed to be whole once it was used or
 * set by semctl(2): but one that was set to 0, by a process of a pid name space that ours does not know, and was not used since, cannot be told from one without a count. POSIX semaphores appear with their count.
 *
 * WAITING. Deadlines count by CLOCK_MONOTONIC; setting the time of day does not move them. (POSIX semaphores of musl know no such clock, and look at it every 100 ms.) Signal
 * handlers that run meanwhile neither end nor lengthen it. Who waits first is not always served first.
 *
 * THREADS. All calls on one may be made by several threads at once, but leat_sem_close(). None is a cancellation point (pthread_cancel(3)). FORK. In a forked child calls answer -ECHILD: it opens its own. SIGNALS.
 * Nothing here may be called from a signal handler.
 *
 * LIMITS. A count is at most 32,767 (System V) or 2^31 - 1 (POSIX). A POSIX semaphore is 32 bytes in /dev/shm: who cuts it off under its users
 * ends them by SIGBUS. Programs of glibc and of musl do not share POSIX semaphores: their names and bytes differ.
 *
 * Errors of all: -EIDRM (System V: it was removed meanwhile), -ECHILD.
 *
 * Follows POSIX.1-2017 semget(), semop(), semctl(), sem_open(), sem_wait(), sem_clockwait() (Issue 8).
 */

#include <leat/deadline.h>
#include <leat/error.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_sem;

/*
 * Make a semaphore, or find it.
 *
 * address: as above. count: of a new one; of one that is there its own stays. deadline: how long another one that makes it is waited for (or others that make and remove it).
 * ret_reason: on failure, why; or NULL.
 * Returns 0; -ENOENT, -EEXIST (open, new; -ENOENT also without /dev/shm); -EACCES; -EINVAL (address; count; what is there is no semaphore; offset= is behind the end of the set); -ENOSPC (a limit of the system, which the reason
 * names); -ENOMEM, -EMFILE; -ENOTSUP (an option that this kind has not); -ETIMEDOUT, -EAGAIN (it has no count yet, or comes and goes). Since 0.1.
 */
int leat_sem_open(const char *address, uint32_t count, int64_t deadline, struct leat_reason *ret_reason,
                  struct leat_sem **ret_sem);

/* End its use here. What was taken with undo stays taken, until it is given or the process ends. NULL is taken. Returns NULL. Since 0.1. */
struct leat_sem *leat_sem_close(struct leat_sem *sem);

enum leat_sem_undo {
        LEAT_SEM_USUAL = 0, /* undone at this process's end, where the kind knows that */
        LEAT_SEM_UNDO = 1,  /* undone, or -ENOTSUP */
        LEAT_SEM_KEEP = 2   /* not undone */
};

/*
 * Take one. Blocks until the deadline.
 * Returns 0; -ETIMEDOUT, -EAGAIN (LEAT_NOW); -EACCES (access=ro); -ENOTSUP (LEAT_SEM_UNDO of posix-sem:); -EINVAL (undo); -ENOSPC, -ENOMEM (the kernel keeps no more undos: SEMMNU);
 * -ERANGE (it took 32,767 with undo); and the errors of all. Since 0.1.
 */
int leat_sem_take(struct leat_sem *sem, enum leat_sem_undo undo, int64_t deadline);

/*
 * Give one, and wake who waits for it. LEAT_SEM_USUAL: what this struct took with undo is given back first; LEAT_SEM_UNDO: such a one alone, or -EPERM; LEAT_SEM_KEEP: for good.
 * Does not block.
 * Returns 0; -EOVERFLOW (the count would pass its limit); -EPERM; -EACCES, -ENOTSUP, -EINVAL as above; and the errors of all. Since 0.1.
 */
int leat_sem_give(struct leat_sem *sem, enum leat_sem_undo undo);

/* How many are there now? Or an error of all. Does not block. Since 0.1. */
int64_t leat_sem_count(struct leat_sem *sem);

struct leat_sem_info {
        size_t struct_size;  /* set by LEAT_SEM_INFO_INIT */
        const char *address; /* as long as it is open */
        const char *where;   /* "System V semaphore 0x162e", "/dev/shm/sem.seats"; as long */
        uint32_t count;
        int64_t waiters;      /* how many wait to take one; -1: it is not known (POSIX) */
        int64_t zero_waiters; /* other programs that wait until there are none (semop(2)); -1 */
        pid_t last_pid;       /* who took or gave last; 0: it is not known, or of another pid name space */
        uint32_t set_size;    /* how many semaphores its set has; 1 */
        int64_t last_s,
                made_s; /* CLOCK_REALTIME: last taken or given (0: never, or not known); made, or changed by semctl(2) (POSIX: the file's st_ctime) */
        uint32_t mode, uid, gid;
        uint32_t held; /* this process gives back so many at its end, by this struct */
};
#define LEAT_SEM_INFO_INIT                                                                                             \
        { sizeof(struct leat_sem_info), NULL, NULL, 0, -1, -1, 0, 1, 0, 0, 0, 0, 0, 0 }

/* Tell about it. Returns 0; -EINVAL (struct_size); -ENOENT (POSIX: it has no name any more); and the errors of all. Does not block. Since 0.1. */
int leat_sem_info(struct leat_sem *sem, struct leat_sem_info *ret_info);

/*
 * Remove it; of a System V set all of it; and the lock file that a killed maker left, also without the semaphore (-ENOENT). Who waits for a System V semaphore gets -EIDRM; users of a POSIX semaphore go on with it.
 * Returns 0; -ENOENT; -EACCES, -EPERM; -EINVAL (address; or it is no semaphore). Does not block. Since 0.1.
 */
int leat_sem_remove(const char *address, struct leat_reason *ret_reason);

#ifdef __cplusplus
}
#endif

#endif
