/* SPDX-License-Identifier: MIT */

/*
 * The waiting place of semaphores and buffers, for Spin: lib/shared/waiting.c, of two that take and two that give. docs/design/shared.md, "Locks",
 * says how it works; docs/design/model.md says what is modelled and what is not; test_model.py runs it.
 *
 * What is given may reach memory later than loads behind it, unless something orders it; so may a sleeper's count.
 */

/* The bounds; each is set for each run. */
byte gives;     /* so many are given, all in all */
byte deadlines; /* so often may one that takes give up */
byte deaths;    /* so many may be killed */
byte stops;     /* so many may stop for ever, between any two steps */

/* What is wrong on purpose, each with the bounds that show it (as `normal` of test_model.py) and the property that fails. The runner reads these
 * lines. */
byte wrong;
#define COUNT_UNFENCED 1 /* 1 0 0 0 asleep: nothing orders a sleeper's count before its last look */
#define GIVE_UNFENCED 2  /* 1 0 0 0 asleep: nothing orders what is given before the look for sleepers */
#define NO_LAST_LOOK 3   /* 1 0 0 0 asleep: one sleeps without a last look */
#define RUNG_LATE 4      /* 1 0 0 0 asleep: one loads `rung` behind its last look */
#define COUNTS_TWICE 5   /* 2 0 0 0 asleep: who was rung for counts itself down too */
#define NOT_IN_TURN 7    /* 3 0 0 0 asleep: the kernel wakes any of those that sleep, not the one that has slept longest */
#define NEVER_LOOKS 6    /* 2 0 1 0 asleep: who sleeps never looks by itself */

byte free, sleepers, rung;
byte giving[2], counting[2]; /* not in memory yet; of each giver, of each taker */
bool asleep[2];
byte oldest;                 /* who of two that sleep did so first: FUTEX_WAKE wakes in this order */

#define RUNS 0
#define STOPPED 1
#define ENDED 2
#define KILLED 3
byte life[4];   /* takers, then givers */
bool trouble;   /* somebody was killed or stopped */

inline ends(p, how) {
        d_step {
                trouble = true;
                if
                :: p < 2 && how == KILLED -> asleep[p] = false; counting[p] = 0
                :: p >= 2 && how == KILLED -> giving[p - 2] = 0
                :: how == STOPPED
                fi;
                life[p] = how
        }
}

proctype world() {
end:    do
        :: d_step { giving[0] > 0 -> giving[0]--; free++ }
        :: d_step { giving[1] > 0 -> giving[1]--; free++ }
        :: d_step { counting[0] > 0 -> counting[0]--; sleepers++ }
        :: d_step { counting[1] > 0 -> counting[1]--; sleepers++ }
        :: atomic { deaths > 0 && life[0] == RUNS -> deaths--; ends(0, KILLED) }
        :: atomic { deaths > 0 && life[2] == RUNS -> deaths--; ends(2, KILLED) }
        :: atomic { stops > 0 && life[0] == RUNS -> stops--; ends(0, STOPPED) }
        :: atomic { stops > 0 && life[2] == RUNS -> stops--; ends(2, STOPPED) }
        od
}

/* count_down() */
inline count_down() {
        sleepers = (sleepers > 0 -> sleepers - 1 : 0)
}

proctype giver(byte g) {
{
        true;
next:   atomic {
                if
                :: gives > 0 -> gives--; giving[g]++
                :: gives == 0 -> life[2 + g] = ENDED; goto done
                fi
        }
        atomic { /* waiting_ring() */
                giving[g] == 0 || wrong == GIVE_UNFENCED ->
                if
                :: sleepers == 0 -> goto next
                :: else
                fi
        }
        atomic { /* waiting_wake() */
                if
                :: sleepers == 0 -> goto next
                :: else -> count_down()
                fi
        }
        rung++;
        atomic {
                if
                :: asleep[oldest] || wrong == NOT_IN_TURN -> asleep[oldest] = false
                :: asleep[1 - oldest] && (!asleep[oldest] || wrong == NOT_IN_TURN) -> asleep[1 - oldest] = false
                :: !asleep[0] && !asleep[1]
                fi;
                goto next
        }
} unless { life[2 + g] == STOPPED || life[2 + g] == KILLED };
done:   skip
}

#define NO_MORE (free == 0 && (gives == 0 || (life[2] != RUNS && life[3] != RUNS)) && giving[0] == 0 && giving[1] == 0)

proctype taker(byte t) {
        byte heard, over; /* over: 1: the deadline has passed, 2: and it has looked once more */
        bool got;
{
        true;
next:   atomic { /* waiting_wait(), look_and_sleep() */
                if
                :: wrong != RUNG_LATE -> heard = rung
                :: wrong == RUNG_LATE
                fi
        }
        atomic { counting[t]++ };
        atomic { /* look() */
                counting[t] == 0 || wrong == COUNT_UNFENCED ->
                if
                :: free > 0 && wrong != NO_LAST_LOOK -> free--; got = true; goto away
                :: else
                fi
        }
        if
        :: atomic { wrong == RUNG_LATE -> heard = rung }
        :: wrong != RUNG_LATE
        fi;
        atomic { /* region_sleep() */
                if
                :: over == 1 -> over = 2; goto away
                :: over == 0 && deadlines > 0 -> deadlines--; over = 1
                :: over == 0
                fi;
                if
                :: rung == heard -> asleep[t] = true; oldest = (asleep[1 - t] -> 1 - t : t)
                :: else
                fi
        }
        if
        :: atomic { !asleep[t] }
        :: atomic { asleep[t] && over -> asleep[t] = false }
        /* After 10 ms, where a look would find something new. */
        :: atomic { asleep[t] && trouble && free > 0 && wrong != NEVER_LOOKS -> asleep[t] = false }
        :: atomic { asleep[t] && NO_MORE -> life[t] = ENDED; goto done }
        fi;
        if
        :: atomic { wrong == NO_LAST_LOOK && free > 0 -> free--; got = true }
        :: atomic { wrong != NO_LAST_LOOK || free == 0 }
        fi;
away:   atomic {
                if
                :: rung == heard || wrong == COUNTS_TWICE -> count_down()
                :: else
                fi;
                heard = 0;
                if
                :: over == 2 -> life[t] = ENDED; goto done
                :: got -> life[t] = ENDED; goto done
                :: over < 2 -> got = false; goto next
                fi
        }
} unless { life[t] == STOPPED || life[t] == KILLED };
done:   skip
}

init {
        atomic {
                c_code {
                        now.wrong = atoi(getenv("WRONG"));
                        now.gives = atoi(getenv("GIVES"));
                        now.deadlines = atoi(getenv("DEADLINES"));
                        now.deaths = atoi(getenv("DEATHS"));
                        now.stops = atoi(getenv("STOPS"));
                };
                run world();
                run taker(0);
                run taker(1);
                run giver(0);
                run giver(1)
        }
}
