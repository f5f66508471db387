/* SPDX-License-Identifier: MIT */
#ifndef LEAT_WAIT_SPIN_H
#define LEAT_WAIT_SPIN_H

/*
 * Before a thread sleeps: whether it gives its core away and looks again instead, and how soon (docs/design/speed.md, "Waiting").
 *
 * spin_again() after each look in vain, spin_done() whenever something was got. One thread at a time. Nothing depends on what is
 * learned here but time.
 */

#include <stdbool.h>
#include <stdint.h>

enum spin_mode { SPIN_ADAPTIVE, SPIN_ALWAYS, SPIN_NEVER };

#define SPIN_MOST_NS 50000 /* about what a sleep and a wake cost */

struct spin {
        enum spin_mode mode;
        bool apart;        /* the other end runs on another core: ours is not given away */
        bool poor;         /* the budget of an adaptive one is used up ... */
        uint32_t gap;      /* ... and so many waits go by before one tries again */
        uint32_t passed;   /* that have gone by */
        uint32_t alone;    /* waits in a row at whose end nobody else had wanted our core */
        uint32_t run;      /* how much was got since the last wait began */
        uint32_t quick;    /* waits that were over almost at once */
        uint32_t tries;    /* of a longer one, without success */
        bool trying;       /* this one is */
        uint32_t vain;     /* in a row: nothing was there yet when it was looked for */
        uint32_t wary;     /* so many that are foreseen are measured: a third program may have had the core */
        int64_t budget_ns; /* of a wait */
        int64_t delay_ns;  /* before each look: for more than one to come */
        int64_t took_ns;   /* the last wait; 0: nothing is to be learned of it any more */
        int64_t since;     /* when the wait under way began; 0: none is */
        int64_t until;     /* how long it spins */
        int64_t ended;     /* when the wait before was over */
        int64_t looked;    /* when it looked again last; 0: it sleeps */
        int64_t away_ns;   /* how long our core was away when it was given away last, in this wait */
};

void spin_init(struct spin *spin, enum spin_mode mode);

/* Look again at once? The core was given away in between. false: sleep. */
bool spin_again(struct spin *spin);

/* Let the other end go on until then (leat_now()), some microseconds, so that more comes at once. false: it is not
 * then yet: that would be dear, or whoever was given the core had no use for it. */
bool spin_pace(struct spin *spin, int64_t until);

/* Likewise what was learned about how soon to look, after the last look (leat_now(); 0: it is not known). */
void spin_keep_delay(struct spin *spin, int64_t looked);

/* Is there anything that spin_keep_delay() would keep? */
static inline bool spin_has_delay(const struct spin *spin) {
        return spin->apart && spin->delay_ns > 0 && !spin->poor && spin->mode != SPIN_NEVER;
}

/* What was wanted is there, after a wait or without. How long that took, and how much came then, decides about the next waits. */
void spin_over(struct spin *spin);
static inline void spin_done(struct spin *spin) {
        spin->run++;
        if (spin->since != 0)
                spin_over(spin);
        else
                spin->vain = 0;
}

/*
 * A wait that is likely over within a moment: SPIN_BRIEF looks with spin_pause() between them, and then spin_was_brief(), or spin_again() as ever. Where
 * the other end has a core of its own, and a dialogue is going on: of a stream more comes if one looks later.
 */
#define SPIN_BRIEF 100
#define SPIN_QUICK_FIRST 32u
#define SPIN_TRIES 3u
static inline bool spin_is_brief(const struct spin *spin) {
        return spin->apart && !spin->poor && spin->mode != SPIN_NEVER && spin->delay_ns == 0 && spin->run <= 1 &&
               spin->since == 0 && spin->quick < SPIN_QUICK_FIRST << spin->tries / SPIN_TRIES;
}
static inline void spin_was_brief(struct spin *spin) {
        spin->quick++;
        spin->run = 0;
}

/* Let a sibling of this core have its units for some tens of nanoseconds. */
static inline void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("isb" ::: "memory");
#endif
}

/* A large part of what was wanted is there: the wait for the next one is another, and this one was worth its time. */
static inline void spin_progress(struct spin *spin) {
        if (spin->since == 0)
                return;
        spin_over(spin);
        if (spin->took_ns > SPIN_MOST_NS)
                spin->took_ns = SPIN_MOST_NS;
}

/* Before the first look: will it be in vain, as those before it were? Then the core is given away at once, if the other end has none else. */
void spin_foresee(struct spin *spin);

#endif
