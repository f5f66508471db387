/* SPDX-License-Identifier: MIT */

/* What one of those that were found is. */

#include "base/cleanup.h"
#include "shared/evidence.h"
#include "tools/leat/region_find.h"
#include "tools/leat/region_layout.h"
#include "tools/leat/region_open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <leat/semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATIENCE_MS 1000 /* with one that is being made, grown or removed */

static void say(struct found_region *found, int error, const char *text) {
        found->error = error;
        snprintf(found->state, sizeof(found->state), "%s", text);
}

/* Its lock file is there, and it is not: is that one held, by its maker say, or left? */
static void look_at_lock_file(struct found_region *found) {
        struct stat status;
        CLOSE_AT_EXIT int fd = open(found->evidence, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        found->kind = FOUND_LOCK_FILE;
        if (fd < 0 || fstat(fd, &status) < 0) {
                say(found, errno == ENOENT ? -ENOENT : -EACCES, errno == ENOENT ? "gone" : "not permitted");
                return;
        }
        found->uid = status.st_uid;
        found->size_bytes = 0;
        found->stale = !evidence_is_shared(fd, 0, UINT64_C(1) << 32);
        say(found, 0, found->stale ? "stale: its region is gone" : "in use: its region is gone, or being made");
}

static void tell_region(struct found_region *found, struct leat_region *region) {
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        if (leat_region_info(region, &info) < 0)
                return;
        found->kind = FOUND_REGION;
        found->size_bytes = info.size_bytes;
        found->participants = info.participants;
        found->dead = info.dead;
        found->uid = info.uid;
        found->stale = region_is_stale(region, &info);
        if (layout_name(info.layout, found->layout))
                (void)region_printable(found->layout);
}

static void look_at_region(struct found_region *found) {
        struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        bool foreign = found->kind == FOUND_FOREIGN;
        int r = found->nameless ? -EINVAL
                                : region_open(found->address, false, leat_in_ms(PATIENCE_MS), &reason, &region);
        if (r == 0) {
                tell_region(found, region);
                region = leat_region_close(region);
                say(found, 0, found->stale ? "stale" : "in use");
        } else if (foreign) {
                say(found, 0, found->stale ? "stale: no process has it attached" : "in use");
        } else if (r == -ENOENT && found->evidence[0]) {
                look_at_lock_file(found);
        } else {
                say(found, r, r == -EACCES ? "not permitted" : reason.text ? reason.text : leat_strerror(r));
        }
}

static void look_at_semaphore(struct found_region *found) {
        struct leat_sem_info info = LEAT_SEM_INFO_INIT;
        struct leat_sem *sem = NULL;
        int r = region_open_semaphore(found->address, LEAT_NOW, NULL, &sem);
        if (r == 0)
                r = leat_sem_info(sem, &info);
        if (r < 0)
                say(found, r, r == -EACCES ? "not permitted" : leat_strerror(r));
        else if (info.set_size > 1)
                snprintf(found->state, sizeof(found->state), "%" PRIu32 ", the first of %" PRIu32, info.count,
                         info.set_size);
        else
                snprintf(found->state, sizeof(found->state), "%" PRIu32, info.count);
        found->uid = r < 0 ? found->uid : info.uid;
        leat_sem_close(sem);
}

void found_look(struct found_region *found) {
        if (found->kind == FOUND_SEMAPHORE)
                look_at_semaphore(found);
        else
                look_at_region(found);
        (void)region_printable(found->address);
}
