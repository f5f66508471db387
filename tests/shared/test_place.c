/* SPDX-License-Identifier: MIT */

/* The kinds of memory: names, and what each does when it is made, found, grown, mapped, read and removed. */

#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 4 * PAGE };

static const char *const schemes[] = { "region", "posix-shm", "sysv-shm", "map", "anon" };
#define EACH(scheme)                                                                                                   \
        for (size_t i_ = 0; i_ < sizeof schemes / sizeof schemes[0]; i_++)                                             \
                for (const char *scheme = schemes[i_]; scheme; scheme = NULL)

/* ---- names ---- */

static void expect_paths(const char *scheme, const char *rest, const char *path, const char *lock_path) {
        struct memory_place place = place_or_fail(scheme, rest);
        CHECK_STR(place.path, path);
        CHECK_STR(place.lock_path, lock_path);
        memory_place_clear(&place);
}

static void expect_refused(const char *scheme, const char *rest, int error) {
        struct memory_place place = MEMORY_PLACE_NONE;
        struct leat_reason reason = { 0 };
        int r = memory_place_new(scheme, rest, &reason, &place);
        if (r != error)
                FAIL("%s:%s: %d instead of %d", scheme, rest, r, error);
        CHECK_EQ(reason.error, error);
        CHECK(reason.text && !place.kind && !place.path && place.fd == -1);
}

TEST(names_say_where_the_memory_is_and_its_lock_file) {
        expect_paths("region", "/shop", "/dev/shm/leat.shop", "/dev/shm/leat.shop.lock");
        expect_paths("posix-shm", "/shop", "/dev/shm/shop", "/dev/shm/shop.leat-lock");
        expect_paths("map", "/tmp/shop", "/tmp/shop", "/tmp/shop.leat-lock");
        expect_paths("map", "/shop", "/shop", "/shop.leat-lock");
        expect_paths("sysv-shm", "0x162e", "System V segment 0x162e", "/dev/shm/leat.sysv-0x162e.lock");
        expect_paths("sysv-shm", "5678", "System V segment 0x162e", "/dev/shm/leat.sysv-0x162e.lock");
}

TEST(one_object_has_one_lock_file_whatever_it_is_called) {
        expect_paths("posix-shm", "/leat.shop", "/dev/shm/leat.shop", "/dev/shm/leat.shop.lock");
        expect_paths("map", "/dev/shm/leat.shop", "/dev/shm/leat.shop", "/dev/shm/leat.shop.lock");
        expect_paths("map", "/dev/shm/shop", "/dev/shm/shop", "/dev/shm/shop.leat-lock");
        expect_paths("map", "/dev/../dev/shm/leat.shop", "/dev/../dev/shm/leat.shop", "/dev/../dev/shm/leat.shop.lock");
}

TEST(names_that_cannot_be_are_refused) {
        static const char *const posix[] = { "", "shop", "/", "/.", "/..", "/a/b", "//a", "/a.leat-lock" };
        for (size_t i = 0; i < sizeof posix / sizeof posix[0]; i++) {
                expect_refused("region", posix[i], -EINVAL);
                expect_refused("posix-shm", posix[i], -EINVAL);
        }
        /* lock files of others */
        expect_refused("region", "/shop.lock", -EINVAL);
        expect_refused("region", "/sysv-0x162e", -EINVAL);
        expect_refused("posix-shm", "/leat.sysv-0x162e", -EINVAL);
        expect_refused("map", "/dev/shm/leat.sysv-0x162e", -EINVAL);
        expect_refused("posix-shm", "/leat.shop.lock", -EINVAL);
        expect_refused("map", "/dev/shm/leat.shop.lock", -EINVAL);
        expect_refused("map", "/tmp/shop.leat-lock", -EINVAL);
        expect_refused("map", "", -EINVAL);
        expect_refused("map", "/tmp/", -EINVAL);
        expect_refused("map", "/tmp/..", -EINVAL);
        expect_refused("anon", "shop", -EINVAL);
        expect_refused("shm", "/shop", -EPROTONOSUPPORT);
}

static void expect_longest(const char *scheme, const char *before, size_t longest) {
        char name[5000];
        memset(name, 'n', sizeof name);
        memcpy(name, before, strlen(before));
        name[strlen(before) + longest] = '\0';
        struct memory_place place = place_or_fail(scheme, name);
        CHECK(strlen(strrchr(place.lock_path, '/') + 1) <= 255);
        memory_place_clear(&place);
        name[strlen(before) + longest] = 'n';
        name[strlen(before) + longest + 1] = '\0';
        expect_refused(scheme, name, -EINVAL);
}

TEST(a_name_leaves_room_for_that_of_its_lock_file) {
        expect_longest("region", "/", 255 - strlen("leat.") - strlen(".lock"));
        expect_longest("posix-shm", "/", 255 - strlen(".leat-lock"));
        expect_longest("map", "/tmp/", 255 - strlen(".leat-lock"));
}

TEST(a_path_of_a_file_is_kept_from_the_root) {
        CHECK_EQ(chdir(harness_tmpdir()), 0);
        struct memory_place place = place_or_fail("map", "shop");
        CHECK_EQ(chdir("/"), 0);
        CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
        char path[200];
        snprintf(path, sizeof path, "%s/shop", harness_tmpdir());
        CHECK_EQ(access(path, F_OK), 0);
        memory_place_clear(&place);
}

static key_t key_of(const char *rest) {
        struct memory_place place = place_or_fail("sysv-shm", rest);
        key_t key = place.key;
        memory_place_clear(&place);
        return key;
}

TEST(keys_are_numbers_or_made_of_a_path_and_an_id) {
        char rest[200];
        CHECK_EQ(key_of("0x162e"), 0x162e);
        CHECK_EQ(key_of("0XfFfFfFfF"), (key_t)-1);
        CHECK_EQ(key_of("4294967295"), (key_t)-1);
        snprintf(rest, sizeof rest, "%s#s", harness_tmpdir());
        CHECK_EQ(key_of(rest), ftok(harness_tmpdir(), 's'));
        snprintf(rest, sizeof rest, "%s#7", harness_tmpdir());
        CHECK_EQ(key_of(rest), ftok(harness_tmpdir(), 7));
        snprintf(rest, sizeof rest, "%s#255", harness_tmpdir());
        CHECK_EQ(key_of(rest), ftok(harness_tmpdir(), 255));
        static const char *const wrong[] = { "",      "0",      "0x",          "0x0",        "0x1g",    "12a", "-1",
                                             "+1",    " 1",     "0x100000000", "4294967296", "shop",    "/",   "/tmp",
                                             "/tmp#", "/tmp#0", "/tmp#256",    "/tmp#ab",    "/tmp#7 ", "#7" };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
                expect_refused("sysv-shm", wrong[i], -EINVAL);
        expect_refused("sysv-shm", "/no/such/file#7", -ENOENT);
}

/* ---- the life of each kind ---- */

static void *map_or_fail(const struct memory_place *place, uint64_t size, int prot) {
        void *at = place_reserve(size);
        CHECK_EQ(place->kind->map(place, at, 0, size, prot, false), 0);
        return at;
}

static uint64_t size_of(const struct memory_place *place) {
        uint64_t size = 0;
        uint32_t about[3];
        CHECK_EQ(place->kind->look(place, &size, about), 0);
        return size;
}

TEST(what_is_made_is_found_mapped_and_removed) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                struct memory_place maker = place_or_fail(scheme, rest.text), finder = place_or_fail(scheme, rest.text);
                CHECK_EQ(maker.kind->find(&maker, true, NULL), -ENOENT);
                CHECK_EQ(maker.kind->make(&maker, SIZE, 0600, NULL), 0);
                CHECK_EQ(size_of(&maker), SIZE);
                char *here = map_or_fail(&maker, SIZE, PROT_READ | PROT_WRITE);
                for (size_t i = 0; i < SIZE; i++)
                        CHECK_EQ(here[i], 0);
                if (!maker.kind->named) {
                        CHECK_EQ(maker.kind->remove(&maker, NULL), -ENOTSUP);
                        memory_place_clear(&finder);
                        CHECK_EQ(memory_place_adopt(maker.fd, NULL, &finder), 0);
                } else {
                        CHECK_EQ(finder.kind->make(&finder, SIZE, 0600, NULL), -EEXIST);
                        CHECK_EQ(finder.kind->find(&finder, false, NULL), 0);
                }
                const char *there = map_or_fail(&finder, SIZE, PROT_READ);
                strcpy(here + PAGE, scheme);
                CHECK_STR(there + PAGE, scheme);
                if (maker.kind->named) {
                        CHECK_EQ(finder.kind->remove(&finder, NULL), 0);
                        CHECK_EQ(finder.kind->remove(&finder, NULL), -ENOENT);
                        struct memory_place again = place_or_fail(scheme, rest.text);
                        CHECK_EQ(again.kind->find(&again, false, NULL), -ENOENT);
                        memory_place_clear(&again);
                }
                strcpy(here, "still");
                CHECK_STR(there, "still");
                memory_place_clear(&maker);
                memory_place_clear(&finder);
                CHECK_EQ(munmap(here, SIZE), 0);
                CHECK_EQ(munmap((void *)(uintptr_t)there, SIZE), 0);
        }
}

TEST(it_grows_and_what_is_in_it_stays) {
        EACH(scheme) {
                struct leat_reason reason = { 0 };
                struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
                CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
                char *at = map_or_fail(&place, SIZE, PROT_READ | PROT_WRITE);
                strcpy(at + SIZE - 16, scheme);
                CHECK_EQ(place.kind->allocate(&place, SIZE, &reason), 0);
                int r = place.kind->allocate(&place, 3 * SIZE, &reason);
                CHECK_EQ(r, place.kind->grows ? 0 : -ENOTSUP);
                CHECK(place.kind->grows || reason.text);
                CHECK_EQ(size_of(&place), place.kind->grows ? 3 * SIZE : SIZE);
                CHECK_STR(at + SIZE - 16, scheme);
                if (place.kind->grows) {
                        struct stat status;
                        CHECK_EQ(fstat(place.fd, &status), 0);
                        CHECK(status.st_blocks * 512 >= 3 * SIZE);
                        CHECK_EQ(place.kind->allocate(&place, PAGE, NULL), 0); /* it never gets smaller */
                        CHECK_EQ(size_of(&place), 3 * SIZE);
                }
                CHECK_EQ(munmap(at, SIZE), 0);
                memory_place_clear(&place);
        }
}

TEST(holes_that_a_killed_maker_left_are_filled) {
        struct rest rest = place_rest("posix-shm");
        int fd = shm_open(rest.text, O_RDWR | O_CREAT | O_EXCL, 0600);
        CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
        struct memory_place place = place_or_fail("posix-shm", rest.text);
        struct stat status;
        CHECK_EQ(place.kind->find(&place, true, NULL), 0);
        CHECK_EQ(place.kind->allocate(&place, SIZE, NULL), 0);
        CHECK(fstat(fd, &status) == 0 && status.st_blocks * 512 >= SIZE);
        memory_place_clear(&place);
        close(fd);
}

TEST(it_is_read_without_a_mapping) {
        EACH(scheme) {
                char buffer[32] = "";
                struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
                CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
                char *at = map_or_fail(&place, SIZE, PROT_READ | PROT_WRITE);
                strcpy(at + 5, scheme);
                ssize_t n = place.kind->read(&place, 5, buffer, sizeof buffer);
                if (strcmp(scheme, "sysv-shm") == 0) {
                        CHECK_EQ(n, -ENOTSUP);
                } else {
                        CHECK_EQ(n, sizeof buffer);
                        CHECK_STR(buffer, scheme);
                        CHECK_EQ(place.kind->read(&place, SIZE - 8, buffer, sizeof buffer), 8);
                        CHECK_EQ(place.kind->read(&place, SIZE, buffer, sizeof buffer), 0);
                }
                CHECK_EQ(munmap(at, SIZE), 0);
                memory_place_clear(&place);
        }
}

TEST(the_umask_cuts_the_mode_of_every_kind) {
        umask(027);
        EACH(scheme) {
                uint64_t size;
                uint32_t about[3] = { 0 };
                struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
                CHECK_EQ(place.kind->make(&place, SIZE, 0777, NULL), 0);
                CHECK_EQ(place.kind->look(&place, &size, about), 0);
                CHECK_EQ(about[0], 0640);
                CHECK_EQ(about[1], geteuid());
                CHECK_EQ(about[2], getegid());
                memory_place_clear(&place);
        }
}

TEST(descriptors_go_to_no_program_that_is_started) {
        EACH(scheme) {
                struct memory_place place = place_or_fail(scheme, place_rest(scheme).text);
                CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
                CHECK(place.fd < 0 || fcntl(place.fd, F_GETFD) == FD_CLOEXEC);
                memory_place_clear(&place);
        }
}

/* ---- what is no memory ---- */

static void expect_no_memory(const char *rest, int error) {
        struct memory_place place = place_or_fail("map", rest);
        struct leat_reason reason = { 0 };
        int r = place.kind->find(&place, true, &reason);
        if (r != error)
                FAIL("%s: %d instead of %d", rest, r, error);
        CHECK(reason.text && reason.error == error);
        CHECK_EQ(place.fd, -1);
        memory_place_clear(&place);
}

TEST(what_is_no_regular_file_is_not_opened) {
        struct rest fifo = place_rest("map"), link = place_rest("map"), directory = place_rest("map");
        CHECK_EQ(mkfifo(fifo.text, 0600), 0);
        expect_no_memory(fifo.text, -EINVAL);
        CHECK_EQ(symlink("/etc/passwd", link.text), 0);
        expect_no_memory(link.text, -ELOOP);
        CHECK_EQ(mkdir(directory.text, 0700), 0);
        expect_no_memory(directory.text, -EINVAL);
        expect_no_memory("/dev/null", -EINVAL);
        expect_no_memory("/dev/tty", -EINVAL);
        expect_no_memory("/no/such/directory/shop", -ENOENT);
        expect_no_memory("/etc/passwd/shop", -ENOTDIR);
}

TEST(a_link_is_not_made_to_point_to_something) {
        struct rest link = place_rest("map"), target = place_rest("map");
        CHECK_EQ(symlink(target.text, link.text), 0);
        struct memory_place place = place_or_fail("map", link.text);
        CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), -EEXIST);
        CHECK(access(target.text, F_OK) < 0);
        memory_place_clear(&place);
}

struct swapper {
        const char *one, *other;
        _Atomic bool stop;
};

/* Two names change places again and again. */
static void *swap_names(void *argument) {
        struct swapper *swapper = argument;
        while (!atomic_load_explicit(&swapper->stop, memory_order_relaxed))
                CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, swapper->one, AT_FDCWD, swapper->other,
                                 2 /* RENAME_EXCHANGE */),
                         0);
        return NULL;
}

static void open_while_swapped(const char *file, const char *other) {
        struct swapper swapper = { .one = file, .other = other };
        struct stat status, wanted;
        pthread_t thread;
        CHECK_EQ(stat(file, &wanted), 0);
        CHECK_EQ(pthread_create(&thread, NULL, swap_names, &swapper), 0);
        for (int i = 0; i < 3000; i++) {
                int fd = memory_open_file(file, O_RDWR, 0);
                CHECK(fd >= 0 || fd == -EINVAL || fd == -ELOOP);
                CHECK(fd < 0 || (fstat(fd, &status) == 0 && status.st_ino == wanted.st_ino));
                if (fd >= 0)
                        close(fd);
        }
        atomic_store_explicit(&swapper.stop, true, memory_order_relaxed);
        CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(what_changes_between_the_look_and_the_open_is_not_opened_either) {
        struct rest file = place_rest("map"), link = place_rest("map"), target = place_rest("map"),
                    fifo = place_rest("map");
        close(open(file.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        close(open(target.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        CHECK(symlink(target.text, link.text) == 0 && mkfifo(fifo.text, 0600) == 0);
        int probe = (int)syscall(SYS_renameat2, AT_FDCWD, file.text, AT_FDCWD, link.text, 2 /* RENAME_EXCHANGE */);
        if (probe < 0)
                SKIP("names cannot change places here: %s", strerror(errno));
        open_while_swapped(link.text, file.text);
        struct stat status;
        const char *regular = lstat(link.text, &status) == 0 && S_ISREG(status.st_mode) ? link.text : file.text;
        open_while_swapped(regular, fifo.text);
}

static void find_as_nobody(void *argument) {
        struct rest *rests = argument;
        harness_be_nobody();
        EACH(scheme) {
                struct leat_reason reason = { 0 };
                if (strcmp(scheme, "anon") == 0)
                        continue;
                struct memory_place place = place_or_fail(scheme, rests[i_].text);
                CHECK_EQ(place.kind->find(&place, false, &reason), -EACCES);
                CHECK(reason.text && reason.row == LEAT_ROW_WHO);
                int r = place.kind->remove(&place, &reason);
                CHECK(r == -EPERM || r == -EACCES);
                CHECK_EQ(reason.error, r);
                memory_place_clear(&place);
        }
}

TEST(another_user_is_kept_out_by_the_mode) {
        struct rest rests[5];
        harness_need_root();
        CHECK_EQ(chmod(harness_tmpdir(), 0755), 0);
        EACH(scheme) {
                rests[i_] = place_rest(scheme);
                struct memory_place place = place_or_fail(scheme, rests[i_].text);
                CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
                memory_place_clear(&place);
        }
        CHECK_EQ(harness_wait(harness_fork(find_as_nobody, rests)), 0);
}

static void read_as_nobody(void *argument) {
        const struct rest *rest = argument;
        harness_be_nobody();
        struct memory_place place = place_or_fail("posix-shm", rest->text);
        CHECK_EQ(place.kind->find(&place, true, NULL), -EACCES);
        CHECK_EQ(place.kind->find(&place, false, NULL), 0);
        CHECK(!memory_place_is_writable(&place));
        memory_place_clear(&place);
}

TEST(another_user_may_read_what_the_mode_lets_it) {
        harness_need_root();
        umask(0);
        struct rest rest = place_rest("posix-shm");
        struct memory_place place = place_or_fail("posix-shm", rest.text);
        CHECK_EQ(place.kind->make(&place, SIZE, 0644, NULL), 0);
        CHECK(memory_place_is_writable(&place));
        CHECK_EQ(harness_wait(harness_fork(read_as_nobody, &rest)), 0);
        memory_place_clear(&place);
}

/* ---- memory files ---- */

TEST(a_memory_file_cannot_be_cut_off_and_grows) {
        struct memory_place place = place_or_fail("anon", "");
        CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
        CHECK(ftruncate(place.fd, PAGE) < 0 && errno == EPERM);
        CHECK(fcntl(place.fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
        CHECK_EQ(place.kind->allocate(&place, 2 * SIZE, NULL), 0);
        int own = memory_reopen(place.fd, O_RDWR);
        CHECK(own >= 0);
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 }, other = lock;
        CHECK_EQ(fcntl(own, F_OFD_SETLK, &lock), 0);
        CHECK(fcntl(place.fd, F_OFD_GETLK, &other) == 0 && other.l_type == F_WRLCK); /* they are two to the kernel */
        close(own);
        memory_place_clear(&place);
}

static void expect_not_adopted(int fd, int error) {
        struct memory_place place = MEMORY_PLACE_NONE;
        struct leat_reason reason = { 0 };
        CHECK_EQ(memory_place_adopt(fd, &reason, &place), error);
        CHECK(!place.kind);
        CHECK(error == -EBADF || reason.text);
}

static int memory_file(const char *name, int seals, off_t size, bool whole) {
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        CHECK(fd >= 0);
        CHECK_EQ(whole ? posix_fallocate(fd, 0, size) : ftruncate(fd, size), 0);
        CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

TEST(what_may_fail_under_us_is_not_taken_over) {
        int ends[2], file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
        int open_file = memory_file("unsealed", F_SEAL_GROW, SIZE, true);
        int holes = memory_file("holes", F_SEAL_SHRINK, SIZE, false);
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        expect_not_adopted(-1, -EBADF);
        expect_not_adopted(file, -EINVAL);
        expect_not_adopted(ends[0], -EINVAL);
        expect_not_adopted(open_file, -EINVAL);
        expect_not_adopted(holes, -EINVAL);
        close(ends[0]), close(ends[1]), close(file), close(open_file), close(holes);
}

TEST(a_descriptor_that_only_reads_is_told_apart) {
        struct memory_place made = place_or_fail("anon", ""), place = MEMORY_PLACE_NONE;
        CHECK_EQ(made.kind->make(&made, SIZE, 0600, NULL), 0);
        int fd = memory_reopen(made.fd, O_RDONLY);
        CHECK(fd >= 0);
        CHECK_EQ(memory_place_adopt(fd, NULL, &place), 0);
        CHECK(memory_place_is_writable(&made) && !memory_place_is_writable(&place));
        close(fd);
        memory_place_clear(&made);
        memory_place_clear(&place);
}

/* ---- System V ---- */

TEST(a_segment_is_mapped_as_a_whole_and_nowhere_else) {
        struct memory_place place = place_or_fail("sysv-shm", place_rest("sysv-shm").text);
        CHECK_EQ(place.kind->make(&place, SIZE - 100, 0600, NULL), 0);
        CHECK_EQ(size_of(&place), SIZE - 100);
        char *at = place_reserve(2 * SIZE);
        CHECK_EQ(place.kind->map(&place, at, PAGE, SIZE - PAGE, PROT_READ, false), -EINVAL);
        CHECK_EQ(place.kind->map(&place, at, 0, PAGE, PROT_READ, false), -EINVAL);
        CHECK_EQ(place.kind->map(&place, at, 0, 2 * SIZE, PROT_READ, false), -EINVAL);
        CHECK_EQ(place.kind->map(&place, at, 0, SIZE, PROT_READ | PROT_WRITE, false), 0);
        struct shmid_ds status;
        CHECK(shmctl(place.segment, IPC_STAT, &status) == 0 && status.shm_nattch == 1);
        at[0] = at[SIZE - 101] = 'x';
        CHECK_EQ(munmap(at, 2 * SIZE), 0);
        CHECK(shmctl(place.segment, IPC_STAT, &status) == 0 && status.shm_nattch == 0);
        memory_place_clear(&place);
}

TEST(a_segment_that_is_removed_is_told) {
        struct rest rest = place_rest("sysv-shm");
        struct memory_place place = place_or_fail("sysv-shm", rest.text);
        uint64_t size;
        uint32_t about[3];
        CHECK_EQ(place.kind->make(&place, SIZE, 0600, NULL), 0);
        CHECK_EQ(shmctl(place.segment, IPC_RMID, NULL), 0);
        CHECK_EQ(place.kind->look(&place, &size, about), -EIDRM);
        void *at = place_reserve(SIZE);
        CHECK_EQ(place.kind->map(&place, at, 0, SIZE, PROT_READ, false), -EIDRM);
        CHECK_EQ(place.kind->allocate(&place, SIZE, NULL), -EIDRM);
        CHECK_EQ(place.kind->remove(&place, NULL), -ENOENT);
        CHECK_EQ(munmap(at, SIZE), 0);
        memory_place_clear(&place);
}

TEST(the_schemes_are_listed) {
        size_t count = 0;
        for (; memory_kind_scheme(count); count++)
                CHECK_STR(memory_kind_scheme(count), schemes[count]);
        CHECK_EQ(count, sizeof schemes / sizeof schemes[0]);
}

TEST_MAIN()
