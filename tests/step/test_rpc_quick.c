/* SPDX-License-Identifier: MIT */
/*
 * Calls by shared memory that go the short way (docs/design/speed.md), with one end killed and stopped at each class of steps: what ran is counted, and agrees with
 * what the client was told. That one goes the short way is proved: its handler says how it came, and the child by what it remembers of it.
 *
 * The counter of the processor stands (harness_stop_counter()), nobody sleeps (?wait=spin), and calls before the one that is stepped made both ends ready. What the other end does
 * in the middle of it, it does at a store or a call of the system that the tracer tells of, while the child stands: so each run is like the traced one.
 */
#include "channel/link.h"
#include "channel/link_ring.h"
#include "channel/quick_call.h"
#include "harness.h"
#include "rpc/client_core.h"
#include "rpc/server.h"
#include "runs.h"
#include "scenario.h"

#include "steps.h"
#include <errno.h>
#include <leat.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SOON harness_deadline_ms(PATIENCE_MS)
#define TIMEOUT_TEST_S 240
#define RECORDS_BYTES 1024
#define WARM_LEAST 3     /* calls before it */
#define WARM_MOST 100000 /* they are not to be in vain */
#define LEFT_LEAST 512   /* messages until the epoll is asked: a look in vain costs 16 */
#define FAR_NS (INT64_MAX / 2)
#define LATER_S 1000000

enum caller { TESTED, BYSTANDER, WARM_UP, CALLERS };

/* What all processes of a run share. */
struct page {
        struct {
                _Atomic unsigned quick[CALLERS], executed[CALLERS];
        } ran;
        struct {
                _Atomic int error, how;
                _Atomic unsigned result;
                _Atomic int over; /* the client was told */
        } told;
        _Atomic int other_way; /* somewhere the counter does not stand: nothing is proved */
        _Atomic int warm;      /* the next call goes the short way */
        _Atomic int go;        /* the client is to call */
        _Atomic int serve;     /* the server is to look for that */
        _Atomic int served;    /* it has answered it */
        _Atomic int others;    /* it is to serve whoever comes, and wait as usual */
        _Atomic int stop;
        _Atomic int expired;     /* the client's deadline has passed */
        _Atomic int done;        /* the client calls no more */
        _Atomic uintptr_t word;  /* of the request in the ring, where the child has it: 0 until it is there */
        _Atomic int sent, taken; /* by the child, the short way: the one that it sends; and that it takes */
};

struct row {
        const char *name;
        bool client;  /* the child is the client, not the server */
        bool again;   /* the procedure may run again; and both ends know that they are Leat's */
        bool second;  /* when the server was killed another one takes its place */
        bool late;    /* what the child takes is not there when it looks first */
        bool expires; /* while it is stopped the deadline of its client passes; and that one calls again */
};

static const struct row rows[] = {
        { "client", .client = true },
        { "client-waits", .client = true, .late = true },
        { "client-again", .client = true, .again = true },
        { "server", .expires = true },
        { "server-waits", .late = true },
        { "server-second", .second = true },
        { "server-again", .again = true, .second = true },
};

struct call_run {
        const struct row *row;
        struct tracer tracer;
        struct page *page;
        char address[128];
        pid_t other;     /* the end that is no child */
        bool interfered; /* the child was stopped, and others called meanwhile */
};

#if defined(__x86_64__)
/* In place of the C library's: read without a call of the system, the clock needs the counter, and begins anew as long as a tick comes in between. A step takes too long for that. */
static const _Atomic int *expired; /* it is so much later then */

int clock_gettime(clockid_t clock, struct timespec *ret_time) {
        int r = (int)syscall(SYS_clock_gettime, clock, ret_time);
        ret_time->tv_sec += expired && *expired ? LATER_S : 0;
        return r;
}

static void expire_with(const struct page *page) {
        expired = &page->expired;
}
#else
static void expire_with(const struct page *page) {
        (void)page;
}
#endif

static void stop_counter(struct page *page) {
        if (!harness_stop_counter())
                page->other_way = 1;
}

/* The child has this link: what it writes is registered. */
static const struct link_ring *ring_of(const struct leat_channel *channel) {
        CHECK(channel->quick_call != NULL);
        return channel->quick_call->ring;
}

static void register_ring(const struct leat_channel *channel) {
        const struct link_ring *ring = ring_of(channel);
        step_shared(ring->state, sizeof *ring->state);
        step_shared(ring_place(&ring->writer), RECORDS_BYTES);
}

/* ---- the server ---- */

struct place {
        struct page *page;
        struct leat_channel *channel;
        struct leat_rpc_server *server;
};

static int once(uint32_t caller, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        const struct place *place = userdata;
        struct page *page = place->page;
        (void)request;
        CHECK(caller < CALLERS);
        page->ran.quick[caller] += atomic_load(&place->server->quick_running);
        *ret_result = ++page->ran.executed[caller];
        return 0;
}

static void serve_at(struct call_run *run, struct place *ret_place) {
        static const struct steps_1_functions functions = { .once = once, .again = once };
        *ret_place = (struct place){ .page = run->page };
        CHECK_EQ(leat_open(run->address, LEAT_REPLY, SOON, &ret_place->channel), 0);
        CHECK_EQ(leat_rpc_server_new(ret_place->channel, &ret_place->server), 0);
        CHECK_EQ(leat_rpc_server_add(ret_place->server, steps_1_server(&functions, ret_place)), 0);
}

static void serve_no_more(struct place *place) {
        leat_rpc_server_free(place->server);
        place->channel = leat_close(place->channel);
}

static void serve(const struct place *place, int64_t deadline) {
        int r = leat_rpc_server_step(place->server, deadline);
        /* A channel tells the end when all of its senders are gone; others may come. */
        CHECK(r >= 0 || r == -ETIMEDOUT || r == -EAGAIN || r == -ENODATA);
}

/* Is it to take what comes now? What it looks for in vain for long it would take the long way; as what came behind a wake, until there is nothing. */
static bool may_look(const struct place *place) {
        const struct page *page = place->page;
        if (page->others || !place->channel->quick_call || ring_of(place->channel)->closely)
                return true;
        return (!page->warm || page->serve) && ring_look(&ring_of(place->channel)->reader) != 0;
}

static void server_process(void *argument) {
        struct call_run *run = argument;
        struct place place;
        stop_counter(run->page);
        serve_at(run, &place);
        while (!run->page->stop) {
                if (may_look(&place))
                        serve(&place, leat_in_ms(5));
                else
                        sched_yield();
                if (run->page->ran.executed[TESTED] > 0)
                        run->page->served = 1;
        }
        serve_no_more(&place);
}

/* The ring from which the last request came, and nothing has been done since but to answer it. */
static bool is_warm(const struct place *place) {
        const struct page *page = place->page;
        return page->ran.executed[WARM_UP] >= WARM_LEAST && place->channel->quick_call &&
               place->channel->quick_left >= LEFT_LEAST && (page->other_way || page->ran.quick[WARM_UP] > 0);
}

/* The child: it serves until the call of its client has been answered. */
static void server_child(void *argument) {
        struct call_run *run = argument;
        struct page *page = run->page;
        struct place place;
        stop_counter(page);
        serve_at(run, &place);
        while (!is_warm(&place)) {
                CHECK(page->ran.executed[WARM_UP] < WARM_MOST);
                serve(&place, leat_in_ms(5));
        }
        const struct link_ring *ring = ring_of(place.channel);
        uint64_t replies = place.server->quick_replies;
        step_shared(&page->ran, sizeof page->ran);
        register_ring(place.channel);
        page->word = (uintptr_t)ring_record(&ring->reader);
        page->warm = 1;
        step_begin();
        while (page->ran.executed[TESTED] == 0)
                serve(&place, SOON);
        step_end();
        page->taken = (int)page->ran.quick[TESTED];
        page->sent = place.server->quick_replies > replies;
        page->served = 1;
        while (!page->done)
                serve(&place, leat_in_ms(5));
        serve_no_more(&place);
}

/* ---- the client ---- */

static struct leat_rpc_client *come(const struct call_run *run) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        options.flags = run->row->again ? 0 : LEAT_RPC_PLAIN;
        CHECK_EQ(leat_rpc_connect(run->address, &options, SOON, NULL, &client), 0);
        return client;
}

/* The call before it was only just, however long that took. */
static int call(const struct call_run *run, struct leat_rpc_client *client, enum caller caller, uint32_t *ret_result,
                struct leat_rpc_call *call) {
        client->began_at = FAR_NS;
        return run->row->again ? steps_again_1(client, caller, ret_result, call)
                               : steps_once_1(client, caller, ret_result, call);
}

/* The answer is its own, whatever came of the call before. */
static void warm_up(const struct call_run *run, struct leat_rpc_client *client) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call warm = leat_rpc_call_until(SOON, &arena);
        uint32_t result, before = run->page->ran.executed[WARM_UP];
        CHECK_EQ(call(run, client, WARM_UP, &result, &warm), 0);
        CHECK_EQ(result, before + 1);
        leat_xdr_arena_free(&arena);
}

static void tell(struct page *page, const struct leat_rpc_call *call, uint32_t result) {
        page->told.error = call->error;
        page->told.how = (int)call->ran;
        page->told.result = result;
        page->told.over = 1;
}

static void client_process(void *argument) {
        struct call_run *run = argument;
        struct leat_xdr_arena arena = { 0 };
        uint32_t result = 0;
        stop_counter(run->page);
        expire_with(run->page);
        struct leat_rpc_client *client = come(run);
        while (!run->page->warm)
                warm_up(run, client);
        WAIT_UNTIL(run->page->go);
        struct leat_rpc_call tested = leat_rpc_call_until(SOON, &arena);
        int r = call(run, client, TESTED, &result, &tested);
        tell(run->page, &tested, result);
        if (r == -ETIMEDOUT) /* what nobody waits for any more is there before the next call */
                WAIT_UNTIL(run->page->served);
        for (unsigned i = 0; r == -ETIMEDOUT && i < WARM_LEAST; i++)
                warm_up(run, client);
        run->page->done = 1;
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* The child: one call. */
static void client_child(void *argument) {
        struct call_run *run = argument;
        struct page *page = run->page;
        struct leat_xdr_arena arena = { 0 };
        struct rpc_place *place;
        uint32_t result = 0;
        stop_counter(page);
        struct leat_rpc_client *client = come(run);
        while (page->ran.executed[WARM_UP] < WARM_LEAST || (!page->other_way && page->ran.quick[WARM_UP] == 0)) {
                CHECK(page->ran.executed[WARM_UP] < WARM_MOST);
                warm_up(run, client);
        }
        struct leat_rpc_call tested = leat_rpc_call_until(SOON, &arena);
        const struct leat_channel *channel = rpc_channel_quick(client, &place);
        CHECK(channel != NULL);
        const struct link_ring *ring = ring_of(channel);
        uint64_t asked_at = ring->asked_at;
        step_shared(&page->told, sizeof page->told);
        register_ring(channel);
        page->word = (uintptr_t)ring_place(&ring->writer);
        page->warm = 1;
        step_begin();
        int r = call(run, client, TESTED, &result, &tested);
        tell(page, &tested, result);
        step_end();
        CHECK_EQ(r, 0);
        page->sent = ring->asked_at != asked_at;
        page->taken = page->sent && ring->alive_at == ring->asked_at;
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* ---- what must be so ---- */

/* What came of it, in all runs of a row that were killed. */
static struct { unsigned success, not_run, ran, unknown_run, unknown_not_run, dead_run, dead_not_run, expired; } seen;

static void count(const struct page *page) {
        unsigned executed = page->ran.executed[TESTED];
        if (!page->told.over)
                *(executed > 0 ? &seen.dead_run : &seen.dead_not_run) += 1;
        else if (page->told.error == 0)
                seen.success++;
        else if (page->told.how != LEAT_RPC_UNKNOWN)
                *(page->told.how == LEAT_RPC_RAN ? &seen.ran : &seen.not_run) += 1;
        else
                *(executed > 0 ? &seen.unknown_run : &seen.unknown_not_run) += 1;
}

static void check_truth(const struct call_run *run) {
        const struct page *page = run->page;
        unsigned executed = page->ran.executed[TESTED];
        if (run->row->again)
                CHECK(page->told.error != 0 || executed >= 1);
        else if (page->told.error == 0)
                CHECK(executed == 1 && page->told.result == 1);
        else if (page->told.how == LEAT_RPC_UNKNOWN)
                CHECK(executed <= 1);
        else
                CHECK_EQ(executed, page->told.how == LEAT_RPC_RAN);
}

/* What ran came the short way; but for what was sent again, to another server. */
static void check_quick(const struct call_run *run) {
        const struct page *page = run->page;
        if (!page->other_way && !run->row->second)
                CHECK(page->ran.quick[TESTED] >= page->ran.executed[TESTED]); /* it is written first */
}

/* Somebody else calls, and is answered. */
static void check_others(struct call_run *run) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call other = leat_rpc_call_until(SOON, &arena);
        struct leat_rpc_client *client;
        uint32_t result = 0;
        unsigned before = run->page->ran.executed[BYSTANDER];
        CHECK_EQ(leat_rpc_connect(run->address, NULL, SOON, NULL, &client), 0);
        CHECK_EQ(steps_once_1(client, BYSTANDER, &result, &other), 0);
        CHECK_EQ(result, before + 1);
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* ---- one run ---- */

static void begin(void *argument) {
        static unsigned runs;
        struct call_run *run = argument;
        const struct row *row = run->row;
        *run = (struct call_run){ .row = row, .page = harness_shared(sizeof *run->page) };
        snprintf(run->address, sizeof run->address, "shm:@leat-step-quick-%d-%u?ring=128k&wait=spin", (int)getpid(),
                 ++runs);
        run->other = harness_fork(row->client ? server_process : client_process, run);
        CHECK_EQ(tracer_start(&run->tracer, row->client ? client_child : server_child, run), 0);
}

static void end(struct call_run *run) {
        run->page->stop = 1;
        tracer_end(&run->tracer);
        CHECK_EQ(harness_wait(run->other), 0);
}

/* Is the request in the ring? The child stands. */
static bool is_sent(const struct call_run *run) {
        uint64_t word = 0;
        struct iovec here = { &word, sizeof word }, there = { (void *)run->page->word, sizeof word };
        CHECK_EQ(process_vm_readv(run->tracer.pid, &here, 1, &there, 1, 0), (ssize_t)sizeof word);
        return word != 0;
}

static void send_it(struct call_run *run) {
        if (run->page->go)
                return;
        run->page->go = 1;
        WAIT_UNTIL(is_sent(run));
}

static void serve_it(struct call_run *run) {
        if (run->page->serve || !is_sent(run))
                return;
        run->page->serve = 1;
        WAIT_UNTIL(run->page->served);
}

static void begun(void *argument) {
        struct call_run *run = argument;
        if (!run->row->client && !run->row->late)
                send_it(run);
}

/* The child gives its core away: it has looked in vain. */
static void passed(void *argument, enum tracer_event event) {
        struct call_run *run = argument;
        bool is_vain = event == TRACER_ENTER && run->tracer.call == SYS_sched_yield;
        if (!run->tracer.between || (run->row->late && !is_vain))
                return;
        if (run->row->client)
                serve_it(run);
        else
                send_it(run);
}

/* A request that went to a dead server, too: its client finds out. */
static void killed_server(struct call_run *run) {
        pid_t second = run->row->second ? harness_fork(server_process, run) : 0;
        run->page->others = run->page->go = 1;
        if (second)
                check_others(run);
        WAIT_UNTIL(run->page->told.over);
        check_truth(run);
        CHECK(!run->row->again || run->page->told.error == 0);
        end(run);
        if (second)
                CHECK_EQ(harness_wait(second), 0);
}

static void killed(void *argument) {
        struct call_run *run = argument;
        if (run->row->client) {
                run->page->others = 1;
                check_others(run);
                check_others(run);
                CHECK(run->page->ran.executed[TESTED] <= 1);
                CHECK(!run->page->told.over || run->page->ran.executed[TESTED] == 1);
                end(run);
        } else {
                killed_server(run);
                check_truth(run);
        }
        check_quick(run);
        count(run->page);
}

static void stopped(void *argument) {
        struct call_run *run = argument;
        run->interfered = true;
        run->page->others = run->page->go = 1;
        if (run->row->expires && !run->page->other_way) {
                run->page->expired = 1;
                WAIT_UNTIL(run->page->told.over);
        }
        if (run->row->client)
                check_others(run);
        else if (run->page->told.over)
                check_truth(run);
}

/* Its server ran it all the same, and others behind it. */
static void check_told(const struct call_run *run) {
        const struct page *page = run->page;
        if (page->expired && page->told.error != 0) {
                CHECK_EQ(page->told.error, -ETIMEDOUT);
                CHECK_EQ(page->told.how, LEAT_RPC_UNKNOWN);
                seen.expired++;
                return;
        }
        CHECK_EQ(page->told.error, 0);
        CHECK_EQ(page->told.how, LEAT_RPC_RAN);
}

static void let_go(void *argument) {
        struct call_run *run = argument;
        const struct page *page = run->page;
        tracer_release(&run->tracer);
        CHECK_EQ(tracer_wait(&run->tracer, SOON), 0);
        WAIT_UNTIL(page->told.over);
        check_told(run);
        CHECK_EQ(page->ran.executed[TESTED], 1);
        check_truth(run);
        end(run);
        if (page->other_way)
                return;
        CHECK(page->sent);
        if (run->interfered)
                return;
        CHECK_EQ(page->ran.quick[TESTED], 1);
        CHECK_EQ(page->taken, !run->row->client || !run->row->late);
}

/* ---- rows ---- */

static void check_seen(const struct row *row) {
        step_say("# %s: success %u, not run %u, ran %u, unknown and run %u, unknown and not run %u, dead and run %u, "
                 "dead and "
                 "not run %u, expired %u\n",
                 row->name, seen.success, seen.not_run, seen.ran, seen.unknown_run, seen.unknown_not_run, seen.dead_run,
                 seen.dead_not_run, seen.expired);
        CHECK(!row->expires || seen.expired > 0);
        if (row->client)
                CHECK(seen.success > 0 && seen.dead_run > 0 && seen.dead_not_run > 0);
        else if (row->again)
                CHECK(seen.success > 0);
        else /* killed between executing and replying; and before */
                CHECK(seen.success > 0 && seen.unknown_run > 0 && seen.unknown_not_run + seen.not_run > 0);
}

static void run_row(void *argument) {
        const struct row *row = argument;
        struct call_run run = { .row = row };
        struct step_counts counts;
        const struct step_runs runs = { .name = row->name,
                                        .run = &run,
                                        .tracer = &run.tracer,
                                        .pace = TRACER_EACH,
                                        .every = (unsigned)harness_how_many(200, 60, 5),
                                        .near = (unsigned)harness_how_many(40, 12, 1),
                                        .steps = true,
                                        .start = begin,
                                        .begun = begun,
                                        .passed = passed,
                                        .killed = killed,
                                        .stopped = stopped,
                                        .let_go = let_go };
        memset(&seen, 0, sizeof seen);
        struct points points = step_run_all(&runs, &counts);
        step_say("# %s: %lu instructions, %u of them of the library, %u classes, %u kills, %u stops\n", row->name,
                 (unsigned long)counts.instructions, points.instructions, counts.classes, counts.kills, counts.stops);
        check_seen(row);
}

static void add_rows(void) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                harness_add_with(rows[i].name, run_row, (void *)(uintptr_t)&rows[i],
                                 (struct harness_options){ .timeout_s = TIMEOUT_TEST_S });
}

STEP_MAIN_WITH(add_rows)
