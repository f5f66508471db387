/* SPDX-License-Identifier: MIT */
#include "transport/tcp_socket.h"

#include "base/cleanup.h"
#include "transport/inet_socket.h"

#include <errno.h>
#include <netinet/tcp.h>

#define PROBES 3 /* questions in a row that nobody answers, until it counts as silence */

/*
 * network.md, section 2: after S seconds of silence three probes S/3 apart; given up after twice S. Not by TCP_USER_TIMEOUT: that also ends
 * a connection whose other end answers each probe and only does not read (a stopped program), and all that waited for it is lost.
 */
static int set_keepalive(int fd, int seconds) {
        int r = inet_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
        if (r == 0)
                r = inet_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds >= PROBES ? seconds / PROBES : 1);
        if (r == 0)
                r = inet_set(fd, IPPROTO_TCP, TCP_KEEPCNT, seconds >= PROBES ? PROBES : seconds);
        return r < 0 ? r : inet_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

bool tcp_is_silent(int fd, int seconds) {
        struct tcp_info info = { 0 };
        socklen_t size = sizeof(info);
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
            (info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_CLOSE_WAIT))
                return false; /* what is over says so by itself */
        uint32_t since_ms =
                info.tcpi_last_ack_recv < info.tcpi_last_data_recv ? info.tcpi_last_ack_recv : info.tcpi_last_data_recv;
        return (info.tcpi_retransmits >= PROBES || info.tcpi_probes >= PROBES) && since_ms >= 2000 * (uint32_t)seconds;
}

int tcp_prepare(int fd, const struct address *address) {
        int r = inet_set_capacity(fd, address, SO_SNDBUF);
        if (r == 0)
                r = inet_set_capacity(fd, address, SO_RCVBUF);
        if (r == 0)
                r = inet_set(fd, IPPROTO_TCP, TCP_NODELAY, address->nodelay != 0);
        if (r == 0 && address_given(address, OPTION_KEEPALIVE))
                r = set_keepalive(fd, (int)address->keepalive);
        return r;
}

int tcp_error(int fd) {
        int error = 0;
        socklen_t size = sizeof(error);
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

/* ---- listening ---- */

static int bind_one(const struct address *address, const struct inet_address *at, bool both_families, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = fd < 0 ? -errno : tcp_prepare(fd, address);
        if (r == 0 && at->any.sa_family == AF_INET6)
                r = inet_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both_families);
        /* With it the kernel would choose a port that another one is about to listen on. */
        if (r == 0 && inet_port(at) != 0)
                r = inet_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (r == 0 && bind(fd, &at->any, at->bytes) < 0)
                r = -errno;
        /* Accepted connections inherit it: they are no reason not to listen here again. */
        if (r == 0)
                r = inet_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (r == 0)
                *ret_fd = take_fd(&fd);
        return r;
}

int tcp_listen(const struct address *address, const struct inet_name *name, int64_t deadline,
               struct leat_reason *reason, int ret_fds[2]) {
        static const struct inet_binding binding = {
                .bind = bind_one,
                .listens = true,
                .not_there = "nobody has this port, and a port is not there before somebody listens; leave ?open away",
        };
        return inet_bind(&binding, address, name, deadline, reason, ret_fds);
}
