/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_DIAG_H
#define LEAT_TRANSPORT_DIAG_H

/* Lists of sockets from the kernel: sock_diag(7). */

#include <linux/netlink.h>
#include <linux/sock_diag.h>

/* The header of a question of so many bytes, header included, for all that match. */
#define DIAG_HEADER(bytes)                                                                                             \
        { .nlmsg_len = (bytes), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP }

/* Ask, on a socket of NETLINK_SOCK_DIAG, and hand over each answer. 0 when that was all, or a negative errno. */
int diag_dump(int fd, const struct nlmsghdr *question, void (*each)(const struct nlmsghdr *answer, void *argument),
              void *argument);

#endif
