/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_MQ_QUEUE_H
#define LEAT_TRANSPORT_MQ_QUEUE_H

/* A POSIX queue by its name: making, opening, sharing and removing it (docs/design/mq.md). */

#include "channel/address.h"
#include "transport/presence.h"

#include <sys/stat.h>

struct mq_queue {
        int fd; /* mqd_t is a descriptor on Linux; -1: none */
        uint64_t depth, entry_bytes;
        bool temporary;
        struct presence presence;
};
#define MQ_QUEUE_NONE ((struct mq_queue){ .fd = -1, .presence = PRESENCE_NONE })

/* Is it a name? */
int mq_queue_check(const struct address *address, struct leat_reason *reason);

/* Open the queue of an address for one end, made if need be, its place taken. */
int mq_queue_open(const struct address *address, bool sends, int64_t deadline, struct leat_reason *reason,
                  struct mq_queue *ret_queue);

/* Close. ours: give back the place, and remove a temporary queue that nobody has open any more. */
void mq_queue_close(struct mq_queue *queue, const char *name, bool ours);

/* Open what is there, taking no place: to look at it. A descriptor. */
int mq_queue_look(const char *name, struct leat_reason *reason);

/* Make one and leave it. */
int mq_queue_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason);

/* Fill in what the kernel says of it. */
int mq_queue_measure(int fd, uint64_t *ret_depth, uint64_t *ret_entry_bytes, uint64_t *ret_messages);

/* A second description of the same queue, with this access mode; -ENOENT: the name is gone or another's. */
int mq_queue_again(const char *name, int fd, int access);

/* Of what does EMFILE tell, RLIMIT_MSGQUEUE (or else RLIMIT_NOFILE)? */
bool mq_queue_blames_memory(void);

/* Between two tries at a queue that another is removing: none at first, then longer and longer. 0, or -EAGAIN, -ETIMEDOUT. */
int mq_queue_pause(unsigned tries, int64_t deadline);

#endif
