/* SPDX-License-Identifier: MIT */
/* From file to file, woken by inotify. log_cursor.c: within one. */

#include "transport/log_reader.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <sys/inotify.h>

/* ---- watching ---- */

static int watch(const struct log_reader *reader, int fd, uint32_t events) {
        char path[32];
        if (reader->notify < 0)
                return -1;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        int wd = inotify_add_watch(reader->notify, path, events | IN_MASK_ADD);
        return wd < 0 ? -errno : wd;
}

#define EVENT_MOST (sizeof(struct inotify_event) + NAME_MAX + 1)

/* Take the events. */
static void drain(struct log_reader *reader) {
        _Alignas(struct inotify_event) char events[4096];
        ssize_t n = reader->notify < 0 ? 0 : sizeof(events);
        /* With room for another one left there was none. */
        while (n > 0 && sizeof(events) - (size_t)n < EVENT_MOST &&
               (n = read(reader->notify, events, sizeof(events))) > 0)
                for (ssize_t at = 0; at < n;) {
                        const struct inotify_event *event = (const void *)(events + at);
                        reader->closed |= (event->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW)) != 0;
                        at += (ssize_t)(sizeof(*event) + event->len);
                }
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
        reader->sealed = reader->begun = reader->looked_beyond = false;
        log_cursor_restart(&reader->cursor, fd);
        return 0;
}

/* The n-th file, which may be empty yet. -ENOENT: there is none; -EXDEV: what bears its name is not of this log. */
static int open_number(struct log_reader *reader, uint64_t number) {
        if (number == 1) {
                int fd = fcntl(reader->log->anchor, F_DUPFD_CLOEXEC, 3);
                return fd < 0 ? -errno : enter(reader, fd, number);
        }
        CLOSE_AT_EXIT int fd = log_file_open(reader->log, number, O_RDONLY);
        if (fd < 0)
                return fd;
        if (log_file_owner(reader->log, fd, number) == LOG_FOREIGN)
                return -EXDEV;
        return enter(reader, take_fd(&fd), number);
}

/* The oldest file from that number on. -ENOENT: there is none. */
static int open_from(struct log_reader *reader, uint64_t number) {
        uint64_t oldest;
        int r;
        do { /* it may be removed meanwhile */
                r = log_oldest(reader->log, number, &oldest);
                if (r < 0)
                        return r;
                r = open_number(reader, oldest);
        } while (r == -ENOENT || r == -EXDEV);
        return r;
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
        int r = open_from(reader, 1);
        if (r == 0)
                r = begin(reader);
        return r == -EAGAIN ? 0 : r; /* its header is about to be written */
}

int log_reader_to_end(struct log_reader *reader) {
        struct log_header header = { 0 };
        uint64_t newest;
        struct stat status;
        int r = log_newest(reader->log, &newest);
        if (r == 0)
                r = open_from(reader, newest);
        if (r == 0)
                r = begin(reader);
        if (r < 0)
                return r == -EAGAIN ? 0 : r;
        /* The size first: a SEAL that came since stands behind it, and is read. */
        if (fstat(reader->fd, &status) < 0)
                return -errno;
        (void)log_file_header(reader->fd, &header);
        struct log_count count = { .at = header.bytes };
        int64_t seal =
                header.sealing ? log_file_seal(reader->fd, &count) : log_file_seal_at_end(reader->fd, header.bytes);
        if (seal < 0)
                return (int)seal;
        reader->sealed = seal > 0 && seal <= status.st_size;
        log_cursor_seek(&reader->cursor, (uint64_t)status.st_size);
        return 0;
}

/* That file is gone: on with the oldest of those that came after it, or else where new ones will. */
static int seek_beyond(struct log_reader *reader, uint64_t number) {
        int r = open_from(reader, number);
        if (r == 0)
                r = begin(reader);
        if (r == -ENOENT)
                r = log_reader_to_end(reader);
        return r < 0 && r != -EAGAIN ? r : -ESTALE;
}

int log_reader_seek(struct log_reader *reader, uint64_t number, uint64_t offset) {
        int r = 0;
        if (reader->fd < 0 || reader->number != number)
                r = open_number(reader, number);
        if (r == -ENOENT || r == -EXDEV)
                return seek_beyond(reader, number);
        if (r == 0 && !reader->begun)
                r = begin(reader);
        if (r < 0)
                return r;
        reader->sealed = reader->sealed && offset >= reader->cursor.at;
        log_cursor_seek(&reader->cursor, offset);
        return 0;
}

/* The next number whose name is not another log's. -ENOENT: it is not there. */
static int open_next(struct log_reader *reader) {
        uint64_t number = reader->number;
        int r;
        do
                r = open_number(reader, ++number);
        while (r == -EXDEV);
        return r;
}

/* This file is sealed: the next one. -EAGAIN: it is not there yet. -ESTALE: it is not there any more. */
static int advance(struct log_reader *reader) {
        uint64_t number = reader->number, later;
        if (reader->directory_watch < 0) {
                reader->directory_watch = watch(reader, reader->log->place.directory, IN_CREATE | IN_MOVED_TO);
                if (reader->directory_watch < -1)
                        return reader->directory_watch;
        }
        int r = open_next(reader);
        if (r != -ENOENT)
                return r;
        r = log_oldest(reader->log, number + 1, &later);
        if (r < 0)
                return r == -ENOENT ? -EAGAIN : r;
        /* They are made in order, so the next has been there: it is, or was removed. */
        r = open_next(reader);
        if (r != -ENOENT)
                return r;
        r = open_from(reader, number + 1);
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
        if (log_file_is_emptied(reader->fd)) {
                int r = log_reader_to_start(reader);
                return r < 0 ? r : -ESTALE;
        }
        log_cursor_seek(&reader->cursor, known && header.bytes == 0 ? 0 : (uint64_t)status.st_size);
        return -ESTALE;
}

/* PATH emptied is exactly as long as PATH with one short message: who has read that sees no cut. And it may be longer, with noise or
 * a hole where the records were. */
static bool stands_behind_emptied(const struct log_reader *reader) {
        return reader->number == 1 && (reader->cursor.at == LOG_EMPTIED_BYTES || reader->cursor.in_noise) &&
               log_file_is_emptied(reader->fd);
}

/* What a sender appended to PATH after it was emptied stands behind a hole, and does not count: its SEAL is before it. */
static int next_that_counts(struct log_reader *reader,
                            int (*next)(struct log_cursor *, unsigned *, const struct record **), unsigned *reads,
                            const struct record **ret_record) {
        const struct log_cursor *cursor = &reader->cursor;
        uint64_t noise = cursor->noise;
        bool in_noise = cursor->in_noise;
        int r = next(&reader->cursor, reads, ret_record);
        bool behind_noise = in_noise || cursor->noise != noise;
        bool doubtful = (r == 1 && behind_noise) || (r == -EINPROGRESS && cursor->in_noise);
        return doubtful && reader->number == 1 && log_file_is_emptied(reader->fd) ? -ESTALE : r;
}

static int look_in_file(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        int r = reader->begun ? 0 : begin(reader);
        if (r == 0)
                r = next_that_counts(reader, log_cursor_next, reads, ret_record);
        return r == -EAGAIN && stands_behind_emptied(reader) ? -ESTALE : r;
}

/* It is announced in the header before there is a SEAL. */
static bool may_be_sealed(int fd) {
        uint8_t sealing[4];
        return pread(fd, sealing, sizeof(sealing), LOG_SEALING_AT) != sizeof(sealing) || get_le32(sealing) != 0;
}

/* The next file is only made behind a SEAL. If it is there and this one, looked at again, has none, its end was cut off, or did
 * not reach the disk before the power was lost. (Nor may its announcement have, but then the next file was there from the first.) */
static int look_for_lost_end(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        if (reader->looked_beyond && !may_be_sealed(reader->fd))
                return -EAGAIN;
        int r = log_file_exists(reader->log, reader->number + 1);
        reader->looked_beyond = r == 0; /* only if it is known; one that is there is tried again */
        if (r <= 0)
                return -EAGAIN;
        r = look_in_file(reader, reads, ret_record);
        if (r != -EAGAIN)
                return r;
        r = open_from(reader, reader->number + 1);
        if (r == 0)
                r = begin(reader);
        if (r == -ENOENT)
                return -EAGAIN;
        return r < 0 && r != -EAGAIN ? r : -ESTALE;
}

static int look(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        for (;;) {
                int r = reader->sealed ? advance(reader) : 0;
                if (r < 0)
                        return r;
                uint64_t number = reader->number;
                r = look_in_file(reader, reads, ret_record);
                if (r == -EAGAIN)
                        r = look_for_lost_end(reader, reads, ret_record);
                if (r == -ESTALE && reader->number == number)
                        return go_on(reader);
                if (r != 1 || (*ret_record)->kind != RECORD_SEAL)
                        return r;
                log_cursor_consume(&reader->cursor);
                reader->sealed = true;
        }
}

/* After a look in vain. */
static bool is_removed(const struct log_reader *reader) {
        struct stat status;
        if (reader->begun && !reader->sealed)
                return reader->cursor.unlinked;
        return fstat(reader->fd, &status) < 0 || status.st_nlink == 0;
}

/* Events are taken when there is nothing, and then there is another look: see leat_fd(). */
static int look_thoroughly(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        drain(reader);
        int r = look(reader, reads, ret_record);
        if (r != -EAGAIN || !is_removed(reader))
                return r;
        r = look(reader, reads, ret_record); /* what was written last was written before it was removed */
        return r == -EAGAIN && is_removed(reader) ? -EIDRM : r;
}

int log_reader_peek(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        if (!reader->begun || reader->sealed)
                return look_thoroughly(reader, reads, ret_record);
        int r = next_that_counts(reader, log_cursor_peek, reads, ret_record);
        if (r == -ESTALE)
                return go_on(reader);
        return r == 1 && (*ret_record)->kind == RECORD_SEAL ? look_thoroughly(reader, reads, ret_record) : r;
}

int log_reader_next(struct log_reader *reader, unsigned *reads, const struct record **ret_record) {
        int r = reader->begun ? next_that_counts(reader, log_cursor_peek, reads, ret_record) : -EAGAIN;
        if (r == -ESTALE)
                return go_on(reader);
        bool there = r == 1 && (*ret_record)->kind != RECORD_SEAL && !reader->sealed;
        return there || r == -EINPROGRESS ? r : look_thoroughly(reader, reads, ret_record);
}
