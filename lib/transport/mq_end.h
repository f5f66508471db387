/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_MQ_END_H
#define LEAT_TRANSPORT_MQ_END_H

/* When is every sender gone? For a receiver that opened with ?end (docs/design/mq.md). */

#include "base/error.h"
#include "wait/wait.h"

#include <stdbool.h>

struct mq_end;

/* Watch the queue of this descriptor, which is borrowed: that of the channel, or the companion of a System V queue. Only
 * senders close it for writing. */
int mq_end_new(int queue, struct leat_reason *reason, struct mq_end **ret_end);
struct mq_end *mq_end_free(struct mq_end *end);

/* A message of Leat was taken: its sender has come. */
void mq_end_came(struct mq_end *end);

/* Had a sender come, and is none there? If one is, it is looked at again when it closes. */
bool mq_end_all_gone(struct mq_end *end);

/* The receiver is told: the next end is of the next sender. */
void mq_end_tell(struct mq_end *end);

void mq_end_arm(struct mq_end *end, struct wait *wait);

/* One descriptor for the queue and all that the end waits for; the end's. */
int mq_end_poll_fd(struct mq_end *end, int queue);

void mq_end_after_fork(struct mq_end *end);

#endif
