/* SPDX-License-Identifier: MIT */
/* The table of signals against the kernel, and the names. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static void nothing(int number) {
        (void)number;
}

TEST(what_may_be_caught_is_what_the_kernel_lets_be_caught) {
        struct sigaction catching = { .sa_handler = nothing };
        unsigned there = 0;
        for (int number = -1; number <= MOST + 1; number++) {
                const struct leat_signal_entry *entry = leat_signal_entry(number);
                bool kernel_says = number > 0 && sigaction(number, &catching, NULL) == 0;
                if ((entry && entry->catchable) != kernel_says)
                        FAIL("signal %d: the table says %d, the kernel %d", number, entry && entry->catchable,
                             kernel_says);
                there += entry != NULL;
        }
        CHECK_EQ(there, 31 + (unsigned)(SIGRTMAX - SIGRTMIN + 1));
        CHECK(leat_signal_entry(SIGKILL) && leat_signal_entry(SIGSTOP));
}

/* ---- what each does where nothing was said ---- */

static void be_clean(void) {
        sigset_t none;
        for (int number = 1; number <= MOST; number++)
                (void)signal(number, SIG_DFL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Does the kernel tell of core files here, in the working directory? Elsewhere it is a program's business (core(5)). */
static bool tells_of_cores(void) {
        char pattern[64] = "";
        int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, pattern, sizeof(pattern) - 1);
        if (fd >= 0)
                close(fd);
        return n > 0 && pattern[0] != '|' && pattern[0] != '/' && !SANITIZED;
}

/* A small part of a core file counts as one. */
static void limit_core(bool wanted) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
        limit.rlim_cur = wanted && limit.rlim_max > 65536 ? 65536 : 0;
        CHECK_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
}

/* How a child fares that gets this signal: "exited", "killed", "dumped", "stopped". */
static const char *fate(int number) {
        int status;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                be_clean();
                (void)prctl(PR_SET_DUMPABLE, 1);
                kill(getpid(), number); /* to itself: it is there before kill() returns */
                _exit(0);
        }
        CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
        if (WIFSTOPPED(status)) {
                CHECK_EQ(WSTOPSIG(status), number);
                CHECK_EQ(kill(pid, SIGKILL), 0);
                CHECK_EQ(waitpid(pid, &status, 0), pid);
                return "stopped";
        }
        if (WIFEXITED(status))
                return "exited";
        CHECK_EQ(WTERMSIG(status), number);
        return WCOREDUMP(status) ? "dumped" : "killed";
}

/* Does it make a stopped process go on? */
static bool continues(int number) {
        int status;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                be_clean();
                (void)raise(SIGSTOP);
                for (;;) /* it does not stop again: that would hide that it went on */
                        pause();
        }
        CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
        CHECK(WIFSTOPPED(status));
        CHECK_EQ(kill(pid, number), 0);
        bool went_on = waitpid(pid, &status, WCONTINUED | WNOHANG) == pid && WIFCONTINUED(status);
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return went_on;
}

static const char *fate_by(enum leat_action action, bool cores) {
        switch (action) {
        case LEAT_ACTION_TERMINATE:
                return "killed";
        case LEAT_ACTION_CORE:
                return cores ? "dumped" : "killed";
        case LEAT_ACTION_STOP:
                return "stopped";
        default:
                return "exited";
        }
}

TEST(each_does_by_default_what_the_table_says) {
        CHECK_EQ(chdir(harness_tmpdir()), 0);
        limit_core(tells_of_cores());
        bool cores = strcmp(fate(SIGQUIT), "dumped") == 0;
        for (int number = 1; number <= SIGRTMAX; number++) {
                const struct leat_signal_entry *entry = leat_signal_entry(number);
                if (!entry)
                        continue;
                const char *got = fate(number), *want = fate_by(entry->action, cores);
                if (strcmp(got, want) != 0)
                        FAIL("%s: the child was %s, by the table it should have been %s", entry->name, got, want);
                bool went_on = number != SIGKILL && continues(number);
                if (went_on != (entry->action == LEAT_ACTION_CONTINUE))
                        FAIL("%s: a stopped child went on: %d", entry->name, went_on);
        }
}

/* ---- names ---- */

TEST(names_and_numbers_agree) {
        for (int number = 1; number <= SIGRTMAX; number++) {
                const struct leat_signal_entry *entry = leat_signal_entry(number);
                char digits[16];
                (void)snprintf(digits, sizeof(digits), "%d", number);
                CHECK_EQ(leat_signal_number(digits), entry ? number : -EINVAL);
                if (!entry)
                        continue;
                CHECK_EQ(entry->number, number);
                CHECK_STR(leat_signal_name(number), entry->name);
                CHECK_EQ(leat_signal_number(entry->name), number);
                CHECK_EQ(leat_signal_number(entry->name + 3), number);
                CHECK_EQ(entry->real_time, number >= SIGRTMIN);
                CHECK(entry->meaning && *entry->meaning);
        }
        CHECK_STR(leat_signal_name(SIGTERM), "SIGTERM");
        CHECK_STR(leat_signal_name(SIGRTMIN), "SIGRTMIN");
        CHECK_STR(leat_signal_name(SIGRTMIN + 3), "SIGRTMIN+3");
        CHECK_STR(leat_signal_name(32), "signal 32");
        CHECK_STR(leat_signal_name(0), "signal 0");
        CHECK_STR(leat_signal_name(-3), "no signal");
        CHECK_STR(leat_signal_name(4000), "no signal");
}

TEST(numbers_are_found_by_every_way_to_say_them) {
        static const struct {
                const char *name;
                int number;
        } good[] = { { "TERM", SIGTERM },  { "SIGTERM", SIGTERM }, { "sigterm", SIGTERM }, { "Term", SIGTERM },
                     { "15", 15 },         { "IOT", SIGABRT },     { "SIGPOLL", SIGIO },   { "CLD", SIGCHLD },
                     { "SIGPWR", SIGPWR }, { "stkflt", 16 },       { "9", SIGKILL },       { "STOP", SIGSTOP } };
        static const char *const bad[] = { "",           "SIG",
                                           "SIGFOO",     "RTMIN+",
                                           "RTMIN-1",    "RTMIN+31",
                                           "RTMAX+1",    "RTMAX-",
                                           "RTMAX-31",   "0",
                                           "65",         "-1",
                                           "+5",         "5x",
                                           "TERMX",      "32",
                                           "33",         "999",
                                           "4294967311", "SIGSIGTERM",
                                           "EMT",        "RTMIN+x",
                                           "RTMIN 3",    " TERM",
                                           "SIG15",      "RTMIN+4294967296" };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                CHECK_EQ(leat_signal_number(good[i].name), good[i].number);
        CHECK_EQ(leat_signal_number("RTMIN"), SIGRTMIN);
        CHECK_EQ(leat_signal_number("rtmin+3"), SIGRTMIN + 3);
        CHECK_EQ(leat_signal_number("SIGRTMAX"), SIGRTMAX);
        CHECK_EQ(leat_signal_number("RTMAX-1"), SIGRTMAX - 1);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (leat_signal_number(bad[i]) != -EINVAL)
                        FAIL("'%s' was taken for %d", bad[i], leat_signal_number(bad[i]));
        CHECK_EQ(leat_signal_number(NULL), -EINVAL);
}

TEST(sets_are_written_with_spaces_and_commas) {
        sigset_t set, before;
        CHECK_EQ(leat_signal_set("INT, term\tRTMIN+3,10", &set), 0);
        for (int number = 1; number <= SIGRTMAX; number++)
                CHECK_EQ(sigismember(&set, number) == 1,
                         number == SIGINT || number == SIGTERM || number == SIGRTMIN + 3 || number == 10);
        before = set;
        CHECK_EQ(leat_signal_set("INT FOO", &set), -EINVAL);
        CHECK_MEM(&set, &before, sizeof(set));
        CHECK_EQ(leat_signal_set(NULL, &set), -EINVAL);
        CHECK_EQ(leat_signal_set("INT", NULL), -EINVAL);
        CHECK_EQ(leat_signal_set("all", &set), 0);
        for (int number = 1; number <= SIGRTMAX; number++) {
                const struct leat_signal_entry *entry = leat_signal_entry(number);
                CHECK_EQ(sigismember(&set, number) == 1, entry && entry->catchable);
        }
        CHECK_EQ(leat_signal_set("", &set), 0);
        for (int number = 1; number <= SIGRTMAX; number++)
                CHECK(sigismember(&set, number) != 1);
}

/* The constants of <signal.h> that both C libraries have, with their own names. */
#define CODES(X)                                                                                                       \
        X(SIGTERM, SI_USER)                                                                                            \
        X(SIGTERM, SI_KERNEL)                                                                                          \
        X(SIGTERM, SI_QUEUE)                                                                                           \
        X(SIGSEGV, SI_TIMER)                                                                                           \
        X(SIGTERM, SI_MESGQ)                                                                                           \
        X(SIGTERM, SI_ASYNCIO)                                                                                         \
        X(SIGTERM, SI_SIGIO)                                                                                           \
        X(SIGCHLD, SI_TKILL)                                                                                           \
        X(SIGTERM, SI_ASYNCNL)                                                                                         \
        X(SIGILL, ILL_ILLOPC)                                                                                          \
        X(SIGILL, ILL_BADSTK)                                                                                          \
        X(SIGFPE, FPE_INTDIV)                                                                                          \
        X(SIGFPE, FPE_FLTSUB)                                                                                          \
        X(SIGSEGV, SEGV_MAPERR)                                                                                        \
        X(SIGSEGV, SEGV_ACCERR)                                                                                        \
        X(SIGSEGV, SEGV_BNDERR)                                                                                        \
        X(SIGSEGV, SEGV_PKUERR)                                                                                        \
        X(SIGBUS, BUS_ADRALN)                                                                                          \
        X(SIGBUS, BUS_ADRERR)                                                                                          \
        X(SIGBUS, BUS_OBJERR)                                                                                          \
        X(SIGBUS, BUS_MCEERR_AR)                                                                                       \
        X(SIGBUS, BUS_MCEERR_AO)                                                                                       \
        X(SIGTRAP, TRAP_BRKPT)                                                                                         \
        X(SIGTRAP, TRAP_TRACE)                                                                                         \
        X(SIGTRAP, TRAP_BRANCH)                                                                                        \
        X(SIGTRAP, TRAP_HWBKPT)                                                                                        \
        X(SIGCHLD, CLD_EXITED)                                                                                         \
        X(SIGCHLD, CLD_KILLED)                                                                                         \
        X(SIGCHLD, CLD_DUMPED)                                                                                         \
        X(SIGCHLD, CLD_TRAPPED)                                                                                        \
        X(SIGCHLD, CLD_STOPPED)                                                                                        \
        X(SIGCHLD, CLD_CONTINUED)                                                                                      \
        X(SIGIO, POLL_IN)                                                                                              \
        X(SIGIO, POLL_OUT)                                                                                             \
        X(SIGIO, POLL_MSG)                                                                                             \
        X(SIGIO, POLL_ERR)                                                                                             \
        X(SIGIO, POLL_PRI)                                                                                             \
        X(SIGIO, POLL_HUP)

TEST(codes_have_their_names) {
#define CHECK_CODE(number, code) CHECK_STR(leat_signal_code_name(number, code), #code);
        CODES(CHECK_CODE)
        CHECK_STR(leat_signal_code_name(SIGSYS, 1), "SYS_SECCOMP");
        CHECK_STR(leat_signal_code_name(SIGRTMIN + 1, POLL_IN), "POLL_IN"); /* F_SETSIG */
        CHECK(leat_signal_code_name(SIGFPE, 9) == NULL);
        CHECK(leat_signal_code_name(SIGCHLD, 7) == NULL);
        CHECK(leat_signal_code_name(SIGSEGV, 127) == NULL);
        CHECK(leat_signal_code_name(SIGSEGV, INT32_MIN) == NULL);
        CHECK(leat_signal_code_name(-5, INT32_MAX) == NULL);
        CHECK_STR(leat_action_name(LEAT_ACTION_CORE), "core");
        CHECK_STR(leat_action_name(LEAT_ACTION_IGNORE), "ignore");
        CHECK(leat_action_name((enum leat_action)9) == NULL);
}

TEST_MAIN()
