/* SPDX-License-Identifier: MIT */
#include "channel/channel.h"

#include "channel/call.h"

#include "base/cleanup.h"
#include "base/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

void channel_remember(struct leat_channel *channel, const struct leat_reason *why) {
        (void)pthread_mutex_lock(&channel->why_lock);
        channel->why = *why;
        (void)pthread_mutex_unlock(&channel->why_lock);
}

int channel_refuse(struct leat_channel *channel, int error, enum leat_row row, const char *text) {
        const struct leat_reason why = { .row = row, .error = error, .text = text };
        channel_remember(channel, &why);
        return error;
}

int channel_explain_refusal(struct leat_channel *channel, int error) {
        if (error == -EPROTONOSUPPORT)
                return channel_refuse(channel, error, LEAT_ROW_VERSIONS,
                                      "the other end speaks another version of the protocol than 1, the only one that "
                                      "this library speaks");
        if (error == -EBADMSG)
                return channel_refuse(
                        channel, error, LEAT_ROW_BOUNDARIES,
                        "the other end took what was sent for a breach of the protocol, or is no receiver of Leat: "
                        "say the same scheme, ?size= and ?framing= at both ends");
        return error;
}

int channel_forbid(struct leat_channel *channel) {
        if (!channel || channel->magic != CHANNEL_MAGIC)
                return -EINVAL;
        if (!fork_owns(&channel->member))
                return -ECHILD;
        return channel_refuse(channel, -ENOTSUP, LEAT_ROW_OPENING, "the channel was not opened for that");
}

/* ---- waiting ---- */

static bool take_interrupt(struct leat_channel *channel) {
        if (channel->owner)
                return take_interrupt(channel->owner);
        /* Relaxed to look, since an interrupt that comes later writes the wake; the exchange decides
         * which of two sleepers takes it. */
        return atomic_load_explicit(&channel->interrupted, memory_order_relaxed) &&
               atomic_exchange_explicit(&channel->interrupted, 0, memory_order_seq_cst);
}

/* Gather what to sleep on. 1: there is no need to. *ret_armed: what is to be disarmed. */
static int arm(struct leat_channel *channel, unsigned until, struct wait *wait, unsigned *ret_armed) {
        int r = 0;
        *ret_armed = until & UNTIL_OUT;
        channel_lock(channel);
        if (until & UNTIL_OUT)
                r = channel->operations->arm(channel, DIRECTION_SEND, wait);
        if (r == 0 && (until & UNTIL_IN)) {
                r = channel->operations->arm(channel, DIRECTION_RECEIVE, wait);
                *ret_armed |= UNTIL_IN;
        }
        channel_unlock(channel);
        return r;
}

static void disarm(struct leat_channel *channel, unsigned until) {
        if (!channel->operations->disarm)
                return;
        channel_lock(channel);
        if (until & UNTIL_OUT)
                channel->operations->disarm(channel, DIRECTION_SEND);
        if (until & UNTIL_IN)
                channel->operations->disarm(channel, DIRECTION_RECEIVE);
        channel_unlock(channel);
}

/* What it is for is the owner's to find, and to clear. */
static bool is_wanted_beside(const struct leat_channel *channel, enum direction who) {
        return channel->beside && who == DIRECTION_RECEIVE && wake_is_signalled(channel->beside);
}

static int sleep_until(struct leat_channel *channel, enum direction who, unsigned until, int64_t deadline) {
        struct wait wait;
        unsigned armed;
        wait_init(&wait);
        if (channel->beside && who == DIRECTION_RECEIVE)
                wait_add(&wait, channel->beside->fd, POLLIN);
        wait_add(&wait, channel->wakes[who].fd, POLLIN);
        if (channel->owner)
                wait_add(&wait, channel->owner->wakes[who].fd, POLLIN);
        int r = arm(channel, until, &wait, &armed);
        if (r == 0) {
                counter_add(&channel->counters->sleeps[who], 1);
                r = wait_until(&wait, deadline);
        } else
                r = 0;
        wake_clear(&channel->wakes[who]);
        if (channel->owner)
                wake_clear(&channel->owner->wakes[who]);
        disarm(channel, armed);
        return take_interrupt(channel) ? -ECANCELED : r;
}

int channel_wait(struct leat_channel *channel, enum direction who, unsigned until, int64_t deadline) {
        int r;
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        if (take_interrupt(channel))
                r = -ECANCELED;
        else if (is_wanted_beside(channel, who))
                r = -EINTR;
        else if (deadline != LEAT_NEVER && leat_now() >= deadline)
                r = -ETIMEDOUT; /* also where something keeps coming that is not what is waited for */
        else if (spin_again(&channel->spins[who]))
                r = 0;
        else
                r = sleep_until(channel, who, until, deadline);
        if (r < 0)
                channel_waited(channel, who);
        return r;
}

/* Where answers come another way it is that channel that is slept on: what goes out has gone. */
static struct leat_channel *hears_by(struct leat_channel *channel) {
        return channel->over ? over_answers(channel->over) : channel;
}

int call_arm(struct leat_channel *channel, bool out, struct wait *wait) {
        struct leat_channel *heard = hears_by(channel);
        unsigned armed;
        wait_add(wait, channel->wakes[DIRECTION_SEND].fd, POLLIN);
        counter_add(&channel->counters->sleeps[DIRECTION_SEND], 1);
        return arm(heard, UNTIL_IN | (out && heard == channel ? UNTIL_OUT : 0), wait, &armed);
}

int call_disarm(struct leat_channel *channel, bool out) {
        struct leat_channel *heard = hears_by(channel);
        wake_clear(&channel->wakes[DIRECTION_SEND]);
        disarm(heard, UNTIL_IN | (out && heard == channel ? UNTIL_OUT : 0));
        return take_interrupt(channel) ? -ECANCELED : 0;
}

void channel_settle(struct leat_channel *channel, enum direction who) {
        channel_lock(channel);
        link_settle(&channel->landings[who]);
        channel_unlock(channel);
}

int leat_interrupt(struct leat_channel *channel) {
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        atomic_store_explicit(&channel->interrupted, 1, memory_order_seq_cst);
        for (int i = 0; i < DIRECTION_COUNT; i++)
                wake_signal(&channel->wakes[i]);
        return 0;
}

/* ---- filing what comes ---- */

/* Keep the reply for who waits; else it is late, or was never asked for. */
static bool file_reply(struct leat_channel *channel, struct incoming *message) {
        bool awaited = channel->awaited_reply != 0 && message->answers == channel->awaited_reply;
        if (awaited && message->kept && !channel->reply) {
                channel->reply = TAKE(message->kept);
                return true;
        }
        if (channel->calls_many && message->kept && channel->replies.bytes <= channel->address.aside) {
                message->kept->reference = message->answers;
                kept_list_add(&channel->replies, TAKE(message->kept));
                return true;
        }
        message->kept = kept_free(message->kept);
        while (message->descriptors_count > 0)
                close_fd(message->descriptors[--message->descriptors_count]);
        return false;
}

void channel_file(struct leat_channel *channel, enum direction who, struct incoming *message) {
        bool for_sender = true;
        switch (message->kind) {
        case WIRE_TAKEN:
                if (message->link != (channel->again.on ? channel->again.link : channel->engaged))
                        return; /* of what only another connection carried */
                again_taken(channel, message->link, message->answers);
                /* A send that waits for room for its copy is no sync one: it looks again when it is woken. */
                if (who != DIRECTION_SEND && channel->again.keeps)
                        wake_signal(&channel->wakes[DIRECTION_SEND]);
                if (channel->awaited_taken == 0 || message->answers != channel->awaited_taken)
                        return; /* of a send that gave up */
                channel->was_taken = true;
                break;
        case WIRE_REPLY:
                if (!file_reply(channel, message))
                        return;
                break;
        default:
                for_sender = false;
                counter_add(&channel->counters->received_aside, message->kept->about.size_bytes);
                kept_list_add(&channel->aside, TAKE(message->kept));
        }
        enum direction other = for_sender ? DIRECTION_SEND : DIRECTION_RECEIVE;
        if (other != who)
                wake_signal(&channel->wakes[other]);
}

void channel_wake_other(struct leat_channel *channel, enum direction who) {
        enum direction other = who == DIRECTION_SEND ? DIRECTION_RECEIVE : DIRECTION_SEND;
        bool waits = other == DIRECTION_RECEIVE || channel->awaited_taken != 0 || channel->awaited_reply != 0 ||
                     channel->calls_many;
        /* It may sleep, or poll leat_fd, and the kernel has nothing more to tell it. Not after a try that ended with
         * -EAGAIN: that one has looked at all there was, and the two would wake each other without end. */
        if (waits && channel->operations->unread(channel))
                wake_signal(&channel->wakes[other]);
}

/* The receiver, if there is one, is to be told of the end and of who was cut off, whoever of the two read it. */
static void file_error(struct leat_channel *channel, int error, const struct leat_peer *sender) {
        if (error == -EAGAIN || error == -EMSGSIZE || !(channel->flags & (LEAT_RECEIVE | LEAT_REPLY)))
                return;
        channel->filed_error = error;
        channel->filed_sender = *sender;
        wake_signal(&channel->wakes[DIRECTION_RECEIVE]);
}

int channel_pump(struct leat_channel *channel, struct incoming *message) {
        if (channel->aside.bytes > channel->address.aside)
                return channel_refuse(
                        channel, -ENOBUFS, LEAT_ROW_TYPES,
                        "messages that nobody receives fill what may be set aside; receive them, or raise ?aside=");
        int r = channel->operations->receive(channel, message, 1);
        if (r == -ECONNREFUSED)
                r = channel_explain_refusal(channel, message->refusal);
        if (r < 0) {
                file_error(channel, r, &message->about.sender);
                again_heard(channel, r);
                return r;
        }
        if (message->kind == WIRE_MESSAGE && !(channel->flags & (LEAT_RECEIVE | LEAT_REPLY))) {
                message->kept = kept_free(message->kept);
                again_heard(channel, -EBADMSG);
                return -EBADMSG; /* nobody sends messages to an end that only sends */
        }
        if (message->kind != WIRE_REPLY || message->kept || (!message->any && message->answers != message->reference))
                channel_file(channel, DIRECTION_SEND, message);
        return 0;
}

/* ---- handing out ---- */

void channel_tell(const struct leat_message *about, const int *descriptors, struct leat_message *ret_about) {
        size_t count = about->descriptors_count;
        bool wanted = ret_about && ret_about->descriptors && descriptors;
        for (size_t i = 0; descriptors && i < count; i++)
                if (wanted)
                        ret_about->descriptors[i] = descriptors[i];
                else
                        close_fd(descriptors[i]);
        if (!ret_about)
                return;
        struct leat_message told = *about;
        told.descriptors = ret_about->descriptors;
        told.descriptors_max = ret_about->descriptors_max;
        options_tell(&told, sizeof(told), ret_about);
}

ssize_t channel_hand_out(struct kept_list *list, struct kept *kept, void *buffer, size_t size_bytes,
                         struct leat_message *ret_about) {
        size_t size = kept->about.size_bytes;
        if (size > size_bytes || !channel_has_place(ret_about, kept->about.descriptors_count)) {
                channel_tell(&kept->about, NULL, ret_about);
                return -EMSGSIZE;
        }
        if (list)
                kept_list_take(list, kept);
        if (size > 0)
                memcpy(buffer, kept->bytes, size);
        channel_tell(&kept->about, kept->descriptors, ret_about);
        kept->about.descriptors_count = 0; /* they are the caller's now, or closed */
        kept_free(kept);
        return (ssize_t)size;
}

/* ---- the program's own poll loop ---- */

/* The transport's descriptor and the receiving wake, for what another thread of ours files. */
static int make_poll_epoll(struct leat_channel *channel, int fd) {
        CLOSE_AT_EXIT int epoll = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = { .events = EPOLLIN };
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, channel->wakes[DIRECTION_RECEIVE].fd, &event) < 0)
                return -errno;
        channel->poll_epoll = take_fd(&epoll);
        return channel->poll_epoll;
}

int leat_fd(struct leat_channel *channel) {
        int r = channel_guard(channel, LEAT_RECEIVE | LEAT_REPLY);
        if (r < 0)
                return r;
        channel_lock(channel);
        r = channel->poll_epoll;
        if (r < 0) {
                r = channel->operations->poll_fd(channel);
                if (r >= 0 && channel->both_ways)
                        r = make_poll_epoll(channel, r);
        }
        channel_unlock(channel);
        return r;
}

/* ---- what is known ---- */

static void tell_counters(const struct counters *counters, struct leat_info *ret_info) {
        ret_info->sent = counter_get(&counters->sent);
        ret_info->sent_bytes = counter_get(&counters->sent_bytes);
        ret_info->received = counter_get(&counters->received);
        ret_info->received_bytes = counter_get(&counters->received_bytes);
        ret_info->dropped = counter_get(&counters->dropped);
        ret_info->refused = counter_get(&counters->refused);
        ret_info->waits = counter_get(&counters->waits[0]) + counter_get(&counters->waits[1]);
        ret_info->sleeps = counter_get(&counters->sleeps[0]) + counter_get(&counters->sleeps[1]);
}

int leat_channel_info(struct leat_channel *channel, struct leat_info *ret_info) {
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        if (!ret_info || ret_info->struct_size < sizeof(size_t))
                return -EINVAL;
        struct leat_info info = {
                .declaration = channel->declaration,
                .largest_bytes = channel->largest_bytes,
                .capacity_bytes = LEAT_UNKNOWN,
                .atomic_bytes = LEAT_UNKNOWN,
                .queued_bytes = LEAT_UNKNOWN,
                .queued_messages = LEAT_UNKNOWN,
                .parties = LEAT_UNKNOWN,
                .waiting = LEAT_UNKNOWN,
                .depth = LEAT_UNKNOWN,
        };
        channel_lock(channel);
        channel->operations->info(channel, &info);
        if (channel->over)
                info.largest_bytes = over_largest(channel, info.largest_bytes);
        tell_counters(channel->counters, &info);
        info.aside_messages = channel->aside.messages;
        info.aside_bytes = channel->aside.bytes;
        again_info(channel, &info);
        channel_unlock(channel);
        options_tell(&info, sizeof(info), ret_info);
        return 0;
}

int leat_why(struct leat_channel *channel, struct leat_reason *ret_reason) {
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        if (!ret_reason)
                return -EINVAL;
        (void)pthread_mutex_lock(&channel->why_lock);
        *ret_reason = channel->why;
        (void)pthread_mutex_unlock(&channel->why_lock);
        return 0;
}

int leat_channel_peer(struct leat_channel *channel, struct leat_peer *ret_peer) {
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        if (!ret_peer)
                return -EINVAL;
        if (!channel->operations->peer)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_WHO, channel->declaration->rows[LEAT_ROW_WHO].why);
        channel_lock(channel);
        r = channel->operations->peer(channel, ret_peer);
        channel_unlock(channel);
        return r;
}

/* Write "scheme:" and a rest, with what would end it written as %XX. */
static ssize_t compose_address(const struct leat_channel *channel, const char *rest, char *ret_address,
                               size_t size_bytes) {
        static const char digits[] = "0123456789ABCDEF";
        char text[LEAT_ADDRESS_BYTES];
        size_t at = (size_t)snprintf(text, sizeof(text), "%s:", channel->transport->scheme);
        for (; *rest && at < sizeof(text) - 3; rest++) {
                if (!strchr("%?&", *rest)) {
                        text[at++] = *rest;
                        continue;
                }
                text[at++] = '%';
                text[at++] = digits[(unsigned char)*rest >> 4];
                text[at++] = digits[*rest & 15];
        }
        if (*rest || at >= size_bytes)
                return -ERANGE;
        memcpy(ret_address, text, at);
        ret_address[at] = '\0';
        return (ssize_t)at;
}

/* What the transport says of its address, or else what was opened. */
static int find_address(struct leat_channel *channel, char *ret_rest, size_t size) {
        if (channel->operations->address)
                return channel->operations->address(channel, ret_rest, size);
        if (channel->address.rest[0] == '\0')
                return -ENOTSUP;
        return snprintf(ret_rest, size, "%s", channel->address.rest) < (int)size ? 0 : -ERANGE;
}

ssize_t leat_channel_address(struct leat_channel *channel, char *ret_address, size_t size_bytes) {
        char rest[LEAT_ADDRESS_BYTES];
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        if (!ret_address)
                return -EINVAL;
        channel_lock(channel);
        r = find_address(channel, rest, sizeof(rest));
        channel_unlock(channel);
        return r < 0 ? r : compose_address(channel, rest, ret_address, size_bytes);
}

ssize_t leat_sender_address(struct leat_channel *channel, const struct leat_message *about, char *ret_address,
                            size_t size_bytes) {
        char rest[LEAT_ADDRESS_BYTES];
        int r = channel_guard(channel, LEAT_RECEIVE | LEAT_REPLY);
        if (r < 0)
                return r;
        if (!about || about->struct_size < sizeof(struct leat_message) || !ret_address)
                return -EINVAL;
        channel_lock(channel);
        r = channel->operations->sender_address
                    ? channel->operations->sender_address(channel, about->reply_to, rest, sizeof(rest))
                    : -ENOTSUP;
        channel_unlock(channel);
        if (r == -ENOTSUP)
                return channel_refuse(channel, r, LEAT_ROW_WHO, "this transport gives its senders no address");
        return r < 0 ? r : compose_address(channel, rest, ret_address, size_bytes);
}

int leat_give(struct leat_channel *channel) {
        int r = channel_guard(channel, 0);
        if (r < 0)
                return r;
        if (channel->operations->give) {
                channel_lock(channel);
                r = channel->operations->give(channel);
                channel_unlock(channel);
                if (r < 0)
                        return r;
        }
        r = counters_give(channel);
        if (r < 0)
                return r;
        fork_give(&channel->member);
        if (channel->over && over_answers(channel->over))
                return leat_give(over_answers(channel->over));
        return 0;
}
