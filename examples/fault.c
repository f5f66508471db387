/* SPDX-License-Identifier: MIT */
/*
 * A fault, reported with its code and its address, and then died of: in a child, whose parent tells. A signal that the program itself
 * causes cannot be received from a source, as it has to be dealt with before the next instruction: this is what handlers are for. It only writes to a
 * pipe; when it returns the instruction faults again, and by then the default action is back.
 *
 *     fault segv             an address where nothing is mapped
 *     fault fpe              a division by zero (an ARM processor just says 0: there the signal is raised)
 */
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int report_to;
static volatile int zero;
static volatile char *volatile nowhere = (volatile char *)0x10; /* that the compiler does not see where it leads */

static void report(int number, siginfo_t *info, void *context) {
        (void)number;
        (void)context;
        if (write(report_to, info, sizeof *info) != (ssize_t)sizeof *info)
                _exit(1);
}

__attribute__((no_sanitize("address", "undefined"))) static void touch_nothing(void) {
        *nowhere = 1;
}

__attribute__((no_sanitize("undefined"))) static void divide_by_zero(void) {
        volatile int quotient = 2600 / zero; /* 1 / x is no division to a compiler */

        (void)quotient;
        raise(SIGFPE); /* where that is no fault */
}

static void child(int number) {
        struct sigaction action = { .sa_sigaction = report, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND };

        sigaction(number, &action, NULL);
        for (;;) { /* a signal that was raised does not come again by itself */
                if (number == SIGSEGV)
                        touch_nothing();
                else
                        divide_by_zero();
        }
}

int main(int argc, char **argv) {
        int number = argc > 1 && strcmp(argv[1], "fpe") == 0 ? SIGFPE : SIGSEGV;
        int ends[2], status = 0;
        siginfo_t info;

        if (pipe(ends) < 0)
                return perror("pipe"), 1;
        pid_t pid = fork();
        if (pid < 0)
                return perror("fork"), 1;
        if (pid == 0) {
                close(ends[0]);
                report_to = ends[1];
                child(number);
        }
        close(ends[1]);
        if (read(ends[0], &info, sizeof info) != (ssize_t)sizeof info)
                return fprintf(stderr, "no report came\n"), 1;
        waitpid(pid, &status, 0);
        const char *code = leat_signal_code_name(info.si_signo, info.si_code);
        printf("%s (%s): %s, at address %p\n", leat_signal_name(info.si_signo),
               leat_signal_entry(info.si_signo)->meaning, code ? code : "?", info.si_addr);
        if (WIFSIGNALED(status))
                printf("the child was killed by %s\n", leat_signal_name(WTERMSIG(status)));
        return WIFSIGNALED(status) && WTERMSIG(status) == number ? 0 : 1;
}
