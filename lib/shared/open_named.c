/* SPDX-License-Identifier: MIT */
#include "shared/attach.h"
#include "shared/evidence.h"
#include "shared/mend.h"
#include "shared/open.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * What has a name is found or made under byte 0 of its lock file, where all is as it stands: who finds it whole has that byte with others; who makes, completes or
 * removes has it alone.
 */

/* ---- whose is what? ---- */

/* The lock file decides who is dead. A stranger's would let that stranger decide. */
static int check_owner(struct opening *opening, uint32_t memory_uid) {
        struct stat status;
        if (fstat(opening->region->lock_fd, &status) < 0)
                return -errno;
        if (status.st_uid == 0 || status.st_uid == geteuid() || status.st_uid == memory_uid)
                return 0;
        return opening_refuse(
                opening, -EPERM, LEAT_ROW_WHO,
                "its lock file is of a user who has neither the region nor this process; who owns it, or root, "
                "removes it");
}

static int explain_mending(struct opening *opening, int r) {
        if (r == -EACCES)
                return opening_refuse(
                        opening, r, LEAT_ROW_WHO,
                        "the region and its lock file are not of each other: who owns the region, or root, mends it "
                        "by opening it once");
        if (r == -ENOTSUP)
                return opening_refuse(
                        opening, -ESTALE, LEAT_ROW_OPENING,
                        "the region and its lock file are not of each other, and its file system has no leases "
                        "(fcntl(2)), by which to see that nobody has it open: end its processes, copy it to another "
                        "file system, /dev/shm say, open it once there, and put it back with its new lock file");
        return r != -ESTALE
                       ? r
                       : opening_refuse(opening, r, LEAT_ROW_OPENING,
                                        "the region and its lock file are not of each other: one of them was removed "
                                        "by hand, and somebody still has it open; end those processes, or remove the "
                                        "region");
}

/* The lock file is not of this memory. Where nobody lives it becomes that; data that is whole is kept. */
static int reconcile(struct opening *opening, struct region_shape *shape, const uint32_t whose[3]) {
        struct leat_region *region = opening->region;
        if (!opening->alone && opening->wish->writes)
                return OPENING_ALONE;
        if (!opening->alone)
                return opening_refuse(
                        opening, -ESTALE, LEAT_ROW_OPENING,
                        "the region and its lock file are not of each other: open it once to write, which mends it "
                        "where nobody has it open");
        int r = lock_file_is_inhabited(region->lock_fd) ? -ESTALE : region_name_anew(&region->place, shape);
        if (r < 0)
                return explain_mending(opening, r);
        lock_file_follow(region->lock_fd, whose);
        return lock_file_write(region->lock_fd, REGION_LOCK_NAMED, shape->identity);
}

/* ---- find or make, under byte 0 ---- */

static bool is_still(const struct leat_region *region, const uint8_t identity[16]) {
        uint8_t now[16];
        region_copy_out(now, region->header->identity, sizeof(now));
        return memcmp(now, identity, sizeof(now)) == 0;
}

static int use_found(struct opening *opening) {
        struct leat_region *region = opening->region;
        struct region_shape shape;
        uint64_t bytes;
        uint32_t whose[3];
        int r = region->place.kind->look(&region->place, &bytes, whose);
        if (r == 0)
                r = check_owner(opening, whose[1]);
        if (r < 0)
                return r;
        r = region_look(&region->place, opening->reason, &bytes, &shape);
        if (r == -ENODATA)
                return opening_complete(opening, bytes);
        if (r < 0)
                return r;
        if (!opening_has_identity(&opening->lock) ||
            memcmp(opening->lock.identity, shape.identity, sizeof(shape.identity)) != 0)
                r = reconcile(opening, &shape, whose);
        if (r == 0)
                r = opening_attach(opening, &shape, bytes);
        /* Another lock file's user may have mended it before this process had it mapped (mend.c). */
        return r == 0 && !is_still(region, shape.identity) ? OPENING_AGAIN : r;
}

static int make_new(struct opening *opening) {
        if (!opening->wish->may_make)
                return opening_refuse(opening, -ENOENT, LEAT_ROW_OPENING,
                                      opening->wish->writes
                                              ? "the region is not there, and open says that it must be"
                                              : "the region is not there, and who may only read cannot make it");
        if (!opening->alone)
                return OPENING_ALONE;
        int r = check_owner(opening, geteuid());
        return r < 0 ? r : opening_make(opening);
}

int region_find(struct leat_region *region, bool write, int64_t deadline, struct leat_reason *reason) {
        int64_t pause_ns = 0;
        int r;
        while ((r = region->place.kind->find(&region->place, write, reason)) == -EAGAIN)
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        return r;
        return r;
}

static int find_or_make(struct opening *opening) {
        struct leat_region *region = opening->region;
        int r = lock_file_read(region->lock_fd, &opening->lock);
        if (r == -EINVAL)
                return opening_refuse(
                        opening, r, LEAT_ROW_VERSIONS,
                        "what lies at the name of its lock file is none, or of another version of Leat; remove it");
        if (r < 0)
                return r;
        if (opening->lock.state == REGION_LOCK_REMOVING) {
                if (!opening->wish->writes)
                        return opening_refuse(opening, -ENOENT, LEAT_ROW_OPENING, "the region was removed");
                if (!opening->alone)
                        return OPENING_ALONE;
                r = region_finish_removal(region, opening->lock.identity, opening->wish->deadline, opening->reason);
                return r < 0 ? r : OPENING_AGAIN;
        }
        r = region_find(region, opening->wish->writes, opening->wish->deadline, opening->reason);
        if (r == -ENOENT)
                return make_new(opening);
        return r < 0 ? r : use_found(opening);
}

/* ---- the lock file ---- */

/* There is to be one only if there is a region, or one is to be made. */
static bool may_make_lock(const struct opening *opening) {
        struct memory_place *place = &opening->region->place;
        if (!opening->wish->writes)
                return false;
        int r = opening->wish->may_make ? 0 : place->kind->find(place, true, NULL);
        memory_place_close(place);
        return r == 0 || r == -EAGAIN; /* one who mends it has it alone for a moment */
}

/* A lock file of no region is to lie about no longer than the attempt. */
static void remove_empty(struct opening *opening) {
        int fd = opening->region->lock_fd;
        struct region_lock_head head;
        if ((opening->alone || evidence_try(fd, F_WRLCK, REGION_LOCK_MAKING, 1) == 0) &&
            lock_file_read(fd, &head) == 0 && (head.state == REGION_LOCK_NEW || opening->left))
                (void)unlink(opening->region->place.lock_path);
}

int region_lock_name(struct leat_region *region, bool write, bool make, mode_t mode, bool alone, int64_t deadline) {
        int64_t pause_ns = 0;
        while (true) {
                fork_hold(); /* a child finds it in the struct, and closes it */
                int r = lock_file_open(region->place.lock_path, write, make, mode);
                region->lock_fd = r < 0 ? -1 : r;
                fork_release();
                if (r >= 0)
                        r = evidence_take(region->lock_fd, alone ? F_WRLCK : F_RDLCK, REGION_LOCK_MAKING, deadline);
                if (r < 0)
                        return r;
                if (lock_file_is_named(region->lock_fd, region->place.lock_path))
                        return 0;
                region_end_evidence(&region->lock_fd, true);
                if ((r = evidence_pause(&pause_ns, deadline)) < 0)
                        return r;
        }
}

static int explain_lock(struct opening *opening, int r) {
        if (r == -ENOENT && opening->wish->writes && opening->wish->may_make)
                return opening_refuse(opening, r, LEAT_ROW_OPENING, "the directory of the region is not there");
        if (r == -ENOENT)
                return opening_refuse(opening, r, LEAT_ROW_OPENING,
                                      "no region is there, as it has no lock file: leat region create makes one");
        if (r == -EACCES || r == -EPERM)
                return opening_refuse(opening, r, LEAT_ROW_WHO,
                                      opening->wish->writes
                                              ? "its lock file is another user's, or its directory may not be written; "
                                                "access=ro may be allowed"
                                              : "its lock file is another user's, and may not be read");
        if (r == -ETIMEDOUT || r == -EAGAIN)
                return opening_refuse(
                        opening, r, LEAT_ROW_WAITING,
                        "another process makes, grows or removes the region at this moment, or is stopped in it");
        return r;
}

static int try_named(struct opening *opening) {
        struct leat_region *region = opening->region;
        const struct region_wish *wish = opening->wish;
        opening->left = false;
        int r = region_lock_name(region, wish->writes, may_make_lock(opening), wish->mode, opening->alone,
                                 wish->deadline);
        if (r < 0)
                return explain_lock(opening, r);
        r = find_or_make(opening);
        if (r == 0)
                r = opening_join(opening);
        if (r < 0)
                remove_empty(opening);
        if (r == 0)
                return evidence_try(region->lock_fd, F_UNLCK, REGION_LOCK_MAKING, 1);
        region_unmap(region);
        memory_place_close(&region->place);
        region_end_evidence(&region->lock_fd, true);
        return r;
}

int opening_named(struct opening *opening) {
        int64_t pause_ns = 0;
        while (true) {
                int r = try_named(opening);
                if (r <= 0)
                        return r;
                opening->alone = r == OPENING_ALONE;
                if (r == OPENING_AGAIN && (r = evidence_pause(&pause_ns, opening->wish->deadline)) < 0)
                        return explain_lock(opening, r);
        }
}
