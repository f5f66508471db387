/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_EVIDENCE_H
#define LEAT_SHARED_EVIDENCE_H

/*
 * Evidence: locks of open file descriptions (F_OFD_SETLK) on bytes of a lock file, which need not be there. The kernel frees them with their
 * holder, however it ends. The lock file itself says to which region it belongs (layout.h).
 */

#include "memory/place.h"
#include "shared/layout.h"

/* Try to lock this range: F_RDLCK or F_WRLCK; or F_UNLCK, which cannot fail. 0; -EAGAIN: another has it. */
int evidence_try(int fd, short type, uint64_t at, uint64_t count);

/* Wait for one byte until the deadline. 0; -EAGAIN (LEAT_NOW), -ETIMEDOUT. The kernel has no such wait with a deadline: it is asked again, each 2 ms at most. */
int evidence_take(int fd, short type, uint64_t at, int64_t deadline);

/* A pause before the next try: of *pause_ns, which grows. 0; -EAGAIN, -ETIMEDOUT: there is no more time. */
int evidence_pause(int64_t *pause_ns, int64_t deadline);

/*
 * Does another hold any byte of this range, by which it says that it lives? Own locks are not seen. Where it cannot be asked: true. Of slots only locks to write
 * count: one who may only read the lock file has others, and is to keep nobody alive.
 */
bool evidence_is_held(int fd, uint64_t at, uint64_t count);   /* slots */
bool evidence_is_shared(int fd, uint64_t at, uint64_t count); /* bytes of several: by any lock */

/* Does anybody take part, by this lock file? */
bool lock_file_is_inhabited(int fd);

/* Open a lock file, for reading alone or for both; make it, if it is not there and `make`. A descriptor, or -ENOENT, -EACCES, ... */
int lock_file_open(const char *path, bool write, bool make, mode_t mode);

/* Does the name still belong to this file? */
bool lock_file_is_named(int fd, const char *path);

/* What stands in it; zeroes, if nothing does. -EINVAL: it is no lock file. Under byte 0, as the next. */
int lock_file_read(int fd, struct region_lock_head *ret_head);
/* -EFBIG: RLIMIT_FSIZE. */
int lock_file_write(int fd, uint16_t state, const uint8_t identity[16]);

/* Who may use the memory may use its lock file: give that the same mode (for reading and writing), owner and group, as far as this process may. */
void lock_file_follow(int fd, const uint32_t mode_uid_gid[3]);

#endif
