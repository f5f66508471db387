/* SPDX-License-Identifier: MIT */
#include "shared/open.h"
#include "base/cleanup.h"
#include "base/uncancelled.h"
#include "shared/attach.h"
#include "shared/evidence.h"

#include <fcntl.h>
#include <leat/deadline.h>
#include <sys/mman.h>

/* ---- without a name ---- */

int region_reopen_evidence(struct leat_region *region) {
        fork_hold(); /* a child finds it in the struct, and closes it */
        int fd = memory_reopen(region->place.fd, region->writable ? O_RDWR : O_RDONLY);
        region->lock_fd = fd < 0 ? -1 : fd;
        fork_release();
        return fd < 0 ? fd : 0;
}

static int open_nameless(struct opening *opening) {
        if (!opening->wish->may_make)
                return opening_refuse(
                        opening, opening->wish->writes ? -ENOENT : -EINVAL, LEAT_ROW_OPENING,
                        "memory without a name is always made anew, by who may write; another's comes by its "
                        "descriptor (leat_region_adopt)");
        int r = opening_make(opening);
        if (r == 0)
                r = region_reopen_evidence(opening->region);
        return r < 0 ? r : opening_join(opening);
}

/* ---- as it is ---- */

static int open_raw(struct opening *opening) {
        const struct region_wish *wish = opening->wish;
        struct leat_region *region = opening->region;
        bool reads = wish->access >= LEAT_ACCESS_READ;
        struct memory_raw raw = { .create = wish->may_make,
                                  .only_new = wish->must_make,
                                  .size_bytes = wish->size_bytes,
                                  .mode = wish->mode,
                                  .offset = wish->address.offset,
                                  .length = wish->address.length,
                                  .alone = address_given(&wish->address, OPTION_PRIVATE),
                                  .populate = wish->populate,
                                  .writes = wish->writes,
                                  .prot = (reads ? PROT_READ : 0) |
                                          (wish->access == LEAT_ACCESS_WRITE ? PROT_WRITE : 0) };
        region->place.huge = wish->huge;
        int64_t pause_ns = 0;
        int r;
        do /* one who mends the region has its memory alone for a moment */
                r = memory_raw_open(&region->place, &raw, opening->reason, &region->raw);
        while (r == -EAGAIN && (r = evidence_pause(&pause_ns, wish->deadline)) == 0);
        if (r < 0)
                return r;
        region->data = region->raw.data;
        region->raw_offset = wish->address.offset;
        region->most_bytes = region->raw.data_bytes;
        atomic_store_explicit(&region->data_bytes, region->raw.data_bytes, memory_order_relaxed);
        return 0;
}

/* ---- all ---- */

/* What was said of another error was of something tried before. */
int region_explain(int error, struct leat_reason *reason) {
        if (reason->text && reason->error == error)
                return error;
        if (error == -EMFILE)
                return reason_limit(reason, error, "RLIMIT_NOFILE", "this process has as many descriptors as it may");
        return reason_set(reason, error, LEAT_ROW_OPENING, NULL);
}

static int open_wish(const struct region_wish *wish, const char *address, struct leat_reason *reason,
                     struct leat_region **ret_region) {
        REGION_FREE_AT_EXIT struct leat_region *region = region_new(address);
        if (!region)
                return -ENOMEM;
        struct opening opening = { .region = region, .wish = wish, .reason = reason };
        int r = memory_place_new(wish->address.scheme, wish->address.rest, reason, &region->place);
        if (r < 0)
                return r;
        region->writable = wish->writes;
        atomic_store_explicit(&region->access, wish->access, memory_order_relaxed);
        r = wish->raw                   ? open_raw(&opening)
            : region->place.kind->named ? opening_named(&opening)
                                        : open_nameless(&opening);
        if (r < 0)
                return r;
        *ret_region = TAKE(region);
        return 0;
}

int leat_region_open(const char *address, size_t size_bytes, const struct leat_layout *layout, int64_t deadline,
                     struct leat_reason *ret_reason, struct leat_region **ret_region) {
        UNCANCELLED;
        CLEANUP(wish_clear) struct region_wish wish = REGION_WISH_NONE;
        struct leat_reason reason = { 0 };
        int r = ret_region ? wish_parse(address, size_bytes, layout, deadline, &reason, &wish) : -EINVAL;
        if (r == 0)
                r = open_wish(&wish, address, &reason, ret_region);
        if (r < 0)
                (void)region_explain(r, &reason);
        if (r < 0 && ret_reason)
                *ret_reason = reason;
        return r;
}

/* Its descriptor says what it is: found, and its maker has finished. */
static int adopt(struct opening *opening) {
        struct leat_region *region = opening->region;
        struct region_shape shape;
        uint64_t bytes;
        int r = region_reopen_evidence(region);
        if (r == 0)
                r = evidence_take(region->lock_fd, F_RDLCK, region_lock_at(region, REGION_LOCK_MAKING),
                                  opening->wish->deadline);
        if (r == 0)
                r = region_look(&region->place, opening->reason, &bytes, &shape);
        if (r == -ENODATA)
                return opening_refuse(opening, -EINVAL, LEAT_ROW_VERSIONS,
                                      "this is no region of Leat: it holds zeroes");
        if (r == 0)
                r = opening_attach(opening, &shape, bytes);
        if (r == 0)
                r = opening_join(opening);
        return r < 0 ? r : evidence_try(region->lock_fd, F_UNLCK, region_lock_at(region, REGION_LOCK_MAKING), 1);
}

static int adopt_wish(int fd, struct region_wish *wish, struct leat_reason *reason, struct leat_region **ret_region) {
        REGION_FREE_AT_EXIT struct leat_region *region = region_new("anon:");
        if (!region)
                return -ENOMEM;
        int r = memory_place_adopt(fd, reason, &region->place);
        if (r < 0)
                return r;
        wish->writes = region->writable = memory_place_is_writable(&region->place);
        wish->access = region->writable ? LEAT_ACCESS_WRITE : LEAT_ACCESS_READ;
        atomic_store_explicit(&region->access, wish->access, memory_order_relaxed);
        r = adopt(&(struct opening){ .region = region, .wish = wish, .reason = reason });
        if (r < 0)
                return r;
        *ret_region = TAKE(region);
        return 0;
}

int leat_region_adopt(int fd, const struct leat_layout *layout, int64_t deadline, struct leat_reason *ret_reason,
                      struct leat_region **ret_region) {
        UNCANCELLED;
        struct region_wish wish = { .deadline = deadline };
        struct leat_reason reason = { 0 };
        int r = ret_region ? layout_text(layout, &reason, wish.layout) : -EINVAL;
        if (r == 0)
                wish.size_bytes = layout ? layout->size_bytes : 0;
        if (r == 0)
                r = adopt_wish(fd, &wish, &reason, ret_region);
        if (r < 0)
                (void)region_explain(r, &reason);
        if (r < 0 && ret_reason)
                *ret_reason = reason;
        return r;
}

struct leat_region *leat_region_close(struct leat_region *region) {
        UNCANCELLED;
        if (region)
                region_free(region);
        return NULL;
}
