/* SPDX-License-Identifier: MIT */
#include "hostile.h"
#include "rpc_victim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

/* What attackers say. Nothing here is the library's: RFC 5531 and docs/wire.md are. */

/* ---- connections ---- */

static int connect_inet(const char *address, int type, const char *from) {
        struct sockaddr_in to = { .sin_family = AF_INET }, own = { .sin_family = AF_INET };
        char host[64];
        unsigned port;
        int one = 1;
        CHECK_EQ(sscanf(strchr(address, ':'), ":%63[^:]:%u", host, &port), 2);
        to.sin_port = htons((uint16_t)port);
        CHECK_EQ(inet_pton(AF_INET, host, &to.sin_addr), 1);
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        if (from) {
                CHECK_EQ(inet_pton(AF_INET, from, &own.sin_addr), 1);
                CHECK_EQ(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
        }
        if (type == SOCK_STREAM)
                CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

int attacker_connect(const char *address, const char *from) {
        if (strncmp(address, "tcp:", 4) == 0)
                return connect_inet(address, SOCK_STREAM, from);
        if (strncmp(address, "udp:", 4) == 0)
                return connect_inet(address, SOCK_DGRAM, from);
        const char *path = strchr(address, ':') + 1;
        char whole[120];
        if (path[0] == '/')
                return connect_to(path, SOCK_STREAM);
        snprintf(whole, sizeof(whole), "%s/%s", getenv("XDG_RUNTIME_DIR"), path);
        return connect_to(whole, SOCK_STREAM);
}

/* ---- messages ---- */

void put_hyper(struct leat_xdr_buffer *buffer, uint64_t number) {
        put_word(buffer, (uint32_t)(number >> 32));
        put_word(buffer, (uint32_t)number);
}

void put_opaque(struct leat_xdr_buffer *buffer, const void *bytes, uint32_t size) {
        put_word(buffer, size);
        size_t padded = ((size_t)size + 3) / 4 * 4;
        CHECK_EQ(leat_xdr_buffer_reserve(buffer, padded), 0);
        memset(buffer->bytes + buffer->size_bytes, 0, padded);
        if (size > 0)
                memcpy(buffer->bytes + buffer->size_bytes, bytes, size);
        buffer->size_bytes += padded;
}

void put_call_of(struct leat_xdr_buffer *buffer, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure) {
        const uint32_t words[] = { xid, 0, 2, program, version, procedure, 0, 0, 0, 0 };
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                put_word(buffer, words[i]);
}

void put_call(struct leat_xdr_buffer *buffer, uint32_t xid, uint32_t procedure) {
        put_call_of(buffer, xid, VICTIM_PROGRAM, VICTIM_VERSION, procedure);
}

void put_reply(struct leat_xdr_buffer *buffer, uint32_t xid, uint32_t status) {
        const uint32_t words[] = { xid, 1, 0, 0, 0, status };
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                put_word(buffer, words[i]);
}

void put_greeting(struct leat_xdr_buffer *buffer, uint32_t xid, uint8_t client) {
        put_call_of(buffer, xid, COMPANION, 1, GREET);
        for (int i = 0; i < 4; i++)
                put_word(buffer, client);
        put_word(buffer, 0);
}

void put_numbered(struct leat_xdr_buffer *buffer, uint32_t xid, uint64_t session, uint64_t sequence,
                  uint64_t acknowledged, uint32_t procedure) {
        put_call_of(buffer, xid, COMPANION, 1, WRAPPED);
        put_hyper(buffer, session);
        put_hyper(buffer, sequence);
        put_hyper(buffer, acknowledged);
        put_hyper(buffer, UINT64_MAX);
        put_word(buffer, 0);
        put_word(buffer, VICTIM_PROGRAM);
        put_word(buffer, VICTIM_VERSION);
        put_word(buffer, procedure);
}

uint32_t word_at(const uint8_t *bytes, size_t index) {
        return leat_xdr_get_32(bytes + 4 * index);
}

/* ---- sent and received ---- */

size_t send_bytes(int fd, const void *bytes, size_t size) {
        size_t sent = 0;
        while (sent < size) {
                ssize_t n = send(fd, (const uint8_t *)bytes + sent, size - sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        break;
                sent += (size_t)n;
        }
        return sent;
}

void put_mark(struct leat_xdr_buffer *buffer) {
        leat_xdr_put_32(buffer->bytes, (uint32_t)(buffer->size_bytes - 4) | UINT32_C(0x80000000));
}

bool try_send_record(int fd, struct leat_xdr_buffer *buffer) {
        uint8_t mark[4];
        size_t size = buffer->size_bytes;
        leat_xdr_put_32(mark, (uint32_t)size | UINT32_C(0x80000000));
        buffer->size_bytes = 0;
        return send_bytes(fd, mark, sizeof(mark)) == sizeof(mark) && send_bytes(fd, buffer->bytes, size) == size;
}

void send_record(int fd, struct leat_xdr_buffer *buffer) {
        CHECK(try_send_record(fd, buffer));
}

void send_datagram(int fd, struct leat_xdr_buffer *buffer) {
        CHECK_EQ(send(fd, buffer->bytes, buffer->size_bytes, MSG_NOSIGNAL), buffer->size_bytes);
        buffer->size_bytes = 0;
}

/* Until there is something to read, or the end. */
static void wait_for(int fd) {
        struct pollfd polled = { fd, POLLIN, 0 };
        int64_t deadline = harness_deadline_ms(50000);
        while (poll(&polled, 1, 100) <= 0)
                CHECK(leat_now() < deadline);
}

/* false: the other end has closed, before the first byte or within. */
static bool read_all(int fd, uint8_t *bytes, size_t size) {
        for (size_t done = 0; done < size;) {
                wait_for(fd);
                ssize_t n = recv(fd, bytes + done, size - done, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                done += (size_t)n;
        }
        return true;
}

ssize_t read_record(int fd, uint8_t *bytes, size_t room) {
        size_t size = 0;
        for (;;) {
                uint8_t mark[4];
                if (!read_all(fd, mark, sizeof(mark)))
                        return -1;
                uint32_t fragment = leat_xdr_get_32(mark) & 0x7fffffffu;
                CHECK(fragment <= room - size);
                if (!read_all(fd, bytes + size, fragment))
                        return -1;
                size += fragment;
                if (mark[0] & 0x80)
                        return (ssize_t)size;
        }
}

ssize_t read_datagram(int fd, uint8_t *bytes, size_t room) {
        wait_for(fd);
        return recv(fd, bytes, room, 0);
}

/* ---- in one process ---- */

int victim_adopt(struct leat_rpc_server *server) {
        int fds[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        CHECK_EQ(leat_rpc_server_adopt(server, fds[1]), 0);
        return fds[0];
}

void victim_step_until(struct leat_rpc_server *server, int fd) {
        struct pollfd polled = { fd, POLLIN, 0 };
        for (int64_t deadline = harness_deadline_ms(50000); poll(&polled, 1, 0) == 0;) {
                int r = leat_rpc_server_step(server, LEAT_NOW);
                CHECK(r >= 0 || r == -EAGAIN);
                CHECK(leat_now() < deadline);
        }
}

void victim_step_all(struct leat_rpc_server *server) {
        int r;
        while ((r = leat_rpc_server_step(server, LEAT_NOW)) >= 0)
                ;
        CHECK(r == -EAGAIN || r == -ENOENT); /* it listens nowhere, and the last connection has ended */
}

struct leat_rpc_server_info victim_info(struct leat_rpc_server *server) {
        struct leat_rpc_server_info info = { .size = sizeof(info) };
        CHECK_EQ(leat_rpc_server_info(server, &info), 0);
        return info;
}
