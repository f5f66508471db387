/* SPDX-License-Identifier: MIT */

/* Where there is no room: an error when it is made or grown, with the limit that was met, and nothing left behind. */

#include "places.h"

#include "memory/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20 };

static const char *const files[] = { "region", "posix-shm", "map", "anon" };
#define EACH_FILE(scheme)                                                                                              \
        for (size_t i_ = 0; i_ < sizeof files / sizeof files[0]; i_++)                                                 \
                for (const char *scheme = files[i_]; scheme; scheme = NULL)

static uint64_t size_of(const struct memory_place *place) {
        uint64_t size = 0;
        uint32_t about[3];
        CHECK_EQ(place->kind->look(place, &size, about), 0);
        return size;
}

static void expect_not_made(struct memory_place *place, uint64_t size, int error, const char *limit) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(place->kind->make(place, size, 0600, &reason), error);
        CHECK_EQ(reason.error, error);
        CHECK_EQ(reason.row, LEAT_ROW_LIMITS);
        CHECK(reason.text);
        if (limit)
                CHECK_STR(reason.limit, limit);
        CHECK(place->fd == -1 && place->segment == -1);
        CHECK_EQ(place->kind->find(place, false, NULL), -ENOENT);
}

/* ---- RLIMIT_FSIZE ---- */

TEST(a_limit_of_file_sizes_is_an_error_and_no_signal) {
        struct rlimit limit = { .rlim_cur = 4 * PAGE, .rlim_max = 4 * PAGE };
        CHECK(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        EACH_FILE(scheme) {
                struct leat_reason reason = { 0 };
                struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
                expect_not_made(&place, 5 * PAGE, -EFBIG, "RLIMIT_FSIZE");
                CHECK_EQ(place.kind->make(&place, 4 * PAGE, 0600, NULL), 0);
                CHECK_EQ(place.kind->allocate(&place, 5 * PAGE, &reason), -EFBIG);
                CHECK_EQ(reason.limit_value, 4 * PAGE);
                CHECK_EQ(size_of(&place), 4 * PAGE);
                memory_place_clear(&place);
        }
}

/* ---- a full file system ---- */

static struct memory_place file_on(const char *directory, const char *name) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        return place_or_fail("map", path);
}

static uint64_t free_bytes(const char *path) {
        struct statvfs status;
        CHECK_EQ(statvfs(path, &status), 0);
        return (uint64_t)status.f_bfree * status.f_bsize;
}

static void fill_and_grow(const char *path) {
        uint64_t all = free_bytes(path);
        struct memory_place large = file_on(path, "large"), small = file_on(path, "small");
        expect_not_made(&large, 9 * MIB, -ENOSPC, NULL);
        CHECK_EQ(free_bytes(path), all);
        CHECK_EQ(small.kind->make(&small, MIB, 0600, NULL), 0);
        struct leat_reason reason = { 0 };
        CHECK_EQ(small.kind->allocate(&small, 9 * MIB, &reason), -ENOSPC);
        CHECK(reason.text);
        CHECK_EQ(size_of(&small), MIB);
        CHECK_EQ(free_bytes(path), all - MIB); /* what was had before it failed is given back */
        CHECK_EQ(small.kind->allocate(&small, 3 * MIB, NULL), 0);
        char *at = place_reserve(3 * MIB);
        CHECK_EQ(small.kind->map(&small, at, 0, 3 * MIB, PROT_READ | PROT_WRITE, false), 0);
        memset(at, 'x', 3 * MIB);
        CHECK_EQ(munmap(at, 3 * MIB), 0);
        CHECK_EQ(small.kind->remove(&small, NULL), 0);
        memory_place_clear(&large);
        memory_place_clear(&small);
        CHECK_EQ(free_bytes(path), all);
}

TEST(a_full_file_system_is_an_error_now) {
        fill_and_grow(place_mount("tmpfs", "size=8M"));
}

/* As when others take the last of it meanwhile: there seems to be room, since of the file's 4 MiB none are where they are wanted. */
static void fail_half_way(const char *path) {
        uint64_t all = free_bytes(path);
        struct leat_reason reason = { 0 };
        struct memory_place place = file_on(path, "half");
        CHECK_EQ(place.kind->make(&place, MIB, 0600, NULL), 0);
        CHECK_EQ(fallocate(place.fd, FALLOC_FL_KEEP_SIZE, 100 * MIB, 4 * MIB), 0);
        CHECK_EQ(place.kind->allocate(&place, 6 * MIB, &reason), -ENOSPC);
        CHECK(reason.text);
        CHECK_EQ(size_of(&place), MIB);
        CHECK_EQ(free_bytes(path), all - MIB); /* what it had got by then is given back */
        memory_place_clear(&place);
}

TEST(a_file_system_that_is_full_half_way_leaves_it_as_it_was) {
        fail_half_way(place_mount("tmpfs", "size=8M"));
}

TEST(half_way_of_writing_too) {
        const char *path = place_mount("tmpfs", "size=8M");
        struct memory_place place = file_on(path, "half");
        CHECK_EQ(place.kind->make(&place, MIB, 0600, NULL), 0);
        CHECK_EQ(fallocate(place.fd, FALLOC_FL_KEEP_SIZE, 100 * MIB, 4 * MIB), 0);
        if (!harness_refuse_call(SYS_fallocate, EOPNOTSUPP))
                SKIP("calls cannot be refused here");
        CHECK_EQ(place.kind->allocate(&place, 6 * MIB, NULL), -ENOSPC);
        CHECK_EQ(size_of(&place), MIB);
        CHECK_EQ(free_bytes(path), 7 * MIB);
        memory_place_clear(&place);
}

TEST(a_full_file_system_that_cannot_allocate_is_an_error_too) {
        const char *path = place_mount("tmpfs", "size=8M");
        if (!harness_refuse_call(SYS_fallocate, EOPNOTSUPP))
                SKIP("calls cannot be refused here");
        fill_and_grow(path);
}

TEST(where_files_cannot_be_allocated_they_are_written) {
        struct stat status;
        const char *path = place_mount("ramfs", NULL);
        struct memory_place place = file_on(path, "file");
        CHECK_EQ(place.kind->make(&place, 3 * PAGE + 5, 0600, NULL), 0);
        CHECK_EQ(size_of(&place), 3 * PAGE + 5);
        CHECK_EQ(pwrite(place.fd, "stays", 5, 3 * PAGE), 5);
        CHECK_EQ(place.kind->allocate(&place, 9 * PAGE, NULL), 0);
        char text[6] = "";
        CHECK(pread(place.fd, text, 5, 3 * PAGE) == 5 && strcmp(text, "stays") == 0);
        CHECK(fstat(place.fd, &status) == 0 && status.st_size == 9 * PAGE);
        memory_place_clear(&place);
}

TEST(more_than_the_machine_has_is_an_error_before_it_is_taken) {
        EACH_FILE(scheme) {
                struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
                struct leat_reason reason = { 0 };
                int r = place.kind->make(&place, UINT64_C(1) << 46, 0600, &reason);
                CHECK(r == -ENOSPC || r == -EFBIG); /* EFBIG: of a file system that has no such files */
                CHECK_EQ(place.kind->find(&place, false, NULL), -ENOENT);
                memory_place_clear(&place);
        }
}

TEST(a_file_system_without_room_for_a_file_says_so) {
        struct leat_reason reason = { 0 };
        const char *path = place_mount("tmpfs", "size=8M,nr_inodes=2");
        struct memory_place first = file_on(path, "first"), second = file_on(path, "second");
        CHECK_EQ(first.kind->make(&first, PAGE, 0600, NULL), 0);
        CHECK_EQ(second.kind->make(&second, PAGE, 0600, &reason), -ENOSPC);
        CHECK(reason.text && reason.error == -ENOSPC);
        memory_place_clear(&first);
        memory_place_clear(&second);
}

TEST(where_there_is_no_directory_it_is_said) {
        struct leat_reason reason = { 0 };
        struct memory_place place = place_or_fail("map", "/no/such/directory/shop");
        CHECK_EQ(place.kind->make(&place, PAGE, 0600, &reason), -ENOENT);
        CHECK(reason.text && strstr(reason.text, "directory"));
        memory_place_clear(&place);
}

/* Too many for the room that statfs() tells of are not begun with. */
TEST(what_cannot_fit_takes_nothing_first) {
        const char *path = place_mount("tmpfs", "size=8M");
        struct memory_place place = file_on(path, "large");
        if (!harness_refuse_call(SYS_fallocate, EIO))
                SKIP("calls cannot be refused here");
        CHECK_EQ(place.kind->make(&place, 7 * MIB, 0600, NULL), -EIO);
        expect_not_made(&place, 9 * MIB, -ENOSPC, NULL);
        memory_place_clear(&place);
}

static timer_t timer;
static volatile sig_atomic_t left = 300;

/* In some kernels a signal undoes the whole step, so that they must end, however slow the machine is. */
static void count_signal(int number) {
        const struct itimerspec never = { 0 };
        (void)number;
        if (left > 0)
                left = left - 1;
        else
                (void)timer_settime(timer, 0, &never, NULL);
}

TEST(signals_do_not_keep_it_from_being_allocated) {
        struct sigaction action = { .sa_handler = count_signal };
        struct memory_place place = place_or_fail("anon", "");
        const struct itimerspec often = { .it_interval.tv_nsec = 200000, .it_value.tv_nsec = 200000 };
        CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
        CHECK_EQ(timer_create(CLOCK_MONOTONIC,
                              &(struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 }, &timer),
                 0);
        CHECK_EQ(timer_settime(timer, 0, &often, NULL), 0);
        CHECK_EQ(place.kind->make(&place, 32 * MIB, 0600, NULL), 0);
        CHECK_EQ(timer_delete(timer), 0);
        CHECK_EQ(size_of(&place), 32 * MIB);
        memory_place_clear(&place);
}

/* ---- System V ---- */

static void expect_no_segment(uint64_t size, int error, const char *limit, int64_t value) {
        struct leat_reason reason = { 0 };
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        CHECK_EQ(place.kind->make(&place, size, 0600, &reason), error);
        CHECK_STR(reason.limit ? reason.limit : "none", limit);
        CHECK_EQ(reason.limit_value, value);
        CHECK(reason.text);
        CHECK_EQ(place.kind->find(&place, false, NULL), -ENOENT);
        memory_place_clear(&place);
}

TEST(a_segment_above_the_limit_names_it) {
        place_set_sysctl("/proc/sys/kernel/shmmax", "1048576");
        expect_no_segment(MIB + 1, -EINVAL, "kernel.shmmax", MIB);
}

TEST(segments_that_are_too_many_name_the_limit) {
        place_set_sysctl("/proc/sys/kernel/shmmni", "1");
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        CHECK_EQ(place.kind->make(&place, PAGE, 0600, NULL), 0);
        expect_no_segment(PAGE, -ENOSPC, "kernel.shmmni", 1);
        memory_place_clear(&place);
}

TEST(segments_that_are_too_large_together_name_the_limit) {
        place_set_sysctl("/proc/sys/kernel/shmall", "16");
        expect_no_segment(17 * PAGE, -ENOSPC, "kernel.shmall", 16);
}

TEST(a_segment_larger_than_there_are_addresses_is_refused) {
        struct leat_reason reason = { 0 };
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        int r = place.kind->make(&place, UINT64_C(1) << 62, 0600, &reason);
        CHECK(r == -EINVAL || r == -ENOSPC);
        CHECK(reason.text && reason.limit);
        CHECK_EQ(place.kind->make(&place, UINT64_MAX, 0600, &reason), -EINVAL);
        CHECK_EQ(place.kind->make(&place, 0, 0600, &reason), -EINVAL);
        CHECK_EQ(place.kind->find(&place, false, NULL), -ENOENT);
        memory_place_clear(&place);
}

TEST(all_of_a_segment_is_there_when_it_is_made) {
        struct shm_info info = { 0 };
        place_set_sysctl("/proc/sys/kernel/shmmni", "7"); /* for the name space, where the only segment is this */
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        CHECK_EQ(place.kind->make(&place, MIB, 0600, NULL), 0);
        CHECK(shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) >= 0);
        CHECK_EQ(info.shm_rss + info.shm_swp, MIB / sysconf(_SC_PAGESIZE));
        memory_place_clear(&place);
}

TEST(a_segment_that_cannot_be_filled_is_not_left) {
        struct leat_reason reason = { 0 };
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        if (!harness_refuse_call(SYS_madvise, ENOMEM))
                SKIP("calls cannot be refused here");
        CHECK_EQ(place.kind->make(&place, MIB / 2, 0600, &reason), -ENOSPC);
        CHECK(reason.text);
        CHECK_EQ(place.kind->find(&place, false, NULL), -ENOENT);
        memory_place_clear(&place);
}

TEST(a_segment_that_a_killed_maker_left_is_filled) {
        struct shm_info info = { 0 };
        place_set_sysctl("/proc/sys/kernel/shmmni", "7");
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        CHECK(shmget(place.key, MIB, IPC_CREAT | IPC_EXCL | 0600) >= 0);
        CHECK_EQ(place.kind->find(&place, true, NULL), 0);
        CHECK_EQ(place.kind->allocate(&place, MIB, NULL), 0);
        CHECK(shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) >= 0);
        CHECK_EQ(info.shm_rss + info.shm_swp, MIB / sysconf(_SC_PAGESIZE));
        memory_place_clear(&place);
}

/* ---- descriptors ---- */

TEST(a_process_with_all_its_descriptors_is_told) {
        struct rlimit limit = { .rlim_cur = 0, .rlim_max = 0 };
        struct leat_reason reason = { 0 };
        struct memory_place place = place_or_fail("anon", ""), made = MEMORY_PLACE_NONE;
        struct memory_place named = place_or_fail("posix-shm", place_rest("posix-shm").text);
        CHECK_EQ(place.kind->make(&place, PAGE, 0600, NULL), 0);
        limit.rlim_cur = limit.rlim_max = (rlim_t)place.fd + 1;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_EQ(memory_place_adopt(place.fd, &reason, &made), -EMFILE);
        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
        CHECK_EQ(named.kind->make(&named, PAGE, 0600, &reason), -EMFILE);
        CHECK_STR(reason.limit, "RLIMIT_NOFILE");
        memory_place_clear(&place);
        memory_place_clear(&named);
}

/* ---- huge pages ---- */

TEST(huge_pages_are_refused_where_there_are_none) {
        static const char *const schemes[] = { "region", "posix-shm", "map" };
        for (size_t i = 0; i < 3; i++) {
                struct leat_reason reason = { 0 };
                struct memory_place place = place_or_fail(schemes[i], place_rest(schemes[i]).text);
                place.huge = true;
                CHECK_EQ(place.kind->make(&place, PAGE, 0600, &reason), -ENOTSUP);
                CHECK(reason.text);
                CHECK_EQ(place.kind->find(&place, false, NULL), -ENOENT);
                memory_place_clear(&place);
        }
}

/* They are made of huge pages, or say which number is too small; none are reserved for this test. */
static void make_huge(const char *scheme) {
        struct leat_reason reason = { 0 };
        struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
        size_t page = memfile_huge_bytes();
        if (page == 0)
                SKIP("this kernel has no huge pages");
        place.huge = true;
        CHECK_EQ(memory_place_page_bytes(&place), page);
        int r = place.kind->make(&place, page, 0600, &reason);
        if (r == 0) {
                CHECK_EQ(memory_place_page_bytes(&place), page);
        } else {
                CHECK(r == -ENOSPC || r == -EPERM || r == -ENOTSUP);
                CHECK(reason.text);
                CHECK(r != -ENOSPC || strcmp(reason.limit, "vm.nr_hugepages") == 0);
        }
        memory_place_clear(&place);
}

TEST(memory_files_are_made_of_huge_pages) {
        make_huge("anon");
}

TEST(segments_are_made_of_huge_pages) {
        make_huge("sysv-shm");
}

TEST_MAIN()
