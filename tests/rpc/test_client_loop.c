/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <leat.h>
#include <leat/rpc.h>
#include <leat/xdr_code.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * A program's own loop, which sleeps in poll() without a deadline and calls leat_rpc_next() only when the client's descriptor says so: what the client does by the clock, retransmitting,
 * connecting again, giving up, comes by the descriptor too, beside the program's own timer.
 */

enum { SAFE_ADD, PROCEDURES };

static const struct leat_rpc_procedure procedures[] = {
        [SAFE_ADD] = { .number = 1,
                       .flags = LEAT_RPC_IDEMPOTENT,
                       .argument = NODE_UNSIGNED,
                       .result = NODE_UNSIGNED,
                       .name = "SAFE_ADD" },
};
static const struct leat_rpc_program program = { "LOOP", 0x20000043, 1, PROCEDURES, procedures, &schemas };

#define FIRST_NS INT64_C(5000000)

static struct leat_rpc_client *connect_to(const char *address) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client = NULL;
        options.flags = LEAT_RPC_PLAIN;
        options.back_off_first_ns = FIRST_NS;
        options.back_off_most_ns = 4 * FIRST_NS;
        options.retransmit_first_ns = FIRST_NS;
        CHECK_EQ(leat_rpc_connect(address, &options, harness_deadline_ms(40000), NULL, &client), 0);
        return client;
}

/* ---- the loop ---- */

struct one {
        struct leat_rpc_call call;
        struct leat_xdr_arena arena;
        uint32_t number, result;
};

static void start(struct leat_rpc_client *client, struct one *one, uint32_t number, int64_t deadline) {
        *one = (struct one){ .number = number };
        one->call = leat_rpc_call_until(deadline, &one->arena);
        CHECK_EQ(leat_rpc_start(client, &program, SAFE_ADD, &one->number, &one->result, &one->call), 0);
}

static int own_timer(void) {
        const struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        CHECK(fd >= 0);
        CHECK_EQ(timerfd_settime(fd, 0, &each, NULL), 0);
        return fd;
}

/* Until a call is over. on_tick: at each tick of the program's timer. Returns how often the client's descriptor called. */
static unsigned loop(struct leat_rpc_client *client, void (*on_tick)(void *), void *argument) {
        struct leat_rpc_call *over = NULL;
        struct pollfd fds[] = { { own_timer(), POLLIN, 0 }, { leat_rpc_client_fd(client), POLLIN, 0 } };
        unsigned called = 0;
        uint64_t ticks;
        CHECK(fds[1].fd >= 0);
        while (!over) {
                int timeout =
                        on_tick ? -1 : 50000; /* without ticks nothing else would end a loop that is never woken */
                fds[0].events = on_tick ? POLLIN : 0;
                CHECK(poll(fds, 2, timeout) > 0);
                if (fds[0].revents && read(fds[0].fd, &ticks, sizeof(ticks)) == sizeof(ticks))
                        on_tick(argument);
                if (!fds[1].revents)
                        continue;
                int r = leat_rpc_next(client, LEAT_NOW, &over);
                CHECK(r == 0 || r == -EAGAIN);
                called++;
        }
        close(fds[0].fd);
        return called;
}

/* ---- datagrams that are lost ---- */

struct loser {
        int fd;
        unsigned came, lost; /* so many of each call are */
};

/* Takes what has come, and answers the one behind those that are lost. */
static void lose(void *argument) {
        struct loser *loser = argument;
        struct sockaddr_in from = { 0 };
        socklen_t size = sizeof(from);
        uint8_t bytes[256], reply[64] = { 0 };
        ssize_t n = recvfrom(loser->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        if (n < 0 || ++loser->came <= loser->lost)
                return;
        CHECK_EQ(n, 44);
        memcpy(reply, bytes, 4);
        leat_xdr_put_32(reply + 4, 1); /* a reply, accepted, without a verifier, success */
        leat_xdr_put_32(reply + 24, leat_xdr_get_32(bytes + 40) + 1);
        CHECK_EQ(sendto(loser->fd, reply, 28, 0, (struct sockaddr *)&from, size), 28);
}

TEST(what_is_lost_is_sent_again_from_the_loop) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(name);
        struct loser loser = { .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .lost = 3 };
        struct one one;
        char address[64];
        CHECK_EQ(bind(loser.fd, (struct sockaddr *)&name, size), 0);
        CHECK_EQ(getsockname(loser.fd, (struct sockaddr *)&name, &size), 0);
        snprintf(address, sizeof(address), "udp:127.0.0.1:%u", ntohs(name.sin_port));
        struct leat_rpc_client *client = connect_to(address);
        start(client, &one, 41, harness_deadline_ms(50000));
        CHECK(loop(client, lose, &loser) >= loser.lost);
        CHECK(one.call.error == 0 && one.result == 42 && one.call.attempts > loser.lost);
        loser.lost = UINT32_MAX; /* and one whose deadline passes */
        start(client, &one, 1, leat_in_ms(1000));
        (void)loop(client, lose, &loser);
        CHECK(one.call.error == -ETIMEDOUT && one.call.ran == LEAT_RPC_UNKNOWN && one.call.attempts > 1);
        leat_rpc_client_free(client);
        close(loser.fd);
}

/* ---- a server that comes back ---- */

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)index, (void)functions, (void)request, (void)userdata;
        *(uint32_t *)result = *(const uint32_t *)argument + 1;
        return 0;
}

struct place {
        char address[64];
        struct harness_event *ready;
        pid_t server; /* 0: there is none */
        unsigned ticks;
};

static void serve(void *argument) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        const struct place *place = argument;
        struct leat_rpc_server *server;
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        CHECK_EQ(leat_rpc_server_listen(server, place->address, harness_deadline_ms(40000), NULL), 0);
        harness_event_signal(place->ready);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

static void begin(struct place *place) {
        place->server = harness_fork(serve, place);
        harness_event_wait(place->ready);
}

/* At the 30th tick it is started anew; the client has tried in vain by then. */
static void come_back(void *argument) {
        struct place *place = argument;
        if (++place->ticks == 30)
                begin(place);
}

static void check_return(const char *scheme) {
        struct place place = { .ready = harness_event_new() };
        struct one one;
        snprintf(place.address, sizeof(place.address), "%s:@leat-loop-%d", scheme, (int)getpid());
        begin(&place);
        struct leat_rpc_client *client = connect_to(place.address);
        for (uint32_t i = 0; i < 50; i++) {
                start(client, &one, i, LEAT_NEVER);
                (void)loop(client, NULL, NULL);
                CHECK(one.call.error == 0 && one.result == i + 1);
        }
        harness_kill(place.server);
        start(client, &one, 7, harness_deadline_ms(50000));
        (void)loop(client, come_back, &place);
        CHECK(one.call.error == 0 && one.result == 8);
        harness_kill(place.server);
        start(client, &one, 8, leat_in_ms(100));
        place.ticks = 31;
        (void)loop(client, come_back, &place);
        CHECK(one.call.error == -ETIMEDOUT && one.call.ran != LEAT_RPC_RAN);
        leat_rpc_client_free(client);
}

TEST(a_connection_is_made_again_from_the_loop) {
        check_return("unix");
}

TEST(a_channel_is_opened_again_from_the_loop) {
        check_return("shm");
}

TEST_MAIN()
