/* SPDX-License-Identifier: MIT */
#ifndef SCRIPTED_H
#define SCRIPTED_H

/*
 * A server of calls that does as a test tells it: a thread with plain sockets, which reads records and answers bytes. It knows the headers of calls and the companion program by the
 * functions of the library, and everything else by hand.
 */

#include "rpc/companion.h"

#include <pthread.h>
#include <stdbool.h>

struct scripted {
        char address[128]; /* for leat_rpc_connect() */
        int listener;
        _Atomic int fd; /* the connection now; -1 */
        pthread_t thread;
        void (*script)(struct scripted *peer);
        /* the record that was read last */
        uint8_t *bytes;
        size_t size_bytes, room_bytes;
        struct rpc_call call; /* its header: of a CALL of the companion, what is meant */
        bool wrapped;
        struct companion_context context;
        const uint8_t *arguments;
        size_t arguments_bytes;
        /* whom it plays: one of Leat, if session is not 0 */
        uint64_t session;
        uint32_t window;
        uint8_t instance;            /* one that was started anew has another */
        struct harness_event *go_on; /* the test's, for its script */
        unsigned greeted, left;      /* how often it was */
        uint32_t greeting_xid;       /* of the last one */
        bool notifies;               /* with each answer to a greeting it says that it drains */
};

/* Listen (tcp: at a free port of loopback, else unix), and run the script in a thread. */
void scripted_begin(struct scripted *peer, bool tcp, void (*script)(struct scripted *peer));

/* Wait until the script has ended, and close. The counts stay. */
void scripted_end(struct scripted *peer);

/* ---- for the script ---- */

void scripted_accept(struct scripted *peer); /* the one before is closed */
void scripted_close(struct scripted *peer);

/* Read a record, answering greetings as peer->session says, and counting those who leave. false: the connection ended before one was whole. */
bool scripted_read(struct scripted *peer);
/* The same; it must come. */
void scripted_expect(struct scripted *peer);

/* Read exactly so many bytes. */
void scripted_swallow(struct scripted *peer, size_t size_bytes);
/* Write these bytes. */
void scripted_write(struct scripted *peer, const void *bytes, size_t size_bytes);

/* A reply to the last call, as a record in `buffer`; wrapped as the call was. body: the result. */
void scripted_make_reply(struct scripted *peer, uint32_t xid, enum leat_rpc_status status, const void *body,
                         size_t body_bytes, struct leat_xdr_buffer *ret_record);
void scripted_reply(struct scripted *peer, enum leat_rpc_status status, const void *body, size_t body_bytes);
/* The result is an int, of an argument that is one: what came, plus one. */
void scripted_reply_next(struct scripted *peer);
/* It says that it drains, to who greeted last. */
void scripted_notify(struct scripted *peer);
/* An outcome of the companion without an answer. */
void scripted_outcome(struct scripted *peer, enum companion_outcome outcome);

#endif
