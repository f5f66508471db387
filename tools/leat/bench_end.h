/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_BENCH_END_H
#define LEAT_TOOL_BENCH_END_H

/*
 * What is compared: contenders, one way each to carry messages between two processes. The library is one, a bare
 * mechanism of the kernel is one, another library is one. All do the same work: the loops of bench_loops.h.
 */

#include "tools/leat/bench_histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_ADDRESS_SIZE 512
#define BENCH_TEXT_SIZE 200

enum work { WORK_BIND, WORK_CONNECT, WORK_SETTLE, WORK_PING, WORK_FLOW, WORK_BATCH, WORK_OPEN };

/* What both processes of a contender are told to do. */
struct job {
        enum work work;
        size_t size;    /* of a message, in bytes */
        uint64_t count; /* messages, or round trips */
        uint32_t batch; /* messages handed over at once by WORK_BATCH */
        uint32_t chunk; /* after so many the receiver says so, and no more than two are on their way; 0: no need */
};

/* Both processes and the one that leads them see this. */
struct shared {
        struct histogram histogram; /* of the round trips, or openings, of a job, by side 0 */
        _Atomic uint64_t landed;    /* first messages of what was opened, and when the last one came */
        int64_t landed_at;
        char address[2][BENCH_ADDRESS_SIZE]; /* where each side receives, if the contender has addresses */
        char text[2][BENCH_TEXT_SIZE];       /* why a side failed, or nothing */
};

struct contender;

/* What a contender is asked to be in this comparison. */
struct setting {
        const char *scheme;
        const char *folder; /* private, for names */
        unsigned number;    /* different for each in the folder */
        size_t largest;     /* message that it will carry */
        bool ask;           /* it is opened to be asked what the largest is */
        bool two_way;       /* side 1 also sends */
        bool apart;         /* each side has a core, as far as is known */
        bool opens;         /* side 0 opens what it sends by in each job, again and again */
        bool spin;          /* bare: try again and again and give the core away between, instead of sleeping */
        const char *wait;   /* leat: the value of ?wait=, or NULL */
};

/* One of the two processes' part. Side 0 begins, and sends; side 1 receives. */
struct end {
        const struct contender *contender;
        const struct setting *setting;
        struct shared *shared;
        int side;
        int in, out; /* bare: descriptors or identifiers */
        int extra;   /* bare: what else there is to wait on */
        int flags;   /* of its calls */
        void *state; /* of libraries */
        void *state_in;
        struct messages *many;  /* leat: what the calls for many take */
        unsigned char *message; /* room for a batch of messages, and what they are filled from */
        const unsigned char *source;
        size_t room;
};

/* The loops, as bench_loops.h makes them from a contender's way to send and to receive. 0 or a negative errno. */
struct loops {
        int (*out)(struct end *end, const struct job *job);
        int (*in)(struct end *end, const struct job *job);
        int (*many_out)(struct end *end, const struct job *job); /* or NULL, as the next */
        int (*many_in)(struct end *end, const struct job *job);
        int (*ping)(struct end *end, const struct job *job);
        int (*pong)(struct end *end, const struct job *job);
        /* Open, send one, close; of those that do. */
        int (*open)(struct end *end, const struct job *job);
        int (*opened)(struct end *end, const struct job *job);
};

struct contender {
        const char *name;  /* as tables have it: "leat", "bare", "ZeroMQ" */
        const char *what;  /* its calls, for people */
        const char *spins; /* it does not sleep: what it is called beside those that do; or NULL */
        struct loops loops;
        /* Before the fork, for both ends: what is inherited. In the end that is not this process's `drop` closes it. */
        int (*prepare)(struct end ends[2]);
        void (*give)(struct end *end); /* before the fork of the process that takes it; or NULL */
        void (*drop)(struct end *end);
        /* In the two processes: open what one receives on, and when both have, what one sends on. Or NULL. */
        int (*bind)(struct end *end);
        int (*connect)(struct end *end);
        /* Between two jobs, when nothing is under way: in both. Or NULL. */
        int (*settle)(struct end *end);
        /* When both processes are gone, however they went: what remains of names. Or NULL. */
        void (*remove)(struct end ends[2]);
};

/* Say why a side fails, for people. Returns `error`. */
int end_says(struct end *end, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What the sides said, or "". */
const char *shared_text(const struct shared *shared);

extern const struct contender contender_leat;

/* The largest message of the library's channel of this setting; or 0, with the error and what was said. */
size_t leat_largest(const struct setting *setting, char text[BENCH_TEXT_SIZE], int *ret_error);

/* The bare mechanism of a scheme, or NULL. */
const struct contender *bare_find(const char *scheme);

#endif
