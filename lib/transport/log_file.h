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

enum { LOG_WRITE = 1, LOG_CREATE = 2, LOG_NEW = 4, LOG_TEMPORARY = 8 };

/* Open PATH; how: LOG_... What a killed user of a temporary log left is removed first. While it is open it holds
 * LOG_LOCK_PARTY. On success *ret_log goes to log_clear(). */
int log_open(const struct address *address, unsigned how, mode_t mode, int64_t deadline, struct leat_reason *reason,
             struct log *ret_log);
void log_clear(struct log *log);

/* If nobody else has it open: remove it. */
void log_remove_if_alone(struct log *log);

/* Remove all files of a log. 0; -ENOENT: PATH was not there. */
int log_remove(const struct place *place);

/* Is it still there, under its name? */
bool log_is_removed(const struct log *log);

/* ---- one of its files ---- */

/* The name of file `number`. false: too long. */
bool log_file_name(const struct place *place, uint64_t number, char *ret_name, size_t size);

/* Which numbers there are; both 1 if only PATH. The lowest counts from 2 if PATH holds no records any more. */
int log_numbers(const struct log *log, uint64_t *ret_lowest, uint64_t *ret_highest);

/* The newest file that has its header. */
int log_file_open_newest(const struct log *log, int flags);

/* Open file `number` with these flags of open(2) beside O_CLOEXEC. */
int log_file_open(const struct log *log, uint64_t number, int flags);

/* Write the header of an empty file. It is appended: a second one, of who saw the file empty too, is noise and
 * cannot undo what has been written since (`sealing`). */
int log_file_begin(int fd, const struct log_header *header);

/* The header now. 0, -EBADMSG. */
int log_file_header(int fd, struct log_header *ret_header);

/* Where the first SEAL ends, looking from `from`; 0: there is none; a negative errno. messages: how many stand between. */
int64_t log_file_seal(int fd, uint64_t from, uint64_t *ret_messages);

/* Take all records away of PATH, which is sealed. */
int log_file_empty(const struct log *log);

/* Cut off what stands behind the last whole record, if no sender has the file open. Returns how many bytes; -EBUSY. */
int64_t log_file_cut(int fd);

#endif
