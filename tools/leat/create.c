/* SPDX-License-Identifier: MIT */
#include "tools/leat/options.h"
#include "tools/leat/report.h"

static int create(const struct options *options, const char *address) {
        struct leat_reason reason = { 0 };
        int r = leat_create(address, options->mode, options->create_new, &reason);
        return r < 0 ? report(address, r, ASKING, &reason) : DONE;
}

static int run_create(const struct options *options) {
        return options_each(options, create);
}

const struct command command_create = {
        .name = "create",
        .operands = "ADDRESS...",
        .summary = "Make what outlives its processes: queues, named pipes, logs",
        .takes = TAKES_MODE | TAKES_NEW,
        .operands_min = 1,
        .operands_max = -1,
        .details = "Each ADDRESS is tried, also after a failure. Pipes and unix sockets live with their processes and\n"
                   "are made by opening them.\n\n"
                   "Exit: 0 made, or there already; 1 --new and it was there; 2 usage; 71 the system refused.\n\n"
                   "Example: leat create --mode 0660 'mq:/orders?depth=5&size=200' sysv-mq:0x4d2\n",
        .run = run_create,
};
