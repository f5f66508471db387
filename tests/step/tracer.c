/* SPDX-License-Identifier: MIT */
#include "tracer.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* getppid(2) takes no argument and does nothing: with this in its first register it is a mark. */
#define MARK_BEGIN 0x4c65617400000001L
#define MARK_END 0x4c65617400000002L
#define CALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
#define YIELDS 3                   /* before a look into /proc, which costs more */

struct tracer_page {
        _Atomic int count; /* the entry is written first: the tracer reads only what is counted */
        struct {
                const void *memory;
                size_t size_bytes;
        } shared[TRACER_SHARED_MAX];
};

static struct tracer_page *child_page;

void step_begin(void) {
        syscall(SYS_getppid, MARK_BEGIN);
}

void step_end(void) {
        syscall(SYS_getppid, MARK_END);
}

#define REP_MOVSB                                                                                                      \
        "glibc.cpu.hwcaps=-ERMS,-FSRM:glibc.cpu.x86_rep_movsb_threshold=0x7fffffff:glibc.cpu.x86_rep_stosb_threshold=" \
        "0x7fffffff"

void tracer_without_rep_movsb(char **argv) {
        if (getenv("GLIBC_TUNABLES"))
                return;
        setenv("GLIBC_TUNABLES", REP_MOVSB, 1);
        setenv("LD_BIND_NOW", "1", 1);
        execv("/proc/self/exe", argv); /* without it the steps are only more */
}

static int64_t now_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* --- what the architecture knows --- */

#if defined __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif

#if !defined __x86_64__
#define REFUSED "stepping knows x86-64 only"
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || HAS_FEATURE(address_sanitizer) ||                 \
        HAS_FEATURE(thread_sanitizer)
#define REFUSED "the release build is stepped, not one with the instructions of a sanitizer"
#else
#define REFUSED NULL
#endif

#ifdef __x86_64__

static bool registers(pid_t pid, struct user_regs_struct *ret_registers) {
        return ptrace(PTRACE_GETREGS, pid, NULL, ret_registers) == 0;
}

/* Whether a `syscall` (0F 05) is next, and then which. */
static bool call_is_next(pid_t pid, long *ret_call, long *ret_argument) {
        struct user_regs_struct user;
        if (!registers(pid, &user))
                return false;
        errno = 0;
        long word = ptrace(PTRACE_PEEKTEXT, pid, (void *)(uintptr_t)user.rip, NULL);
        if ((word & 0xffff) != 0x050f || errno)
                return false;
        *ret_call = (long)user.rax;
        *ret_argument = (long)user.rdi;
        return true;
}

uintptr_t tracer_address(const struct tracer *tracer) {
        return (uintptr_t)ptrace(PTRACE_PEEKUSER, tracer->pid, (void *)offsetof(struct user_regs_struct, rip), NULL);
}

/* The child stands behind a breakpoint: before it. */
static void step_back(pid_t pid, uintptr_t address) {
        (void)ptrace(PTRACE_POKEUSER, pid, (void *)offsetof(struct user_regs_struct, rip), (void *)address);
}

#define BREAKPOINT_BYTES 1
#define WITH_BREAKPOINT(word) (((word) & ~0xffL) | 0xcc) /* int3 */

/* At a stop before or after a system call: which. */
static void call_at_stop(pid_t pid, long *ret_call, long *ret_argument) {
        struct user_regs_struct user;
        if (!registers(pid, &user))
                return;
        *ret_call = (long)user.orig_rax;
        *ret_argument = (long)user.rdi;
}

#else

static bool call_is_next(pid_t pid, long *ret_call, long *ret_argument) {
        (void)pid, (void)ret_call, (void)ret_argument;
        return false;
}

static void call_at_stop(pid_t pid, long *ret_call, long *ret_argument) {
        (void)pid, (void)ret_call, (void)ret_argument;
}

uintptr_t tracer_address(const struct tracer *tracer) {
        return (void)tracer, 0;
}

static void step_back(pid_t pid, uintptr_t address) {
        (void)pid, (void)address;
}

#define BREAKPOINT_BYTES 0
#define WITH_BREAKPOINT(word) (word)

#endif

/* --- starting --- */

_Noreturn static void child(struct tracer *tracer, void (*function)(void *argument), void *argument) {
        child_page = tracer->page;
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                _exit(errno);
        raise(SIGSTOP);
        function(argument);
        fflush(NULL);
        _exit(0);
}

static void pin(void) {
        cpu_set_t set;
        int core = sched_getcpu();
        if (core < 0)
                return;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
}

static int attach(struct tracer *tracer) {
        char path[40];
        long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
        if (waitpid(tracer->pid, &tracer->status, 0) < 0)
                return -errno;
        tracer->ended = !WIFSTOPPED(tracer->status);
        if (tracer->ended)
                return WIFEXITED(tracer->status) ? -WEXITSTATUS(tracer->status) : -ECHILD;
        if (ptrace(PTRACE_SETOPTIONS, tracer->pid, NULL, options) < 0)
                return -errno;
        snprintf(path, sizeof path, "/proc/%d/stat", (int)tracer->pid);
        tracer->stat = open(path, O_RDONLY | O_CLOEXEC);
        return tracer->stat < 0 ? -errno : 0;
}

int tracer_start(struct tracer *tracer, void (*function)(void *argument), void *argument) {
        *tracer = (struct tracer){ .stat = -1, .call = -1 };
        tracer->page = mmap(NULL, sizeof *tracer->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (tracer->page == MAP_FAILED)
                return tracer->page = NULL, -errno;
        pin();
        fflush(NULL);
        tracer->pid = fork();
        if (tracer->pid == 0)
                child(tracer, function, argument);
        int r = tracer->pid < 0 ? -errno : attach(tracer);
        if (r < 0)
                tracer_end(tracer);
        return r;
}

static void nothing(void *argument) {
        (void)argument;
}

const char *tracer_refused(void) {
        if (REFUSED)
                return REFUSED;
        struct tracer tracer;
        int r = tracer_start(&tracer, nothing, NULL);
        if (r < 0)
                return r == -EPERM || r == -EACCES || r == -ENOSYS ? "ptrace is refused here"
                                                                   : "a child cannot be traced";
        tracer_end(&tracer);
        return NULL;
}

/* --- waiting --- */

static char state(const struct tracer *tracer) {
        char line[256];
        ssize_t n = pread(tracer->stat, line, sizeof line - 1, 0);
        line[n > 0 ? n : 0] = '\0';
        char *name_end = strrchr(line, ')');
        return name_end && name_end[1] ? name_end[2] : '?';
}

/* Wait until the child stopped or ended, or, if it may, sleeps. Returns whether it stopped or ended. */
static bool wait_stop(struct tracer *tracer, bool may_sleep) {
        for (int i = 1;; i++) {
                pid_t pid = waitpid(tracer->pid, &tracer->status, may_sleep ? WNOHANG : 0);
                if (pid == tracer->pid || (pid < 0 && errno != EINTR))
                        break;
                if (may_sleep && i > YIELDS && state(tracer) == 'S')
                        return false;
                sched_yield();
        }
        tracer->running = false;
        tracer->ended = !WIFSTOPPED(tracer->status);
        return true;
}

/* Let it go, with the signal that it was stopped for, if any. */
static void go(struct tracer *tracer, bool stepping) {
        int number = WIFSTOPPED(tracer->status) ? WSTOPSIG(tracer->status) : 0;
        if (number == SIGTRAP || number == CALL_STOP || number == SIGSTOP)
                number = 0;
        (void)ptrace(stepping ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, tracer->pid, NULL,
                     (long)number); /* fails only if it is gone: waitpid() tells */
        tracer->running = true;
}

/* --- breakpoints: the child's text is a copy of its own as soon as it is written to --- */

static void plant(const struct tracer *tracer, bool on) {
        long word = on ? WITH_BREAKPOINT(tracer->broken_word) : tracer->broken_word;
        (void)ptrace(PTRACE_POKETEXT, tracer->pid, (void *)tracer->breaks_at, word);
}

void tracer_break(struct tracer *tracer, uintptr_t address, unsigned n) {
        tracer->breaks_at = address;
        tracer->breaks_in = n;
        tracer->broken_word = ptrace(PTRACE_PEEKTEXT, tracer->pid, (void *)address, NULL);
        plant(tracer, true);
}

static void remove_breakpoint(struct tracer *tracer) {
        if (tracer->breaks_at != 0)
                plant(tracer, false);
        tracer->breaks_at = 0;
}

/* Past the instruction of the breakpoint, which stays. */
static void step_over(struct tracer *tracer) {
        plant(tracer, false);
        go(tracer, true);
        wait_stop(tracer, false);
        if (!tracer->ended)
                plant(tracer, true);
}

static bool event_of_break(struct tracer *tracer, enum tracer_event *ret_event) {
        if (tracer->breaks_at == 0 || WSTOPSIG(tracer->status) != SIGTRAP ||
            tracer_address(tracer) != tracer->breaks_at + BREAKPOINT_BYTES)
                return false;
        step_back(tracer->pid, tracer->breaks_at);
        if (--tracer->breaks_in > 0) {
                step_over(tracer);
                return false;
        }
        remove_breakpoint(tracer);
        *ret_event = TRACER_BROKEN;
        return true;
}

/* --- shared memory --- */

static bool is_shared(const struct tracer_page *page, const void *memory) {
        for (int i = 0; i < page->count; i++)
                if (page->shared[i].memory == memory)
                        return true;
        return false;
}

static bool share(struct tracer_page *page, const void *memory, size_t size_bytes) {
        int n = page->count;
        if (n == TRACER_SHARED_MAX || size_bytes > TRACER_SHARED_BYTES)
                return false;
        page->shared[n].memory = memory;
        page->shared[n].size_bytes = size_bytes;
        page->count = n + 1;
        return true;
}

bool tracer_share(const struct tracer *tracer, const void *memory, size_t size_bytes) {
        return !is_shared(tracer->page, memory) && share(tracer->page, memory, size_bytes);
}

void step_shared(const void *memory, size_t size_bytes) {
        if (!child_page || !share(child_page, memory, size_bytes))
                abort();
}

uint64_t tracer_fingerprint(const struct tracer *tracer) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
        for (int i = 0; i < tracer->page->count; i++)
                for (size_t k = 0; tracer->copies[i] && k < tracer->page->shared[i].size_bytes; k++)
                        hash = (hash ^ tracer->copies[i][k]) * UINT64_C(0x100000001b3);
        return hash;
}

/* Take a copy of what is shared now. Returns whether it differs from the copy before; memory just registered
 * does not. What cannot be read any more (it was unmapped) is as it was. */
static bool shared_changed(struct tracer *tracer) {
        unsigned char now[TRACER_SHARED_BYTES];
        bool changed = false;
        for (int i = 0; i < tracer->page->count; i++) {
                size_t size = tracer->page->shared[i].size_bytes;
                struct iovec here = { now, size }, there = { (void *)tracer->page->shared[i].memory, size };
                bool known = tracer->copies[i];
                if (process_vm_readv(tracer->pid, &here, 1, &there, 1, 0) != (ssize_t)size)
                        continue;
                if (!known && !(tracer->copies[i] = malloc(size)))
                        abort();
                changed |= known && memcmp(tracer->copies[i], now, size) != 0;
                memcpy(tracer->copies[i], now, size);
        }
        return changed;
}

/* --- events --- */

static enum tracer_event entered(struct tracer *tracer, long call, long argument) {
        tracer->in_call = true;
        tracer->call = call;
        if (call != SYS_getppid || (argument != MARK_BEGIN && argument != MARK_END))
                return TRACER_ENTER;
        tracer->between = argument == MARK_BEGIN;
        if (tracer->between)
                tracer->class_number = tracer->calls = 0, tracer->instructions = 0;
        return tracer->between ? TRACER_BEGIN : TRACER_END;
}

/* A call was executed. What it changed in shared memory is part of it. Returns whether it is an event: a mark is none. */
static bool left(struct tracer *tracer, enum tracer_event *ret_event) {
        bool mark = tracer->call == SYS_getppid;
        tracer->in_call = false;
        (void)shared_changed(tracer);
        tracer->class_number += !mark;
        tracer->calls += !mark;
        *ret_event = TRACER_LEAVE;
        return !mark;
}

/* The child stopped: what for? Returns false when that is of no interest (a signal, the end of a mark). */
static bool event_of_call(struct tracer *tracer, enum tracer_event *ret_event) {
        long call = -1, argument = 0;
        if (WSTOPSIG(tracer->status) != CALL_STOP)
                return event_of_break(tracer, ret_event);
        if (tracer->in_call)
                return left(tracer, ret_event);
        call_at_stop(tracer->pid, &call, &argument);
        *ret_event = entered(tracer, call, argument);
        return true;
}

static bool event_of_step(struct tracer *tracer, enum tracer_event *ret_event) {
        if (WSTOPSIG(tracer->status) != SIGTRAP)
                return false;
        tracer->instructions++;
        if (tracer->in_call)
                return left(tracer, ret_event);
        if (!tracer->between || !shared_changed(tracer))
                return false;
        tracer->class_number++;
        *ret_event = TRACER_CHANGED;
        return true;
}

/* What is next is looked at before it is executed. */
static bool event_ahead(struct tracer *tracer, enum tracer_event *ret_event) {
        long call, argument;
        if (tracer->running || tracer->in_call || !call_is_next(tracer->pid, &call, &argument))
                return false;
        *ret_event = entered(tracer, call, argument);
        return true;
}

enum tracer_event tracer_next(struct tracer *tracer, enum tracer_pace pace) {
        enum tracer_event event;
        while (!tracer->ended) {
                /* A call is left at the pace at which it was entered: the two stop at different places of it. */
                bool stepping = tracer->in_call ? tracer->stepped : pace != TRACER_CALLS;
                tracer->stepped = stepping;
                if (stepping && event_ahead(tracer, &event))
                        return event;
                if (!tracer->running)
                        go(tracer, stepping);
                if (!wait_stop(tracer, tracer->in_call || !stepping))
                        return TRACER_ASLEEP;
                if (!tracer->ended && (stepping ? event_of_step(tracer, &event) : event_of_call(tracer, &event)))
                        return event;
                if (!tracer->ended && pace == TRACER_EACH && stepping && tracer->between)
                        return TRACER_STEP;
        }
        return TRACER_EXITED;
}

void tracer_stop(struct tracer *tracer) {
        if (!tracer->running || tracer->ended)
                return;
        kill(tracer->pid, SIGSTOP);
        while (wait_stop(tracer, false), !tracer->ended && WSTOPSIG(tracer->status) != SIGSTOP)
                (void)ptrace(PTRACE_CONT, tracer->pid, NULL, 0L); /* another stop came first; the signal is next */
}

/* --- ending --- */

void tracer_kill(struct tracer *tracer) {
        if (!tracer->ended) {
                kill(tracer->pid, SIGKILL);
                do
                        wait_stop(tracer, false); /* a stop that came first */
                while (!tracer->ended);
        }
}

void tracer_release(struct tracer *tracer) {
        if (!tracer->ended) {
                remove_breakpoint(tracer);
                (void)ptrace(PTRACE_DETACH, tracer->pid, NULL, 0L);
        }
        tracer->running = !tracer->ended;
}

static int exit_code(const struct tracer *tracer) {
        return WIFSIGNALED(tracer->status) ? -WTERMSIG(tracer->status) : WEXITSTATUS(tracer->status);
}

bool tracer_is_asleep(const struct tracer *tracer) {
        return state(tracer) == 'S';
}

int tracer_wait(struct tracer *tracer, int64_t deadline) {
        while (!tracer->ended) {
                pid_t pid = waitpid(tracer->pid, &tracer->status, WNOHANG);
                tracer->ended = pid == tracer->pid;
                if (pid == 0 && now_ns() >= deadline)
                        return -ETIMEDOUT;
                sched_yield();
        }
        tracer->running = false;
        return exit_code(tracer);
}

void tracer_end(struct tracer *tracer) {
        if (tracer->pid > 0)
                tracer_kill(tracer);
        if (tracer->page) {
                if (tracer->stat >= 0)
                        close(tracer->stat);
                munmap(tracer->page, sizeof *tracer->page);
        }
        for (int i = 0; i < TRACER_SHARED_MAX; i++)
                free(tracer->copies[i]);
        *tracer = (struct tracer){ .stat = -1, .ended = true };
}

const char *tracer_call_name(long number) {
#define NAME(call)                                                                                                     \
        { SYS_##call, #call }
        static const struct {
                long number;
                const char *name;
        } names[] = {
                NAME(accept4),        NAME(bind),        NAME(clock_gettime),
                NAME(close),          NAME(connect),     NAME(epoll_create1),
                NAME(epoll_ctl),      NAME(epoll_pwait), NAME(eventfd2),
                NAME(fchmod),         NAME(fcntl),       NAME(flock),
                NAME(fstat),          NAME(futex),       NAME(getpeername),
                NAME(getpid),         NAME(getsockopt),  NAME(inotify_add_watch),
                NAME(inotify_init1),  NAME(ioctl),       NAME(listen),
                NAME(madvise),        NAME(mmap),        NAME(munmap),
                NAME(newfstatat),     NAME(openat),      NAME(pipe2),
                NAME(ppoll),          NAME(preadv2),     NAME(pwritev2),
                NAME(read),           NAME(readv),       NAME(recvmsg),
                NAME(rt_sigprocmask), NAME(sendmsg),     NAME(setsockopt),
                NAME(shutdown),       NAME(socket),      NAME(socketpair),
                NAME(unlinkat),       NAME(write),       NAME(writev),
                NAME(mkdirat),        NAME(gettid),      NAME(geteuid),
                NAME(getrandom),      NAME(brk),         NAME(rt_sigtimedwait),
                NAME(memfd_create),   NAME(fallocate),   NAME(membarrier),
                NAME(pidfd_open),     NAME(readlinkat),
#ifdef SYS_poll
                NAME(poll),           NAME(epoll_wait),  NAME(open),
                NAME(stat),           NAME(lstat),       NAME(mkdir),
                NAME(unlink),         NAME(readlink),
#endif
        };
#undef NAME
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (names[i].number == number)
                        return names[i].name;
        return "call";
}

const char *tracer_event_name(enum tracer_event event) {
        static const char *const names[] = {
                [TRACER_BEGIN] = "at the begin of",
                [TRACER_ENTER] = "before",
                [TRACER_ASLEEP] = "asleep in",
                [TRACER_LEAVE] = "after",
                [TRACER_CHANGED] = "after a store to shared memory after",
                [TRACER_STEP] = "after an instruction after",
                [TRACER_BROKEN] = "at an instruction after",
                [TRACER_END] = "at the end after",
                [TRACER_EXITED] = "ended after",
        };
        return names[event];
}
