/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a ring are children, and stopped: one of them goes on to an event of its operation and stands, then the other one to one of
 * its own; and then they are let go, in either order. One goes to sleep and the other one is to wake it: whatever they have seen of each
 * other by then, neither sleeps for ever, and all that was sent comes.
 */
#include "harness.h"
#include "points.h"
#include "scenario.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define TIMEOUT_S 180
#define LONG_TIMEOUT_S 1800
#define ORDERS 4
#define RUNS_MOST 200
#define LONG_RUNS_MOST 10000

enum { RECEIVER, SENDER, PARTIES };
#define BOTH_DONE (1 << RECEIVER | 1 << SENDER)

/* What the two do. */
struct both {
        const char *name;
        int first; /* is traced first, as far as it comes while the other one stands where it begins */
        void (*prepare[PARTIES])(struct world *world);
        int (*operation[PARTIES])(struct world *world);
        void (*rest[PARTIES])(struct world *world);
};

struct test {
        const struct step_transport *transport;
        const struct both *both;
};

struct party {
        struct world *world;
        const struct both *both;
        int index;
        struct tracer tracer;
};

/* Of one party: events, and then instructions. */
struct places {
        struct point *list;
        size_t events, count;
};

/* --- the parties --- */

static void listen_only(struct world *world) {
        world->channel = world_open(world, LEAT_RECEIVE);
}

static void prepare_receiver(struct world *world) {
        listen_only(world);
        CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
}

static int receive_one(struct world *world) {
        return world_receive(world, world->channel, world->deadline);
}

static void take_rest(struct world *world) {
        CHECK_EQ(world_take_all(world, world->channel, world->deadline), -ENODATA);
        CHECK_EQ(world->taken[CHILD], world->page->expected);
}

static void check_and_take_rest(struct world *world) {
        world_check(world);
        take_rest(world);
}

static int receive_to_the_end(struct world *world) {
        int r = world_take_all(world, world->channel, world->deadline);
        return r == -ENODATA ? 0 : r;
}

static void check_all(struct world *world) {
        CHECK_EQ(world->taken[CHILD], world->page->expected);
}

static void prepare_sender(struct world *world) {
        world->channel = world_open(world, LEAT_SEND);
        CHECK_EQ(world_send(world, world->channel, CHILD, SMALL, world->deadline), 0);
}

static void prepare_full(struct world *world) {
        int r;
        prepare_sender(world);
        do
                r = world_send(world, world->channel, CHILD, BLOCK, LEAT_NOW);
        while (r == 0);
        CHECK_EQ(r, -EAGAIN);
}

static void nothing(struct world *world) {
        (void)world;
}

static int send_small(struct world *world) {
        return world_send(world, world->channel, CHILD, SMALL, world->deadline);
}

static int send_block(struct world *world) {
        return world_send(world, world->channel, CHILD, BLOCK, world->deadline);
}

static int open_and_send(struct world *world) {
        int r = leat_open(world->address, LEAT_SEND, world->deadline, &world->channel);
        return r < 0 ? r : send_small(world);
}

/* More than fits before the receiver has come. */
static int open_and_fill(struct world *world) {
        int r = leat_open(world->address, LEAT_SEND, world->deadline, &world->channel);
        for (unsigned i = 0; r == 0 && i <= BLOCKS_FULL; i++)
                r = send_block(world);
        return r;
}

static int send_and_close(struct world *world) {
        int r = send_small(world);
        world->page->expected = world->sent[CHILD];
        world->channel = leat_close(world->channel);
        return r;
}

static void send_rest(struct world *world) {
        for (unsigned i = 0; i < world_turns(world); i++)
                CHECK_EQ(world_send(world, world->channel, CHILD, BLOCK, world->deadline), 0);
        world->page->expected = world->sent[CHILD];
}

static void prepare_replier(struct world *world) {
        world->channel = world_open(world, LEAT_REPLY);
        CHECK_EQ(world_take(world, world->channel, world->deadline), 0);
}

static int take_and_reply(struct world *world) {
        return world_take(world, world->channel, world->deadline);
}

static void prepare_caller(struct world *world) {
        world->channel = world_open(world, LEAT_CALL);
        CHECK_EQ(world_call(world, world->channel, CHILD, world->deadline), 0);
}

static int call_one(struct world *world) {
        return world_call(world, world->channel, CHILD, world->deadline);
}

static void call_again(struct world *world) {
        CHECK_EQ(call_one(world), 0);
        world->page->expected = world->sent[CHILD];
}

/* Nothing that comes later is to help one that sleeps too long. */
static void wait_for_both(struct world *world, int index) {
        atomic_fetch_or(&world->page->done, 1 << index);
        while (world->page->done != BOTH_DONE) {
                if (leat_now() > world->deadline)
                        FAIL("the other one hangs");
                sched_yield();
        }
}

static void child(void *argument) {
        const struct party *party = argument;
        struct world *world = party->world;
        party->both->prepare[party->index](world);
        step_register_rings(world);
        step_begin();
        int r = party->both->operation[party->index](world);
        step_end();
        if (r < 0)
                FAIL("%s: %s", party->index == RECEIVER ? "receive" : "send", leat_strerror(r));
        wait_for_both(world, party->index);
        party->both->rest[party->index](world);
        leat_close(world->channel);
}

/* --- one run --- */

/* Until it begins, or sleeps. true: it begins. */
static bool prepare(struct tracer *tracer) {
        while (true) {
                enum tracer_event event = tracer_next(tracer, TRACER_CALLS);
                CHECK(event != TRACER_EXITED);
                if (event == TRACER_BEGIN || event == TRACER_ASLEEP)
                        return event == TRACER_BEGIN;
        }
}

static void begin(const struct test *test, struct world *world, struct party parties[PARTIES]) {
        bool ready[PARTIES] = { false, false };
        world_begin(world, test->transport, "");
        for (int i = 0; i < PARTIES; i++) {
                parties[i] = (struct party){ .world = world, .both = test->both, .index = i };
                CHECK_EQ(tracer_start(&parties[i].tracer, child, &parties[i]), 0);
        }
        while (!ready[RECEIVER] || !ready[SENDER]) {
                CHECK(leat_now() < world->deadline);
                for (int i = 0; i < PARTIES; i++)
                        ready[i] = ready[i] || prepare(&parties[i].tracer);
        }
}

static void end(struct world *world, struct party parties[PARTIES]) {
        for (int i = 0; i < PARTIES; i++) {
                CHECK_EQ(tracer_wait(&parties[i].tracer, harness_deadline_ms(PATIENCE_MS)), 0);
                tracer_end(&parties[i].tracer);
        }
        world_end(world);
}

/* To that point; or where it sleeps, or is through, before it. */
static void run_to(struct tracer *tracer, const struct point *point) {
        enum tracer_event event = TRACER_BEGIN;
        if (point->event == TRACER_BEGIN)
                return;
        if (point->event == TRACER_BROKEN)
                tracer_break(tracer, point->address, point->hit);
        while (event != point->event || tracer->calls < point->calls) {
                event = tracer_next(tracer, TRACER_CALLS);
                CHECK(event != TRACER_EXITED);
                if (event == TRACER_END || event == TRACER_BROKEN || event == TRACER_ASLEEP)
                        break;
        }
        tracer_stop(tracer);
}

/* It goes as far as it can without the other one: it sleeps in its operation, or is through. */
static void let_go(struct party *party) {
        tracer_release(&party->tracer);
        while (!(party->world->page->done & 1 << party->index) && !tracer_is_asleep(&party->tracer)) {
                CHECK(leat_now() < party->world->deadline);
                sched_yield();
        }
}

/* order: bit 0: who stands first; bit 1: who goes on first. */
static void run_pair(const struct test *test, const struct point *const points[PARTIES], int order) {
        struct world world;
        struct party parties[PARTIES];
        int stands = order & 1, goes = order >> 1;
        begin(test, &world, parties);
        run_to(&parties[stands].tracer, points[stands]);
        run_to(&parties[!stands].tracer, points[!stands]);
        let_go(&parties[goes]);
        tracer_release(&parties[!goes].tracer);
        end(&world, parties);
}

/* --- all of them --- */

static struct places trace_one(struct tracer *tracer, const struct step_transport *transport) {
        enum tracer_event event = TRACER_BEGIN;
        int64_t deadline = harness_deadline_ms(PATIENCE_MS);
        points_begin();
        points_add(tracer, TRACER_BEGIN);
        while (event != TRACER_END && event != TRACER_ASLEEP) {
                event = tracer_next(tracer, TRACER_EACH);
                CHECK(event != TRACER_EXITED && leat_now() < deadline);
                points_add(tracer, event);
                if (event == TRACER_LEAVE && tracer->call == SYS_mmap)
                        step_find_new_rings(tracer);
        }
        struct points points = points_end(step_every(transport), 1);
        struct places places = { malloc(points.count * sizeof(struct point)), points.events, points.count };
        CHECK(places.list != NULL);
        memcpy(places.list, points.list, points.count * sizeof(struct point));
        return places;
}

static void trace(const struct test *test, struct places places[PARTIES]) {
        struct world world;
        struct party parties[PARTIES];
        int first = test->both->first;
        world_at("%s: trace", test->both->name);
        begin(test, &world, parties);
        places[first] = trace_one(&parties[first].tracer, test->transport);
        places[!first] = trace_one(&parties[!first].tracer, test->transport);
        for (int i = 0; i < PARTIES; i++) {
                tracer_stop(&parties[i].tracer);
                tracer_release(&parties[i].tracer);
        }
        end(&world, parties);
}

static void say(const char *who, const struct point *point) {
        world_at("%s %s %s, class %u, %#lx time %u", who, tracer_event_name(point->event),
                 tracer_call_name(point->call), point->class_number, point->address ? points_offset(point->address) : 0,
                 point->hit);
}

static void run_at(const struct test *test, const struct point *receiver, const struct point *sender, int order) {
        const struct point *points[] = { receiver, sender };
        world_at("%s: order %d", test->both->name, order);
        say("receiver", receiver);
        say("sender", sender);
        run_pair(test, points, order);
}

/* Pairs of events, in all orders; where these are more than that, each so-manieth. */
static size_t run_events(const struct test *test, const struct places places[PARTIES]) {
        size_t all = places[RECEIVER].events * places[SENDER].events * ORDERS, runs = 0;
        size_t most = step_every(test->transport) == 1 ? LONG_RUNS_MOST : RUNS_MOST;
        size_t each = all <= most ? 1 : (all / most + 1) | 1; /* odd: all orders come */
        for (size_t at = 0; at < all; at += each, runs++) {
                size_t pair = at / ORDERS;
                run_at(test, &places[RECEIVER].list[pair / places[SENDER].events],
                       &places[SENDER].list[pair % places[SENDER].events], (int)(at % ORDERS));
        }
        return runs;
}

/* The one falls asleep while the other one stands, wherever that is, and is not to sleep on when it goes on. */
static size_t run_asleep(const struct test *test, const struct places places[PARTIES]) {
        int first = test->both->first;
        const struct point *asleep = &places[first].list[places[first].events - 1];
        if (asleep->event != TRACER_ASLEEP)
                return 0;
        for (size_t i = 0; i < places[!first].count; i++) {
                const struct point *other = &places[!first].list[i];
                run_at(test, first == RECEIVER ? asleep : other, first == RECEIVER ? other : asleep,
                       (first == RECEIVER ? SENDER : RECEIVER) | first << 1);
        }
        return places[!first].count;
}

static void run(void *argument) {
        const struct test *test = argument;
        struct places places[PARTIES];
        const char *why = tracer_refused();
        if (why)
                SKIP("%s", why);
        trace(test, places);
        size_t runs = run_events(test, places) + run_asleep(test, places);
        step_say("# %s %s: %zu events of the receiver, %zu of the sender, %zu runs\n", test->transport->name,
                 test->both->name, places[RECEIVER].events, places[SENDER].events, runs);
        free(places[RECEIVER].list);
        free(places[SENDER].list);
}

/* clang-format off: a table */
static const struct both all[] = {
        { "both-at-an-empty-ring",
          RECEIVER,
          { prepare_receiver, prepare_sender },
          { receive_one, send_small },
          { check_and_take_rest, send_rest } },
        { "both-at-a-full-ring",
          SENDER,
          { prepare_receiver, prepare_full },
          { receive_one, send_block },
          { check_and_take_rest, send_rest } },
        { "both-at-the-opening",
          SENDER,
          { listen_only, nothing },
          { receive_one, open_and_send },
          { check_and_take_rest, send_rest } },
        { "both-at-the-opening-of-a-sleeper",
          RECEIVER,
          { listen_only, nothing },
          { receive_one, open_and_send },
          { check_and_take_rest, send_rest } },
        { "both-at-a-full-opening",
          SENDER,
          { listen_only, nothing },
          { receive_one, open_and_fill },
          { check_and_take_rest, send_rest } },
        { "both-at-the-end",
          SENDER,
          { prepare_receiver, prepare_sender },
          { receive_to_the_end, send_and_close },
          { check_all, nothing } },
        { "both-at-a-call",
          SENDER,
          { prepare_replier, prepare_caller },
          { take_and_reply, call_one },
          { take_rest, call_again } },
};
/* clang-format on */

void step_both_add(const struct step_transport *transport) {
        static struct test tests[sizeof all / sizeof all[0]];
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
                char name[96];
                tests[i] = (struct test){ transport, &all[i] };
                snprintf(name, sizeof name, "%s/%s", transport->name, all[i].name);
                harness_add_with(name, run, &tests[i],
                                 (struct harness_options){ .timeout_s = step_every(transport) == 1 ? LONG_TIMEOUT_S
                                                                                                   : TIMEOUT_S });
        }
}
