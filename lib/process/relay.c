/* SPDX-License-Identifier: MIT */
#include "process/relay.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#define BUFFER_BYTES 65536
#define ROUNDS 16 /* before others have their turn */
#define OUTPUTS_MAX 1024

enum watched { UNWATCHED, UNWATCHABLE, WATCHED }; /* a regular file is always ready, and epoll refuses it */

struct end {
        struct io io;
        size_t done; /* bytes of the buffer; of outputs */
        enum watched watched;
        uint32_t events;
};

struct relay {
        int epoll;
        uint64_t tag;
        bool has_main;
        bool finishing; /* no more than `left` bytes are taken in */
        size_t left;
        struct end input;
        struct end *outputs; /* the main one is the first */
        size_t count;
        uint8_t *buffer;
        size_t fill;
};

static const struct end no_end = { .io = IO_NONE };

int relay_new(struct relay **ret_relay) {
        struct relay *relay = calloc(1, sizeof(*relay));
        if (!relay)
                return -ENOMEM;
        relay->epoll = -1;
        relay->input = no_end;
        *ret_relay = relay;
        return 0;
}

void relay_close(struct relay *relay) {
        relay->input.io.fd = close_fd(relay->input.io.fd);
        for (size_t i = 0; i < relay->count; i++)
                relay->outputs[i].io.fd = close_fd(relay->outputs[i].io.fd);
}

struct relay *relay_free(struct relay *relay) {
        if (!relay)
                return NULL;
        relay_close(relay);
        free(relay->outputs);
        free(relay->buffer);
        free(relay);
        return NULL;
}

static int append(struct relay *relay, const struct io *io) {
        struct end *outputs = reallocarray(relay->outputs, relay->count + 1, sizeof(*outputs));
        if (!outputs)
                return -ENOMEM;
        relay->outputs = outputs;
        outputs[relay->count] = no_end;
        outputs[relay->count++].io = *io;
        return 0;
}

int relay_add(struct relay *relay, int fd) {
        struct io io;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
                return -errno;
        if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
                return -EBADF;
        if (relay->count == OUTPUTS_MAX)
                return -EINVAL;
        CLOSE_AT_EXIT int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        int r = io_adopt(copy, &io);
        if (r < 0)
                return r;
        copy = -1;
        r = append(relay, &io);
        if (r < 0)
                close_fd(io.fd);
        return r;
}

/* --- what the epoll is to tell --- */

static void unwatch(struct relay *relay, struct end *end) {
        if (end->watched == WATCHED)
                (void)epoll_ctl(relay->epoll, EPOLL_CTL_DEL, end->io.fd, NULL);
        end->watched = UNWATCHED;
}

/* Out of the epoll first: what shares its description with others would be told of for ever. */
static void close_end(struct relay *relay, struct end *end) {
        unwatch(relay, end);
        end->io.fd = close_fd(end->io.fd);
}

static int watch(struct relay *relay, struct end *end, uint64_t slot, uint32_t events) {
        struct epoll_event event = { .events = events, .data.u64 = relay->tag | slot };
        if (end->io.fd < 0 || end->watched == UNWATCHABLE || (end->watched == WATCHED && end->events == events))
                return 0;
        if (epoll_ctl(relay->epoll, end->watched == WATCHED ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->io.fd, &event) < 0) {
                if (errno != EPERM)
                        return -errno;
                end->watched = UNWATCHABLE;
                end->io.kind = IO_NONBLOCKING; /* nobody would tell when it is ready again */
                return 0;
        }
        end->watched = WATCHED;
        end->events = events;
        return 0;
}

void relay_stop(struct relay *relay) {
        close_end(relay, &relay->input);
        for (size_t i = 0; i < relay->count; i++)
                close_end(relay, &relay->outputs[i]);
}

static bool is_out(const struct relay *relay) {
        for (size_t i = 0; i < relay->count; i++)
                if (relay->outputs[i].io.fd >= 0 && relay->outputs[i].done < relay->fill)
                        return false;
        return true;
}

/* An output that has all is watched for nothing, and epoll tells that it broke all the same. The input would tell of
 * its end for ever while it cannot be taken: it leaves the epoll. */
static int watch_all(struct relay *relay) {
        int r = 0;
        for (size_t i = 0; i < relay->count && r == 0; i++)
                r = watch(relay, &relay->outputs[i], i + 1, relay->outputs[i].done < relay->fill ? EPOLLOUT : 0);
        if (r < 0)
                return r;
        if (is_out(relay))
                return watch(relay, &relay->input, 0, EPOLLIN);
        unwatch(relay, &relay->input);
        return 0;
}

int relay_start(struct relay *relay, int input, const struct io *main, int epoll, uint64_t tag) {
        relay->epoll = epoll;
        relay->tag = tag;
        relay->input.io = (struct io){ .fd = input, .kind = IO_NONBLOCKING };
        if (main->fd >= 0) {
                int r = append(relay, main);
                if (r < 0) {
                        close_fd(main->fd);
                        return r;
                }
                struct end last = relay->outputs[relay->count - 1];
                relay->outputs[relay->count - 1] = relay->outputs[0];
                relay->outputs[0] = last;
                relay->has_main = true;
        }
        relay->buffer = malloc(BUFFER_BYTES);
        return relay->buffer ? watch_all(relay) : -ENOMEM;
}

/* --- the data --- */

static bool is_wanted(const struct relay *relay) {
        if (relay->has_main)
                return relay->outputs[0].io.fd >= 0;
        for (size_t i = 0; i < relay->count; i++)
                if (relay->outputs[i].io.fd >= 0)
                        return true;
        return false;
}

static void write_out(struct relay *relay, struct end *output) {
        while (output->io.fd >= 0 && output->done < relay->fill) {
                const struct iovec part = { .iov_base = relay->buffer + output->done,
                                            .iov_len = relay->fill - output->done };
                ssize_t n = io_write(&output->io, &part, 1);
                if (n == -EAGAIN)
                        return;
                if (n <= 0)
                        close_end(relay, output);
                else
                        output->done += (size_t)n;
        }
}

static void write_all(struct relay *relay) {
        for (size_t i = 0; i < relay->count; i++)
                write_out(relay, &relay->outputs[i]);
        if (!is_wanted(relay))
                close_end(relay, &relay->input);
}

/* Returns whether there is something to write. */
static bool read_in(struct relay *relay) {
        size_t most = relay->finishing && relay->left < BUFFER_BYTES ? relay->left : BUFFER_BYTES;
        ssize_t n = most ? io_read(&relay->input.io, relay->buffer, most) : 0;
        if (n == -EAGAIN && !relay->finishing)
                return false;
        if (n <= 0) {
                close_end(relay, &relay->input);
                return false;
        }
        relay->fill = (size_t)n;
        relay->left -= relay->finishing ? (size_t)n : 0;
        for (size_t i = 0; i < relay->count; i++)
                relay->outputs[i].done = 0;
        return true;
}

int relay_run(struct relay *relay) {
        write_all(relay);
        for (unsigned i = 0; i < ROUNDS && relay->input.io.fd >= 0 && is_out(relay) && read_in(relay); i++)
                write_all(relay);
        if (relay->finishing && relay->left == 0)
                close_end(relay, &relay->input); /* also when the rounds end here: nobody tells of it again */
        if (relay->input.io.fd < 0 && is_out(relay))
                relay_stop(relay);
        return watch_all(relay);
}

int relay_told(struct relay *relay, uint64_t slot, uint32_t events) {
        if (slot > 0 && slot <= relay->count && (events & (EPOLLERR | EPOLLHUP)))
                close_end(relay, &relay->outputs[slot - 1]);
        return relay_run(relay);
}

void relay_finish(struct relay *relay) {
        int left = 0;
        if (relay->finishing || relay->input.io.fd < 0)
                return;
        relay->finishing = true;
        relay->left = ioctl(relay->input.io.fd, FIONREAD, &left) < 0 || left < 0 ? 0 : (size_t)left;
}

bool relay_ended(const struct relay *relay) {
        if (relay->input.io.fd >= 0)
                return false;
        for (size_t i = 0; i < relay->count; i++)
                if (relay->outputs[i].io.fd >= 0)
                        return false;
        return true;
}
