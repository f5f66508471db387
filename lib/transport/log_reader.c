/* SPDX-License-Identifier: MIT */
#include "transport/log_reader.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#define BUFFER_BYTES ((size_t)128 << 10)

/* ---- in one file ---- */

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

static int nothing_more(struct log_cursor *cursor) {
        struct stat status;
        /* What is not whole may be cut off and written anew before the next look. */
        forget_buffered(cursor);
        if (fstat(cursor->fd, &status) < 0)
                return -errno;
        return (uint64_t)status.st_size < cursor->at ? -ESTALE : -EAGAIN;
}

static int fill(struct log_cursor *cursor, unsigned *reads) {
        if (reads && *reads == 0)
                return -EINPROGRESS;
        int r = make_room(cursor);
        if (r < 0)
                return r;
        size_t kept = cursor->end;
        ssize_t n = pread(cursor->fd, cursor->buffer + kept, cursor->capacity - kept, (off_t)(cursor->at + kept));
        if (n < 0)
                return -errno;
        if (n == 0)
                return nothing_more(cursor);
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

int log_cursor_next(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record) {
        while (!cursor->has) {
                cursor->has = record_find(cursor->buffer + cursor->begin, cursor->end - cursor->begin, cursor->largest,
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

/* ---- watching ---- */

static int watch(const struct log_reader *reader, int fd, uint32_t events) {
        char path[32];
        if (reader->notify < 0)
                return -1;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        int wd = inotify_add_watch(reader->notify, path, events | IN_MASK_ADD);
        return wd < 0 ? -errno : wd;
}

/* Take the events. Returns whether there were any. */
static bool drain(struct log_reader *reader) {
        _Alignas(struct inotify_event) char events[4096];
        bool any = false;
        ssize_t n;
        while (reader->notify >= 0 && (n = read(reader->notify, events, sizeof(events))) > 0) {
                any = true;
                for (ssize_t at = 0; at < n;) {
                        const struct inotify_event *event = (const void *)(events + at);
                        reader->closed |= (event->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW)) != 0;
                        at += (ssize_t)(sizeof(*event) + event->len);
                }
        }
        return any;
}

/* EMFILE: is it this process that has no descriptor left, or the user no instance? */
static bool has_descriptor(int fd) {
        int another = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        return close_fd(another) == -1 && another >= 0;
}

static int explain_watch(const struct log_reader *reader, int error, struct leat_reason *reason) {
        if (error == -EMFILE && has_descriptor(reader->log->anchor))
                return reason_limit(reason, error, "fs.inotify.max_user_instances",
                                    "a receiver of a log waits by inotify, of which this user has no instance left");
        if (error == -ENOSPC)
                return reason_limit(reason, error, "fs.inotify.max_user_watches",
                                    "a receiver of a log waits by inotify, of which this user has no watch left");
        return error;
}

int log_reader_init(struct log_reader *reader, const struct log *log, uint64_t largest, bool watched,
                    bool watch_closing, struct leat_reason *reason) {
        *reader = (struct log_reader){ .log = log, .fd = -1, .notify = -1, .file_watch = -1, .directory_watch = -1 };
        log_cursor_init(&reader->cursor, -1, 0, largest);
        if (!watched)
                return 0;
        reader->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (reader->notify < 0)
                return explain_watch(reader, -errno, reason);
        if (watch_closing) {
                int wd = watch(reader, log->anchor, IN_CLOSE_WRITE);
                if (wd < 0)
                        return explain_watch(reader, wd, reason);
        }
        return 0;
}

void log_reader_clear(struct log_reader *reader) {
        log_cursor_clear(&reader->cursor);
        reader->fd = close_fd(reader->fd);
        reader->notify = close_fd(reader->notify);
}

/* ---- from file to file ---- */

/* The file to read from here on, which becomes ours. */
static int enter(struct log_reader *reader, int fd, uint64_t number) {
        int wd = watch(reader, fd, IN_MODIFY | IN_ATTRIB);
        if (wd < -1) {
                close_fd(fd);
                return wd;
        }
        if (reader->directory_watch >= 0)
                (void)inotify_rm_watch(reader->notify, reader->directory_watch);
        /* PATH's stays, with what else is watched there. */
        if (reader->file_watch >= 0 && reader->file_watch != wd && reader->number != 1)
                (void)inotify_rm_watch(reader->notify, reader->file_watch);
        close_fd(reader->fd);
        reader->fd = fd;
        reader->number = number;
        reader->file_watch = wd;
        reader->directory_watch = -1;
        reader->sealed = reader->begun = false;
        forget_buffered(&reader->cursor);
        reader->cursor.fd = fd;
        reader->cursor.at = 0;
        return 0;
}

static int open_number(struct log_reader *reader, uint64_t number) {
        int fd = number == 1 ? fcntl(reader->log->anchor, F_DUPFD_CLOEXEC, 3)
                             : log_file_open(reader->log, number, O_RDONLY);
        if (fd < 0)
                return number == 1 ? -errno : fd;
        return enter(reader, fd, number);
}

/* Behind the header, once there is one. -EAGAIN: not yet. */
static int begin(struct log_reader *reader) {
        struct log_header header = { 0 };
        struct stat status;
        if (fstat(reader->fd, &status) < 0)
                return -errno;
        if (status.st_size == 0)
                return -EAGAIN;
        (void)log_file_header(reader->fd, &header); /* without one all that is no record is skipped */
        reader->records_before = header.records;
        log_cursor_seek(&reader->cursor, header.bytes);
        reader->begun = true;
        return 0;
}

int log_reader_to_start(struct log_reader *reader) {
        uint64_t lowest, highest;
        int r;
        do { /* the oldest may be removed meanwhile */
                r = log_numbers(reader->log, &lowest, &highest);
                if (r == 0)
                        r = open_number(reader, lowest);
        } while (r == -ENOENT);
        if (r == 0)
                r = begin(reader);
        return r == -EAGAIN ? 0 : r; /* its header is about to be written */
}

int log_reader_to_end(struct log_reader *reader) {
        struct log_header header = { 0 };
        uint64_t lowest, highest, messages;
        struct stat status;
        int r = log_numbers(reader->log, &lowest, &highest);
        if (r == 0)
                r = open_number(reader, highest);
        if (r == 0)
                r = begin(reader);
        if (r < 0)
                return r == -EAGAIN ? 0 : r;
        /* The size first: a SEAL that is not announced after it stands behind it. */
        if (fstat(reader->fd, &status) < 0)
                return -errno;
        (void)log_file_header(reader->fd, &header);
        int64_t seal = header.sealing ? log_file_seal(reader->fd, header.bytes, &messages) : 0;
        if (seal < 0)
                return (int)seal;
        reader->sealed = seal > 0;
        log_cursor_seek(&reader->cursor, (uint64_t)status.st_size);
        return 0;
}

int log_reader_seek(struct log_reader *reader, uint64_t number, uint64_t offset) {
        int r = 0;
        if (reader->fd < 0 || reader->number != number)
                r = open_number(reader, number);
        if (r == -ENOENT) {
                r = log_reader_to_start(reader);
                return r < 0 ? r : -ESTALE;
        }
        if (r == 0 && !reader->begun)
                r = begin(reader);
        if (r < 0)
                return r;
        reader->sealed = reader->sealed && offset >= reader->cursor.at;
        log_cursor_seek(&reader->cursor, offset);
        return 0;
}

/* This file is sealed: the next one. -EAGAIN: it is not there yet. -ESTALE: it is not there any more. */
static int advance(struct log_reader *reader) {
        uint64_t number = reader->number, lowest, highest;
        if (reader->directory_watch < 0) {
                reader->directory_watch = watch(reader, reader->log->place.directory, IN_CREATE | IN_MOVED_TO);
                if (reader->directory_watch < -1)
                        return reader->directory_watch;
        }
        int r = open_number(reader, number + 1);
        if (r != -ENOENT)
                return r;
        r = log_numbers(reader->log, &lowest, &highest);
        if (r < 0)
                return r;
        if (highest <= number)
                return -EAGAIN;
        /* They are made in order, so it has been there: it is, or was removed. */
        r = open_number(reader, number + 1);
        if (r != -ENOENT)
                return r;
        r = log_reader_to_start(reader);
        return r < 0 ? r : -ESTALE;
}

/* It was cut: go on at its end; or in the oldest file, where this is PATH and its records were removed in their turn; or at
 * its beginning, where it was cut to nothing and all that is there is new. */
static int go_on(struct log_reader *reader) {
        struct stat status;
        struct log_header header = { 0 };
        if (fstat(reader->fd, &status) < 0)
                return -errno;
        bool known = log_file_header(reader->fd, &header) == 0;
        if (known && header.sealing && status.st_size <= LOG_EMPTIED_BYTES) {
                int r = log_reader_to_start(reader);
                return r < 0 ? r : -ESTALE;
        }
        log_cursor_seek(&reader->cursor, known && header.bytes == 0 ? 0 : (uint64_t)status.st_size);
        return -ESTALE;
}

/* PATH emptied is exactly as long as PATH with one short message: who has read that sees no cut. */
static bool stands_behind_emptied(const struct log_reader *reader) {
        struct log_header header;
        struct stat status;
        return reader->number == 1 && reader->cursor.at == LOG_EMPTIED_BYTES && fstat(reader->fd, &status) == 0 &&
               status.st_size == LOG_EMPTIED_BYTES && log_file_header(reader->fd, &header) == 0 && header.sealing;
}

static int look(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        for (;;) {
                int r = reader->sealed ? advance(reader) : 0;
                if (r == 0 && !reader->begun)
                        r = begin(reader);
                if (r < 0)
                        return r;
                r = log_cursor_next(&reader->cursor, reads, ret_record);
                if (r == -ESTALE || (r == -EAGAIN && stands_behind_emptied(reader)))
                        return go_on(reader);
                if (r != 1 || (*ret_record)->kind != RECORD_SEAL)
                        return r;
                log_cursor_consume(&reader->cursor);
                reader->sealed = true;
        }
}

int log_reader_next(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        struct stat status;
        int r;
        /* Events are taken when there is nothing, and then there is another look: see leat_fd(). */
        do
                r = look(reader, reads, ret_record);
        while (r == -EAGAIN && drain(reader));
        if (r == -EAGAIN && (fstat(reader->fd, &status) < 0 || status.st_nlink == 0))
                return -EIDRM;
        return r;
}
