/* SPDX-License-Identifier: MIT */

/* mq: POSIX message queues. docs/design/mq.md has the argument; mq_queue.c the names, mq_end.c the end. */

#include "base/cleanup.h"
#include "channel/channel.h"
#include "channel/entry.h"
#include "transport/mq_end.h"
#include "transport/mq_queue.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_MQ (8192 - WIRE_HEADER_BYTES) /* of a queue with the kernel's defaults */

#define ROWS_MQ                                                                                                        \
        [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_ORDER] = YES_BUT("highest priority first; within one, as sent"),        \
        [LEAT_ROW_WAITING] = YES, [LEAT_ROW_SYNC] = NO("a store has no one who answers; use unix:"),                   \
        [LEAT_ROW_FULL] = YES_BUT("wait, be told, drop the newest; dropping the oldest takes the oldest of the "       \
                                  "highest priority, and the sender needs permission to read"),                        \
        [LEAT_ROW_DEATH] = YES, [LEAT_ROW_LIFETIME] = YES_BUT("a store: until leat rm, or the next boot"),             \
        [LEAT_ROW_WHO] = NO("the kernel does not say who sent what waits in a queue; use unix:"),                      \
        [LEAT_ROW_DESCRIPTORS] = NO("a queue carries bytes only; use unix:"), [LEAT_ROW_POLLING] = YES,                \
        [LEAT_ROW_LIMITS] = YES, [LEAT_ROW_OPENING] = YES,                                                             \
        [LEAT_ROW_LISTENING] = YES_BUT("nobody binds: either may come first, and each message is taken by one"),       \
        [LEAT_ROW_THREADS] = YES, [LEAT_ROW_INHERITANCE] = YES

static const struct leat_declaration declarations[] = {
        { .scheme = "mq",
          .pattern = LEAT_QUEUE,
          .framing = "leat",
          .parties = "n:m",
          .largest_bytes = LARGEST_MQ,
          .rows = { ROWS_MQ,
                    [LEAT_ROW_TYPES] =
                            PEER("with ?exclusive, the one receiver: others are set aside in the channel, at "
                                 "most ?aside=; sysv-mq: selects by itself"),
                    [LEAT_ROW_END] =
                            PEER("with ?end on the receiver: when every Leat sender is gone, also a killed one"),
                    [LEAT_ROW_VERSIONS] = YES } },
        { .scheme = "mq",
          .pattern = LEAT_QUEUE,
          .framing = "raw",
          .parties = "n:m",
          .largest_bytes = 8192,
          .rows = { ROWS_MQ,
                    [LEAT_ROW_TYPES] = NO("this framing carries no types; use the framing of Leat, or sysv-mq:"),
                    [LEAT_ROW_END] = NO("bare bytes do not say that a sender came; use the framing of Leat with ?end"),
                    [LEAT_ROW_VERSIONS] = NO("these are bare bytes without a version; use the framing of Leat") } },
};

struct mq_state {
        struct mq_queue queue;
        struct mq_end *end; /* of a receiver with ?end, else NULL */
        int taker;          /* of a sender that drops the oldest: a description that reads; -1: not yet */
        ssize_t held;       /* bytes of an entry that was taken and could not be kept; -1: none */
        unsigned held_priority;
        uint8_t buffer[]; /* one entry */
};

/* ---- sending ---- */

static int send_entry(struct leat_channel *channel, const struct outgoing *message) {
        struct mq_state *state = channel->state;
        size_t header = entry_header_bytes((enum framing)channel->address.framing);
        size_t size = header + message->size_bytes;
        const void *entry = message->bytes;
        if (size > state->queue.entry_bytes)
                return -EMSGSIZE;
        if (header > 0) {
                entry_header(message, state->buffer);
                if (message->size_bytes > 0)
                        memcpy(state->buffer + header, message->bytes, message->size_bytes);
                entry = state->buffer;
        }
        int r;
        do
                r = mq_send(state->queue.fd, size > 0 ? entry : "", size, message->priority);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

static int mq_send_some(struct leat_channel *channel, struct outgoing *messages, int count) {
        int done = 0, r = 0;
        while (done < count && (r = send_entry(channel, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

/* ---- receiving ---- */

static ssize_t take(struct mq_state *state, int fd) {
        ssize_t n;
        if (state->held >= 0)
                return state->held;
        do
                n = mq_receive(fd, (char *)state->buffer, state->queue.entry_bytes, &state->held_priority);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* The queue is empty: is it the end? A sender that goes may have sent until then: look at the senders first. */
static ssize_t take_or_end(const struct leat_channel *channel) {
        struct mq_state *state = channel->state;
        ssize_t n = take(state, state->queue.fd);
        if (n != -EAGAIN || !state->end || !mq_end_all_gone(state->end))
                return n;
        n = take(state, state->queue.fd);
        if (n != -EAGAIN)
                return n;
        if (channel->aside.messages == 0) /* until those are received it is told again */
                mq_end_tell(state->end);
        return -ENODATA;
}

static int receive_one(struct leat_channel *channel, struct incoming *message) {
        struct mq_state *state = channel->state;
        struct entry entry;
        message->about.sender = (struct leat_peer){ 0 };
        if (*message->reads == 0)
                return -EAGAIN;
        --*message->reads;
        ssize_t n = take_or_end(channel);
        if (n < 0)
                return (int)n;
        state->held = n;
        int r = entry_look((enum framing)channel->address.framing, state->buffer, (size_t)n, &entry);
        if (r == 0) {
                entry.about.priority = state->held_priority;
                r = entry_deliver(&entry, message);
        } else {
                message->their_version = entry.their_version;
                counter_add(&channel->counters->refused, 1);
        }
        if (r != -ENOMEM)
                state->held = -1;
        if (state->end && !entry.foreign)
                mq_end_came(state->end);
        return r;
}

static int mq_receive_some(struct leat_channel *channel, struct incoming *messages, int count) {
        int done = 0, r = 0;
        while (done < count && (r = receive_one(channel, &messages[done])) == 0)
                done++;
        return done > 0 ? done : r;
}

/* The oldest of the highest priority: no other can be taken. */
static int mq_drop_oldest(struct leat_channel *channel) {
        struct mq_state *state = channel->state;
        if (state->taker < 0) {
                int fd = mq_queue_again(channel->address.rest, state->queue.fd, O_RDONLY);
                if (fd == -EACCES)
                        return channel_refuse(channel, fd, LEAT_ROW_FULL,
                                              "dropping the oldest takes it, which needs permission to read the queue");
                if (fd < 0)
                        return channel_refuse(
                                channel, fd, LEAT_ROW_FULL,
                                "the queue has lost its name, and so cannot be opened to take the oldest");
                state->taker = fd;
        }
        ssize_t n = take(state, state->taker);
        return n < 0 ? (int)n : 0;
}

/* ---- waiting ---- */

static int mq_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        struct mq_state *state = channel->state;
        if (direction == DIRECTION_RECEIVE && state->held >= 0)
                return 1;
        wait_add(wait, state->queue.fd, direction == DIRECTION_SEND ? POLLOUT : POLLIN);
        if (direction == DIRECTION_RECEIVE && state->end)
                mq_end_arm(state->end, wait);
        return 0;
}

static int mq_poll_fd(struct leat_channel *channel) {
        struct mq_state *state = channel->state;
        return state->end ? mq_end_poll_fd(state->end, state->queue.fd) : state->queue.fd;
}

/* ---- what is known ---- */

static void tell(int fd, enum framing framing, struct leat_info *info) {
        uint64_t depth, entry, messages, header = entry_header_bytes(framing);
        struct stat status;
        char text[128];
        if (mq_queue_measure(fd, &depth, &entry, &messages) < 0 || fstat(fd, &status) < 0)
                return;
        info->depth = depth;
        info->queued_messages = messages;
        info->largest_bytes = info->atomic_bytes = entry > header ? entry - header : 0;
        info->capacity_bytes = depth * entry;
        info->parties = presence_count_senders(fd);
        info->mode = status.st_mode & 07777;
        info->owner = (struct leat_peer){ .known = true, .uid = status.st_uid, .gid = status.st_gid };
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0); /* "QSIZE:12 ...", for who may read it */
        if (n > 0 && strncmp(text, "QSIZE:", 6) == 0) {
                text[n] = '\0';
                info->queued_bytes = strtoull(text + 6, NULL, 10);
        }
}

static void mq_info(struct leat_channel *channel, struct leat_info *info) {
        const struct mq_state *state = channel->state;
        tell(state->queue.fd, (enum framing)channel->address.framing, info);
        info->parties += DOES_SEND(channel->flags) ? 1 : 0; /* its own look does not see it */
}

/* ---- closing ---- */

static void mq_after_fork(struct leat_channel *channel) {
        struct mq_state *state = channel->state;
        state->queue.fd = close_fd(state->queue.fd);
        state->taker = close_fd(state->taker);
        if (state->end)
                mq_end_after_fork(state->end);
}

static void mq_close_channel(struct leat_channel *channel, bool ours) {
        struct mq_state *state = channel->state;
        close_fd(state->taker);
        mq_end_free(state->end);
        mq_queue_close(&state->queue, channel->address.rest, ours);
        free(state);
        channel->state = NULL;
}

static const struct operations operations = {
        .competes = true,
        .native_priorities = true,
        .send = mq_send_some,
        .receive = mq_receive_some,
        .drop_oldest = mq_drop_oldest,
        .arm = mq_arm,
        .poll_fd = mq_poll_fd,
        .info = mq_info,
        .after_fork = mq_after_fork,
        .close = mq_close_channel,
};

/* ---- opening ---- */

static int check_options(const struct leat_channel *channel, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool receives = channel->flags & LEAT_RECEIVE;
        if ((address->need & (UINT64_C(1) << LEAT_ROW_TYPES)) && receives && !address_given(address, OPTION_EXCLUSIVE))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_TYPES,
                                  "types need the one receiver here: open with ?exclusive, or use sysv-mq:");
        if ((address->need & (UINT64_C(1) << LEAT_ROW_END)) && receives && !address_given(address, OPTION_END))
                return reason_set(reason, -ENOTSUP, LEAT_ROW_END, "the end is told here to who opens with ?end");
        if (address_given(address, OPTION_END) && address->framing != FRAMING_LEAT)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_END, channel->declaration->rows[LEAT_ROW_END].why);
        if (address_given(address, OPTION_EXCLUSIVE) && !receives)
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_EXCLUSIVE],
                                 "?exclusive is for the one receiver; senders are not told apart");
        return 0;
}

static int mq_open_channel(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        struct mq_queue queue = MQ_QUEUE_NONE;
        const struct address *address = &channel->address;
        bool sends = channel->flags & LEAT_SEND;
        size_t header = entry_header_bytes((enum framing)address->framing);
        int r = check_options(channel, reason);
        if (r == 0)
                r = mq_queue_open(address, sends, deadline, reason, &queue);
        if (r < 0)
                return r;
        struct mq_state *state = malloc(sizeof(struct mq_state) + queue.entry_bytes);
        if (!state) {
                mq_queue_close(&queue, address->rest, true);
                return -ENOMEM;
        }
        *state = (struct mq_state){ .queue = queue, .taker = -1, .held = -1 };
        if (!sends && address_given(address, OPTION_END))
                r = mq_end_new(queue.fd, reason, &state->end);
        if (r < 0) {
                mq_queue_close(&state->queue, address->rest, true);
                free(state);
                return r;
        }
        channel->largest_bytes = queue.entry_bytes > header ? queue.entry_bytes - header : 0;
        channel->operations = &operations;
        channel->state = state;
        return 0;
}

/* ---- on addresses ---- */

static int mq_inspect(const struct address *address, struct leat_reason *reason, struct leat_info *info) {
        CLOSE_AT_EXIT int fd = mq_queue_look(address->rest, reason);
        if (fd < 0)
                return fd;
        tell(fd, (enum framing)address->framing, info);
        return 0;
}

static int mq_set(const struct address *address, const char *property, const char *value, struct leat_reason *reason) {
        char *end;
        unsigned long mode = strtoul(value, &end, 8);
        struct stat status;
        if (strcmp(property, "depth") == 0 || strcmp(property, "size") == 0)
                return reason_set(
                        reason, -ENOTSUP, LEAT_ROW_LIMITS,
                        "the kernel lets nothing change them: `leat rm` the queue and create it anew, with ?depth= "
                        "and ?size=");
        if (strcmp(property, "mode") != 0)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_LIMITS, "of a queue only the mode can be set");
        if (*value < '0' || *value > '7' || *end != '\0' || mode > 0777)
                return reason_set(reason, -EINVAL, LEAT_ROW_OPENING, "permission bits are wanted, in octal: mode=0660");
        CLOSE_AT_EXIT int fd = mq_queue_look(address->rest, reason);
        if (fd < 0)
                return fd;
        if (fstat(fd, &status) < 0)
                return -errno;
        /* The other bits say that it is temporary. */
        return fchmod(fd, (status.st_mode & 07000) | (mode_t)mode) < 0 ? -errno : 0;
}

static int mq_remove(const struct address *address, struct leat_reason *reason) {
        if (mq_unlink(address->rest) == 0)
                return 0;
        return errno == ENOENT ? reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "nothing is there") : -errno;
}

const struct transport transport_mq = {
        .scheme = "mq",
        .summary = "POSIX message queues: messages with a priority, which outlive their senders",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_MODE) | OPTION_BIT(OPTION_EXCLUSIVE) |
                   OPTION_BIT(OPTION_TEMPORARY) | OPTION_BIT(OPTION_END) | OPTION_BIT(OPTION_DEPTH),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = mq_queue_check,
        .open = mq_open_channel,
        .inspect = mq_inspect,
        .create = mq_queue_create,
        .set = mq_set,
        .remove = mq_remove,
};
