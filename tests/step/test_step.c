/* SPDX-License-Identifier: MIT */
/*
 * Every class of every operation, killed and stopped.
 *
 * A scenario is traced once, instruction by instruction: that is where its events come from, and it is the control
 * (nothing is killed, all must be right). Then for each event a new world: the child goes on to it and is killed
 * there; for each event that begins a class, and each sleep, another, where it is stopped, looked
 * at, and let go. Between two system calls of a child that shares no memory all instructions are of one class, so
 * these runs go from call to call. A store to shared memory begins a class too, and a run has a breakpoint behind it. There the child
 * is also stopped at instructions of the library (points.h): at each in a long run, else at each 80th that it came to, and at each
 * eighth of those next to an event.
 *
 * A child is not quite the same from run to run (a timer, a listener that came sooner): an event is found by its kind and
 * the number of calls before it, and a run that passes it is killed where it then stands.
 */
#include "harness.h"
#include "runs.h"
#include "scenario.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_S 180
#define LONG_TIMEOUT_S 900
#define NEAR_DENSER 10 /* of instructions next to an event so many times more */

static const struct step_transport transports[] = {
        { .name = "pipe",
          .pair = "pipe:",
          .address = "pipe:",
          .options = "?capacity=256k",
          .sync = "need=sync",
          .two_way = "pattern=pair" },
        { .name = "unix",
          .pair = "unix:",
          .address = "unix:%s",
          .options = "",
          .sync = "",
          .two_way = "",
          .named = true },
        { .name = "unix-abstract",
          .pair = "unix:",
          .address = "unix:@%s",
          .options = "",
          .sync = "",
          .two_way = "",
          .named = true },
        { .name = "mq",
          .address = "mq:/%s",
          .options = "?end",
          .scarce = "depth=3",
          .named = true,
          .store = true,
          .flat = true,
          .exclusive = true },
        { .name = "sysv-mq",
          .address = "sysv-mq:0x57e957e9",
          .options = "?end",
          .scarce = "",
          .scarce_capacity = "450",
          .looks_again = true,
          .named = true,
          .store = true },
        { .name = "log",
          .address = "log:%s",
          .options = "?pattern=queue&end&rotate=4096", /* one large message fills a file */
          .named = true,
          .store = true,
          .exclusive = true,
          .large = true },
        { .name = "fifo", .address = "fifo:%s", .options = "", .named = true, .store = true, .meets = true },
        { .name = "fifo-exclusive",
          .address = "fifo:%s",
          .options = "?exclusive",
          .named = true,
          .store = true,
          .meets = true,
          .turns = true },
        { .name = "tcp", .address = "tcp:%s", .options = "", .sync = "", .two_way = "", .named = true, .port = true },
        { .name = "unix-dgram", .address = "unix-dgram:%s", .options = "", .named = true, .datagrams = true },
        { .name = "udp", .address = "udp:%s", .options = "", .named = true, .port = true, .datagrams = true },
        { .name = "netlink", .address = "netlink:route", .options = "", .named = true, .kernel = true },
        { .name = "raw", .address = "raw:127.0.0.1", .options = "", .two_way = "", .named = true, .kernel = true },
        { .name = "shm",
          .pair = "shm:",
          .address = "shm:%s",
          .options = "?ring=128k",
          .sync = "",
          .two_way = "",
          .named = true,
          .ring = 128 << 10 },
        { .name = "unix-stream",
          .pair = "unix-stream:",
          .address = "unix-stream:%s",
          .options = "",
          .sync = "",
          .two_way = "",
          .named = true },
};

static const struct step_scenario *const groups[] = { step_open,   step_send,  step_receive, step_call,
                                                      step_close,  step_store, step_fifo,    step_datagram,
                                                      step_kernel, step_again, step_over,    step_ring };

struct test {
        const struct step_scenario *scenario;
        const struct step_transport *transport;
};

struct run {
        const struct test *test;
        struct world world;
};

/* --- in the child --- */

static void child(void *argument) {
        struct world *world = argument;
        const struct step_scenario *scenario = world->scenario;
        if (scenario->prepare)
                scenario->prepare(world);
        step_register_rings(world);
        step_begin();
        int r = scenario->operation(world);
        world->page->result = r;
        world->page->done = 1;
        step_end();
        if (r < 0 && !(scenario->may_lose && r == -EADDRINUSE))
                FAIL("%s: %s", scenario->name, leat_strerror(r));
        if (r == 0 && scenario->after)
                scenario->after(world);
        leat_close(world->channel);
}

/* --- one run --- */

static void start(void *argument) {
        struct run *run = argument;
        struct world *world = &run->world;
        const struct step_transport *transport = run->test->transport;
        const struct step_scenario *scenario = run->test->scenario;
        world_begin(world, transport,
                    scenario->options   ? scenario->options
                    : scenario->scarce  ? transport->scarce
                    : scenario->sync    ? transport->sync
                    : scenario->two_way ? transport->two_way
                                        : "");
        world->scenario = scenario;
        if (world->scenario->before)
                world->scenario->before(world);
        CHECK_EQ(tracer_start(&world->tracer, child, world), 0);
        world_gave(world);
}

static void begun(void *argument) {
        struct world *world = &((struct run *)argument)->world;
        if (world->scenario->ready)
                world->scenario->ready(world);
}

static void mapped(void *argument) {
        const struct run *run = argument;
        if (run->test->transport->ring)
                step_find_new_rings(&run->world.tracer);
}

static void passed(void *argument, enum tracer_event event) {
        struct world *world = &((struct run *)argument)->world;
        if (event == TRACER_ASLEEP && world->scenario->blocked)
                world->scenario->blocked(world);
}

static void killed(void *argument) {
        struct world *world = &((struct run *)argument)->world;
        if (world->scenario->after_kill)
                world->scenario->after_kill(world);
        world_end(world);
}

static void stopped(void *argument) {
        struct world *world = &((struct run *)argument)->world;
        if (world->scenario->while_stopped)
                world->scenario->while_stopped(world);
}

static void let_go(void *argument) {
        struct world *world = &((struct run *)argument)->world;
        tracer_release(&world->tracer);
        if (world->scenario->after_continue)
                world->scenario->after_continue(world);
        world_finish_child(world);
        world_end(world);
}

/* --- all runs of a scenario --- */

static void tell(const struct test *test, const struct step_counts *counts, const struct points *points) {
        step_say("# %s %s: %llu instructions, %u classes, %u kills, %u stops", test->transport->name,
                 test->scenario->name, (unsigned long long)counts->instructions, counts->classes, counts->kills,
                 counts->stops);
        if (test->transport->ring)
                step_say("; %u states of shared memory, %u of %u addresses of the library", points->states,
                         points->chosen, points->instructions);
        step_say("\n");
}

static void run_all(void *argument) {
        const struct test *test = argument;
        struct run run = { .test = test };
        struct step_counts counts;
        unsigned every = step_every(test->transport);
        char name[96];
        snprintf(name, sizeof name, "%s %s", test->transport->name, test->scenario->name);
        const struct step_runs runs = { .name = name,
                                        .run = &run,
                                        .tracer = &run.world.tracer,
                                        .pace = test->transport->ring ? TRACER_EACH : TRACER_INSTRUCTIONS,
                                        .every = every,
                                        .near = every / NEAR_DENSER,
                                        .start = start,
                                        .begun = begun,
                                        .mapped = mapped,
                                        .passed = passed,
                                        .killed = killed,
                                        .stopped = stopped,
                                        .let_go = let_go };
        struct points points = step_run_all(&runs, &counts);
        tell(test, &counts, &points);
}

/* --- the tests --- */

static bool is_wanted(const struct step_scenario *scenario, const struct step_transport *transport) {
        if (scenario->rings_only)
                return transport->ring > 0;
        if (transport->kernel || scenario->kernel_only)
                return transport->kernel && scenario->kernel_only && (transport->two_way || !scenario->two_way) &&
                       !(transport->two_way && scenario->told_only);
        if (scenario->over_only)
                return transport->store && !transport->turns;
        if (scenario->connections_only)
                return transport->named && !transport->store && !transport->datagrams;
        if (scenario->keepers_only)
                return transport->large;
        if (transport->datagrams || scenario->datagrams_only)
                return transport->datagrams && scenario->datagrams_only;
        if (transport->meets)
                return scenario->stores_too || scenario->fifos_only || (transport->turns && scenario->turns_too);
        if (transport->store)
                return (scenario->stores_too || scenario->stores_only ||
                        (transport->large && scenario->turns_too && !scenario->not_in_a_store)) &&
                       (transport->exclusive || !scenario->exclusive) && (transport->scarce || !scenario->scarce) &&
                       !(transport->looks_again && scenario->asleep);
        return !scenario->stores_only && !scenario->fifos_only && (transport->named || !scenario->named_only) &&
               (transport->pair || !scenario->pair_only);
}

static void add(const struct step_scenario *scenario, const struct step_transport *transport) {
        static struct test tests[512];
        static size_t count;
        char name[96];
        if (count == sizeof tests / sizeof tests[0])
                abort();
        tests[count] = (struct test){ scenario, transport };
        snprintf(name, sizeof name, "%s/%s", transport->name, scenario->name);
        harness_add_with(name, run_all, &tests[count++],
                         (struct harness_options){ .timeout_s = transport->ring && step_every(transport) == 1
                                                                        ? LONG_TIMEOUT_S
                                                                        : TIMEOUT_S });
}

static void add_tests(void) {
        for (size_t t = 0; t < sizeof transports / sizeof transports[0]; t++) {
                for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
                        for (const struct step_scenario *scenario = groups[g]; scenario->name; scenario++)
                                if (is_wanted(scenario, &transports[t]))
                                        add(scenario, &transports[t]);
                /* Where each call is short there is nothing to hit. */
                if (transports[t].ring)
                        step_both_add(&transports[t]);
                if (!transports[t].store && !transports[t].datagrams && !transports[t].kernel)
                        step_random_add(&transports[t]);
        }
}

STEP_MAIN_WITH(add_tests)
