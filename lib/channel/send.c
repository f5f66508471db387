/* SPDX-License-Identifier: MIT */

/* Sending: the one loop of trying and waiting, and the wait until a message is taken. */

#include "channel/send.h"

#include "base/cleanup.h"
#include "base/options.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static int64_t time_of_day_ns(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Why did the other end go? It may have said so before it closed. */
static int ask_refusal(struct leat_channel *channel) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        if (DOES_RECEIVE(channel->flags) && !(channel->flags & LEAT_CALL))
                return -EPIPE; /* the receiving side will read and tell it */
        if (channel->address.framing != FRAMING_LEAT)
                return -EPIPE; /* bare bytes have no refusal */
        for (int i = 0; i < 16 && r == 0; i++)
                r = channel_pump(channel, &message);
        return r < 0 && r != -EAGAIN && r != -ENODATA && r != -ENOBUFS ? r : -EPIPE;
}

/* It is full: the oldest goes, and others may be quicker to use the room. */
static int send_in_its_place(struct leat_channel *channel, struct outgoing *message) {
        int r = -EAGAIN;
        for (unsigned tries = 0; tries < READS_AT_ONCE && r == -EAGAIN; tries++) {
                r = channel->operations->drop_oldest(channel);
                if (r == 0)
                        channel->counters.dropped++;
                if (r == 0 || r == -EAGAIN)
                        r = channel->operations->send(channel, message, 1);
        }
        return r;
}

static int try_send(struct leat_channel *channel, struct outgoing *message) {
        channel_lock(channel);
        channel->send_link = message->link;
        int r = channel->operations->send(channel, message, 1);
        if (r == -EAGAIN && message->drop_oldest)
                r = send_in_its_place(channel, message);
        channel->engaged = message->began;
        if (r == -EPIPE)
                r = ask_refusal(channel);
        if (r > 0) {
                channel->counters.sent++;
                r = 0;
        }
        channel_unlock(channel);
        return r;
}

/* A caller that waits for room reads what comes meanwhile: late replies may be what its peer is stuck on. */
static int make_way(struct leat_channel *channel) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        channel_lock(channel);
        while (r == 0)
                r = channel_pump(channel, &message);
        channel_unlock(channel);
        return r;
}

int channel_send(struct leat_channel *channel, struct outgoing *message, int64_t deadline) {
        int r;
        message->time_ns = channel->address.framing == FRAMING_LEAT ? time_of_day_ns() : 0;
        unsigned until = UNTIL_OUT | (channel->flags & LEAT_CALL ? UNTIL_IN : 0);
        while ((r = try_send(channel, message)) == -EAGAIN) {
                r = channel_wait(channel, DIRECTION_SEND, until, deadline);
                if (r < 0)
                        break;
                /* After the end, or a refusal, nothing more comes, and what is readable for ever is not waited for. */
                if ((until & UNTIL_IN) && make_way(channel) != -EAGAIN)
                        until = UNTIL_OUT;
        }
        if (r < 0 && message->sent > 0) {
                channel_lock(channel);
                channel->operations->park(channel, message);
                channel_unlock(channel);
        }
        return r;
}

/* ---- until it is taken ---- */

static int look_for_taken(struct leat_channel *channel) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        channel_lock(channel);
        while (!channel->was_taken && (r == 0 || r == -EMFILE)) /* that is for the receiver */
                r = channel_pump(channel, &message);
        if (channel->was_taken)
                r = 1;
        else if (r == -EAGAIN && !channel->operations->lives(channel, channel->engaged))
                r = -EPIPE;
        if (r != -EAGAIN)
                channel_pass_on(channel, DIRECTION_SEND);
        channel_unlock(channel);
        return r == -ENODATA ? -EPIPE : r;
}

static int wait_for_taken(struct leat_channel *channel, int64_t deadline) {
        int r;
        while ((r = look_for_taken(channel)) == -EAGAIN) {
                r = channel_wait(channel, DIRECTION_SEND, UNTIL_IN, deadline);
                if (r < 0)
                        break;
        }
        channel_lock(channel);
        channel->awaited_taken = 0;
        channel_unlock(channel);
        return r < 0 ? r : 0;
}

static void await_taken(struct leat_channel *channel, uint64_t sequence) {
        channel_lock(channel);
        channel->awaited_taken = sequence;
        channel->was_taken = false;
        channel_unlock(channel);
}

/* ---- the public face ---- */

int channel_check_message(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes) {
        enum framing framing = (enum framing)channel->address.framing;
        if (type < 1 || (!bytes && size_bytes > 0))
                return channel_refuse(channel, -EINVAL, LEAT_ROW_TYPES,
                                      "a type is 1 or more, and bytes are where they are said to be");
        if (size_bytes > channel->largest_bytes)
                return channel_refuse(
                        channel, -EMSGSIZE, LEAT_ROW_LIMITS,
                        "the message is larger than this channel carries; open both ends with a larger ?size=");
        if (framing != FRAMING_LEAT && type != 1 && !channel->operations->native_types)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_TYPES,
                                      "this framing carries no types; use the framing of Leat");
        if (!framing_allows(framing, bytes, size_bytes))
                return channel_refuse(
                        channel, -EINVAL, LEAT_ROW_BOUNDARIES,
                        "the message holds the byte that ends messages in this framing; use ?framing=length");
        return 0;
}

/* An option of this call against what is declared. */
static int check_options(struct leat_channel *channel, const struct leat_send_options *options) {
        const struct leat_row_declaration *rows = channel->declaration->rows;
        bool leat = channel->address.framing == FRAMING_LEAT;
        if (options->flags & ~(LEAT_SYNC | LEAT_DROP_NEWEST | LEAT_DROP_OLDEST) ||
            options->priority > LEAT_PRIORITY_MAX || options->descriptors_count > LEAT_DESCRIPTORS_MAX ||
            (options->descriptors_count > 0 && !options->descriptors))
                return channel_refuse(channel, -EINVAL, LEAT_ROW_NONE,
                                      "flags, priority or descriptors are out of range");
        if ((options->flags & LEAT_SYNC) && rows[LEAT_ROW_SYNC].verdict == LEAT_NO)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_SYNC, rows[LEAT_ROW_SYNC].why);
        if ((options->flags & LEAT_SYNC) && !(channel->operations->hears && channel->operations->hears(channel)))
                return channel_refuse(
                        channel, -ENOTSUP, LEAT_ROW_SYNC,
                        "a one-way pipe has no way back; make it with ?need=sync, or open pipe:fd=IN,OUT");
        if ((options->flags & LEAT_DROP_OLDEST) && !channel->operations->drop_oldest)
                return channel_refuse(
                        channel, -ENOTSUP, LEAT_ROW_FULL,
                        "a sender cannot take what others have sent here; let it wait, or drop the newest");
        if (options->descriptors_count > 0 && rows[LEAT_ROW_DESCRIPTORS].verdict == LEAT_NO)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_DESCRIPTORS, rows[LEAT_ROW_DESCRIPTORS].why);
        if (options->priority > 0 && !leat && !channel->operations->native_priorities)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_TYPES,
                                      "this framing carries no priority; use the framing of Leat");
        return 0;
}

/* A message did not go out. One of which a part did, in a framing that cannot take it back, will come all the same: it is
 * not dropped, and the sender is told that the deadline passed. */
static int drop_newest(struct leat_channel *channel, int r, const struct outgoing *message, unsigned flags) {
        if (!(flags & LEAT_DROP_NEWEST) || (r != -EAGAIN && r != -ETIMEDOUT) ||
            (message->sent > 0 && channel->address.framing != FRAMING_LEAT))
                return r;
        channel_lock(channel);
        channel->counters.dropped++;
        channel_unlock(channel);
        return 1;
}

int leat_send_with(struct leat_channel *channel, const void *bytes, size_t size_bytes,
                   const struct leat_send_options *given) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        int r = channel_guard(channel, LEAT_SEND);
        if (r == 0)
                r = options_take(given, &options, sizeof(options));
        if (r == 0)
                r = channel_check_message(channel, options.type, bytes, size_bytes);
        if (r == 0)
                r = check_options(channel, &options);
        if (r < 0)
                return r;
        bool sync = options.flags & LEAT_SYNC;
        struct outgoing message = {
                .kind = WIRE_MESSAGE,
                .flags = sync ? WIRE_WANTS_TAKEN : 0,
                .priority = (uint16_t)options.priority,
                .type = options.type,
                .sequence = channel_next_sequence(channel),
                .bytes = bytes,
                .size_bytes = size_bytes,
                .descriptors = options.descriptors,
                .descriptors_count = options.descriptors_count,
                .drop_oldest = options.flags & LEAT_DROP_OLDEST,
        };
        if (sync)
                await_taken(channel, message.sequence);
        r = channel_send(channel, &message, options.deadline);
        if (r < 0)
                return drop_newest(channel, r, &message, options.flags);
        return sync ? wait_for_taken(channel, options.deadline) : 0;
}

int leat_send(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline) {
        int r = channel_guard(channel, LEAT_SEND);
        if (r == 0)
                r = channel_check_message(channel, type, bytes, size_bytes);
        if (r < 0)
                return r;
        struct outgoing message = {
                .kind = WIRE_MESSAGE,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .bytes = bytes,
                .size_bytes = size_bytes,
        };
        return channel_send(channel, &message, deadline);
}
