/* SPDX-License-Identifier: MIT */

/*
 * Somebody between a client and a server, both of whom live: connections are cut at random bytes, datagrams are lost, doubled and held back. Each call that runs once at most
 * succeeds inside its deadline, and has run once.
 */

#include "hostile.h"
#include "rpc_victim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BETWEEN_MOST 16 /* connections at a time */

struct relay {
        const char *server;
        int listener;
        uint64_t bytes_most; /* of a connection, in both directions; then it is cut */
        atomic_uint *cuts;
};

struct link {
        int fds[2]; /* the client's, the server's; -1: there is none */
        uint64_t left;
};

static void cut(const struct relay *relay, struct link *link) {
        struct linger at_once = { 1, 0 };
        bool abort = harness_random_below(2);
        for (int i = 0; i < 2; i++) {
                if (abort)
                        (void)setsockopt(link->fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
                close(link->fds[i]);
                link->fds[i] = -1;
        }
        ++*relay->cuts;
}

/* Some of what came by one of the two goes to the other; the last bytes before the cut too, or not. */
static void pass_on(const struct relay *relay, struct link *link, int from) {
        uint8_t bytes[4096];
        size_t most = link->left < sizeof(bytes) ? link->left : sizeof(bytes);
        ssize_t n = most > 0 ? recv(link->fds[from], bytes, most, MSG_DONTWAIT) : 0;
        if (n < 0 && errno == EAGAIN)
                return;
        if (n > 0 && send_bytes(link->fds[!from], bytes, (size_t)n) == (size_t)n)
                link->left -= (uint64_t)n;
        else
                link->left = 0;
        if (link->left == 0)
                cut(relay, link);
}

static void take_in(const struct relay *relay, struct link *links) {
        for (int i = 0; i < BETWEEN_MOST; i++)
                if (links[i].fds[0] < 0) {
                        links[i].fds[0] = accept(relay->listener, NULL, NULL);
                        CHECK(links[i].fds[0] >= 0);
                        links[i].fds[1] = attacker_connect(relay->server, NULL);
                        links[i].left = 1 + harness_random_below(relay->bytes_most);
                        return;
                }
        FAIL("more connections than a client has");
}

static void be_between(void *argument) {
        const struct relay *relay = argument;
        struct link links[BETWEEN_MOST];
        for (int i = 0; i < BETWEEN_MOST; i++)
                links[i].fds[0] = links[i].fds[1] = -1;
        for (;;) {
                struct pollfd fds[2 * BETWEEN_MOST + 1] = { { relay->listener, POLLIN, 0 } };
                for (int i = 0; i < 2 * BETWEEN_MOST; i++)
                        fds[i + 1] = (struct pollfd){ links[i / 2].fds[i % 2], POLLIN, 0 };
                CHECK(poll(fds, 2 * BETWEEN_MOST + 1, -1) > 0);
                for (int i = 0; i < 2 * BETWEEN_MOST; i++)
                        if (fds[i + 1].revents && links[i / 2].fds[i % 2] == fds[i + 1].fd && fds[i + 1].fd >= 0)
                                pass_on(relay, &links[i / 2], i % 2);
                if (fds[0].revents)
                        take_in(relay, links);
        }
}

/* ---- the calls ---- */

static struct leat_rpc_client *client_of(const char *address) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        options.back_off_first_ns = options.back_off_most_ns = 100000;
        options.retransmit_first_ns = 2000000;
        CHECK_EQ(leat_rpc_connect(address, &options, harness_deadline_ms(20000), NULL, &client), 0);
        return client;
}

static void check_over(const struct leat_rpc_call *call, const uint32_t *result, uint32_t number) {
        if (call->error != 0)
                FAIL("call %u: %s, ran %d, status %d, %u attempts; it ran %u times", number, leat_strerror(call->error),
                     (int)call->ran, (int)call->status, call->attempts, victim_told->count[number]);
        CHECK_EQ(*result, 1);
        CHECK_EQ(victim_told->count[number], 1);
}

static void call_each(struct leat_rpc_client *client, uint32_t calls) {
        struct leat_xdr_arena arena = { 0 };
        for (uint32_t number = 0; number < calls; number++) {
                struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
                uint32_t result = 0;
                (void)leat_rpc_call(client, &victim_program, VICTIM_COUNT, &number, &result, &call);
                check_over(&call, &result, number);
        }
        leat_xdr_arena_free(&arena);
}

/* As many as that under way. */
static void call_many(struct leat_rpc_client *client, uint32_t first, uint32_t calls) {
        enum { AT_ONCE = 30 };
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call all[AT_ONCE];
        uint32_t results[AT_ONCE], numbers[AT_ONCE];
        for (uint32_t number = first; number < first + calls; number += AT_ONCE) {
                for (uint32_t i = 0; i < AT_ONCE; i++) {
                        numbers[i] = number + i;
                        all[i] = leat_rpc_call_until(harness_deadline_ms(40000), &arena);
                        CHECK_EQ(leat_rpc_start(client, &victim_program, VICTIM_COUNT, &numbers[i], &results[i],
                                                &all[i]),
                                 0);
                }
                for (uint32_t i = 0; i < AT_ONCE; i++) {
                        struct leat_rpc_call *over;
                        CHECK_EQ(leat_rpc_next(client, harness_deadline_ms(50000), &over), 0);
                        check_over(over, &results[over - all], numbers[over - all]);
                }
        }
        leat_xdr_arena_free(&arena);
}

static int listen_inet(int type, char *ret_address, size_t size) {
        struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t name_size = sizeof(name);
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        CHECK_EQ(getsockname(fd, (struct sockaddr *)&name, &name_size), 0);
        if (type == SOCK_STREAM)
                CHECK_EQ(listen(fd, 100), 0);
        snprintf(ret_address, size, "%s:127.0.0.1:%u", type == SOCK_STREAM ? "tcp" : "udp", ntohs(name.sin_port));
        return fd;
}

static int listen_unix(char *ret_address, size_t size) {
        char path[120]; /* more than a name has room for: listen_at() sees it */
        snprintf(path, sizeof(path), "%s/relay", harness_tmpdir());
        snprintf(ret_address, size, "unix:%s", path);
        return listen_at(path, SOCK_STREAM);
}

static void check_cut(bool tcp, uint64_t bytes_most, unsigned threads) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        char address[160];
        options.threads = threads;
        pid_t server = victim_begin(&options, 0);
        struct relay relay = { .server = tcp ? victim_told->tcp : victim_told->unix_stream,
                               .bytes_most = bytes_most,
                               .cuts = harness_shared(sizeof(atomic_uint)) };
        relay.listener =
                tcp ? listen_inet(SOCK_STREAM, address, sizeof(address)) : listen_unix(address, sizeof(address));
        pid_t between = harness_fork(be_between, &relay);
        close(relay.listener);
        struct leat_rpc_client *client = client_of(address);
        call_each(client, (uint32_t)harness_how_many(100, 400, 5000));
        call_many(client, 10000, (uint32_t)harness_how_many(300, 1500, 15000));
        printf("%s: %u cuts\n", address, *relay.cuts);
        CHECK(*relay.cuts > 5);
        leat_rpc_client_free(client);
        harness_kill(between);
        victim_end(server);
}

TEST(cut_over_tcp, .timeout_s = 120) {
        check_cut(true, 2000, 0);
}

TEST(cut_over_unix, .timeout_s = 120) {
        check_cut(false, 2000, 0);
}

TEST(cut_over_unix_with_threads, .timeout_s = 120) {
        check_cut(false, 8000, 3);
}

/* ---- datagrams ---- */

struct held {
        uint8_t bytes[2048];
        ssize_t size;
        int to;
};

/* Towards the client or the server: lost, doubled, held back until another one comes, or as it is. */
static void toss(struct held *held, int to, const uint8_t *bytes, ssize_t size) {
        uint64_t fate = harness_random_below(10);
        if (fate < 2)
                return;
        for (int i = fate < 4 ? 2 : 1; i > 0; i--)
                (void)send(to, bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (held->size > 0)
                (void)send(held->to, held->bytes, (size_t)held->size, MSG_NOSIGNAL | MSG_DONTWAIT);
        held->size = 0;
        if (fate == 4) {
                memcpy(held->bytes, bytes, (size_t)size);
                held->size = size;
                held->to = to;
        }
}

static void be_between_datagrams(void *argument) {
        const struct relay *relay = argument;
        struct held held = { 0 };
        struct sockaddr_storage client;
        socklen_t client_size = sizeof(client);
        uint8_t bytes[2048];
        bool is_connected = false;
        int fds[2] = { relay->listener, attacker_connect(relay->server, NULL) };
        for (;;) {
                struct pollfd polled[2] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };
                CHECK(poll(polled, 2, -1) > 0);
                for (int i = 0; i < 2; i++) {
                        ssize_t n = polled[i].revents ? recvfrom(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT,
                                                                 (struct sockaddr *)&client, &client_size)
                                                      : -1;
                        if (n > 0 && i == 0 && !is_connected) {
                                CHECK_EQ(connect(fds[0], (struct sockaddr *)&client, client_size), 0);
                                is_connected = true;
                        }
                        if (n > 0 && is_connected)
                                toss(&held, fds[!i], bytes, n);
                }
        }
}

static void check_datagrams(unsigned threads) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        char address[160];
        options.threads = threads;
        pid_t server = victim_begin(&options, 0);
        struct relay relay = { .server = victim_told->udp };
        relay.listener = listen_inet(SOCK_DGRAM, address, sizeof(address));
        pid_t between = harness_fork(be_between_datagrams, &relay);
        close(relay.listener);
        struct leat_rpc_client *client = client_of(address);
        call_each(client, (uint32_t)harness_how_many(50, 200, 3000));
        call_many(client, 10000, (uint32_t)harness_how_many(150, 600, 9000));
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_client_info(client, &info), 0);
        printf("%lu of %lu retransmitted, round trip %ld ns\n", (unsigned long)info.retransmitted,
               (unsigned long)info.sent, (long)info.round_trip_ns);
        CHECK(info.retransmitted > 0);
        leat_rpc_client_free(client);
        harness_kill(between);
        victim_end(server);
}

TEST(datagrams_lost_doubled_and_late, .timeout_s = 120) {
        check_datagrams(0);
}

TEST(datagrams_lost_doubled_and_late_with_threads, .timeout_s = 120) {
        check_datagrams(3);
}

TEST_MAIN()
