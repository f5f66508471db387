/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_UNIX_CHANNEL_H
#define LEAT_TRANSPORT_UNIX_CHANNEL_H

/* What unix: and unix-stream: share: all but their declarations. */

#include "channel/transport.h"

#define UNIX_OPTIONS                                                                                                   \
        (OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT) | OPTION_BIT(OPTION_MODE) |   \
         OPTION_BIT(OPTION_BACKLOG) | OPTION_BIT(OPTION_CONNECTIONS) | OPTION_BIT(OPTION_WHO) |                        \
         OPTION_BIT(OPTION_RECONNECT) | OPTION_BIT(OPTION_AT_LEAST_ONCE) | OPTION_BIT(OPTION_ACKNOWLEDGE))

int unix_channel_open(struct leat_channel *channel, int type, int64_t deadline, struct leat_reason *reason);
int unix_channel_pair(struct leat_channel *receiver, struct leat_channel *sender, int type, struct leat_reason *reason);
/* What is known of an address. datagrams: of a socket of those, else of one that listens. */
int unix_channel_look(const struct address *address, bool datagrams, struct leat_reason *reason,
                      struct leat_info *info);
int unix_channel_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info);
int unix_channel_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason);
int unix_channel_set(const struct address *address, const char *property, const char *value,
                     struct leat_reason *reason);
int unix_channel_remove(const struct address *address, struct leat_reason *reason);

#endif
