/* SPDX-License-Identifier: MIT */
#include "transport/udp_socket.h"

#include "base/cleanup.h"
#include "transport/inet_socket.h"
#include "transport/resolver.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <string.h>

int udp_memory(int fd, uint32_t *ret_queued_bytes, uint32_t *ret_drops) {
        uint32_t values[SK_MEMINFO_VARS] = { 0 };
        socklen_t size = sizeof(values);
        if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &size) < 0)
                return -errno;
        *ret_queued_bytes = values[SK_MEMINFO_RMEM_ALLOC];
        *ret_drops = values[SK_MEMINFO_DROPS];
        return 0;
}

/* What is larger than a part of its way goes on in fragments. Else the first one is lost there, and only then the kernel knows. Of IPv6
 * only who sends may cut. */
static int allow_fragments(int fd, int family) {
        return family == AF_INET ? inet_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT) : 0;
}

/* ---- to receive ---- */

/* On a socket of several addresses each datagram tells to which one it came, for the reply. */
static int tell_destination(int fd, int family, bool several) {
        if (!several)
                return 0;
        int r = inet_set(fd, IPPROTO_IP, IP_PKTINFO, 1); /* also of what comes by IPv4 to a socket of both families */
        return r == 0 && family == AF_INET6 ? inet_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : r;
}

static int bind_one(const struct address *address, const struct inet_address *at, bool every, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(at->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : inet_set_capacity(fd, address, SO_RCVBUF);
        if (r == 0 && at->any.sa_family == AF_INET6)
                r = inet_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !every);
        if (r == 0)
                r = tell_destination(fd, at->any.sa_family, inet_is_any(at));
        if (r == 0)
                r = allow_fragments(fd, at->any.sa_family);
        /* Never SO_REUSEADDR: with it another receiver could take this one's messages. */
        if (r == 0 && bind(fd, &at->any, at->bytes) < 0)
                r = -errno;
        if (r == 0)
                *ret_fd = take_fd(&fd);
        return r;
}

int udp_bind(const struct address *address, const struct inet_name *name, int64_t deadline, struct leat_reason *reason,
             struct datagram *datagram) {
        static const struct inet_binding binding = {
                .bind = bind_one,
                .not_there = "nobody has this port, and a port is not there before somebody binds it; leave ?open away",
        };
        int r = inet_bind(&binding, address, name, deadline, reason, datagram->fds);
        struct inet_address here;
        if (r == 0)
                datagram->count = datagram->fds[1] >= 0 ? 2 : 1;
        if (r == 0)
                r = inet_socket_name(datagram->fds[0], false, &here);
        if (r == 0)
                datagram->has_control = inet_is_any(&here); /* tell_destination() */
        return r;
}

/* ---- to send ---- */

static int connect_one(const struct address *address, const struct inet_address *to, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : inet_set_capacity(fd, address, SO_SNDBUF);
        if (r == 0)
                r = allow_fragments(fd, to->any.sa_family);
        if (r == 0 && connect(fd, &to->any, to->bytes) < 0)
                r = -errno;
        if (r < 0)
                return r;
        datagram_drain(fd);
        *ret_fd = take_fd(&fd);
        return 0;
}

/* As the kernel writes it in what comes from there: without an interface, where the address needs none. */
static int note_peer(struct datagram *datagram) {
        datagram->peer.bytes = sizeof(datagram->peer.address);
        if (getpeername(datagram->fds[0], (struct sockaddr *)&datagram->peer.address, &datagram->peer.bytes) == 0)
                return 0;
        datagram->peer.bytes = 0;
        return -errno;
}

int udp_connect(const struct address *address, const struct inet_name *name, int64_t deadline,
                struct leat_reason *reason, struct datagram *datagram) {
        struct inet_candidates candidates;
        int r = resolver_candidates(name, deadline, reason, &candidates);
        if (r < 0)
                return r;
        r = -EADDRNOTAVAIL;
        for (size_t i = 0; i < candidates.count; i++) {
                r = connect_one(address, &candidates.all[i], &datagram->fds[0]);
                if (r < 0)
                        continue;
                datagram->count = 1;
                datagram->connected = true;
                return note_peer(datagram);
        }
        return inet_explain(r, reason);
}

#define AROUND_BYTES 48 /* the headers of IPv6, which are more than those of IPv4, and of UDP */
#define MTU_LEAST 1280  /* of IPv6, and of all that is in use: to who is not connected */

size_t udp_bundle_bytes(const struct datagram *datagram) {
        int mtu = 0;
        socklen_t size = sizeof(mtu);
        bool known = datagram->connected && (getsockopt(datagram->fds[0], IPPROTO_IP, IP_MTU, &mtu, &size) == 0 ||
                                             getsockopt(datagram->fds[0], IPPROTO_IPV6, IPV6_MTU, &mtu, &size) == 0);
        return (size_t)(known && mtu > AROUND_BYTES ? mtu : MTU_LEAST) - AROUND_BYTES;
}

/* ---- what the network says ---- */

int udp_hear_errors(const struct datagram *datagram) {
        for (unsigned i = 0; i < datagram->count; i++) {
                struct inet_address here = { 0 };
                int r = inet_socket_name(datagram->fds[i], false, &here);
                if (r == 0) /* of a socket of both families too */
                        r = inet_set(datagram->fds[i], IPPROTO_IP, IP_RECVERR, 1);
                if (r == 0 && here.any.sa_family == AF_INET6)
                        r = inet_set(datagram->fds[i], IPPROTO_IPV6, IPV6_RECVERR, 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool udp_errors_of_partner(struct datagram *datagram) {
        bool some = false, ours = false;
        for (unsigned i = 0; i < datagram->count; i++) {
                struct datagram_name to = { 0 };
                struct msghdr header = { .msg_name = &to.address, .msg_namelen = sizeof(to.address) };
                while (recvmsg(datagram->fds[i], &header, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
                        to.bytes = header.msg_namelen;
                        some = true;
                        ours |= datagram->has_partner && datagram_name_same(&datagram->partner.name, &to);
                        header.msg_namelen = sizeof(to.address);
                }
        }
        return ours || !some;
}
