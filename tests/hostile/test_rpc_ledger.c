/* SPDX-License-Identifier: MIT */

/*
 * The ledger of truths: clients and a server in processes of their own, all of them killed at random moments, again and again. Each call has a number, and the
 * server counts how often each number ran, in memory that outlives it. In the end what each client was told is compared with the count:
 *
 *   success, or that it ran: once (an idempotent one: at least once)
 *   not run:                 never, also not later
 *   unknown, or nothing, because the client was killed: once at most (an idempotent one: as often as it likes)
 */

#include "rpc_victim.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define CLIENTS 3
#define EACH (VICTIM_NUMBERS / CLIENTS) /* numbers of a client */
#define AT_ONCE 8

/* What a client knows of a call: an enum leat_rpc_ran and one more, or: */
enum { NOT_BEGUN, BEGUN, CAME, TOLD };

struct ledger {
        struct {
                atomic_uint state, again, ran, error;
        } calls[VICTIM_NUMBERS];
        atomic_uint next[CLIENTS]; /* the number of its next call */
        atomic_uint quota;         /* so many calls of each may be begun by now */
        atomic_uint over;          /* calls that are, of all */
        atomic_bool enough;
        char address[160];
        struct harness_event *ready;
        unsigned threads;
};
static struct ledger *ledger;

/* ---- the parties ---- */

static void serve(void *argument) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        options.threads = ledger->threads;
        struct leat_rpc_server *server = victim_make(&options);
        (void)argument;
        CHECK(server);
        int r = leat_rpc_server_listen(server, ledger->address, harness_deadline_ms(20000), &reason);
        if (r < 0)
                FAIL("%s: %s (%s)", ledger->address, leat_strerror(r), reason.text ? reason.text : "");
        CHECK(leat_rpc_server_address(server, 0, ledger->address, sizeof(ledger->address)) > 0);
        harness_event_signal(ledger->ready);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

struct attempt {
        uint32_t number, result;
        struct leat_rpc_call call;
        bool under_way;
};

static void begin_call(struct leat_rpc_client *client, uint32_t number, struct attempt *attempt,
                       struct leat_xdr_arena *arena) {
        bool again = harness_random_below(3) == 0;
        /* Some with so little time that it passes in any place. */
        int64_t deadline = harness_random_below(8) == 0 ? leat_in_ms((int64_t)harness_random_below(3))
                                                        : harness_deadline_ms(40000);
        *attempt = (struct attempt){ .number = number, .call = leat_rpc_call_until(deadline, arena) };
        ledger->calls[number].again = again;
        ledger->calls[number].state = BEGUN;
        CHECK_EQ(leat_rpc_start(client, &victim_program, again ? VICTIM_COUNT_AGAIN : VICTIM_COUNT, &attempt->number,
                                &attempt->result, &attempt->call),
                 0);
        attempt->call.userdata = attempt;
        attempt->under_way = true;
}

static void note(struct attempt *attempt) {
        attempt->under_way = false;
        ledger->calls[attempt->number].ran = attempt->call.ran;
        ledger->calls[attempt->number].error = (unsigned)-attempt->call.error;
        if (attempt->call.error == 0)
                CHECK(attempt->result == 1 || (ledger->calls[attempt->number].again && attempt->result > 1));
        ledger->calls[attempt->number].state = attempt->call.error == 0 ? CAME : TOLD;
        ledger->over++;
}

static struct leat_rpc_client *connect_again(void) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        struct leat_reason reason = { 0 };
        options.back_off_first_ns = options.back_off_most_ns = 1000000;
        options.retransmit_first_ns = 5000000;
        int r = leat_rpc_connect(ledger->address, &options, harness_deadline_ms(40000), &reason, &client);
        if (r < 0)
                FAIL("%s: %s (%s)", ledger->address, leat_strerror(r), reason.text ? reason.text : "");
        return client;
}

/* Some under way at a time; now and then one is cancelled. argument: which of the clients this is. */
static void call_and_call(void *argument) {
        struct attempt attempts[AT_ONCE] = { 0 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_client *client = connect_again();
        unsigned which = *(const unsigned *)argument, under_way = 0;
        harness_event_signal(ledger->ready);
        for (uint64_t turn = harness_random() % 7; !ledger->enough || under_way > 0; turn++) {
                struct attempt *attempt = &attempts[turn % AT_ONCE];
                struct leat_rpc_call *over;
                if (!attempt->under_way && !ledger->enough && ledger->next[which] < ledger->quota) {
                        begin_call(client, which * EACH + ledger->next[which]++, attempt, &arena);
                        under_way++;
                } else if (attempt->under_way && harness_random_below(20) == 0) {
                        if (leat_rpc_cancel(client, &attempt->call) == 0) {
                                note(attempt);
                                under_way--;
                        }
                } else if (under_way == 0) {
                        sched_yield(); /* until there may be more, or enough */
                        continue;
                }
                int r = leat_rpc_next(client, under_way < AT_ONCE ? LEAT_NOW : harness_deadline_ms(50000), &over);
                if (r == 0) {
                        note(over->userdata);
                        under_way--;
                } else
                        CHECK(r == -EAGAIN || r == -ENOENT);
        }
        leat_rpc_client_free(client);
        leat_xdr_arena_free(&arena);
}

/* ---- the judge ---- */

struct verdict {
        unsigned came, not_run, ran, unknown, untold;
        unsigned errors[256]; /* of those that did not run */
};

static void judge_one(uint32_t number, struct verdict *verdict) {
        unsigned count = victim_told->count[number], state = ledger->calls[number].state;
        unsigned ran = ledger->calls[number].ran;
        bool again = ledger->calls[number].again, good;
        if (state == CAME || (state == TOLD && ran == LEAT_RPC_RAN)) {
                good = count == 1 || (again && count > 1);
                verdict->came += state == CAME;
                verdict->ran += state == TOLD;
        } else if (state == TOLD && ran == LEAT_RPC_NOT_RUN) {
                good = count == 0;
                verdict->not_run++;
                verdict->errors[ledger->calls[number].error & 0xff]++;
        } else {
                good = count <= 1 || again;
                verdict->unknown += state == TOLD;
                verdict->untold += state == BEGUN;
        }
        if (!good)
                FAIL("call %u%s: state %u, ran %u, error %u, but it ran %u times", number, again ? " (idempotent)" : "",
                     state, ran, ledger->calls[number].error, count);
}

static void judge(void) {
        struct verdict verdict = { 0 };
        for (uint32_t number = 0; number < VICTIM_NUMBERS; number++)
                if (ledger->calls[number].state == NOT_BEGUN)
                        CHECK_EQ(victim_told->count[number], 0);
                else
                        judge_one(number, &verdict);
        printf("%s: %u succeeded, %u not run, %u ran, %u unknown, %u never told\n", ledger->address, verdict.came,
               verdict.not_run, verdict.ran, verdict.unknown, verdict.untold);
        /* Who waits for longer than a server is away has an answer, or does not know. */
        for (int error = 1; error < 256; error++)
                if (verdict.errors[error] > 0 && error != ETIMEDOUT && error != ECANCELED)
                        FAIL("%u calls were not run, but had time: %s", verdict.errors[error], leat_strerror(-error));
        CHECK(verdict.came > 0);
}

/* ---- who is killed when ---- */

static pid_t server, clients[CLIENTS];

static void begin_client(unsigned which) {
        /* It has its own series of random numbers. */
        (void)harness_random();
        clients[which] = harness_fork(call_and_call, &which);
        harness_event_wait(ledger->ready);
}

static void begin_server(void) {
        server = harness_fork(serve, NULL);
        harness_event_wait(ledger->ready);
}

static bool is_all_begun(void) {
        for (int i = 0; i < CLIENTS; i++)
                if (ledger->next[i] < ledger->quota)
                        return false;
        return true;
}

/* After so many more calls are over: that is a random moment of all of them. */
static void wait_for_work(void) {
        unsigned from = ledger->over, work = (unsigned)harness_random_below(60);
        WAIT_UNTIL(ledger->over - from >= work || is_all_begun());
}

static void kill_one(void) {
        unsigned which = (unsigned)harness_random_below(CLIENTS);
        wait_for_work();
        switch (harness_random_below(4)) {
        case 0:
                harness_kill(clients[which]);
                begin_client(which);
                break;
        case 1:
                harness_stop(server);
                harness_kill(clients[which]);
                harness_continue(server);
                begin_client(which);
                break;
        default:
                harness_kill(server);
                begin_server();
        }
}

static void run(const char *address, unsigned threads) {
        victim_meet();
        ledger = harness_shared(sizeof(*ledger));
        ledger->ready = harness_event_new();
        ledger->threads = threads;
        snprintf(ledger->address, sizeof(ledger->address), "%s", address);
        begin_server();
        for (unsigned i = 0; i < CLIENTS; i++)
                begin_client(i);
        uint64_t kills = harness_how_many(15, 60, 1500);
        for (uint64_t i = 0; i < kills; i++) {
                ledger->quota = (unsigned)(EACH * (i + 1) / (kills + 1));
                kill_one();
        }
        ledger->quota = EACH;
        wait_for_work();
        ledger->enough = true;
        for (int i = 0; i < CLIENTS; i++)
                CHECK_EQ(harness_wait(clients[i]), 0);
        harness_kill(server);
        judge();
}

TEST(every_truth_over_tcp, .timeout_s = 120) {
        run("tcp:127.0.0.1:0", 0);
}

TEST(every_truth_over_tcp_with_threads, .timeout_s = 120) {
        run("tcp:127.0.0.1:0", 3);
}

TEST(every_truth_over_unix, .timeout_s = 120) {
        run("unix:ledger", 0);
}

TEST(every_truth_over_unix_with_threads, .timeout_s = 120) {
        run("unix:ledger", 3);
}

TEST(every_truth_over_udp, .timeout_s = 120) {
        run("udp:127.0.0.1:0", 0);
}

TEST(every_truth_over_udp_with_threads, .timeout_s = 120) {
        run("udp:127.0.0.1:0", 3);
}

TEST(every_truth_over_shared_memory, .timeout_s = 120) {
        run("shm:ledger", 0);
}

TEST(every_truth_over_a_channel_of_unix, .timeout_s = 120) {
        run("unix:ledger?framing=leat", 0);
}

TEST_MAIN()
