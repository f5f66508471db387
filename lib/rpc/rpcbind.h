/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_RPCBIND_H
#define LEAT_RPC_RPCBIND_H

/*
 * rpcbind, for its files (<leat/rpcbind.h>):
 *
 *   rpcbind.c            set, unset, find, list
 *   rpcbind_register.c   those of a whole server
 *   rpcbind_ask.c        a connection, the versions of the protocol, what an error means
 *   rpcbind_address.c    universal addresses
 *   rpcbind_table.c      the interface: what leatgen would have made of RFC 1833 (it is built after the library)
 */

#include "transport/inet_address.h"

#include <leat/rpcbind.h>
#include <stdbool.h>

#define RPCBIND_PROGRAM 100000u
#define RPCBIND_LEAST 2u
#define RPCBIND_MOST 4u
/* The longest address: a unix path of 107 bytes, each written as %XX. */
#define RPCBIND_ADDRESS_BYTES 400u

/* ---- rpcbind_table.c ---- */

/* The numbers are the same in all versions, and so are the indexes in the tables. */
enum rpcbind_procedure { RPCBIND_NULL, RPCBIND_SET, RPCBIND_UNSET, RPCBIND_GET, RPCBIND_DUMP };

/* Versions 3 and 4. */
struct rpcbind_mapping {
        uint32_t program, version;
        struct leat_xdr_string netid, universal, owner;
};
struct rpcbind_link {
        struct rpcbind_mapping mapping;
        struct rpcbind_link *next;
};

/* Version 2. */
struct rpcbind_port {
        uint32_t program, version, protocol, port;
};
struct rpcbind_port_link {
        struct rpcbind_port port;
        struct rpcbind_port_link *next;
};

const struct leat_rpc_program *rpcbind_program(uint32_t version);

/* ---- rpcbind_address.c ---- */

/* A place in the terms of rpcbind. */
struct rpcbind_place {
        const char *netid;                     /* static */
        char universal[RPCBIND_ADDRESS_BYTES]; /* a path may be that long */
};
#define RPCBIND_PLACES_MAX 2 /* that an address stands for: both families */

/* Every address of the host is meant by "tcp::5000", as leat_rpc_server_address() writes it. */
#define RPCBIND_OF_SERVER 1u

/* What an address of Leat is there. Returns how many places; -ENOTSUP: rpcbind has no netid for it; -EINVAL and others, with the reason. */
int rpcbind_places(const char *address, unsigned flags, struct rpcbind_place *ret_places, struct leat_reason *reason);

/* Where rpcbind was asked: what an address that stands for every one of its host is given as. */
struct rpcbind_host {
        bool is_here; /* by the unix socket */
        enum inet_host kind;
        struct inet_address number;
        char name[INET_HOST_BYTES];
};
int rpcbind_host_of(const char *address, struct rpcbind_host *ret_host);

/* Write the address for leat_rpc_connect(). Returns its length; -ENOTSUP: Leat cannot call there; -EBADMSG: it is no universal address; -ERANGE. */
ssize_t rpcbind_address_of(const struct rpcbind_host *host, const char *netid, const char *universal, char *ret_address,
                           size_t size_bytes);

/* The port of a universal address of tcp and udp. false: it is none. */
bool rpcbind_split(const char *universal, size_t *ret_host_bytes, uint16_t *ret_port);

/* "0.0.0.0.156.64": what version 2 means by a port. */
#define RPCBIND_EVERY_BYTES sizeof("0.0.0.0.255.255")
void rpcbind_every(int port, char ret_universal[RPCBIND_EVERY_BYTES]);

/* Do these two, of one netid, name one port or one path? */
bool rpcbind_same_port(const char *one, const char *other);

/* ---- rpcbind_ask.c ---- */

struct rpcbind {
        struct leat_rpc_client *client;
        struct rpcbind_host host;
        struct leat_xdr_arena arena;
        struct leat_reason *reason;
        int64_t deadline;
        uint32_t version; /* that it was found to speak, or may */
};

/* Connect. where: NULL: this host's. */
int rpcbind_open(const char *where, int64_t deadline, struct leat_reason *reason, struct rpcbind *ret_rpcbind);
void rpcbind_close(struct rpcbind *rpcbind);

/* SET or UNSET, in the version that it speaks. Returns 0, or 1: it refused. netid: "": of UNSET: all. */
int rpcbind_change(struct rpcbind *rpcbind, enum rpcbind_procedure procedure, uint32_t program, uint32_t version,
                   const char *netid, const char *universal);

/* DUMP: in rpcbind->arena. An older version's as if it were the newer one's. */
int rpcbind_dump(struct rpcbind *rpcbind, struct rpcbind_link **ret_first);

/* GETPORT of version 2, which everyone has. Returns the port; -ENOENT. */
int rpcbind_port_of(struct rpcbind *rpcbind, uint32_t program, uint32_t version, const char *netid);

#endif
