/* SPDX-License-Identifier: MIT */
#ifndef STEP_SCENARIO_H
#define STEP_SCENARIO_H

#include "world.h"

/*
 * A scenario: one operation of the child, and what survivors must find when it was killed or stopped in it.
 * Every field but the operation may be NULL.
 */
struct step_scenario {
        const char *name;
        bool named_only; /* makes no sense where there is no name */
        bool pair_only;  /* ... where both ends cannot be made at once */
        bool stores_too; /* also for stores, whose senders are like all others with ?end */
        bool stores_only, fifos_only, datagrams_only, kernel_only;
        bool rings_only;                     /* ... where memory is shared */
        bool over_only;                      /* ... where calls go by two channels */
        bool told_only;                      /* ... of these: where it tells without being asked */
        bool turns_too;                      /* also for a fifo with ?exclusive */
        bool connections_only, keepers_only; /* ... and stores that know ?acknowledge */
        bool not_in_a_store;                 /* ... and not in a log, which large messages keep busy */
        const char *options;                 /* what it adds to every address, or NULL */
        bool scarce;                         /* there is to be room for three small messages */
        bool exclusive;                      /* it asks for ?exclusive */
        bool asleep;                         /* a sender sleeps until there is room */
        bool sync;                           /* the address asks for what a synchronous send needs */
        bool two_way;                        /* ... a call needs */
        bool may_lose;                       /* -EADDRINUSE is right when a survivor was quicker */
        bool ends;                           /* the operation is what ends the child's connection */
        /* messages that the child sends, or takes, before, in and after the operation */
        unsigned messages_before, messages_in, messages_after;
        enum length length;                          /* of the one in it */
        enum length edge;                            /* of the last one before it */
        void (*before)(struct world *world);         /* survivors: before the child exists */
        void (*prepare)(struct world *world);        /* child: before the first mark */
        void (*ready)(struct world *world);          /* survivors: the child is at the first mark */
        int (*operation)(struct world *world);       /* child: between the marks */
        void (*after)(struct world *world);          /* child: after the second mark, untraced */
        void (*blocked)(struct world *world);        /* survivors: the child sleeps in a call */
        void (*after_kill)(struct world *world);     /* survivors: it is dead */
        void (*while_stopped)(struct world *world);  /* survivors: it stands still */
        void (*after_continue)(struct world *world); /* survivors: it was let go and will end well */
};

/* What scenarios with a sending child share (send.c) ... */
void senders_before(struct world *world);
void senders_prepare(struct world *world);
void senders_after(struct world *world);
void senders_after_kill(struct world *world);
void senders_while_stopped(struct world *world);
void senders_after_continue(struct world *world);

/* ... and those with a receiving one (receive.c). */
void receivers_before(struct world *world);
void receivers_prepare(struct world *world);
void receivers_blocked(struct world *world);
void receivers_after_kill(struct world *world);
void receivers_while_stopped(struct world *world);
void receivers_after_continue(struct world *world);
void receive_rest(struct world *world);

/* A new receiver opens the name, and a sender comes: one message arrives, nothing older, and the end. */
void survivors_go_on(struct world *world);

/* One file each; the last of each has no name. */
extern const struct step_scenario step_open[], step_send[], step_receive[], step_call[], step_close[], step_store[],
        step_fifo[], step_datagram[], step_kernel[], step_again[], step_over[], step_ring[];

/* Kills at random times inside long system calls: no tracer. random.c */
void step_random_add(const struct step_transport *transport);

/* Both ends stopped, and continued in either order. both.c */
void step_both_add(const struct step_transport *transport);

/* In the child, which has its channel: what it shares by it is registered. share.c */
void step_register_rings(const struct world *world);
/* From outside: rings that it made since it began. */
void step_find_new_rings(const struct tracer *tracer);

/* Where standard output is now, numbers are told, whatever the verdict. world.c */
void step_say_here(void);
void step_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Of so many instructions one is stopped at. */
unsigned step_every(const struct step_transport *transport);

#endif
