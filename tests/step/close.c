/* SPDX-License-Identifier: MIT */
/* The child closes. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>

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

const struct step_scenario step_close[] = {
        { .name = "close-sender",
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
        { .name = NULL },
};
