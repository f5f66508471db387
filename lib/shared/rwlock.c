/* SPDX-License-Identifier: MIT */

/*
 * Readers and a writer. The first two words are a mutex of the writers (mutex.h); the third says which slots may have readers of it, and whether a writer is in; in the fourth
 * one that leaves rings for a writer that waits. Who reads says so in a place of its own slot, so that readers share no line that they write, and what a dead one had is free.
 *
 * A reader that finds the mutex not free passes through it, in turn: so it gets behind the writers before it, takes over from a dead one, and is told. A writer keeps it while it waits for
 * the readers that are in: that holds new ones off.
 */
#include "shared/mutex_word.h"

#include <leat/deadline.h>
#include <limits.h>

#define LOOK_NS INT64_C(10000000) /* how often the evidence of those who read is asked for */

static struct leat_mutex *writers_of(struct leat_rwlock *lock) {
        return (struct leat_mutex *)lock->words;
}

/* Slots below this have had readers of it. It only grows. */
static _Atomic uint32_t *reach_of(struct leat_rwlock *lock) {
        return (_Atomic uint32_t *)&lock->words[2];
}

/* A writer is in, or died in it and nobody mended: only then a dead owner of the mutex is told. */
static _Atomic uint32_t *writing_of(struct leat_rwlock *lock) {
        return reach_of(lock) + 1;
}

static _Atomic uint32_t *bell_of(struct leat_rwlock *lock) {
        return (_Atomic uint32_t *)&lock->words[3];
}

static int check(const struct leat_region *region, const struct leat_rwlock *lock) {
        int r = region_check_write(region);
        if (r < 0)
                return r;
        return region_has(region, lock, sizeof *lock, sizeof lock->words[0]) ? 0 : -EINVAL;
}

/* ---- places of readers ---- */

#define PLACE_LOCK(place) ((place) >> 16)

static uint64_t place_here(const struct leat_region *region, const struct leat_rwlock *lock) {
        return (region_offset(region, lock) + 1) << 16 | region_thread();
}

/* The place in our slot that holds this. Relaxed: this thread has put it there. */
static _Atomic uint64_t *find_place(const struct leat_region *region, uint64_t holds) {
        for (size_t i = 0; i < REGION_READS; i++)
                if (atomic_load_explicit(&region->me->reads[i], memory_order_relaxed) == holds)
                        return &region->me->reads[i];
        return NULL;
}

/* Does this thread read it already? Threads without a number are not told apart. */
static bool reads_here(const struct leat_region *region, uint64_t mine) {
        return (mine & 0xffff) != 0 && find_place(region, mine);
}

/* Say that this thread reads. NULL: all places are taken. */
static _Atomic uint64_t *enter(struct leat_region *region, struct leat_rwlock *lock, uint64_t mine) {
        uint32_t reach = atomic_load_explicit(reach_of(lock), memory_order_relaxed);
        /* seq_cst, both, and then the look at the mutex, pair with wait_for_readers(): of a reader and a writer one sees the other. */
        while (reach <= region->slot &&
               !atomic_compare_exchange_weak_explicit(reach_of(lock), &reach, region->slot + 1, memory_order_seq_cst,
                                                      memory_order_relaxed))
                ;
        for (size_t i = 0; i < REGION_READS; i++) {
                uint64_t nobody = 0;
                if (atomic_compare_exchange_strong_explicit(&region->me->reads[i], &nobody, mine, memory_order_seq_cst,
                                                            memory_order_relaxed))
                        return &region->me->reads[i];
        }
        return NULL;
}

/* It reads no more. A writer that waits for that is woken. */
static void leave(struct leat_rwlock *lock, _Atomic uint64_t *place) {
        /* Release: what was read was read. seq_cst, and the look behind it: with wait_for_readers(), which has the mutex before it looks at the places. */
        atomic_store_explicit(place, 0, memory_order_seq_cst);
        if ((atomic_load_explicit(word_of(writers_of(lock)), memory_order_seq_cst) & WORD_SLOT) == 0)
                return;
        (void)atomic_fetch_add_explicit(bell_of(lock), 1, memory_order_seq_cst);
        region_wake(bell_of(lock), INT_MAX);
}

/* ---- lock ---- */

/* Get the mutex. 0; -EOWNERDEAD: a writer died, and what it wrote may be half done; or it is not locked. */
static int lock_writers(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline) {
        struct leat_mutex *writers = writers_of(lock);
        int r = mutex_lock(region, writers, deadline);
        if (r != -EOWNERDEAD)
                return r;
        /* Relaxed: the mutex orders it. */
        if (atomic_load_explicit(writing_of(lock), memory_order_relaxed) != 0)
                return mutex_settle(region, writers, deadline);
        (void)mutex_mend(region, writers); /* it was a reader, or a writer that was not in */
        return 0;
}

/* Through the mutex: writers are there, or were. */
static int read_in_turn(struct leat_region *region, struct leat_rwlock *lock, uint64_t mine, int64_t deadline) {
        int r = lock_writers(region, lock, deadline);
        if (r < 0 && r != -EOWNERDEAD)
                return r;
        if (!enter(region, lock, mine))
                r = -ENOLCK;
        (void)mutex_unlock(region, writers_of(lock));
        return r;
}

/* A second time: a writer waits for this thread, and so this thread must not wait for it. */
static int read_again(struct leat_region *region, struct leat_rwlock *lock, uint64_t mine) {
        if (!enter(region, lock, mine))
                return -ENOLCK;
        /* Relaxed: neither changes to what it must not be while somebody reads. */
        uint64_t word = atomic_load_explicit(word_of(writers_of(lock)), memory_order_relaxed);
        bool half_done = atomic_load_explicit(writing_of(lock), memory_order_relaxed) != 0;
        return (word & WORD_DAMAGED) && half_done ? -EOWNERDEAD : 0;
}

int leat_rwlock_read(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline) {
        int r = check(region, lock);
        if (r < 0)
                return r;
        uint64_t mine = place_here(region, lock);
        if (reads_here(region, mine))
                return read_again(region, lock, mine);
        _Atomic uint64_t *place = enter(region, lock, mine);
        if (!place)
                return -ENOLCK;
        /* seq_cst: enter(). And acquire, with the release of the writer before. */
        if (atomic_load_explicit(word_of(writers_of(lock)), memory_order_seq_cst) == 0)
                return 0;
        leave(lock, place);
        return read_in_turn(region, lock, mine, deadline);
}

/* Does anybody in this slot read it? */
static bool slot_reads(const struct leat_region *region, uint32_t slot, uint64_t lock) {
        const struct participant *other = &region->participants[slot];
        /* Pairs with who takes the slot: the places are its own by then. If another one takes it after this, that one sees the writer: seq_cst, behind the exchange of wait_for_readers(). */
        uint32_t incarnation = atomic_load_explicit(&other->incarnation, memory_order_seq_cst);
        for (size_t i = 0; i < REGION_READS; i++)
                if (PLACE_LOCK(atomic_load_explicit(&other->reads[i], memory_order_seq_cst)) == lock)
                        return !region_is_dead(region, REGION_MARK(incarnation, slot));
        return false;
}

static bool has_readers(const struct leat_region *region, struct leat_rwlock *lock) {
        uint64_t name = region_offset(region, lock) + 1;
        uint32_t reach = atomic_load_explicit(reach_of(lock), memory_order_seq_cst);
        for (uint32_t slot = 0; slot < reach && slot < region->slots; slot++)
                if (slot_reads(region, slot, name))
                        return true;
        return false;
}

/* By who has the mutex. What dead ones read is free; but no earlier than their transaction is rolled back. Whose slot was taken again since left no place: so that is asked for whoever read it. */
static int pass_dead_readers(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline) {
        return atomic_load_explicit(reach_of(lock), memory_order_relaxed) == 0 ? 0 : mutex_roll_back(region, deadline);
}

/* By who has the mutex. */
static int wait_for_readers(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline) {
        /* The mutex is had, and then the places are looked at, in this order for all: an exchange that changes nothing, since its own is not seq_cst. */
        (void)atomic_fetch_or_explicit(word_of(writers_of(lock)), 0, memory_order_seq_cst);
        for (;;) {
                uint32_t bell = atomic_load_explicit(bell_of(lock), memory_order_seq_cst);
                if (!has_readers(region, lock))
                        return pass_dead_readers(region, lock, deadline);
                if (deadline == LEAT_NOW)
                        return -EAGAIN;
                int64_t now = leat_now();
                if (now >= deadline)
                        return -ETIMEDOUT;
                region_sleep(bell_of(lock), bell, deadline - now < LOOK_NS ? deadline : now + LOOK_NS);
        }
}

int leat_rwlock_write(struct leat_region *region, struct leat_rwlock *lock, int64_t deadline) {
        int r = check(region, lock);
        if (r < 0)
                return r;
        if (reads_here(region, place_here(region, lock)))
                return deadlock_of_one(region, writers_of(lock), word_here(region));
        int locked = lock_writers(region, lock, deadline);
        if (locked < 0 && locked != -EOWNERDEAD)
                return locked;
        r = wait_for_readers(region, lock, deadline);
        if (r < 0) {
                (void)mutex_unlock(region, writers_of(lock));
                return r;
        }
        /* Before anything is written: if this process is killed, what it executed is there, and nothing else. Relaxed: who looks at it has the mutex. */
        atomic_store_explicit(writing_of(lock), 1, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        return locked;
}

/* ---- unlock ---- */

static int unlock_write(struct leat_region *region, struct leat_rwlock *lock) {
        uint64_t word = atomic_load_explicit(word_of(writers_of(lock)), memory_order_relaxed);
        /* Release: all is written by then, so that nobody need be told of this one any more. */
        if (!(word & WORD_DAMAGED))
                atomic_store_explicit(writing_of(lock), 0, memory_order_release);
        return mutex_unlock(region, writers_of(lock));
}

int leat_rwlock_unlock(struct leat_region *region, struct leat_rwlock *lock) {
        int r = check(region, lock);
        if (r < 0)
                return r;
        if (mutex_is_mine(region, writers_of(lock)))
                return unlock_write(region, lock);
        _Atomic uint64_t *place = find_place(region, place_here(region, lock));
        if (!place)
                return -EPERM;
        leave(lock, place);
        return 0;
}

int leat_rwlock_mend(struct leat_region *region, struct leat_rwlock *lock) {
        int r = check(region, lock);
        return r < 0 ? r : mutex_mend(region, writers_of(lock));
}
