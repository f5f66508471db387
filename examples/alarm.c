/* SPDX-License-Identifier: MIT */
/*
 * The old alarm clock and the new one. SIGALRM of setitimer(2) (or alarm(2), by the second) is received like any signal; there is one for the
 * whole process. A timer of the library is a source of its own: as many as are wanted, none in the way of another.
 * Run it: alarm
 */
#include <leat.h>
#include <stdio.h>
#include <sys/time.h>

static int fail(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, leat_strerror(error));
        return 1;
}

int main(void) {
        const struct itimerval soon = { .it_value = { .tv_usec = 50000 } };
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        struct leat_signals *signals;
        struct leat_timer *ticks;
        int64_t done = 0;
        int r = leat_signals_open("ALRM", 0, NULL, &signals);

        if (r < 0)
                return fail("signals", r);
        setitimer(ITIMER_REAL, &soon, NULL);
        r = leat_signals_receive(signals, leat_in_s(30), &signal);
        if (r < 0)
                return fail("alarm", r);
        printf("%s (%s)\n", leat_signal_name(signal.number), leat_signal_code_name(signal.number, signal.code));
        leat_signals_close(signals);

        r = leat_timer_open(leat_in_ms(10), 10000000, &ticks);
        while (r == 0 && done < 5) {
                int64_t n = leat_timer_receive(ticks, leat_in_s(30)); /* more than one, if we were late */
                if (n < 0)
                        r = (int)n;
                for (; n > 0 && done < 5; n--)
                        printf("tick %d\n", (int)++done);
        }
        if (r < 0)
                return fail("timer", r);
        leat_timer_close(ticks);
        return 0;
}
