/* SPDX-License-Identifier: MIT */

/*
 * One word decides: how many are here, which round it is, and how the last ones ended. Places say who is here, for the others to see who died. Without a mutex: a party
 * that is stopped anywhere in it keeps nobody from leaving at its deadline (docs/design/shared.md, "Locks").
 */
#include "shared/waiting.h"
#include "wait/spin.h"

#include <limits.h>

#define HERE UINT64_C(0xff)
#define SLEEPS UINT64_C(0x100)
#define ROUND_AT 9
#define ROUND_BITS 23
#define ROUNDS (UINT64_C(1) << ROUND_BITS)
#define ENDED_AT 32 /* one bit a round, the last one first: it was broken */
#define KNOWN 32

struct barrier {
        _Atomic uint64_t word;
        _Atomic uint64_t parties;
        uint64_t reserved[2];
        _Atomic uint64_t places[LEAT_BARRIER_PARTIES]; /* incarnation, round (16 bits), slot + 1 */
};
static_assert(sizeof(struct barrier) == sizeof(struct leat_barrier), "the program sets so much aside");

struct party {
        struct leat_region *region;
        struct barrier *barrier;
        uint32_t parties;
        int64_t deadline, look; /* when the others' evidence is asked for next; 0: not said yet */
        unsigned place, looked; /* looked: the place that was asked for last */
        uint64_t round, name;   /* what stands in the place; 0: it has none */
};

static inline int check(const struct leat_region *region, const struct leat_barrier *barrier) {
        int r = region_check_write(region);
        if (r < 0)
                return r;
        return region_has(region, barrier, sizeof *barrier, sizeof barrier->words[0]) ? 0 : -EINVAL;
}

/* ---- words ---- */

static inline uint64_t round_of(uint64_t word) {
        return word >> ROUND_AT & (ROUNDS - 1);
}

/* The word of the next round, with nobody here. */
static inline uint64_t next_round(uint64_t word, bool broken) {
        uint64_t ended = word >> ENDED_AT << 1 | broken;
        return ended << ENDED_AT | ((round_of(word) + 1) & (ROUNDS - 1)) << ROUND_AT;
}

static inline uint64_t name_in(const struct leat_region *region, uint64_t round) {
        return region->mark | (round & 0xffff) << 16;
}

/* Of an earlier round than that one? Rounds of places are counted round 2^16. */
static inline bool is_earlier(uint64_t place, uint64_t round) {
        return (int16_t)(uint16_t)((place >> 16) - round) < 0;
}

static inline bool is_in(uint64_t place, uint64_t round) {
        return place != 0 && (uint16_t)(place >> 16) == (uint16_t)round;
}

/* Acquire: who finds a new round sees what all did before they came. A liar's or a late one's word: names are compared before they are believed. */
static inline uint64_t load(const _Atomic uint64_t *word) {
        return atomic_load_explicit(word, memory_order_acquire);
}

static inline bool swap(_Atomic uint64_t *word, uint64_t from, uint64_t to) {
        /* Release: what this one did before it came, or its incarnation, is seen with it. */
        return atomic_compare_exchange_strong_explicit(word, &from, to, memory_order_acq_rel, memory_order_acquire);
}

static inline const _Atomic uint32_t *futex_of(struct barrier *barrier) {
        return (const _Atomic uint32_t *)(const void *)&barrier->word; /* little-endian: the lower half */
}

/* How a round ended, as this later word tells it. 0; -EOWNERDEAD. */
static int how_ended(uint64_t word, uint64_t round) {
        uint64_t since = (round_of(word) - round - 1) & (ROUNDS - 1);
        return since < KNOWN && (word >> ENDED_AT >> since & 1) == 0 ? 0 : -EOWNERDEAD;
}

/* ---- places ---- */

/* Claim a place, and free those of earlier rounds on the way: their numbers would come again. -EAGAIN: there is none. */
static int claim(struct party *party, uint64_t round) {
        int r = -EAGAIN;
        for (unsigned i = 0; i < LEAT_BARRIER_PARTIES; i++) {
                _Atomic uint64_t *place = &party->barrier->places[i];
                uint64_t there = load(place);
                if (there != 0 && !is_earlier(there, round))
                        continue;
                uint64_t name = r < 0 ? name_in(party->region, round) : 0;
                if (there == name || !swap(place, there, name) || r == 0)
                        continue;
                party->place = party->looked = i;
                party->round = round;
                party->name = name;
                r = 0;
        }
        return r;
}

static void unclaim(const struct party *party) {
        if (party->name != 0)
                (void)swap(&party->barrier->places[party->place], party->name, 0); /* it may be another's by now */
}

static bool is_dead(const struct party *party, uint64_t place) {
        return is_in(place, party->round) && (place & REGION_MARK_BITS) != party->region->mark &&
               region_is_dead(party->region, place);
}

static bool any_is_dead(const struct party *party) {
        for (unsigned i = 0; i < LEAT_BARRIER_PARTIES; i++)
                if (is_dead(party, load(&party->barrier->places[i])))
                        return true;
        return false;
}

/*
 * Is another one that is here dead? Each look asks for one of another process, and the next look for the next one, round and round: so each that is here finds each that died,
 * whoever else is stopped. The last step of the loop is the one that was asked for last: it may be the only one.
 */
static bool next_is_dead(struct party *party) {
        for (unsigned i = 1; i <= LEAT_BARRIER_PARTIES; i++) {
                unsigned at = (party->looked + i) % LEAT_BARRIER_PARTIES;
                uint64_t place = load(&party->barrier->places[at]);
                if (!is_in(place, party->round) || (place & REGION_MARK_BITS) == party->region->mark)
                        continue;
                party->looked = at;
                return is_dead(party, place);
        }
        return false;
}

/* ---- rounds ---- */

enum { CHANGED = 2, WAIT = 3 };

/* End the round. What to return, or CHANGED. */
static int end_round(const struct party *party, uint64_t word, bool broken) {
        if (!swap(&party->barrier->word, word, next_round(word, broken)))
                return CHANGED;
        unclaim(party);
        if (word & SLEEPS)
                region_wake(futex_of(party->barrier), INT_MAX);
        return broken ? -EOWNERDEAD : 1;
}

/* One that was here is dead: the others are told when its transaction is rolled back. What to return, CHANGED, or why it cannot be. */
static int break_round(const struct party *party, uint64_t word) {
        int r = mutex_roll_back(party->region, party->deadline);
        return r < 0 ? r : end_round(party, word, true);
}

/* It has a place: be here, or be the last one. WAIT: it is here. CHANGED: it is not, and has no place. */
static int come(struct party *party) {
        for (;;) {
                uint64_t word = load(&party->barrier->word);
                if (round_of(word) != party->round) {
                        unclaim(party);
                        return CHANGED;
                }
                int r = CHANGED;
                if ((word & HERE) + 1 >= party->parties)
                        r = any_is_dead(party) ? break_round(party, word) : end_round(party, word, false);
                else if (swap(&party->barrier->word, word, word + 1))
                        r = WAIT;
                if (r < 0)
                        unclaim(party);
                if (r != CHANGED)
                        return r;
        }
}

/* Not here any more, for that reason. Or how the round ended just now. */
static int leave(const struct party *party, uint64_t word, int error) {
        uint64_t left = word & HERE ? word - 1 : word;
        while (round_of(word) == party->round && !swap(&party->barrier->word, word, left)) {
                word = load(&party->barrier->word);
                left = word & HERE ? word - 1 : word;
        }
        unclaim(party);
        if (round_of(word) != party->round)
                return how_ended(word, party->round);
        return error;
}

static void sleep_on(const struct party *party, uint64_t word, int64_t until) {
        if (!(word & SLEEPS) && !swap(&party->barrier->word, word, word | SLEEPS))
                return;
        region_sleep(futex_of(party->barrier), (uint32_t)(word | SLEEPS), until);
}

/* Is it time to ask for the others' evidence? Kept over all rounds of waiting: signal handlers may end each sleep earlier. */
static bool is_due(struct party *party, int64_t now) {
        if (party->look == 0)
                party->look = now + LOOK_EACH_NS;
        return now >= party->look || now >= party->deadline;
}

static void sleep_till_due(struct party *party, uint64_t word, int64_t now) {
        if (now >= party->look)
                party->look = now + LOOK_EACH_NS;
        sleep_on(party, word, party->deadline < party->look ? party->deadline : party->look);
}

/* The others may be here in a moment. */
static void spin(const struct party *party) {
        for (unsigned left = waiting_spins(); left > 0; left--) {
                if (round_of(load(&party->barrier->word)) != party->round)
                        return;
                spin_pause();
        }
}

/* It is here. */
static int stay(struct party *party) {
        if (party->deadline != LEAT_NOW)
                spin(party);
        for (;;) {
                int64_t now = leat_now();
                uint64_t word = load(&party->barrier->word);
                if (round_of(word) != party->round) {
                        unclaim(party);
                        return how_ended(word, party->round);
                }
                if (is_due(party, now) && next_is_dead(party)) {
                        int r = break_round(party, word);
                        if (r == CHANGED)
                                continue;
                        return r < 0 && r != -EOWNERDEAD ? leave(party, word, r) : r;
                }
                if (now >= party->deadline)
                        return leave(party, word, party->deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT);
                sleep_till_due(party, word, now);
        }
}

/* There was no place: wait until a round ends, or one leaves. Those who have them may all be dead: then this one, which is not of that round, ends it, and comes to the next. */
static int wait_for_place(struct party *party, uint64_t word) {
        int64_t now = leat_now();
        party->name = 0;
        party->round = round_of(word);
        if (is_due(party, now) && any_is_dead(party)) {
                int r = break_round(party, word);
                return r == -EOWNERDEAD ? CHANGED : r;
        }
        if (now >= party->deadline)
                return party->deadline == LEAT_NOW ? -EAGAIN : -ETIMEDOUT;
        sleep_till_due(party, word, now);
        return CHANGED;
}

int leat_barrier_wait(struct leat_region *region, struct leat_barrier *waited, int64_t deadline) {
        struct party party = { .region = region, .barrier = (struct barrier *)(void *)waited, .deadline = deadline };
        int r = check(region, waited);
        if (r < 0)
                return r;
        uint64_t parties = atomic_load_explicit(&party.barrier->parties, memory_order_relaxed);
        if (parties < 1 || parties > LEAT_BARRIER_PARTIES)
                return -EINVAL;
        party.parties = (uint32_t)parties;
        for (r = CHANGED; r == CHANGED;) {
                uint64_t word = load(&party.barrier->word);
                r = claim(&party, round_of(word)) == 0 ? come(&party) : wait_for_place(&party, word);
        }
        return r == WAIT ? stay(&party) : r;
}

int leat_barrier_set(struct leat_region *region, struct leat_barrier *barrier, uint32_t parties) {
        uint64_t before = 0;
        int r = check(region, barrier);
        if (r < 0)
                return r;
        if (parties < 1 || parties > LEAT_BARRIER_PARTIES)
                return -EINVAL;
        _Atomic uint64_t *word = &((struct barrier *)(void *)barrier)->parties;
        /* Relaxed: nothing else is written with it. */
        if (atomic_compare_exchange_strong_explicit(word, &before, parties, memory_order_relaxed, memory_order_relaxed))
                return 0;
        return before == parties ? 0 : -EINVAL;
}
