/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_PRESENCE_H
#define LEAT_TRANSPORT_PRESENCE_H

/*
 * Who has a store open: locks of open file descriptions on the store itself (docs/design/mq.md), which the kernel frees
 * with their holder however it ends. They lie on bytes that need not exist. A sender's are write locks and a receiver's
 * read locks, since that is how they opened it; nobody ever sleeps for one.
 */

#include <stdbool.h>
#include <stdint.h>

struct presence {
        int fd; /* borrowed; -1: no place is held */
        uint32_t place;
        bool sends;
};
#define PRESENCE_NONE ((struct presence){ .fd = -1 })

/* Take a place for this end. 0; -EAGAIN: somebody is removing the store, look again soon; other errors of the system. */
int presence_take(int fd, bool sends, struct presence *ret_presence);

/* Give it back; without one, nothing. */
void presence_leave(struct presence *presence);

/* Does a sender hold a place, a receiver, or anybody? Of others than this open file description. */
bool presence_has_sender(int fd);
bool presence_has_receiver(int fd);
bool presence_has_any(int fd);

/* How many senders do, of others; at most 1,000 are counted. */
unsigned presence_count_senders(int fd);

/* Take all places, on a descriptor that holds none and may write: 0, or -EAGAIN: somebody is there. Freed by close. */
int presence_take_all(int fd);

#endif
