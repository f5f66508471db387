/* SPDX-License-Identifier: MIT */

/* Which of the datagrams that come are for this end, and which are a stranger's. */

#include "base/cleanup.h"
#include "transport/datagram.h"

#include <errno.h>
#include <string.h>

#define WIRE_KIND_AT 3 /* of every version: docs/wire.md */
/* Not for this end, and not to be told: nothing of this datagram, or this one of its messages. */
#define JUDGED_OTHERWISE 1
#define PASSED_OVER 2

static bool is_pair(const struct leat_channel *channel) {
        return channel->declaration->pattern == LEAT_PAIR;
}

static bool receives(const struct leat_channel *channel) {
        return channel->flags & (LEAT_RECEIVE | LEAT_REPLY);
}

static int drop(struct leat_channel *channel) {
        counter_add(&channel->counters->refused, 1);
        return JUDGED_OTHERWISE;
}

/* ---- the partner of a pair ---- */

/* A frame that says why. What cannot be sent at once is not sent: nobody waits for strangers. A refusal, of whatever version, is not
 * answered: two ends would refuse each other's without end. */
static void refuse(struct leat_channel *channel, int error) {
        struct datagram *datagram = channel->state;
        const struct wire_header header = { .kind = WIRE_REFUSE, .type = -error };
        const struct outgoing nothing = { 0 };
        uint8_t bytes[WIRE_HEADER_BYTES];
        if (channel->address.framing != FRAMING_LEAT || datagram->arrival.from.bytes == 0 ||
            datagram->buffer[WIRE_KIND_AT] == WIRE_REFUSE)
                return;
        wire_encode(&header, bytes);
        (void)datagram_write(datagram, &datagram->arrival.from, bytes, sizeof(bytes), &nothing);
}

void datagram_say_hello(struct leat_channel *channel) {
        const struct wire_header header = { .kind = WIRE_TAKEN, .type = 1 };
        const struct outgoing nothing = { 0 };
        uint8_t bytes[WIRE_HEADER_BYTES];
        if (channel->declaration->pattern != LEAT_PAIR || channel->address.framing != FRAMING_LEAT)
                return;
        wire_encode(&header, bytes);
        (void)datagram_write(channel->state, NULL, bytes, sizeof(bytes), &nothing);
}

static bool partner_stays(const struct datagram *datagram) {
        if (!datagram->has_partner || !datagram->kind->point_at)
                return datagram->has_partner;
        CLOSE_AT_EXIT int fd = datagram->kind->point_at(&datagram->partner.name);
        return fd != -ECONNREFUSED; /* with another error it cannot be found out now */
}

/* Of a pair that binds the first who speaks is the partner, until the kernel says that it is gone. */
static int judge_partner(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        const struct datagram_name *from = &datagram->arrival.from;
        if (datagram->has_partner && datagram_name_same(&datagram->partner.name, from)) {
                datagram->partner.name = *from; /* perhaps to another address of ours */
                return 0;
        }
        if (from->bytes == 0)
                return drop(channel); /* without a name it cannot be one of two */
        if (partner_stays(datagram)) {
                refuse(channel, -EBUSY);
                return drop(channel);
        }
        datagram->partner = (struct datagram_peer){ .id = datagram->partner.id + 1, .name = *from };
        datagram->has_partner = true;
        wake_signal(
                &channel->wakes[DIRECTION_SEND]); /* it may wait for somebody to speak, whom another thread has read */
        return 0;
}

/* ---- what it is ---- */

/* Who has told what is no message is told by it, unless it is one that nobody awaits here: then it is only counted. */
static int judge_breach(struct leat_channel *channel, int error) {
        struct datagram *datagram = channel->state;
        bool told = receives(channel) && !datagram->connected;
        counter_add(&channel->counters->refused, 1);
        if (told && error == -EPROTONOSUPPORT)
                refuse(channel, error);
        return told ? error : JUDGED_OTHERWISE;
}

/* Was it there before? And who is to be answered. */
static int judge_message(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        struct leat_message *about = &datagram->frame.about;
        bool wants_reply = (about->flags & LEAT_WANTS_REPLY) && channel->declaration->two_way;
        bool numbered = datagram->kind->loses && about->sequence > 0 && about->time_ns > 0;
        struct datagram_peer *peer = NULL;
        if (!wants_reply)
                about->flags &= ~LEAT_WANTS_REPLY;
        if (is_pair(channel) && !datagram->connected)
                peer = &datagram->partner;
        else if (datagram->arrival.from.bytes > 0 && (wants_reply || datagram->kind->loses))
                peer = datagram_peers_enter(&datagram->peers, &datagram->arrival.from);
        if (peer && numbered && !window_take(&peer->window, about->sequence, about->time_ns, &datagram->counts))
                return PASSED_OVER;
        about->reply_to = peer && datagram->arrival.from.bytes > 0 ? peer->id : 0;
        return 0;
}

/* What nobody takes here. Nor is who says only that a partner. */
static bool is_out_of_place(const struct leat_channel *channel, enum wire_kind kind) {
        const struct datagram *datagram = channel->state;
        if (kind == WIRE_MESSAGE)
                return !receives(channel);
        if (kind == WIRE_REFUSE)
                return !datagram->connected;
        return !(datagram->connected || is_pair(channel)) || (kind == WIRE_REPLY && !DOES_RECEIVE(channel->flags));
}

static int judge(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        struct arrival *arrival = &datagram->arrival;
        struct datagram_frame *frame = &datagram->frame;
        if (datagram->connected && datagram->peer.bytes > 0 && !datagram_name_same(&datagram->peer, &arrival->from))
                return drop(channel);
        if (channel->address.framing != FRAMING_LEAT)
                datagram_close_descriptors(arrival); /* it cannot say how many belong to a message */
        else if (arrival->descriptors_lost)
                return -EMFILE;
        int r = arrival->cut
                        ? -EBADMSG
                        : datagram_look((enum framing)channel->address.framing, datagram->buffer, (size_t)arrival->size,
                                        channel->largest_bytes, (size_t)arrival->descriptors_count, frame);
        if (r < 0)
                return judge_breach(channel, r);
        if (is_out_of_place(channel, frame->kind))
                return drop(channel);
        if (is_pair(channel) && !datagram->connected && (r = judge_partner(channel)) != 0)
                return r;
        if (frame->kind == WIRE_TAKEN)
                return JUDGED_OTHERWISE;
        if (frame->kind == WIRE_REFUSE)
                return -ECONNREFUSED;
        return 0;
}

/* What the network says of earlier sends is the sender's to hear: the next send tells it, or the call that waits. */
static bool is_of_the_network(int error) {
        return error != -EAGAIN && error != -ENOMEM && error != -EMFILE && error != -EBADF && error != -EINTR;
}

bool datagram_is_told(struct datagram *datagram, int error) {
        if (!datagram->kind->errors_of_partner || !is_of_the_network(error))
                return true;
        bool of_partner =
                datagram->kind->errors_of_partner(datagram); /* also to empty the queue of errors: poll reports it */
        return datagram->connected || of_partner;
}

static void note_refused(struct datagram *datagram, int error) {
        if (!datagram_is_told(datagram, error) || error == -EMSGSIZE) /* of a narrow way the kernel has taken note */
                return;
        datagram->refused = error;
        datagram->refused_told = false;
}

/* Read one, and look at what it is. */
static int fetch_new(struct leat_channel *channel, unsigned *reads) {
        struct datagram *datagram = channel->state;
        if (*reads == 0)
                return -EAGAIN;
        --*reads;
        int r = datagram_read(datagram);
        if (r < 0 && is_of_the_network(r)) {
                note_refused(datagram, r);
                return JUDGED_OTHERWISE;
        }
        if (r == 0)
                r = judge(channel);
        if (r < 0 || r == JUDGED_OTHERWISE)
                datagram_forget(datagram);
        return r;
}

/* Go on behind a frame that is for nobody. */
static void pass_over(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        datagram_pass(datagram);
        if (datagram->arrival.size < 0 && is_pair(channel) && !datagram->has_partner)
                wake_signal(&channel->wakes[DIRECTION_SEND]); /* the next one's may be read now */
}

/* One frame of a datagram that was judged: all of it is of one sender. Of several messages one that is too large is refused as if it
 * had come alone. */
static int judge_frame(struct leat_channel *channel) {
        struct datagram *datagram = channel->state;
        bool fits = datagram->frame.about.size_bytes <= channel->largest_bytes;
        int r = fits ? judge_message(channel) : judge_breach(channel, -EBADMSG);
        if (r != 0)
                pass_over(channel);
        return r;
}

int datagram_fetch(struct leat_channel *channel, unsigned *reads) {
        struct datagram *datagram = channel->state;
        while (!datagram->found) {
                int r = 0;
                if (datagram->arrival.size < 0)
                        r = fetch_new(channel, reads);
                else
                        datagram_look_next(datagram->buffer + datagram->arrival.begin, &datagram->frame);
                if (r == 0)
                        r = judge_frame(channel);
                if (r < 0)
                        return r;
                datagram->found = r == 0;
        }
        return 0;
}
