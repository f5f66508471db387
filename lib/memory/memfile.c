/* SPDX-License-Identifier: MIT */
#include "memory/memfile.h"

#include "base/cleanup.h"
#include "memory/limits.h"
#include "memory/populate.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define ALLOCATED_AT_ONCE                                                                                              \
        (size_t)(4 << 20) /* whole huge pages, too, but for those of 1 GiB: there all at once is no more than one */
#define POPULATED_NOW ((size_t)32 << 10)

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static size_t span(const struct memfile *file) {
        return file->head_bytes + 2 * file->twice_bytes;
}

void memfile_close_fd(struct memfile *file) {
        file->fd = close_fd(file->fd);
}

void memfile_free(struct memfile *file) {
        memfile_close_fd(file);
        if (file->bytes)
                (void)munmap(file->bytes, span(file));
        file->bytes = NULL;
}

int memfile_share(const struct memfile *file) {
        return file->bytes && madvise(file->bytes, span(file), MADV_DOFORK) < 0 ? -errno : 0;
}

/* A range of addresses that nothing else takes, and that begins where a page of the file may. NULL: there is none. */
static uint8_t *reserve(size_t size, size_t page) {
        size_t more = page > (size_t)sysconf(_SC_PAGESIZE) ? page : 0;
        uint8_t *at = mmap(NULL, size + more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
                return NULL;
        if (more == 0)
                return at;
        size_t before = (page - (uintptr_t)at % page) % page;
        if (before > 0)
                (void)munmap(at, before);
        if (more > before)
                (void)munmap(at + before + size, more - before);
        return at + before;
}

/* One range of addresses; the file from its beginning, and its second part once more behind that. */
static int map(struct memfile *file, int fd, int protection) {
        size_t once = file->head_bytes + file->twice_bytes, page = memfile_page_bytes(fd);
        if (page == 0 || file->head_bytes % page != 0 || file->twice_bytes % page != 0)
                return -EBADMSG;
        uint8_t *at = reserve(span(file), page);
        if (!at)
                return -errno;
        file->bytes = at;
        if (mmap(at, once, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
            (file->twice_bytes > 0 && mmap(at + once, file->twice_bytes, protection, MAP_SHARED | MAP_FIXED, fd,
                                           (off_t)file->head_bytes) == MAP_FAILED))
                return -errno;
        return madvise(at, span(file), MADV_DONTFORK) < 0 ? -errno : 0;
}

/*
 * All pages are allocated, and the seals keep them: to look at one can fail no more. What is left is to enter them into the page tables, which for
 * the last ones of a ring is done when they are reached: it is most of what an open would cost. The tables' own pages are found now, but for those of
 * what is mapped the second time.
 */
static int populate(const struct memfile *file, int advice) {
        size_t once = file->head_bytes + file->twice_bytes;
        if (file->twice_bytes <= MEMFILE_AT_ONCE)
                once = once < POPULATED_NOW ? once : POPULATED_NOW;
        if (madvise(file->bytes, once, advice) == 0 ||
            errno == EINVAL) /* before Linux 5.14: it is allocated all the same */
                return 0;
        return errno == EFAULT || errno == EHWPOISON ? -ENOMEM : -errno;
}

int memfile_create(const char *name, unsigned more) {
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | more);
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | more);
        return fd < 0 ? -errno : fd;
}

int memfile_fits(size_t size_bytes) {
        struct rlimit limit;
        return getrlimit(RLIMIT_FSIZE, &limit) == 0 && size_bytes > limit.rlim_cur ? -EFBIG : 0;
}

/* A signal ends it, and in some kernels all of that step is given back: so the steps are small, that one which comes again and again does not
 * hold this up for ever. */
static int allocate(int fd, size_t size) {
        int r = memfile_fits(size); /* the kernel says it with a signal */
        for (size_t at = 0; r == 0 && at < size;) {
                size_t step = size - at < ALLOCATED_AT_ONCE ? size - at : ALLOCATED_AT_ONCE;
                if (fallocate(fd, 0, (off_t)at, (off_t)step) == 0)
                        at += step;
                else if (errno != EINTR)
                        r = -errno;
        }
        return r;
}

static int make(const char *name, unsigned more, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file) {
        CLEANUP(memfile_free) struct memfile file = { -1, NULL, head_bytes, twice_bytes };
        int r = file.fd = memfile_create(name, more);
        if (r >= 0)
                r = allocate(file.fd, head_bytes + twice_bytes);
        if (r == 0)
                r = map(&file, file.fd, PROT_READ | PROT_WRITE);
        if (r == 0)
                r = populate(&file, MADV_POPULATE_WRITE);
        if (r == 0)
                r = fcntl(file.fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
        if (r < 0)
                return r;
        file.reached_bytes = twice_bytes;
        *ret_file = file;
        file = (struct memfile)MEMFILE_NONE;
        return 0;
}

int memfile_new(const char *name, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file) {
        return make(name, 0, head_bytes, twice_bytes, ret_file);
}

int memfile_new_huge(const char *name, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file) {
        if (memfile_huge_bytes() == 0)
                return -ENOTSUP;
        int r = make(name, MFD_HUGETLB, head_bytes, twice_bytes, ret_file);
        return r == -ENOSPC ? -ENOMEM : r == -EINVAL || r == -ENODEV || r == -ENOSYS ? -ENOTSUP : r;
}

size_t memfile_huge_bytes(void) {
        return (size_t)memory_machine(&memory_paths_system, "Hugepagesize") * 1024;
}

size_t memfile_page_bytes(int fd) {
        struct statfs status;
        if (fstatfs(fd, &status) < 0)
                return 0;
        /* Elsewhere the block is a hint, and may be that of pages which are huge only sometimes. */
        return (uint32_t)status.f_type == HUGETLBFS_MAGIC ? (size_t)status.f_bsize : (size_t)sysconf(_SC_PAGESIZE);
}

int64_t memfile_size(int fd) {
        struct stat status;
        /* First, since only memory files know it: what else a stranger may send could keep fstat() waiting for it. */
        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) < 0)
                return -EBADMSG;
        /* What is not allocated yet would be to whoever looks at it first, and there may be no room by then. The seals keep what is. */
        if ((int64_t)status.st_blocks * 512 < (int64_t)status.st_size)
                return -EBADMSG;
        return status.st_size;
}

/* Blocks behind the end of a file make up for holes in it, to memfile_size(). But a hole that was looked at is a block more. They may go at any
 * moment, and then there are fewer than the file needs. */
static int count_blocks(struct memfile *file) {
        struct stat status;
        uint64_t before = file->blocks;
        if (fstat(file->fd, &status) < 0)
                return -errno;
        file->blocks = (uint64_t)status.st_blocks;
        return file->blocks > before || file->blocks * 512 < (uint64_t)status.st_size ? -EBADMSG : 0;
}

static int reach_step(struct memfile *file) {
        size_t rest = file->twice_bytes - file->reached_bytes, step = rest < MEMFILE_STEP ? rest : MEMFILE_STEP;
        if (madvise((uint8_t *)memfile_twice(file) + file->reached_bytes, step, MADV_POPULATE_READ) < 0 &&
            errno != EINVAL)
                return errno == EFAULT || errno == EHWPOISON ? -ENOMEM : -errno;
        file->reached_bytes += step;
        int r = count_blocks(file);
        if (r == 0 && memfile_is_reached(file))
                memfile_close_fd(file);
        return r;
}

int memfile_reach(struct memfile *file, size_t size_bytes) {
        int r = 0;
        if (size_bytes > file->twice_bytes)
                size_bytes = file->twice_bytes; /* what follows is the same again */
        while (r == 0 && file->reached_bytes < size_bytes)
                r = reach_step(file);
        return r;
}

/* Time is the caller's: a large file is looked at while it is used. */
static int look_at(struct memfile *file, int fd) {
        if (file->twice_bytes <= MEMFILE_AT_ONCE) {
                file->reached_bytes = file->twice_bytes;
                return populate(file, MADV_POPULATE_READ);
        }
        file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (file->fd < 0)
                return -errno;
        int r = count_blocks(file);
        return r < 0 ? r : reach_step(file);
}

int memfile_adopt(int fd, size_t head_bytes, size_t twice_bytes, struct memfile *ret_file) {
        CLEANUP(memfile_free) struct memfile file = { -1, NULL, head_bytes, twice_bytes, 0, UINT64_MAX };
        if (memfile_size(fd) != (int64_t)(head_bytes + twice_bytes))
                return -EBADMSG;
        int r = map(&file, fd, PROT_READ);
        if (r == 0)
                r = look_at(&file, fd);
        if (r < 0)
                return r == -ENOMEM || r == -EMFILE || r == -ENFILE ? r : -EBADMSG;
        *ret_file = file;
        file = (struct memfile)MEMFILE_NONE;
        return 0;
}
