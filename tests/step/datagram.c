/* SPDX-License-Identifier: MIT */
/*
 * Datagrams: no end is told, and none is waited for: what survivors find is there at once, or never. Of a killed
 * receiver what waited for it goes; over unix-dgram: nothing else is lost, and over udp: nothing else as long as it
 * finds room.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

#define QUICK_MS 20 /* for what may be held up by a stopped process */

static int64_t soon(void) {
        return harness_deadline_ms(DEADLINE_MS);
}

/* A receiver that is gone, or not there yet, is told of once. */
static void send_to_somebody(struct world *world, struct leat_channel *sender, enum who who) {
        int r = world_send(world, sender, who, SMALL, soon());
        if (r == -EPIPE && world->transport->port)
                r = world_send(world, sender, who, SMALL, soon());
        CHECK_EQ(r, 0);
}

static void take_all_there(struct world *world) {
        CHECK_EQ(world_take_all(world, world->receiver, LEAT_NOW), -EAGAIN);
}

static void other_comes_through(struct world *world) {
        send_to_somebody(world, world->other, OTHER);
        take_all_there(world);
        CHECK_EQ(world->taken[OTHER], world->sent[OTHER]);
}

/* ---- the child sends ---- */

static void senders_before_it(struct world *world) {
        world->receiver = world_open(world, LEAT_RECEIVE);
        world->other = world_open(world, LEAT_SEND);
        other_comes_through(world);
}

static void send_some(struct world *world, unsigned count) {
        while (count--)
                CHECK_EQ(world_send(world, world->channel, CHILD, SMALL, world->deadline), 0);
}

static void prepare_sender(struct world *world) {
        world->channel = world_open(world, LEAT_SEND);
        send_some(world, world->scenario->messages_before);
}

static void send_rest(struct world *world) {
        send_some(world, world->scenario->messages_after);
}

static void after_kill_of_sender(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        unsigned surely = scenario->messages_before + (world->page->done ? scenario->messages_in : 0);
        other_comes_through(world);
        CHECK(world->taken[CHILD] >= surely);
        CHECK(world->taken[CHILD] <= scenario->messages_before + scenario->messages_in);
}

static void while_sender_stands(struct world *world) {
        other_comes_through(world);
        CHECK(world->taken[CHILD] >= world->scenario->messages_before);
        CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(BRIEF_MS)), -ETIMEDOUT);
}

static void after_sender_goes_on(struct world *world) {
        const struct step_scenario *scenario = world->scenario;
        world_finish_child(world);
        other_comes_through(world);
        CHECK_EQ(world->taken[CHILD], scenario->messages_before + scenario->messages_in + scenario->messages_after);
}

static int open_sender(struct world *world) {
        return leat_open(world->address, LEAT_SEND, world->deadline, &world->channel);
}

static int send_one(struct world *world) {
        return world_send(world, world->channel, CHILD, SMALL, world->deadline);
}

static int close_it(struct world *world) {
        world->channel = leat_close(world->channel);
        return 0;
}

/* ---- the child calls ---- */

static void repliers_before_it(struct world *world) {
        world->receiver = world_open(world, LEAT_REPLY);
        world->other = world_open(world, LEAT_SEND);
        other_comes_through(world);
}

static void prepare_caller(struct world *world) {
        world->channel = world_open(world, LEAT_CALL);
}

static int call_once(struct world *world) {
        return world_call(world, world->channel, CHILD, world->deadline);
}

static void call_again(struct world *world) {
        CHECK_EQ(world_call(world, world->channel, CHILD, world->deadline), 0);
}

/* It is answered as soon as the child sleeps. */
static void answer(struct world *world) {
        take_all_there(world);
}

static void after_caller_goes_on(struct world *world) {
        while (world->taken[CHILD] < 2)
                CHECK_EQ(world_take(world, world->receiver, harness_deadline_ms(PATIENCE_MS)), 0);
        world_finish_child(world);
        other_comes_through(world);
}

/* ---- the child receives ---- */

static void prepare_receiver(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
}

static void survivor_sends(struct world *world) {
        if (!world->sender)
                world->sender = world_open(world, LEAT_SEND);
        send_to_somebody(world, world->sender, SURVIVOR);
}

static void send_when_it_sleeps(struct world *world) {
        if (world->sent[SURVIVOR] == 0)
                survivor_sends(world);
}

static int receive_one(struct world *world) {
        return world_receive(world, world->channel, world->deadline);
}

static void take_expected(struct world *world) {
        if (world->scenario->messages_in)
                world_check(world);
        while (world->taken[SURVIVOR] < world->page->expected)
                CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
}

/* The next receiver takes the name over; what is sent to it comes, and nothing older. */
static void next_receiver_goes_on(struct world *world) {
        if (!world->receiver)
                world->receiver = world_open(world, LEAT_RECEIVE);
        world->sender = leat_close(world->sender);
        world->taken[SURVIVOR] = world->sent[SURVIVOR];
        survivor_sends(world);
        take_all_there(world);
        CHECK_EQ(world->taken[SURVIVOR], world->sent[SURVIVOR]);
}

static void after_kill_of_receiver(struct world *world) {
        int r = 0;
        if (world->sender) /* a sender of the dead one is told, over udp after one more */
                for (int i = 0; i < 3 && r == 0; i++)
                        r = world_send(world, world->sender, SURVIVOR, SMALL, soon());
        CHECK(!world->sender || r == -EPIPE);
        next_receiver_goes_on(world);
}

static void while_receiver_stands(struct world *world) {
        survivor_sends(world); /* what is sent waits for it */
        world->page->expected = world->sent[SURVIVOR];
}

static void after_receiver_goes_on(struct world *world) {
        send_when_it_sleeps(world);
        world_finish_child(world);
}

/* ---- the child opens to receive, or closes ---- */

static int open_receiver(struct world *world) {
        return leat_open(world->address, LEAT_RECEIVE, world->deadline, &world->channel);
}

static void another_tries(struct world *world) {
        int r = leat_open(world->address, LEAT_RECEIVE, harness_deadline_ms(QUICK_MS), &world->receiver);
        CHECK(r == 0 || r == -EADDRINUSE || r == -ETIMEDOUT);
}

/* One of both has the name. */
static void after_opener_goes_on(struct world *world) {
        world_finish_child(world);
        next_receiver_goes_on(world);
}

static void after_kill_of_opener(struct world *world) {
        next_receiver_goes_on(world);
}

static void after_closer_goes_on(struct world *world) {
        world_finish_child(world);
        next_receiver_goes_on(world);
}

#define SENDER                                                                                                         \
        .datagrams_only = true, .before = senders_before_it, .after_kill = after_kill_of_sender,                       \
        .while_stopped = while_sender_stands, .after_continue = after_sender_goes_on
#define RECEIVER                                                                                                       \
        .datagrams_only = true, .prepare = prepare_receiver, .operation = receive_one, .after = take_expected,         \
        .after_kill = after_kill_of_receiver, .while_stopped = while_receiver_stands,                                  \
        .after_continue = after_receiver_goes_on, .messages_in = 1

const struct step_scenario step_datagram[] = {
        { .name = "datagram-open", SENDER, .operation = open_sender, .after = send_rest, .messages_after = 1 },
        { .name = "datagram-send",
          SENDER,
          .prepare = prepare_sender,
          .operation = send_one,
          .after = send_rest,
          .messages_before = 3,
          .messages_in = 1,
          .messages_after = 1 },
        { .name = "datagram-close", SENDER, .prepare = prepare_sender, .operation = close_it, .messages_before = 1 },
        { .name = "datagram-call",
          .datagrams_only = true,
          .before = repliers_before_it,
          .prepare = prepare_caller,
          .operation = call_once,
          .after = call_again,
          .blocked = answer,
          .after_kill = after_kill_of_sender,
          .while_stopped = other_comes_through,
          .after_continue = after_caller_goes_on,
          .messages_in = 1 },
        { .name = "datagram-receive", RECEIVER, .ready = survivor_sends },
        { .name = "datagram-receive-waiting", RECEIVER, .blocked = send_when_it_sleeps },
        { .name = "datagram-open-to-receive",
          .datagrams_only = true,
          .operation = open_receiver,
          .after = take_expected,
          .after_kill = after_kill_of_opener,
          .while_stopped = another_tries,
          .after_continue = after_opener_goes_on,
          .may_lose = true },
        { .name = "datagram-close-receiver",
          .datagrams_only = true,
          .prepare = prepare_receiver,
          .operation = close_it,
          .after_kill = after_kill_of_opener,
          .while_stopped = another_tries,
          .after_continue = after_closer_goes_on },
        { .name = NULL },
};
