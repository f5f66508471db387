/* SPDX-License-Identifier: MIT */

/* unix: sockets of sequenced packets: each packet is one frame, so a message is never run together with another. */

#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"

#include <sys/socket.h>

static const struct leat_declaration declarations[] = {
        { .scheme = "unix",
          .pattern = LEAT_QUEUE,
          .framing = "leat",
          .parties = "n:1",
          .largest_bytes = LARGEST_DEFAULT,
          .two_way = 1,
          .rows = { ROWS_UNIX_LEAT } },
        { .scheme = "unix",
          .pattern = LEAT_PAIR,
          .framing = "leat",
          .parties = "1:1",
          .largest_bytes = LARGEST_DEFAULT,
          .two_way = 1,
          .rows = { ROWS_UNIX_LEAT } },
        { .scheme = "unix",
          .pattern = LEAT_QUEUE,
          .framing = "raw",
          .parties = "n:1",
          .largest_bytes = LARGEST_PACKET,
          .rows = { ROWS_UNIX_RAW } },
        { .scheme = "unix",
          .pattern = LEAT_PAIR,
          .framing = "raw",
          .parties = "1:1",
          .largest_bytes = LARGEST_PACKET,
          .rows = { ROWS_UNIX_RAW } },
};

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
