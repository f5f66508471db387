/* SPDX-License-Identifier: MIT */
/* The child sends. Where there is a name, another sender is there all the time and must come through. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

void senders_before(struct world *world) {
        world_make(world, GIVE_SENDER);
        if (!world->transport->named)
                return;
        world->receiver = world_open(world, LEAT_RECEIVE);
        world->other = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->other, OTHER, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
}

static void send_some(struct world *world, enum length length, unsigned count) {
        while (count--)
                CHECK_EQ(world_send(world, world->channel, CHILD, length, world->deadline), 0);
}

void senders_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_SEND);
        send_some(world, SMALL, world->scenario->messages_before);
}

void senders_after(struct world *world) {
        send_some(world, SMALL, world->scenario->messages_after);
        send_some(world, BLOCK, world_turns(world));
}

static unsigned messages_of_all(const struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        return scenario->messages_before + scenario->messages_in + scenario->messages_after +
               (scenario->after == senders_after ? world_turns(world) : 0);
}

static void other_comes_through(struct world *world) {
        if (!world->other)
                return;
        if (world->transport->meets) /* all share one pipe, which the child may have filled */
                CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
        CHECK_EQ(world_send(world, world->other, OTHER, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
        while (world->taken[OTHER] < world->sent[OTHER])
                CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
}

/* What was sent before is there, what was being sent is there whole or not, and then the end. */
void senders_after_kill(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        unsigned surely = scenario->messages_before + (world->page->done ? scenario->messages_in : 0);
        other_comes_through(world);
        world->other = leat_close(world->other);
        world_expect_end(world, world->receiver);
        CHECK(world->taken[CHILD] >= surely);
        CHECK(world->taken[CHILD] <= scenario->messages_before + scenario->messages_in);
}

/* The other's ring turns several times, while that of the child stands still. */
static void other_turns(struct world *world) {
        for (unsigned i = 0; i < world_turns(world); i++) {
                CHECK_EQ(world_send(world, world->other, OTHER, BLOCK, harness_deadline_ms(DEADLINE_MS)), 0);
                CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        }
        CHECK_EQ(world->taken[OTHER], world->sent[OTHER]);
}

/* It may have to wait for its turn, but not past its deadline. */
static void other_tries(struct world *world) {
        int r = world_send(world, world->other, OTHER, SMALL, harness_deadline_ms(BRIEF_MS));
        CHECK(r == 0 || r == -ETIMEDOUT);
}

/* A stopped sender is not a dead one: no end is told. */
void senders_while_stopped(struct world *world) {
        bool may_end = world->scenario->ends && !world->transport->named;
        int r = world_take_all(world, world->receiver, LEAT_NOW);
        CHECK(r == -EAGAIN || (may_end && r == -ENODATA));
        CHECK(world->taken[CHILD] >= world->scenario->messages_before);
        r = world_take(world, world->receiver, harness_deadline_ms(BRIEF_MS));
        CHECK(r == -ETIMEDOUT || (may_end && r == -ENODATA));
        if (world->transport->turns)
                other_tries(world);
        else
                other_comes_through(world);
        if (world->transport->ring)
                other_turns(world);
}

void senders_after_continue(struct world *world) {
        unsigned all = messages_of_all(world);
        while (world->taken[CHILD] < all)
                CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(PATIENCE_MS)), 0);
        world_finish_child(world);
        other_comes_through(world);
        world->other = leat_close(world->other);
        world_expect_end(world, world->receiver);
        CHECK_EQ(world->taken[CHILD], all);
}

static int send_one(struct world *world) {
        return world_send(world, world->channel, CHILD, world->scenario->length, world->deadline);
}

static int send_sync(struct world *world) {
        return world_send_sync(world, world->channel, CHILD, world->deadline);
}

/* Five small ones, which go with one write or packet where there is such a thing. */
static int send_many(struct world *world) {
        static const enum length lengths[] = { SMALL, SMALL, SMALL, SMALL, SMALL };
        int n = world_send_many(world, world->channel, CHILD, lengths, 5, world->deadline);
        return n == 5 ? 0 : n < 0 ? n : -EIO;
}

/* Between them one that goes by itself. */
static int send_mixed(struct world *world) {
        static const enum length lengths[] = { SMALL, SMALL, MIDDLE, SMALL, SMALL };
        int n = world_send_many(world, world->channel, CHILD, lengths, 5, world->deadline);
        return n == 5 ? 0 : n < 0 ? n : -EIO;
}

/* The receiver takes what is there: room for the next frame, or the TAKEN that the child waits for. */
static void drain(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
}

#define SENDER_OF(count)                                                                                               \
        .before = senders_before, .prepare = senders_prepare, .after = senders_after, .blocked = drain,                \
        .after_kill = senders_after_kill, .while_stopped = senders_while_stopped,                                      \
        .after_continue = senders_after_continue, .messages_before = 3, .messages_in = (count), .messages_after = 1
#define SENDER SENDER_OF(1)

const struct step_scenario step_send[] = {
        { .name = "send-small", SENDER, .operation = send_one, .length = SMALL, .stores_too = true },
        { .name = "send-large", SENDER, .operation = send_one, .length = LARGE, .turns_too = true },
        { .name = "send-sync", SENDER, .operation = send_sync, .sync = true },
        { .name = "send-many", SENDER_OF(5), .operation = send_many, .stores_too = true },
        { .name = "send-many-mixed", SENDER_OF(5), .operation = send_mixed, .turns_too = true, .not_in_a_store = true },
        { .name = NULL },
};
