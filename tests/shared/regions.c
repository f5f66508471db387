/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include <sys/shm.h>
#include <unistd.h>

const struct region_traits region_traits[KIND_COUNT] = {
        [KIND_REGION] = { "region", true, true, true }, [KIND_POSIX] = { "posix-shm", true, true, true },
        [KIND_MAP] = { "map", true, true, true },       [KIND_SYSV] = { "sysv-shm", true, false, false },
        [KIND_ANON] = { "anon", false, true, false },
};

static pid_t owner; /* of the names: the process of the test, and not a child of it */

static void remove_region(const char *address) {
        (void)leat_region_remove(address, true, leat_in_s(5), NULL);
}

const char *region_address(enum region_kind kind, int number, const char *options) {
        static char addresses[8][300];
        static unsigned next;
        char *address = addresses[next++ % 8];
        if (owner == 0)
                owner = getpid();
        const char *scheme = region_traits[kind].scheme;
        if (kind == KIND_MAP)
                snprintf(address, 300, "%s:%s/region-%d", scheme, harness_tmpdir(), number);
        else if (kind == KIND_SYSV) /* the harness gives each test an IPC name space, where it may */
                snprintf(address, 300, "%s:0x%x", scheme, 0x10000000u + ((unsigned)owner << 4) + (unsigned)number);
        else if (kind == KIND_ANON)
                snprintf(address, 300, "%s:", scheme);
        else
                snprintf(address, 300, "%s:/test-%d-%s-%d", scheme, (int)owner, scheme, number);
        if (region_traits[kind].named)
                harness_remove_later(remove_region, address);
        strcat(address, options);
        return address;
}

struct leat_region *region_open_or_fail(const char *address, size_t size_bytes) {
        struct leat_region *region = NULL;
        struct leat_reason reason = { 0 };
        int r = leat_region_open(address, size_bytes, NULL, SOON, &reason, &region);
        if (r < 0)
                FAIL("%s: %s (%s)", address, leat_strerror(r), reason.text ? reason.text : "no reason");
        return region;
}

int region_try(const char *address, size_t size_bytes, const struct leat_layout *layout,
               struct leat_reason *ret_reason) {
        struct leat_region *region = NULL;
        int r = leat_region_open(address, size_bytes, layout, SOON, ret_reason, &region);
        leat_region_close(region);
        return r;
}

struct leat_region *region_open_again(enum region_kind kind, int number, struct leat_region *region) {
        struct leat_region *other = NULL;
        if (region_traits[kind].named)
                return region_open_or_fail(region_address(kind, number, ""), 0);
        CHECK_EQ(leat_region_adopt(leat_region_fd(region), NULL, SOON, NULL, &other), 0);
        return other;
}

struct leat_region *region_of_child(const char *address, struct leat_region *region) {
        if (address)
                return region_open_or_fail(address, 0);
        CHECK_EQ(leat_region_reattach(region, SOON), 0);
        return region;
}

struct party {
        struct leat_region *region;
        void (*body)(void *argument);
        void *argument;
        bool stays;
};

static void take_part(void *argument) {
        const struct party *party = argument;
        CHECK_EQ(leat_region_reattach(party->region, SOON), 0);
        party->body(party->argument);
        while (party->stays)
                (void)pause();
        leat_region_close(party->region);
}

pid_t region_party(struct leat_region *region, void (*body)(void *argument), void *argument, bool stays) {
        return harness_fork(take_part, &(struct party){ region, body, argument, stays });
}

static void add(const char *name, void (*function)(void *kind), enum region_kind kind) {
        char whole[80];
        snprintf(whole, sizeof whole, "%s %s", name, region_traits[kind].scheme);
        harness_add(whole, function, (void *)(intptr_t)kind);
}

void region_add(const char *name, void (*function)(void *kind)) {
        for (enum region_kind kind = 0; kind < KIND_COUNT; kind++)
                add(name, function, kind);
}

void region_add_named(const char *name, void (*function)(void *kind)) {
        for (enum region_kind kind = 0; kind < KIND_COUNT; kind++)
                if (region_traits[kind].named)
                        add(name, function, kind);
}

struct leat_region_info region_info_of(struct leat_region *region) {
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        CHECK_EQ(leat_region_info(region, &info), 0);
        return info;
}
