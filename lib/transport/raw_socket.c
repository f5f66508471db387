/* SPDX-License-Identifier: MIT */
#include "transport/raw_socket.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/random.h>

/* ---- opening ---- */

static int hear_replies_only(int fd, bool v6) {
        if (!v6) {
                const struct icmp_filter filter = { .data = ~(UINT32_C(1) << ICMP_ECHOREPLY) };
                return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
        }
        struct icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}

/* Two processes with one identifier would take each other's replies for their own; a random one makes that rare. */
static int make_raw(struct raw_socket *raw, int protocol) {
        raw->fd = socket(raw->v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        if (raw->fd < 0)
                return -errno;
        if (getrandom(&raw->identifier, sizeof(raw->identifier), 0) != sizeof(raw->identifier))
                return -errno;
        return hear_replies_only(raw->fd, raw->v6);
}

static int make(struct raw_socket *raw, struct leat_reason *reason) {
        int protocol = raw->v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP;
        raw->fd = socket(raw->v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        raw->ping = raw->fd >= 0;
        if (raw->ping)
                return 0;
        if (errno != EACCES && errno != EPERM && errno != EPROTONOSUPPORT)
                return -errno;
        int r = make_raw(raw, protocol);
        if (r == -EPERM || r == -EACCES)
                reason_set(
                        reason, r, LEAT_ROW_OPENING,
                        "ICMP needs one of this process's groups to be in the sysctl net.ipv4.ping_group_range, or the "
                        "capability CAP_NET_RAW");
        return r;
}

/* Also what may pass, as a way that is gone for now, is told: without asking for it a socket hears only of what is final. */
static int hear_errors(const struct raw_socket *raw) {
        const int yes = 1;
        int r = raw->v6 ? setsockopt(raw->fd, IPPROTO_IPV6, IPV6_RECVERR, &yes, sizeof(yes))
                        : setsockopt(raw->fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof(yes));
        return r < 0 ? -errno : 0;
}

/* Large requests go out in fragments: nothing that is sent is too large for a way. */
static int allow_fragments(const struct raw_socket *raw) {
        const int never = IP_PMTUDISC_DONT; /* the same number for both families */
        int r = raw->v6 ? setsockopt(raw->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &never, sizeof(never))
                        : setsockopt(raw->fd, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof(never));
        return r < 0 ? -errno : 0;
}

/* The kernel finds a ping socket by the identifier alone, whoever sends it. So who it is that was asked: written as the kernel writes it in
 * what comes from there (it has no getpeername for these). */
static struct inet_address name_host(const struct inet_address *host) {
        struct inet_address name = *host;
        bool any = inet_is_any(host), v6 = host->any.sa_family == AF_INET6;
        if (any && v6)
                name.v6.sin6_addr = in6addr_loopback;
        else if (any)
                name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (v6 && !IN6_IS_ADDR_LINKLOCAL(&name.v6.sin6_addr))
                name.v6.sin6_scope_id = 0;
        inet_set_port(&name, 0);
        return name;
}

int raw_socket_open(const struct inet_address *host, struct leat_reason *reason, struct raw_socket *ret_socket) {
        struct raw_socket raw = { .fd = -1, .v6 = host->any.sa_family == AF_INET6, .host = name_host(host) };
        int r = make(&raw, reason);
        if (r == 0)
                r = allow_fragments(&raw);
        if (r == 0)
                r = hear_errors(&raw);
        if (r == 0 && connect(raw.fd, &host->any, host->bytes) < 0)
                r = inet_explain(-errno, reason);
        if (r < 0)
                close_fd(raw.fd);
        else
                *ret_socket = raw;
        return r;
}

/* ---- what the network says ---- */

/* What one entry of the queue of errors is about; 0: nothing to tell. */
static int error_of(struct msghdr *message) {
        for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
                bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
                bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
                struct sock_extended_err error;
                if ((!v4 && !v6) || part->cmsg_len < CMSG_LEN(sizeof(error)))
                        continue;
                memcpy(&error, CMSG_DATA(part), sizeof(error));
                if (error.ee_errno > 0 && error.ee_errno != EMSGSIZE) /* a narrow way: the kernel has noted it */
                        return -(int)error.ee_errno;
        }
        return 0;
}

/* An error stands in the socket and in its queue of errors, which keeps the socket readable until it is empty: empty it, and tell
 * the first. */
static int take_errors(const struct raw_socket *raw) {
        int first = 0;
        while (true) {
                union {
                        struct cmsghdr aligned;
                        uint8_t bytes[512];
                } control;
                struct msghdr message = { .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
                if (recvmsg(raw->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
                        return first;
                int error = error_of(&message);
                first = first ? first : error;
        }
}

/* ---- sending ---- */

/* The Internet checksum (RFC 1071) of the header and the bytes, as it stands in the header. */
static uint16_t checksum(const uint8_t *header, const uint8_t *bytes, size_t size) {
        uint64_t sum = 0;
        for (size_t i = 0; i < RAW_ECHO_HEADER_BYTES; i += 2)
                sum += (uint64_t)(header[i] << 8 | header[i + 1]);
        for (size_t i = 0; i + 1 < size; i += 2)
                sum += (uint64_t)(bytes[i] << 8 | bytes[i + 1]);
        if (size % 2)
                sum += (uint64_t)bytes[size - 1] << 8;
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return (uint16_t)~sum;
}

static void put_16(uint8_t *at, uint16_t value) {
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
}

static uint16_t get_16(const uint8_t *at) {
        return (uint16_t)(at[0] << 8 | at[1]);
}

int raw_socket_send(const struct raw_socket *raw, uint16_t sequence, const void *bytes, size_t size) {
        uint8_t header[RAW_ECHO_HEADER_BYTES] = { raw->v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO };
        put_16(header + 4, raw->identifier);
        put_16(header + 6, sequence);
        if (!raw->ping && !raw->v6) /* else the kernel's to do */
                put_16(header + 2, checksum(header, bytes, size));
        for (int tries = 0;; tries++) {
                struct iovec parts[] = { { header, sizeof(header) }, { (void *)bytes, size } };
                const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
                ssize_t n = io_send_message(raw->fd, &message);
                if (n < 0 && n != -EAGAIN)
                        (void)take_errors(raw);  /* it is the one that is told now */
                if (n != -EMSGSIZE || tries > 0) /* the first may be of an earlier one, whose way is narrow */
                        return n < 0 ? (int)n : 0;
        }
}

/* ---- receiving ---- */

static bool is_of_host(const struct raw_socket *raw, const struct sockaddr_storage *from) {
        struct inet_address address;
        if (!raw->ping)
                return true; /* the kernel has seen to it */
        if (!inet_from_kernel(from, &address))
                return false;
        inet_set_port(&address, 0);
        return inet_same(&address, &raw->host);
}

ssize_t raw_socket_receive(const struct raw_socket *raw, uint8_t *packet, size_t size) {
        struct iovec part = { packet, size };
        ssize_t n;
        do {
                struct sockaddr_storage from = { 0 };
                struct msghdr message = {
                        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1
                };
                n = io_receive_message(raw->fd, &message);
                if (n >= 0)
                        return is_of_host(raw, &from) ? n : 0;
                int error = take_errors(raw);
                n = n == -EAGAIN && error ? error : n;
        } while (n == -EMSGSIZE);
        return n;
}

bool raw_socket_look(const struct raw_socket *raw, const uint8_t *packet, size_t size, struct raw_echo *ret_echo) {
        size_t skip = 0;
        if (!raw->ping && !raw->v6)
                skip = size > 0 ? (size_t)(packet[0] & 15) * 4 : 0; /* the header of IPv4, whose length it says */
        if (size < skip + RAW_ECHO_HEADER_BYTES || (!raw->ping && !raw->v6 && skip < sizeof(struct iphdr)))
                return false;
        const uint8_t *header = packet + skip;
        if (header[0] != (raw->v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || header[1] != 0)
                return false;
        if (!raw->ping && get_16(header + 4) != raw->identifier)
                return false;
        *ret_echo = (struct raw_echo){ .sequence = get_16(header + 6),
                                       .bytes = header + RAW_ECHO_HEADER_BYTES,
                                       .size = size - skip - RAW_ECHO_HEADER_BYTES };
        return true;
}
