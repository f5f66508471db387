/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "channel/fork.h"
#include "memory/limits.h"
#include "shared/attach.h"
#include "shared/evidence.h"
#include "shared/open.h"
#include "shared/participants.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

/*
 * A region is made: its random number goes into the lock file first, and the header's state is written last; so that who comes after one that was
 * killed knows what it finds. Or it is there, and is taken part in.
 */

/* ---- make ---- */

static int check_unused(struct opening *opening) {
        if (!lock_file_is_inhabited(opening->region->lock_fd))
                return 0;
        return opening_refuse(
                opening, -ESTALE, LEAT_ROW_OPENING,
                "its memory was removed or overwritten by hand, and processes that have it open still live: end "
                "them first");
}

/* A number that no other region has; in the lock file before there is any memory. */
static int name_it(struct opening *opening, struct region_shape *shape) {
        if (getrandom(shape->identity, sizeof(shape->identity), 0) != (ssize_t)sizeof(shape->identity))
                return -EIO;
        if (!opening->region->place.lock_path)
                return 0;
        opening->left = true;
        int r = lock_file_write(opening->region->lock_fd, REGION_LOCK_NAMED, shape->identity);
        return r != -EFBIG ? r
                           : reason_limit(opening->reason, r, "RLIMIT_FSIZE",
                                          "this process may write no files: raise `ulimit -f`");
}

static int map(struct opening *opening, const struct region_shape *shape, uint64_t bytes) {
        int r = region_map(opening->region, shape, bytes, NULL);
        /* Addresses, and not memory: that is allocated already. */
        return r == -ENOMEM ? memory_explain(0,
                                             "there are not enough addresses or mappings for the region and what it "
                                             "may grow to (most=)",
                                             opening->reason)
                            : r;
}

/* The object is there, allocated, and zero. */
static int fill(struct opening *opening, const struct region_shape *shape) {
        struct leat_region *region = opening->region;
        uint64_t bytes;
        uint32_t whose[3];
        if (region->place.lock_path && region->place.kind->look(&region->place, &bytes, whose) == 0)
                lock_file_follow(region->lock_fd, whose);
        int r = map(opening, shape, shape_total(shape, shape->size_bytes));
        if (r < 0 && region->place.lock_path)
                (void)region->place.kind->remove(&region->place, NULL);
        if (r < 0)
                return r;
        opening->left = false;
        header_write(region->header, shape);
        region->made_ns = region->header->made_ns;
        return 0;
}

int opening_make(struct opening *opening) {
        struct memory_place *place = &opening->region->place;
        struct region_shape shape;
        place->huge = opening->wish->huge;
        int r = wish_shape(opening->wish, memory_place_page_bytes(place), place->kind->grows, opening->reason, &shape);
        if (r == 0 && place->lock_path)
                r = check_unused(opening);
        if (r == 0)
                r = name_it(opening, &shape);
        if (r == 0)
                r = place->kind->make(place, shape_total(&shape, shape.size_bytes), opening->wish->mode,
                                      opening->reason);
        if (r == -EEXIST)
                return OPENING_AGAIN; /* by one who knows nothing of our lock file */
        return r < 0 ? r : fill(opening, &shape);
}

/* An empty file: who made it chose its mode and owner, so it stays. */
static int fill_empty(struct opening *opening) {
        struct memory_place *place = &opening->region->place;
        struct region_shape shape;
        int r = wish_shape(opening->wish, memory_place_page_bytes(place), true, opening->reason, &shape);
        if (r == 0)
                r = check_unused(opening);
        if (r == 0)
                r = name_it(opening, &shape);
        if (r == 0)
                r = place->kind->allocate(place, shape_total(&shape, shape.size_bytes), opening->reason);
        return r < 0 ? r : fill(opening, &shape);
}

/* Nothing is there yet; or what a killed maker left, if the lock file says so. */
static int complete(struct opening *opening, uint64_t bytes) {
        struct memory_place *place = &opening->region->place;
        if (bytes == 0 && place->kind->grows)
                return fill_empty(opening);
        if (!opening_has_identity(&opening->lock))
                return opening_refuse(
                        opening, -EINVAL, LEAT_ROW_VERSIONS,
                        "this is no region of Leat: it holds zeroes; remove it, or have it as it is by ?raw");
        int r = check_unused(opening);
        if (r == 0)
                r = place->kind->remove(place, opening->reason);
        memory_place_close(place);
        return r < 0 && r != -ENOENT ? r : opening_make(opening);
}

static bool is_same_file(int fd, int other) {
        struct stat one, two;
        return fstat(fd, &one) == 0 && fstat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/*
 * A file with two names has two lock files. So who completes what is there has a lock on the file itself, on a byte where nothing ever is, and looks again behind it. 0; OPENING_AGAIN:
 * another file has the name by now.
 */
static int lock_file(struct opening *opening) {
        struct leat_region *region = opening->region;
        fork_hold(); /* a child finds it in the struct, and closes it */
        int r = memory_open_file(region->place.path, O_RDWR, 0);
        region->filling_fd = r < 0 ? -1 : r;
        fork_release();
        if (r < 0) /* it was removed; or one who mends it has it alone */
                return r == -ENOENT || r == -EAGAIN ? OPENING_AGAIN : r;
        r = evidence_take(region->filling_fd, F_WRLCK, REGION_ANON + REGION_LOCK_MAKING, opening->wish->deadline);
        if (r == -EAGAIN || r == -ETIMEDOUT)
                return opening_refuse(opening, r, LEAT_ROW_WAITING,
                                      "another process makes a region of this file, by another name that it has");
        return r < 0 ? r : is_same_file(region->filling_fd, region->place.fd) ? 0 : OPENING_AGAIN;
}

static int complete_file(struct opening *opening) {
        struct region_shape shape;
        uint64_t bytes;
        int r = lock_file(opening);
        if (r == 0)
                r = region_look(&opening->region->place, NULL, &bytes, &shape) == -ENODATA ? complete(opening, bytes)
                                                                                           : OPENING_AGAIN;
        region_end_evidence(&opening->region->filling_fd, true);
        return r;
}

int opening_complete(struct opening *opening, uint64_t bytes) {
        if (!opening->wish->may_make)
                return opening_refuse(opening, -ENOENT, LEAT_ROW_OPENING,
                                      "the region is not whole: who made it was killed; open it once with create");
        if (!opening->alone)
                return OPENING_ALONE;
        return opening->region->place.kind->grows ? complete_file(opening) : complete(opening, bytes);
}

/* ---- take part ---- */

int opening_join(struct opening *opening) {
        struct leat_region *region = opening->region;
        int r = participant_join(region, opening->wish->deadline, opening->reason);
        if (r == 0 && opening->wish->populate)
                r = region_populate(region);
        return r;
}

int opening_attach(struct opening *opening, const struct region_shape *shape, uint64_t bytes) {
        const struct region_wish *wish = opening->wish;
        if (wish->must_make)
                return opening_refuse(opening, -EEXIST, LEAT_ROW_OPENING, "the region is there already");
        if (wish->huge && memory_place_page_bytes(&opening->region->place) == (size_t)sysconf(_SC_PAGESIZE))
                return opening_refuse(opening, -ENOTSUP, LEAT_ROW_LIMITS,
                                      "the region is there already, and not of huge pages");
        int r = wish_check(wish, shape, opening->reason);
        return r < 0 ? r : map(opening, shape, bytes);
}
