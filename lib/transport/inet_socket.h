/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_INET_SOCKET_H
#define LEAT_TRANSPORT_INET_SOCKET_H

/* What sockets of tcp: and udp: have in common: where they are, and how they come to be where an address says. */

#include "transport/inet_address.h"

/* An option that is a number: 0 or a negative errno. */
int inet_set(int fd, int level, int option, int value);

/* ?capacity=, if it is given, as SO_SNDBUF or SO_RCVBUF. */
int inet_set_capacity(int fd, const struct address *address, int option);

/* The address of this end, or of the other. */
int inet_socket_name(int fd, bool other, struct inet_address *ret_address);

struct inet_binding {
        /* Make one socket there. both_families: one of IPv6 takes IPv4 too. */
        int (*bind)(const struct address *address, const struct inet_address *at, bool both_families, int *ret_fd);
        bool listens;          /* each is to listen(2) when all are bound */
        const char *not_there; /* what ?open is told */
};

/* Bind where the name says, on one socket or, of loopback and of names with addresses of both families, two. ret_fds[1]
 * is -1 then. With port 0 both have the same. */
int inet_bind(const struct inet_binding *binding, const struct address *address, const struct inet_name *name,
              int64_t deadline, struct leat_reason *reason, int ret_fds[2]);

#endif
