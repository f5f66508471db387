/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "schemas.h"

#include <errno.h>
#include <leat/rpc.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Calls over udp through a relay that loses, doubles and delays datagrams, each way, as its random numbers say: every call gets the answer of the one time that it ran.
 */

enum { COUNT, DOUBLE_IT, LARGE, PROCEDURES };
static const struct leat_rpc_procedure procedures[] = {
        [COUNT] = { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_UNSIGNED, .name = "COUNT" },
        [DOUBLE_IT] = { .number = 2,
                        .flags = LEAT_RPC_IDEMPOTENT,
                        .argument = NODE_UNSIGNED,
                        .result = NODE_UNSIGNED,
                        .name = "DOUBLE_IT" },
        [LARGE] = { .number = 3, .argument = NODE_STRING, .name = "LARGE" },
};
static const struct leat_rpc_program program = { "DATAGRAMS", 0x2000000c, 1, PROCEDURES, procedures, &schemas };

#define CALLS_MOST 30000u
#define MANY 16u
#define HELD 8u /* datagrams that are delayed at once */

static struct meeting {
        struct harness_event *listens, *relays;
        char server[LEAT_ADDRESS_BYTES], relay[64];
        uint32_t runs[CALLS_MOST]; /* how often each call ran */
        uint32_t lost, doubled, delayed;
        atomic_uint swallowed; /* so many of the next ones of the client are lost */
} * meeting;

/* ---- the server ---- */

static int dispatch(uint32_t index, const void *functions, const void *argument, void *result,
                    struct leat_rpc_request *request, void *userdata) {
        (void)functions, (void)request, (void)userdata;
        if (index == LARGE)
                return 0;
        uint32_t number = *(const uint32_t *)argument;
        CHECK(number < CALLS_MOST);
        meeting->runs[number]++;
        *(uint32_t *)result = 2 * number;
        return 0;
}

static void serve(void *unused) {
        static const struct leat_rpc_service service = { &program, dispatch, NULL, NULL };
        struct leat_rpc_server *server;
        (void)unused;
        CHECK_EQ(leat_rpc_server_create(NULL, &server), 0);
        CHECK_EQ(leat_rpc_server_add(server, service), 0);
        CHECK_EQ(leat_rpc_server_listen(server, "udp:127.0.0.1:0", LEAT_NEVER, NULL), 0);
        CHECK(leat_rpc_server_address(server, 0, meeting->server, sizeof(meeting->server)) > 0);
        harness_event_signal(meeting->listens);
        FAIL("%s", leat_strerror(leat_rpc_server_run(server, LEAT_NEVER)));
}

/* ---- the relay ---- */

struct datagram {
        int fd;
        struct sockaddr_in to; /* of one to the client */
        size_t size;
        uint8_t bytes[2048];
};

struct relay {
        int front, back;
        unsigned percent; /* that something happens to each datagram */
        struct sockaddr_in client;
        struct datagram held[HELD];
        unsigned held_count;
};

static void deliver(const struct relay *relay, const struct datagram *datagram) {
        const struct sockaddr *to = datagram->fd == relay->front ? (const struct sockaddr *)&datagram->to : NULL;
        (void)sendto(datagram->fd, datagram->bytes, datagram->size, 0, to, to ? sizeof(datagram->to) : 0);
}

/* Behind others that come later. */
static void hold(struct relay *relay, const struct datagram *datagram) {
        if (relay->held_count < HELD)
                relay->held[relay->held_count++] = *datagram;
        meeting->delayed++;
}

static void let_go(struct relay *relay) {
        if (relay->held_count == 0)
                return;
        unsigned i = (unsigned)harness_random_below(relay->held_count);
        deliver(relay, &relay->held[i]);
        relay->held[i] = relay->held[--relay->held_count];
}

static void pass(struct relay *relay, struct datagram *datagram) {
        unsigned what = (unsigned)harness_random_below(100);
        if (datagram->fd == relay->back && meeting->swallowed > 0) {
                meeting->swallowed--;
        } else if (what < relay->percent) {
                meeting->lost++;
        } else if (what < 2 * relay->percent) {
                meeting->doubled++;
                deliver(relay, datagram);
                hold(relay, datagram);
        } else if (what < 3 * relay->percent) {
                hold(relay, datagram);
        } else {
                deliver(relay, datagram);
                if (harness_random_below(2))
                        let_go(relay);
        }
}

static int open_end(struct sockaddr_in *address, bool front) {
        socklen_t size = sizeof(*address);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        if (front) {
                CHECK_EQ(bind(fd, (const struct sockaddr *)address, size), 0);
                CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &size), 0);
        } else
                CHECK_EQ(connect(fd, (const struct sockaddr *)address, size), 0);
        return fd;
}

static void relay_all(struct relay *relay) {
        struct pollfd fds[2] = { { .fd = relay->front, .events = POLLIN }, { .fd = relay->back, .events = POLLIN } };
        for (;;) {
                struct datagram datagram = { 0 };
                CHECK(poll(fds, 2, -1) > 0);
                for (int i = 0; i < 2; i++) {
                        struct sockaddr_in from = { 0 };
                        socklen_t size = sizeof(from);
                        ssize_t n = fds[i].revents ? recvfrom(fds[i].fd, datagram.bytes, sizeof(datagram.bytes),
                                                              MSG_DONTWAIT, (struct sockaddr *)&from, &size)
                                                   : -1;
                        if (n < 0)
                                continue;
                        if (i == 0)
                                relay->client = from;
                        datagram.fd = i == 0 ? relay->back : relay->front;
                        datagram.to = relay->client;
                        datagram.size = (size_t)n;
                        pass(relay, &datagram);
                }
        }
}

static void be_relay(void *percent) {
        static struct relay relay;
        struct sockaddr_in front = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } }, back = front;
        unsigned port = 0;
        CHECK_EQ(sscanf(meeting->server, "udp:127.0.0.1:%u", &port), 1);
        back.sin_port = htons((uint16_t)port);
        relay.percent = *(const unsigned *)percent;
        relay.front = open_end(&front, true);
        relay.back = open_end(&back, false);
        snprintf(meeting->relay, sizeof(meeting->relay), "udp:127.0.0.1:%u", (unsigned)ntohs(front.sin_port));
        harness_event_signal(meeting->relays);
        relay_all(&relay);
}

/* ---- the client ---- */

struct ends {
        pid_t server, relay;
        struct leat_rpc_client *client;
        struct leat_rpc_call calls[MANY];
        uint32_t numbers[MANY], results[MANY];
};

static struct leat_rpc_client *come(const char *address, unsigned flags) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct leat_rpc_client *client;
        options.flags = flags;
        options.retransmit_first_ns = 30000000;
        int r = leat_rpc_connect(address, &options, harness_deadline_ms(40000), NULL, &client);
        if (r < 0)
                FAIL("%s: %s", address, leat_strerror(r));
        return client;
}

static struct ends *begin(unsigned percent, unsigned flags) {
        struct ends *ends = calloc(1, sizeof(*ends));
        CHECK(ends);
        meeting = harness_shared(sizeof(*meeting));
        meeting->listens = harness_event_new();
        meeting->relays = harness_event_new();
        ends->server = harness_fork(serve, NULL);
        harness_event_wait(meeting->listens);
        ends->relay = harness_fork(be_relay, &percent);
        harness_event_wait(meeting->relays);
        ends->client = come(meeting->relay, flags);
        return ends;
}

static void end(struct ends *ends) {
        leat_rpc_client_free(ends->client);
        harness_kill(ends->relay);
        if (ends->server > 0)
                harness_kill(ends->server);
        free(ends);
}

static void start(struct ends *ends, size_t i, uint32_t number, uint32_t procedure, int64_t deadline) {
        static struct leat_xdr_arena none;
        ends->numbers[i] = number;
        ends->calls[i] = leat_rpc_call_until(deadline, &none);
        CHECK_EQ(leat_rpc_start(ends->client, &program, procedure, &ends->numbers[i], &ends->results[i],
                                &ends->calls[i]),
                 0);
}

static void call_many(struct ends *ends, uint32_t procedure, uint32_t count) {
        uint32_t started = 0;
        for (; started < MANY && started < count; started++)
                start(ends, started, started, procedure, harness_deadline_ms(40000));
        for (uint32_t done = 0; done < count; done++) {
                struct leat_rpc_call *over;
                CHECK_EQ(leat_rpc_next(ends->client, harness_deadline_ms(40000), &over), 0);
                size_t i = (size_t)(over - ends->calls);
                if (over->error != 0)
                        FAIL("call %u: %s, ran %d", ends->numbers[i], leat_strerror(over->error), (int)over->ran);
                CHECK_EQ(ends->results[i], 2 * ends->numbers[i]);
                if (started < count)
                        start(ends, i, started++, procedure, harness_deadline_ms(40000));
        }
}

static struct leat_rpc_client_info known_to(struct leat_rpc_client *client) {
        struct leat_rpc_client_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_client_info(client, &info), 0);
        return info;
}

static struct leat_rpc_client_info known_of(const struct ends *ends) {
        return known_to(ends->client);
}

TEST(calls_that_are_lost_and_doubled_run_once) {
        struct ends *ends = begin(10, 0);
        uint32_t count = (uint32_t)harness_how_many(300, 1000, 20000);
        call_many(ends, COUNT, count);
        for (uint32_t i = 0; i < count; i++)
                CHECK_EQ(meeting->runs[i], 1);
        CHECK(meeting->lost > 0 && meeting->doubled > 0 && meeting->delayed > 0);
        CHECK(known_of(ends).retransmitted > 0 && known_of(ends).is_leat);
        end(ends);
}

/* They may run more often, and each gets an answer. */
TEST(idempotent_calls_are_sent_again) {
        struct ends *ends = begin(10, LEAT_RPC_PLAIN);
        uint32_t count = (uint32_t)harness_how_many(200, 1000, 20000);
        call_many(ends, DOUBLE_IT, count);
        for (uint32_t i = 0; i < count; i++)
                CHECK(meeting->runs[i] >= 1);
        CHECK(known_of(ends).retransmitted > 0 && !known_of(ends).is_leat);
        end(ends);
}

/* A server that is not known to keep numbers is not sent a call twice: what is lost is unknown. */
/* Of the last call twelve sendings are lost: doubled each time, the pauses would be longer than the deadline. */
TEST(the_last_of_many_does_not_wait_longer_than_the_others) {
        struct ends *ends = begin(0, 0);
        struct leat_rpc_call *over;
        call_many(ends, COUNT, MANY);
        meeting->swallowed = 12;
        start(ends, 0, MANY, COUNT, harness_deadline_ms(40000));
        CHECK_EQ(leat_rpc_next(ends->client, harness_deadline_ms(45000), &over), 0);
        CHECK_EQ(over->error, 0);
        CHECK_EQ(ends->results[0], 2 * MANY);
        CHECK_EQ(meeting->runs[MANY], 1);
        CHECK(over->attempts > 12);
        end(ends);
}

TEST(others_are_not_sent_again_without_a_number) {
        struct ends *ends = begin(100, LEAT_RPC_PLAIN);
        struct leat_rpc_call *over;
        start(ends, 0, 1, COUNT, leat_in_ms(1000));
        CHECK_EQ(leat_rpc_next(ends->client, harness_deadline_ms(40000), &over), 0);
        CHECK_EQ(over->error, -ETIMEDOUT);
        CHECK_EQ(over->ran, LEAT_RPC_UNKNOWN);
        CHECK_EQ(over->attempts, 1);
        CHECK_EQ(known_of(ends).retransmitted, 0);
        CHECK_EQ(meeting->runs[1], 0);
        end(ends);
}

/* The round trip is measured where nothing is lost. */
TEST(a_round_trip_is_measured) {
        struct ends *ends = begin(0, 0);
        call_many(ends, DOUBLE_IT, 50);
        CHECK(known_of(ends).round_trip_ns > 0);
        CHECK_EQ(known_of(ends).unreached, 0);
        end(ends);
}

TEST(what_is_larger_than_a_datagram_does_not_run) {
        struct ends *ends = begin(0, 0);
        struct leat_rpc_call call = leat_rpc_call_until(harness_deadline_ms(40000), NULL);
        char *bytes = malloc(70000);
        struct leat_xdr_string text = { memset(bytes, 'a', 70000), 70000 };
        CHECK_EQ(leat_rpc_call(ends->client, &program, LARGE, &text, NULL, &call), -EMSGSIZE);
        CHECK_EQ(call.ran, LEAT_RPC_NOT_RUN);
        free(bytes);
        call_many(ends, COUNT, 10);
        end(ends);
}

/* A server that is not there yet is no end while there is a deadline; without one it is. */
TEST(nobody_there_is_told) {
        struct ends *ends = begin(0, 0);
        struct leat_rpc_client *client = come(meeting->server, 0);
        uint32_t number = 3, result;
        struct leat_xdr_arena none = { 0 };
        harness_kill(ends->server);
        ends->server = 0;
        struct leat_rpc_call call = leat_rpc_call_until(leat_in_ms(300), &none);
        int r = leat_rpc_call(client, &program, DOUBLE_IT, &number, &result, &call);
        CHECK(r == -ETIMEDOUT || r == -ECONNREFUSED);
        CHECK(call.ran != LEAT_RPC_RAN);
        CHECK_EQ(known_to(client).unreached, -ECONNREFUSED); /* the port says so; of the call it proves nothing */
        call = leat_rpc_call_until(LEAT_NEVER, &none);
        r = leat_rpc_call(client, &program, DOUBLE_IT, &number, &result, &call);
        CHECK(r == -ECONNREFUSED || r == -EPIPE);
        CHECK(call.ran != LEAT_RPC_RAN);
        leat_rpc_client_free(client);
        end(ends);
}

TEST_MAIN()
