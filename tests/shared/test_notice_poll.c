/* SPDX-License-Identifier: MIT */
/* Notices by poll(2): of each kind of region, for several observers and several parts, for who may only read, in a flood, and when who polls dies. */
#include "counts.h"
#include "forking.h"
#include "notices.h"

#include "shared/evidence.h"
#include "shared/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fd_of(struct leat_region *region) {
        int fd = leat_region_notice_fd(region);
        CHECK(fd >= 0);
        return fd;
}

/* 0 or -EAGAIN. */
static int look(struct leat_region *region, uint32_t part, uint64_t *seen) {
        int r = leat_part_wait(region, part, seen, LEAT_NOW);
        CHECK(r == 0 || r == -EAGAIN);
        return r;
}

static void told_by_descriptor(void *kind) {
        struct leat_region *region = notice_region(KIND_OF(kind));
        uint64_t seen = 0;
        int fd = fd_of(region);
        CHECK_EQ(fd_of(region), fd);
        for (int i = 0; i < 3; i++) {
                CHECK_EQ(look(region, 0, &seen), -EAGAIN);
                CHECK(!harness_is_readable(fd));
                CHECK_EQ(leat_part_changed(region, 0), 0); /* its own are told, too */
                CHECK(harness_is_readable(fd));
                CHECK_EQ(look(region, 0, &seen), 0);
                CHECK_EQ(seen, (uint64_t)i + 1);
        }
        leat_region_close(region);
}

/* ---- several parts, one descriptor ---- */

TEST(no_part_takes_the_notice_of_another) {
        struct leat_region *region = notice_region(KIND_ANON);
        uint32_t a, b, c;
        uint64_t seen_a = 0, seen_b = 0, seen_c = 0;
        int fd = fd_of(region);
        CHECK(leat_part(region, "a", &a) == 0 && leat_part(region, "b", &b) == 0 && leat_part(region, "c", &c) == 0);
        for (int i = 0; i < 10; i++) {
                while (look(region, a, &seen_a) == 0 || look(region, b, &seen_b) == 0)
                        ;
                CHECK(!harness_is_readable(fd));
                CHECK_EQ(leat_part_changed(region, a), 0);
                CHECK_EQ(look(region, b, &seen_b), -EAGAIN); /* takes the event ... */
                CHECK(harness_is_readable(fd));              /* ... and a is told all the same */
                CHECK_EQ(look(region, a, &seen_a), 0);
                CHECK_EQ(look(region, b, &seen_b), -EAGAIN);
                CHECK_EQ(look(region, a, &seen_a), -EAGAIN);
                CHECK(!harness_is_readable(fd));
        }
        CHECK_EQ(look(region, c, &seen_c), -EAGAIN); /* looked at once, and not again */
        CHECK_EQ(leat_part_changed(region, c), 0);
        CHECK(harness_is_readable(fd));
        CHECK_EQ(look(region, a, &seen_a), -EAGAIN);
        CHECK_EQ(look(region, b, &seen_b), -EAGAIN);
        CHECK(!harness_is_readable(fd)); /* it was told: a loop that has no use for it does not run for ever */
        leat_region_close(region);
}

TEST(a_flood_does_not_fill_the_queue) {
        struct leat_region *region = notice_region(KIND_REGION);
        uint64_t seen = 0;
        int fd = fd_of(region), waiting = 0;
        CHECK_EQ(look(region, 0, &seen), -EAGAIN);
        for (int i = 0; i < 20000; i++)
                CHECK_EQ(leat_part_changed(region, 0), 0);
        CHECK_EQ(ioctl(region->notices.inotify, FIONREAD, &waiting), 0);
        CHECK(waiting > 0 && waiting <= (int)(2 * sizeof(struct inotify_event)));
        CHECK_EQ(look(region, 0, &seen), 0);
        CHECK_EQ(seen, 20000);
        CHECK_EQ(look(region, 0, &seen), -EAGAIN);
        CHECK(!harness_is_readable(fd));
        leat_region_close(region);
}

/* ---- several observers ---- */

/* The publisher goes on before the observers have their descriptors. */
static void poll_until_changed(struct leat_region *region, uint32_t part, uint64_t *seen) {
        int fd = fd_of(region);
        while (look(region, part, seen) != 0)
                harness_wait_readable(fd);
}

TEST(each_observer_is_told_of_each_change) {
        notice_turns(KIND_ANON, 0, NULL, SANITIZED ? 100 : 500, poll_until_changed);
        notice_turns(KIND_SYSV, 1, "", 50, poll_until_changed);
}

TEST(who_may_only_read_is_told) {
        for (int i = 0; i < 3; i++)
                notice_turns(KIND_REGION, i, "?access=ro", 20, poll_until_changed);
}

/* The publisher has just asked, and been told that nobody polls. */
TEST(one_that_begins_is_told_of_the_next_change) {
        for (int i = 0; i < 5; i++) {
                struct leat_region *publisher = region_open_or_fail(region_address(KIND_REGION, i, ""), 64);
                struct leat_region *observer = region_open_or_fail(region_address(KIND_REGION, i, ""), 64);
                uint64_t seen = 1;
                CHECK_EQ(leat_part_changed(publisher, 0), 0);
                int fd = fd_of(observer);
                CHECK_EQ(look(observer, 0, &seen), -EAGAIN);
                CHECK(!harness_is_readable(fd));
                CHECK_EQ(leat_part_changed(publisher, 0), 0);
                CHECK(harness_is_readable(fd));
                leat_region_close(observer);
                leat_region_close(publisher);
        }
}

/* The same, but of who may only read it does not see that it began: the reader's first look sees what changed meanwhile. */
TEST(a_reader_that_begins_misses_nothing) {
        for (int i = 0; i < 5; i++) {
                struct leat_region *writer, *reader = counts_read_only(i, 64, &writer);
                uint64_t seen = 0;
                CHECK_EQ(leat_part_changed(writer, 0), 0); /* it asks */
                int fd = fd_of(reader);
                CHECK_EQ(look(reader, 0, &seen), 0);
                CHECK_EQ(look(reader, 0, &seen), -EAGAIN);
                CHECK_EQ(leat_part_changed(writer, 0), 0); /* it knows already that nobody does */
                do
                        harness_wait_readable(fd);
                while (look(reader, 0, &seen) != 0);
                CHECK_EQ(seen, 2);
                leat_region_close(reader);
                leat_region_close(writer);
        }
}

/* By its own decision it is readable at once: that does not take the place of the first look. */
TEST(a_reader_looks_once_more_whatever_comes_between) {
        struct leat_region *writer, *reader = counts_read_only(0, 64, &writer);
        uint32_t a, b;
        uint64_t seen_a = 0, seen_b = 0;
        CHECK(leat_part(writer, "a", &a) == 0 && leat_part(writer, "b", &b) == 0);
        int fd = fd_of(reader);
        CHECK_EQ(look(reader, a, &seen_a), -EAGAIN);
        atomic_fetch_add(&writer->header->parts[a].changes, 1); /* a publisher that believes that nobody polls */
        CHECK_EQ(look(reader, b, &seen_b), -EAGAIN);
        CHECK(harness_is_readable(fd));
        CHECK_EQ(look(reader, a, &seen_a), 0);
        CHECK_EQ(look(reader, a, &seen_a), -EAGAIN);
        atomic_fetch_add(&writer->header->parts[a].changes, 1);
        do
                harness_wait_readable(fd);
        while (look(reader, a, &seen_a) != 0);
        CHECK_EQ(seen_a, 2);
        leat_region_close(reader);
        leat_region_close(writer);
}

/* ---- death, forks ---- */

static bool somebody_polls(const struct leat_region *region) {
        return evidence_is_shared(region->lock_fd, region_lock_at(region, REGION_LOCK_POLLERS), 1);
}

static void poll_for_ever(struct counts *counts) {
        CHECK(leat_region_notice_fd(counts->region) >= 0);
        counts_ready(counts);
}

TEST(who_polled_and_died_is_not_rung_for) {
        struct counts counts = counts_open();
        CHECK(!somebody_polls(counts.region));
        pid_t pid = counts_holder(&counts, 0, poll_for_ever);
        CHECK(somebody_polls(counts.region));
        harness_kill(pid);
        CHECK(!somebody_polls(counts.region));
        CHECK_EQ(leat_part_changed(counts.region, 0), 0);
        counts_close(&counts);
}

TEST(closing_ends_it) {
        struct leat_region *writer, *reader = counts_read_only(0, 64, &writer);
        int before = harness_count_descriptors();
        CHECK(leat_region_notice_fd(writer) >= 0);
        leat_region_close(writer);
        CHECK(harness_count_descriptors() < before);
        CHECK(!somebody_polls(reader));
        leat_region_close(reader);
}

static void have_no_descriptor(void *argument) {
        struct leat_region *region = argument;
        CHECK_EQ(region->notice_fd, -1);
        CHECK_EQ(leat_region_reattach(region, SOON), 0);
        uint64_t seen = 0;
        int fd = fd_of(region);
        CHECK_EQ(look(region, 0, &seen), -EAGAIN);
        CHECK_EQ(leat_part_changed(region, 0), 0);
        CHECK(harness_is_readable(fd));
        leat_region_close(region);
}

TEST(a_child_takes_its_parents_descriptor_not_away) {
        struct leat_region *region = notice_region(KIND_ANON);
        uint64_t seen = 0;
        int fd = fd_of(region);
        CHECK_EQ(look(region, 0, &seen), -EAGAIN);
        CHECK_EQ(harness_wait(harness_fork(have_no_descriptor, region)), 0);
        CHECK(harness_is_readable(fd));
        CHECK_EQ(look(region, 0, &seen), 0);
        CHECK_EQ(look(region, 0, &seen), -EAGAIN);
        CHECK_EQ(leat_part_changed(region, 0), 0);
        CHECK(harness_is_readable(fd));
        leat_region_close(region);
}

/* ---- a thread forks while another opens or closes descriptors ---- */

static void (*behind_close)(int fd), (*behind_open)(int fd); /* called behind each */

int close(int fd) {
        int r = (int)syscall(SYS_close, fd);
        if (r == 0 && behind_close)
                behind_close(fd);
        return r;
}

int inotify_init1(int flags) {
        int fd = (int)syscall(SYS_inotify_init1, flags);
        if (fd >= 0 && behind_open)
                behind_open(fd);
        return fd;
}

#define NOTICE_FDS 3

static int theirs[NOTICE_FDS]; /* of the region */
static int mine;               /* of another, with the number of the first one */

/* What the child has that it is not to have, and has not that it is to have. */
static int judge(void) {
        int wrong = mine > 0 && fcntl(mine, F_GETFD) < 0;
        for (int i = 0; i < NOTICE_FDS; i++)
                if (theirs[i] != mine && fcntl(theirs[i], F_GETFD) >= 0)
                        wrong += 2;
        return wrong;
}

static void take_its_number(int fd) {
        if (fd != theirs[0])
                return;
        behind_close = NULL;
        mine = dup2(0, fd);
        forking_now();
}

TEST(closing_is_no_childs_loss) {
        struct leat_region *region = notice_region(KIND_ANON);
        theirs[0] = fd_of(region);
        theirs[1] = region->notices.inotify;
        theirs[2] = region->notices.timer;
        forking_begin(judge);
        behind_close = take_its_number;
        leat_region_close(region);
        CHECK(mine > 0);
        CHECK_EQ(forking_end(), 0);
        close(mine);
}

static void fork_behind(int fd) {
        behind_open = NULL;
        for (int i = 0; i < NOTICE_FDS; i++)
                theirs[i] = fd;
        forking_now();
}

TEST(a_child_that_is_forked_meanwhile_has_no_descriptor) {
        struct leat_region *region = notice_region(KIND_ANON);
        forking_begin(judge);
        behind_open = fork_behind;
        (void)fd_of(region);
        CHECK_EQ(forking_end(), 0);
        leat_region_close(region);
}

/* ---- limits ---- */

/* So many descriptors more than there are. */
static void allow_descriptors(rlim_t more) {
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        int next = dup(0); /* the lowest that is free */
        CHECK(next >= 0);
        close(next);
        limit.rlim_cur = (rlim_t)next + more;
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(a_limit_is_told_and_leaves_nothing) {
        struct leat_region *region = notice_region(KIND_REGION);
        int before = harness_count_descriptors();
        struct rlimit limit;
        CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
        for (rlim_t more = 0; more < 3; more++) {
                allow_descriptors(more);
                CHECK_EQ(leat_region_notice_fd(region), -EMFILE);
                CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
                CHECK_EQ(harness_count_descriptors(), before);
                CHECK(!region->notices.polls);
        }
        if (harness_refuse_call(SYS_inotify_add_watch, ENOSPC))
                CHECK_EQ(leat_region_notice_fd(region), -ENOSPC);
        CHECK_EQ(leat_part_changed(region, 0), 0);
        CHECK_EQ(harness_count_descriptors(), before);
        leat_region_close(region);
}

static void add_tests(void) {
        region_add("told by descriptor", told_by_descriptor);
}

TEST_MAIN_WITH(add_tests)
