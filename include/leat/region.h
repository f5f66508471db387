/* SPDX-License-Identifier: MIT */
#ifndef LEAT_REGION_H
#define LEAT_REGION_H

/*
 * Regions: memory that several processes share, and change at once.
 *
 * LIFE. leat_region_open() makes a region or finds it, maps it, and makes this process a *participant*: for as long as it has the region open, it holds a lock of
 * the kernel by which the others see that it lives. What lies in the region is the program's own; locks (<leat/lock.h>), transactions (<leat/transaction.h>),
 * notices (<leat/notice.h>) and structures (<leat/structures.h>) work on it. leat_region_close() ends that. The region stays, until leat_region_remove().
 *
 *     struct shop { struct leat_mutex lock; int64_t stock, cash; };
 *     struct leat_region *region = NULL;
 *
 *     int r = leat_region_open("region:/shop", sizeof(struct shop), NULL, leat_in_s(5), NULL, &region);
 *     struct shop *shop = r == 0 ? leat_region_data(region) : NULL;          // zeroes, if it was made just now
 *     if (r == 0)
 *             r = leat_mutex_lock(region, &shop->lock, leat_in_s(5));
 *     if (r == 0) {
 *             shop->stock--, shop->cash += 5;
 *             leat_mutex_unlock(region, &shop->lock);
 *     }
 *     region = leat_region_close(region);
 *
 * ADDRESSES.
 *
 *     region:/name          POSIX shared memory; the usual kind
 *     posix-shm:/name       the object of that name (shm_overview(7))
 *     sysv-shm:/path#id     a System V segment, by the key of a path and a project (ftok(3)); id is 1 to 255, or a character
 *     sysv-shm:0x162e       the same by its key
 *     map:/path/to/file     a file
 *     anon:                 memory without a name: for children (leat_region_reattach()) or to be handed over (leat_region_fd())
 *
 * Options, behind '?': open, create (the default), new; mode=0600 (who may join; cut by the umask); access=ro|rw|none (to read: never makes it, and is no
 * participant that others see by number; none: as rw, but no byte of the program's may be touched until leat_region_protect()); most=SIZE (what it may
 * grow to, 16 times its first size by default); participants=N (at once, 512); log=SIZE (of transactions, 64k); huge (huge pages), populate (all pages at once);
 * and of a foreign segment, object or file, as it is, without a header, and so without locks and transactions: raw, with offset=, length= and private (changes are this process's alone).
 *
 * EVIDENCE. A participant's end is what the kernel says: its lock on a byte of the region's lock file is free. A stopped one still holds it, and
 * nothing of its is touched. The lock file of a region lies beside it (region:/name: /dev/shm/leat.name.lock) and goes with it.
 * A file (map:) that is restored from a backup is restored without a lock file of then: it gets a new one, and whoever had a lock in it counts as dead.
 *
 * TRUST. Who may write a region may write all of it. A participant that dies at any instruction harms nobody. One that lies can destroy the data and make
 * others wait, but not make them read or write outside of the region. One who may only read keeps nobody alive; but by locks on the lock file it can keep
 * others from joining, from growing and from removing the region: who is not trusted so far is to have no right to read it (mode=).
 *
 * THREADS. All calls on one region may be made by several threads at once, but leat_region_close(). No call on a region, here or in the
 * headers that build on this one, is a cancellation point, however long it waits: the thread ends at the next one behind it. None is for threads whose cancelability is asynchronous (pthread_cancel(3)). FORK. In a forked child the memory is not there, and
 * calls answer -ECHILD; leat_region_reattach() makes the child a participant of its own. SIGNALS. Nothing here may be called from a signal handler.
 *
 * Follows POSIX.1-2017 shm_open(), shmget(), mmap(); evidence: F_OFD_SETLK of fcntl(2).
 */

#include <leat/deadline.h>
#include <leat/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_region;

/* What a struct in a region looks like. Two programs share a region only if they say the same. */
struct leat_field {
        const char *name; /* "cash" */
        uint32_t offset, size_bytes, count;
};
struct leat_layout {
        const char *name; /* of the struct, with its version: "shop 2"; at most 63 bytes */
        uint64_t size_bytes;
        const struct leat_field *fields;
        size_t fields_count;
};
/* One field of a struct; of an array its elements. */
#define LEAT_FIELD(type, field)                                                                                        \
        { #field, (uint32_t)offsetof(type, field), (uint32_t)sizeof(((type *)0)->field), 1 }
#define LEAT_FIELD_ARRAY(type, field)                                                                                  \
        {                                                                                                              \
#field, (uint32_t)offsetof(type, field), (uint32_t)sizeof(((type *)0)->field[0]),                      \
                        (uint32_t)(sizeof(((type *)0)->field) / sizeof(((type *)0)->field[0]))                         \
        }

enum leat_access {
        LEAT_ACCESS_NONE = 0, /* the addresses are there, and touching them is SIGSEGV */
        LEAT_ACCESS_READ = 1,
        LEAT_ACCESS_WRITE = 2, /* and read */
};

/*
 * Make a region, or find it; map it, and take part.
 *
 * address: as above. size_bytes: of the program's bytes, when it is made; of one that is there at least so many are wanted. If the layout's are more, that is
 * the size. 0, without a layout: as it is found (-ENOENT where it would have to be made).
 * layout: what the program keeps in it, or NULL: it is not asked. A region that was made with another one, or without, is refused. Borrowed during the call.
 * deadline: how long another one that makes, grows or removes it is waited for.
 * ret_reason: on failure, why; or NULL.
 *
 * Made by one and seen by others only when whole: who is killed in between leaves nothing that the next one does not complete or replace.
 * All of its memory is allocated when it is made: a machine without room is an error now, and no SIGBUS later.
 * Returns 0; -ENOENT, -EEXIST (open, new); -EACCES; -EINVAL (address; or it is not a region, one of another layout, version or word size: ret_reason says
 * which); -ENOSPC (no room; no place for one more participant), -EFBIG (RLIMIT_FSIZE), -ENOMEM, -EMFILE; -ENOTSUP (an option that this kind has not); -ETIMEDOUT,
 * -EAGAIN; -ESTALE (it and its lock file are not of each other, and somebody still uses it); -EPERM (its lock file is of a user who has nothing to do with it).
 * Since 0.1.
 */
int leat_region_open(const char *address, size_t size_bytes, const struct leat_layout *layout, int64_t deadline,
                     struct leat_reason *ret_reason, struct leat_region **ret_region);

/*
 * Take part in the region of anon: whose descriptor came with a message, or by inheritance. fd: borrowed.
 * Returns as leat_region_open(); -EINVAL also: it is none. Since 0.1.
 */
int leat_region_adopt(int fd, const struct leat_layout *layout, int64_t deadline, struct leat_reason *ret_reason,
                      struct leat_region **ret_region);

/*
 * In a forked child: take part in a region that its parent had open, under the address in memory where it was there.
 * What may be done with the program's bytes is what the parent had chosen at the fork (leat_region_protect()). Of several threads one does it. What is in the way at first (-ETIMEDOUT) may be gone the next time.
 * Returns 0; -EALREADY (it is this process's own); -EADDRINUSE (something else lies at its addresses by now); -ENOENT, -ESTALE (it was removed since; and made anew);
 * -EINVAL (its header does not say any more what it said to the parent: somebody wrote over it); -ENOTSUP (raw); and as leat_region_open(). Since 0.1.
 */
int leat_region_reattach(struct leat_region *region, int64_t deadline);

/* End it; in a forked child, forget it. Locks that this process still holds are passed on as those of one that died. NULL is taken. Returns NULL. Since 0.1. */
struct leat_region *leat_region_close(struct leat_region *region);

/*
 * Remove a region's name and its lock file. Who has it open goes on; what it uses is freed when the last one ends.
 * force: also what is not a region of Leat, or a stranger's. Without it only a region, by its header.
 * Returns 0; -ENOENT; -EACCES, -EPERM; -EINVAL; -ETIMEDOUT; -ENOTSUP (anon:). Since 0.1.
 */
int leat_region_remove(const char *address, bool force, int64_t deadline, struct leat_reason *ret_reason);

/* ---- the memory ---- */

/* Where the program's bytes begin, at a multiple of 64. It does not move while the region is open. NULL: not this process's. Since 0.1. */
void *leat_region_data(const struct leat_region *region);

/* How many there are: what others grew is there from this call on. Does not block. Since 0.1. */
size_t leat_region_size(struct leat_region *region);

/*
 * Make it larger; it never gets smaller. New bytes are zeroes. Others see them when they ask for the size.
 * Returns 0; -ENOSPC (memory; or more than most=), -EFBIG (RLIMIT_FSIZE); -ENOTSUP (a System V segment does not grow, nor does raw memory); -ETIMEDOUT, -EAGAIN;
 * -EACCES (access=ro); -ECHILD. Since 0.1.
 */
int leat_region_grow(struct leat_region *region, size_t size_bytes, int64_t deadline);

/* Change what this process may do with the program's bytes (mprotect(2)). Returns 0; -EACCES (it was opened for less); -ECHILD. Since 0.1. */
int leat_region_protect(struct leat_region *region, enum leat_access access);

/*
 * Copy out of it, by a read of the file and not of the memory: where somebody cut the file off it is an error and no SIGBUS.
 * offset: of the program's bytes. Returns 0; -EIO (the file is shorter by now); -EINVAL (outside); -ECHILD. Since 0.1.
 */
int leat_region_read_checked(const struct leat_region *region, uint64_t offset, void *buffer, size_t size_bytes);

/*
 * Run body(argument) so that a SIGBUS from the region's memory ends it, and not the process: the file was cut off under it. body must hold nothing that is freed at its end.
 * The handler of SIGBUS is the process's own: it is set by the first call (and again, where the program has set another one since), and gives what is not a region's to the one
 * before it, which ends the guard if it jumps out of it.
 * Returns 0; -EIO: it was ended; -EBUSY: within another one of this thread; -ECHILD. Since 0.1.
 */
int leat_region_guard(struct leat_region *region, void (*body)(void *argument), void *argument);

/* Its descriptor, to be handed over with a message: anon: alone. Stays the region's. Or -ENOTSUP, -ECHILD. Since 0.1. */
int leat_region_fd(const struct leat_region *region);

/* ---- references ---- */

/*
 * A pointer within a region that is right at whatever address it is mapped: the distance from itself. 0: it points nowhere.
 * Copy it by leat_ref_get() and leat_ref_set(), never by assignment.
 */
struct leat_ref {
        int64_t distance;
};

static inline void leat_ref_set(struct leat_ref *ref, const void *target) {
        ref->distance = target ? (int64_t)((intptr_t)target - (intptr_t)ref) : 0;
}

/* Believed as it stands: where a lying participant is to be feared, leat_region_resolve(). */
static inline void *leat_ref_get(const struct leat_ref *ref) {
        return ref->distance ? (void *)((intptr_t)ref + (intptr_t)ref->distance) : (void *)0;
}

/* The same, checked: NULL unless `size_bytes` at it lie within the region, and it is a multiple of `align` (a power of 2). Since 0.1. */
void *leat_region_resolve(struct leat_region *region, const struct leat_ref *ref, size_t size_bytes, size_t align);

/* ---- what there is ---- */

struct leat_region_info {
        size_t struct_size;   /* set by LEAT_REGION_INFO_INIT */
        const char *address;  /* the region's; as long as it is open */
        const char *memory;   /* where it lies: "/dev/shm/leat.shop"; NULL: nowhere */
        const char *evidence; /* its lock file; NULL: none */
        uint64_t size_bytes, most_bytes, log_bytes;
        uint64_t total_bytes;  /* with all that stands before the program's bytes */
        uint32_t participants; /* that live; who may only read is not counted */
        uint32_t participants_most;
        uint32_t dead; /* whose slots were not taken again since */
        bool readers;  /* somebody has it open to read */
        bool raw;
        uint64_t fingerprint; /* of its layout; 0: it has none */
        /* name, "* 0 SIZE", and a line for each field: "cash 16 8", of arrays with the count; "": none */
        const char *layout;
        uint64_t changes;        /* version of its transactions, halved: how many were committed */
        int64_t made_ns;         /* CLOCK_REALTIME */
        uint32_t mode, uid, gid; /* of its memory */
};
#define LEAT_REGION_INFO_INIT                                                                                          \
        { sizeof(struct leat_region_info), NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, false, false, 0, NULL, 0, 0, 0, 0, 0 }

/* Tell about it. Returns 0; -EINVAL (struct_size); -ECHILD. Does not block. Since 0.1. */
int leat_region_info(struct leat_region *region, struct leat_region_info *ret_info);

/* One that takes part, as it said when it joined: its number may be of another pid name space. */
struct leat_participant {
        size_t struct_size; /* set by LEAT_PARTICIPANT_INIT */
        uint32_t slot;
        pid_t pid;
        uid_t uid;
        bool lives;
        bool self;
        char name[16]; /* of its program */
        uint64_t
                waits_for; /* offset of the lock that one of its threads waits for, in the program's bytes; UINT64_MAX: none */
};
#define LEAT_PARTICIPANT_INIT                                                                                          \
        { sizeof(struct leat_participant), 0, 0, 0, false, false, "", UINT64_MAX }

/* The next one from slot `from` on that lives, or died and was not replaced. Returns 0; -ENOENT: there are no more; -ENOTSUP (raw); -ECHILD. Since 0.1. */
int leat_region_participant(struct leat_region *region, uint32_t from, struct leat_participant *ret_participant);

#ifdef __cplusplus
}
#endif

#endif
