/* SPDX-License-Identifier: MIT */

/* leat region rm: remove regions and semaphores; or all that no living process holds. */

#include "base/cleanup.h"
#include "shared/open.h"
#include "tools/leat/output.h"
#include "tools/leat/region_find.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <leat/semaphore.h>
#include <stdio.h>
#include <sys/shm.h>

static int remove_one(const struct options *options, const char *address) {
        struct leat_reason reason = { 0 };
        bool force = options->region.force;
        int r = region_is_semaphore(address) ? leat_sem_remove(address, &reason)
                                             : leat_region_remove(address, force, options->deadline, &reason);
        if (r == -EINVAL && reason.row == LEAT_ROW_VERSIONS && !force)
                return complain_usage(address, "this is no region of Leat; --force removes it all the same");
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

/* ---- what is stale ---- */

/* Segments of other programs may hold data that somebody wants: they go by --force alone. */
static bool is_to_go(const struct options *options, const struct found_region *found) {
        return found->stale && found->uid == geteuid() && (found->kind != FOUND_FOREIGN || options->region.force);
}

static int remove_segment(const struct found_region *found, struct leat_reason *reason) {
        struct shmid_ds now = { 0 };
        if (shmctl(found->id, IPC_STAT, &now) < 0)
                return -errno;
        if (now.shm_nattch != 0)
                return -EBUSY;
        if (!found->nameless)
                return leat_region_remove(found->address, true, LEAT_NEVER, reason);
        return shmctl(found->id, IPC_RMID, NULL) < 0 ? -errno : 0;
}

/* Somebody may have come since it was looked at: then it stays. */
static int remove_stale(const struct options *options, const struct found_region *found) {
        struct leat_reason reason = { 0 };
        int r = found->kind == FOUND_FOREIGN ? remove_segment(found, &reason)
                                             : region_remove_unused(found->address, options->deadline, &reason);
        if (r == -EBUSY || r == -ENOENT || r == -EINVAL || r == -EIDRM)
                return DONE;
        if (r < 0)
                return report(found->address, r, ASKING, &reason);
        printf("removed %s\n", found->address);
        return output_flush();
}

static int remove_all_stale(const struct options *options) {
        CLEANUP(found_free) struct found_list list = { 0 };
        int r = found_all(&list), code = DONE;
        if (r < 0)
                return report(NULL, r, ASKING, NULL);
        for (size_t i = 0; i < list.count; i++)
                if (is_to_go(options, &list.all[i])) {
                        int one = remove_stale(options, &list.all[i]);
                        code = code ? code : one;
                }
        return code;
}

static int run_rm(const struct options *options) {
        if (options->region.stale != (options->operands_count == 0))
                return options->region.stale ? complain_usage("--stale", "finds them itself; leave the address out")
                                             : complain_usage(NULL, "what? Write an ADDRESS, or --stale");
        if (options->region.stale)
                return remove_all_stale(options);
        return options_each(options, remove_one);
}

const struct command command_region_rm = {
        .name = "region rm",
        .operands = "ADDRESS...|--stale",
        .summary = "Remove regions and semaphores, or all that no living process holds",
        .takes = TAKES_STALE | TAKES_FORCE | TAKES_TIMEOUT,
        .operands_min = 0,
        .operands_max = -1,
        .details =
                "Each ADDRESS is tried, also after a failure. Who has a region open goes on with it; its memory is "
                "free when\n"
                "the last one ends. --stale removes this user's regions that no living process holds, and lock files "
                "whose\n"
                "region is gone, and prints each; with --force also segments of other programs that nobody has\n"
                "attached. What 'leat region show --stale' lists is what it looks at.\n\n"
                "Exit: 0 removed; 1 nothing was there; 2 usage, or it is no region (--force); 71 the system refused;\n"
                "124 the deadline passed.\n\n"
                "Example: leat region rm region:/stock\n",
        .run = run_rm,
};
