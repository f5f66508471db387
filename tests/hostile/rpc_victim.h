/* SPDX-License-Identifier: MIT */
#ifndef RPC_VICTIM_H
#define RPC_VICTIM_H

/*
 * A server of calls that is attacked, and what attackers say: messages made by hand, on plain descriptors.
 *
 * The server runs in a process of its own, with a client of the library beside the attackers whose calls must be answered whatever they do; or in
 * the test itself, which steps it. What its handlers saw stands in memory that outlives it.
 */

#include "harness.h"
#include "rpc/bytes.h" /* tests/rpc */

#include <leat.h>
#include <leat/rpc.h>
#include <stdatomic.h>

#define VICTIM_PROGRAM 0x20000700u
#define VICTIM_VERSION 1u

/* Its procedures; the index is the number. */
enum {
        VICTIM_NULL,
        VICTIM_ECHO,        /* opaque<> ECHO(opaque<>) */
        VICTIM_BIG,         /* opaque<> BIG(unsigned): so many bytes */
        VICTIM_HOLD,        /* unsigned HOLD(unsigned): is answered when the test says so, each signal one of them */
        VICTIM_COUNT,       /* unsigned COUNT(unsigned): how often it ran with this number */
        VICTIM_COUNT_AGAIN, /* the same, idempotent */
        VICTIM_PROCEDURES
};
#define VICTIM_NUMBERS 65536u

extern const struct leat_rpc_program victim_program;

/* In shared memory: what the server's process tells. */
struct victim_told {
        atomic_uint ran[VICTIM_PROCEDURES];
        atomic_uint count[VICTIM_NUMBERS]; /* COUNT and COUNT_AGAIN: how often with this number */
        atomic_ulong steps;                /* leat_rpc_server_step() has returned so often */
        /* as leat_rpc_server_info() told after the last step */
        atomic_ulong connections, running, bytes, refused, evicted, replayed;
        char tcp[128], unix_stream[128], udp[128]; /* where it listens */
};
extern struct victim_told *victim_told;
extern struct harness_event *victim_held, *victim_go_on;

/* A server with the program, listening nowhere. In this process; it may be stepped. */
struct leat_rpc_server *victim_make(const struct leat_rpc_server_options *options);
/* Hold calls are kept here until one is answered; how many there are. */
size_t victim_holds(void);
void victim_answer_one(void);

/* Make what is shared. victim_begin() does it too. */
void victim_meet(void);

/* A process that serves on tcp, unix and udp. descriptors: its limit, or 0. */
pid_t victim_begin(const struct leat_rpc_server_options *options, size_t descriptors);
void victim_end(pid_t pid); /* it must still live */

/* A client of the library beside the attackers, and one call of it that must be answered. */
struct leat_rpc_client *victim_client(const char *address);
void victim_check_serves(struct leat_rpc_client *client);
/* Each of three kinds of addresses: a new client is served. */
void victim_check_serves_all(void);

/* ---- attackers ---- */

/* Connected to an address that the victim told, without the library; from: an IPv4 address to come from, or NULL. */
int attacker_connect(const char *address, const char *from);

/* A call's header, behind what is there; then its arguments, if any. */
void put_call(struct leat_xdr_buffer *buffer, uint32_t xid, uint32_t procedure);
void put_call_of(struct leat_xdr_buffer *buffer, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure);
void put_opaque(struct leat_xdr_buffer *buffer, const void *bytes, uint32_t size);
void put_hyper(struct leat_xdr_buffer *buffer, uint64_t number);
/* A header of a reply that says success, or another accept_stat. */
void put_reply(struct leat_xdr_buffer *buffer, uint32_t xid, uint32_t status);

/* The companion program's */
#define COMPANION 0x204c4541u
enum { GREET = 1, WRAPPED = 2 };
void put_greeting(struct leat_xdr_buffer *buffer, uint32_t xid, uint8_t client);
void put_numbered(struct leat_xdr_buffer *buffer, uint32_t xid, uint64_t session, uint64_t sequence,
                  uint64_t acknowledged, uint32_t procedure);

/* The first word in the buffer is the mark of a record of what is behind it. */
void put_mark(struct leat_xdr_buffer *buffer);

/* A record with what is in the buffer, which is empty afterwards. Fails the test if it cannot be sent. */
void send_record(int fd, struct leat_xdr_buffer *buffer);
/* The same to somebody who may be gone: false. */
bool try_send_record(int fd, struct leat_xdr_buffer *buffer);
/* All of these bytes, or what goes until the other end is gone: how many. */
size_t send_bytes(int fd, const void *bytes, size_t size);
/* The same over a socket of datagrams: one. */
void send_datagram(int fd, struct leat_xdr_buffer *buffer);

/* The next record (of several fragments too), or datagram: its size; -1: the other end has closed. Fails the test if none comes. */
ssize_t read_record(int fd, uint8_t *bytes, size_t room);
ssize_t read_datagram(int fd, uint8_t *bytes, size_t room);
/* The next words of a message. */
uint32_t word_at(const uint8_t *bytes, size_t index);

/* ---- in one process ---- */

/* A connection to a server in this process, which has adopted its other end. */
int victim_adopt(struct leat_rpc_server *server);
/* Step it until there is something to read at this end. */
void victim_step_until(struct leat_rpc_server *server, int fd);
/* Step until there is nothing more to do. */
void victim_step_all(struct leat_rpc_server *server);
struct leat_rpc_server_info victim_info(struct leat_rpc_server *server);

#endif
