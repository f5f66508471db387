/* SPDX-License-Identifier: MIT */

/* log: a shared file as a channel, through which messages persist (docs/design/log.md). */

#include "base/cleanup.h"
#include "transport/log_state.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <stdlib.h>

#define SEND_AGAIN_US 1000

#define ROWS_LOG                                                                                                       \
        [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_ORDER] = YES, [LEAT_ROW_WAITING] = YES_BUT("a sender never waits"),     \
        [LEAT_ROW_SYNC] = NO("a store has no one who answers; use unix:"),                                             \
        [LEAT_ROW_FULL] = NO("a log is never full, so there is nothing to wait for: a full disk is -ENOSPC; bound it " \
                             "with ?rotate= and ?retain=, or use mq:"),                                                \
        [LEAT_ROW_END] = PEER("with ?end on the receiver: when every Leat sender is gone, also a killed one"),         \
        [LEAT_ROW_DEATH] = YES, [LEAT_ROW_LIFETIME] = YES_BUT("a store: until leat rm; ?durable= for power loss"),     \
        [LEAT_ROW_WHO] = NO("the kernel does not say who wrote to a file; use unix:"),                                 \
        [LEAT_ROW_DESCRIPTORS] = NO("a file carries bytes only; use unix:"), [LEAT_ROW_POLLING] = YES,                 \
        [LEAT_ROW_LIMITS] = YES, [LEAT_ROW_OPENING] = YES, [LEAT_ROW_THREADS] = YES, [LEAT_ROW_VERSIONS] = YES,        \
        [LEAT_ROW_INHERITANCE] = YES

/* The first is what an address means that names no pattern. */
static const struct leat_declaration declarations[] = {
        { .scheme = "log",
          .pattern = LEAT_BROADCAST,
          .framing = "leat",
          .parties = "n:m",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_LOG, [LEAT_ROW_TYPES] = YES_BUT("others are set aside in the channel, at most ?aside="),
                    [LEAT_ROW_LISTENING] = YES_BUT("nobody binds: either may come first, and each receiver gets all, "
                                                   "from where ?from= says") } },
        { .scheme = "log",
          .pattern = LEAT_QUEUE,
          .framing = "leat",
          .parties = "n:m",
          .largest_bytes = LARGEST_DEFAULT,
          .rows = { ROWS_LOG,
                    [LEAT_ROW_TYPES] =
                            PEER("with ?exclusive, the one receiver: others are set aside in the channel, at "
                                 "most ?aside=; sysv-mq: selects by itself"),
                    [LEAT_ROW_LISTENING] = YES_BUT("nobody binds: either may come first, and each message is taken by "
                                                   "one; the receivers share their position, PATH.position") } },
};

/* ---- sending ---- */

static int explain(struct leat_channel *channel, int error) {
        if (error == -EIDRM)
                return channel_refuse(channel, error, LEAT_ROW_LIFETIME, "the log was removed; open it again");
        if (error == -ENOSPC || error == -EDQUOT)
                return channel_refuse(channel, error, LEAT_ROW_FULL,
                                      "the disk under the log is full; make room, or use ?rotate= with ?retain=");
        if (error == -EEXIST)
                return channel_refuse(channel, error, LEAT_ROW_LIFETIME, log_overwritten);
        if (error == -EIO)
                return channel_refuse(channel, error, LEAT_ROW_LIFETIME,
                                      "the disk under the log failed; what was being sent may be read, and may be gone "
                                      "after a loss of power");
        if (error == -EOPNOTSUPP || error == -ENOSYS)
                return channel_refuse(
                        channel, error, LEAT_ROW_ORDER,
                        "this file system, or a sandbox, refuses to append by pwritev2 and RWF_APPEND; put "
                        "the log on another");
        if (error == -EFBIG) {
                struct leat_reason why;
                reason_limit(&why, error, "RLIMIT_FSIZE",
                             "the log would pass the limit of a file's size; raise `ulimit -f`");
                channel_remember(channel, &why);
        }
        return error;
}

static struct log_piece piece_of(const struct log_state *state, const struct outgoing *message) {
        return (struct log_piece){ .record = { .kind = RECORD_MESSAGE,
                                               .size = (uint32_t)message->size_bytes,
                                               .priority = message->priority,
                                               .type = message->type,
                                               .sequence = message->sequence,
                                               .time_ns = message->time_ns,
                                               .sender = state->writer.sender },
                                   .bytes = message->bytes };
}

/* By one append, as many of them as that takes. */
static int log_send(struct leat_channel *channel, struct outgoing *messages, int count) {
        struct log_state *state = channel->state;
        struct log_piece pieces[LOG_BATCH_COUNT];
        int some = count < LOG_BATCH_COUNT ? count : LOG_BATCH_COUNT;
        for (int i = 0; i < some; i++)
                pieces[i] = piece_of(state, &messages[i]);
        int r = log_writer_append(&state->writer, pieces, some);
        return r > 0 ? r : explain(channel, r);
}

/* ---- what the channel asks ---- */

static int log_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        if (direction == DIRECTION_RECEIVE)
                return log_receive_arm(channel->state, wait);
        /* Somebody is cutting the file to go on with; no event tells when he has. */
        wait_look_again(wait, leat_in_us(SEND_AGAIN_US));
        return 0;
}

static int log_poll_fd(struct leat_channel *channel) {
        return log_receive_poll_fd(channel->state);
}

static void log_info(struct leat_channel *channel, struct leat_info *info) {
        const struct log_state *state = channel->state;
        struct stat status;
        if (fstat(state->log.anchor, &status) < 0)
                return;
        info->mode = status.st_mode & 07777;
        info->owner = (struct leat_peer){ .known = true, .uid = status.st_uid, .gid = status.st_gid };
        /* Of the file that is read: what is still to be read. */
        if (state->reads && fstat(state->reader.fd, &status) == 0 &&
            (uint64_t)status.st_size >= state->reader.cursor.at)
                info->queued_bytes = (uint64_t)status.st_size - state->reader.cursor.at;
}

/* ---- closing ---- */

static void log_after_fork(struct leat_channel *channel) {
        struct log_state *state = channel->state;
        state->log.anchor = close_fd(state->log.anchor);
        state->log.place.directory = close_fd(state->log.place.directory);
        state->writer.fd = close_fd(state->writer.fd);
        state->reader.fd = close_fd(state->reader.fd);
        state->reader.notify = close_fd(state->reader.notify);
        state->queue.fd = close_fd(state->queue.fd);
        state->poll_epoll = close_fd(state->poll_epoll);
        state->poll_timer = close_fd(state->poll_timer);
}

static struct log_state *state_free(struct log_state *state) {
        close_fd(state->poll_epoll);
        close_fd(state->poll_timer);
        log_queue_close(&state->queue);
        log_reader_clear(&state->reader);
        log_writer_clear(&state->writer);
        log_clear(&state->log);
        free(state);
        return NULL;
}

/* ours: locks may be freed and the log removed; else a child, or a parent, holds the same open files. */
static void log_close(struct leat_channel *channel, bool ours) {
        struct log_state *state = channel->state;
        /* The file that is written before the lock, and the lock before PATH: the last close wakes who waits for the end. */
        log_writer_clear(&state->writer);
        if (ours && state->writes)
                (void)log_lock(state->log.anchor, LOG_LOCK_ENDER, F_UNLCK);
        if (ours && state->log.header.temporary)
                log_remove_if_alone(&state->log);
        channel->state = state_free(state);
}

#define OPERATIONS                                                                                                     \
        .send = log_send, .receive = log_receive, .arm = log_arm, .poll_fd = log_poll_fd, .info = log_info,            \
        .after_fork = log_after_fork, .close = log_close

static const struct operations broadcast = { OPERATIONS };
static const struct operations queue = { .competes = true, .acknowledge = log_acknowledge, OPERATIONS };

/* ---- opening ---- */

static int check_options(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool receives = channel->flags & LEAT_RECEIVE, shared = channel->declaration->pattern == LEAT_QUEUE;
        if (address_given(address, OPTION_CAPACITY))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_CAPACITY],
                                 "a log has no capacity; ?rotate= and ?retain= bound it");
        if (receives && (address->need & (UINT64_C(1) << LEAT_ROW_END)) && !address_given(address, OPTION_END))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_END, "the end is told here to who opens with ?end");
        if (receives && shared && (address->need & (UINT64_C(1) << LEAT_ROW_TYPES)) &&
            !address_given(address, OPTION_EXCLUSIVE))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_TYPES,
                                  "types need the one receiver here: open with ?exclusive, or use ?pattern=broadcast");
        return 0;
}

static unsigned how_to_open(const struct leat_channel *channel) {
        const struct address *address = &channel->address;
        unsigned how = channel->flags & LEAT_SEND ? LOG_WRITE : 0;
        if (address_given(address, OPTION_NEW))
                how |= LOG_NEW;
        else if (!address_given(address, OPTION_OPEN))
                how |= LOG_CREATE;
        if (address_given(address, OPTION_TEMPORARY))
                how |= LOG_TEMPORARY | LOG_WRITE; /* it may be this end that removes it */
        return how;
}

static uint64_t limit_of(const struct address *address, enum address_option option, uint64_t value) {
        return address_given(address, option) ? value : UINT64_MAX;
}

static struct log_wishes wishes_of(const struct address *address) {
        return (struct log_wishes){
                .durable = (enum log_durable)address->durable,
                .rotate_bytes = address->rotate,
                .rotate_age_ns = address->rotate_age_ns,
                .retention = { .bytes = limit_of(address, OPTION_RETAIN, address->retain),
                               .files = limit_of(address, OPTION_RETAIN_FILES, address->retain_files),
                               .age_ns = limit_of(address, OPTION_RETAIN_AGE, address->retain_age_ns) },
        };
}

static int open_sender(struct leat_channel *channel, struct log_state *state, int64_t deadline,
                       struct leat_reason *reason) {
        const struct address *address = &channel->address;
        const struct log_wishes wishes = wishes_of(address);
        int r = log_writer_init(&state->writer, &state->log, &wishes, deadline, reason);
        if (r == 0)
                r = log_lock(state->log.anchor, LOG_LOCK_ENDER, F_RDLCK);
        if (r == 0 && address_given(address, OPTION_END)) {
                const struct log_piece hello = {
                        .record = { .kind = RECORD_HELLO, .type = 1, .sender = state->writer.sender },
                };
                r = log_writer_append(&state->writer, &hello, 1);
        }
        return r < 0 ? r : 0;
}

static int log_open_channel(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        int r = check_options(channel, reason);
        if (r < 0)
                return r;
        struct log_state *state = calloc(1, sizeof(*state));
        if (!state)
                return -ENOMEM;
        state->log = LOG_NONE;
        state->writer.fd = state->reader.fd = state->reader.notify = state->queue.fd = -1;
        state->poll_epoll = state->poll_timer = -1;
        state->writes = channel->flags & LEAT_SEND;
        state->reads = channel->flags & LEAT_RECEIVE;
        r = log_open(&channel->address, how_to_open(channel), (mode_t)channel->address.mode, deadline, reason,
                     &state->log);
        if (r == 0 && state->reads)
                r = log_receive_open(channel, state, reason);
        if (r == 0 && state->writes)
                r = open_sender(channel, state, deadline, reason);
        if (r < 0) {
                state_free(state);
                return r;
        }
        channel->operations = channel->declaration->pattern == LEAT_QUEUE ? &queue : &broadcast;
        channel->state = state;
        return 0;
}

const struct transport transport_log = {
        .scheme = "log",
        .summary = "a shared file to which all append: messages persist, for every receiver or one queue of them",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_MODE) | OPTION_BIT(OPTION_EXCLUSIVE) |
                   OPTION_BIT(OPTION_TEMPORARY) | OPTION_BIT(OPTION_END) | OPTION_BIT(OPTION_FROM) |
                   OPTION_BIT(OPTION_DURABLE) | OPTION_BIT(OPTION_ROTATE) | OPTION_BIT(OPTION_ROTATE_AGE) |
                   OPTION_BIT(OPTION_RETAIN) | OPTION_BIT(OPTION_RETAIN_AGE) | OPTION_BIT(OPTION_RETAIN_FILES) |
                   OPTION_BIT(OPTION_ACKNOWLEDGE),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .open = log_open_channel,
        .inspect = log_inspect,
        .create = log_create,
        .set = log_set,
        .remove = log_remove_address,
};
