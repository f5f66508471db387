/* SPDX-License-Identifier: MIT */

/* tcp: connections of the network, framed; any program that speaks TCP can be the other end (docs/design/network.md, section 2). */

#include "base/cleanup.h"
#include "channel/hub.h"
#include "transport/ends.h"
#include "transport/inet_socket.h"
#include "transport/rows.h"
#include "transport/table.h"
#include "transport/tcp_connect.h"
#include "transport/tcp_diag.h"
#include "transport/tcp_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TCP_NOTES                                                                                                      \
        [LEAT_ROW_WHO] = NO("TCP knows addresses, not processes: leat_sender_address() tells those; use unix: on one " \
                            "machine"),                                                                                \
        [LEAT_ROW_DESCRIPTORS] = NO("descriptors do not leave a machine; use unix: on one machine"),                   \
        [LEAT_ROW_OPENING] = YES, [LEAT_ROW_LISTENING] = YES

#define CUT_CABLE                                                                                                      \
        "a machine that vanishes, or a cut cable, tells nobody: ?keepalive=SECONDS asks and ends the connection"
#define HALF_CLOSED                                                                                                    \
        "; a partner that closed is told from one that only ended what it sends by the first message that it refuses"

#define ROWS_TCP_LEAT                                                                                                  \
        ROWS_LEAT, TCP_NOTES, [LEAT_ROW_END] = YES_BUT(CUT_CABLE),                                                     \
                              [LEAT_ROW_DEATH] = YES_BUT("a sender that is killed with unread input may take with it " \
                                                         "what the receiver has not got yet")
#define ROWS_TCP_BARE(rows) rows, TCP_NOTES, [LEAT_ROW_END] = YES_BUT(CUT_CABLE HALF_CLOSED)

/* What is peculiar to TCP is written over what holds for every connection. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
/* clang-format off: a table */
static const struct leat_declaration declarations[] = {
        DECLARE("tcp", "leat", "n", LARGEST_DEFAULT, 1, 1, ROWS_TCP_LEAT),
        DECLARE("tcp", "raw", "n", LARGEST_DEFAULT, 0, 0, ROWS_TCP_BARE(ROWS_BARE_STREAM_RAW)),
        DECLARE("tcp", "lines", "n", LARGEST_DEFAULT, 0, 0, ROWS_TCP_BARE(ROWS_BARE_DELIMITED)),
        DECLARE("tcp", "nul", "n", LARGEST_DEFAULT, 0, 0, ROWS_TCP_BARE(ROWS_BARE_DELIMITED)),
        DECLARE("tcp", "length", "n", LARGEST_DEFAULT, 0, 0, ROWS_TCP_BARE(ROWS_BARE_LENGTH)),
};
/* clang-format on */
#pragma GCC diagnostic pop

/* ---- the hub's view ---- */

static int accepted(struct leat_channel *channel, int fd, struct leat_peer *ret_peer) {
        (void)channel, (void)fd; /* what was set on the listening socket is inherited */
        *ret_peer = (struct leat_peer){ 0 };
        return 0;
}

static void info(struct leat_channel *channel, struct leat_info *info) {
        const struct hub *hub = channel->state;
        const struct link *link = hub_find(hub, 0);
        int fd = hub->listener >= 0 ? hub->listener : link ? link->in.fd : -1, bytes = 0;
        socklen_t size = sizeof(bytes);
        if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0)
                info->capacity_bytes = (uint64_t)bytes;
        if (hub->listener >= 0)
                info->owner = (struct leat_peer){ .known = true, .pid = getpid(), .uid = geteuid(), .gid = getegid() };
}

static int format(const struct inet_address *address, char *ret_text, size_t size) {
        if (size < INET_TEXT_BYTES)
                return -ERANGE;
        inet_format(address, ret_text, size);
        return 0;
}

/* An end that listens on two sockets: on both loopbacks it is named by the port alone, as it was opened; else by its IPv4 address. */
static int tell_both(const struct hub *hub, char *ret_text, size_t size) {
        struct inet_address one, other;
        struct inet_candidates loopback;
        int r = inet_socket_name(hub->listener, false, &one);
        if (r == 0)
                r = inet_socket_name(hub->twin, false, &other);
        if (r < 0)
                return r;
        const struct inet_address *v4 = one.any.sa_family == AF_INET ? &one : &other, *v6 = v4 == &one ? &other : &one;
        inet_candidates(&(struct inet_name){ .kind = INET_LOOPBACK, .port = inet_port(v4) }, &loopback);
        if (!inet_same(v4, &loopback.all[0]) || !inet_same(v6, &loopback.all[1]))
                return format(v4, ret_text, size);
        return snprintf(ret_text, size, ":%u", (unsigned)inet_port(v4)) < (int)size ? 0 : -ERANGE;
}

static int tell_address(struct leat_channel *channel, char *ret_text, size_t size) {
        struct inet_address address;
        const struct hub *hub = channel->state;
        const struct link *link = hub_find(hub, 0);
        bool listens = hub->listener >= 0;
        int fd = listens ? hub->listener : link ? link->in.fd : -1;
        if (fd < 0)
                return -ENOTCONN;
        if (hub->twin >= 0)
                return tell_both(hub, ret_text, size);
        int r = inet_socket_name(fd, !listens, &address);
        return r < 0 ? r : format(&address, ret_text, size);
}

static int tell_sender(const struct link *link, char *ret_text, size_t size) {
        struct inet_address address;
        int r = link->in.fd < 0 ? -ENOTCONN : inet_socket_name(link->in.fd, true, &address);
        return r < 0 ? r : format(&address, ret_text, size);
}

static bool is_silent(const struct leat_channel *channel, const struct link *link) {
        return tcp_is_silent(link->in.fd, (int)channel->address.keepalive);
}

/* ---- ?reconnect ---- */

struct connection {
        struct inet_name name;
        struct address address; /* ?open: who refuses is told of, and the hub waits */
        struct tcp_connector connector;
        bool under_way;
};

static int connect_again(struct leat_channel *channel, struct io *ret_io, struct leat_peer *ret_peer) {
        const struct hub *hub = channel->state;
        struct connection *again = hub->context;
        *ret_peer = (struct leat_peer){ 0 };
        int r = again->under_way ? 0 : tcp_connector_init(&again->connector, &again->address, &again->name);
        again->under_way = true;
        if (r == 0)
                r = tcp_connector_try(&again->connector, NULL, &ret_io->fd);
        if (r == -EAGAIN)
                return r;
        tcp_connector_clear(&again->connector);
        again->under_way = false;
        return r;
}

static void arm_connect(struct leat_channel *channel, struct wait *wait) {
        const struct hub *hub = channel->state;
        const struct connection *again = hub->context;
        tcp_connector_arm(&again->connector, wait);
}

static void after_fork(void *context) {
        struct connection *again = context;
        for (unsigned i = 0; again && again->under_way && i < again->connector.attempts_count; i++)
                again->connector.attempts[i].fd = close_fd(again->connector.attempts[i].fd);
}

static void close_connection(void *context, bool ours) {
        struct connection *again = context;
        (void)ours;
        if (again && again->under_way)
                tcp_connector_clear(&again->connector);
        free(again);
}

static const struct hub_kind kind = { .accepted = accepted,
                                      .info = info,
                                      .after_fork = after_fork,
                                      .close = close_connection,
                                      .connect = connect_again,
                                      .arm_connect = arm_connect,
                                      .is_silent = is_silent,
                                      .address = tell_address,
                                      .sender_address = tell_sender };

/* ---- opening ---- */

static struct link_options link_options(const struct leat_channel *channel) {
        struct link_options options = hub_link_options(channel);
        options.network = true;
        /* Bare bytes to one that only receives: nothing ever goes back, so a reset destroys nothing. */
        options.resets = options.framing != FRAMING_LEAT && !DOES_SEND(channel->flags);
        return options;
}

static int open_listening(struct leat_channel *channel, const struct inet_name *name, int64_t deadline,
                          struct leat_reason *reason) {
        struct link_options options = link_options(channel);
        int fds[2];
        int r = tcp_listen(&channel->address, name, deadline, reason, fds);
        if (r < 0)
                return r;
        r = hub_new_listening(channel, &kind, NULL, &options, fds[0]);
        if (r < 0)
                close_fd(fds[1]);
        return r < 0 || fds[1] < 0 ? r : hub_add_listener(channel, fds[1]);
}

static int open_connected(struct leat_channel *channel, const struct inet_name *name, int64_t deadline,
                          struct leat_reason *reason) {
        struct link_options options = link_options(channel);
        const struct leat_peer nobody = { 0 };
        struct io io = { .fd = -1, .kind = IO_SOCKET };
        FREE_AT_EXIT struct connection *again = calloc(1, sizeof(struct connection));
        if (!again)
                return -ENOMEM;
        again->name = *name;
        again->address = channel->address;
        again->address.given |= OPTION_BIT(OPTION_OPEN);
        int r = tcp_connect(&channel->address, name, deadline, reason, &io.fd);
        if (r == 0)
                r = hub_new_connected(channel, &kind, again, &options, io, io, &nobody);
        if (r == 0)
                (void)TAKE(again);
        return r;
}

static int open_tcp(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool listens = ends_listens(channel);
        struct inet_name name;
        int r = ends_check_direction(channel, reason);
        if (r == 0)
                r = ends_check_again(channel, reason);
        if (r == 0)
                r = ends_check_limits(address, true, reason);
        if (r == 0)
                r = inet_parse(address, reason, &name);
        if (r == 0)
                r = inet_check(address, &name, listens, reason);
        if (r < 0)
                return r;
        return listens ? open_listening(channel, &name, deadline, reason)
                       : open_connected(channel, &name, deadline, reason);
}

/* ---- on addresses ---- */

static int check(const struct address *address, struct leat_reason *reason) {
        struct inet_name name;
        return inet_parse(address, reason, &name);
}

static int create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        (void)address, (void)mode, (void)new_only;
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIFETIME,
                          "a port lives with its processes: there is nothing to make before a receiver opens it");
}

static int set(const struct address *address, const char *property, const char *value, struct leat_reason *reason) {
        (void)address, (void)property, (void)value;
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS, "of a port nothing can be set from outside");
}

static int remove_port(const struct address *address, struct leat_reason *reason) {
        (void)address;
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIFETIME, "a port goes with its listener");
}

const struct transport transport_tcp = {
        .scheme = "tcp",
        .summary = "connections of the network: many senders to one receiver, on any machine, ordinary programs among "
                   "them",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT) |
                   OPTION_BIT(OPTION_BACKLOG) | OPTION_BIT(OPTION_CONNECTIONS) | OPTION_BIT(OPTION_NODELAY) |
                   OPTION_BIT(OPTION_KEEPALIVE) | OPTION_BIT(OPTION_RECONNECT) | OPTION_BIT(OPTION_AT_LEAST_ONCE) |
                   OPTION_BIT(OPTION_ACKNOWLEDGE),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = check,
        .open = open_tcp,
        .inspect = tcp_inspect,
        .create = create,
        .set = set,
        .remove = remove_port,
};
