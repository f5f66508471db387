/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/uncancelled.h"
#include "shared/attach.h"
#include "shared/evidence.h"
#include "shared/open.h"

#include <fcntl.h>
#include <string.h>

/*
 * The lock file says first that the region is being removed; then its memory goes, then the lock file. Who is killed in between leaves that word,
 * and whoever comes next goes on. Who has the region open goes on with both, which have no names any more.
 */

static bool is_of(const struct memory_place *place, const uint8_t identity[16]) {
        struct region_shape shape;
        uint64_t bytes;
        int r = region_look(place, NULL, &bytes, &shape);
        return r == -ENODATA || (r == 0 && memcmp(shape.identity, identity, sizeof(shape.identity)) == 0);
}

/* Something else may have taken the memory's name since: that stays. */
int region_finish_removal(struct leat_region *region, const uint8_t identity[16], int64_t deadline,
                          struct leat_reason *reason) {
        struct memory_place *place = &region->place;
        int r = region_find(region, false, deadline, reason);
        if (r == 0 && is_of(place, identity))
                r = place->kind->remove(place, reason);
        memory_place_close(place);
        if (r < 0 && r != -ENOENT)
                return r;
        return unlink(place->lock_path) < 0 && errno != ENOENT ? -errno : 0;
}

enum how { REMOVE_ANY, REMOVE_FORCE, REMOVE_UNUSED };

struct removal {
        struct leat_region *region;
        enum how how;
        int64_t deadline;
        struct leat_reason *reason;
};

/* Is there a region to remove? 0; 1: no memory; -EINVAL: it is none. */
static int check(const struct removal *removal, uint8_t identity[16]) {
        struct leat_region *region = removal->region;
        struct region_shape shape = { 0 };
        uint64_t bytes;
        int r = region_find(region, false, removal->deadline, removal->reason);
        if (r == -ENOENT)
                return 1;
        if (r == 0)
                r = region_look(&region->place, removal->reason, &bytes, &shape);
        if (r == 0)
                memcpy(identity, shape.identity, sizeof(shape.identity));
        memory_place_close(&region->place);
        return r == -ENODATA || removal->how == REMOVE_FORCE ? 0 : r;
}

static int remove_memory(const struct removal *removal) {
        int r = removal->region->place.kind->remove(&removal->region->place, removal->reason);
        return r == -ENOENT ? 0 : r;
}

static int remove_both(const struct removal *removal) {
        const struct leat_region *region = removal->region;
        struct region_lock_head head = { 0 };
        int read = lock_file_read(region->lock_fd, &head);
        if (read < 0 && removal->how != REMOVE_FORCE)
                return reason_set(removal->reason, read, LEAT_ROW_VERSIONS,
                                  "what lies at the name of its lock file is none; force removes it");
        int r = check(removal, head.identity);
        if (r < 0 && head.state == REGION_LOCK_NEW) /* it was made for this */
                (void)unlink(region->place.lock_path);
        if (r < 0)
                return r;
        bool nothing = r == 1 && read == 0 && head.state == REGION_LOCK_NEW;
        r = lock_file_write(region->lock_fd, REGION_LOCK_REMOVING, head.identity);
        if (r == 0 ||
            r == -EFBIG) /* who may not write files may remove them: killed in between it leaves a lock file */
                r = remove_memory(removal);
        if (r < 0) {
                (void)lock_file_write(region->lock_fd, head.state, head.identity);
                return r;
        }
        if (unlink(region->place.lock_path) < 0 && errno != ENOENT)
                return -errno;
        return nothing ? reason_set(removal->reason, -ENOENT, LEAT_ROW_OPENING, "there is no such region") : 0;
}

/* Does anybody take part? Whoever joins has byte 0 for it, which is ours. */
static bool is_used(const struct leat_region *region) {
        return lock_file_is_inhabited(region->lock_fd);
}

/* A lock file is made where there is none but memory, so that nobody makes a region meanwhile. */
static int lock_and_remove(const struct removal *removal) {
        struct leat_region *region = removal->region;
        struct memory_place *place = &region->place;
        if (!place->kind->named)
                return place->kind->remove(place, removal->reason);
        int found = region_find(region, false, removal->deadline, removal->reason);
        memory_place_close(place);
        int r = region_lock_name(region, true, found == 0, 0600, true, removal->deadline);
        if (r == -ENOENT)
                return found;
        if (r == -EACCES && removal->how == REMOVE_FORCE) /* one that this user may remove, and not write */
                r = place->kind->remove(place, removal->reason), (void)unlink(place->lock_path);
        else if (r == 0 && removal->how == REMOVE_UNUSED && is_used(region))
                r = reason_set(removal->reason, -EBUSY, LEAT_ROW_LIFETIME, "somebody has it open");
        else if (r == 0)
                r = remove_both(removal);
        return r;
}

static int remove_region(const char *address, enum how how, int64_t deadline, struct leat_reason *ret_reason) {
        UNCANCELLED;
        CLEANUP(wish_clear) struct region_wish wish = REGION_WISH_NONE;
        REGION_FREE_AT_EXIT struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        int r = wish_parse(address, 0, NULL, deadline, &reason, &wish);
        if (r == 0 && !(region = region_new(address)))
                r = -ENOMEM;
        if (r == 0)
                r = memory_place_new(wish.address.scheme, wish.address.rest, &reason, &region->place);
        if (r == 0)
                r = lock_and_remove(&(struct removal){ region, how, deadline, &reason });
        if (r < 0)
                (void)region_explain(r, &reason);
        if (r < 0 && ret_reason)
                *ret_reason = reason;
        return r;
}

int leat_region_remove(const char *address, bool force, int64_t deadline, struct leat_reason *ret_reason) {
        return remove_region(address, force ? REMOVE_FORCE : REMOVE_ANY, deadline, ret_reason);
}

int region_remove_unused(const char *address, int64_t deadline, struct leat_reason *ret_reason) {
        return remove_region(address, REMOVE_UNUSED, deadline, ret_reason);
}
