/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_PLACE_H
#define LEAT_MEMORY_PLACE_H

/*
 * Where a region's memory lies: POSIX objects, System V segments, files, memory files, behind one face. One table says how each kind is made, found, sized, mapped
 * and removed; what is common (headers, evidence, participants) is lib/shared's.
 *
 * One object has one lock file, whatever it is called: region:/shop, posix-shm:/leat.shop and map:/dev/shm/leat.shop have the same.
 */

#include <leat/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memory_place;

/* Each returns 0 or a negative errno, and leaves a reason (which may be NULL) where it has one to tell. */
struct memory_kind {
        const char *scheme;
        bool grows;
        bool named; /* else make() alone, or memory_place_adopt() */
        /* Find it: place->fd, or place->segment. -ENOENT, -EACCES; -EINVAL: something is there that is no memory (a directory, a FIFO, a device). */
        int (*find)(struct memory_place *place, bool write, struct leat_reason *reason);
        /* Make it, of so many bytes, allocated, for reading and writing. mode: cut by the umask. -EEXIST: it is there by now. Of another error nothing is left. */
        int (*make)(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason);
        /* How large it is, whose, and what mode it has. -EIDRM: the segment was removed. */
        int (*look)(const struct memory_place *place, uint64_t *ret_bytes, uint32_t ret_mode_uid_gid[3]);
        /* Allocate it up to that size: what lies within it already stays. -ENOSPC leaves it as it was, and so does -EFBIG (RLIMIT_FSIZE). What is allocated
         * already costs one look. A System V segment: -ENOTSUP if it has less. */
        int (*allocate)(struct memory_place *place, uint64_t size_bytes, struct leat_reason *reason);
        /*
         * Map [offset, offset + size) at `at`, over what is reserved there; prot of mmap(2); alone: changes are seen by nobody else. offset: a multiple of
         * memory_place_page_bytes(). A System V segment is mapped as a whole: offset 0, and size up to the end of its last page.
         */
        int (*map)(const struct memory_place *place, void *at, uint64_t offset, uint64_t size_bytes, int prot,
                   bool alone);
        /* Copy out by the system: as many as there are, up to size_bytes. -ENOTSUP: a System V segment, which cannot be cut off. */
        ssize_t (*read)(const struct memory_place *place, uint64_t offset, void *buffer, size_t size_bytes);
        /* Remove the name of the object (the lock file is the caller's). -ENOENT; -ENOTSUP: it has none. */
        int (*remove)(struct memory_place *place, struct leat_reason *reason);
};

struct memory_place {
        const struct memory_kind *kind; /* NULL: none */
        char *path;      /* where it is, and people see it: "/dev/shm/leat.shop", "System V segment 0x162e"; owned */
        char *lock_path; /* of the lock file; NULL: anon:, whose memory is its own; owned */
        key_t key;
        int segment; /* shmget(); -1 */
        int fd;      /* -1; no lock is ever taken on it, so that a child may keep it */
        bool huge;   /* to be made of huge pages; set by the caller before make() */
};
#define MEMORY_PLACE_NONE                                                                                              \
        { .segment = -1, .fd = -1 }

/*
 * Where the region of this address lies: nothing is opened. rest: what stands behind the scheme. -EINVAL (with a reason), -EPROTONOSUPPORT (no such scheme), -ENOMEM; of
 * sysv-shm:/path#id what stat(2) says of the path.
 */
int memory_place_new(const char *scheme, const char *rest, struct leat_reason *reason, struct memory_place *ret_place);

/* anon: by its descriptor, of which it takes a duplicate. -EINVAL: it is no memory file, may be cut off by somebody (it is not sealed against that), or has holes. */
int memory_place_adopt(int fd, struct leat_reason *reason, struct memory_place *ret_place);

/* Close it; it has still its name, and may be found again. */
void memory_place_close(struct memory_place *place);
void memory_place_clear(struct memory_place *place);

/* May it be written by its descriptor? (of one that was adopted) */
bool memory_place_is_writable(const struct memory_place *place);

/* What `at`, offset and size are to be multiples of: the page, or the huge page. 0: it cannot be told. */
size_t memory_place_page_bytes(const struct memory_place *place);

/*
 * An open file description of its own of what `fd` has open (locks are taken on that): flags of open(2), O_CLOEXEC is added. A descriptor; -ENOENT without /proc, -EACCES.
 */
int memory_reopen(int fd, int flags);

/*
 * Open a regular file, as all files of regions are opened: no link is followed, nothing else than a regular file is opened, nothing waits. flags: O_RDWR, O_CREAT | O_EXCL, ...
 * A descriptor; -EINVAL: it is something else; -ELOOP: a symbolic link.
 */
int memory_open_file(const char *path, int flags, mode_t mode);

/* What addresses of System V objects and of POSIX objects look like: "/path#id" or a number; "/name". 0, -EINVAL; of ftok(3) what stat(2) says; -ENOMEM. */
int memory_sysv_key(const char *rest, struct leat_reason *reason, key_t *ret_key);
int memory_posix_check(const char *rest, struct leat_reason *reason);

/* The schemes there are, in the order of the documentation; NULL behind the last. */
const char *memory_kind_scheme(size_t index);

/* ---- as it is (?raw) ---- */

struct memory_raw {
        bool create, only_new; /* make it if it is not there (of size_bytes); it must not be there */
        uint64_t size_bytes;   /* so many are wanted; 0: as it is found */
        mode_t mode;
        uint64_t offset, length; /* the part; length 0: to the end */
        bool alone;              /* ?private */
        bool populate;
        bool writes; /* prot may become PROT_WRITE later */
        int prot;
};

struct memory_mapping {
        uint8_t *at; /* of the pages; munmap(2) ends it */
        size_t mapped_bytes;
        uint8_t *data; /* the part that was asked for */
        size_t data_bytes;
};

/*
 * Find (or make) and map a segment, object or file as it is. offset: any. The place stays open (kind->look, kind->read). The mapping does not go on in
 * forked children, as all of a region. What was made, and cannot be mapped, is removed again.
 * 0; -ENOENT, -EEXIST, -EACCES; -EINVAL: the part ends behind the end of it: the reason's limit is its size; -ENOSPC, -ENOMEM; -ENOTSUP (anon:).
 */
int memory_raw_open(struct memory_place *place, const struct memory_raw *raw, struct leat_reason *reason,
                    struct memory_mapping *ret_mapping);

#endif
