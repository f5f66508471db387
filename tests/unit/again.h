/* SPDX-License-Identifier: MIT */
#ifndef AGAIN_H
#define AGAIN_H

/* Short texts between ends that come and go. */

#include "ends.h"

#define SOON harness_deadline_ms(40000)

struct leat_channel *open_at(const char *address, unsigned flags);
void send_text(struct leat_channel *channel, const char *text);

/* The next message, which is this text; senders may have gone before it. */
struct leat_message take(struct leat_channel *channel, const char *text);

#endif
