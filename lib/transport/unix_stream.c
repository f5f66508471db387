/* SPDX-License-Identifier: MIT */

/* unix-stream: unix sockets of bytes, framed; ordinary programs can be the other end. */

#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"

#include <sys/socket.h>

static const struct leat_declaration declarations[] = {
        { .scheme = "unix-stream",
          .pattern = LEAT_QUEUE,
          .framing = "leat",
          .parties = "n:1",
          .largest_bytes = LARGEST_DEFAULT,
          .two_way = 1,
          .rows = { ROWS_UNIX_LEAT } },
        { .scheme = "unix-stream",
          .pattern = LEAT_PAIR,
          .framing = "leat",
          .parties = "1:1",
          .largest_bytes = LARGEST_DEFAULT,
          .two_way = 1,
          .rows = { ROWS_UNIX_LEAT } },
        { .scheme = "unix-stream",
          .pattern = LEAT_QUEUE,
          .framing = "raw",
          .parties = "n:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_RAW } },
        { .scheme = "unix-stream",
          .pattern = LEAT_PAIR,
          .framing = "raw",
          .parties = "1:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_RAW } },
        { .scheme = "unix-stream",
          .pattern = LEAT_QUEUE,
          .framing = "lines",
          .parties = "n:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_DELIMITED } },
        { .scheme = "unix-stream",
          .pattern = LEAT_PAIR,
          .framing = "lines",
          .parties = "1:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_DELIMITED } },
        { .scheme = "unix-stream",
          .pattern = LEAT_QUEUE,
          .framing = "nul",
          .parties = "n:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_DELIMITED } },
        { .scheme = "unix-stream",
          .pattern = LEAT_PAIR,
          .framing = "nul",
          .parties = "1:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_DELIMITED } },
        { .scheme = "unix-stream",
          .pattern = LEAT_QUEUE,
          .framing = "length",
          .parties = "n:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_LENGTH } },
        { .scheme = "unix-stream",
          .pattern = LEAT_PAIR,
          .framing = "length",
          .parties = "1:1",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_STREAM_LENGTH } },
};

static int open_unix_stream(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        return unix_channel_open(channel, SOCK_STREAM, deadline, reason);
}

static int pair_unix_stream(struct leat_channel *receiver, struct leat_channel *sender, struct leat_reason *reason) {
        return unix_channel_pair(receiver, sender, SOCK_STREAM, reason);
}

const struct transport transport_unix_stream = {
        .scheme = "unix-stream",
        .summary = "unix sockets of bytes: many senders to one receiver, on one machine, ordinary programs among them",
        .options = UNIX_OPTIONS,
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .open = open_unix_stream,
        .pair = pair_unix_stream,
        .inspect = unix_channel_inspect,
        .create = unix_channel_create,
        .set = unix_channel_set,
        .remove = unix_channel_remove,
};
