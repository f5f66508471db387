/* SPDX-License-Identifier: MIT */

/* unix-dgram: and udp: replies to programs with plain sockets, which ask as no end of Leat would. */

#include "datagrams.h"

#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- from where a reply comes ---- */

/* An end that replies at every address; its port in network order. */
static struct leat_channel *bind_everywhere(const char *address, in_port_t *ret_port) {
        char told[256];
        struct leat_channel *replier = open_end(address, LEAT_REPLY);
        CHECK(leat_channel_address(replier, told, sizeof told) > 0);
        *ret_port = htons((uint16_t)atoi(strrchr(told, ':') + 1));
        return replier;
}

/* One socket, which talks to whom it likes: to groups and to everybody on loopback too. */
static int make_asker(void) {
        const int yes = 1;
        const struct ip_mreqn loopback = { .imr_ifindex = (int)if_nametoindex("lo") };
        const struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
        CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback), 0);
        CHECK_EQ(bind(fd, (const struct sockaddr *)&here, sizeof here), 0);
        return fd;
}

/* A request to be answered (flag bit 1). */
static void ask(int fd, const char *host, in_port_t port, uint64_t sequence) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = port };
        uint8_t frame[256];
        size_t size = make_frame(frame, MESSAGE, sequence, 0, "ask");
        frame[4] = 2;
        CHECK_EQ(inet_pton(AF_INET, host, &to.sin_addr), 1);
        CHECK_EQ(sendto(fd, frame, size, 0, (struct sockaddr *)&to, sizeof to), size);
}

static void check_answered_from(int fd, const char *host, in_port_t port) {
        struct sockaddr_in from = { 0 };
        socklen_t size = sizeof from;
        char text[64];
        uint8_t frame[256];
        CHECK_EQ(recvfrom(fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &size), HEADER_BYTES + 1);
        CHECK_EQ(from.sin_port, port);
        CHECK_STR(inet_ntop(AF_INET, &from.sin_addr, text, sizeof text), host);
}

/* It asks at two addresses from one port; each reply comes from where it was asked, whichever is written first. */
TEST(one_who_asks_two_addresses_hears_from_both) {
        static const char *const addresses[] = { "udp:*:0", "udp:0.0.0.0:0" };
        for (int i = 0; i < 2; i++) {
                struct leat_message first, second;
                in_port_t port;
                struct leat_channel *replier = bind_everywhere(addresses[i], &port);
                int fd = make_asker();
                ask(fd, "127.0.0.1", port, 1);
                ask(fd, "127.0.0.2", port, 2);
                take_request(replier, "ask", &first);
                take_request(replier, "ask", &second);
                CHECK_EQ(leat_reply(replier, &second, 1, "2", 1, SOON), 0);
                check_answered_from(fd, "127.0.0.2", port);
                CHECK_EQ(leat_reply(replier, &first, 1, "1", 1, SOON), 0);
                check_answered_from(fd, "127.0.0.1", port);
                close(fd);
                leat_close(replier);
        }
}

/* Nobody can answer from the address of a group or of everybody: it is answered from one of this machine. */
TEST(a_request_to_everybody_is_answered) {
        static const struct {
                const char *address, *everybody; /* a socket of both families hears no groups of IPv4 */
        } cases[] = { { "udp:*:0", "127.255.255.255" },
                      { "udp:0.0.0.0:0", "127.255.255.255" },
                      { "udp:0.0.0.0:0", "224.0.0.1" } };
        for (int i = 0; i < 3; i++) {
                struct leat_message request;
                in_port_t port;
                struct leat_channel *replier = bind_everywhere(cases[i].address, &port);
                int fd = make_asker();
                ask(fd, cases[i].everybody, port, 1);
                take_request(replier, "ask", &request);
                CHECK_EQ(leat_reply(replier, &request, 1, "1", 1, SOON), 0);
                check_answered_from(fd, "127.0.0.1", port);
                close(fd);
                leat_close(replier);
        }
}

/* The interface of an address that needs none is no part of who sends. */
TEST(a_reply_is_taken_though_an_interface_was_named) {
        struct leat_channel *replier = open_end("udp:[::1]:0", LEAT_REPLY);
        char address[256], with[300], reply[16];
        struct leat_message request;
        CHECK(leat_channel_address(replier, address, sizeof address) > 0);
        snprintf(with, sizeof with, "udp:[::1%%25lo]:%s", strrchr(address, ':') + 1);
        struct leat_channel *caller = open_end(with, LEAT_CALL);
        pthread_t thread;
        CHECK_EQ(leat_call(caller, 1, "first", 5, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        take_request(replier, "first", &request);
        CHECK_EQ(pthread_create(&thread, NULL, call_second, caller), 0);
        take_request(replier, "second", &request);
        CHECK_EQ(leat_reply(replier, &request, 1, "second!", 7, SOON), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        leat_close(caller);
        leat_close(replier);
}

/* ---- one who cannot be answered ---- */

/* A stranger that asks and then talks to another one only, or goes: its replier hears that of it, and of nothing worse. */
TEST(who_went_elsewhere_is_told_as_gone) {
        char address[256], name[256];
        struct sockaddr_storage to;
        struct leat_message request;
        struct leat_reason why = { 0 };
        uint8_t frame[256];
        struct leat_channel *replier = bind_end("unix-dgram", "", LEAT_REPLY, address);
        snprintf(name, sizeof name, "unix-dgram:%s/elsewhere", harness_tmpdir());
        struct leat_channel *elsewhere = open_end(name, LEAT_RECEIVE);
        int fd = make_stranger(address);
        size_t size = make_frame(frame, MESSAGE, 1, 0, "ask");
        frame[4] = 2;
        CHECK_EQ(send(fd, frame, size, 0), size);
        take_request(replier, "ask", &request);
        socklen_t bytes = parse(name, &to);
        CHECK_EQ(connect(fd, (const struct sockaddr *)&to, bytes), 0);
        CHECK_EQ(leat_reply(replier, &request, 1, "x", 1, SOON), -EPIPE);
        close(fd);
        CHECK_EQ(leat_reply(replier, &request, 1, "x", 1, SOON), -EPIPE);
        CHECK_EQ(leat_why(replier, &why), 0);
        CHECK(why.text && strstr(why.text, "who asked"));
        leat_close(elsewhere);
        leat_close(replier);
}

/* 256 who cannot be answered do not make room for themselves. */
TEST(who_has_no_name_takes_no_place) {
        char address[256];
        struct sockaddr_storage to;
        struct leat_message request, nameless;
        uint8_t frame[256];
        struct leat_channel *replier = bind_end("unix-dgram", "", LEAT_REPLY, address);
        int fd = make_stranger(address), without = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t bytes = parse(address, &to);
        size_t size = make_frame(frame, MESSAGE, 1, 0, "ask");
        frame[4] = 2;
        CHECK_EQ(send(fd, frame, size, 0), size);
        take_request(replier, "ask", &request);
        for (int i = 0; i < 300; i++) {
                CHECK_EQ(sendto(without, frame, size, 0, (const struct sockaddr *)&to, bytes), size);
                take_request(replier, "ask", &nameless);
                CHECK_EQ(leat_reply(replier, &nameless, 1, "x", 1, SOON), -EPIPE);
        }
        CHECK_EQ(leat_reply(replier, &request, 1, "x", 1, SOON), 0);
        CHECK_EQ(recv(fd, frame, sizeof frame, 0), HEADER_BYTES + 1);
        close(without);
        close(fd);
        leat_close(replier);
}

/* ---- one whose queue is full ---- */

#define ASKS_MOST 1000 /* more than net.unix.max_dgram_qlen has room for */

struct replying {
        struct leat_channel *channel;
        struct leat_message request;
        _Atomic pid_t thread;
        struct harness_event *begun;
};

static void *reply_at_last(void *argument) {
        struct replying *replying = argument;
        replying->thread = gettid();
        harness_event_signal(replying->begun);
        CHECK_EQ(leat_reply(replying->channel, &replying->request, 1, "x", 1, SOON), 0);
        return NULL;
}

/* A socket with a name, which is not connected: then its queue bounds what is sent to it. */
static int make_unconnected(const char *address, struct sockaddr_storage *ret_to, socklen_t *ret_bytes) {
        const struct sockaddr_un any = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        *ret_bytes = parse(address, ret_to);
        CHECK_EQ(bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)), 0);
        return fd;
}

/* The replier sleeps until there is room, and does not look again and again; and then its reply goes out. */
TEST(a_replier_waits_asleep_for_one_that_reads_nothing) {
        struct replying replying = { .begun = harness_event_new() };
        struct sockaddr_storage to;
        socklen_t bytes;
        char address[256];
        uint8_t frame[256];
        pthread_t thread;
        int replies = 0, r = 0;
        replying.channel = bind_end("unix-dgram", "", LEAT_REPLY, address);
        int fd = make_unconnected(address, &to, &bytes);
        for (uint64_t i = 1; r == 0 && i < ASKS_MOST; i++) {
                size_t size = make_frame(frame, MESSAGE, i, 0, "ask");
                frame[4] = 2;
                CHECK_EQ(sendto(fd, frame, size, 0, (struct sockaddr *)&to, bytes), size);
                take_request(replying.channel, "ask", &replying.request);
                r = leat_reply(replying.channel, &replying.request, 1, "x", 1, LEAT_NOW);
                replies += r == 0;
        }
        CHECK_EQ(r, -EAGAIN);
        CHECK_EQ(leat_reply(replying.channel, &replying.request, 1, "x", 1, harness_deadline_ms(5)), -ETIMEDOUT);
        CHECK_EQ(pthread_create(&thread, NULL, reply_at_last, &replying), 0);
        harness_event_wait(replying.begun);
        harness_wait_state(replying.thread, "S");
        for (int i = 0; i < replies + 1; i++)
                CHECK_EQ(recv(fd, frame, sizeof frame, 0), HEADER_BYTES + 1);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        close(fd);
        leat_close(replying.channel);
}

TEST_MAIN()
