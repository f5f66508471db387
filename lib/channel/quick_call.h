/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_QUICK_CALL_H
#define LEAT_CHANNEL_QUICK_CALL_H

/*
 * The short way of the usual request and its reply (docs/design/speed.md, "Calls by shared memory"), as quick.h of the usual message: by the ring of the message before it, between two that
 * do nothing else but wait for each other. It takes no lock: whoever uses it knows that no other thread is in the channel. Where anything else may come first it
 * does nothing and says so; and the long way (call.h, leat_receive()) finds all as it was.
 *
 * Of a channel opened with LEAT_CALL alone, or LEAT_REPLY alone; channel->quick_call is the link.
 */

#include "channel/channel.h"

/* For calls: may one go that way? */
static inline bool quick_call_may(const struct leat_channel *channel) {
        return channel->quick_call != NULL && channel->flags == LEAT_CALL;
}

/* The time (quick_clock.h), for quick_call(), which is to follow at once. *ret_moment: of the same. */
int64_t quick_call_now(struct leat_channel *channel, uint64_t *ret_moment);

/* Send a request. left_ns: how long its caller waits; 0: without end. Its number; 0: it did not go. */
uint64_t quick_call(struct leat_channel *channel, uint64_t moment, const void *bytes, size_t size_bytes,
                    uint64_t left_ns);

/* Look for the reply to it for a moment, as `spin` says, and copy it: its size, and quick_call_take() is to follow if it is of use. -EAGAIN: it is not there, or not so. */
ssize_t quick_call_look(struct leat_channel *channel, uint64_t number, struct spin *spin, void *buffer,
                        size_t size_bytes);
void quick_call_take(struct leat_channel *channel, size_t size_bytes);

/* The next request. Waits as long as the channel's spin says. Its size; -EAGAIN. ret_about: all but what a request never has is set. */
ssize_t quick_request(struct leat_channel *channel, void *buffer, size_t size_bytes, int64_t deadline,
                      struct leat_message *ret_about);

/* Answer it. Did it go? */
bool quick_reply(struct leat_channel *channel, const struct leat_message *request, const void *bytes,
                 size_t size_bytes);

#endif
