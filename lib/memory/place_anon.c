/* SPDX-License-Identifier: MIT */

/* Memory files: without a name, and for whoever is given the descriptor. Nobody can cut them off. */

#include "base/cleanup.h"
#include "base/error.h"
#include "base/umask.h"
#include "memory/limits.h"
#include "memory/memfile.h"
#include "memory/place_kinds.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Never shorter, but longer when it grows; and nobody adds a seal that would keep others from writing. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_SEAL)

int place_anon_find(struct memory_place *place, bool write, struct leat_reason *reason) {
        (void)place, (void)write;
        return reason_set(reason, -ENOENT, LEAT_ROW_OPENING,
                          "memory without a name is not found: it is made anew, or taken over by its descriptor");
}

static int make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason) {
        if (fchmod(place->fd, umask_cut(mode)) < 0)
                return -errno;
        int r = place_fd_allocate(place, size_bytes, reason);
        return r < 0 ? r : fcntl(place->fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int place_anon_make(struct memory_place *place, uint64_t size_bytes, mode_t mode, struct leat_reason *reason) {
        if (place->huge && memfile_huge_bytes() == 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS, "this kernel has no huge pages");
        memory_place_close(place);
        place->fd = memfile_create("leat-region", place->huge ? MFD_HUGETLB : 0);
        if (place->fd < 0) {
                int r = place->fd;
                place->fd = -1;
                return r == -EMFILE ? reason_limit(reason, r, "RLIMIT_NOFILE",
                                                   "this process has as many descriptors as it may")
                                    : r;
        }
        int r = make(place, size_bytes, mode, reason);
        if (r < 0)
                memory_place_close(place);
        return r;
}

int place_anon_remove(struct memory_place *place, struct leat_reason *reason) {
        (void)place;
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIFETIME,
                          "memory without a name goes with the last process that has it");
}

/* Seals first: only memory files know them, and fstat() of another may wait for what it stands for. */
static int check(int fd, struct leat_reason *reason) {
        struct stat status;
        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return errno == EBADF ? -EBADF
                                      : reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                                   "the descriptor is none of a memory file (memfd_create)");
        if (!(seals & F_SEAL_SHRINK))
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "the memory file is not sealed against being cut off (F_SEAL_SHRINK)");
        if (fstat(fd, &status) < 0)
                return -errno;
        if ((uint64_t)status.st_blocks * 512 < (uint64_t)status.st_size)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING,
                                  "the memory file has holes: there may be no room to fill them");
        return 0;
}

int memory_place_adopt(int fd, struct leat_reason *reason, struct memory_place *ret_place) {
        CLEANUP(memory_place_clear) struct memory_place place = MEMORY_PLACE_NONE;
        int r = check(fd, reason);
        if (r == 0)
                r = memory_place_new("anon", "", reason, &place);
        if (r < 0)
                return r;
        place.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (place.fd < 0)
                return errno == EMFILE ? reason_limit(reason, -EMFILE, "RLIMIT_NOFILE",
                                                      "this process has as many descriptors as it may")
                                       : -errno;
        *ret_place = place;
        place = (struct memory_place)MEMORY_PLACE_NONE;
        return 0;
}

bool memory_place_is_writable(const struct memory_place *place) {
        int flags = fcntl(place->fd, F_GETFL);
        int seals = fcntl(place->fd, F_GET_SEALS);
        return flags >= 0 && (flags & O_ACCMODE) == O_RDWR &&
               !(seals >= 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)));
}
