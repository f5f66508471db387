/* SPDX-License-Identifier: MIT */
#include "channel/again.h"

#include "base/cleanup.h"
#include "channel/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define LOOK_EVERY 16   /* sends until the TAKENs that came are read */
#define PUMPS_MOST 4096 /* frames that are read of a lost connection before the deadline is looked at */

/* ---- numbers in doubt ---- */

static void doubt_add(struct doubt *doubt, uint64_t sequence) {
        if (doubt->count++ == 0)
                doubt->first = sequence;
        doubt->last = sequence;
}

static void doubt_join(struct doubt *doubt, const struct doubt *other) {
        if (other->count == 0)
                return;
        if (doubt->count == 0)
                doubt->first = other->first;
        doubt->last = other->last;
        doubt->count += other->count;
}

/* ---- the life of it ---- */

void again_init(struct leat_channel *channel) {
        struct again *again = &channel->again;
        const struct address *address = &channel->address;
        kept_list_init(&again->copies);
        again->next = &again->copies.head;
        again->keeps = address_given(address, OPTION_AT_LEAST_ONCE) && DOES_SEND(channel->flags);
        again->on = again->keeps || (address_given(address, OPTION_RECONNECT) && DOES_SEND(channel->flags));
        again->asks = again->on && address->framing == FRAMING_LEAT;
}

void again_clear(struct leat_channel *channel) {
        kept_list_clear(&channel->again.copies);
        numbers_clear(&channel->again.sent);
}

/* ---- a connection is lost, and there is another ---- */

/* What a read of all there is may end with without being at its end: what is there has no place. */
static bool has_no_place(const struct leat_channel *channel, int error) {
        bool receives = channel->flags & LEAT_RECEIVE;
        return receives && (error == -EMSGSIZE || (error == -ENOBUFS && channel->aside.bytes > channel->address.aside));
}

static int read_out(struct leat_channel *channel) {
        unsigned reads = PUMPS_MOST;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        for (unsigned i = 0; i < PUMPS_MOST && (r == 0 || r == -EMFILE); i++) /* that is for the receiver */
                r = channel_pump(channel, &message);
        if (has_no_place(channel, r))
                return channel_refuse(
                        channel, -ENOBUFS, LEAT_ROW_TYPES,
                        "the connection was lost, and what had come over it was not received: receive it first");
        return r == 0 || r == -EMFILE || (r == -EAGAIN && reads == 0) ? -EAGAIN : 0;
}

static void tell_later(struct again *again, const struct doubt *doubt) {
        if (doubt->count == 0)
                return;
        if (!again->tell)
                again->told = (struct doubt){ 0 };
        doubt_join(&again->told, doubt);
        again->tell = true;
}

static struct doubt doubt_of(const struct numbers *sent) {
        struct doubt doubt = { .count = sent->count };
        if (doubt.count > 0) {
                doubt.first = numbers_first(sent);
                doubt.last = numbers_last(sent);
        }
        return doubt;
}

int again_lost(struct leat_channel *channel) {
        struct again *again = &channel->again;
        int r = read_out(channel);
        if (r < 0)
                return r;
        again->next = again->copies.head.next;
        again->redelivery = (struct outgoing){ 0 };
        again->link = channel->engaged = 0;
        const struct doubt sent = doubt_of(&again->sent);
        tell_later(again, &sent);
        tell_later(again, &again->plain);
        numbers_clear(&again->sent);
        again->plain = (struct doubt){ 0 };
        return 0;
}

void again_part_lost(struct leat_channel *channel, const struct outgoing *message) {
        struct doubt part = { .count = 1, .first = message->sequence, .last = message->sequence };
        if (message->sent > 0 && !channel->again.asks) /* a frame that is cut is not seen; bytes are */
                tell_later(&channel->again, &part);
}

void again_heard(struct leat_channel *channel, int error) {
        if (channel->again.on && (error == -EBADMSG || error == -EPROTONOSUPPORT))
                channel->again.refusal = error;
}

int again_refusal(struct leat_channel *channel) {
        int refusal = channel->again.refusal;
        channel->again.refusal = 0;
        return channel_explain_refusal(channel, refusal);
}

int again_explain(struct leat_channel *channel, int error) {
        const struct again *again = &channel->again;
        if (!again->on || (error != -EAGAIN && error != -ETIMEDOUT))
                return error;
        channel_lock(channel);
        bool lost = again->link == 0 || !channel->operations->lives(channel, again->link);
        bool owes = again_owes(again) || again->sent.count > 0;
        channel_unlock(channel);
        if (lost)
                return channel_refuse(channel, error, LEAT_ROW_DEATH,
                                      "there is no connection, and no receiver was there by then");
        if (owes)
                return channel_refuse(
                        channel, error, LEAT_ROW_DEATH,
                        "what was sent was not acknowledged by then: the receiver has not taken it, or is not done "
                        "with it (leat_channel_info(), in_doubt)");
        return error;
}

int again_tell(struct leat_channel *channel) {
        if (!channel->again.tell)
                return 0;
        channel->again.tell = false;
        return channel_refuse(
                channel, -ENOTCONN, LEAT_ROW_DEATH,
                "the connection was lost, and whether what was sent over it came is in doubt: "
                "leat_channel_info() tells how many and which (in_doubt); send again what may come twice, or "
                "open with ?at-least-once");
}

static struct outgoing redelivery_of(const struct kept *kept) {
        return (struct outgoing){
                .kind = WIRE_MESSAGE,
                .flags = WIRE_WANTS_TAKEN | WIRE_REDELIVERED,
                .priority = (uint16_t)kept->about.priority,
                .type = kept->about.type,
                .sequence = kept->about.sequence,
                .time_ns = kept->about.time_ns,
                .bytes = kept->bytes,
                .size_bytes = kept->about.size_bytes,
                .descriptors = kept->descriptors,
                .descriptors_count = kept->about.descriptors_count,
        };
}

/* Send what did not go out over this connection yet. */
static int redeliver(struct leat_channel *channel) {
        struct again *again = &channel->again;
        while (again_resends(again)) {
                if (again->redelivery.kind == 0)
                        again->redelivery = redelivery_of(CONTAINER_OF(again->next, struct kept, node));
                int r = channel->operations->send(channel, &again->redelivery, 1);
                channel->engaged = again->redelivery.began;
                if (r < 0)
                        return r;
                again->redelivery = (struct outgoing){ 0 };
                again->next = again->next->next;
        }
        return 0;
}

static int prepare(struct leat_channel *channel) {
        struct again *again = &channel->again;
        int r = 0;
        if (again->link != 0 && !channel->operations->lives(channel, again->link))
                r = again_lost(channel);
        if (r == 0)
                r = channel->operations->connected(channel, &again->link);
        return r == 0 ? redeliver(channel) : r;
}

int again_prepare(struct leat_channel *channel) {
        int r = prepare(channel);
        if (r == -EPIPE) /* the redelivery found it lost */
                r = prepare(channel);
        return r == -EPIPE ? -EAGAIN : r;
}

/* ---- copies ---- */

int again_room(struct leat_channel *channel, const struct outgoing *message) {
        struct again *again = &channel->again;
        size_t weight = kept_weight(message->size_bytes, message->descriptors_count);
        if (!again->keeps) {
                int r = again->asks ? numbers_reserve(&again->sent) : 0;
                return r == -ENOBUFS ? -EAGAIN : r;
        }
        if (again->copies.bytes + weight <= channel->address.aside)
                return 0;
        if (weight > channel->address.aside)
                return channel_refuse(
                        channel, -EMSGSIZE, LEAT_ROW_FULL,
                        "?at-least-once keeps a copy of each message until it is acknowledged, and this one "
                        "is larger than ?aside=; raise it");
        return -EAGAIN;
}

static int duplicate(struct kept *copy, const struct outgoing *message) {
        copy->about.descriptors_count = 0;
        for (size_t i = 0; i < message->descriptors_count; i++) {
                int fd = fcntl(message->descriptors[i], F_DUPFD_CLOEXEC, 0);
                if (fd < 0)
                        return -errno;
                copy->descriptors[copy->about.descriptors_count++] = fd;
        }
        return 0;
}

int again_copy(const struct leat_channel *channel, const struct outgoing *message, struct kept **ret_copy) {
        CLEANUP(kept_free_at) struct kept *copy = NULL;
        if (!channel->again.keeps)
                return 0;
        copy = kept_new(message->size_bytes, message->descriptors, message->descriptors_count);
        if (!copy)
                return -ENOMEM;
        int r = duplicate(copy, message);
        if (r < 0)
                return r;
        copy->about.type = message->type;
        copy->about.priority = message->priority;
        copy->about.sequence = message->sequence;
        copy->about.time_ns = message->time_ns;
        (void)kept_append(&copy, message->bytes, message->size_bytes); /* there is room */
        *ret_copy = TAKE(copy);
        return 0;
}

void again_sent(struct leat_channel *channel, const struct outgoing *message, struct kept *copy) {
        struct again *again = &channel->again;
        if (copy) /* all before it went out: `next` stays the head */
                kept_list_add(&again->copies, copy);
        else if (message->kind != WIRE_MESSAGE || message->told)
                return;
        else if (again->asks)
                numbers_add(&again->sent, message->sequence); /* again_room() made room */
        else
                doubt_add(&again->plain, message->sequence);
}

/* Believed only of what went out over this connection: the copy may be under way. */
void again_taken(struct leat_channel *channel, uint64_t link, uint64_t sequence) {
        struct again *again = &channel->again;
        if (link != again->link)
                return;
        (void)numbers_take(&again->sent, sequence);
        for (struct list *node = again->copies.head.next; node != again->next; node = node->next) {
                struct kept *copy = CONTAINER_OF(node, struct kept, node);
                if (copy->about.sequence > sequence)
                        return;
                if (copy->about.sequence < sequence)
                        continue;
                kept_list_take(&again->copies, copy);
                kept_free(copy);
                return;
        }
}

void again_look(struct leat_channel *channel) {
        if (++channel->again.turn % LOOK_EVERY == 0)
                (void)again_listen(channel); /* that it is lost shows with the next send */
}

int again_listen(struct leat_channel *channel) {
        unsigned reads = READS_AT_ONCE;
        struct incoming message = { .selection = SELECT_ANY, .reads = &reads }; /* nothing is wanted: all is kept */
        int r = 0;
        while (r == 0 || r == -EMFILE) /* that is for the receiver */
                r = channel_pump(channel, &message);
        return r == -EAGAIN ? 0 : r;
}

void again_info(const struct leat_channel *channel, struct leat_info *info) {
        const struct again *again = &channel->again;
        info->in_doubt = again->told.count;
        info->in_doubt_first = again->told.count ? again->told.first : 0;
        info->in_doubt_last = again->told.count ? again->told.last : 0;
        if (!again_owes(again))
                return;
        info->in_doubt = again->copies.messages;
        info->in_doubt_first = CONTAINER_OF(again->copies.head.next, struct kept, node)->about.sequence;
        info->in_doubt_last = CONTAINER_OF(again->copies.head.previous, struct kept, node)->about.sequence;
}
