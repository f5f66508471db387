/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_TCP_DIAG_H
#define LEAT_TRANSPORT_TCP_DIAG_H

/* Who has a port of this machine, and how many are connected to it, as sock_diag(7) says. */

#include "transport/inet_address.h"

#include <leat/channel.h>

/* As leat_inspect. -ECONNREFUSED: nobody listens there; -ENOTSUP: it is not of this machine, or has a name. */
int tcp_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info);

/* The socket that has this port here, or would be in the way of one that is to have it: its inode, as /proc/PID/fd shows it, and whose it
 * is. protocol: IPPROTO_TCP, IPPROTO_UDP. -ENOENT: there is none; -ENOTSUP: the kernel does not tell. */
int inet_holder(const struct inet_name *name, int protocol, uint32_t *ret_inode, uid_t *ret_uid);

#endif
