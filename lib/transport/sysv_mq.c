/* SPDX-License-Identifier: MIT */

/* sysv-mq: System V message queues. Declarations and opening. */

#include "transport/sysv_mq.h"

#include "base/cleanup.h"
#include "base/umask.h"
#include "transport/mq_queue.h"
#include "transport/rows.h"
#include "transport/table.h"

#include <errno.h>
#include <sys/stat.h>

#define LARGEST (8192 - WIRE_HEADER_BYTES) /* kernel.msgmax, as it is by default */
#define LARGEST_RAW 8192

#define ROWS                                                                                                           \
        [LEAT_ROW_BOUNDARIES] = YES, [LEAT_ROW_ORDER] = YES,                                                           \
        [LEAT_ROW_TYPES] = YES_BUT("the kernel's own: nothing is set aside"),                                          \
        [LEAT_ROW_WAITING] = YES_BUT("a receiver's thread waits in the kernel; a sender looks at a full queue again "  \
                                     "after 50 us to 2 ms"),                                                           \
        [LEAT_ROW_SYNC] = NO("a store has nobody who answers when a message is taken; use unix:"),                     \
        [LEAT_ROW_FULL] = YES_BUT("wait, be told, drop the newest or the oldest"),                                     \
        [LEAT_ROW_END] = PEER("with ?end on both ends, whose senders are counted, also when they are killed; without " \
                              "it a store has no end. A sender is not told that receivers went"),                      \
        [LEAT_ROW_DEATH] = YES,                                                                                        \
        [LEAT_ROW_LIFETIME] = YES_BUT("a store: until `leat rm`; ?temporary: until its last party closed"),            \
        [LEAT_ROW_WHO] = NO("the kernel keeps the pid of the queue's last sender, not of a message's; use unix:"),     \
        [LEAT_ROW_DESCRIPTORS] = NO("a queue carries bytes only; use unix:"), [LEAT_ROW_POLLING] = YES,                \
        [LEAT_ROW_LIMITS] = YES, [LEAT_ROW_OPENING] = YES,                                                             \
        [LEAT_ROW_LISTENING] = YES_BUT("nobody listens: whoever comes first makes the queue"),                         \
        [LEAT_ROW_THREADS] = YES_BUT("a receiver that has waited has one thread of the library"),                      \
        [LEAT_ROW_INHERITANCE] = YES

static const struct leat_declaration declarations[] = {
        { "sysv-mq", LEAT_QUEUE, "leat", "n:m", LARGEST, 0, { ROWS, [LEAT_ROW_VERSIONS] = YES } },
        { "sysv-mq",
          LEAT_QUEUE,
          "raw",
          "n:m",
          LARGEST_RAW,
          0,
          { ROWS, [LEAT_ROW_VERSIONS] = NO("these are bare bytes without a version; use the framing of Leat") } },
};

static void state_free_at(struct sysv_mq **state) {
        if (!*state)
                return;
        probe_close(&(*state)->probe);
        parties_leave(&(*state)->parties, (*state)->queue, true);
        free(*state);
}

/* ?need=end is met by counting senders, which is what ?end asks for. */
static bool wants_end(const struct address *address) {
        return address_given(address, OPTION_END) || (address->need & (UINT64_C(1) << LEAT_ROW_END));
}

static int join(struct leat_channel *channel, int queue, struct leat_reason *reason, struct parties *ret_parties) {
        const struct address *address = &channel->address;
        const struct parties_wish wish = { .sends = DOES_SEND(channel->flags),
                                           .end = wants_end(address),
                                           .temporary = address_given(address, OPTION_TEMPORARY),
                                           .mode = umask_cut((mode_t)address->mode) };
        return wish.end || wish.temporary ? parties_join(queue, &wish, reason, ret_parties) : 0;
}

/* What killed parties left is not what is looked for. 0; -EAGAIN: it is gone, look again. */
static int clear_away(const struct address *address, key_t key, struct leat_reason *reason) {
        int queue = wants_end(address) || address_given(address, OPTION_TEMPORARY) ? msgget(key, 0) : -1;
        int r = queue < 0 ? 0 : parties_clear(queue, reason);
        return r > 0 ? -EAGAIN : r;
}

/* Find it, or make it. Another may make or remove it in between: -EAGAIN. */
static int find_or_make(struct leat_channel *channel, key_t key, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        mode_t access = DOES_SEND(channel->flags) ? S_IWUSR : S_IRUSR;
        int r = clear_away(address, key, reason);
        if (r < 0)
                return r;
        if (address_given(address, OPTION_NEW))
                return sysv_mq_make(key, (mode_t)address->mode, reason);
        int queue = sysv_mq_find(key, access, reason);
        if (queue == -ENOENT && !address_given(address, OPTION_OPEN))
                queue = sysv_mq_make(key, (mode_t)address->mode, reason);
        return queue == -EEXIST ? -EAGAIN : queue;
}

static int try_open(struct leat_channel *channel, key_t key, struct sysv_mq *state, struct leat_reason *reason) {
        int r = state->queue = find_or_make(channel, key, reason);
        return r < 0 ? r : join(channel, state->queue, reason, &state->parties);
}

static int find_and_join(struct leat_channel *channel, int64_t deadline, struct sysv_mq *state,
                         struct leat_reason *reason) {
        key_t key;
        int r = sysv_mq_key(&channel->address, reason, &key);
        if (r < 0)
                return r;
        for (unsigned tries = 0; (r = try_open(channel, key, state, reason)) == -EAGAIN; tries++) {
                r = mq_queue_pause(tries, deadline);
                if (r < 0)
                        return reason_set(reason, r, LEAT_ROW_OPENING, "another process is removing the queue");
        }
        return r;
}

static int set_up(struct leat_channel *channel, struct sysv_mq *state, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        struct msqid_ds status;
        uint64_t largest = state->largest_entry;
        int r = 0;
        if (address_given(address, OPTION_CAPACITY))
                r = sysv_mq_set_capacity(state->queue, address->capacity, reason);
        if (r == 0 && DOES_RECEIVE(channel->flags))
                r = probe_init(&state->probe, state->queue);
        if (r < 0)
                return r;
        if (msgctl(state->queue, IPC_STAT, &status) == 0) /* not allowed to one who may only send */
                largest = sysv_mq_largest(&status, state->framing);
        else
                largest -= largest > WIRE_HEADER_BYTES && state->framing == FRAMING_LEAT ? WIRE_HEADER_BYTES : 0;
        channel->largest_bytes = address->size > 0 && address->size < largest ? address->size : largest;
        if (address->size > largest)
                return reason_limit(reason, -EINVAL, "kernel.msgmax",
                                    "?size= is above what the system and the queue take");
        return 0;
}

static int open_queue(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        CLEANUP(state_free_at) struct sysv_mq *state = calloc(1, sizeof(*state));
        if (!state)
                return -ENOMEM;
        state->queue = state->probe.fd = -1;
        state->parties = PARTIES_NONE;
        state->framing = (enum framing)channel->address.framing;
        state->largest_entry = sysv_mq_limits().largest_bytes;
        kept_list_init(&state->held);
        int r = find_and_join(channel, deadline, state, reason);
        if (r >= 0)
                r = set_up(channel, state, reason);
        if (r < 0)
                return r;
        channel->operations = &sysv_mq_operations;
        channel->state = TAKE(state);
        return 0;
}

const struct transport transport_sysv_mq = {
        .scheme = "sysv-mq",
        .summary = "System V message queues: typed messages that outlive their senders",
        .options = OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_MODE) | OPTION_BIT(OPTION_END) |
                   OPTION_BIT(OPTION_TEMPORARY),
        .declarations = declarations,
        .declarations_count = sizeof(declarations) / sizeof(declarations[0]),
        .check = sysv_mq_check,
        .open = open_queue,
        .inspect = sysv_mq_inspect,
        .create = sysv_mq_create,
        .set = sysv_mq_set,
        .remove = sysv_mq_remove,
        .peek = sysv_mq_peek,
};
