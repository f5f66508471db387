/* SPDX-License-Identifier: MIT */
#include "channel/quick_call.h"

#include "channel/link.h"
#include "channel/link_ring.h"
#include "channel/quick.h"

int64_t quick_clock_read(struct quick_clock *clock, uint64_t moment) {
        int64_t now = leat_now();
        uint64_t ticks = moment - clock->moment, passed = (uint64_t)(now - clock->time_ns);
        if (clock->moment != 0 && ticks > QUICK_CLOCK_TICKS / 2 && ticks < QUICK_CLOCK_RATE_TICKS &&
            passed < QUICK_CLOCK_RATE_TICKS)
                clock->rate = (passed << QUICK_CLOCK_SHIFT) / ticks;
        else if (ticks <= QUICK_CLOCK_TICKS / 2) /* the first ones: a rate needs a longer time */
                return now;
        else
                clock->rate = 0;
        clock->moment = moment;
        clock->time_ns = now;
        return now;
}

int64_t quick_call_now(struct leat_channel *channel, uint64_t *ret_moment) {
        *ret_moment = link_ring_moment();
        return quick_clock_now(&channel->quick_clock, *ret_moment);
}

/* ---- sending ---- */

/* The other party's life was looked at, or it said something, less than a moment ago: `moment` is now. */
USUAL bool may_send(const struct link *link, uint64_t moment) {
        const struct link_ring *ring = link->ring;
        return ring->shorts && ring->failed >= 0 && !ring->hung_up && !link_wants_out(link) && !link->in_frame &&
               !atomic_load_explicit(&ring->peer->gone, memory_order_relaxed) &&
               !(link_ring_asleep(ring) & RING_RECEIVER) && !link_ring_is_due_at(ring, moment);
}

USUAL bool put(struct link *link, uint32_t kind, uint64_t value, const void *bytes, size_t size_bytes) {
        struct link_ring *ring = link->ring;
        uint64_t word = ring_word(kind, 0, size_bytes), length = ring_length(ring->writer.head, word);
        if (size_bytes > RING_SHORT_MOST || ring->writer.pending > 0 || ring_room(&ring->writer, length) < 0)
                return false;
        uint8_t *place = ring_place(&ring->writer);
        memcpy(place + 8, &value, sizeof(value));
        ring_copy(place + RING_ALIGN, bytes, size_bytes);
        ring_add(&ring->writer, length, word);
        link_ring_publish(link->out.fd, ring);
        ring_clear_ahead(&ring->writer, length);
        ring->sequence++;
        return true;
}

/* ---- receiving ---- */

/* The next record, if it is of this kind, copied: its word; 0: it is not. What is wrong with it the long way finds, too. */
USUAL uint64_t copy_next(const struct link *link, uint32_t kind, void *buffer, size_t size_bytes, uint64_t *ret_value) {
        const struct ring_reader *reader = &link->ring->reader;
        uint64_t word = ring_look(reader);
        size_t size = (uint32_t)word - 1;
        if (word >> 32 != kind || size > size_bytes || size > RING_SHORT_MOST || size > link->ring->take_most ||
            size > link->options.largest_bytes || link->order.last_sequence == UINT64_MAX)
                return 0;
        const uint8_t *record = ring_record(reader);
        *ret_value = atomic_load_explicit((const _Atomic uint64_t *)(const void *)(record + 8), memory_order_relaxed);
        ring_copy(buffer, record + RING_ALIGN, size);
        return word;
}

USUAL void pass(struct leat_channel *channel, struct link *link, uint64_t word) {
        size_t size = (uint32_t)word - 1;
        link->order.last_sequence++;
        link->taken_bytes += size;
        link_ring_pass(link->ring, ring_length(link->ring->reader.tail, word));
        channel->quick_left--;
        counters_received(channel->counters, size);
}

USUAL bool may_receive(const struct leat_channel *channel, const struct link *link) {
        return channel->quick_left > 0 && channel->filed_error == 0 && !link->cut && !link->landing &&
               !frame_order_open(&link->order) && !link->ring->closely;
}

/* ---- calls ---- */

uint64_t quick_call(struct leat_channel *channel, uint64_t moment, const void *bytes, size_t size_bytes,
                    uint64_t left_ns) {
        struct link *link = channel->quick_call;
        if (!fork_owns(&channel->member) || !may_receive(channel, link) || !may_send(link, moment) ||
            channel->unsaid != 0 || burst_begun(channel->burst) || !channel->calls_numbered ||
            !list_empty(&channel->replies.head) || channel->sequence != link->ring->sequence ||
            size_bytes > channel->largest_bytes || !put(link, RING_REQUEST, left_ns, bytes, size_bytes))
                return 0;
        counters_sent(channel->counters, size_bytes);
        link->ring->asked_at = moment;
        channel->engaged = link->id;
        return ++channel->sequence;
}

ssize_t quick_call_look(struct leat_channel *channel, uint64_t number, struct spin *spin, void *buffer,
                        size_t size_bytes) {
        const struct link *link = channel->quick_call;
        const struct ring_reader *reader = &link->ring->reader;
        uint64_t word = ring_look(reader), request;
        if (word == 0)
                for (unsigned i = 0; i < SPIN_BRIEF && spin_is_brief(spin); i++) {
                        spin_pause();
                        word = ring_look(reader);
                        if (word != 0) {
                                spin_was_brief(spin);
                                break;
                        }
                }
        if (word == 0)
                return -EAGAIN;
        word = copy_next(link, RING_REPLY, buffer, size_bytes, &request);
        return word != 0 && request == number ? (ssize_t)((uint32_t)word - 1) : -EAGAIN;
}

void quick_call_take(struct leat_channel *channel, size_t size_bytes) {
        struct link *link = channel->quick_call;
        pass(channel, link, ring_word(RING_REPLY, 0, size_bytes));
        link->ring->alive_at = link->ring->asked_at; /* it lived when it answered what was asked then */
}

/* ---- replies ---- */

/* Field by field, and none twice. */
USUAL void describe(struct leat_channel *channel, const struct link *link, size_t size, uint64_t left_ns,
                    uint64_t moment, struct leat_message *about) {
        about->size_bytes = size;
        about->type = 1;
        about->priority = 0;
        about->flags = LEAT_WANTS_REPLY;
        about->descriptors_count = 0;
        about->sequence = link->order.last_sequence;
        about->time_ns = 0;
        about->sender = link->peer;
        about->reply_to = link->id;
        about->deadline = LEAT_NEVER;
        int64_t now = left_ns == 0 ? 0 : quick_clock_now(&channel->quick_clock, moment);
        if (left_ns != 0 && left_ns < (uint64_t)(INT64_MAX - now))
                about->deadline = now + (int64_t)left_ns;
}

ssize_t quick_request(struct leat_channel *channel, void *buffer, size_t size_bytes, int64_t deadline,
                      struct leat_message *ret_about) {
        struct link *link = channel->quick_call;
        uint64_t left;
        if (!may_receive(channel, link) || !fork_owns(&channel->member) || !list_empty(&channel->aside.head))
                return -EAGAIN;
        bool waits = ring_look(&link->ring->reader) == 0;
        if (waits && !quick_await(channel, link->ring, deadline))
                return -EAGAIN;
        uint64_t word = copy_next(link, RING_REQUEST, buffer, size_bytes, &left);
        if (word == 0)
                return -EAGAIN;
        channel->quick_left += channel->quick_left == 0; /* the wait may have used it up */
        pass(channel, link, word);
        uint64_t moment = link_ring_moment();
        describe(channel, link, (uint32_t)word - 1, left, moment, ret_about);
        if (waits &&
            link->ring->asked_at > link->ring->alive_at) /* it was not there then: who asked lived later than that */
                link->ring->alive_at = link->ring->asked_at;
        link->ring->asked_at = moment;
        channel_waited(channel, DIRECTION_RECEIVE);
        return (ssize_t)((uint32_t)word - 1);
}

bool quick_reply(struct leat_channel *channel, const struct leat_message *request, const void *bytes,
                 size_t size_bytes) {
        struct link *link = channel->quick_call;
        uint64_t moment = link_ring_moment();
        if (!link || link->id != request->reply_to || link->cut || burst_begun(channel->burst) ||
            size_bytes > channel->largest_bytes || channel->sequence < link->ring->sequence ||
            !may_send(link, moment) ||
            (request->deadline != LEAT_NEVER && quick_clock_now(&channel->quick_clock, moment) >= request->deadline) ||
            !put(link, RING_REPLY, request->sequence, bytes, size_bytes))
                return false;
        channel->sequence++;
        counters_sent(channel->counters, size_bytes);
        return true;
}
