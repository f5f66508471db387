/* SPDX-License-Identifier: MIT */

/* Calls: a request, and the reply that names it. */

#include "channel/call.h"
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
        message.any = false;
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

/* Can anything be called on this channel? */
static int check_calls(struct leat_channel *channel) {
        int r = channel_guard(channel, LEAT_CALL | LEAT_SEND);
        if (r < 0 || channel->over)
                return r;
        if (!(channel->flags & (LEAT_CALL | LEAT_RECEIVE)))
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_OPENING, "open the channel with LEAT_CALL to call");
        if (!channel->declaration->two_way)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_LISTENING,
                                      "no reply comes back on this; call with the framing of Leat");
        return 0;
}

static struct outgoing describe(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes,
                                int64_t deadline) {
        begin_numbers(channel);
        return (struct outgoing){
                .kind = WIRE_MESSAGE,
                .flags = WIRE_WANTS_REPLY,
                .told = true,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .deadline = deadline,
                .bytes = request,
                .size_bytes = request_bytes,
        };
}

ssize_t leat_call(struct leat_channel *channel, int64_t type, const void *request, size_t request_bytes, void *reply,
                  size_t reply_bytes, int64_t deadline, struct leat_message *ret_about) {
        int r = check_calls(channel);
        if (r == 0)
                r = channel_check_message(channel, type, request, request_bytes);
        if (r < 0)
                return r;
        if ((!reply && reply_bytes > 0) || (ret_about && ret_about->struct_size < sizeof(size_t)))
                return -EINVAL;
        if (channel->over)
                return over_call(channel, type, request, request_bytes, reply, reply_bytes, deadline, ret_about);
        r = burst_flush(channel, deadline);
        if (r < 0)
                return r;
        struct outgoing message = describe(channel, type, request, request_bytes, deadline);
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

static int check_reply(struct leat_channel *channel, const struct leat_message *request, int64_t type,
                       const void *bytes, size_t size_bytes) {
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
        return 0;
}

static struct outgoing describe_reply(struct leat_channel *channel, const struct leat_message *request, int64_t type,
                                      const void *bytes, size_t size_bytes) {
        return (struct outgoing){
                .kind = WIRE_REPLY,
                .type = type,
                .sequence = channel_next_sequence(channel),
                .reference = request->sequence,
                .bytes = bytes,
                .size_bytes = size_bytes,
                .link = request->reply_to,
        };
}

int leat_reply(struct leat_channel *channel, const struct leat_message *request, int64_t type, const void *bytes,
               size_t size_bytes, int64_t deadline) {
        int r = check_reply(channel, request, type, bytes, size_bytes);
        if (r < 0)
                return r;
        deadline = deadline < request->deadline ? deadline : request->deadline;
        if (channel->over)
                return over_reply(channel, request, type, bytes, size_bytes, deadline);
        r = burst_flush(channel, deadline);
        if (r < 0)
                return r;
        struct outgoing message = describe_reply(channel, request, type, bytes, size_bytes);
        return channel_send(channel, &message, deadline);
}

/* ---- many, without waiting ---- */

int call_prepare(struct leat_channel *channel) {
        int r = check_calls(channel);
        if (r < 0)
                return r;
        channel_lock(channel);
        channel->calls_many = true;
        channel_unlock(channel);
        return 0;
}

void call_stop(struct leat_channel *channel) {
        channel_lock(channel);
        link_settle(&channel->landings[DIRECTION_SEND]);
        channel->calls_many = false;
        kept_list_clear(&channel->replies);
        channel_unlock(channel);
}

int call_begin(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline,
               struct outgoing *ret_message) {
        int r = check_calls(channel);
        if (r == 0)
                r = channel_check_message(channel, type, bytes, size_bytes);
        if (r == 0)
                r = burst_flush(channel, LEAT_NOW);
        if (r == 0)
                *ret_message = describe(channel, type, bytes, size_bytes, deadline);
        return r;
}

int reply_begin(struct leat_channel *channel, const struct leat_message *request, int64_t type, const void *bytes,
                size_t size_bytes, struct outgoing *ret_message) {
        int r = check_reply(channel, request, type, bytes, size_bytes);
        if (r == 0)
                r = burst_flush(channel, LEAT_NOW);
        if (r == 0)
                *ret_message = describe_reply(channel, request, type, bytes, size_bytes);
        return r;
}

void call_give_up(struct leat_channel *channel, struct outgoing *message) {
        if (message->sent > 0) {
                channel_lock(channel);
                channel->operations->park(channel, message);
                channel_unlock(channel);
        } else if (message->sequence == channel->sequence)
                channel->sequence--; /* a number without a message would be a loss to those who count them */
}

/* A reply that is kept already. With the lock held. */
static ssize_t take_kept_reply(struct leat_channel *channel, void *buffer, size_t size_bytes,
                               struct leat_message *ret_about, uint64_t *ret_request) {
        struct kept *kept = CONTAINER_OF(channel->replies.head.next, struct kept, node);
        uint64_t request = kept->reference;
        link_settle(&channel->landings[DIRECTION_SEND]); /* its buffer is wanted */
        ssize_t n = channel_hand_out(&channel->replies, kept, buffer, size_bytes, ret_about);
        if (n >= 0)
                *ret_request = request;
        return n;
}

static ssize_t take_reply(struct leat_channel *channel, bool light, void *buffer, size_t size_bytes,
                          struct leat_message *ret_about, uint64_t *ret_request) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message;
        message.buffer = buffer;
        message.size_bytes = size_bytes;
        message.want = WIRE_REPLY;
        message.reference = 0;
        message.any = true;
        message.selection = SELECT_ANY;
        message.reads = &reads;
        message.landing = &channel->landings[DIRECTION_SEND];
        message.spin = NULL;
        message.patient = false;
        message.light = light;
        while (list_empty(&channel->replies.head)) {
                int r = channel_pump(channel, &message);
                if (r == -EAGAIN && channel->engaged != 0 && !channel->operations->lives(channel, channel->engaged))
                        return -EPIPE;
                if (r < 0)
                        return r == -ENODATA ? -EPIPE : r;
                if (message.kind != WIRE_REPLY || !list_empty(&channel->replies.head))
                        continue; /* it was kept, if it is a reply */
                message.about.descriptors_count = message.descriptors_count;
                channel_tell(&message.about, message.descriptors_count ? message.descriptors : NULL, ret_about);
                *ret_request = message.answers;
                return (ssize_t)message.about.size_bytes;
        }
        return take_kept_reply(channel, buffer, size_bytes, ret_about, ret_request);
}

ssize_t call_take(struct leat_channel *channel, bool light, void *buffer, size_t size_bytes,
                  struct leat_message *ret_about, uint64_t *ret_request) {
        channel_lock(channel);
        ssize_t n = take_reply(channel, light, buffer, size_bytes, ret_about, ret_request);
        if (n != -EAGAIN)
                channel_pass_on(channel, DIRECTION_SEND);
        channel_unlock(channel);
        if (n >= 0)
                channel_waited(channel, DIRECTION_SEND);
        return n;
}

void call_settle(struct leat_channel *channel) {
        channel_settle(channel, DIRECTION_SEND);
}
