/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What other threads do while one grows a region, which takes as long as the system allocates. */

#define LARGE (1 << 20)

static struct {
        bool on;
        struct harness_event *begun, *go;
} pause_there;

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
        if (pause_there.on) {
                pause_there.on = false;
                harness_event_signal(pause_there.begun);
                harness_event_wait(pause_there.go);
        }
        return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
}

static void *grow(void *region) {
        return (void *)(intptr_t)leat_region_grow(region, LARGE, SOON);
}

static void *write_all(void *argument) {
        struct leat_region *region = argument;
        memset(leat_region_data(region), 1, leat_region_size(region));
        return NULL;
}

static void others_do_not_wait(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        pthread_t thread;
        void *result;
        if (!region_traits[kind].grows)
                return;
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?most=4M"), 64);
        pause_there.begun = harness_event_new();
        pause_there.go = harness_event_new();
        pause_there.on = true;
        CHECK_EQ(pthread_create(&thread, NULL, grow, region), 0);
        harness_event_wait(pause_there.begun);
        CHECK_EQ(leat_region_grow(region, 8192, LEAT_NOW), -EAGAIN);
        CHECK_EQ(leat_region_grow(region, 8192, leat_in_ms(2)), -ETIMEDOUT);
        CHECK_EQ(leat_region_grow(region, 64, LEAT_NOW), 0);
        CHECK_EQ(leat_region_size(region), 64);
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_READ), 0);
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_WRITE), 0);
        CHECK_EQ(region_info_of(region).participants, 1);
        harness_event_signal(pause_there.go);
        CHECK_EQ(pthread_join(thread, &result), 0);
        CHECK_EQ((intptr_t)result, 0);
        CHECK_EQ(leat_region_size(region), LARGE);
        (void)write_all(region);
        CHECK_EQ(leat_region_grow(region, 2 * LARGE, LEAT_NOW), 0);
        leat_region_close(region);
}

static void add_tests(void) {
        region_add("others_do_not_wait", others_do_not_wait);
}

TEST_MAIN_WITH(add_tests)
