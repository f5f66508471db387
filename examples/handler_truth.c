/* SPDX-License-Identifier: MIT */
/*
 * A handler that says the truth: which signal came, from whom and how, and then does what is expected of it. It may call printf(), since it
 * runs outside of signal context.
 *
 *     handler_truth          press Ctrl-C, Ctrl-Z (then fg); kill -TERM ends it
 */
#include <leat.h>
#include <signal.h>
#include <stdio.h>

static void say(const struct leat_signal *signal, void *context) {
        const char *code = leat_signal_code_name(signal->number, signal->code);

        (void)context;
        printf("%s: %s; from process %d of user %u (%s)\n", leat_signal_name(signal->number),
               leat_signal_entry(signal->number)->meaning, (int)signal->pid, (unsigned)signal->uid, code ? code : "?");
        fflush(stdout);
}

static void stop(const struct leat_signal *signal, void *context) {
        say(signal, context);
        raise(SIGSTOP); /* SIGTSTP was received and not obeyed: a program that says it stops has to */
        printf("it goes on\n");
        fflush(stdout);
}

static void end(const struct leat_signal *signal, void *context) {
        say(signal, context);
        *(int *)context = 1;
}

int main(void) {
        struct leat_signals *signals;
        struct leat_reason reason = { 0 };
        int ended = 0;
        int r = leat_signals_open("INT TERM TSTP", 0, &reason, &signals);

        if (r < 0)
                return fprintf(stderr, "signals: %s\n", reason.text), 1;
        leat_signals_handle(signals, SIGINT, say, NULL);
        leat_signals_handle(signals, SIGTSTP, stop, NULL);
        leat_signals_handle(signals, SIGTERM, end, &ended);
        printf("ready\n");
        fflush(stdout);
        while (r == 0 && !ended)
                r = leat_signals_dispatch(signals, LEAT_NEVER);
        leat_signals_close(signals);
        return r < 0;
}
