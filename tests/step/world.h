/* SPDX-License-Identifier: MIT */
#ifndef STEP_WORLD_H
#define STEP_WORLD_H

/*
 * The world of one run: the child under the tracer, and the survivors, which are the test's own process
 * and sometimes a helper. A new world is made for every run and looked through at its end: nothing may
 * be left in its directory, and no descriptor.
 *
 * Messages are numbered per sender from 0, and their type says who sent them, the number, and whether they are long;
 * size and bytes follow from the type. So whoever takes one can tell that it is whole, in order and new.
 */

#include "tracer.h"

#include <leat.h>

#define DEADLINE_MS 40000 /* row 8: what survivors get by then */
#define PATIENCE_MS 40000 /* what is given to a child that has been let go */
#define BRIEF_MS 2        /* a deadline that passes because a stopped process does nothing */
#define SMALL_BYTES 100
#define LARGE_BYTES 300000  /* several frames, more than a socket or pipe holds */
#define MIDDLE_BYTES 100000 /* two frames, and yet a sender need not wait for the receiver */

enum who { CHILD, SURVIVOR, OTHER, WHO_MAX };
/* BLOCKs are what rings are filled with: 8 of them turn one once, and 7 fill it. EDGE in place of one leaves 64 bytes until its end, RIM so many
 * that a SMALL one ends there. */
enum length { SMALL, MIDDLE, LARGE, NOTHING, BLOCK, EDGE, RIM, LENGTH_MAX };
#define BLOCK_RECORD 16384 /* with what stands before it in a ring of 128 KiB */
#define BLOCK_BYTES (BLOCK_RECORD - 16)
#define BLOCKS_A_TURN 8
#define BLOCKS_FULL 7
#define EDGE_BYTES (BLOCK_BYTES - 64)
#define RIM_BYTES (BLOCK_BYTES - 128)
#define TURNS 4

/* A transport under test. A later one is one row more, in test_step.c. */
struct step_transport {
        const char *name;
        const char *address;         /* %s: the world's directory (a path), or its name (after @) */
        const char *pair;            /* for leat_pair() */
        const char *options;         /* "?..." or "": of every address */
        const char *sync;            /* what is needed for synchronous sends */
        const char *two_way;         /* what is needed for calls */
        bool named;                  /* strangers open it: there are listeners, other senders, something to take over */
        bool store;                  /* what waits outlives its parties; the end is told also of killed senders */
        bool meets;                  /* a fifo: a sender opens it only while a receiver is there */
        bool turns;                  /* senders take turns, and one that is stopped keeps its turn */
        bool flat;                   /* %s: a name that holds no / */
        bool port;                   /* %s: an address of this machine and a port, which nobody else uses */
        bool datagrams;              /* without connections: no end is told */
        bool kernel;                 /* the other end is the kernel */
        bool exclusive;              /* it has that option */
        bool looks_again;            /* a sender that waits for room sleeps too briefly to be seen asleep */
        bool large;                  /* a store of messages of any size, which knows ?acknowledge */
        const char *scarce;          /* the option that leaves room for three small messages; or "" and */
        const char *scarce_capacity; /* ... the property that does, in bytes */
        unsigned ring;               /* it shares memory: rings of so many bytes */
};

struct step_scenario; /* scenario.h */

/* What the processes tell each other. */
struct step_page {
        _Atomic int done;          /* the operation came to its end */
        _Atomic int result;        /* what it returned; set before `done` */
        _Atomic int helper_result; /* what the helper's call returned, 1 for success; 0: nothing yet */
        _Atomic unsigned helper_sent;
        _Atomic unsigned expected; /* messages that the child is to have taken when it gets the end */
};

struct world {
        const struct step_transport *transport;
        const struct step_scenario *scenario;
        struct tracer tracer;
        struct step_page *page;
        char directory[128];
        char address[256];
        char made[40]; /* "pipe:fd=N" of a descriptor that was made for the child */
        int descriptors[2];
        struct leat_channel *given;                     /* to the child, or to the helper */
        struct leat_channel *channel;                   /* the child's */
        struct leat_channel *receiver, *sender, *other; /* the survivors' */
        unsigned sent[WHO_MAX], taken[WHO_MAX];
        struct leat_message about; /* what world_receive() received last */
        ssize_t received;          /* its size; after world_receive_many() how many */
        pid_t helper;
        int64_t deadline; /* for the child: it should not have to count one out between the marks */
        bool continued;   /* the child was seen to end well */
};

/* Several turns of a ring, in BLOCKs; 0: there is none. */
static inline unsigned world_turns(const struct world *world) {
        return world->transport->ring ? TURNS * BLOCKS_A_TURN : 0;
}

/* --- the run --- */

/* more: options that the scenario needs, or "". */
void world_begin(struct world *world, const struct step_transport *transport, const char *more);
void world_end(struct world *world);

/* Where the run stands, for a failure: kept for CHECKs that fail. */
void world_at(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- ends, for survivors and child alike --- */

/* Something without a name is made before the child is, and one end of it given. */
enum given { GIVE_SENDER, GIVE_RECEIVER };
void world_make(struct world *world, enum given given);

/* After the fork: the survivors forget what they gave. */
void world_gave(struct world *world);

/* Open the address, or take what was given. Fails the test if it does not succeed by the deadline. */
struct leat_channel *world_open(struct world *world, unsigned flags);

/* --- messages --- */

int64_t message_type(enum who who, unsigned number, enum length length);
void *message_bytes(int64_t type, size_t *ret_size);

/* Send that sender's next message. The number is used up if it succeeds. */
int world_send(struct world *world, struct leat_channel *channel, enum who who, enum length length, int64_t deadline);
int world_send_sync(struct world *world, struct leat_channel *channel, enum who who, int64_t deadline);

/* Send that sender's next messages with one call, of these lengths. How many went. */
int world_send_many(struct world *world, struct leat_channel *channel, enum who who, const enum length *lengths,
                    unsigned count, int64_t deadline);

/* Receive one and check that it is whole and its sender's next; a request is answered. 0 or a negative errno. */
int world_take(struct world *world, struct leat_channel *channel, int64_t deadline);

/* The same in two steps: receive; then check. No request is answered. */
int world_receive(struct world *world, struct leat_channel *channel, int64_t deadline);
void world_check(struct world *world);

/* The same of several, small ones, with one call: 0 or a negative errno; and how many came, all right. */
#define MANY_MAX 8
int world_receive_many(struct world *world, struct leat_channel *channel, int64_t deadline);
unsigned world_check_many(struct world *world);

/* Receive until there is an error, and return it. LEAT_NOW: what is there. */
int world_take_all(struct world *world, struct leat_channel *channel, int64_t deadline);

/* Call with that caller's next message, and check the reply. */
int world_call(struct world *world, struct leat_channel *channel, enum who who, int64_t deadline);
int world_reply(struct leat_channel *channel, const struct leat_message *request, int64_t deadline);

/* The next to come is the end, and it is told once. */
void world_expect_end(struct world *world, struct leat_channel *receiver);

/* The child, which was let go, comes to the end of the operation by itself. */
void world_wait_done(const struct world *world);

/* Let the child end and see that it ended well. */
void world_finish_child(struct world *world);

/* A survivor in a process of its own. It gets what is given at that time. */
void world_helper(struct world *world, void (*function)(void *world));
void world_finish_helper(struct world *world);

#endif
