/* SPDX-License-Identifier: MIT */
/*
 * Handlers of signals, one inside another: what the kernel does, seen from inside. A handler is told where it interrupted the program: the
 * instruction and the stack pointer lie in its third argument. What a handler may call is little (signal-safety(7)), so these only take notes.
 *
 *  1. SIGUSR1's handler raises SIGUSR1, which is blocked while it runs, and SIGUSR2, whose handler runs inside it.
 *  2. Several are pending and are unblocked at once. The kernel takes the lowest number first, but lays the frame of the next
 *     on top before the handler has run one instruction: so the last that was taken runs first.
 *  3. The same with all blocked while a handler runs (sa_mask): they run in the order in which they are taken.
 *  4. The same received from a source, without handlers.
 * Run it: nested
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <leat.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>

static struct note {
        const char *what;
        int number;
        int depth;
        uintptr_t instruction, stack; /* of what was interrupted */
} notes[32];
static volatile sig_atomic_t count, depth;
static volatile sig_atomic_t first_part = 1;

static uintptr_t instruction_of(const ucontext_t *context) {
#if defined(__x86_64__)
        return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
        return (uintptr_t)context->uc_mcontext.pc;
#else
#error "where is the program counter of this machine?"
#endif
}

static uintptr_t stack_of(const ucontext_t *context) {
#if defined(__x86_64__)
        return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
        return (uintptr_t)context->uc_mcontext.sp;
#endif
}

static void note(const char *what, int number, const ucontext_t *context) {
        notes[count] = (struct note){ what, number, depth, context ? instruction_of(context) : 0,
                                      context ? stack_of(context) : 0 };
        count = count + 1;
}

static void handler(int number, siginfo_t *info, void *context) {
        (void)info;
        depth = depth + 1;
        note("begins", number, context);
        if (first_part && number == SIGUSR1) {
                first_part = 0;
                raise(SIGUSR1); /* blocked: it is pending until this handler has returned */
                note("raised SIGUSR1, which waits, in", number, NULL);
                raise(SIGUSR2); /* its handler has run when this returns */
                note("goes on", number, NULL);
        }
        note("ends", number, NULL);
        depth = depth - 1;
}

static void catch_all(const char *names, int all_blocked) {
        struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
        sigset_t set;

        leat_signal_set(names, &set);
        if (all_blocked)
                action.sa_mask = set;
        for (int number = 1; number <= SIGRTMAX; number++)
                if (sigismember(&set, number) == 1)
                        sigaction(number, &action, NULL);
}

static void tell(const char *title) {
        printf("%s\n", title);
        for (int i = 0; i < count; i++) {
                const struct note *at = &notes[i];
                printf("%*s%s %s", at->depth * 4, "", at->what, leat_signal_name(at->number));
                if (at->instruction != 0)
                        printf(", interrupted at instruction %#lx%s, stack %#lx", (unsigned long)at->instruction,
                               at->instruction == (uintptr_t)handler ? " (a handler's first)" : "",
                               (unsigned long)at->stack);
                putchar('\n');
        }
        count = 0;
}

/* Highest number first: the order in which they are sent is not the one in which they are taken. */
static void send_three(void) {
        kill(getpid(), SIGRTMIN + 1);
        kill(getpid(), SIGUSR2);
        kill(getpid(), SIGUSR1);
}

static void unblock_three(const char *title, int all_blocked) {
        sigset_t before;

        catch_all("USR1 USR2 RTMIN+1", all_blocked);
        leat_signals_block("USR1 USR2 RTMIN+1", &before);
        send_three();
        leat_signals_restore(&before);
        tell(title);
}

int main(void) {
        struct leat_signals *signals;
        struct leat_signal signal = LEAT_SIGNAL_INIT;
        struct leat_reason reason = { 0 };

        catch_all("USR1 USR2", 0);
        raise(SIGUSR1);
        tell("1. a handler inside a handler");
        unblock_three("2. unblocked at once", 0);
        unblock_three("3. unblocked at once, all blocked in handlers", 1);

        if (leat_signals_open("USR1 USR2 RTMIN+1", 0, &reason, &signals) < 0)
                return fprintf(stderr, "signals: %s\n", reason.text), 1;
        send_three();
        printf("4. received\n");
        while (leat_signals_receive(signals, LEAT_NOW, &signal) == 0)
                printf("    %s\n", leat_signal_name(signal.number));
        leat_signals_close(signals);
        return 0;
}
