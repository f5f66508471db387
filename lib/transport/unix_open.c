/* SPDX-License-Identifier: MIT */

/* Listening on a name, and connecting to one. */

#include "base/cleanup.h"
#include "transport/unix_name.h"
#include "wait/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <leat/deadline.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/time.h>

#define LOOK_FIRST_US 1000 /* between two looks for a listener, doubling */
#define LOOK_MOST_US 50000

/* ---- listening ---- */

/* Is the place free, or can it be made so? With the directory locked. */
static int clear_place(const struct unix_name *name, const struct address *address, struct leat_reason *reason) {
        int r = unix_name_probe(name);
        if (r == -ENOENT)
                return address_given(address, OPTION_OPEN)
                               ? reason_set(reason, r, LEAT_ROW_OPENING,
                                            "it does not exist; leave ?open away to make it")
                               : 0;
        if (r >= 0 && address_given(address, OPTION_NEW))
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "it exists already; leave ?new away, or remove it");
        if (r == 1)
                return reason_set(reason, -EADDRINUSE, LEAT_ROW_LISTENING, "somebody receives there already");
        if (r == -ENOTSOCK)
                return reason_set(reason, -EEXIST, LEAT_ROW_OPENING,
                                  "something else than a socket lies at that path; it is left alone, choose another");
        if (r < 0)
                return r;
        return unlinkat(name->directory, name->base, 0) < 0 ? -errno : 0;
}

static int bind_and_listen(struct unix_name *name, int type, int fd, const struct address *address,
                           struct leat_reason *reason) {
        if (bind(fd, (const struct sockaddr *)&name->address, name->address_bytes) < 0) {
                int error = -errno;
                if (error == -EADDRINUSE)
                        return reason_set(reason, error, LEAT_ROW_LISTENING, "somebody receives there already");
                if (error == -EACCES || error == -EROFS)
                        return reason_set(reason, error, LEAT_ROW_OPENING,
                                          "nothing may be made in that directory; choose another, or ask its owner");
                if (error == -ENOSPC || error == -EDQUOT)
                        return reason_set(reason, error, LEAT_ROW_OPENING,
                                          "there is no room left for a name in that directory; free some, or use an "
                                          "abstract name");
                return error;
        }
        struct stat status = { 0 };
        bool known = name->abstract || fstatat(name->directory, name->base, &status, AT_SYMLINK_NOFOLLOW) == 0;
        name->device = status.st_dev;
        name->inode = status.st_ino;
        if (known && (type == SOCK_DGRAM || listen(fd, (int)address->backlog) == 0))
                return 0;
        int error = -errno;
        if (!name->abstract)
                (void)unlinkat(name->directory, name->base, 0); /* the directory is locked: it is ours */
        name->inode = 0;
        return error;
}

static int lock_place(const struct unix_name *name, int64_t deadline, struct leat_reason *reason) {
        int lock = unix_name_lock(name, deadline);
        if (lock == -EAGAIN || lock == -ETIMEDOUT)
                return reason_set(reason, lock, LEAT_ROW_OPENING,
                                  "another process holds the lock (flock) of that directory");
        if (lock == -EACCES)
                return reason_set(reason, lock, LEAT_ROW_OPENING,
                                  "that directory cannot be read, which binding there needs");
        return lock;
}

int unix_name_listen(struct unix_name *name, int type, const struct address *address, int64_t deadline,
                     struct leat_reason *reason, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CLOSE_AT_EXIT int lock = -1;
        const int on = 1;
        /* Who sends a datagram is told of those that come from now on: so before it has a name. */
        if (fd < 0 || (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0))
                return -errno;
        int r = 0;
        if (!name->abstract) {
                /* The mode is set before there is a name; bind() cuts it by the umask. */
                if (fchmod(fd, (mode_t)address->mode) < 0)
                        return -errno;
                lock = r = lock_place(name, deadline, reason);
                if (r >= 0)
                        r = clear_place(name, address, reason);
        }
        if (r >= 0)
                r = bind_and_listen(name, type, fd, address, reason);
        if (r < 0)
                return r;
        *ret_fd = take_fd(&fd);
        return 0;
}

/* ---- connecting ---- */

/* The listener's queue is full. Only a blocking connect() waits for a place; its deadline is SO_SNDTIMEO. */
static int connect_in_turn(const struct unix_name *name, int fd, int64_t deadline) {
        int flags = fcntl(fd, F_GETFL);
        while (true) {
                int64_t now = leat_now(), left_us = deadline > now ? (deadline - now) / 1000 : 0;
                if (deadline == LEAT_NEVER)
                        left_us = INT64_C(3600) * 1000000;
                if (left_us <= 0)
                        return -ETIMEDOUT;
                struct timeval left = { .tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000 };
                if (fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
                        return -errno;
                if (connect(fd, (const struct sockaddr *)&name->address, name->address_bytes) == 0)
                        break;
                if (errno != EINTR && errno != EAGAIN)
                        return -errno;
        }
        const struct timeval none = { 0 };
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0 ? -errno : 0;
}

/* So that replies find a sender of datagrams, it has a name: an abstract one that the kernel chooses. */
static int bind_to_any(int fd) {
        const struct sockaddr_un any = { .sun_family = AF_UNIX };
        return bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family));
}

static int try_connect(const struct unix_name *name, int type, int64_t deadline, int *ret_fd) {
        CLOSE_AT_EXIT int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || (type == SOCK_DGRAM && bind_to_any(fd) < 0))
                return -errno;
        int r = connect(fd, (const struct sockaddr *)&name->address, name->address_bytes) < 0 ? -errno : 0;
        if (r == -EAGAIN && deadline != LEAT_NOW)
                r = connect_in_turn(name, fd, deadline);
        /* Without O_NONBLOCK: it may be handed to another program. We ask for MSG_DONTWAIT each time. */
        if (r == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0)
                r = -errno;
        if (r < 0)
                return r;
        *ret_fd = take_fd(&fd);
        return 0;
}

int unix_name_try(const struct unix_name *name, int type, int *ret_fd) {
        return try_connect(name, type, LEAT_NOW, ret_fd);
}

static int explain(int error, struct leat_reason *reason) {
        if (error == -EPROTOTYPE)
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "the socket there is of another type; try unix-stream: instead of unix:, or the "
                                  "other way round");
        if (error == -EACCES)
                return reason_set(reason, error, LEAT_ROW_OPENING,
                                  "its permissions do not let you connect; ask its owner for ?mode=0660 or the like");
        if (error == -EAGAIN || error == -ETIMEDOUT)
                return reason_set(reason, error, LEAT_ROW_LISTENING,
                                  "its receiver lets connections wait, and ?backlog= of them wait already");
        if (error == -EPERM)
                return reason_set(reason, -EBUSY, LEAT_ROW_LISTENING, "the socket there talks to another one only");
        if (error == -ENOTSOCK || error == -ECONNREFUSED || error == -ENOENT)
                return reason_set(reason, error, LEAT_ROW_LISTENING, "no receiver is there");
        return error;
}

/* A descriptor that is readable when something appears in the directory; -1 if that cannot be had. */
static int watch(const struct unix_name *name) {
        char path[32];
        if (name->abstract)
                return -1;
        CLOSE_AT_EXIT int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", name->directory);
        if (fd < 0 || inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO | IN_ATTRIB) < 0)
                return -1;
        return take_fd(&fd);
}

static void drain(int fd) {
        char events[4096];
        while (fd >= 0 && read(fd, events, sizeof(events)) > 0)
                ;
}

int unix_name_connect(struct unix_name *name, int type, const struct address *address, int64_t deadline,
                      struct leat_reason *reason, int *ret_fd) {
        int r = try_connect(name, type, deadline, ret_fd);
        bool absent = r == -ENOENT || r == -ECONNREFUSED;
        if (!absent || address_given(address, OPTION_OPEN))
                return explain(r, reason);
        if (deadline == LEAT_NOW)
                return reason_set(reason, -EAGAIN, LEAT_ROW_LISTENING, "no receiver is there yet");
        CLOSE_AT_EXIT int watching = watch(name);
        /* Binding and listening are two steps and only the first sends an event; an abstract name sends none. So
         * there is a timer beside it. */
        for (int64_t us = LOOK_FIRST_US;; us = us < LOOK_MOST_US ? us * 2 : us) {
                struct wait wait;
                r = try_connect(name, type, deadline, ret_fd);
                if (r != -ENOENT && r != -ECONNREFUSED)
                        return explain(r, reason);
                wait_init(&wait);
                wait_add(&wait, watching, POLLIN);
                wait_look_again(&wait, leat_in_us(us));
                r = wait_until(&wait, deadline);
                if (r < 0)
                        return reason_set(reason, r, LEAT_ROW_LISTENING, "no receiver came");
                drain(watching);
        }
}
