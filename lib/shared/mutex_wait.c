/* SPDX-License-Identifier: MIT */

/*
 * Who waits for a mutex looks at its word, and sleeps until it changes, or until it is time to look. Each look decides anew by what stands there, so that it does not
 * matter who was killed or stopped where: an unlocker before it woke, one that was woken before it looked.
 */
#include "shared/mutex_wait.h"

#include "base/processor.h"
#include "base/rare.h"
#include "shared/mutex_word.h"
#include "wait/spin.h"

#include <leat/deadline.h>

#define STARVES_NS INT64_C(1000000) /* who has waited for so long is handed the lock */
#define LOOK_NS INT64_C(10000000)   /* how often the owner's evidence is asked for */
#define PAUSES_FIRST 16 /* between looks before a sleep, of some tens of nanoseconds each; twice as many each time, */
#define PAUSES 64       /* ... up to this */
#define TRIES 16        /* of LEAT_NOW, when others change the word at the same time */

enum { WAIT = 1, CHANGED = 2 }; /* what a look says, beside 0 and errors */

struct waiter {
        struct leat_region *region;
        struct leat_mutex *mutex;
        uint64_t me;
        int64_t deadline, since, look_at;
        struct region_wait *said;
        uint64_t offered; /* to whom it was at the last look that was due, and at each since */
        bool slept;       /* on the first word: a wake may have come to this one, and others still sleep */
};

/*
 * Offers that this thread has found, so that looks of several calls count as those of one that waits. Several, since it may try several locks in turn. An offer
 * is forgotten when a look of this thread finds the lock not offered or takes it (mutex_lock() of a free one does not look), and when its own unlock makes a new
 * one. What is left: that a third party has made a new offer to the same waiter, of which this thread never saw the old one end, it cannot tell: such a one can
 * be passed over as if it were the old one, once, since to take it is to forget it.
 */
#define OFFERS 4
struct offer {
        const struct leat_mutex *mutex; /* NULL: none */
        uint64_t name;
        int64_t since, last; /* last: the one that was not seen for longest makes room; 0: none */
};
static _Thread_local struct offer offers_seen[OFFERS];
static _Thread_local unsigned offers_known; /* so many are noted; mostly none, and each look asks */

void mutex_forget_offer(const struct leat_mutex *mutex) {
        if (offers_known == 0)
                return;
        for (unsigned i = 0; i < OFFERS; i++) {
                if (offers_seen[i].mutex != mutex)
                        continue;
                offers_seen[i] = (struct offer){ 0 };
                offers_known--;
        }
}

/* What this thread knows of an offer of that lock, or where it may note one. */
static struct offer *offer_of(const struct leat_mutex *mutex) {
        struct offer *found = &offers_seen[0];
        for (unsigned i = 0; i < OFFERS; i++) {
                if (offers_seen[i].mutex == mutex)
                        return &offers_seen[i];
                if (offers_seen[i].last < found->last)
                        found = &offers_seen[i];
        }
        return found;
}

static int take(const struct waiter *waiter, uint64_t word, uint64_t damaged) {
        uint64_t mine = waiter->me | damaged | (word & (WORD_DAMAGED | WORD_STARVES | WORD_WAITED)) |
                        (waiter->slept ? WORD_WAITED : 0);
        /* The orders as in mutex_lock(). The whole word is compared: a dead owner's name does not come back, since incarnations do not. */
        if (!atomic_compare_exchange_strong_explicit(word_of(waiter->mutex), &word, mine, memory_order_acq_rel,
                                                     memory_order_relaxed))
                return CHANGED;
        mutex_forget_offer(waiter->mutex);
        return mine & WORD_DAMAGED ? -EOWNERDEAD : 0;
}

/* Nobody is the next one, if this name was. Relaxed: the name orders nothing, and an offer to one that has gone is passed over. */
static void forget_next(const struct waiter *waiter, uint64_t name) {
        if (atomic_load_explicit(next_of(waiter->mutex), memory_order_relaxed) == name)
                (void)atomic_compare_exchange_strong_explicit(next_of(waiter->mutex), &name, 0, memory_order_relaxed,
                                                              memory_order_relaxed);
}

/* It is offered to this one. Those that starve come one by one: another one is to name itself, before others that come later. */
static int accept_offer(const struct waiter *waiter, uint64_t word) {
        int r = take(waiter, word, 0);
        if (r > 0)
                return r;
        forget_next(waiter, waiter->me);
        if (word & WORD_WAITED)
                mutex_wake(waiter->mutex, 1, MUTEX_SLEEPS_ANY);
        return r;
}

/* Is it offered to that one for so long that it must be stopped, as far as this thread has seen? */
static bool is_old_offer(const struct waiter *waiter, uint64_t name) {
        int64_t now = leat_now();
        struct offer *offer = offer_of(waiter->mutex);
        bool known = offer->mutex == waiter->mutex && offer->name == name;
        offers_known += offer->mutex == NULL;
        *offer = (struct offer){ waiter->mutex, name, known ? offer->since : now, now };
        return now - offer->since >= LOOK_NS;
}

/*
 * It is offered to another one. Until that accepts it is nobody's, and to take it harms nobody; it is left to one that is on its way, since that has starved. Passed over is one that
 * gave up, died, or has not come since the last look, or since a look of an earlier call 10 ms ago or more: it is stopped.
 */
static int look_at_offer(struct waiter *waiter, uint64_t word, bool due) {
        uint64_t name = word & WORD_NAME;
        bool gone = atomic_load_explicit(next_of(waiter->mutex), memory_order_relaxed) != name;
        if (!gone && due)
                gone = waiter->offered == name || is_old_offer(waiter, name) || region_is_dead(waiter->region, name);
        waiter->offered = due ? name : waiter->offered;
        int r = gone ? take(waiter, word, 0) : WAIT;
        if (r <= 0)
                forget_next(waiter, name);
        return r;
}

/* due: the evidence is asked for. */
static int look(struct waiter *waiter, bool due) {
        /* Acquire pairs with the release of whoever wrote the name: the incarnation of its slot is read after it. */
        uint64_t word = atomic_load_explicit(word_of(waiter->mutex), memory_order_acquire);
        bool ours = (word & WORD_NAME) == waiter->me;
        if ((word & WORD_SLOT) == 0)
                return take(waiter, word, 0);
        if (word & WORD_OFFERED)
                return ours ? accept_offer(waiter, word) : look_at_offer(waiter, word, due);
        waiter->offered = 0;
        mutex_forget_offer(waiter->mutex);
        if (ours && word_thread(word) != 0)
                return deadlock_of_one(waiter->region, waiter->mutex, waiter->me);
        return due && region_is_dead(waiter->region, word) ? take(waiter, word, WORD_DAMAGED) : WAIT;
}

/* One look, with the evidence, which is no wait. */
static int try_now(struct waiter *waiter) {
        int r = CHANGED;
        for (unsigned i = 0; i < TRIES && r == CHANGED; i++)
                r = look(waiter, true);
        return r > 0 ? -EAGAIN : r;
}

/* How long to look without sleep: not at all where the owner cannot run meanwhile. */
static unsigned pauses_here(void) {
        return processors_are_many() ? PAUSES : 0;
}

/* A few looks, ever rarer: each takes the word's line away from the owner, which passes quickest when it is let alone. */
static int spin(struct waiter *waiter) {
        int r = look(waiter, false);
        for (unsigned pauses = PAUSES_FIRST, most = pauses_here(); r > 0 && pauses <= most; pauses *= 2) {
                for (unsigned i = 0; i < pauses; i++)
                        spin_pause();
                r = look(waiter, false);
        }
        return r;
}

/* Name itself the next one, if nobody is, or one that died. */
static bool become_next(const struct waiter *waiter, bool due) {
        uint64_t next = atomic_load_explicit(next_of(waiter->mutex), memory_order_acquire); /* a name: as in look() */
        if (next == waiter->me)
                return true;
        if (next != 0 && !(due && region_is_dead(waiter->region, next)))
                return false;
        return atomic_compare_exchange_strong_explicit(next_of(waiter->mutex), &next, waiter->me, memory_order_release,
                                                       memory_order_relaxed);
}

/* The word now, with the bits that say that somebody sleeps and starves; 0: look again. */
static uint64_t mark(const struct waiter *waiter, bool starves) {
        uint64_t word = atomic_load_explicit(word_of(waiter->mutex), memory_order_relaxed);
        uint64_t marked = word | WORD_WAITED | (starves ? WORD_STARVES : 0);
        bool for_us = (word & WORD_SLOT) == 0 || ((word & WORD_OFFERED) && (word & WORD_NAME) == waiter->me);
        if (for_us)
                return 0;
        /* Release: the name, if the word has one, is passed on with what was seen of it. */
        return word == marked || atomic_compare_exchange_strong_explicit(word_of(waiter->mutex), &word, marked,
                                                                         memory_order_release, memory_order_relaxed)
                       ? marked
                       : 0;
}

/*
 * It does not wait any more, for that reason; unless it can have the lock by now, which it was perhaps woken for, or offered: nobody else may be awake to take it. An unlocker that
 * read its name before may offer it after this too: the next one that looks sees that this one is not named any more, and takes it.
 */
static int give_up(struct waiter *waiter, int error) {
        forget_next(waiter, waiter->me);
        wait_unsay(waiter->said);
        int r = look(waiter, false);
        return r > 0 ? error : r;
}

/* This one is named as the next: does the owner unlock it within a moment? */
static bool await_offer(const struct waiter *waiter) {
        uint64_t word = 0;
        for (unsigned i = 0; i < PAUSES && !(word & WORD_OFFERED); i++) {
                spin_pause();
                word = atomic_load_explicit(word_of(waiter->mutex), memory_order_relaxed);
        }
        return (word & WORD_OFFERED) && (word & WORD_NAME) == waiter->me;
}

/* Nothing is to be had now: sleep. 0: look again; or why not. */
static int wait_on(struct waiter *waiter, int64_t now, bool due) {
        bool starves = now - waiter->since >= STARVES_NS, next = starves && become_next(waiter, due);
        /* Whosever name it is: one that was stopped before it said so itself would keep the others from being the next. */
        uint64_t marked = mark(waiter, starves);
        /* Not before the word is marked: a wake that came to this one was perhaps for another, who sleeps on. */
        if (now >= waiter->deadline)
                return -ETIMEDOUT;
        int r = due && now - waiter->since >= LOOK_NS
                        ? deadlock_look(waiter->region, waiter->mutex, waiter->me, waiter->said != NULL)
                        : 0;
        waiter->look_at = due ? now + LOOK_NS : waiter->look_at;
        if (r < 0 || marked == 0)
                return r;
        /* The owner will offer it, and likely soon: that costs no wake then. */
        if (next && due && pauses_here() > 0 && await_offer(waiter))
                return 0;
        waiter->slept = true;
        region_sleep_as(futex_of(word_of(waiter->mutex)), (uint32_t)marked,
                        waiter->deadline < waiter->look_at ? waiter->deadline : waiter->look_at,
                        next ? MUTEX_SLEEPS_NEXT : MUTEX_SLEEPS);
        return 0;
}

static int wait_long(struct waiter *waiter) {
        waiter->since = leat_now();
        waiter->look_at = waiter->since + STARVES_NS;
        waiter->said = wait_say(waiter->region, waiter->mutex, waiter->me);
        for (;;) {
                int64_t now = leat_now();
                bool due = now >= waiter->look_at || now >= waiter->deadline;
                int r = look(waiter, due);
                if (r <= 0) {
                        forget_next(waiter, waiter->me);
                        wait_unsay(waiter->said);
                        return r;
                }
                r = wait_on(waiter, now, due);
                if (r < 0)
                        return give_up(waiter, r);
        }
}

ASIDE int mutex_wait(struct leat_region *region, struct leat_mutex *mutex, uint64_t me, int64_t deadline) {
        struct waiter waiter = { .region = region, .mutex = mutex, .me = me, .deadline = deadline };
        if (deadline == LEAT_NOW)
                return try_now(&waiter);
        int r = spin(&waiter);
        return r > 0 ? wait_long(&waiter) : r;
}
