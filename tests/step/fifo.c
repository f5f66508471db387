/* SPDX-License-Identifier: MIT */
/*
 * Fifos: a sender opens one only while a receiver is there; what waits lives while anybody has it open; a name outlives
 * them all, but for a temporary one. Senders are in send.c, open.c and close.c like all others.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define QUICK_MS 20 /* for what may be held up by a stopped process */
#define WAITING 3   /* messages that wait for the child */

static void send_some(struct world *world, unsigned count) {
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        while (count--)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
}

/* All that is left comes in order, whole and once; then the end. */
static void take_rest(struct world *world) {
        world->sender = leat_close(world->sender);
        world_expect_end(world, world->receiver);
        CHECK_EQ(world->taken[SURVIVOR], world->sent[SURVIVOR]);
}

/* Whoever opens now meets, and there is nothing older. */
static void meet(struct world *world) {
        if (!world->receiver)
                world->receiver = world_open(world, LEAT_RECEIVE);
        send_some(world, 1);
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        take_rest(world);
}

/* --- it takes --- */

static void open_receiver_before(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
}

static void take_ready(struct world *world) {
        send_some(world, WAITING);
}

/* In one packet. */
static void take_many_ready(struct world *world) {
        static const enum length lengths[WAITING] = { SMALL, SMALL, SMALL };
        world->sender = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send_many(world, world->sender, SURVIVOR, lengths, WAITING, harness_deadline_ms(DEADLINE_MS)),
                 WAITING);
}

static int take_many(struct world *world) {
        return world_receive_many(world, world->channel, world->deadline);
}

static int take_one(struct world *world) {
        return world_receive(world, world->channel, world->deadline);
}

/* The sender kept open what waits; the next receiver begins with the first that was not taken. */
static void take_after_kill(struct world *world) {
        unsigned in = world->scenario->messages_in;
        bool surely_taken = world->page->done;
        world->receiver = world_open(world, LEAT_RECEIVE);
        send_some(world, 1);
        CHECK_EQ(world_receive(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        unsigned number = (unsigned)((world->about.type - 1) / 100);
        CHECK(number == in || (number < in && !surely_taken));
        world->taken[SURVIVOR] = number;
        world_check(world);
        take_rest(world);
}

static void take_while_stopped(struct world *world) {
        send_some(world, 1);
}

static void take_all_left(struct world *world) {
        if (world->scenario->operation == take_many)
                CHECK(world_check_many(world) >= WAITING);
        else
                world_check(world);
        CHECK_EQ(world_take_all(world, world->channel, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[SURVIVOR], world->page->expected);
}

static void take_after_continue(struct world *world) {
        world->page->expected = world->sent[SURVIVOR];
        world->sender = leat_close(world->sender);
        world_finish_child(world);
}

/* --- it opens --- */

static int open_receiver(struct world *world) {
        return leat_open(world->address, LEAT_RECEIVE, world->deadline, &world->channel);
}

/* With ?exclusive the stopped one may have the lock. */
static void open_while_stopped(struct world *world) {
        int r = leat_open(world->address, LEAT_RECEIVE, harness_deadline_ms(QUICK_MS), &world->receiver);
        CHECK(r == 0 || r == -EADDRINUSE || r == -ETIMEDOUT);
}

static void open_after_continue(struct world *world) {
        world_finish_child(world);
        meet(world);
}

/* --- a temporary one --- */

static void be_killed(void *argument) {
        struct world *world = argument;
        world->channel = world_open(world, LEAT_RECEIVE);
        kill(getpid(), SIGKILL);
}

static void stale_before(struct world *world) {
        CHECK_EQ(harness_wait(harness_fork(be_killed, world)), -SIGKILL);
}

static int close_channel(struct world *world) {
        world->channel = leat_close(world->channel);
        return 0;
}

#define OPENER                                                                                                         \
        .after_kill = meet, .while_stopped = open_while_stopped, .after_continue = open_after_continue,                \
        .fifos_only = true, .may_lose = true

#define TAKER                                                                                                          \
        .prepare = open_receiver_before, .after = take_all_left, .after_kill = take_after_kill,                        \
        .while_stopped = take_while_stopped, .after_continue = take_after_continue, .fifos_only = true

const struct step_scenario step_fifo[] = {
        { .name = "take", TAKER, .ready = take_ready, .operation = take_one, .messages_in = 1 },
        { .name = "take-many", TAKER, .ready = take_many_ready, .operation = take_many, .messages_in = WAITING },
        { .name = "open-receiver", OPENER, .operation = open_receiver },
        { .name = "open-temporary", OPENER, .operation = open_receiver, .options = "temporary" },
        { .name = "open-temporary-stale",
          OPENER,
          .operation = open_receiver,
          .before = stale_before,
          .options = "temporary" },
        { .name = "close-temporary",
          OPENER,
          .prepare = open_receiver_before,
          .operation = close_channel,
          .options = "temporary" },
        { .name = NULL },
};
