/* SPDX-License-Identifier: MIT */

/* The records of one file, in order, whatever else stands between them. */

#include "transport/log_reader.h"

#include "base/cleanup.h"

#include <leat/deadline.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)128 << 10)

void log_cursor_init(struct log_cursor *cursor, int fd, uint64_t at, uint64_t largest) {
        *cursor = (struct log_cursor){ .fd = fd, .at = at, .largest = largest };
}

void log_cursor_clear(struct log_cursor *cursor) {
        free(cursor->buffer);
        cursor->buffer = NULL;
        cursor->begin = cursor->end = cursor->capacity = 0;
        cursor->has = false;
}

static void forget_buffered(struct log_cursor *cursor) {
        cursor->end = cursor->begin;
        cursor->searched = 0;
        cursor->has = cursor->pieced = false;
}

void log_cursor_restart(struct log_cursor *cursor, int fd) {
        forget_buffered(cursor);
        cursor->fd = fd;
        cursor->at = 0;
}

void log_cursor_seek(struct log_cursor *cursor, uint64_t at) {
        if (at == cursor->at)
                return;
        if (at < cursor->at || at - cursor->at > cursor->end - cursor->begin)
                forget_buffered(cursor);
        else
                cursor->begin += (size_t)(at - cursor->at);
        cursor->at = at;
        cursor->searched = 0;
        cursor->has = false;
}

void log_cursor_consume(struct log_cursor *cursor) {
        cursor->begin += cursor->found.need;
        cursor->at += cursor->found.need;
        cursor->searched = 0;
        cursor->has = false;
}

/* Room behind what is buffered. It doubles only when it is full, so that a length that was never written takes no memory. */
static int make_room(struct log_cursor *cursor) {
        size_t kept = cursor->end - cursor->begin;
        if (cursor->begin > 0 && kept > 0)
                memmove(cursor->buffer, cursor->buffer + cursor->begin, kept);
        cursor->begin = 0;
        cursor->end = kept;
        if (kept < cursor->capacity)
                return 0;
        size_t capacity = cursor->capacity ? 2 * cursor->capacity : BUFFER_BYTES;
        uint8_t *buffer = realloc(cursor->buffer, capacity);
        if (!buffer)
                return -ENOMEM;
        cursor->buffer = buffer;
        cursor->capacity = capacity;
        return 0;
}

/* Was it cut, or removed? */
static int look_at_file(struct log_cursor *cursor) {
        struct stat status;
        if (fstat(cursor->fd, &status) < 0)
                return -errno;
        cursor->unlinked = status.st_nlink == 0;
        return (uint64_t)status.st_size < cursor->at ? -ESTALE : -EAGAIN;
}

static int fill(struct log_cursor *cursor, unsigned *reads) {
        if (reads && *reads == 0)
                return -EINPROGRESS;
        int r = make_room(cursor);
        if (r < 0)
                return r;
        size_t kept = cursor->end;
        /* A file that is read as fast as it is written is written half as fast: they want the same locks. */
        if (cursor->spin)
                spin_keep_delay(cursor->spin, cursor->read_ns);
        ssize_t n = pread(cursor->fd, cursor->buffer + kept, cursor->capacity - kept, (off_t)(cursor->at + kept));
        if (n < 0)
                return -errno;
        cursor->read_ns = cursor->spin && spin_has_delay(cursor->spin) ? leat_now() : 0;
        if (n == 0) {
                /* What is not whole may be cut off and written anew before the next look. */
                forget_buffered(cursor);
                return -EAGAIN;
        }
        if (reads)
                --*reads;
        cursor->pieced = kept > 0;
        cursor->end += (size_t)n;
        return 0;
}

static void skip_noise(struct log_cursor *cursor) {
        cursor->noise += !cursor->in_noise;
        cursor->noise_bytes += cursor->found.at;
        cursor->in_noise = true;
        cursor->begin += cursor->found.at;
        cursor->at += cursor->found.at;
        cursor->found.at = 0;
}

int log_cursor_peek(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record) {
        while (!cursor->has) {
                cursor->found.at = 0;
                cursor->has = cursor->end > cursor->begin &&
                              record_find(cursor->buffer + cursor->begin, cursor->end - cursor->begin, cursor->largest,
                                          &cursor->searched, &cursor->found);
                if (cursor->found.at > 0 && cursor->pieced) {
                        /* Between two reads a torn end may have been cut off and written anew: read it at once. */
                        forget_buffered(cursor);
                } else if (cursor->found.at > 0) {
                        skip_noise(cursor);
                }
                int r = cursor->has ? 0 : fill(cursor, reads);
                if (r < 0)
                        return r;
        }
        cursor->in_noise = false;
        *ret_record = &cursor->found.record;
        return 1;
}

int log_cursor_next(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record) {
        int r = log_cursor_peek(cursor, reads, ret_record);
        return r == -EAGAIN ? look_at_file(cursor) : r;
}
