/* SPDX-License-Identifier: MIT */
#ifndef LEAT_SHARED_MUTEX_WORD_H
#define LEAT_SHARED_MUTEX_WORD_H

/*
 * The two words of a mutex (docs/design/shared.md, "Locks"). The first says who has it; the second who is next: the name of one that starves, or 0.
 * A name is incarnation, thread and slot + 1, at the same bits in both.
 */

#include "shared/mutex.h"

#define WORD_SLOT UINT64_C(0xffff)
#define WORD_THREAD UINT64_C(0x0fff0000)
#define WORD_NAME (REGION_MARK_BITS | WORD_THREAD)
#define WORD_DAMAGED (UINT64_C(1) << 28) /* an owner died, and nobody has said since that the data is right */
#define WORD_OFFERED (UINT64_C(1) << 29) /* nobody has it: it is offered to whose name stands here */
#define WORD_STARVES (UINT64_C(1) << 30) /* the second word is to be looked at */
#define WORD_WAITED (UINT64_C(1) << 31)  /* somebody sleeps on this word */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the futex is the lower half, and that comes first");

static inline _Atomic uint64_t *word_of(const struct leat_mutex *mutex) {
        return (_Atomic uint64_t *)&mutex->words[0];
}

static inline _Atomic uint64_t *next_of(const struct leat_mutex *mutex) {
        return (_Atomic uint64_t *)&mutex->words[1];
}

static inline const _Atomic uint32_t *futex_of(_Atomic uint64_t *word) {
        return (const _Atomic uint32_t *)word;
}

static inline uint64_t word_thread(uint64_t word) {
        return (word & WORD_THREAD) >> 16;
}

/* The name of this thread. */
static inline uint64_t word_here(const struct leat_region *region) {
        return region->mark | (uint64_t)region_thread() << 16;
}

/* Who sleeps on a word: one that is named as the next, or not. */
#define MUTEX_SLEEPS 1u
#define MUTEX_SLEEPS_NEXT 2u
#define MUTEX_SLEEPS_ANY 3u
static inline void mutex_wake(const struct leat_mutex *mutex, int how_many, uint32_t who) {
        region_wake_of(futex_of(word_of(mutex)), how_many, who);
}

/* ---- who waits for what (deadlock.c) ---- */

/* Say in our slot that this thread waits for it. NULL: there is no place left, nobody sees it. */
struct region_wait *wait_say(struct leat_region *region, const struct leat_mutex *mutex, uint64_t me);
void wait_unsay(struct region_wait *place);

/*
 * Is this thread, which waits for the mutex, part of a circle, and the one to be told? -EDEADLK; 0. said: others see that it waits.
 */
int deadlock_look(struct leat_region *region, const struct leat_mutex *mutex, uint64_t me, bool said);

/* A thread that asked for what it has: a circle of one. -EDEADLK. */
int deadlock_of_one(struct leat_region *region, const struct leat_mutex *mutex, uint64_t me);

#endif
