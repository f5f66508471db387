/* SPDX-License-Identifier: MIT */
#include "transport/log_batch.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <sys/resource.h>

#define COPIED_MOST 8192 /* of a record: a larger one goes by itself, from where it is */

void log_batch_clear(struct log_batch *batch) {
        free(batch->buffer);
        batch->buffer = NULL;
}

/* Beyond RLIMIT_FSIZE the kernel would send SIGXFSZ. */
static int check_limit(const struct log_batch *batch, int fd, size_t total) {
        struct stat status;
        if (batch->limit == RLIM_INFINITY)
                return 0;
        if (fstat(fd, &status) < 0)
                return -errno;
        return (uint64_t)status.st_size + total > batch->limit ? -EFBIG : 0;
}

/* The last of what was written is torn. If nobody else has the file open that part goes away again; the lock is never let go in
 * between. The position is then where what stands ends, in any case. */
static void take_back(int fd, size_t torn) {
        struct stat status;
        off_t end = lseek(fd, 0, SEEK_CUR);
        if (torn == 0 || end < (off_t)torn)
                return;
        (void)lseek(fd, end - (off_t)torn, SEEK_SET);
        if (log_lock(fd, LOG_LOCK_WRITER, F_WRLCK) < 0)
                return;
        if (fstat(fd, &status) == 0 && status.st_size == end && ftruncate(fd, end - (off_t)torn) < 0)
                errno = 0; /* then it stays, and is skipped */
        (void)log_lock(fd, LOG_LOCK_WRITER, F_RDLCK);
}

/* How many of them stand in so many bytes, and where the last of those ends. */
static int count_whole(const struct log_piece *pieces, int count, size_t bytes, size_t *ret_end) {
        int whole = 0;
        *ret_end = 0;
        for (; whole < count && bytes - *ret_end >= record_bytes(pieces[whole].record.size); whole++)
                *ret_end += record_bytes(pieces[whole].record.size);
        return whole;
}

static int write_parts(const struct log_batch *batch, int fd, const struct iovec *parts, int parts_count, size_t total,
                       const struct log_piece *pieces, int count, size_t *ret_bytes) {
        int r = check_limit(batch, fd, total);
        if (r < 0)
                return r;
        ssize_t n = log_append(fd, parts, parts_count);
        if (n < 0)
                return (int)n;
        *ret_bytes = total;
        if ((size_t)n == total)
                return count;
        int whole = count_whole(pieces, count, (size_t)n, ret_bytes);
        take_back(fd, (size_t)n - *ret_bytes);
        return whole > 0 ? whole : -ENOSPC;
}

/* Any number that differs from one record to the next: it decides which mask is tried first. */
static uint64_t seed_of(const struct record *record) {
        return record->sender ^ record->sequence << 32 ^ (uint64_t)record->time_ns;
}

static int write_large(const struct log_batch *batch, int fd, const struct log_piece *piece, size_t *ret_bytes) {
        static const uint8_t zeros[8];
        const struct record *record = &piece->record;
        uint8_t header[RECORD_HEADER_BYTES];
        size_t total = record_bytes(record->size);
        if (record_encode(record, piece->bytes, header)) {
                const struct iovec parts[] = {
                        { header, sizeof(header) },
                        { (void *)piece->bytes, record->size },
                        { (void *)zeros, total - sizeof(header) - record->size },
                };
                return write_parts(batch, fd, parts, 3, total, piece, 1, ret_bytes);
        }
        FREE_AT_EXIT uint8_t *masked = malloc(total);
        if (!masked)
                return -ENOMEM;
        record_encode_masked(record, piece->bytes, seed_of(record), masked);
        const struct iovec part = { masked, total };
        return write_parts(batch, fd, &part, 1, total, piece, 1, ret_bytes);
}

/* Put the first ones into the buffer. How many. */
static int gather(const struct log_batch *batch, uint64_t room, const struct log_piece *pieces, int count,
                  size_t *ret_total) {
        int gathered = 0;
        *ret_total = 0;
        for (; gathered < count && (gathered == 0 || *ret_total < room); gathered++) {
                const struct log_piece *piece = &pieces[gathered];
                size_t size = record_bytes(piece->record.size);
                if (size > COPIED_MOST || LOG_BATCH_BYTES - *ret_total < size)
                        break;
                record_encode_whole(&piece->record, piece->bytes, seed_of(&piece->record), batch->buffer + *ret_total);
                *ret_total += size;
        }
        return gathered;
}

int log_batch_write(struct log_batch *batch, int fd, uint64_t room, const struct log_piece *pieces, int count,
                    size_t *ret_bytes) {
        size_t total;
        if (!batch->buffer && !(batch->buffer = malloc(LOG_BATCH_BYTES)))
                return -ENOMEM;
        int gathered = gather(batch, room, pieces, count, &total);
        if (gathered == 0)
                return write_large(batch, fd, pieces, ret_bytes);
        const struct iovec all = { batch->buffer, total },
                           first = { batch->buffer, record_bytes(pieces[0].record.size) };
        int r = write_parts(batch, fd, &all, 1, total, pieces, gathered, ret_bytes);
        if (r == -EFBIG && gathered > 1) /* those before the limit are to go, one by one */
                r = write_parts(batch, fd, &first, 1, first.iov_len, pieces, 1, ret_bytes);
        return r;
}
