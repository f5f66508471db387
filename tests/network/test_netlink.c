/* SPDX-License-Identifier: MIT */

/* netlink: what the kernel tells: of a cable that is pulled out, of a device of the machine; and nothing that others say. */

#include "parties.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGEST 65536

/* ---- route ---- */

static bool is_link(const uint8_t *bytes, size_t size, bool up) {
        struct nlmsghdr header;
        struct ifinfomsg about;
        if (size < sizeof header + sizeof about)
                return false;
        memcpy(&header, bytes, sizeof header);
        memcpy(&about, bytes + sizeof header, sizeof about);
        return header.nlmsg_type == RTM_NEWLINK && about.ifi_index == (int)if_nametoindex(NETWORK_DEVICE) &&
               !!(about.ifi_flags & IFF_UP) == up;
}

static bool is_type(const uint8_t *bytes, size_t size, uint16_t type, uint8_t family) {
        struct nlmsghdr header;
        if (size < sizeof header + 1)
                return false;
        memcpy(&header, bytes, sizeof header);
        return header.nlmsg_type == type && bytes[sizeof header] == family;
}

TEST(a_device_that_goes_down_and_up_is_told) {
        struct network network;
        static uint8_t bytes[LARGEST];
        bool down = false, up = false, address = false, route = false;
        ssize_t n;
        network_new(&network, 1);
        struct leat_channel *channel = open_here("netlink:route", LEAT_RECEIVE);
        network_link(&network, HOST_A, false);
        network_link(&network, HOST_B, false); /* another host's are not told here */
        network_link(&network, HOST_A, true);
        while (!(down && up && address && route)) {
                n = leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, SOON, NULL);
                CHECK(n > 0);
                down |= is_link(bytes, (size_t)n, false);
                up |= down && is_link(bytes, (size_t)n, true); /* what it was before may come late */
                address |= is_type(bytes, (size_t)n, RTM_NEWADDR, AF_INET6);
                route |= is_type(bytes, (size_t)n, RTM_NEWROUTE, AF_INET);
        }
        leat_close(channel);
        network_free(&network);
}

/* The port of the channel's socket, which others could send to. */
static uint32_t port_of(struct leat_channel *channel) {
        struct sockaddr_nl address;
        socklen_t size = sizeof address;
        CHECK_EQ(getsockname(leat_fd(channel), (struct sockaddr *)&address, &size), 0);
        return address.nl_pid;
}

/* Send it there as a process may that is root: to the port, or to a group. */
static void forge(int protocol, uint32_t port, uint32_t groups, const void *bytes, size_t size) {
        const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        CHECK(fd >= 0);
        CHECK_EQ(sendto(fd, bytes, size, 0, (const struct sockaddr *)&to, sizeof to), size);
        close(fd);
}

TEST(what_processes_send_is_not_taken) {
        struct network network;
        static uint8_t bytes[LARGEST];
        const struct nlmsghdr forged = { .nlmsg_len = sizeof forged, .nlmsg_type = RTM_NEWLINK };
        struct leat_info info = LEAT_INFO_INIT;
        network_new(&network, 1);
        struct leat_channel *channel = open_here("netlink:route", LEAT_RECEIVE);
        for (int i = 0; i < 3; i++)
                forge(NETLINK_ROUTE, port_of(channel), 0, &forged, sizeof forged);
        ssize_t n;
        while ((n = leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, LEAT_NOW, NULL)) > 0)
                CHECK(n > (ssize_t)sizeof forged); /* of the new network */
        CHECK_EQ(n, -EAGAIN);
        network_link(&network, HOST_A, false);
        n = leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, SOON, NULL);
        CHECK(n > (ssize_t)sizeof forged);
        CHECK_EQ(leat_channel_info(channel, &info), 0);
        CHECK_EQ(info.refused, 3);
        leat_close(channel);
        network_free(&network);
}

TEST(a_capacity_that_is_not_allowed_is_told_with_its_limit) {
        struct network network;
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        struct leat_channel *channel = NULL;
        network_new(&network, 1);
        drop_capability(CAP_NET_ADMIN);
        options.flags = LEAT_RECEIVE;
        CHECK_EQ(leat_open_with("netlink:route?capacity=1G", &options, &reason, &channel), -EPERM);
        CHECK_STR(reason.limit, "net.core.rmem_max");
        CHECK(reason.limit_value > 0);
        network_free(&network);
}

/* ---- kobject-uevent ---- */

#define UUID "12345678-1234-1234-1234-123456789abc"

/* Have the kernel say something of /dev/null that carries our number. */
static void make_event(uint64_t number) {
        const char *path = "/sys/class/mem/null/uevent";
        char text[128];
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                SKIP("no event of a device can be made here: %s: %m", path);
        int size = snprintf(text, sizeof text, "change " UUID " NUMBER=%d", (int)number);
        if (write(fd, text, (size_t)size) != size)
                SKIP("no event of a device can be made here: %s: %m", path);
        close(fd);
}

/* Is there this string among those that a NUL ends each? */
static bool has_line(const char *bytes, size_t size, const char *line) {
        for (size_t at = 0; at < size; at += strnlen(bytes + at, size - at) + 1)
                if (strncmp(bytes + at, line, size - at) == 0)
                        return true;
        return false;
}

TEST(an_event_of_a_device_is_told) {
        static char bytes[LARGEST];
        char line[64];
        struct leat_channel *channel = open_here("netlink:kobject-uevent", LEAT_RECEIVE);
        uint64_t number = harness_random_below(1000000);
        ssize_t n;
        make_event(number + 1); /* or the test ends here */
        /* what looks like one, and comes from a process */
        snprintf(line, sizeof line, "change@/x%cSYNTH_ARG_NUMBER=%d", 0, (int)number);
        forge(NETLINK_KOBJECT_UEVENT, port_of(channel), 0, line, sizeof line);
        make_event(number);
        snprintf(line, sizeof line, "SYNTH_ARG_NUMBER=%d", (int)number);
        do {
                n = leat_receive(channel, LEAT_ANY, bytes, sizeof bytes, SOON, NULL);
                CHECK(n > 0);
        } while (!has_line(bytes, (size_t)n, line));
        CHECK(has_line(bytes, (size_t)n, "ACTION=change"));
        CHECK(has_line(bytes, (size_t)n, "DEVNAME=null"));
        leat_close(channel);
}

/* ---- addresses ---- */

TEST(what_is_not_there_is_named) {
        struct leat_reason reason = { 0 };
        CHECK_EQ(leat_address_check("netlink:", &reason), -EINVAL);
        CHECK(strstr(reason.text, "netlink:kobject-uevent") && strstr(reason.text, "netlink:route"));
        CHECK_EQ(reason.column, 9);
        CHECK_EQ(leat_address_check("netlink:audit", &reason), -EINVAL);
        CHECK_EQ(leat_address_check("netlink:route", &reason), 0);
}

TEST_MAIN()
