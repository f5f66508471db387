/* SPDX-License-Identifier: MIT */
/* The child opens, as receiver or as sender; or makes a pair. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define QUICK_MS 20 /* for what may be held up by a stopped process */

/* A descriptor for the child to open, where there is no name. */
static void make_descriptor(struct world *world, enum given given) {
        struct leat_channel *receiver, *sender;
        int ends[2];
        CHECK_EQ(leat_pair(world->address, NULL, &receiver, &sender), 0);
        CHECK_EQ(leat_detach(given == GIVE_SENDER ? sender : receiver, ends), 0);
        world->descriptors[0] = given == GIVE_SENDER ? ends[1] : ends[0];
        snprintf(world->made, sizeof world->made, "%s:fd=%d", world->transport->name, world->descriptors[0]);
        if (given == GIVE_SENDER)
                world->receiver = receiver;
        else
                world->sender = sender;
}

static int open_as(struct world *world, unsigned flags) {
        const char *address = world->transport->named ? world->address : world->made;
        return leat_open(address, flags, world->deadline, &world->channel);
}

/* --- as receiver --- */

static void receiver_before(struct world *world) {
        if (!world->transport->named)
                make_descriptor(world, GIVE_RECEIVER);
}

static int open_receiver(struct world *world) {
        return open_as(world, LEAT_RECEIVE);
}

static void receiver_after(struct world *world) {
        CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
}

static void receiver_after_kill(struct world *world) {
        if (!world->transport->named)
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), -EPIPE);
        survivors_go_on(world);
}

/* Whoever is second is told so, and no one waits past the deadline for the lock of a stopped opener. */
static void try_to_be_receiver(struct world *world) {
        if (!world->transport->named)
                return;
        int r = leat_open(world->address, LEAT_RECEIVE, harness_deadline_ms(QUICK_MS), &world->receiver);
        CHECK(r == 0 || r == -EADDRINUSE || r == -ETIMEDOUT);
}

static void receiver_after_continue(struct world *world) {
        if (!world->receiver) {
                if (!world->sender)
                        world->sender = world_open(world, LEAT_SEND);
                CHECK_EQ(world_send(world, world->sender, SURVIVOR, SMALL, harness_deadline_ms(DEADLINE_MS)), 0);
        }
        world_finish_child(world);
        CHECK_EQ(world->page->result, world->receiver ? -EADDRINUSE : 0);
        survivors_go_on(world);
}

/* --- as receiver, where a killed one was before --- */

static void be_killed(void *argument) {
        struct world *world = argument;
        world->channel = world_open(world, LEAT_RECEIVE);
        kill(getpid(), SIGKILL);
}

/* Two openers of what it left cannot both win, wherever one of them stands. */
static void stale_before(struct world *world) {
        CHECK_EQ(harness_wait(harness_fork(be_killed, world)), -SIGKILL);
}

/* --- as sender --- */

static void sender_before(struct world *world) {
        if (world->transport->named)
                senders_before(world);
        else
                make_descriptor(world, GIVE_SENDER);
}

static int open_sender(struct world *world) {
        return open_as(world, LEAT_SEND);
}

/* --- as a sender that is there before its receiver --- */

static void receiver_comes(struct world *world) {
        if (!world->receiver)
                senders_before(world);
}

static void first_after_kill(struct world *world) {
        receiver_comes(world);
        senders_after_kill(world);
}

static void first_while_stopped(struct world *world) {
        receiver_comes(world);
        senders_while_stopped(world);
}

static void first_after_continue(struct world *world) {
        receiver_comes(world);
        senders_after_continue(world);
}

/* --- a pair --- */

static struct leat_channel *pair_receiver;

static void pair_before(struct world *world) {
        snprintf(world->made, sizeof world->made, "%s", world->transport->pair);
}

static int make_pair(struct world *world) {
        return leat_pair(world->made, NULL, &pair_receiver, &world->channel);
}

static void pair_after(struct world *world) {
        CHECK_EQ(world_send(world, world->channel, CHILD, SMALL, world->deadline), 0);
        world->channel = leat_close(world->channel);
        CHECK_EQ(world_take_all(world, pair_receiver, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[CHILD], 1);
        leat_close(pair_receiver);
}

const struct step_scenario step_open[] = {
        { .name = "open-receiver",
          .before = receiver_before,
          .operation = open_receiver,
          .after = receiver_after,
          .after_kill = receiver_after_kill,
          .while_stopped = try_to_be_receiver,
          .after_continue = receiver_after_continue,
          .may_lose = true },
        { .name = "open-receiver-stale",
          .before = stale_before,
          .operation = open_receiver,
          .after = receiver_after,
          .after_kill = receiver_after_kill,
          .while_stopped = try_to_be_receiver,
          .after_continue = receiver_after_continue,
          .named_only = true,
          .may_lose = true },
        { .name = "open-sender",
          .stores_too = true,
          .before = sender_before,
          .operation = open_sender,
          .after = senders_after,
          .after_kill = senders_after_kill,
          .while_stopped = senders_while_stopped,
          .after_continue = senders_after_continue,
          .messages_after = 1 },
        { .name = "open-sender-first",
          .stores_too = true,
          .operation = open_sender,
          .after = senders_after,
          .blocked = receiver_comes,
          .after_kill = first_after_kill,
          .while_stopped = first_while_stopped,
          .after_continue = first_after_continue,
          .named_only = true,
          .messages_after = 1 },
        { .name = "pair", .pair_only = true, .before = pair_before, .operation = make_pair, .after = pair_after },
        { .name = NULL },
};
