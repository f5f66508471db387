/* SPDX-License-Identifier: MIT */

/* leat signal wait: receives signals, as many as were asked for, and tells who sent each. */

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/report.h"
#include "tools/leat/signal_names.h"
#include "tools/leat/signal_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void close_signals(struct leat_signals **signals) {
        leat_signals_close(*signals);
}

static int print_signal(const struct options *options, const struct leat_signal *signal) {
        const char *code = leat_signal_code_name(signal->number, signal->code);
        char time[40], number[16], name[16];
        snprintf(number, sizeof(number), "%d", signal->code);
        if (options->format == FORMAT_JSON)
                return output_json_line(
                        json_pack("{s:s, s:s, s:i, s:I, s:I, s:s, s:o}", "time", time_now(time), "signal",
                                  signal_text(signal->number, name), "number", signal->number, "pid",
                                  (json_int_t)signal->pid, "uid", (json_int_t)signal->uid, "code", code ? code : number,
                                  "value", signal->has_value ? json_integer(signal->value.sival_int) : json_null()));
        printf("%s pid=%d uid=%u code=%s", signal_text(signal->number, name), (int)signal->pid, (unsigned)signal->uid,
               code ? code : number);
        if (signal->has_value)
                printf(" value=%d", signal->value.sival_int);
        putchar('\n');
        return output_flush();
}

/* The operands with spaces between, as leat_signals_open() takes them; each is looked at. Returns DONE or the exit code. */
static int join_names(const struct options *options, char **ret_names) {
        size_t size = 1, length = 0;
        for (size_t i = 0; i < options->operands_count; i++) {
                int number, code = strcmp(options->operands[i], "all") == 0
                                           ? DONE
                                           : signal_read_catchable(options->operands[i], &number);
                if (code)
                        return code;
                size += strlen(options->operands[i]) + 1;
        }
        char *names = calloc(1, size);
        if (!names)
                return report(NULL, -ENOMEM, ASKING, NULL);
        for (size_t i = 0; i < options->operands_count; i++)
                length += (size_t)snprintf(names + length, size - length, "%s ", options->operands[i]);
        *ret_names = names;
        return DONE;
}

static int receive(const struct options *options, struct leat_signals *signals) {
        int64_t wanted = options->count ? options->count : 1;
        int code = DONE;
        for (int64_t i = 0; !code && i < wanted; i++) {
                struct leat_signal signal = LEAT_SIGNAL_INIT;
                int r = leat_signals_receive(signals, options->deadline, &signal);
                if (r == -ETIMEDOUT || r == -EAGAIN) {
                        complain(NULL, "the deadline passed; %lld of %lld came", (long long)i, (long long)wanted);
                        return TIMED_OUT;
                }
                code = r < 0 ? report(NULL, r, ASKING, NULL) : print_signal(options, &signal);
        }
        return code;
}

static int run_wait(const struct options *options) {
        FREE_AT_EXIT char *names = NULL;
        CLEANUP(close_signals) struct leat_signals *signals = NULL;
        struct leat_reason reason = { 0 };
        int code = join_names(options, &names);
        if (code)
                return code;
        int r = leat_signals_open(names, 0, &reason, &signals);
        if (r < 0)
                return report(NULL, r, ASKING, &reason);
        complain(NULL, "process %d waits for %lld", (int)getpid(), (long long)(options->count ? options->count : 1));
        return receive(options, signals);
}

const struct command command_signal_wait = {
        .name = "signal wait",
        .operands = "SIGNAL...",
        .summary = "Wait for signals, and tell who sent each",
        .takes = TAKES_TIMES | TAKES_TIMEOUT | TAKES_JSON,
        .operands_min = 1,
        .operands_max = -1,
        .details =
                "Standard error tells this process's number once it waits. A line for each that comes:\n\n"
                "  SIGRTMIN+1 pid=4711 uid=1000 code=SI_QUEUE value=7\n\n"
                "pid 0 is the kernel: Ctrl-C has code SI_KERNEL. --count is of all of them together; 'all' is every\n"
                "signal that can be caught. Ordinary signals that come faster than they are taken are one;\n"
                "real-time ones are queued.\n\n"
                "Exit: 0 all came; 2 usage, no such signal, or one that cannot be caught; 71 the system refused; 124\n"
                "the deadline passed.\n\n"
                "Example: leat signal wait INT --count 3 --timeout 1m\n",
        .run = run_wait,
};
