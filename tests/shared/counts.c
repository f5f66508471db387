/* SPDX-License-Identifier: MIT */
#include "counts.h"
#include "regions.h"

#include <time.h>
#include <unistd.h>

struct counts counts_open(void) {
        struct counts counts = { .ready = harness_event_new(),
                                 .go = harness_event_new(),
                                 .told = harness_shared(sizeof(struct told)) };
        counts.region = region_open_or_fail("anon:?participants=32", sizeof(struct hall));
        counts.hall = leat_region_data(counts.region);
        counts.buffer = (struct leat_buffer *)(void *)counts.hall->buffer;
        counts.counters = (struct leat_counters *)(void *)counts.hall->counters;
        return counts;
}

void counts_close(struct counts *counts) {
        counts->region = leat_region_close(counts->region);
}

struct party {
        struct counts *counts;
        void (*body)(struct counts *counts);
        int me;
};

static void be_party(void *argument) {
        const struct party *party = argument;
        party->counts->me = party->me;
        party->body(party->counts);
}

pid_t counts_party(struct counts *counts, int me, void (*body)(struct counts *counts), bool stays) {
        return region_party(counts->region, be_party, &(struct party){ counts, body, me }, stays);
}

pid_t counts_holder(struct counts *counts, int me, void (*body)(struct counts *counts)) {
        pid_t pid = counts_party(counts, me, body, true);
        harness_event_wait(counts->ready);
        return pid;
}

void counts_ready(struct counts *counts) {
        harness_event_signal(counts->ready);
}

pid_t counts_sleeper(struct counts *counts, int me, void (*body)(struct counts *counts)) {
        pid_t pid = counts_party(counts, me, body, false);
        harness_event_wait(counts->ready);
        harness_wait_state(pid, "S");
        return pid;
}

struct leat_region *counts_read_only(int number, size_t size_bytes, struct leat_region **ret_writer) {
        *ret_writer = region_open_or_fail(region_address(KIND_REGION, number, ""), size_bytes);
        return region_open_or_fail(region_address(KIND_REGION, number, "?access=ro"), 0);
}

/* What this process has worked, in ns. */
static int64_t worked(pid_t pid) {
        clockid_t clock;
        struct timespec so_far;
        CHECK_EQ(clock_getcpuclockid(pid, &clock), 0);
        CHECK_EQ(clock_gettime(clock, &so_far), 0);
        return so_far.tv_sec * (int64_t)1000000000 + so_far.tv_nsec;
}

/* Lets a party work some more, a random while, so that it or its neighbours are somewhere in their loops; or until it waits for another. */
static void let_work(pid_t pid) {
        int64_t until = worked(pid) + (int64_t)harness_random_below(2000000);
        WAIT_UNTIL(worked(pid) >= until || harness_state(pid) == 'S');
}

static void kill_one(struct counts *counts, void (*body)(struct counts *counts), pid_t *pids) {
        int dies = (int)harness_random_below(SEATS), stops = (dies + 1) % SEATS, other = (dies + 2) % SEATS;
        let_work(pids[dies]);
        harness_stop(pids[stops]);
        atomic_store(&counts->told->doomed[dies], 1);
        harness_kill(pids[dies]);
        let_work(pids[other]);
        harness_continue(pids[stops]);
        (void)atomic_compare_exchange_strong(&counts->told->number, &(int64_t){ dies + 1 }, 0);
        atomic_store(&counts->told->doomed[dies], 0);
        pids[dies] = counts_party(counts, dies, body, false);
}

void counts_kill_at_random(struct counts *counts, void (*body)(struct counts *counts), int kills) {
        pid_t pids[SEATS];
        for (int i = 0; i < SEATS; i++)
                pids[i] = counts_party(counts, i, body, false);
        for (int i = 0; i < kills; i++)
                kill_one(counts, body, pids);
        atomic_store(&counts->told->stop, 1);
        for (int i = 0; i < SEATS; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
}

void counts_scribble(void *where, size_t size_bytes) {
        uint8_t *bytes = where;
        for (size_t i = 0; i + sizeof(uint64_t) <= size_bytes; i += sizeof(uint64_t)) {
                uint64_t word = harness_random();
                word = harness_random_below(4) == 0   ? word & 0x7f
                       : harness_random_below(3) == 0 ? ~(word & 0xff)
                                                      : word;
                __atomic_store_n((uint64_t *)(void *)(bytes + i), word, __ATOMIC_RELAXED);
        }
}
