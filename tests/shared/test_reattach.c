/* SPDX-License-Identifier: MIT */

/* A forked child takes part in its parent's region: not by a header that somebody wrote over since, and not with its parent's evidence. */

#include "forking.h"
#include "regions.h"

#include "shared/region.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* ---- a header that has changed ---- */

/* Each is added to. As far as it can be, what comes of it is a header as one could be. */
#define FIELD(name, by, error)                                                                                         \
        { #name, offsetof(struct region_header, name), sizeof(((struct region_header *)0)->name), by, error }
static const struct field {
        const char *name;
        size_t offset, size;
        int64_t by;
        int error;
} fields[] = {
        FIELD(magic, 1, -EINVAL),
        FIELD(version, 1, -EINVAL),
        FIELD(word_bytes, -4, -EINVAL),
        FIELD(page_bytes, 4096, -EINVAL),
        FIELD(state, -1, -ESTALE),
        FIELD(participants, -1, -EINVAL),
        FIELD(participants, 1, -EINVAL),
        FIELD(identity, 1, -ESTALE),
        FIELD(most_bytes, 65536, -EINVAL),
        FIELD(most_bytes, -4096, -EINVAL),
        FIELD(log_bytes, 64, -EINVAL),
        FIELD(log_bytes, -64, -EINVAL),
        FIELD(participants_at, 256, -EINVAL),
        FIELD(log_at, 64, -EINVAL),
        FIELD(data_at, 4096, -EINVAL),
        FIELD(data_at, -4096, -EINVAL),
        FIELD(fingerprint, 1, -EINVAL),
        FIELD(made_ns, 1, -EINVAL),
        FIELD(layout, 'x', -EINVAL),
};
enum { FIELDS = sizeof fields / sizeof *fields };

struct lie {
        struct leat_region *region;
        struct harness_event *refused, *mended;
        uint8_t *beside; /* memory of this process, right behind the region; or MAP_FAILED */
        int error;
};

static void add_to(struct leat_region *region, const struct field *field) {
        uint64_t number = 0;
        size_t size = field->size < sizeof number ? field->size : sizeof number;
        memcpy(&number, region->base + field->offset, size);
        number += (uint64_t)field->by;
        memcpy(region->base + field->offset, &number, size);
}

/* What was refused can be had again. */
static void try_twice(void *argument) {
        const struct lie *lie = argument;
        struct leat_region *region = lie->region;
        CHECK_EQ(leat_region_reattach(region, SOON), lie->error);
        CHECK_EQ(region->lock_fd, -1);
        CHECK(lie->beside == MAP_FAILED || lie->beside[0] == 42);
        harness_event_signal(lie->refused);
        harness_event_wait(lie->mended);
        CHECK_EQ(leat_region_reattach(region, SOON), 0);
        CHECK_EQ(*(uint8_t *)leat_region_data(region), 7);
        CHECK(lie->beside == MAP_FAILED || lie->beside[0] == 42);
        leat_region_close(region);
}

static void refused_for(const struct lie *lie, const struct field *field) {
        uint8_t truth[sizeof(struct region_header)];
        memcpy(truth, lie->region->base, sizeof truth);
        add_to(lie->region, field);
        /* So that the program's bytes fit wherever they begin. */
        atomic_store(&lie->region->header->size_bytes, 64);
        pid_t pid = harness_fork(try_twice, (void *)lie);
        harness_event_wait(lie->refused);
        memcpy(lie->region->base, truth, sizeof truth);
        harness_event_signal(lie->mended);
        CHECK_EQ(harness_wait(pid), 0);
}

static void a_changed_header_is_refused(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        const char *options = region_traits[kind].grows ? "?participants=8&log=8k&most=64k" : "?participants=8&log=8k";
        struct lie lie = { region_open_or_fail(region_address(kind, 1, options), 8192), harness_event_new(),
                           harness_event_new(), NULL, 0 };
        *(uint8_t *)leat_region_data(lie.region) = 7;
        lie.beside = mmap(lie.region->base + lie.region->reserved_bytes, 4096, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (lie.beside != MAP_FAILED)
                lie.beside[0] = 42;
        for (size_t i = 0; i < FIELDS; i++) {
                printf("# %s %+d\n", fields[i].name, (int)fields[i].by);
                lie.error = fields[i].error;
                refused_for(&lie, &fields[i]);
        }
        if (lie.beside != MAP_FAILED)
                CHECK_EQ(munmap(lie.beside, 4096), 0);
        leat_region_close(lie.region);
}

/* ---- evidence ---- */

static int shut_number = -1, mine = -1; /* of the evidence, and of another that has it then */

int close(int fd) {
        int r = (int)syscall(SYS_close, fd);
        if (r == 0 && fd == shut_number) {
                shut_number = -1;
                mine = dup2(0, fd);
                forking_now();
        }
        return r;
}

static int has_lost_its_own(void) {
        return fcntl(mine, F_GETFD) < 0;
}

/* One of its threads tries in vain, another one forks. */
static void be_refused(void *argument) {
        struct leat_region *region = argument;
        forking_begin(has_lost_its_own);
        /* The lowest that is free: that of the memory is open, and the next one is the evidence's. */
        shut_number = dup(0);
        CHECK(shut_number >= 0 && syscall(SYS_close, shut_number) == 0);
        CHECK_EQ(leat_region_reattach(region, SOON), -EINVAL);
        CHECK(mine >= 0);
        CHECK_EQ(forking_end(), 0);
        close(mine);
        leat_region_close(region);
}

static void who_is_refused_closes_nothing_of_others(void *argument) {
        struct leat_region *region = region_open_or_fail(region_address(KIND_OF(argument), 1, ""), 64);
        region->header->made_ns++;
        CHECK_EQ(harness_wait(harness_fork(be_refused, region)), 0);
        region->header->made_ns--;
        leat_region_close(region);
}

struct heirs {
        struct leat_region *region;
        struct harness_event *attached, *end;
        _Atomic pid_t *pid; /* shared */
};

/* No handler runs in a child that is made by the system call alone. */
static void leave_a_child(void *argument) {
        const struct heirs *heirs = argument;
        CHECK_EQ(leat_region_reattach(heirs->region, SOON), 0);
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        CHECK(pid >= 0);
        while (pid > 0)
                pause();
        atomic_store(heirs->pid, getpid());
        CHECK_EQ(leat_region_reattach(heirs->region, SOON), 0);
        harness_event_signal(heirs->attached);
        harness_event_wait(heirs->end);
        leat_region_close(heirs->region);
        _exit(0);
}

static bool is_dead(struct leat_region *region, uint32_t slot) {
        return region_is_dead(region, REGION_MARK(atomic_load(&region->participants[slot].incarnation), slot));
}

static void what_was_inherited_is_no_evidence(void *argument) {
        enum region_kind kind = KIND_OF(argument);
        struct heirs heirs = { region_open_or_fail(region_address(kind, 1, ""), 64), harness_event_new(),
                               harness_event_new(), harness_shared(sizeof(pid_t)) };
        CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        pid_t pid = harness_fork(leave_a_child, &heirs);
        harness_event_wait(heirs.attached);
        CHECK(!is_dead(heirs.region, 1) && !is_dead(heirs.region, 2));
        harness_kill(pid);
        CHECK(is_dead(heirs.region, 1));
        CHECK(!is_dead(heirs.region, 2));
        harness_event_signal(heirs.end);
        CHECK_EQ(harness_wait(atomic_load(heirs.pid)), 0);
        CHECK(is_dead(heirs.region, 2));
        leat_region_close(heirs.region);
}

static void add_tests(void) {
        region_add("who_is_refused_closes_nothing_of_others", who_is_refused_closes_nothing_of_others);
        region_add("a_changed_header_is_refused", a_changed_header_is_refused);
        region_add("what_was_inherited_is_no_evidence", what_was_inherited_is_no_evidence);
}

TEST_MAIN_WITH(add_tests)
