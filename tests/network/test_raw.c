/* SPDX-License-Identifier: MIT */

/* raw: ICMP echo to another host, with both kinds of socket, over a network that misbehaves. */

#include "parties.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define COUNT 300

/* Whether the unprivileged socket may be had in this host. */
static void allow_ping(bool allowed) {
        const char *range = allowed ? "0 0" : "1 0";
        int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK(write(fd, range, strlen(range)) == (ssize_t)strlen(range));
        close(fd);
}

struct way {
        const char *name, *address;
        bool ping;
};

static void come_back(void *argument) {
        const struct way *way = argument;
        struct network network;
        static uint8_t large[60000], back[65536];
        char reply[64];
        network_new(&network, 1);
        allow_ping(way->ping);
        struct leat_channel *channel = open_here(way->address, LEAT_SEND | LEAT_RECEIVE);
        /* as messages */
        CHECK_EQ(leat_send(channel, 1, "hello", 5, SOON), 0);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, SOON, NULL), 5);
        CHECK_MEM(reply, "hello", 5);
        CHECK_EQ(leat_send(channel, 1, NULL, 0, SOON), 0);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, SOON, NULL), 0);
        /* as a call, while another reply waits */
        CHECK_EQ(leat_send(channel, 1, "other", 5, SOON), 0);
        CHECK_EQ(leat_call(channel, 1, "odd", 3, reply, sizeof reply, SOON, NULL), 3);
        CHECK_MEM(reply, "odd", 3);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, SOON, NULL), 5);
        CHECK_MEM(reply, "other", 5);
        /* one that goes in fragments */
        for (size_t i = 0; i < sizeof large; i++)
                large[i] = (uint8_t)(i * 31 + i / 256);
        CHECK_EQ(leat_send(channel, 1, large, sizeof large, SOON), 0);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, back, sizeof back, SOON, NULL), sizeof large);
        CHECK_MEM(back, large, sizeof large);
        CHECK_EQ(leat_send(channel, 1, back, 65508, SOON), -EMSGSIZE);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        leat_close(channel);
        network_free(&network);
}

/* Doubles are dropped, what was turned round is told by its sequence, what is lost is not waited for without end. */
TEST(each_reply_comes_once_over_a_bad_network, .timeout_s = 60) {
        struct network network;
        bool came[COUNT + 1] = { false };
        uint64_t count = 0, late = 0, newest = 0, number;
        ssize_t n;
        network_new(&network, harness_seed());
        allow_ping(true);
        struct leat_channel *channel = open_here("raw:10.77.0.2?capacity=4M", LEAT_SEND | LEAT_RECEIVE);
        network.treatment->lost = network.treatment->doubled = network.treatment->turned = 80;
        for (number = 1; number <= COUNT; number++)
                CHECK_EQ(leat_send(channel, 1, &number, sizeof number, SOON), 0);
        network_drain(&network, HOST_A, COUNT);
        network_drain(&network, HOST_B, network.tallies[HOST_A].delivered);
        struct leat_message about = LEAT_MESSAGE_INIT;
        while ((n = leat_receive(channel, LEAT_ANY, &number, sizeof number, LEAT_NOW, &about)) == sizeof number) {
                CHECK_EQ(about.sequence, number);
                CHECK(number >= 1 && number <= COUNT && !came[number]);
                came[number] = true;
                late += number < newest;
                newest = number > newest ? number : newest;
                count++;
        }
        CHECK_EQ(n, -EAGAIN);
        CHECK(count > 0 && count < COUNT && late > 0);
        CHECK(network.tallies[HOST_B].delivered > count); /* there were doubles */
        leat_close(channel);
        network_free(&network);
}

/* What found the receive buffer full is counted, one by one. */
TEST(replies_that_do_not_fit_are_counted) {
        struct network network;
        struct leat_info info = LEAT_INFO_INIT;
        char bytes[512] = "";
        uint64_t came = 0;
        network_new(&network, 1);
        allow_ping(true);
        struct leat_channel *channel = open_here("raw:10.77.0.2?capacity=4096", LEAT_SEND | LEAT_RECEIVE);
        for (int i = 0; i < COUNT; i++)
                CHECK_EQ(leat_send(channel, 1, bytes, sizeof bytes, SOON), 0);
        network_drain(&network, HOST_A, COUNT);
        network_drain(&network, HOST_B, COUNT);
        while (leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, NULL) == sizeof bytes)
                came++;
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        CHECK(came > 0 && came < COUNT);
        CHECK_EQ(came + info.dropped, COUNT);
        CHECK_EQ(leat_channel_info(channel, &info), 0); /* not twice */
        CHECK_EQ(came + info.dropped, COUNT);
        leat_close(channel);
        network_free(&network);
}

/* More than the 16 bits of a request tell apart; in lots, so that some are under way where they go round. */
TEST(sequences_go_round, .timeout_s = 60) {
        struct network network;
        uint64_t number = 0, taken = 0, bytes;
        network_new(&network, 1);
        struct leat_channel *channel = open_here("raw:127.0.0.1", LEAT_SEND | LEAT_RECEIVE);
        while (taken < 65536 + 200) {
                for (int i = 0; i < 10; i++) {
                        number++;
                        CHECK_EQ(leat_send(channel, 1, &number, sizeof number, SOON), 0);
                }
                while (taken < number) {
                        struct leat_message about = LEAT_MESSAGE_INIT;
                        CHECK_EQ(leat_receive(channel, LEAT_ANY, &bytes, sizeof bytes, SOON, &about), sizeof bytes);
                        CHECK_EQ(bytes, ++taken);
                        CHECK_EQ(about.sequence, bytes);
                }
        }
        leat_close(channel);
        network_free(&network);
}

TEST(a_lost_reply_is_told_by_the_deadline) {
        struct network network;
        char reply[8];
        network_new(&network, 1);
        struct leat_channel *caller = open_here("raw:[fd77::2]", LEAT_CALL);
        network.treatment->cut = true;
        CHECK_EQ(leat_call(caller, 1, "one", 3, reply, sizeof reply, leat_in_ms(50), NULL), -ETIMEDOUT);
        network.treatment->cut = false;
        CHECK_EQ(leat_call(caller, 1, "two", 3, reply, sizeof reply, SOON, NULL), 3);
        CHECK_MEM(reply, "two", 3);
        leat_close(caller);
        network_free(&network);
}

/* A reply that comes after its call gave up is for nobody: not for the next call, nor for a receive. */
TEST(a_late_reply_is_for_nobody) {
        struct network network;
        char reply[8];
        network_new(&network, 1);
        struct leat_channel *channel = open_here("raw:10.77.0.2", LEAT_SEND | LEAT_RECEIVE);
        CHECK_EQ(kill(network.relay, SIGSTOP), 0); /* it has the packets until the call has given up */
        harness_wait_state(network.relay, "T");
        CHECK_EQ(leat_call(channel, 1, "one", 3, reply, sizeof reply, leat_in_ms(5), NULL), -ETIMEDOUT);
        CHECK_EQ(kill(network.relay, SIGCONT), 0);
        network_drain(&network, HOST_B, 1);
        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
        CHECK_EQ(leat_call(channel, 1, "two", 3, reply, sizeof reply, SOON, NULL), 3);
        CHECK_MEM(reply, "two", 3);
        leat_close(channel);
        network_free(&network);
}

TEST(an_unreachable_host_is_told_before_the_deadline) {
        struct network network;
        char reply[8];
        for (int ping = 0; ping < 2; ping++) {
                network_new(&network, 1);
                allow_ping(ping);
                struct leat_channel *caller = open_here("raw:" NETWORK_UNREACHABLE, LEAT_CALL);
                CHECK_EQ(leat_call(caller, 1, "one", 3, reply, sizeof reply, LEAT_NEVER, NULL), -ENETUNREACH);
                leat_close(caller);
                network_free(&network);
        }
}

/* Told once, to whoever comes first, and then no descriptor says that there is more. */
TEST(what_the_network_said_is_told_once) {
        struct network network;
        char reply[8];
        for (int send_first = 0; send_first < 2; send_first++) {
                network_new(&network, 1);
                allow_ping(send_first);
                struct leat_channel *channel = open_here("raw:" NETWORK_UNREACHABLE, LEAT_SEND | LEAT_RECEIVE);
                struct pollfd poll_fd = { .fd = leat_fd(channel), .events = POLLIN };
                CHECK_EQ(leat_send(channel, 1, "one", 3, SOON), 0);
                network_wait_refusals(&network, HOST_B, 1);
                CHECK_EQ(poll(&poll_fd, 1, 0), 1);
                if (send_first)
                        CHECK_EQ(leat_send(channel, 1, "two", 3, SOON), -ENETUNREACH);
                else
                        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, SOON, NULL), -ENETUNREACH);
                CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, LEAT_NOW, NULL), -EAGAIN);
                CHECK_EQ(poll(&poll_fd, 1, 0), 0);
                leat_close(channel);
                network_free(&network);
        }
}

TEST(no_route_is_told_at_once) {
        struct network network;
        struct leat_reason reason;
        network_new(&network, 1);
        CHECK_EQ(try_open("raw:" NETWORK_NO_ROUTE, LEAT_CALL, SOON, &reason), -ENETUNREACH);
        CHECK(reason.text && strstr(reason.text, "route"));
        network_free(&network);
}

/* Without the group and without the capability. */
TEST(without_permission_both_ways_are_named) {
        struct network network;
        struct leat_reason reason;
        network_new(&network, 1);
        allow_ping(false);
        drop_capability(CAP_NET_RAW);
        CHECK_EQ(try_open("raw:10.77.0.2", LEAT_CALL, SOON, &reason), -EPERM);
        CHECK(reason.text && strstr(reason.text, "net.ipv4.ping_group_range") && strstr(reason.text, "CAP_NET_RAW"));
        CHECK_EQ(try_open("raw:[fd77::2]", LEAT_CALL, SOON, &reason), -EPERM);
        network_free(&network);
}

static void add_tests(void) {
        static const struct way ways[] = {
                { "messages_come_back_4_ping", "raw:10.77.0.2", true },
                { "messages_come_back_4_raw", "raw:10.77.0.2", false },
                { "messages_come_back_6_ping", "raw:[fd77::2]", true },
                { "messages_come_back_6_raw", "raw:[fd77::2]", false },
        };
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
                harness_add(ways[i].name, come_back, (void *)&ways[i]);
}

TEST_MAIN_WITH(add_tests)
