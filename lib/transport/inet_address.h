/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_INET_ADDRESS_H
#define LEAT_TRANSPORT_INET_ADDRESS_H

/*
 * HOST:PORT, what tcp: and udp: say after their colon (docs/design/network.md, section 1).
 *
 *   127.0.0.1:5000  [::1]:5000  [fe80::1%eth0]:5000   numbers: parsed here, nobody is asked
 *   localhost:5000  db.example:5000                   names: transport/resolver.h looks them up
 *   :5000                                             loopback, both families
 *   *:5000                                            every address of this machine, to listen only
 *
 * The way of an address: inet_parse(), then inet_candidates() or resolver_candidates() for the sockaddrs to
 * try in order, and inet_format() for the way back to text.
 */

#include "channel/address.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define INET_HOST_BYTES 256    /* the longest name of the DNS, and a NUL (RFC 1035, 2.3.4) */
#define INET_CANDIDATES_MAX 16 /* addresses of one name that are tried */

/* "[" an IPv6 address "%" the interface "]:" the port, and a NUL. */
#define INET_TEXT_BYTES (INET6_ADDRSTRLEN + IF_NAMESIZE + 10)

/* One address of a socket, of either family. */
struct inet_address {
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        };
        socklen_t bytes;
};

/* Addresses to try, in this order. */
struct inet_candidates {
        struct inet_address all[INET_CANDIDATES_MAX];
        size_t count;
};

enum inet_host {
        INET_LOOPBACK, /* nothing before the colon */
        INET_EVERY,    /* "*" */
        INET_NUMBER,
        INET_NAME
};

struct inet_name {
        enum inet_host kind;
        uint16_t port;
        struct inet_address number; /* of INET_NUMBER */
        char host[INET_HOST_BYTES]; /* of INET_NAME */
};

/* Parse what address->rest says, which is decoded already. -EINVAL with the column. Asks nobody (but the kernel for the
 * number of an interface). */
int inet_parse(const struct address *address, struct leat_reason *reason, struct inet_name *ret_name);

/* May this end be there? "*" is nobody to connect to, and port 0 is nobody's. listens: it binds. */
int inet_check(const struct address *address, const struct inet_name *name, bool listens, struct leat_reason *reason);

/*
 * The addresses of anything but a name. Of loopback: 127.0.0.1 and then ::1. Of "*": [::] alone, which with IPV6_V6ONLY off
 * takes both families, and then 0.0.0.0 for a kernel without IPv6.
 */
void inet_candidates(const struct inet_name *name, struct inet_candidates *ret_candidates);

/* An address from what the kernel filled in (accept, getsockname, recvmsg). An IPv4 address mapped into IPv6 becomes IPv4. false: neither
 * family. */
bool inet_from_kernel(const struct sockaddr_storage *from, struct inet_address *ret_address);

uint16_t inet_port(const struct inet_address *address);
void inet_set_port(struct inet_address *address, uint16_t port);
bool inet_is_loopback(const struct inet_address *address);
bool inet_is_any(const struct inet_address *address);                             /* 0.0.0.0, :: */
bool inet_same(const struct inet_address *one, const struct inet_address *other); /* with the port */

/*
 * Back to text, in the form that stands after "tcp:": "127.0.0.1:5000", "[::1]:5000", "[fe80::1%eth0]:5000". 0.0.0.0 and ::
 * become ":5000", which another end on this machine can open. Never fails; the text is cut if there is less room than
 * INET_TEXT_BYTES.
 */
void inet_format(const struct inet_address *address, char *ret_text, size_t size);

/* What a number of the system means when an address cannot be bound or reached, with what to do: sets the reason and
 * returns the error. */
int inet_explain(int error, struct leat_reason *reason);

#endif
