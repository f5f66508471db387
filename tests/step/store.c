/* SPDX-License-Identifier: MIT */
/*
 * Stores: what waits belongs to no receiver and outlives every party. So a killed receiver loses at most the message that
 * it was taking, the next goes on with the rest, and nobody is told -EPIPE. Senders are in send.c, open.c and close.c like
 * all others: here they only wait for room, and there are temporary stores.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define QUICK_MS 20 /* for what may be held up by a stopped process */
#define WAITING 3   /* messages that a survivor sends ahead */

static void survivor_sends(struct world *world, unsigned count) {
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        while (count--)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
}

/* An end with one more option than the others have. */
static int open_with(struct world *world, unsigned flags, const char *option, int64_t deadline,
                     struct leat_channel **ret_channel) {
        char address[sizeof world->address + 32];
        snprintf(address, sizeof address, "%s%s%s", world->address, strchr(world->address, '?') ? "&" : "?", option);
        return leat_open(address, flags, deadline, ret_channel);
}

/* All that is left comes in order, whole and once; then the end. */
static void take_rest(struct world *world) {
        world->sender = leat_close(world->sender);
        world_expect_end(world, world->receiver);
        CHECK_EQ(world->taken[SURVIVOR], world->sent[SURVIVOR]);
}

/* --- a receiver is killed or stopped --- */

static void take_before(struct world *world) {
        survivor_sends(world, WAITING);
}

static void take_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
        for (unsigned i = 0; i < world->scenario->messages_before; i++)
                CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
}

static int take_one(struct world *world) {
        return world_receive(world, world->channel, world->deadline);
}

/* All that waits, with one call. */
static int take_many(struct world *world) {
        return world_receive_many(world, world->channel, world->deadline);
}

/* The next receiver begins with the first that was not taken: one of the operation, if it was not yet. */
static void take_after_kill(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        bool surely_taken = world->page->done && scenario->messages_in > 0;
        survivor_sends(world, 1);
        world->receiver = world_open(world, LEAT_RECEIVE);
        CHECK_EQ(world_receive(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        unsigned number = (unsigned)((world->about.type - 1) / 100);
        CHECK(number == scenario->messages_before + scenario->messages_in ||
              (number >= scenario->messages_before && number < scenario->messages_before + scenario->messages_in &&
               !surely_taken));
        world->taken[SURVIVOR] = number;
        world_check(world);
        take_rest(world);
}

/* Others may come and go, and it is no end that this one stands. */
static void take_while_stopped(struct world *world) {
        leat_close(world_open(world, LEAT_RECEIVE));
        survivor_sends(world, 1);
}

static void take_all_left(struct world *world) {
        if (world->scenario->operation == take_many)
                CHECK(world_check_many(world) >= world->scenario->messages_in);
        else if (world->scenario->messages_in)
                world_check(world);
        CHECK_EQ(world_take_all(world, world->channel, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[SURVIVOR], world->page->expected);
}

static void take_after_continue(struct world *world) {
        if (world->sent[SURVIVOR] <= world->scenario->messages_before)
                survivor_sends(world, 1);
        world->page->expected = world->sent[SURVIVOR];
        world->sender = leat_close(world->sender);
        world_finish_child(world);
}

/* --- it waits for a message --- */

static void wait_before(struct world *world) {
        survivor_sends(world, world->scenario->messages_before);
}

static void wait_blocked(struct world *world) {
        if (world->sent[SURVIVOR] == world->scenario->messages_before)
                survivor_sends(world, 1);
}

/* It was killed before there was anything to take: the next takes what comes. */
static void wait_after_kill(struct world *world) {
        if (world->sent[SURVIVOR] > world->scenario->messages_before) {
                take_after_kill(world);
                return;
        }
        survivor_sends(world, 1);
        world->taken[SURVIVOR] = world->scenario->messages_before;
        world->receiver = world_open(world, LEAT_RECEIVE);
        take_rest(world);
}

/* --- it waits for the end, which comes while it does --- */

static void end_blocked(struct world *world) {
        world->sender = leat_close(world->sender);
}

static int wait_for_end(struct world *world) {
        int r = world_receive(world, world->channel, world->deadline);
        return r == -ENODATA ? 0 : -EPROTO;
}

static void end_after_kill(struct world *world) {
        world->taken[SURVIVOR] = world->sent[SURVIVOR];
        world->receiver = world_open(world, LEAT_RECEIVE);
        survivor_sends(world, 1);
        take_rest(world);
}

static void end_after_continue(struct world *world) {
        world->sender = leat_close(world->sender);
        world_finish_child(world);
}

/* --- it opens --- */

static int open_receiver(struct world *world) {
        return leat_open(world->address, LEAT_RECEIVE, world->deadline, &world->channel);
}

static void open_after_continue(struct world *world) {
        world->page->expected = world->sent[SURVIVOR];
        world->sender = leat_close(world->sender);
        world_finish_child(world);
}

/* --- it closes --- */

static int close_channel(struct world *world) {
        world->channel = leat_close(world->channel);
        return 0;
}

static void close_after_continue(struct world *world) {
        world_finish_child(world);
        take_after_kill(world);
}

/* --- it opens to be the one receiver --- */

static int open_exclusive(struct world *world) {
        return open_with(world, LEAT_RECEIVE, "exclusive", world->deadline, &world->channel);
}

static void exclusive_after_kill(struct world *world) {
        CHECK_EQ(open_with(world, LEAT_RECEIVE, "exclusive", harness_deadline_ms(DEADLINE_MS), &world->receiver), 0);
        take_rest(world);
}

static void exclusive_while_stopped(struct world *world) {
        int r = open_with(world, LEAT_RECEIVE, "exclusive", harness_deadline_ms(QUICK_MS), &world->receiver);
        CHECK(r == 0 || r == -EADDRINUSE);
}

static void exclusive_after_continue(struct world *world) {
        bool lost = world->receiver;
        open_after_continue(world);
        CHECK_EQ(world->page->result, lost ? -EADDRINUSE : 0);
        if (lost)
                take_rest(world);
}

/* --- a sender waits for room --- */

static void drain(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
}

static void scarce_before(struct world *world) {
        senders_before(world);
        if (world->transport->scarce_capacity)
                CHECK_EQ(leat_set(world->address, "capacity", world->transport->scarce_capacity, NULL), 0);
}

static int send_one(struct world *world) {
        return world_send(world, world->channel, CHILD, SMALL, world->deadline);
}

/* Nobody makes room before the deadline; unless it stands meanwhile, and then it may be sent. */
static int send_in_vain(struct world *world) {
        int r = world_send(world, world->channel, CHILD, SMALL, leat_in_us(300));
        return r == -ETIMEDOUT ? 0 : r;
}

static void send_rest(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        while (world->sent[CHILD] < scenario->messages_before + scenario->messages_in + scenario->messages_after)
                CHECK_EQ(world_send(world, world->channel, CHILD, SMALL, world->deadline), 0);
}

/* There was no room for it: none of it is seen. */
static void vain_after_kill(struct world *world) {
        world->other = leat_close(world->other);
        world_expect_end(world, world->receiver);
        CHECK_EQ(world->taken[CHILD], world->scenario->messages_before);
        CHECK_EQ(world->taken[OTHER], world->sent[OTHER]);
}

static void room_after_kill(struct world *world) {
        int r = world_take_all(world, world->receiver, LEAT_NOW);
        CHECK_EQ(r, -EAGAIN);
        senders_after_kill(world);
}

/* --- temporary: opened where killed ones have left one --- */

static void be_killed(void *argument) {
        struct world *world = argument;
        world->channel = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->channel, OTHER, SMALL, LEAT_NOW), 0);
        kill(getpid(), SIGKILL);
}

static void stale_before(struct world *world) {
        CHECK_EQ(harness_wait(harness_fork(be_killed, world)), -SIGKILL);
}

/* A receiver and a sender that open now meet, and find nothing older. */
static void meet_anew(struct world *world) {
        if (!world->receiver)
                world->receiver = world_open(world, LEAT_RECEIVE);
        CHECK_EQ(world_receive(world, world->receiver, LEAT_NOW), -EAGAIN);
        survivor_sends(world, 1);
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(DEADLINE_MS)), 0);
        take_rest(world);
}

/* Nobody waits past the deadline for one that stands while it removes the old one. */
static void temporary_while_stopped(struct world *world) {
        int r = leat_open(world->address, LEAT_RECEIVE, harness_deadline_ms(QUICK_MS), &world->receiver);
        CHECK(r == 0 || r == -ETIMEDOUT);
}

static void temporary_after_continue(struct world *world) {
        world_finish_child(world);
        meet_anew(world);
}

/* --- temporary: the last party closes --- */

static void last_prepare(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
}

#define RECEIVER                                                                                                       \
        .before = take_before, .prepare = take_prepare, .after = take_all_left, .after_kill = take_after_kill,         \
        .while_stopped = take_while_stopped, .after_continue = take_after_continue, .stores_only = true

const struct step_scenario step_store[] = {
        { .name = "take", RECEIVER, .operation = take_one, .messages_before = 1, .messages_in = 1 },
        { .name = "take-many", RECEIVER, .operation = take_many, .messages_before = 1, .messages_in = WAITING - 1 },
        { .name = "take-waiting",
          .before = wait_before,
          .prepare = take_prepare,
          .operation = take_one,
          .after = take_all_left,
          .blocked = wait_blocked,
          .after_kill = wait_after_kill,
          .while_stopped = take_while_stopped,
          .after_continue = take_after_continue,
          .stores_only = true,
          .messages_before = 1,
          .messages_in = 1 },
        { .name = "wait-for-the-end",
          .before = wait_before,
          .prepare = take_prepare,
          .operation = wait_for_end,
          .blocked = end_blocked,
          .after_kill = end_after_kill,
          .after_continue = end_after_continue,
          .stores_only = true,
          .messages_before = 1 },
        { .name = "open-to-take",
          .before = take_before,
          .operation = open_receiver,
          .after = take_all_left,
          .after_kill = take_after_kill,
          .while_stopped = take_while_stopped,
          .after_continue = open_after_continue,
          .stores_only = true },
        { .name = "close-taker",
          .before = take_before,
          .prepare = take_prepare,
          .operation = close_channel,
          .after_kill = take_after_kill,
          .while_stopped = take_while_stopped,
          .after_continue = close_after_continue,
          .stores_only = true,
          .messages_before = 1 },
        { .name = "open-exclusive",
          .exclusive = true,
          .before = take_before,
          .operation = open_exclusive,
          .after = take_all_left,
          .after_kill = exclusive_after_kill,
          .while_stopped = exclusive_while_stopped,
          .after_continue = exclusive_after_continue,
          .stores_only = true,
          .may_lose = true },
        { .name = "send-in-vain",
          .scarce = true,
          .before = scarce_before,
          .prepare = senders_prepare,
          .operation = send_in_vain,
          .after = send_rest,
          .after_kill = vain_after_kill,
          .while_stopped = senders_while_stopped,
          .after_continue = senders_after_continue,
          .stores_only = true,
          .messages_before = 2,
          .messages_in = 1,
          .messages_after = 1 },
        { .name = "send-waiting",
          .asleep = true,
          .scarce = true,
          .before = scarce_before,
          .prepare = senders_prepare,
          .operation = send_one,
          .after = senders_after,
          .blocked = drain,
          .after_kill = room_after_kill,
          .while_stopped = senders_while_stopped,
          .after_continue = senders_after_continue,
          .stores_only = true,
          .messages_before = 2,
          .messages_in = 1,
          .messages_after = 1 },
        { .name = "open-temporary-stale",
          .options = "temporary",
          .before = stale_before,
          .operation = open_receiver,
          .after_kill = meet_anew,
          .while_stopped = temporary_while_stopped,
          .after_continue = temporary_after_continue,
          .stores_only = true },
        { .name = "close-temporary",
          .options = "temporary",
          .prepare = last_prepare,
          .operation = close_channel,
          .after_kill = meet_anew,
          .while_stopped = temporary_while_stopped,
          .after_continue = temporary_after_continue,
          .stores_only = true },
        { .name = NULL },
};
