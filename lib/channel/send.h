/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_SEND_H
#define LEAT_CHANNEL_SEND_H

/* What sending, calling and replying share. */

#include "channel/channel.h"

/* Send one message: try, wait, try. None of it is seen if this fails. */
int channel_send(struct leat_channel *channel, struct outgoing *message, int64_t deadline);

/* Send several, at most TOGETHER_MAX, which were checked. How many went out, the first ones, at least 1; or the error of the first. */
int channel_send_some(struct leat_channel *channel, const struct leat_outgoing *given, int count, int64_t deadline);

/* Does this message keep the rules of the channel's framing and size? 0, -EINVAL, -EMSGSIZE, -ENOTSUP. */
int channel_check_message(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes);

/* The number of the next message. One sending thread: no lock. */
static inline uint64_t channel_next_sequence(struct leat_channel *channel) {
        return ++channel->sequence;
}

#endif
