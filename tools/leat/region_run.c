/* SPDX-License-Identifier: MIT */

/*
 * leat region run: a command while a lock is held, as flock(1).
 *
 * The lock is this process's, and not the command's, which does not know of it: so it is given back when the command has ended, whatever that left running. What comes to this
 * process by kill(1) meanwhile is passed on; what the terminal sends has come to the command by itself, if it is of this group still. A signal that comes before there is a command
 * ends this process instead; one that comes while the command is started is passed on whoever sent it: the command may get it twice then, and not never.
 */

#include "base/cleanup.h"
#include "tools/leat/region_hold.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <leat/process.h>
#include <leat/signal.h>
#include <poll.h>
#include <unistd.h>

static bool has_come_to(pid_t command, const struct leat_signal *signal) {
        return signal->code == SI_KERNEL && getpgid(command) == getpgrp();
}

static void pass_on(struct leat_signals *signals, struct leat_process *process, bool is_new) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        while (leat_signals_receive(signals, LEAT_NOW, &signal) == 0)
                if (is_new || !has_come_to(leat_process_pid(process), &signal))
                        (void)leat_process_signal(process, signal.number); /* it may have ended by now */
}

/* Returns its exit code. */
static int await(const char *program, struct leat_signals *signals, struct leat_process *process) {
        struct leat_status status = LEAT_STATUS_INIT;
        int r;
        pass_on(signals, process, true);
        while ((r = leat_process_wait(process, LEAT_NOW, &status)) == -EAGAIN) {
                struct pollfd polled[] = { { .fd = leat_signals_fd(signals), .events = POLLIN },
                                           { .fd = leat_process_fd(process), .events = POLLIN } };
                (void)poll(polled, 2, -1);
                pass_on(signals, process, false);
        }
        return r < 0 ? report(program, r, ASKING, NULL) : leat_status_code(&status);
}

static int run_command(const struct hold *hold, const char *const argv[]) {
        struct leat_reason reason = { 0 };
        struct leat_process *process = NULL;
        struct leat_command *command = NULL;
        int r = leat_command_new(argv, &command), code = hold_signalled(hold);
        if (r == 0)
                r = leat_command_environment(command, "LEAT_OWNER_DIED", hold->died ? "1" : NULL);
        if (r == 0 && code == DONE)
                r = leat_spawn(command, LEAT_NEVER, &reason, &process);
        if (r == -EINTR) /* what came from the terminal killed it before it was the command */
                code = hold_signalled(hold);
        if (r < 0 && code == DONE)
                code = report(argv[0], r, STARTING, &reason);
        else if (process)
                code = await(argv[0], hold->signals, process);
        leat_process_free(process);
        leat_command_free(command);
        return code;
}

static int run_run(const struct options *options) {
        const char *address = options->operands[0], *name = options->region.lock;
        if (!name != region_is_semaphore(address))
                return name ? complain_usage("--lock", "a semaphore has no locks with names; leave it out")
                            : complain_usage(address, "which of its locks? Say --lock NAME");
        CLEANUP(hold_end) struct hold hold;
        int code = hold_take(options, address, name, &hold);
        if (code)
                return code;
        code = run_command(&hold, (const char *const *)options->operands + 1);
        int mended = code == DONE ? hold_mend(&hold) : DONE;
        return code ? code : mended;
}

const struct command command_region_run = {
        .name = "region run",
        .operands = "--lock NAME ADDRESS -- COMMAND [ARG]...",
        .summary = "Run a command while a lock is held, as flock(1)",
        .takes = TAKES_LOCK | TAKES_LOCK_NAME,
        .operands_min = 2,
        .operands_max = -1,
        .details =
                "A region that is not there is made, with places for 64 locks; a lock that is not there gets one of\n"
                "them. In a program's own region NAME is a field of its layout. Of sysv-sem: and posix-sem: one is "
                "taken,\n"
                "without --lock. The lock is given back when COMMAND has ended. A holder that was killed is told to "
                "the\n"
                "next one, which does not run unless it says --mend: then COMMAND finds LEAT_OWNER_DIED=1 in its\n"
                "environment, and if it succeeds the lock is as new.\n\n"
                "Exit: COMMAND's code, 128+n if it was killed by signal n; 1 no such lock in this region; 2 usage; 65\n"
                "the last owner died; 71 the system refused; 75 it is taken (--nonblock); 124 the deadline passed;\n"
                "125 to 127 COMMAND could not be started, run, found.\n\n"
                "Example: leat region run --lock backup --timeout 1h region:/locks -- rsync -a /home /mnt\n",
        .run = run_run,
};
