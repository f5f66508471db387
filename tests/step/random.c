/* SPDX-License-Identifier: MIT */
/*
 * Kills inside long system calls, where no tracer can stop: copies of many pages, waits for room. The time of
 * the kill is a deadline that a survivor's own call waits for, drawn from the seed.
 */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <stdio.h>

#define KILLS 30
#define LONGEST_US 4000

static void send_for_ever(void *argument) {
        struct world *world = argument;
        int r;
        world->channel = world_open(world, LEAT_SEND);
        do
                r = world_send(world, world->channel, CHILD, (enum length)harness_random_below(LENGTH_MAX), LEAT_NEVER);
        while (r == 0);
        FAIL("send: %s", leat_strerror(r));
}

static void receive_for_ever(void *argument) {
        struct world *world = argument;
        world->channel = world_open(world, LEAT_RECEIVE);
        int r = world_take_all(world, world->channel, LEAT_NEVER);
        FAIL("receive: %s", leat_strerror(r));
}

static int64_t random_deadline(uint64_t longest_us) {
        return leat_in_us((int64_t)harness_random_below(longest_us));
}

/* The child is killed while it sends; or, when nobody takes anything, while it waits for room. */
static void kill_a_sender(const struct step_transport *transport, bool drained) {
        static const struct step_scenario any = { .messages_in = ~0u };
        struct world world;
        world_begin(&world, transport, "");
        world.scenario = &any;
        senders_before(&world);
        pid_t pid = harness_fork(send_for_ever, &world);
        world_gave(&world);
        if (drained)
                CHECK_EQ(world_take_all(&world, world.receiver, random_deadline(LONGEST_US)), -ETIMEDOUT);
        else
                harness_wait_state(pid, "S");
        harness_kill(pid);
        senders_after_kill(&world);
        world_end(&world);
}

static void kill_a_receiver(const struct step_transport *transport) {
        struct world world;
        int r;
        world_begin(&world, transport, "");
        receivers_before(&world);
        pid_t pid = harness_fork(receive_for_ever, &world);
        world_gave(&world);
        if (!world.sender)
                world.sender = world_open(&world, LEAT_SEND);
        int64_t deadline = random_deadline(LONGEST_US);
        /* A message whose deadline passed is not seen, or the number that the child takes next is not the one it waits for. */
        do
                r = world_send(&world, world.sender, SURVIVOR, (enum length)harness_random_below(LENGTH_MAX),
                               random_deadline(LONGEST_US / 20));
        while ((r == 0 || r == -ETIMEDOUT) && leat_now() < deadline);
        CHECK(r == 0 || r == -ETIMEDOUT);
        harness_kill(pid);
        receivers_after_kill(&world);
        world_end(&world);
}

static void senders(void *argument) {
        for (int i = 0; i < KILLS; i++) {
                world_at("kill %d", i);
                kill_a_sender(argument, i % 2);
        }
}

static void receivers(void *argument) {
        for (int i = 0; i < KILLS; i++) {
                world_at("kill %d", i);
                kill_a_receiver(argument);
        }
}

void step_random_add(const struct step_transport *transport) {
        char name[96];
        snprintf(name, sizeof name, "%s/random-kills-of-a-sender", transport->name);
        harness_add(name, senders, (void *)transport);
        snprintf(name, sizeof name, "%s/random-kills-of-a-receiver", transport->name);
        harness_add(name, receivers, (void *)transport);
}
