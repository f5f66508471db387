/* SPDX-License-Identifier: MIT */

/*
 * The mutex of a region, for Spin: lib/shared/mutex.c, of three processes. docs/design/shared.md, "Locks", says how it works; docs/design/model.md
 * says what is modelled and what is not; test_model.py runs it.
 *
 * A step is one load, one compare-and-swap or one system call, and what the process does by itself behind it. Words are changed by compare-and-swap
 * alone, which acts on memory at once; a store before it may reach memory later (`unseen`), unless it is release.
 */

/* The bounds; each is set for each run. */
byte locks;     /* so often all of them together lock it */
byte deaths;    /* so many processes may be killed */
byte births;    /* of them so many begin again, in the same slot */
byte stops;     /* so many may stop for ever, between any two steps */
byte deadlines; /* so often may one give up */
byte looks;     /* sleep ends after 10 ms in any case. 0: only once somebody was killed or stopped, so that a wake that is missing shows */

/* What is wrong on purpose, each with the bounds that show it (as `normal` of test_model.py) and the property that fails. The runner reads these
 * lines. */
byte wrong;
#define NO_INCARNATION 1   /* 2 1 1 0 0 0 asleep: that an owner is dead is asked without its incarnation */
#define NO_EVIDENCE 2      /* 2 1 0 0 0 0 asleep: the incarnation is compared, and the kernel not asked */
#define NO_WAKE 3          /* 2 0 0 0 0 0 asleep: unlock clears bit 31 and wakes nobody */
#define NOT_WAITING 4      /* 4 0 0 0 0 0 asleep: who has slept takes it without bit 31 */
#define OFFER_WAKES_ONE 5  /* 3 0 0 0 0 0 asleep: an offer wakes one, who may be another */
#define OFFER_BINDS 6      /* 3 0 0 0 1 0 asleep: an offer to one that gave up stands */
#define OFFER_STAYS 7      /* 3 0 0 1 0 0 asleep: an offer to one that has stopped stands */
#define OFFER_MENDS 8      /* 4 1 0 0 0 1 told: an offer loses the damaged bit */
#define FREE_MENDS 9       /* 3 1 0 0 0 0 told: unlock loses the damaged bit */
#define TAKEN_QUIETLY 10   /* 2 1 0 0 0 0 told: who takes it from a dead owner does not set the damaged bit */
#define TIME_JUDGES 11     /* 2 0 0 1 0 1 alone: an owner that is the same after 10 ms is taken for dead */
#define HALF_SWAP 12       /* 3 1 1 0 0 0 alone: the swap that takes from a dead owner compares the lower half */
#define NAME_RELAXED 13    /* 3 1 1 0 0 0 alone: the name is written without release: its incarnation may be seen later */
#define FREE_RELAXED 14    /* 2 0 0 0 0 0 data: unlock is relaxed */
#define ACCEPT_STORES 15   /* 4 0 0 0 0 1 alone: an offer is accepted by a store */
#define GIVES_UP_BLINDLY 17 /* 4 0 0 0 1 0 asleep: who gives up does not look whether it is free: the wake that came to it is lost */
#define NO_OFFER 16        /* 4 0 0 0 0 1 passed: unlock frees it, whoever starves */

/* What holds. Spin quotes an assertion that fails, and so its number; `asleep` is its "invalid end state". */
#define ALONE 1101  /* of living processes one at most has it, stopped or not */
#define TOLD 1102   /* who gets it is told that an owner died, from then until one says that the data is right; and at no other time */
#define DATA 1103   /* what the owner before wrote is seen */
#define PASSED 1104 /* one whose name stands in the second word, while bit 30 is set, is passed only for a death, or for one that gave up */

#define PROCESSES 3

/* The word. */
#define SLOT(word) ((word) & 3)      /* + 1; 0: free */
#define INCARNATION(word) (((word) >> 2) & 3)
#define NAME(word) ((word) & 15)
#define DAMAGED 16
#define OFFERED 32
#define STARVING 64
#define WAITING 128
#define LOWER(word) ((word) & ~12)   /* what the futex compares */
byte word, starving;                 /* struct leat_mutex: words[0], words[1] */

/* The slots, and the lock file. */
byte counted[PROCESSES];             /* participants[].incarnation */
bool held[PROCESSES];                /* the byte of the lock file: by the kernel, until it ends */
byte me[PROCESSES];                  /* region->mark: its incarnation, as it knows itself */
#define MARK(p) (((p) + 1) | me[p] << 2)
#define NOT_HELD(name) (!held[SLOT(name) - 1] && wrong != NO_EVIDENCE)
#define NOT_COUNTED(name) (counted[SLOT(name) - 1] != INCARNATION(name) && wrong != NO_INCARNATION)
#define DEAD(name) (SLOT(name) != 0 && (NOT_HELD(name) || NOT_COUNTED(name))) /* region_is_dead() */

/* What a process has stored and memory does not have yet: one store at most. */
#define NOTHING 0
#define COUNT 1
#define BYTES 2
byte unseen[PROCESSES];
bool bytes[PROCESSES];
#define RELEASED(p) (unseen[p] == NOTHING)

/* What the lock protects. */
bool data;

#define ANY 1
#define NEXT 2
byte asleep[PROCESSES];              /* in FUTEX_WAIT_BITSET: named in the second word, or not */

/* ---- the truth, which nobody looks at but the assertions ---- */

#define RUNS 0
#define STOPPED 1
#define ENDED 2
#define KILLED 3
byte life[PROCESSES];
bool has[PROCESSES], damaged, right;
bool trouble;                        /* somebody was killed or stopped, or gave up with its name in the second word */
byte begun;                          /* so many processes have begun */
byte excused, passes, turn;          /* turn: the name whose turn it is */

#define WAITS_ITS_TURN(name) (SLOT(name) != 0 && life[SLOT(name) - 1] == RUNS && MARK(SLOT(name) - 1) == (name))

/* It is the turn of the one whose name stands there, while unlockers are told of it. */
inline see_turn() {
        if
        :: turn != starving || NAME(word) == turn || !(word & STARVING) -> turn = 0; passes = 0
        :: else
        fi;
        if
        :: turn == 0 && WAITS_ITS_TURN(starving) && (word & STARVING) && !(word & OFFERED) && NAME(word) != starving -> turn = starving
        :: else
        fi
}

/* Process p has it now. */
inline enters(p) {
        assert(ALONE && !has[0] && !has[1] && !has[2]);
        has[p] = true;
        told = (word & DAMAGED) != 0;
        assert(TOLD && told == damaged);
        if
        :: turn != 0 && turn != MARK(p) ->
                passes++;
                assert(PASSED && passes <= excused)
        :: else
        fi;
        see_turn()
}

inline dies(p) {
        d_step {
                if
                :: NAME(word) == MARK(p) && !(word & OFFERED) -> damaged = true
                :: else
                fi;
                has[p] = false;
                asleep[p] = 0;
                held[p] = false;
                trouble = true;
                excused++;
                if
                :: turn == MARK(p) -> turn = 0; passes = 0
                :: else
                fi;
                life[p] = KILLED
        }
}

inline reaches(p) {
        d_step {
                if
                :: unseen[p] == COUNT -> counted[p] = me[p]
                :: unseen[p] == BYTES -> data = bytes[p]; bytes[p] = false
                fi;
                unseen[p] = NOTHING
        }
}

#define MAY_END(p) (life[p] == RUNS && begun > (p))
#define ANYBODY (MAY_END(0) || MAY_END(1) || MAY_END(2))
/* Stores that reach memory; kills, before which they do or do not; stops. */
proctype world() {
        byte p;
end:    do
        :: atomic { unseen[0] != NOTHING -> reaches(0) }
        :: atomic { unseen[1] != NOTHING -> reaches(1) }
        :: atomic { unseen[2] != NOTHING -> reaches(2) }
        :: atomic {
                deaths > 0 && ANYBODY ->
                if
                :: MAY_END(0) -> p = 0
                :: MAY_END(1) -> p = 1
                :: MAY_END(2) -> p = 2
                fi;
                deaths--;
                unseen[p] = NOTHING;
                bytes[p] = false;
                dies(p);
                p = 0 }
        :: atomic {
                stops > 0 && ANYBODY ->
                if
                :: MAY_END(0) -> p = 0
                :: MAY_END(1) -> p = 1
                :: MAY_END(2) -> p = 2
                fi;
                stops--;
                trouble = true;
                life[p] = STOPPED;
                p = 0 }
        od
}

inline wake_one() {
        if
        :: asleep[0] -> asleep[0] = 0
        :: asleep[1] -> asleep[1] = 0
        :: asleep[2] -> asleep[2] = 0
        :: !asleep[0] && !asleep[1] && !asleep[2]
        fi
}

inline wake_next() {
        d_step {
                asleep[0] = (asleep[0] == NEXT -> 0 : asleep[0]);
                asleep[1] = (asleep[1] == NEXT -> 0 : asleep[1]);
                asleep[2] = (asleep[2] == NEXT -> 0 : asleep[2])
        }
}

#define MAY_SWAP(p) (RELEASED(p) || wrong == NAME_RELAXED)
#define OFFER_TO(p) (NAME(w) == MARK(p) && (w & OFFERED))
#define KEPT(w) ((w) & (DAMAGED | STARVING | WAITING))
#define SLEPT (slept && wrong != NOT_WAITING -> WAITING : 0)

/* Would a look do anything but to sleep again? */
#define LOOK (looks || trouble)
#define CHANGED (word != w || !starves || DEAD(word) || ((w & OFFERED) && wrong != OFFER_STAYS && wrong != OFFER_BINDS) || \
                 (starving == 0 || DEAD(starving)) || !(w & STARVING))
/* A living one that has stopped owns it. */
#define STOPPED_OWNER (SLOT(word) != 0 && life[SLOT(word) - 1] == STOPPED && !(word & OFFERED) && !DEAD(word))

proctype process(byte p) {
        byte w, s, before; /* before: what it saw before it slept for 10 ms */
        bool slept, starves, named, told;
{
        true;
idle:   atomic { /* mutex_lock() */
                begun >= p -> /* they are alike: one begins after the other */
                begun = (begun == p -> p + 1 : begun);
                if
                :: locks > 0 -> locks--
                :: locks == 0 -> life[p] = ENDED; goto done
                fi
        }

look:   atomic {
                MAY_SWAP(p) ->
                w = word;
                s = 0;
                if
                :: SLOT(w) == 0 ->
                        word = MARK(p) | KEPT(w) | SLEPT;
                        enters(p);
                        goto got
                :: OFFER_TO(p) -> goto accept
                :: SLOT(w) != 0 && !OFFER_TO(p)
                fi;
                if
                :: w & OFFERED
                :: !(w & OFFERED) -> goto owned
                fi
        }
        /* It is offered to another. */
        atomic {
                if
                :: starving != NAME(w) && wrong != OFFER_BINDS -> goto take
                :: DEAD(w) -> goto take
                :: before == w && wrong != OFFER_STAYS && wrong != OFFER_BINDS -> goto take
                :: else -> goto starve
                fi
        }
owned:  atomic {
                if
                :: DEAD(w) ->
                        goto take
                :: wrong == TIME_JUDGES && before == w -> goto take
                :: else -> goto starve
                fi
        }

take:   atomic { /* from a dead owner, or an offer */
                MAY_SWAP(p) ->
                if
                :: word == w || (wrong == HALF_SWAP && LOWER(word) == LOWER(w)) ->
                        word = MARK(p) | KEPT(w) | SLEPT | (((w & OFFERED) || wrong == TAKEN_QUIETLY) -> 0 : DAMAGED);
                        enters(p)
                :: else -> goto look
                fi;
                if
                :: !(w & OFFERED) -> goto got
                :: else
                fi
        }
        atomic {
                if
                :: starving == NAME(w) -> starving = 0; see_turn()
                :: else
                fi;
                goto got
        }
accept: atomic { /* accept_offer() */
                if
                :: word == w || wrong == ACCEPT_STORES ->
                        word = MARK(p) | KEPT(w) | SLEPT;
                        enters(p)
                :: else -> goto look
                fi
        }
        atomic {
                s = w & WAITING;
                if
                :: starving == MARK(p) -> starving = 0; see_turn()
                :: else
                fi
        }
        atomic {
                if
                :: s -> wake_one()
                :: else
                fi;
                goto work
        }

starve: atomic {
                before = 0;
                if
                :: starves
                :: !starves -> starves = true /* it has waited for 1 ms */
                :: !starves -> goto sleep
                fi;
                if
                :: starving == 0 -> starving = MARK(p)
                :: starving != 0 && DEAD(starving) -> starving = MARK(p)
                :: else
                fi;
                see_turn();
                named = starving == MARK(p) && starves
        }
sleep:  atomic { /* mark(), of the word as it is now */
                w = word;
                if
                :: SLOT(w) == 0 || OFFER_TO(p)
                :: else ->
                        word = word | WAITING | (starves -> STARVING : 0);
                        w = word;
                        see_turn()
                fi;
                if
                :: deadlines > 0 -> deadlines--; goto leave
                :: SLOT(w) != 0 && !OFFER_TO(p)
                :: SLOT(w) == 0 || OFFER_TO(p) -> named = false; goto look
                fi
        }
        atomic { /* region_sleep_as() */
                if
                :: LOWER(word) == LOWER(w) -> asleep[p] = (named -> NEXT : ANY); named = false
                :: else -> named = false; goto look
                fi
        }
        if
        :: atomic { !asleep[p] -> slept = true }
        :: atomic { LOOK && asleep[p] && CHANGED -> asleep[p] = 0; slept = true; before = w }
        :: atomic { STOPPED_OWNER -> life[p] = ENDED; goto done }
        fi;
        goto look;

leave:  atomic { /* give_up() */
                named = false;
                if
                :: starving == MARK(p) -> starving = 0; excused++; trouble = true; see_turn()
                :: else
                fi
        }
        atomic { /* look() */
                w = word;
                if
                :: SLOT(w) == 0 && MAY_SWAP(p) && wrong != GIVES_UP_BLINDLY ->
                        word = MARK(p) | KEPT(w) | SLEPT;
                        enters(p);
                        goto got
                :: OFFER_TO(p) -> goto accept
                :: SLOT(w) != 0 && !OFFER_TO(p) -> goto over
                :: SLOT(w) == 0 && wrong == GIVES_UP_BLINDLY -> goto over
                fi
        }

got:    atomic { /* forget_next(): it needs its name there no more */
                if
                :: starving == MARK(p) -> starving = 0; see_turn()
                :: else
                fi
        }

work:   atomic {
                RELEASED(p) ->
                slept = false;
                before = 0;
                starves = false;
                w = 0;
                s = 0;
                if
                :: told -> right = data
                :: !told -> assert(DATA && data == right)
                fi;
                right = !right;
                if /* with release, nobody can see whether memory has it before the unlock */
                :: wrong == FREE_RELAXED -> bytes[p] = right; unseen[p] = BYTES
                :: else -> data = right
                fi;
                if
                :: told
                :: true -> goto unlock
                fi
        }
        atomic { /* mutex_mend() */
                word = word & ~DAMAGED;
                damaged = false
        }

unlock: atomic { /* mutex_unlock() */
                told = false;
                w = word
        }
        if
        :: (w & STARVING) -> s = starving
        :: !(w & STARVING)
        fi;
        atomic {
                RELEASED(p) || wrong == FREE_RELAXED ->
                if
                :: word != w -> s = 0; goto unlock
                :: word == w && s != 0 && wrong != NO_OFFER ->
                        word = s | OFFERED | KEPT(w);
                        word = (wrong == OFFER_MENDS -> word & ~DAMAGED : word)
                :: word == w && (s == 0 || wrong == NO_OFFER) ->
                        s = 0;
                        word = (wrong == FREE_MENDS -> 0 : w & (wrong == NO_OFFER -> DAMAGED | STARVING : DAMAGED))
                fi;
                has[p] = false;
                see_turn()
        }
        if /* wake_after() */
        :: (w & STARVING) && wrong != OFFER_WAKES_ONE -> wake_next()
        :: atomic { (w & STARVING) && wrong == OFFER_WAKES_ONE -> wake_one() }
        :: !(w & STARVING)
        fi;
        atomic {
                if
                :: s == 0 && (w & WAITING) && wrong != NO_WAKE -> wake_one()
                :: else
                fi
        }
over:   atomic {
                w = 0;
                s = 0;
                before = 0;
                slept = false;
                starves = false;
                goto idle
        }
} unless { life[p] == STOPPED || life[p] == KILLED };
        if
        :: atomic {
                life[p] == KILLED && births > 0 ->
                births--;
                w = 0;
                s = 0;
                before = 0;
                slept = false;
                starves = false;
                named = false;
                told = false;
                me[p] = counted[p] + 1;
                unseen[p] = COUNT;
                life[p] = RUNS }
        :: goto done
        fi;
        atomic { /* behind its count, which others that do not ask the kernel may still see later */
                if
                :: life[p] == RUNS -> held[p] = true
                :: else
                fi;
                goto idle
        }
done:   skip
}

init {
        atomic {
                c_code {
                        now.wrong = atoi(getenv("WRONG"));
                        now.locks = atoi(getenv("LOCKS"));
                        now.deaths = atoi(getenv("DEATHS"));
                        now.births = atoi(getenv("BIRTHS"));
                        now.stops = atoi(getenv("STOPS"));
                        now.deadlines = atoi(getenv("DEADLINES"));
                        now.looks = atoi(getenv("LOOKS"));
                };
                held[0] = true;
                held[1] = true;
                held[2] = true;
                run world();
                run process(0);
                run process(1);
                run process(2)
        }
}
