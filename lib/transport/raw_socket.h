/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_RAW_SOCKET_H
#define LEAT_TRANSPORT_RAW_SOCKET_H

/*
 * One socket for ICMP echo to one host, of either family and of either kind.
 *
 * The kernel's ping socket (SOCK_DGRAM, IPPROTO_ICMP: Linux 3.0, of IPv6 3.11) needs no capability where
 * net.ipv4.ping_group_range holds one of our groups; it chooses the identifier, computes the checksum and hands out only the
 * replies to its own requests. Where that is refused, SOCK_RAW (CAP_NET_RAW), of which all of this is ours to do.
 */

#include "transport/inet_address.h"

#include <sys/types.h>

#define RAW_ECHO_HEADER_BYTES 8
#define RAW_LARGEST_BYTES (65535 - 20 - RAW_ECHO_HEADER_BYTES)
#define RAW_PACKET_BYTES 65535 /* with the header of IPv4, which SOCK_RAW hands out too */

struct raw_socket {
        int fd;
        bool ping; /* the kernel's */
        bool v6;
        uint16_t identifier;      /* of a raw one */
        struct inet_address host; /* of a ping socket, which hears others too */
};

/* An echo reply that came. */
struct raw_echo {
        uint16_t sequence;
        const uint8_t *bytes; /* within the packet */
        size_t size;
};

/* A socket that sends to this host and hears nobody else. 0; -EPERM or -EACCES with the reason; no route, ... */
int raw_socket_open(const struct inet_address *host, struct leat_reason *reason, struct raw_socket *ret_socket);

/* Send a request. 0, -EAGAIN, or what the system says: also of an earlier request (EHOSTUNREACH, ECONNREFUSED); this one was
 * not sent then. */
int raw_socket_send(const struct raw_socket *socket, uint16_t sequence, const void *bytes, size_t size);

/* The next packet. Its size, or 0: it is another host's; or -EAGAIN, or what the network said of a request. */
ssize_t raw_socket_receive(const struct raw_socket *socket, uint8_t *packet, size_t size);

/* Is it an echo reply to this socket? Pure. */
bool raw_socket_look(const struct raw_socket *socket, const uint8_t *packet, size_t size, struct raw_echo *ret_echo);

#endif
