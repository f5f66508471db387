/* SPDX-License-Identifier: MIT */

/* What keeps messages: POSIX queues, System V queues, a file to which is appended. */

#include "tools/leat/bench_bare.h"

#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/uio.h>

static int mq_send_one(struct end *end, const void *bytes, size_t size) {
        while (mq_send(end->out, bytes, size, 0) < 0)
                if (!bare_again())
                        return -errno;
        return 0;
}

/* The room must be the queue's largest, whatever comes. */
static ssize_t mq_receive_one(struct end *end, void *buffer, size_t size) {
        ssize_t n;
        if (size < end->setting->largest)
                size = end->setting->largest;
        while ((n = mq_receive(end->in, buffer, size, NULL)) < 0)
                if (!bare_again())
                        return -errno;
        return n;
}

BENCH_LOOPS(mq, mq_send_one, mq_receive_one)

/* As large as it carries, and as deep as the system's default. */
static int open_mq(const struct setting *setting, unsigned number, int *ret_queue) {
        char name[64];
        struct mq_attr attributes = { .mq_maxmsg = 10, .mq_msgsize = (long)setting->largest };
        int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (setting->spin ? O_NONBLOCK : 0);
        (void)snprintf(name, sizeof(name), "/leat-bench-bare-%d-%u", (int)getpid(), number);
        mqd_t queue = mq_open(name, flags, 0600, &attributes);
        if (queue == (mqd_t)-1)
                return -errno;
        (void)mq_unlink(name);
        *ret_queue = (int)queue; /* Linux: a descriptor */
        return 0;
}

static int prepare_mq(struct end ends[2]) {
        const struct setting *setting = ends[0].setting;
        int r = open_mq(setting, 0, &ends[0].out);
        if (r == 0)
                r = open_mq(setting, 1, &ends[0].in);
        if (r < 0)
                return r;
        ends[1].in = dup(ends[0].out);
        ends[1].out = dup(ends[0].in);
        return ends[1].in < 0 || ends[1].out < 0 ? -errno : 0;
}

const struct contender bare_mq = {
        .name = "bare",
        .what = "mq_send and mq_receive",
        .loops = { BENCH_LOOPS_OF(mq) },
        .prepare = prepare_mq,
        .drop = bare_drop,
};

/* The bytes follow the type: a careful program fills them in place, and so does this one (prepare leaves the room). */
static int sysv_send_one(struct end *end, const void *bytes, size_t size) {
        long *entry = (long *)(uintptr_t)((const char *)bytes - sizeof(long));
        *entry = 1;
        while (msgsnd(end->out, entry, size, end->flags) < 0)
                if (!bare_again())
                        return -errno;
        return 0;
}

static ssize_t sysv_receive_one(struct end *end, void *buffer, size_t size) {
        ssize_t n;
        while ((n = msgrcv(end->in, (char *)buffer - sizeof(long), size, 0, end->flags)) < 0) {
                if (errno == ENOMSG)
                        errno = EAGAIN;
                if (!bare_again())
                        return -errno;
        }
        return n;
}

BENCH_LOOPS(sysv, sysv_send_one, sysv_receive_one)

static int prepare_sysv(struct end ends[2]) {
        int there = msgget(IPC_PRIVATE, 0600), back = there < 0 ? -1 : msgget(IPC_PRIVATE, 0600);
        if (back < 0) {
                int error = -errno;
                if (there >= 0)
                        (void)msgctl(there, IPC_RMID, NULL);
                return error;
        }
        ends[0].out = ends[1].in = there;
        ends[0].in = ends[1].out = back;
        ends[0].flags = ends[1].flags = ends[0].setting->spin ? IPC_NOWAIT : 0;
        return 0;
}

/* They have no name, and stay until someone removes them: the process that leads, whatever became of the two. */
static void remove_sysv(struct end ends[2]) {
        if (ends[0].out >= 0)
                (void)msgctl(ends[0].out, IPC_RMID, NULL);
        if (ends[0].in >= 0)
                (void)msgctl(ends[0].in, IPC_RMID, NULL);
        ends[0].in = ends[0].out = -1;
}

const struct contender bare_sysv_mq = {
        .name = "bare",
        .what = "msgsnd and msgrcv",
        .loops = { BENCH_LOOPS_OF(sysv) },
        .prepare = prepare_sysv,
        .remove = remove_sysv,
};

static int log_send_one(struct end *end, const void *bytes, size_t size) {
        ssize_t n = write(end->out, bytes, size);
        return n == (ssize_t)size ? 0 : n < 0 ? -errno : -ENOSPC;
}

/* At the end of the file: until it has grown, or spinning. */
static int log_wait(struct end *end) {
        char events[1024];
        if (end->extra < 0) {
                errno = EAGAIN;
                return bare_again() ? 0 : -errno;
        }
        return read(end->extra, events, sizeof(events)) < 0 && errno != EINTR ? -errno : 0;
}

static ssize_t log_receive_one(struct end *end, void *buffer, size_t size) {
        for (size_t at = 0; at < size;) {
                ssize_t n = read(end->in, (char *)buffer + at, size - at);
                int r = n < 0 ? -errno : n == 0 ? log_wait(end) : 0;
                if (r < 0)
                        return r;
                at += n > 0 ? (size_t)n : 0;
        }
        return (ssize_t)size;
}

BENCH_LOOPS(log, log_send_one, log_receive_one)

/* One who appends, one who reads, and what tells the reader that there is more (inotify(7)). */
static int open_log(const struct setting *setting, unsigned number, struct end *writer, struct end *reader) {
        char path[BENCH_ADDRESS_SIZE];
        (void)snprintf(path, sizeof(path), "%s/bare-log-%u", setting->folder, number);
        writer->out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        reader->in = writer->out < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (reader->in >= 0 && !setting->spin) {
                reader->extra = inotify_init1(IN_CLOEXEC);
                if (reader->extra >= 0 && inotify_add_watch(reader->extra, path, IN_MODIFY) < 0)
                        reader->extra = close_fd(reader->extra);
        }
        int r = reader->in < 0 || (!setting->spin && reader->extra < 0) ? -errno : 0;
        (void)unlink(path);
        return r;
}

static int prepare_log(struct end ends[2]) {
        const struct setting *setting = ends[0].setting;
        int r = open_log(setting, 2 * setting->number, &ends[0], &ends[1]);
        return r == 0 ? open_log(setting, 2 * setting->number + 1, &ends[1], &ends[0]) : r;
}

/* Begin the file anew, or it would fill the disk: who appends finds its end by itself. */
static int settle_log(struct end *end) {
        return ftruncate(end->out, 0) < 0 || lseek(end->in, 0, SEEK_SET) < 0 ? -errno : 0;
}

const struct contender bare_log = {
        .name = "bare",
        .what = "write with O_APPEND and read; at the end of the file a read of inotify(7)",
        .loops = { BENCH_LOOPS_OF(log) },
        .prepare = prepare_log,
        .settle = settle_log,
        .drop = bare_drop,
};
