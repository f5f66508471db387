/* SPDX-License-Identifier: MIT */
#include "transport/mq_queue.h"

#include "base/cleanup.h"
#include "channel/wire.h"
#include "wait/wait.h"

#include <leat/deadline.h>

#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>

#define MARK_TEMPORARY S_ISVTX /* born with it: no kill comes between */
#define DEPTH_DEFAULT 10       /* where the sysctl cannot be read, as the kernel has it */
#define ENTRY_DEFAULT 8192
#define LOOK_FIRST_US 100 /* while another removes the queue: doubling, to 26 ms */
#define TRIES_AT_ONCE 4

int mq_queue_check(const struct address *address, struct leat_reason *reason) {
        const char *name = address->rest;
        if (address_given(address, OPTION_CAPACITY))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_CAPACITY],
                                 "what a queue holds is said by ?depth=, messages, and ?size=, bytes of the largest");
        if (name[0] != '/')
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "a POSIX queue name begins with '/'; try mq:/orders instead of mq:orders");
        if (strchr(name + 1, '/'))
                return reason_at(reason, -EINVAL, address->rest_column + (uint32_t)(strchr(name + 1, '/') - name),
                                 "a POSIX queue name has one '/', at its beginning: mq:/orders");
        if (name[1] == '\0' || strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0 || strlen(name + 1) > NAME_MAX)
                return reason_at(reason, -EINVAL, address->rest_column,
                                 "after the '/' a name of 1 to 255 bytes is wanted, and not . or ..: mq:/orders");
        return 0;
}

/* ---- what the kernel says ---- */

int mq_queue_measure(int fd, uint64_t *ret_depth, uint64_t *ret_entry_bytes, uint64_t *ret_messages) {
        struct mq_attr attributes;
        if (mq_getattr(fd, &attributes) < 0)
                return -errno;
        *ret_depth = (uint64_t)attributes.mq_maxmsg;
        *ret_entry_bytes = (uint64_t)attributes.mq_msgsize;
        *ret_messages = (uint64_t)attributes.mq_curmsgs;
        return 0;
}

/* Without a name any more, or somebody else's: then what we have open is not what the name means. */
static bool has_name(int fd) {
        struct stat status;
        return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

static bool is_marked(int fd) {
        struct stat status;
        return fstat(fd, &status) == 0 && (status.st_mode & MARK_TEMPORARY);
}

/* 0; -EAGAIN: another has it. */
static int lock(int fd, int how) {
        int r;
        do
                r = flock(fd, how | LOCK_NB);
        while (r < 0 && errno == EINTR);
        return r == 0 ? 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

int mq_queue_again(const char *name, int fd, int access) {
        struct stat ours, theirs;
        CLOSE_AT_EXIT int again = mq_open(name, access | O_NONBLOCK | O_CLOEXEC);
        if (again < 0)
                return -errno;
        if (fstat(fd, &ours) < 0 || fstat(again, &theirs) < 0)
                return -errno;
        if (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino)
                return -ENOENT;
        return take_fd(&again);
}

/* ---- making ---- */

static long or_default(uint64_t given, const char *sysctl, long otherwise) {
        int64_t set = given ? (int64_t)given : limit_sysctl(sysctl);
        return set > 0 ? (long)set : otherwise;
}

static struct mq_attr attributes_of(const struct address *address) {
        size_t header = address->framing == FRAMING_LEAT ? WIRE_HEADER_BYTES : 0;
        return (struct mq_attr){
                .mq_maxmsg = or_default(address->depth, "fs.mqueue.msg_default", DEPTH_DEFAULT),
                .mq_msgsize = or_default(address->size ? address->size + header : 0, "fs.mqueue.msgsize_default",
                                         ENTRY_DEFAULT),
        };
}

bool mq_queue_blames_memory(void) {
        CLOSE_AT_EXIT int fd = eventfd(0, EFD_CLOEXEC);
        return fd >= 0;
}

/* The kernel says EINVAL, ENOSPC, EMFILE: which limit was it? */
static int explain_making(int error, const struct mq_attr *attributes, struct leat_reason *reason) {
        if (error == -EINVAL && attributes->mq_maxmsg > limit_sysctl("fs.mqueue.msg_max"))
                return reason_limit(reason, error, "fs.mqueue.msg_max", "?depth= is above the limit of the system");
        if (error == -EINVAL && attributes->mq_msgsize > limit_sysctl("fs.mqueue.msgsize_max"))
                return reason_limit(reason, error, "fs.mqueue.msgsize_max",
                                    "?size= and the header of 48 bytes are above the limit of the system");
        if (error == -ENOSPC)
                return reason_limit(reason, error, "fs.mqueue.queues_max",
                                    "the system has as many queues as it may; remove some, or raise the limit");
        if (error == -EMFILE && mq_queue_blames_memory())
                return reason_limit(
                        reason, error, "RLIMIT_MSGQUEUE",
                        "this user's queues may take no more memory; remove some, ask for a smaller ?depth= "
                        "or ?size=, or raise `ulimit -q`");
        if (error == -ENOSYS)
                return reason_set(reason, error, LEAT_ROW_OPENING, "this kernel has no POSIX queues; use sysv-mq:");
        return error;
}

/* Make it, if nothing is there: a descriptor; -EEXIST. */
static int make(const struct address *address, int access, mode_t mode, struct leat_reason *reason) {
        struct mq_attr attributes = attributes_of(address);
        int fd = mq_open(address->rest, access | O_NONBLOCK | O_CLOEXEC | O_CREAT | O_EXCL, mode, &attributes);
        if (fd >= 0)
                return fd;
        return errno == EEXIST ? -EEXIST : explain_making(-errno, &attributes, reason);
}

static int is_there(struct leat_reason *reason) {
        return reason_set(reason, -EEXIST, LEAT_ROW_OPENING, "that queue is there already");
}

/* What was asked of the queue, against the one that is there. */
static int check_size(const struct address *address, const struct mq_queue *queue, bool sends,
                      struct leat_reason *reason) {
        uint64_t header = address->framing == FRAMING_LEAT ? WIRE_HEADER_BYTES : 0;
        if (address->size + header > queue->entry_bytes && address_given(address, OPTION_SIZE))
                return reason_at(
                        reason, -EMSGSIZE, address->columns[OPTION_SIZE],
                        "the queue that is there takes smaller messages (`leat info`), and that cannot be changed");
        if (address->depth > queue->depth)
                return reason_at(
                        reason, -EMSGSIZE, address->columns[OPTION_DEPTH],
                        "the queue that is there holds fewer messages (`leat info`), and that cannot be changed");
        if (sends && header >= queue->entry_bytes)
                return reason_set(reason, -EMSGSIZE, LEAT_ROW_LIMITS,
                                  "its entries are smaller than the header of Leat; use ?framing=raw");
        return 0;
}

/* It may be there already; then it must be as large as it was asked for. */
static int look_at_what_is_there(const struct address *address, struct leat_reason *reason) {
        uint64_t messages;
        CLOSE_AT_EXIT int fd = mq_queue_look(address->rest, reason);
        struct mq_queue queue = { .fd = fd };
        int r = fd < 0 ? fd : mq_queue_measure(fd, &queue.depth, &queue.entry_bytes, &messages);
        return r < 0 ? r : check_size(address, &queue, false, reason);
}

int mq_queue_create(const struct address *address, mode_t mode, bool new_only, struct leat_reason *reason) {
        if (address_given(address, OPTION_TEMPORARY))
                return reason_at(reason, -ENOTSUP, address->columns[OPTION_TEMPORARY],
                                 "a temporary queue lives while someone has it open: it is made by opening it");
        int fd = make(address, O_RDONLY, mode, reason);
        if (fd == -EEXIST)
                return new_only ? is_there(reason) : look_at_what_is_there(address, reason);
        if (fd < 0)
                return fd;
        close_fd(fd);
        return 0;
}

int mq_queue_look(const char *name, struct leat_reason *reason) {
        int fd = mq_open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 && errno == EACCES)
                fd = mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
                return fd;
        return errno == ENOENT ? reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "nothing is there") : -errno;
}

/* ---- temporary ones ---- */

/* Where the whole is locked nobody has it open, and nobody opens it. Writing is opened for that, whose close a receiver
 * with ?end takes for a sender's that goes: so there must be no receiver, nor one that comes, while that is open. */
static int remove_locked(const char *name, int fd) {
        CLOSE_AT_EXIT int writing = mq_queue_again(name, fd, O_RDWR);
        int r = writing < 0 ? writing : presence_take_all(writing);
        if (r < 0 || !has_name(writing))
                return r;
        return mq_unlink(name) < 0 ? -errno : 0;
}

/* Remove a marked queue if nobody has it open. `fd` holds no place any more. Whoever cannot leaves it to the next opener.
 * 0; -EAGAIN, -ENOENT: others have it, or removed it; -EPERM and -EACCES: it is another user's. */
static int remove_unused(const char *name, int fd) {
        CLOSE_AT_EXIT int look = mq_queue_again(name, fd, O_RDONLY);
        if (look < 0 || presence_has_any(look))
                return look < 0 ? look : -EAGAIN;
        int r = lock(look, LOCK_EX);
        if (r < 0)
                return r;
        /* Without a name any more, the name is that of a new one, which is not to be opened for writing. */
        return has_name(look) ? remove_locked(name, fd) : -ENOENT;
}

/* Make room for a new one where killed parties left theirs. -EAGAIN: look again. */
static int remove_stale(const char *name, int fd, struct leat_reason *reason) {
        int r = remove_unused(name, fd);
        if (r == -EACCES || r == -EPERM)
                return reason_set(reason, -EPERM, LEAT_ROW_LIFETIME,
                                  "a temporary queue was left behind by killed processes of another user; its owner "
                                  "removes it, with `leat rm`");
        return r == 0 || r == -ENOENT ? -EAGAIN : r;
}

/* What is there is not what was asked for. */
static int check_temporary(const struct address *address, bool made, bool marked, struct leat_reason *reason) {
        if (made || marked || !address_given(address, OPTION_TEMPORARY))
                return 0;
        return reason_at(reason, -EEXIST, address->columns[OPTION_TEMPORARY],
                         "a queue that is not temporary is there; open it without ?temporary, or `leat rm` it first");
}

/* ---- opening ---- */

/* A descriptor; -EAGAIN: it came or went meanwhile. */
static int find_or_make(const struct address *address, int access, struct leat_reason *reason, bool *ret_made) {
        mode_t mark = address_given(address, OPTION_TEMPORARY) ? MARK_TEMPORARY : 0;
        *ret_made = false;
        if (!address_given(address, OPTION_OPEN)) {
                int fd = make(address, access, (mode_t)address->mode | mark, reason);
                *ret_made = fd >= 0;
                if (fd != -EEXIST)
                        return fd;
                if (address_given(address, OPTION_NEW))
                        return is_there(reason);
        }
        int fd = mq_open(address->rest, access | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
                return fd;
        if (errno == ENOENT && address_given(address, OPTION_OPEN))
                return reason_set(reason, -ENOENT, LEAT_ROW_OPENING, "nothing is there");
        return errno == ENOENT ? -EAGAIN : -errno;
}

/* Receivers share a lock, or the only one has it alone. Who removes it has it alone too, and no place. */
static int lock_receivers(const struct address *address, int fd, struct leat_reason *reason) {
        bool alone = address_given(address, OPTION_EXCLUSIVE);
        int r = lock(fd, alone ? LOCK_EX : LOCK_SH);
        if (r != -EAGAIN || (is_marked(fd) && !presence_has_receiver(fd)))
                return r;
        return reason_set(reason, -EADDRINUSE, LEAT_ROW_LISTENING,
                          alone ? "others receive from it, so this cannot be the one receiver (?exclusive)"
                                : "it has its one receiver, which opened it with ?exclusive");
}

/* Take part in the queue that is open. -EAGAIN: it is no longer what the name means. */
static int take_part(const struct address *address, bool sends, bool made, struct mq_queue *queue,
                     struct leat_reason *reason) {
        uint64_t messages;
        queue->temporary = is_marked(queue->fd);
        /* Before the place is taken: two that come at once would each take the other for a party that has it open, and
         * go on with what killed ones have left. */
        if (queue->temporary && !made && !presence_has_any(queue->fd))
                return remove_stale(address->rest, queue->fd, reason);
        int r = presence_take(queue->fd, sends, &queue->presence);
        if (r < 0)
                return r;
        if (!has_name(queue->fd))
                return -EAGAIN;
        r = check_temporary(address, made, queue->temporary, reason);
        if (r == 0)
                r = mq_queue_measure(queue->fd, &queue->depth, &queue->entry_bytes, &messages);
        if (r == 0)
                r = check_size(address, queue, sends, reason);
        if (r == 0 && !sends)
                r = lock_receivers(address, queue->fd, reason);
        return r;
}

static int try_open(const struct address *address, bool sends, struct leat_reason *reason, struct mq_queue *ret_queue) {
        struct mq_queue queue = MQ_QUEUE_NONE;
        bool made;
        queue.fd = find_or_make(address, sends ? O_WRONLY : O_RDONLY, reason, &made);
        if (queue.fd < 0)
                return queue.fd;
        int r = take_part(address, sends, made, &queue, reason);
        if (r < 0)
                mq_queue_close(&queue, address->rest, r != -EAGAIN);
        else
                *ret_queue = queue;
        return r;
}

/* Sleep a little longer each time, but not before the first few: what was removed as stale is made anew at once. */
int mq_queue_pause(unsigned tries, int64_t deadline) {
        struct wait wait;
        int64_t us = LOOK_FIRST_US << (tries < 8 ? tries : 8);
        if (tries < TRIES_AT_ONCE)
                return 0;
        if (deadline == LEAT_NOW)
                return -EAGAIN;
        wait_init(&wait);
        wait_look_again(&wait, leat_in_us(us));
        return wait_until(&wait, deadline);
}

int mq_queue_open(const struct address *address, bool sends, int64_t deadline, struct leat_reason *reason,
                  struct mq_queue *ret_queue) {
        int r;
        for (unsigned tries = 0; (r = try_open(address, sends, reason, ret_queue)) == -EAGAIN; tries++) {
                r = mq_queue_pause(tries, deadline);
                if (r < 0)
                        return reason_set(reason, r, LEAT_ROW_OPENING, "another process is removing the queue");
        }
        return r;
}

void mq_queue_close(struct mq_queue *queue, const char *name, bool ours) {
        if (ours) {
                /* Before the close, of which inotify tells: who is told looks at the place. */
                presence_leave(&queue->presence);
                if (queue->temporary) {
                        (void)flock(queue->fd, LOCK_UN);
                        (void)remove_unused(name, queue->fd);
                }
        }
        queue->fd = close_fd(queue->fd);
}
