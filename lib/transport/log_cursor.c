/* SPDX-License-Identifier: MIT */

/* The records of one file, in order, whatever else stands between them. */

#include "transport/log_reader.h"

#include "base/cleanup.h"

#include <leat/deadline.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)128 << 10)
#define LARGE_BYTES ((size_t)16 << 10) /* from here on a read more costs less than a copy */

void log_cursor_init(struct log_cursor *cursor, int fd, uint64_t at, uint64_t largest) {
        *cursor = (struct log_cursor){ .fd = fd, .at = at, .largest = largest, .refused_at = UINT64_MAX };
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
        cursor->landed = 0;
        cursor->has = cursor->pieced = false;
}

void log_cursor_restart(struct log_cursor *cursor, int fd) {
        forget_buffered(cursor);
        cursor->fd = fd;
        cursor->at = cursor->awaited = 0;
}

void log_cursor_seek(struct log_cursor *cursor, uint64_t at) {
        if (at == cursor->at)
                return;
        cursor->awaited = 0;
        if (cursor->landed > 0 || at < cursor->at || at - cursor->at > cursor->end - cursor->begin)
                forget_buffered(cursor);
        else
                cursor->begin += (size_t)(at - cursor->at);
        cursor->at = at;
        cursor->searched = 0;
        cursor->has = false;
}

void log_cursor_consume(struct log_cursor *cursor) {
        cursor->begin += cursor->found.need - cursor->landed;
        cursor->at += cursor->found.need;
        cursor->large = cursor->found.record.size >= LARGE_BYTES;
        cursor->searched = cursor->landed = cursor->awaited = 0;
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

/* One read, from that place in the file. How many bytes, or a negative errno. */
static ssize_t read_file(struct log_cursor *cursor, const struct iovec *parts, int count, uint64_t at,
                         unsigned *reads) {
        if (reads && *reads == 0)
                return -EINPROGRESS;
        /* A file that is read as fast as it is written is written half as fast: they want the same locks. */
        if (cursor->spin)
                spin_keep_delay(cursor->spin, cursor->read_ns);
        ssize_t n = count == 1 ? pread(cursor->fd, parts->iov_base, parts->iov_len, (off_t)at)
                               : preadv(cursor->fd, parts, count, (off_t)at);
        if (n < 0)
                return -errno;
        cursor->read_ns = cursor->spin && spin_has_delay(cursor->spin) ? leat_now() : 0;
        if (reads && n > 0)
                --*reads;
        return n;
}

/* A header is at the beginning of the buffer, of a record that is not whole there. */
static bool large_is_begun(const struct log_cursor *cursor) {
        return cursor->found.at == 0 && cursor->end - cursor->begin >= RECORD_HEADER_BYTES &&
               cursor->found.record.size >= LARGE_BYTES;
}

/* All that is there was read, and it is not whole: it may be cut off and written anew before the next look. */
static int wait_for_more(struct log_cursor *cursor) {
        cursor->awaited = large_is_begun(cursor) ? cursor->found.need : 0;
        cursor->refused_at = UINT64_MAX;
        forget_buffered(cursor);
        return -EAGAIN;
}

static int fill(struct log_cursor *cursor, unsigned *reads) {
        int r = make_room(cursor);
        if (r < 0)
                return r;
        size_t kept = cursor->end;
        /* Not while noise is skipped: that goes by large steps, and what it says of sizes is not believed. */
        bool lands = cursor->landing && cursor->large && !cursor->in_noise && cursor->refused_at != cursor->at &&
                     kept < RECORD_HEADER_BYTES;
        const struct iovec part = { cursor->buffer + kept, (lands ? RECORD_HEADER_BYTES : cursor->capacity) - kept };
        ssize_t n = read_file(cursor, &part, 1, cursor->at + kept, reads);
        if (n <= 0)
                return n < 0 ? (int)n : wait_for_more(cursor);
        cursor->pieced = kept > 0;
        cursor->end += (size_t)n;
        return 0;
}

/* ---- landing ---- */

void log_cursor_land(struct log_cursor *cursor, void *landing, size_t size) {
        cursor->landing = landing;
        cursor->landing_size = size;
}

void log_cursor_settle(struct log_cursor *cursor) {
        cursor->landing = NULL;
        if (cursor->landed > 0)
                forget_buffered(cursor);
}

void log_cursor_copy(const struct log_cursor *cursor, void *ret_bytes) {
        const struct record *record = &cursor->found.record;
        if (cursor->landed == 0)
                record_copy(record, log_cursor_bytes(cursor), ret_bytes);
        else if (ret_bytes != cursor->landing)
                memcpy(ret_bytes, cursor->landing, record->size);
}

/* Its header is there, and some of its bytes are still to be read. */
static bool can_land(const struct log_cursor *cursor) {
        return cursor->landing && !cursor->in_noise && large_is_begun(cursor) && cursor->refused_at != cursor->at &&
               cursor->found.record.size <= cursor->landing_size &&
               cursor->end - cursor->begin < RECORD_HEADER_BYTES + cursor->found.record.size;
}

/* What was read is forgotten, and read again into the buffer alone, at once. */
static int refuse(struct log_cursor *cursor) {
        cursor->refused_at = cursor->at;
        forget_buffered(cursor);
        return 0;
}

/*
 * Read the rest of the message straight to where it belongs, and its zeros and the next header into the buffer. Whatever is not just
 * so is left to the reads that land nothing: they tell a torn record from one that is being written.
 */
static int land(struct log_cursor *cursor, unsigned *reads, bool thorough) {
        const size_t size = cursor->found.record.size, zeros = cursor->found.need - RECORD_HEADER_BYTES - size;
        int r = make_room(cursor);
        if (r < 0)
                return r;
        uint8_t *behind = cursor->buffer + RECORD_HEADER_BYTES, *landing = cursor->landing;
        size_t there = cursor->end - RECORD_HEADER_BYTES, rest = size - there;
        memcpy(landing, behind, there);
        const struct iovec parts[] = { { landing + there, rest }, { behind, zeros + RECORD_HEADER_BYTES } };
        ssize_t n = read_file(cursor, parts, 2, cursor->at + cursor->end, reads);
        if (n < 0)
                return (int)n;
        if ((size_t)n < rest + zeros)
                return thorough ? refuse(cursor) : wait_for_more(cursor);
        if (!record_settle(&cursor->found.record, cursor->buffer, landing, behind))
                return refuse(cursor);
        cursor->end = RECORD_HEADER_BYTES + (size_t)n - rest;
        cursor->landed = size;
        cursor->has = true;
        return 0;
}

/* The large record of which not all was there: is it now? */
static bool has_come(const struct log_cursor *cursor) {
        uint8_t last;
        return cursor->has || cursor->awaited == 0 ||
               pread(cursor->fd, &last, 1, (off_t)(cursor->at + cursor->awaited - 1)) != 0;
}

/* ---- the next record ---- */

static void skip_noise(struct log_cursor *cursor) {
        cursor->noise += !cursor->in_noise;
        cursor->noise_bytes += cursor->found.at;
        cursor->in_noise = true;
        cursor->begin += cursor->found.at;
        cursor->at += cursor->found.at;
        cursor->found.at = cursor->awaited = 0;
}

static int look(struct log_cursor *cursor, unsigned *reads, bool thorough, const struct record **ret_record) {
        while (!cursor->has) {
                cursor->found.at = 0;
                cursor->has = cursor->end > cursor->begin &&
                              record_find(cursor->buffer + cursor->begin, cursor->end - cursor->begin, cursor->largest,
                                          &cursor->searched, &cursor->found);
                if (cursor->found.at > 0 && cursor->pieced) {
                        /* Between two reads a torn end may have been cut off and written anew: read it at once. */
                        (void)refuse(cursor);
                } else if (cursor->found.at > 0) {
                        skip_noise(cursor);
                }
                int r = cursor->has ? 0 : can_land(cursor) ? land(cursor, reads, thorough) : fill(cursor, reads);
                if (r < 0)
                        return r;
        }
        cursor->in_noise = false;
        *ret_record = &cursor->found.record;
        return 1;
}

int log_cursor_peek(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record) {
        return has_come(cursor) ? look(cursor, reads, false, ret_record) : -EAGAIN;
}

int log_cursor_next(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record) {
        int r = look(cursor, reads, true, ret_record);
        return r == -EAGAIN ? look_at_file(cursor) : r;
}
