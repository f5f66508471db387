/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_TCP_SOCKET_H
#define LEAT_TRANSPORT_TCP_SOCKET_H

/* What is set on TCP sockets, and asked of them. */

#include "transport/inet_address.h"

/* What an address says of its sockets: ?nodelay, ?keepalive=, ?capacity=. Before connect or listen; accepted ones inherit it. */
int tcp_prepare(int fd, const struct address *address);

/*
 * ?keepalive=: is there no sign of life since twice so many seconds, though the kernel sent it the same bytes, or asked it whether there is
 * room, three times? The kernel asks an idle connection by itself and ends it; one with bytes under way it would keep for a quarter of
 * an hour. An end that answers and only does not read is not silent.
 */
bool tcp_is_silent(int fd, int seconds);

/* The pending error of a socket, as a negative errno, which is then no longer pending; 0: none. */
int tcp_error(int fd);

/* inet_bind() of sockets that listen. */
int tcp_listen(const struct address *address, const struct inet_name *name, int64_t deadline,
               struct leat_reason *reason, int ret_fds[2]);

#endif
