/* SPDX-License-Identifier: MIT */

/* Receiving from a log: each at its own position, or all at the one that they share. */

#include "transport/log_state.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define BUSY_FIRST_US 100
#define BUSY_MOST_US 20000
#define CLOSE_FIRST_US 50 /* a killed sender's file is closed before its locks are freed */
#define HASTY_MOST 64     /* tries in vain that look at nothing but the file's end */

/* ---- opening ---- */

/* Pass what stands before the n-th message, or before the first that is not older than a time. */
static int pass_until(struct log_state *state, uint64_t kind, uint64_t value) {
        const struct record *record;
        uint64_t number = 0, file = 0;
        int r;
        while ((r = log_reader_next(&state->reader, NULL, &record)) == 1 || r == -ESTALE) {
                if (r == -ESTALE)
                        continue;
                if (file != state->reader.number)
                        number = state->reader.records_before;
                file = state->reader.number;
                bool there = kind == FROM_TIME ? record->time_ns >= (int64_t)value : number + 1 >= value;
                if (record->kind == RECORD_MESSAGE && there)
                        return 0;
                number += record->kind == RECORD_MESSAGE;
                log_cursor_consume(&state->reader.cursor);
        }
        return r == -EAGAIN ? 0 : r;
}

static int go_to_start(struct log_state *state, const struct address *address) {
        uint64_t kind = FROM_KIND(address->from), value = FROM_VALUE(address->from);
        if (kind == FROM_END)
                return log_reader_to_end(&state->reader);
        int r = log_reader_to_start(&state->reader);
        if (r == 0 && kind != FROM_START)
                r = pass_until(state, kind, value);
        return r;
}

int log_receive_open(struct leat_channel *channel, struct log_state *state, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        bool shared = channel->declaration->pattern == LEAT_QUEUE;
        bool end = address_given(address, OPTION_END);
        if (!shared && address_given(address, OPTION_ACKNOWLEDGE))
                return reason_at(
                        reason, -ENOTSUP, address->columns[OPTION_ACKNOWLEDGE],
                        "every receiver has a position of its own here, which it keeps itself (?from=); ?acknowledge "
                        "is for ?pattern=queue");
        state->acknowledges = address_given(address, OPTION_ACKNOWLEDGE);
        if (shared && address_given(address, OPTION_FROM))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_FROM],
                                 "the receivers of a queue share one position, which says where they begin; ?from= is "
                                 "for ?pattern=broadcast");
        if (!shared && address_given(address, OPTION_EXCLUSIVE))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_EXCLUSIVE],
                                 "every receiver gets all here; ?exclusive is for ?pattern=queue");
        int r = log_reader_init(&state->reader, &state->log, channel->largest_bytes, true, end, reason);
        if (r == 0)
                r = go_to_start(state, address);
        if (r == 0 && shared)
                r = log_queue_open(&state->queue, &state->log, address_given(address, OPTION_EXCLUSIVE), reason);
        state->reader.closed = true; /* whoever is gone by now is to be noticed */
        return r;
}

/* ---- one message ---- */

static struct leat_message about_of(const struct record *record) {
        return (struct leat_message){ .size_bytes = record->size,
                                      .type = record->type,
                                      .priority = record->priority,
                                      .sequence = record->sequence,
                                      .time_ns = record->time_ns,
                                      .deadline = LEAT_NEVER };
}

/* Into the caller's buffer, or kept. -EMSGSIZE: it is left where it is. */
static int deliver(const struct log_cursor *cursor, struct incoming *message) {
        const struct record *record = &cursor->found.record;
        void *to = message->buffer;
        message->kind = WIRE_MESSAGE;
        message->about = about_of(record);
        message->kept = NULL;
        message->link = message->answers = 0;
        message->descriptors_count = 0;
        if (!message->buffer || !selection_takes(&message->selection, record->type, &message->about.sender)) {
                message->kept = kept_new(record->size, NULL, 0);
                if (!message->kept)
                        return -ENOMEM;
                message->kept->about = message->about;
                to = message->kept->bytes;
        } else if (record->size > message->size_bytes) {
                return -EMSGSIZE;
        }
        log_cursor_copy(cursor, to);
        return 0;
}

static int next_record(struct log_state *state, unsigned *reads, const struct record **ret_record) {
        return state->thorough ? log_reader_next(&state->reader, reads, ret_record)
                               : log_reader_peek(&state->reader, reads, ret_record);
}

static int next_message(struct log_state *state, unsigned *reads, const struct record **ret_record) {
        int r;
        while ((r = next_record(state, reads, ret_record)) == 1 && (*ret_record)->kind != RECORD_MESSAGE) {
                state->passed += (*ret_record)->kind == RECORD_HELLO;
                log_cursor_consume(&state->reader.cursor);
        }
        return r;
}

static int take_own(struct log_state *state, struct incoming *message) {
        const struct record *record;
        int r = next_message(state, message->reads, &record);
        if (r != 1)
                return r;
        r = deliver(&state->reader.cursor, message);
        if (r < 0)
                return r;
        state->passed++;
        log_cursor_consume(&state->reader.cursor);
        return 1;
}

/* ---- one message of a queue ---- */

/* Its receiver died before it had acknowledged it. */
static void mark(struct incoming *message) {
        message->about.flags |= LEAT_REDELIVERED;
        if (message->kept)
                message->kept->about.flags |= LEAT_REDELIVERED;
}

/*
 * The message is delivered, and the position stays until it is acknowledged. That it was delivered is noted first: whoever takes the
 * lock after us, which the kernel frees when we are killed, finds it marked.
 */
static int hold(struct log_state *state, struct incoming *message) {
        struct log_position *position = &state->queue.position;
        log_cursor_consume(&state->reader.cursor);
        state->after = *position;
        state->after.given = false;
        state->after.number = state->reader.number;
        state->after.offset = state->reader.cursor.at;
        state->after.passed = state->passed + 1;
        state->after.taken++;
        state->held = message->about.sequence;
        position->given = true;
        int r = log_queue_move(&state->queue);
        if (r < 0)
                message->kept = kept_free(message->kept);
        state->holds = r == 0;
        return r < 0 ? r : 1;
}

int log_acknowledge(struct leat_channel *channel, uint64_t sequence) {
        struct log_state *state = channel->state;
        if (!state->holds || sequence != state->held) /* one at a time: an earlier one was acknowledged before */
                return channel_refuse(channel, -EINVAL, LEAT_ROW_DEATH,
                                      "there is no message to acknowledge, or it was");
        state->queue.position = state->after;
        int r = log_queue_move(&state->queue);
        if (r < 0)
                return r;
        state->passed = state->after.passed;
        state->holds = false;
        log_queue_unlock(&state->queue);
        return 0;
}

/* Under the lock: the position moves before the message is told to anybody, so that no one else gets it. */
static int take_locked(struct log_state *state, struct incoming *message) {
        struct log_position *position = &state->queue.position;
        const struct record *record;
        int r = position->number == 0 ? log_reader_to_start(&state->reader)
                                      : log_reader_seek(&state->reader, position->number, position->offset);
        state->passed = position->passed;
        if (r == 0)
                r = next_message(state, message->reads, &record);
        if (r != 1)
                return r;
        r = deliver(&state->reader.cursor, message);
        if (r < 0)
                return r;
        if (position->given)
                mark(message);
        if (state->acknowledges)
                return hold(state, message);
        log_cursor_consume(&state->reader.cursor);
        position->given = false;
        position->number = state->reader.number;
        position->offset = state->reader.cursor.at;
        position->passed = ++state->passed;
        position->taken++;
        r = log_queue_move(&state->queue);
        if (r < 0)
                message->kept = kept_free(message->kept);
        return r < 0 ? r : 1;
}

static int take_shared(struct log_state *state, struct incoming *message) {
        if (state->holds)
                return -EBUSY;
        int r = log_queue_lock(&state->queue, &state->log);
        if (r == 0) {
                state->busy_us = 0;
                r = take_locked(state, message);
        } else if (r == -EAGAIN) {
                state->busy_us = state->busy_us ? state->busy_us * 2 : BUSY_FIRST_US;
                if (state->busy_us > BUSY_MOST_US)
                        state->busy_us = BUSY_MOST_US;
        }
        if (r == -ESTALE) { /* what was to be read is gone: so say all of them, once */
                state->queue.position.number = state->reader.number;
                state->queue.position.offset = state->reader.cursor.at;
                state->queue.position.given = false;
                (void)log_queue_move(&state->queue);
        }
        if (!state->holds)
                log_queue_unlock(&state->queue);
        return r;
}

/* ---- the end ---- */

/*
 * The one that closes may be about to free its lock; no event tells when it has. It may stand still just then, for any time:
 * the looks become rare, and never end.
 */
static void plan_next_look(struct log_state *state) {
        int64_t now = leat_now();
        if (state->close_us > 0 && now < state->close_at)
                return;
        state->close_us = state->close_us ? state->close_us * 2 : CLOSE_FIRST_US;
        state->close_at = now + state->close_us * 1000;
}

/* Everything was read. Is any sender left, if one came since the end was last told? */
static bool all_gone(struct log_state *state) {
        if (state->reader.closed)
                state->close_us = 0; /* one more: the looks begin anew */
        state->closing |= state->reader.closed;
        state->reader.closed = false;
        if (state->passed == state->passed_ended || !state->closing)
                return false;
        if (!log_lock_is_held(state->log.anchor, LOG_LOCK_ENDER))
                return true;
        plan_next_look(state);
        return false;
}

static int take(struct log_state *state, struct incoming *message) {
        struct log_cursor *cursor = &state->reader.cursor;
        bool shared = state->queue.fd >= 0;
        cursor->spin = shared ? NULL : message->spin; /* under the lock nobody pauses */
        log_cursor_land(cursor, message->buffer, message->size_bytes);
        int r = shared ? take_shared(state, message) : take_own(state, message);
        log_cursor_settle(cursor);
        cursor->spin = NULL;
        return r;
}

static int explain(struct leat_channel *channel, int error) {
        if (error == -ESTALE)
                return channel_refuse(
                        channel, error, LEAT_ROW_LIFETIME,
                        "the log was cut, or its oldest files were removed (?retain=), before they were read; "
                        "receive on to go on with what is there");
        if (error == -EBUSY)
                return channel_refuse(
                        channel, error, LEAT_ROW_DEATH,
                        "acknowledge the message that was received before the next: the receivers of a queue "
                        "share one position");
        if (error == -EIDRM)
                return channel_refuse(channel, error, LEAT_ROW_LIFETIME, "the log was removed; open it again");
        if (error == -ENOSPC || error == -EDQUOT)
                return channel_refuse(channel, error, LEAT_ROW_FULL,
                                      "the disk is full, and PATH.position, which says what the queue's receivers have "
                                      "taken, could not be written; make room");
        return error;
}

/* ---- waiting ---- */

/* When to look again although no event will tell; 0: that is not needed. */
static int64_t look_again_us(const struct log_state *state) {
        if (state->look_again)
                return 1;
        if (state->busy_us > 0) /* the end is looked for when that is over */
                return state->busy_us < BUSY_MOST_US ? state->busy_us : BUSY_MOST_US;
        if (state->close_us == 0)
                return 0;
        int64_t left_us = (state->close_at - leat_now()) / 1000;
        return left_us > 0 ? left_us : 1;
}

static void set_timer(const struct log_state *state) {
        if (state->poll_timer < 0)
                return;
        int64_t us = look_again_us(state);
        const struct itimerspec once = { .it_value = { us / 1000000, us % 1000000 * 1000 } };
        (void)timerfd_settime(state->poll_timer, 0, &once, NULL); /* at 0: it is not readable any more */
}

int log_receive_poll_fd(struct log_state *state) {
        struct epoll_event event = { .events = EPOLLIN };
        if (state->poll_epoll >= 0)
                return state->poll_epoll;
        CLOSE_AT_EXIT int epoll = epoll_create1(EPOLL_CLOEXEC);
        CLOSE_AT_EXIT int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, state->reader.notify, &event) < 0)
                return -errno;
        state->poll_timer = take_fd(&timer);
        state->poll_epoll = take_fd(&epoll);
        set_timer(state);
        return state->poll_epoll;
}

/*
 * A call that waits looks often before it sleeps: behind the first one, a look is one read of the file, and all the rest (was it cut or removed, is a
 * later file there, have the senders gone) is left to the last look before the sleep, which arm() asks for; and to one in many, for
 * ?wait=spin never sleeps.
 */
static bool must_be_thorough(const struct leat_channel *channel, const struct incoming *message) {
        const struct log_state *state = channel->state;
        return !message->patient || state->queue.fd >= 0 || state->hasty >= HASTY_MOST ||
               channel->spins[DIRECTION_RECEIVE].mode == SPIN_NEVER;
}

static int try_once(struct leat_channel *channel, struct incoming *message) {
        struct log_state *state = channel->state;
        int r = take(state, message);
        if (r != -EAGAIN || !state->thorough) {
                state->hasty = r == -EAGAIN ? state->hasty + 1 : 0;
                return r;
        }
        state->hasty = 0;
        if (state->busy_us > 0 || !address_given(&channel->address, OPTION_END) || !all_gone(state))
                return r;
        r = take(state, message); /* what they wrote last was written before they were gone */
        if (r != -EAGAIN || state->busy_us > 0)
                return r;
        if (channel->aside.messages == 0) /* until those are received it is told again */
                state->passed_ended = state->passed;
        state->close_us = 0;
        return -ENODATA;
}

int log_receive(struct leat_channel *channel, struct incoming *messages, int count) {
        struct log_state *state = channel->state;
        uint64_t noise = state->reader.cursor.noise;
        (void)count;
        state->thorough = state->thorough || must_be_thorough(channel, messages);
        int r = try_once(channel, messages);
        state->thorough = false;
        counter_add(&channel->counters->refused, state->reader.cursor.noise - noise);
        state->look_again = r == -EINPROGRESS;
        set_timer(state);
        return r >= 0 ? r : r == -EINPROGRESS ? -EAGAIN : explain(channel, r);
}

int log_receive_arm(struct log_state *state, struct wait *wait) {
        int64_t us = look_again_us(state);
        state->thorough = state->hasty > 0;
        if (state->look_again || state->thorough)
                return 1;
        wait_add(wait, state->reader.notify, POLLIN);
        if (us > 0)
                wait_look_again(wait, leat_in_us(us));
        return 0;
}
