/* SPDX-License-Identifier: MIT */

/* Receiving: from what was set aside, else from the transport; the rest waits. */

#include "base/cleanup.h"
#include "base/options.h"
#include "base/rare.h"
#include "channel/channel.h"
#include "channel/quick.h"
#include "memory/limits.h"

#include <errno.h>
#include <string.h>

#define TRIES_AT_ONCE 64 /* of READS_AT_ONCE reads each */

/* What one receive wants and where it puts it. */
struct wish {
        struct selection selection;
        void *buffer;
        size_t size_bytes;
        struct leat_message *ret_about;
};

USUAL void say_taken(struct leat_channel *channel, const struct leat_message *about) {
        counters_received(channel->counters, about->size_bytes);
        if ((about->flags & LEAT_WANTS_TAKEN) && !channel->acknowledges && channel->operations->taken)
                channel->operations->taken(channel, about->reply_to, about->sequence);
}

/* From what was set aside. -EAGAIN: nothing there that is wanted. */
static ASIDE ssize_t take_kept(struct leat_channel *channel, const struct wish *wish) {
        struct kept *kept = kept_list_find(&channel->aside, &wish->selection);
        if (!kept)
                return -EAGAIN;
        const struct leat_message about = kept->about;
        link_settle(&channel->landings[DIRECTION_RECEIVE]); /* the buffer is wanted for this one */
        ssize_t n = channel_hand_out(&channel->aside, kept, wish->buffer, wish->size_bytes, wish->ret_about);
        if (n < 0)
                return n;
        counter_add(&channel->counters->received_aside, (uint64_t)-n);
        say_taken(channel, &about);
        return n;
}

USUAL ssize_t take_aside(struct leat_channel *channel, const struct wish *wish) {
        return list_empty(&channel->aside.head) ? -EAGAIN : take_kept(channel, wish);
}

/* A message that went straight into the caller's buffer. */
USUAL ssize_t take_direct(struct leat_channel *channel, struct incoming *message, const struct wish *wish) {
        say_taken(channel, &message->about);
        message->about.descriptors_count = message->descriptors_count;
        if (wish->ret_about || message->descriptors_count > 0)
                channel_tell(&message->about, message->descriptors_count ? message->descriptors : NULL,
                             wish->ret_about);
        return (ssize_t)message->about.size_bytes;
}

/* Descriptors that do not fit: the message is kept, like one whose bytes do not. */
static ASIDE int keep_direct(struct incoming *message, const void *buffer) {
        struct kept *kept = kept_copy(&message->about, buffer, message->about.size_bytes, message->descriptors,
                                      message->descriptors_count);
        if (!kept)
                return -ENOMEM;
        kept->link = message->link;
        message->kept = kept;
        message->descriptors_count = 0;
        return 0;
}

static ASIDE ssize_t refused(struct leat_channel *channel, struct incoming *message, const struct wish *wish,
                             int error) {
        if (error == -ECONNREFUSED)
                error = message->refusal;
        if (error == -EFBIG) {
                struct leat_reason why;
                reason_limit(&why, error, "RLIMIT_FSIZE",
                             "a sender came and was refused: no memory file may be made that large; raise `ulimit -f`");
                channel_remember(channel, &why);
        }
        if (error == -ENOMEM && message->refusal == error) {
                struct leat_reason why = { 0 };
                (void)memory_explain(channel->address.ring,
                                     "a peer came and was refused: there is no room for its ring; raise the limit",
                                     &why);
                if (why.limit)
                        channel_remember(channel, &why);
        }
        if (error != -EBADMSG && error != -EPROTONOSUPPORT && error != -EMFILE)
                return error;
        struct leat_message about = { .sender = message->about.sender, .deadline = LEAT_NEVER };
        channel_tell(&about, NULL, wish->ret_about);
        if (error == -EPROTONOSUPPORT)
                channel_refuse(channel, error, LEAT_ROW_VERSIONS,
                               "the peer speaks another version of the protocol than 1, the only one that this library "
                               "speaks");
        else if (error == -EBADMSG)
                channel_refuse(channel, error, LEAT_ROW_BOUNDARIES,
                               "the peer sent bytes that are no message here (docs/wire.md); are its scheme, ?framing= "
                               "and ?size= the same?");
        else {
                struct leat_reason why;
                reason_limit(&why, error, "RLIMIT_NOFILE",
                             "there is no descriptor left for what came; raise `ulimit -n`");
                channel_remember(channel, &why);
        }
        return error;
}

/* A call that does not wait; the first look of one that does, which is at all there is, however soon the deadline comes; the others, and the
 * first one where there is no deadline: what it leaves out ends the sleep. Not if an interrupt is to end the first wait: what is there needs none. */
enum look { LOOK_NOW, LOOK_FIRST, LOOK_AGAIN };

/* What the other thread learned is told first. */
static ASIDE int tell_filed(struct leat_channel *channel, struct incoming *message) {
        int r = channel->filed_error;
        channel->filed_error = 0;
        message->about.sender = channel->filed_sender;
        return r;
}

USUAL int receive_or_tell(struct leat_channel *channel, struct incoming *message) {
        if (channel->filed_error != 0)
                return tell_filed(channel, message);
        int r = channel->operations->receive(channel, message, 1);
        channel->end_stays = r == -ENODATA && message->end_stays;
        return r;
}

/* It is not in the caller's buffer, or cannot stay there. */
static ASIDE ssize_t file_next(struct leat_channel *channel, struct incoming *message, const struct wish *wish) {
        int r = message->kind == WIRE_MESSAGE && !message->kept ? keep_direct(message, wish->buffer) : 0;
        if (r < 0) {
                while (message->descriptors_count > 0)
                        close_fd(message->descriptors[--message->descriptors_count]);
                return r;
        }
        bool wanted = message->kind == WIRE_MESSAGE &&
                      (channel->operations->selects ||
                       selection_takes(&wish->selection, message->about.type, &message->about.sender));
        channel_file(channel, DIRECTION_RECEIVE, message);
        return wanted ? take_aside(channel, wish) : -EINPROGRESS;
}

static ASIDE ssize_t took_none(struct leat_channel *channel, struct incoming *message, const struct wish *wish,
                               int error) {
        if (error == -EMSGSIZE)
                channel_tell(&message->about, NULL, wish->ret_about);
        return refused(channel, message, wish, error);
}

/* One thing from the transport. The size of a message that was wanted; -EINPROGRESS: something else, now filed. */
USUAL ssize_t take_next(struct leat_channel *channel, const struct wish *wish, enum look look, unsigned *reads) {
        struct incoming message;
        message.buffer = wish->buffer;
        message.size_bytes = wish->size_bytes;
        message.want = WIRE_MESSAGE;
        message.reference = 0;
        message.any = false;
        message.selection = wish->selection;
        message.reads = reads;
        message.landing = &channel->landings[DIRECTION_RECEIVE];
        /* With two threads the lock is held meanwhile. */
        message.spin = channel->both_ways || look == LOOK_NOW ? NULL : &channel->spins[DIRECTION_RECEIVE];
        message.refusal = -EBADMSG;
        /* The lowest of several types is known only when all that is there was seen. */
        message.patient = look == LOOK_AGAIN && wish->selection.select >= 0;
        message.light = look != LOOK_NOW && wish->selection.select >= 0;
        message.end_stays = false;
        int r = receive_or_tell(channel, &message);
        if (channel->engaged != 0 && !channel->operations->lives(channel, channel->engaged))
                wake_signal(&channel->wakes[DIRECTION_SEND]);
        if (r < 0)
                return took_none(channel, &message, wish, r);
        if (message.kind == WIRE_MESSAGE && !message.kept &&
            channel_has_place(wish->ret_about, message.descriptors_count))
                return take_direct(channel, &message, wish);
        return file_next(channel, &message, wish);
}

static RARE int aside_is_full(struct leat_channel *channel) {
        return channel_refuse(channel, -ENOBUFS, LEAT_ROW_TYPES,
                              "messages of other types fill what may be set aside; receive them, or raise ?aside=");
}

/* *ret_more: there may be more to read, but others want to be looked after. */
USUAL ssize_t try_receive(struct leat_channel *channel, const struct wish *wish, enum look look, bool *ret_more,
                          unsigned *ret_until) {
        unsigned reads = READS_AT_ONCE;
        ssize_t n;
        channel_lock(channel);
        if (channel->again.keeps)
                (void)again_prepare(
                        channel); /* whoever receives sees to the redelivery too: the sending thread may not come back */
        *ret_until = UNTIL_IN | (again_resends(&channel->again) ? UNTIL_OUT : 0);
        /* The lowest of several types is known only when all that is there was seen. */
        bool look_first = wish->selection.select >= 0;
        n = look_first ? take_aside(channel, wish) : -EAGAIN;
        while (n == -EAGAIN || n == -EINPROGRESS) {
                if (channel->aside.bytes > channel->address.aside) {
                        n = take_aside(channel, wish);
                        if (n == -EAGAIN)
                                n = aside_is_full(channel);
                        break; /* also where a program asks for it again and again: nothing more is read */
                }
                n = take_next(channel, wish, look, &reads);
                if (n == -EAGAIN || n == -ENODATA) {
                        ssize_t aside = take_aside(channel, wish);
                        if (n == -ENODATA && aside != -EAGAIN && channel->again.on)
                                channel->filed_error = -ENODATA; /* a lost connection tells it once only */
                        n = aside == -EAGAIN ? n : aside;
                        break;
                }
        }
        *ret_more = n == -EAGAIN && reads == 0;
        if (n != -EAGAIN) {
                link_settle(&channel->landings[DIRECTION_RECEIVE]);
                channel_pass_on(channel, DIRECTION_RECEIVE);
        }
        channel_unlock(channel);
        return n;
}

static ASIDE int check_selection(struct leat_channel *channel, const struct wish *wish) {
        const struct leat_row_declaration *rows = channel->declaration->rows;
        if (wish->selection.select != LEAT_ANY && rows[LEAT_ROW_TYPES].verdict == LEAT_NO)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_TYPES, rows[LEAT_ROW_TYPES].why);
        if (wish->selection.select != LEAT_ANY && channel->operations->competes &&
            !address_given(&channel->address, OPTION_EXCLUSIVE))
                return channel_refuse(
                        channel, -ENOTSUP, LEAT_ROW_TYPES,
                        "what is set aside here is lost to the other receivers; open with ?exclusive to be "
                        "the only one, or use sysv-mq:");
        if (wish->selection.select != LEAT_ANY && channel->acknowledges && channel->operations->acknowledge)
                return channel_refuse(
                        channel, -ENOTSUP, LEAT_ROW_TYPES,
                        "with ?acknowledge one message at a time is delivered here, in the order of the store; "
                        "leave the type, or ?acknowledge, away");
        if (wish->selection.from_pid != 0 && rows[LEAT_ROW_WHO].verdict == LEAT_NO)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_WHO, rows[LEAT_ROW_WHO].why);
        return 0;
}

USUAL int check(struct leat_channel *channel, const struct wish *wish) {
        const struct selection *selection = &wish->selection;
        if ((!wish->buffer && wish->size_bytes > 0) || selection->select == INT64_MIN || selection->from_pid < 0 ||
            (wish->ret_about && wish->ret_about->struct_size < sizeof(size_t)))
                return channel_refuse(channel, -EINVAL, LEAT_ROW_NONE,
                                      "the buffer, the selection or the structure for what came is not right");
        return selection->select == LEAT_ANY && selection->from_pid == 0 ? 0 : check_selection(channel, wish);
}

USUAL ssize_t receive_here(struct leat_channel *channel, const struct wish *wish, int64_t deadline) {
        ssize_t n = check(channel, wish);
        enum look look = deadline == LEAT_NOW                                         ? LOOK_NOW
                         : deadline == LEAT_NEVER && !channel_is_interrupted(channel) ? LOOK_AGAIN
                                                                                      : LOOK_FIRST;
        bool cleared = false, waited = deadline == LEAT_NOW, more;
        unsigned tries = 0, until;
        if (n < 0)
                return n;
        if (deadline != LEAT_NOW)
                spin_foresee(&channel->spins[DIRECTION_RECEIVE]);
        while ((n = try_receive(channel, wish, look, &more, &until)) == -EAGAIN) {
                /* "Nothing is there" is to be true; only to a flood it is said before its end, which may never come. */
                if (more && deadline == LEAT_NOW && ++tries < TRIES_AT_ONCE)
                        continue;
                if (deadline == LEAT_NOW && channel->both_ways && !cleared) {
                        /* So that leat_fd is not readable for what was seen already. */
                        wake_clear(&channel->wakes[DIRECTION_RECEIVE]);
                        cleared = true;
                        continue;
                }
                if (!waited)
                        counter_add(&channel->counters->waits[DIRECTION_RECEIVE], 1);
                waited = true;
                int r = channel_wait(channel, DIRECTION_RECEIVE, until, deadline);
                if (r == -ETIMEDOUT && look != LOOK_NOW && channel->operations->looks) {
                        look = LOOK_NOW; /* the others saw only what is likely */
                        continue;
                }
                if (r < 0) {
                        channel_settle(channel, DIRECTION_RECEIVE);
                        return r;
                }
                look = LOOK_AGAIN;
        }
        channel_waited(channel, DIRECTION_RECEIVE);
        return n;
}

static ssize_t receive(struct leat_channel *channel, const struct wish *wish, int64_t deadline) {
        return receive_here(channel, wish, deadline);
}

static ssize_t receive_plain(struct leat_channel *channel, const struct selection *selection, void *buffer,
                             size_t size_bytes, int64_t deadline, struct leat_message *ret_about) {
        const struct wish wish = {
                .selection = *selection, .buffer = buffer, .size_bytes = size_bytes, .ret_about = ret_about
        };
        return receive(channel, &wish, deadline);
}

static ssize_t receive_any(struct leat_channel *channel, const struct wish *wish, int64_t deadline) {
        if (!channel->over)
                return receive(channel, wish, deadline);
        return over_receive(channel, &wish->selection, wish->buffer, wish->size_bytes, deadline, wish->ret_about,
                            receive_plain);
}

USUAL ssize_t receive_long(struct leat_channel *channel, int64_t select, void *buffer, size_t size_bytes,
                           int64_t deadline, struct leat_message *ret_about) {
        const struct wish wish = {
                .selection = { .select = select }, .buffer = buffer, .size_bytes = size_bytes, .ret_about = ret_about
        };
        return channel->over ? receive_any(channel, &wish, deadline) : receive_here(channel, &wish, deadline);
}

ssize_t channel_receive_long(struct leat_channel *channel, void *buffer, size_t size_bytes, int64_t deadline,
                             struct leat_message *ret_about) {
        return receive_long(channel, LEAT_ANY, buffer, size_bytes, deadline, ret_about);
}

ssize_t leat_receive(struct leat_channel *channel, int64_t select, void *buffer, size_t size_bytes, int64_t deadline,
                     struct leat_message *ret_about) {
        int r = channel_guard(channel, LEAT_RECEIVE | LEAT_REPLY);
        if (r < 0)
                return r;
        if (channel->quick && select == LEAT_ANY)
                return quick_receive(channel, buffer, size_bytes, deadline, ret_about);
        return receive_long(channel, select, buffer, size_bytes, deadline, ret_about);
}

ssize_t leat_receive_with(struct leat_channel *channel, void *buffer, size_t size_bytes,
                          const struct leat_receive_options *given, struct leat_message *ret_about) {
        struct leat_receive_options options = LEAT_RECEIVE_OPTIONS_INIT;
        int r = channel_guard(channel, LEAT_RECEIVE | LEAT_REPLY);
        if (r < 0)
                return r;
        r = options_take(given, &options, sizeof(options));
        if (r < 0)
                return r;
        if (options.flags != 0)
                return channel_refuse(channel, -EINVAL, LEAT_ROW_NONE, "no flag of a receive is known");
        const struct wish wish = { .selection = { .select = options.select, .from_pid = options.from_pid },
                                   .buffer = buffer,
                                   .size_bytes = size_bytes,
                                   .ret_about = ret_about };
        return receive_any(channel, &wish, options.deadline);
}

int leat_acknowledge(struct leat_channel *channel, const struct leat_message *about) {
        int r = channel_guard(channel, LEAT_RECEIVE | LEAT_REPLY);
        if (r < 0)
                return r;
        if (!about || about->struct_size < sizeof(struct leat_message))
                return -EINVAL;
        if (!channel->acknowledges)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_DEATH,
                                      "messages are acknowledged here when they are received; open with ?acknowledge");
        channel_lock(channel);
        if (channel->operations->acknowledge)
                r = channel->operations->acknowledge(channel, about->sequence);
        else if (!(about->flags & LEAT_WANTS_TAKEN))
                r = 0; /* nobody waits for it */
        else if (!channel->operations->lives(channel, about->reply_to))
                r = -ENOTCONN;
        else
                channel->operations->taken(channel, about->reply_to, about->sequence);
        channel_unlock(channel);
        if (r == -ENOTCONN)
                (void)channel_refuse(
                        channel, r, LEAT_ROW_DEATH,
                        "the connection that it came by is lost; a sender with ?at-least-once sends it again, marked");
        return r;
}

/* ---- several ---- */

/* The error is behind messages that were received, and the next receive is to tell it. What stays in the channel tells itself. */
static void keep_error(struct leat_channel *channel, int error, const struct leat_message *about) {
        if (error == -EAGAIN || error == -EMSGSIZE || error == -ENOBUFS || (error == -EBUSY && channel->acknowledges) ||
            (error == -ENODATA && channel->end_stays))
                return;
        channel_lock(channel);
        channel->filed_error = error;
        channel->filed_sender = about->sender;
        channel_unlock(channel);
}

static int check_places(struct leat_channel *channel, const struct leat_incoming *messages, size_t count) {
        bool right = messages && count > 0 && count <= LEAT_MANY_MAX;
        for (size_t i = 0; right && i < count; i++)
                right = (messages[i].buffer || messages[i].size_bytes == 0) &&
                        messages[i].about.struct_size >= sizeof(size_t);
        return right ? 0
                     : channel_refuse(channel, -EINVAL, LEAT_ROW_NONE,
                                      "from 1 to 1,024 messages are received at once, each with a buffer and with "
                                      "LEAT_MESSAGE_INIT");
}

ssize_t leat_receive_many(struct leat_channel *channel, int64_t select, struct leat_incoming *messages, size_t count,
                          int64_t deadline) {
        int r = channel_guard(channel, LEAT_RECEIVE | LEAT_REPLY);
        size_t done = 0;
        ssize_t n = 0;
        if (r == 0)
                r = check_places(channel, messages, count);
        if (r < 0)
                return r;
        if (channel->quick && select == LEAT_ANY) {
                bool all;
                done = quick_receive_many(channel, messages, count, deadline, &all);
                if (done > 0 && all)
                        return (ssize_t)done;
        }
        for (; done < count; done++) {
                struct wish wish = { .selection = SELECT_ANY,
                                     .buffer = messages[done].buffer,
                                     .size_bytes = messages[done].size_bytes,
                                     .ret_about = &messages[done].about };
                wish.selection.select = select;
                n = receive_any(channel, &wish, done == 0 ? deadline : LEAT_NOW);
                if (n < 0)
                        break;
        }
        if (n < 0 && done > 0)
                keep_error(channel, (int)n, &messages[done].about);
        return done > 0 ? (ssize_t)done : n;
}
