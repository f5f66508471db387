/* SPDX-License-Identifier: MIT */

/* tcp: where it is not like other connections: ports, families, closes of one direction, resets, connections to oneself. */

#include "base/io.h"
#include "ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)

static struct leat_channel *open_end(const char *address, unsigned flags) {
        return open_or_fail(address, flags, SOON);
}

static unsigned port_of(struct leat_channel *channel) {
        char text[LEAT_ADDRESS_BYTES];
        ssize_t n = leat_channel_address(channel, text, sizeof text);
        CHECK(n > 0 && (size_t)n == strlen(text));
        return (unsigned)strtoul(strrchr(text, ':') + 1, NULL, 10);
}

/* A plain socket that is connected to a port of loopback. */
static int connect_plain(unsigned port) {
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        return fd;
}

static void take(struct leat_channel *channel, const char *text) {
        char buffer[256];
        ssize_t n = leat_receive(channel, LEAT_ANY, buffer, sizeof buffer - 1, SOON, NULL);
        if (n < 0)
                FAIL("'%s' was to come, not %s", text, leat_strerror((int)n));
        buffer[n] = '\0';
        CHECK_STR(buffer, text);
}

static void expect_end(struct leat_channel *channel) {
        char buffer[8];
        CHECK_EQ(leat_receive(channel, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), -ENODATA);
}

static void read_exactly(int fd, const char *text) {
        char buffer[64];
        CHECK_EQ(recv(fd, buffer, strlen(text), MSG_WAITALL), strlen(text));
        CHECK_MEM(buffer, text, strlen(text));
}

/* ---- ports and addresses ---- */

TEST(port_0_is_told_and_serves_both_families) {
        char address[LEAT_ADDRESS_BYTES], other[64];
        struct leat_channel *receiver = open_end("tcp::0", LEAT_RECEIVE);
        unsigned port = port_of(receiver);
        CHECK(port > 0);
        CHECK(leat_channel_address(receiver, address, sizeof address) > 0);
        snprintf(other, sizeof other, "tcp::%u", port);
        CHECK_STR(address, other);
        static const char *const hosts[] = { "", "127.0.0.1", "[::1]", "localhost" };
        for (int i = 0; i < 4; i++) {
                snprintf(address, sizeof address, "tcp:%s:%u", hosts[i], port);
                struct leat_channel *sender = open_end(address, LEAT_SEND);
                CHECK_EQ(leat_send(sender, 1, hosts[i], strlen(hosts[i]), SOON), 0);
                take(receiver, hosts[i]);
                leat_close(sender);
                expect_end(receiver);
        }
        leat_close(receiver);
}

TEST(one_address_is_told_as_it_is) {
        static const struct {
                const char *opened, *told;
        } listeners[] = { { "tcp:127.0.0.1:0", "tcp:127.0.0.1:%u" },
                          { "tcp:[::1]:0", "tcp:[::1]:%u" },
                          { "tcp:*:0", "tcp::%u" } };
        for (int i = 0; i < 3; i++) {
                char address[LEAT_ADDRESS_BYTES], expected[64], few[8];
                struct leat_channel *receiver = open_end(listeners[i].opened, LEAT_RECEIVE);
                snprintf(expected, sizeof expected, listeners[i].told, port_of(receiver));
                CHECK_EQ(leat_channel_address(receiver, address, sizeof address), strlen(expected));
                CHECK_STR(address, expected);
                CHECK_EQ(leat_channel_address(receiver, few, sizeof few), -ERANGE);
                CHECK_EQ(leat_channel_address(receiver, NULL, 0), -EINVAL);
                struct leat_channel *sender = open_end(address, LEAT_SEND);
                CHECK_EQ(leat_send(sender, 1, "hello", 5, SOON), 0);
                take(receiver, "hello");
                leat_close(sender);
                leat_close(receiver);
        }
}

/* Who listens on this machine is there at once, or as good as (the kernel may be busy); who does not refuses at once. */
TEST(open_without_waiting) {
        struct leat_reason reason;
        char address[LEAT_ADDRESS_BYTES];
        struct leat_channel *receiver = open_end("tcp::0", LEAT_RECEIVE);
        int64_t deadline = SOON;
        int r;
        CHECK(leat_channel_address(receiver, address, sizeof address) > 0);
        while ((r = try_open(address, LEAT_SEND, LEAT_NOW, &reason)) == -EAGAIN)
                CHECK(leat_now() < deadline);
        CHECK_EQ(r, 0);
        leat_close(receiver);
        strcat(address, "?open");
        while ((r = try_open(address, LEAT_SEND, LEAT_NOW, &reason)) == -EAGAIN)
                CHECK(leat_now() < deadline);
        CHECK_EQ(r, -ECONNREFUSED);
}

TEST(a_sender_is_known_by_its_address) {
        struct leat_channel *receiver = open_end("tcp:*:0?framing=lines", LEAT_RECEIVE);
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        char buffer[8], address[LEAT_ADDRESS_BYTES], expected[64];
        int plain = connect_plain(port_of(receiver));
        CHECK_EQ(getsockname(plain, (struct sockaddr *)&from, &size), 0);
        CHECK_EQ(send(plain, "one\n", 4, 0), 4);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 3);
        CHECK(!about.sender.known);
        CHECK(leat_sender_address(receiver, &about, address, sizeof address) > 0);
        snprintf(expected, sizeof expected, "tcp:127.0.0.1:%u",
                 (unsigned)ntohs(from.sin_port)); /* mapped into IPv6 by * */
        CHECK_STR(address, expected);
        close(plain);
        expect_end(receiver);
        CHECK_EQ(leat_sender_address(receiver, &about, address, sizeof address), -ENOTCONN);
        leat_close(receiver);
}

TEST(other_transports_tell_their_addresses_too) {
        struct leat_channel *receiver, *sender;
        struct leat_message about = LEAT_MESSAGE_INIT;
        struct leat_reason reason;
        char address[LEAT_ADDRESS_BYTES], expected[300], buffer[8];
        receiver = open_end("unix:jobs", LEAT_RECEIVE);
        snprintf(expected, sizeof expected, "unix:%s/leat/jobs", harness_tmpdir());
        CHECK_EQ(leat_channel_address(receiver, address, sizeof address), strlen(expected));
        CHECK_STR(address, expected);
        sender = open_end(address, LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "a", 1, SOON), 0);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 1);
        CHECK_EQ(leat_sender_address(receiver, &about, address, sizeof address), -ENOTSUP);
        CHECK_EQ(leat_why(receiver, &reason), 0);
        CHECK_EQ(reason.row, LEAT_ROW_WHO);
        leat_close(sender);
        leat_close(receiver);
        receiver = open_end("unix:@a%3Fb", LEAT_RECEIVE);
        CHECK(leat_channel_address(receiver, address, sizeof address) > 0);
        CHECK_STR(address, "unix:@a%3Fb");
        leat_close(receiver);
        receiver = open_end("inbox:", LEAT_RECEIVE);
        snprintf(expected, sizeof expected, "inbox:%d", (int)getpid());
        CHECK(leat_channel_address(receiver, address, sizeof address) > 0);
        CHECK_STR(address, expected);
        leat_close(receiver);
        CHECK_EQ(leat_pair("pipe:", NULL, &receiver, &sender), 0);
        CHECK_EQ(leat_channel_address(receiver, address, sizeof address), -ENOTSUP);
        leat_close(sender);
        leat_close(receiver);
}

TEST(a_port_has_one_listener) {
        struct leat_reason reason;
        char address[64];
        struct leat_channel *receiver = open_end("tcp::0", LEAT_RECEIVE);
        static const char *const same[] = { "tcp::%u", "tcp:*:%u", "tcp:[::1]:%u", "tcp:127.0.0.1:%u",
                                            "tcp:localhost:%u" };
        for (int i = 0; i < 5; i++) {
                snprintf(address, sizeof address, same[i], port_of(receiver));
                CHECK_EQ(try_open(address, LEAT_RECEIVE, SOON, &reason), -EADDRINUSE);
                CHECK_EQ(reason.row, LEAT_ROW_LISTENING);
        }
        leat_close(receiver);
}

/* Connections that ended a moment ago are no owner. */
TEST(a_port_is_free_as_soon_as_its_listener_is_gone) {
        char address[64] = "tcp::0";
        for (int i = 0; i < 5; i++) {
                struct leat_channel *receiver = open_end(address, LEAT_RECEIVE);
                snprintf(address, sizeof address, "tcp::%u", port_of(receiver));
                struct leat_channel *sender = open_end(address, LEAT_SEND);
                CHECK_EQ(leat_send(sender, 1, "hello", 5, SOON), 0);
                take(receiver, "hello");
                leat_close(receiver); /* first: its side is the one that TIME_WAIT stays on */
                leat_close(sender);
        }
}

/* ---- sockets as they are to be ---- */

static int option_of(int fd, int level, int option) {
        int value = -1;
        socklen_t size = sizeof value;
        CHECK_EQ(getsockopt(fd, level, option, &value, &size), 0);
        return value;
}

/* The descriptor of a connection: of the connecting end, detached, or the newest of the accepting process. */
static void check_options(int fd, int nodelay, int keepalive) {
        CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0, nodelay);
        CHECK_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), keepalive > 0);
        if (keepalive == 0)
                return;
        CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), keepalive);
        CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), keepalive / 3);
        CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
        CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0); /* it would end one that answers and does not read */
}

static void both_ends_have(const char *options, int nodelay, int keepalive) {
        char address[96];
        int fds[2];
        snprintf(address, sizeof address, "tcp:127.0.0.1:0?pattern=pair&listen&%s", options);
        struct leat_channel *one = open_end(address, LEAT_SEND | LEAT_RECEIVE);
        snprintf(address, sizeof address, "tcp:127.0.0.1:%u?pattern=pair&%s", port_of(one), options);
        struct leat_channel *other = open_end(address, LEAT_SEND | LEAT_RECEIVE);
        CHECK_EQ(leat_send(other, 1, "hello", 5, SOON), 0);
        int before = dup(0);
        close(before); /* the lowest that is free: what is accepted gets it */
        take(one, "hello");
        check_options(before, nodelay, keepalive);
        CHECK_EQ(leat_detach(other, fds), 0);
        CHECK_EQ(fds[0], fds[1]);
        check_options(fds[0], nodelay, keepalive);
        CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
        CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
        close(fds[0]);
        leat_close(one);
}

TEST(options_of_the_sockets) {
        both_ends_have("framing=leat", 1, 0);
        both_ends_have("nodelay", 1, 0);
        both_ends_have("nodelay=no", 0, 0);
        both_ends_have("nodelay=yes&keepalive=30", 1, 30);
}

/* One that only receives bare bytes is closed by a reset; not any more when it is somebody else's. */
TEST(a_detached_end_is_closed_as_usual) {
        struct leat_channel *sender = open_end("tcp:127.0.0.1:0?framing=lines&listen", LEAT_SEND);
        char address[96], byte;
        int fds[2];
        snprintf(address, sizeof address, "tcp:127.0.0.1:%u?framing=lines&connect", port_of(sender));
        struct leat_channel *receiver = open_end(address, LEAT_RECEIVE);
        CHECK_EQ(leat_send(sender, 1, "hello", 5, SOON), 0);
        CHECK_EQ(leat_detach(receiver, fds), 0);
        struct linger linger;
        socklen_t size = sizeof linger;
        CHECK_EQ(getsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, &size), 0);
        CHECK_EQ(linger.l_onoff, 0);
        read_exactly(fds[0], "hello\n");
        leat_close(sender);
        CHECK_EQ(recv(fds[0], &byte, 1, 0), 0);
        close(fds[0]);
}

/* ---- one direction ends ---- */

static void ask_and_shut(int plain) {
        CHECK_EQ(send(plain, "question\n", 9, 0), 9);
        CHECK_EQ(shutdown(plain, SHUT_WR), 0);
}

/* An ordinary program says all it has to say, and waits for the answer (nc -N). */
TEST(who_ended_what_it_sends_still_gets_its_answer) {
        struct leat_channel *pair =
                open_end("tcp:127.0.0.1:0?pattern=pair&listen&framing=lines", LEAT_SEND | LEAT_RECEIVE);
        char byte;
        for (int i = 0; i < 3; i++) { /* the next partner takes the place of the last */
                int plain = connect_plain(port_of(pair));
                ask_and_shut(plain);
                take(pair, "question");
                expect_end(pair);
                CHECK_EQ(leat_receive(pair, LEAT_ANY, &byte, 1, LEAT_NOW, NULL), -EAGAIN); /* it is told once */
                for (int k = 0; k < 3; k++) {
                        CHECK_EQ(leat_send(pair, 1, "answer", 6, SOON), 0);
                        read_exactly(plain, "answer\n");
                }
                close(plain);
        }
        leat_close(pair);
}

TEST(the_next_partner_ends_the_wait_for_the_last) {
        struct leat_channel *pair =
                open_end("tcp:127.0.0.1:0?pattern=pair&listen&framing=lines", LEAT_SEND | LEAT_RECEIVE);
        char byte;
        int first = connect_plain(port_of(pair));
        ask_and_shut(first);
        take(pair, "question");
        expect_end(pair);
        int second = connect_plain(port_of(pair));
        CHECK_EQ(send(second, "me\n", 3, 0), 3);
        take(pair, "me");
        CHECK_EQ(recv(first, &byte, 1, 0), 0);
        CHECK_EQ(leat_send(pair, 1, "you", 3, SOON), 0);
        read_exactly(second, "you\n");
        close(first);
        close(second);
        leat_close(pair);
}

TEST(a_connected_end_can_go_on_sending_too) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof at;
        char address[96];
        int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(bind(door, (struct sockaddr *)&at, sizeof at), 0);
        CHECK_EQ(listen(door, 1), 0);
        CHECK_EQ(getsockname(door, (struct sockaddr *)&at, &size), 0);
        snprintf(address, sizeof address, "tcp:127.0.0.1:%u?pattern=pair&framing=lines", (unsigned)ntohs(at.sin_port));
        struct leat_channel *pair = open_end(address, LEAT_SEND | LEAT_RECEIVE);
        int plain = accept(door, NULL, NULL);
        ask_and_shut(plain);
        take(pair, "question");
        expect_end(pair);
        expect_end(pair);
        CHECK_EQ(leat_send(pair, 1, "answer", 6, SOON), 0);
        read_exactly(plain, "answer\n");
        close(plain);
        close(door);
        leat_close(pair);
}

/* A program that sent to its end is not answered with a reset; one that goes on is. */
TEST(a_receiver_resets_only_who_would_go_on) {
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:0?framing=lines", LEAT_RECEIVE);
        char byte;
        int ended = connect_plain(port_of(receiver)), going_on = connect_plain(port_of(receiver));
        ask_and_shut(ended);
        CHECK_EQ(send(going_on, "question\n", 9, 0), 9);
        take(receiver, "question");
        take(receiver, "question");
        leat_close(receiver);
        CHECK_EQ(recv(ended, &byte, 1, 0), 0);
        CHECK_EQ(recv(going_on, &byte, 1, 0), -1);
        CHECK_EQ(errno, ECONNRESET);
        close(ended);
        close(going_on);
}

/* ---- the close of a sender with unread answers ---- */

TEST(what_was_sent_survives_a_close_with_answers_unread) {
        char address[96], bytes[1000] = { 0 }, buffer[1000];
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:0?capacity=16k", LEAT_RECEIVE);
        snprintf(address, sizeof address, "tcp:127.0.0.1:%u?capacity=256k", port_of(receiver));
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        options.flags = LEAT_SYNC;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_send_with(sender, "sync", 4, &options), -EAGAIN);
        take(receiver, "sync"); /* and its library answers */
        int sent = 0;
        while (leat_send(sender, 1, bytes, sizeof bytes, LEAT_NOW) == 0)
                sent++;
        CHECK(sent > 30); /* more than the receiver's side holds */
        leat_close(sender);
        for (int i = 0; i < sent; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), sizeof buffer);
        expect_end(receiver);
        leat_close(receiver);
}

/* ---- silence ---- */

/* Its kernel answers: a stopped program, or one that has something else to do, is back-pressure and no death. */
TEST(a_receiver_that_stands_still_is_not_dead) {
        char address[96], bytes[1000] = { 0 }, buffer[1000];
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:0?keepalive=1&capacity=16k", LEAT_RECEIVE);
        snprintf(address, sizeof address, "tcp:127.0.0.1:%u?keepalive=1&capacity=256k", port_of(receiver));
        struct leat_channel *sender = open_end(address, LEAT_SEND);
        int64_t deadline = leat_in_ms(3500); /* longer than a silence would be borne */
        int sent = 0, r;
        while ((r = leat_send(sender, 1, bytes, sizeof bytes, deadline)) == 0)
                sent++;
        CHECK_EQ(r, -ETIMEDOUT);
        CHECK(sent > 30); /* more than the receiver's side holds: the kernel asks for room all the time */
        for (int i = 0; i < sent; i++)
                CHECK_EQ(leat_receive(receiver, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), sizeof buffer);
        leat_close(sender);
        expect_end(receiver);
        leat_close(receiver);
}

/* ---- a network of its own ---- */

static bool write_text(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        close(fd);
        return written;
}

static void loopback_up(bool up) {
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0 };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &request), 0);
        close(fd);
}

static void own_network(void) {
        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                SKIP("no name space of one's own is to be had here");
        loopback_up(true);
}

/* The kernel gives a connecting socket the very port that it connects to: it would be connected to itself. */
TEST(nobody_is_connected_to_himself) {
        struct leat_reason reason;
        own_network();
        if (!write_text("/proc/sys/net/ipv4/ip_local_port_range", "6001 6001"))
                SKIP("the range of ports cannot be set here");
        CHECK_EQ(try_open("tcp:127.0.0.1:6001", LEAT_SEND, leat_in_ms(50), &reason), -ETIMEDOUT);
        CHECK_EQ(try_open("tcp:127.0.0.1:6001?open", LEAT_SEND, SOON, &reason), -ECONNREFUSED);
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:6001", LEAT_RECEIVE); /* and the port is free */
        leat_close(receiver);
}

TEST(what_is_down_or_without_a_way_is_told) {
        struct leat_reason reason;
        own_network();
        CHECK_EQ(try_open("tcp:192.0.2.1:5000", LEAT_SEND, LEAT_NEVER, &reason), -ENETUNREACH);
        CHECK(strstr(reason.text, "no route") != NULL);
        CHECK_EQ(try_open("tcp:192.0.2.1:5000", LEAT_RECEIVE, LEAT_NEVER, &reason), -EADDRNOTAVAIL);
        CHECK(strstr(reason.text, "ip address") != NULL);
        CHECK_EQ(try_open("tcp::5000?open", LEAT_SEND, LEAT_NEVER, &reason), -ECONNREFUSED);
        CHECK(strstr(reason.text, "nobody listens") != NULL);
        CHECK_EQ(try_open("tcp::5000", LEAT_SEND, leat_in_ms(20), &reason), -ETIMEDOUT);
        CHECK(strstr(reason.text, "no receiver came") != NULL);
        loopback_up(false);
        CHECK_EQ(try_open("tcp::5000", LEAT_SEND, leat_in_ms(20), &reason), -ETIMEDOUT); /* it swallows what is sent */
        CHECK(strstr(reason.text, "lo is down") != NULL);
}

/* No port is left to connect from. */
TEST(when_all_ports_are_taken_it_is_told) {
        struct leat_reason reason;
        own_network();
        if (!write_text("/proc/sys/net/ipv4/ip_local_port_range", "6001 6001"))
                SKIP("the range of ports cannot be set here");
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:5000", LEAT_RECEIVE);
        struct leat_channel *sender = open_end("tcp:127.0.0.1:5000", LEAT_SEND);
        CHECK_EQ(try_open("tcp:127.0.0.1:5000", LEAT_SEND, LEAT_NEVER, &reason), -EADDRNOTAVAIL);
        CHECK(strstr(reason.text, "ip_local_port_range") != NULL);
        leat_close(sender);
        leat_close(receiver);
}

/* A cable is cut: here, loopback goes down. */
TEST(a_lost_connection_is_an_end_with_a_reason) {
        struct leat_reason reason;
        own_network();
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:5000?keepalive=1", LEAT_RECEIVE);
        struct leat_channel *sender = open_end("tcp:127.0.0.1:5000?keepalive=1", LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "hello", 5, SOON), 0);
        take(receiver, "hello");
        loopback_up(false);
        expect_end(receiver);
        CHECK_EQ(leat_why(receiver, &reason), 0);
        CHECK_EQ(reason.error, -ENODATA);
        CHECK(strstr(reason.text, "silent") != NULL);
        int r = 0;
        while (r == 0)
                r = leat_send(sender, 1, "hello", 5, SOON);
        CHECK_EQ(r, -EPIPE);
        leat_close(sender);
        leat_close(receiver);
}

/* The same, with an answer under way: the kernel asks nothing then, it sends the answer again and again. */
TEST(a_lost_answer_is_an_end_too) {
        struct leat_send_options options = LEAT_SEND_OPTIONS_INIT;
        struct leat_reason reason;
        own_network();
        struct leat_channel *receiver = open_end("tcp:127.0.0.1:5000?keepalive=1", LEAT_RECEIVE);
        struct leat_channel *sender = open_end("tcp:127.0.0.1:5000", LEAT_SEND);
        options.flags = LEAT_SYNC;
        options.deadline = LEAT_NOW;
        CHECK_EQ(leat_send_with(sender, "hello", 5, &options), -EAGAIN);
        CHECK_EQ(leat_receive(receiver, LEAT_ANY, NULL, 0, SOON, NULL),
                 -EMSGSIZE); /* it has come, and is not taken yet */
        loopback_up(false);
        take(receiver, "hello");
        expect_end(receiver);
        CHECK_EQ(leat_why(receiver, &reason), 0);
        CHECK(strstr(reason.text, "silent") != NULL);
        leat_close(sender);
        leat_close(receiver);
}

TEST_MAIN()
