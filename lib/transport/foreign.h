/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_FOREIGN_H
#define LEAT_TRANSPORT_FOREIGN_H

/* What sockets of datagrams have in common where no end of ours is at the other side: netlink: and raw:. */

#include "channel/channel.h"

/* ?capacity=: how much the kernel holds that came and was not received. */
int foreign_set_capacity(int fd, const struct address *address, struct leat_reason *reason);

/* Its capacity, now. */
void foreign_info(int fd, struct leat_info *info);

/* What the kernel dropped since the last look, *drops, goes to the channel's own drops. */
void foreign_count_drops(struct leat_channel *channel, int fd, uint64_t *drops);

/* Operations of what has no way back for TAKENs, no peer that is a process, and cannot be turned into descriptors. */
bool foreign_hears_nothing(struct leat_channel *channel);
int foreign_no_peer(struct leat_channel *channel, struct leat_peer *ret_peer);
int foreign_no_detach(struct leat_channel *channel, int ret_descriptors[2]);

#endif
