/* SPDX-License-Identifier: MIT */

/* leat region watch: a line for each part that has changed, as soon as it has. */

#include "base/cleanup.h"
#include "shared/region.h"
#include "tools/leat/output.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_names.h"

#include <errno.h>
#include <inttypes.h>
#include <leat/notice.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PARTS 64 /* <leat/notice.h> */

struct watch {
        const struct options *options;
        struct leat_region *region;
        uint64_t seen[PARTS]; /* of part 0: its own changes, without those of the others, which are changes of it too */
        uint64_t whole;       /* with those */
        uint64_t told;        /* lines about changes */
};

static bool is_wanted(const struct watch *watch, const char *name) {
        return !watch->options->region.part || strcmp(watch->options->region.part, name) == 0;
}

static bool is_over(const struct watch *watch) {
        return watch->options->region.changes && watch->told >= watch->options->region.changes;
}

static int print(const struct watch *watch, char *name, uint64_t changes, uint64_t more) {
        char time[40];
        if (watch->options->format == FORMAT_JSON)
                return output_json_line(json_pack("{s:s, s:o, s:I, s:I}", "time", time_now(time), "part",
                                                  region_text_json(name), "changes", (json_int_t)changes, "more",
                                                  (json_int_t)more));
        printf(more ? "%s %" PRIu64 " +%" PRIu64 "\n" : "%s %" PRIu64 "\n", *name ? region_printable(name) : "*",
               changes, more);
        return output_flush();
}

/* One has so many changes now. first: they are told as they are. */
static int tell(struct watch *watch, uint32_t part, char *name, uint64_t changes, bool first) {
        uint64_t more = changes - watch->seen[part];
        if (!is_wanted(watch, name) || (!first && (more == 0 || is_over(watch))))
                return DONE;
        watch->seen[part] = changes;
        watch->told += !first;
        return print(watch, name, changes, first ? 0 : more);
}

/* The changes of the whole region that are of no part: commits, and what was said of part 0. Acquire: they are counted before the whole is. */
static uint64_t own_changes(const struct watch *watch) {
        return atomic_load_explicit(&watch->region->header->parts[0].own, memory_order_acquire);
}

/* A part without a name has none yet, or one that was begun and never finished: there may be others behind it. The whole is looked at first: nothing that is counted later is
 * missed, as it makes the descriptor readable. */
static int look_at_all(struct watch *watch, bool first) {
        char name[32];
        uint64_t changes;
        int code = DONE;
        (void)leat_part_wait(watch->region, 0, &watch->whole, LEAT_NOW);
        for (uint32_t part = 1; !code && part < PARTS; part++) {
                if (leat_part_name(watch->region, part, name) < 0)
                        continue;
                changes = watch->seen[part];
                (void)leat_part_wait(watch->region, part, &changes, LEAT_NOW);
                code = tell(watch, part, name, changes, first);
        }
        return code ? code : tell(watch, 0, (char[]){ "" }, own_changes(watch), first);
}

/* Until it may have changed, or the deadline. */
static int await(const struct watch *watch, int fd) {
        struct pollfd polled = { .fd = fd, .events = POLLIN };
        int64_t left = watch->options->deadline - leat_now();
        struct timespec wait = { left / 1000000000, left % 1000000000 };
        if (left <= 0) {
                complain(watch->options->operands[0], "the deadline passed");
                return TIMED_OUT;
        }
        (void)ppoll(&polled, 1, watch->options->deadline == LEAT_NEVER ? NULL : &wait, NULL);
        return DONE;
}

/* The first look is behind the descriptor: what changes after it makes that readable. */
static int go_on(struct watch *watch) {
        int fd = leat_region_notice_fd(watch->region);
        if (fd < 0)
                return report(watch->options->operands[0], fd, ASKING, NULL);
        int code = look_at_all(watch, true);
        while (!code && !is_over(watch)) {
                code = await(watch, fd);
                if (!code)
                        code = look_at_all(watch, false);
        }
        return code;
}

static int run_watch(const struct options *options) {
        CLEANUP(region_close_at) struct leat_region *region = NULL;
        int code = region_open_or_tell(options->operands[0], false, options->deadline, &region);
        if (code)
                return code;
        if (!region->header)
                return complain_usage(options->operands[0],
                                      "as it is (?raw) it tells of no changes; name a region of Leat");
        struct watch watch = { .options = options, .region = region };
        return go_on(&watch);
}

const struct command command_region_watch = {
        .name = "region watch",
        .operands = "ADDRESS",
        .summary = "Print a line for each change that is told of a region",
        .takes = TAKES_CHANGES | TAKES_TIMEOUT | TAKES_JSON,
        .operands_min = 1,
        .operands_max = 1,
        .details =
                "First how often each part has changed, then each change: 'prices 17', 'prices 18 +1'. '*' is what "
                "was\n"
                "said of the whole region, as each transaction that is committed says. Changes that come faster than\n"
                "they are printed are one line, with their number. With --json an object a line.\n\n"
                "Exit: 0 --count lines were printed; 1 nothing is there; 2 usage; 71 the system refused; 124 the "
                "deadline "
                "passed.\n\n"
                "Example: leat region watch --part prices --count 10 region:/stock\n",
        .run = run_watch,
};
