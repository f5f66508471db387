/* SPDX-License-Identifier: MIT */

/*
 * The ring of shm: and how its two parties sleep, for Spin: lib/memory/ring.[ch], lib/channel/link_ring.c, lib/channel/hub_ring.c, of one writer and
 * one reader. docs/design/model.md says what is modelled and what is not; test_model.py runs it.
 *
 * Memory is weaker than that of any processor that we run on. What a party stores goes into its store buffer. From there it reaches memory in any
 * order, but for two rules: stores to one place keep their order, and a release store waits for all that is older. So a store may be overtaken by
 * later loads (as on x86) and by later stores (as on ARM). A load takes from memory at once; where one that is not acquire could take place
 * earlier, the model takes it earlier by an explicit choice.
 *
 * A step is one load, one system call or one store that reaches memory, and what the party does by itself behind it.
 */

/* The bounds; those in lower case are set for each run. */
#ifndef CELLS
#define CELLS 4 /* of the ring; a cell stands for RING_ALIGN bytes */
#endif
#define OWED 2            /* ring_owes(): so much untold; a quarter of so small a ring would be each record */
#define POSITIONS 16      /* positions are counted modulo this as they are modulo 2^64 */
#define START 13          /* so that they pass it */
#define SLEEPS_MOST 1     /* ring->sleeps_most: so many sleeps, and the wakes are read */
#define UNREAD_MOST 3     /* wakes that there is room for: one for each sleep until they are read, and two that came late */
#define ENTRIES 8         /* of a store buffer: a store waits while it is full */
byte messages;  /* that are sent */
byte largest;   /* so many cells of bytes has a message at most, behind its word: 0 to 2 */
byte batch;     /* two may be published at once */
byte deaths;    /* so many parties may be killed */
byte deadlines; /* so often may a sender give up */
byte fences;    /* the publishers fence: the system has no membarrier */
byte tso;       /* stores do not overtake each other, as on x86 */

/* What is wrong on purpose, each with the bounds that show it (as `normal` of test_model.py) and the property that fails. The runner reads these
 * lines. */
byte wrong;
#define NO_BARRIER 1     /* 2 1 0 0 0 0 asleep: the sleeper has no barrier at all */
#define OWN_FENCE 2      /* 2 1 0 0 0 0 asleep: the sleeper has a fence of its own in place of membarrier */
#define NO_FENCE 3       /* 2 1 0 0 0 1 asleep: a publisher whom no membarrier reaches has no fence */
#define NO_SECOND_LOOK 4 /* 2 1 0 0 0 0 asleep: the receiver sleeps without a second look */
#define NO_SECOND_ROOM 5 /* 3 1 0 0 0 0 asleep: the sender sleeps without a second look */
#define TOLD_ROOM 6      /* 5 0 0 0 0 0 asleep: the second look of the sender is at `taken`, not at `read` */
#define ZERO_LATE 7      /* 3 1 0 0 0 0 record: the zero behind is stored after the word */
#define ZERO_NONE 8      /* 3 1 0 0 0 0 record: there is no zero behind */
#define ZERO_NO_ROOM 9   /* 3 1 0 0 0 0 overwritten: no room is kept for the zero behind */
#define WORD_RELAXED 10  /* 3 1 0 0 0 0 copy: the word is stored relaxed */
#define LOOK_RELAXED 11  /* 3 1 0 0 0 0 copy: the word is loaded relaxed */
#define TOLD_EARLY 12    /* 3 1 0 0 0 0 copy: `taken` and `read` are told before the copy */
#define TELL_RELAXED 13  /* 3 1 0 0 0 0 copy: `taken` and `read` are stored relaxed */
#define UNNUMBERED 14    /* 4 0 0 0 0 0 full: a wake for each message while the bit is set */
#define SAME_NUMBER 15   /* 2 1 0 0 0 0 asleep: a sleep has the number of the one before it */
#define DRAIN_LATE 16    /* 3 1 0 0 0 0 asleep: the sender reads its wakes after its second look */
#define ONE_LIMIT 17     /* 5 0 0 0 0 0 limit: `taken` is checked against what `read` said */
#define END_UNSEEN 18    /* 2 1 0 0 0 0 end: the end is told at the hang-up, without another look at the ring */
#define GONE_RELAXED 19  /* 2 1 0 0 0 0 end: `gone` is believed without another look at the ring */

/* What holds. Spin quotes an assertion that fails, and so its number; `asleep` is its "invalid end state". */
#define RECORD 1001      /* what is taken for a record is one that was published, and the next */
#define COPY 1002        /* its bytes are those of that message */
#define OVERWRITTEN 1003 /* nothing that is published and unread is written (invariant 2) */
#define BEHIND 1004      /* behind what is published there is a zero (invariant 1) */
#define FULL 1005        /* there is always room for a wake: one that does not fit wakes nobody */
#define LIMIT 1006       /* what an honest reader says is within the limits that it is checked against */
#define END 1007         /* at the end all that was published has been read */

/* ---- memory ---- */

#define WRITER 0
#define READER 1
/* places; below these: the cells of the ring */
#define ASLEEP 8          /* of the writer, of the reader */
#define WANTED 10
#define GONE 11
#define TAKEN 12
#define READ 13
#define WAKE 14           /* of the writer, of the reader: a byte is sent to it; the kernel's locks release */

byte cell[CELLS];
byte asleep[2], wanted, gone, taken = START, read = START;
byte unread[2];           /* wakes that were sent and not read */
bool sending[2];          /* one is on its way: the next system call comes behind it */
bool edge;                /* the reader's epoll has not told of the last one */

/* Of each party's struct link_ring: what stands in its state->asleep, how often it slept, out of which sleep it woke the other last; and the other's
 * `asleep` as it was loaded. */
byte mine[2], sleeps[2], woken[2], theirs[2];
byte number;

/* Store buffers, the oldest first. An entry: value, place, release, and of a word that publishes how much. */
typedef buffer_t {
        short entry[ENTRIES];
        byte entries
};
buffer_t buffer[2];
#define VALUE(e) ((e) & 127)
#define PLACE(e) (((e) >> 7) & 15)
#define RELEASE 2048
#define LENGTH(e) ((e) >> 12)
#define FREE(p, n) (buffer[p].entries + (n) <= ENTRIES)

inline store(p, place, value, how) {
        buffer[p].entry[buffer[p].entries] = (value) | ((place) << 7) | (how);
        buffer[p].entries++
}

/* ---- the truth, which nobody looks at but the assertions ---- */

byte tail = START;        /* read and copied by the reader; its own position too */
byte shown = START;       /* what the writer published, as far as memory has it */
#define MORE(a, b) (((a) - (b)) & (POSITIONS - 1))

#define RUNS 0
#define STOPPED 1         /* for ever, between two calls */
#define CLOSED 2
#define KILLED 3
byte life[2];
/* The kernel hangs up after the last store. */
#define HUNG_UP(p) (life[p] >= CLOSED && buffer[p].entries == 0)

/* The words of message k, and its bytes: each looks like the word of the message behind it. */
#define WORD(k, size) (1 + (size) + 4 * (k))
#define BYTES(k, i) (3 - (i) + 4 * ((k) + 1))
#define SIZE(word) (((word) & 3) - 1)
#define AT(position) ((position) & (CELLS - 1))

/* Entry i reaches memory. */
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
        if
        :: PLACE(e) < CELLS ->
                /* Invariant 2: nothing that is published and not read is written. */
                assert(OVERWRITTEN && (MORE(PLACE(e), tail) % CELLS >= MORE(shown, tail) || (wrong && wrong != ZERO_NO_ROOM)));
                cell[PLACE(e)] = VALUE(e);
                shown = (shown + LENGTH(e)) & (POSITIONS - 1);
                /* Invariant 1: behind what is published is a zero. */
                assert(BEHIND && (LENGTH(e) == 0 || cell[AT(shown)] == 0 || wrong))
        :: PLACE(e) == ASLEEP + WRITER -> asleep[WRITER] = VALUE(e)
        :: PLACE(e) == ASLEEP + READER -> asleep[READER] = VALUE(e)
        :: PLACE(e) == WANTED -> wanted = VALUE(e)
        :: PLACE(e) == GONE -> gone = VALUE(e)
        :: PLACE(e) == TAKEN -> taken = VALUE(e)
        :: PLACE(e) == READ -> read = VALUE(e)
        :: PLACE(e) >= WAKE ->
                sending[p] = false;
                assert(FULL && unread[PLACE(e) - WAKE] < UNREAD_MOST);
                edge = edge || (PLACE(e) == WAKE + READER && unread[READER] < UNREAD_MOST);
                unread[PLACE(e) - WAKE] = (unread[PLACE(e) - WAKE] < UNREAD_MOST -> unread[PLACE(e) - WAKE] + 1 : UNREAD_MOST)
        fi;
        e = 0
}

#define ENTRY(i) buffer[p].entry[i]
#define OTHER(i, j) (PLACE(ENTRY(i)) != PLACE(ENTRY(j)))
#define MAY(i) (!tso && buffer[p].entries > (i) && !(ENTRY(i) & RELEASE) && OTHER(i, 0))

/* The store buffer of one party: the oldest may go, and any other that is no release and has no older one to the same place before it. */
proctype memory(byte p) {
        byte i;
        short e;
end:    do
        :: d_step { buffer[p].entries > 0 -> reach(0) }
        :: d_step { MAY(1) -> reach(1) }
        :: d_step { MAY(2) && OTHER(2, 1) -> reach(2) }
        :: d_step { MAY(3) && OTHER(3, 1) && OTHER(3, 2) -> reach(3) }
        :: d_step { MAY(4) && OTHER(4, 1) && OTHER(4, 2) && OTHER(4, 3) -> reach(4) }
        :: d_step { MAY(5) && OTHER(5, 1) && OTHER(5, 2) && OTHER(5, 3) && OTHER(5, 4) -> reach(5) }
        :: d_step { MAY(6) && OTHER(6, 1) && OTHER(6, 2) && OTHER(6, 3) && OTHER(6, 4) && OTHER(6, 5) -> reach(6) }
        :: d_step { MAY(7) && OTHER(7, 1) && OTHER(7, 2) && OTHER(7, 3) && OTHER(7, 4) && OTHER(7, 5) && OTHER(7, 6) ->
                    reach(7) }
        :: d_step { /* What it had not stored before it was killed. */
                life[p] == KILLED && buffer[p].entries > 0 ->
                do
                :: buffer[p].entries > 0 -> buffer[p].entries--; ENTRY(buffer[p].entries) = 0
                :: else -> break
                od;
                sending[p] = false
        }
        od
}

/* kill -9, at any step; and when it is clear that it does not come. */
proctype killer() {
end:    do
        :: d_step { deaths > 0 && life[WRITER] == RUNS -> deaths--; life[WRITER] = KILLED }
        :: d_step { deaths > 0 && life[READER] == RUNS -> deaths--; life[READER] = KILLED }
        :: deaths > 0 -> deaths = 0
        od
}

/* barrier_all() of the sleeper: a fence here, and one in each thread of the other party, if that registered for it. */
inline barrier_all(p) {
        if
        :: wrong == NO_BARRIER
        :: wrong != NO_BARRIER && buffer[p].entries == 0 && (fences || wrong == OWN_FENCE || buffer[1 - p].entries == 0)
        fi
}

/* fence() of the publisher. */
#define FENCED(p) (!fences || wrong == NO_FENCE || buffer[p].entries == 0)

/* Numbers of sleeps are compared for equality alone, so the lowest that stands nowhere is as good as one more than the last. */
inline find_number(p) {
        number = 0;
        do
        :: number++;
           i = 0;
           do
           :: i < buffer[p].entries && (PLACE(buffer[p].entry[i]) != ASLEEP + p || VALUE(buffer[p].entry[i]) / 4 != number) -> i++
           :: else -> break
           od;
           if
           :: i == buffer[p].entries && asleep[p] / 4 != number && woken[1 - p] != number && theirs[1 - p] / 4 != number -> break
           :: else
           fi
        od;
        i = 0
}

/* link_ring_sleeps() stores `value` */
inline sleeps_as(p, as) {
        d_step {
                find_number(p);
                number = (wrong == SAME_NUMBER -> 1 : number);
                mine[p] = (mine[p] & 3) | as | (number * 4);
                number = 0;
                sleeps[p] = (sleeps[p] < SLEEPS_MOST -> sleeps[p] + 1 : SLEEPS_MOST);
                store(p, ASLEEP + p, mine[p], RELEASE)
        }
}

/* link_ring_wakes() */
inline clear(p, as) {
        d_step {
                mine[p] = mine[p] & ~(as);
                store(p, ASLEEP + p, mine[p], 0)
        }
}

/* wake(): once out of each sleep; `asleep` is loaded again for it */
inline wake(p) {
        theirs[p] = asleep[1 - p];
        if
        :: d_step {
                theirs[p] / 4 != woken[p] || wrong == UNNUMBERED ->
                woken[p] = theirs[p] / 4;
                sending[p] = true;
                store(p, WAKE + (1 - p), 1, RELEASE) }
        :: else
        fi;
        theirs[p] = 0
}

/* ---- the writer ---- */

#define NEEDS(size) (1 + (size))
#define FITS(size) (MORE(head, known) + pending + NEEDS(size) + (wrong != ZERO_NO_ROOM) <= CELLS)

/* link_ring_put_plain(), ring_add() */
inline put(size) {
        d_step {
                i = 1;
                do
                :: i <= size ->
                        store(WRITER, AT(head + pending + i), BYTES(k, i), 0);
                        i++
                :: else -> break
                od;
                i = 0;
                if
                :: pending == 0 -> first = WORD(k, size)
                :: else -> store(WRITER, AT(head + pending), WORD(k, size), 0)
                fi;
                pending = pending + NEEDS(size);
                k++
        }
}

/* ring_publish() */
inline publish() {
        d_step {
                if
                :: wrong == ZERO_LATE || wrong == ZERO_NONE
                :: else -> store(WRITER, AT(head + pending), 0, 0)
                fi;
                store(WRITER, AT(head), first, (pending << 12) + (wrong == WORD_RELAXED -> 0 : RELEASE));
                if
                :: wrong == ZERO_LATE -> store(WRITER, AT(head + pending), 0, 0)
                :: else
                fi;
                head = (head + pending) & (POSITIONS - 1);
                pending = 0;
                first = 0
        }
}

/* ring_ask_taken(): the reader is honest, so what it says never breaks the rules */
inline ask_taken(exactly) {
        d_step {
                i = (exactly -> read : taken);
                last = ((exactly) || wrong == ONE_LIMIT -> known : told);
                assert(LIMIT && MORE(i, last) <= MORE(head, last));
                last = 0;
                told = (exactly -> told : i);
                known = (MORE(i, known) < POSITIONS / 2 -> i : known);
                i = 0
        }
}

proctype writer() {
        byte head = START, known = START, told = START, pending, first; /* struct ring_writer; known: its `taken` */
        byte k, size, last, i;
        bool hurried;
{
        true;
next:   atomic { /* leat_send() */
                FREE(WRITER, 6);
                if
                :: k < messages -> size = 0
                :: k < messages && largest > 0 -> size = 1
                :: k < messages && largest > 1 -> size = 2
                :: k == messages -> goto close
                :: life[WRITER] = STOPPED -> goto done
                fi;
try:            if /* make_room(): ring_room() */
                :: FITS(size) -> goto fits
                :: else
                fi
        }
        atomic {
                FREE(WRITER, 6);
                ask_taken(0);
                if
                :: FITS(size)
                :: else -> goto arm
                fi;
fits:           put(size);
                if /* another one with it */
                :: batch && k < messages && FITS(0) -> put(0)
                :: batch && k < messages && largest > 0 && FITS(1) -> put(1)
                :: true
                fi;
                size = 0;
                publish()
        }
        atomic { /* link_ring_tell_receiver() */
                FENCED(WRITER) && FREE(WRITER, 7) ->
                if
                :: (asleep[READER] & 1) -> goto rouse
                :: else -> goto next
                fi
        }
rouse:  atomic { /* link_ring_wake_receiver() */
                !sending[WRITER] ->
                wake(WRITER);
                goto next
        }

arm:    atomic { /* arm_sender(): link_ring_drain(), link_ring_sleeps() */
                FREE(WRITER, 2) ->
                if
                :: wrong == DRAIN_LATE
                :: else -> unread[WRITER] = 0
                fi;
                store(WRITER, WANTED, (head + NEEDS(size) + 1 - CELLS) & (POSITIONS - 1), 0);
                sleeps_as(WRITER, 2);
                sleeps[WRITER] = 0
        }
        barrier_all(WRITER);
        atomic { /* link_ring_may_sleep(): ring_room_exactly() */
                if
                :: wrong == NO_SECOND_ROOM
                :: wrong == TOLD_ROOM -> ask_taken(0)
                :: else -> ask_taken(1)
                fi;
                if
                :: FITS(size) -> goto disarm
                :: else
                fi;
                if
                :: deadlines > 0 -> deadlines--; hurried = true
                :: true
                fi
        }
        if
        :: d_step { wrong == DRAIN_LATE -> unread[WRITER] = 0 }
        :: else
        fi;
        if /* ppoll() */
        :: unread[WRITER] > 0
        :: HUNG_UP(READER) -> goto close /* -EWAKE */
        :: hurried
        /* The reader comes no more, and there is no room: it may sleep for ever. */
        :: life[READER] == STOPPED && MORE(head, tail) + NEEDS(size) + 1 > CELLS -> goto done
        fi;
disarm: atomic { /* hub_ring_disarm(): link_ring_wakes() */
                FREE(WRITER, 7) ->
                clear(WRITER, 2);
                if
                :: hurried -> hurried = false; goto next /* it has given up; the next one may be smaller */
                :: else -> goto try
                fi
        }

close:  atomic { /* link_ring_free(), close() */
                FREE(WRITER, 1) ->
                store(WRITER, GONE, 1, (wrong == GONE_RELAXED -> 0 : RELEASE));
                life[WRITER] = CLOSED
        }
done:   skip
} unless { life[WRITER] == KILLED }
}

/* ---- the reader ---- */

/* ring_tell() */
inline tell() {
        d_step {
                if
                :: told != tail ->
                        told = tail;
                        store(READER, TAKEN, tail, (wrong == TELL_RELAXED -> 0 : RELEASE))
                :: else
                fi
        }
}

/* ring_advance() and ring_owes() */
inline advance(by) {
        d_step {
                tail = (tail + by) & (POSITIONS - 1);
                store(READER, READ, tail, (wrong == TELL_RELAXED -> 0 : RELEASE));
                if
                :: MORE(tail, told) >= OWED ->
                        told = tail;
                        store(READER, TAKEN, tail, (wrong == TELL_RELAXED -> 0 : RELEASE))
                :: else
                fi
        }
}

/* What its epoll tells of: each byte once, and each hang-up. */
#define EVENT ((edge && unread[READER] > 0) || (HUNG_UP(WRITER) && !end_seen))

proctype reader() {
        byte told = START; /* struct ring_reader */
        bool closely = true, hung_up, end_seen, asks;
        byte k, word, early, size, copied, passed, wants, i;
{
        true;
next:   if
        :: atomic { wrong == LOOK_RELAXED -> early = cell[AT(tail + 1)] } /* what is not acquire lets later loads go first */
        :: wrong != LOOK_RELAXED
        fi;
        atomic {
                FREE(READER, 5);
                if
                :: EVENT -> goto harvest /* hub_look(): the epoll is asked, now and then, and after each sleep (hub->turn) */
                :: life[READER] = STOPPED -> goto done
                :: !asks || !EVENT -> asks = false
                fi;
look:           word = cell[AT(tail + passed)]; /* link_ring_find(): ring_look(), parse(); take_some() */
                if
                :: word == 0 && passed > 0 -> goto pass
                :: word == 0 && passed == 0 && hung_up -> goto close
                :: word == 0 && passed == 0 && !hung_up -> tell(); goto nothing
                :: else
                fi;
                assert(RECORD && MORE(shown, tail) > passed && word / 4 == k && SIZE(word) <= 2 && NEEDS(SIZE(word)) < CELLS);
                size = SIZE(word);
                word = 0;
                if
                :: wrong != TOLD_EARLY
                :: wrong == TOLD_EARLY || wrong == TELL_RELAXED -> /* without release these go before the loads of the copy */
                        store(READER, READ, (tail + NEEDS(size)) & (POSITIONS - 1), 0);
                        store(READER, TAKEN, (tail + NEEDS(size)) & (POSITIONS - 1), 0)
                fi;
                if
                :: size == 0 -> goto copy
                :: else
                fi
        }
        do /* quick_receive(), link_take_frame() */
        :: atomic {
                FREE(READER, 2) ->
                copied++;
                assert(COPY && (early && copied == 1 -> early : cell[AT(tail + passed + copied)]) == BYTES(k, copied));
                if
                :: copied == size -> goto copy
                :: else
                fi
           }
        od;
copy:   atomic {
                copied = 0;
                early = 0;
                passed = passed + NEEDS(size);
                size = 0;
                k++;
                if /* another one with it */
                :: batch -> goto look
                :: true
                fi;
pass:           advance(passed); /* link_ring_pass(): ring_advance(), ring_tell() */
                passed = 0
        }
        atomic {
                FENCED(READER) && FREE(READER, 4) ->
                if /* has_room(): what it wants may be loaded first */
                :: wants = wanted
                :: wants = POSITIONS
                fi
        }
        atomic {
                if
                :: (asleep[WRITER] & 2)
                :: else -> wants = 0; goto next
                fi
        }
        atomic { /* link_ring_tell_sender(): has_room() */
                wants = (wants == POSITIONS -> wanted : wants);
                if
                :: MORE(tail, wants) < POSITIONS / 2 -> wants = 0; tell()
                :: else -> wants = 0; goto next
                fi
        }
        atomic {
                !sending[READER] ->
                wake(READER);
                goto next
        }

nothing:
        atomic { /* -EAGAIN, or look_closely() */
                if
                :: !closely && !gone -> goto sleep
                :: else
                fi
        }
        atomic {
                closely = false;
                hung_up = gone;
                if
                :: hung_up && wrong == GONE_RELAXED -> goto close
                :: hung_up -> goto look
                :: else
                fi
        }
        atomic {
                hung_up = HUNG_UP(WRITER);
                if
                :: hung_up && wrong == END_UNSEEN -> goto close
                :: hung_up -> goto look
                :: else
                fi
        }

sleep:  atomic { /* sleep_on_all() */
                FREE(READER, 1) ->
                sleeps_as(READER, 1);
        }
        barrier_all(READER);
        atomic { /* link_ring_may_sleep() */
                FREE(READER, 1) ->
                if
                :: wrong != NO_SECOND_LOOK && cell[AT(tail)] != 0 -> clear(READER, 1); asks = true; goto next
                :: else
                fi
        }
        atomic {
                FREE(READER, 1) ->
                if
                :: wrong != NO_SECOND_LOOK && gone -> clear(READER, 1); asks = true; goto next
                :: else
                fi
        }
        if /* epoll_wait() */
        :: EVENT
        /* The writer comes no more, and nothing is there: it may sleep for ever. */
        :: life[WRITER] == STOPPED && buffer[WRITER].entries == 0 && tail == shown -> goto done
        fi;
harvest:
        atomic {
                edge = false;
                end_seen = HUNG_UP(WRITER);
                asks = false;
                early = 0
        }
        if /* hub_ring_event(): link_ring_drains(), link_ring_drain() */
        :: d_step { sleeps[READER] >= SLEEPS_MOST -> unread[READER] = 0; sleeps[READER] = 0 }
        :: else
        fi;
        atomic { /* hub_ring_stir(): link_ring_wakes() */
                FREE(READER, 1) ->
                closely = true;
                if
                :: mine[READER] & 1 -> clear(READER, 1)
                :: else
                fi;
                goto next
        }

close:  /* All that was published was read: all that was sent, if the writer closed in order. */
        assert(END && tail == shown);
        life[READER] = CLOSED;
done:   skip
} unless { life[READER] == KILLED }
}

init {
        atomic {
                c_code {
                        now.wrong = atoi(getenv("WRONG"));
                        now.messages = atoi(getenv("MESSAGES"));
                        now.largest = atoi(getenv("LARGEST"));
                        now.batch = atoi(getenv("BATCH"));
                        now.deaths = atoi(getenv("DEATHS"));
                        now.deadlines = atoi(getenv("DEADLINES"));
                        now.fences = atoi(getenv("FENCES"));
                        now.tso = atoi(getenv("TSO"));
                };
                run memory(WRITER);
                run memory(READER);
                run writer();
                run reader();
                run killer()
        }
}
