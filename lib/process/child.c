/* SPDX-License-Identifier: MIT */
#include "process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <sched.h>
#endif

/* Nothing of a sanitizer: neither checks nor its note of where a function begins, which the child would leave behind in its parent. */
#ifdef __clang__
#define BARE __attribute__((disable_sanitizer_instrumentation, no_sanitize("address", "thread", "undefined"), noinline))
#else
#define BARE __attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#endif

#define SIGNALS 64              /* of the kernel's; those that the C library keeps for itself too */
#define SET_MASK 2              /* SIG_SETMASK */
#define STACK_BYTES 16384       /* child_main() and what it calls: less than 4 KiB */
#define BLIND_DESCRIPTORS 65536 /* where neither close_range nor /proc is there */
#define LOOK_AGAIN_NS 20000000L

/* ---- system calls: a negative errno is an error ---- */

#if defined(__x86_64__)
BARE static long call_with_five(long number, long a, long b, long c, long d, long e) {
        register long fourth __asm__("r10") = d;
        register long fifth __asm__("r8") = e;
        long r = number;
        __asm__ volatile("syscall"
                         : "+a"(r)
                         : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                         : "rcx", "r11", "memory");
        return r;
}

/* The child calls run(plan) on the stack, and does not come back. With CLONE_CHILD_CLEARTID the kernel clears plan->busy. */
BARE static long make(unsigned long flags, void *stack, int *ret_pidfd, void (*run)(struct child_plan *),
                      struct child_plan *plan) {
        register atomic_int *fourth __asm__("r10") = &plan->busy;
        register long fifth __asm__("r8") = 0;
        register void (*sixth)(struct child_plan *) __asm__("r12") = run;
        register struct child_plan *seventh __asm__("r13") = plan;
        long r = SYS_clone;
        __asm__ volatile("syscall\n\t"
                         "test %%rax, %%rax\n\t"
                         "jnz 1f\n\t"
                         "xor %%ebp, %%ebp\n\t"
                         "mov %%r13, %%rdi\n\t"
                         "call *%%r12\n\t"
                         "ud2\n\t"
                         "1:"
                         : "+a"(r)
                         : "D"(flags), "S"(stack), "d"(ret_pidfd), "r"(fourth), "r"(fifth), "r"(sixth), "r"(seventh)
                         : "rcx", "r11", "cc", "memory");
        return r;
}
#elif defined(__aarch64__)
BARE static long call_with_five(long number, long a, long b, long c, long d, long e) {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = e;
        __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "cc", "memory");
        return x0;
}

BARE static long make(unsigned long flags, void *stack, int *ret_pidfd, void (*run)(struct child_plan *),
                      struct child_plan *plan) {
        register long x8 __asm__("x8") = SYS_clone;
        register long x0 __asm__("x0") = (long)flags;
        register long x1 __asm__("x1") = (long)stack;
        register long x2 __asm__("x2") = (long)ret_pidfd;
        register long x3 __asm__("x3") = 0;
        register long x4 __asm__("x4") = (long)&plan->busy;
        register long x5 __asm__("x5") = (long)run;
        register long x6 __asm__("x6") = (long)plan;
        __asm__ volatile("svc 0\n\t"
                         "cbnz x0, 1f\n\t"
                         "mov x29, xzr\n\t"
                         "mov x0, x6\n\t"
                         "blr x5\n\t"
                         "brk 1\n"
                         "1:"
                         : "+r"(x0)
                         : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x6)
                         : "x30", "cc", "memory");
        return x0;
}
#else
/* errno is the child's too. Both set it at once only where the one that waits looks again (LOOK_AGAIN_NS) in the very moment in which a call of
 * the child fails. */
BARE static long call_with_five(long number, long a, long b, long c, long d, long e) {
        long r = syscall(number, a, b, c, d, e);
        return r < 0 ? -errno : r;
}

BARE static int first(void *argument) {
        struct child_plan *plan = argument;
        plan->begin(plan);
        return 127;
}

BARE static long make(unsigned long flags, void *stack, int *ret_pidfd, void (*run)(struct child_plan *),
                      struct child_plan *plan) {
        plan->begin = run;
        long r = clone(first, stack, (int)flags, plan, ret_pidfd, NULL, &plan->busy);
        return r < 0 ? -errno : r;
}
#endif

BARE static long call(long number, long a, long b, long c, long d) {
        return call_with_five(number, a, b, c, d, 0);
}

/* ---- what a child does, in the order in which it does it ---- */

BARE static void write_pid(char *text, pid_t pid) {
        int digits = 1;
        for (pid_t rest = pid; rest >= 10; rest /= 10)
                digits++;
        text[digits] = '\0';
        for (; digits > 0; pid /= 10)
                text[--digits] = (char)('0' + pid % 10);
}

BARE static long take_group(struct child_plan *plan) {
        plan->result.step = CHILD_GROUP;
        if (!plan->has_group)
                return 0;
        long r = call(SYS_setpgid, 0, plan->group, 0, 0);
        return plan->may_lead && (r == -EPERM || r == -ESRCH) ? call(SYS_setpgid, 0, 0, 0, 0) : r;
}

/* Asked for from the background: SIGTTOU is blocked, so this stops nobody. */
BARE static long take_foreground(struct child_plan *plan) {
        plan->result.step = CHILD_FOREGROUND;
        if (plan->terminal < 0)
                return 0;
        long group = call(SYS_getpgid, 0, 0, 0, 0);
        int number = (int)group;
        return group < 0 ? group : call(SYS_ioctl, plan->terminal, TIOCSPGRP, (long)&number, 0);
}

BARE static long enter_directory(struct child_plan *plan) {
        plan->result.step = CHILD_DIRECTORY;
        return plan->directory ? call(SYS_chdir, (long)plan->directory, 0, 0, 0) : 0;
}

struct entry { /* getdents64(2) */
        uint64_t inode;
        int64_t next;
        uint16_t size_bytes;
        uint8_t type;
        char name[];
};

BARE static void mark(int fd) {
        (void)call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0);
}

/* Numbers alone; "." and ".." are none. */
BARE static void mark_named(const char *name) {
        int fd = 0;
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): the kernel has written it
        for (; *name >= '0' && *name <= '9'; name++)
                fd = fd * 10 + (*name - '0');
        if (*name == '\0' && fd > 2)
                mark(fd);
}

/* As close_range(), where a filter refuses it. */
BARE static void mark_one_by_one(void) {
        union {
                uint64_t words[128];
                char bytes[1024];
        } list;
        long open = call(SYS_openat, AT_FDCWD, (long)"/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), n = 0;
        if (open < 0)
                for (int fd = 3; fd < BLIND_DESCRIPTORS; fd++)
                        mark(fd);
        while (open >= 0 && (n = call(SYS_getdents64, open, (long)list.bytes, sizeof(list.bytes), 0)) > 0)
                for (long at = 0; at < n; at += ((const struct entry *)(const void *)(list.bytes + at))->size_bytes)
                        mark_named(((const struct entry *)(const void *)(list.bytes + at))->name);
        if (open >= 0)
                (void)call(SYS_close, open, 0, 0, 0);
}

BARE static long move(const struct child_move *move) {
        if (move->target != move->source)
                return call(SYS_dup3, move->source, move->target, 0, 0);
        return call(SYS_fcntl, move->target, F_SETFD, 0, 0);
}

/* All others from 3 on are closed by the exec: what is moved, or stays, loses its mark. */
BARE static long set_descriptors(struct child_plan *plan) {
        long r = 0;
        plan->result.step = CHILD_DESCRIPTORS;
        if (call(SYS_close_range, 3, UINT32_MAX, CLOSE_RANGE_CLOEXEC, 0) < 0)
                mark_one_by_one();
        for (plan->result.at = 0; r >= 0 && plan->result.at < plan->moves_count; plan->result.at++)
                r = move(&plan->moves[plan->result.at]);
        for (int fd = 0; fd < 3; fd++)
                if (plan->closed[fd])
                        (void)call(SYS_close, fd, 0, 0, 0);
        return r;
}

BARE static long set_limits(struct child_plan *plan) {
        long r = 0;
        plan->result.step = CHILD_LIMITS;
        for (plan->result.at = 0; r >= 0 && plan->result.at < plan->limits_count; plan->result.at++) {
                const struct command_limit *limit = &plan->limits[plan->result.at];
                uint64_t values[2] = { limit->limit.rlim_cur, limit->limit.rlim_max };
                r = call(SYS_prlimit64, 0, limit->resource, (long)values, 0);
        }
        return r;
}

/* The mask last: no handler of the parent may run here, in the parent's memory. */
BARE static void clear_signals(void) {
        const unsigned long standard[4] = { 0 }, none = 0;
        for (int number = 1; number <= SIGNALS; number++)
                (void)call(SYS_rt_sigaction, number, (long)standard, 0, SIGNALS / 8);
        (void)call(SYS_rt_sigprocmask, SET_MASK, (long)&none, 0, SIGNALS / 8);
}

BARE static bool goes_on(long error) {
        return error == -ENOENT || error == -ENOTDIR || error == -EACCES || error == -ESTALE || error == -ENODEV ||
               error == -ETIMEDOUT;
}

/* As execvp(3): one that may not be executed is told if no other is found. */
BARE static long execute(struct child_plan *plan) {
        long r = -ENOENT;
        size_t refused = SIZE_MAX;
        plan->result.step = CHILD_EXECUTE;
        for (plan->result.at = 0; plan->candidates[plan->result.at]; plan->result.at++) {
                r = call(SYS_execve, (long)plan->candidates[plan->result.at], (long)plan->argv, (long)plan->environment,
                         0);
                if (!goes_on(r))
                        return r;
                if (r == -EACCES && refused == SIZE_MAX)
                        refused = plan->result.at;
        }
        if (refused == SIZE_MAX)
                return r;
        plan->result.at = refused;
        return -EACCES;
}

BARE static void run(struct child_plan *plan) {
        pid_t pid = (pid_t)call(SYS_getpid, 0, 0, 0, 0);
        /* Relaxed: who looks for it waits for an end, which comes later through the kernel. */
        atomic_store_explicit(plan->pid, pid, memory_order_relaxed);
        if (plan->pid_text)
                write_pid(plan->pid_text, pid);
        long r = take_group(plan);
        if (r >= 0)
                r = take_foreground(plan);
        if (r >= 0)
                r = enter_directory(plan);
        if (r >= 0)
                r = set_descriptors(plan);
        if (r >= 0)
                r = set_limits(plan);
        if (r >= 0) {
                clear_signals();
                r = execute(plan);
        }
        plan->result.error = (int)-r;
        if (plan->report >= 0)
                (void)call(SYS_write, plan->report, (long)&plan->result, sizeof(plan->result), 0);
        for (;;)
                (void)call(SYS_exit_group, 127, 0, 0, 0);
}

BARE int child_execute(struct child_plan *plan) {
        long r = set_descriptors(plan);
        if (r >= 0) {
                clear_signals();
                r = execute(plan);
        }
        return (int)r;
}

BARE void child_block_signals(uint64_t *ret_before) {
        const uint64_t all = UINT64_MAX;
        (void)call(SYS_rt_sigprocmask, SET_MASK, (long)&all, (long)ret_before, sizeof(all));
}

BARE void child_restore_signals(const uint64_t *before) {
        (void)call(SYS_rt_sigprocmask, SET_MASK, (long)before, 0, sizeof(*before));
}

/* ---- making it ---- */

BARE static void leave_a_trace(struct child_plan *plan) {
        plan->result.step = CHILD_GROUP;
        for (;;)
                (void)call(SYS_exit_group, 0, 0, 0, 0);
}

BARE int child_shares_memory(void) {
        _Alignas(16) char stack[STACK_BYTES];
        struct child_plan plan = { .report = -1 };
        siginfo_t info; /* which the kernel does not ask for, and valgrind does */
        int pidfd = -1;
        long pid = make(CLONE_VM | CLONE_VFORK | CLONE_PIDFD, stack + sizeof(stack), &pidfd, leave_a_trace, &plan);
        if (pid < 0)
                return (int)pid;
        while (call(SYS_waitid, P_PIDFD, pidfd, (long)&info, WEXITED | __WALL) == -EINTR)
                ;
        (void)call(SYS_close, pidfd, 0, 0, 0);
        __asm__ volatile("" : : "r"(&plan) : "memory"); /* another has stored there */
        return plan.result.step == CHILD_GROUP;
}

/* Not reaped yet: its number is its own, where a filter refuses the pidfd. */
BARE static void send_signal(int pidfd, pid_t pid, int number) {
        if (call(SYS_pidfd_send_signal, pidfd, number, 0, 0) < 0)
                (void)call(SYS_kill, pid, number, 0, 0);
}

/* Is it stopped? By which signal; 0: it is not. */
BARE static int stopped_by(int pidfd) {
        siginfo_t info;
        info.si_pid = 0;
        long r = call(SYS_waitid, P_PIDFD, pidfd, (long)&info, WSTOPPED | WNOHANG | WNOWAIT | __WALL);
        return r == 0 && info.si_pid > 0 && info.si_code == CLD_STOPPED ? info.si_status : 0;
}

/*
 * Until it has left this memory. Where it is stopped before its program (SIGTSTP, from the moment in which nothing is blocked any more) nobody else
 * would let it go on: so it does, and is stopped again once it has executed its program. vfork(2) would wait for ever, deaf to all but SIGKILL.
 * Returns that signal, or 0.
 */
BARE static int wait_until_apart(struct child_plan *plan, int pidfd, pid_t pid) {
        const long slice[2] = { 0, LOOK_AGAIN_NS };
        int number, stop = 0;
        /* Acquire: pairs with the kernel, which clears it after all that the child has stored. Not FUTEX_PRIVATE_FLAG: the kernel does not wake such. */
        while (atomic_load_explicit(&plan->busy, memory_order_acquire)) {
                if (call(SYS_futex, (long)&plan->busy, FUTEX_WAIT, 1, (long)slice) != -ETIMEDOUT ||
                    !(number = stopped_by(pidfd)))
                        continue;
                stop = number;
                send_signal(pidfd, pid, SIGCONT);
        }
        return stop;
}

/*
 * No exit signal: of a child that ends without its program no SIGCHLD tells, and a host's waitpid(-1) does not find it. execve() makes it an
 * ordinary child (execve(2)).
 */
BARE pid_t child_make(struct child_plan *plan, int *ret_pidfd) {
        _Alignas(16) char stack[STACK_BYTES];
        bool shares = plan->report < 0;
        atomic_store_explicit(&plan->busy, shares, memory_order_relaxed);
        /* Emulators know the one of vfork(2) alone. */
        unsigned long flags = CLONE_VM | CLONE_PIDFD | (shares ? CLONE_CHILD_CLEARTID : CLONE_VFORK);
        pid_t pid = (pid_t)make(flags, stack + sizeof(stack), ret_pidfd, run, plan);
        int stop = pid > 0 ? wait_until_apart(plan, *ret_pidfd, pid) : 0;
        if (stop && !plan->result.error)
                send_signal(*ret_pidfd, pid, stop);
        return pid;
}
