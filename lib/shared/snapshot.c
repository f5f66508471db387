/* SPDX-License-Identifier: MIT */

/* Snapshots: what ranges of a region held between two commits (docs/design/shared.md, "Transactions"). */

#include "base/rare.h"
#include "shared/mutex.h"
#include "shared/transaction.h"
#include "shared/version.h"

/* Copy, if no commit is under way. Was none in the meantime either? */
static inline bool copy(const struct region_header *header, const struct leat_range *ranges, size_t count,
                        uint64_t *ret_seen) {
        uint64_t seen = version_look(&header->changes);
        *ret_seen = seen;
        if ((seen & 1) != 0)
                return false;
        for (size_t i = 0; i < count; i++)
                version_copy(ranges[i].copy, ranges[i].where, ranges[i].size_bytes);
        return version_same(&header->changes, seen);
}

/* The writer is dead: roll back, if this process may write and nobody else is at it. 0: look again. */
static int recover(struct version_wait *wait) {
        struct leat_region *region = wait->region;
        if (!region_writes(region))
                return -EROFS;
        int r = mutex_lock(region, wait->mutex, LEAT_NOW);
        if (r == -EAGAIN)
                return version_pause(wait);
        if (r < 0 && r != -EOWNERDEAD)
                return r;
        r = transaction_settle(region, r);
        (void)mutex_unlock(region, wait->mutex);
        return r;
}

static RARE int copy_later(struct leat_region *region, const struct leat_range *ranges, size_t count,
                           int64_t deadline) {
        struct region_header *header = region->header;
        struct version_wait wait = {
                .region = region, .number = &header->changes, .mutex = &header->transaction, .deadline = deadline
        };
        uint64_t seen;
        while (!copy(header, ranges, count, &seen)) {
                int r = version_wait(&wait, seen);
                if (r == -EOWNERDEAD)
                        r = recover(&wait);
                if (r < 0)
                        return r;
        }
        return 0;
}

/*
 * Is it this process's, for all that can be seen without a call (fork_owns()), has it a header, may it be read? One comparison with what see_whether_readable() found before. The page is
 * 0 in a child that has not asked yet: never the same.
 */
static inline bool is_readable(const struct leat_region *region) {
        return atomic_load_explicit(&region->readable, memory_order_relaxed) ==
               (atomic_load_explicit(fork_page, memory_order_relaxed) << 1) + 1;
}

/* Under the lock, as leat_region_protect() is: else what was found here could be stored behind its 0. */
static int see_whether_readable(struct leat_region *region) {
        uint64_t found = atomic_load_explicit(&region->member.owner, memory_order_relaxed) + 1;
        (void)pthread_mutex_lock(&region->lock);
        bool may = region_access(region) != LEAT_ACCESS_NONE;
        if (may)
                atomic_store_explicit(&region->readable, found, memory_order_relaxed);
        (void)pthread_mutex_unlock(&region->lock);
        return may ? 0 : -EACCES;
}

static RARE int snapshot(struct leat_region *region, const struct leat_range *ranges, size_t count, int64_t deadline) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (!region->header)
                return -ENOTSUP;
        if (!is_readable(region))
                r = see_whether_readable(region);
        if (r < 0)
                return r;
        for (size_t i = 0; i < count; i++)
                if (!region_has(region, ranges[i].where, ranges[i].size_bytes, 1))
                        return -EINVAL;
        uint64_t seen;
        return copy(region->header, ranges, count, &seen) ? 0 : copy_later(region, ranges, count, deadline);
}

/* One range of a few bytes, which nobody changes, is what most calls want: in a few instructions, without a register to be saved. */
static inline bool copy_quickly(const struct leat_region *region, const struct leat_range *range) {
        const void *where = range->where;
        size_t size_bytes = range->size_bytes;
        if (!is_readable(region) || !region_has(region, where, size_bytes, 1))
                return false;
        /* Odd, it is not the same afterwards: one question is enough. */
        const _Atomic uint64_t *changes = &region->header->changes;
        uint64_t seen = version_look(changes) & ~UINT64_C(1);
        return version_copy_few(range->copy, where, size_bytes) && version_same(changes, seen);
}

int leat_snapshot(struct leat_region *region, const struct leat_range *ranges, size_t count, int64_t deadline) {
        if (__builtin_expect(count == 1, true) && __builtin_expect(copy_quickly(region, ranges), true))
                return 0;
        return snapshot(region, ranges, count, deadline);
}
