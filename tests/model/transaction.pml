/* SPDX-License-Identifier: MIT */

/*
 * The transactions and snapshots of a region, for Spin: lib/shared/transaction.c, snapshot.c, version.h, of two writers and one that reads snapshots.
 * docs/design/shared.md, "Transactions", has the steps by number; docs/design/model.md says what is modelled and what is not; test_model.py runs it.
 *
 * Memory is as in ring.pml: stores go into a store buffer, and from there to memory in any order but that stores to one place keep theirs, and a
 * release store waits for all that is older. A release fence waits until the buffer is empty. Of a process that is killed, what memory does not have
 * yet is lost: so each step here may store several times, and a death between any two of them, or of what a compiler made of them, is one of its cases.
 * The mutex is one step to lock and one to unlock; mutex.pml looks into it.
 */

/* The bounds; each is set for each run. */
byte commits; /* so many transactions are begun, all in all */
byte reads;   /* snapshots */
byte deaths;  /* so many processes may be killed */
byte stops;   /* so many may stop for ever, between any two steps */
byte touches; /* a transaction may touch in place what it changes then, and be aborted */

/* What is wrong on purpose, each with the bounds that show it (as `normal` of test_model.py) and the property that fails. The runner reads these
 * lines. */
byte wrong;
#define LIVE_FIRST 1      /* 3 0 1 0 0 begin: `live` is stored before the entries */
#define LIVE_RELAXED 2    /* 3 0 1 0 0 begin: `live` is stored relaxed */
#define NO_FENCE 3        /* 1 1 0 0 0 snapshot: there is no fence between the odd number and the new bytes */
#define NO_TOUCH_FENCE 4  /* 2 0 1 0 1 begin: there is none when touch returns */
#define COMMIT_RELAXED 5  /* 2 0 1 0 0 begin: `live` = 0 is relaxed: it may come before the new bytes */
#define COMMIT_LATE 6     /* 1 1 1 0 0 snapshot: the number is even before `live` is 0: what a snapshot saw is rolled back */
#define SHUT_EARLY 7      /* 1 1 0 0 0 snapshot: the number is even before the new bytes */
#define SHUT_RELAXED 8    /* 1 1 0 0 0 snapshot: the even number is stored relaxed */
#define NO_SECOND_LOOK 9  /* 1 1 0 0 0 snapshot: the number is not looked at again */
#define SECOND_EARLY 10   /* 1 1 0 0 0 snapshot: there is no fence before the second look */
#define LOOK_RELAXED 11   /* 1 1 0 0 0 snapshot: the first look is relaxed */
#define COUNTS_DOWN 12    /* 2 1 1 0 0 snapshot: a rollback counts the number down */
#define CLEARS_FIRST 13   /* 2 0 2 0 0 begin: a rollback clears `live` first */
#define FIRST_FIRST 14    /* 2 0 1 0 1 begin: it puts back the first entry first */
#define NO_ROLLBACK 15    /* 2 0 1 0 0 begin: who is told that the owner died does not roll back */
#define LOG_EARLY 16      /* 2 1 2 0 0 snapshot: there is no fence between a rollback and the log of the next transaction */
#define LEAVES_ODD 17     /* 2 1 1 0 0 even: a rollback leaves the number odd */
#define READER_BLIND 18   /* 1 1 1 0 0 asleep: a snapshot waits for a dead writer */

/* What holds. Spin quotes an assertion that fails, and so its number; `asleep` is its "invalid end state". */
#define BEGINS 1201   /* who has the mutex finds what was committed last: all of it and nothing else */
#define SNAPSHOT 1202 /* a snapshot is what one commit left, not older than the last one before it began; and it stays committed */
#define EVEN 1203     /* who unlocks leaves the number even and nothing to roll back */

#define PROCESSES 3
#define READER 2
#define ENTRIES 10    /* of a store buffer */

/* Places: the two words of the program's, three entries of the log, and of the header `live` and `changes`. */
#define WORD_A 0
#define WORD_B 1
#define LOG 2
#define LIVE 5
#define CHANGES 6
#define PLACES 7
byte memory[PLACES];
#define ENTRY(index, bytes) ((index) | (bytes) << 1)
#define INDEX(entry) ((entry) & 1)
#define BYTES(entry) ((entry) >> 1)

byte owner;           /* slot + 1; 0: free */
bool damaged;

/* Store buffers, the oldest first. An entry: value, place, release; and whether it is a commit. */
typedef buffer_t {
        short entry[ENTRIES];
        byte entries
};
buffer_t buffer[PROCESSES];
#define VALUE(e) ((e) & 31)
#define PLACE(e) (((e) >> 5) & 7)
#define RELEASE 256
#define COMMIT 512
#define EMPTY(p) (buffer[p].entries == 0)

/* ---- the truth, which nobody looks at but the assertions ---- */

#define RUNS 0
#define STOPPED 1
#define ENDED 2
#define KILLED 3
byte life[PROCESSES];
byte committed;       /* number of the last transaction that is */
byte numbers;         /* of those that began */
#define DEAD(mark) (life[(mark) - 1] == KILLED)

inline store(p, place, value, how) {
        buffer[p].entry[buffer[p].entries] = (value) | ((place) << 5) | (how);
        buffer[p].entries++
}

/* What p finds at a place: its own last store, or memory. */
inline load(p, place, result) {
        result = memory[place];
        i = 0;
        do
        :: i < buffer[p].entries && PLACE(buffer[p].entry[i]) == (place) -> result = VALUE(buffer[p].entry[i]); i++
        :: i < buffer[p].entries && PLACE(buffer[p].entry[i]) != (place) -> i++
        :: i >= buffer[p].entries -> break
        od;
        i = 0
}

/* Entry n reaches memory. */
inline reach(n) {
        i = n;
        e = buffer[p].entry[i];
        do
        :: i + 1 < buffer[p].entries -> buffer[p].entry[i] = buffer[p].entry[i + 1]; i++
        :: else -> break
        od;
        buffer[p].entries--;
        buffer[p].entry[i] = 0;
        i = 0;
        memory[PLACE(e)] = VALUE(e);
        committed = (e & COMMIT -> number[p] : committed);
        e = 0
}
byte number[PROCESSES]; /* of the transaction under way */

#define MAY(i) (buffer[p].entries > (i) && !(buffer[p].entry[i] & RELEASE))
#define OTHER(i, j) (PLACE(buffer[p].entry[i]) != PLACE(buffer[p].entry[j]))

/* The store buffer of one process: the oldest may go, and any other that is no release and has no older one to the same place before it. */
proctype drain(byte p) {
        byte i;
        short e;
end:    do
        :: d_step { buffer[p].entries > 0 -> reach(0) }
        :: d_step { MAY(1) && OTHER(1, 0) -> reach(1) }
        :: d_step { MAY(2) && OTHER(2, 0) && OTHER(2, 1) -> reach(2) }
        :: d_step { MAY(3) && OTHER(3, 0) && OTHER(3, 1) && OTHER(3, 2) -> reach(3) }
        :: d_step { MAY(4) && OTHER(4, 0) && OTHER(4, 1) && OTHER(4, 2) && OTHER(4, 3) -> reach(4) }
        :: d_step { MAY(5) && OTHER(5, 0) && OTHER(5, 1) && OTHER(5, 2) && OTHER(5, 3) && OTHER(5, 4) -> reach(5) }
        :: d_step { MAY(6) && OTHER(6, 0) && OTHER(6, 1) && OTHER(6, 2) && OTHER(6, 3) && OTHER(6, 4) && OTHER(6, 5) -> reach(6) }
        od
}

#define ANYBODY (life[0] == RUNS || life[1] == RUNS || life[2] == RUNS)

proctype world() {
        byte p;
end:    do
        :: atomic {
                deaths > 0 && ANYBODY ->
                if
                :: life[0] == RUNS -> p = 0
                :: life[1] == RUNS -> p = 1
                :: life[2] == RUNS -> p = 2
                fi;
                d_step {
                        deaths--;
                        do
                        :: buffer[p].entries > 0 -> buffer[p].entries--; buffer[p].entry[buffer[p].entries] = 0
                        :: else -> break
                        od;
                        life[p] = KILLED;
                        p = 0
                } }
        :: atomic {
                stops > 0 && ANYBODY ->
                if
                :: life[0] == RUNS -> p = 0
                :: life[1] == RUNS -> p = 1
                :: life[2] == RUNS -> p = 2
                fi;
                stops--;
                life[p] = STOPPED;
                p = 0 }
        od
}

/* mutex_lock(): acquire. `told`: -EOWNERDEAD. */
inline lock(p) {
        told = damaged || owner != 0;
        damaged = told;
        owner = p + 1
}
#define MAY_LOCK (owner == 0 || DEAD(owner))
#define FENCED(p) (EMPTY(p))

/* roll_back() behind version_open() and its fence: check_log() and undo() load what nobody else writes. */
inline undo(p) {
        d_step {
                load(p, LIVE, live);
                at = (wrong == FIRST_FIRST -> 0 : live);
                do
                :: wrong != FIRST_FIRST && at > 0 ->
                        at--;
                        load(p, LOG + at, found);
                        store(p, WORD_A + INDEX(found), BYTES(found), 0)
                :: wrong == FIRST_FIRST && at < live ->
                        load(p, LOG + at, found);
                        store(p, WORD_A + INDEX(found), BYTES(found), 0);
                        at++
                :: else -> break
                od;
                at = 0;
                live = 0;
                found = 0
        }
}

/* settle() of roll_back() */
inline settle(p) {
        d_step {
                if
                :: wrong != CLEARS_FIRST -> store(p, LIVE, 0, RELEASE)
                :: else
                fi;
                load(p, CHANGES, found);
                if
                :: wrong == LEAVES_ODD
                :: wrong == COUNTS_DOWN -> store(p, CHANGES, found - (found & 1), RELEASE)
                :: wrong != LEAVES_ODD && wrong != COUNTS_DOWN -> store(p, CHANGES, (found | 1) + 1, RELEASE)
                fi;
                found = 0
        }
}

/* version_open() of roll_back() */
inline open(p) {
        d_step {
                load(p, CHANGES, found);
                if
                :: found & 1
                :: else -> store(p, CHANGES, found + 1, 0)
                fi;
                if
                :: wrong == CLEARS_FIRST -> load(p, LIVE, kept); store(p, LIVE, 0, RELEASE)
                :: else
                fi;
                found = 0
        }
}

/* transaction_settle(): what a dead one left is rolled back. */
inline recover(p) {
        if
        :: wrong == NO_ROLLBACK -> damaged = false; told = false
        :: atomic { wrong != NO_ROLLBACK && told -> open(p) };
           atomic { FENCED(p) -> undo(p); settle(p) };
           atomic { FENCED(p) || wrong == LOG_EARLY -> damaged = false; told = false } /* mutex_mend() */
        :: wrong != NO_ROLLBACK && !told
        fi
}

/* log_range() of one word */
inline log_word(index) {
        load(p, WORD_A + index, found);
        store(p, LOG + logged, ENTRY(index, found), 0);
        found = 0;
        logged++
}

/* publish() */
inline publish(p) {
        if
        :: wrong == LIVE_FIRST
        :: wrong == LIVE_RELAXED -> store(p, LIVE, logged, 0)
        :: wrong != LIVE_FIRST && wrong != LIVE_RELAXED -> store(p, LIVE, logged, RELEASE)
        fi;
        load(p, CHANGES, found);
        if
        :: found & 1
        :: else -> store(p, CHANGES, found + 1, 0)
        fi;
        found = 0
}

/* write_notes(), settle() */
inline commit(p) {
        d_step {
                load(p, CHANGES, found);
                if
                :: wrong == SHUT_EARLY -> store(p, CHANGES, (found | 1) + 1, RELEASE)
                :: else
                fi;
                store(p, WORD_A, number[p], 0);
                store(p, WORD_B, number[p], 0);
                if
                :: wrong == COMMIT_LATE -> store(p, CHANGES, (found | 1) + 1, RELEASE)
                :: else
                fi;
                store(p, LIVE, 0, COMMIT | (wrong == COMMIT_RELAXED -> 0 : RELEASE));
                if
                :: wrong == COMMIT_LATE || wrong == SHUT_EARLY
                :: wrong == SHUT_RELAXED -> store(p, CHANGES, (found | 1) + 1, 0)
                :: else -> store(p, CHANGES, (found | 1) + 1, RELEASE)
                fi;
                found = 0
        }
}

proctype writer(byte p) {
        byte found, at, live, logged, kept, i;
        bool told;
{
        true;
next:   atomic { /* leat_txn_begin() */
                if
                :: commits > 0 && MAY_LOCK -> commits--; lock(p)
                :: commits == 0 -> life[p] = ENDED; goto done
                :: commits > 0 && owner != 0 && life[owner - 1] == STOPPED -> life[p] = ENDED; goto done
                fi
        }
        recover(p);
        atomic {
                d_step {
                        load(p, WORD_A, found);
                        assert(BEGINS && found == committed);
                        load(p, WORD_B, found);
                        assert(BEGINS && found == committed);
                        found = 0;
                        numbers++;
                        number[p] = numbers
                };
                if
                :: touches > 0 -> goto touch
                :: true
                fi
        }
        atomic { /* leat_txn_commit(): apply() */
                d_step {
                        if
                        :: wrong == LIVE_FIRST -> store(p, LIVE, 2, 0)
                        :: else
                        fi;
                        log_word(p);
                        log_word(1 - p);
                        publish(p)
                };
                goto write
        }

touch:  atomic { /* leat_txn_touch() of the first word */
                d_step {
                        touches--;
                        if
                        :: wrong == LIVE_FIRST -> store(p, LIVE, 1, 0)
                        :: else
                        fi;
                        log_word(0);
                        publish(p)
                }
        }
        atomic { /* and the program changes it */
                FENCED(p) || wrong == NO_TOUCH_FENCE ->
                store(p, WORD_A, 15, 0);
                if
                :: true -> goto abort
                :: true
                fi;
                d_step { /* it has set both as well; leat_txn_commit() */
                        log_word(p);
                        log_word(1 - p);
                        publish(p)
                }
        }
write:  atomic {
                FENCED(p) || wrong == NO_FENCE -> commit(p)
        }
        goto over;

abort:  atomic { open(p) };
        atomic { FENCED(p) -> undo(p); settle(p) };

over:   atomic { /* end(): mutex_unlock(), release */
                EMPTY(p) ->
                assert(EVEN && (memory[CHANGES] & 1) == 0 && memory[LIVE] == 0);
                logged = 0;
                number[p] = 0;
                owner = 0;
                goto next
        }
} unless { life[p] == STOPPED || life[p] == KILLED };
done:   skip
}

proctype reader() {
        byte found, at, live, kept, i;
        byte seen, a, b, oldest;
        bool told;
{
        true;
next:   atomic {
                if
                :: reads > 0 -> reads--; oldest = committed
                :: reads == 0 -> life[READER] = ENDED; goto done
                fi
        }
again:  if
        :: atomic { wrong == LOOK_RELAXED -> a = memory[WORD_A] }
        :: wrong != LOOK_RELAXED
        fi;
        atomic { /* version_look() */
                seen = memory[CHANGES];
                if
                :: seen & 1 -> goto odd
                :: else
                fi
        }
        if
        :: atomic { wrong == SECOND_EARLY -> kept = memory[CHANGES] }
        :: wrong != SECOND_EARLY
        fi;
        if /* region_copy_out() */
        :: atomic { wrong != LOOK_RELAXED -> a = memory[WORD_A] }
        :: wrong == LOOK_RELAXED
        fi;
        b = memory[WORD_B];
        atomic { /* version_same() */
                if
                :: wrong == NO_SECOND_LOOK -> kept = seen
                :: wrong == SECOND_EARLY
                :: wrong != NO_SECOND_LOOK && wrong != SECOND_EARLY -> kept = memory[CHANGES]
                fi;
                if
                :: kept == seen ->
                        assert(SNAPSHOT && a == b && a <= committed && a >= oldest);
                        kept = 0; seen = 0; a = 0; b = 0; oldest = 0;
                        goto next
                :: else -> kept = 0; seen = 0; a = 0; b = 0; goto again
                fi
        }
odd:    atomic { /* version_wait() */
                seen = 0;
                a = 0;
                if
                :: (memory[CHANGES] & 1) == 0 -> goto again
                :: (memory[CHANGES] & 1) != 0 && MAY_LOCK && wrong != READER_BLIND -> lock(READER) /* recover() */
                :: owner != 0 && life[owner - 1] == STOPPED -> life[READER] = ENDED; goto done
                fi
        }
        recover(READER);
        atomic {
                EMPTY(READER) ->
                assert(EVEN && (memory[CHANGES] & 1) == 0 && memory[LIVE] == 0);
                owner = 0;
                goto again
        }
} unless { life[READER] == STOPPED || life[READER] == KILLED };
done:   skip
}

init {
        atomic {
                c_code {
                        now.wrong = atoi(getenv("WRONG"));
                        now.commits = atoi(getenv("COMMITS"));
                        now.reads = atoi(getenv("READS"));
                        now.deaths = atoi(getenv("DEATHS"));
                        now.stops = atoi(getenv("STOPS"));
                        now.touches = atoi(getenv("TOUCHES"));
                };
                run drain(0);
                run drain(1);
                run drain(2);
                run world();
                run writer(0);
                run writer(1);
                run reader()
        }
}
