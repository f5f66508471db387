/* SPDX-License-Identifier: MIT */

/* unix-dgram: unix sockets of datagrams: a message is one of them, from many senders to one receiver, without
 * connections. */

#include "base/cleanup.h"
#include "transport/datagram.h"
#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"
#include "transport/unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* What a send buffer takes beside the datagram (unix_dgram_sendmsg of Linux). */
#define AROUND_BYTES 32

#define ROWS_UNIX_DGRAM                                                                                                \
        [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_ORDER] = YES, [LEAT_ROW_WAITING] = YES,                                 \
        [LEAT_ROW_SYNC] = NO("a datagram is not answered when it is taken; use unix:, or a call"),                     \
        [LEAT_ROW_FULL] = YES_BUT("wait, be told, drop the newest; a sender cannot take what others sent, so the "     \
                                  "oldest is never dropped"),                                                          \
        [LEAT_ROW_END] = NO("without connections nobody is told that a sender is gone; use unix:"),                    \
        [LEAT_ROW_DEATH] = YES, [LEAT_ROW_LIFETIME] = YES_BUT("with its processes"),                                   \
        [LEAT_ROW_WHO] = YES_BUT("who sent each message"), [LEAT_ROW_POLLING] = YES, [LEAT_ROW_LIMITS] = YES,          \
        [LEAT_ROW_OPENING] = YES, [LEAT_ROW_LISTENING] = YES_BUT("who receives binds; of a pair who says ?listen"),    \
        [LEAT_ROW_THREADS] = YES, [LEAT_ROW_INHERITANCE] = YES

#define ROWS_UNIX_DGRAM_LEAT ROWS_UNIX_DGRAM, [LEAT_ROW_DESCRIPTORS] = YES, [LEAT_ROW_VERSIONS] = YES
#define TYPES_OF_ONE PEER("with ?exclusive, the one receiver: others are set aside in the channel, at most ?aside=")
#define ROWS_UNIX_DGRAM_RAW                                                                                            \
        ROWS_UNIX_DGRAM, [LEAT_ROW_TYPES] = NO("this framing carries no types; use the framing of Leat"),              \
                         [LEAT_ROW_DESCRIPTORS] =                                                                      \
                                 NO("this framing cannot say how many came; use the framing of Leat"),                 \
                         [LEAT_ROW_VERSIONS] = NO("these are bare bytes without a version; use the framing of Leat")

static const struct leat_declaration declarations[] = {
        { "unix-dgram",
          LEAT_QUEUE,
          "leat",
          "n:1",
          LARGEST_PACKET,
          1,
          { ROWS_UNIX_DGRAM_LEAT, [LEAT_ROW_TYPES] = TYPES_OF_ONE } },
        { "unix-dgram",
          LEAT_PAIR,
          "leat",
          "1:1",
          LARGEST_PACKET,
          1,
          { ROWS_UNIX_DGRAM_LEAT, [LEAT_ROW_TYPES] =
                                          YES_BUT("others are set aside in the channel, at most ?aside=") } },
        { "unix-dgram", LEAT_QUEUE, "raw", "n:1", LARGEST_PACKET, 0, { ROWS_UNIX_DGRAM_RAW } },
        { "unix-dgram", LEAT_PAIR, "raw", "1:1", LARGEST_PACKET, 0, { ROWS_UNIX_DGRAM_RAW } },
};

/* ---- what is peculiar to the kind ---- */

/* The name of one that is gone is nobody's, and nothing is sent to find out. */
static int point_at(const struct datagram_name *name) {
        CLOSE_AT_EXIT int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&name->address, name->bytes) < 0)
                return errno == ENOENT ? -ECONNREFUSED : -errno;
        return take_fd(&fd);
}

static size_t bundle_bytes(const struct datagram *datagram) {
        int bytes = 0;
        socklen_t size = sizeof(bytes);
        if (getsockopt(datagram->fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, &size) < 0 || bytes < AROUND_BYTES)
                return 0;
        return (size_t)bytes - AROUND_BYTES;
}

static void info(struct leat_channel *channel, struct leat_info *info) {
        const struct datagram *datagram = channel->state;
        const struct unix_name *name = datagram->context;
        struct stat status;
        int bytes = 0;
        socklen_t size = sizeof(bytes);
        if (getsockopt(datagram->fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0)
                info->capacity_bytes = (uint64_t)bytes;
        if (!datagram->connected)
                info->owner = (struct leat_peer){ .known = true, .pid = getpid(), .uid = geteuid(), .gid = getegid() };
        if (!name->abstract && fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) == 0)
                info->mode = status.st_mode & 07777;
}

static int tell_address(struct leat_channel *channel, char *ret_text, size_t size) {
        const struct datagram *datagram = channel->state;
        const struct unix_name *name = datagram->context;
        return snprintf(ret_text, size, "%s", name->path) < (int)size ? 0 : -ERANGE;
}

static void close_name(void *context, bool ours) {
        struct unix_name *name = context;
        if (ours)
                unix_name_unbind(name);
        unix_name_free(name);
}

static void after_fork(void *context) {
        struct unix_name *name = context;
        name->directory = close_fd(name->directory);
}

static const struct datagram_kind kind = { .descriptors = true,
                                           .credentials = true,
                                           .point_at = point_at,
                                           .bundle_bytes = bundle_bytes,
                                           .info = info,
                                           .address = tell_address,
                                           .after_fork = after_fork,
                                           .close = close_name };

/* ---- opening ---- */

static int check(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        int64_t most = limit_sysctl("net.core.wmem_max");
        uint64_t wanted = address_given(address, OPTION_CAPACITY) ? address->capacity : 0;
        if (address_given(address, OPTION_WHO) && address->who == 0) {
                reason_at(reason, -ENOTSUP, address->columns[OPTION_WHO],
                          "there is no connection: each message tells who sent it");
                if (reason)
                        reason->row = LEAT_ROW_WHO;
                return -ENOTSUP;
        }
        if (address->size > LARGEST_PACKET && address->size + WIRE_HEADER_BYTES > wanted)
                wanted = address->size + WIRE_HEADER_BYTES;
        if (most >= 0 && wanted > (uint64_t)most)
                return reason_limit(reason, -EINVAL, "net.core.wmem_max",
                                    "?capacity= or ?size= is above the limit of the system");
        return datagram_check_direction(channel, reason);
}

/* A datagram is sent from the send buffer: so large may it be, and so much waits before a sender does. */
static int set_capacity(struct leat_channel *channel, int fd) {
        const struct address *address = &channel->address;
        uint64_t around = entry_header_bytes((enum framing)address->framing) + AROUND_BYTES;
        int bytes = 0;
        socklen_t size = sizeof(bytes);
        if (address_given(address, OPTION_CAPACITY))
                bytes = (int)address->capacity;
        if (address->size > LARGEST_PACKET && address->size + around > (uint64_t)bytes)
                bytes = (int)(address->size + around);
        if (bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, size) < 0)
                return -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size) < 0)
                return -errno;
        uint64_t room = (uint64_t)bytes > around ? (uint64_t)bytes - around : 0;
        if (channel->largest_bytes > room)
                channel->largest_bytes = room;
        return 0;
}

static int open_socket(struct leat_channel *channel, struct unix_name *name, int64_t deadline,
                       struct leat_reason *reason, struct datagram *datagram) {
        bool binds = datagram_binds(channel);
        int r = binds ? unix_name_listen(name, SOCK_DGRAM, &channel->address, deadline, reason, &datagram->fds[0])
                      : unix_name_connect(name, SOCK_DGRAM, &channel->address, deadline, reason, &datagram->fds[0]);
        if (r < 0)
                return r;
        datagram->count = 1;
        datagram->connected = !binds;
        if (!binds)
                datagram_drain(datagram->fds[0]);
        const int on = 1;
        if (!binds && setsockopt(datagram->fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        return set_capacity(channel, datagram->fds[0]);
}

static int open_unix_dgram(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        CLEANUP(unix_name_free_at) struct unix_name *name = NULL;
        CLEANUP(datagram_free_at) struct datagram *datagram = NULL;
        int r = check(channel, reason);
        if (r == 0)
                r = unix_name_new(&channel->address, true, reason, &name);
        if (r == 0)
                r = datagram_new(channel, &kind, channel->largest_bytes, &datagram);
        if (r == 0)
                r = open_socket(channel, name, deadline, reason, datagram);
        if (r < 0) {
                if (name)
                        unix_name_unbind(name);
                return r;
        }
        datagram_start(channel, TAKE(datagram), TAKE(name));
        return 0;
}

static int inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        return unix_channel_look(address, true, reason, info);
}

const struct transport transport_unix_dgram = {
        .scheme = "unix-dgram",
        .summary = "unix sockets of datagrams: many senders to one receiver, without connections",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_LISTEN) | OPTION_BIT(OPTION_CONNECT) |
                   OPTION_BIT(OPTION_MODE) | OPTION_BIT(OPTION_WHO) | OPTION_BIT(OPTION_EXCLUSIVE),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .open = open_unix_dgram,
        .inspect = inspect,
        .create = unix_channel_create,
        .set = unix_channel_set,
        .remove = unix_channel_remove,
};
