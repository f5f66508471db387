/* SPDX-License-Identifier: MIT */

/*
 * Who waits for what: said by each that waits, in its slot, and followed from owner to owner by one that has waited for long.
 *
 * A circle that was seen twice, with the same owners and the same counts of waits, was there between the two: each of its owners was in the same wait at both times, so it neither locked nor
 * unlocked anything between them.
 */
#include "shared/mutex_word.h"

#include <string.h>

#define BEING_SAID UINT64_MAX /* a place that is taken, and does not say yet for whom */
#define PARTIES 32            /* of a circle, and so many owners are followed */

/* An owner, what it has, and for what it waits. Locks are offsets plus 1, as in struct region_wait. */
struct party {
        uint64_t name, has, wants, count;
};

struct circle {
        size_t count;
        struct party parties[PARTIES];
};

/* The last one that this thread was told of. */
static _Thread_local struct {
        const struct leat_region *region;
        uint64_t mark; /* of this process in it: another region may come to lie where that one was */
        uint8_t identity[16];
        size_t count;
        struct leat_deadlock_party parties[PARTIES];
} told;

static uint64_t code_of(const struct leat_region *region, const struct leat_mutex *mutex) {
        return region_offset(region, mutex) + 1;
}

/* NULL: it is none that can be followed here. */
static const struct leat_mutex *mutex_of(const struct leat_region *region, uint64_t code) {
        if (code == code_of(region, &region->header->transaction))
                return &region->header->transaction;
        if (code == 0 || code > region->most_bytes)
                return NULL;
        const void *where = region->data + (code - 1);
        return region_has(region, where, sizeof(struct leat_mutex), sizeof(uint64_t)) ? where : NULL;
}

struct region_wait *wait_say(struct leat_region *region, const struct leat_mutex *mutex, uint64_t me) {
        for (size_t i = 0; i < REGION_WAITS; i++) {
                struct region_wait *place = &region->me->waits[i];
                uint64_t nobody = 0;
                /* Relaxed: what is said in it follows. */
                if (!atomic_compare_exchange_strong_explicit(&place->lock, &nobody, BEING_SAID, memory_order_relaxed,
                                                             memory_order_relaxed))
                        continue;
                uint32_t count = (uint32_t)atomic_load_explicit(&place->count, memory_order_relaxed) + 1;
                /* Release, both, pair with the acquires of read_wait(): who sees a count or a lock sees what was said before it. */
                atomic_store_explicit(&place->count, word_thread(me) << 32 | count, memory_order_release);
                atomic_store_explicit(&place->lock, code_of(region, mutex), memory_order_release);
                return place;
        }
        return NULL;
}

void wait_unsay(struct region_wait *place) {
        if (place)
                atomic_store_explicit(&place->lock, 0, memory_order_release);
}

/* Does this place say what that thread waits for? */
static bool read_wait(const struct region_wait *place, uint64_t thread, struct party *party) {
        /* Acquire: each is at least as new as the one before it. The lock twice: it belongs to the count. */
        uint64_t lock = atomic_load_explicit(&place->lock, memory_order_acquire);
        uint64_t count = atomic_load_explicit(&place->count, memory_order_acquire);
        if (lock == 0 || lock == BEING_SAID || count >> 32 != thread ||
            atomic_load_explicit(&place->lock, memory_order_acquire) != lock)
                return false;
        party->wants = lock;
        party->count = count;
        return true;
}

static bool find_wait(const struct leat_region *region, struct party *party) {
        uint64_t slot = (party->name & WORD_SLOT) - 1, thread = word_thread(party->name);
        if (slot >= region->slots || thread == 0)
                return false;
        const struct participant *owner = &region->participants[slot];
        /* Acquire pairs with the release of who takes a slot: the places are its own by then. */
        if (atomic_load_explicit(&owner->incarnation, memory_order_acquire) != party->name >> 32)
                return false;
        for (size_t i = 0; i < REGION_WAITS; i++)
                if (read_wait(&owner->waits[i], thread, party))
                        return true;
        return false;
}

/* From who has `mutex` on, until it is this one. false: it ends elsewhere, or is too long. */
static bool follow(const struct leat_region *region, const struct leat_mutex *mutex, uint64_t me,
                   struct circle *circle) {
        uint64_t first = code_of(region, mutex);
        circle->count = 0;
        while (mutex && circle->count < PARTIES) {
                /* Acquire pairs with the release of whoever wrote the name: its slot is looked at. */
                uint64_t word = atomic_load_explicit(word_of(mutex), memory_order_acquire);
                struct party *party = &circle->parties[circle->count++];
                *party = (struct party){ .name = word & WORD_NAME, .has = code_of(region, mutex), .wants = first };
                if ((word & WORD_OFFERED) || word_thread(word) == 0)
                        return false;
                if (party->name == me)
                        return true;
                mutex = find_wait(region, party) ? mutex_of(region, party->wants) : NULL;
        }
        return false;
}

static bool is_same(const struct circle *a, const struct circle *b) {
        return a->count == b->count && memcmp(a->parties, b->parties, a->count * sizeof a->parties[0]) == 0;
}

/* A dead one does not wait: what it has is passed on. */
static bool all_live(const struct leat_region *region, const struct circle *circle) {
        for (size_t i = 0; i < circle->count; i++)
                if (region_is_dead(region, circle->parties[i].name))
                        return false;
        return true;
}

/* One of them is to be told: whose name is the least. */
static bool is_least(const struct circle *circle, uint64_t me) {
        for (size_t i = 0; i < circle->count; i++)
                if (circle->parties[i].name < me)
                        return false;
        return true;
}

static uint64_t offset_of(const struct leat_region *region, uint64_t code) {
        return code - 1 < region->most_bytes ? code - 1 : UINT64_MAX;
}

/* Itself first: in the circle it stands last. */
static void remember(const struct leat_region *region, const struct circle *circle) {
        told.region = region;
        told.mark = region->mark;
        memcpy(told.identity, region->identity, sizeof told.identity);
        told.count = circle->count;
        for (size_t i = 0; i < circle->count; i++) {
                const struct party *party = &circle->parties[(i + circle->count - 1) % circle->count];
                uint64_t slot = (party->name & WORD_SLOT) - 1;
                told.parties[i] = (struct leat_deadlock_party){
                        .slot = (uint32_t)slot,
                        .thread = (uint32_t)word_thread(party->name),
                        .pid = (pid_t)__atomic_load_n(&region->participants[slot].pid, __ATOMIC_RELAXED),
                        .has = offset_of(region, party->has),
                        .wants = offset_of(region, party->wants),
                };
        }
}

int deadlock_look(struct leat_region *region, const struct leat_mutex *mutex, uint64_t me, bool said) {
        struct circle seen, again;
        if (word_thread(me) == 0 || !follow(region, mutex, me, &seen) || !follow(region, mutex, me, &again) ||
            !is_same(&seen, &again) || !all_live(region, &seen))
                return 0;
        /* The others do not see a circle with one in it that has no place to say that it waits. */
        if (said && !is_least(&seen, me))
                return 0;
        remember(region, &seen);
        return -EDEADLK;
}

int deadlock_of_one(struct leat_region *region, const struct leat_mutex *mutex, uint64_t me) {
        uint64_t code = code_of(region, mutex);
        struct circle circle = { .count = 1, .parties = { { .name = me, .has = code, .wants = code } } };
        remember(region, &circle);
        return -EDEADLK;
}

int leat_deadlock(struct leat_region *region, struct leat_deadlock_party *ret_parties, size_t max) {
        int r = region_check(region);
        if (r < 0)
                return r;
        if (told.region != region || told.mark != region->mark ||
            memcmp(told.identity, region->identity, sizeof told.identity) != 0)
                return 0;
        for (size_t i = 0; i < told.count && i < max; i++)
                ret_parties[i] = told.parties[i];
        return (int)told.count;
}
