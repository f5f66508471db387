/* SPDX-License-Identifier: MIT */

/* Calls: a request, and the reply that names it. */

#include "base/cleanup.h"
#include "base/clock.h"
#include "channel/send.h"

#include <errno.h>

/* Where a call wants its reply. */
struct reply_place {
        uint64_t request;
        void *buffer;
        size_t size_bytes;
        struct leat_message *ret_about;
};

/* A reply is read once: one that does not fit is dropped, and told. */
static ssize_t hand_out_reply(struct leat_channel *channel, const struct reply_place *place) {
        struct kept *kept = TAKE(channel->reply);
        link_settle(&channel->landings[DIRECTION_SEND]); /* its buffer is wanted */
        ssize_t n = channel_hand_out(NULL, kept, place->buffer, place->size_bytes, place->ret_about);
        if (n < 0)
                kept_free(kept);
        return n;
}

static ssize_t look_for_reply(struct leat_channel *channel, const struct reply_place *place) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message;
        message.buffer = place->buffer;
        message.size_bytes = place->size_bytes;
        message.want = WIRE_REPLY;
        message.reference = place->request;
        message.selection = SELECT_ANY;
        message.reads = &reads;
        message.landing = &channel->landings[DIRECTION_SEND];
        message.spin = NULL;
        message.patient = message.light = false;
        while (!channel->reply) {
                int r = channel_pump(channel, &message);
                if (r == -EAGAIN && !channel->operations->lives(channel, channel->engaged))
                        return -EPIPE;
                if (r < 0)
                        return r == -ENODATA ? -EPIPE : r;
                if (message.kind != WIRE_REPLY || message.answers != place->request || channel->reply)
                        continue;
                message.about.descriptors_count = message.descriptors_count;
                bool fits = channel_has_place(place->ret_about, message.descriptors_count);
                for (size_t i = 0; !fits && i < message.descriptors_count; i++)
                        close_fd(message.descriptors[i]);
                channel_tell(&message.about, fits && message.descriptors_count ? message.descriptors : NULL,
                             place->ret_about);
                return fits ? (ssize_t)message.about.size_bytes : -EMSGSIZE;
        }
        return hand_out_reply(channel, place);
}

static ssize_t wait_for_reply(struct leat_channel *channel, const struct reply_place *place, int64_t deadline) {
        ssize_t n;
        while (true) {
                channel_lock(channel);
                n = look_for_reply(channel, place);
                if (n != -EAGAIN) {
                        link_settle(&channel->landings[DIRECTION_SEND]);
                        channel_pass_on(channel, DIRECTION_SEND);
                }
                channel_unlock(channel);
                if (n != -EAGAIN) {
                        channel_waited(channel, DIRECTION_SEND);
                        return n;
                }
                int r = channel_wait(channel, DIRECTION_SEND, UNTIL_IN, deadline);
                if (r < 0) {
                        channel_settle(channel, DIRECTION_SEND);
                        return r;
                }
        }
}

static void await_reply(struct leat_channel *channel, uint64_t sequence) {
        channel_lock(channel);
        channel->awaited_reply = sequence;
        channel->reply = kept_free(channel->reply);
        channel_unlock(channel);
}

#define LOWEST_BITS UINT64_C(0xffff)

/*
 * Not from 1: who calls by the same pipe or from the same port after another program has ended would take a late reply to that one's
 * first call for the reply to its own. The clock gives each channel numbers of its own: it counts faster than anybody calls.
 */
static void begin_numbers(struct leat_channel *channel) {
        if (channel->calls_numbered)
                return;
        uint64_t first = (uint64_t)time_of_day_ns(), lowest = first & LOWEST_BITS;
        /* No lowest bits of a message that was sent before: they are all that raw: carries. */
        if (channel->sequence <= LOWEST_BITS && lowest < channel->sequence)
                first += channel->sequence - lowest;
        if (channel->sequence < first)
                channel->sequence = first;
        channel->calls_numbered = true;
}

ssize_t leat_call(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, void *reply,
                  size_t reply_bytes, int64_t deadline, struct leat_message *ret_about) {
        int r = channel_guard(channel, LEAT_CALL | LEAT_SEND);
        bool over = r == 0 && channel->over;
        if (r == 0 && !over && !(channel->flags & (LEAT_CALL | LEAT_RECEIVE)))
                r = channel_refuse(channel, -ENOTSUP, LEAT_ROW_OPENING, "open the channel with LEAT_CALL to call");
        if (r == 0 && !over && !channel->declaration->two_way)
                r = channel_refuse(channel, -ENOTSUP, LEAT_ROW_LISTENING,
                                   "no reply comes back on this; call with the framing of Leat");
        if (r == 0)
                r = channel_check_message(channel, type, request, request_bytes);
        if (r < 0)
                return r;
        if ((!reply && reply_bytes > 0) || (ret_about && ret_about->struct_size < sizeof(size_t)))
                return -EINVAL;
        if (over)
                return over_call(channel, type, request, request_bytes, reply, reply_bytes, deadline, ret_about);
        r = burst_flush(channel, deadline);
        if (r < 0)
                return r;
        begin_numbers(channel);
        struct outgoing message = {
                .kind = WIRE_MESSAGE,
                .flags = WIRE_WANTS_REPLY,
                .told = true,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .deadline = deadline,
                .bytes = request,
                .size_bytes = request_bytes,
        };
        const struct reply_place place = {
                .request = message.sequence, .buffer = reply, .size_bytes = reply_bytes, .ret_about = ret_about
        };
        await_reply(channel, message.sequence);
        ssize_t n = channel_send(channel, &message, deadline);
        if (n == 0)
                n = wait_for_reply(channel, &place, deadline);
        await_reply(channel, 0);
        return n;
}

int leat_reply(struct leat_channel *channel, const struct leat_message *request, int64_t type, const void *bytes,
               size_t size_bytes, int64_t deadline) {
        int r = channel_guard(channel, 0);
        bool over = r == 0 && channel->over;
        if (r == 0)
                r = channel_guard(channel, LEAT_REPLY | LEAT_SEND | (over ? LEAT_RECEIVE : 0));
        if (r < 0)
                return r;
        if (!request || request->struct_size < sizeof(struct leat_message) || !(request->flags & LEAT_WANTS_REPLY))
                return channel_refuse(channel, -EINVAL, LEAT_ROW_NONE, "that message wants no reply");
        /* How large an answer may be that goes by another channel, that one says. */
        r = over && (bytes || size_bytes == 0) ? channel_check_message(channel, type, bytes, 0)
                                               : channel_check_message(channel, type, bytes, size_bytes);
        if (r < 0)
                return r;
        if (request->deadline != LEAT_NEVER && leat_now() >= request->deadline)
                return channel_refuse(channel, -ETIMEDOUT, LEAT_ROW_WAITING, "the deadline of its caller has passed");
        deadline = deadline < request->deadline ? deadline : request->deadline;
        if (over)
                return over_reply(channel, request, type, bytes, size_bytes, deadline);
        r = burst_flush(channel, deadline);
        if (r < 0)
                return r;
        struct outgoing message = {
                .kind = WIRE_REPLY,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .reference = request->sequence,
                .bytes = bytes,
                .size_bytes = size_bytes,
                .link = request->reply_to,
        };
        return channel_send(channel, &message, deadline);
}
