/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_CALL_H
#define LEAT_CHANNEL_CALL_H

/*
 * Calls of which many are under way, and replies, none of which waits: for who has a loop of its own (lib/rpc/). A message that does not go out at once is
 * its owner's until it has gone or was given up.
 *
 * Calls are the sending thread's, as leat_call() is, which must not be used on the channel beside them. Replies may be sent by several threads, one at a time.
 *
 * Where calls go one way and answers come another (over.h) there is one call under way, and what is sent waits, as leat_call() and leat_reply() do.
 */

#include "channel/channel.h"

/* From here on replies to all calls are kept for call_take(). -ENOTSUP, with the reason: nothing can be called on this channel. */
int call_prepare(struct leat_channel *channel);
/* And no more: what came is dropped. */
void call_stop(struct leat_channel *channel);

/* A request. bytes: borrowed until it went. deadline: of the call, told to who replies. Returns 0, or an error of leat_call()'s arguments. */
int call_begin(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline,
               struct outgoing *ret_message);

/* A reply, as leat_reply(). Returns 0, or an error of its arguments. */
int reply_begin(struct leat_channel *channel, const struct leat_message *request, int64_t type, const void *bytes,
                size_t size_bytes, struct outgoing *ret_message);

/* Send as much of it as goes. 0: all went; -EAGAIN: message->sent tells whether it began, and then no other goes to the same party before it; an error, and
 * it is given up. */
int call_go(struct leat_channel *channel, struct outgoing *message);

/* It is given up: none of what went of it is seen. Not after all of it went. */
void call_give_up(struct leat_channel *channel, struct outgoing *message);

/*
 * light: it is asked again soon, or slept: a look at memory will do, where there is some. The next reply, into a buffer that stays the same until call_settle(): a large one may come in parts.
 * Returns its size; -EAGAIN; -EMSGSIZE: *ret_about tells how large a buffer it wants, and it stays; -EPIPE: who was to reply is gone, and all that it sent was told;
 * an error of leat_call(). *ret_request: outgoing.sequence of the request that it answers.
 */
ssize_t call_take(struct leat_channel *channel, bool light, void *buffer, size_t size_bytes,
                  struct leat_message *ret_about, uint64_t *ret_request);

/* The buffer is wanted for something else. */
void call_settle(struct leat_channel *channel);

/*
 * What to sleep on until something comes, and (out) until there is room for what did not go. Returns 0, or 1: look again first. In both cases call_disarm() behind the sleep, whose
 * -ECANCELED is leat_interrupt().
 */
int call_arm(struct leat_channel *channel, bool out, struct wait *wait);
int call_disarm(struct leat_channel *channel, bool out);

#endif
