/* SPDX-License-Identifier: MIT */

/*
 * How many are free is total less what all holders hold, so that each operation changes one word: nothing is half done, whoever is killed where (docs/design/shared.md). Those that take have the
 * mutex, so that what one of them found free is there when it takes it; those that give have not, since that only makes more of them free.
 */
#include "shared/waiting.h"

#include <string.h>

#define MOST INT32_MAX
#define HELD_ONE (UINT64_C(1) << 16) /* of a holder's word: incarnation, how many in bits 16 to 31, slot + 1 */
#define HELD_BITS UINT64_C(0xffff0000)

struct semaphore {
        struct leat_mutex lock;
        _Atomic uint32_t total;
        struct waiting waiting;
        waiting_first first;
        _Atomic uint64_t holders[LEAT_SEMAPHORE_HOLDERS];
};
static_assert(sizeof(struct semaphore) == sizeof(struct leat_semaphore), "the program sets so much aside");

static inline int check(const struct leat_region *region, const struct leat_semaphore *semaphore) {
        return region_has(region, semaphore, sizeof *semaphore, sizeof semaphore->words[0]) ? 0 : -EINVAL;
}

static inline int check_write(const struct leat_region *region, const struct leat_semaphore *semaphore) {
        int r = region_check_write(region);
        return r < 0 ? r : check(region, semaphore);
}

/* seq_cst, as all changes of what is free are: waiting_ring(). What was written before something was given is seen by who finds it free. */
static inline uint64_t load(const _Atomic uint64_t *word) {
        return atomic_load_explicit(word, memory_order_seq_cst);
}

static inline uint32_t held_of(uint64_t holder) {
        return (uint32_t)(holder & HELD_BITS) / HELD_ONE;
}

static inline bool is_mine(const struct leat_region *region, uint64_t holder) {
        return (holder & REGION_MARK_BITS) == region->mark;
}

/* Also a release: who counts without the mutex sees incarnations with their names. */
static inline bool change_holder(_Atomic uint64_t *place, uint64_t *holder, uint64_t to) {
        return atomic_compare_exchange_strong_explicit(place, holder, to, memory_order_seq_cst, memory_order_seq_cst);
}
static inline bool change_total(struct semaphore *semaphore, uint32_t *total, uint32_t to) {
        return atomic_compare_exchange_strong_explicit(&semaphore->total, total, to, memory_order_seq_cst,
                                                       memory_order_seq_cst);
}

/* Nothing above MOST, and no less than none: what a liar wrote is not counted. */
static int64_t count_free(const struct semaphore *semaphore) {
        int64_t count = atomic_load_explicit(&semaphore->total, memory_order_seq_cst);
        count = count > MOST ? MOST : count;
        for (unsigned i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++)
                count -= held_of(load(&semaphore->holders[i]));
        return count > 0 ? count : 0;
}

/* What dead ones hold comes back, and no earlier than their transaction is rolled back. Has any? 1; 0; or why it could not be rolled back. */
static int free_dead(struct leat_region *region, struct semaphore *semaphore, int64_t deadline) {
        int found = 0;
        for (unsigned i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++) {
                uint64_t holder = load(&semaphore->holders[i]);
                if (holder == 0 || is_mine(region, holder) || !region_is_dead(region, holder))
                        continue;
                int r = mutex_roll_back(region, deadline);
                if (r < 0)
                        return r;
                found |= change_holder(&semaphore->holders[i], &holder, 0);
        }
        return found;
}

/* Where this process holds some, or else, if that is wanted, a free place. */
static _Atomic uint64_t *find_place(const struct leat_region *region, struct semaphore *semaphore, bool or_free) {
        _Atomic uint64_t *free_place = NULL;
        for (unsigned i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++) {
                uint64_t holder = load(&semaphore->holders[i]);
                if (is_mine(region, holder))
                        return &semaphore->holders[i];
                if (holder == 0 && !free_place)
                        free_place = &semaphore->holders[i];
        }
        return or_free ? free_place : NULL;
}

/* ---- take ---- */

struct take {
        struct leat_region *region;
        struct semaphore *semaphore;
        bool undo;
        int64_t deadline;
};

/* A place that is free, or this process's: other threads of it may give meanwhile, what stood there then counts no more. */
static int hold_one(struct leat_region *region, struct semaphore *semaphore, int64_t deadline) {
        uint64_t holder;
        _Atomic uint64_t *place;
        do {
                place = find_place(region, semaphore, true);
                int r = place ? 0 : free_dead(region, semaphore, deadline);
                if (r < 0)
                        return r;
                if (r > 0)
                        place = find_place(region, semaphore, true);
                holder = place ? load(place) : 0;
                if (!place || (holder & HELD_BITS) == HELD_BITS)
                        return -ENOLCK;
        } while ((holder != 0 && !is_mine(region, holder)) ||
                 !change_holder(place, &holder, (holder == 0 ? region->mark : holder) + HELD_ONE));
        return 0;
}

/* With the mutex. */
static int take_one(const struct take *take) {
        struct semaphore *semaphore = take->semaphore;
        if (count_free(semaphore) == 0) {
                int r = free_dead(take->region, semaphore, take->deadline);
                if (r < 0)
                        return r;
                if (r == 0 || count_free(semaphore) == 0)
                        return -EAGAIN;
        }
        if (take->undo)
                return hold_one(take->region, semaphore, take->deadline);
        (void)atomic_fetch_sub_explicit(&semaphore->total, 1, memory_order_seq_cst);
        return 0;
}

static int try_take(void *what) {
        const struct take *take = what;
        int r = inner_lock(take->region, &take->semaphore->lock, take->deadline);
        if (r < 0)
                return r;
        r = take_one(take);
        (void)mutex_unlock(take->region, &take->semaphore->lock);
        return r;
}

int leat_semaphore_take(struct leat_region *region, struct leat_semaphore *semaphore, bool undo, int64_t deadline) {
        int r = check_write(region, semaphore);
        if (r < 0)
                return r;
        struct take take = { region, (struct semaphore *)(void *)semaphore, undo, deadline };
        r = waiting_goes_first(&take.semaphore->first) ? -EAGAIN : try_take(&take);
        if (r != -EAGAIN || deadline == LEAT_NOW)
                return r;
        return waiting_wait(&take.semaphore->waiting, &take.semaphore->first, try_take, &take, deadline);
}

/* ---- give ---- */

static int give_one(struct semaphore *semaphore) {
        uint32_t total = atomic_load_explicit(&semaphore->total, memory_order_relaxed);
        do
                if (total >= MOST)
                        return -EOVERFLOW;
        while (!change_total(semaphore, &total, total + 1));
        return 0;
}

/* One of those that this process holds: no other one changes its word, but its threads do. */
static int give_back(const struct leat_region *region, struct semaphore *semaphore) {
        _Atomic uint64_t *place = find_place(region, semaphore, false);
        uint64_t holder = place ? load(place) : 0;
        do
                if (!is_mine(region, holder) || held_of(holder) == 0)
                        return -EPERM;
        while (!change_holder(place, &holder, held_of(holder) > 1 ? holder - HELD_ONE : 0));
        return 0;
}

int leat_semaphore_give(struct leat_region *region, struct leat_semaphore *given, bool undo) {
        struct semaphore *semaphore = (struct semaphore *)(void *)given;
        int r = check_write(region, given);
        if (r == 0)
                r = undo ? give_back(region, semaphore) : give_one(semaphore);
        if (r == 0)
                waiting_ring(&semaphore->waiting);
        return r;
}

/* ---- the rest ---- */

int leat_semaphore_set(struct leat_region *region, struct leat_semaphore *given, uint32_t count) {
        struct semaphore *semaphore = (struct semaphore *)(void *)given;
        int r = check_write(region, given);
        if (r < 0 || count > MOST)
                return r < 0 ? r : -EINVAL;
        for (unsigned i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++)
                atomic_store_explicit(&semaphore->holders[i], 0, memory_order_seq_cst);
        atomic_store_explicit(&semaphore->total, count, memory_order_seq_cst);
        for (uint32_t i = 0; i < count && i < LEAT_SEMAPHORE_HOLDERS; i++)
                waiting_ring(&semaphore->waiting);
        return 0;
}

#define SEEN (1 + LEAT_SEMAPHORE_HOLDERS)

static void see(const struct semaphore *semaphore, uint64_t *ret_words) {
        ret_words[0] = atomic_load_explicit(&semaphore->total, memory_order_acquire);
        for (unsigned i = 0; i < LEAT_SEMAPHORE_HOLDERS; i++)
                ret_words[1 + i] = atomic_load_explicit(&semaphore->holders[i], memory_order_acquire);
}

static int64_t count_living(const struct leat_region *region, const uint64_t *words) {
        int64_t count = words[0] > MOST ? MOST : (int64_t)words[0];
        for (unsigned i = 1; i < SEEN; i++)
                if (held_of(words[i]) > 0 && (is_mine(region, words[i]) || !region_is_dead(region, words[i])))
                        count -= held_of(words[i]);
        return count > 0 ? count : 0;
}

/* Without the mutex: two looks that see the same, or the last of some. Each change is one store, so any mix is off by no more than those that changed meanwhile. */
int64_t leat_semaphore_count(struct leat_region *region, const struct leat_semaphore *given) {
        const struct semaphore *semaphore = (const struct semaphore *)(const void *)given;
        uint64_t words[2][SEEN];
        int r = region_check(region);
        if (r == 0)
                r = region->header ? check(region, given) : -ENOTSUP;
        if (r < 0)
                return r;
        see(semaphore, words[0]);
        for (unsigned tries = 1; tries < 8; tries++) {
                see(semaphore, words[tries & 1]);
                if (memcmp(words[0], words[1], sizeof words[0]) == 0)
                        break;
        }
        return count_living(region, words[1]);
}
