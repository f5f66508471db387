/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <leat/rpc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Sockets that a server is started with (LISTEN_FDS), and those who take them over one after the other: each is drained while clients call, and the next one is started
 * with the same sockets. What each client is told of each call is compared with how often it ran.
 */

enum { ONCE, AGAIN, PROCEDURES };
enum { UNIX, TCP, UDP, KINDS };

static const struct leat_rpc_procedure procedures[] = {
        [ONCE] = { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "ONCE" },
        [AGAIN] = { .number = 2,
                    .flags = LEAT_RPC_IDEMPOTENT,
                    .argument = NODE_UNSIGNED,
                    .result = NODE_UNSIGNED,
                    .name = "AGAIN" },
};
static const struct leat_rpc_program program = { "SUCCESSION", 0x20000041, 1, PROCEDURES, procedures, &schemas };

#define NUMBERS (1u << 23) /* of one client's calls: more than it can make in the time that a test has */

/* In shared memory. */
static struct town {
        atomic_uchar ran[KINDS * 2][NUMBERS];
        atomic_uint over[KINDS * 2]; /* calls of each client that are */
        atomic_bool enough;
        struct harness_event *ready;
        char addresses[KINDS][160];
        unsigned threads;
} * town;
static int sockets[KINDS];

/* ---- the servers ---- */

static struct leat_rpc_server *server;

static void end_well(int number) {
        (void)number;
        leat_rpc_server_drain(server);
}

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        const uint32_t *number = argument;
        (void)index, (void)functions, (void)request, (void)userdata;
        *(uint32_t *)result = *number + 1;
        town->ran[*number / NUMBERS][*number % NUMBERS]++;
        return 0;
}

/* As a process is started that systemd gives sockets: they are 3, 4, ... */
static void inherit(const int *fds, unsigned count, pid_t pid) {
        char text[16];
        for (unsigned i = 0; i < count; i++)
                CHECK_EQ(dup2(fds[i], 3 + (int)i), 3 + (int)i);
        snprintf(text, sizeof(text), "%u", count);
        setenv("LISTEN_FDS", text, 1);
        snprintf(text, sizeof(text), "%d", (int)pid);
        setenv("LISTEN_PID", text, 1);
}

static struct leat_rpc_server *make(void) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_rpc_server *made = NULL;
        options.threads = town->threads;
        CHECK_EQ(leat_rpc_server_create(&options, &made), 0);
        CHECK_EQ(leat_rpc_server_add(made, service), 0);
        return made;
}

static void serve(void *unused) {
        (void)unused;
        inherit(sockets, KINDS, getpid());
        server = make();
        CHECK(signal(SIGTERM, end_well) != SIG_ERR);
        CHECK_EQ(leat_rpc_server_adopt_inherited(server), KINDS);
        harness_event_signal(town->ready);
        int r = leat_rpc_server_run(server, LEAT_NEVER);
        if (r != -ENODATA)
                FAIL("%s", leat_strerror(r));
        CHECK(!leat_rpc_server_free(server));
}

/* ---- the clients ---- */

#define AT_ONCE 4

struct ask {
        struct leat_rpc_call call;
        struct leat_xdr_arena arena;
        uint32_t index, number, result;
};

/* What it is told agrees with what ran; over streams nothing ends otherwise than well. */
static void check_told(const struct ask *ask, unsigned who) {
        unsigned ran = town->ran[who][ask->number % NUMBERS];
        int error = ask->call.error;
        if (error == 0)
                CHECK(ask->result == ask->number + 1 && ran >= 1 && (ran == 1 || ask->index == AGAIN));
        else if (ask->call.ran == LEAT_RPC_NOT_RUN)
                CHECK_EQ(ran, 0);
        else
                CHECK(ran <= 1 || ask->index == AGAIN);
        if (error != 0 && who % KINDS != UDP)
                FAIL("client %u: call %u: %s, told %d, ran %u times, attempts %u", who, ask->number % NUMBERS,
                     leat_strerror(error), (int)ask->call.ran, ran, ask->call.attempts);
}

static void start(struct leat_rpc_client *client, struct ask *ask, uint32_t number) {
        *ask = (struct ask){ .index = number % 8 ? ONCE : AGAIN, .number = number };
        ask->call = leat_rpc_call_until(harness_deadline_ms(50000), &ask->arena);
        ask->call.userdata = ask;
        CHECK_EQ(leat_rpc_start(client, &program, ask->index, &ask->number, &ask->result, &ask->call), 0);
}

static void call_all_the_time(void *argument) {
        unsigned who = *(unsigned *)argument;
        uint32_t next = who * NUMBERS, under_way = 0;
        struct leat_rpc_client *client = NULL;
        struct leat_rpc_call *call;
        struct ask asks[AT_ONCE];
        CHECK_EQ(leat_rpc_connect(town->addresses[who % KINDS], NULL, harness_deadline_ms(50000), NULL, &client), 0);
        for (; under_way < AT_ONCE; under_way++)
                start(client, &asks[under_way], next++);
        while (under_way > 0) {
                CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(55000), &call), 0);
                check_told(call->userdata, who);
                town->over[who]++;
                if (town->enough || next % NUMBERS == NUMBERS - 1)
                        under_way--;
                else
                        start(client, call->userdata, next++);
        }
        leat_rpc_client_free(client);
}

/* ---- the sockets ---- */

static int bound(int type, const void *name, socklen_t size) {
        int fd = socket(((const struct sockaddr *)name)->sa_family, type | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, name, size), 0);
        if (type == SOCK_STREAM)
                CHECK_EQ(listen(fd, 64), 0);
        int high = fcntl(fd, F_DUPFD_CLOEXEC, 100); /* out of the way of those that are inherited */
        CHECK(high >= 100);
        close(fd);
        return high;
}

static void found(unsigned threads) {
        town = harness_shared(sizeof(*town));
        town->ready = harness_event_new();
        town->threads = threads;
        struct sockaddr_un path = { .sun_family = AF_UNIX };
        snprintf(path.sun_path, sizeof(path.sun_path), "%.90s/town", harness_tmpdir());
        sockets[UNIX] = bound(SOCK_STREAM, &path, sizeof(path));
        snprintf(town->addresses[UNIX], sizeof(town->addresses[UNIX]), "unix:%s", path.sun_path);
        for (int kind = TCP; kind <= UDP; kind++) {
                struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                socklen_t size = sizeof(name);
                sockets[kind] = bound(kind == TCP ? SOCK_STREAM : SOCK_DGRAM, &name, size);
                CHECK_EQ(getsockname(sockets[kind], (struct sockaddr *)&name, &size), 0);
                snprintf(town->addresses[kind], sizeof(town->addresses[kind]), "%s:127.0.0.1:%u",
                         kind == TCP ? "tcp" : "udp", ntohs(name.sin_port));
        }
}

static void abandon(void) {
        for (int kind = 0; kind < KINDS; kind++)
                close(sockets[kind]);
}

static pid_t succeed(void) {
        pid_t pid = harness_fork(serve, NULL);
        harness_event_wait(town->ready);
        return pid;
}

/* Each client has got on by so many calls. */
static void wait_for_calls(unsigned clients, unsigned more) {
        char what[40];
        for (unsigned who = 0; who < clients; who++) {
                unsigned at = town->over[who];
                snprintf(what, sizeof(what), "calls of client %u", who);
                for (int64_t deadline = harness_deadline_ms(50000); town->over[who] < at + more;)
                        harness_give_way(__FILE__, __LINE__, what, deadline);
        }
}

static void check_succession(unsigned threads, bool beside) {
        enum { CLIENTS = KINDS * 2 };
        pid_t clients[CLIENTS];
        unsigned total = 0;
        found(threads);
        pid_t old = succeed();
        for (unsigned who = 0; who < CLIENTS; who++) {
                unsigned argument = who;
                clients[who] = harness_fork(call_all_the_time, &argument);
        }
        for (uint64_t turn = harness_how_many(4, 20, 200); turn > 0; turn--) {
                wait_for_calls(CLIENTS, (unsigned)harness_random_below(40));
                pid_t next = beside ? succeed() : -1; /* before the old one ends, or after */
                CHECK_EQ(kill(old, SIGTERM), 0);
                CHECK_EQ(harness_wait(old), 0);
                old = beside ? next : succeed();
        }
        wait_for_calls(CLIENTS, 10);
        town->enough = true;
        for (unsigned who = 0; who < CLIENTS; who++) {
                CHECK_EQ(harness_wait(clients[who]), 0);
                total += town->over[who];
        }
        printf("%u calls\n", total);
        CHECK_EQ(kill(old, SIGTERM), 0);
        CHECK_EQ(harness_wait(old), 0);
        abandon();
}

TEST(a_successor_comes_after_the_drained_one, .timeout_s = 120) {
        check_succession(0, false);
}

TEST(a_successor_of_threads_comes_after_the_drained_one, .timeout_s = 120) {
        check_succession(3, false);
}

TEST(a_successor_stands_beside_the_drained_one, .timeout_s = 120) {
        check_succession(0, true);
}

/* ---- what is inherited, and what is not ---- */

static void inherit_in_many_ways(void *unused) {
        static const char *const numbers[] = { "", "0", "-1", "x", "3x", " 3", "99999999999999999999" };
        (void)unused;
        inherit(sockets, KINDS, getpid()); /* no descriptor of the server has such a number */
        struct leat_rpc_server *made = make();
        unsetenv("LISTEN_FDS");
        CHECK_EQ(leat_rpc_server_adopt_inherited(made), 0);
        inherit(sockets, 1, getpid() + 1); /* another process's */
        CHECK_EQ(leat_rpc_server_adopt_inherited(made), 0);
        inherit(sockets, 1, getpid());
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                setenv("LISTEN_FDS", numbers[i], 1);
                CHECK_EQ(leat_rpc_server_adopt_inherited(made), 0);
        }
        CHECK_EQ(leat_rpc_server_step(made, LEAT_NOW), -ENOENT); /* it listens nowhere */
        char address[160];
        inherit(sockets, KINDS, getpid());
        CHECK_EQ(leat_rpc_server_adopt_inherited(made), KINDS);
        for (size_t kind = 0; kind < KINDS; kind++) {
                CHECK(fcntl(3 + (int)kind, F_GETFD) & FD_CLOEXEC);
                CHECK(!(fcntl(sockets[kind], F_GETFL) & O_NONBLOCK)); /* it is others' too */
                CHECK(leat_rpc_server_address(made, kind, address, sizeof(address)) > 0);
                CHECK_STR(address, town->addresses[kind]);
        }
        CHECK_EQ(leat_rpc_server_address(made, KINDS, address, sizeof(address)), -ENOENT);
        CHECK(!leat_rpc_server_free(made));
        int pipes[2];
        CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
        inherit(pipes, 1, getpid());
        made = make();
        CHECK_EQ(leat_rpc_server_adopt_inherited(made), -ENOTSOCK);
        close(3);
        CHECK_EQ(leat_rpc_server_adopt_inherited(made), -EBADF);
        CHECK(!leat_rpc_server_free(made));
        /* All or none: a socket that could be served is not, beside one that cannot. */
        int mixed[3] = { sockets[0], fcntl(pipes[1], F_DUPFD_CLOEXEC, 100), sockets[1] };
        inherit(mixed, 3, getpid());
        made = make();
        CHECK_EQ(leat_rpc_server_adopt_inherited(made), -ENOTSOCK);
        CHECK_EQ(leat_rpc_server_address(made, 0, address, sizeof(address)), -ENOENT);
        for (int fd = 3; fd < 6; fd++)
                CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK(!leat_rpc_server_free(made));
}

TEST(what_is_inherited_is_served) {
        found(0);
        CHECK_EQ(harness_wait(harness_fork(inherit_in_many_ways, NULL)), 0);
        abandon();
}

/* ---- killed instead of drained ---- */

/* Who calls while nobody is there waits for the next one: the socket lives. */
TEST(no_idempotent_call_is_lost_while_a_server_is_started_anew) {
        found(0);
        struct leat_rpc_client *client = NULL;
        struct ask ask;
        struct leat_rpc_call *call;
        CHECK_EQ(leat_rpc_connect(town->addresses[UNIX], NULL, harness_deadline_ms(50000), NULL, &client), 0);
        for (uint32_t turn = 0; turn < 10; turn++) {
                start(client, &ask, turn * 8);
                CHECK_EQ(leat_rpc_next(client, LEAT_NOW, &call), -EAGAIN);
                pid_t pid = succeed();
                CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(55000), &call), 0);
                CHECK_EQ(ask.call.error, 0);
                CHECK_EQ(ask.result, turn * 8 + 1);
                harness_kill(pid);
        }
        leat_rpc_client_free(client);
        abandon();
}

TEST_MAIN()
