/* SPDX-License-Identifier: MIT */
#include "transport/log_file.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "transport/log_reader.h"
#include "wait/wait.h"

#include <leat/deadline.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif

#define SEAL_IN_LAST_BYTES (UINT64_C(256) << 10)
#define LOCKS_AT (INT64_C(1) << 62)
#define RETRY_FIRST_US 100
#define RETRY_MOST_US 20000

/* ---- locks ---- */

static struct flock lock_of(enum log_lock which, short type) {
        return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(LOCKS_AT + which), .l_len = 1 };
}

int log_lock(int fd, enum log_lock which, short type) {
        struct flock lock = lock_of(which, type);
        while (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                if (errno != EINTR)
                        return errno == EACCES ? -EAGAIN : -errno;
        return 0;
}

int log_lock_until(int fd, enum log_lock which, short type, int64_t deadline) {
        int r;
        for (int64_t us = RETRY_FIRST_US; (r = log_lock(fd, which, type)) == -EAGAIN; us *= 2) {
                struct wait wait;
                if (deadline == LEAT_NOW)
                        return r;
                wait_init(&wait);
                wait_look_again(&wait, leat_in_us(us < RETRY_MOST_US ? us : RETRY_MOST_US));
                r = wait_until(&wait, deadline);
                if (r < 0)
                        return r;
        }
        return r;
}

bool log_lock_is_held(int fd, enum log_lock which) {
        struct flock lock = lock_of(which, F_WRLCK);
        return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- headers ---- */

int log_file_header(int fd, struct log_header *ret_header) {
        uint8_t bytes[LOG_HEADER_BYTES];
        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
        if (n < 0)
                return -errno;
        return log_header_decode(bytes, (size_t)n, ret_header);
}

/* The first file's. Of two who open the same empty file at once the one that appends first names it. */
static struct log_header first_header(bool temporary) {
        struct log_header header = { .number = 1, .temporary = temporary };
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now); /* for an early boot without random bytes */
        put_le64(header.identity, (uint64_t)now.tv_sec);
        put_le64(header.identity + 8, (uint64_t)now.tv_nsec);
        (void)getrandom(header.identity, sizeof(header.identity), GRND_NONBLOCK);
        return header;
}

/* RWF_APPEND and not O_APPEND: the header is written in place, by the same descriptor. musl has pwritev2 only since 1.2.5. */
ssize_t log_append(int fd, const struct iovec *parts, int count) {
        ssize_t n;
        do
                n = syscall(SYS_pwritev2, fd, parts, (long)count, -1L, -1L, RWF_APPEND);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

int log_file_begin(int fd, const struct log_header *header) {
        uint8_t bytes[LOG_HEADER_BYTES];
        const struct iovec part = { bytes, sizeof(bytes) };
        log_header_encode(header, bytes);
        ssize_t n = log_append(fd, &part, 1);
        return n == (ssize_t)sizeof(bytes) ? 0 : n < 0 ? (int)n : -ENOSPC;
}

/* Said where somebody else chose the name. */
static const char not_a_log[] = "what lies there is a later file of another log, or empty; it is left alone";
static const char not_a_file[] = "what lies at that path is no file; it is left alone, choose another";

static int check_header(struct log *log, unsigned how, struct leat_reason *reason) {
        struct stat status;
        if (fstat(log->anchor, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, not_a_file);
        int r = 0;
        if (status.st_size == 0 && (how & LOG_DISTRUSTED))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, not_a_log);
        if (status.st_size == 0 && log->writable) {
                const struct log_header first = first_header(how & LOG_TEMPORARY);
                r = log_file_begin(log->anchor, &first);
        }
        if (r == 0)
                r = log_file_header(log->anchor, &log->header);
        if (r == -EBADMSG && status.st_size == 0) { /* and we may not write it: it will get its header */
                log->header = (struct log_header){ .number = 1 };
                return 0;
        }
        if (r == -EBADMSG)
                return reason_set(
                        reason, -EEXIST, LEAT_ROW_OPENING,
                        "the file does not begin as a log does, and is left alone; `leat log cat` prints what "
                        "records there are in it");
        if (r == 0 && log->header.number != 1 && (how & LOG_DISTRUSTED))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, not_a_log);
        if (r == -EPROTONOSUPPORT)
                return reason_set(reason, r, LEAT_ROW_VERSIONS,
                                  "the log is of another version than 1, the only one that this library knows");
        return r;
}

/* ---- opening ---- */

static int open_anchor(struct log *log, unsigned how, mode_t mode, struct leat_reason *reason) {
        int flags = O_CLOEXEC | O_NONBLOCK | (how & LOG_DISTRUSTED ? O_NOFOLLOW : 0);
        bool create = how & (LOG_CREATE | LOG_NEW);
        /* A reader of a log that is there needs no right to write it. */
        int ways[] = { how & LOG_NEW     ? -1
                       : how & LOG_WRITE ? O_RDWR
                                         : O_RDONLY,
                       create ? O_RDWR | O_CREAT | O_EXCL : -1 };
        errno = ENOENT;
        log->anchor = -1;
        for (int i = 0; i < 64 && log->anchor < 0; i++) { /* it may come and go between the two */
                int way = ways[i % 2];
                if (way < 0)
                        continue;
                log->anchor = openat(log->place.directory, log->place.base, way | flags, mode);
                log->writable = way != O_RDONLY;
                if (log->anchor < 0 && errno != (way & O_EXCL ? EEXIST : ENOENT))
                        break;
        }
        if (log->anchor >= 0)
                return 0;
        if (errno == ENOENT && !create)
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "there is no such log");
        if (errno == EISDIR || errno == ENXIO)
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, not_a_file);
        if (errno == EEXIST && !(how & LOG_NEW))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "a symbolic link to nothing lies there; make what it leads to, or remove it");
        if (errno == EEXIST)
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, "it is there already");
        return -errno;
}

/* An empty file, such as a killed maker leaves, is to get its header: also from a reader, if it may. */
static void open_empty(struct log *log) {
        struct stat status;
        if (log->writable || fstat(log->anchor, &status) < 0 || status.st_size > 0)
                return;
        int fd = openat(log->place.directory, log->place.base, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return;
        close_fd(log->anchor);
        log->anchor = fd;
        log->writable = true;
}

/* Whoever gets the lock alone found nobody there: the users of a temporary log were killed. 1: it was, begin anew. */
static int take_party(struct log *log, int64_t deadline) {
        if (log->header.temporary && !log->writable)
                return 1;
        if (log->header.temporary && log->writable && log_lock(log->anchor, LOG_LOCK_PARTY, F_WRLCK) == 0) {
                struct stat status;
                bool left = fstat(log->anchor, &status) == 0 && status.st_size > LOG_HEADER_BYTES;
                if (left && status.st_nlink > 0)
                        (void)log_remove(log);
                if (left)
                        return 1;
        }
        int r = log_lock_until(log->anchor, LOG_LOCK_PARTY, F_RDLCK, deadline);
        return r == 0 && log_is_removed(log) ? 1 : r;
}

/* At the last close it would take away what others have stored. */
static int refuse_temporary(const struct address *address, struct leat_reason *reason) {
        return reason_at(reason, -EEXIST, address->columns[OPTION_TEMPORARY],
                         "a log that is not temporary is there; open it without ?temporary, or `leat rm` it first");
}

int log_open(const struct address *address, unsigned how, mode_t mode, int64_t deadline, struct leat_reason *reason,
             struct log *ret_log) {
        CLEANUP(log_clear) struct log log = LOG_NONE;
        int r = place_resolve(address, how & (LOG_CREATE | LOG_NEW),
                              "a path or a name is wanted: log:/var/tmp/jobs, log:jobs", reason, &log.place);
        how |= address->distrusted ? LOG_DISTRUSTED : 0;
        for (int tries = 0; r == 0; tries++) {
                log.anchor = close_fd(log.anchor);
                r = open_anchor(&log, how, mode, reason);
                if (r == 0) {
                        open_empty(&log);
                        r = check_header(&log, how, reason);
                }
                if (r == 0 && (how & LOG_TEMPORARY) && !log.header.temporary)
                        r = refuse_temporary(address, reason);
                if (r == 0)
                        r = take_party(&log, deadline);
                if (r != 1)
                        break;
                r = tries < 100 ? 0 : -EAGAIN;
                how |= log.header.temporary ? LOG_WRITE : 0; /* only who may write can see whether it was left behind */
        }
        if (r == -ETIMEDOUT || r == -EAGAIN)
                return reason_set(reason, r, LEAT_ROW_OPENING, "another process is about to remove this log");
        if (r < 0)
                return r;
        *ret_log = log;
        log = LOG_NONE;
        return 0;
}

void log_clear(struct log *log) {
        log->anchor = close_fd(log->anchor);
        place_clear(&log->place);
}

/* ---- looking through a file ---- */

static int64_t find_seal(int fd, struct log_count *count) {
        CLEANUP(log_cursor_clear) struct log_cursor cursor;
        const struct record *record;
        int r;
        log_cursor_init(&cursor, fd, count->at, RECORD_LARGEST_BYTES);
        while ((r = log_cursor_next(&cursor, NULL, &record)) == 1) {
                if (record->kind == RECORD_SEAL)
                        return (int64_t)log_cursor_end(&cursor);
                count->messages += record->kind == RECORD_MESSAGE;
                count->at = log_cursor_end(&cursor);
                log_cursor_consume(&cursor);
        }
        return r == -EAGAIN ? 0 : r;
}

int64_t log_file_seal(int fd, struct log_count *count) {
        const struct log_count from = *count;
        int64_t r = -ESTALE;
        /* PATH may be emptied meanwhile; then its SEAL is at its beginning. */
        for (int i = 0; i < 3 && r == -ESTALE; i++) {
                *count = from;
                r = find_seal(fd, count);
        }
        return r;
}

int64_t log_file_seal_at_end(int fd, uint64_t from) {
        struct log_count count = { .at = from };
        struct stat status;
        if (fstat(fd, &status) < 0)
                return -errno;
        if ((uint64_t)status.st_size <= from)
                return 0;
        if ((uint64_t)status.st_size - from > SEAL_IN_LAST_BYTES)
                count.at = (uint64_t)status.st_size - SEAL_IN_LAST_BYTES;
        return log_file_seal(fd, &count);
}

/*
 * What stands behind the first SEAL does not count: so a SEAL in the place of the first record empties the file at once,
 * and a sender that comes to append to it still finds it sealed. What is behind it goes; but under a sender that has the file open it
 * keeps its length, by which that one sees whether others have written to it (log_writer.c), with a hole in it.
 */
int log_file_empty(const struct log *log) {
        uint8_t bytes[LOG_EMPTIED_BYTES - LOG_HEADER_BYTES] = { 0 };
        const struct record seal = { .kind = RECORD_SEAL, .type = 1 };
        struct stat status;
        (void)record_encode(&seal, NULL, bytes); /* the magic is not in it */
        if (pwrite(log->anchor, bytes, sizeof(bytes), LOG_HEADER_BYTES) != sizeof(bytes) ||
            fstat(log->anchor, &status) < 0)
                return -errno;
        if (log_lock(log->anchor, LOG_LOCK_WRITER, F_WRLCK) < 0) {
                if (status.st_size > LOG_EMPTIED_BYTES) /* where holes are not known, it keeps its blocks */
                        (void)fallocate(log->anchor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, LOG_EMPTIED_BYTES,
                                        status.st_size - LOG_EMPTIED_BYTES);
                return 0;
        }
        int r = ftruncate(log->anchor, LOG_EMPTIED_BYTES) < 0 ? -errno : 0;
        (void)log_lock(log->anchor, LOG_LOCK_WRITER, F_UNLCK);
        return r;
}

bool log_file_is_emptied(int fd) {
        uint8_t bytes[LOG_EMPTIED_BYTES];
        struct log_header header = { 0 };
        struct record_found found;
        size_t searched = 0;
        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
        if (n < LOG_HEADER_BYTES || log_header_decode(bytes, (size_t)n, &header) < 0 || !header.sealing)
                return false;
        if (n < (ssize_t)sizeof(bytes))
                return true;
        /* One short message is as long as a SEAL, and that it is to be sealed may be announced already. */
        return header.bytes == LOG_HEADER_BYTES &&
               record_find(bytes + header.bytes, sizeof(bytes) - header.bytes, 0, &searched, &found) && found.at == 0 &&
               found.record.kind == RECORD_SEAL;
}

int64_t log_file_cut(int fd) {
        CLEANUP(log_cursor_clear) struct log_cursor cursor = { .fd = -1 };
        const struct record *record;
        struct stat status = { 0 };
        int r = log_lock(fd, LOG_LOCK_WRITER, F_WRLCK);
        if (r < 0)
                return r == -EAGAIN ? -EBUSY : r;
        struct log_header header = { 0 };
        (void)log_file_header(fd, &header);
        uint64_t end = header.bytes;
        log_cursor_init(&cursor, fd, end, RECORD_LARGEST_BYTES);
        while ((r = log_cursor_next(&cursor, NULL, &record)) == 1) {
                end = log_cursor_end(&cursor);
                log_cursor_consume(&cursor);
        }
        if (r == -EAGAIN)
                r = fstat(fd, &status) < 0 || ftruncate(fd, (off_t)end) < 0 ? -errno : 0;
        (void)log_lock(fd, LOG_LOCK_WRITER, F_UNLCK);
        return r < 0 ? r : status.st_size - (int64_t)end;
}
