/* SPDX-License-Identifier: MIT */

/* One end of the cable: a TUN device, its addresses and the routes over it, by the ioctls of netdevice(7). */

#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const network_v4[HOSTS] = { "10.77.0.1", "10.77.0.2" };
const char *const network_v6[HOSTS] = { "fd77::1", "fd77::2" };

#define QUEUE_PACKETS 100000 /* the device's own queue never drops: what is lost is what the relay lost */

static struct ifreq named(const char *name) {
        struct ifreq request = { 0 };
        snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
        return request;
}

static void put_v4(struct sockaddr *place, const char *text) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        CHECK_EQ(inet_pton(AF_INET, text, &address.sin_addr), 1);
        memcpy(place, &address, sizeof address);
}

/* An ioctl that must work, on a socket of that family. */
static void must(int family, unsigned long what, void *request, const char *text) {
        int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -1 : ioctl(fd, what, request);
        if (r < 0)
                FAIL("%s: %m", text);
        close(fd);
}

static void set_flags(const char *name, bool up) {
        struct ifreq request = named(name);
        must(AF_INET, SIOCGIFFLAGS, &request, "flags of a device");
        request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
        must(AF_INET, SIOCSIFFLAGS, &request, "a device up or down");
}

static void set_v4(enum host host) {
        struct ifreq request = named(NETWORK_DEVICE);
        put_v4(&request.ifr_addr, network_v4[host]);
        must(AF_INET, SIOCSIFADDR, &request, "an address of IPv4");
        put_v4(&request.ifr_netmask, "255.255.255.0");
        must(AF_INET, SIOCSIFNETMASK, &request, "a mask of IPv4");
}

/* Is this the route by which the host takes what is sent to this address? */
static bool is_local_route(const uint8_t *bytes, size_t size, const struct in6_addr *address) {
        struct nlmsghdr header;
        struct rtmsg about;
        struct rtattr attribute;
        if (size < sizeof header + sizeof about)
                return false;
        memcpy(&header, bytes, sizeof header);
        memcpy(&about, bytes + sizeof header, sizeof about);
        if (header.nlmsg_type != RTM_NEWROUTE || about.rtm_type != RTN_LOCAL)
                return false;
        for (size_t at = NLMSG_LENGTH(sizeof about); at + sizeof attribute <= size;
             at += RTA_ALIGN(attribute.rta_len)) {
                memcpy(&attribute, bytes + at, sizeof attribute);
                CHECK(attribute.rta_len >= sizeof attribute);
                if (attribute.rta_type == RTA_DST && at + RTA_LENGTH(sizeof *address) <= size)
                        return memcmp(bytes + at + sizeof attribute, address, sizeof *address) == 0;
        }
        return false;
}

/* The kernel takes the address at once, and makes its route some time later: only then what is sent to it is taken. */
static void wait_for_address(int fd, const struct in6_addr *address) {
        bool taken = false, usable = false;
        while (!taken || !usable) {
                uint8_t bytes[4096];
                struct nlmsghdr header;
                struct nlmsgerr error;
                ssize_t size = recv(fd, bytes, sizeof bytes, 0);
                CHECK(size >= (ssize_t)sizeof header);
                memcpy(&header, bytes, sizeof header);
                if (header.nlmsg_type == NLMSG_ERROR) {
                        memcpy(&error, bytes + sizeof header, sizeof error);
                        CHECK_EQ(error.error, 0);
                        taken = true;
                } else if (is_local_route(bytes, (size_t)size, address))
                        usable = true;
        }
}

/* By rtnetlink(7), which can say that nobody else has the address: else it may be used only after a while. */
static void set_v6(enum host host) {
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg about;
                struct rtattr attribute;
                struct in6_addr address;
        } request = {
                .header = { sizeof request, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1, 0 },
                .about = { AF_INET6, 64, IFA_F_NODAD, RT_SCOPE_UNIVERSE, if_nametoindex(NETWORK_DEVICE) },
                .attribute = { RTA_LENGTH(sizeof request.address), IFA_LOCAL },
        };
        const struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_ROUTE };
        CHECK_EQ(inet_pton(AF_INET6, network_v6[host], &request.address), 1);
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        CHECK(fd >= 0);
        CHECK_EQ(bind(fd, (const struct sockaddr *)&here, sizeof here), 0);
        CHECK_EQ(send(fd, &request, sizeof request, 0), sizeof request);
        wait_for_address(fd, &request.address);
        close(fd);
}

/* To the network that HOST_B knows no way to. */
static void add_route(void) {
        struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
        put_v4(&route.rt_dst, "10.88.0.0");
        put_v4(&route.rt_genmask, "255.255.0.0");
        put_v4(&route.rt_gateway, network_v4[HOST_B]);
        must(AF_INET, SIOCADDRT, &route, "a route");
}

static void set_sysctl(const char *path, const char *value) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, value, strlen(value)) < 0)
                FAIL("%s: %m", path);
        close(fd);
}

/* A device that goes down loses its addresses of IPv6 and its routes. */
void device_link(enum host host, bool up) {
        set_flags(NETWORK_DEVICE, up);
        if (up) {
                set_v6(host);
                if (host == HOST_A)
                        add_route();
        }
}

int device_new(enum host host, const char **ret_what) {
        struct ifreq request = named(NETWORK_DEVICE);
        request.ifr_flags = IFF_TUN | IFF_NO_PI;
        *ret_what = "/dev/net/tun";
        int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (tun < 0)
                return -errno;
        *ret_what = "a TUN device";
        if (ioctl(tun, TUNSETIFF, &request) < 0) {
                int error = -errno;
                close(tun);
                return error;
        }
        struct ifreq queue = named(NETWORK_DEVICE);
        queue.ifr_qlen = QUEUE_PACKETS;
        must(AF_INET, SIOCSIFTXQLEN, &queue, "the length of a queue");
        set_flags("lo", true);
        set_v4(host);
        device_link(host, true);
        if (host == HOST_B)
                set_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
        return tun;
}
