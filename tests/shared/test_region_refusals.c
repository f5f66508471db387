/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is refused, and what a person is told of it. */

static void refuses(const char *address, size_t size_bytes, const struct leat_layout *layout, int error,
                    const char *part_of_text) {
        struct leat_reason reason = { 0 };
        int r = region_try(address, size_bytes, layout, &reason);
        if (r != error || reason.error != error || !reason.text || !strstr(reason.text, part_of_text))
                FAIL("%s: %d (%s), and not %d (%s)", address, r, reason.text ? reason.text : "no reason", error,
                     part_of_text);
}

/* ---- layouts ---- */

static const struct leat_field first_fields[] = { { "stock", 0, 8, 1 }, { "cash", 8, 8, 1 } };
static const struct leat_field other_fields[] = { { "stock", 0, 8, 1 }, { "cash", 16, 8, 1 } };
static const struct leat_layout first = { "shop", 16, first_fields, 2 }, renamed = { "shop 2", 16, first_fields, 2 },
                                moved = { "shop", 16, other_fields, 2 }, larger = { "shop", 24, first_fields, 2 },
                                fewer = { "shop", 16, first_fields, 1 };

static void other_layouts(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = NULL, *other = NULL;
        const char *address = region_address(kind, 1, "");
        CHECK_EQ(leat_region_open(address, 0, &first, SOON, NULL, &region), 0);
        CHECK_EQ(leat_region_size(region), 16); /* as the layout says */
        if (!region_traits[kind].named) {
                struct leat_reason reason = { 0 };
                CHECK_EQ(leat_region_adopt(leat_region_fd(region), &moved, SOON, &reason, &other), -EINVAL);
                CHECK(strstr(reason.text, "another layout"));
                CHECK_EQ(leat_region_adopt(leat_region_fd(region), &first, SOON, &reason, &other), 0);
                leat_region_close(other);
        } else {
                CHECK_EQ(region_try(address, 16, &first, NULL), 0);
                CHECK_EQ(region_try(address, 16, NULL, NULL), 0);
                refuses(address, 16, &renamed, -EINVAL, "another layout");
                refuses(address, 16, &moved, -EINVAL, "another layout");
                refuses(address, 0, &larger, -EINVAL, "another layout");
                refuses(address, 16, &fewer, -EINVAL, "another layout");
        }
        leat_region_close(region);
}

static void made_without_a_layout(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        if (region_traits[kind].named)
                refuses(region_address(kind, 1, ""), 16, &first, -EINVAL, "did not say what lies in it");
        leat_region_close(region);
}

TEST(layouts_that_are_none) {
        struct leat_field fields[200];
        char address[40];
        snprintf(address, sizeof address, "region:/test-none-%d", (int)getpid());
        for (int i = 0; i < 200; i++)
                fields[i] = (struct leat_field){ "a-name-of-some-length", 0, 8, 1 };
        refuses(address, 100, &(struct leat_layout){ "", 8, NULL, 0 }, -EINVAL, "a name");
        refuses(address, 100, &(struct leat_layout){ NULL, 8, NULL, 0 }, -EINVAL, "a name");
        refuses(address, 100, &(struct leat_layout){ "two\nlines", 8, NULL, 0 }, -EINVAL, "a name");
        refuses(address, 100, &(struct leat_layout){ "shop", 8, NULL, 1 }, -EINVAL, "fields");
        refuses(address, 100, &(struct leat_layout){ "shop", 8, fields, 200 }, -EINVAL, "too many fields");
        fields[0].name = "two words";
        refuses(address, 100, &(struct leat_layout){ "shop", 8, fields, 1 }, -EINVAL, "without spaces");
}

/* ---- options ---- */

TEST(options_that_do_not_fit) {
        char address[100], whole[200];
        snprintf(address, sizeof address, "region:/test-options-%d", (int)getpid());
        static const struct {
                const char *options;
                int error;
                const char *text;
        } all[] = {
                { "?offset=4096", -EINVAL, "add raw" },
                { "?length=4096", -EINVAL, "add raw" },
                { "?private", -EINVAL, "add raw" },
                { "?raw&most=1M", -EINVAL, "memory as it is" },
                { "?raw&participants=2", -EINVAL, "memory as it is" },
                { "?raw&log=4k", -EINVAL, "memory as it is" },
                { "?backlog=3", -ENOTSUP, "no such option" },
                { "?access=ro&new", -EINVAL, "may only read" },
                { "?most=10", -EINVAL, "most=" },
                { "?participants=0", -EINVAL, "bounds" },
                { "?participants=60001", -EINVAL, "bounds" },
                { "?open&new", -EINVAL, "contradicts" },
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                snprintf(whole, sizeof whole, "%s%s", address, all[i].options);
                refuses(whole, 100, NULL, all[i].error, all[i].text);
        }
        CHECK(region_try("nonsense:/x", 100, NULL, NULL) < 0);
        CHECK_EQ(region_try(NULL, 100, NULL, NULL), -EINVAL);
        CHECK_EQ(leat_region_open(address, 100, NULL, SOON, NULL, NULL), -EINVAL);
        CHECK_EQ(access("/dev/shm/leat.test-options.lock", F_OK), -1);
}

/* ---- headers ---- */

/* Change the header of the region by hand, while nobody has it open. */
static void edit(enum region_kind kind, void (*change)(struct region_header *header)) {
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        change(region->header);
        leat_region_close(region);
}

static void other_magic(struct region_header *header) {
        header->magic[0] ^= 1;
}
static void other_version(struct region_header *header) {
        header->version++;
}
static void other_word(struct region_header *header) {
        header->word_bytes = 4;
}
static void other_page(struct region_header *header) {
        header->page_bytes = 2048;
}
static void other_data_at(struct region_header *header) {
        header->data_at += 64;
}
static void too_large(struct region_header *header) {
        header->size_bytes = header->most_bytes = UINT64_C(1) << 40;
}

static void other_headers(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        static const struct {
                void (*change)(struct region_header *header);
                const char *text;
        } all[] = { { other_magic, "no region of Leat" }, { other_version, "another version" },
                    { other_word, "word size" },          { other_page, "page size" },
                    { other_data_at, "damaged" },         { too_large, "damaged" } };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                edit(kind, all[i].change);
                refuses(region_address(kind, 1, ""), 100, NULL, -EINVAL, all[i].text);
                CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), -EINVAL);
                CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), true, SOON, NULL), 0);
        }
}

/* ---- what is no region ---- */

TEST(a_file_that_is_no_region) {
        const char *address = region_address(KIND_MAP, 1, ""), *path = strchr(address, ':') + 1;
        char evidence[300];
        snprintf(evidence, sizeof evidence, "%s.leat-lock", path);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        static char page[16384];
        CHECK_EQ(write(fd, "numbers\n", 8), 8);
        refuses(address, 100, NULL, -EINVAL, "smaller than a header");
        CHECK_EQ(ftruncate(fd, 0) + ftruncate(fd, 20000), 0);
        refuses(address, 100, NULL, -EINVAL, "zeroes");
        memset(page, 'x', sizeof page);
        CHECK_EQ(pwrite(fd, page, sizeof page, 0), sizeof page);
        refuses(address, 100, NULL, -EINVAL, "no region of Leat");
        CHECK_EQ(leat_region_remove(address, false, SOON, NULL), -EINVAL);
        CHECK_EQ(access(path, F_OK), 0);
        CHECK_EQ(access(evidence, F_OK), -1);
        close(fd);
}

/* One that is there and empty, as of mkstemp(3), is filled; its mode stays. */
TEST(an_empty_file_becomes_one) {
        const char *address = region_address(KIND_MAP, 1, ""), *path = strchr(address, ':') + 1;
        struct stat status;
        close(open(path, O_RDWR | O_CREAT | O_EXCL, 0640));
        struct leat_region *region = region_open_or_fail(address, 100);
        CHECK_EQ(stat(path, &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0640);
        CHECK(status.st_size > 8192);
        leat_region_close(region);
}

TEST(something_else_at_the_name) {
        const char *address = region_address(KIND_MAP, 1, ""), *path = strchr(address, ':') + 1;
        char evidence[300];
        snprintf(evidence, sizeof evidence, "%s.leat-lock", path);
        CHECK_EQ(mkdir(path, 0700), 0);
        refuses(address, 100, NULL, -EINVAL, "no regular file");
        CHECK_EQ(access(evidence, F_OK), -1);
        CHECK_EQ(leat_region_remove(address, false, SOON, NULL), -EINVAL);
        CHECK_EQ(access(evidence, F_OK), -1);
        CHECK_EQ(rmdir(path), 0);
        CHECK_EQ(mkfifo(path, 0600), 0);
        refuses(address, 100, NULL, -EINVAL, "no regular file");
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(symlink("/etc/passwd", path), 0);
        refuses(address, 100, NULL, -ELOOP, "symbolic link");
        CHECK_EQ(unlink(path), 0);
        int fd = open(evidence, O_RDWR | O_CREAT | O_EXCL, 0600);
        CHECK_EQ(write(fd, "a program's own file", 20), 20);
        close(fd);
        refuses(address, 100, NULL, -EINVAL, "lock file");
        CHECK_EQ(leat_region_remove(address, false, SOON, NULL), -EINVAL);
        CHECK_EQ(access(evidence, F_OK), 0);
        refuses("map:/nowhere/at/all", 100, NULL, -ENOENT, "directory");
}

TEST(a_segment_that_is_no_region) {
        const char *address = region_address(KIND_SYSV, 1, "");
        int segment = shmget((key_t)strtoul(strchr(address, ':') + 1, NULL, 16), 100000, IPC_CREAT | IPC_EXCL | 0600);
        CHECK(segment >= 0);
        char *at = shmat(segment, NULL, 0);
        CHECK(at != (void *)-1);
        refuses(address, 100, NULL, -EINVAL, "zeroes");
        strcpy(at, "another program's");
        refuses(address, 100, NULL, -EINVAL, "no region of Leat");
        CHECK_EQ(shmdt(at), 0);
        CHECK_EQ(shmctl(segment, IPC_RMID, NULL), 0);
}

TEST(a_descriptor_that_is_no_region) {
        struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK_EQ(leat_region_adopt(fd, NULL, SOON, &reason, &region), -EINVAL);
        CHECK(reason.text);
        close(fd);
        fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        CHECK_EQ(ftruncate(fd, 100000), 0);
        CHECK_EQ(leat_region_adopt(fd, NULL, SOON, &reason, &region), -EINVAL);
        CHECK(strstr(reason.text, "sealed"));
        CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
        CHECK_EQ(leat_region_adopt(fd, NULL, SOON, &reason, &region), -EINVAL);
        CHECK(strstr(reason.text, "holes"));
        CHECK_EQ(fallocate(fd, 0, 0, 100000), 0);
        CHECK_EQ(leat_region_adopt(fd, NULL, SOON, &reason, &region), -EINVAL);
        CHECK(strstr(reason.text, "zeroes"));
        close(fd);
        CHECK_EQ(leat_region_adopt(fd, NULL, SOON, &reason, &region), -EBADF);
}

/* ---- other users ---- */

static void try_as_nobody(void *argument) {
        const char *const *addresses = argument;
        harness_be_nobody();
        refuses(addresses[0], 100, NULL, -EACCES, "another user's");
        refuses(addresses[1], 0, NULL, -EACCES, "another user's");
        CHECK(leat_region_remove(addresses[0], false, SOON, NULL) < 0);
        CHECK(leat_region_remove(addresses[0], true, SOON, NULL) < 0);
}

static void without_permission(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        harness_need_root();
        CHECK_EQ(chmod(harness_tmpdir(), 0755), 0);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        const char *addresses[] = { region_address(kind, 1, ""), region_address(kind, 1, "?access=ro") };
        CHECK_EQ(harness_wait(harness_fork(try_as_nobody, addresses)), 0);
        CHECK_EQ(region_info_of(region).participants, 1);
        leat_region_close(region);
        CHECK_EQ(region_try(addresses[0], 100, NULL, NULL), 0);
}

/* By mode, others may read it, and no more than that. */
static void read_as_nobody(void *argument) {
        const char *const *addresses = argument;
        harness_be_nobody();
        refuses(addresses[0], 100, NULL, -EACCES, "access=ro");
        struct leat_region *region = region_open_or_fail(addresses[1], 0);
        CHECK_STR(leat_region_data(region), "for all to read");
        struct leat_participant participant = LEAT_PARTICIPANT_INIT;
        CHECK_EQ(leat_region_participant(region, 0, &participant), 0);
        CHECK(participant.lives && !participant.self);
        leat_region_close(region);
}

static void reading_by_others(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = NULL;
        harness_need_root();
        CHECK_EQ(chmod(harness_tmpdir(), 0755), 0);
        umask(0);
        CHECK_EQ(leat_region_open(region_address(kind, 1, "?mode=0644"), 100, NULL, SOON, NULL, &region), 0);
        strcpy(leat_region_data(region), "for all to read");
        const char *addresses[] = { region_address(kind, 1, ""), region_address(kind, 1, "?access=ro") };
        CHECK_EQ(harness_wait(harness_fork(read_as_nobody, addresses)), 0);
        leat_region_close(region);
}

/* Who puts a lock file where there is none would decide who is dead. */
static void squat(void *argument) {
        harness_be_nobody();
        umask(0);
        int fd = open(argument, O_RDWR | O_CREAT | O_EXCL, 0666);
        CHECK(fd >= 0);
        struct region_lock_head head = { REGION_LOCK_MAGIC, REGION_VERSION, REGION_LOCK_NAMED };
        CHECK_EQ(write(fd, &head, sizeof head), sizeof head);
        close(fd);
}

TEST(a_lock_file_of_a_stranger) {
        const char *address = region_address(KIND_MAP, 1, "");
        char evidence[300];
        harness_need_root();
        snprintf(evidence, sizeof evidence, "%s.leat-lock", strchr(address, ':') + 1);
        CHECK_EQ(chmod(harness_tmpdir(), 0777), 0);
        CHECK_EQ(harness_wait(harness_fork(squat, evidence)), 0);
        refuses(address, 100, NULL, -EPERM, "a user who has neither");
        CHECK_EQ(unlink(evidence), 0);
        CHECK_EQ(region_try(address, 100, NULL, NULL), 0);
}

static void add_tests(void) {
        region_add("other_layouts", other_layouts);
        region_add("made_without_a_layout", made_without_a_layout);
        region_add_named("other_headers", other_headers);
        region_add_named("without_permission", without_permission);
        region_add_named("reading_by_others", reading_by_others);
}

TEST_MAIN_WITH(add_tests)
