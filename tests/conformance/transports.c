/* SPDX-License-Identifier: MIT */

/* What the suite must know of each transport: one row a scheme. */

#include "conformance.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>

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

const struct conformance_transport conformance_transports[] = {
        { .scheme = "pipe", .given = "pipe:fd=%d", .traits = EITHER | DETACHES },
        { .scheme = "unix", .address = "unix:%s", .bare = "unix:%s", .traits = MADE_OF_CONNECTIONS },
        { .scheme = "unix-stream",
          .address = "unix-stream:%s",
          .bare = "unix-stream:%s",
          .traits = MADE_OF_CONNECTIONS },
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
        { .scheme = NULL },
};
