/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_WRITER_H
#define LEAT_TRANSPORT_LOG_WRITER_H

/*
 * Writing a log: one append for each record, and the next file when one is full (docs/design/log.md).
 */

#include "transport/log_file.h"

enum log_durable { LOG_DURABLE_NONE, LOG_DURABLE_EACH, LOG_DURABLE_GROUP };

struct log_writer {
        const struct log *log; /* borrowed */
        int fd;                /* of the current file, of which it holds LOG_LOCK_WRITER */
        struct log_header header;
        uint64_t limit;  /* RLIMIT_FSIZE */
        uint64_t sender; /* as records name it */
        enum log_durable durable;
        uint64_t rotate; /* bytes; 0: never */
        bool retains;
        uint64_t retain;   /* bytes of sealed files that stay, if it `retains` */
        unsigned unsynced; /* appends since the last fdatasync */
        int64_t unsynced_since;
};

/* deadline: until when to wait for one who cuts the file. */
int log_writer_init(struct log_writer *writer, const struct log *log, int64_t deadline, struct leat_reason *reason);

/* Sync what is not, and close. */
void log_writer_clear(struct log_writer *writer);

/* Append a record, whole: 0. Else none of it counts: -ENOSPC, -EDQUOT, -EFBIG, -EIDRM (the log was removed), -EIO ... */
int log_writer_append(struct log_writer *writer, const struct record *record, const void *bytes);

#endif
