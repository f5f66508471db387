/* SPDX-License-Identifier: MIT */
#include "tools/leat/options.h"
#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

/* All are looked at before the first is set: half a command is worse than none. */
static int check(const struct options *options) {
        for (size_t i = 1; i < options->operands_count; i++) {
                const char *equals = strchr(options->operands[i], '=');
                if (!equals || equals == options->operands[i])
                        return complain_usage(options->operands[i], "it is no PROPERTY=VALUE; write one as mode=0660");
        }
        return DONE;
}

static int set_one(const char *address, const char *setting) {
        struct leat_reason reason = { 0 };
        const char *equals = strchr(setting, '=');
        FREE_AT_EXIT char *property = strndup(setting, (size_t)(equals - setting));
        int r = property ? leat_set(address, property, equals + 1, &reason) : -ENOMEM;
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

static int run_set(const struct options *options) {
        int code = check(options);
        for (size_t i = 1; i < options->operands_count && code == DONE; i++)
                code = set_one(options->operands[0], options->operands[i]);
        return code;
}

const struct command command_set = {
        .name = "set",
        .operands = "ADDRESS PROPERTY=VALUE...",
        .summary = "Change properties of what is at an address: mode, capacity, owner",
        .operands_min = 2,
        .operands_max = -1,
        .details =
                "'leat info' prints them as they are. Which ones there are depends on the transport; the depth of a\n"
                "queue is said when it is made, as mq:/orders?depth=5; owner and group are for System V queues. The "
                "first\n"
                "that fails ends it.\n\n"
                "Exit: 0 set; 1 nothing is there; 2 usage, or no such property; 71 the system refused.\n\n"
                "Example: leat set sysv-mq:0x4d2 mode=0660 capacity=64k\n",
        .run = run_set,
};
