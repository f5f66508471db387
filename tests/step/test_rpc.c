/* SPDX-License-Identifier: MIT */
/*
 * Calls of procedures, with one end killed and stopped at each class of steps: what ran is counted in memory that outlives
 * the server, and agrees with what each client was told. A call that succeeded, or is told to have run: once; one that did not run: not at all; unknown: at most once.
 *
 * The child is the server (what its client is told; and with a second server that takes its place, what becomes of the call there) or the client (the server
 * goes on serving others). The other end, and a bystander, are processes of the test's.
 */
#include "harness.h"
#include "runs.h"
#include "scenario.h"

#include "steps.h"
#include <errno.h>
#include <leat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOON harness_deadline_ms(PATIENCE_MS)
#define BRIEF leat_in_ms(1)
#define TIMEOUT_TEST_S 240
#define HELD_MAX 8
#define EVENTS_BEHIND 6
/* Of the instructions of one that shares memory it is stopped at each so many-th, and of those next to an event. */
#define EVERY 400
#define NEAR 100

enum caller { TESTED, BYSTANDER, CALLERS };
enum procedure { ONCE, AGAIN, HOLD };

/* What all processes of a run share. */
struct page {
        _Atomic unsigned executed[CALLERS];
        _Atomic int answer;  /* to held calls */
        _Atomic int stop;    /* servers that are no child */
        _Atomic int give_up; /* the client is to wait no longer */
        _Atomic int ready;   /* a server listens */
        _Atomic int over;    /* the client was told: error and ran are set */
        _Atomic int error, ran;
        _Atomic unsigned result;
};

struct row {
        const char *name, *address;
        enum procedure procedure;
        bool client; /* the child is the client, not the server */
        bool second; /* when the server was killed another one takes its place */
        bool shares; /* it shares memory */
};

struct run {
        const struct row *row;
        struct tracer tracer;
        struct page *page;
        char address[128];
        pid_t other; /* the end that is no child */
};

/* ---- the server ---- */

static struct held {
        struct leat_rpc_request *request;
        uint32_t *ret_result, value;
} held[HELD_MAX];
static unsigned held_count;

static int once(uint32_t caller, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        struct page *page = userdata;
        (void)request;
        CHECK(caller < CALLERS);
        *ret_result = ++page->executed[caller];
        return 0;
}

static int hold(uint32_t caller, uint32_t *ret_result, struct leat_rpc_request *request, void *userdata) {
        CHECK(held_count < HELD_MAX);
        once(caller, ret_result, request, userdata);
        held[held_count++].request = request;
        return LEAT_RPC_LATER;
}

static void answer_held(const struct page *page) {
        while (page->answer && held_count > 0)
                (void)leat_rpc_request_answer(held[--held_count].request, 0); /* -EPIPE: its caller is gone */
}

static struct leat_rpc_server *serve_at(struct run *run) {
        static const struct steps_1_functions functions = { .once = once, .again = once, .hold = hold };
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, steps_1_server(&functions, run->page)), 0);
        CHECK_EQ(leat_rpc_server_listen(server, run->address, SOON, NULL), 0);
        run->page->ready = 1;
        return server;
}

static void step_until(struct leat_rpc_server *server, struct page *page, const _Atomic int *flag) {
        while (!*flag) {
                int r = leat_rpc_server_step(server, leat_in_ms(5));
                /* A channel tells the end when all of its senders are gone; others may come. */
                CHECK(r >= 0 || r == -ETIMEDOUT || r == -EAGAIN || r == -ENODATA);
                answer_held(page);
        }
}

static void server_process(void *argument) {
        struct run *run = argument;
        struct leat_rpc_server *server = serve_at(run);
        step_until(server, run->page, &run->page->stop);
        run->page->answer = 1;
        answer_held(run->page);
        leat_rpc_server_free(server);
}

/* The child: it serves until its client has been answered. */
static void server_child(void *argument) {
        struct run *run = argument;
        struct leat_rpc_server *server = serve_at(run);
        int64_t deadline = SOON;
        if (run->row->shares)
                step_shared(run->page, sizeof *run->page);
        step_begin();
        while (!run->page->over && leat_now() < deadline) {
                /* That its client is told, a connection that ends tells; of udp nothing does. */
                (void)leat_rpc_server_step(server, strncmp(run->address, "udp", 3) == 0 ? leat_in_ms(20) : deadline);
                answer_held(run->page);
        }
        step_end();
        leat_rpc_server_free(server);
}

/* ---- the client ---- */

/* Over udp what is lost is sent again soon. */
static int connect_to(const struct run *run, int64_t deadline, struct leat_rpc_client **ret_client) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        options.retransmit_first_ns = 20000000;
        return leat_rpc_connect(run->address, &options, deadline, NULL, ret_client);
}

static int start(struct leat_rpc_client *client, enum procedure procedure, enum caller caller, uint32_t *ret_result,
                 struct leat_rpc_call *call) {
        switch (procedure) {
        case ONCE:
                return steps_once_1_start(client, caller, ret_result, call);
        case AGAIN:
                return steps_again_1_start(client, caller, ret_result, call);
        default:
                return steps_hold_1_start(client, caller, ret_result, call);
        }
}

static void tell(struct page *page, const struct leat_rpc_call *call, uint32_t result) {
        page->error = call->error;
        page->ran = (int)call->ran;
        page->result = result;
        page->over = 1;
}

/* A call, until it is over or nobody waits for it any more. */
static void call_once(struct run *run, struct leat_rpc_client *client) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(SOON, &arena), *over;
        uint32_t result = 0;
        int r;
        CHECK_EQ(start(client, run->row->procedure, TESTED, &result, &call), 0);
        while ((r = leat_rpc_next(client, leat_in_ms(2), &over)) == -ETIMEDOUT || r == -EAGAIN)
                if (run->page->give_up)
                        break;
        if (r < 0 && leat_rpc_cancel(client, &call) < 0) /* it was over meanwhile */
                CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &over), 0);
        tell(run->page, &call, result);
        leat_xdr_arena_free(&arena);
}

static void client_process(void *argument) {
        struct run *run = argument;
        struct leat_rpc_client *client;
        int r;
        while ((r = connect_to(run, leat_in_ms(20), &client)) < 0 && !run->page->give_up)
                CHECK(r == -ETIMEDOUT || r == -ECONNREFUSED);
        if (r < 0) {
                run->page->error = r; /* and ran is LEAT_RPC_NOT_RUN: nobody was ever there */
                run->page->over = 1;
                return;
        }
        call_once(run, client);
        leat_rpc_client_free(client);
}

/* The child: all of it, from the connection to its end. */
static void client_child(void *argument) {
        struct run *run = argument;
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(SOON, &arena), *over;
        struct leat_rpc_client *client;
        uint32_t result = 0;
        int64_t deadline = SOON;
        if (run->row->shares)
                step_shared(run->page, sizeof *run->page);
        step_begin();
        int r = connect_to(run, deadline, &client);
        if (r == 0)
                r = start(client, run->row->procedure, TESTED, &result, &call);
        if (r == 0)
                r = leat_rpc_next(client, deadline, &over);
        if (r == 0)
                tell(run->page, &call, result);
        step_end();
        CHECK_EQ(r, 0);
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* ---- what must be so ---- */

/* What the clients of killed servers were told, in all runs of a row. */
static struct { unsigned success, not_run, ran, unknown_run, unknown_not_run; } told;

static void count(const struct page *page) {
        if (page->error == 0)
                told.success++;
        else if (page->ran != LEAT_RPC_UNKNOWN)
                *(page->ran == LEAT_RPC_RAN ? &told.ran : &told.not_run) += 1;
        else
                *(page->executed[TESTED] > 0 ? &told.unknown_run : &told.unknown_not_run) += 1;
}

static void check_truth(const struct run *run) {
        const struct page *page = run->page;
        unsigned executed = page->executed[TESTED];
        if (run->row->procedure == AGAIN) {
                CHECK(page->error != 0 || executed >= 1);
                return;
        }
        if (page->error == 0)
                CHECK(executed == 1 && page->result == 1);
        else if (page->ran == LEAT_RPC_NOT_RUN)
                CHECK_EQ(executed, 0);
        else if (page->ran == LEAT_RPC_RAN)
                CHECK_EQ(executed, 1);
        else
                CHECK(executed <= 1);
}

/* Somebody else calls, and is answered. */
static void check_others(struct run *run) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(SOON, &arena);
        struct leat_rpc_client *client;
        uint32_t result = 0;
        unsigned before = run->page->executed[BYSTANDER];
        CHECK_EQ(connect_to(run, SOON, &client), 0);
        CHECK_EQ(steps_once_1(client, BYSTANDER, &result, &call), 0);
        CHECK_EQ(result, before + 1);
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* ---- one run ---- */

static void begin(void *argument) {
        static unsigned runs;
        struct run *run = argument;
        const struct row *row = run->row;
        char where[64];
        *run = (struct run){ .row = row, .page = harness_shared(sizeof *run->page) };
        runs++;
        if (strncmp(row->address, "tcp", 3) == 0 || strncmp(row->address, "udp", 3) == 0)
                snprintf(where, sizeof where, "127.%u.%u.%u:%u", 128 | ((unsigned)getpid() >> 16 & 127),
                         (unsigned)getpid() >> 8 & 255, (unsigned)getpid() & 255, 5000 + runs % 20000);
        else
                snprintf(where, sizeof where, "leat-step-rpc-%d-%u", (int)getpid(), runs);
        snprintf(run->address, sizeof run->address, row->address, where);
        run->other = harness_fork(row->client ? server_process : client_process, run);
        CHECK_EQ(tracer_start(&run->tracer, row->client ? client_child : server_child, run), 0);
}

static void end(struct run *run) {
        run->page->stop = 1;
        tracer_end(&run->tracer);
        CHECK_EQ(harness_wait(run->other), 0);
}

/* The child waits: for its client, or for its answer. */
static void passed(void *argument, enum tracer_event event) {
        struct run *run = argument;
        if (event == TRACER_ASLEEP && run->page->executed[TESTED] > 0)
                run->page->answer = 1;
}

static void killed_server(struct run *run) {
        pid_t second = 0;
        if (run->row->second) {
                run->page->ready = 0;
                second = harness_fork(server_process, run);
                run->page->answer = 1;
                check_others(run);
        }
        /* Over udp nothing tells that a server is gone: what may not run twice would be waited for to its deadline. */
        if (!run->row->second || (strncmp(run->address, "udp", 3) == 0 && run->row->procedure != AGAIN))
                run->page->give_up = 1;
        WAIT_UNTIL(run->page->over);
        check_truth(run);
        if (run->row->second && run->row->procedure == AGAIN)
                CHECK_EQ(run->page->error, 0);
        count(run->page);
        end(run);
        if (second)
                CHECK_EQ(harness_wait(second), 0);
        check_truth(run);
}

static void killed(void *argument) {
        struct run *run = argument;
        if (!run->row->client) {
                killed_server(run);
                return;
        }
        check_others(run);
        run->page->answer = 1;
        check_others(run);
        CHECK(run->page->executed[TESTED] <= 1);
        CHECK(!run->page->over || run->page->executed[TESTED] == 1);
        end(run);
}

static void stopped(void *argument) {
        struct run *run = argument;
        if (run->row->client)
                check_others(run);
        else if (run->page->over)
                check_truth(run);
}

static void let_go(void *argument) {
        struct run *run = argument;
        int64_t deadline = SOON;
        int r;
        tracer_release(&run->tracer);
        while ((r = tracer_wait(&run->tracer, BRIEF)) == -ETIMEDOUT) {
                CHECK(leat_now() < deadline);
                if (run->page->executed[TESTED] > 0)
                        run->page->answer = 1;
        }
        CHECK_EQ(r, 0);
        WAIT_UNTIL(run->page->over);
        CHECK_EQ(run->page->error, 0);
        CHECK_EQ(run->page->executed[TESTED], 1);
        end(run);
}

static void mapped(void *argument) {
        const struct run *run = argument;
        if (run->row->shares)
                step_find_new_rings(&run->tracer);
}

/* ---- rows ---- */

#define OVER(transport, format, shares)                                                                                \
        { transport "/server", format, ONCE, false, false, shares },                                                   \
                { transport "/server-second", format, ONCE, false, true, shares },                                     \
                { transport "/server-again", format, AGAIN, false, true, shares },                                     \
                { transport "/client", format, ONCE, true, false, shares }, {                                          \
                transport "/client-waits", format, HOLD, true, false, shares                                           \
        }

static const struct row rows[] = { OVER("unix", "unix:@%s", false), OVER("tcp", "tcp:%s", false),
                                   OVER("udp", "udp:%s", false), OVER("shm", "shm:@%s?ring=128k", true) };

/*
 * The server is killed so many events behind the execution: how many there are before it differs from run to run, and this must not be missed. Returns whether
 * it was still at it.
 */
static bool kill_behind(struct run *run, unsigned events) {
        enum tracer_event event;
        begin(run);
        while (tracer_next(&run->tracer, TRACER_CALLS) != TRACER_BEGIN)
                continue;
        while ((event = tracer_next(&run->tracer, TRACER_CALLS)) != TRACER_END) {
                CHECK(event != TRACER_EXITED);
                if (run->page->executed[TESTED] > 0 && events-- == 0)
                        break;
                passed(run, event);
        }
        if (event == TRACER_END) {
                let_go(run);
                return false;
        }
        printf("%s: killed behind the execution, %s %s\n", run->row->name, tracer_event_name(event),
               tracer_call_name(run->tracer.call));
        tracer_kill(&run->tracer);
        killed(run);
        return true;
}

static void run_row(void *argument) {
        const struct row *row = argument;
        struct run run = { .row = row };
        struct step_counts counts;
        const struct step_runs runs = { .name = row->name,
                                        .run = &run,
                                        .tracer = &run.tracer,
                                        .pace = row->shares ? TRACER_EACH : TRACER_CALLS,
                                        .every = EVERY,
                                        .near = NEAR,
                                        .mapped = mapped,
                                        .start = begin,
                                        .passed = passed,
                                        .killed = killed,
                                        .stopped = stopped,
                                        .let_go = let_go };
        memset(&told, 0, sizeof told);
        (void)step_run_all(&runs, &counts);
        step_say("# %s: %u classes, %u kills, %u stops\n", row->name, counts.classes, counts.kills, counts.stops);
        if (row->client)
                return;
        for (unsigned events = 0; events < EVENTS_BEHIND && kill_behind(&run, events); events++)
                continue;
        step_say("# %s: success %u, not run %u, ran %u, unknown and run %u, unknown and not run %u\n", row->name,
                 told.success, told.not_run, told.ran, told.unknown_run, told.unknown_not_run);
        CHECK(told.success > 0);
        if (row->procedure == ONCE) /* killed between executing and replying; and before */
                CHECK(told.unknown_run > 0 && told.not_run + told.unknown_not_run + told.success > 1);
}

static void add_rows(void) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                harness_add_with(rows[i].name, run_row, (void *)(uintptr_t)&rows[i],
                                 (struct harness_options){ .timeout_s = TIMEOUT_TEST_S });
}

STEP_MAIN_WITH(add_rows)
