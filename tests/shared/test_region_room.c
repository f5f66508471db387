/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Memory that there is not, or not any more: full file systems, limits, files that are cut off under their readers. */

/* ---- full ---- */

/* A /dev/shm of our own, of 1 MiB, and the test's directory in it. */
static void mount_small(enum region_kind kind) {
        const char *where = kind == KIND_MAP ? harness_tmpdir() : "/dev/shm";
        if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("leat", where, "tmpfs", 0, "size=1M") < 0)
                SKIP("a file system of our own cannot be mounted: %s", strerror(errno));
}

static void fill_up(const char *directory) {
        static char bytes[65536];
        char path[300];
        snprintf(path, sizeof path, "%s/filler", directory);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        for (size_t step = sizeof bytes; step > 0; step /= 2)
                while (write(fd, bytes, step) == (ssize_t)step)
                        ;
        close(fd);
}

static void empty(const char *directory) {
        char path[300];
        snprintf(path, sizeof path, "%s/filler", directory);
        CHECK_EQ(unlink(path), 0);
}

static void a_full_file_system(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_reason reason = { 0 };
        char evidence[300];
        if (kind != KIND_REGION && kind != KIND_POSIX && kind != KIND_MAP)
                return;
        mount_small(kind);
        const char *directory = kind == KIND_MAP ? harness_tmpdir() : "/dev/shm";
        const char *address = region_address(kind, 1, "?most=8M");
        CHECK_EQ(region_try(address, 2 << 20, NULL, &reason), -ENOSPC);
        CHECK(strstr(reason.text, "room"));
        struct leat_region *region = region_open_or_fail(address, 100000);
        snprintf(evidence, sizeof evidence, "%s", region_info_of(region).evidence);
        uint8_t *data = leat_region_data(region);
        fill_up(directory);
        CHECK_EQ(leat_region_grow(region, 2 << 20, SOON), -ENOSPC);
        CHECK_EQ(leat_region_grow(region, 200000, SOON), -ENOSPC);
        CHECK_EQ(leat_region_size(region), 100000);
        memset(data, 1, 100000); /* what there is was allocated when it was made */
        CHECK_EQ(region_try(address, 100000, NULL, NULL), 0);
        empty(directory);
        CHECK_EQ(leat_region_grow(region, 200000, SOON), 0);
        fill_up(directory);
        memset(data, 2, 200000);
        CHECK_EQ(leat_region_close(region) == NULL, true);
        CHECK_EQ(leat_region_remove(address, false, SOON, NULL), 0);
        CHECK_EQ(access(evidence, F_OK), -1);
        fill_up(directory);
        CHECK_EQ(region_try(address, 100000, NULL, &reason), -ENOSPC);
        CHECK_EQ(access(evidence, F_OK), -1); /* nor is half of one left */
        empty(directory);
        CHECK_EQ(region_try(address, 100000, NULL, &reason), 0);
        CHECK_EQ(umount2(directory, MNT_DETACH), 0);
}

static void a_limit_of_files(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_reason reason = { 0 };
        struct rlimit limit = { 1 << 20, RLIM_INFINITY };
        if (!region_traits[kind].grows)
                return;
        CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = 1 << 20;
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        CHECK_EQ(region_try(region_address(kind, 1, ""), 2 << 20, NULL, &reason), -EFBIG);
        CHECK_STR(reason.limit, "RLIMIT_FSIZE");
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?most=8M"), 1000);
        CHECK_EQ(leat_region_grow(region, 2 << 20, SOON), -EFBIG);
        CHECK_EQ(leat_region_size(region), 1000);
        CHECK_EQ(leat_region_grow(region, 1 << 19, SOON), 0);
        memset(leat_region_data(region), 1, 1 << 19);
        leat_region_close(region);
}

/* ---- addresses ---- */

#if !SANITIZED /* a sanitizer takes most of the addresses */
TEST(more_addresses_than_there_are) {
        struct leat_reason reason = { 0 };
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
        limit.rlim_cur = UINT64_C(1) << 30;
        CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
        CHECK_EQ(region_try(region_address(KIND_REGION, 1, "?most=2G"), 1000, NULL, &reason), -ENOMEM);
        CHECK_STR(reason.limit, "RLIMIT_AS");
        CHECK_EQ(region_try(region_address(KIND_REGION, 1, "?open"), 1000, NULL, &reason),
                 -ENOENT); /* nothing was left */
        CHECK_EQ(region_try(region_address(KIND_REGION, 1, ""), 1000, NULL, &reason), 0);
}
#endif

TEST(no_descriptors) {
        struct rlimit limit;
        struct leat_reason reason = { 0 };
        int fds[64], count = 0;
        CHECK_EQ(region_try(region_address(KIND_REGION, 1, ""), 1000, NULL, &reason), 0);
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = 64;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        while (count < 64 && (fds[count] = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0)
                count++;
        for (int room = 0; room < 3; room++) {
                int r = region_try(region_address(KIND_REGION, 1, ""), 1000, NULL, &reason);
                CHECK_EQ(r, room < 2 ? -EMFILE : 0);
                if (r < 0)
                        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
                close(fds[--count]);
        }
        while (count > 0)
                close(fds[--count]);
}

/* ---- cut off ---- */

static const char *path_of(struct leat_region *region) {
        const char *path = region_info_of(region).memory;
        CHECK(path && path[0] == '/');
        return path;
}

static void read_first(void *argument) {
        (void)*(volatile char *)argument;
}

static void a_file_cut_off(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        if (!region_traits[kind].has_file)
                return;
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100000);
        char buffer[100], *data = leat_region_data(region);
        strcpy(data, "first");
        strcpy(data + 99000, "last");
        CHECK_EQ(leat_region_read_checked(region, 99000, buffer, 5), 0);
        CHECK_EQ(leat_region_guard(region, read_first, data + 99000), 0);
        CHECK_EQ(truncate(path_of(region), (off_t)region->data_at + 50000), 0);
        CHECK_EQ(leat_region_read_checked(region, 0, buffer, 6), 0);
        CHECK_STR(buffer, "first");
        CHECK_EQ(leat_region_read_checked(region, 99000, buffer, 5), -EIO);
        CHECK_EQ(leat_region_read_checked(region, 49990, buffer, 20), -EIO);
        CHECK_EQ(leat_region_guard(region, read_first, data), 0);
        CHECK_EQ(leat_region_guard(region, read_first, data + 99000), -EIO);
        CHECK_EQ(leat_region_guard(region, read_first, data + 99000), -EIO); /* each time */
        CHECK_EQ(region_try(region_address(kind, 1, ""), 0, NULL, NULL), -EINVAL);
        /* Nobody makes it whole by growing it. */
        CHECK_EQ(leat_region_size(region), 100000);
        leat_region_close(region);
}

TEST(memory_files_are_not_cut_off) {
        struct leat_region *region = region_open_or_fail("anon:", 1000);
        CHECK_EQ(ftruncate(leat_region_fd(region), 100), -1);
        leat_region_close(region);
}

/* ---- the guard ---- */

struct inner {
        struct leat_region *region;
        int result;
};

static void guard_again(void *argument) {
        struct inner *inner = argument;
        inner->result = leat_region_guard(inner->region, read_first, leat_region_data(inner->region));
}

TEST(no_guard_within_another) {
        struct inner inner = { region_open_or_fail("anon:", 1000), 0 };
        CHECK_EQ(leat_region_guard(inner.region, guard_again, &inner), 0);
        CHECK_EQ(inner.result, -EBUSY);
        CHECK_EQ(leat_region_guard(inner.region, read_first, leat_region_data(inner.region)), 0);
        leat_region_close(inner.region);
}

static sigjmp_buf own;

static void own_handler(int number) {
        (void)number;
        siglongjmp(own, 1);
}

/* Memory of this process's that is no region's, and is cut off. */
static char *other_memory(void) {
        char path[300];
        snprintf(path, sizeof path, "%s/other", harness_tmpdir());
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(ftruncate(fd, 4096), 0);
        char *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        CHECK(at != MAP_FAILED);
        CHECK_EQ(ftruncate(fd, 0), 0);
        close(fd);
        return at;
}

/* What is not a region's is the program's business, within a guard and without one, whoever set its handler first. */
TEST(a_fault_that_is_not_the_regions) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_REGION, 1, ""), 100000);
        char *data = leat_region_data(region), *other = other_memory();
        CHECK_EQ(truncate(path_of(region), (off_t)region->data_at), 0);
        for (int i = 0; i < 2; i++) {
                CHECK(signal(SIGBUS, own_handler) != SIG_ERR); /* the second time: behind the guard's */
                CHECK_EQ(leat_region_guard(region, read_first, data), -EIO);
                if (sigsetjmp(own, 1) == 0)
                        FAIL("read: %d", *(volatile char *)other);
                if (sigsetjmp(own, 1) == 0)
                        FAIL("guarded: %d", leat_region_guard(region, read_first, other));
        }
        munmap(other, 4096);
        leat_region_close(region);
}

static void end_by_it(void *argument) {
        signal(SIGBUS, SIG_DFL);
        struct leat_region *region = region_open_or_fail("anon:", 1000);
        (void)leat_region_guard(region, read_first, argument);
}

TEST(a_fault_without_a_handler) {
        char *other = other_memory();
        CHECK_EQ(harness_wait(harness_fork(end_by_it, other)), -SIGBUS);
        munmap(other, 4096);
}

static void add_tests(void) {
        region_add("a_full_file_system", a_full_file_system);
        region_add("a_limit_of_files", a_limit_of_files);
        region_add("a_file_cut_off", a_file_cut_off);
}

TEST_MAIN_WITH(add_tests)
