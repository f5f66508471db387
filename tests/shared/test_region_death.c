/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include "shared/region.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Many at once, deaths, forks, and what was removed by hand. */

/* ---- making at once ---- */

enum { MAKERS = 8 };

struct making {
        enum region_kind kind;
        struct harness_event *start, *made, *leave;
};

static void make_at_once(void *argument) {
        const struct making *making = argument;
        harness_event_wait(making->start);
        struct leat_region *region = region_open_or_fail(region_address(making->kind, 1, ""), 64);
        _Atomic int *count = leat_region_data(region);
        atomic_fetch_add(count, 1);
        harness_event_signal(making->made);
        harness_event_wait(making->leave);
        CHECK_EQ(atomic_load(count), MAKERS); /* they have one region, and nobody made it again */
        leat_region_close(region);
}

static void made_by_many_at_once(void *argument) {
        struct making making = { KIND_OF(argument), harness_event_new(), harness_event_new(), harness_event_new() };
        pid_t makers[MAKERS];
        const char *address = region_address(making.kind, 1, "");
        for (int round = 0; round < 5; round++) {
                for (int i = 0; i < MAKERS; i++)
                        makers[i] = harness_fork(make_at_once, &making);
                for (int i = 0; i < MAKERS; i++)
                        harness_event_signal(making.start);
                for (int i = 0; i < MAKERS; i++)
                        harness_event_wait(making.made);
                for (int i = 0; i < MAKERS; i++)
                        harness_event_signal(making.leave);
                for (int i = 0; i < MAKERS; i++)
                        CHECK_EQ(harness_wait(makers[i]), 0);
                CHECK_EQ(leat_region_remove(address, false, SOON, NULL), 0);
        }
}

/* Those that make and those that remove: whatever is opened is whole, and is one that no other of the same name can be mixed up with. */
static void open_often(void *argument) {
        const struct making *making = argument;
        harness_event_wait(making->start);
        for (int i = 0; i < 25; i++) {
                struct leat_region *region = region_open_or_fail(region_address(making->kind, 1, ""), 64);
                CHECK_EQ(leat_region_size(region), 64);
                CHECK(!region_is_dead(region, region->mark));
                leat_region_close(region);
        }
}

static void remove_often(void *argument) {
        const struct making *making = argument;
        harness_event_wait(making->start);
        for (int i = 0; i < 25; i++) {
                int r = leat_region_remove(region_address(making->kind, 1, ""), false, SOON, NULL);
                CHECK(r == 0 || r == -ENOENT);
        }
}

static void made_and_removed_at_once(void *argument) {
        struct making making = { KIND_OF(argument), harness_event_new(), NULL, NULL };
        pid_t pids[6];
        (void)region_address(making.kind, 1, "");
        for (int i = 0; i < 6; i++)
                pids[i] = harness_fork(i % 3 == 2 ? remove_often : open_often, &making);
        for (int i = 0; i < 6; i++)
                harness_event_signal(making.start);
        for (int i = 0; i < 6; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
}

/* ---- participants ---- */

enum { CROWD = 200, CROWD_SMALL = 130 }; /* LMDB's table of readers ends at 126 */

struct crowd {
        enum region_kind kind;
        struct leat_region *region;
        struct harness_event *here;
        uint64_t *marks; /* shared */
        int number;
};

static struct leat_region *join(const struct crowd *crowd) {
        return region_of_child(region_traits[crowd->kind].named ? region_address(crowd->kind, 1, "") : NULL,
                               crowd->region);
}

static void be_one_of_many(void *argument) {
        const struct crowd *crowd = argument;
        crowd->marks[crowd->number] = join(crowd)->mark;
        harness_event_signal(crowd->here);
        for (;;)
                pause();
}

static void many_take_part(void *argument) {
        struct crowd crowd = { .kind = KIND_OF(argument), .here = harness_event_new() };
        int count = (int)harness_how_many(CROWD_SMALL, CROWD, CROWD);
        pid_t pids[CROWD];
        crowd.marks = harness_shared(CROWD * sizeof(uint64_t));
        crowd.region = region_open_or_fail(region_address(crowd.kind, 1, ""), 64);
        for (crowd.number = 0; crowd.number < count; crowd.number++)
                pids[crowd.number] = harness_fork(be_one_of_many, &crowd);
        for (int i = 0; i < count; i++)
                harness_event_wait(crowd.here);
        struct leat_region_info info = region_info_of(crowd.region);
        CHECK_EQ(info.participants, count + 1);
        CHECK_EQ(info.dead, 0);
        for (int i = 0; i < count; i++) {
                CHECK(!region_is_dead(crowd.region, crowd.marks[i]));
                for (int k = 0; k < i; k++)
                        CHECK(crowd.marks[i] != crowd.marks[k]);
        }
        for (int i = 0; i < count; i++) {
                harness_kill(pids[i]);
                CHECK(region_is_dead(crowd.region, crowd.marks[i]));
        }
        info = region_info_of(crowd.region);
        CHECK_EQ(info.participants, 1);
        CHECK_EQ(info.dead, count);
        leat_region_close(crowd.region);
}

/* A dead one's slot goes to the next one, as another incarnation: what names the dead one names nobody. */
static void slots_are_taken_again(void *argument) {
        struct crowd crowd = { .kind = KIND_OF(argument), .here = harness_event_new() };
        crowd.marks = harness_shared(10 * sizeof(uint64_t));
        crowd.region = region_open_or_fail(region_address(crowd.kind, 1, ""), 64);
        for (crowd.number = 0; crowd.number < 10; crowd.number++) {
                pid_t pid = harness_fork(be_one_of_many, &crowd);
                harness_event_wait(crowd.here);
                for (int i = 0; i < crowd.number; i++) {
                        CHECK(region_is_dead(crowd.region, crowd.marks[i]));
                        CHECK_EQ(crowd.marks[i] & 0xffff, crowd.marks[crowd.number] & 0xffff);
                }
                CHECK(!region_is_dead(crowd.region, crowd.marks[crowd.number]));
                struct participant *slot = &crowd.region->participants[(crowd.marks[crowd.number] & 0xffff) - 1];
                for (int i = 0; i < REGION_WAITS;
                     i++) /* nothing of the one before is left, as there will be of this one */
                        CHECK_EQ(atomic_exchange(&slot->waits[i].lock, 65), 0);
                for (int i = 0; i < REGION_READS; i++)
                        CHECK_EQ(atomic_exchange(&slot->reads[i], 1 << 16), 0);
                harness_stop(pid);
                CHECK(!region_is_dead(crowd.region, crowd.marks[crowd.number])); /* who is stopped lives */
                harness_kill(pid);
                CHECK(region_is_dead(crowd.region, crowd.marks[crowd.number]));
                struct leat_participant participant = LEAT_PARTICIPANT_INIT;
                CHECK_EQ(leat_region_participant(crowd.region, 1, &participant), 0);
                CHECK(!participant.lives && !participant.self);
                CHECK_EQ(participant.pid, pid);
        }
        CHECK_EQ(region_info_of(crowd.region).dead, 1);
        CHECK(region_is_dead(crowd.region, 0));
        CHECK(region_is_dead(crowd.region, REGION_MARK(1, 512)));
        CHECK(region_is_dead(crowd.region, REGION_MARK(1, 0xfffe)));
        CHECK(region_is_dead(crowd.region, crowd.region->mark + (UINT64_C(1) << 32)));
        leat_region_close(crowd.region);
}

static void all_places_are_taken(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *regions[3] = { NULL };
        struct leat_reason reason = { 0 };
        for (int i = 0; i < 3; i++)
                regions[i] = region_open_or_fail(region_address(kind, 1, "?participants=3"), 64);
        CHECK_EQ(region_try(region_address(kind, 1, ""), 64, NULL, &reason), -ENOSPC);
        CHECK(strstr(reason.text, "participants="));
        CHECK_EQ(reason.limit_value, 3);
        CHECK_EQ(region_try(region_address(kind, 1, "?access=ro"), 64, NULL, &reason), 0);
        leat_region_close(regions[1]);
        CHECK_EQ(region_try(region_address(kind, 1, ""), 64, NULL, NULL), 0);
        leat_region_close(regions[0]);
        leat_region_close(regions[2]);
}

/* ---- forks ---- */

struct family {
        struct crowd crowd;
        struct harness_event *end;
        _Atomic pid_t *grandchild; /* shared */
};

static void outlive(void *argument) {
        const struct family *family = argument;
        *family->grandchild = getpid();
        harness_event_signal(family->crowd.here);
        harness_event_wait(family->end);
}

static void have_a_child(void *argument) {
        struct family *family = argument;
        family->crowd.marks[0] = join(&family->crowd)->mark;
        (void)harness_fork(outlive, family);
        for (;;)
                pause();
}

/* The child of the dead one has what it inherited, and is no evidence of it. */
static void a_child_outlives(void *argument) {
        struct family family = { { .kind = KIND_OF(argument), .here = harness_event_new() },
                                 harness_event_new(),
                                 NULL };
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        family.crowd.marks = harness_shared(sizeof(uint64_t));
        family.grandchild = harness_shared(sizeof(*family.grandchild));
        family.crowd.region = region_open_or_fail(region_address(family.crowd.kind, 1, ""), 64);
        pid_t pid = harness_fork(have_a_child, &family);
        harness_event_wait(family.crowd.here);
        CHECK(!region_is_dead(family.crowd.region, family.crowd.marks[0]));
        harness_kill(pid);
        CHECK_EQ(kill(*family.grandchild, 0), 0);
        CHECK(region_is_dead(family.crowd.region, family.crowd.marks[0]));
        harness_event_signal(family.end);
        CHECK_EQ(harness_wait(*family.grandchild), 0);
        leat_region_close(family.crowd.region);
}

/* A child that no fork handler ran in has the descriptor: it does not keep up the evidence of one that ended in good order, nor takes it from one that lives. */
static void a_child_without_handlers(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 64);
        struct leat_region *other = region_open_again(kind, 1, region);
        uint64_t mark = region->mark;
        struct harness_event *closed = harness_event_new();
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0) {
                leat_region_close(region);
                harness_event_signal(closed);
                for (;;)
                        pause();
        }
        CHECK(pid > 0);
        harness_event_wait(closed);
        CHECK(!region_is_dead(other, mark));
        harness_kill(pid);
        CHECK(!region_is_dead(other, mark));
        pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
                for (;;)
                        pause();
        leat_region_close(region);
        CHECK(region_is_dead(other, mark));
        harness_kill(pid);
        leat_region_close(other);
}

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static void be_refused(void *argument) {
        struct leat_region *region = argument;
        /* Nothing else takes the addresses. */
        CHECK(mmap(region->base, 4096, PROT_READ, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
              MAP_FAILED);
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        struct leat_participant participant = LEAT_PARTICIPANT_INIT;
        char byte;
        CHECK(!leat_region_data(region));
        CHECK_EQ(leat_region_size(region), 0);
        CHECK_EQ(leat_region_grow(region, 100, SOON), -ECHILD);
        CHECK_EQ(leat_region_protect(region, LEAT_ACCESS_READ), -ECHILD);
        CHECK_EQ(leat_region_read_checked(region, 0, &byte, 1), -ECHILD);
        CHECK_EQ(leat_region_guard(region, NULL, NULL), -ECHILD);
        CHECK_EQ(leat_region_fd(region), -ECHILD);
        CHECK_EQ(leat_region_info(region, &info), -ECHILD);
        CHECK_EQ(leat_region_participant(region, 0, &participant), -ECHILD);
        CHECK(!leat_region_resolve(region, (struct leat_ref *)(void *)region->data, 1, 1));
        leat_region_close(region);
}

static void touch_it(void *argument) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)argument = 1;
}

static void take_part(void *argument) {
        struct leat_region *region = argument;
        struct leat_participant participant = LEAT_PARTICIPANT_INIT;
        void *there = region->data;
        CHECK_EQ(leat_region_reattach(region, SOON), 0);
        CHECK_EQ(leat_region_reattach(region, SOON), -EALREADY);
        CHECK(leat_region_data(region) == there);
        CHECK_STR(there, "parent");
        strcpy(there, "child");
        CHECK_EQ(region_info_of(region).participants, 2);
        CHECK_EQ(leat_region_participant(region, region->slot, &participant), 0);
        CHECK(participant.self);
        CHECK_EQ(participant.pid, getpid());
        CHECK_EQ(harness_wait(harness_fork(be_refused, region)), 0); /* and its children in turn */
        leat_region_close(region);
}

static void children(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 64);
        strcpy(leat_region_data(region), "parent");
        CHECK_EQ(leat_region_reattach(region, SOON), -EALREADY);
        CHECK_EQ(harness_wait(harness_fork(be_refused, region)), 0);
        CHECK_EQ(harness_wait(harness_fork(touch_it, leat_region_data(region))), -SIGSEGV);
        CHECK_EQ(harness_wait(harness_fork(take_part, region)), 0);
        CHECK_STR(leat_region_data(region), "child");
        struct leat_region_info info = region_info_of(region);
        CHECK_EQ(info.participants, 1);
        CHECK_EQ(info.dead, 0);
        leat_region_close(region);
}

static void find_it_gone(void *argument) {
        struct leat_region *region = argument;
        CHECK_EQ(leat_region_reattach(region, SOON), -ENOENT);
        CHECK_EQ(leat_region_reattach(region, SOON), -ENOENT);
        CHECK(!leat_region_data(region));
        leat_region_close(region);
}

static void find_another(void *argument) {
        struct leat_region *region = argument;
        CHECK_EQ(leat_region_reattach(region, SOON), -ESTALE);
        leat_region_close(region);
}

static void find_its_place_taken(void *argument) {
        struct leat_region *region = argument;
        CHECK_EQ(munmap(region->base, region->reserved_bytes), 0); /* where its addresses are kept */
        region->kept = false;
        char *other = mmap(region->base, 4096, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(other == (char *)region->base);
        *other = 1;
        CHECK_EQ(leat_region_reattach(region, SOON), -EADDRINUSE);
        CHECK_EQ(*other, 1);
        leat_region_close(region);
        CHECK_EQ(*other, 1);
}

static void children_of_what_is_gone(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 64);
        CHECK_EQ(harness_wait(harness_fork(find_its_place_taken, region)), 0);
        if (region_traits[kind].named) {
                CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), 0);
                CHECK_EQ(harness_wait(harness_fork(find_it_gone, region)), 0);
                struct leat_region *next = region_open_or_fail(region_address(kind, 1, ""), 64);
                CHECK_EQ(harness_wait(harness_fork(find_another, region)), 0);
                leat_region_close(next);
        }
        leat_region_close(region);
}

/* ---- by hand ---- */

static void remove_memory(enum region_kind kind, struct leat_region *region) {
        if (kind == KIND_SYSV)
                CHECK_EQ(shmctl(region->place.segment, IPC_RMID, NULL), 0);
        else
                CHECK_EQ(unlink(region->place.path), 0);
}

static void memory_removed_by_hand(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *address = region_address(kind, 1, "");
        struct leat_reason reason = { 0 };
        struct leat_region *region = region_open_or_fail(address, 64);
        strcpy(leat_region_data(region), "old");
        remove_memory(kind, region);
        for (int i = 0; i < 2; i++) { /* to be refused changes nothing */
                CHECK_EQ(region_try(address, 64, NULL, &reason), -ESTALE);
                CHECK(strstr(reason.text, "by hand"));
                CHECK_EQ(region_try(address, 0, NULL, &reason), -ENOENT);
        }
        leat_region_close(region);
        region = region_open_or_fail(address, 64);
        CHECK_STR(leat_region_data(region), "");
        leat_region_close(region);
}

/* Does the file system know leases? By a file beside the region's. */
static bool can_ask_for_writers(struct leat_region *region) {
        char path[300];
        if (region->place.segment >= 0)
                return true;
        snprintf(path, sizeof path, "%s.probe", region->place.path);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && unlink(path) == 0);
        bool can = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
        close(fd);
        return can;
}

/* Data that is whole is not thrown away; but nobody joins those that it could not see. */
static void lock_file_removed_by_hand(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *address = region_address(kind, 1, "");
        struct leat_reason reason = { 0 };
        struct leat_region *region = region_open_or_fail(address, 64);
        strcpy(leat_region_data(region), "kept");
        CHECK_EQ(unlink(region->place.lock_path), 0);
        CHECK_EQ(region_try(region_address(kind, 1, "?access=ro"), 64, NULL, &reason), -ENOENT);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(region_try(address, 64, NULL, &reason), -ESTALE);
                CHECK(strstr(reason.text, "not of each other"));
        }
        bool asked = can_ask_for_writers(region);
        leat_region_close(region);
        if (!asked) {
                CHECK_EQ(region_try(address, 64, NULL, &reason), -ESTALE);
                return;
        }
        region = region_open_or_fail(address, 64);
        CHECK_STR(leat_region_data(region), "kept");
        struct leat_region *other = region_open_or_fail(address, 64);
        CHECK_EQ(region_info_of(region).participants, 2);
        leat_region_close(other);
        leat_region_close(region);
}

/* A lock file that was the region's, and comes back when another one is: it is not the region's any more. */
static void lock_file_comes_back(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *address = region_address(kind, 1, "");
        struct leat_region *region = region_open_or_fail(address, 64);
        bool asked = can_ask_for_writers(region);
        strcpy(leat_region_data(region), "kept");
        struct region_lock_head old;
        CHECK_EQ(pread(region->lock_fd, &old, sizeof old, 0), sizeof old);
        CHECK_EQ(unlink(region->place.lock_path), 0);
        leat_region_close(region);
        if (!asked)
                return;
        region = region_open_or_fail(address, 64);
        CHECK_STR(leat_region_data(region), "kept");
        CHECK(memcmp(region->identity, old.identity, sizeof old.identity) != 0);
        CHECK(memcmp(region->header->identity, old.identity, sizeof old.identity) != 0);
        CHECK_EQ(unlink(region->place.lock_path), 0);
        int fd = open(region->place.lock_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, &old, sizeof old), sizeof old);
        close(fd);
        CHECK_EQ(region_try(address, 64, NULL, NULL), -ESTALE);
        leat_region_close(region);
        CHECK_EQ(region_try(address, 64, NULL, NULL), 0);
}

/* Who may use the memory may use the lock file. */
static void lock_file_has_the_mode(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct stat status;
        mode_t mask = umask(0);
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?mode=0664"), 64);
        bool asked = can_ask_for_writers(region);
        CHECK_EQ(stat(region->place.lock_path, &status), 0);
        CHECK_EQ(status.st_mode & 0777, 0664);
        CHECK_EQ(unlink(region->place.lock_path), 0);
        leat_region_close(region);
        umask(077);
        if (asked) {
                region = region_open_or_fail(region_address(kind, 1, ""), 64);
                CHECK_EQ(stat(region->place.lock_path, &status), 0);
                CHECK_EQ(status.st_mode & 0777, 0664);
                leat_region_close(region);
        }
        umask(mask);
}

/* A lock to read on a dead one's byte, as one who may only read the lock file can take it, is no evidence. */
static void readers_keep_nobody_alive(void *argument) {
        struct crowd crowd = { .kind = KIND_OF(argument), .here = harness_event_new() };
        crowd.marks = harness_shared(sizeof(uint64_t));
        crowd.region = region_open_or_fail(region_address(crowd.kind, 1, ""), 64);
        pid_t pid = harness_fork(be_one_of_many, &crowd);
        harness_event_wait(crowd.here);
        harness_kill(pid);
        int fd = open(crowd.region->place.lock_path, O_RDONLY | O_CLOEXEC);
        struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = REGION_LOCK_SLOTS + 1, .l_len = 1 };
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
        CHECK(region_is_dead(crowd.region, crowd.marks[0]));
        CHECK_EQ(region_info_of(crowd.region).dead, 1);
        close(fd);
        leat_region_close(crowd.region);
}

/* ---- limits ---- */

static void write_no_files(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, RLIM_INFINITY }), 0);
        struct leat_reason reason = { 0 };
        CHECK_EQ(region_try(region_address(kind, 2, ""), 64, NULL, &reason), -EFBIG);
        CHECK_STR(reason.limit, "RLIMIT_FSIZE");
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 0);
        CHECK_EQ(leat_part_changed(region, 0), 0); /* somebody polls */
        leat_region_close(region);
        CHECK_EQ(leat_region_remove(region_address(kind, 1, ""), false, SOON, NULL), 0);
}

static void without_files(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        (void)region_address(kind, 2, "");
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, ""), 64);
        int fd = leat_region_notice_fd(region);
        CHECK(fd >= 0);
        CHECK(!harness_is_readable(fd));
        CHECK_EQ(harness_wait(harness_fork(write_no_files, argument)), 0);
        harness_wait_readable(fd);
        leat_region_close(region);
}

/* What a killed one had allocated behind the end is given back by the next one that grows it. */
static void room_behind_the_end(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct stat status;
        if (!region_traits[kind].grows)
                return;
        struct leat_region *region = region_open_or_fail(region_address(kind, 1, "?most=8M"), 64);
        CHECK_EQ(fstat(region->place.fd, &status), 0);
        if (fallocate(region->place.fd, FALLOC_FL_KEEP_SIZE, status.st_size, 4 << 20) == 0) {
                CHECK_EQ(leat_region_grow(region, 64 << 10, SOON), 0);
                CHECK_EQ(fstat(region->place.fd, &status), 0);
                CHECK((uint64_t)status.st_blocks * 512 < (uint64_t)status.st_size + (1 << 20));
        }
        leat_region_close(region);
}

enum { THREADS = 4 };

struct reattaching {
        struct leat_region *region;
        pthread_barrier_t *start;
        int result;
};

static void *reattach(void *argument) {
        struct reattaching *reattaching = argument;
        (void)pthread_barrier_wait(reattaching->start);
        reattaching->result = leat_region_reattach(reattaching->region, SOON);
        return NULL;
}

static void take_part_by_threads(void *argument) {
        struct leat_region *region = argument;
        pthread_t threads[THREADS];
        pthread_barrier_t start;
        struct reattaching each[THREADS];
        int done = 0;
        CHECK_EQ(pthread_barrier_init(&start, NULL, THREADS), 0);
        for (int i = 0; i < THREADS; i++) {
                each[i] = (struct reattaching){ region, &start, 0 };
                CHECK_EQ(pthread_create(&threads[i], NULL, reattach, &each[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
                done += each[i].result == 0;
                CHECK(each[i].result == 0 || each[i].result == -EALREADY);
        }
        CHECK_EQ(done, 1);
        CHECK_EQ(region_info_of(region).participants, 2);
        leat_region_close(region);
}

static void threads_of_a_child(void *argument) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_OF(argument), 1, ""), 64);
        for (int i = 0; i < 10; i++)
                CHECK_EQ(harness_wait(harness_fork(take_part_by_threads, region)), 0);
        leat_region_close(region);
}

/* ---- half made, half removed ---- */

/* As one leaves it that is killed right before the last word of it. */
static void half_made(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *address = region_address(kind, 1, "");
        struct leat_region *region = region_open_or_fail(address, 64);
        uint8_t identity[16];
        memcpy(identity, region->identity, sizeof identity);
        strcpy(leat_region_data(region), "nothing yet");
        atomic_store(&region->header->state, REGION_BEING_MADE);
        for (int i = 0; i < 2; i++) /* somebody lives in it: then it is no killed maker's */
                CHECK_EQ(region_try(address, 64, NULL, NULL), -ESTALE);
        leat_region_close(region);
        CHECK_EQ(region_try(region_address(kind, 1, "?open"), 64, NULL, NULL), -ENOENT);
        CHECK_EQ(region_try(region_address(kind, 1, "?access=ro"), 64, NULL, NULL), -ENOENT);
        region = region_open_or_fail(region_address(kind, 1, "?new"), 5000);
        CHECK_EQ(leat_region_size(region), 5000);
        CHECK_STR(leat_region_data(region), "");
        CHECK(memcmp(identity, region->identity, sizeof identity) != 0);
        leat_region_close(region);
}

static void half_removed(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *address = region_address(kind, 1, "");
        for (int memory = 0; memory < 2; memory++) { /* it was killed before its memory was removed, or behind that */
                struct leat_region *region = region_open_or_fail(address, 64);
                strcpy(leat_region_data(region), "old");
                struct region_lock_head head;
                CHECK_EQ(pread(region->lock_fd, &head, sizeof head, 0), sizeof head);
                CHECK_EQ(head.state, REGION_LOCK_NAMED);
                head.state = REGION_LOCK_REMOVING;
                CHECK_EQ(pwrite(region->lock_fd, &head, sizeof head, 0), sizeof head);
                if (memory)
                        remove_memory(kind, region);
                CHECK_EQ(region_try(region_address(kind, 1, "?access=ro"), 64, NULL, NULL), -ENOENT);
                CHECK_EQ(region_try(region_address(kind, 1, "?open"), 64, NULL, NULL), -ENOENT);
                struct leat_region *next = region_open_or_fail(address, 64);
                CHECK_STR(leat_region_data(next), "");
                CHECK_STR(leat_region_data(region), "old");
                leat_region_close(next);
                leat_region_close(region);
        }
}

static void another_is_at_it(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *address = region_address(kind, 1, "");
        struct leat_region *region = region_open_or_fail(address, 64), *other = NULL;
        struct leat_reason reason = { 0 };
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = REGION_LOCK_MAKING, .l_len = 1 };
        int fd = open(region->place.lock_path, O_RDWR | O_CLOEXEC);
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
        CHECK_EQ(leat_region_open(address, 64, NULL, LEAT_NOW, &reason, &other), -EAGAIN);
        CHECK(strstr(reason.text, "another process"));
        CHECK_EQ(leat_region_open(address, 64, NULL, leat_in_ms(3), &reason, &other), -ETIMEDOUT);
        CHECK_EQ(leat_region_remove(address, false, leat_in_ms(3), NULL), -ETIMEDOUT);
        if (region_traits[kind].grows) {
                CHECK_EQ(leat_region_grow(region, 100, LEAT_NOW), -EAGAIN);
                CHECK_EQ(leat_region_grow(region, 100, leat_in_ms(3)), -ETIMEDOUT);
        }
        close(fd);
        if (region_traits[kind].grows)
                CHECK_EQ(leat_region_grow(region, 100, LEAT_NOW), 0);
        CHECK_EQ(leat_region_open(address, 64, NULL, LEAT_NOW, &reason, &other), 0);
        leat_region_close(other);
        leat_region_close(region);
}

static void add_tests(void) {
        region_add_named("made_by_many_at_once", made_by_many_at_once);
        region_add_named("made_and_removed_at_once", made_and_removed_at_once);
        region_add("many_take_part", many_take_part);
        region_add("slots_are_taken_again", slots_are_taken_again);
        region_add_named("all_places_are_taken", all_places_are_taken);
        region_add("a_child_outlives", a_child_outlives);
        region_add("a_child_without_handlers", a_child_without_handlers);
        region_add("children", children);
        region_add("children_of_what_is_gone", children_of_what_is_gone);
        region_add_named("memory_removed_by_hand", memory_removed_by_hand);
        region_add_named("lock_file_removed_by_hand", lock_file_removed_by_hand);
        region_add_named("lock_file_comes_back", lock_file_comes_back);
        region_add_named("lock_file_has_the_mode", lock_file_has_the_mode);
        region_add_named("readers_keep_nobody_alive", readers_keep_nobody_alive);
        region_add_named("without_files", without_files);
        region_add("room_behind_the_end", room_behind_the_end);
        region_add("threads_of_a_child", threads_of_a_child);
        region_add_named("half_made", half_made);
        region_add_named("half_removed", half_removed);
        region_add_named("another_is_at_it", another_is_at_it);
}

TEST_MAIN_WITH(add_tests)
