/* SPDX-License-Identifier: MIT */
/* The child receives what a survivor sends. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

static void send_small(struct world *world) {
        CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
}

void receivers_before(struct world *world) {
        world_make(world, GIVE_RECEIVER);
}

void receivers_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
        for (unsigned i = 0; i < world->scenario->messages_before; i++)
                CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
}

/* The child waits for its first sender, or for a message. */
void receivers_blocked(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        if (world->sent[SURVIVOR] < scenario->messages_before + scenario->messages_in)
                send_small(world);
}

/* It waits for a large one, which lands as it comes. */
static void blocked_large(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        if (world->sent[SURVIVOR] < scenario->messages_before)
                send_small(world);
        else if (world->sent[SURVIVOR] < scenario->messages_before + scenario->messages_in)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, MIDDLE, harness_deadline_ms(DEADLINE_MS)), 0);
}

static void send_two(struct world *world) {
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->sender, SURVIVOR, world->scenario->length, harness_deadline_ms(DEADLINE_MS)),
                 0);
        send_small(world);
}

/* All that waits: where there are packets of several, in one. */
static void send_five(struct world *world) {
        static const enum length lengths[] = { SMALL, SMALL, SMALL, SMALL, SMALL };
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send_many(world, world->sender, SURVIVOR, lengths, 5, harness_deadline_ms(DEADLINE_MS)), 5);
}

static int receive_many(struct world *world) {
        return world_receive_many(world, world->channel, world->deadline);
}

static int receive_one(struct world *world) {
        return world_receive(world, world->channel, world->deadline);
}

void receive_rest(struct world *world) {
        if (world->scenario->operation == receive_many)
                CHECK(world_check_many(world) >= 1);
        else
                world_check(world);
        CHECK_EQ(world_take_all(world, world->channel, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[SURVIVOR] + world->taken[OTHER], world->page->expected);
}

/* Fails when a message comes that was sent to the receiver before, or one comes twice. */
void survivors_go_on(struct world *world) {
        if (!world->transport->named)
                return;
        if (!world->receiver)
                world->receiver = world_open(world, LEAT_RECEIVE);
        world->sender = leat_close(world->sender);
        world->sender = world_open(world, LEAT_SEND);
        world->taken[SURVIVOR] = world->sent[SURVIVOR];
        send_small(world);
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        world->sender = leat_close(world->sender);
        world->other = leat_close(world->other);
        world_expect_end(world, world->receiver);
}

void receivers_after_kill(struct world *world) {
        CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), -EPIPE);
        survivors_go_on(world);
}

/* All the room that there is behind what the child has not read, or has not told of: to the last record. */
static void fill(struct world *world, struct leat_channel *channel, enum who who) {
        static const enum length lengths[] = { BLOCK, SMALL, NOTHING };
        for (int i = 0; i < 3 && world->transport->ring; i++) {
                int r = 0;
                for (unsigned k = 0; r == 0 && k < world->transport->ring; k++)
                        r = world_send(world, channel, who, lengths[i], LEAT_NOW);
                CHECK_EQ(r, -EAGAIN);
        }
}

/* A stopped receiver is not a dead one: what is sent waits for it, and senders may come. */
void receivers_while_stopped(struct world *world) {
        send_small(world);
        fill(world, world->sender, SURVIVOR);
        if (!world->transport->named)
                return;
        world->other = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->other, OTHER, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
        fill(world, world->other, OTHER);
}

/* If there is a message for it, it needs nothing else to go on. */
void receivers_after_continue(struct world *world) {
        if (!world->sent[SURVIVOR] || world->sent[SURVIVOR] < world->scenario->messages_before + 1)
                send_small(world);
        world_wait_done(world);
        for (unsigned i = 0; i < world_turns(world); i++)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, BLOCK, harness_deadline_ms(DEADLINE_MS)), 0);
        world->page->expected = world->sent[SURVIVOR] + world->sent[OTHER];
        world->sender = leat_close(world->sender);
        world->other = leat_close(world->other);
        world_finish_child(world);
}

#define RECEIVER_WHEN(how)                                                                                             \
        .before = receivers_before, .prepare = receivers_prepare, .after = receive_rest, .blocked = (how),             \
        .after_kill = receivers_after_kill, .while_stopped = receivers_while_stopped,                                  \
        .after_continue = receivers_after_continue, .messages_in = 1
#define RECEIVER RECEIVER_WHEN(receivers_blocked)
#define RECEIVES_ONE RECEIVER, .operation = receive_one
#define RECEIVES_ONE_WHEN(how) RECEIVER_WHEN(how), .operation = receive_one

const struct step_scenario step_receive[] = {
        { .name = "receive-small", RECEIVES_ONE, .ready = send_two, .messages_before = 1, .length = SMALL },
        { .name = "receive-large", RECEIVES_ONE, .ready = send_two, .messages_before = 1, .length = MIDDLE },
        { .name = "receive-waiting", RECEIVES_ONE, .messages_before = 1 },
        { .name = "receive-large-waiting", RECEIVES_ONE_WHEN(blocked_large), .messages_before = 1, .length = MIDDLE },
        { .name = "receive-many", RECEIVER, .ready = send_five, .operation = receive_many, .messages_before = 1 },
        { .name = "accept", RECEIVES_ONE, .ready = send_two, .named_only = true },
        { .name = NULL },
};
