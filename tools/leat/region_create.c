/* SPDX-License-Identifier: MIT */

/* leat region create: a region of bytes, or of locks with names; or a semaphore. */

#include "base/cleanup.h"
#include "tools/leat/region_locks.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <leat/semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The address, with what the options say of how it is made. NULL: no memory. */
static char *address_with(const struct options *options, const char *address) {
        char *text;
        const char *mode = options->region.mode;
        if (asprintf(&text, "%s%s%s%s%s", address,
                     !mode && !options->create_new ? ""
                     : strchr(address, '?')        ? "&"
                                                   : "?",
                     mode ? "mode=" : "", mode ? mode : "",
                     !options->create_new ? ""
                     : mode               ? "&new"
                                          : "new") < 0)
                return NULL;
        return text;
}

static int create_semaphore(const struct options *options, const char *address, const char *text) {
        struct leat_reason reason = { 0 };
        struct leat_sem *sem = NULL;
        uint64_t count = options->region.has_count ? options->region.count : 1;
        if (options->region.size_bytes || options->region.locks)
                return complain_usage(address, "a semaphore has a count alone; write --count N");
        if (count > INT32_MAX)
                return complain_usage("--count", "a semaphore counts to 2147483647 at most");
        int r = leat_sem_open(text, (uint32_t)count, options->deadline, &reason, &sem);
        leat_sem_close(sem);
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

static bool is_there(const struct options *options, const char *address) {
        CLEANUP(region_close_at) struct leat_region *region = NULL;
        return !region_says_how(address) && region_open(address, false, options->deadline, NULL, &region) == 0;
}

static int create_region(const struct options *options, const char *address, const char *text) {
        CLEANUP(region_close_at) struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        uint64_t locks = options->region.locks;
        if (options->region.has_count)
                return complain_usage("--count", "is of a semaphore; a region has --size SIZE or --locks N");
        if (!locks == !options->region.size_bytes)
                return complain_usage(address, "how large? Say --size SIZE, or --locks N");
        int r = leat_region_open(text, locks ? locks * sizeof(struct locks_entry) : options->region.size_bytes,
                                 locks ? &locks_layout : NULL, options->deadline, &reason, &region);
        if (r == -EINVAL && is_there(options, address))
                return complain_usage(address, "%s; it stays as it is: take another name, or remove it first",
                                      reason.limit ? "a smaller region is there already" : reason.text);
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

static int create(const struct options *options, const char *address) {
        FREE_AT_EXIT char *text = address_with(options, address);
        if (!text)
                return report(address, -ENOMEM, ASKING, NULL);
        if (strncmp(address, "anon:", 5) == 0)
                return complain_usage(address, "would be gone with this command; a program makes it for its children");
        return region_is_semaphore(address) ? create_semaphore(options, address, text)
                                            : create_region(options, address, text);
}

static int run_create(const struct options *options) {
        return options_each(options, create);
}

const struct command command_region_create = {
        .name = "region create",
        .operands = "ADDRESS...",
        .summary = "Make a region of so many bytes, or of so many locks; or a semaphore",
        .takes = TAKES_REGION | TAKES_NEW | TAKES_TIMEOUT,
        .operands_min = 1,
        .operands_max = -1,
        .details = "Each ADDRESS is tried, also after a failure. One that is there already stays as it is, if it is as "
                   "large\n"
                   "and, with --locks, is one of locks. --locks: as 'leat region run --lock NAME' uses them.\n\n"
                   "Exit: 0 made, or there already; 1 --new and it was there; 2 usage, or something else is there; 71 "
                   "the\n"
                   "system refused, as where there is no memory; 124 the deadline passed.\n\n"
                   "Example: leat region create --size 64k --mode 0660 region:/stock\n",
        .run = run_create,
};
