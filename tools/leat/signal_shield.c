/* SPDX-License-Identifier: MIT */

/*
 * leat signal shield: stands before a command and lets only every N-th signal of one kind through.
 *
 * The command has a process group of its own, in the background; this process keeps the foreground. So Ctrl-C, which the terminal sends to
 * the foreground group, comes here and nowhere else; so does what kill(1) sends to this process. All signals but what is
 * about this process itself are received in place of the command, and passed on: what the terminal sent, to its group; what a process sent, to it.
 * Why nothing else does: docs/design/process.md, "leat signal shield".
 */

#include "base/cleanup.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/signal_parts.h"
#include "tools/leat/terminal_input.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Received in the command's stead; and of the command itself CHLD, for when it stops. */
#define RECEIVED "CHLD CONT HUP INT QUIT TERM TSTP USR1 USR2 WINCH"

struct shield {
        const struct options *options;
        const char *program;
        int number;
        int64_t held_back; /* since one was let through */
        struct leat_signals *signals;
        struct leat_process *process;
        struct terminal_input input;
};

static void shield_close(struct shield *shield) {
        terminal_input_close(&shield->input);
        leat_signals_close(shield->signals);
        leat_process_free(shield->process);
}

static int64_t every(const struct shield *shield) {
        return shield->options->count ? shield->options->count : 1;
}

/* The command is not reaped yet, so that its number, and its group's, is nobody else's. That it has ended meanwhile is no error. */
static void pass_on(const struct shield *shield, const struct leat_signal *signal) {
        if (signal->code == SI_KERNEL || signal->number == SIGCONT)
                (void)leat_signal_group(leat_process_pid(shield->process), signal->number);
        else if (signal->has_value)
                (void)leat_signal_queue(shield->process, signal->number, signal->value, NULL);
        else
                (void)leat_process_signal(shield->process, signal->number);
}

static bool holds_back(struct shield *shield, const struct leat_signal *signal) {
        char name[16];
        if (signal->number != shield->number)
                return false;
        if (++shield->held_back == every(shield)) {
                shield->held_back = 0;
                return false;
        }
        complain(NULL, "%s %lld of %lld is held back", signal_text(signal->number, name), (long long)shield->held_back,
                 (long long)every(shield));
        return true;
}

/* A group in the background is stopped when it would take what is typed, or set the terminal's modes. */
static int look_at_stop(struct shield *shield) {
        struct leat_status status = LEAT_STATUS_INIT;
        if (leat_process_status(shield->process, &status) < 0 || status.how != LEAT_HOW_STOPPED ||
            (status.code != SIGTTIN && status.code != SIGTTOU))
                return DONE;
        complain(shield->program,
                 "wants the terminal for itself, which the shield keeps, and was killed; start it without "
                 "a shield");
        (void)leat_signal_group(leat_process_pid(shield->process), SIGKILL);
        return SYSTEM_REFUSED;
}

static int take(struct shield *shield, const struct leat_signal *signal) {
        if (signal->number == SIGCHLD)
                return look_at_stop(shield);
        if (holds_back(shield, signal))
                return DONE;
        pass_on(shield, signal);
        if (signal->number == SIGTSTP)
                raise(SIGSTOP); /* as the one job that a shell sees in the two */
        if (signal->number == SIGCONT)
                terminal_input_look(&shield->input);
        return DONE;
}

static int take_all(struct shield *shield) {
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        int r, code = DONE;
        while (!code && (r = leat_signals_receive(shield->signals, LEAT_NOW, &signal)) == 0)
                code = take(shield, &signal);
        return code || r == -EAGAIN ? code : report(NULL, r, ASKING, NULL);
}

/*
 * Sleep until there is something to do. That somebody gave us the foreground tells nobody: bash's fg sends no SIGCONT to a job that runs. So while
 * there is typing to carry and we may not read it, that is looked at again after a while.
 */
static void sleep_for(struct shield *shield, struct pollfd polled[4]) {
        static const struct timespec again = { .tv_nsec = 200000000 };
        bool waits = terminal_input_waits(&shield->input);
        (void)ppoll(polled, 4, waits ? &again : NULL, NULL);
        if (waits)
                terminal_input_look(&shield->input);
}

static int stand(struct shield *shield) {
        struct leat_status status = LEAT_STATUS_INIT;
        int code, r;
        while ((r = leat_process_wait(shield->process, LEAT_NOW, &status)) == -EAGAIN) {
                struct pollfd polled[4] = {
                        { .fd = leat_signals_fd(shield->signals), .events = POLLIN },
                        { .fd = leat_process_fd(shield->process), .events = POLLIN },
                };
                terminal_input_poll(&shield->input, &polled[2]);
                sleep_for(shield, polled);
                terminal_input_carry(&shield->input, &polled[2]);
                if ((code = take_all(shield)))
                        return code;
        }
        return r < 0 ? report(shield->program, r, ASKING, NULL) : leat_status_code(&status);
}

static int start(struct shield *shield, struct leat_command *command) {
        struct leat_reason reason = { 0 };
        int r = leat_command_group(command, 0);
        if (r == 0)
                r = terminal_input_open(&shield->input, command);
        if (r == 0)
                r = leat_spawn(command, LEAT_NEVER, &reason, &shield->process);
        terminal_input_started(&shield->input);
        return r < 0 ? report(shield->program, r, STARTING, &reason) : DONE;
}

/* The signals are received before the command is there: none that comes early ends this process and leaves the command alone. */
static int receive_for(struct shield *shield) {
        struct leat_reason reason = { 0 };
        char names[100];
        snprintf(names, sizeof(names), RECEIVED " %d", shield->number);
        int r = leat_signals_open(names, 0, &reason, &shield->signals);
        return r < 0 ? report(NULL, r, ASKING, &reason) : DONE;
}

static int run_shield(const struct options *options) {
        CLEANUP(shield_close)
        struct shield shield = { .options = options, .program = options->operands[1], .input = TERMINAL_INPUT_NONE };
        struct leat_command *command;
        int code = signal_read_catchable(options->operands[0], &shield.number);
        if (!code && shield.number == SIGCHLD)
                code = complain_usage(options->operands[0],
                                      "tells of COMMAND itself and is not passed on; choose another");
        if (!code)
                code = receive_for(&shield);
        if (code)
                return code;
        int r = leat_command_new((const char *const *)options->operands + 1, &command);
        if (r < 0)
                return report(shield.program, r, STARTING, NULL);
        code = start(&shield, command);
        leat_command_free(command);
        return code ? code : stand(&shield);
}

const struct command command_signal_shield = {
        .name = "signal shield",
        .operands = "SIGNAL --count N -- COMMAND [ARG]...",
        .summary = "Run a command, and let only every N-th signal of one kind through to it",
        .takes = TAKES_TIMES,
        .operands_min = 2,
        .operands_max = -1,
        .details =
                "COMMAND is in a process group of its own, in the background; Ctrl-C, and what kill(1) sends to this\n"
                "process, comes here. Of SIGNAL the first N - 1 are held back and told on standard error, the N-th is\n"
                "passed on, and so on. HUP, INT, QUIT, TERM, TSTP, CONT, USR1, USR2 and WINCH are passed on at once.\n"
                "What is typed is carried to COMMAND through a pipe; a program that wants the terminal itself, as\n"
                "editors do, is killed and told of. What is sent to COMMAND's own number no shield can hold back.\n\n"
                "Exit: COMMAND's code, 128+n if it was killed by signal n; 2 usage; 71 it wanted the terminal, or the\n"
                "system refused; 125 to 127 it could not be started, run, found.\n\n"
                "Example: leat signal shield INT --count 3 -- make all\n",
        .run = run_shield,
};
