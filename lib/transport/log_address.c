/* SPDX-License-Identifier: MIT */

/* What can be asked of a log, and done to it, by its address. */

#include "transport/log_state.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

static int look(const struct address *address, unsigned how, struct leat_reason *reason, struct log *ret_log) {
        return log_open(address, how, (mode_t)address->mode, leat_in_s(5), reason, ret_log);
}

/* ---- info ---- */

/* Count what is there, or with a queue what is still to be taken. */
static int count(struct log_reader *reader, struct leat_info *info) {
        const struct record *record;
        int r;
        info->queued_messages = info->queued_bytes = info->refused = 0;
        while ((r = log_reader_next(reader, NULL, &record)) == 1 || r == -ESTALE) {
                if (r == -ESTALE)
                        continue;
                if (record->kind == RECORD_MESSAGE) {
                        info->queued_messages++;
                        info->queued_bytes += reader->cursor.found.need;
                        info->last_ns = record->time_ns;
                        if (info->first_ns == 0)
                                info->first_ns = record->time_ns;
                }
                log_cursor_consume(&reader->cursor);
        }
        info->refused = reader->cursor.noise;
        return r == -EAGAIN ? 0 : r;
}

static int begin(struct log_reader *reader, const struct log *log, const struct leat_declaration *declaration) {
        struct log_position position;
        if (declaration->pattern == LEAT_QUEUE && log_queue_look(log, &position) == 0 && position.number > 0)
                return log_reader_seek(reader, position.number, position.offset);
        return log_reader_to_start(reader);
}

int log_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        CLEANUP(log_clear) struct log log = LOG_NONE;
        CLEANUP(log_reader_clear) struct log_reader reader = { .fd = -1, .notify = -1 };
        struct stat status;
        int r = look(address, 0, reason, &log);
        if (r == 0)
                r = log_reader_init(&reader, &log, RECORD_LARGEST_BYTES, false, false, reason);
        if (r == 0)
                r = begin(&reader, &log, info->declaration);
        if (r == 0 || r == -ESTALE)
                r = count(&reader, info);
        if (r == 0 && fstat(log.anchor, &status) == 0) {
                info->mode = status.st_mode & 07777;
                info->owner = (struct leat_peer){ .known = true, .uid = status.st_uid, .gid = status.st_gid };
        }
        return r;
}

/* ---- create, set, rm ---- */

int log_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        CLEANUP(log_clear) struct log log = LOG_NONE;
        unsigned how = LOG_WRITE | LOG_CREATE | (new_only || address_given(address, OPTION_NEW) ? LOG_NEW : 0) |
                       (address_given(address, OPTION_TEMPORARY) ? LOG_TEMPORARY : 0);
        return log_open(address, how, mode, leat_in_s(5), reason, &log);
}

struct mode_change {
        const struct log *log;
        mode_t mode;
        int error;
};

/* Never by its name: that may lead to another file by now. */
static void change_mode(int fd, struct mode_change *change) {
        if (fchmod(fd, change->mode) < 0)
                change->error = -errno;
}

static void change_found(const struct log_found *found, void *argument) {
        change_mode(found->fd, argument);
}

/* What lies there and is none is left alone, whoever laid it there. */
static void change_position(struct mode_change *change) {
        CLOSE_AT_EXIT int fd = log_queue_file(change->log, O_RDONLY);
        if (fd >= 0)
                change_mode(fd, change);
        else if (fd != -ENOENT && fd != -EXDEV && fd != -ENAMETOOLONG)
                change->error = fd;
}

static int set_mode(const struct log *log, mode_t mode) {
        struct mode_change change = { .log = log, .mode = mode };
        if (fchmod(log->anchor, mode) < 0)
                return -errno;
        change_position(&change);
        int r = log_each_file(log, change_found, &change);
        return r < 0 ? r : change.error;
}

int log_set(const struct address *address, const char *property, const char *value, struct leat_reason *reason) {
        CLEANUP(log_clear) struct log log = LOG_NONE;
        char *end;
        unsigned long mode = strtoul(value, &end, 8);
        if (strcmp(property, "mode") != 0)
                return reason_set(
                        reason, -ENOTSUP, LEAT_ROW_LIMITS,
                        "of a log only the mode can be set; ?rotate=, ?retain= and ?durable= are each sender's own");
        if (*value < '0' || *value > '7' || *end != '\0' || mode > 0777)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "permission bits are wanted, in octal: mode=0660");
        int r = look(address, 0, reason, &log);
        return r < 0 ? r : set_mode(&log, (mode_t)mode);
}

int log_remove_address(const struct address *address, struct leat_reason *reason) {
        CLEANUP(log_clear) struct log log = LOG_NONE;
        /* Opened first: what is no log is left alone. An empty file would be one. */
        int r = look(address, 0, reason, &log);
        if (r < 0)
                return r;
        return log_remove(&log);
}
