/* SPDX-License-Identifier: MIT */

/* unix-stream: unix sockets of bytes, framed; ordinary programs can be the other end. */

#include "transport/rows.h"
#include "transport/table.h"
#include "transport/unix_channel.h"

#include <sys/socket.h>

/* clang-format off: a table */
static const struct leat_declaration declarations[] = {
        DECLARE("unix-stream", "leat", "n", LARGEST_DEFAULT, 1, 1, ROWS_UNIX_LEAT),
        DECLARE("unix-stream", "raw", "n", LARGEST_DEFAULT, 0, 0, ROWS_STREAM_RAW),
        DECLARE("unix-stream", "lines", "n", LARGEST_DEFAULT, 0, 0, ROWS_STREAM_DELIMITED),
        DECLARE("unix-stream", "nul", "n", LARGEST_DEFAULT, 0, 0, ROWS_STREAM_DELIMITED),
        DECLARE("unix-stream", "length", "n", LARGEST_DEFAULT, 0, 0, ROWS_STREAM_LENGTH),
};
/* clang-format on */

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
