/* SPDX-License-Identifier: MIT */
#include "fake_source.h"
#include "harness.h"
#include "schemas.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server on sockets of udp, and callers that send what they like. */

static struct fake_work work;
static struct leat_rpc_server *server;

static int bound_socket(int family, const void *address, socklen_t size) {
        int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, address, size), 0);
        return fd;
}

static struct sockaddr_in name_v4(uint32_t address, uint16_t port) {
        return (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(address) };
}

/* The server's port, which it has at this address. */
static uint16_t begin_at(uint32_t address, const struct leat_rpc_server_options *options) {
        struct sockaddr_in name = name_v4(address, 0);
        socklen_t size = sizeof(name);
        int fd = bound_socket(AF_INET, &name, size);
        CHECK_EQ(getsockname(fd, (struct sockaddr *)&name, &size), 0);
        work = (struct fake_work){ 0 };
        server = fake_server(options, &work);
        CHECK_EQ(leat_rpc_server_adopt(server, fd), 0);
        return ntohs(name.sin_port);
}

static void end(void) {
        server = leat_rpc_server_free(server);
}

static int caller_at(uint32_t address) {
        struct sockaddr_in name = name_v4(address, 0);
        return bound_socket(AF_INET, &name, sizeof(name));
}

/* A call of a procedure with a number and this much behind it; how many bytes it has. */
static size_t make_call(uint8_t *bytes, size_t room, uint32_t xid, uint32_t procedure, uint32_t number, size_t more) {
        struct leat_xdr_buffer buffer = leat_xdr_buffer_over(bytes, room);
        const struct rpc_call call = { .xid = xid, .program = FAKE_PROGRAM, .version = 1, .procedure = procedure };
        CHECK_EQ(rpc_call_encode(&call, &buffer), 0);
        CHECK(room - buffer.size_bytes >= more + 4);
        memset(bytes + buffer.size_bytes, 0, more + 4);
        leat_xdr_put_32(bytes + buffer.size_bytes, number);
        return buffer.size_bytes + 4 + more;
}

static void send_to(int fd, uint32_t address, uint16_t port, const void *bytes, size_t size) {
        const struct sockaddr_in to = name_v4(address, port);
        CHECK_EQ(sendto(fd, bytes, size, 0, (const struct sockaddr *)&to, sizeof(to)), (ssize_t)size);
}

static void add(int fd, uint32_t address, uint16_t port, uint32_t xid, uint32_t number) {
        uint8_t bytes[128];
        send_to(fd, address, port, bytes, make_call(bytes, sizeof(bytes), xid, 1, number, 0));
}

static void step(void) {
        CHECK_EQ(leat_rpc_server_step(server, harness_deadline_ms(50000)), 1);
}

/* What it was answered; the status of a success is its result's place. */
static enum leat_rpc_status answer_of(int fd, uint32_t xid, uint32_t *ret_result, struct sockaddr_in *ret_from) {
        static uint8_t bytes[70000];
        struct sockaddr_in from = { 0 };
        socklen_t size = sizeof(from);
        struct rpc_reply header;
        harness_wait_readable(fd);
        ssize_t n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        CHECK(n > 0);
        ssize_t at = rpc_reply_decode(bytes, (size_t)n, &header);
        CHECK(at > 0);
        CHECK_EQ(header.xid, xid);
        if (header.status == LEAT_RPC_SUCCESS && n - at >= 4 && ret_result)
                *ret_result = leat_xdr_get_32(bytes + at);
        if (ret_from)
                *ret_from = from;
        return header.status;
}

TEST(datagram_is_answered) {
        uint16_t port = begin_at(INADDR_LOOPBACK, NULL);
        int fd = caller_at(INADDR_LOOPBACK);
        uint32_t result = 0;
        char address[64], expected[64];
        for (uint32_t i = 1; i <= 40; i++) {
                add(fd, INADDR_LOOPBACK, port, i, 2);
                step();
                CHECK_EQ(answer_of(fd, i, &result, NULL), LEAT_RPC_SUCCESS);
                CHECK_EQ(result, 2 * i);
        }
        CHECK(strncmp(work.caller.address, "udp:127.0.0.1:", 14) == 0);
        (void)snprintf(expected, sizeof(expected), "udp:127.0.0.1:%u", port);
        CHECK_EQ(leat_rpc_server_address(server, 0, address, sizeof(address)), (ssize_t)strlen(expected));
        CHECK_STR(address, expected);
        CHECK_EQ(leat_rpc_server_address(server, 0, address, strlen(expected)), -ERANGE);
        CHECK_EQ(leat_rpc_server_address(server, 1, address, sizeof(address)), -ENOENT);
        close(fd);
        end();
}

/* It came to one of many addresses, and is answered from that one. */
TEST(answered_from_where_it_was_asked) {
        uint16_t port = begin_at(INADDR_ANY, NULL);
        int fd = caller_at(INADDR_ANY);
        for (uint32_t i = 1; i <= 5; i++) {
                struct sockaddr_in from;
                add(fd, 0x7f000000 + 10 * i, port, i, 2);
                step();
                CHECK_EQ(answer_of(fd, i, NULL, &from), LEAT_RPC_SUCCESS);
                CHECK_EQ(ntohl(from.sin_addr.s_addr), 0x7f000000 + 10 * i);
                CHECK_EQ(ntohs(from.sin_port), port);
        }
        close(fd);
        end();
}

static bool has_ipv6(void) {
        struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool has = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
        if (fd >= 0)
                close(fd);
        return has;
}

/* One socket for both families. */
TEST(both_families_on_one_socket) {
        struct sockaddr_in6 name = { .sin6_family = AF_INET6 }, to;
        socklen_t size = sizeof(name);
        uint8_t bytes[128];
        int no = 0;
        if (!has_ipv6())
                SKIP("no IPv6 here");
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)), 0);
        CHECK_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        CHECK_EQ(getsockname(fd, (struct sockaddr *)&name, &size), 0);
        work = (struct fake_work){ 0 };
        server = fake_server(NULL, &work);
        CHECK_EQ(rpc_datagram_add(server, fd), 0);
        to = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        int caller = bound_socket(AF_INET6, &to, sizeof(to)), other = caller_at(INADDR_ANY);
        to.sin6_port = name.sin6_port;
        size_t bytes_count = make_call(bytes, sizeof(bytes), 5, 1, 3, 0);
        CHECK(sendto(caller, bytes, bytes_count, 0, (struct sockaddr *)&to, sizeof(to)) > 0);
        step();
        CHECK_EQ(answer_of(caller, 5, NULL, NULL), LEAT_RPC_SUCCESS);
        CHECK(strncmp(work.caller.address, "udp:[::1]:", 10) == 0);
        struct sockaddr_in from;
        add(other, 0x7f000005, ntohs(name.sin6_port), 6, 3);
        step();
        CHECK_EQ(answer_of(other, 6, NULL, &from), LEAT_RPC_SUCCESS);
        CHECK_EQ(ntohl(from.sin_addr.s_addr), 0x7f000005);
        CHECK(strncmp(work.caller.address, "udp:127.0.0.1:", 14) == 0);
        close(caller);
        close(other);
        end();
}

TEST(sent_again_is_answered_again) {
        uint16_t port = begin_at(INADDR_LOOPBACK, NULL);
        int fd = caller_at(INADDR_LOOPBACK);
        uint32_t result = 0;
        for (int i = 0; i < 3; i++) {
                add(fd, INADDR_LOOPBACK, port, 7, 2);
                step();
                CHECK_EQ(answer_of(fd, 7, &result, NULL), LEAT_RPC_SUCCESS);
                CHECK_EQ(result, 2);
        }
        CHECK_EQ(work.ran, 1);
        close(fd);
        end();
}

/* Up to the largest that there is, both ways. */
TEST(large_ones) {
        static uint8_t bytes[65507];
        uint16_t port = begin_at(INADDR_LOOPBACK, NULL);
        int fd = caller_at(INADDR_LOOPBACK);
        size_t most = 65507 - 24 - 4; /* header and length of the string */
        for (uint32_t i = 0; i < 4; i++) {
                size_t size = make_call(bytes, sizeof(bytes), i, 3, (uint32_t)(most - most % 4 - 4 + 4 * i), 0);
                send_to(fd, INADDR_LOOPBACK, port, bytes, size);
                step();
                CHECK_EQ(answer_of(fd, i, NULL, NULL), i < 2 ? LEAT_RPC_SUCCESS : LEAT_RPC_SYSTEM_ERROR);
        }
        size_t size = make_call(bytes, sizeof(bytes), 9, 1, 5, sizeof(bytes) - 44);
        CHECK_EQ(size, sizeof(bytes));
        send_to(fd, INADDR_LOOPBACK, port, bytes, size);
        step();
        CHECK_EQ(answer_of(fd, 9, NULL, NULL), LEAT_RPC_GARBAGE_ARGUMENTS); /* it was read to its end */
        close(fd);
        end();
}

/* Larger than a request may be, empty, and what is no call: dropped, and counted. The next one is answered. */
TEST(what_is_no_call) {
        static uint8_t bytes[4096];
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.request_bytes_max = 1024;
        uint16_t port = begin_at(INADDR_LOOPBACK, &options);
        int fd = caller_at(INADDR_LOOPBACK);
        send_to(fd, INADDR_LOOPBACK, port, bytes, make_call(bytes, sizeof(bytes), 1, 1, 1, 2000));
        send_to(fd, INADDR_LOOPBACK, port, "", 0);
        for (size_t size = 1; size < 24; size++)
                send_to(fd, INADDR_LOOPBACK, port, bytes, size);
        add(fd, INADDR_LOOPBACK, port, 2, 7);
        while (work.ran == 0)
                CHECK(leat_rpc_server_step(server, harness_deadline_ms(50000)) >= 0);
        CHECK_EQ(answer_of(fd, 2, NULL, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(fake_info(server).unanswered, 25);
        CHECK_EQ(fake_info(server).bytes, 0);
        close(fd);
        end();
}

/* The message of a call that is answered later is not that of the next one. */
TEST(answered_later) {
        uint16_t port = begin_at(INADDR_LOOPBACK, NULL);
        int fd = caller_at(INADDR_LOOPBACK), other = caller_at(INADDR_LOOPBACK);
        uint8_t bytes[128];
        uint32_t result = 0;
        send_to(fd, INADDR_LOOPBACK, port, bytes, make_call(bytes, sizeof(bytes), 1, 2, 1, 0));
        step();
        add(other, INADDR_LOOPBACK, port, 2, 7);
        step();
        CHECK_EQ(answer_of(other, 2, &result, NULL), LEAT_RPC_SUCCESS);
        send_to(fd, INADDR_LOOPBACK, port, bytes, make_call(bytes, sizeof(bytes), 1, 2, 1, 0)); /* again, meanwhile */
        CHECK_EQ(leat_rpc_server_step(server, harness_deadline_ms(50000)), 0);
        *work.result = 8;
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        CHECK_EQ(answer_of(fd, 1, &result, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(result, 8);
        CHECK_EQ(work.ran, 2);
        CHECK(!harness_is_readable(fd));
        CHECK_EQ(fake_info(server).bytes, 0);
        close(fd);
        close(other);
        end();
}

/* One peer has as many calls under way as it may; its next one waits to be asked again, and others do not notice. */
TEST(limit_of_a_peer) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.peer_calls_max = 1;
        uint16_t port = begin_at(INADDR_ANY, &options);
        int fd = caller_at(0x7f000002), other = caller_at(0x7f000003);
        uint8_t bytes[128];
        uint32_t result = 0;
        send_to(fd, INADDR_LOOPBACK, port, bytes, make_call(bytes, sizeof(bytes), 1, 2, 1, 0));
        step();
        add(fd, INADDR_LOOPBACK, port, 2, 1);
        add(other, INADDR_LOOPBACK, port, 3, 1);
        while (work.ran < 2)
                CHECK(leat_rpc_server_step(server, harness_deadline_ms(50000)) >= 0);
        CHECK_EQ(answer_of(other, 3, &result, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(fake_info(server).unanswered, 1);
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        CHECK_EQ(answer_of(fd, 1, NULL, NULL), LEAT_RPC_SUCCESS);
        add(fd, INADDR_LOOPBACK, port, 2, 1);
        step();
        CHECK_EQ(answer_of(fd, 2, &result, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(result, 2);
        close(fd);
        close(other);
        end();
}

/* At the limit of all of them the socket is not read, and nothing spins; then it is. */
TEST(limit_of_all) {
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.calls_max = 1;
        uint16_t port = begin_at(INADDR_LOOPBACK, &options);
        int fd = caller_at(INADDR_LOOPBACK);
        uint8_t bytes[128];
        send_to(fd, INADDR_LOOPBACK, port, bytes, make_call(bytes, sizeof(bytes), 1, 2, 1, 0));
        step();
        add(fd, INADDR_LOOPBACK, port, 2, 1);
        for (int i = 0; i < 20; i++)
                (void)leat_rpc_server_step(server, LEAT_NOW);
        CHECK_EQ(work.ran, 1);
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        while (work.ran < 2)
                CHECK(leat_rpc_server_step(server, harness_deadline_ms(50000)) >= 0);
        CHECK_EQ(answer_of(fd, 1, NULL, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(answer_of(fd, 2, NULL, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(fake_info(server).unanswered, 0);
        close(fd);
        end();
}

/* What was sent before it drains is answered, and what runs; then its port is nobody's. */
TEST(draining) {
        uint16_t port = begin_at(INADDR_LOOPBACK, NULL);
        int fd = caller_at(INADDR_LOOPBACK);
        uint8_t bytes[128];
        send_to(fd, INADDR_LOOPBACK, port, bytes, make_call(bytes, sizeof(bytes), 1, 2, 1, 0));
        step();
        for (uint32_t i = 2; i < 50; i++)
                add(fd, INADDR_LOOPBACK, port, i, 1);
        CHECK_EQ(leat_rpc_server_drain(server), 0);
        while (work.ran < 49)
                CHECK(leat_rpc_server_step(server, harness_deadline_ms(50000)) >= 0);
        for (uint32_t i = 2; i < 50; i++)
                CHECK_EQ(answer_of(fd, i, NULL, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        CHECK_EQ(answer_of(fd, 1, NULL, NULL), LEAT_RPC_SUCCESS);
        CHECK_EQ(leat_rpc_server_run(server, harness_deadline_ms(50000)), -ENODATA);
        const struct sockaddr_in to = name_v4(INADDR_LOOPBACK, port);
        CHECK_EQ(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
        CHECK_EQ(send(fd, "x", 1, 0), 1);
        WAIT_UNTIL(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0 && errno == ECONNREFUSED);
        close(fd);
        end();
}

/* ---- a pool ---- */

#define CALLERS 6
#define CALLS 400u

static struct {
        uint16_t port;
        uint64_t sessions[CALLERS];
        atomic_uint ran[CALLERS][CALLS + 1], next;
} pool;

static int count_call(uint32_t index, const void *functions, const void *argument, void *result,
                      struct leat_rpc_request *request, void *userdata) {
        const uint32_t *number = argument;
        (void)index, (void)functions, (void)userdata, (void)request;
        *(uint32_t *)result = atomic_fetch_add(&pool.ran[*number / 1000][*number % 1000], 1) + *number;
        return 0;
}

/* What comes here, until it is the answer to this call. */
static bool has_answer(int fd, uint32_t xid, uint32_t added) {
        uint8_t bytes[256];
        struct companion_answer answer;
        while (true) {
                ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
                if (n < 0)
                        return false;
                CHECK(n > 24);
                ssize_t at = companion_take_answer(bytes + 24, (size_t)n - 24, &answer);
                CHECK(at > 0);
                if (leat_xdr_get_32(bytes) != xid) {
                        CHECK(answer.outcome == COMPANION_ANSWERED || answer.outcome == COMPANION_FORGOTTEN);
                        continue;
                }
                CHECK_EQ(answer.outcome, COMPANION_ANSWERED);
                CHECK_EQ(leat_xdr_get_32(bytes + 24 + at), added + xid); /* nothing is added: it is the first run */
                return true;
        }
}

/* Each number is sent three times, over two sockets, and answered with the one run of it. */
static void *call_numbered(void *unused) {
        uint32_t who = atomic_fetch_add(&pool.next, 1);
        const struct sockaddr_in to = name_v4(INADDR_LOOPBACK, pool.port);
        int fds[2] = { caller_at(INADDR_LOOPBACK), caller_at(INADDR_LOOPBACK) };
        uint8_t bytes[256];
        (void)unused;
        for (uint32_t i = 1; i <= CALLS; i++) {
                struct leat_xdr_buffer buffer = leat_xdr_buffer_over(bytes, sizeof(bytes));
                const struct rpc_call call = {
                        .xid = i, .program = COMPANION_PROGRAM, .version = 1, .procedure = COMPANION_CALL
                };
                const struct companion_context context = { pool.sessions[who], i, i - 1, COMPANION_FOREVER, 0,
                                                           FAKE_PROGRAM + 1,   1, 1 };
                CHECK_EQ(rpc_call_encode(&call, &buffer), 0);
                companion_write_context(&context, bytes + buffer.size_bytes);
                leat_xdr_put_32(bytes + buffer.size_bytes + COMPANION_CONTEXT_BYTES, 1000 * who + i);
                size_t size = buffer.size_bytes + COMPANION_CONTEXT_BYTES + 4;
                for (int times = 0; times < 3; times++)
                        CHECK(sendto(fds[times % 2], bytes, size, 0, (const struct sockaddr *)&to, sizeof(to)) > 0);
                WAIT_UNTIL(has_answer(fds[0], i, 1000 * who) || has_answer(fds[1], i, 1000 * who));
        }
        close(fds[0]);
        close(fds[1]);
        return NULL;
}

static void *serve_or_call(void *unused) {
        static atomic_uint turn, over;
        if (atomic_fetch_add(&turn, 1) > 0) {
                void *r = call_numbered(unused);
                if (atomic_fetch_add(&over, 1) == CALLERS - 1) /* the last of them */
                        CHECK_EQ(leat_rpc_server_interrupt(server), 0);
                return r;
        }
        CHECK_EQ(leat_rpc_server_run(server, LEAT_NEVER), -ECANCELED);
        return NULL;
}

TEST(pool_runs_each_number_once, .timeout_s = 120) {
        static const struct leat_rpc_procedure procedures[] = {
                { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "COUNT" }
        };
        static const struct leat_rpc_program counts = { "COUNTS", FAKE_PROGRAM + 1, 1, 1, procedures, &schemas };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        options.threads = 4;
        struct fake greeter;
        pool.port = begin_at(INADDR_LOOPBACK, &options);
        const struct leat_rpc_service service = { .program = &counts, .dispatch = count_call };
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        fake_init(&greeter, server, &fake_plain, INADDR_LOOPBACK, 0);
        for (uint32_t i = 0; i < CALLERS; i++)
                pool.sessions[i] = fake_greet(&greeter, i + 1).session;
        fake_end(&greeter);
        harness_threads(CALLERS + 1, serve_or_call, NULL);
        for (uint32_t i = 0; i < CALLERS; i++)
                for (uint32_t n = 1; n <= CALLS; n++)
                        CHECK_EQ(pool.ran[i][n], 1);
        end();
}

TEST(sockets_that_are_no_datagrams_of_udp) {
        int before = harness_count_descriptors();
        server = fake_server(NULL, &work);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        CHECK_EQ(rpc_datagram_add(server, fd), -EOPNOTSUPP);
        fd = dup(2);
        CHECK_EQ(rpc_datagram_add(server, fd), -ENOTSOCK);
        end();
        CHECK_EQ(harness_count_descriptors(), before);
}

TEST_MAIN()
