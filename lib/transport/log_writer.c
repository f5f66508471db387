/* SPDX-License-Identifier: MIT */
#include "transport/log_writer.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "transport/log_reader.h"

#include <leat/deadline.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#define GROUP_APPENDS 64
#define GROUP_NS 10000000
#define FIRST_READS 64
#define FILES_AT_MOST 1000 /* that one append goes through to find the current one */

const char log_overwritten[] =
        "the newest of the log's files (PATH.N) was overwritten, and begins as none: move it away";

/* ---- the next file ---- */

static int use(struct log_writer *writer, int fd, uint64_t number, const struct log_header *header) {
        struct stat status;
        writer->size = fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
        writer->unsealed = false;
        writer->count = (struct log_count){ .at = header->bytes };
        close_fd(writer->fd);
        writer->fd = fd;
        writer->number = number;
        writer->header = *header;
        writer->first_ns = 0;
        writer->left_behind = false;
        return 0;
}

/* Its header follows from the sealed file alone, so that two who write it write the same. */
static int write_next_header(const struct log_writer *writer, int fd, uint64_t number, uint64_t seal,
                             uint64_t messages) {
        struct log_header header = writer->header;
        header.number = number;
        header.base += seal;
        header.records += messages;
        header.sealing = false;
        return log_file_begin(fd, &header);
}

static int open_for_writing(struct log_writer *writer, int fd, uint64_t number, int64_t deadline) {
        CLOSE_AT_EXIT int guarded = fd;
        struct log_header header;
        int r = log_lock_until(fd, LOG_LOCK_WRITER, F_RDLCK, deadline);
        if (r == 0)
                r = log_file_header(fd, &header);
        if (r == -EBADMSG) /* it was overwritten: readers skip to what is right in it, but nobody may add to it */
                return -EEXIST;
        return r < 0 ? r : use(writer, take_fd(&guarded), number, &header);
}

/* The file that follows this one, made if it is not there: its number is the next that no other log uses. */
static int open_next(const struct log_writer *writer, uint64_t *ret_number) {
        for (uint64_t number = writer->number + 1; number <= writer->number + FILES_AT_MOST; number++) {
                CLOSE_AT_EXIT int fd = log_file_open(writer->log, number, O_RDWR | O_CREAT);
                if (fd < 0 && fd != -EXDEV)
                        return fd;
                if (fd < 0 || log_file_owner(writer->log, fd, number) == LOG_FOREIGN)
                        continue;
                *ret_number = number;
                return take_fd(&fd);
        }
        return -EEXIST;
}

/* What has been written to this file, and then the name of the next, before anything in it counts as kept. */
static int sync_files(const struct log_writer *writer) {
        if (writer->wishes.durable == LOG_DURABLE_NONE)
                return 0;
        return fdatasync(writer->fd) < 0 ? -errno : log_sync_names(writer->log);
}

/* This file is sealed, up to `seal`, with so many messages in it: make the next. */
static int make_next(struct log_writer *writer, uint64_t seal, uint64_t messages) {
        struct stat status;
        uint64_t number;
        CLOSE_AT_EXIT int fd = open_next(writer, &number);
        if (fd < 0 || fstat(fd, &status) < 0)
                return fd < 0 ? fd : -errno;
        int r = status.st_size == 0 ? write_next_header(writer, fd, number, seal, messages) : 0;
        if (r == 0)
                r = sync_files(writer);
        return r < 0 ? r : open_for_writing(writer, take_fd(&fd), number, LEAT_NOW);
}

static int open_newest(struct log_writer *writer, int64_t deadline) {
        uint64_t number = 1;
        int r = log_newest(writer->log, &number);
        if (r < 0)
                return r;
        int fd = log_file_open(writer->log, number, O_RDWR);
        return fd < 0 ? fd : open_for_writing(writer, fd, number, deadline);
}

/* To the newest file, which is made if it is this one's follower. */
static int go_on(struct log_writer *writer, uint64_t seal, uint64_t messages) {
        uint64_t newest;
        if (log_is_removed(writer->log))
                return -EIDRM;
        int r = log_newest(writer->log, &newest);
        if (r < 0)
                return r;
        if (newest > writer->number) {
                r = sync_files(writer);
                return r < 0 ? r : open_newest(writer, LEAT_NOW);
        }
        r = make_next(writer, seal, messages);
        if (r == 0)
                log_retain(writer->log, &writer->wishes.retention, time_of_day_ns());
        return r;
}

/* ---- sealing ---- */

static int append_seal(struct log_writer *writer) {
        const struct log_piece seal = {
                .record = { .kind = RECORD_SEAL, .type = 1, .time_ns = time_of_day_ns(), .sender = writer->sender },
        };
        size_t bytes;
        return log_batch_write(&writer->batch, writer->fd, 0, &seal, 1, &bytes);
}

/* Where the file's SEAL ends, or 0. What was counted before is not read again; but where PATH was emptied since, that is gone, and the
 * SEAL stands at the beginning. */
static int64_t find_seal(struct log_writer *writer) {
        int64_t seal = log_file_seal(writer->fd, &writer->count);
        if (seal != -ESTALE && (seal != 0 || !log_file_is_emptied(writer->fd)))
                return seal;
        writer->count = (struct log_count){ .at = writer->header.bytes };
        return log_file_seal(writer->fd, &writer->count);
}

/* There is none yet: make it. Where it ends, or that of one who was quicker. */
static int64_t make_seal(struct log_writer *writer) {
        int r = append_seal(writer);
        int64_t seal = r < 0 ? r : find_seal(writer);
        return seal == 0 ? -EIO : seal;
}

static int announce_seal(const struct log_writer *writer) {
        uint8_t sealing[4];
        put_le32(sealing, 1);
        return pwrite(writer->fd, sealing, sizeof(sealing), LOG_SEALING_AT) == sizeof(sealing) ? 0 : -errno;
}

/* From the current file, whose SEAL was found. A failure is for the next append to overcome. */
static int leave_sealed(struct log_writer *writer) {
        int r = go_on(writer, writer->seal, writer->count.messages);
        writer->left_behind = r < 0;
        return r == -ENOENT ? -EIDRM : r; /* the newest is never removed but with all */
}

/* The file is, or is to be, sealed. end: of a record of ours in it, or 0. 1: that counts; 0: it does not. */
static int leave_file(struct log_writer *writer, uint64_t end) {
        if (end > 0) /* somebody else is here: what it did meanwhile was not counted */
                writer->count = (struct log_count){ .at = writer->header.bytes };
        int64_t seal = find_seal(writer);
        /* Where there is no SEAL yet it will come behind our record, whoever makes it. */
        bool counts = end > 0 && seal >= 0 && (seal == 0 || end < (uint64_t)seal);
        if (seal == 0)
                seal = make_seal(writer);
        int r = seal < 0 ? (int)seal : 0;
        if (r == 0) {
                writer->seal = (uint64_t)seal;
                r = leave_sealed(writer);
        }
        /* What counts, counts: the next append tries again to go on. */
        return counts ? 1 : r;
}

/* After a loss of power a SEAL may be on the disk without its announcement, and what is sent behind it would not count. */
static int mend_announcement(const struct log_writer *writer) {
        if (writer->header.sealing || writer->header.bytes == 0)
                return 0;
        int64_t seal = log_file_seal_at_end(writer->fd, writer->header.bytes);
        return seal > 0 ? announce_seal(writer) : (int)seal;
}

/* ---- when a file is full, or old ---- */

/* A file that lost its header, since another program cut it, has no place for the announcement: it grows on. */
static bool can_rotate(const struct log_writer *writer, const struct log_header *now) {
        return writer->header.bytes > 0 && now->bytes > 0;
}

static void rotate(struct log_writer *writer) {
        /* What fails here fails again, and is told, at the next append. */
        if (announce_seal(writer) == 0)
                (void)leave_file(writer, 0);
}

/* The time of the current file's first message; 0: it has none. */
static int64_t find_first(const struct log_writer *writer, int64_t now) {
        CLEANUP(log_cursor_clear) struct log_cursor cursor;
        const struct record *record;
        unsigned reads = FIRST_READS;
        int r;
        log_cursor_init(&cursor, writer->fd, writer->header.bytes, RECORD_LARGEST_BYTES);
        while ((r = log_cursor_next(&cursor, &reads, &record)) == 1 && record->kind == RECORD_HELLO)
                log_cursor_consume(&cursor);
        if (r == 1)
                return record->kind == RECORD_MESSAGE ? record->time_ns : 0;
        return r == -EINPROGRESS ? now : 0; /* behind so much noise: from now on, then */
}

static void rotate_if_old(struct log_writer *writer, int64_t now) {
        struct log_header header = { 0 };
        if (writer->wishes.rotate_age_ns == 0)
                return;
        if (writer->first_ns == 0)
                writer->first_ns = find_first(writer, now);
        if (writer->first_ns == 0 || now < writer->first_ns ||
            (uint64_t)now - (uint64_t)writer->first_ns < writer->wishes.rotate_age_ns) /* it may say any time */
                return;
        if (log_file_header(writer->fd, &header) == 0 && can_rotate(writer, &header))
                rotate(writer);
}

/* ---- appending ---- */

static int sync_appends(struct log_writer *writer) {
        writer->unsynced = 0;
        return fdatasync(writer->fd) < 0 ? -errno : 0;
}

static int make_durable(struct log_writer *writer, unsigned count) {
        if (writer->wishes.durable == LOG_DURABLE_NONE)
                return 0;
        if (writer->unsynced == 0)
                writer->unsynced_since = leat_now();
        writer->unsynced += count;
        if (writer->wishes.durable == LOG_DURABLE_GROUP && writer->unsynced < GROUP_APPENDS &&
            leat_now() - writer->unsynced_since < GROUP_NS)
                return 0;
        return sync_appends(writer);
}

/* How many bytes until the file is full. */
static uint64_t room_left(const struct log_writer *writer) {
        uint64_t most = writer->wishes.rotate_bytes;
        return most == 0 ? UINT64_MAX : most > writer->size ? most - writer->size : 0;
}

/* So many bytes were appended, and the file is so large now. What it knows by counting is kept up while nobody else writes; a file that
 * is full is then left without being read. */
static void count_own(struct log_writer *writer, const struct log_piece *pieces, int count, size_t bytes,
                      uint64_t size) {
        if (size < writer->size + bytes) /* another program cut it: what was counted is gone */
                writer->count = (struct log_count){ .at = writer->header.bytes };
        if (writer->count.at != writer->size || size != writer->size + bytes)
                return;
        writer->count.at = size;
        for (int i = 0; i < count; i++)
                writer->count.messages += pieces[i].record.kind == RECORD_MESSAGE;
}

/* These were appended, so many bytes. 1: they stand. 0: they do not, and the current file is another. */
static int look_after(struct log_writer *writer, const struct log_piece *pieces, int count, size_t bytes) {
        struct log_header header = writer->header;
        struct stat status;
        if (fstat(writer->fd, &status) < 0)
                return -errno;
        uint64_t size = (uint64_t)status.st_size;
        bool full = writer->wishes.rotate_bytes > 0 && size >= writer->wishes.rotate_bytes;
        /* If nothing but this was added to what had no SEAL, there is none before it. Else the header tells: it is read after
         * the append, or a SEAL could come between, and after the size (design/log.md). One that is gone seals nothing. */
        if (!writer->unsealed || size != writer->size + bytes || full) {
                header = (struct log_header){ 0 };
                (void)log_file_header(writer->fd, &header);
                writer->unsealed = !header.sealing;
        }
        count_own(writer, pieces, count, bytes, size);
        writer->size = size;
        if (header.sealing)
                return leave_file(writer, (uint64_t)lseek(writer->fd, 0, SEEK_CUR));
        if (status.st_nlink == 0)
                return -EIDRM;
        if (full && can_rotate(writer, &header))
                rotate(writer);
        return 1;
}

/* One try in the current file. How many stand; 0: none does, and the current file is another. */
static int append_here(struct log_writer *writer, const struct log_piece *pieces, int count) {
        size_t bytes;
        if (writer->left_behind)
                return leave_sealed(writer);
        int n = log_batch_write(&writer->batch, writer->fd, room_left(writer), pieces, count, &bytes);
        int r = n < 0 ? n : look_after(writer, pieces, n, bytes);
        return r == 1 ? n : r;
}

int log_writer_append(struct log_writer *writer, const struct log_piece *pieces, int count) {
        int64_t now = pieces[0].record.time_ns;
        int n = 0;
        if (!writer->left_behind)
                rotate_if_old(writer, now);
        for (int i = 0; i < FILES_AT_MOST && n == 0; i++)
                n = append_here(writer, pieces, count);
        if (n <= 0)
                return n == 0 ? -EAGAIN : n;
        if (log_retain_due(&writer->wishes.retention, now))
                log_retain(writer->log, &writer->wishes.retention, now);
        int r = make_durable(writer, (unsigned)n);
        return r < 0 ? r : n;
}

/* ---- life ---- */

int log_writer_init(struct log_writer *writer, const struct log *log, const struct log_wishes *wishes, int64_t deadline,
                    struct leat_reason *reason) {
        uint32_t random = 0;
        *writer = (struct log_writer){ .log = log, .wishes = *wishes, .fd = -1 };
        (void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
        writer->sender = (uint64_t)random << 32 | (uint32_t)getpid();
        struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
        (void)getrlimit(RLIMIT_FSIZE, &limit);
        writer->batch.limit = limit.rlim_cur;
        int r = open_newest(writer, deadline);
        if (r == -EAGAIN || r == -ETIMEDOUT)
                return reason_set(reason, r, LEAT_ROW_OPENING, "another process is cutting this log");
        if (r == -EEXIST)
                return reason_set(reason, r, LEAT_ROW_OPENING, log_overwritten);
        if (r == 0)
                r = mend_announcement(writer);
        if (r == 0 && wishes->durable != LOG_DURABLE_NONE)
                r = log_sync_names(log);
        return r;
}

void log_writer_clear(struct log_writer *writer) {
        if (writer->fd >= 0 && writer->unsynced > 0)
                (void)sync_appends(writer);
        writer->fd = close_fd(writer->fd);
        log_batch_clear(&writer->batch);
}
