/* SPDX-License-Identifier: MIT */
#include "locks.h"

struct locks locks_open(void) {
        struct locks locks = { .ready = harness_event_new(), .go = harness_event_new() };
        locks.region = region_open_or_fail("anon:?participants=32", sizeof(struct desk));
        locks.desk = leat_region_data(locks.region);
        return locks;
}

void locks_close(struct locks *locks) {
        locks->region = leat_region_close(locks->region);
}

struct party {
        struct locks *locks;
        void (*body)(struct locks *locks);
};

static void be_party(void *argument) {
        const struct party *party = argument;
        party->body(party->locks);
}

pid_t locks_party(struct locks *locks, void (*body)(struct locks *locks), bool stays) {
        return region_party(locks->region, be_party, &(struct party){ locks, body }, stays);
}

void locks_parties(struct locks *locks, int many, void (*body)(struct locks *locks)) {
        pid_t pids[8];
        CHECK(many <= 8);
        for (int i = 0; i < many; i++)
                pids[i] = locks_party(locks, body, false);
        for (int i = 0; i < many; i++)
                CHECK_EQ(harness_wait(pids[i]), 0);
}

pid_t locks_holder(struct locks *locks, void (*body)(struct locks *locks)) {
        pid_t pid = locks_party(locks, body, true);
        harness_event_wait(locks->ready);
        return pid;
}

void locks_take(struct locks *locks) {
        int r = leat_mutex_lock(locks->region, &locks->desk->locks[0], SOON);
        CHECK(r == 0 || r == -EOWNERDEAD);
        atomic_store(&locks->desk->told, r);
        harness_event_signal(locks->ready);
}

void locks_pass(struct locks *locks) {
        int r = leat_mutex_lock(locks->region, &locks->desk->locks[0], SOON);
        CHECK(r == 0 || r == -EOWNERDEAD);
        atomic_store(&locks->desk->told, r);
        atomic_fetch_add(&locks->desk->passes, 1);
        CHECK_EQ(leat_mutex_unlock(locks->region, &locks->desk->locks[0]), 0);
}

uint64_t locks_word(const struct leat_mutex *mutex) {
        return atomic_load_explicit(word_of(mutex), memory_order_seq_cst);
}

uint64_t locks_next(const struct leat_mutex *mutex) {
        return atomic_load_explicit(next_of(mutex), memory_order_seq_cst);
}

uint64_t locks_wait_bits(const struct leat_mutex *mutex, uint64_t bits) {
        WAIT_UNTIL((locks_word(mutex) & bits) == bits && (!(bits & WORD_STARVES) || locks_next(mutex) != 0));
        return locks_word(mutex);
}

static unsigned count_said(const struct locks *locks, uint64_t lock) {
        unsigned many = 0;
        for (uint32_t slot = 0; slot < locks->region->slots; slot++)
                for (size_t i = 0; i < REGION_WAITS; i++)
                        many += atomic_load(&locks->region->participants[slot].waits[i].lock) == lock;
        return many;
}

void locks_wait_said(const struct locks *locks, const struct leat_mutex *mutex, unsigned many) {
        WAIT_UNTIL(count_said(locks, region_offset(locks->region, mutex) + 1) >= many);
}
