/* SPDX-License-Identifier: MIT */

/* leat region lock: the locks of a region; or one of them, held until the end of standard input. */

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/region_hold.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/region_show.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <leat/signal.h>
#include <poll.h>
#include <stdio.h>

/* ---- listing ---- */

static int list(const struct options *options) {
        CLEANUP(region_close_at) struct leat_region *region = NULL;
        const char *address = options->operands[0];
        if (options->region.shared || options->region.at_once || options->region.mend)
                return complain_usage(address, "which of its locks is to be taken? Write its name behind the address");
        int code = region_open_or_tell(address, false, options->deadline, &region);
        if (code)
                return code;
        return options->format == FORMAT_JSON ? output_json(region_locks_json(region))
                                              : region_locks_print(region, false);
}

/* ---- holding ---- */

/* Read and forget. false: the end. */
static bool skip_input(void) {
        char bytes[4096];
        ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
        return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until standard input ends, or a signal. Returns DONE, or 128 and the signal. */
static int wait_for_end(const struct hold *hold) {
        struct pollfd polled[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                   { .fd = leat_signals_fd(hold->signals), .events = POLLIN } };
        int code;
        do {
                polled[0].revents = 0;
                (void)poll(polled, 2, -1);
                code = hold_signalled(hold);
        } while (code == DONE && (polled[0].revents == 0 || skip_input()));
        return code;
}

static int hold_for(const char *what, const struct hold *hold) {
        printf("locked %s\n", what);
        int code = output_flush();
        return code ? code : wait_for_end(hold);
}

static int hold(const struct options *options, const char *name) {
        CLEANUP(hold_end) struct hold hold;
        int code = hold_take(options, options->operands[0], name, &hold);
        if (code)
                return code;
        code = hold_for(name ? name : options->operands[0], &hold);
        int mended = code == DONE ? hold_mend(&hold) : DONE;
        return code ? code : mended;
}

static int run_lock(const struct options *options) {
        const char *name = options->operands_count > 1 ? options->operands[1] : NULL;
        bool semaphore = region_is_semaphore(options->operands[0]);
        if (name && semaphore)
                return complain_usage(name, "a semaphore has no locks with names; leave it out");
        if ((name || semaphore) && options->format == FORMAT_JSON)
                return complain_usage("--json", "is for the list of a region's locks; to take one leave it out");
        return name || semaphore ? hold(options, name) : list(options);
}

const struct command command_region_lock = {
        .name = "region lock",
        .operands = "ADDRESS [NAME]",
        .summary = "List the locks of a region, or hold one until the end of standard input",
        .takes = TAKES_LOCK | TAKES_JSON,
        .operands_min = 1,
        .operands_max = 2,
        .details =
                "Without NAME: each lock, whether it is free, who has it, how many wait. With NAME: it prints 'locked "
                "NAME'\n"
                "when it has the lock, and gives it back when standard input ends, or by a signal that would end\n"
                "it. Of sysv-sem: and posix-sem: one is taken. Names, and locks whose owner died: 'leat region run "
                "--help'.\n\n"
                "Exit: 0 done; 1 nothing is there; 2 usage; 65 its last owner died; 71 the system refused; 75 it is\n"
                "taken (--nonblock); 124 the deadline passed; 128+n ended by signal n.\n\n"
                "Example: leat region lock region:/locks\n",
        .run = run_lock,
};
