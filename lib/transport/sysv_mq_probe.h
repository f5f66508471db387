/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_SYSV_MQ_PROBE_H
#define LEAT_TRANSPORT_SYSV_MQ_PROBE_H

/*
 * The thread that waits for a System V queue: it turns "a message of this selection is there" into a descriptor that
 * is readable (docs/design/sysv-mq.md says why so and how it ends).
 *
 * The channel asks; the thread looks, blocking; the descriptor is readable when it has seen something, or failed.
 * One thread of the program uses a probe at a time.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum probe_state {
        PROBE_IDLE,  /* nothing was asked */
        PROBE_ASKED, /* the thread looks, or is about to */
        PROBE_DONE   /* it has seen something: the descriptor is readable */
};

/* What msgrcv writes into when a message of no bytes is there. */
struct probe_slot {
        long type; /* 0: nothing was taken; no message has this type */
        char bytes[8];
};

struct probe {
        int queue;
        int fd;    /* eventfd */
        pid_t pid; /* of the process that has the thread; 0: there is none */
        pthread_t thread;
        sem_t asked;
        _Atomic int state;
        long select;
        struct probe_slot slot;
};

/* Begin without a thread. 0 or a negative errno. */
int probe_init(struct probe *probe, int queue);

/* Ask; for another selection than before it is asked anew. 0; 1: it has seen something already; a negative errno:
 * there
 * is no thread to be had. Not while the slot holds a message. */
int probe_ask(struct probe *probe, long select);

/* Has it seen something? */
bool probe_is_done(const struct probe *probe);

/* As if it had seen something. */
void probe_pretend(struct probe *probe);

/* Forget what it has seen: the descriptor is no longer readable. Then look. */
void probe_clear(struct probe *probe);

/* End a look that has seen nothing. Afterwards the thread takes nothing any more. */
void probe_stop(struct probe *probe);

/* Did it take an empty message? Its type is then to be had once. */
bool probe_has_taken(const struct probe *probe);
long probe_taken(struct probe *probe);

/* End the thread and close the descriptor. In a forked child there is no thread. */
void probe_close(struct probe *probe);

#endif
