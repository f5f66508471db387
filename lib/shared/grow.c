/* SPDX-License-Identifier: MIT */
#include "base/uncancelled.h"
#include "shared/attach.h"
#include "shared/evidence.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Growth. A region only grows: the new bytes are allocated, then the size in the header says so. What that says is believed only as far as there is
 * memory, and addresses were reserved for it.
 */

void *leat_region_data(const struct leat_region *region) {
        return region_check(region) == 0 ? region->data : NULL;
}

static uint64_t mapped(const struct leat_region *region) {
        return atomic_load_explicit(&region->data_bytes, memory_order_acquire);
}

/* What the header says by now, and may be true. */
static uint64_t look(const struct leat_region *region) {
        uint64_t bytes, before = mapped(region);
        uint32_t whose[3];
        /* Acquire: pairs with grow(). Who sees the size finds the memory allocated. */
        uint64_t size = atomic_load_explicit(&region->header->size_bytes, memory_order_acquire);
        if (size <= before || size > region->most_bytes ||
            region->place.kind->look(&region->place, &bytes, whose) < 0 || bytes < region->data_at ||
            size > bytes - region->data_at)
                return before;
        return size;
}

static void refresh(struct leat_region *region) {
        (void)pthread_mutex_lock(&region->lock);
        uint64_t size = look(region);
        if (size > mapped(region))
                (void)region_map_more(region, size); /* what cannot be mapped is not there */
        (void)pthread_mutex_unlock(&region->lock);
}

size_t leat_region_size(struct leat_region *region) {
        if (region_check(region) < 0)
                return 0;
        /* Relaxed: a hint; it is looked at again. */
        if (region->header && atomic_load_explicit(&region->header->size_bytes, memory_order_relaxed) > mapped(region))
                refresh(region);
        return mapped(region);
}

/* By the thread that grows it. The mutex is had for moments only: the others go on while the system allocates. */
static int grow(struct leat_region *region, uint64_t size_bytes) {
        uint64_t total = round_up(region->data_at + size_bytes, region->page_bytes), size = look(region);
        int r = 0;
        if (size_bytes > size) {
                r = region->place.kind->allocate(&region->place, total, NULL);
                if (r == 0) /* release: pairs with look() */
                        atomic_store_explicit(&region->header->size_bytes, size_bytes, memory_order_release);
                size = size_bytes;
        }
        if (r < 0)
                return r;
        (void)pthread_mutex_lock(&region->lock);
        if (size > mapped(region)) /* else another thread found it already */
                r = region_map_more(region, size);
        (void)pthread_mutex_unlock(&region->lock);
        return r;
}

/* Byte 0 belongs to the process: among its threads `growing` decides. */
static int begin(struct leat_region *region) {
        (void)pthread_mutex_lock(&region->lock);
        int r = region->growing ? -EAGAIN
                                : evidence_try(region->lock_fd, F_WRLCK, region_lock_at(region, REGION_LOCK_MAKING), 1);
        if (r == 0)
                region->growing = true;
        (void)pthread_mutex_unlock(&region->lock);
        return r;
}

static void end(struct leat_region *region) {
        (void)pthread_mutex_lock(&region->lock);
        (void)evidence_try(region->lock_fd, F_UNLCK, region_lock_at(region, REGION_LOCK_MAKING), 1);
        region->growing = false;
        (void)pthread_mutex_unlock(&region->lock);
}

int leat_region_grow(struct leat_region *region, size_t size_bytes, int64_t deadline) {
        UNCANCELLED;
        int64_t pause_ns = 0;
        int r = region_check_change(region);
        if (r < 0)
                return r;
        if (size_bytes <= mapped(region))
                return 0;
        if (!region->place.kind->grows)
                return -ENOTSUP;
        if (size_bytes > region->most_bytes)
                return -ENOSPC;
        while ((r = begin(region)) == -EAGAIN)
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        return r;
        if (r < 0)
                return r;
        r = grow(region, size_bytes);
        end(region);
        return r;
}

int leat_region_protect(struct leat_region *region, enum leat_access access) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (access < LEAT_ACCESS_NONE || access > LEAT_ACCESS_WRITE)
                return -EINVAL;
        return region_protect(region, access);
}
