/* SPDX-License-Identifier: MIT */
#include "forking.h"
#include "regions.h"

#include "shared/region.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/notice.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A thread forks while another one opens a region: its child is to have no copy of the evidence. */

static void (*behind_open)(const char *path); /* called behind each */

int open(const char *path, int flags, ...) {
        va_list arguments;
        va_start(arguments, flags);
        unsigned mode = va_arg(arguments, unsigned);
        va_end(arguments);
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        if (fd >= 0 && behind_open)
                behind_open(path);
        return fd;
}

static struct {
        const char *opened_path; /* by which the evidence is opened ... */
        const char *told_path;   /* ... and is told by /proc */
        int kept;                /* so many descriptors of that are none of evidence */
        int opened;
} race;

static int has_evidence(void) {
        char link[300], to[300];
        DIR *fds = opendir("/proc/self/fd");
        int found = 0;
        for (struct dirent *entry; fds && (entry = readdir(fds));) {
                snprintf(link, sizeof link, "/proc/self/fd/%s", entry->d_name);
                ssize_t n = readlink(link, to, sizeof to - 1);
                to[n < 0 ? 0 : n] = '\0';
                found += strcmp(to, race.told_path) == 0;
        }
        return fds ? found - race.kept : 99;
}

/* The descriptor is there, and nobody knows it yet. The other one has forked by now, or waits until it may. */
static void fork_behind(const char *path) {
        if (strcmp(path, race.opened_path) != 0 || race.opened++ > 0)
                return;
        forking_now();
}

static void a_child_has_no_evidence(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *first = region_open_or_fail(region_address(kind, 1, ""), 64);
        char path[300];
        if (first->place.lock_path) {
                snprintf(path, sizeof path, "%s", first->place.lock_path);
                race.told_path = path;
        } else { /* of memory without a name it is the memory, opened once more */
                snprintf(path, sizeof path, "/proc/self/fd/%d", first->place.fd);
                race.told_path = "/memfd:leat-region (deleted)";
                race.kept = 1;
        }
        leat_region_close(first);
        race.opened_path = path;
        forking_begin(has_evidence);
        behind_open = fork_behind;
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 64);
        behind_open = NULL;
        CHECK(race.opened > 0);
        CHECK_EQ(forking_end(), 0);
        leat_region_close(region);
}

/* ---- two threads of a child ---- */

static struct {
        struct leat_region *region;
        _Atomic bool there;
} child;

/* What the other thread did is seen, though nothing but the answer says so. */
static void *come_second(void *argument) {
        while (!atomic_load_explicit(&child.there, memory_order_relaxed))
                (void)sched_yield();
        CHECK_EQ(leat_region_reattach(child.region, SOON), -EALREADY);
        CHECK_EQ(leat_part_changed(child.region, 0), 0);
        return argument;
}

static void come_both(void *argument) {
        pthread_t thread;
        (void)argument;
        CHECK_EQ(pthread_create(&thread, NULL, come_second, NULL), 0);
        CHECK_EQ(leat_region_reattach(child.region, SOON), 0);
        atomic_store_explicit(&child.there, true, memory_order_relaxed);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_region_close(child.region);
}

static void who_is_told_it_is_there_may_use_it(void *argument) {
        child.region = region_open_or_fail(region_address(KIND_OF(argument), 1, ""), 64);
        CHECK_EQ(harness_wait(harness_fork(come_both, NULL)), 0);
        leat_region_close(child.region);
}

static void add_tests(void) {
        region_add("who_is_told_it_is_there_may_use_it", who_is_told_it_is_there_may_use_it);
        region_add("a_child_has_no_evidence", a_child_has_no_evidence);
}

TEST_MAIN_WITH(add_tests)
