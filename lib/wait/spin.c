/* SPDX-License-Identifier: MIT */
#include "wait/spin.h"

#include <leat/deadline.h>
#include <sched.h>

#define LEAST_NS 3000 /* a budget below this is none: it is hardly a look */
#define GAP_FIRST 16
#define GAP_MOST 1024

#define FRUIT_NS 4000 /* for each message that came by a wait */

#define ALONE_NS 600 /* a yield that takes no longer found nobody else */
#define ALONE_WAITS 8

#define DELAY_FIRST_NS 500
#define DELAY_MOST_NS 4000
#define DELAY_TRIED_NS 1000
/* One of SPIN_QUICK_FIRST waits that took less than DELAY_MOST_NS is made longer, to see whether more come: SPIN_TRIES times, each twice as long as
 * the last. If none of these brought more, the next ones are rarer, down to one of QUICK_MOST. */
#define QUICK_MOST 1024u

#define FORESEEN_MOST 16
#define SLICE_NS 500000 /* a third program that has our core keeps it for longer */
#define WARY_WAITS 64

void spin_init(struct spin *spin, enum spin_mode mode) {
        *spin = (struct spin){ .mode = mode, .budget_ns = SPIN_MOST_NS, .gap = GAP_FIRST };
}

/* What this wait may spend; without a budget only one in `gap` has any. */
static int64_t allowance(struct spin *spin) {
        if (!spin->poor)
                return spin->budget_ns;
        if (++spin->passed < spin->gap)
                return 0;
        spin->passed = 0;
        return SPIN_MOST_NS;
}

static void try_delay(struct spin *spin) {
        spin->quick = 0;
        spin->delay_ns = DELAY_TRIED_NS << spin->tries % SPIN_TRIES;
        spin->tries++;
        if (SPIN_QUICK_FIRST << spin->tries / SPIN_TRIES > QUICK_MOST)
                spin->tries -= SPIN_TRIES;
}

/*
 * Who looks at once takes a stream of messages one by one, and each look is in the sender's way. If the last look found several,
 * the next may be later still; if it found one, sooner: of a dialogue there is never more than one.
 */
static int64_t choose_delay(struct spin *spin) {
        if (spin->run <= 1)
                spin->delay_ns = spin->trying ? 0 : spin->delay_ns / 2;
        else if (!spin->trying)
                spin->delay_ns = spin->delay_ns == 0 ? DELAY_FIRST_NS : spin->delay_ns * 2;
        if (spin->run > 1)
                spin->tries = 0;
        if (spin->delay_ns > DELAY_MOST_NS)
                spin->delay_ns = DELAY_MOST_NS;
        if (spin->delay_ns < DELAY_FIRST_NS)
                spin->delay_ns = 0;
        spin->run = 0;
        spin->trying = spin->delay_ns == 0 && spin->quick >= SPIN_QUICK_FIRST << spin->tries / SPIN_TRIES;
        if (spin->trying)
                try_delay(spin);
        return spin->delay_ns;
}

/* Once at least. Returns what time it is then. */
static int64_t spin_until(int64_t time) {
        int64_t now;
        do {
                spin_pause();
                now = leat_now();
        } while (now < time);
        return now;
}

static void learn_from_yield(struct spin *spin, int64_t away_ns) {
        spin->alone = away_ns < ALONE_NS ? spin->alone + 1 : 0;
        spin->apart = spin->alone >= ALONE_WAITS;
}

bool spin_pace(struct spin *spin, int64_t until) {
        if (spin->mode == SPIN_NEVER || spin->poor)
                return false;
        if (spin->apart) {
                (void)spin_until(until);
                return true;
        }
        int64_t now = leat_now();
        (void)sched_yield();
        int64_t back = leat_now();
        learn_from_yield(spin, back - now);
        return back >= until;
}

void spin_keep_delay(struct spin *spin, int64_t looked) {
        if (looked != 0 && spin_has_delay(spin))
                (void)spin_until(looked + spin->delay_ns);
}

/* It tried in vain; or another program had the core for a slice, which is dear: a short wait may follow each such one. */
static void become_poor(struct spin *spin) {
        spin->poor = true;
        spin->passed = 0;
        if (spin->gap < GAP_MOST)
                spin->gap *= 2;
}

/* Tries that succeed make it try more often, and then always. A sleep that was short says nothing about what a try would cost. */
static void become_richer(struct spin *spin) {
        if (spin->gap > GAP_FIRST)
                spin->gap /= 2;
        if (spin->gap > GAP_FIRST)
                return;
        spin->poor = false;
        spin->budget_ns = SPIN_MOST_NS;
}

/*
 * Where does the other end run? On our core, if what we waited for came while that was given away; else on another, and then giving
 * it away costs a system call, which is dear where two cores share their units, and a slice if a third program takes it.
 */
static void learn_place(struct spin *spin, int64_t took) {
        if (spin->apart && took > SPIN_MOST_NS)
                spin->apart = false; /* it may be here now */
        else if (!spin->apart && spin->away_ns > 0)
                learn_from_yield(spin, spin->away_ns);
}

/* The last wait was worth its time: as many came by it as a busy sender makes. */
static bool was_fruitful(const struct spin *spin) {
        return (int64_t)spin->run * FRUIT_NS >= spin->took_ns;
}

/* Of the last wait, now that it is known how much came by it. */
static void learn(struct spin *spin) {
        int64_t took = spin->took_ns;
        bool tried = !spin->poor || spin->passed == 0, quick = took <= SPIN_MOST_NS || was_fruitful(spin);
        if (took == 0)
                return;
        spin->took_ns = 0;
        learn_place(spin, took);
        if (took <= DELAY_MOST_NS)
                spin->quick++;
        if (spin->away_ns > SPIN_MOST_NS && !quick)
                become_poor(spin);
        else if (quick && tried)
                become_richer(spin);
        else if (!quick && spin->poor && tried)
                become_poor(spin);
        else if (!quick && !spin->poor) {
                spin->budget_ns /= 2;
                spin->poor = spin->budget_ns < LEAST_NS;
                spin->passed = 0;
        }
}

/* A wait begins. Returns how long it is to go by before the first look. */
static int64_t begin(struct spin *spin, int64_t now) {
        learn(spin);
        int64_t delay = choose_delay(spin);
        spin->since = now;
        spin->vain++;
        spin->until = spin->mode == SPIN_ALWAYS ? INT64_MAX : now + allowance(spin);
        spin->away_ns = 0;
        return delay;
}

bool spin_again(struct spin *spin) {
        if (spin->mode == SPIN_NEVER)
                return false;
        int64_t now = leat_now(), delay = spin->since == 0 ? begin(spin, now) : 0;
        spin->looked = 0;
        if (now >= spin->until)
                return false;
        if (spin->apart) {
                spin->looked = spin_until(now + delay);
                return true;
        }
        (void)sched_yield();
        spin->looked = leat_now();
        spin->away_ns = spin->looked - now;
        return true;
}

/*
 * The core is given away, and nobody asks for how long: a clock is a hundredth of a short dialogue. It was no longer than what passed since
 * the wait before. If that may hold a slice of a third program, the next ones are measured again.
 */
static void give_away(struct spin *spin) {
        (void)sched_yield();
        int64_t now = leat_now();
        (void)begin(spin, now);
        spin->looked = now;
        if (now - spin->ended > SLICE_NS)
                spin->wary = WARY_WAITS;
}

/* One in FORESEEN_MOST looks first all the same: that is how it is seen that something is there again. */
void spin_foresee(struct spin *spin) {
        if (spin->mode != SPIN_ADAPTIVE || spin->poor || spin->apart || spin->since != 0 ||
            spin->vain < FORESEEN_MOST || spin->vain % FORESEEN_MOST == 0)
                return;
        if (spin->wary == 0) {
                give_away(spin);
                return;
        }
        spin->wary--;
        (void)spin_again(spin);
}

void spin_over(struct spin *spin) {
        /* The clock is a tenth of a short wait: where the last look brought it, that one's time will do. */
        spin->ended = spin->looked != 0 ? spin->looked : leat_now();
        int64_t took = spin->ended - spin->since;
        spin->took_ns = took > 0 ? took : 1;
        spin->since = 0;
        spin->run = 1;
}
