/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_BATCH_H
#define LEAT_TRANSPORT_LOG_BATCH_H

/*
 * Records on their way into one file: small ones are put one behind the other, and go out by one append (docs/design/log.md).
 */

#include "transport/log_file.h"

#define LOG_BATCH_BYTES ((size_t)64 << 10)
#define LOG_BATCH_COUNT 64

/* One record that is to be appended. */
struct log_piece {
        struct record record;
        const void *bytes;
};

struct log_batch {
        uint8_t *buffer; /* LOG_BATCH_BYTES, from the first append on */
        uint64_t limit;  /* RLIMIT_FSIZE */
};

void log_batch_clear(struct log_batch *batch);

/*
 * Append the first of these records by one write: as many as one takes, but none more once `room` bytes are filled. Returns how
 * many stand there whole, at least 1, with the file's position behind them, and how long they are. Else none does: -ENOSPC, -EDQUOT,
 * -EFBIG, -ENOMEM ... fd holds LOG_LOCK_WRITER, shared.
 */
int log_batch_write(struct log_batch *batch, int fd, uint64_t room, const struct log_piece *pieces, int count,
                    size_t *ret_bytes);

#endif
