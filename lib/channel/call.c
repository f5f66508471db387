/* SPDX-License-Identifier: MIT */

/* Calls: a request, and the reply that names it. */

#include "base/cleanup.h"
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
                if (n != -EAGAIN)
                        channel_pass_on(channel, DIRECTION_SEND);
                channel_unlock(channel);
                if (n != -EAGAIN)
                        return n;
                int r = channel_wait(channel, DIRECTION_SEND, UNTIL_IN, deadline);
                if (r < 0)
                        return r;
        }
}

static void await_reply(struct leat_channel *channel, uint64_t sequence) {
        channel_lock(channel);
        channel->awaited_reply = sequence;
        channel->reply = kept_free(channel->reply);
        channel_unlock(channel);
}

ssize_t leat_call(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, void *reply,
                  size_t reply_bytes, int64_t deadline, struct leat_message *ret_about) {
        int r = channel_guard(channel, LEAT_CALL | LEAT_SEND);
        if (r == 0 && !(channel->flags & (LEAT_CALL | LEAT_RECEIVE)))
                r = channel_refuse(channel, -ENOTSUP, LEAT_ROW_OPENING, "open the channel with LEAT_CALL to call");
        if (r == 0 && !channel->declaration->two_way)
                r = channel_refuse(channel, -ENOTSUP, LEAT_ROW_LISTENING,
                                   "no reply comes back on this; call with the framing of Leat");
        if (r == 0)
                r = channel_check_message(channel, type, request, request_bytes);
        if (r < 0)
                return r;
        if ((!reply && reply_bytes > 0) || (ret_about && ret_about->struct_size < sizeof(size_t)))
                return -EINVAL;
        int64_t left_ns = deadline == LEAT_NEVER ? 0 : deadline - leat_now();
        struct outgoing message = {
                .kind = WIRE_MESSAGE,
                .flags = WIRE_WANTS_REPLY,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .reference = left_ns > 0 || deadline == LEAT_NEVER ? (uint64_t)left_ns : 1,
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
        int r = channel_guard(channel, LEAT_REPLY | LEAT_SEND);
        if (r < 0)
                return r;
        if (!request || request->struct_size < sizeof(struct leat_message) || !(request->flags & LEAT_WANTS_REPLY))
                return channel_refuse(channel, -EINVAL, LEAT_ROW_NONE, "that message wants no reply");
        r = channel_check_message(channel, type, bytes, size_bytes);
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
