/* SPDX-License-Identifier: MIT */
/*
 * One test: a child, its deadline, and what it left behind.
 *
 * The harness is a child subreaper: a grandchild whose parent is gone becomes the harness's child, so
 * everything that a test started can be found and killed by pid, whatever process group it went to.
 * SIGCHLD stays blocked here and is waited for with sigtimedwait(2); the child gets the old mask back.
 */
#include "internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 8192 /* looked at for leaks */
#define GRACE_S 30 /* costs time only where something is left over; LEAT_TEST_GRACE_S is for the harness's own tests */
#define RESCAN_NS INT64_C(2000000000)

struct report *harness_report;
char harness_directory[64];
bool harness_in_test_process;

static sigset_t old_mask;

/*
 * Names and limits of queues are the whole system's, and test programs run side by side: each has, if it may, a name
 * space of its own and all the memory that it asks for (a user's queues may have 800 KB together: ten of them).
 */
static void queues_of_our_own(void) {
        struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
        (void)unshare(CLONE_NEWIPC);
        (void)setrlimit(RLIMIT_MSGQUEUE, &all);
}

/*
 * So are ports, what still lingers at them, and names that lie in no directory (unix:@...): what one test closes and opens
 * again, another program may have taken meanwhile. In a network of its own nobody does; it has loopback, and that is down.
 * Older kernels tell there nothing of the limits of sockets, of which tests ask: then all share the one there is.
 */
static void network_of_our_own(void) {
        struct ifreq loopback = { .ifr_name = "lo" };
        int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (here >= 0 && unshare(CLONE_NEWNET) == 0) {
                int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &loopback) == 0;
                loopback.ifr_flags |= IFF_UP;
                up = up && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 && access("/proc/sys/net/core/wmem_max", R_OK) == 0;
                if (fd >= 0)
                        close(fd);
                if (!up)
                        (void)setns(here, CLONE_NEWNET);
        }
        if (here >= 0)
                close(here);
}

void harness_run_start(void) {
        sigset_t child;
        queues_of_our_own();
        network_of_our_own();
        harness_report = mmap(NULL, sizeof *harness_report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (harness_report == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                perror("harness");
                exit(1);
        }
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigprocmask(SIG_BLOCK, &child, &old_mask);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
        char text[sizeof harness_report->text];
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        harness_note_failure(text);
}

/* --- in the child --- */

static void descriptors_mark(bool *marks) {
        DIR *directory = opendir("/proc/self/fd");
        struct dirent *entry;
        while (directory && (entry = readdir(directory))) {
                long n = strtol(entry->d_name, NULL, 10);
                if (entry->d_name[0] != '.' && n != dirfd(directory) && n < DESCRIPTORS_MAX)
                        marks[n] = true;
        }
        if (directory)
                closedir(directory);
}

static void descriptors_compare(const bool *before) {
        static bool after[DESCRIPTORS_MAX];
        char path[40], target[128];
        descriptors_mark(after);
        for (int i = 0; i < DESCRIPTORS_MAX; i++) {
                if (before[i] == after[i])
                        continue;
                snprintf(path, sizeof path, "/proc/self/fd/%d", i);
                ssize_t n = readlink(path, target, sizeof target - 1);
                target[n > 0 ? n : 0] = '\0';
                note(after[i] ? "leaked descriptor %d (%s)" : "closed descriptor %d that was open before%s", i, target);
        }
}

static void children_compare(void) {
        siginfo_t info = { 0 };
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return; /* ECHILD: there are none */
        if (info.si_pid)
                note("leaked child: pid %d ended and was not reaped", (int)info.si_pid);
        else
                note("leaked child: one still runs");
}

static void call(const struct test *test) {
        if (test->plain)
                test->plain();
        else
                test->function(test->argument);
}

_Noreturn static void child(const struct test *test, int output) {
        static bool before[DESCRIPTORS_MAX];
        setpgid(0, 0);
        sigprocmask(SIG_SETMASK, &old_mask, NULL);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        setvbuf(stdout, NULL, _IOLBF, 0);
        harness_in_test_process = true;
        descriptors_mark(before);
        call(test);
        descriptors_compare(before);
        children_compare();
        harness_report->finished = 1;
        exit(harness_report->failed != 0); /* not _exit: the sanitizers look for leaks at exit */
}

/* --- in the harness --- */

/* Wait for a change of a child, at most until the deadline. */
static bool wait_child(int64_t deadline) {
        sigset_t child;
        int64_t left = deadline - harness_now();
        if (left <= 0)
                return false;
        struct timespec timeout = { left / 1000000000, left % 1000000000 };
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        return sigtimedwait(&child, NULL, &timeout) > 0 || errno == EINTR;
}

static char read_stat(pid_t pid, pid_t *ret_parent, char name[static 17]) {
        char path[40], line[256], state = '?';
        int parent = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *file = fopen(path, "re");
        if (file && fgets(line, sizeof line, file)) {
                char *open = strchr(line, '('), *close = strrchr(line, ')');
                if (open && close && sscanf(close + 1, " %c %d", &state, &parent) == 2)
                        snprintf(name, 17, "%.*s", (int)(close - open - 1), open + 1);
        }
        if (file)
                fclose(file);
        *ret_parent = parent;
        return state;
}

/* Kill everything whose parent this is; what they leave comes here next and is killed then. */
static int kill_children(int output) {
        DIR *directory = opendir("/proc");
        struct dirent *entry;
        int killed = 0;
        while (directory && (entry = readdir(directory))) {
                char name[17] = "";
                pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), parent;
                char state = pid > 0 ? read_stat(pid, &parent, name) : '?';
                if (pid <= 0 || parent != getpid() || state == 'Z')
                        continue;
                dprintf(output, "still there: pid %d (%s), state %c\n", (int)pid, name, state);
                kill(pid, SIGKILL);
                killed++;
        }
        if (directory)
                closedir(directory);
        return killed;
}

/* Returns whether every process of the test is gone. */
static bool reap_orphans(void) {
        pid_t pid;
        do
                pid = waitpid(-1, NULL, WNOHANG | __WALL);
        while (pid > 0);
        return pid < 0 && errno == ECHILD;
}

static int64_t grace_ns(void) {
        const char *given = getenv("LEAT_TEST_GRACE_S");
        return (given ? atoi(given) : harness_timeout_s(GRACE_S)) * INT64_C(1000000000);
}

/* An orphan may be on its way out (its parent was killed, it saw the end and exits): it has a grace
 * period. One that goes on is a leak. */
static void end_orphans(int output, bool killed_test) {
        int64_t deadline = harness_now() + grace_ns();
        bool gone = reap_orphans();
        while (!gone && !killed_test && wait_child(deadline))
                gone = reap_orphans();
        if (!gone && !killed_test)
                note("leaked grandchild: it runs on after the test");
        while (!reap_orphans()) {
                kill_children(output);
                wait_child(harness_now() + RESCAN_NS);
        }
}

/* Where everybody of the group was when the deadline passed. */
static void describe_hang(pid_t group, int output) {
        DIR *directory = opendir("/proc");
        struct dirent *entry;
        while (directory && (entry = readdir(directory))) {
                char name[17] = "", path[48], where[64] = "";
                pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), parent;
                if (pid <= 0 || getpgid(pid) != group)
                        continue;
                char state = read_stat(pid, &parent, name);
                snprintf(path, sizeof path, "/proc/%d/wchan", (int)pid);
                FILE *file = fopen(path, "re");
                if (file && !fgets(where, sizeof where, file))
                        where[0] = '\0';
                if (file)
                        fclose(file);
                dprintf(output, "at the deadline: pid %d (%s), state %c, in %s\n", (int)pid, name, state, where);
        }
        if (directory)
                closedir(directory);
}

static enum verdict judge(int status) {
        if (WIFSIGNALED(status))
                note("killed by %s", harness_signal_name(WTERMSIG(status)));
        else if (harness_report->failed)
                note("failed");
        else if (harness_report->skipped)
                return SKIPPED;
        else if (!harness_report->finished)
                note("ended early with exit code %d", WEXITSTATUS(status));
        else if (WEXITSTATUS(status) != 0)
                note("exit code %d after its end (a sanitizer's finding?)", WEXITSTATUS(status));
        return harness_report->failed ? FAILED : PASSED;
}

static void prepare(int output) {
        const char *base = getenv("TMPDIR");
        memset(harness_report, 0, sizeof *harness_report);
        if (ftruncate(output, 0) < 0 || lseek(output, 0, SEEK_SET) < 0)
                abort();
        snprintf(harness_directory, sizeof harness_directory, "%s/leat-test-XXXXXX",
                 base && strlen(base) < 32 ? base : "/tmp");
        if (!mkdtemp(harness_directory)) {
                perror(harness_directory);
                exit(1);
        }
        setenv("XDG_RUNTIME_DIR", harness_directory, 1);
        fflush(stdout);
        fflush(stderr);
}

static void remove_leftovers(void) {
        for (unsigned i = 0; i < harness_report->leftovers_count && i < LEFTOVERS_MAX; i++)
                if (harness_report->leftovers[i].remove)
                        harness_report->leftovers[i].remove(harness_report->leftovers[i].what);
        harness_remove_tree(harness_directory);
}

enum verdict harness_run(const struct test *test, int output) {
        int status, timeout_s = harness_timeout_s(test->options.timeout_s);
        bool late = false;
        prepare(output);
        harness_random_start(harness_seed(), test->name);
        pid_t pid = fork();
        if (pid < 0)
                return note("fork: %s", strerror(errno)), FAILED;
        if (pid == 0)
                child(test, output);
        setpgid(pid, pid); /* both do it: whoever comes first */
        int64_t deadline = harness_now() + timeout_s * INT64_C(1000000000);
        while (waitpid(pid, &status, WNOHANG) == 0) {
                if (late || wait_child(deadline))
                        continue;
                late = true;
                describe_hang(pid, output);
                note("hung: not done after %d s", timeout_s);
                kill(pid, SIGKILL);
                waitpid(pid, &status, 0);
                break;
        }
        end_orphans(output, late || WIFSIGNALED(status) || harness_report->failed || harness_report->skipped);
        remove_leftovers();
        return judge(status);
}

void harness_run_here(const struct test *test) {
        prepare(memfd_create("output", MFD_CLOEXEC));
        sigprocmask(SIG_SETMASK, &old_mask, NULL);
        harness_random_start(harness_seed(), test->name);
        harness_in_test_process = true;
        fprintf(stderr, "%s\n", test->name);
        call(test);
        remove_leftovers();
}
