/* SPDX-License-Identifier: MIT */
/*
 * A program that ends at the third Ctrl-C. SIGINT is an ordinary signal: two that come before one is received are one.
 *
 *     third_interrupt
 */
#include <leat.h>
#include <stdio.h>

int main(void) {
        struct leat_signals *interrupts;
        struct leat_reason reason = { 0 };
        int r = leat_signals_open("INT", 0, &reason, &interrupts);

        if (r < 0)
                return fprintf(stderr, "signals: %s\n", reason.text), 1;
        printf("ready\n");
        fflush(stdout);
        for (int n = 1; r == 0 && n <= 3; n++) {
                r = leat_signals_receive(interrupts, LEAT_NEVER, NULL);
                if (r == 0)
                        printf("interrupt %d of 3\n", n);
                fflush(stdout);
        }
        leat_signals_close(interrupts);
        return r < 0;
}
