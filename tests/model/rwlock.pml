/* SPDX-License-Identifier: MIT */

/*
 * Readers and a writer, for Spin: lib/shared/rwlock.c, of three processes that each read or write. docs/design/shared.md, "Locks", says how it works;
 * docs/design/model.md says what is modelled and what is not; test_model.py runs it.
 *
 * Two stores may reach memory later than loads behind them: a reader's place, and a writer's name in the word of the mutex (others that lock it see
 * that at once, since a compare-and-swap does; a plain load does not). The mutex is one step to lock and one to unlock; mutex.pml looks into it.
 */

/* The bounds; each is set for each run. */
byte calls;  /* so often all of them together read or write */
byte deaths; /* so many may be killed */
byte stops;  /* so many may stop for ever, between any two steps */

/* What is wrong on purpose, each with the bounds that show it (as `normal` of test_model.py) and the property that fails. The runner reads these
 * lines. */
byte wrong;
#define PLACE_UNFENCED 1  /* 2 0 0 alone: nothing orders a reader's place before its look at the word */
#define WORD_UNFENCED 2   /* 2 0 0 alone: nothing orders a writer's word before its look at the places */
#define LOOK_FIRST 3      /* 2 0 0 alone: a reader looks at the word, then takes its place */
#define REACH_LATE 4      /* 2 0 0 alone: a reader says that its slot is to be looked at behind its look at the word */
#define DEAD_READ 5       /* 2 1 0 asleep: a writer waits for dead readers */
#define NO_RING 6         /* 2 0 0 asleep: who leaves does not ring */
#define RING_FIRST 7      /* 2 0 0 asleep: it rings, then leaves */
#define BELL_LATE 8       /* 2 0 0 asleep: a writer loads the bell behind its look at the places */
#define DAMAGE_UNSEEN 9   /* 3 1 0 told: a reader goes in where nobody has the mutex, damaged or not */
#define WRITING_LATE 10   /* 2 1 0 told: a writer says that it is in when it has written */
#define WRITING_CLEARED 11 /* 3 1 0 told: who was told and has not mended says that nobody is in */
#define READERS_DAMAGE 12 /* 2 1 0 told: who takes the mutex from a dead reader does not mend it */

/* What holds. Spin quotes an assertion that fails, and so its number; `asleep` is its "invalid end state". */
#define ALONE 1301 /* of the living, a writer is in alone */
#define TOLD 1302  /* who goes in is told that a writer died in it, from then until one says that the data is right; and at no other time */

#define PROCESSES 3

byte owner;               /* the mutex: slot + 1; 0: free */
bool damaged;             /* its bit */
bool shown[PROCESSES];    /* a plain load sees that this one has it */
bool place[PROCESSES];    /* participants[].reads: memory has it */
bool placing[PROCESSES];  /* not yet */
byte reach;               /* slots below this have had readers */
bool writing;
byte bell;
bool asleep[PROCESSES];   /* on the bell */

/* ---- the truth, which nobody looks at but the assertions ---- */

#define RUNS 0
#define STOPPED 1
#define ENDED 2
#define KILLED 3
byte life[PROCESSES];
bool reads[PROCESSES], writes[PROCESSES], broken, trouble;
byte begun;
#define DEAD(slot) (life[slot] == KILLED)
#define HAS_WORD (damaged || (owner != 0 && shown[owner - 1]))
#define MAY_LOCK (owner == 0 || DEAD(owner - 1))

inline goes_in_to_read(p) {
        assert(ALONE && !writes[0] && !writes[1] && !writes[2]);
        assert(TOLD && told == broken);
        reads[p] = true
}

inline goes_in_to_write(p) {
        assert(ALONE && !writes[0] && !writes[1] && !writes[2] && !reads[0] && !reads[1] && !reads[2]);
        assert(TOLD && told == broken);
        writes[p] = true
}

#define MAY_END(p) (life[p] == RUNS && begun > (p))
#define ANYBODY (MAY_END(0) || MAY_END(1) || MAY_END(2))

proctype world() {
        byte p;
end:    do
        :: d_step { placing[0] -> placing[0] = false; place[0] = true }
        :: d_step { placing[1] -> placing[1] = false; place[1] = true }
        :: d_step { placing[2] -> placing[2] = false; place[2] = true }
        :: d_step { owner != 0 && !shown[owner - 1] -> shown[owner - 1] = true }
        :: atomic {
                deaths > 0 && ANYBODY ->
                if
                :: MAY_END(0) -> p = 0
                :: MAY_END(1) -> p = 1
                :: MAY_END(2) -> p = 2
                fi;
                d_step {
                        deaths--;
                        broken = broken || writes[p];
                        writes[p] = false;
                        reads[p] = false;
                        placing[p] = false;
                        asleep[p] = false;
                        trouble = true;
                        life[p] = KILLED;
                        p = 0
                } }
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

/* lock_writers(), mutex_lock() */
inline lock_writers(p) {
        damaged = damaged || owner != 0;
        if
        :: owner != 0 -> shown[owner - 1] = false
        :: else
        fi;
        owner = p + 1;
        if
        :: damaged && !writing && wrong != READERS_DAMAGE -> damaged = false
        :: else
        fi;
        told = damaged
}

inline unlock_writers(p) {
        d_step {
                shown[p] = false;
                owner = 0
        }
}

inline ring() {
        d_step {
                bell++;
                asleep[0] = false;
                asleep[1] = false;
                asleep[2] = false
        }
}

#define READS(slot) (place[slot] && (!DEAD(slot) || wrong == DEAD_READ)) /* slot_reads() */
#define STOPPED_OWNER (owner != 0 && life[owner - 1] == STOPPED)
#define STOPPED_READER ((place[0] && life[0] == STOPPED) || (place[1] && life[1] == STOPPED) || (place[2] && life[2] == STOPPED))

proctype process(byte p) {
        byte i, heard, far;
        bool told, found, turned;
{
        true;
idle:   atomic {
                begun >= p -> /* they are alike: one begins after the other */
                begun = (begun == p -> p + 1 : begun);
                told = false;
                turned = false;
                if
                :: calls > 0 -> calls--
                :: calls > 0 -> calls--; goto write
                :: calls == 0 -> life[p] = ENDED; goto done
                fi
        }

        /* leat_rwlock_read() */
        if
        :: atomic { wrong == LOOK_FIRST -> found = HAS_WORD }
        :: wrong != LOOK_FIRST
        fi;
        if /* enter() */
        :: atomic { wrong != REACH_LATE -> reach = (reach > p -> reach : p + 1) }
        :: wrong == REACH_LATE
        fi;
        atomic { placing[p] = true };
        atomic {
                !placing[p] || wrong == PLACE_UNFENCED ->
                if
                :: wrong != LOOK_FIRST && wrong != DAMAGE_UNSEEN -> found = HAS_WORD
                :: wrong == DAMAGE_UNSEEN -> found = owner != 0 && shown[owner - 1]
                :: wrong == LOOK_FIRST
                fi;
                if
                :: found -> found = false; turned = true; goto leave
                :: else -> goes_in_to_read(p)
                fi
        }
        if
        :: atomic { wrong == REACH_LATE -> reach = (reach > p -> reach : p + 1) }
        :: wrong != REACH_LATE
        fi;

leave:  atomic { /* leave() */
                !placing[p] ->
                reads[p] = false;
                if
                :: wrong == RING_FIRST && HAS_WORD -> ring()
                :: else
                fi
        }
        atomic { place[p] = false };
        atomic {
                if
                :: HAS_WORD && owner != 0 && wrong != NO_RING && wrong != RING_FIRST
                :: else -> goto left
                fi
        }
        atomic { ring() };
left:   if
        :: atomic { !turned -> goto idle }
        :: turned
        fi;
        atomic { /* read_in_turn() */
                if
                :: MAY_LOCK -> lock_writers(p); turned = false
                :: STOPPED_OWNER || (owner != 0 && STOPPED_READER) -> life[p] = ENDED; goto done
                fi
        }
        atomic { reach = (reach > p -> reach : p + 1) };
        atomic { placing[p] = true };
        atomic {
                !placing[p] ->
                unlock_writers(p);
                goes_in_to_read(p);
                goto leave
        }

        /* leat_rwlock_write() */
write:  atomic {
                if
                :: MAY_LOCK -> lock_writers(p)
                :: STOPPED_OWNER || (owner != 0 && STOPPED_READER) -> life[p] = ENDED; goto done
                fi
        }
        atomic { shown[p] || wrong == WORD_UNFENCED }; /* wait_for_readers() */
again:  atomic { wrong == BELL_LATE || true -> heard = bell };
        atomic { far = reach; i = 0; found = false };
        do /* has_readers() */
        :: atomic {
                i < far ->
                found = found || READS(i);
                i++ }
        :: i >= far -> break
        od;
        atomic {
                i = 0;
                far = 0;
                if
                :: !found -> heard = 0; goto in
                :: found && wrong == BELL_LATE -> heard = bell
                :: found && wrong != BELL_LATE
                fi;
                found = false
        }
        atomic { /* region_sleep() */
                if
                :: bell == heard -> asleep[p] = true
                :: else
                fi;
                heard = 0
        }
        if
        :: atomic { !asleep[p] }
        /* After 10 ms, where a look would find something new. */
        :: atomic { trouble && asleep[p] && !READS(0) && !READS(1) && !READS(2) -> asleep[p] = false }
        :: atomic { STOPPED_READER -> life[p] = ENDED; goto done }
        fi;
        goto again;

in:     atomic {
                if
                :: wrong != WRITING_LATE -> writing = true
                :: wrong == WRITING_LATE
                fi;
                goes_in_to_write(p)
        }
        atomic {
                if
                :: wrong == WRITING_LATE -> writing = true
                :: wrong != WRITING_LATE
                fi;
                if
                :: told -> damaged = false; broken = false /* leat_rwlock_mend() */
                :: true
                fi
        }
        atomic { /* unlock_write() */
                writes[p] = false;
                if
                :: !damaged || wrong == WRITING_CLEARED -> writing = false
                :: else
                fi
        }
        atomic {
                unlock_writers(p);
                goto idle
        }
} unless { life[p] == STOPPED || life[p] == KILLED };
done:   skip
}

init {
        atomic {
                c_code {
                        now.wrong = atoi(getenv("WRONG"));
                        now.calls = atoi(getenv("CALLS"));
                        now.deaths = atoi(getenv("DEATHS"));
                        now.stops = atoi(getenv("STOPS"));
                };
                run world();
                run process(0);
                run process(1);
                run process(2)
        }
}
