/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_WRITER_H
#define LEAT_TRANSPORT_LOG_WRITER_H

/*
 * Writing a log: one append for each record, or for several small ones, and the next file when one is full (docs/design/log.md).
 */

#include "transport/log_batch.h"
#include "transport/log_retain.h"

enum log_durable { LOG_DURABLE_NONE, LOG_DURABLE_EACH, LOG_DURABLE_GROUP };

/* What the address asks of a sender. */
struct log_wishes {
        enum log_durable durable;
        uint64_t rotate_bytes, rotate_age_ns; /* when the next file begins; 0: never */
        struct log_retention retention;
};

struct log_writer {
        const struct log *log; /* borrowed */
        struct log_wishes wishes;
        int fd; /* of the current file, of which it holds LOG_LOCK_WRITER */
        uint64_t number;
        struct log_header header;
        int64_t first_ns;       /* of the current file's first message; 0: not known */
        bool left_behind;       /* the current file is sealed, and the next could not be gone to yet */
        uint64_t seal;          /* then: where its SEAL ends */
        struct log_count count; /* of the current file; then: of what stands before its SEAL */
        uint64_t size;          /* of the current file, as it was last seen */
        bool unsealed;          /* no SEAL stood in that */
        struct log_batch batch;
        uint64_t sender;   /* as records name it */
        unsigned unsynced; /* appends since the last fdatasync */
        int64_t unsynced_since;
};

/* What -EEXIST means, of the opening and of an append. */
extern const char log_overwritten[];

/* deadline: until when to wait for one who cuts the file. */
int log_writer_init(struct log_writer *writer, const struct log *log, const struct log_wishes *wishes, int64_t deadline,
                    struct leat_reason *reason);

/* Sync what is not, and close. */
void log_writer_clear(struct log_writer *writer);

/* Append records, whole and in their order: how many, at least 1. Else none of them counts: -ENOSPC, -EDQUOT, -EFBIG, -EIDRM (the
 * log was removed), -EAGAIN (the next file is being cut, or files come faster than it can follow) ... But with -EIO of a durable one
 * they may count. */
int log_writer_append(struct log_writer *writer, const struct log_piece *pieces, int count);

#endif
