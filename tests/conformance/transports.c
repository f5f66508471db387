/* SPDX-License-Identifier: MIT */

/* What the suite must know of each transport: one row a scheme. */

#include "kernel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MADE_OF_CONNECTIONS (LISTENS | EITHER | PLACED | DETACHES)

static void put_into_fifo(const struct place *place, const void *bytes, size_t size) {
        int fd = open(place->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, bytes, size), size);
        close(fd);
}

static void put_into_mq(const struct place *place, const void *bytes, size_t size) {
        const char *name = strchr(place->receiver_address, ':') + 1;
        char plain[sizeof place->receiver_address];
        snprintf(plain, sizeof plain, "%.*s", (int)strcspn(name, "?"), name);
        mqd_t queue = mq_open(plain, O_WRONLY | O_CLOEXEC);
        CHECK(queue >= 0);
        CHECK_EQ(mq_send(queue, bytes, size, 0), 0);
        mq_close(queue);
}

/* ftok(3) wants a file. */
static void make_file(const char *path) {
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
}

static void put_into_sysv_mq(const struct place *place, const void *bytes, size_t size) {
        struct {
                long type;
                char bytes[256];
        } message = { .type = 1 };
        CHECK(size <= sizeof message.bytes);
        memcpy(message.bytes, bytes, size);
        int queue = msgget(ftok(place->path, 1), 0);
        CHECK(queue >= 0);
        CHECK_EQ(msgsnd(queue, &message, size, 0), 0);
}

/* An address of this machine that only this process uses, and a port that the kernel gives to nobody by itself. */
static void name_port(int number, char *ret_name, size_t size) {
        unsigned pid = (unsigned)getpid();
        snprintf(ret_name, size, "127.%u.%u.%u:%d", 128 | (pid >> 16 & 127), pid >> 8 & 255, pid & 255, 5000 + number);
}

/* From one socket, as one program would. */
static void put_datagram(const struct sockaddr *to, socklen_t to_bytes, const void *bytes, size_t size) {
        int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const struct ip_mreqn loopback = { .imr_ifindex = 1 };
        CHECK(fd >= 0);
        if (to->sa_family == AF_INET)
                CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback), 0);
        /* With a name: always the same one of udp, so that it is one sender. */
        struct sockaddr_un any = { .sun_family = AF_UNIX };
        struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(4999) };
        uint32_t pid = (uint32_t)getpid();
        own.sin_addr.s_addr = htonl(127u << 24 | 128u << 16 | (pid & 0x7fffff));
        bool udp = to->sa_family == AF_INET;
        CHECK_EQ(bind(fd, udp ? (void *)&own : (void *)&any, udp ? sizeof own : sizeof(sa_family_t)), 0);
        CHECK_EQ(connect(fd, to, to_bytes), 0);
        CHECK_EQ(send(fd, bytes, size, 0), size);
        close(fd);
}

static void put_into_unix_dgram(const struct place *place, const void *bytes, size_t size) {
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        snprintf(to.sun_path, sizeof to.sun_path, "%.107s", place->path);
        put_datagram((const struct sockaddr *)&to, sizeof to, bytes, size);
}

static void put_into_udp(const struct place *place, const void *bytes, size_t size) {
        struct sockaddr_in to = { .sin_family = AF_INET };
        char host[64] = "127.0.0.1";
        unsigned port;
        const char *group = strstr(place->receiver_address, "multicast=");
        if (group) {
                CHECK_EQ(sscanf(place->receiver_address, "udp::%u", &port), 1);
                CHECK_EQ(sscanf(group, "multicast=%63[0-9.]", host), 1);
        } else
                CHECK_EQ(sscanf(place->receiver_address, "udp:%63[0-9.]:%u", host, &port), 2);
        CHECK_EQ(inet_pton(AF_INET, host, &to.sin_addr), 1);
        to.sin_port = htons((uint16_t)port);
        put_datagram((const struct sockaddr *)&to, sizeof to, bytes, size);
}

const struct conformance_transport conformance_transports[] = {
        { .scheme = "pipe", .given = "pipe:fd=%d", .traits = EITHER | DETACHES },
        { .scheme = "unix", .address = "unix:%s", .bare = "unix:%s", .traits = MADE_OF_CONNECTIONS },
        { .scheme = "unix-stream",
          .address = "unix-stream:%s",
          .bare = "unix-stream:%s",
          .traits = MADE_OF_CONNECTIONS },
        { .scheme = "shm", .address = "shm:%s", .bare = "shm:%s", .traits = LISTENS | EITHER | PLACED | UNSEEN },
        { .scheme = "tcp",
          .address = "tcp:%s",
          .traits = LISTENS | EITHER | DETACHES | NUMBERED | HALVES,
          .full_after_ms = 250,
          .name = name_port },
        { .scheme = "unix-dgram",
          .address = "unix-dgram:%s",
          .bare = "unix-dgram:%s",
          .traits = LISTENS | PLACED | LOOSE,
          .types = "exclusive",
          .put = put_into_unix_dgram },
        { .scheme = "udp",
          .address = "udp:%s",
          .traits = LISTENS | NUMBERED | LOOSE | LOSSY,
          .types = "exclusive",
          .name = name_port,
          .group = true,
          .put = put_into_udp },
        { .scheme = "inbox", .address = "inbox:%s", .traits = LISTENS | BY_PID | DETACHES },
        { .scheme = "fifo",
          .address = "fifo:%s",
          .bare = "fifo:%s",
          .traits = PLACED,
          .types = "exclusive",
          .types_of_senders_too = true,
          .put = put_into_fifo },
        { .scheme = "mq",
          .address = "mq:/%s",
          .traits = KEEPS | FLAT,
          .end = "end",
          .types = "exclusive",
          .put = put_into_mq },
        { .scheme = "sysv-mq",
          .address = "sysv-mq:%s#1",
          .traits = KEEPS | SELECTS,
          .end = "end",
          .prepare = make_file,
          .put = put_into_sysv_mq },
        { .scheme = "log",
          .address = "log:%s",
          .bare = "log:%s",
          .traits = KEEPS | PLACED,
          .end = "end",
          .types = "exclusive" },
        { .scheme = "netlink", .kernel = &conformance_netlink },
        { .scheme = "raw", .kernel = &conformance_raw },
        { .scheme = NULL },
};
