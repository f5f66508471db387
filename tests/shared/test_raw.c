/* SPDX-License-Identifier: MIT */

/* Foreign segments, objects and files as they are (?raw): what other programs made, by the plain calls of the system. */

#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 3 * PAGE + 100 };

static const char *const schemes[] = { "posix-shm", "sysv-shm", "map" };
#define EACH(scheme)                                                                                                   \
        for (size_t i_ = 0; i_ < sizeof schemes / sizeof schemes[0]; i_++)                                             \
                for (const char *scheme = schemes[i_]; scheme; scheme = NULL)

/* ---- the other end: plain calls ---- */

static int plain_open(const char *scheme, const char *rest, int flags) {
        int fd = strcmp(scheme, "map") == 0 ? open(rest, flags | O_CLOEXEC, 0600) : shm_open(rest, flags, 0600);
        CHECK(fd >= 0);
        return fd;
}

static char *plain_map(const char *scheme, const char *rest, size_t size) {
        if (strcmp(scheme, "sysv-shm") == 0) {
                char *at = shmat(shmget((key_t)strtoul(rest, NULL, 16), size, IPC_CREAT | 0600), NULL, 0);
                CHECK(at != (char *)-1);
                return at;
        }
        int fd = plain_open(scheme, rest, O_RDWR | O_CREAT);
        CHECK_EQ(ftruncate(fd, (off_t)size), 0);
        char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(at != MAP_FAILED);
        close(fd);
        return at;
}

static struct rest address_of(const char *scheme, const char *rest, const char *options) {
        struct rest address;
        CHECK(snprintf(address.text, sizeof address.text, "%s:%s?raw%s", scheme, rest, options) <
              (int)sizeof address.text);
        return address;
}

static struct leat_region *open_raw(const char *scheme, const char *rest, const char *options, size_t size) {
        struct rest address = address_of(scheme, rest, options);
        struct leat_reason reason = { 0 };
        struct leat_region *region = NULL;
        int r = leat_region_open(address.text, size, NULL, SOON, &reason, &region);
        if (r < 0)
                FAIL("%s: %d, %s", address.text, r, reason.text ? reason.text : "");
        return region;
}

static int try_raw(const char *scheme, const char *rest, const char *options, size_t size, struct leat_reason *reason) {
        struct rest address = address_of(scheme, rest, options);
        struct leat_region *region = NULL;
        *reason = (struct leat_reason){ 0 };
        int r = leat_region_open(address.text, size, NULL, SOON, reason, &region);
        CHECK(!region == (r < 0));
        leat_region_close(region);
        return r;
}

/* ---- what is there ---- */

TEST(another_programs_memory_is_seen_and_changed) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                char *theirs = plain_map(scheme, rest.text, SIZE);
                struct leat_region *region = open_raw(scheme, rest.text, "&open", 0);
                char *ours = leat_region_data(region);
                CHECK_EQ(leat_region_size(region), SIZE);
                strcpy(theirs + 17, "from there");
                CHECK_STR(ours + 17, "from there");
                strcpy(ours + SIZE - 20, "from here");
                CHECK_STR(theirs + SIZE - 20, "from here");
                region = leat_region_close(region);
                CHECK_STR(theirs + SIZE - 20, "from here"); /* nothing of it was changed but that */
                CHECK_EQ(theirs[0], 0);
        }
}

/* The program at the other end is another process, and begins when ours is there. */
struct letters {
        struct rest rest;
        struct harness_event *there;
};

static void write_letters(void *argument) {
        struct letters *letters = argument;
        harness_event_wait(letters->there);
        char *at = plain_map("sysv-shm", letters->rest.text, PAGE);
        for (int i = 0; i < 26; i++)
                at[i + 1] = (char)('a' + i);
        __atomic_store_n(at, 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(at, __ATOMIC_ACQUIRE) != '*')
                sched_yield();
}

TEST(letters_come_from_a_plain_program_and_are_answered) {
        struct letters letters = { place_rest("sysv-shm"), harness_event_new() };
        pid_t pid = harness_fork(write_letters, &letters);
        struct leat_region *region = open_raw("sysv-shm", letters.rest.text, "&new&mode=0600", PAGE);
        char *at = leat_region_data(region);
        harness_event_signal(letters.there);
        while (__atomic_load_n(at, __ATOMIC_ACQUIRE) != 1)
                sched_yield();
        CHECK_STR(at + 1, "abcdefghijklmnopqrstuvwxyz");
        __atomic_store_n(at, '*', __ATOMIC_RELEASE);
        CHECK_EQ(harness_wait(pid), 0);
        leat_region_close(region);
}

TEST(reads_and_writes_of_the_file_and_the_memory_see_each_other) {
        static const char *const kinds[] = { "posix-shm", "map" };
        for (size_t i = 0; i < 2; i++) {
                struct rest rest = place_rest(kinds[i]);
                int fd = plain_open(kinds[i], rest.text, O_RDWR | O_CREAT);
                char text[8] = "";
                CHECK_EQ(ftruncate(fd, SIZE), 0);
                struct leat_region *region = open_raw(kinds[i], rest.text, "", 0);
                char *at = leat_region_data(region);
                CHECK_EQ(pwrite(fd, "written", 8, PAGE - 3), 8);
                CHECK_STR(at + PAGE - 3, "written");
                strcpy(at + 2 * PAGE, "memory");
                CHECK_EQ(pread(fd, text, 7, 2 * PAGE), 7);
                CHECK_STR(text, "memory");
                CHECK_EQ(leat_region_read_checked(region, PAGE - 3, text, 8), 0);
                CHECK_STR(text, "written");
                leat_region_close(region);
                close(fd);
        }
}

/* ---- parts of it ---- */

TEST(a_part_begins_at_any_byte) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                char *theirs = plain_map(scheme, rest.text, SIZE);
                for (size_t i = 0; i < SIZE; i++)
                        theirs[i] = (char)(i * 7 % 251);
                static const size_t offsets[] = { 0, 1, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, SIZE - 1 };
                for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
                        char options[80];
                        snprintf(options, sizeof options, "&offset=%zu", offsets[i]);
                        struct leat_region *region = open_raw(scheme, rest.text, options, 0);
                        CHECK_EQ(leat_region_size(region), SIZE - offsets[i]);
                        CHECK_MEM(leat_region_data(region), theirs + offsets[i], SIZE - offsets[i]);
                        leat_region_close(region);
                }
                struct leat_region *region = open_raw(scheme, rest.text, "&offset=4090&length=20", 0);
                CHECK_EQ(leat_region_size(region), 20);
                strcpy(leat_region_data(region), "across two pages");
                CHECK_STR(theirs + 4090, "across two pages");
                leat_region_close(region);
        }
}

static void expect_behind(const char *scheme, const char *rest, const char *options, size_t size) {
        struct leat_reason reason;
        int r = try_raw(scheme, rest, options, size, &reason);
        if (r != -EINVAL)
                FAIL("%s %s: %d", scheme, options, r);
        CHECK_EQ(reason.limit_value, SIZE);
        CHECK(reason.text && reason.limit);
}

TEST(what_is_longer_than_its_file_is_refused_and_its_size_told) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                (void)plain_map(scheme, rest.text, SIZE);
                expect_behind(scheme, rest.text, "", SIZE + 1);
                expect_behind(scheme, rest.text, "&length=20000", 0);
                expect_behind(scheme, rest.text, "&offset=1&length=12388", 0);
                expect_behind(scheme, rest.text, "&offset=12388", 0);
                expect_behind(scheme, rest.text, "&offset=20000", 0);
                expect_behind(scheme, rest.text, "&offset=12287", 102);
                expect_behind(scheme, rest.text, "&offset=4611686018427387904&length=70368744177664", 0);
                struct leat_region *region = open_raw(scheme, rest.text, "&offset=12287", 101);
                CHECK_EQ(leat_region_size(region), 101);
                leat_region_close(region);
        }
}

#if !SANITIZED /* a sanitizer takes most of the addresses */
TEST(a_limit_of_addresses_is_named) {
        struct leat_reason reason;
        struct rest rest = place_rest("map");
        struct rlimit limit = { .rlim_cur = 512U << 20, .rlim_max = 512U << 20 };
        int fd = plain_open("map", rest.text, O_RDWR | O_CREAT);
        CHECK_EQ(ftruncate(fd, INT64_C(1) << 30), 0);
        close(fd);
        CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
        CHECK_EQ(try_raw("map", rest.text, "", 0, &reason), -ENOMEM);
        CHECK_STR(reason.limit, "RLIMIT_AS");
        struct leat_region *region = open_raw("map", rest.text, "&offset=536870912&length=4096", 0);
        CHECK_EQ(leat_region_size(region), 4096);
        leat_region_close(region);
}
#endif

TEST(an_empty_file_is_no_memory) {
        struct leat_reason reason;
        struct rest rest = place_rest("map");
        close(plain_open("map", rest.text, O_RDWR | O_CREAT));
        CHECK_EQ(try_raw("map", rest.text, "", 0, &reason), -EINVAL);
        CHECK(reason.text && reason.limit_value == 0);
}

/* ---- alone ---- */

TEST(private_changes_are_nobody_elses) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                char *theirs = plain_map(scheme, rest.text, SIZE);
                strcpy(theirs + PAGE, "theirs");
                struct leat_region *alone = open_raw(scheme, rest.text, "&private&offset=4096", 0);
                struct leat_region *shared = open_raw(scheme, rest.text, "", 0);
                char *ours = leat_region_data(alone);
                CHECK_STR(ours, "theirs");
                strcpy(ours, "ours alone");
                CHECK_STR(theirs + PAGE, "theirs");
                CHECK_STR((char *)leat_region_data(shared) + PAGE, "theirs");
                strcpy(theirs + PAGE, "changed");
                CHECK_STR(ours, "ours alone"); /* its page is its own from the first change on */
                leat_region_close(alone);
                leat_region_close(shared);
        }
}

static void change_alone(void *argument) {
        const struct rest *rests = argument;
        harness_be_nobody();
        EACH(scheme) {
                struct leat_reason reason;
                CHECK_EQ(try_raw(scheme, rests[i_].text, "", 0, &reason), -EACCES);
                CHECK(reason.text);
                struct leat_region *region = open_raw(scheme, rests[i_].text, "&private", 0);
                strcpy(leat_region_data(region), "mine");
                leat_region_close(region);
                region = open_raw(scheme, rests[i_].text, "&access=ro", 0);
                CHECK_STR(leat_region_data(region), "theirs");
                leat_region_close(region);
        }
}

TEST(who_may_only_read_it_has_it_to_read_or_for_itself) {
        struct rest rests[3];
        harness_need_root();
        CHECK_EQ(chmod(harness_tmpdir(), 0755), 0);
        umask(0);
        EACH(scheme) {
                rests[i_] = place_rest(scheme);
                struct rest address = address_of(scheme, rests[i_].text, "&new&mode=0644");
                struct leat_region *region = NULL;
                CHECK_EQ(leat_region_open(address.text, SIZE, NULL, SOON, NULL, &region), 0);
                strcpy(leat_region_data(region), "theirs");
                leat_region_close(region);
        }
        CHECK_EQ(harness_wait(harness_fork(change_alone, rests)), 0);
}

/* ---- access ---- */

struct touch {
        const char *scheme, *rest, *options;
        bool write;
};

static void touch(void *argument) {
        const struct touch *touch = argument;
        CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR); /* of a sanitizer, whose word on it is not wanted */
        struct leat_region *region = open_raw(touch->scheme, touch->rest, touch->options, 0);
        volatile char *at = leat_region_data(region);
        if (touch->write)
                *at = 'x';
        else
                (void)*at;
        leat_region_close(region);
}

static int touched(const char *scheme, const struct rest *rest, const char *options, bool write) {
        struct touch it = { scheme, rest->text, options, write };
        return harness_wait(harness_fork(touch, &it));
}

TEST(access_says_what_may_be_done_with_it) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                (void)plain_map(scheme, rest.text, SIZE);
                CHECK_EQ(touched(scheme, &rest, "", true), 0);
                CHECK_EQ(touched(scheme, &rest, "&access=rw", true), 0);
                CHECK_EQ(touched(scheme, &rest, "&access=ro", false), 0);
                CHECK_EQ(touched(scheme, &rest, "&access=ro", true), -SIGSEGV);
                CHECK_EQ(touched(scheme, &rest, "&access=none", false), -SIGSEGV);
                CHECK_EQ(touched(scheme, &rest, "&private", true), 0);
                CHECK_EQ(touched(scheme, &rest, "&private&access=ro", true), -SIGSEGV);
                CHECK_EQ(touched(scheme, &rest, "&populate", true), 0);
        }
}

/* ---- making, and what is not there ---- */

TEST(it_is_made_as_a_plain_program_would) {
        EACH(scheme) {
                struct leat_reason reason;
                struct rest rest = place_rest(scheme);
                CHECK_EQ(try_raw(scheme, rest.text, "&open", SIZE, &reason), -ENOENT);
                CHECK(reason.text);
                CHECK_EQ(try_raw(scheme, rest.text, "", 0, &reason), -ENOENT); /* how large? */
                CHECK(reason.text);
                struct leat_region *region = open_raw(scheme, rest.text, "", SIZE);
                CHECK_EQ(leat_region_size(region), SIZE);
                strcpy(leat_region_data(region), "ours");
                CHECK_STR(plain_map(scheme, rest.text, SIZE), "ours");
                CHECK_EQ(try_raw(scheme, rest.text, "&new", SIZE, &reason), -EEXIST);
                CHECK(reason.text);
                leat_region_close(region);
        }
}

TEST(what_could_not_be_mapped_is_not_made) {
        EACH(scheme) {
                struct leat_reason reason;
                struct rest rest = place_rest(scheme);
                CHECK_EQ(try_raw(scheme, rest.text, "&offset=4096", 100, &reason), -EINVAL);
                CHECK(reason.text);
                CHECK_EQ(reason.limit_value, 100);
                CHECK_EQ(try_raw(scheme, rest.text, "&length=50", 100, &reason), -EINVAL);
                CHECK_EQ(try_raw(scheme, rest.text, "&open", 0, &reason), -ENOENT);
        }
}

TEST(what_was_opened_untouchable_may_be_written_later) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                char address[300];
                struct leat_region *region = NULL;
                struct leat_reason reason;
                CHECK_EQ(try_raw(scheme, rest.text, "", PAGE, &reason), 0);
                snprintf(address, sizeof address, "%s:%s?raw&open&access=none", scheme, rest.text);
                CHECK_EQ(leat_region_open(address, 0, NULL, LEAT_NOW, NULL, &region), 0);
                char byte = 1;
                CHECK_EQ(leat_region_read_checked(region, 0, &byte, 1), 0);
                CHECK_EQ(byte, 0);
                CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_WRITE), 0);
                *(volatile char *)leat_region_data(region) = 1;
                leat_region_close(region);
        }
}

TEST(memory_without_a_name_is_never_foreign) {
        struct leat_reason reason;
        CHECK_EQ(try_raw("anon", "", "", PAGE, &reason), -ENOTSUP);
        CHECK(reason.text);
}

TEST(it_has_no_locks) {
        struct leat_region *region = open_raw("posix-shm", place_rest("posix-shm").text, "", SIZE);
        CHECK_EQ(leat_mutex_lock(region, leat_region_data(region), SOON), -ENOTSUP);
        leat_region_close(region);
}

TEST(a_child_does_not_inherit_it) {
        EACH(scheme) {
                struct rest rest = place_rest(scheme);
                struct leat_region *region = open_raw(scheme, rest.text, "", SIZE);
                unsigned char there;
                void *page = (void *)((uintptr_t)leat_region_data(region) & ~(uintptr_t)(PAGE - 1));
                pid_t pid = fork();
                if (pid == 0)
                        _exit(mincore(page, PAGE, &there) < 0 && errno == ENOMEM ? 0 : 1);
                int status;
                CHECK(waitpid(pid, &status, 0) == pid && status == 0);
                leat_region_close(region);
        }
}

/* ---- removed, or cut off, under us ---- */

TEST(what_is_removed_under_us_stays_with_us) {
        struct rest sysv = place_rest("sysv-shm"), posix = place_rest("posix-shm"), map = place_rest("map");
        struct leat_reason reason;
        struct leat_region *regions[3] = { open_raw("sysv-shm", sysv.text, "", SIZE),
                                           open_raw("posix-shm", posix.text, "", SIZE),
                                           open_raw("map", map.text, "", SIZE) };
        char command[200];
        snprintf(command, sizeof command, "ipcrm -M %s", sysv.text);
        CHECK_EQ(system(command), 0);
        CHECK_EQ(shm_unlink(posix.text), 0);
        CHECK_EQ(unlink(map.text), 0);
        for (int i = 0; i < 3; i++) {
                strcpy(leat_region_data(regions[i]), "still here");
                CHECK_STR(leat_region_data(regions[i]), "still here");
        }
        CHECK_EQ(try_raw("sysv-shm", sysv.text, "&open", 0, &reason), -ENOENT);
        CHECK_EQ(try_raw("posix-shm", posix.text, "&open", 0, &reason), -ENOENT);
        CHECK_EQ(try_raw("map", map.text, "&open", 0, &reason), -ENOENT);
        for (int i = 0; i < 3; i++)
                leat_region_close(regions[i]);
}

TEST(a_file_that_is_cut_off_under_us_is_an_error_of_a_checked_read) {
        char text[16];
        struct rest rest = place_rest("map");
        int fd = plain_open("map", rest.text, O_RDWR | O_CREAT);
        CHECK_EQ(ftruncate(fd, SIZE), 0);
        struct leat_region *region = open_raw("map", rest.text, "&offset=100", 0);
        CHECK_EQ(leat_region_read_checked(region, PAGE, text, sizeof text), 0);
        CHECK_EQ(ftruncate(fd, PAGE), 0);
        CHECK_EQ(leat_region_read_checked(region, PAGE, text, sizeof text), -EIO);
        CHECK_EQ(leat_region_read_checked(region, PAGE - 100 - sizeof text, text, sizeof text), 0);
        leat_region_close(region);
        close(fd);
}

/* What `ipcs` tells of a segment of ours. */
TEST(the_segments_list_shows_ours) {
        struct rest rest = place_rest("sysv-shm");
        struct leat_region *region = open_raw("sysv-shm", rest.text, "", 5000);
        char command[200], line[200] = "";
        snprintf(command, sizeof command, "ipcs -m | grep -i '^%s '", rest.text);
        FILE *list = popen(command, "re");
        CHECK(list && fgets(line, sizeof line, list));
        CHECK_EQ(pclose(list), 0);
        unsigned key, segment, mode, bytes, attached;
        CHECK_EQ(sscanf(line, "%x %u %*s %o %u %u", &key, &segment, &mode, &bytes, &attached), 5);
        CHECK_EQ(bytes, 5000);
        CHECK_EQ(attached, 1);
        leat_region_close(region);
}

TEST_MAIN()
