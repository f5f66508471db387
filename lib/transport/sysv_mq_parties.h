/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_SYSV_MQ_PARTIES_H
#define LEAT_TRANSPORT_SYSV_MQ_PARTIES_H

/*
 * Who is at a System V queue, counted in a set of semaphores beside it: for ?end and ?temporary
 * (docs/design/sysv-mq.md,
 * "Who is there"). No call waits.
 */

#include <leat/error.h>
#include <stdbool.h>
#include <sys/types.h>

struct parties {
        int set;        /* -1: there is none, nobody is counted */
        bool sender;    /* counted as a sender: ?end */
        bool temporary; /* counted for ?temporary */
        pid_t pid;      /* whose exit takes the counts back */
        unsigned told;  /* of a receiver: the count of senders that ever came, when it was told the end last */
};

#define PARTIES_NONE ((struct parties){ .set = -1 })

/*
 * Join. What all its parties left behind when they were killed (?temporary) is removed first, so the queue is to be
 * opened after this. mode: as the queue's, cut already. Returns 0; -EEXIST: that key has semaphores that are not
 * ours;
 * -EPERM, -EACCES, -ENOSPC, ...
 */
int parties_join(key_t key, mode_t mode, bool sender, bool temporary, struct leat_reason *reason,
                 struct parties *ret_parties);

/* A channel that a child was given: the child takes over the counts. To be called before it is used. */
void parties_adopt(struct parties *parties);

/* Have all senders that came since this receiver was told last gone? */
bool parties_ended(const struct parties *parties, unsigned *ret_came);

/* The end was told: the next one is that of senders that come from now on. */
void parties_told(struct parties *parties, unsigned came);

/* Leave; the last of a temporary queue removes it. `ours`: else it was given to a child, which keeps the counts. */
void parties_leave(struct parties *parties, int queue, bool ours);

/* Remove the set of a key, if there is one and it is ours. 0, or a negative errno. */
int parties_remove(key_t key);

#endif
