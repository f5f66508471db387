/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ?raw: what is made, and then cannot be mapped, is not left; what was there stays. */

static bool refused;

int madvise(void *at, size_t bytes, int advice) {
        if (refused && advice == MADV_DONTFORK) {
                errno = ENOMEM;
                return -1;
        }
        return (int)syscall(SYS_madvise, at, bytes, advice);
}

static int try_raw(const char *address, const char *options, size_t size) {
        char whole[300];
        struct leat_reason reason = { 0 };
        struct leat_region *region = NULL;
        snprintf(whole, sizeof whole, "%s?raw%s", address, options);
        int r = leat_region_open(whole, size, NULL, SOON, &reason, &region);
        CHECK_EQ(reason.error, r);
        leat_region_close(region);
        return r;
}

TEST(what_cannot_be_mapped_is_not_left) {
        static const char *const schemes[] = { "region", "posix-shm", "sysv-shm", "map" };
        for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
                struct rest address = place_address(schemes[i], "");
                refused = true;
                CHECK_EQ(try_raw(address.text, "", 5000), -ENOMEM);
                CHECK_EQ(try_raw(address.text, "&new", 5000), -ENOMEM);
                refused = false;
                CHECK_EQ(try_raw(address.text, "&open", 0), -ENOENT);
                CHECK_EQ(try_raw(address.text, "&new", 5000), 0);
                refused = true;
                CHECK_EQ(try_raw(address.text, "", 5000), -ENOMEM);
                refused = false;
                CHECK_EQ(try_raw(address.text, "&open", 0), 0);
        }
}

#if !SANITIZED /* a sanitizer's memory is locked too */
enum { LOCKED = 2 << 20 };

/* Its addresses can be reserved, and then not be mapped: both together are more than may be locked. */
static void lock_all(void *argument) {
        CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ LOCKED * 3 / 2, LOCKED * 3 / 2 }), 0);
        harness_be_nobody();
        CHECK_EQ(mlockall(MCL_FUTURE), 0);
        CHECK_EQ(try_raw(argument, "", LOCKED), -ENOMEM);
        CHECK_EQ(munlockall(), 0);
        CHECK_EQ(try_raw(argument, "", LOCKED), 0);
}

TEST(what_may_not_be_locked_is_not_tried_again) {
        struct rest address = place_address("posix-shm", "");
        harness_need_root();
        CHECK_EQ(harness_wait(harness_fork(lock_all, address.text)), 0);
}
#endif

TEST_MAIN()
