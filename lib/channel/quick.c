/* SPDX-License-Identifier: MIT */
#include "channel/quick.h"

#include "channel/link_ring.h"

#include <string.h>

#define TOGETHER                                                                                                       \
        32 /* of many so many are published at once: the other party begins with these while the next are put */
#define LOOKS_MOST 16  /* that a wait makes here, until the long way asks the epoll too */
#define AWAY_COSTS 16u /* messages less until then, for each time that the core is given away */

/* ---- sending ---- */

/* Put it, if there is room: what is the receiver's to see when it is published. */
USUAL bool put(const struct leat_channel *channel, struct link_ring *ring, int64_t type, uint16_t priority,
               const void *bytes, size_t size_bytes) {
        if (type < 1 || size_bytes > ring->plain_most || size_bytes > channel->largest_bytes ||
            (!bytes && size_bytes > 0) || ring_room(&ring->writer, ring_round(RING_ALIGN + size_bytes)) < 0)
                return false;
        link_ring_add_plain(ring, type, priority, bytes, size_bytes);
        return true;
}

/* The number of a plain message is that of the one before it and 1. */
USUAL bool may_send(const struct leat_channel *channel, const struct link *link) {
        return channel->unsaid == 0 && channel->sequence == link->ring->sequence &&
               link_ring_prepare(link->out.fd, link->ring) == 0;
}

int quick_send(struct leat_channel *channel, int64_t type, const void *bytes, size_t size_bytes, int64_t deadline) {
        const struct link *link = channel->quick;
        struct link_ring *ring = link->ring;
        if (!may_send(channel, link) || !put(channel, ring, type, 0, bytes, size_bytes))
                return channel_send_long(channel, type, bytes, size_bytes, deadline);
        link_ring_publish(link->out.fd, ring);
        ring->sequence = ++channel->sequence;
        counters_sent(channel->counters, size_bytes);
        channel_waited(channel, DIRECTION_SEND);
        return 0;
}

static void sent_some(struct leat_channel *channel, const struct link *link, size_t count, uint64_t bytes) {
        link_ring_publish(link->out.fd, link->ring);
        link->ring->sequence = channel->sequence += count;
        counter_add(&channel->counters->sent, count);
        counter_add(&channel->counters->sent_bytes, bytes);
}

size_t quick_send_many(struct leat_channel *channel, const struct leat_outgoing *messages, size_t count) {
        const struct link *link = channel->quick;
        size_t done = 0, put_now;
        if (!may_send(channel, link))
                return 0;
        do {
                uint64_t bytes = 0;
                for (put_now = 0; put_now < TOGETHER && done < count; put_now++, done++) {
                        const struct leat_outgoing *message = &messages[done];
                        if (message->flags != 0 || message->priority > LEAT_PRIORITY_MAX ||
                            !put(channel, link->ring, message->type, (uint16_t)message->priority, message->bytes,
                                 message->size_bytes))
                                break;
                        bytes += message->size_bytes;
                }
                if (put_now > 0)
                        sent_some(channel, link, put_now, bytes);
        } while (put_now == TOGETHER && done < count && link_ring_prepare(link->out.fd, link->ring) == 0);
        if (done > 0) {
                channel->spins[DIRECTION_SEND].run += (unsigned)done - 1;
                channel_waited(channel, DIRECTION_SEND);
        }
        return done;
}

/* ---- receiving ---- */

/* Nothing is there. In a dialogue between two cores it is there a moment later; on one core the other end has to run first. The looks are at memory
 * alone, so they are few: a new connection, and the end, are found by the long way. */
bool quick_await(struct leat_channel *channel, const struct link_ring *ring, int64_t deadline) {
        struct spin *spin = &channel->spins[DIRECTION_RECEIVE];
        if (deadline == LEAT_NOW || !channel->quick_alone || channel_is_interrupted(channel))
                return false;
        for (unsigned i = 0; i < SPIN_BRIEF && spin_is_brief(spin); i++) {
                spin_pause();
                if (ring_look(&ring->reader) != 0) {
                        spin_was_brief(spin);
                        counter_add(&channel->counters->waits[DIRECTION_RECEIVE], 1);
                        return true;
                }
        }
        spin_foresee(spin);
        for (unsigned i = 0; i < LOOKS_MOST && ring_look(&ring->reader) == 0; i++) {
                /* The core may be away for long each time; others, who are seen by the epoll alone, wait too. */
                channel->quick_left -= channel->quick_left < AWAY_COSTS ? channel->quick_left : AWAY_COSTS;
                if (channel_is_interrupted(channel) || (deadline != LEAT_NEVER && leat_now() >= deadline) ||
                    !spin_again(spin))
                        return false;
        }
        if (ring_look(&ring->reader) == 0)
                return false;
        counter_add(&channel->counters->waits[DIRECTION_RECEIVE], 1);
        return true;
}

USUAL void tell(const struct link *link, size_t size_bytes, uint64_t word, int64_t type,
                struct leat_message *ret_about) {
        /* cppcheck-suppress uninitvar ; its address alone */
        struct leat_message about, *told = ret_about->struct_size == sizeof(about) ? ret_about : &about;
        told->struct_size = sizeof(about);
        told->descriptors_count = 0;
        told->size_bytes = size_bytes;
        told->type = type;
        told->priority = (uint32_t)(word >> 48);
        told->flags = 0;
        told->sequence = link->order.last_sequence;
        told->time_ns = 0;
        told->deadline = LEAT_NEVER;
        told->sender = link->peer;
        told->reply_to = link->id;
        if (told != ret_about) /* of another version; channel_tell() keeps what is the caller's */
                channel_tell(told, NULL, ret_about);
}

/* The next record, if it is a plain message that fits; it is passed by the caller. What is wrong with it the long way finds, too. */
USUAL bool take(struct link *link, const struct ring_reader *reader, uint64_t word, void *buffer, size_t size_bytes,
                struct leat_message *ret_about) {
        const uint8_t *record = ring_record(reader);
        size_t size = (uint32_t)word - 1;
        if ((word >> 32 & 0x8000ffff) != RING_PLAIN) /* also 0: behind it nothing is there yet */
                return false;
        int64_t type = (int64_t)atomic_load_explicit((const _Atomic uint64_t *)(const void *)(record + 8),
                                                     memory_order_relaxed);
        if (type < 1 || size > size_bytes || size > link->ring->take_most || size > link->options.largest_bytes ||
            link->order.last_sequence == UINT64_MAX || !buffer)
                return false;
        ring_copy(buffer, record + RING_ALIGN, size);
        link->order.last_sequence++;
        link->taken_bytes += size;
        if (ret_about)
                tell(link, size, word, type, ret_about);
        return true;
}

USUAL bool may_receive(const struct leat_channel *channel) {
        return channel->quick_left > 0 && list_empty(&channel->aside.head) && channel->filed_error == 0;
}

ssize_t quick_receive(struct leat_channel *channel, void *buffer, size_t size_bytes, int64_t deadline,
                      struct leat_message *ret_about) {
        struct link *link = channel->quick;
        struct link_ring *ring = link->ring;
        uint64_t word = ring_look(&ring->reader);
        bool may = may_receive(channel) && (!ret_about || ret_about->struct_size >= sizeof(size_t));
        if (may && word == 0 && quick_await(channel, ring, deadline))
                word = ring_look(&ring->reader);
        if (!may || !take(link, &ring->reader, word, buffer, size_bytes, ret_about))
                return channel_receive_long(channel, buffer, size_bytes, deadline, ret_about);
        size_t size = (uint32_t)word - 1;
        link_ring_pass(ring, ring_round(RING_ALIGN + size));
        channel->quick_left -= channel->quick_left > 0; /* the wait may have used it up */
        counters_received(channel->counters, size);
        channel_waited(channel, DIRECTION_RECEIVE);
        return (ssize_t)size;
}

/* Some that are there; their sender is told at once. How many; *ret_word: 0: there is no other. */
static size_t take_some(struct leat_channel *channel, struct leat_incoming *messages, size_t count,
                        uint64_t *ret_word) {
        struct link *link = channel->quick;
        struct ring_reader reader = link->ring->reader;
        uint64_t bytes = 0;
        size_t done = 0;
        for (; done < count && (*ret_word = ring_look(&reader)) != 0; done++) {
                struct leat_incoming *message = &messages[done];
                if (!take(link, &reader, *ret_word, message->buffer, message->size_bytes, &message->about))
                        break;
                reader.tail += ring_round(RING_ALIGN + (uint32_t)*ret_word - 1);
                bytes += (uint32_t)*ret_word - 1;
        }
        if (done == 0)
                return 0;
        link_ring_pass(link->ring, reader.tail - link->ring->reader.tail);
        channel->quick_left -= (unsigned)done;
        counter_add(&channel->counters->received, done);
        counter_add(&channel->counters->received_bytes, bytes);
        return done;
}

size_t quick_receive_many(struct leat_channel *channel, struct leat_incoming *messages, size_t count, int64_t deadline,
                          bool *ret_all) {
        const struct link_ring *ring = channel->quick->ring;
        size_t done = 0, more, most;
        uint64_t word = 1;
        *ret_all = false;
        if (!may_receive(channel) || (ring_look(&ring->reader) == 0 && !quick_await(channel, ring, deadline)))
                return 0;
        do {
                most = count - done < TOGETHER ? count - done : TOGETHER;
                most = most < channel->quick_left ? most : channel->quick_left;
                more = most > 0 ? take_some(channel, messages + done, most, &word) : 0;
                done += more;
        } while (more == TOGETHER && done < count);
        *ret_all = done == count || (word == 0 && channel->quick_alone);
        if (done > 0) {
                channel->spins[DIRECTION_RECEIVE].run += (unsigned)done - 1;
                channel_waited(channel, DIRECTION_RECEIVE);
        }
        return done;
}
