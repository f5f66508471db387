/* SPDX-License-Identifier: MIT */

/* udp: datagrams of the network, to one receiver or to a group. They may be lost, doubled and overtaken; it is seen
 * and counted. */

#include "base/cleanup.h"
#include "transport/datagram.h"
#include "transport/ends.h"
#include "transport/inet_socket.h"
#include "transport/rows.h"
#include "transport/table.h"
#include "transport/tcp_diag.h"
#include "transport/udp_socket.h"

#include <errno.h>
#include <string.h>

#define LARGEST_UDP 65507 /* 65,535 less the headers of IPv4 and UDP */

#define ROWS_UDP                                                                                                       \
        [LEAT_ROW_BOUNDARIES] = YES,                                                                                   \
        [LEAT_ROW_ORDER] = NO("the network may change the order; info tells how many came late; use tcp:"),            \
        [LEAT_ROW_WAITING] = YES,                                                                                      \
        [LEAT_ROW_SYNC] = NO("a datagram is not answered when it is taken; use tcp:, or a call"),                      \
        [LEAT_ROW_FULL] = NO("a sender never waits for its receiver: what finds the receive buffer full is dropped, "  \
                             "and counted there; raise ?capacity=, or use tcp:"),                                      \
        [LEAT_ROW_END] = NO("without connections nobody is told that a sender is gone; use tcp:"),                     \
        [LEAT_ROW_DEATH] = NO("a datagram may be lost whoever lives; info tells how many are missing; use tcp:"),      \
        [LEAT_ROW_LIFETIME] = YES_BUT("with its processes"),                                                           \
        [LEAT_ROW_WHO] = NO("UDP knows addresses, not processes: leat_sender_address() tells those; use unix-dgram: "  \
                            "on one machine"),                                                                         \
        [LEAT_ROW_DESCRIPTORS] = NO("descriptors do not leave a machine; use unix-dgram: on one machine"),             \
        [LEAT_ROW_POLLING] = YES, [LEAT_ROW_LIMITS] = YES, [LEAT_ROW_OPENING] = YES,                                   \
        [LEAT_ROW_LISTENING] = YES_BUT("who receives binds, of a pair who says ?listen; nobody tells a sender that "   \
                                       "it is not there yet"),                                                         \
        [LEAT_ROW_THREADS] = YES, [LEAT_ROW_INHERITANCE] = YES

#define LEAT_(...)                                                                                                     \
        { ROWS_UDP, [LEAT_ROW_VERSIONS] = YES, [LEAT_ROW_TYPES] = __VA_ARGS__ }
#define RAW_                                                                                                           \
        {                                                                                                              \
                ROWS_UDP, [LEAT_ROW_TYPES] = NO("this framing carries no types; use the framing of Leat"),             \
                          [LEAT_ROW_VERSIONS] = NO("these are bare bytes without a version; use the framing of Leat")  \
        }

/* clang-format off: a table */
static const struct leat_declaration declarations[] = {
        { "udp", LEAT_QUEUE, "leat", "n:1", LARGEST_UDP - WIRE_HEADER_BYTES, 1,
          LEAT_(PEER("with ?exclusive, the one receiver: others are set aside in the channel, at most ?aside=")) },
        { "udp", LEAT_PAIR, "leat", "1:1", LARGEST_UDP - WIRE_HEADER_BYTES, 1,
          LEAT_(YES_BUT("others are set aside in the channel, at most ?aside=")) },
        { "udp", LEAT_BROADCAST, "leat", "n:m", LARGEST_UDP - WIRE_HEADER_BYTES, 0,
          LEAT_(YES_BUT("others are set aside in the channel, at most ?aside=")) },
        { "udp", LEAT_QUEUE, "raw", "n:1", LARGEST_UDP, 0, RAW_ },
        { "udp", LEAT_PAIR, "raw", "1:1", LARGEST_UDP, 0, RAW_ },
        { "udp", LEAT_BROADCAST, "raw", "n:m", LARGEST_UDP, 0, RAW_ },
};
/* clang-format on */

/* ---- what is peculiar to the kind ---- */

static void info(struct leat_channel *channel, struct leat_info *info) {
        struct datagram *datagram = channel->state;
        int bytes = 0;
        socklen_t size = sizeof(bytes);
        int option = datagram->connected ? SO_SNDBUF : SO_RCVBUF;
        if (datagram->count > 0 && getsockopt(datagram->fds[0], SOL_SOCKET, option, &bytes, &size) == 0)
                info->capacity_bytes = (uint64_t)bytes;
        if (!datagram->connected)
                info->owner = (struct leat_peer){ .known = true, .pid = getpid(), .uid = geteuid(), .gid = getegid() };
        info->queued_bytes = 0;
        for (unsigned i = 0; i < datagram->count; i++) {
                uint32_t queued, drops;
                if (udp_memory(datagram->fds[i], &queued, &drops) < 0)
                        continue;
                info->queued_bytes += queued; /* as the kernel weighs it, like the capacity */
                counter_add(&channel->counters->dropped, (uint32_t)(drops - datagram->drops_seen[i])); /* it wraps */
                datagram->drops_seen[i] = drops;
        }
}

/* Of both loopbacks, like of every address: a host of the reader's choice. */
static int tell_address(struct leat_channel *channel, char *ret_text, size_t size) {
        const struct datagram *datagram = channel->state;
        struct inet_address address;
        int r = inet_socket_name(datagram->fds[0], datagram->connected, &address);
        if (r < 0)
                return r;
        if (datagram->count == 2)
                address =
                        (struct inet_address){ .v4 = { .sin_family = AF_INET, .sin_port = htons(inet_port(&address)) },
                                               .bytes = sizeof(address.v4) };
        if (channel->declaration->pattern == LEAT_BROADCAST) /* the group is an option, which is not told */
                address =
                        (struct inet_address){ .v4 = { .sin_family = AF_INET, .sin_port = htons(inet_port(&address)) },
                                               .bytes = sizeof(address.v4) };
        inet_format(&address, ret_text, size);
        return 0;
}

static int tell_sender(struct leat_channel *channel, uint64_t link, char *ret_text, size_t size) {
        struct datagram *datagram = channel->state;
        struct inet_address address;
        const struct datagram_peer *peer = datagram_peers_find(&datagram->peers, link);
        const struct datagram_name *name = peer ? &peer->name : NULL;
        if (!name && datagram->has_partner && link == datagram->partner.id)
                name = &datagram->partner.name;
        if (!name || !inet_from_kernel(&name->address, &address))
                return -ENOTCONN;
        inet_format(&address, ret_text, size);
        return 0;
}

static const struct datagram_kind kind = { .loses = true,
                                           .errors_of_partner = udp_errors_of_partner,
                                           .bundle_bytes = udp_bundle_bytes,
                                           .info = info,
                                           .address = tell_address,
                                           .sender_address = tell_sender };

/* ---- opening ---- */

static int check_address(const struct address *address, struct leat_reason *reason) {
        struct inet_name name;
        return inet_parse(address, reason, &name);
}

/* What must be there, or must not: of a group nobody is asked, and of a receiver nobody tells. */
static int check_presence(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool open = address_given(address, OPTION_OPEN), new = address_given(address, OPTION_NEW);
        if (channel->declaration->pattern == LEAT_BROADCAST && new)
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "a group is there without anybody; leave ?new away");
        if (channel->declaration->pattern != LEAT_BROADCAST && !datagram_binds(channel) && (open || new))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_OPENING,
                                  "nobody tells a sender of datagrams whether a receiver is there; use tcp:");
        return 0;
}

static int check_pattern(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool broadcast = channel->declaration->pattern == LEAT_BROADCAST;
        if (broadcast && !address_given(address, OPTION_MULTICAST))
                return reason_set(reason, -EINVAL, LEAT_ROW_LISTENING,
                                  "to reach every receiver name their group: ?multicast=239.1.2.3");
        if (!broadcast && address_given(address, OPTION_MULTICAST))
                return reason_at(reason, -EINVAL, address->columns[OPTION_MULTICAST],
                                 "what goes to a group reaches all of it: ?pattern=broadcast");
        if (broadcast && (channel->flags & LEAT_SEND) && (channel->flags & LEAT_RECEIVE))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LISTENING,
                                  "an end of a group sends or receives; open one for each");
        return 0;
}

static int open_group(struct leat_channel *channel, const struct udp_group *group, struct leat_reason *reason,
                      struct datagram *datagram) {
        bool binds = datagram_binds(channel);
        int r = binds ? udp_join(group, reason, &datagram->fds[0])
                      : udp_send_to_group(group, reason, &datagram->fds[0]);
        datagram->count = r < 0 ? 0 : 1;
        datagram->connected = !binds;
        int bytes = (int)channel->address.capacity;
        if (r == 0 && address_given(&channel->address, OPTION_CAPACITY) &&
            setsockopt(datagram->fds[0], SOL_SOCKET, binds ? SO_RCVBUF : SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
                return -errno;
        return r;
}

static int open_sockets(struct leat_channel *channel, const struct inet_name *name, int64_t deadline,
                        struct leat_reason *reason, struct datagram *datagram) {
        const struct address *address = &channel->address;
        struct udp_group group;
        int r = udp_group_parse(address, name, reason, &group);
        if (r == 0 && group.address.bytes > 0)
                return open_group(channel, &group, reason, datagram);
        if (r == 0 && !datagram_binds(channel))
                r = udp_connect(address, name, deadline, reason, datagram);
        else if (r == 0)
                r = udp_bind(address, name, deadline, reason, datagram);
        /* Else the kernel tells only what is final (nobody is bound), and not that there is no way for now. */
        if (r == 0 && (datagram->connected || channel->declaration->pattern == LEAT_PAIR))
                r = udp_hear_errors(datagram);
        return r;
}

static int open_udp(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        CLEANUP(datagram_free_at) struct datagram *datagram = NULL;
        const struct address *address = &channel->address;
        struct inet_name name;
        if (address->size > channel->declaration->largest_bytes)
                return reason_at(reason, -EINVAL, address->columns[OPTION_SIZE],
                                 "a datagram has at most 65,507 bytes, 48 of them the header of Leat; use tcp:");
        int r = check_pattern(channel, reason);
        if (r == 0)
                r = datagram_check_direction(channel, reason);
        if (r == 0)
                r = check_presence(channel, reason);
        if (r == 0)
                r = ends_check_limits(address, true, reason);
        if (r == 0)
                r = inet_parse(address, reason, &name);
        if (r == 0)
                r = inet_check(address, &name, datagram_binds(channel), reason);
        if (r == 0)
                r = datagram_new(channel, &kind, channel->largest_bytes, &datagram);
        if (r == 0)
                r = open_sockets(channel, &name, deadline, reason, datagram);
        if (r < 0)
                return r;
        datagram_start(channel, TAKE(datagram), NULL);
        return 0;
}

/* What is known of a port of this machine. */
static int inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        struct inet_name name;
        uint32_t inode;
        uid_t uid;
        int r = inet_parse(address, reason, &name);
        if (r < 0)
                return r;
        if (name.kind == INET_NAME)
                return reason_at(reason, -ENOTSUP, address->rest_column,
                                 "only ports of this machine can be looked at, by number or as udp::PORT");
        r = inet_holder(&name, IPPROTO_UDP, &inode, &uid);
        if (r == -ENOENT)
                return reason_set(reason, -ECONNREFUSED, LEAT_ROW_LISTENING, "nobody receives there on this machine");
        if (r < 0)
                return reason_set(reason, r, LEAT_ROW_LIMITS,
                                  "this kernel does not tell about its sockets (CONFIG_INET_DIAG)");
        info->owner = (struct leat_peer){ .known = true, .uid = uid };
        return 0;
}

static int create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        (void)address, (void)mode, (void)new_only;
        return reason_set(reason, -ENOTSUP, LEAT_ROW_LIFETIME,
                          "a port lives with its processes: there is nothing to make before a receiver opens it");
}

const struct transport transport_udp = {
        .scheme = "udp",
        .summary = "datagrams of the network: to one receiver, or to a multicast group; they may be lost",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT) |
                   OPTION_BIT(OPTION_EXCLUSIVE) | OPTION_BIT(OPTION_MULTICAST) | OPTION_BIT(OPTION_INTERFACE) |
                   OPTION_BIT(OPTION_TTL),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = check_address,
        .open = open_udp,
        .inspect = inspect,
        .create = create,
};
