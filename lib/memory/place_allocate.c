/* SPDX-License-Identifier: MIT */

/* Files and memory files get their room when they are made or grown: a full machine is an error then, and no SIGBUS later. */

#include "base/error.h"
#include "memory/limits.h"
#include "memory/memfile.h"
#include "memory/place_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define AT_ONCE ((uint64_t)4 << 20)           /* a signal ends a call, whose step is then done again */
#define LIMITS_FROM_BYTES ((uint64_t)1 << 20) /* to look at the limits takes longer than to allocate less than that */

int place_fits_memory(uint64_t bytes, struct leat_reason *reason) {
        struct memory_limits limits;
        if (bytes < LIMITS_FROM_BYTES)
                return 0;
        memory_limits_read(&memory_paths_system, &limits);
        const struct memory_limit *by = memory_refuses(&limits, bytes);
        if (!by)
                return 0;
        reason_set(reason, -ENOSPC, LEAT_ROW_LIMITS,
                   "there is less memory left than that; ask for less, or end what uses it");
        if (reason) {
                reason->limit = by->name;
                reason->limit_value = (int64_t)by->limit;
        }
        return -ENOSPC;
}

static int explain(int error, uint32_t file_system, struct leat_reason *reason) {
        if (error == -EFBIG)
                return reason_limit(reason, error, "RLIMIT_FSIZE",
                                    "this process may not make files so large; raise `ulimit -f`, or ask for less");
        if (error == -EDQUOT)
                return reason_set(reason, error, LEAT_ROW_LIMITS, "the user's quota has no room for it");
        if (error != -ENOSPC && error != -ENOMEM)
                return error;
        if (file_system == HUGETLBFS_MAGIC)
                return reason_limit(reason, -ENOSPC, "vm.nr_hugepages", "there are not so many free huge pages");
        return reason_set(reason, -ENOSPC, LEAT_ROW_LIMITS,
                          file_system == TMPFS_MAGIC ? "the memory file system has no room for it; `df /dev/shm` shows "
                                                       "it, `leat region show --stale` what nobody uses"
                                                     : "the file system has no room for it");
}

/* Where fallocate() is not known (ramfs, FAT by FUSE, ...). */
static int write_zeroes(int fd, uint64_t from, uint64_t to) {
        static const uint8_t zeroes[65536];
        while (from < to) {
                size_t step = to - from < sizeof(zeroes) ? (size_t)(to - from) : sizeof(zeroes);
                ssize_t n = pwrite(fd, zeroes, step, (off_t)from);
                if (n > 0)
                        from += (uint64_t)n;
                else if (n == 0 || errno != EINTR)
                        return n == 0 ? -ENOSPC : -errno;
        }
        return 0;
}

/* The size stays for now: who looks meanwhile sees the old one, and none of whose bytes may be missing. */
static int allocate(int fd, uint64_t from, uint64_t to) {
        while (from < to) {
                uint64_t step = to - from < AT_ONCE ? to - from : AT_ONCE;
                if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)step) == 0)
                        from += step;
                else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

static int grow(int fd, const struct stat *status, uint64_t size) {
        uint64_t old = (uint64_t)status->st_size, has = (uint64_t)status->st_blocks * 512;
        int r = size > old ? memfile_fits(size) : 0; /* the kernel says it with a signal */
        if (r < 0)
                return r;
        r = allocate(fd, has >= old && size > old ? old : 0, size);
        if (r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM)
                r = write_zeroes(fd, old, size);
        if (r == 0 && size > old && ftruncate(fd, (off_t)size) < 0)
                r = -errno;
        if (r < 0 && ftruncate(fd, (off_t)old) < 0) /* what was allocated behind the old end */
                return r;
        return r;
}

/* Much too much is refused before it has filled what others use too. Memory files are of a file system without a size. */
static int fits_file_system(const struct statfs *system, uint64_t more) {
        return system->f_blocks > 0 && more / (uint64_t)system->f_bsize > (uint64_t)system->f_bfree ? -ENOSPC : 0;
}

int place_fd_allocate(struct memory_place *place, uint64_t size_bytes, struct leat_reason *reason) {
        struct stat status;
        struct statfs system;
        if (fstat(place->fd, &status) < 0 || fstatfs(place->fd, &system) < 0)
                return -errno;
        uint32_t type = (uint32_t)system.f_type;
        if (type == HUGETLBFS_MAGIC)
                size_bytes = (size_bytes + (uint64_t)system.f_bsize - 1) & ~((uint64_t)system.f_bsize - 1);
        if (size_bytes > INT64_MAX)
                return -EFBIG;
        /* What one that was killed had allocated behind the end, and nobody would ever see. */
        if ((uint64_t)status.st_blocks * 512 > (uint64_t)status.st_size && size_bytes > (uint64_t)status.st_size &&
            (ftruncate(place->fd, status.st_size) < 0 || fstat(place->fd, &status) < 0))
                return -errno;
        uint64_t has = (uint64_t)status.st_blocks * 512;
        if (size_bytes <= (uint64_t)status.st_size && has >= (uint64_t)status.st_size)
                return 0;
        uint64_t more = size_bytes > has ? size_bytes - has : 0;
        int r = fits_file_system(&system, more);
        if (r == 0 && type == TMPFS_MAGIC) {
                r = place_fits_memory(more, reason);
                if (r < 0)
                        return r;
        }
        if (r == 0)
                r = grow(place->fd, &status, size_bytes);
        return explain(r, type, reason);
}
