/* SPDX-License-Identifier: MIT */
#include "notices.h"

#include <stdatomic.h>

#define OBSERVERS 4

struct leat_region *notice_region(enum region_kind kind) {
        return region_open_or_fail(region_address(kind, 0, ""), 4096);
}

uint32_t notice_part(struct leat_region *region, const char *name) {
        uint32_t part;
        CHECK_EQ(leat_part(region, name, &part), 0);
        return part;
}

struct turns {
        struct leat_region *region;
        const char *address; /* how the observers open it; NULL: they have it */
        void (*wait)(struct leat_region *region, uint32_t part, uint64_t *seen);
        _Atomic uint64_t seen[OBSERVERS];
        _Atomic int next;
        uint64_t rounds;
        uint32_t part;
        struct harness_event *saw;
};

static void observe(void *argument) {
        struct turns *turns = argument;
        int me = atomic_fetch_add(&turns->next, 1);
        struct leat_region *region = region_of_child(turns->address, turns->region);
        uint64_t seen = 0;
        while (seen < turns->rounds) {
                uint64_t before = seen;
                turns->wait(region, turns->part, &seen);
                CHECK_EQ(seen, before + 1);
                atomic_store(&turns->seen[me], seen);
                harness_event_signal(turns->saw);
        }
        leat_region_close(region);
}

void notice_turns(enum region_kind kind, int number, const char *options, uint64_t rounds,
                  void (*wait)(struct leat_region *region, uint32_t part, uint64_t *seen)) {
        struct turns *turns = harness_shared(sizeof *turns);
        pid_t pids[OBSERVERS];
        turns->region = region_open_or_fail(region_address(kind, number, ""), 4096);
        turns->address = options ? region_address(kind, number, options) : NULL;
        turns->wait = wait;
        turns->rounds = rounds;
        turns->part = notice_part(turns->region, "turns");
        turns->saw = harness_event_new();
        for (int i = 0; i < OBSERVERS; i++)
                pids[i] = harness_fork(observe, turns);
        for (uint64_t round = 1; round <= rounds; round++) {
                CHECK_EQ(leat_part_changed(turns->region, turns->part), 0);
                for (int i = 0; i < OBSERVERS; i++)
                        harness_event_wait(turns->saw);
                for (int i = 0; i < OBSERVERS; i++)
                        CHECK_EQ(turns->seen[i], round);
        }
        for (int i = 0; i < OBSERVERS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
        leat_region_close(turns->region);
}
