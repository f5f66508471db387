/* SPDX-License-Identifier: MIT */

/* fifo: named pipes, between strangers, with messages that stay whole. */

#include "transport/fifo.h"

#include "base/cleanup.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* Written over the rows of connections. */
#define ROWS_FIFO                                                                                                      \
        [LEAT_ROW_FULL] = YES_BUT("wait, be told, drop the newest; a sender cannot take what others sent, so the "     \
                                  "oldest is never dropped (sysv-mq: does that)"),                                     \
        [LEAT_ROW_ORDER] = YES, [LEAT_ROW_WAITING] = YES, [LEAT_ROW_POLLING] = YES, [LEAT_ROW_LIMITS] = YES,           \
        [LEAT_ROW_THREADS] = YES, [LEAT_ROW_INHERITANCE] = YES,                                                        \
        [LEAT_ROW_END] = YES_BUT("when nobody has it open for writing, plain programs included"),                      \
        [LEAT_ROW_LIFETIME] = YES_BUT("its name lives until `leat rm`, what waits in it while someone has it open"),   \
        [LEAT_ROW_WHO] = NO("the kernel does not say who writes to a fifo; use unix:"),                                \
        [LEAT_ROW_DESCRIPTORS] = NO("a fifo carries bytes only; use unix:"),                                           \
        [LEAT_ROW_SYNC] = NO("no answer comes back on a fifo; use unix:"), [LEAT_ROW_OPENING] = YES,                   \
        [LEAT_ROW_LISTENING] = YES_BUT("either end makes it; a sender waits for a receiver")

#define NO_TYPES [LEAT_ROW_TYPES] = NO("this framing carries no types; use the framing of Leat")
#define NO_VERSION [LEAT_ROW_VERSIONS] = NO("these are bare bytes without a version; use the framing of Leat")
#define TORN_IF_LARGE(verdict)                                                                                         \
        [LEAT_ROW_DEATH] = verdict("what fits PIPE_BUF is written in one step; a longer one (?exclusive) may be "      \
                                   "torn: use the framing of Leat")

#define FIFO(framing_, parties_, largest_, ...)                                                                        \
        {                                                                                                              \
                .scheme = "fifo", .pattern = LEAT_QUEUE, .framing = (framing_), .parties = (parties_),                 \
                .largest_bytes = (largest_), .rows = {                                                                 \
                        ROWS_FIFO,                                                                                     \
                        __VA_ARGS__                                                                                    \
                }                                                                                                      \
        }

static const struct leat_declaration declarations[] = {
        FIFO("leat", "n:m", FIFO_FRAME_BYTES, [LEAT_ROW_BOUNDARIES] = YES,
             [LEAT_ROW_TYPES] = YES_BUT("with ?exclusive, which makes this the one receiver"), [LEAT_ROW_DEATH] = YES,
             [LEAT_ROW_VERSIONS] = YES),
        FIFO("raw", "n:m", PIPE_BUF,
             [LEAT_ROW_BOUNDARIES] = NO("a pipe has no empty packets, and what plain programs write runs together; use "
                                        "the framing of Leat"),
             NO_TYPES, [LEAT_ROW_DEATH] = YES, NO_VERSION),
        FIFO("lines", "n:1",
             PIPE_BUF - 1, [LEAT_ROW_BOUNDARIES] = YES_BUT("of messages without the byte that ends them"), NO_TYPES,
             TORN_IF_LARGE(YES_BUT), NO_VERSION),
        FIFO("nul", "n:1", PIPE_BUF - 1, [LEAT_ROW_BOUNDARIES] = YES_BUT("of messages without the byte that ends them"),
             NO_TYPES, TORN_IF_LARGE(YES_BUT), NO_VERSION),
        FIFO("length", "n:1", PIPE_BUF - 4, [LEAT_ROW_BOUNDARIES] = YES, NO_TYPES, TORN_IF_LARGE(YES_BUT), NO_VERSION),
};

/* ---- on addresses ---- */

static int inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        CLEANUP(place_clear) struct place place = PLACE_NONE;
        struct stat status = { 0 };
        struct fifo_parties parties;
        int bytes = 0, r = fifo_resolve(address, false, reason, &place);
        if (r == 0)
                r = fifo_look(&place, reason, &status);
        if (r < 0)
                return r;
        info->mode = status.st_mode & 07777;
        info->owner = (struct leat_peer){ .known = true, .uid = status.st_uid, .gid = status.st_gid };
        info->atomic_bytes = PIPE_BUF;
        fifo_look_for_parties(&place, &status, &parties);
        CLOSE_AT_EXIT int fd = parties.fd;
        if (parties.readers + parties.writers > 0)
                info->parties = parties.writers;
        int capacity = fd < 0 ? -1 : fcntl(fd, F_GETPIPE_SZ);
        if (capacity > 0)
                info->capacity_bytes = (uint64_t)capacity;
        if (fd >= 0 && ioctl(fd, FIONREAD, &bytes) == 0)
                info->queued_bytes = (uint64_t)bytes;
        return 0;
}

static int create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        CLEANUP(place_clear) struct place place = PLACE_NONE;
        struct stat status;
        int r = fifo_resolve(address, true, reason, &place);
        if (r == 0)
                r = fifo_make(&place, mode, reason);
        if (r != -EEXIST)
                return r;
        r = fifo_look(&place, reason, &status);
        return r == 0 && new_only ? reason_set(reason, -EEXIST, LEAT_ROW_OPENING, "it exists already") : r;
}

static int set_mode(const struct place *place, const char *value, struct leat_reason *reason) {
        char *end, path[32];
        struct stat status;
        unsigned long mode = strtoul(value, &end, 8);
        if (*value < '0' || *value > '7' || *end != '\0' || mode > 0777)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "permission bits are wanted, in octal: mode=0660");
        /* Not by its name: what was looked at may be another by now, and a link to any file. */
        CLOSE_AT_EXIT int fd = openat(place->directory, place->base, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISFIFO(status.st_mode))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, "that is no fifo; it is left alone");
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return fchmodat(AT_FDCWD, path, (mode_t)mode, 0) < 0 ? -errno : 0;
}

static int set_capacity(const struct place *place, const struct stat *status, const char *value,
                        struct leat_reason *reason) {
        uint64_t bytes;
        struct fifo_parties parties;
        if (!address_parse_size(value, &bytes) || bytes == 0 || bytes > INT_MAX)
                return reason_set(reason, -EINVAL, LEAT_ROW_LIMITS, "a number of bytes is wanted: capacity=1M");
        fifo_look_for_parties(place, status, &parties);
        CLOSE_AT_EXIT int fd = parties.fd;
        if (fd < 0)
                return reason_set(reason, -ENXIO, LEAT_ROW_LIFETIME,
                                  "the capacity lives with the open ends, and none was found that may be used; open "
                                  "it with ?capacity=");
        return fifo_set_capacity(fd, bytes, reason);
}

static int set(const struct address *address, const char *property, const char *value, struct leat_reason *reason) {
        CLEANUP(place_clear) struct place place = PLACE_NONE;
        struct stat status;
        bool mode = strcmp(property, "mode") == 0;
        if (!mode && strcmp(property, "capacity") != 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS,
                                  "of a fifo the mode and the capacity (bytes) can be set");
        int r = fifo_resolve(address, false, reason, &place);
        if (r == 0)
                r = fifo_look(&place, reason, &status);
        if (r < 0)
                return r;
        return mode ? set_mode(&place, value, reason) : set_capacity(&place, &status, value, reason);
}

static int remove_name(const struct address *address, struct leat_reason *reason) {
        CLEANUP(place_clear) struct place place = PLACE_NONE;
        struct stat status;
        int r = fifo_resolve(address, false, reason, &place);
        if (r < 0)
                return r;
        if (fstatat(place.directory, place.base, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "nothing is there") : -errno;
        if (!S_ISFIFO(status.st_mode))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, "that is no fifo; it is left alone");
        return unlinkat(place.directory, place.base, 0) < 0 ? -errno : 0;
}

const struct transport transport_fifo = {
        .scheme = "fifo",
        .summary = "named pipes: many senders and receivers, and plain programs, on one machine",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_MODE) | OPTION_BIT(OPTION_EXCLUSIVE) |
                   OPTION_BIT(OPTION_TEMPORARY),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .open = fifo_open,
        .inspect = inspect,
        .create = create,
        .set = set,
        .remove = remove_name,
};
