/* SPDX-License-Identifier: MIT */

/*
 * The ledger of truths (test_rpc_ledger.c) of the short way by shared memory: one client that calls in a tight loop, and either end killed or stopped at random
 * moments. The counter of the processor stands (harness_stop_counter()) and nobody sleeps, so that the short way is taken whatever the machine does.
 */

#include "rpc/server.h"
#include "rpc_victim.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* What the client knows of a call: */
enum { NOT_BEGUN, BEGUN, CAME, TOLD };

struct call {
        atomic_uchar state, again, ran, hurried; /* hurried: its deadline was brief */
        atomic_uchar error;
        atomic_uint count; /* how often it ran */
};

struct ledger {
        struct call calls[VICTIM_NUMBERS];
        atomic_uint next, over;
        atomic_uint quota; /* so many may be begun by now */
        unsigned most;     /* and so many in all */
        atomic_uint quick; /* ran by the short way */
        unsigned flags;    /* of the client's options */
        bool stands;
        char address[160];
        struct harness_event *ready;
};
static struct ledger *ledger;

/* ---- the parties ---- */

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)userdata;
        CHECK(index == VICTIM_COUNT || index == VICTIM_COUNT_AGAIN);
        ledger->quick += atomic_load(&request->server->quick_running);
        *(uint32_t *)result = ++ledger->calls[*(const uint32_t *)argument % VICTIM_NUMBERS].count;
        return 0;
}

static void serve(void *argument) {
        static const struct leat_rpc_service service = { &victim_program, dispatch, NULL, NULL };
        struct leat_reason reason = { 0 };
        struct leat_rpc_server *server;
        (void)argument;
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        int r = leat_rpc_server_listen(server, ledger->address, harness_deadline_ms(20000), &reason);
        if (r < 0)
                FAIL("%s: %s (%s)", ledger->address, leat_strerror(r), reason.text ? reason.text : "");
        harness_event_signal(ledger->ready);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

static struct leat_rpc_client *connect_again(void) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_rpc_client *client;
        options.flags = ledger->flags;
        options.back_off_first_ns = options.back_off_most_ns = 1000000;
        int r = leat_rpc_connect(ledger->address, &options, harness_deadline_ms(40000), &reason, &client);
        if (r < 0)
                FAIL("%s: %s (%s)", ledger->address, leat_strerror(r), reason.text ? reason.text : "");
        return client;
}

static void call_one(struct leat_rpc_client *client, uint32_t number, struct leat_xdr_arena *arena) {
        struct call *told = &ledger->calls[number];
        bool again = harness_random_below(4) != 0, hurried = harness_random_below(64) == 0;
        int64_t deadline = hurried ? leat_in_ns((int64_t)harness_random_below(200000)) : harness_deadline_ms(40000);
        struct leat_rpc_call call = leat_rpc_call_until(deadline, arena);
        uint32_t result = 0;
        told->again = again;
        told->hurried = hurried;
        told->state = BEGUN;
        int r = leat_rpc_call(client, &victim_program, again ? VICTIM_COUNT_AGAIN : VICTIM_COUNT, &number, &result,
                              &call);
        CHECK(r != 0 || call.ran == LEAT_RPC_RAN);
        CHECK(r != 0 || result == 1 || (again && result > 1));
        told->ran = (unsigned char)call.ran;
        told->error = (unsigned char)-r;
        told->state = r == 0 ? CAME : TOLD;
        ledger->over++;
}

static void call_and_call(void *argument) {
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_client *client = connect_again();
        (void)argument;
        harness_event_signal(ledger->ready);
        while (ledger->next < ledger->most) {
                WAIT_UNTIL(ledger->next < ledger->quota);
                call_one(client, ledger->next++, &arena);
        }
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* ---- the judge ---- */

static void judge_one(uint32_t number, unsigned sums[4]) {
        const struct call *call = &ledger->calls[number];
        unsigned state = call->state, count = call->count;
        bool good = count <= 1 || call->again;
        if (state == CAME || (state == TOLD && call->ran == LEAT_RPC_RAN))
                good = good && count > 0;
        else if (state == TOLD && call->ran == LEAT_RPC_NOT_RUN)
                good = count == 0 && call->error == ETIMEDOUT && call->hurried;
        else if (state == TOLD) /* who may be asked again was, until there was an answer */
                good = good && (call->hurried || !call->again);
        else if (state == NOT_BEGUN)
                good = count == 0;
        sums[state]++;
        if (!good)
                FAIL("call %u%s%s: state %u, ran %u, error %u, but it ran %u times", number,
                     call->again ? " (idempotent)" : "", call->hurried ? " (brief)" : "", state, call->ran, call->error,
                     count);
}

static void judge(void) {
        unsigned sums[4] = { 0 };
        for (uint32_t number = 0; number < VICTIM_NUMBERS; number++)
                judge_one(number, sums);
        printf("%u came, %u failed, %u were never told; %u ran by the short way\n", sums[CAME], sums[TOLD], sums[BEGUN],
               ledger->quick);
        CHECK(sums[CAME] > sums[TOLD]);
        CHECK(!ledger->stands || ledger->quick > sums[CAME] / 16);
}

/* ---- who is killed and stopped when ---- */

static pid_t server, client;

static void begin(pid_t *ret_pid, void (*function)(void *argument)) {
        (void)harness_random(); /* another series */
        *ret_pid = harness_fork(function, NULL);
        harness_event_wait(ledger->ready);
}

static void meet(unsigned flags) {
        bool stands = harness_stop_counter();
        ledger = harness_shared(sizeof(*ledger));
        ledger->ready = harness_event_new();
        ledger->most = (unsigned)harness_how_many(600, 1600, VICTIM_NUMBERS);
        ledger->flags = flags;
        ledger->stands = stands;
        snprintf(ledger->address, sizeof(ledger->address), "shm:%s/ledger?wait=spin", harness_tmpdir());
        begin(&server, serve);
        begin(&client, call_and_call);
}

/* So many more are over: a random moment in the midst of them. */
static void wait_for_work(uint64_t step, uint64_t steps) {
        unsigned from = ledger->over, work = (unsigned)harness_random_below(40);
        ledger->quota = (unsigned)(ledger->most * (step + 1) / (steps + 1));
        WAIT_UNTIL(ledger->over - from >= work || ledger->next >= ledger->quota);
}

static void end(void) {
        WAIT_UNTIL(ledger->next >= ledger->quota);
        harness_kill(client);
        harness_kill(server);
        judge();
}

static void run_killing(unsigned flags) {
        uint64_t kills = harness_how_many(10, 40, 2000);
        meet(flags);
        for (uint64_t i = 0; i < kills; i++) {
                wait_for_work(i, kills);
                bool stops = harness_random_below(3) == 0;
                if (harness_random_below(3) > 0) {
                        harness_kill(server);
                        begin(&server, serve);
                        continue;
                }
                if (stops)
                        harness_stop(server);
                harness_kill(client);
                if (stops)
                        harness_continue(server);
                begin(&client, call_and_call);
        }
        end();
}

TEST(either_end_is_killed, .timeout_s = 120) {
        run_killing(0);
}

/* No call has a number, so none that may run once is ever sent twice. */
TEST(either_end_is_killed_and_no_call_has_a_number, .timeout_s = 120) {
        run_killing(LEAT_RPC_PLAIN);
}

/* Who stands still is not dead: nothing fails but by its deadline. */
TEST(either_end_is_stopped, .timeout_s = 120) {
        uint64_t stops = harness_how_many(10, 40, 3000);
        meet(LEAT_RPC_PLAIN);
        for (uint64_t i = 0; i < stops; i++) {
                pid_t stopped = harness_random_below(3) > 0 ? server : client;
                wait_for_work(i, stops);
                harness_stop(stopped);
                if (stopped == server) /* until a call waits for it */
                        WAIT_UNTIL(ledger->next > ledger->over || ledger->next >= ledger->quota);
                harness_continue(stopped);
        }
        for (uint32_t number = 0; number < VICTIM_NUMBERS; number++)
                CHECK(ledger->calls[number].state != TOLD || ledger->calls[number].error == ETIMEDOUT);
        end();
}

TEST_MAIN()
