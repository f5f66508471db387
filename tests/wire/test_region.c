/* SPDX-License-Identifier: MIT */

/* A region of version 1, recorded (make_region_v1.py made it from docs/design/shared.md, not this library): it is read, and what is made is the same. */

#include "harness.h"
#include "recorded.h"

#include <fcntl.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)
#define BYTES 20480
#define DATA_AT 16384
#define LOCK_BYTES 64

struct shop {
        int64_t stock, cash;
};
static const struct leat_field fields[] = { LEAT_FIELD(struct shop, stock), LEAT_FIELD(struct shop, cash) };
static const struct leat_layout layout = { "shop 1", sizeof(struct shop), fields, 2 };

static void need_pages(void) {
        if (sysconf(_SC_PAGESIZE) != 4096)
                SKIP("it was recorded with pages of 4096 bytes");
}

static void write_recorded(const char *path, const char *name, size_t size) {
        struct bytes bytes = recorded(name);
        CHECK_EQ(bytes.size, size);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, bytes.at, bytes.size), size);
        close(fd);
        free(bytes.at);
}

TEST(a_recorded_region_is_read) {
        char path[300], lock[320], address[310];
        struct leat_region *region = NULL;
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        struct leat_participant participant = LEAT_PARTICIPANT_INIT;
        need_pages();
        snprintf(path, sizeof path, "%s/region", harness_tmpdir());
        snprintf(lock, sizeof lock, "%s.leat-lock", path);
        snprintf(address, sizeof address, "map:%s", path);
        write_recorded(lock, "region-lock", LOCK_BYTES);
        write_recorded(path, "region", BYTES);
        CHECK_EQ(leat_region_open(address, 0, &layout, SOON, NULL, &region), 0);
        const struct shop *shop = leat_region_data(region);
        CHECK_EQ(shop->stock, 7);
        CHECK_EQ(shop->cash, 500);
        CHECK_EQ(leat_region_info(region, &info), 0);
        CHECK_EQ(info.size_bytes, 64);
        CHECK_EQ(info.most_bytes, 1024);
        CHECK_EQ(info.log_bytes, 4096);
        CHECK_EQ(info.changes, 3);
        CHECK_EQ(info.made_ns, INT64_C(1735689600) * 1000000000);
        CHECK_STR(info.layout, "shop 1\n* 0 16\nstock 0 8\ncash 8 8");
        CHECK_EQ(leat_region_participant(region, 0, &participant), 0);
        CHECK(participant.self && participant.lives); /* the dead one's slot is its own now */
        CHECK_EQ(leat_region_grow(region, 1024, SOON), 0);
        leat_region_close(region);
        struct bytes made = bytes_of(path);
        CHECK_EQ(made.at[8192], 42);
        free(made.at);
        CHECK_EQ(leat_region_remove(address, false, SOON, NULL), 0);
}

/* But for its number, and the time. */
TEST(a_region_is_made_as_recorded) {
        char path[300], lock[320], address[350];
        struct leat_region *region = NULL;
        need_pages();
        snprintf(path, sizeof path, "%s/region", harness_tmpdir());
        snprintf(lock, sizeof lock, "%s.leat-lock", path);
        snprintf(address, sizeof address, "map:%s?participants=1&log=4k&most=1k", path);
        CHECK_EQ(leat_region_open(address, 64, &layout, SOON, NULL, &region), 0);
        *(struct shop *)leat_region_data(region) = (struct shop){ 7, 500 };
        leat_region_close(region);
        struct bytes made = bytes_of(path), made_lock = bytes_of(lock);
        struct bytes want = recorded("region"), want_lock = recorded("region-lock");
        CHECK(made.size == BYTES && want.size == BYTES);
        CHECK_MEM(made.at, want.at, 24);
        CHECK_MEM(made.at + 40, want.at + 40, 48);
        CHECK_MEM(made.at + 96, want.at + 96, 96);
        CHECK_MEM(made.at + 256, want.at + 256, 8192 - 256);
        CHECK_MEM(made.at + DATA_AT, want.at + DATA_AT, 4096);
        CHECK(made_lock.size == LOCK_BYTES && want_lock.size == LOCK_BYTES);
        CHECK_MEM(made_lock.at, want_lock.at, 16);
        CHECK_MEM(made_lock.at + 16, made.at + 24, 16); /* the identity, the same in both */
        CHECK_MEM(made_lock.at + 32, want_lock.at + 32, 32);
        free(made.at);
        free(made_lock.at);
        free(want.at);
        free(want_lock.at);
}

TEST_MAIN()
