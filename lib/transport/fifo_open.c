/* SPDX-License-Identifier: MIT */

/* Opening a fifo: making it, the locks, and waiting for a receiver. */

#include "base/cleanup.h"
#include "transport/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#define LOOK_FIRST_US 1000 /* between two looks for a receiver, doubling */
#define LOOK_MOST_US 50000
#define CONTENDED_TRIES 8 /* for the moment in which a receiver opens: 160 ms */

#define LARGEST (UINT64_C(16) << 20) /* where it is not one write; ?size= says otherwise */

#define IN_THE_WAY (-EAGAIN) /* a lock is */
#define PASSING (-EALREADY)  /* likewise, and it will not stay: of one that removes the name */

/* ---- names ---- */

int fifo_resolve(const struct address *address, bool make, struct leat_reason *reason, struct place *ret_place) {
        return place_resolve(address, make, "a path or a name is wanted: fifo:/run/jobs, fifo:jobs", reason, ret_place);
}

int fifo_look(const struct place *place, struct leat_reason *reason, struct stat *ret_status) {
        if (fstatat(place->directory, place->base, ret_status, 0) < 0)
                return errno == ENOENT ? reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "nothing is there") : -errno;
        if (!S_ISFIFO(ret_status->st_mode))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "something else than a fifo lies at that path; it is left alone, choose another");
        return 0;
}

int fifo_make(const struct place *place, mode_t mode, struct leat_reason *reason) {
        if (mkfifoat(place->directory, place->base, mode) == 0)
                return 0;
        int error = -errno;
        if (error == -EACCES || error == -EROFS)
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "nothing may be made in that directory; choose another, or ask its owner");
        if (error == -ENOSPC || error == -EDQUOT)
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "there is no room left for a name in that directory; free some");
        return error;
}

int fifo_set_capacity(int fd, uint64_t bytes, struct leat_reason *reason) {
        if (fcntl(fd, F_SETPIPE_SZ, (int)bytes) >= 0)
                return 0;
        if (errno == EPERM)
                return reason_limit(reason, -EPERM, "fs.pipe-max-size",
                                    "a larger capacity needs CAP_SYS_RESOURCE or a higher limit");
        if (errno == EBUSY)
                return reason_set(reason, -EBUSY, LEAT_ROW_LIMITS, "more than that waits in it; receive it first");
        return -errno;
}

static bool is_link(const struct place *place) {
        struct stat status;
        return fstatat(place->directory, place->base, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

/* Make it if it may be made. After the first time it may be there: we made it, or it went and came meanwhile. */
static int ensure(const struct fifo *fifo, const struct address *address, bool first, struct leat_reason *reason) {
        struct stat status;
        if (!address_given(address, OPTION_OPEN)) {
                int r = fifo_make(&fifo->place, (mode_t)address->mode, reason);
                if (r != -EEXIST)
                        return r;
                if (first && address_given(address, OPTION_NEW))
                        return reason_set(reason, r, LEAT_ROW_OPENING,
                                          "it exists already; leave ?new away, or remove it");
        }
        int r = fifo_look(&fifo->place, reason, &status);
        if (r == -ENOENT && is_link(&fifo->place))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "a symbolic link to nothing lies at that path; it is left alone, choose another");
        if (r == -ENOENT && !address_given(address, OPTION_OPEN))
                return -ESTALE; /* it was there, and went before we looked */
        if (r == -ENOENT)
                return reason_set(reason, r, LEAT_ROW_OPENING, "it does not exist; leave ?open away to make it");
        return r;
}

/* ---- one try ---- */

static bool is_locked(int error) {
        return error == IN_THE_WAY || error == PASSING;
}

static int explain_contention(const struct fifo *fifo, bool sends, struct leat_reason *reason) {
        if (!sends)
                return reason_set(reason, -EADDRINUSE, LEAT_ROW_LISTENING,
                                  fifo->packets && !fifo->exclusive
                                          ? "its receiver opened it with ?exclusive or in another framing"
                                          : "somebody has it open already, and here is one receiver");
        return reason_set(reason, -EBUSY, LEAT_ROW_LISTENING,
                          fifo->exclusive ? "its receiver opened it without ?exclusive; open both ends alike"
                                          : "its receiver opened it with ?exclusive or in another framing; open both "
                                            "ends alike");
}

/* Is there something that a sender sent? It may have gone by now. */
static bool has_messages(int fd) {
        struct pollfd state = { .fd = fd, .events = POLLIN };
        return poll(&state, 1, 0) == 1 && (state.revents & POLLIN);
}

/*
 * Is the name still what we opened? Only after the lock: who removes a temporary one has it to himself. A sender that found our receiver before that
 * may have sent, and removed the name as the last that had a lock: what it sent is here, and nowhere else.
 */
static int identify(struct fifo *fifo, int fd, bool sends) {
        struct stat status, named;
        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISFIFO(status.st_mode))
                return -ESTALE;
        fifo->device = status.st_dev;
        fifo->inode = status.st_ino;
        bool same = fstatat(fifo->place.directory, fifo->place.base, &named, 0) == 0 && named.st_dev == status.st_dev &&
                    named.st_ino == status.st_ino;
        return same || (!sends && has_messages(fd)) ? 0 : -ESTALE;
}

static int open_named(const struct fifo *fifo, const struct address *address, bool sends, struct leat_reason *reason,
                      int *ret_fd) {
        *ret_fd = openat(fifo->place.directory, fifo->place.base,
                         (sends ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY |
                                 (address->distrusted ? O_NOFOLLOW : 0));
        if (*ret_fd >= 0)
                return 0;
        if (errno == EACCES)
                return reason_set(reason, -EACCES, LEAT_ROW_OPENING,
                                  "its permissions do not let you; ask its owner for `leat set ADDRESS mode=0660`");
        return errno == ENOENT ? -ESTALE : -errno;
}

/* Is what an earlier try opened still the one to have, with a receiver? */
static bool serves_on(struct fifo *fifo, int fd, bool sends) {
        struct pollfd poll_fd = { .fd = fd };
        return identify(fifo, fd, sends) == 0 && !(sends && poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLERR));
}

/*
 * -ENXIO: no receiver; -ESTALE: the name changed; IN_THE_WAY, PASSING: a lock is. *kept: what was opened then, for the
 * next try: were it closed in between, a receiver would take us for a sender that came and went, and what a sender sends us would be lost.
 */
static int try_open(struct fifo *fifo, const struct address *address, bool sends, bool first, int *kept,
                    struct leat_reason *reason, int *ret_fd) {
        CLOSE_AT_EXIT int fd = take_fd(kept);
        int r = 0;
        if (fd >= 0 && !serves_on(fifo, fd, sends))
                fd = close_fd(fd);
        if (fd < 0)
                r = ensure(fifo, address, first, reason);
        if (fd < 0 && r == 0)
                r = open_named(fifo, address, sends, reason, &fd);
        if (r == 0)
                r = fifo_lock(fifo, fd, sends);
        if (is_locked(r))
                *kept = take_fd(&fd);
        if (r == 0)
                r = identify(fifo, fd, sends);
        if (r == 0 && sends && fifo->packets && fcntl(fd, F_SETFL, O_NONBLOCK | O_DIRECT) < 0)
                r = -errno;
        if (r == 0 && address_given(address, OPTION_CAPACITY))
                r = fifo_set_capacity(fd, address->capacity, reason);
        if (r < 0)
                return r;
        *ret_fd = take_fd(&fd);
        return 0;
}

/* ---- trying again ---- */

/* The fifo is watched anew each time: it may be another one by now. Without a watch there is the timer. */
static void watch(int inotify, const struct fifo *fifo) {
        char path[64 + NAME_MAX];
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%.255s", fifo->place.directory, fifo->place.base);
        if (inotify >= 0)
                (void)inotify_add_watch(inotify, path, IN_OPEN | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
}

static int pause_until(int inotify, int64_t us, int64_t deadline) {
        char events[4096];
        struct wait wait;
        wait_init(&wait);
        wait_add(&wait, inotify, POLLIN);
        wait_look_again(&wait, leat_in_us(us));
        int r = wait_until(&wait, deadline);
        while (inotify >= 0 && read(inotify, events, sizeof(events)) > 0)
                ;
        return r;
}

static int too_late(int error, bool sends, struct leat_reason *reason) {
        if (!sends)
                return reason_set(reason, error, LEAT_ROW_OPENING, "others remove and make it all the time; try again");
        return reason_set(reason, error, LEAT_ROW_LISTENING,
                          error == -EAGAIN ? "no receiver is there yet" : "no receiver came");
}

/* Is it worth to wait for it? A lock may be in the way for a moment; a name that changes does not do so for ever. */
static bool give_up(int error, unsigned *contended, int64_t deadline) {
        return deadline == LEAT_NOW || (error == IN_THE_WAY && (*contended)++ == CONTENDED_TRIES);
}

static int open_end(struct fifo *fifo, const struct address *address, bool sends, int64_t deadline,
                    struct leat_reason *reason, int *ret_fd) {
        CLOSE_AT_EXIT int inotify = -1, kept = -1;
        unsigned contended = 0;
        int64_t us = LOOK_FIRST_US;
        for (bool first = true;; first = false) {
                int r = try_open(fifo, address, sends, first, &kept, reason, ret_fd), tried = r;
                if (r != -ENXIO && r != -ESTALE && !is_locked(r))
                        return r;
                if (r == -ENXIO && address_given(address, OPTION_OPEN))
                        return reason_set(reason, -ECONNREFUSED, LEAT_ROW_LISTENING, "no receiver is there");
                if (give_up(r, &contended, deadline))
                        return is_locked(r) ? explain_contention(fifo, sends, reason)
                                            : too_late(-EAGAIN, sends, reason);
                if (first && r == -ENXIO) {
                        inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
                        watch(inotify, fifo);
                        continue; /* one that opened before the watch was there sends no event */
                }
                watch(inotify, fifo);
                /* No event tells that a lock is free; and those of our own opening would use up the tries at once. */
                r = pause_until(is_locked(r) ? -1 : inotify, us, deadline);
                if (r < 0)
                        return r == -ETIMEDOUT && is_locked(tried) ? explain_contention(fifo, sends, reason)
                                                                   : too_late(r, sends, reason);
                us = us < LOOK_MOST_US ? us * 2 : us;
        }
}

/* ---- what an address asks for ---- */

static int check_needs(const struct leat_channel *channel, const struct fifo *fifo, struct leat_reason *reason) {
        const struct address *address = &channel->address;
        const struct leat_declaration *declaration = channel->declaration;
        if ((address->need & (UINT64_C(1) << LEAT_ROW_TYPES)) && !fifo->exclusive)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_TYPES,
                                  "what is set aside here is lost to the other receivers; open with ?exclusive to be "
                                  "the only one, or use sysv-mq:");
        bool grows = fifo->exclusive && address->framing != FRAMING_RAW;
        if (DOES_SEND(channel->flags) && address->size > declaration->largest_bytes && !grows)
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_SIZE],
                                 "a larger message does not go in one piece; open every end with ?exclusive, or use "
                                 "unix:");
        return 0;
}

/* The largest message that the ends may send. */
static uint64_t largest_of(const struct leat_channel *channel, const struct fifo *fifo) {
        const struct address *address = &channel->address;
        uint64_t one = channel->declaration->largest_bytes;
        if (fifo->exclusive && address->framing != FRAMING_RAW)
                return address->size ? address->size : LARGEST;
        return address->size && address->size < one ? address->size : one;
}

/* And the largest that is taken: plain programs write lines as long as they like. */
static uint64_t largest_taken(const struct leat_channel *channel, const struct fifo *fifo) {
        if (fifo->packets)
                return channel->largest_bytes;
        return channel->address.size ? channel->address.size : LARGEST;
}

static struct fifo *fifo_new(const struct address *address) {
        struct fifo *fifo = calloc(1, sizeof(struct fifo));
        if (!fifo)
                return NULL;
        fifo->place = PLACE_NONE;
        fifo->hold = fifo->epoll = -1;
        fifo->packets = address->framing == FRAMING_LEAT || address->framing == FRAMING_RAW;
        fifo->exclusive = address_given(address, OPTION_EXCLUSIVE);
        fifo->temporary = address_given(address, OPTION_TEMPORARY);
        return fifo;
}

struct fifo *fifo_free(struct fifo *fifo) {
        if (!fifo)
                return NULL;
        if (fifo->link && fifo->hold == fifo->link->in.fd)
                fifo->hold = -1;
        close_fd(fifo->hold);
        close_fd(fifo->epoll);
        link_free(fifo->link);
        place_clear(&fifo->place);
        free(fifo);
        return NULL;
}

static void fifo_free_at(struct fifo **fifo) {
        *fifo = fifo_free(*fifo);
}

static int make_link(const struct leat_channel *channel, struct fifo *fifo, int fd) {
        bool sends = DOES_SEND(channel->flags);
        const struct io ours = { .fd = fd, .kind = IO_NONBLOCKING }; /* this description has no other holder */
        int capacity = fcntl(fd, F_GETPIPE_SZ);
        const struct link_options options = {
                .framing = (enum framing)channel->address.framing,
                .largest_bytes = largest_taken(channel, fifo),
                .read_bytes = capacity > 0 ? (size_t)capacity : 0,
        };
        int r = link_new(sends ? IO_NONE : ours, sends ? ours : IO_NONE, &options, &(struct leat_peer){ 0 },
                         &fifo->link);
        if (r == 0 && !sends)
                fifo->hold = fd;
        return r;
}

int fifo_open(struct leat_channel *channel, int64_t deadline, struct leat_reason *reason) {
        CLEANUP(fifo_free_at) struct fifo *fifo = fifo_new(&channel->address);
        int fd = -1;
        if (!fifo)
                return -ENOMEM;
        int r = check_needs(channel, fifo, reason);
        if (r == 0)
                r = fifo_resolve(&channel->address, true, reason, &fifo->place);
        if (r == 0)
                r = open_end(fifo, &channel->address, DOES_SEND(channel->flags), deadline, reason, &fd);
        if (r < 0)
                return r;
        channel->largest_bytes = largest_of(channel, fifo);
        r = make_link(channel, fifo, fd);
        if (r < 0)
                return r;
        channel->operations = &fifo_operations;
        channel->state = TAKE(fifo);
        return 0;
}
