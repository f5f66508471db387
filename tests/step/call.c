/* SPDX-License-Identifier: MIT */
/* The child calls, or replies. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

#define SUCCESS 1 /* of the helper's call */

/* A caller in a process of its own: what became of its call is in the page. */
static void caller(void *argument) {
        struct world *world = argument;
        struct leat_channel *channel = world_open(world, LEAT_CALL);
        int r = world_call(world, channel, OTHER, harness_deadline_ms(PATIENCE_MS));
        world->page->helper_result = r < 0 ? r : SUCCESS;
        leat_close(channel);
}

/* A survivor replies: another caller gets its answer, whatever happened to the first. */
static void serve_another(struct world *world) {
        if (!world->transport->named)
                return;
        world->page->helper_result = 0;
        world_helper(world, caller);
        while (world->taken[OTHER] < 1) {
                /* The first caller may have been told to be gone before the other came. */
                int r = world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS));
                CHECK(r == 0 || r == -ENODATA);
        }
        world_finish_helper(world);
        CHECK_EQ(world->page->helper_result, SUCCESS);
}

/* --- the child calls --- */

static void call_before(struct world *world) {
        world_make(world, GIVE_SENDER);
        if (world->transport->named)
                world->receiver = world_open(world, LEAT_REPLY);
}

static void call_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_CALL);
}

static int call_one(struct world *world) {
        return world_call(world, world->channel, CHILD, world->deadline);
}

static void call_again(struct world *world) {
        CHECK_EQ(world_call(world, world->channel, CHILD, world->deadline), 0);
}

static void call_blocked(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
}

static void call_after_kill(struct world *world) {
        serve_another(world);
        world_expect_end(world, world->receiver);
        CHECK(world->taken[CHILD] <= 1);
        CHECK(world->taken[CHILD] == 1 || !world->page->done);
}

static void call_while_stopped(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(BRIEF_MS)), -ETIMEDOUT);
        serve_another(world);
}

static void call_after_continue(struct world *world) {
        while (world->taken[CHILD] < 2)
                CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(PATIENCE_MS)), 0);
        world_finish_child(world);
        world_expect_end(world, world->receiver);
}

/* --- the child replies --- */

static void reply_before(struct world *world) {
        world_make(world, GIVE_SENDER);
        world_helper(world, caller);
        if (world->transport->named)
                return;
        world->given = world->receiver;
        world->receiver = NULL;
        CHECK_EQ(leat_give(world->given), 0);
}

static void reply_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_REPLY);
        CHECK_EQ(world_receive(world, world->channel, world->deadline), 0);
        world_check(world);
}

static int reply_one(struct world *world) {
        return world_reply(world->channel, &world->about, world->deadline);
}

/* A reply that was sent is read, whatever became of its sender; else the caller is told, at once and not at its deadline. */
static void reply_after_kill(struct world *world) {
        world_finish_helper(world);
        CHECK(world->page->helper_result == SUCCESS || (world->page->helper_result == -EPIPE && !world->page->done));
        if (!world->transport->named)
                return;
        world->receiver = world_open(world, LEAT_REPLY);
        serve_another(world);
        world_expect_end(world, world->receiver);
}

static void reply_while_stopped(struct world *world) {
        CHECK(world->page->helper_result == 0 || world->page->helper_result == SUCCESS);
}

static void reply_after_continue(struct world *world) {
        world_finish_helper(world);
        CHECK_EQ(world->page->helper_result, SUCCESS);
        world_finish_child(world);
}

const struct step_scenario step_call[] = {
        { .name = "call",
          .two_way = true,
          .before = call_before,
          .prepare = call_prepare,
          .operation = call_one,
          .after = call_again,
          .blocked = call_blocked,
          .after_kill = call_after_kill,
          .while_stopped = call_while_stopped,
          .after_continue = call_after_continue },
        { .name = "reply",
          .two_way = true,
          .before = reply_before,
          .prepare = reply_prepare,
          .operation = reply_one,
          .after_kill = reply_after_kill,
          .while_stopped = reply_while_stopped,
          .after_continue = reply_after_continue },
        { .name = NULL },
};
