/* SPDX-License-Identifier: MIT */
/*
 * What only a ring in shared memory does: it wraps around and fills, and who waits for either side of it says so in memory. The others are stopped
 * where they stand: so that it turns before that, while one stands, and after.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#define SUCCESS 1 /* of the helper's sends */
#define LAPS 3    /* the ring turned so often before */
#define BEFORE_END (LAPS * BLOCKS_A_TURN)

static int64_t soon(void) {
        return harness_deadline_ms(DEADLINE_MS);
}

/* The message before the operation decides how far it is from there to the end of the ring. */
static enum length length_at(const struct world *world, unsigned number) {
        bool last = number + 1 == BEFORE_END;
        return number >= BEFORE_END ? world->scenario->length : last ? world->scenario->edge : BLOCK;
}

/* --- the child sends --- */

static void send_next(struct world *world) {
        CHECK_EQ(world_send(world, world->channel, CHILD, length_at(world, world->sent[CHILD]), world->deadline), 0);
}

static void send_to_the_edge(struct world *world) {
        world->channel = world_open(world, LEAT_SEND);
        while (world->sent[CHILD] < BEFORE_END)
                send_next(world);
}

static int send_one(struct world *world) {
        return world_send(world, world->channel, CHILD, world->scenario->length, world->deadline);
}

/* The second one lies behind the end. */
static int send_two(struct world *world) {
        int r = send_one(world);
        return r < 0 ? r : send_one(world);
}

static int send_together(struct world *world) {
        static const enum length lengths[] = { SMALL, NOTHING, SMALL };
        int n = world_send_many(world, world->channel, CHILD, lengths, 3, world->deadline);
        return n == 3 ? 0 : n < 0 ? n : -EIO;
}

static void drain(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
}

/* --- the child finds no room --- */

static void send_until_full(struct world *world) {
        world->channel = world_open(world, LEAT_SEND);
        for (unsigned i = 0; i < BLOCKS_FULL; i++)
                CHECK_EQ(world_send(world, world->channel, CHILD, BLOCK, world->deadline), 0);
}

/* What was taken is little, and what tells of it is not what a sender looks at first. */
static void take_one(struct world *world) {
        while (world->taken[CHILD] == 0)
                CHECK_EQ(world_take(world, world->receiver, soon()), 0);
}

/* It needs nothing more to go on. */
static void after_room_for_one(struct world *world) {
        take_one(world);
        world_wait_done(world);
        senders_after_continue(world);
}

/* It does not wait, and what was read only just is room. */
static int send_now(struct world *world) {
        return world_send(world, world->channel, CHILD, BLOCK, LEAT_NOW);
}

/* --- the child opens, and is the only one to do so --- */

static void alone_before(struct world *world) {
        world->receiver = world_open(world, LEAT_RECEIVE);
}

static int open_sender(struct world *world) {
        return leat_open(world->address, LEAT_SEND, world->deadline, &world->channel);
}

/* It came, and then there is an end; or it never did. The next one comes through. */
static void alone_after_kill(struct world *world) {
        int r = world_take(world, world->receiver, harness_deadline_ms(BRIEF_MS));
        CHECK(r == -ENODATA || r == -ETIMEDOUT);
        world->other = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->other, OTHER, SMALL, soon()), 0);
        CHECK_EQ(world_take(world, world->receiver, soon()), 0);
        world->other = leat_close(world->other);
        world_expect_end(world, world->receiver);
}

static void alone_while_stopped(struct world *world) {
        CHECK_EQ(world_take(world, world->receiver, LEAT_NOW), -EAGAIN);
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(BRIEF_MS)), -ETIMEDOUT);
}

/* --- the child sends a descriptor --- */

static int ends[2] = { -1, -1 };

static void before_descriptors(struct world *world) {
        senders_before(world);
        CHECK_EQ(pipe(ends), 0);
}

static int send_descriptor(struct world *world) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        size_t size;
        options.deadline = world->deadline;
        options.type = message_type(CHILD, world->sent[CHILD], SMALL);
        options.descriptors = &ends[0];
        options.descriptors_count = 1;
        const void *bytes = message_bytes(options.type, &size);
        int r = leat_send_with(world->channel, bytes, size, &options);
        world->sent[CHILD] += r == 0;
        return r;
}

static void close_ends(void) {
        close(ends[0]);
        close(ends[1]);
}

static void descriptors_after_kill(struct world *world) {
        senders_after_kill(world);
        close_ends();
}

static void descriptors_after_continue(struct world *world) {
        senders_after_continue(world);
        close_ends();
}

/* --- the child receives --- */

static void supply(struct world *world) {
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        if (world->sent[SURVIVOR] < world->scenario->messages_before + world->scenario->messages_in)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, length_at(world, world->sent[SURVIVOR]), soon()),
                         0);
}

static void supply_two(struct world *world) {
        for (int i = 0; i < 2; i++)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, world->scenario->length, soon()), 0);
}

static int receive_one(struct world *world) {
        return world_receive(world, world->channel, world->deadline);
}

static int receive_two(struct world *world) {
        int r = receive_one(world);
        if (r < 0)
                return r;
        world_check(world);
        return receive_one(world);
}

/* --- the child looks whether there is something --- */

static int receive_now(struct world *world) {
        int r = world_receive(world, world->channel, LEAT_NOW);
        return r == -EAGAIN ? 0 : r;
}

static void receive_rest_of_now(struct world *world) {
        if (world->received >= 0)
                world_check(world);
        CHECK_EQ(world_take_all(world, world->channel, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[SURVIVOR] + world->taken[OTHER], world->page->expected);
}

/* Its poll, too, must end. */
static int receive_polled(struct world *world) {
        int r;
        while ((r = world_receive(world, world->channel, LEAT_NOW)) == -EAGAIN) {
                struct pollfd state = { .fd = leat_fd(world->channel), .events = POLLIN };
                if (poll(&state, 1, PATIENCE_MS) <= 0)
                        return -ETIMEDOUT;
        }
        return r;
}

/* --- what the child has not seen yet is sent, and its sender is gone --- */

static void last_words(struct world *world) {
        CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, soon()), 0);
        world->page->expected = world->sent[SURVIVOR];
        world->sender = leat_close(world->sender);
}

static void after_last_words(struct world *world) {
        if (world->sender)
                last_words(world);
        world_finish_child(world);
}

static void kill_after_last_words(struct world *world) {
        world->sender = leat_close(world->sender);
        survivors_go_on(world);
}

/* --- the child receives one of a type that is not the first --- */

static void send_to_select(struct world *world) {
        supply_two(world);
        supply_two(world);
}

/* Of these the third. */
static int receive_selected(struct world *world) {
        struct leat_message about = LEAT_MESSAGE_INIT;
        unsigned char buffer[SMALL_BYTES];
        int64_t type = message_type(SURVIVOR, world->scenario->messages_before + 2, SMALL);
        ssize_t n = leat_receive(world->channel, type, buffer, sizeof buffer, world->deadline, &about);
        return n < 0 ? (int)n : n == SMALL_BYTES && about.type == type ? 0 : -EBADMSG;
}

/* The others stand where they stood. */
static void receive_around_selected(struct world *world) {
        unsigned selected = world->scenario->messages_before + 2;
        for (unsigned i = world->scenario->messages_before; i < selected; i++)
                CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
        world->taken[SURVIVOR]++;
        CHECK_EQ(world_take_all(world, world->channel, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[SURVIVOR] + world->taken[OTHER], world->page->expected);
}

/* --- the child receives from a full ring, whose sender sleeps until there is room --- */

#define SENT_UNTIL_FULL (1 + BLOCKS_FULL) /* one was taken */

static void send_more_than_fits(void *argument) {
        struct world *world = argument;
        struct leat_channel *channel = world_open(world, LEAT_SEND);
        int r = 0;
        for (unsigned i = 0; r == 0 && i < SENT_UNTIL_FULL + world_turns(world); i++, world->page->helper_sent++)
                r = world_send(world, channel, SURVIVOR, BLOCK, world->deadline);
        world->page->helper_result = r < 0 ? r : SUCCESS;
        leat_close(channel);
}

static void with_a_helper(struct world *world) {
        world->page->expected = SENT_UNTIL_FULL + world_turns(world);
        world_helper(world, send_more_than_fits);
}

static void until_it_is_full(struct world *world) {
        while (world->page->helper_sent < SENT_UNTIL_FULL && leat_now() < world->deadline)
                sched_yield();
        CHECK_EQ(world->page->helper_sent, SENT_UNTIL_FULL);
        harness_wait_state(world->helper, "S");
}

static void leave_it_alone(struct world *world) {
        (void)world;
}

static void full_after_kill(struct world *world) {
        world_finish_helper(world);
        CHECK_EQ(world->page->helper_result, -EPIPE);
        survivors_go_on(world);
}

static void full_after_continue(struct world *world) {
        world_finish_child(world);
        world_finish_helper(world);
        CHECK_EQ(world->page->helper_result, SUCCESS);
}

#define SENDER_LEFT_WITH(kill, go_on)                                                                                  \
        .rings_only = true, .after = senders_after, .after_kill = (kill), .after_continue = (go_on), .messages_after = 1
#define SENDER                                                                                                         \
        SENDER_LEFT_WITH(senders_after_kill, senders_after_continue), .before = senders_before, .blocked = drain,      \
                                                                      .while_stopped = senders_while_stopped
#define SENDER_AT_THE_END SENDER, .prepare = send_to_the_edge, .messages_before = BEFORE_END
#define FULL .prepare = send_until_full, .operation = send_one, .length = BLOCK, .messages_before = BLOCKS_FULL

#define RECEIVER_WITH(rest)                                                                                            \
        .rings_only = true, .before = receivers_before, .prepare = receivers_prepare, .after = (rest),                 \
        .after_kill = receivers_after_kill, .while_stopped = receivers_while_stopped,                                  \
        .after_continue = receivers_after_continue, .messages_in = 1
#define RECEIVER_AT_THE_END                                                                                            \
        RECEIVER_WITH(receive_rest), .blocked = supply, .ready = supply_two, .messages_before = BEFORE_END
#define RECEIVER_OF_SMALL(rest) RECEIVER_WITH(rest), .blocked = receivers_blocked, .messages_before = 1

/* clang-format off: a table */
const struct step_scenario step_ring[] = {
        { .name = "send-over-the-end",
          SENDER_AT_THE_END,
          .operation = send_one,
          .length = SMALL,
          .edge = EDGE,
          .messages_in = 1 },
        { .name = "send-to-the-end",
          SENDER_AT_THE_END,
          .operation = send_two,
          .length = SMALL,
          .edge = RIM,
          .messages_in = 2 },
        { .name = "send-many-over-the-end",
          SENDER_AT_THE_END,
          .operation = send_together,
          .edge = RIM,
          .messages_in = 3 },
        { .name = "send-large-over-the-end",
          SENDER_AT_THE_END,
          .operation = send_one,
          .length = MIDDLE,
          .edge = EDGE,
          .messages_in = 1 },
        { .name = "send-nothing",
          SENDER,
          .prepare = senders_prepare,
          .operation = send_one,
          .length = NOTHING,
          .messages_in = 1 },
        { .name = "send-descriptor",
          SENDER_LEFT_WITH(descriptors_after_kill, descriptors_after_continue),
          .before = before_descriptors,
          .prepare = senders_prepare,
          .blocked = drain,
          .while_stopped = senders_while_stopped,
          .operation = send_descriptor,
          .messages_in = 1 },
        { .name = "send-full", SENDER, FULL, .messages_in = 1 },
        { .name = "send-full-room-for-one",
          SENDER_LEFT_WITH(senders_after_kill, after_room_for_one),
          FULL,
          .before = senders_before,
          .blocked = take_one,
          .while_stopped = take_one,
          .messages_in = 1 },
        { .name = "send-now-full",
          SENDER,
          .prepare = send_until_full,
          .ready = take_one,
          .operation = send_now,
          .messages_before = BLOCKS_FULL,
          .messages_in = 1 },
        { .name = "open-alone",
          SENDER_LEFT_WITH(alone_after_kill, senders_after_continue),
          .before = alone_before,
          .operation = open_sender,
          .while_stopped = alone_while_stopped },
        { .name = "receive-and-the-end",
          .rings_only = true,
          .before = receivers_before,
          .prepare = receivers_prepare,
          .blocked = receivers_blocked,
          .operation = receive_one,
          .after = receive_rest,
          .after_kill = kill_after_last_words,
          .while_stopped = last_words,
          .after_continue = after_last_words,
          .messages_before = 1,
          .messages_in = 1 },
        { .name = "receive-over-the-end",
          RECEIVER_AT_THE_END,
          .operation = receive_one,
          .length = SMALL,
          .edge = EDGE },
        { .name = "receive-to-the-end", RECEIVER_AT_THE_END, .operation = receive_two, .length = SMALL, .edge = RIM },
        { .name = "receive-large-over-the-end",
          RECEIVER_AT_THE_END,
          .operation = receive_one,
          .length = BLOCK,
          .edge = EDGE },
        { .name = "receive-nothing",
          RECEIVER_OF_SMALL(receive_rest),
          .ready = supply_two,
          .operation = receive_one,
          .length = NOTHING },
        { .name = "receive-empty", RECEIVER_OF_SMALL(receive_rest_of_now), .operation = receive_now },
        { .name = "receive-polled", RECEIVER_OF_SMALL(receive_rest), .operation = receive_polled },
        { .name = "receive-selected",
          RECEIVER_OF_SMALL(receive_around_selected),
          .ready = send_to_select,
          .operation = receive_selected,
          .length = SMALL },
        { .name = "receive-full",
          .rings_only = true,
          .before = with_a_helper,
          .prepare = receivers_prepare,
          .ready = until_it_is_full,
          .operation = receive_one,
          .after = receive_rest,
          .blocked = leave_it_alone,
          .after_kill = full_after_kill,
          .after_continue = full_after_continue,
          .messages_before = 1,
          .messages_in = 1 },
        { .name = NULL },
};
/* clang-format on */
