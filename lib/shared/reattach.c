/* SPDX-License-Identifier: MIT */
#include "base/uncancelled.h"
#include "shared/attach.h"
#include "shared/evidence.h"
#include "shared/open.h"
#include "shared/participants.h"

#include <fcntl.h>
#include <string.h>

/*
 * A forked child takes part. It has its parent's struct, the memory's descriptor or number, and neither the mapping nor the lock file's descriptor,
 * which was closed by the fork handler.
 */

static int reopen_evidence(struct leat_region *region, int64_t deadline) {
        struct region_lock_head head;
        int r;
        if (!region->place.lock_path) {
                r = region_reopen_evidence(region);
                if (r < 0)
                        return r;
                return evidence_take(region->lock_fd, F_RDLCK, region_lock_at(region, REGION_LOCK_MAKING), deadline);
        }
        r = region_lock_name(region, region->writable, false, 0, false, deadline);
        if (r == 0)
                r = lock_file_read(region->lock_fd, &head);
        if (r == 0 && memcmp(head.identity, region->identity, sizeof(head.identity)) != 0)
                r = -ESTALE;
        return r;
}

/* Does its header say what it said when it was opened? Who wrote over it could have it mapped over what lies beside it, and elsewhere than the program's pointers say. */
static bool is_as_before(const struct leat_region *region, const struct region_shape *shape) {
        return shape->data_at == region->data_at && shape->most_bytes == region->most_bytes &&
               shape->log_bytes == region->log_bytes && shape->participants == region->slots &&
               shape->page_bytes == region->page_bytes &&
               region->base + shape->participants_at == (uint8_t *)region->participants &&
               region->base + shape->log_at == (uint8_t *)region->log && shape->fingerprint == region->fingerprint &&
               shape->made_ns == region->made_ns && strcmp(shape->layout, region->layout) == 0;
}

static int map_again(struct leat_region *region) {
        struct region_shape shape;
        uint64_t bytes;
        int r = region_look(&region->place, NULL, &bytes, &shape);
        if (r == 0 && memcmp(shape.identity, region->identity, sizeof(shape.identity)) != 0)
                r = -ESTALE;
        if (r == 0 && !is_as_before(region, &shape))
                r = -EINVAL;
        return r == 0 ? region_map(region, &shape, bytes, region->base) : r == -ENODATA ? -ESTALE : r;
}

/* What the parent's threads had of it, and no thread of this process has; and in a child that no handler ran in, its descriptors. */
static void forget(struct leat_region *region) {
        region_end_evidence(&region->lock_fd, false);
        region_end_evidence(&region->filling_fd, false);
        fork_hold();
        notice_close(region);
        fork_release();
        if (region->txn)
                transaction_free(region->txn);
        region->txn = NULL;
        region->me = NULL;
        region->mark = 0;
        region->growing = false;
        (void)pthread_mutex_init(&region->lock, NULL);
}

/* It may be tried again: what lies at its addresses is as the fork left it. */
static int give_up(struct leat_region *region, int error) {
        region_end_evidence(&region->lock_fd, true);
        fork_hold(); /* a child of this one finds it there, or as it was */
        region_unmap(region);
        region->mapped = true;
        region->member.after_fork(&region->member);
        fork_release();
        return error;
}

static int take_part(struct leat_region *region, int64_t deadline) {
        region->mapped = false;
        int r = reopen_evidence(region, deadline);
        if (r == 0)
                r = map_again(region);
        if (r == 0)
                r = participant_join(region, deadline, NULL);
        if (r < 0)
                return give_up(region, r);
        return evidence_try(region->lock_fd, F_UNLCK, region_lock_at(region, REGION_LOCK_MAKING), 1);
}

/* Only one thread of this process is at it. Another process' number is its parent's, of which this is a copy. */
static int begin(struct leat_region *region, uint64_t mine, int64_t deadline) {
        int64_t pause_ns = 0;
        while (true) {
                uint64_t who = atomic_load_explicit(&region->reattaching, memory_order_relaxed);
                /* Acquire: pairs with end(). Who finds it done sees what was done. */
                if (who != mine && atomic_compare_exchange_strong_explicit(&region->reattaching, &who, mine,
                                                                           memory_order_acquire, memory_order_relaxed))
                        return 0;
                int r = evidence_pause(&pause_ns, deadline);
                if (r < 0)
                        return r;
        }
}

static void end(struct leat_region *region) {
        atomic_store_explicit(&region->reattaching, 0, memory_order_release);
}

static int reattach(struct leat_region *region, int64_t deadline) {
        if (region_check(region) == 0)
                return -EALREADY;
        if (!region->header)
                return -ENOTSUP;
        forget(region);
        int r = take_part(region, deadline);
        if (r == 0)
                fork_take(&region->member);
        return r;
}

int leat_region_reattach(struct leat_region *region, int64_t deadline) {
        UNCANCELLED;
        if (region_check(region) == 0) {
                /* Acquire: pairs with fork_take(). Who finds it done sees what was done, as in begin(). */
                (void)atomic_load_explicit(&region->member.owner, memory_order_acquire);
                return -EALREADY;
        }
        int r = begin(region, fork_generation(), deadline);
        if (r < 0)
                return r;
        r = reattach(region, deadline);
        end(region);
        return r;
}
