/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_LOG_FILE_H
#define LEAT_TRANSPORT_LOG_FILE_H

/*
 * The files of a log: names, headers, locks, and who removes them (docs/design/log.md).
 */

#include "transport/log_record.h"
#include "transport/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Bytes far beyond any data, on which parties hold locks (OFD: F_OFD_SETLK). The first two are of PATH. */
enum log_lock { LOG_LOCK_PARTY, LOG_LOCK_ENDER, LOG_LOCK_WRITER };

/* A lock on one byte: type F_RDLCK, F_WRLCK, F_UNLCK. 0, or -EAGAIN. */
int log_lock(int fd, enum log_lock which, short type);
/* The same until the deadline. -ETIMEDOUT. */
int log_lock_until(int fd, enum log_lock which, short type, int64_t deadline);
/* Does anybody else hold it? */
bool log_lock_is_held(int fd, enum log_lock which);

struct log {
        struct place place;
        int anchor;               /* PATH */
        struct log_header header; /* PATH's, as it was at the opening */
        bool writable;            /* `anchor` may be written */
};
#define LOG_NONE ((struct log){ .place = PLACE_NONE, .anchor = -1 })

enum { LOG_WRITE = 1, LOG_CREATE = 2, LOG_NEW = 4, LOG_TEMPORARY = 8, LOG_DISTRUSTED = 16 };

/* Open PATH; how: LOG_... What a killed user of a temporary log left is removed first. While it is open it holds
 * LOG_LOCK_PARTY. On success *ret_log goes to log_clear(). */
int log_open(const struct address *address, unsigned how, mode_t mode, int64_t deadline, struct leat_reason *reason,
             struct log *ret_log);
void log_clear(struct log *log);

/* ---- its files, in log_names.c ---- */

/* The name of file `number`. false: too long. */
bool log_file_name(const struct place *place, uint64_t number, char *ret_name, size_t size);

/* Whose a file is that bears the name of number N. */
enum log_owner {
        LOG_OURS,
        LOG_EMPTY,   /* its maker was killed, or is about to write its header */
        LOG_UNKNOWN, /* it does not begin as one of a log */
        LOG_FOREIGN  /* it is of another log, or of this one with another number: left of an earlier one, or a copy */
};
enum log_owner log_file_owner(const struct log *log, int fd, uint64_t number);

/* Is there a PATH.N that is ours? 1, 0, or a negative errno: it cannot be told. */
int log_file_exists(const struct log *log, uint64_t number);

/* Open file `number`, or another name beside PATH, with these flags of open(2) beside O_CLOEXEC. O_CREAT: with PATH's mode.
 * -EXDEV: what has that name is no file, or is a stranger's who might not write to PATH. */
int log_file_open(const struct log *log, uint64_t number, int flags);
int log_open_beside(const struct log *log, const char *name, int flags);

/* Visit all of ours but PATH, in no order. */
struct log_found {
        const char *name;
        uint64_t number;
        int fd; /* borrowed; to read */
        struct stat status;
};
int log_each_file(const struct log *log, void (*visit)(const struct log_found *found, void *argument), void *argument);

/* The highest number of ours; 1: PATH alone. */
int log_newest(const struct log *log, uint64_t *ret_number);

/* The lowest from `from` on; not 1 if PATH holds no records any more, and others do. -ENOENT: there is none. */
int log_oldest(const struct log *log, uint64_t from, uint64_t *ret_number);

/* Wait until the names are on the disk: without them what was written to a new file is lost with the power. */
int log_sync_names(const struct log *log);

/* Is PATH still what we have open, under its name? Costs a look at the directory. */
bool log_is_removed(const struct log *log);

/* Remove all files. 0; -ENOENT: PATH was not there. */
int log_remove(const struct log *log);

/* The same if nobody else has it open. */
void log_remove_if_alone(const struct log *log);

/* ---- one of its files ---- */

/* Append, all parts as one. How many bytes, or a negative errno. */
ssize_t log_append(int fd, const struct iovec *parts, int count);

/* Write the header of an empty file. It is appended: a second one, of who saw the file empty too, is noise and
 * cannot undo what has been written since (`sealing`). */
int log_file_begin(int fd, const struct log_header *header);

/* The header now. 0, -EBADMSG. */
int log_file_header(int fd, struct log_header *ret_header);

/* How far a file was counted: up to here, which is the end of a record or of the header, it has so many messages and no SEAL. */
struct log_count {
        uint64_t at, messages;
};

/* Where the first SEAL ends; 0: there is none; a negative errno. Looks from count->at on, and counts up to that SEAL, or to the end of
 * the last record. */
int64_t log_file_seal(int fd, struct log_count *count);

/* The same for a SEAL that is not announced: it is at the end, but for the few records that raced with it. */
int64_t log_file_seal_at_end(int fd, uint64_t from);

/* Take all records away of PATH, which is sealed. */
int log_file_empty(const struct log *log);
/* Was that done? */
bool log_file_is_emptied(int fd);

/* Cut off what stands behind the last whole record, if no sender has the file open. Returns how many bytes; -EBUSY. */
int64_t log_file_cut(int fd);

#endif
