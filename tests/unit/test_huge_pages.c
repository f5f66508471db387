/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "channel/link_ring.h"
#include "memory/limits.h"
#include "memory/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define POOL "/proc/sys/vm/nr_hugepages"
#define PAGES 8 /* two files, each of one page and a ring of one or two */

static uint64_t free_pages(void) {
        return memory_machine(&memory_paths_system, "HugePages_Free");
}

static int resize_pool(const char *number) {
        CLOSE_AT_EXIT int fd = open(POOL, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, number, strlen(number)) > 0 ? 0 : -1;
}

static void restore(const char *number) {
        (void)resize_pool(number);
}

/* The pool is the machine's: tests that use it must not run beside each other, and are one. */
static void need_pages(void) {
        char before[24], wanted[24];
        int64_t pool = limit_sysctl("vm.nr_hugepages");
        if (free_pages() >= PAGES)
                return;
        if (memfile_huge_bytes() == 0 || memfile_huge_bytes() > (4 << 20) || pool < 0)
                SKIP("this machine has no huge pages of up to 4 MiB");
        (void)snprintf(before, sizeof(before), "%lld", (long long)pool);
        (void)snprintf(wanted, sizeof(wanted), "%lld", (long long)pool + PAGES);
        harness_remove_later(restore, before);
        if (resize_pool(wanted) < 0 || free_pages() < PAGES)
                SKIP("huge pages cannot be reserved here: vm.nr_hugepages, and memory in one piece");
}

/* One party has huge pages, the other has not: what each sends the other receives, over several turns of the ring. */
static void talk(bool sender_huge, bool receiver_huge) {
        const struct leat_peer self = { .known = true, .pid = getpid() };
        struct link_ring *ends[2];
        struct ring_found found;
        int sockets[2];
        uint64_t size = memfile_huge_bytes();
        static char bytes[60000];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
        CHECK_EQ(link_ring_new(sockets[0], true, size, receiver_huge, &self, &ends[0]), 0);
        CHECK_EQ(link_ring_new(sockets[1], false, size, sender_huge, &self, &ends[1]), 0);
        CHECK_EQ(link_ring_greet(sockets[0], ends[0]), 0);
        CHECK_EQ(link_ring_greet(sockets[1], ends[1]), 0);
        for (unsigned i = 0; i < 3 * size / sizeof(bytes); i++) {
                memset(bytes, (int)('a' + i % 26), sizeof(bytes));
                CHECK_EQ(link_ring_put_plain(ends[1], 1, 0, bytes, sizeof(bytes), false), 0);
                link_ring_publish(sockets[1], ends[1]);
                CHECK_EQ(link_ring_find(sockets[0], ends[0], &found), RING_PLAIN);
                CHECK_MEM(found.bytes, bytes, sizeof(bytes));
                link_ring_next(ends[0], &found);
        }
        for (int i = 0; i < 2; i++) {
                link_ring_free(ends[i], true);
                close(sockets[i]);
        }
}

TEST(rings_of_huge_pages_carry_messages) {
        need_pages();
        struct memfile file = MEMFILE_NONE, other = MEMFILE_NONE;
        size_t page = memfile_huge_bytes();
        CHECK_EQ(memfile_new_huge("huge", page, page, &file), 0);
        CHECK_EQ(memfile_page_bytes(file.fd), page);
        CHECK_EQ(memfile_size(file.fd), 2 * page);
        CHECK_EQ((uintptr_t)file.bytes % page, 0);
        CHECK(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0) == MAP_FAILED);
        CHECK(fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)page) < 0);
        /* Parts that are no whole pages of it are refused, before anything is mapped. */
        CHECK_EQ(memfile_adopt(file.fd, 8192, 2 * page - 8192, &other), -EBADMSG);
        CHECK_EQ(memfile_adopt(file.fd, page, page, &other), 0);
        memcpy(memfile_twice(&file), "twice", 6);
        CHECK_STR((const char *)memfile_twice(&other) + page, "twice");
        memfile_free(&other);
        memfile_free(&file);
        talk(true, true);
        talk(true, false);
        talk(false, true);
}

/* What stands before the program's bytes takes a page, and they one or more. */
static void use_region(const char *address, bool grows) {
        struct leat_region *region = NULL, *other = NULL;
        size_t page = memfile_huge_bytes(), larger = page + page / 2;
        CHECK_EQ(leat_region_open(address, 1000, NULL, LEAT_NEVER, NULL, &region), 0);
        uint8_t *data = leat_region_data(region);
        CHECK_EQ((uintptr_t)data % page, 0);
        data[999] = 1;
        CHECK_EQ(leat_region_grow(region, larger, LEAT_NEVER), grows ? 0 : -ENOTSUP);
        memset(data, 2, leat_region_size(region));
        int fd = leat_region_fd(region);
        CHECK_EQ(fd >= 0 ? leat_region_adopt(fd, NULL, LEAT_NEVER, NULL, &other)
                         : leat_region_open(address, 0, NULL, LEAT_NEVER, NULL, &other),
                 0);
        CHECK_EQ(leat_region_size(other), grows ? larger : 1000);
        CHECK_EQ(((uint8_t *)leat_region_data(other))[leat_region_size(other) - 1], 2);
        CHECK_EQ(leat_region_protect(other, LEAT_ACCESS_READ), 0);
        CHECK_EQ(leat_region_read_checked(other, 999, data, 1), 0);
        leat_region_close(other);
        leat_region_close(region);
}

static void remove_region(const char *address) {
        (void)leat_region_remove(address, true, leat_in_s(5), NULL);
}

TEST(regions_of_huge_pages) {
        char address[60];
        need_pages();
        use_region("anon:?huge&populate&most=16M", true);
        (void)snprintf(address, sizeof(address), "sysv-shm:0x%x?huge", 0x30000000u + (unsigned)getpid());
        harness_remove_later(remove_region, address);
        use_region(address, false);
}

/* More than there can be: refused when the channel is opened, by the name of what would have to be raised. */
TEST(too_few_huge_pages_are_told) {
        struct leat_reason reason;
        struct leat_channel *channel;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        (void)harness_tmpdir();
        if (memfile_huge_bytes() == 0 || memfile_huge_bytes() > 1 << 30 ||
            free_pages() * memfile_huge_bytes() > 1 << 30 || limit_sysctl("vm.nr_overcommit_hugepages") > 0)
                SKIP("this machine has no huge pages, or a great many");
        options.flags = LEAT_SEND;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_open_with("shm:jobs?huge&ring=1G", &options, &reason, &channel), -ENOMEM);
        CHECK_STR(reason.limit, "vm.nr_hugepages");
        CHECK(strstr(reason.text, "vm.nr_hugepages"));
        options.flags = LEAT_SEND | LEAT_RECEIVE;
        CHECK_EQ(leat_open_with("shm:jobs?huge&ring=1G&listen", &options, &reason, &channel), -ENOMEM);
        CHECK_EQ(leat_open_with("shm:jobs?huge&ring=128k", &options, &reason, &channel), -EINVAL);
        /* Of one that only receives none of its own rings is of huge pages. */
        options.flags = LEAT_RECEIVE;
        CHECK_EQ(leat_open_with("shm:jobs?huge&ring=1G", &options, &reason, &channel), 0);
        leat_close(channel);
}

/* The kernel would say it with SIGXFSZ, which ends a process. */
TEST(a_file_that_may_not_be_so_large_is_an_error_and_no_signal) {
        const struct rlimit limit = { 100 << 10, 100 << 10 };
        struct leat_reason reason;
        struct leat_channel *channel;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        (void)harness_tmpdir();
        CHECK(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
        CHECK_EQ(leat_open("shm:jobs", LEAT_RECEIVE, LEAT_NOW, &channel), 0);
        options.flags = LEAT_SEND;
        options.deadline = harness_deadline_ms(1000);
        struct leat_channel *sender;
        CHECK_EQ(leat_open_with("shm:jobs", &options, &reason, &sender), -EFBIG);
        CHECK_STR(reason.limit, "RLIMIT_FSIZE");
        leat_close(channel);
}

TEST_MAIN()
