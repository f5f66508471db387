/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_ENDS_H
#define LEAT_TRANSPORT_ENDS_H

/* Who listens and who connects, and what the kernel would cut without a word: of every transport made of sockets. */

#include "channel/transport.h"

/* Receivers and repliers bind, senders and callers connect; ?listen and ?connect swap them. A pair binds with ?listen. */
bool ends_listens(const struct leat_channel *channel);

/* -ENOTSUP: a caller that is to listen, or a replier that is to connect. */
int ends_check_direction(const struct leat_channel *channel, struct leat_reason *reason);

/* -ENOTSUP: ?reconnect, ?at-least-once or ?acknowledge where they make no sense. */
int ends_check_again(const struct leat_channel *channel, struct leat_reason *reason);

/* -EINVAL: ?backlog= or ?capacity= are above the limits of the system. both_buffers: the socket has one for what comes too. */
int ends_check_limits(const struct address *address, bool both_buffers, struct leat_reason *reason);

#endif
