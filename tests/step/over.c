/* SPDX-License-Identifier: MIT */
/* The child calls, or replies, over two channels that go one way each. */
#include "harness.h"
#include "scenario.h"
#include <errno.h>
#include <stdio.h>

#define SUCCESS 1 /* of the helper's call */
#define STRAYS 12 /* more than a POSIX queue holds */

/* Where answers come: a place of the same kind beside that of the requests. A name has no dots behind it in a System V queue. */
static void name_answers(const struct world *world, char *ret_address, size_t size) {
        size_t length = strcspn(world->address, "?");
        if (strncmp(world->address, "sysv-mq:", 8) == 0)
                snprintf(ret_address, size, "sysv-mq:0x57e957ea");
        else
                snprintf(ret_address, size, "%.*s.me", (int)length, world->address);
}

static struct leat_channel *open_over(const struct world *world, unsigned flags) {
        char answers[256], address[600];
        struct leat_channel *channel = NULL;
        name_answers(world, answers, sizeof answers);
        snprintf(address, sizeof address, "%s%sreply=%s", world->address, strchr(world->address, '?') ? "&" : "?",
                 answers);
        int r = leat_open(address, flags, harness_deadline_ms(DEADLINE_MS), &channel);
        if (r < 0)
                FAIL("open %s: %s", address, leat_strerror(r));
        return channel;
}

static void remove_failed(const char *address) {
        (void)leat_remove(address, NULL);
}

/* What killed callers have left there. Where it fills, no answer finds room before a caller has looked. */
static void leave_strays(const char *answers) {
        struct leat_channel *stranger = NULL;
        if (leat_open(answers, LEAT_SEND, LEAT_NOW, &stranger) < 0)
                return; /* without a receiver there is nothing that it could lie in */
        for (int i = 0; i < STRAYS; i++)
                (void)leat_send(stranger, 1, "stray", 5, LEAT_NOW);
        leat_close(stranger);
}

static void begin(struct world *world) {
        char answers[256];
        name_answers(world, answers, sizeof answers);
        harness_remove_later(remove_failed, answers);
        leave_strays(answers);
        world->receiver = open_over(world, LEAT_REPLY);
}

static void end(const struct world *world) {
        char answers[256];
        int r;
        name_answers(world, answers, sizeof answers);
        r = leat_remove(answers, NULL);
        CHECK(r == 0 || r == -ENOENT);
}

/* Answer the next request; with ?end the end comes when a caller goes. */
static int serve(struct world *world, int64_t deadline) {
        int r;
        do
                r = world_receive(world, world->receiver, deadline);
        while (r == -ENODATA && deadline != LEAT_NOW);
        if (r < 0)
                return r;
        world_check(world);
        CHECK(world->about.flags & LEAT_WANTS_REPLY);
        r = world_reply(world->receiver, &world->about, harness_deadline_ms(DEADLINE_MS));
        CHECK(r == 0 || r == -EPIPE);
        return 0;
}

static void serve_all(struct world *world) {
        int r;
        do
                r = serve(world, LEAT_NOW);
        while (r == 0 || r == -ENODATA);
        CHECK_EQ(r, -EAGAIN);
}

static void caller(void *argument) {
        struct world *world = argument;
        struct leat_channel *channel = open_over(world, LEAT_CALL);
        int r = world_call(world, channel, OTHER, harness_deadline_ms(PATIENCE_MS));
        world->page->helper_result = r < 0 ? r : SUCCESS;
        leat_close(channel);
}

/* Whatever the first caller left behind, the next one of the same place gets its own answer. */
static void serve_another(struct world *world) {
        world->page->helper_result = 0;
        world_helper(world, caller);
        while (world->taken[OTHER] < 1)
                CHECK_EQ(serve(world, harness_deadline_ms(DEADLINE_MS)), 0);
        world_finish_helper(world);
        CHECK_EQ(world->page->helper_result, SUCCESS);
}

static void call_prepare(struct world *world) {
        world->channel = open_over(world, LEAT_CALL);
}

static int call_one(struct world *world) {
        return world_call(world, world->channel, CHILD, world->deadline);
}

static void call_again(struct world *world) {
        CHECK_EQ(world_call(world, world->channel, CHILD, world->deadline), 0);
}

static void call_after_kill(struct world *world) {
        serve_all(world);
        CHECK(world->taken[CHILD] <= 1);
        CHECK(world->taken[CHILD] == 1 || !world->page->done);
        serve_another(world);
        end(world);
}

static void call_after_continue(struct world *world) {
        while (world->taken[CHILD] < 2)
                CHECK_EQ(serve(world, harness_deadline_ms(PATIENCE_MS)), 0);
        world_finish_child(world);
        end(world);
}

const struct step_scenario step_over[] = {
        { .name = "call-over",
          .over_only = true,
          .before = begin,
          .prepare = call_prepare,
          .operation = call_one,
          .after = call_again,
          .blocked = serve_all,
          .after_kill = call_after_kill,
          .while_stopped = serve_all,
          .after_continue = call_after_continue },
        { .name = NULL },
};
