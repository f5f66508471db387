/* SPDX-License-Identifier: MIT */

/* Multicast: groups, and the interface on which they are spoken. */

#include "base/cleanup.h"
#include "transport/inet_socket.h"
#include "transport/udp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62 /* Linux 5.0; musl 1.2.3 knows it not */
#endif

#define LOOPBACK "lo"

static int set(int fd, int level, int option, const void *value, socklen_t size) {
        return setsockopt(fd, level, option, value, size) < 0 ? -errno : 0;
}

/* ---- from text ---- */

static bool parse_group(const char *text, struct inet_address *ret_address) {
        *ret_address = (struct inet_address){ 0 };
        if (inet_pton(AF_INET, text, &ret_address->v4.sin_addr) == 1) {
                ret_address->v4.sin_family = AF_INET;
                ret_address->bytes = sizeof(ret_address->v4);
                return IN_MULTICAST(ntohl(ret_address->v4.sin_addr.s_addr));
        }
        ret_address->v6.sin6_family = AF_INET6;
        ret_address->bytes = sizeof(ret_address->v6);
        return inet_pton(AF_INET6, text, &ret_address->v6.sin6_addr) == 1 &&
               IN6_IS_ADDR_MULTICAST(&ret_address->v6.sin6_addr);
}

static int find_interface(const struct address *address, struct leat_reason *reason, unsigned *ret_interface) {
        bool given = address_given(address, OPTION_INTERFACE);
        uint32_t column = given ? address->columns[OPTION_INTERFACE] : address->columns[OPTION_MULTICAST];
        struct ifreq request = { 0 };
        const char *name = given ? address->interface : LOOPBACK;
        CLOSE_AT_EXIT int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (strlen(name) < sizeof(request.ifr_name))
                strcpy(request.ifr_name, name);
        if (request.ifr_name[0] == '\0' || ioctl(fd, SIOCGIFINDEX, &request) < 0)
                return reason_at(reason, -ENODEV, column, "there is no interface of this name; `ip link` lists them");
        *ret_interface = (unsigned)request.ifr_ifindex;
        if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
                return -errno;
        if (!(request.ifr_flags & IFF_UP))
                return reason_at(reason, -ENETDOWN, column, "the interface is down; `ip link set NAME up`");
        return 0;
}

int udp_group_parse(const struct address *address, const struct inet_name *name, struct leat_reason *reason,
                    struct udp_group *ret_group) {
        bool given = address_given(address, OPTION_MULTICAST);
        *ret_group = (struct udp_group){ 0 };
        for (int option = OPTION_INTERFACE; !given && option <= OPTION_TTL; option++)
                if (address_given(address, (enum address_option)option))
                        return reason_at(reason, -EINVAL, address->columns[option],
                                         "this is about a group: say which one with ?multicast=239.1.2.3");
        if (!given)
                return 0;
        if (!parse_group(address->multicast, &ret_group->address))
                return reason_at(reason, -EINVAL, address->columns[OPTION_MULTICAST],
                                 "a group is 224.0.0.0 to 239.255.255.255, or begins with ff: 239.1.2.3, ff02::1:5");
        if (name->kind != INET_LOOPBACK)
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "with ?multicast= the group is the host: leave the other away, udp::5000?multicast=…");
        if (name->port == 0)
                return reason_at(reason, -EINVAL, address->rest_column, "all who speak in a group name the same port");
        inet_set_port(&ret_group->address, name->port);
        ret_group->ttl = address_given(address, OPTION_TTL)         ? (int)address->ttl
                         : address_given(address, OPTION_INTERFACE) ? 1
                                                                    : 0;
        int r = find_interface(address, reason, &ret_group->interface);
        if (r == 0 && ret_group->address.any.sa_family == AF_INET6)
                ret_group->address.v6.sin6_scope_id = ret_group->interface;
        return r;
}

/* ---- sockets ---- */

static int join_v4(const struct udp_group *group, int fd) {
        const struct ip_mreqn where = { .imr_multiaddr = group->address.v4.sin_addr,
                                        .imr_ifindex = (int)group->interface };
        /* Not what other sockets of this machine have joined elsewhere. */
        int r = inet_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
        return r < 0 ? r : set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &where, sizeof(where));
}

/* Of IPv6 the kernel hands out what comes to a group by whichever interface somebody has joined it on: so it is bound to its own. */
static int join_v6(const struct udp_group *group, int fd) {
        const struct ipv6_mreq where = { .ipv6mr_multiaddr = group->address.v6.sin6_addr,
                                         .ipv6mr_interface = group->interface };
        int r = inet_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        if (r == 0)
                r = inet_set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)group->interface);
        return r < 0 ? r : set(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &where, sizeof(where));
}

int udp_join(const struct udp_group *group, struct leat_reason *reason, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(group->address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : inet_set(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* every receiver has it */
        if (r == 0)
                r = group->address.any.sa_family == AF_INET6 ? join_v6(group, fd) : join_v4(group, fd);
        /* To the group itself: what comes to other addresses with this port is not of it. */
        if (r == 0 && bind(fd, &group->address.any, group->address.bytes) < 0)
                r = -errno;
        if (r < 0)
                return inet_explain(r, reason);
        *ret_fd = take_fd(&fd);
        return 0;
}

static int aim(const struct udp_group *group, int fd) {
        const struct ip_mreqn where = { .imr_ifindex = (int)group->interface };
        bool v6 = group->address.any.sa_family == AF_INET6;
        int r = v6 ? inet_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)group->interface)
                   : set(fd, IPPROTO_IP, IP_MULTICAST_IF, &where, sizeof(where));
        if (r == 0)
                r = v6 ? inet_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, group->ttl)
                       : inet_set(fd, IPPROTO_IP, IP_MULTICAST_TTL, group->ttl);
        return r;
}

int udp_send_to_group(const struct udp_group *group, struct leat_reason *reason, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(group->address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : aim(group, fd);
        if (r == 0 && connect(fd, &group->address.any, group->address.bytes) < 0)
                r = -errno;
        if (r == -ENETUNREACH && group->address.any.sa_family == AF_INET6)
                return reason_set(
                        reason, r, LEAT_ROW_LISTENING,
                        "this interface has no way to groups of IPv6, as loopback often has not: name another with "
                        "&interface=, and &ttl=0 to stay on this machine");
        if (r < 0)
                return inet_explain(r, reason);
        *ret_fd = take_fd(&fd);
        return 0;
}
