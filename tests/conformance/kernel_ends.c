/* SPDX-License-Identifier: MIT */

/* How the kernel is made to send: netlink: a change of the loopback device, raw: an echo. */

#include "kernel.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void change_loopback(unsigned long what, struct ifreq *request) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        snprintf(request->ifr_name, sizeof request->ifr_name, "lo");
        CHECK_EQ(ioctl(fd, what, request), 0);
        close(fd);
}

static void enter_own_network(void) {
        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                SKIP("no network name space can be made here: %m");
}

/* ---- netlink:route ---- */

#define MTU_OF_NUMBER 2000 /* of number 0 */

static void change_mtu(struct leat_channel *channel, uint64_t number) {
        struct ifreq request = { .ifr_mtu = MTU_OF_NUMBER + (int)number };
        (void)channel;
        change_loopback(SIOCSIFMTU, &request);
}

static int64_t mtu_of(const uint8_t *bytes, size_t size) {
        struct nlmsghdr header;
        const size_t skip = sizeof header + NLMSG_ALIGN(sizeof(struct ifinfomsg));
        CHECK(size >= sizeof header);
        memcpy(&header, bytes, sizeof header);
        if (header.nlmsg_type != RTM_NEWLINK)
                return -1;
        for (size_t at = skip; at + sizeof(struct rtattr) <= size;) {
                struct rtattr attribute;
                uint32_t mtu;
                memcpy(&attribute, bytes + at, sizeof attribute);
                CHECK(attribute.rta_len >= sizeof attribute && at + attribute.rta_len <= size);
                if (attribute.rta_type == IFLA_MTU) {
                        memcpy(&mtu, bytes + at + sizeof attribute, sizeof mtu);
                        return (int64_t)mtu - MTU_OF_NUMBER;
                }
                at += RTA_ALIGN(attribute.rta_len);
        }
        return -1;
}

static const char *const netlink_tables[] = { "/proc/net/netlink", NULL };

const struct conformance_kernel conformance_netlink = {
        .address = "netlink:route",
        .flags = LEAT_RECEIVE,
        .refused = { LEAT_SEND, LEAT_CALL, LEAT_REPLY },
        .prepare = enter_own_network,
        .provoke = change_mtu,
        .number = mtu_of,
        .tells_drops = true,
        .tables = netlink_tables,
};

/* ---- raw:127.0.0.1 ---- */

/* With the ping socket if it may be switched on, else with SOCK_RAW. */
static void enter_network_with_loopback(void) {
        struct ifreq request = { .ifr_flags = IFF_UP };
        enter_own_network();
        change_loopback(SIOCSIFFLAGS, &request);
        int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
                (void)!write(fd, "0 2147483647", 12);
                close(fd);
        }
}

static int64_t number_of_record(const uint8_t *bytes, size_t size) {
        char record[RECORD_BYTES + 1] = "";
        CHECK_EQ(size, RECORD_BYTES);
        memcpy(record, bytes, RECORD_BYTES);
        return (int64_t)strtoull(record, NULL, 16);
}

static const char *const raw_tables[] = { "/proc/net/icmp", "/proc/net/raw", NULL };

const struct conformance_kernel conformance_raw = {
        .address = "raw:127.0.0.1",
        .flags = LEAT_SEND | LEAT_RECEIVE,
        .refused = { LEAT_RECEIVE, LEAT_REPLY },
        .prepare = enter_network_with_loopback,
        .provoke = send_record,
        .number = number_of_record,
        .tables = raw_tables,
};
