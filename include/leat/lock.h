/* SPDX-License-Identifier: MIT */
#ifndef LEAT_LOCK_H
#define LEAT_LOCK_H

/*
 * Locks in a region: mutual exclusion, readers and a writer, semaphores, conditions, barriers, once.
 *
 * LIFE. A lock is a few bytes anywhere in the program's bytes of a region (<leat/region.h>), at a multiple of 8. All zeroes is a free one, so that a new region
 * needs no initialisation. It belongs to the region that is named with each call.
 *
 *     r = leat_mutex_lock(region, &shop->lock, leat_in_s(5));
 *     if (r == -EOWNERDEAD) {                       // it is locked, and its owner died with it
 *             count_again(shop);
 *             r = leat_mutex_mend(region, &shop->lock);
 *     }
 *
 * DEATH. An owner that dies, however it ends, passes its lock on: who gets it next is told -EOWNERDEAD, and so is everybody after that, until one has looked at the data and says leat_mutex_mend(). That
 * one is dead is what the kernel says (the region's EVIDENCE), never a time that passed. An owner that is stopped still owns.
 *
 * WAITING. Without contention no call of the system is made. Who waits sleeps, and looks at the owner's evidence every 10 ms: a killed owner costs the next one
 * at most that. Who has waited for 1 ms is handed the lock by whoever unlocks it, in turn: nobody starves.
 *
 * CIRCLES. A second lock by the thread that has it is -EDEADLK; and so is a circle of threads, each of which waits for a mutex that the next one has:
 * it is told to one of them, after 10 ms or more; leat_deadlock() says who and where. Of a process at most 6 threads are seen waiting at once, and a circle
 * has at most 32. Who waits for readers to leave, or for anything else than an owner, is in no circle that is seen.
 *
 * THREADS. Any, of any participant. A lock belongs to a thread by its number, 1 to 4,095 in its process, which it has from its first lock on, until the last of its destructors
 * (pthread_key_create(3)). A thread that ends with a lock keeps it for its process: nobody gets it, until another thread has that number, which counts as its owner then. While 4,095
 * threads use locks at once, others have no number, and are not told apart: each may unlock what another of them has, and none is told -EDEADLK, it waits. SIGNALS. Nothing here may be called from a signal handler.
 *
 * Errors of all: -EINVAL (not in the region, or not at a multiple of 8), -EACCES (access=ro, or leat_region_protect()), -ENOTSUP (raw), -ECHILD (a forked child's);
 * of all that wait: -ETIMEDOUT, -EAGAIN (LEAT_NOW); -ENOMEM: who had it died in a transaction that cannot be rolled back here (leat_txn_begin()), and it is left to the next one.
 *
 * What a lock's bytes mean: docs/design/shared.md, "Locks".
 */

#include <leat/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- mutual exclusion ---- */

struct leat_mutex {
        uint64_t words[2];
};

/*
 * Lock it. Blocks until the deadline. LEAT_NOW: -EAGAIN where somebody has it, or starves and is about to get it; from a dead owner it is taken.
 * Returns 0: it is locked; -EOWNERDEAD: it is locked, and what it protects may be half done; -EDEADLK; and the errors of all. Since 0.1.
 */
int leat_mutex_lock(struct leat_region *region, struct leat_mutex *mutex, int64_t deadline);

/* Unlock it; by the thread that locked it. Does not block. Returns 0; -EPERM: this thread has not locked it; and the errors of all. Since 0.1. */
int leat_mutex_unlock(struct leat_region *region, struct leat_mutex *mutex);

/* Say that what it protects is right again; by the thread that has it. Returns as leat_mutex_unlock(). Since 0.1. */
int leat_mutex_mend(struct leat_region *region, struct leat_mutex *mutex);

/* ---- readers and a writer ---- */

struct leat_rwlock {
        uint64_t words[4];
};

/*
 * Lock it for reading, with others, or for writing, alone. A writer that waits keeps new readers out. What a dead reader had is free; a dead
 * writer is told as by a mutex, to readers too; one that only waited is not. A participant has at most 16 locks for reading at once, of all its threads: -ENOLCK.
 * A thread that reads may lock it for reading again, also while a writer waits: it unlocks as often. To lock for writing what it reads, and for reading
 * or writing what it writes, is -EDEADLK at once.
 * Returns as leat_mutex_lock(). Since 0.1.
 */
int leat_rwlock_read(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline);
int leat_rwlock_write(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline);

/* Unlock what this thread has of it. Returns as leat_mutex_unlock(). Since 0.1. */
int leat_rwlock_unlock(struct leat_region *region, struct leat_rwlock *lock);

/* As leat_mutex_mend(), by the writer. Since 0.1. */
int leat_rwlock_mend(struct leat_region *region, struct leat_rwlock *lock);

/* ---- semaphores ---- */

#define LEAT_SEMAPHORE_HOLDERS 14

struct leat_semaphore {
        uint64_t words[4 + LEAT_SEMAPHORE_HOLDERS];
};

/*
 * Say how many there are, once, before it is used (zeroes: none); up to 2^31 - 1. Who holds some is forgotten. Returns 0, -EINVAL, and the errors of all. Since 0.1.
 */
int leat_semaphore_set(struct leat_region *region, struct leat_semaphore *semaphore, uint32_t count);

/*
 * Take one of them, with `undo` to be given back if this process dies with it (as SEM_UNDO of semop(2)), or closes the region; -ENOLCK: LEAT_SEMAPHORE_HOLDERS
 * processes hold some that way already, or this one 65,535. Who has waited for 1 ms goes before those that come then.
 * Returns 0 and the errors of all that wait; -EAGAIN also: somebody is in the midst of taking; -EBADMSG: what stands in it is not possible. Since 0.1.
 */
int leat_semaphore_take(struct leat_region *region, struct leat_semaphore *semaphore, bool undo, int64_t deadline);

/*
 * Give one; `undo`: one that was taken so by this process (-EPERM: it has none). -EOVERFLOW: there are 2^31 - 1. Does not block. Lock-free.
 * Returns 0 and the errors of all. Since 0.1.
 */
int leat_semaphore_give(struct leat_region *region, struct leat_semaphore *semaphore, bool undo);

/* How many are there now, with those that dead ones held? It may be called with access=ro. Does not block. Or an error of all. Since 0.1. */
int64_t leat_semaphore_count(struct leat_region *region, const struct leat_semaphore *semaphore);

/* ---- conditions ---- */

struct leat_condition {
        uint64_t words[2];
};

/*
 * Unlock the mutex, wait until the condition is signalled, lock it again. It may return without a signal: the caller looks again. Who dies with the mutex
 * locked would never signal: the waiters come back with -EOWNERDEAD.
 * The mutex is locked when it returns 0, -EOWNERDEAD (as leat_mutex_lock()), -ETIMEDOUT and -EAGAIN (to get it back is waited for as long as it takes). It is not, when it
 * could not be got back: -EDEADLK: that would close a circle; -EACCES: meanwhile leat_region_protect() took the right to write away; -ENOMEM: its owner died in a transaction that cannot be rolled back here (leat_txn_begin()). Errors that come before
 * it waits leave it as it was: -EPERM: this thread has not locked it; -EACCES: it may not write; and the others of all. Since 0.1.
 */
int leat_condition_wait(struct leat_region *region, struct leat_condition *condition, struct leat_mutex *mutex,
                        int64_t deadline);

/*
 * Wake those that wait. All of them: a single one that was woken might be dead before it acts, and the others would sleep on.
 * Returns 0 and the errors of all. Does not block. Since 0.1.
 */
int leat_condition_signal(struct leat_region *region, struct leat_condition *condition);

/* ---- barriers ---- */

#define LEAT_BARRIER_PARTIES 32

struct leat_barrier {
        uint64_t words[4 + LEAT_BARRIER_PARTIES];
};

/* Say for how many, 1 to LEAT_BARRIER_PARTIES, before it is used; once, or each party the same. Returns 0, -EINVAL, and the errors of all. Since 0.1. */
int leat_barrier_set(struct leat_region *region, struct leat_barrier *barrier, uint32_t parties);

/*
 * Wait until so many are here.
 * Returns 0, or 1 to one of them, the last; -EOWNERDEAD: one that was here died before all were: to all that are, and the next round begins. Whose death comes when all are
 * here does not change that. -ETIMEDOUT, -EAGAIN: this one is not here any more. Who is stopped behind its round learns how that ended, unless 32 more have ended
 * since: -EOWNERDEAD. -EINVAL also: it was not set. Since 0.1.
 */
int leat_barrier_wait(struct leat_region *region, struct leat_barrier *barrier, int64_t deadline);

/* ---- once ---- */

struct leat_once {
        uint64_t words[2];
};

/*
 * Is it to be done? One is told so, the others wait until it is done. Who dies in the midst of it is replaced.
 * Returns 1: do it, and say leat_once_done(); 0: it is done (that is told with access=ro too); -EDEADLK: this thread is to do it; and the errors of all that wait. Since 0.1.
 */
int leat_once_begin(struct leat_region *region, struct leat_once *once, int64_t deadline);

/* It is done. Returns 0; -EPERM: this thread was not to do it. Since 0.1. */
int leat_once_done(struct leat_region *region, struct leat_once *once);

/* ---- circles ---- */

struct leat_deadlock_party {
        uint32_t slot;   /* of the participant */
        uint32_t thread; /* of its threads, numbered in the order in which they first used a lock */
        pid_t pid;       /* as it says itself */
        uint64_t has;    /* offset of the mutex that it has, in the program's bytes ... */
        uint64_t wants;  /* ... and of that which it waits for, and the next has; UINT64_MAX: that of transactions */
};

/*
 * The circle that this thread was told of last (-EDEADLK), itself first.
 * Returns how many parties there are, of which `max` are written; 0: it was not told of one. Since 0.1.
 */
int leat_deadlock(struct leat_region *region, struct leat_deadlock_party *ret_parties, size_t max);

#ifdef __cplusplus
}
#endif

#endif
