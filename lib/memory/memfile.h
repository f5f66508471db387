/* SPDX-License-Identifier: MIT */
#ifndef LEAT_MEMORY_MEMFILE_H
#define LEAT_MEMORY_MEMFILE_H

/*
 * Memory files that one process writes and others read (memfd_create(2)).
 *
 * The writer maps it, then seals it against being shrunk, grown, sealed otherwise, and mapped for writing by anyone from then on. Whoever gets it
 * by a socket checks these seals before it looks at anything else: nothing can be taken from under it later. All of
 * it is allocated when it is made: a machine without room says so then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memfile {
        int fd;      /* -1: closed, or none */
        void *bytes; /* `head` bytes once, and what follows them twice in a row */
        size_t head_bytes, twice_bytes;
        size_t reached_bytes; /* of the second part: so many were looked at, and are there */
        uint64_t blocks;      /* it had when that was done last */
};
#define MEMFILE_NONE                                                                                                   \
        { -1, NULL, 0, 0, 0, 0 }

/*
 * Make one, of zeroes, mapped for writing here and for nobody else. head_bytes, twice_bytes: multiples of the page; twice_bytes may be 0.
 * Returns 0, or -ENOMEM, -ENOSPC, -EMFILE, ... The mappings do not go on in forked children.
 */
int memfile_new(const char *name, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file);

/*
 * The same of huge pages (hugetlb), of the size that memfile_huge_bytes() tells: what it takes is set apart when it is made.
 * -ENOMEM: there are not so many; -ENOTSUP: this kernel has none.
 */
int memfile_new_huge(const char *name, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file);

/* How large a huge page is, of those that memfile_new_huge() takes. 0: there are none. */
size_t memfile_huge_bytes(void);

/*
 * Map one that came from a stranger, for reading. fd: stays the caller's. A large one, above MEMFILE_AT_ONCE, is looked at as far as it is `reached`,
 * which is at first MEMFILE_STEP: a stranger's costs no more time than a small one, until it is used. Who reads on behind that calls memfile_reach()
 * first. It has a descriptor of its own until all of it is reached.
 * Returns 0, -EBADMSG (it is no memory file of exactly that size with those seals), -ENOMEM, -EMFILE.
 */
#define MEMFILE_STEP ((size_t)256 << 10)
#define MEMFILE_AT_ONCE ((size_t)1 << 20)
int memfile_adopt(int fd, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file);

/* Reach, of its second part, at least so many bytes. 0, -EBADMSG (it had holes: they would be filled at our cost), -ENOMEM. */
int memfile_reach(struct memfile *file, size_t size_bytes);
static inline bool memfile_is_reached(const struct memfile *file) {
        return file->reached_bytes == file->twice_bytes;
}

/* How large is it? 0 bytes or more, or -EBADMSG: it is no memory file with the seals. */
int64_t memfile_size(int fd);

/* Of which pages it is, once memfile_size() has found it good: both its parts are multiples of that. 0: it cannot be told. */
size_t memfile_page_bytes(int fd);

/* Children that are forked from now on have it too. */
int memfile_share(const struct memfile *file);

/* memfd_create(2), never executable where the kernel knows that, and sealable. more: MFD_HUGETLB, or 0. A descriptor. */
int memfile_create(const char *name, unsigned more);

/* Does RLIMIT_FSIZE let this process make one of so many bytes? 0 or -EFBIG. */
int memfile_fits(size_t size_bytes);

/* The descriptor is not needed any more. */
void memfile_close_fd(struct memfile *file);

/* Unmap and close; takes MEMFILE_NONE. */
void memfile_free(struct memfile *file);

/* The second part. */
static inline void *memfile_twice(const struct memfile *file) {
        return (uint8_t *)file->bytes + file->head_bytes;
}

#endif
