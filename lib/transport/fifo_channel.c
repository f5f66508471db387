/* SPDX-License-Identifier: MIT */

/* An open end of a fifo: sending, the turn, receiving, the end. */

#include "base/cleanup.h"
#include "transport/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#define TURN_FIRST_US 200 /* between two tries for the turn, doubling: no event tells that it is free */
#define TURN_MOST_US 20000

static int fd_of(const struct fifo *fifo) {
        return fifo->link->in.fd >= 0 ? fifo->link->in.fd : fifo->link->out.fd;
}

static short state_of(int fd) {
        struct pollfd poll_fd = { .fd = fd };
        return poll(&poll_fd, 1, 0) == 1 ? poll_fd.revents : 0;
}

/* ---- the turn of a sender ---- */

static int take_turn(struct fifo *fifo) {
        if (!fifo->exclusive || fifo->has_turn)
                return 0;
        int r = fifo_lock_turn(fifo->link->out.fd);
        if (r < 0 && r != -EAGAIN)
                return r;
        fifo->has_turn = r == 0;
        if (fifo->has_turn)
                fifo->turn_us = 0;
        else if (state_of(fifo->link->out.fd) & POLLERR)
                return -EPIPE;
        else if (fifo->turn_us == 0)
                fifo->turn_us = TURN_FIRST_US;
        else if (fifo->turn_us < TURN_MOST_US)
                fifo->turn_us *= 2;
        return fifo->has_turn ? 0 : -EAGAIN;
}

static void pass_turn(struct fifo *fifo) {
        if (fifo->has_turn)
                fifo_unlock_turn(fifo->link->out.fd);
        fifo->has_turn = false;
}

/* ---- sending ---- */

/* As many as go with one write. */
static int fifo_send(struct leat_channel *channel, struct outgoing *messages, int count) {
        struct fifo *fifo = channel->state;
        if (fifo->link->options.framing == FRAMING_RAW && messages->size_bytes == 0)
                return channel_refuse(channel, -ENOTSUP, LEAT_ROW_BOUNDARIES,
                                      "a pipe has no empty packets; use the framing of Leat");
        int r = take_turn(fifo);
        if (r < 0)
                return r;
        r = fifo->packets ? fifo_send_several(fifo, messages, count) : link_send_many(fifo->link, messages, count);
        fifo->broken = r == -EPIPE;
        bool between = r > 0 ? r == count || messages[r].sent == 0 : messages->sent == 0;
        if (between && !link_has_rest(fifo->link))
                pass_turn(fifo);
        return r;
}

/* Nobody reads on: what was to follow is not kept for the next receiver. */
static void drop_rest(struct link *link) {
        link->rest_begin = link->rest_end = 0;
        link->in_frame = false;
}

/* On bytes the turn is kept until the rest is out: it belongs to what stands in the pipe already. */
static void fifo_park(struct leat_channel *channel, struct outgoing *message) {
        struct fifo *fifo = channel->state;
        if (fifo->packets && message->sent > 0 && !fifo->broken)
                fifo_abandon(fifo, message);
        else if (!fifo->packets && !fifo->broken)
                (void)link_park(fifo->link, message); /* without memory for it the message is torn: row 8 */
        if (fifo->broken)
                drop_rest(fifo->link);
        if (fifo->packets || !link_has_rest(fifo->link))
                pass_turn(fifo);
}

/* ---- the end of senders ---- */

static int reopen(const struct fifo *fifo) {
        char path[32];
        struct stat status;
        const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fifo->hold);
        int fd = open(path, flags);
        if (fd >= 0)
                return fd;
        /* Without /proc: by the name, if it is still ours. */
        if (fstatat(fifo->place.directory, fifo->place.base, &status, 0) < 0 || status.st_dev != fifo->device ||
            status.st_ino != fifo->inode)
                return -ENOENT;
        CLOSE_AT_EXIT int named = openat(fifo->place.directory, fifo->place.base, flags);
        if (named < 0 || fstat(named, &status) < 0 || status.st_dev != fifo->device || status.st_ino != fifo->inode)
                return -ENOENT;
        return take_fd(&named);
}

static int add_to_epoll(const struct fifo *fifo, int fd) {
        struct epoll_event event = { .events = EPOLLIN };
        if (fifo->epoll < 0)
                return 0;
        return epoll_ctl(fifo->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Read from a description that knows nothing of the senders who went: on the old one POLLHUP stays. If there can be
 * none, the end is told again at the next receive, which does not sleep either. */
static void begin_anew(struct fifo *fifo) {
        struct io *in = &fifo->link->in;
        CLOSE_AT_EXIT int fd = reopen(fifo);
        if (fd < 0 || add_to_epoll(fifo, fd) < 0)
                return;
        if (fifo->epoll >= 0)
                (void)epoll_ctl(fifo->epoll, EPOLL_CTL_DEL, in->fd, NULL);
        if (in->fd != fifo->hold)
                close_fd(in->fd);
        in->fd = take_fd(&fd);
}

static void forget_input(struct fifo *fifo) {
        struct link *link = fifo->link;
        link->ended = false;
        link->begin = link->end = link->scanned = 0;
        link_forget_message(link);
        link->failed = 0;
        fifo->under_way = (struct wire_header){ 0 };
}

static int tell_end(const struct leat_channel *channel, struct fifo *fifo) {
        forget_input(fifo);
        fifo->came = channel->aside.messages > 0; /* until those are received it is told again */
        begin_anew(fifo);
        return -ENODATA;
}

/* No sender is there and none came: will one? */
static int nobody_yet(struct leat_channel *channel, const struct fifo *fifo) {
        struct stat status;
        if (fstat(fd_of(fifo), &status) < 0 || status.st_nlink > 0)
                return -EAGAIN;
        return channel_refuse(channel, -EIDRM, LEAT_ROW_LIFETIME,
                              "the fifo was removed, so no sender can come any more; open it anew");
}

/* ---- receiving ---- */

static int read_one(struct fifo *fifo, struct incoming *message) {
        int r;
        do {
                message->about.sender = (struct leat_peer){ 0 };
                r = fifo->packets ? fifo_receive_packet(fifo, message) : link_receive(fifo->link, message);
        } while (r == -EINPROGRESS);
        if (fifo->link->failed < 0)
                forget_input(fifo); /* told once, like a breach: part of a message was lost */
        return r;
}

/* A breach: there is no one to cut off among those who may have written it. On packets the next frame was found. */
static int breach(struct leat_channel *channel, struct fifo *fifo, struct incoming *message, int error) {
        if (!fifo->packets)
                forget_input(fifo);
        message->about.sender = (struct leat_peer){ 0 };
        counter_add(&channel->counters->refused, 1);
        return error;
}

static int receive_one(struct leat_channel *channel, struct fifo *fifo, struct incoming *message) {
        if (fifo->link->in.fd < 0)
                return -EAGAIN; /* nothing ever comes to an end that sends */
        for (;;) {
                int r = read_one(fifo, message);
                if (r == -EBADMSG || r == -EPROTONOSUPPORT)
                        r = breach(channel, fifo, message, r);
                if (r != -ENODATA) {
                        fifo->came = true; /* a message, or a sender that has it open: EAGAIN */
                        return r;
                }
                fifo->link->ended = false;
                if (fifo->came || fifo->link->begin < fifo->link->end)
                        return tell_end(channel, fifo);
                if (!(state_of(fifo->link->in.fd) & POLLHUP))
                        return nobody_yet(channel, fifo);
                fifo->came = true; /* it has gone: look once more, for it may have written before that */
        }
}

static int fifo_receive(struct leat_channel *channel, struct incoming *messages, int count) {
        int done = 0, r = 0;
        for (; done < count; done++) {
                r = receive_one(channel, channel->state, &messages[done]);
                if (r < 0)
                        break;
        }
        return done > 0 ? done : r;
}

/* ---- waiting ---- */

static int fifo_arm(struct leat_channel *channel, enum direction direction, struct wait *wait) {
        const struct fifo *fifo = channel->state;
        const struct link *link = fifo->link;
        if (direction == DIRECTION_RECEIVE)
                wait_add(wait, link->in.fd, POLLIN);
        else if (fifo->turn_us > 0) {
                wait_add(wait, link->out.fd, 0); /* POLLERR alone: the receiver is gone */
                wait_look_again(wait, leat_in_us(fifo->turn_us));
        } else
                wait_add(wait, link->out.fd, POLLOUT);
        return 0;
}

static int fifo_poll_fd(struct leat_channel *channel) {
        struct fifo *fifo = channel->state;
        if (fifo->epoll >= 0)
                return fifo->epoll;
        fifo->epoll = epoll_create1(EPOLL_CLOEXEC);
        int r = fifo->epoll < 0 ? -errno : add_to_epoll(fifo, fifo->link->in.fd);
        if (r < 0)
                fifo->epoll = close_fd(fifo->epoll);
        return r < 0 ? r : fifo->epoll;
}

/* ---- the rest ---- */

static void fifo_info(struct leat_channel *channel, struct leat_info *info) {
        const struct fifo *fifo = channel->state;
        struct stat status;
        int bytes = 0, fd = fd_of(fifo), capacity = fcntl(fd, F_GETPIPE_SZ);
        if (capacity > 0) {
                info->capacity_bytes = (uint64_t)capacity;
                if (fifo->packets)
                        info->depth = (uint64_t)capacity /
                                      (uint64_t)sysconf(_SC_PAGESIZE); /* a packet has a page of its own */
        }
        if (ioctl(fd, FIONREAD, &bytes) == 0)
                info->queued_bytes = (uint64_t)bytes + (fifo->link->end - fifo->link->begin);
        info->atomic_bytes = PIPE_BUF;
        if (fstat(fd, &status) < 0)
                return;
        info->mode = status.st_mode & 07777;
        info->owner = (struct leat_peer){ .known = true, .uid = status.st_uid, .gid = status.st_gid };
}

/* Plain programs know bytes: what they would make of packets are other messages. */
static int fifo_detach(struct leat_channel *channel, int ret_descriptors[2]) {
        struct fifo *fifo = channel->state;
        struct link *link = fifo->link;
        int fd = fd_of(fifo), flags = fcntl(fd, F_GETFL);
        if (fifo->packets || link->begin < link->end || link_has_rest(link) || fifo->hold != link->in.fd)
                return -ENOTSUP;
        if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                return -errno;
        ret_descriptors[0] = link->in.fd;
        ret_descriptors[1] = link->out.fd;
        link->in.fd = link->out.fd = fifo->hold = -1;
        return 0;
}

static void fifo_after_fork(struct leat_channel *channel) {
        struct fifo *fifo = channel->state;
        struct link *link = fifo->link;
        if (fifo->hold != link->in.fd)
                close_fd(fifo->hold);
        fifo->hold = -1;
        link->in.fd = close_fd(link->in.fd);
        link->out.fd = close_fd(link->out.fd);
        fifo->epoll = close_fd(fifo->epoll);
        fifo->place.directory = close_fd(fifo->place.directory);
}

/* Alone, nobody else has it open; who comes now looks at the name after locking and begins again. */
static void remove_if_last(const struct fifo *fifo) {
        struct stat status;
        bool sends = fifo->hold < 0;
        int fd = sends ? fifo->link->out.fd : fifo->hold;
        if (fd >= 0 && fifo_lock_alone(fifo, fd, sends) &&
            fstatat(fifo->place.directory, fifo->place.base, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_dev == fifo->device && status.st_ino == fifo->inode)
                (void)unlinkat(fifo->place.directory, fifo->place.base, 0);
}

static int fifo_push(struct leat_channel *channel) {
        const struct fifo *fifo = channel->state;
        return link_wants_out(fifo->link) ? link_flush(fifo->link) : 0;
}

static void fifo_close(struct leat_channel *channel, bool ours) {
        struct fifo *fifo = channel->state;
        if (ours)
                (void)fifo_push(channel); /* the rest of a line that was given up, if there is room */
        if (ours && fifo->temporary)
                remove_if_last(fifo);
        channel->state = fifo_free(fifo);
}

#define OPERATIONS                                                                                                     \
        .send = fifo_send, .park = fifo_park, .push = fifo_push, .receive = fifo_receive, .arm = fifo_arm,             \
        .poll_fd = fifo_poll_fd, .info = fifo_info, .detach = fifo_detach, .after_fork = fifo_after_fork,              \
        .close = fifo_close

const struct operations fifo_operations = { .competes = true, OPERATIONS };
