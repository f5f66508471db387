/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_QUICK_H
#define LEAT_CHANNEL_QUICK_H

/*
 * The short way of the usual message: a plain one, to or from the ring that had the last one, in a channel that goes one way. It does what the long
 * way does with the same functions, where nothing else can come first; in all other cases, and with each error, it does nothing and says so.
 *
 * channel->quick is the link, or NULL: the hub sets it behind a message that went the long way and left nothing behind it, and takes it back
 * before the link changes. So what only the long way changes (frames under way, what waits to be sent) needs no look here.
 */

#include "channel/channel.h"

/* leat_send() and leat_receive(), of any type: the short way, and else the long one. Such a receive waits as long as the channel's spin says, and
 * only the long way sleeps. */
int quick_send(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline);
ssize_t quick_receive(struct leat_channel *channel, void *buffer, size_t size_bytes, int64_t deadline,
                      struct leat_message *ret_about);

/* The long way. */
int channel_send_long(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes,
                      int64_t deadline);
ssize_t channel_receive_long(struct leat_channel *channel, void *buffer, size_t size_bytes, int64_t deadline,
                             struct leat_message *ret_about);

/* Nothing is there: look again, for as long as the channel's spin says and nothing but memory need be looked at. Is there something? */
struct link_ring;
ASIDE bool quick_await(struct leat_channel *channel, const struct link_ring *ring, int64_t deadline);

/* How many of these went, of the first on. */
size_t quick_send_many(struct leat_channel *channel, const struct leat_outgoing *messages, size_t count);

/* How many came. *ret_all: that is all there is. */
size_t quick_receive_many(struct leat_channel *channel, struct leat_incoming *messages, size_t count, int64_t deadline,
                          bool *ret_all);

#endif
