/* SPDX-License-Identifier: MIT */
/*
 * What goes on after a loss: a receiver that acknowledges, a sender that keeps what was not, a sender that connects again. Every
 * message that was not acknowledged comes, marked if it had gone out before; none that was acknowledged comes again.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

static void send_small(struct world *world) {
        CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
}

/* Receive, be done with it, say so. The number is checked later, by who is not traced. */
static int work(struct world *world, struct leat_channel *channel, int64_t deadline) {
        int r = world_receive(world, channel, deadline);
        return r < 0 ? r : leat_acknowledge(channel, &world->about);
}

static unsigned number_of(const struct world *world) {
        return (unsigned)((world->about.type - 1) / 100);
}

static bool is_marked(const struct world *world) {
        return world->about.flags & LEAT_REDELIVERED;
}

/* --- the child acknowledges --- */

static void workers_before(struct world *world) {
        if (!world->transport->store)
                return;
        world->sender = world_open(world, LEAT_SEND);
        for (unsigned i = 0; i < world->scenario->messages_before + 2; i++)
                send_small(world);
}

/* Where it listens its sender comes after it. */
static void workers_blocked(struct world *world) {
        if (world->sender)
                return;
        world->sender = world_open(world, LEAT_SEND);
        for (unsigned i = 0; i < world->scenario->messages_before + 2; i++)
                send_small(world);
}

static void workers_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
        for (unsigned i = 0; i < world->scenario->messages_before; i++) {
                CHECK_EQ(work(world, world->channel, world->deadline), 0);
                world_check(world);
        }
}

static int work_once(struct world *world) {
        int r = world_receive(world, world->channel, world->deadline);
        if (r < 0)
                return r;
        world->page->expected = 1; /* the program has it */
        return leat_acknowledge(world->channel, &world->about);
}

/* The next worker begins with what was not acknowledged. */
static void workers_after_kill(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        unsigned at = scenario->messages_before;
        workers_blocked(world);
        world->receiver = world_open(world, LEAT_RECEIVE);
        send_small(world);
        CHECK_EQ(work(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        CHECK(number_of(world) == at + 1 || (number_of(world) == at && !world->page->done));
        if (!world->page->expected) /* it was killed in the receive, which acknowledges nothing */
                CHECK_EQ(number_of(world), at);
        if (number_of(world) == at && world->page->expected)
                CHECK(is_marked(world));
        if (number_of(world) == at + 1 && world->transport->store) /* nobody had that one */
                CHECK(!is_marked(world));
        world->taken[SURVIVOR] = number_of(world);
        world_check(world);
        while (world->taken[SURVIVOR] < world->sent[SURVIVOR]) {
                CHECK_EQ(work(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
                world_check(world);
        }
        CHECK(!is_marked(world)); /* it was sent when the first was dead */
        if (!world->transport->store)
                CHECK_EQ(leat_flush(world->sender, harness_deadline_ms(DEADLINE_MS)), 0);
        CHECK_EQ(world_receive(world, world->receiver, LEAT_NOW), -EAGAIN);
}

/* It is not dead: the message is still its own. */
static void workers_while_stopped(struct world *world) {
        if (!world->transport->store)
                return;
        world->receiver = world_open(world, LEAT_RECEIVE);
        int r = work(world, world->receiver, harness_deadline_ms(BRIEF_MS));
        CHECK(r == 0 || r == -ETIMEDOUT);
        CHECK(r < 0 || (!world->page->done && number_of(world) == world->scenario->messages_before) ||
              (world->page->done && number_of(world) == world->scenario->messages_before + 1) ||
              number_of(world) == world->scenario->messages_before + 1);
        CHECK(r < 0 || !is_marked(world));
        world->receiver = leat_close(world->receiver);
}

static void work_rest(struct world *world) {
        int r;
        while ((r = work(world, world->channel, world->deadline)) == 0)
                CHECK(!is_marked(world));
        CHECK_EQ(r, -ENODATA);
}

static void workers_after_continue(struct world *world) {
        workers_blocked(world);
        if (!world->transport->store)
                CHECK_EQ(leat_flush(world->sender, harness_deadline_ms(PATIENCE_MS)), 0);
        world->sender = leat_close(world->sender);
        world_finish_child(world);
}

/* --- the child sends, and waits until all is acknowledged --- */

static void drain(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
}

static int send_and_flush(struct world *world) {
        int r = world_send(world, world->channel, CHILD, SMALL, world->deadline);
        return r < 0 ? r : leat_flush(world->channel, world->deadline);
}

/* --- the child's receiver goes, and another comes --- */

static void lost_before(struct world *world) {
        world->receiver = world_open(world, LEAT_RECEIVE);
}

static void lost_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->channel, CHILD, SMALL, world->deadline), 0);
}

static void lose_receiver(struct world *world) {
        leat_close(world->receiver);
        world->receiver = world_open(world, LEAT_RECEIVE);
}

static int send_again(struct world *world) {
        return world_send(world, world->channel, CHILD, SMALL, world->deadline);
}

/* The first comes again and is marked, the second does not come before it. */
static void take_both(struct world *world, unsigned at_least) {
        int r;
        world->other = world_open(world, LEAT_SEND); /* so that there is an end */
        world->other = leat_close(world->other);
        while ((r = world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS))) == 0)
                CHECK_EQ(is_marked(world), number_of(world) == 0);
        CHECK_EQ(r, -ENODATA);
        CHECK(world->taken[CHILD] >= at_least && world->taken[CHILD] <= 2);
}

static void lost_after_kill(struct world *world) {
        take_both(world, world->page->done ? 2 : 0);
}

static void lost_after_continue(struct world *world) {
        world_finish_child(world);
        take_both(world, 2);
}

#define WORKER                                                                                                         \
        .before = workers_before, .prepare = workers_prepare, .operation = work_once, .after = work_rest,              \
        .blocked = workers_blocked, .after_kill = workers_after_kill, .while_stopped = workers_while_stopped,          \
        .after_continue = workers_after_continue, .messages_before = 1, .messages_in = 1

const struct step_scenario step_again[] = {
        { .name = "acknowledge", WORKER, .options = "at-least-once&acknowledge", .connections_only = true },
        { .name = "acknowledge-stored", WORKER, .options = "acknowledge", .keepers_only = true },
        { .name = "send-until-acknowledged",
          .before = senders_before,
          .prepare = senders_prepare,
          .operation = send_and_flush,
          .after = senders_after,
          .blocked = drain,
          .after_kill = senders_after_kill,
          .while_stopped = senders_while_stopped,
          .after_continue = senders_after_continue,
          .options = "at-least-once",
          .connections_only = true,
          .messages_before = 3,
          .messages_in = 1,
          .messages_after = 1 },
        { .name = "connect-again",
          .before = lost_before,
          .prepare = lost_prepare,
          .ready = lose_receiver,
          .operation = send_again,
          .after_kill = lost_after_kill,
          .after_continue = lost_after_continue,
          .options = "at-least-once",
          .connections_only = true },
        { .name = NULL },
};
