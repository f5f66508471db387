/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_QUEUE_H
#define LEAT_TRANSPORT_LOG_QUEUE_H

/*
 * The position that all receivers of a log share with ?pattern=queue: PATH.position, and the lock under which it moves.
 */

#include "transport/log_file.h"

struct log_queue {
        int fd;
        bool exclusive; /* this is the one receiver: the lock is held until the close */
        bool locked;
        struct log_position position;
};

/* Open PATH.position, or make it. -EADDRINUSE: it has a receiver with ?exclusive, or others where this one wants to be. */
int log_queue_open(struct log_queue *queue, const struct log *log, bool exclusive, struct leat_reason *reason);
void log_queue_close(struct log_queue *queue);

/* Take the lock and read the position: 0, or -EAGAIN: another receiver is taking. */
int log_queue_lock(struct log_queue *queue, const struct log *log);
/* Write the position that queue->position now is. */
int log_queue_move(struct log_queue *queue);
void log_queue_unlock(struct log_queue *queue);

/* PATH.position itself, as log_open_beside() opens it. */
int log_queue_file(const struct log *log, int flags);

/* The position without the lock, to look at. -ENOENT: nobody has taken from it yet. */
int log_queue_look(const struct log *log, struct log_position *ret_position);

#endif
