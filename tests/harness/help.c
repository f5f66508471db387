/* SPDX-License-Identifier: MIT */
/* What tests call: checks, random numbers, processes, events. */
#include "internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_S 60 /* what hangs is found out late enough: a slow machine is none the worse for it */
#define EVENT_MS 50000       /* a little before the deadline of the test, so that the place is told */
#define THREADS_MOST 64
#define NOBODY 65534

static uint64_t random_state;
static pid_t test_pid; /* 0 in the test's own process: only forked children set it */

int64_t harness_now(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int base_timeout_s(void) {
        const char *given = getenv("LEAT_TEST_TIMEOUT_S");
        int seconds = given ? atoi(given) : 0;
        return seconds > 0 ? seconds : DEFAULT_TIMEOUT_S;
}

int harness_timeout_s(int wanted_s) {
        int base = base_timeout_s();
        if (wanted_s == 0)
                return base;
        /* A machine that is said to be slow is slow for all; a shorter base does not cut what a test asked for. */
        return base > DEFAULT_TIMEOUT_S ? wanted_s * base / DEFAULT_TIMEOUT_S : wanted_s;
}

int64_t harness_deadline_ms(int64_t milliseconds) {
        int base = base_timeout_s();
        int64_t scale = base > DEFAULT_TIMEOUT_S ? base / DEFAULT_TIMEOUT_S : 1;
        return harness_now() + milliseconds * scale * 1000000;
}

/* --- failing --- */

void harness_note_failure(const char *text) {
        if (atomic_exchange(&harness_report->failed, 1) == 0)
                snprintf(harness_report->text, sizeof harness_report->text, "%s", text);
        else if (harness_in_test_process)
                fprintf(stderr, "%s\n", text);
}

void harness_fail(const char *file, int line, const char *format, ...) {
        char text[400], all[512];
        const char *name = strrchr(file, '/');
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        snprintf(all, sizeof all, "%s:%d: %s%s", name ? name + 1 : file, line, text, test_pid ? " (in a child)" : "");
        fprintf(stderr, "%s\n", all);
        harness_note_failure(all);
        fflush(NULL);
        _exit(1);
}

void harness_skip(const char *format, ...) {
        char text[400];
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        if (test_pid)
                harness_fail(__FILE__, __LINE__, "only the test's own process may skip: %s", text);
        snprintf(harness_report->text, sizeof harness_report->text, "%s", text);
        harness_report->skipped = 1;
        fflush(NULL);
        _exit(0);
}

void harness_check_equal(const char *file, int line, const char *a, const char *b, intmax_t x, intmax_t y) {
        if (x != y)
                harness_fail(file, line, "%s is %jd (0x%jx), not %s, which is %jd (0x%jx)", a, x, (uintmax_t)x, b, y,
                             (uintmax_t)y);
}

void harness_check_string(const char *file, int line, const char *a, const char *b, const char *x, const char *y) {
        if (!x || !y || strcmp(x, y) != 0)
                harness_fail(file, line, "%s is \"%.100s\", not %s: \"%.100s\"", a, x ? x : "(null)", b,
                             y ? y : "(null)");
}

void harness_check_memory(const char *file, int line, const char *a, const char *b, const void *x, const void *y,
                          size_t size) {
        const unsigned char *p = x, *q = y;
        for (size_t i = 0; i < size; i++)
                if (p[i] != q[i])
                        harness_fail(file, line, "%s and %s differ at byte %zu of %zu: 0x%02x, 0x%02x", a, b, i, size,
                                     p[i], q[i]);
}

/* --- random numbers: splitmix64 (Steele, Lea, Flood 2014) --- */

void harness_random_start(uint64_t seed, const char *name) {
        random_state = seed;
        for (; *name; name++) /* FNV-1a, so that each test has its own series */
                random_state = (random_state ^ (unsigned char)*name) * UINT64_C(1099511628211);
}

__attribute__((no_sanitize("undefined"))) uint64_t harness_random(void) {
        uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

uint64_t harness_random_below(uint64_t limit) {
        return limit ? harness_random() % limit : 0;
}

/* --- files, processes, memory --- */

const char *harness_tmpdir(void) {
        return harness_directory;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
        (void)status;
        (void)kind;
        (void)where;
        return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

void harness_remove_tree(const char *path) {
        chmod(path, 0700);
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int harness_count_descriptors(void) {
        int count = -1; /* the directory's own */
        DIR *directory = opendir("/proc/self/fd");
        struct dirent *entry;
        while (directory && (entry = readdir(directory)))
                count += entry->d_name[0] != '.';
        if (directory)
                closedir(directory);
        return count;
}

void harness_remove_later(void (*remove)(const char *what), const char *what) {
        struct report *report = harness_report;
        unsigned count = report->leftovers_count;
        for (unsigned i = 0; i < count && i < LEFTOVERS_MAX; i++)
                if (!strcmp(report->leftovers[i].what, what))
                        return;
        /* Several processes of the test may do this at once: each has a place of its own, which may stay empty. */
        unsigned place = strlen(what) < sizeof report->leftovers[0].what ? report->leftovers_count++ : LEFTOVERS_MAX;
        if (place >= LEFTOVERS_MAX)
                FAIL("no room for what is to be removed later: %s", what);
        struct leftover *leftover = &report->leftovers[place];
        snprintf(leftover->what, sizeof leftover->what, "%s", what);
        leftover->remove = remove;
}

pid_t harness_fork(void (*function)(void *argument), void *argument) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
                FAIL("fork: %s", strerror(errno));
        if (pid > 0)
                return pid;
        test_pid = getpid();
        function(argument);
        fflush(NULL);
        _exit(0);
}

int harness_wait(pid_t pid) {
        int status;
        pid_t r;
        do
                r = waitpid(pid, &status, 0);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                FAIL("waitpid(%d): %s", (int)pid, strerror(errno));
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void harness_kill(pid_t pid) {
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(harness_wait(pid), -SIGKILL);
}

void harness_stop(pid_t pid) {
        CHECK_EQ(kill(pid, SIGSTOP), 0);
        harness_wait_state(pid, "T");
}

void harness_continue(pid_t pid) {
        CHECK_EQ(kill(pid, SIGCONT), 0);
}

void harness_threads(size_t count, void *(*function)(void *argument), void *argument) {
        pthread_t threads[THREADS_MOST];
        CHECK(count <= THREADS_MOST);
        for (size_t i = 0; i < count; i++)
                CHECK_EQ(pthread_create(&threads[i], NULL, function, argument), 0);
        for (size_t i = 0; i < count; i++)
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

void *harness_shared(size_t size_bytes) {
        void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                FAIL("mmap of %zu bytes: %s", size_bytes, strerror(errno));
        return memory;
}

char harness_state(pid_t pid) {
        char path[40], line[256], state = '?';
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *file = fopen(path, "re");
        if (file && fgets(line, sizeof line, file) && strrchr(line, ')'))
                state = strrchr(line, ')')[2];
        if (file)
                fclose(file);
        return state;
}

void harness_give_way(const char *file, int line, const char *condition, int64_t deadline) {
        if (harness_now() > deadline)
                harness_fail(file, line, "never: %s", condition);
        sched_yield();
}

/* The kernel tells nobody that a process fell asleep: this looks again and again, giving way between. */
void harness_wait_state(pid_t pid, const char *letters) {
        int64_t deadline = harness_deadline_ms(EVENT_MS);
        char state;
        while (!strchr(letters, state = harness_state(pid))) {
                if (harness_now() > deadline)
                        FAIL("pid %d did not come to state %s; it is in %c", (int)pid, letters, state);
                sched_yield();
        }
}

/* --- descriptors and users --- */

static bool poll_until(int fd, int64_t deadline) {
        struct pollfd polled = { .fd = fd, .events = POLLIN };
        int64_t left = deadline - harness_now();
        int r = poll(&polled, 1, left > 0 ? (int)(left / 1000000) : 0);
        CHECK(r >= 0 && (polled.revents & ~POLLIN) == 0);
        return r > 0;
}

bool harness_is_readable(int fd) {
        return poll_until(fd, 0);
}

void harness_wait_readable(int fd) {
        if (!poll_until(fd, harness_deadline_ms(EVENT_MS)))
                FAIL("descriptor %d did not become readable", fd);
}

void harness_need_root(void) {
        if (geteuid() != 0)
                SKIP("it takes root to be somebody else");
}

void harness_be_nobody(void) {
        CHECK(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

/* --- events: a futex in shared memory --- */

struct harness_event {
        _Atomic uint32_t count;
};

struct harness_event *harness_event_new(void) {
        return harness_shared(sizeof(struct harness_event));
}

/* The increment is ordered before the wake: a waiter that missed the wake finds the count changed and
 * FUTEX_WAIT returns at once. */
void harness_event_signal(struct harness_event *event) {
        atomic_fetch_add(&event->count, 1);
        syscall(SYS_futex, &event->count, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool harness_event_try(struct harness_event *event, int64_t deadline) {
        for (;;) {
                uint32_t count = atomic_load(&event->count);
                if (count > 0) {
                        if (atomic_compare_exchange_strong(&event->count, &count, count - 1))
                                return true;
                        continue;
                }
                if (harness_now() >= deadline)
                        return false;
                struct timespec until = { deadline / 1000000000, deadline % 1000000000 };
                syscall(SYS_futex, &event->count, FUTEX_WAIT_BITSET, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY);
        }
}

void harness_event_wait_at(const char *file, int line, struct harness_event *event) {
        if (!harness_event_try(event, harness_deadline_ms(EVENT_MS)))
                harness_fail(file, line, "the event did not come");
}

const char *harness_signal_name(int number) {
        static const struct {
                int number;
                const char *name;
        } names[] = {
                { SIGABRT, "SIGABRT" }, { SIGALRM, "SIGALRM" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },
                { SIGHUP, "SIGHUP" },   { SIGILL, "SIGILL" },   { SIGINT, "SIGINT" },   { SIGKILL, "SIGKILL" },
                { SIGPIPE, "SIGPIPE" }, { SIGQUIT, "SIGQUIT" }, { SIGSEGV, "SIGSEGV" }, { SIGSYS, "SIGSYS" },
                { SIGTERM, "SIGTERM" }, { SIGTRAP, "SIGTRAP" }, { SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" },
        };
        static char other[24];
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (names[i].number == number)
                        return names[i].name;
        snprintf(other, sizeof other, "signal %d", number);
        return other;
}

uint64_t harness_how_many(uint64_t few, uint64_t normal, uint64_t many) {
        const char *size = getenv("LEAT_TEST_SIZE");
        if (SANITIZED || (size && strcmp(size, "small") == 0))
                return few;
        return size && strcmp(size, "long") == 0 ? many : normal;
}

void harness_allow_descriptors(size_t wanted) {
        struct rlimit files;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
        if (files.rlim_cur >= wanted)
                return;
        files.rlim_cur = wanted;
        if (files.rlim_max < wanted)
                files.rlim_max = wanted;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                SKIP("%ju descriptors are needed", (uintmax_t)wanted);
}

bool harness_refuse_call(long number, int error) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
