/* SPDX-License-Identifier: MIT */

/* Packets: unix sockets that keep boundaries, UDP on the loopback. */

#include "tools/leat/bench_bare.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Of a message that is larger than a socket's buffer by default (net.core.wmem_default) one makes several packets. */
#define LARGEST_PACKET 65536

static int packet_send(struct end *end, const void *bytes, size_t size) {
        size_t at = 0;
        do {
                size_t part = size - at < LARGEST_PACKET ? size - at : LARGEST_PACKET;
                ssize_t n = send(end->out, (const char *)bytes + at, part, MSG_NOSIGNAL);
                if (n < 0 && !bare_again())
                        return -errno;
                at += n > 0 ? (size_t)n : 0;
        } while (at < size);
        return 0;
}

static ssize_t packet_receive(struct end *end, void *buffer, size_t size) {
        size_t at = 0;
        do {
                ssize_t n = recv(end->in, (char *)buffer + at, size - at, 0);
                if (n == 0)
                        return -ENODATA;
                if (n < 0 && !bare_again())
                        return -errno;
                at += n > 0 ? (size_t)n : 0;
        } while (at < size);
        return (ssize_t)size;
}

BENCH_LOOPS(packet, packet_send, packet_receive)

static int prepare_socketpair(struct end ends[2], int type) {
        int fds[2];
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        ends[0].in = ends[0].out = fds[0];
        ends[1].in = ends[1].out = fds[1];
        return bare_unblock(ends);
}

static int prepare_unix(struct end ends[2]) {
        return prepare_socketpair(ends, SOCK_SEQPACKET);
}

static int prepare_unix_dgram(struct end ends[2]) {
        return prepare_socketpair(ends, SOCK_DGRAM);
}

/* Two sockets, each connected to the other, so that neither call names an address. */
static int prepare_udp(struct end ends[2]) {
        struct sockaddr_in names[2];
        for (int i = 0; i < 2; i++) {
                socklen_t size = sizeof(names[i]);
                names[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
                ends[i].in = ends[i].out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                if (ends[i].in < 0 || bind(ends[i].in, (struct sockaddr *)&names[i], size) < 0 ||
                    getsockname(ends[i].in, (struct sockaddr *)&names[i], &size) < 0)
                        return -errno;
        }
        for (int i = 0; i < 2; i++)
                if (connect(ends[i].in, (struct sockaddr *)&names[!i], sizeof(names[!i])) < 0)
                        return -errno;
        return bare_unblock(ends);
}

#define PACKETS(variable, text, how)                                                                                   \
        const struct contender variable = {                                                                            \
                .name = "bare",                                                                                        \
                .what = (text),                                                                                        \
                .loops = { BENCH_LOOPS_OF(packet) },                                                                   \
                .prepare = (how),                                                                                      \
                .drop = bare_drop,                                                                                     \
        }

PACKETS(bare_unix, "send and recv on SOCK_SEQPACKET, packets of up to 64 KiB", prepare_unix);
PACKETS(bare_unix_dgram, "send and recv on unix SOCK_DGRAM, connected", prepare_unix_dgram);
PACKETS(bare_udp, "send and recv on UDP, connected", prepare_udp);
