/* SPDX-License-Identifier: MIT */
#include "shared/attach.h"

#include "base/cleanup.h"
#include "memory/limits.h"
#include "memory/populate.h"
#include "shared/evidence.h"
#include "shared/participants.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static int protection(enum leat_access access) {
        return access == LEAT_ACCESS_NONE ? PROT_NONE : access == LEAT_ACCESS_READ ? PROT_READ : PROT_READ | PROT_WRITE;
}

/* ---- reserve ---- */

static int reserve(uint64_t bytes, uint64_t page_bytes, void *at, bool kept, uint8_t **ret_base) {
        uint64_t more = at || page_bytes <= (uint64_t)sysconf(_SC_PAGESIZE) ? 0 : page_bytes;
        int fixed = kept ? MAP_FIXED : at ? MAP_FIXED_NOREPLACE : 0;
        uint8_t *base = mmap(at, bytes + more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
        if (base == MAP_FAILED)
                return errno == EEXIST ? -EADDRINUSE : -errno;
        if (at && base != at) { /* a kernel that does not know the flag */
                (void)munmap(base, bytes);
                return -EADDRINUSE;
        }
        uint64_t before = more ? round_up((uintptr_t)base, page_bytes) - (uintptr_t)base : 0;
        if (before > 0)
                (void)munmap(base, before);
        if (more > before)
                (void)munmap(base + before + bytes, more - before);
        *ret_base = base + before;
        return 0;
}

/* ---- map ---- */

static void copy_shape(struct leat_region *region, const struct region_shape *shape) {
        region->slots = shape->participants;
        region->log_bytes = shape->log_bytes;
        region->most_bytes = shape->most_bytes;
        region->page_bytes = shape->page_bytes;
        region->data_at = shape->data_at;
        region->fingerprint = shape->fingerprint;
        region->made_ns = shape->made_ns;
        memcpy(region->identity, shape->identity, sizeof(region->identity));
        memcpy(region->layout, shape->layout, sizeof(region->layout));
        region->header = (struct region_header *)(void *)region->base;
        region->participants = (struct participant *)(void *)(region->base + shape->participants_at);
        region->log = (uint64_t *)(void *)(region->base + shape->log_at);
        region->data = region->base + shape->data_at;
}

/* Of what is mapped from `from` to `to`: no child has it, and the program's bytes are there as it wants them. */
static int settle(const struct leat_region *region, uint64_t from, uint64_t to) {
        if (madvise(region->base + from, to - from, MADV_DONTFORK) < 0)
                return -errno;
        uint64_t data = from > region->data_at ? from : region->data_at;
        if (!region->writable && region_access(region) == LEAT_ACCESS_READ)
                return 0;
        int allowed = protection(region_access(region));
        return to > data && mprotect(region->base + data, to - data, allowed) < 0 ? -errno : 0;
}

int region_map(struct leat_region *region, const struct region_shape *shape, uint64_t bytes, void *at) {
        const struct memory_kind *kind = region->place.kind;
        uint64_t mapped = kind->grows ? round_up(shape->data_at + shape->size_bytes, shape->page_bytes)
                                      : round_up(bytes, (uint64_t)sysconf(_SC_PAGESIZE));
        uint64_t reserved = round_up(shape->data_at + shape->most_bytes, shape->page_bytes);
        if (reserved < mapped)
                reserved = mapped;
        if (at && reserved != region->reserved_bytes) /* what lies behind it is not ours */
                return -EINVAL;
        int r = reserve(reserved, memory_place_page_bytes(&region->place), at, region->kept, &region->base);
        if (r < 0)
                return r;
        region->reserved_bytes = reserved;
        region->mapped = true;
        region->kept = false;
        if (madvise(region->base, reserved, MADV_DONTFORK) < 0)
                return -errno;
        r = kind->map(&region->place, region->base, 0, mapped,
                      protection(region->writable ? LEAT_ACCESS_WRITE : LEAT_ACCESS_READ), false);
        if (r < 0)
                return r;
        copy_shape(region, shape);
        atomic_store_explicit(&region->data_bytes, shape->size_bytes, memory_order_release);
        return settle(region, 0, mapped);
}

int region_map_more(struct leat_region *region, uint64_t size_bytes) {
        uint64_t from = round_up(region->data_at + atomic_load_explicit(&region->data_bytes, memory_order_relaxed),
                                 region->page_bytes);
        uint64_t to = round_up(region->data_at + size_bytes, region->page_bytes);
        int r = 0;
        if (to > region->reserved_bytes)
                return -ENOSPC;
        if (to > from)
                r = region->place.kind->map(&region->place, region->base + from, from, to - from,
                                            protection(region->writable ? LEAT_ACCESS_WRITE : LEAT_ACCESS_READ), false);
        if (r == 0 && to > from)
                r = settle(region, from, to);
        if (r == 0) /* Release: pairs with region_has(). Who sees the size finds the memory mapped. */
                atomic_store_explicit(&region->data_bytes, size_bytes, memory_order_release);
        return r;
}

int region_protect(struct leat_region *region, enum leat_access access) {
        if (access == LEAT_ACCESS_WRITE && !region->writable)
                return -EACCES;
        (void)pthread_mutex_lock(&region->lock);
        uint64_t end = round_up(region->data_at + atomic_load_explicit(&region->data_bytes, memory_order_relaxed),
                                region->page_bytes ? region->page_bytes : 1);
        int r = region->header ? mprotect(region->data, end - region->data_at, protection(access))
                               : mprotect(region->raw.at, region->raw.mapped_bytes, protection(access));
        if (r < 0)
                r = -errno;
        else
                /* What is mapped from now on has it too. */
                atomic_store_explicit(&region->access, access, memory_order_relaxed);
        /* A snapshot is to look at it again. */
        atomic_store_explicit(&region->readable, 0, memory_order_relaxed);
        (void)pthread_mutex_unlock(&region->lock);
        return r;
}

void region_unmap(struct leat_region *region) {
        if (region->mapped)
                (void)munmap(region->base, region->reserved_bytes);
        if (region->raw.at)
                (void)munmap(region->raw.at, region->raw.mapped_bytes);
        region->mapped = false;
        region->raw.at = NULL;
}

int region_populate(const struct leat_region *region) {
        uint64_t bytes = round_up(region->data_at + atomic_load_explicit(&region->data_bytes, memory_order_relaxed),
                                  region->page_bytes);
        if (region_access(region) == LEAT_ACCESS_NONE)
                bytes = region->data_at;
        if (madvise(region->base, bytes,
                    region_access(region) == LEAT_ACCESS_READ ? MADV_POPULATE_READ : MADV_POPULATE_WRITE) == 0)
                return 0;
        return errno == EFAULT || errno == EHWPOISON ? -ENOMEM : errno == EINVAL ? 0 : -errno;
}

/* ---- look ---- */

/* A System V segment cannot be read but by mapping it, and cannot be cut off either. */
static int copy_mapped(const struct memory_place *place, uint64_t bytes, struct region_header *header, size_t wanted) {
        uint64_t page_bytes = memory_place_page_bytes(place), all = round_up(bytes, (uint64_t)sysconf(_SC_PAGESIZE));
        uint8_t *at = NULL;
        int r = reserve(all, page_bytes, NULL, false, &at);
        if (r < 0)
                return r;
        r = place->kind->map(place, at, 0, all, PROT_READ, false);
        if (r == 0)
                region_copy_out(header, at, wanted);
        (void)munmap(at, all);
        return r;
}

static int copy_header(const struct memory_place *place, uint64_t bytes, struct region_header *header) {
        size_t wanted = bytes < sizeof(*header) ? (size_t)bytes : sizeof(*header);
        memset(header, 0, sizeof(*header));
        ssize_t n = place->kind->read(place, 0, header, wanted);
        if (n == -ENOTSUP)
                return copy_mapped(place, bytes, header, wanted);
        return n < 0 ? (int)n : (size_t)n == wanted ? 0 : -EIO;
}

int region_look(const struct memory_place *place, struct leat_reason *reason, uint64_t *ret_bytes,
                struct region_shape *ret_shape) {
        struct region_header header;
        uint64_t bytes, page_bytes = memory_place_page_bytes(place);
        uint32_t whose[3];
        int r = page_bytes > 0 ? place->kind->look(place, &bytes, whose) : -EINVAL;
        if (r == 0)
                r = copy_header(place, bytes, &header);
        if (r < 0)
                return r;
        *ret_bytes = bytes;
        return header_read(&header, bytes, page_bytes, reason, ret_shape);
}

/* ---- life ---- */

/*
 * In a child: the memory is not there, and nothing else takes its addresses, so that a pointer into it that is used all the same is a SIGSEGV, and the
 * region can be there again (leat_region_reattach()). Async-signal-safe, as mmap(2) is on Linux.
 */
static void after_fork(struct fork_member *member) {
        struct leat_region *region = CONTAINER_OF(member, struct leat_region, member);
        region->lock_fd = close_fd(region->lock_fd);
        region->filling_fd = close_fd(region->filling_fd);
        notice_close(region);
        if (region->mapped && !region->kept)
                region->kept =
                        mmap(region->base, region->reserved_bytes, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == region->base;
}

struct leat_region *region_new(const char *address) {
        struct leat_region *region = calloc(1, sizeof(*region));
        if (!region)
                return NULL;
        region->magic = REGION_LIVE;
        region->place = (struct memory_place)MEMORY_PLACE_NONE;
        region->lock_fd = region->filling_fd = region->notice_fd = -1;
        region->member.after_fork = after_fork;
        list_init(&region->member.node);
        (void)pthread_mutex_init(&region->lock, NULL);
        region->address = strdup(address);
        if (!region->address || fork_enter(&region->member) < 0) {
                region_free(region);
                return NULL;
        }
        return region;
}

/*
 * A forked child, if it has a copy of the descriptor by now, is not to keep up evidence of who has ended: so it is unlocked, and not just closed. But a
 * child that no handler ran in closes its copy, and leaves the lock.
 */
void region_end_evidence(int *fd, bool unlock) {
        fork_hold();
        if (*fd >= 0 && unlock)
                (void)evidence_try(*fd, F_UNLCK, 0, 0); /* all of it */
        *fd = close_fd(*fd);
        fork_release();
}

void region_free(struct leat_region *region) {
        bool mine = !list_empty(&region->member.node) && fork_owns(&region->member);
        if (region->txn)
                transaction_free(region->txn);
        if (mine) {
                participant_leave(region);
                region_unmap(region);
        } else if (region->kept) { /* else something else may lie there by now */
                (void)munmap(region->base, region->reserved_bytes);
        }
        fork_hold();
        notice_close(region);
        fork_release();
        /* Before it leaves the list: a child that is forked in between closes its copy. */
        region_end_evidence(&region->lock_fd, mine);
        region_end_evidence(&region->filling_fd, mine);
        if (!list_empty(&region->member.node))
                fork_leave(&region->member);
        memory_place_clear(&region->place);
        free(region->address);
        region->magic = 0;
        free(region);
}
