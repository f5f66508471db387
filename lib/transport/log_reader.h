/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_READER_H
#define LEAT_TRANSPORT_LOG_READER_H

/*
 * Reading a log: records of one file in order (a cursor), and of one file after the other, woken by inotify (a reader).
 */

#include "transport/log_file.h"
#include "wait/spin.h"

/* ---- in one file ---- */

struct log_cursor {
        int fd;      /* borrowed */
        uint64_t at; /* of buffer[begin], in the file */
        uint64_t largest;
        uint8_t *buffer;
        size_t begin, end, capacity, searched;
        struct record_found found; /* the current one, at buffer[begin], if `has` */
        bool has;
        bool pieced;   /* the buffer was filled in more than one read */
        void *landing; /* where a large message's bytes may be read to; or NULL */
        size_t landing_size;
        size_t landed;       /* so many bytes of the current record lie there, and not in the buffer */
        bool large;          /* the last record was: read a header first, and see where the rest belongs */
        uint64_t refused_at; /* the record here does not land: it was not whole, or is none */
        uint64_t awaited;    /* the large record here, of which not all was there, needs so many bytes; or 0 */
        bool in_noise;
        bool unlinked;  /* the file had no name any more, when there was nothing more to read */
        uint64_t noise; /* stretches that were no record */
        uint64_t noise_bytes;
        struct spin *spin; /* how whoever reads waits; or NULL: it does not */
        int64_t read_ns;   /* when it was read last, if the next read is to keep a distance; or 0 */
};

void log_cursor_init(struct log_cursor *cursor, int fd, uint64_t at, uint64_t largest);
void log_cursor_clear(struct log_cursor *cursor);

/* Go to the beginning of another file. */
void log_cursor_restart(struct log_cursor *cursor, int fd);

/* Go somewhere else; what is buffered there is used. */
void log_cursor_seek(struct log_cursor *cursor, uint64_t at);

/*
 * A large message may be read straight to where it belongs, behind a header that is in order. Between log_cursor_land() and
 * log_cursor_settle() the landing is the cursor's to write to. What was not consumed then is read again.
 */
void log_cursor_land(struct log_cursor *cursor, void *landing, size_t size);
void log_cursor_settle(struct log_cursor *cursor);

/*
 * Look at the next record; it stays the next until it is consumed. reads: how often the file may still be read, counted
 * down, or NULL. Returns 1; -EAGAIN: there is none at present; -EINPROGRESS: `reads` is used up; -ESTALE: the file was cut
 * below here; -ENOMEM; -EIO and the like. *_peek is the cheaper one: to it a file that was cut has no more, and of a large record that
 * was not whole the last time it looks for the end alone. What is behind one that never will be, the other finds.
 */
int log_cursor_peek(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record);
int log_cursor_next(struct log_cursor *cursor, unsigned *reads, const struct record **ret_record);

/* Copy the current record's message to there. */
void log_cursor_copy(const struct log_cursor *cursor, void *ret_bytes);

/* The current record's bytes in the file (not of one that landed), its end there, and forget it. */
static inline const uint8_t *log_cursor_bytes(const struct log_cursor *cursor) {
        return cursor->buffer + cursor->begin;
}
static inline uint64_t log_cursor_end(const struct log_cursor *cursor) {
        return cursor->at + cursor->found.need;
}
void log_cursor_consume(struct log_cursor *cursor);

/* ---- in all files ---- */

struct log_reader {
        const struct log *log; /* borrowed */
        int fd;                /* of file `number`; ours */
        uint64_t number;
        struct log_cursor cursor;
        bool begun;              /* the header was there, and `cursor` is behind it */
        uint64_t records_before; /* messages in the files before this one */
        bool sealed;             /* the end of this file was read, and the next is not there yet */
        bool looked_beyond;      /* the next file was not there when this one was read to its end first */
        int notify;              /* inotify; -1: nobody waits on it */
        int file_watch;          /* -1: none */
        int directory_watch;
        bool closed; /* somebody who could write PATH closed it, since this was last set to false */
};

/* Where it begins. watch: it will be waited for. -EMFILE with the limit. */
int log_reader_init(struct log_reader *reader, const struct log *log, uint64_t largest, bool watch, bool watch_closing,
                    struct leat_reason *reason);
void log_reader_clear(struct log_reader *reader);

/* Go to the beginning of what there is, to the end, or to a place in a file (-ESTALE: that file is gone). */
int log_reader_to_start(struct log_reader *reader);
int log_reader_to_end(struct log_reader *reader);
int log_reader_seek(struct log_reader *reader, uint64_t number, uint64_t offset);

/* As log_cursor_next, from file to file; SEALs are dealt with. -ESTALE: records were cut or removed before they
 * were read, and reading goes on behind them; -EIDRM: the log was removed. */
int log_reader_next(struct log_reader *reader, unsigned *reads, const struct record **ret_record);

/* The same by one system call, for who looks often: it sees no events, and not what became of the files. Who is about to sleep, or to
 * say that there is nothing, calls the other. */
int log_reader_peek(struct log_reader *reader, unsigned *reads, const struct record **ret_record);

#endif
