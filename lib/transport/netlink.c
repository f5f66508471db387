/* SPDX-License-Identifier: MIT */

/*
 * netlink: what the kernel tells everyone (netlink(7)): devices that come and go, and changes of interfaces, addresses and
 * routes. To receive only. A message is one datagram as the kernel wrote it.
 *
 * Any process that may can send to our port too, so who sent is looked at each time: the address of the kernel has pid 0,
 * and no process can have that one. What others send is dropped.
 */

#include "base/cleanup.h"
#include "base/io.h"
#include "channel/channel.h"
#include "channel/entry.h"
#include "transport/foreign.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LARGEST_NETLINK (UINT64_C(208) << 10) /* what the default SO_RCVBUF takes */

static const struct leat_declaration declarations[] = {
        { .scheme = "netlink",
          .pattern = LEAT_BROADCAST,
          .framing = "raw",
          .parties = "1:n",
          .largest_bytes = LARGEST_NETLINK,
          .rows = { [LEAT_ROW_BOUNDARIES] = YES,
                    [LEAT_ROW_ORDER] = YES_BUT("as the kernel sends"),
                    [LEAT_ROW_TYPES] = NO("the kernel's messages have no types of Leat; look into the bytes"),
                    [LEAT_ROW_WAITING] = YES,
                    [LEAT_ROW_SYNC] = NO("the kernel sends, and waits for nobody; use unix:"),
                    [LEAT_ROW_FULL] = NO("the kernel drops what does not fit, tells so once (ENOBUFS) and counts it; "
                                         "give a larger ?capacity="),
                    [LEAT_ROW_END] = NO("the kernel does not go away; receive with a deadline"),
                    [LEAT_ROW_DEATH] = YES_BUT("of a killed receiver what waited in its own socket is lost"),
                    [LEAT_ROW_LIFETIME] = YES_BUT("with its processes"),
                    [LEAT_ROW_WHO] = NO("the kernel sends, which is no process; what processes send is not taken"),
                    [LEAT_ROW_DESCRIPTORS] = NO("the kernel sends bytes only; use unix:"),
                    [LEAT_ROW_POLLING] = YES,
                    [LEAT_ROW_LIMITS] = YES,
                    [LEAT_ROW_OPENING] =
                            NO("there is nothing to make or to look at: the kernel's groups are always there"),
                    [LEAT_ROW_LISTENING] = NO("only the kernel sends here, to any number; open it to receive"),
                    [LEAT_ROW_THREADS] = YES,
                    [LEAT_ROW_VERSIONS] = NO("the bytes are the kernel's own, and not of Leat"),
                    [LEAT_ROW_INHERITANCE] = YES } },
};

/* What can be listened to. Groups above the first 32 would need setsockopt; none of these is. */
#define GROUP(number) (UINT32_C(1) << ((number)-1))
#define GROUPS_ROUTE                                                                                                   \
        (GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_IPV4_IFADDR) | GROUP(RTNLGRP_IPV6_IFADDR) | GROUP(RTNLGRP_IPV4_ROUTE) |   \
         GROUP(RTNLGRP_IPV6_ROUTE) | GROUP(RTNLGRP_IPV4_RULE) | GROUP(RTNLGRP_IPV6_RULE))
#define GROUPS_UEVENT 1 /* the kernel's; 2 is what udevd made of it, which a process sends */

static const struct family {
        const char *name;
        int protocol;
        uint32_t groups;
} families[] = {
        { "kobject-uevent", NETLINK_KOBJECT_UEVENT, GROUPS_UEVENT },
        { "route", NETLINK_ROUTE, GROUPS_ROUTE },
};

struct netlink_state {
        int fd;
        uint8_t *buffer; /* grown to what came */
        size_t capacity;
        ssize_t held;   /* bytes of a message that was taken and could not be kept; -1: none */
        uint64_t drops; /* of the kernel, as far as they are counted */
};

/* ---- receiving ---- */

static int make_room(struct netlink_state *state, size_t size) {
        if (size <= state->capacity)
                return 0;
        uint8_t *buffer = realloc(state->buffer, size);
        if (!buffer)
                return -ENOMEM;
        state->buffer = buffer;
        state->capacity = size;
        return 0;
}

/* The next datagram, whoever sent it, into the buffer. Its size; a negative errno. */
static ssize_t take_datagram(struct netlink_state *state, bool *ret_from_kernel) {
        struct sockaddr_nl from = { 0 };
        ssize_t size = recv(state->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        if (size < 0)
                return -errno;
        int r = make_room(state, size > 0 ? (size_t)size : 1);
        if (r < 0)
                return r;
        struct iovec part = { state->buffer, state->capacity };
        struct msghdr header = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1 };
        size = io_receive_message(state->fd, &header);
        *ret_from_kernel = header.msg_namelen == sizeof(from) && from.nl_pid == 0;
        return size;
}

/* The next of the kernel. */
static ssize_t take(struct leat_channel *channel, unsigned *reads) {
        struct netlink_state *state = channel->state;
        if (state->held >= 0)
                return state->held;
        while (*reads > 0) {
                bool from_kernel = false;
                --*reads;
                ssize_t size = take_datagram(state, &from_kernel);
                if (size == -ENOBUFS)
                        return channel_refuse(
                                channel, -ENOBUFS, LEAT_ROW_FULL,
                                "the kernel dropped messages that were not received in time ('dropped' counts "
                                "them): ask for the state anew and receive on; a larger ?capacity= holds more");
                if (size < 0 || from_kernel)
                        return size;
                counter_add(&channel->counters->refused, 1);
        }
        return -EAGAIN;
}

static int receive_one(struct leat_channel *channel, struct incoming *message) {
        struct netlink_state *state = channel->state;
        struct entry entry;
        message->about.sender = (struct leat_peer){ 0 };
        state->held = take(channel, message->reads);
        if (state->held < 0)
                return (int)state->held;
        (void)entry_look(FRAMING_RAW, state->buffer, (size_t)state->held, &entry); /* raw: all is a message */
        int r = entry_deliver(&entry, message);
        if (r == 0)
                state->held = -1;
        return r;
}

static int netlink_receive(struct leat_channel *channel, struct incoming *messages, int count) {
        int done = 0, r = 0;
        while (done < count && (r = receive_one(channel, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

static int netlink_send(struct leat_channel *channel, struct outgoing *messages, int count) {
        (void)channel, (void)messages, (void)count;
        return -ENOTSUP; /* it is never opened to send */
}

/* ---- waiting ---- */

static int netlink_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        const struct netlink_state *state = channel->state;
        if (state->held >= 0)
                return 1;
        wait_add(wait, state->fd, direction == DIRECTION_RECEIVE ? POLLIN : 0);
        return 0;
}

static int netlink_poll_fd(struct leat_channel *channel) {
        const struct netlink_state *state = channel->state;
        return state->fd;
}

/* ---- what is known ---- */

static void netlink_info(struct leat_channel *channel, struct leat_info *info) {
        struct netlink_state *state = channel->state;
        foreign_info(state->fd, info);
        foreign_count_drops(channel, state->fd, &state->drops);
}

/* ---- closing ---- */

static void netlink_after_fork(struct leat_channel *channel) {
        struct netlink_state *state = channel->state;
        state->fd = close_fd(state->fd);
}

static void netlink_close(struct leat_channel *channel, bool ours) {
        struct netlink_state *state = channel->state;
        (void)ours;
        close_fd(state->fd);
        free(state->buffer);
        free(state);
        channel->state = NULL;
}

static const struct operations operations = {
        .send = netlink_send,
        .receive = netlink_receive,
        .arm = netlink_arm,
        .hears = foreign_hears_nothing,
        .poll_fd = netlink_poll_fd,
        .info = netlink_info,
        .peer = foreign_no_peer,
        .detach = foreign_no_detach,
        .after_fork = netlink_after_fork,
        .close = netlink_close,
};

/* ---- opening ---- */

static const struct family *find_family(const char *name) {
        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
                if (strcmp(families[i].name, name) == 0)
                        return &families[i];
        return NULL;
}

static int netlink_check(const struct address *address, struct leat_reason *reason) {
        if (find_family(address->rest))
                return 0;
        return reason_at(
                reason, -EINVAL, address->rest_column,
                "the kernel is heard at netlink:kobject-uevent (devices) and netlink:route (interfaces, addresses, "
                "routes)");
}

static int make_socket(const struct address *address, struct leat_reason *reason) {
        const struct family *family = find_family(address->rest);
        const struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = family->groups };
        CLOSE_AT_EXIT int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family->protocol);
        if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
                return reason_set(reason, -errno, LEAT_ROW_OPENING,
                                  "this kernel was built without that part of netlink");
        if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
                return -errno;
        int r = foreign_set_capacity(fd, address, reason);
        return r < 0 ? r : take_fd(&fd);
}

static int netlink_open(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        (void)deadline; /* nothing to wait for */
        if (channel->flags != LEAT_RECEIVE)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LISTENING,
                                  channel->declaration->rows[LEAT_ROW_LISTENING].why);
        CLOSE_AT_EXIT int fd = make_socket(&channel->address, reason);
        if (fd < 0)
                return fd;
        struct netlink_state *state = malloc(sizeof(*state));
        if (!state)
                return -ENOMEM;
        *state = (struct netlink_state){ .fd = take_fd(&fd), .held = -1 };
        channel->operations = &operations;
        channel->state = state;
        return 0;
}

const struct transport transport_netlink = {
        .scheme = "netlink",
        .summary = "what the kernel tells of devices, interfaces, addresses and routes; to receive only",
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = netlink_check,
        .open = netlink_open,
};
