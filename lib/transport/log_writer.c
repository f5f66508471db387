/* SPDX-License-Identifier: MIT */
#include "transport/log_writer.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <leat/deadline.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#define GROUP_APPENDS 64
#define GROUP_NS 10000000
#define FILES_AT_MOST 1000 /* that one append goes through to find the current one */

/* ---- one write ---- */

/* RWF_APPEND and not O_APPEND: the header is written in place, by the same descriptor. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count) {
        ssize_t n;
        do
                n = pwritev2(fd, parts, count, -1, RWF_APPEND);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* Beyond RLIMIT_FSIZE the kernel would send SIGXFSZ. */
static int check_limit(const struct log_writer *writer, size_t total) {
        struct stat status;
        if (writer->limit == RLIM_INFINITY)
                return 0;
        if (fstat(writer->fd, &status) < 0)
                return -errno;
        return (uint64_t)status.st_size + total > writer->limit ? -EFBIG : 0;
}

/* Written in part. If nobody else has the file open that part goes away again; the lock is never let go in between. */
static void take_back(const struct log_writer *writer, ssize_t written) {
        struct stat status;
        off_t end = lseek(writer->fd, 0, SEEK_CUR);
        if (written <= 0 || log_lock(writer->fd, LOG_LOCK_WRITER, F_WRLCK) < 0)
                return;
        if (fstat(writer->fd, &status) == 0 && status.st_size == end && end >= written &&
            ftruncate(writer->fd, end - written) < 0)
                errno = 0; /* then it stays, and is skipped */
        (void)log_lock(writer->fd, LOG_LOCK_WRITER, F_RDLCK);
}

static int write_whole(const struct log_writer *writer, const struct iovec *parts, int count, size_t total) {
        int r = check_limit(writer, total);
        if (r < 0)
                return r;
        ssize_t n = write_parts(writer->fd, parts, count);
        if (n < 0)
                return (int)n;
        if ((size_t)n == total)
                return 0;
        take_back(writer, n);
        return -ENOSPC;
}

static int write_record(const struct log_writer *writer, const struct record *record, const void *bytes) {
        static const uint8_t zeros[8];
        uint8_t header[RECORD_HEADER_BYTES];
        size_t total = record_bytes(record->size);
        if (record_encode(record, bytes, header)) {
                const struct iovec parts[] = {
                        { header, sizeof(header) },
                        { (void *)bytes, record->size },
                        { (void *)zeros, total - sizeof(header) - record->size },
                };
                return write_whole(writer, parts, 3, total);
        }
        FREE_AT_EXIT uint8_t *masked = malloc(total);
        if (!masked)
                return -ENOMEM;
        record_encode_masked(record, bytes, writer->sender ^ record->sequence << 32 ^ (uint64_t)record->time_ns,
                             masked);
        const struct iovec part = { masked, total };
        return write_whole(writer, &part, 1, total);
}

/* ---- the next file ---- */

static int use(struct log_writer *writer, int fd, const struct log_header *header) {
        close_fd(writer->fd);
        writer->fd = fd;
        writer->header = *header;
        return 0;
}

/* Its header follows from the sealed file alone, so that two who write it write the same. */
static int write_next_header(const struct log_writer *writer, int fd, uint64_t seal, uint64_t messages) {
        struct log_header header = writer->header;
        header.number++;
        header.base += seal;
        header.records += messages;
        header.sealing = false;
        return log_file_begin(fd, &header);
}

static int open_for_writing(struct log_writer *writer, int fd, int64_t deadline) {
        CLOSE_AT_EXIT int guarded = fd;
        struct log_header header;
        int r = log_lock_until(fd, LOG_LOCK_WRITER, F_RDLCK, deadline);
        if (r == 0)
                r = log_file_header(fd, &header);
        return r < 0 ? r : use(writer, take_fd(&guarded), &header);
}

/* The oldest files go while the sealed ones hold more than they may. PATH stays, as its header. */
static void retain(const struct log_writer *writer) {
        uint64_t lowest, highest, total = 0, number;
        char name[NAME_MAX + 1];
        struct stat status;
        const struct place *place = &writer->log->place;
        if (!writer->retains || log_numbers(writer->log, &lowest, &highest) < 0)
                return;
        for (number = highest - 1; number >= lowest && total <= writer->retain; number--)
                if (log_file_name(place, number, name, sizeof(name)) &&
                    fstatat(place->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
                        total += (uint64_t)status.st_size;
        /* The oldest first, so that a kill leaves no gap. */
        for (uint64_t old = lowest; total > writer->retain && old <= number + 1; old++)
                if (old == 1 ? log_file_empty(writer->log) < 0
                             : log_file_name(place, old, name, sizeof(name)) &&
                                       unlinkat(place->directory, name, 0) < 0 && errno != ENOENT)
                        return;
}

/* This file is sealed, up to `seal`, with so many messages in it: go to the newest, or make the next. */
static int go_on(struct log_writer *writer, uint64_t seal, uint64_t messages) {
        uint64_t lowest, highest, number = writer->header.number;
        int r = log_numbers(writer->log, &lowest, &highest);
        if (r < 0)
                return r;
        if (log_is_removed(writer->log))
                return -EIDRM;
        if (writer->durable != LOG_DURABLE_NONE && fdatasync(writer->fd) < 0)
                return -errno;
        bool make = highest <= number + 1;
        CLOSE_AT_EXIT int fd = make ? log_file_open(writer->log, number + 1, O_RDWR | O_CREAT)
                                    : log_file_open_newest(writer->log, O_RDWR);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) < 0)
                return fd < 0 ? fd : -errno;
        if (status.st_size == 0)
                r = write_next_header(writer, fd, seal, messages);
        if (r == 0 && writer->durable != LOG_DURABLE_NONE) {
                CLOSE_AT_EXIT int directory = openat(writer->log->place.directory, ".", O_RDONLY | O_CLOEXEC);
                (void)fsync(directory);
        }
        if (r == 0)
                r = open_for_writing(writer, take_fd(&fd), LEAT_NOW);
        if (r == 0 && make)
                retain(writer);
        return r;
}

/* ---- sealing ---- */

static int64_t now_ns(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int append_seal(const struct log_writer *writer) {
        const struct record seal = { .kind = RECORD_SEAL, .type = 1, .time_ns = now_ns(), .sender = writer->sender };
        return write_record(writer, &seal, NULL);
}

/* Where the first SEAL ends, and how many messages of this file stand before it. One that is announced is made. */
static int64_t find_seal(const struct log_writer *writer, uint64_t *ret_messages) {
        int64_t seal = log_file_seal(writer->fd, writer->header.bytes, ret_messages);
        if (seal != 0)
                return seal;
        int r = append_seal(writer);
        return r < 0 ? r : log_file_seal(writer->fd, writer->header.bytes, ret_messages);
}

static int announce_seal(const struct log_writer *writer) {
        uint8_t sealing[4];
        put_le32(sealing, 1);
        return pwrite(writer->fd, sealing, sizeof(sealing), LOG_SEALING_AT) == sizeof(sealing) ? 0 : -errno;
}

/* The file is, or is to be, sealed. end: of a record of ours in it, or 0. 1: that counts; 0: it does not. */
static int leave_file(struct log_writer *writer, uint64_t end) {
        uint64_t messages;
        int64_t seal = find_seal(writer, &messages);
        if (seal <= 0)
                return seal < 0 ? (int)seal : -EIO;
        int r = go_on(writer, (uint64_t)seal, messages);
        /* What counts, counts: the next append tries again to go on. */
        return end > 0 && end < (uint64_t)seal ? 1 : r;
}

/* ---- appending ---- */

static int sync_appends(struct log_writer *writer) {
        writer->unsynced = 0;
        return fdatasync(writer->fd) < 0 ? -errno : 0;
}

static int make_durable(struct log_writer *writer) {
        if (writer->durable == LOG_DURABLE_NONE)
                return 0;
        if (writer->unsynced++ == 0)
                writer->unsynced_since = leat_now();
        if (writer->durable == LOG_DURABLE_GROUP && writer->unsynced < GROUP_APPENDS &&
            leat_now() - writer->unsynced_since < GROUP_NS)
                return 0;
        return sync_appends(writer);
}

static void rotate_if_full(struct log_writer *writer, uint64_t size) {
        if (writer->rotate == 0 || size < writer->rotate || writer->header.bytes == 0)
                return;
        /* What fails here fails again, and is told, at the next append. */
        if (announce_seal(writer) == 0)
                (void)leave_file(writer, 0);
}

/* One try in the current file. 1: it stands. 0: it does not, and the current file is another. */
static int append_here(struct log_writer *writer, const struct record *record, const void *bytes) {
        struct log_header header = { 0 };
        struct stat status;
        int r = write_record(writer, record, bytes);
        if (r < 0)
                return r;
        /* After the append, or a seal could come between (design/log.md). A header that is gone seals nothing. */
        (void)log_file_header(writer->fd, &header);
        if (fstat(writer->fd, &status) < 0)
                return -errno;
        if (header.sealing)
                return leave_file(writer, (uint64_t)lseek(writer->fd, 0, SEEK_CUR));
        if (status.st_nlink == 0)
                return -EIDRM;
        rotate_if_full(writer, (uint64_t)status.st_size);
        return 1;
}

int log_writer_append(struct log_writer *writer, const struct record *record, const void *bytes) {
        int r = 0;
        for (int i = 0; i < FILES_AT_MOST && r == 0; i++)
                r = append_here(writer, record, bytes);
        return r == 1 ? make_durable(writer) : r == 0 ? -EAGAIN : r;
}

/* ---- life ---- */

int log_writer_init(struct log_writer *writer, const struct log *log, int64_t deadline, struct leat_reason *reason) {
        uint32_t random = 0;
        *writer = (struct log_writer){ .log = log, .fd = -1 };
        (void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
        writer->sender = (uint64_t)random << 32 | (uint32_t)getpid();
        struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
        (void)getrlimit(RLIMIT_FSIZE, &limit);
        writer->limit = limit.rlim_cur;
        int fd = log_file_open_newest(log, O_RDWR);
        if (fd < 0)
                return fd;
        int r = open_for_writing(writer, fd, deadline);
        if (r == -EAGAIN || r == -ETIMEDOUT)
                return reason_set(reason, r, LEAT_ROW_OPENING, "another process is cutting this log");
        return r;
}

void log_writer_clear(struct log_writer *writer) {
        if (writer->fd >= 0 && writer->unsynced > 0)
                (void)sync_appends(writer);
        writer->fd = close_fd(writer->fd);
}
