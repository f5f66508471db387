/* SPDX-License-Identifier: MIT */

/* udp: and raw: what happens on the way: a part of it is narrow, senders are forged, a group is spoken on another interface. */

#include "parties.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 5000

static void set_sysctl(const char *path, const char *value) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, value, strlen(value)), strlen(value));
        close(fd);
}

/* ---- packets made by hand ---- */

static int raw_socket_at(const struct network *network, enum host host, int family, int protocol) {
        network_enter(network, host);
        int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
        network_enter(network, HOST_A);
        CHECK(fd >= 0);
        return fd;
}

static void put_to(int fd, const char *host, in_port_t port, const void *bytes, size_t size) {
        struct sockaddr_storage to;
        socklen_t length = network_socket_name(host, port, &to);
        CHECK_EQ(sendto(fd, bytes, size, 0, (const struct sockaddr *)&to, length), size);
}

static uint16_t sum_of(const uint8_t *bytes, size_t size) {
        uint32_t sum = 0;
        for (size_t i = 0; i < size; i++)
                sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t)~sum);
}

/* ---- a narrow way ---- */

/* The datagram of A's port, as a router in between had it. Returns its size. */
static size_t cite(int family, in_port_t port, uint8_t *ret_bytes) {
        const struct udphdr datagram = { .source = port, .dest = htons(PORT), .len = htons(1400) };
        size_t size;
        if (family == AF_INET) {
                struct iphdr header = {
                        .version = 4, .ihl = 5, .tot_len = htons(1420), .ttl = 60, .protocol = IPPROTO_UDP
                };
                CHECK_EQ(inet_pton(AF_INET, network_v4[HOST_A], &header.saddr), 1);
                CHECK_EQ(inet_pton(AF_INET, network_v4[HOST_B], &header.daddr), 1);
                header.check = sum_of((const uint8_t *)&header, sizeof header);
                memcpy(ret_bytes, &header, size = sizeof header);
        } else {
                struct ip6_hdr header = {
                        .ip6_flow = htonl(6u << 28), .ip6_plen = htons(1400), .ip6_nxt = IPPROTO_UDP, .ip6_hlim = 60
                };
                CHECK_EQ(inet_pton(AF_INET6, network_v6[HOST_A], &header.ip6_src), 1);
                CHECK_EQ(inet_pton(AF_INET6, network_v6[HOST_B], &header.ip6_dst), 1);
                memcpy(ret_bytes, &header, size = sizeof header);
        }
        memcpy(ret_bytes + size, &datagram, sizeof datagram);
        return size + sizeof datagram;
}

/* HOST_B says to A that what came from this port was too large; and so often that a port is closed, by which A is known to have heard it. */
static void say_narrow(struct network *network, int family, in_port_t port) {
        uint8_t bytes[256] = { 0 };
        uint16_t mtu = htons(1300);
        int v4 = family == AF_INET;
        int icmp = raw_socket_at(network, HOST_B, family, v4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
        size_t size = 8 + cite(family, port, bytes + 8);
        bytes[0] = v4 ? ICMP_DEST_UNREACH : ICMP6_PACKET_TOO_BIG;
        bytes[1] = v4 ? ICMP_FRAG_NEEDED : 0;
        memcpy(bytes + 6, &mtu, sizeof mtu);
        uint16_t sum = sum_of(bytes, size);
        if (v4)
                memcpy(bytes + 2, &sum, sizeof sum);
        put_to(icmp, v4 ? network_v4[HOST_A] : network_v6[HOST_A], 0, bytes, size);
        network_enter(network, HOST_B);
        int udp = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        network_enter(network, HOST_A);
        put_to(udp, v4 ? network_v4[HOST_A] : network_v6[HOST_A], 9, "x", 1);
        network_wait_refusals(network, HOST_A, 1);
        close(udp);
        close(icmp);
}

static int bind_at_b(const struct network *network, int family) {
        struct sockaddr_storage name;
        socklen_t size = network_socket_name(family == AF_INET ? network_v4[HOST_B] : network_v6[HOST_B], PORT, &name);
        network_enter(network, HOST_B);
        int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(bind(fd, (const struct sockaddr *)&name, size), 0);
        network_enter(network, HOST_A);
        return fd;
}

static in_port_t take_port(int fd) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        uint8_t bytes[2048];
        CHECK(recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size) > 0);
        return from.ss_family == AF_INET ? ((struct sockaddr_in *)&from)->sin_port
                                         : ((struct sockaddr_in6 *)&from)->sin6_port;
}

/* The kernel takes note of it, and cuts what is larger: no message is refused for it, least of all a small one. */
static void goes_on_over_a_narrow_way(void *argument) {
        const int family = *(const int *)argument;
        struct network network;
        char address[128], bytes[1400] = "";
        network_new(&network, 1);
        int receiver = bind_at_b(&network, family);
        address_at_b(address, sizeof address, "udp", family == AF_INET ? 4 : 6, "?framing=raw");
        struct leat_channel *sender = open_here(address, LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, SOON), 0);
        say_narrow(&network, family, take_port(receiver));
        CHECK_EQ(leat_send(sender, 1, "small", 5, SOON), 0);
        CHECK_EQ(recv(receiver, bytes, sizeof bytes, 0), 5);
        CHECK_EQ(leat_send(sender, 1, bytes, sizeof bytes, SOON), 0);
        CHECK_EQ(recv(receiver, bytes, sizeof bytes, 0), sizeof bytes);
        leat_close(sender);
        close(receiver);
        network_free(&network);
}

/* Routers of IPv4 may cut what is too large for them: the first one is not lost. */
TEST(routers_may_cut_what_is_too_large_for_them) {
        struct network network;
        struct {
                struct iphdr ip;
                uint8_t rest[2048];
        } packet;
        network_new(&network, 1);
        int sniffer = raw_socket_at(&network, HOST_B, AF_INET, IPPROTO_UDP), receiver = bind_at_b(&network, AF_INET);
        struct leat_channel *sender = open_here("udp:10.77.0.2:5000", LEAT_SEND);
        CHECK_EQ(leat_send(sender, 1, "x", 1, SOON), 0);
        CHECK(recv(sniffer, &packet, sizeof packet, 0) > (ssize_t)sizeof packet.ip);
        CHECK(!(ntohs(packet.ip.frag_off) & IP_DF));
        leat_close(sender);
        close(receiver);
        close(sniffer);
        network_free(&network);
}

/* An echo that was too large for a part of the way is no word about the next one. */
static void an_echo_goes_on_over_a_narrow_way(void *argument) {
        struct network network;
        uint8_t bytes[2048];
        network_new(&network, 1);
        set_sysctl("/proc/sys/net/ipv4/ping_group_range", argument);
        int sniffer = raw_socket_at(&network, HOST_B, AF_INET6, IPPROTO_ICMPV6);
        struct leat_channel *channel = open_here("raw:[fd77::2]", LEAT_SEND | LEAT_RECEIVE);
        CHECK_EQ(leat_send(channel, 1, "one", 3, SOON), 0);
        ssize_t size = 0;
        do
                size = recv(sniffer, bytes + 48, sizeof bytes - 48, 0);
        while (bytes[48] != ICMP6_ECHO_REQUEST);
        CHECK(size > 0);
        /* cited behind the header that says so, and behind that of IPv6 */
        struct ip6_hdr header = { .ip6_flow = htonl(6u << 28),
                                  .ip6_plen = htons((uint16_t)size),
                                  .ip6_nxt = IPPROTO_ICMPV6,
                                  .ip6_hlim = 60 };
        CHECK_EQ(inet_pton(AF_INET6, network_v6[HOST_A], &header.ip6_src), 1);
        CHECK_EQ(inet_pton(AF_INET6, network_v6[HOST_B], &header.ip6_dst), 1);
        memset(bytes, 0, 8);
        bytes[0] = ICMP6_PACKET_TOO_BIG;
        bytes[6] = 1300 >> 8;
        bytes[7] = 1300 & 255;
        memcpy(bytes + 8, &header, sizeof header);
        put_to(sniffer, network_v6[HOST_A], 0, bytes, 48 + (size_t)size);
        network_enter(&network, HOST_B);
        int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        network_enter(&network, HOST_A);
        put_to(udp, network_v6[HOST_A], 9, "x", 1);
        network_wait_refusals(&network, HOST_A, 1);
        CHECK_EQ(leat_send(channel, 1, "two", 3, SOON), 0);
        for (int i = 0; i < 2; i++)
                CHECK_EQ(leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, SOON, NULL), 3);
        leat_close(channel);
        close(udp);
        close(sniffer);
        network_free(&network);
}

/* ---- senders that nobody can be ---- */

/* A request to this end's port on the same host, with a header of UDP as a stranger may write it. */
static void ask_from(const char *source, in_port_t port) {
        const int yes = 1;
        struct {
                struct iphdr ip;
                struct udphdr udp;
                uint8_t frame[48 + 3];
        } __attribute__((packed)) packet = { .ip = { .version = 4, .ihl = 5, .ttl = 9, .protocol = IPPROTO_UDP },
                                             .udp = { .source = htons(port), .dest = htons(PORT) },
                                             .frame = "Lt\1\1\2" };
        packet.frame[8] = 3;
        packet.frame[16] = packet.frame[24] = packet.frame[32] = 1;
        memcpy(packet.frame + 48, "ask", 3);
        packet.udp.len = htons(sizeof packet - sizeof packet.ip);
        struct in_addr from;
        CHECK_EQ(inet_pton(AF_INET, source, &from), 1);
        packet.ip.saddr = from.s_addr;
        packet.ip.daddr = inet_addr(network_v4[HOST_A]);
        int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        CHECK(fd >= 0);
        CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &yes, sizeof yes), 0);
        put_to(fd, network_v4[HOST_A], 0, &packet, sizeof packet);
        close(fd);
}

/* Nothing can be sent to them: who replies is told so of them, as of one that is gone, and goes on. */
TEST(who_cannot_be_answered_is_told_as_gone) {
        static const struct {
                const char *source;
                in_port_t port;
        } strangers[] = { { "10.77.0.2", 0 }, { NETWORK_NO_ROUTE, 77 } };
        struct network network;
        char buffer[64];
        network_new(&network, 1);
        struct leat_channel *replier = open_here("udp:10.77.0.1:5000", LEAT_REPLY);
        for (int i = 0; i < 2; i++) {
                struct leat_message about = LEAT_MESSAGE_INIT;
                ask_from(strangers[i].source, strangers[i].port);
                CHECK_EQ(leat_receive(replier, LEAT_ANY, buffer, sizeof buffer, SOON, &about), 3);
                CHECK(about.flags & LEAT_WANTS_REPLY);
                CHECK_EQ(leat_reply(replier, &about, 1, "x", 1, SOON), -EPIPE);
        }
        leat_close(replier);
        network_free(&network);
}

/* ---- echoes of others ---- */

/* Put a reply with this identifier and sequence, and another payload. */
static void put_reply(int fd, int family, const char *to, const uint8_t *request, const char *text) {
        uint8_t bytes[64] = { family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY };
        memcpy(bytes + 4, request + 4, 4);
        memcpy(bytes + 8, text, strlen(text));
        uint16_t sum = sum_of(bytes, 8 + strlen(text));
        if (family == AF_INET)
                memcpy(bytes + 2, &sum, sizeof sum);
        put_to(fd, to, 0, bytes, 8 + strlen(text));
}

/* Who guesses identifier and sequence, and does not forge its address, is not the host that was asked: also not for the kernel's own
 * socket for pings, which looks at neither address. */
static void only_who_was_asked_answers(void *argument) {
        const int family = *(const int *)argument;
        bool v4 = family == AF_INET;
        int protocol = v4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
        const char *here = v4 ? network_v4[HOST_A] : network_v6[HOST_A];
        struct network network;
        uint8_t packet[2048];
        char reply[8];
        network_new(&network, 1);
        set_sysctl("/proc/sys/net/ipv4/ping_group_range", "0 0");
        int far = raw_socket_at(&network, HOST_B, family, protocol),
            near = raw_socket_at(&network, HOST_A, family, protocol);
        network_enter(&network, HOST_B);
        set_sysctl(v4 ? "/proc/sys/net/ipv4/icmp_echo_ignore_all" : "/proc/sys/net/ipv6/icmp/echo_ignore_all", "1");
        network_enter(&network, HOST_A);
        struct leat_channel *channel = open_here(v4 ? "raw:10.77.0.2" : "raw:[fd77::2]", LEAT_SEND | LEAT_RECEIVE);
        CHECK_EQ(leat_send(channel, 1, "ask", 3, SOON), 0);
        const uint8_t *request = packet + (v4 ? sizeof(struct iphdr) : 0);
        do
                CHECK(recv(far, packet, sizeof packet, 0) > 8);
        while (request[0] != (v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST));
        put_reply(near, family, here, request, "forged");
        put_reply(far, family, here, request, "real");
        CHECK_EQ(leat_receive(channel, LEAT_ANY, reply, sizeof reply, SOON, NULL), 4);
        CHECK_MEM(reply, "real", 4);
        leat_close(channel);
        close(near);
        close(far);
        network_free(&network);
}

/* ---- groups ---- */

/* A group on loopback is not the one of the same number on a cable, though another socket of this host has joined that. */
static void a_group_is_of_one_interface(void *argument) {
        const char *group = argument;
        struct network network;
        char here[128], there[256], buffer[16];
        network_new(&network, 1);
        snprintf(here, sizeof here, "udp::5600?multicast=%s", group);
        snprintf(there, sizeof there, "%s&interface=" NETWORK_DEVICE, here);
        struct leat_channel *local = open_here(here, LEAT_RECEIVE), *joined = open_here(there, LEAT_RECEIVE);
        network_enter(&network, HOST_B);
        struct leat_channel *speaker = open_here(there, LEAT_SEND);
        CHECK_EQ(leat_send(speaker, 1, "by cable", 8, SOON), 0);
        leat_close(speaker);
        network_enter(&network, HOST_A);
        CHECK_EQ(leat_receive(joined, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 8);
        CHECK_EQ(leat_receive(local, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        /* who speaks on this side of the cable is heard on it, and on this side too */
        speaker = open_here(there, LEAT_SEND);
        CHECK_EQ(leat_send(speaker, 1, "here", 4, SOON), 0);
        CHECK_EQ(leat_receive(joined, LEAT_ANY, buffer, sizeof buffer, SOON, NULL), 4);
        CHECK_EQ(leat_receive(local, LEAT_ANY, buffer, sizeof buffer, LEAT_NOW, NULL), -EAGAIN);
        leat_close(speaker);
        leat_close(joined);
        leat_close(local);
        network_free(&network);
}

static void add_tests(void) {
        static int v4 = AF_INET, v6 = AF_INET6;
        harness_add("udp_goes_on_over_a_narrow_way_4", goes_on_over_a_narrow_way, &v4);
        harness_add("udp_goes_on_over_a_narrow_way_6", goes_on_over_a_narrow_way, &v6);
        harness_add("an_echo_goes_on_over_a_narrow_way_6_ping", an_echo_goes_on_over_a_narrow_way, (void *)"0 0");
        harness_add("an_echo_goes_on_over_a_narrow_way_6_raw", an_echo_goes_on_over_a_narrow_way, (void *)"1 0");
        harness_add("only_who_was_asked_answers_4", only_who_was_asked_answers, &v4);
        harness_add("only_who_was_asked_answers_6", only_who_was_asked_answers, &v6);
        harness_add("a_group_is_of_one_interface_4", a_group_is_of_one_interface, (void *)"239.1.2.3");
        harness_add("a_group_is_of_one_interface_6", a_group_is_of_one_interface, (void *)"ff05::1:5");
        harness_add("a_group_of_one_link_is_of_one_interface_6", a_group_is_of_one_interface, (void *)"ff02::1:5");
}

TEST_MAIN_WITH(add_tests)
