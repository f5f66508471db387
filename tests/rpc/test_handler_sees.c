/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat.h>
#include <leat/rpc.h>
#include <stdio.h>
#include <unistd.h>

/* What a function of a server sees of its caller, over each kind of address, from one process to another: who it is, how long it waits, and that it does not any more. */

enum { LOOK, LOOK_ONCE, WAIT, WAIT_ONCE, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [LOOK] = { .number = 1, .flags = LEAT_RPC_IDEMPOTENT, .name = "LOOK" },
        [LOOK_ONCE] = { .number = 2, .name = "LOOK_ONCE" },
        [WAIT] = { .number = 3, .flags = LEAT_RPC_IDEMPOTENT, .name = "WAIT" },
        [WAIT_ONCE] = { .number = 4, .name = "WAIT_ONCE" },
};
static const struct leat_rpc_program program = { "SEES", 0x20000042, 1, PROCEDURES, procedures, &schemas };

enum { UNIX, SHM, TCP, UDP, KINDS };
#define THREADS 3

/* In shared memory. */
static struct seen {
        char addresses[KINDS][160];
        struct leat_rpc_caller caller;
        int64_t deadline;
        struct harness_event *ready, *waits, *is_over;
} * seen;

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)argument, (void)result, (void)userdata;
        if (index < WAIT) {
                seen->caller.size = sizeof(seen->caller);
                CHECK_EQ(leat_rpc_request_caller(request, &seen->caller), 0);
                seen->deadline = leat_rpc_request_deadline(request);
                return 0;
        }
        CHECK(!leat_rpc_request_is_cancelled(request));
        harness_event_signal(seen->waits);
        WAIT_UNTIL(leat_rpc_request_is_cancelled(request));
        harness_event_signal(seen->is_over);
        return -ECANCELED;
}

static void serve(void *unused) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server *server;
        (void)unused;
        options.threads = THREADS;
        CHECK_EQ(leat_rpc_server_create(&options, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        for (size_t kind = 0; kind < KINDS; kind++) {
                struct leat_reason reason = { 0 };
                if (leat_rpc_server_listen(server, seen->addresses[kind], LEAT_NOW, &reason) < 0)
                        FAIL("%s: %s", seen->addresses[kind], reason.text);
                CHECK(leat_rpc_server_address(server, kind, seen->addresses[kind], sizeof(seen->addresses[kind])) > 0);
        }
        harness_event_signal(seen->ready);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

static pid_t begin(void) {
        seen = harness_shared(sizeof(*seen));
        seen->ready = harness_event_new();
        seen->waits = harness_event_new();
        seen->is_over = harness_event_new();
        snprintf(seen->addresses[UNIX], sizeof(seen->addresses[UNIX]), "unix:@leat-sees-%d", (int)getpid());
        snprintf(seen->addresses[SHM], sizeof(seen->addresses[SHM]), "shm:@leat-sees-ring-%d", (int)getpid());
        snprintf(seen->addresses[TCP], sizeof(seen->addresses[TCP]), "tcp:127.0.0.1:0");
        snprintf(seen->addresses[UDP], sizeof(seen->addresses[UDP]), "udp:127.0.0.1:0");
        pid_t pid = harness_fork(serve, NULL);
        harness_event_wait(seen->ready);
        return pid;
}

static struct leat_rpc_client *come(int kind, const struct leat_rpc_client_options *options) {
        struct leat_rpc_client *client = NULL;
        struct leat_reason reason = { 0 };
        int r = leat_rpc_connect(seen->addresses[kind], options, harness_deadline_ms(40000), &reason, &client);
        if (r < 0)
                FAIL("%s: %s", seen->addresses[kind], reason.text ? reason.text : leat_strerror(r));
        return client;
}

static void call_until(struct leat_rpc_client *client, uint32_t procedure, int64_t deadline) {
        struct leat_rpc_call call = leat_rpc_call_until(deadline, NULL);
        CHECK_EQ(leat_rpc_call(client, &program, procedure, NULL, NULL, &call), 0);
}

/* ---- who calls ---- */

/* Somebody who says that he is root, of whom the kernel knows better. */
static void call_as_another(void *argument) {
        int kind = *(int *)argument;
        struct leat_rpc_auth_sys says = {
                .stamp = 5, .uid = 0, .gid = 7, .groups_count = 2, .groups = { 0, 9 }, .machine = "elsewhere"
        };
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        if (geteuid() == 0)
                harness_be_nobody();
        options.auth_sys = &says;
        struct leat_rpc_client *client = come(kind, &options);
        says.machine[0] = 'X'; /* it was copied */
        call_until(client, LOOK_ONCE, harness_deadline_ms(40000));
        leat_rpc_client_free(client);
}

static void check_address(int kind) {
        static const char *const begins[] = { "", "", "tcp:127.0.0.1:", "udp:127.0.0.1:" };
        CHECK(strncmp(seen->caller.address, begins[kind], strlen(begins[kind])) == 0);
        CHECK_EQ(seen->caller.address[0] == '\0', kind <= SHM);
}

TEST(who_calls_is_told_by_the_kernel_and_by_himself) {
        pid_t server = begin();
        for (int kind = 0; kind < KINDS; kind++) {
                pid_t pid = harness_fork(call_as_another, &kind);
                CHECK_EQ(harness_wait(pid), 0);
                CHECK_EQ(seen->caller.peer.known, kind <= SHM);
                CHECK_EQ(seen->caller.peer.pid, kind <= SHM ? pid : 0);
                uid_t uid = geteuid() == 0 ? 65534 : geteuid();
                CHECK_EQ(seen->caller.peer.uid, kind <= SHM ? uid : 0);
                CHECK_EQ(seen->caller.flavor, 1);
                CHECK(seen->caller.auth_sys.uid == 0 && seen->caller.auth_sys.gid == 7);
                CHECK(seen->caller.auth_sys.groups_count == 2 && seen->caller.auth_sys.groups[1] == 9);
                CHECK_STR(seen->caller.auth_sys.machine, "elsewhere");
                check_address(kind);
        }
        harness_kill(server);
}

TEST(who_says_nothing_is_nobody) {
        pid_t server = begin();
        for (int kind = 0; kind < KINDS; kind++) {
                struct leat_rpc_client *client = come(kind, NULL);
                memset(&seen->caller, 0xff, sizeof(seen->caller));
                call_until(client, LOOK, harness_deadline_ms(40000));
                CHECK_EQ(seen->caller.flavor, 0);
                CHECK_EQ(seen->caller.peer.pid, kind <= SHM ? getpid() : 0);
                check_address(kind);
                leat_rpc_client_free(client);
        }
        harness_kill(server);
}

/* ---- how long ---- */

static void check_deadline(struct leat_rpc_client *client, uint32_t procedure) {
        for (int64_t seconds = 50; seconds <= 5000; seconds *= 10) {
                int64_t began = leat_now(), deadline = leat_in_s(seconds);
                call_until(client, procedure, deadline);
                CHECK(seen->deadline >= deadline); /* as much time is left as was at the sending, */
                CHECK(seen->deadline <= deadline + (leat_now() - began)); /* and the way there has taken some */
        }
        call_until(client, procedure, LEAT_NEVER);
        CHECK_EQ(seen->deadline, LEAT_NEVER);
}

TEST(a_deadline_travels) {
        pid_t server = begin();
        struct leat_rpc_client_options plain = LEAT_RPC_CLIENT_OPTIONS_INIT;
        plain.flags = LEAT_RPC_PLAIN;
        for (int kind = 0; kind < KINDS; kind++) {
                struct leat_rpc_client *client = come(kind, NULL);
                check_deadline(client, LOOK_ONCE); /* the greeting is answered with this at the latest */
                check_deadline(client, LOOK);
                leat_rpc_client_free(client);
                client = come(kind, &plain);
                call_until(client, LOOK, harness_deadline_ms(40000));
                CHECK_EQ(seen->deadline == LEAT_NEVER, kind != SHM); /* a channel's messages have it themselves */
                leat_rpc_client_free(client);
        }
        harness_kill(server);
}

/* ---- not any more ---- */

static void start(struct leat_rpc_client *client, uint32_t procedure, int64_t deadline, struct leat_rpc_call *call) {
        struct leat_rpc_call *over;
        *call = leat_rpc_call_until(deadline, NULL);
        CHECK_EQ(leat_rpc_start(client, &program, procedure, NULL, NULL, call), 0);
        CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &over), -EAGAIN); /* it goes */
        harness_event_wait(seen->waits);
}

/* All threads wait, are given up one after the other, and are free for others. */
TEST(a_thread_sees_that_its_call_is_cancelled) {
        pid_t server = begin();
        for (int kind = 0; kind < KINDS; kind++) {
                struct leat_rpc_client *client = come(kind, NULL);
                struct leat_rpc_call calls[THREADS];
                call_until(client, LOOK_ONCE, harness_deadline_ms(40000));
                for (int i = 0; i < THREADS; i++)
                        start(client, i % 2 ? WAIT : WAIT_ONCE, harness_deadline_ms(50000), &calls[i]);
                for (int i = 0; i < THREADS; i++) {
                        CHECK(!harness_event_try(seen->is_over, LEAT_NOW));
                        CHECK_EQ(leat_rpc_cancel(client, &calls[i]), 0);
                        CHECK(calls[i].error == -ECANCELED && calls[i].ran == LEAT_RPC_UNKNOWN);
                        harness_event_wait(seen->is_over);
                }
                call_until(client, LOOK_ONCE, harness_deadline_ms(40000));
                leat_rpc_client_free(client);
        }
        harness_kill(server);
}

TEST(a_thread_sees_that_the_deadline_has_passed) {
        pid_t server = begin();
        for (int kind = 0; kind < KINDS; kind++) {
                struct leat_rpc_client *client = come(kind, NULL);
                struct leat_rpc_call call, *over;
                call_until(client, LOOK_ONCE, harness_deadline_ms(40000));
                start(client, kind % 2 ? WAIT : WAIT_ONCE, leat_in_ms(1000), &call);
                harness_event_wait(seen->is_over);
                CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &over), 0);
                CHECK(over == &call);
                if (call.error == -ETIMEDOUT)
                        CHECK_EQ(call.ran, LEAT_RPC_UNKNOWN);
                else
                        CHECK(call.error == -EPROTO && call.ran == LEAT_RPC_RAN); /* its answer was quicker */
                leat_rpc_client_free(client);
        }
        harness_kill(server);
}

static void call_and_wait(void *argument) {
        struct leat_rpc_call call;
        struct leat_rpc_client *client = come(*(int *)argument, NULL);
        call_until(client, LOOK_ONCE, harness_deadline_ms(40000));
        start(client, WAIT, LEAT_NEVER, &call);
        harness_event_signal(seen->ready);
        pause();
}

/* Freed, a client says so. Killed, its connection ends, which over unix is told from the end of its sending alone. */
TEST(a_thread_sees_that_its_caller_has_gone) {
        pid_t server = begin();
        for (int kind = 0; kind < KINDS; kind++) {
                struct leat_rpc_client *client = come(kind, NULL);
                struct leat_rpc_call call;
                call_until(client, LOOK_ONCE, harness_deadline_ms(40000));
                start(client, WAIT_ONCE, LEAT_NEVER, &call);
                leat_rpc_client_free(client);
                CHECK_EQ(call.error, -ECANCELED);
                harness_event_wait(seen->is_over);
                if (kind != UNIX)
                        continue;
                pid_t pid = harness_fork(call_and_wait, &kind);
                harness_event_wait(seen->ready);
                harness_kill(pid);
                harness_event_wait(seen->is_over);
        }
        harness_kill(server);
}

TEST_MAIN()
