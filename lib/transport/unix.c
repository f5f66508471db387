/* SPDX-License-Identifier: MIT */

/* unix: sockets of sequenced packets: each packet is one frame, so a message is never run together with another. */

#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"

#include <sys/socket.h>

/* clang-format off: a table */
static const struct leat_declaration declarations[] = {
        DECLARE("unix", "leat", "n", LARGEST_DEFAULT, 1, 1, ROWS_UNIX_LEAT),
        DECLARE("unix", "raw", "n", LARGEST_PACKET, 0, 0, ROWS_UNIX_RAW),
};
/* clang-format on */

static int open_unix(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        return unix_channel_open(channel, SOCK_SEQPACKET, deadline, reason);
}

static int pair_unix(struct leat_channel *receiver, struct leat_channel *sender, struct leat_reason *reason) {
        return unix_channel_pair(receiver, sender, SOCK_SEQPACKET, reason);
}

const struct transport transport_unix = {
        .scheme = "unix",
        .summary = "unix sockets of packets: many senders to one receiver, on one machine",
        .options = UNIX_OPTIONS,
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .open = open_unix,
        .pair = pair_unix,
        .inspect = unix_channel_inspect,
        .create = unix_channel_create,
        .set = unix_channel_set,
        .remove = unix_channel_remove,
};
