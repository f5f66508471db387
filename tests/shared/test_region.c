/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Regions of each kind: made, found, shared, grown, protected, left, removed. */

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

static void makes_and_finds(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 1000);
        char *data = leat_region_data(region);
        CHECK(data && ((uintptr_t)data & 63) == 0);
        CHECK_EQ(leat_region_size(region), 1000);
        for (int i = 0; i < 1000; i++)
                CHECK_EQ(data[i], 0);
        strcpy(data, "here");
        struct leat_region *other = region_open_again(kind, 1, region);
        CHECK(leat_region_data(other) != data);
        CHECK_STR(leat_region_data(other), "here");
        CHECK_EQ(leat_region_size(other), 1000);
        strcpy(leat_region_data(other), "there");
        CHECK_STR(data, "there");
        leat_region_close(other);
        leat_region_close(region);
        if (!region_traits[kind].named)
                return;
        region = region_open_or_fail(region_address(kind, 1, "?open"), 0);
        CHECK_STR(leat_region_data(region), "there"); /* it stays without its processes */
        leat_region_close(region);
}

static void may_have_to_be_there(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_reason reason = { 0 };
        CHECK_EQ(region_try(region_address(kind, 1, "?open"), 100, NULL, &reason), -ENOENT);
        CHECK(reason.text);
        CHECK_EQ(region_try(region_address(kind, 1, ""), 0, NULL, &reason), -ENOENT);
        CHECK(strstr(reason.text, "no size is given"));
        if (!region_traits[kind].named)
                return;
        CHECK_EQ(region_try(region_address(kind, 1, "?access=ro"), 100, NULL, &reason), -ENOENT);
        struct leat_region_info info;
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?new"), 100);
        info = region_info_of(region);
        CHECK_EQ(access(info.evidence, R_OK | W_OK), 0);
        CHECK_EQ(region_try(region_address(kind, 1, "?new"), 100, NULL, &reason), -EEXIST);
        CHECK(strstr(reason.text, "there already"));
        CHECK_EQ(region_try(region_address(kind, 1, ""), 100, NULL, &reason), 0);
        CHECK_EQ(region_try(region_address(kind, 1, ""), 101, NULL, &reason), -EINVAL);
        CHECK(strstr(reason.text, "smaller"));
        CHECK_EQ(reason.limit_value, 100);
        leat_region_close(region);
}

/* A failed open leaves nothing: no lock file of its own, no descriptor (the harness looks). */
static void leaves_nothing_when_refused(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        char evidence[300];
        if (!region_traits[kind].named) {
                leat_region_close(region);
                return;
        }
        snprintf(evidence, sizeof evidence, "%s", region_info_of(region).evidence);
        leat_region_close(region);
        CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), 0);
        CHECK_EQ(access(evidence, F_OK), -1);
        CHECK_EQ(region_try(region_address(kind, 1, "?open"), 100, NULL, NULL), -ENOENT);
        CHECK_EQ(access(evidence, F_OK), -1);
        CHECK_EQ(region_try(region_address(kind, 1, ""), 0, NULL, NULL), -ENOENT);
        CHECK_EQ(access(evidence, F_OK), -1);
        CHECK_EQ(region_try(region_address(kind, 1, ""), (size_t)1 << 45, NULL, NULL) < 0, true);
        CHECK_EQ(access(evidence, F_OK), -1);
        CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), -ENOENT);
        CHECK_EQ(access(evidence, F_OK), -1);
}

static void grows(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        struct leat_region *other = region_open_again(kind, 1, region);
        uint8_t *data = leat_region_data(region), *others = leat_region_data(other);
        size_t most = region_info_of(region).most_bytes, larger = 3 * PAGE + 5;
        if (!region_traits[kind].grows) {
                CHECK_EQ(leat_region_grow(region, larger, SOON), -ENOTSUP);
                CHECK_EQ(leat_region_grow(region, 100, SOON), 0);
                CHECK_EQ(most, 100);
        } else {
                CHECK_EQ(most, 1600);
                CHECK_EQ(leat_region_grow(region, 1601, SOON), -ENOSPC);
                CHECK_EQ(leat_region_size(region), 100);
                CHECK_EQ(leat_region_grow(region, 1600, SOON), 0);
                CHECK_EQ(leat_region_size(region), 1600);
                data[1599] = 7;
                CHECK_EQ(leat_region_size(other), 1600);
                CHECK_EQ(others[1599], 7);
                CHECK_EQ(leat_region_grow(other, 50, SOON), 0); /* it never gets smaller */
                CHECK_EQ(leat_region_size(other), 1600);
        }
        leat_region_close(other);
        leat_region_close(region);
}

/* Over pages: the base stays, what others grew is mapped when it is asked for, at each step, and the rights are those of the rest. */
static void grows_over_pages(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        if (!region_traits[kind].grows)
                return;
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?most=1M"), 100);
        struct leat_region *other = region_open_again(kind, 1, region);
        uint8_t *data = leat_region_data(region), *others = leat_region_data(other);
        CHECK_EQ(leat_region_protect(other, LEAT_ACCESS_READ), 0);
        for (size_t size = PAGE - 3; size < (1 << 20); size = size * 2 + 5) {
                CHECK_EQ(leat_region_grow(region, size, SOON), 0);
                CHECK(leat_region_data(region) == data && leat_region_data(other) == others);
                CHECK_EQ(data[size - 1], 0);
                data[size - 1] = 1;
                CHECK_EQ(leat_region_size(other), size);
                CHECK_EQ(others[size - 1], 1);
        }
        CHECK_EQ(leat_region_protect(other, LEAT_ACCESS_WRITE), 0);
        others[leat_region_size(other) - 1] = 2;
        CHECK_EQ(data[leat_region_size(region) - 1], 2);
        CHECK_EQ(leat_region_grow(region, (1 << 20) + 1, SOON), -ENOSPC);
        leat_region_close(other);
        struct leat_region *third = region_open_again(kind, 1, region);
        CHECK_EQ(leat_region_size(third), leat_region_size(region));
        CHECK_EQ(((uint8_t *)leat_region_data(third))[leat_region_size(third) - 1], 2);
        leat_region_close(third);
        leat_region_close(region);
}

struct touching {
        uint8_t *where;
        bool write;
};

static void touch(void *argument) {
        const struct touching *touching = argument;
        volatile uint8_t *where = touching->where;
        signal(SIGSEGV, SIG_DFL); /* a sanitizer's report would be in the way */
        if (touching->write)
                *where = 1;
        else
                _exit(*where & 0);
}

static struct {
        struct leat_region *region;
        enum leat_access first, then;
        int result;
        struct touching touching;
} protecting;

/* In a child, which attaches the region for itself: it is that child which ends. */
static void protect_and_touch(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        static const char *const options[] = { "?access=none", "?access=ro", "?access=rw" };
        const char *address = region_traits[kind].named ? region_address(kind, 1, options[protecting.first]) : NULL;
        struct leat_region *region = region_of_child(address, protecting.region);
        CHECK_EQ(leat_region_protect(region, protecting.then), protecting.result);
        protecting.touching.where = leat_region_data(region);
        touch(&protecting.touching);
}

static int ends(enum region_kind kind, enum leat_access first, enum leat_access then, int result, bool write) {
        protecting.first = first;
        protecting.then = then;
        protecting.result = result;
        protecting.touching.write = write;
        return harness_wait(harness_fork(protect_and_touch, (void *)(intptr_t)kind));
}

static void protects(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        protecting.region = region;
        CHECK_EQ(leat_region_protect(region, (enum leat_access)3), -EINVAL);
        CHECK_EQ(ends(kind, LEAT_ACCESS_WRITE, LEAT_ACCESS_WRITE, 0, true), 0);
        CHECK_EQ(ends(kind, LEAT_ACCESS_WRITE, LEAT_ACCESS_READ, 0, true), -SIGSEGV);
        CHECK_EQ(ends(kind, LEAT_ACCESS_WRITE, LEAT_ACCESS_READ, 0, false), 0);
        CHECK_EQ(ends(kind, LEAT_ACCESS_WRITE, LEAT_ACCESS_NONE, 0, false), -SIGSEGV);
        if (region_traits[kind].named) {
                CHECK_EQ(ends(kind, LEAT_ACCESS_READ, LEAT_ACCESS_WRITE, -EACCES, true), -SIGSEGV);
                CHECK_EQ(ends(kind, LEAT_ACCESS_READ, LEAT_ACCESS_READ, 0, false), 0);
                CHECK_EQ(ends(kind, LEAT_ACCESS_NONE, LEAT_ACCESS_NONE, 0, false), -SIGSEGV);
                CHECK_EQ(ends(kind, LEAT_ACCESS_NONE, LEAT_ACCESS_WRITE, 0, true), 0);
        }
        leat_region_close(region);
}

static void removes_while_attached(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        strcpy(leat_region_data(region), "old");
        if (!region_traits[kind].named) {
                CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), -ENOTSUP);
                leat_region_close(region);
                return;
        }
        CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), 0);
        CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), -ENOENT);
        CHECK_STR(leat_region_data(region), "old");
        struct leat_region *next = region_open_or_fail(region_address(kind, 1, "?new"), 100);
        CHECK_STR(leat_region_data(next), "");
        strcpy(leat_region_data(next), "new");
        CHECK_STR(leat_region_data(region), "old");
        CHECK_EQ(leat_region_grow(region, 1000, SOON), region_traits[kind].grows ? 0 : -ENOTSUP);
        CHECK_EQ(region_info_of(region).participants, 1);
        leat_region_close(region);
        leat_region_close(next);
        next = region_open_or_fail(region_address(kind, 1, "?open"), 0);
        CHECK_STR(leat_region_data(next), "new");
        leat_region_close(next);
}

static void tells_about_itself(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        static const struct leat_field fields[] = { { "stock", 0, 8, 1 }, { "prices", 8, 4, 6 } };
        static const struct leat_layout layout = { "shop 2", 32, fields, 2 };
        struct leat_region *region = NULL;
        int64_t before = (int64_t)time(NULL) * 1000000000;
        umask(022);
        CHECK_EQ(leat_region_open(region_address(kind, 1, "?mode=0666&participants=7&log=8k"), 100, &layout, SOON, NULL,
                                  &region),
                 0);
        struct leat_region_info info = region_info_of(region);
        CHECK_STR(info.layout, "shop 2\n* 0 32\nstock 0 8\nprices 8 4 6");
        CHECK(info.fingerprint != 0);
        CHECK_EQ(info.size_bytes, 100);
        CHECK_EQ(info.log_bytes, 8192);
        CHECK(info.total_bytes >= 8192 + 7 * 256 + 8192 + 100);
        CHECK_EQ(info.participants, 1);
        CHECK_EQ(info.participants_most, 7);
        CHECK_EQ(info.dead, 0);
        CHECK(!info.readers && !info.raw);
        CHECK_EQ(info.changes, 0);
        CHECK(info.made_ns >= before);
        CHECK_EQ(info.mode, 0644);
        CHECK_EQ(info.uid, geteuid());
        CHECK_EQ(info.evidence != NULL, region_traits[kind].named);
        CHECK_STR(info.address, region_address(kind, 1, "?mode=0666&participants=7&log=8k"));
        struct leat_participant participant = LEAT_PARTICIPANT_INIT;
        CHECK_EQ(leat_region_participant(region, 0, &participant), 0);
        CHECK_EQ(participant.slot, 0);
        CHECK_EQ(participant.pid, getpid());
        CHECK(participant.lives && participant.self && participant.waits_for == UINT64_MAX);
        CHECK(strncmp(participant.name, "shared_test_region", 15) == 0);
        CHECK_EQ(leat_region_participant(region, 1, &participant), -ENOENT);
        leat_region_close(region);
}

static void is_read_by_who_may_not_write(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        struct leat_region *reader = region_open_or_fail(region_address(kind, 1, "?access=ro"), 0);
        strcpy(leat_region_data(region), "seen");
        CHECK_STR(leat_region_data(reader), "seen");
        CHECK_EQ(leat_region_grow(reader, 1000, SOON), -EACCES);
        struct leat_region_info info = region_info_of(reader);
        CHECK_EQ(info.participants, 1);
        CHECK(info.readers);
        CHECK(region_info_of(region).readers);
        if (region_traits[kind].grows) {
                CHECK_EQ(leat_region_grow(region, 1000, SOON), 0);
                CHECK_EQ(leat_region_size(reader), 1000);
        }
        leat_region_close(reader);
        CHECK(!region_info_of(region).readers);
        leat_region_close(region);
}

static void reads_checked(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 100);
        char buffer[100];
        strcpy((char *)leat_region_data(region) + 10, "checked");
        CHECK_EQ(leat_region_read_checked(region, 10, buffer, 8), 0);
        CHECK_STR(buffer, "checked");
        CHECK_EQ(leat_region_read_checked(region, 0, buffer, 100), 0);
        CHECK_EQ(leat_region_read_checked(region, 1, buffer, 100), -EINVAL);
        CHECK_EQ(leat_region_read_checked(region, UINT64_MAX, buffer, 2), -EINVAL);
        CHECK_EQ(leat_region_read_checked(region, 100, buffer, 0), 0);
        leat_region_close(region);
}

static void populates(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?populate"), 200000);
        uint8_t *page = (uint8_t *)((uintptr_t)leat_region_data(region) & ~(PAGE - 1));
        uint8_t there[60] = { 0 };
        CHECK_EQ(mincore(page, 200000, there), 0);
        for (size_t i = 0; i < 200000 / PAGE; i++)
                CHECK(there[i] & 1);
        leat_region_close(region);
}

/* What the kinds cannot is refused with a reason; what they can is told by it. */
static void wants_huge_pages(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_reason reason = { 0 };
        int r = region_try(region_address(kind, 1, "?huge"), 100, NULL, &reason);
        if (kind == KIND_ANON || kind == KIND_SYSV)
                CHECK(r == 0 || ((r == -ENOTSUP || r == -ENOSPC || r == -ENOMEM || r == -EPERM) && reason.text));
        else
                CHECK(r == -ENOTSUP && reason.text);
}

static void points_within(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct node {
                struct leat_ref next;
                uint64_t value;
        };
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?most=64k"), 200);
        struct leat_region *other = region_open_again(kind, 1, region);
        struct node *node = leat_region_data(region), *theirs = leat_region_data(other);
        node[3].value = 17;
        leat_ref_set(&node->next, &node[3]);
        CHECK(leat_ref_get(&theirs->next) == &theirs[3]);
        CHECK(leat_region_resolve(other, &theirs->next, sizeof(struct node), 8) == &theirs[3]);
        CHECK_EQ(((struct node *)leat_ref_get(&theirs->next))->value, 17);
        CHECK(!leat_region_resolve(other, &theirs->next, 200 - 3 * sizeof(struct node) + 1, 8));
        CHECK(!leat_region_resolve(other, &theirs->next, 8, 64));
        CHECK(!leat_region_resolve(other, &theirs->next, 8, 3));
        CHECK(!leat_region_resolve(other, &theirs[1].next, 1, 1)); /* nowhere */
        leat_ref_set(&theirs[1].next, NULL);
        CHECK(!leat_ref_get(&theirs[1].next));
        for (int i = 0; i < 1000; i++) {
                node->next.distance = (int64_t)harness_random();
                uint8_t *at = leat_region_resolve(other, &theirs->next, 16, 1);
                CHECK(!at || (at >= (uint8_t *)theirs && at <= (uint8_t *)theirs + 200 - 16));
        }
        struct leat_ref outside;
        leat_ref_set(&outside, node);
        CHECK(!leat_region_resolve(region, &outside, 1, 1)); /* a reference is one within the region */
        if (region_traits[kind].grows) {
                CHECK_EQ(leat_region_grow(region, 32768, SOON), 0);
                leat_ref_set(&node->next, (uint8_t *)node + 20000);
                CHECK(leat_region_resolve(other, &theirs->next, 8, 8) == (uint8_t *)theirs + 20000);
        }
        leat_region_close(other);
        leat_region_close(region);
}

static void add_tests(void) {
        region_add("makes_and_finds", makes_and_finds);
        region_add("may_have_to_be_there", may_have_to_be_there);
        region_add("leaves_nothing_when_refused", leaves_nothing_when_refused);
        region_add("grows", grows);
        region_add("grows_over_pages", grows_over_pages);
        region_add("protects", protects);
        region_add("removes_while_attached", removes_while_attached);
        region_add("tells_about_itself", tells_about_itself);
        region_add_named("is_read_by_who_may_not_write", is_read_by_who_may_not_write);
        region_add("reads_checked", reads_checked);
        region_add("populates", populates);
        region_add("wants_huge_pages", wants_huge_pages);
        region_add("points_within", points_within);
}

TEST_MAIN_WITH(add_tests)
