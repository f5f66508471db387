/* SPDX-License-Identifier: MIT */

/*
 * How who waits for a change of a region is woken, for Spin: lib/shared/notice.c, of two publishers and two observers. docs/design/shared.md,
 * "Notices", says how it works; docs/design/model.md says what is modelled and what is not; test_model.py runs it.
 *
 * An observer's count, and a publisher's, may reach memory later than loads behind them, unless something orders them. `served` may come at any time.
 */

/* The bounds; each is set for each run. */
byte published; /* so many changes, all in all */
byte waits;     /* so many waits, all in all */
byte deaths;    /* so many publishers and observers may be killed */

/* What is wrong on purpose, each with the bounds that show it (as `normal` of test_model.py) and the property that fails. The runner reads these
 * lines. */
byte wrong;
#define COUNT_UNFENCED 1  /* 1 1 0 asleep: nothing orders an observer's count before its look */
#define CHANGE_UNFENCED 2 /* 1 1 0 asleep: nothing orders a change before the look for sleepers */
#define NO_LAST_LOOK 3    /* 1 1 0 asleep: an observer sleeps without looking a last time, on what stands there then */
#define SERVED_LATE 4     /* 2 2 0 asleep: it reads how many are to be woken behind the change */
#define NEVER_AGAIN 5     /* 1 1 1 asleep: an observer that nobody wakes never looks by itself */

byte changes, sleeps, served;
byte counting[2], changing[2]; /* not in memory yet; of each observer, of each publisher */
bool asleep[2];

#define RUNS 0
#define ENDED 2
#define KILLED 3
byte life[4];                  /* publishers, then observers */
bool trouble;                  /* a publisher was killed */

inline kill(p) {
        d_step {
                deaths--;
                if
                :: p < 2 -> trouble = true; changing[p] = 0
                :: p >= 2 -> asleep[p - 2] = false; counting[p - 2] = 0
                fi;
                life[p] = KILLED
        }
}

proctype world() {
end:    do
        :: d_step { counting[0] > 0 -> counting[0]--; sleeps++ }
        :: d_step { counting[1] > 0 -> counting[1]--; sleeps++ }
        :: d_step { changing[0] > 0 -> changing[0]--; changes++ }
        :: d_step { changing[1] > 0 -> changing[1]--; changes++ }
        :: atomic { deaths > 0 && life[0] == RUNS -> kill(0) }
        :: atomic { deaths > 0 && life[1] == RUNS -> kill(1) }
        :: atomic { deaths > 0 && life[2] == RUNS -> kill(2) }
        :: atomic { deaths > 0 && life[3] == RUNS -> kill(3) }
        od
}

proctype publisher(byte p) {
        byte those;
{
        true;
next:   atomic { /* count() */
                those = sleeps;
                if
                :: published > 0 -> published--
                :: published == 0 -> life[p] = ENDED; goto done
                fi
        }
        atomic { changing[p]++ };
        if
        :: atomic { wrong == SERVED_LATE && changing[p] == 0 -> those = sleeps }
        :: wrong != SERVED_LATE
        fi;
        atomic {
                changing[p] == 0 || wrong == CHANGE_UNFENCED ->
                if
                :: sleeps == served -> those = 0; goto next
                :: else
                fi
        }
        d_step { asleep[0] = false; asleep[1] = false };
        atomic { served = those; those = 0; goto next }
} unless { life[p] == KILLED };
done:   skip
}

proctype observer(byte o) {
        byte seen, now_;
{
        true;
next:   atomic { /* leat_part_wait() */
                if
                :: waits > 0 -> waits--
                :: waits == 0 -> life[2 + o] = ENDED; goto done
                fi
        }
again:  atomic {
                now_ = changes;
                if
                :: now_ != seen -> seen = now_; now_ = 0; goto next
                :: else
                fi
        }
        atomic { counting[o]++ }; /* sleep_on() */
        atomic {
                counting[o] == 0 || wrong == COUNT_UNFENCED ->
                if
                :: changes != now_ && wrong != NO_LAST_LOOK -> goto again
                :: else
                fi
        }
        atomic { /* region_sleep() */
                if
                :: changes == now_ || wrong == NO_LAST_LOOK -> asleep[o] = true
                :: else
                fi;
                now_ = 0
        }
        if
        :: atomic { !asleep[o] -> goto again }
        /* By itself, after 100 ms: a publisher that was killed had not woken it. */
        :: atomic { trouble && asleep[o] && changes != seen && wrong != NEVER_AGAIN -> asleep[o] = false; goto again }
        /* Nobody publishes any more, and nothing has changed. */
        :: atomic { life[0] != RUNS && life[1] != RUNS && changes == seen && changing[0] == 0 && changing[1] == 0 -> life[2 + o] = ENDED; goto done }
        fi
} unless { life[2 + o] == KILLED };
done:   skip
}

init {
        atomic {
                c_code {
                        now.wrong = atoi(getenv("WRONG"));
                        now.published = atoi(getenv("PUBLISHED"));
                        now.waits = atoi(getenv("WAITS"));
                        now.deaths = atoi(getenv("DEATHS"));
                };
                run world();
                run publisher(0);
                run publisher(1);
                run observer(0);
                run observer(1)
        }
}
