/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_UDP_SOCKET_H
#define LEAT_TRANSPORT_UDP_SOCKET_H

/* Sockets of udp: to receive at an address, to send to one, and both of a multicast group. */

#include "transport/datagram.h"
#include "transport/inet_address.h"

/* What is written after ?multicast=, &interface= and &ttl=. */
struct udp_group {
        struct inet_address address; /* with the port; bytes 0: none was given */
        unsigned interface;          /* its number */
        int ttl;
};

/* Read them. -EINVAL with the column, -ENODEV, -ENETDOWN. */
int udp_group_parse(const struct address *address, const struct inet_name *name, struct leat_reason *reason,
                    struct udp_group *ret_group);

/* inet_bind() of sockets that receive. */
int udp_bind(const struct address *address, const struct inet_name *name, int64_t deadline, struct leat_reason *reason,
             struct datagram *datagram);

/* Connect to the first of the addresses to which there is a way. */
int udp_connect(const struct address *address, const struct inet_name *name, int64_t deadline,
                struct leat_reason *reason, struct datagram *datagram);

int udp_join(const struct udp_group *group, struct leat_reason *reason, int *ret_fd);
int udp_send_to_group(const struct udp_group *group, struct leat_reason *reason, int *ret_fd);

/* Also who does not talk to one address alone is to hear what the network says of what it sent. */
int udp_hear_errors(const struct datagram *datagram);

/* Read what it said. false: of what was sent to others than the partner. */
bool udp_errors_of_partner(struct datagram *datagram);

/* What goes to its peer, as far as this machine knows the way, without being cut into fragments: the loss of one would be that of all. */
size_t udp_bundle_bytes(const struct datagram *datagram);

/* What the kernel counts of a socket: 0 or a negative errno. */
int udp_memory(int fd, uint32_t *ret_queued_bytes, uint32_t *ret_drops);

#endif
