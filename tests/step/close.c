/* SPDX-License-Identifier: MIT */
/* The child closes. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

#define CALLS 4
#define QUICK_MS 20 /* for what may be held up by a stopped process */

static int close_channel(struct world *world) {
        world->channel = leat_close(world->channel);
        return 0;
}

/* A new receiver may come while the old one stands in its close: it gets the name, or is told why not. */
static void receiver_while_stopped(struct world *world) {
        int r = world_send(world, world->sender, SURVIVOR, SMALL, LEAT_NOW);
        CHECK(r == 0 || r == -EPIPE);
        if (!world->transport->named)
                return;
        r = leat_open(world->address, LEAT_RECEIVE, harness_deadline_ms(QUICK_MS), &world->receiver);
        CHECK(r == 0 || r == -EADDRINUSE || r == -ETIMEDOUT);
}

/* The name that a new receiver took is not removed by the close of the old one. */
static void receiver_after_continue(struct world *world) {
        world_finish_child(world);
        receivers_after_kill(world);
}

/* --- a sender that goes while another comes, sends and goes: the end is told after both --- */

static void alone_before(struct world *world) {
        world->receiver = world_open(world, LEAT_RECEIVE);
}

/* One was taken: the receiver is in the middle of this connection when it finds its end. */
static void another_comes(struct world *world) {
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        world->other = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->other, OTHER, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
        world->other = leat_close(world->other);
        world_expect_end(world, world->receiver);
        CHECK_EQ(world->taken[OTHER], 1);
        CHECK_EQ(world->taken[CHILD], world->scenario->messages_before);
}

static void another_comes_after_it(struct world *world) {
        world_finish_child(world);
        another_comes(world);
}

/* --- a sender that did not read a reply: the kernel calls that a reset, and what it sent is to be read all the same --- */

static void unread_before(struct world *world) {
        world_make(world, GIVE_SENDER);
        if (world->transport->named)
                world->receiver = world_open(world, LEAT_REPLY);
}

/* Calls that are not waited for, though their deadline has not passed: they are answered. */
static void unread_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_CALL);
        for (unsigned i = 0; i < CALLS; i++) {
                size_t size;
                int64_t type = message_type(CHILD, i, SMALL);
                const void *bytes = message_bytes(type, &size);
                CHECK_EQ(leat_interrupt(world->channel), 0);
                CHECK_EQ(leat_call(world->channel, type, bytes, size, NULL, 0, LEAT_NEVER, NULL), -ECANCELED);
        }
}

/* The reply to the first goes out; the others stay where they are. */
static void unread_ready(struct world *world) {
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
}

static void unread_end(struct world *world) {
        world_expect_end(world, world->receiver);
        CHECK_EQ(world->taken[CHILD], CALLS);
}

const struct step_scenario step_close[] = {
        { .name = "close-sender",
          .stores_too = true,
          .before = senders_before,
          .prepare = senders_prepare,
          .operation = close_channel,
          .after_kill = senders_after_kill,
          .while_stopped = senders_while_stopped,
          .after_continue = senders_after_continue,
          .ends = true,
          .messages_before = 3 },
        { .name = "close-receiver",
          .before = receivers_before,
          .prepare = receivers_prepare,
          .operation = close_channel,
          .blocked = receivers_blocked,
          .after_kill = receivers_after_kill,
          .while_stopped = receiver_while_stopped,
          .after_continue = receiver_after_continue,
          .messages_before = 1 },
        { .name = "close-and-another-comes",
          .stores_too = true,
          .before = alone_before,
          .prepare = senders_prepare,
          .operation = close_channel,
          .after_kill = another_comes,
          .after_continue = another_comes_after_it,
          .named_only = true,
          .messages_before = 3 },
        { .name = "close-unread",
          .two_way = true,
          .before = unread_before,
          .prepare = unread_prepare,
          .ready = unread_ready,
          .operation = close_channel,
          .after_kill = unread_end,
          .after_continue = unread_end },
        { .name = NULL },
};
