/* SPDX-License-Identifier: MIT */
#include "tools/leat/options.h"
#include "tools/leat/report.h"

static int remove_one(const struct options *options, const char *address) {
        struct leat_reason reason = { 0 };
        int r = leat_remove(address, &reason);
        (void)options;
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

static int run_rm(const struct options *options) {
        return options_each(options, remove_one);
}

const struct command command_rm = {
        .name = "rm",
        .operands = "ADDRESS...",
        .summary = "Remove what is at an address, and what waits in it",
        .operands_min = 1,
        .operands_max = -1,
        .details = "Each ADDRESS is tried, also after a failure. A queue, named pipe or log goes whoever made it, "
                   "ipcmk(1)\n"
                   "and mkfifo(1) too, and whoever has it open. Of a unix socket this removes the file that a killed\n"
                   "receiver left; one whose receiver lives is not removed.\n\n"
                   "Exit: 0 removed; 1 nothing was there, or its processes live; 2 usage; 71 the system refused.\n\n"
                   "Example: leat rm mq:/orders sysv-mq:0x4d2\n",
        .run = run_rm,
};
