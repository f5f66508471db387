/* SPDX-License-Identifier: MIT */
#ifndef TESTS_RPC_FAKE_SOURCE_H
#define TESTS_RPC_FAKE_SOURCE_H

/* Where requests come from without a socket: each is given to the server as bytes, and what it replies is looked at. One server, one program. */

#include "rpc/session.h"

#include <leat/rpc.h>

#define FAKE_PROGRAM 0x20000077u
enum { FAKE_ADD, FAKE_LATER, FAKE_TEXT, FAKE_TWICE, FAKE_NOTHING, FAKE_PROCEDURES };

/* What procedures have done. */
struct fake_work {
        uint32_t ran;                     /* calls that reached a handler */
        uint32_t sum;                     /* of ADD, of which each answers with the sum then */
        struct leat_rpc_request *request; /* of LATER */
        uint32_t *result;
        bool cancelled; /* as the handler of ADD saw it */
        int64_t deadline;
        struct leat_rpc_caller caller;
};

/* A place that requests come from. */
struct fake {
        struct leat_rpc_server *server;
        const struct rpc_source_kind *kind;
        struct rpc_peer *peer;
        uint16_t port;        /* of 127.0.0.1; 0: it has no address */
        size_t largest_bytes; /* of a reply; 0: any */
        bool gone;            /* nobody takes replies */
        uint32_t taken, released, replies;
        uint8_t reply[4096]; /* the last one, as far as there is room */
        size_t reply_bytes;
};

extern const struct rpc_source_kind fake_plain, fake_udp, fake_tcp, fake_unkept;

struct leat_rpc_server *fake_server(const struct leat_rpc_server_options *options, struct fake_work *work);
/* One of its own address, or of one that others have too. */
void fake_init(struct fake *fake, struct leat_rpc_server *server, const struct rpc_source_kind *kind, uint32_t address,
               uint16_t port);
/* One whose peer is in another group than this one's: neither gives way to the other. */
void fake_init_apart(struct fake *fake, const struct fake *from, uint16_t port);
void fake_end(struct fake *fake);

/* Give it these bytes. The reply, if there is one at once, is in fake->reply then. */
void fake_give(struct fake *fake, const void *bytes, size_t size_bytes);
/* A plain call. */
void fake_call(struct fake *fake, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure,
               const void *arguments, size_t arguments_bytes);
/* ADD of a number. */
void fake_add(struct fake *fake, uint32_t xid, uint32_t number);

/* The status of the last reply, whose xid is this one; LEAT_RPC_NO_REPLY: none came since it was asked last. And its result, of four bytes. */
enum leat_rpc_status fake_status(struct fake *fake, uint32_t xid);
uint32_t fake_result(const struct fake *fake);

/* ---- as a client of Leat ---- */

struct fake_answer {
        bool none; /* no reply came */
        struct companion_answer answer;
        uint32_t result; /* the first four bytes of it */
        size_t result_bytes;
};

struct companion_greeted fake_greet(struct fake *fake, uint64_t id);
/* A CALL of a procedure with a number as its argument. */
struct fake_answer fake_ask(struct fake *fake, uint64_t session, uint64_t sequence, uint64_t acknowledged,
                            uint32_t procedure, uint32_t number);
struct fake_answer fake_ask_with(struct fake *fake, const struct companion_context *context, uint32_t number);
/* What came since it was asked last. */
struct fake_answer fake_answer(struct fake *fake);
void fake_cancel(struct fake *fake, uint64_t session, uint64_t sequence, uint32_t xid);
void fake_leave(struct fake *fake, uint64_t session);

struct leat_rpc_server_info fake_info(struct leat_rpc_server *server);

#endif
