/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "base/cleanup.h"
#include "rpc/client_core.h"
#include "transport/inet_socket.h"
#include "transport/resolver.h"

#include <stdlib.h>
#include <sys/socket.h>

/*
 * The carrier over udp: a message is one datagram. The socket is connected, so the kernel drops what others than the server send.
 *
 * A datagram may be lost: what may be sent again (a call that may run twice; one with a number, which a server of Leat knows; what is the client's own) is, after a time that is
 * measured, SRTT and RTTVAR of RFC 6298, from messages that were sent once (Karn). A message that was sent again waits twice as long for its answer, up to RESEND_MOST_NS, and those
 * that come after it wait as long at first, until an answer tells better. But while others are answered the way is open, and the message was lost, or its
 * procedure takes long: then it does not wait longer than RESEND_HEARD_NS, and the others not for it. Nor does it for HEARD_LATELY_NS after that: the last one of many is not to be worse off
 * than the others were.
 *
 * Nobody at the port (ICMP) is told, and is no end: a server that starts anew is there a moment later. Only who waits without a deadline is told at once.
 */

#define DATAGRAM_BYTES 65536u
#define DATAGRAM_MOST 65507u /* of a message: what IPv4 carries */
#define RESEND_MOST_NS INT64_C(60000000000)
#define RESEND_HEARD_NS INT64_C(1000000000)
#define HEARD_LATELY_NS INT64_C(10000000000)
#define RESEND_LEAST_NS INT64_C(20000000) /* a server's own pauses are no loss */
#define GRANULARITY_NS INT64_C(1000000)
#define XID_BYTES 4u

struct datagrams {
        int fd;
        bool blocked; /* no room for what is to be sent */
        bool refused; /* nobody is there: the next connect() says so */
        size_t at;    /* of the candidates */
        struct inet_candidates candidates;
        int64_t smoothed_ns, variation_ns, resend_ns; /* SRTT (0: nothing was measured), RTTVAR, RTO */
        int64_t heard_at;                             /* something came last */
        int64_t next_resend;                          /* not after the first that is due; LEAT_NEVER */
        uint8_t bytes[DATAGRAM_BYTES];
};

/* ---- the socket ---- */

static int open_socket(const struct inet_address *to, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = fd < 0 ? -errno : 0;
        /* What is larger than a part of its way goes on in fragments. */
        if (r == 0 && to->any.sa_family == AF_INET)
                r = inet_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
        if (r == 0 && connect(fd, &to->any, to->bytes) < 0)
                r = -errno;
        if (r == 0)
                *ret_fd = take_fd(&fd);
        return r;
}

/* The next of the server's addresses to which there is a way, from the present one on. */
static int open_any(struct datagrams *datagrams) {
        int r = -EADDRNOTAVAIL, fd = -1;
        for (size_t i = 0; i < datagrams->candidates.count; i++) {
                size_t at = (datagrams->at + i) % datagrams->candidates.count;
                fork_hold();
                r = open_socket(&datagrams->candidates.all[at], &fd);
                if (r == 0) {
                        close_fd(datagrams->fd);
                        datagrams->fd = fd;
                }
                fork_release();
                if (r < 0)
                        continue;
                datagrams->at = at;
                return 0;
        }
        return r;
}

static void free_datagrams_at(struct datagrams **datagrams) {
        if (*datagrams)
                close_fd((*datagrams)->fd);
        free(*datagrams);
}

int rpc_datagram_connect(struct leat_rpc_client *client, struct address *address, int64_t deadline,
                         struct leat_reason *reason) {
        CLEANUP(free_datagrams_at) struct datagrams *datagrams = calloc(1, sizeof(*datagrams));
        struct inet_name name;
        if (!datagrams)
                return -ENOMEM;
        datagrams->fd = -1;
        datagrams->next_resend = LEAT_NEVER;
        datagrams->resend_ns = client->options.retransmit_first_ns;
        int r = inet_parse(address, reason, &name);
        if (r == 0)
                r = inet_check(address, &name, false, reason);
        if (r == 0)
                r = resolver_candidates(&name, deadline, reason, &datagrams->candidates);
        if (r < 0)
                return r;
        r = open_any(datagrams);
        if (r < 0)
                return inet_explain(r, reason);
        client->state = TAKE(datagrams);
        return 0;
}

static int connect_socket(struct leat_rpc_client *client) {
        struct datagrams *datagrams = client->state;
        if (datagrams->refused) {
                datagrams->refused = false;
                return -ECONNREFUSED;
        }
        return datagrams->fd >= 0 ? 0 : open_any(datagrams);
}

/* Of a server with several addresses another one may be it. Else the socket stays: a server that keeps answers knows us by our port. */
static void lose(struct leat_rpc_client *client) {
        struct datagrams *datagrams = client->state;
        datagrams->next_resend = LEAT_NEVER;
        datagrams->blocked = false;
        if (!datagrams->refused || datagrams->candidates.count < 2)
                return;
        datagrams->at++;
        (void)open_any(datagrams);
}

static void close_carrier(struct leat_rpc_client *client) {
        struct datagrams *datagrams = client->state;
        free_datagrams_at(&datagrams);
        client->state = NULL;
}

static void after_fork(struct leat_rpc_client *client) {
        struct datagrams *datagrams = client->state;
        datagrams->fd = close_fd(datagrams->fd);
}

/* ---- how long an answer takes ---- */

static int64_t difference(int64_t one, int64_t other) {
        return one > other ? one - other : other - one;
}

/* What was measured says so: RFC 6298, section 2. */
static int64_t measured_resend(const struct leat_rpc_client *client, const struct datagrams *datagrams) {
        if (datagrams->smoothed_ns == 0)
                return client->options.retransmit_first_ns;
        int64_t more = 4 * datagrams->variation_ns;
        int64_t resend = datagrams->smoothed_ns + (more > GRANULARITY_NS ? more : GRANULARITY_NS);
        resend = resend < RESEND_LEAST_NS ? RESEND_LEAST_NS : resend;
        return resend < RESEND_MOST_NS ? resend : RESEND_MOST_NS;
}

static void measure(struct leat_rpc_client *client, struct datagrams *datagrams, int64_t took_ns) {
        if (datagrams->smoothed_ns == 0) {
                datagrams->smoothed_ns = took_ns;
                datagrams->variation_ns = took_ns / 2;
        } else {
                datagrams->variation_ns += (difference(datagrams->smoothed_ns, took_ns) - datagrams->variation_ns) / 4;
                datagrams->smoothed_ns += (took_ns - datagrams->smoothed_ns) / 8;
        }
        datagrams->resend_ns = measured_resend(client, datagrams);
        client->info.round_trip_ns = datagrams->smoothed_ns;
}

/*
 * The answer to a message that was sent more than once: to which of them, nobody knows. If it is the last one's, that is how long it takes; if it is an earlier one's, the next message
 * waits for twice as long, and so on until one is answered that was sent once. So neither does one lost datagram make all others slow, nor a way that has become slow make all of them
 * be sent again for ever.
 */
static void measure_again(const struct leat_rpc_client *client, struct datagrams *datagrams, int64_t since_last_ns) {
        int64_t least = measured_resend(client, datagrams), resend = 2 * since_last_ns;
        if (datagrams->resend_ns > resend)
                datagrams->resend_ns = resend > least ? resend : least;
}

/* ---- sending ---- */

static int put(const struct datagrams *datagrams, const struct rpc_pending *pending) {
        size_t size = rpc_pending_bytes(pending);
        if (size > DATAGRAM_MOST)
                return -EMSGSIZE;
        ssize_t n = send(datagrams->fd, pending->message.bytes + pending->begin, size, MSG_NOSIGNAL);
        return n < 0 ? -errno : 0;
}

/* What is said of another datagram, which was sent before: this one has not gone. */
static bool is_told_of_another(int error) {
        return error == -ECONNREFUSED || error == -EHOSTUNREACH || error == -ENETUNREACH || error == -EHOSTDOWN ||
               error == -ENETDOWN || error == -EPROTO || error == -EACCES || error == -EPERM || error == -ENOPROTOOPT;
}

static bool is_full(int error) {
        return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

/* What cannot be sent now is as good as lost on its way. */
static int put_or_lose(struct leat_rpc_client *client, const struct datagrams *datagrams,
                       const struct rpc_pending *pending) {
        int r = put(datagrams, pending);
        if (is_told_of_another(r)) {
                client->connect_error = r;
                r = put(datagrams, pending);
        }
        return is_told_of_another(r) || r == -EINTR ? 0 : r;
}

static void expect(struct datagrams *datagrams, struct rpc_pending *pending, int64_t now) {
        pending->sent_at = now;
        pending->resend_at = now + pending->resend_ns;
        if (pending->resend_at < datagrams->next_resend)
                datagrams->next_resend = pending->resend_at;
}

static int send_pending(struct leat_rpc_client *client, struct rpc_pending *pending) {
        struct datagrams *datagrams = client->state;
        int r = put_or_lose(client, datagrams, pending);
        datagrams->blocked = is_full(r);
        if (r < 0)
                return is_full(r) ? -EAGAIN : r == -EMSGSIZE ? r : -EPIPE;
        pending->resend_ns = datagrams->resend_ns;
        expect(datagrams, pending, leat_now());
        rpc_client_sent(client, pending);
        return 0;
}

/* May it come twice? */
static bool may_resend(const struct leat_rpc_client *client, const struct rpc_pending *pending) {
        bool is_numbered = pending->sequence != 0 && client->greeting == RPC_GREETING_LEAT;
        return !pending->call || pending->may_repeat || is_numbered;
}

static void back_off(struct datagrams *datagrams, struct rpc_pending *pending, int64_t now) {
        bool heard = datagrams->heard_at > pending->sent_at;
        bool lately = heard || (datagrams->heard_at > 0 && now - datagrams->heard_at < HEARD_LATELY_NS);
        int64_t most = lately && pending->resend_ns <= RESEND_HEARD_NS ? RESEND_HEARD_NS : RESEND_MOST_NS;
        pending->resend_ns = pending->resend_ns < most / 2 ? 2 * pending->resend_ns : most;
        if (!heard && datagrams->resend_ns < pending->resend_ns)
                datagrams->resend_ns = pending->resend_ns;
}

static void resend(struct leat_rpc_client *client, struct datagrams *datagrams, struct rpc_pending *pending,
                   int64_t now) {
        pending->attempts++;
        back_off(datagrams, pending, now);
        rpc_client_dress(client, pending);
        (void)put_or_lose(client, datagrams, pending); /* what there is no room for is lost: there is a next time */
        client->info.sent++;
        client->info.retransmitted++;
        rpc_client_tell(client, LEAT_RPC_STEP_SEND, pending->message.bytes + pending->begin,
                        pending->message.size_bytes - pending->begin);
        expect(datagrams, pending, now);
}

static void resend_what_is_due(struct leat_rpc_client *client, struct datagrams *datagrams) {
        if (datagrams->next_resend == LEAT_NEVER)
                return;
        int64_t now = leat_now();
        if (now < datagrams->next_resend)
                return;
        datagrams->next_resend = LEAT_NEVER;
        for (struct list *node = client->sent.next; node != &client->sent; node = node->next) {
                struct rpc_pending *pending = CONTAINER_OF(node, struct rpc_pending, node);
                if (!may_resend(client, pending))
                        continue;
                if (pending->resend_at <= now)
                        resend(client, datagrams, pending, now);
                else if (pending->resend_at < datagrams->next_resend)
                        datagrams->next_resend = pending->resend_at;
        }
}

/* ---- receiving ---- */

/* Does anybody wait without an end for a server that is not there? */
static bool is_waited_for_ever(const struct leat_rpc_client *client) {
        const struct list *const lists[] = { &client->sent, &client->waiting };
        for (size_t i = 0; i < 2; i++)
                for (const struct list *node = lists[i]->next; node != lists[i]; node = node->next) {
                        const struct rpc_pending *pending = CONTAINER_OF(node, const struct rpc_pending, node);
                        if (pending->call && pending->deadline == LEAT_NEVER)
                                return true;
                }
        return false;
}

/* The answer to a message that was sent once tells how long one takes. */
static void learn(struct leat_rpc_client *client, struct datagrams *datagrams, size_t size) {
        const struct rpc_pending *pending =
                size >= XID_BYTES ? client_pending_find(client, get_be32(datagrams->bytes)) : NULL;
        client->connect_error = 0;
        datagrams->heard_at = leat_now();
        if (!pending || pending->state != RPC_PENDING_SENT)
                return;
        if (pending->attempts <= 1)
                measure(client, datagrams, datagrams->heard_at - pending->sent_at);
        else
                measure_again(client, datagrams, datagrams->heard_at - pending->sent_at);
}

static ssize_t receive(struct leat_rpc_client *client, const uint8_t **ret_message) {
        struct datagrams *datagrams = client->state;
        ssize_t n;
        do {
                n = recv(datagrams->fd, datagrams->bytes, sizeof(datagrams->bytes), MSG_DONTWAIT);
        } while (n == 0 || (n < 0 && errno == EINTR));
        if (n > 0) {
                learn(client, datagrams, (size_t)n);
                *ret_message = datagrams->bytes;
                return n;
        }
        if (errno != EAGAIN) {
                client->connect_error = -errno;
                datagrams->refused = is_waited_for_ever(client);
                if (datagrams->refused)
                        return -EPIPE;
        }
        resend_what_is_due(client, datagrams);
        return -EAGAIN;
}

static int arm(struct leat_rpc_client *client, struct wait *wait) {
        const struct datagrams *datagrams = client->state;
        wait_add(wait, datagrams->fd, (short)(POLLIN | (datagrams->blocked ? POLLOUT : 0)));
        wait_look_again(wait, datagrams->next_resend);
        return 0;
}

const struct rpc_carrier rpc_datagram_carrier = {
        .may_double = true,
        .largest_bytes = DATAGRAM_MOST,
        .connect = connect_socket,
        .send = send_pending,
        .receive = receive,
        .arm = arm,
        .lose = lose,
        .close = close_carrier,
        .after_fork = after_fork,
};
