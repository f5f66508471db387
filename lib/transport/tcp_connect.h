/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_TCP_CONNECT_H
#define LEAT_TRANSPORT_TCP_CONNECT_H

/*
 * Connecting: look up the name, try its addresses side by side as RFC 8305 says, and begin anew for as long as nobody listens there.
 *
 * It never waits: tcp_connector_try() does what can be done and says -EAGAIN, tcp_connector_arm() says what to sleep on.
 */

#include "transport/resolver.h"

#define TCP_ATTEMPTS_MAX 4    /* connections tried side by side */
#define TCP_NEXT_AFTER_MS 250 /* RFC 8305, section 5: the Connection Attempt Delay */

struct tcp_attempt {
        int fd;
        struct inet_address to;
};

struct tcp_connector {
        const struct address *address; /* borrowed */
        struct inet_name name;
        struct look_up *look_up; /* under way, or NULL */
        struct inet_candidates candidates;
        size_t next;     /* the candidate to begin with next */
        int64_t next_at; /* if none of those before it has failed by then */
        struct tcp_attempt attempts[TCP_ATTEMPTS_MAX];
        unsigned attempts_count;
        bool refused; /* in this round: somebody may come to listen */
        int error;    /* in this round: what went wrong last */
        int64_t pause_ns, paused_until;
};

/* The address outlives the connector. tcp_connector_clear() is due also after a failure. */
int tcp_connector_init(struct tcp_connector *connector, const struct address *address, const struct inet_name *name);
void tcp_connector_clear(struct tcp_connector *connector);

/* 0: *ret_fd is connected and blocking. -EAGAIN: not yet. -ECONNREFUSED with ?open, and what the network says. */
int tcp_connector_try(struct tcp_connector *connector, struct leat_reason *reason, int *ret_fd);
void tcp_connector_arm(const struct tcp_connector *connector, struct wait *wait);

/* Why it is not connected yet, for the end of the deadline. Returns `error`. */
int tcp_connector_explain(const struct tcp_connector *connector, int error, struct leat_reason *reason);

/* The whole of it, until the deadline. */
int tcp_connect(const struct address *address, const struct inet_name *name, int64_t deadline,
                struct leat_reason *reason, int *ret_fd);

#endif
