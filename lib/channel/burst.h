/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_BURST_H
#define LEAT_CHANNEL_BURST_H

/*
 * LEAT_MORE: what a program says is about to be followed by more is gathered, and goes out together (docs/design/speed.md). The
 * sending thread's alone. Of a channel that never used it there is none (NULL).
 */

#include <leat/channel.h>
#include <stdbool.h>

struct burst;

/* Send this small message, or gather it. `more`: others follow. 0, or an error about it; it is not gathered then. */
int burst_send(struct leat_channel *channel, const struct leat_outgoing *message, bool more, int64_t deadline);

/* Send what was gathered. 0, or why not all of it went; what did not is still there. */
int burst_flush(struct leat_channel *channel, int64_t deadline);

/* Is a burst under way: is the next message to come through burst_send()? The first: of a channel that used it once. */
bool burst_goes_on(const struct burst *burst);
static inline bool burst_begun(const struct burst *burst) {
        return burst && burst_goes_on(burst);
}

#endif
