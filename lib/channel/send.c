/* SPDX-License-Identifier: MIT */

/* Sending: the one loop of trying and waiting, and the wait until a message is taken. */

#include "channel/send.h"

#include "channel/call.h"
#include "channel/quick.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/options.h"

#include <errno.h>
#include <string.h>

/* Why did the other end go? It may have said so before it closed. */
static RARE int ask_refusal(struct leat_channel *channel) {
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
static ASIDE int send_in_its_place(struct leat_channel *channel, struct outgoing *message) {
        int r = -EAGAIN;
        for (unsigned tries = 0; tries < READS_AT_ONCE && r == -EAGAIN; tries++) {
                r = channel->operations->drop_oldest(channel);
                if (r == 0)
                        counter_add(&channel->counters->dropped, 1);
                if (r == 0 || r == -EAGAIN)
                        r = channel->operations->send(channel, message, 1);
        }
        return r;
}

/* ?reconnect: is there a connection for this message, and room for its copy? What of it went over a lost one never comes. */
static int find_connection(struct leat_channel *channel, struct outgoing *message) {
        int r = again_prepare(channel);
        if (message->began != 0 && message->began != channel->again.link) {
                again_part_lost(channel, message);
                message->began = 0;
                message->sent = 0;
        }
        int told = message->sent > 0 ? 0 : again_refusal(channel);
        if (told == 0 && message->sent == 0 && (r == 0 || r == -EAGAIN))
                told = again_tell(channel);
        return told < 0 ? told : r;
}

/* *ret_until: what to wait for, with -EAGAIN. */
static int find_room(struct leat_channel *channel, const struct outgoing *message, unsigned *ret_until) {
        int r = message->sent == 0 ? again_room(channel, message) : 0;
        if (r != -EAGAIN)
                return r;
        r = again_listen(channel);
        if (r < 0 && r != -ENOBUFS)
                return -EAGAIN; /* it is lost: the next try connects again */
        if (r == 0)
                r = again_room(channel, message);
        *ret_until = UNTIL_IN;
        return r;
}

/* How long the caller still waits, counted when the request goes out: its own wait for room is over by then. */
static ASIDE void tell_what_is_left(struct outgoing *message) {
        int64_t now = leat_now();
        message->reference = message->deadline == LEAT_NEVER ? 0
                             : message->deadline > now       ? (uint64_t)(message->deadline - now)
                                                             : 1;
}

/* How many went out. */
USUAL int send_now(struct leat_channel *channel, struct outgoing *messages, int count) {
        if ((messages->flags & WIRE_WANTS_REPLY) && messages->sent == 0)
                tell_what_is_left(messages);
        int r = channel->operations->send(channel, messages, count);
        if (r == -EAGAIN && messages->drop_oldest)
                r = send_in_its_place(channel, messages);
        channel->engaged = messages[r > 0 ? r - 1 : 0].began;
        return r;
}

static ASIDE int send_again(struct leat_channel *channel, struct outgoing *message, struct kept **copy,
                            unsigned *ret_until) {
        int r = find_connection(channel, message);
        if (r == 0)
                r = find_room(channel, message, ret_until);
        if (r == 0)
                r = send_now(channel, message, 1);
        if (r > 0)
                again_sent(channel, message, TAKE(*copy));
        /* One that also receives leaves that to the receiving thread: what else comes is for it. */
        if (r > 0 && !(channel->flags & LEAT_RECEIVE))
                again_look(channel);
        return r;
}

/* How many went out; what is to survive the connection goes one by one. */
USUAL int try_send(struct leat_channel *channel, struct outgoing *messages, int count, struct kept **copy,
                   unsigned *ret_until) {
        bool again = channel->again.on;
        channel_lock(channel);
        channel->send_link = messages->link;
        int r = again ? send_again(channel, messages, copy, ret_until) : send_now(channel, messages, count);
        if (r == -EPIPE && again) /* another connection may be had at once */
                r = send_again(channel, messages, copy, ret_until);
        if (r == -EPIPE)
                r = again ? -EAGAIN : ask_refusal(channel);
        for (int i = 0; i < r; i++)
                counters_sent(channel->counters, messages[i].size_bytes);
        channel_unlock(channel);
        return r;
}

/* A caller that waits for room reads what comes meanwhile: late replies may be what its peer is stuck on. */
static ASIDE int make_way(struct leat_channel *channel) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        channel_lock(channel);
        while (r == 0)
                r = channel_pump(channel, &message);
        channel_unlock(channel);
        return r;
}

#define EXACTLY_EACH 64 /* looks for room: to ask how far the reader is takes the line from it that it writes to most */

/* The time is over. That there is no room is to be true. */
static RARE int try_last(struct leat_channel *channel, struct outgoing *messages, int count, struct kept **copy,
                         unsigned *ret_until) {
        messages->now = true;
        int r = try_send(channel, messages, count, copy, ret_until);
        return r == -EAGAIN ? -ETIMEDOUT : r;
}

/* There was no room; `only`: what to wait for, if not for that. */
static int keep_trying(struct leat_channel *channel, struct outgoing *messages, int count, struct kept **copy,
                       unsigned only, int64_t deadline) {
        bool reads = (channel->flags & LEAT_CALL) || (channel->again.on && !(channel->flags & LEAT_RECEIVE));
        unsigned until = UNTIL_OUT | (reads ? UNTIL_IN : 0), tries = 0;
        int r;
        counter_add(&channel->counters->full, 1);
        if (deadline != LEAT_NOW)
                counter_add(&channel->counters->waits[DIRECTION_SEND], 1);
        do {
                r = channel_wait(channel, DIRECTION_SEND, only ? only : until, deadline);
                if (r == -ETIMEDOUT && !messages->now)
                        return try_last(channel, messages, count, copy, &only);
                if (r < 0)
                        break;
                messages->now = ++tries % EXACTLY_EACH == 0; /* whoever spins never sleeps, which would ask exactly */
                /* After the end, or a refusal, nothing more comes, and what is readable for ever is not waited for. */
                if ((until & UNTIL_IN) && make_way(channel) != -EAGAIN && !channel->again.on)
                        until = UNTIL_OUT;
                only = 0;
                r = try_send(channel, messages, count, copy, &only);
        } while (r == -EAGAIN);
        return r;
}

USUAL int send_until(struct leat_channel *channel, struct outgoing *messages, int count, struct kept **copy,
                     int64_t deadline) {
        unsigned only = 0;
        messages->now = deadline == LEAT_NOW;
        int r = try_send(channel, messages, count, copy, &only);
        if (r == -EAGAIN)
                r = keep_trying(channel, messages, count, copy, only, deadline);
        channel_waited(channel, DIRECTION_SEND);
        if (r > 1) /* each was worth its part of the wait */
                channel->spins[DIRECTION_SEND].run += (unsigned)r - 1;
        return r;
}

/* What went out of it in part is taken back, or follows before the next message. */
static void give_up(struct leat_channel *channel, struct outgoing *message) {
        if (message->sent == 0)
                return;
        channel_lock(channel);
        channel->operations->park(channel, message);
        channel_unlock(channel);
}

/* Why a send of several went no further is told by the next one; what that one finds by itself need not be kept. */
static void leave_unsaid(struct leat_channel *channel, int error) {
        if (error != -EAGAIN && error != -ETIMEDOUT && error != -EMSGSIZE && error != -ENOTSUP && error != -EINVAL)
                channel->unsaid = error;
}

static int take_unsaid(struct leat_channel *channel) {
        int error = channel->unsaid;
        channel->unsaid = 0;
        return error;
}

/* It did not go: why, and what is to become of the part that did. */
static RARE int send_failed(struct leat_channel *channel, struct outgoing *message, int error) {
        error = again_explain(channel, error);
        give_up(channel, message);
        return error;
}

USUAL int send_one(struct leat_channel *channel, struct outgoing *message, int64_t deadline) {
        CLEANUP(kept_free_at) struct kept *copy = NULL;
        int unsaid = message->kind == WIRE_MESSAGE ? take_unsaid(channel) : 0;
        if (unsaid < 0) {
                channel->sequence--; /* a number without a message would be a loss to those who count them */
                return unsaid;
        }
        message->time_ns = channel->address.framing == FRAMING_LEAT ? time_of_day_ns() : 0;
        if (channel->again.asks && message->kind == WIRE_MESSAGE && !(message->flags & WIRE_WANTS_REPLY))
                message->flags |= WIRE_WANTS_TAKEN;
        int r = channel->again.on ? again_copy(channel, message, &copy) : 0;
        if (r == 0)
                r = send_until(channel, message, 1, &copy, deadline);
        return r < 0 ? send_failed(channel, message, r) : 0;
}

int channel_send(struct leat_channel *channel, struct outgoing *message, int64_t deadline) {
        return send_one(channel, message, deadline);
}

int call_go(struct leat_channel *channel, struct outgoing *message) {
        struct kept *none = NULL;
        unsigned only = 0;
        if (channel->again.on) /* one that is kept until it is acknowledged goes as ever */
                return channel_send(channel, message, message->deadline);
        message->now = true;
        if (message->sent == 0)
                message->time_ns = channel->address.framing == FRAMING_LEAT ? time_of_day_ns() : 0;
        int r = try_send(channel, message, 1, &none, &only);
        if (r > 0)
                return 0;
        if (r != -EAGAIN)
                call_give_up(channel, message);
        return r;
}

/* ---- until it is taken ---- */

/* ?at-least-once: what was not acknowledged goes out again, over another connection if this one is lost. */
static int await_again(struct leat_channel *channel, unsigned *ret_until) {
        int r = again_prepare(channel);
        int refusal = again_refusal(channel);
        *ret_until = UNTIL_IN | (again_resends(&channel->again) ? UNTIL_OUT : 0);
        return refusal < 0 ? refusal : r < 0 ? r : -EAGAIN;
}

static int look_for_taken(struct leat_channel *channel, unsigned *ret_until) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        channel_lock(channel);
        while (!channel->was_taken && (r == 0 || r == -EMFILE)) /* that is for the receiver */
                r = channel_pump(channel, &message);
        if (channel->was_taken)
                r = 1;
        else if (channel->again.keeps)
                r = await_again(channel, ret_until); /* its copy is still there */
        else if (r == -EAGAIN && !channel->operations->lives(channel, channel->engaged))
                r = -EPIPE;
        if (r != -EAGAIN)
                channel_pass_on(channel, DIRECTION_SEND);
        channel_unlock(channel);
        return r == -ENODATA ? -EPIPE : r;
}

static int wait_for_taken(struct leat_channel *channel, int64_t deadline) {
        unsigned until = UNTIL_IN;
        int r;
        while ((r = look_for_taken(channel, &until)) == -EAGAIN) {
                r = channel_wait(channel, DIRECTION_SEND, until, deadline);
                if (r < 0)
                        break;
        }
        channel_waited(channel, DIRECTION_SEND);
        channel_lock(channel);
        channel->awaited_taken = 0;
        channel_unlock(channel);
        return r < 0 ? again_explain(channel, r) : 0;
}

static void await_taken(struct leat_channel *channel, uint64_t sequence) {
        channel_lock(channel);
        channel->awaited_taken = sequence;
        channel->was_taken = false;
        channel_unlock(channel);
}

/* ---- until all is acknowledged ---- */

static int look_for_all(struct leat_channel *channel, unsigned *ret_until) {
        const struct again *again = &channel->again;
        channel_lock(channel);
        int r = again_prepare(channel);
        if (r == 0)
                r = again_listen(channel);
        bool lost = r < 0 && r != -EAGAIN && !channel->operations->lives(channel, again->link);
        if (lost)
                r = again_prepare(channel);
        *ret_until = UNTIL_IN | (again_resends(again) ? UNTIL_OUT : 0);
        int told = again_refusal(channel);
        if (told == 0)
                told = again_tell(channel);
        if (told < 0)
                r = told;
        else if (r == 0 || r == -EAGAIN)
                r = again_owes(again) || again->sent.count > 0 ? -EAGAIN : 0;
        channel_unlock(channel);
        return r;
}

/* What is left of a message that was counted as on its way. */
static int push_rest(struct leat_channel *channel, int64_t deadline) {
        int r = 0;
        while (channel->operations->push && r == 0) {
                channel_lock(channel);
                int pushed = channel->operations->push(channel);
                channel_unlock(channel);
                if (pushed != -EAGAIN)
                        return pushed;
                r = channel_wait(channel, DIRECTION_SEND, UNTIL_OUT, deadline);
        }
        return r;
}

int leat_flush(struct leat_channel *channel, int64_t deadline) {
        unsigned until = UNTIL_IN;
        int r = channel_guard(channel, LEAT_SEND | LEAT_CALL);
        if (r == 0)
                r = burst_flush(channel, deadline);
        if (r == 0 && !channel->again.on)
                r = push_rest(channel, deadline);
        if (r == 0 && !channel->again.asks && (channel->burst || channel->many))
                return 0; /* what was gathered, or begun, is out, and more is not promised here */
        if (r == 0 && !channel->again.asks)
                r = channel_refuse(
                        channel, -ENOTSUP, LEAT_ROW_SYNC,
                        "nothing is acknowledged here; open with ?at-least-once or ?reconnect, or send with LEAT_SYNC");
        if (r < 0)
                return r;
        while ((r = look_for_all(channel, &until)) == -EAGAIN) {
                r = channel_wait(channel, DIRECTION_SEND, until, deadline);
                if (r < 0)
                        return again_explain(channel, r);
        }
        channel_waited(channel, DIRECTION_SEND);
        return r;
}

/* ---- the public face ---- */

USUAL int check_message(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes) {
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
        if (framing != FRAMING_LEAT && !framing_allows(framing, bytes, size_bytes))
                return channel_refuse(
                        channel, -EINVAL, LEAT_ROW_BOUNDARIES,
                        "the message holds the byte that ends messages in this framing; use ?framing=length");
        return 0;
}

int channel_check_message(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes) {
        return check_message(channel, type, bytes, size_bytes);
}

/* An option of this call against what is declared. */
static int check_options(struct leat_channel *channel, const struct leat_send_options *options) {
        const struct leat_row_declaration *rows = channel->declaration->rows;
        bool leat = channel->address.framing == FRAMING_LEAT;
        if (options->flags & ~(LEAT_SYNC | LEAT_DROP_NEWEST | LEAT_DROP_OLDEST | LEAT_MORE) ||
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
        counter_add(&channel->counters->dropped, 1);
        channel_unlock(channel);
        return 1;
}

/* Is it part of a burst? What is more than a small message by itself goes as ever, behind what was gathered. */
static bool goes_with_others(const struct leat_channel *channel, const struct leat_send_options *options,
                             size_t size_bytes) {
        return ((options->flags & LEAT_MORE) || burst_begun(channel->burst)) && (options->flags & ~LEAT_MORE) == 0 &&
               options->descriptors_count == 0 && size_bytes <= TOGETHER_SMALL && !channel->again.on;
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
        if (goes_with_others(channel, &options, size_bytes)) {
                const struct leat_outgoing message = {
                        .type = options.type, .bytes = bytes, .size_bytes = size_bytes, .priority = options.priority
                };
                return burst_send(channel, &message, options.flags & LEAT_MORE, options.deadline);
        }
        bool sync = options.flags & LEAT_SYNC;
        r = burst_flush(channel, options.deadline);
        if (r < 0)
                return drop_newest(channel, r, &(struct outgoing){ 0 }, options.flags);
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
                .told = sync,
                .drop_oldest = options.flags & LEAT_DROP_OLDEST,
        };
        if (sync)
                await_taken(channel, message.sequence);
        r = channel_send(channel, &message, options.deadline);
        if (r < 0)
                return drop_newest(channel, r, &message, options.flags);
        return sync ? wait_for_taken(channel, options.deadline) : 0;
}

/* The last of a burst, which goes with the others, or behind them. 1: they went, and it is still to be sent. */
static ASIDE int end_burst(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes,
                           int64_t deadline) {
        const struct leat_send_options options = { .type = type, .deadline = deadline };
        const struct leat_outgoing last = { .type = type, .bytes = bytes, .size_bytes = size_bytes };
        if (goes_with_others(channel, &options, size_bytes))
                return burst_send(channel, &last, false, deadline);
        int r = burst_flush(channel, deadline);
        return r < 0 ? r : 1;
}

USUAL int send_long(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes,
                    int64_t deadline) {
        int r = check_message(channel, type, bytes, size_bytes);
        if (r < 0)
                return r;
        if (burst_begun(channel->burst)) {
                r = end_burst(channel, type, bytes, size_bytes, deadline);
                if (r <= 0)
                        return r;
        }
        struct outgoing message = {
                .kind = WIRE_MESSAGE,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .bytes = bytes,
                .size_bytes = size_bytes,
        };
        return send_one(channel, &message, deadline);
}

int channel_send_long(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes,
                      int64_t deadline) {
        return send_long(channel, type, bytes, size_bytes, deadline);
}

int leat_send(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline) {
        int r = channel_guard(channel, LEAT_SEND);
        if (r < 0)
                return r;
        if (channel->quick && !burst_begun(channel->burst))
                return quick_send(channel, type, bytes, size_bytes, deadline);
        return send_long(channel, type, bytes, size_bytes, deadline);
}

/* ---- several ---- */

/* What one of many is sent as. */
static void describe(struct leat_channel *channel, const struct leat_outgoing *given, int64_t time_ns,
                     struct outgoing *ret_message) {
        *ret_message = (struct outgoing){
                .kind = WIRE_MESSAGE,
                .priority = (uint16_t)given->priority,
                .type = given->type,
                .sequence = channel_next_sequence(channel),
                .time_ns = time_ns,
                .bytes = given->bytes,
                .size_bytes = given->size_bytes,
        };
}

/* It was given up, but this framing cannot take back what it began: its rest goes out before the next one. */
static bool follows(const struct leat_channel *channel, const struct outgoing *message, int error) {
        return message->sent > 0 && channel->address.framing != FRAMING_LEAT &&
               (error == -EAGAIN || error == -ETIMEDOUT || error == -ECANCELED);
}

int channel_send_some(struct leat_channel *channel, const struct leat_outgoing *given, int count, int64_t deadline) {
        CLEANUP(kept_free_at) struct kept *none = NULL; /* what needs a copy goes by itself */
        struct outgoing messages[TOGETHER_MAX];
        int done = 0, r = take_unsaid(channel);
        if (r < 0)
                return r;
        int64_t now_ns = channel->address.framing == FRAMING_LEAT ? time_of_day_ns() : 0;
        for (int i = 0; i < count; i++)
                describe(channel, &given[i], now_ns, &messages[i]);
        for (; done < count; done += r) {
                r = send_until(channel, messages + done, count - done, &none, deadline);
                if (r < 0)
                        break;
        }
        if (r < 0) {
                give_up(channel, messages + done);
                /* Numbers without messages would be losses to those who count them. */
                channel->sequence -= (uint64_t)(count - done) - (messages[done].sent > 0);
                if (follows(channel, messages + done, r)) {
                        counters_sent(channel->counters, messages[done++].size_bytes);
                }
                if (done > 0)
                        leave_unsaid(channel, r);
        }
        return done > 0 ? done : r;
}

/* Those that go one by one: they are kept until they are acknowledged. */
static int send_singly(struct leat_channel *channel, const struct leat_outgoing *given, int64_t deadline) {
        struct outgoing message;
        describe(channel, given, 0, &message);
        int r = channel_send(channel, &message, deadline);
        return r < 0 ? r : 1;
}

static int check_one_of_many(struct leat_channel *channel, const struct leat_outgoing *given) {
        const struct leat_send_options options = { .struct_size = sizeof(options), .priority = given->priority };
        int r = channel_check_message(channel, given->type, given->bytes, given->size_bytes);
        if (r == 0)
                r = check_options(channel, &options);
        if (r == 0 && given->flags != 0)
                r = channel_refuse(channel, -EINVAL, LEAT_ROW_NONE, "a message of several has no flags yet; say 0");
        return r;
}

ssize_t leat_send_many(struct leat_channel *channel, const struct leat_outgoing *messages, size_t count,
                       int64_t deadline) {
        size_t done = 0;
        int r = channel_guard(channel, LEAT_SEND);
        if (r == 0 && (!messages || count == 0 || count > LEAT_MANY_MAX))
                return channel_refuse(channel, -EINVAL, LEAT_ROW_NONE, "from 1 to 1,024 messages are sent at once");
        if (r == 0)
                r = burst_flush(channel, deadline);
        channel->many |= r == 0;
        if (r == 0 && channel->quick)
                done = quick_send_many(channel, messages, count);
        int most = channel->again.on ? 1 : TOGETHER_MAX; /* those go one by one */
        while (r >= 0 && done < count) {
                int some = 0;
                for (; some < most && done + (size_t)some < count; some++) {
                        r = check_one_of_many(channel, &messages[done + (size_t)some]);
                        if (r < 0)
                                break;
                }
                if (some == 0)
                        break;
                r = channel->again.on ? send_singly(channel, &messages[done], deadline)
                                      : channel_send_some(channel, &messages[done], some, deadline);
                done += r > 0 ? (size_t)r : 0;
                if (r >= 0 && r < some)
                        break; /* why is unsaid */
        }
        if (r < 0 && done > 0)
                leave_unsaid(channel, r);
        return done > 0 ? (ssize_t)done : r;
}
